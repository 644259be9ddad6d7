//! Paths that no view matches, folded.

use std::fs;

use super::{owned, request};
use crate::scrape::Scrape;
use crate::support::{HEAD, run};

#[test]
fn paths_without_a_view_are_folded_if_the_configuration_wants_it() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["/media/1/", "/media/2/", "/", "/users/7/"];
    let lines = paths.map(request).concat() + &request("/wp-login.php").replace(" 200 ", " 404 ");
    fs::write(dir.path().join("access.log"), lines).unwrap();
    let counted = |option: &str| {
        let config = format!(
            "{HEAD}[[source]]\nname = 'x'\npaths = ['access.log']\npattern = 'nginx-combined'\nroutes = 'site'\n\
             [routes.site]\ntemplates = {{ '/' = 'home' }}\n{option}"
        );
        fs::write(dir.path().join("config.toml"), config).unwrap();
        let args = [
            "replay",
            "--config",
            "config.toml",
            "--output",
            "metrics",
            "access.log",
        ];
        let page = run(dir.path(), args, "").succeeded();
        Scrape::parse(&page).by("httplog_requests_total", "route")
    };
    let strict = [("<unnamed view>", 4.0), ("home", 1.0)].map(owned);
    assert_eq!(counted(""), strict);
    assert_eq!(counted("fold_unmatched = false"), strict);
    let folded = [
        ("/media/<int>/", 2.0),
        ("/users/<int>/", 1.0),
        ("<other>", 1.0),
        ("home", 1.0),
    ];
    assert_eq!(counted("fold_unmatched = true"), folded.map(owned));
    let capped = [("/media/<int>/", 2.0), ("<other>", 2.0), ("home", 1.0)];
    let option = "fold_unmatched = true\nmax_routes = 1";
    assert_eq!(counted(option), capped.map(owned));
}
