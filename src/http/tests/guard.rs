//! Users, header fields and the rate limit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderValue, X_FRAME_OPTIONS};

use super::*;

fn policy() -> Policy {
    let user = |name: &str, password: &str| User {
        name: name.to_owned(),
        hash: bcrypt::hash(password, 4).unwrap(),
    };
    Policy {
        users: vec![user("scraper", "right"), user("admin", "other")],
        headers: vec![(X_FRAME_OPTIONS, HeaderValue::from_static("deny"))],
        open_health: true,
        ..Policy::default()
    }
}

fn start(policy: Policy, source: Option<Arc<dyn PolicySource>>) -> Server {
    Server::under(policy, source, Gauge(1), Limits::default(), &[])
}

fn request(path: &str, field: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{field}\r\n")
}

fn login(user: &str, password: &str) -> String {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    request("/metrics", &format!("Authorization: Basic {encoded}\r\n"))
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or("none")
}

#[test]
fn only_users_with_their_passwords_see_anything() {
    let server = start(policy(), None);
    assert_eq!(status(&server.exchange(login("scraper", "right"))), "200");
    for (user, password) in [
        ("scraper", "other"),
        ("admin", "right"),
        ("stranger", "right"),
        ("", ""),
    ] {
        let response = server.exchange(login(user, password));
        assert_eq!(status(&response), "401", "{user}");
        assert_eq!(
            header(&response, "www-authenticate"),
            Some("Basic realm=\"httplog-exporter\"")
        );
    }
    for path in ["/", "/metrics", "/x"] {
        for field in [
            "",
            "Authorization: Basic !\r\n",
            "Authorization: Bearer x\r\n",
        ] {
            assert_eq!(status(&server.exchange(request(path, field))), "401");
        }
    }
    let scraped = |event: &HttpEvent| matches!(event, HttpEvent::Scraped { .. });
    assert_eq!(
        server
            .seen
            .events
            .lock()
            .unwrap()
            .iter()
            .filter(|event| scraped(event))
            .count(),
        1
    );
}

#[test]
fn open_health_checks_need_no_credentials() {
    let server = start(policy(), None);
    assert_eq!(status(&server.get("/-/healthy")), "200");
    assert_eq!(status(&server.get("/-/ready")), "503");
    let closed = Policy {
        open_health: false,
        ..policy()
    };
    let server = start(closed, None);
    assert_eq!(status(&server.get("/-/healthy")), "401");
}

#[test]
fn header_fields_are_on_every_response() {
    let server = start(policy(), None);
    for request in [
        login("scraper", "right"),
        login("scraper", "wrong"),
        request("/-/healthy", ""),
    ] {
        let response = server.exchange(request);
        assert_eq!(header(&response, "x-frame-options"), Some("deny"));
    }
    assert_eq!(
        header(
            &server.exchange("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
            "x-frame-options"
        ),
        Some("deny")
    );
}

#[test]
fn the_rate_limit_comes_before_credentials() {
    let rate = Some(Rate {
        interval: Duration::from_hours(1),
        burst: 2,
    });
    let server = start(Policy { rate, ..policy() }, None);
    assert_eq!(status(&server.exchange(login("scraper", "wrong"))), "401");
    assert_eq!(status(&server.exchange(login("scraper", "right"))), "200");
    let response = server.exchange(login("scraper", "right"));
    assert_eq!(status(&response), "429");
    assert_eq!(header(&response, "retry-after"), Some("1"));
}

#[test]
fn a_user_who_is_removed_is_refused_on_an_open_connection() {
    let next = Arc::<Next>::default();
    let server = start(policy(), Some(next.clone()));
    let mut stream = server.connect();
    let keep_alive = login("scraper", "right").replace("Connection: close\r\n", "");
    stream.write_all(keep_alive.as_bytes()).unwrap();
    assert_eq!(status(&response_on(&mut stream)), "200");
    let mut changed = policy();
    changed.users.remove(0);
    *next.0.lock().unwrap() = Some(changed);
    // The files are looked at once a second.
    let clock = SystemClock::new();
    loop {
        stream.write_all(keep_alive.as_bytes()).unwrap();
        if status(&response_on(&mut stream)) == "401" {
            break;
        }
        assert!(crate::clock::Clock::monotonic(&clock) < PATIENCE);
    }
}

#[test]
fn passwords_at_speed_do_not_delay_a_client_that_is_known() {
    let slow = User {
        name: "slow".into(),
        hash: bcrypt::hash("x", 12).unwrap(),
    };
    let mut users = policy().users;
    users.push(slow);
    let server = start(Policy { users, ..policy() }, None);
    assert_eq!(status(&server.exchange(login("scraper", "right"))), "200");
    let (mut busy, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        let attack = || {
            let response = server.exchange(login("slow", "wrong"));
            status(&response).to_owned()
        };
        let attackers: Vec<_> = (0..8).map(|_| scope.spawn(attack)).collect();
        for _ in 0..20 {
            assert_eq!(status(&server.exchange(login("scraper", "right"))), "200");
        }
        for attacker in attackers {
            match attacker.join().unwrap().as_str() {
                "503" => busy += 1,
                "401" => refused += 1,
                other => panic!("{other}"),
            }
        }
    });
    assert!(refused >= 2 && busy >= 1, "{refused} refused, {busy} busy");
}
