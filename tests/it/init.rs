//! Tests of `init`: the configurations it generates, and its exit codes.
//!
//! Invariant: each configuration in `fixtures/init` is valid for nginx, and written as `nginx -T` prints it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Ended, project, run, run_command};

/// The configurations in `fixtures/init`, by name.
pub const FIXTURES: [&str; 6] = ["debian", "vhosts", "json", "ltsv", "django", "tree"];

/// Returns a dump of `nginx -T`.
pub fn dump(name: &str) -> String {
    fs::read_to_string(project(&format!("fixtures/init/{name}.conf"))).unwrap()
}

/// Writes the files of a dump below a directory, those of `/etc/nginx/` to `etc/`.
pub fn lay_out(dir: &Path, dump: &str) {
    for file in dump.split("# configuration file /etc/nginx/").skip(1) {
        let (path, content) = file.split_once(":\n").unwrap();
        let path = dir.join("etc").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Runs `init` in a directory, with this standard input.
fn init(dir: &Path, args: &[&str], input: &str) -> Ended {
    run(dir, ["init"].iter().chain(args), input)
}

#[test]
fn drafts_equal_the_golden_files_and_pass_check() {
    let dir = tempfile::tempdir().unwrap();
    for name in FIXTURES {
        let gunicorn = project(&format!("fixtures/init/{name}.gunicorn.conf.py"));
        let mut args = vec!["-"];
        if gunicorn.exists() {
            fs::copy(&gunicorn, dir.path().join("gunicorn.conf.py")).unwrap();
            args.extend(["--gunicorn-config", "gunicorn.conf.py"]);
        }
        let ended = init(dir.path(), &args, &dump(name));
        assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
        let here = format!("{}/", dir.path().display());
        for (end, text) in [("toml", &ended.out), ("remarks", &ended.err)] {
            let text = text.replace(&here, "");
            let kept = project(&format!("fixtures/init/{name}.{end}"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                fs::write(&kept, &text).unwrap();
            }
            assert_eq!(
                text,
                fs::read_to_string(&kept).unwrap(),
                "{}",
                kept.display()
            );
        }
        assert_passes(dir.path(), &ended.out);
    }
}

/// Asserts that `check` reports no errors; missing logs are only warnings.
pub fn assert_passes(dir: &Path, toml: &str) {
    fs::write(dir.join("config.toml"), toml).unwrap();
    let checked = run(dir, ["check", "--config", "config.toml"], "");
    assert_eq!(checked.code, Some(0), "{checked:?}\n{toml}");
}

#[test]
fn the_capacity_of_gunicorn_is_that_of_its_literal_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let format = fs::read_to_string(project("deploy/gunicorn/gunicorn.conf.py")).unwrap();
    let draft = |numbers: &str| {
        fs::write(dir.path().join("g.py"), format!("{format}{numbers}")).unwrap();
        let draft = init(dir.path(), &["--gunicorn-config", "g.py"], "").succeeded();
        assert_passes(dir.path(), &draft);
        draft
    };
    let expected = "\n[capacity]\ngunicorn = { workers = 5, threads = 2 }\n";
    assert!(draft("workers = 5\nthreads = 2\n").contains(expected));
    for unknown in [
        "",
        "workers = cpu_count()\n",
        "workers = 5\nworker_class = 'gevent'\n",
    ] {
        assert!(!draft(unknown).contains("[capacity]\n"), "{unknown}");
    }
}

#[test]
fn a_tree_of_files_equals_its_dump() {
    for name in FIXTURES {
        let dir = tempfile::tempdir().unwrap();
        let etc = format!("{}/etc/", dir.path().display());
        // Includes by absolute paths point into the directory.
        let dump = dump(name).replace("include /etc/nginx/", &format!("include {etc}"));
        lay_out(dir.path(), &dump);
        let of_dump = init(dir.path(), &["-"], &dump.replace("/etc/nginx/", &etc));
        let of_tree = init(dir.path(), &["--nginx-config", "etc/nginx.conf"], "");
        assert_eq!(
            of_tree.out.replace("from\n#   ", "from\n#   nginx -T of "),
            of_dump.out
        );
        assert_eq!((of_tree.code, of_tree.err), (of_dump.code, of_dump.err));
    }
}

#[test]
fn faults_point_at_their_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let text = "# configuration file /etc/nginx/nginx.conf:\nhttp {\n  access_log /a.log mian;\n\
                \taccess_log /b.log;\n  log_format main '$status \"$request\" $request_time';\n}\n";
    let ended = init(dir.path(), &["-"], text);
    assert_eq!(ended.code, Some(78));
    assert!(
        ended.out.contains("# INCOMPLETE") && ended.out.contains("\"/b.log\""),
        "{ended:?}"
    );
    let expected = "error: unknown log format `mian`\n --> /etc/nginx/nginx.conf:2:3\n  |\n\
                    2 |   access_log /a.log mian;\n  |   ^^^^^^^^^^^^^^^^^^^^^^\n  \
                    = help: did you mean `main`? One of: combined, main\n";
    assert!(ended.err.starts_with(expected), "{}", ended.err);
}

#[test]
fn nothing_to_follow_fails_and_recommends_a_log() {
    let dir = tempfile::tempdir().unwrap();
    let off = "http { access_log off; server { } }";
    let ended = init(dir.path(), &["-"], off);
    assert!(
        ended
            .failed(78)
            .contains("access_log /var/log/nginx/access.log;")
    );
    fs::write(dir.path().join("g.py"), "bind = ':8000'\n").unwrap();
    let message = init(dir.path(), &["-g", "g.py"], "").failed(78);
    assert!(
        message.contains("no access log is set here: unless the command line"),
        "{message}"
    );
    assert!(message.contains("rt=%(L)s"), "{message}");
    fs::write(dir.path().join("g.py"), "accesslog = '-'\n").unwrap();
    let ended = init(dir.path(), &["-g", "g.py"], "");
    assert_eq!(ended.code, Some(78));
    assert!(
        ended.out.contains("# journal = \"gunicorn.service\""),
        "{ended:?}"
    );
}

#[test]
fn a_unit_leads_to_its_configuration_file() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().display();
    let unit = format!(
        "[Unit]\nDescription=shop\n\n[Service]\nWorkingDirectory={here}\n\
         ExecStart=/srv/shop/venv/bin/gunicorn \\\n    --config g.py \\\n    --access-logfile logs/access.log shop.wsgi\n"
    );
    fs::write(dir.path().join("shop.service"), unit).unwrap();
    fs::write(dir.path().join("g.py"), "access_log_format = '%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\" %(D)s'\n").unwrap();
    let ended = init(dir.path(), &["--gunicorn-config", "shop.service"], "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let source = format!(
        "[[source]]\nname = \"gunicorn\"\npaths = [\"{here}/logs/access.log\"]\npattern = \"gunicorn-micros\"\nstart = \"end\"\n"
    );
    assert!(ended.out.contains(&source), "{}", ended.out);
    assert_passes(dir.path(), &ended.out);
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["-", "--output", "drawn.toml"];
    let text = dump("debian");
    let first = init(dir.path(), &args, &text);
    assert_eq!((first.code, &*first.out), (Some(0), ""));
    let drawn = fs::read_to_string(dir.path().join("drawn.toml")).unwrap();
    assert_eq!(drawn, init(dir.path(), &["-"], &text).out);
    fs::write(dir.path().join("drawn.toml"), "mine").unwrap();
    let message = init(dir.path(), &args, &text).failed(74);
    assert!(message.contains("drawn.toml"), "{message}");
    assert_eq!(
        fs::read_to_string(dir.path().join("drawn.toml")).unwrap(),
        "mine"
    );
}

#[test]
fn missing_files_have_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &["nowhere.conf"], "").failed(66);
    init(dir.path(), &["-", "-g", "nowhere.py"], &dump("debian")).failed(66);
    let message = init(dir.path(), &["-", "-g", "-"], "").failed(64);
    assert!(message.contains("only one of the two"), "{message}");
}

#[test]
fn inputs_are_regular_files_or_pipes_that_are_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new("mkfifo")
        .arg("fifo")
        .current_dir(&dir)
        .status();
    assert!(made.unwrap().success());
    let fails = |args: &[&str]| init(dir.path(), args, "").failed(66);
    let is = "error: fifo is a FIFO, and nothing was written to it\n";
    assert_eq!(fails(&["fifo"]), is);
    assert_eq!(fails(&["-g", "fifo"]), is);
    let is = "error: /dev/zero is a device, not a regular file\n";
    assert_eq!(fails(&["/dev/zero"]), is);
    fs::write(dir.path().join("nginx.conf"), "http { include fifo; }").unwrap();
    let ended = init(dir.path(), &["nginx.conf"], "");
    assert_eq!(ended.code, Some(78));
    let message = "fifo: it is a FIFO, not a regular file\n";
    assert!(ended.err.contains(message), "{ended:?}");
    // As in `init <(nginx -T)` and `nginx -T | init /dev/stdin`.
    fs::write(dir.path().join("dump"), dump("debian")).unwrap();
    let expected = init(dir.path(), &["-"], &dump("debian"));
    assert_eq!(
        init(dir.path(), &["/dev/stdin"], &dump("debian")).out,
        expected.out
    );
    let mut shell = Command::new("bash");
    let program = env!("CARGO_BIN_EXE_httplog-exporter");
    shell.args(["-c", &format!("{program} init <(cat dump)")]);
    shell.current_dir(&dir);
    assert_eq!(run_command(shell, "").out, expected.out);
}

#[test]
fn bytes_that_are_not_utf8_are_a_remark_at_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let text = b"http {\n  # caf\xe9\n  server { access_log /a.log combined; }\n}\n";
    fs::write(dir.path().join("nginx.conf"), text).unwrap();
    let ended = init(dir.path(), &["nginx.conf"], "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let remark = "warning: not valid UTF-8\n --> nginx.conf:2:8\n";
    assert!(ended.err.contains(remark), "{}", ended.err);
}

#[test]
fn a_configuration_that_cannot_be_written_whole_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let conf = dir.path().join("nginx.conf");
    let log = "access_log /var/log/nginx/access.log combined;";
    fs::write(
        &conf,
        format!("events {{}}\nhttp {{ server {{ {log} }} }}\n"),
    )
    .unwrap();
    let shell = |script: &str| {
        let output = Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_httplog-exporter")])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let mut files: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        (output.status.code(), files)
    };
    let init = "\"$0\" init --nginx-config nginx.conf --output config.toml";
    let full = format!("trap '' XFSZ; ulimit -f 0; {init}");
    assert_eq!(shell(&full), (Some(74), vec!["nginx.conf".into()]));
    let both = vec!["config.toml".into(), "nginx.conf".into()];
    assert_eq!(shell(init), (Some(0), both.clone()));
    // A link that leads nowhere is not followed either.
    let link = format!("rm config.toml; ln -s elsewhere config.toml; {init}");
    assert_eq!(shell(&link), (Some(74), both));
}
