use super::*;
use crate::servers::Dump;

/// Returns the access log, its format and the number of faults.
fn read_text(path: &str, content: &str) -> (String, String, usize) {
    let files = Dump::read(
        "# configuration file /srv/g.py:\naccesslog = '/file'\naccess_log_format = '%(s)s'\n",
    );
    let mut report = Report::default();
    let found = read(path, content.to_owned(), &files.unwrap(), &mut report);
    let shown = |setting: &Setting| match setting {
        Setting::Unset => "unset".to_owned(),
        Setting::Literal(text, _) => text.clone(),
        Setting::Dynamic(_, place) => format!("dynamic:{}", place.line_and_column().0),
    };
    (
        shown(&found.access_log),
        shown(&found.format),
        report.faults().len(),
    )
}

#[track_caller]
fn check(path: &str, content: &str, access: &str, format: &str) {
    let expected = (access.to_owned(), format.to_owned(), 0);
    assert_eq!(read_text(path, content), expected, "{content}");
}

#[test]
fn the_last_assignment_counts() {
    check("g.py", "accesslog = 'a'\naccesslog = \"b\"\n", "b", "unset");
    check(
        "g.py",
        "import os\naccesslog = os.environ['A']\n",
        "dynamic:2",
        "unset",
    );
    check(
        "g.py",
        "accesslog = '-'\nif x:\n  accesslog = None\n",
        "dynamic:3",
        "unset",
    );
    check(
        "g.py",
        "accesslog = 'a'\nfrom m import *\n",
        "dynamic:2",
        "dynamic:2",
    );
    check("g.py", "accesslog = None\n", "unset", "unset");
}

#[test]
fn a_command_overrides_its_file() {
    check("-", "gunicorn -c /srv/g.py x", "/file", "%(s)s");
    check(
        "-",
        "gunicorn -c /srv/g.py --access-logfile - x",
        "-",
        "%(s)s",
    );
    let unit = "[Service]\nWorkingDirectory=/srv\nExecStart=/v/gunicorn -c g.py x\n";
    check("g.service", unit, "/file", "%(s)s");
    check(
        "g.service",
        &format!("{unit}Environment=GUNICORN_CMD_ARGS=--access-logfile=/e\n"),
        "/e",
        "%(s)s",
    );
    check(
        "-",
        "gunicorn --access-logfile $LOG x",
        "dynamic:1",
        "unset",
    );
}

#[test]
fn a_capacity_is_that_of_literal_numbers() {
    let check = |path: &str, content: &str, expected| {
        let files = Dump::read("# configuration file /srv/g.py:\nworkers = 3\nthreads = 2\n");
        let mut report = Report::default();
        let found = read(path, content.to_owned(), &files.unwrap(), &mut report);
        assert_eq!(found.capacity(), expected, "{content}");
    };
    check("g.py", "workers = 5\nthreads = 2\n", Some((5, 2)));
    check(
        "g.py",
        "workers = 5\nworker_class = 'gthread'",
        Some((5, 1)),
    );
    check("g.py", "workers = 2 * cpu_count() + 1\n", None);
    check("g.py", "workers = '5'\n", Some((5, 1)));
    check("g.py", "workers = 5\nthreads = int(x)\n", None);
    check("g.py", "workers = 5\nworker_class = 'gevent'\n", None);
    check("g.py", "workers = 0\n", None);
    check("g.py", "workers = 99999999999999999999\n", None);
    // The environment may have WEB_CONCURRENCY.
    check("g.py", "threads = 2\n", None);
    check("-", "gunicorn -c /srv/g.py x", Some((3, 2)));
    check("-", "gunicorn -c /srv/g.py -w7 --threads=1 x", Some((7, 1)));
    check(
        "-",
        "gunicorn -w 4 -k uvicorn.workers.UvicornWorker x",
        None,
    );
    check("-", "gunicorn --workers $N x", None);
    check("-", "N=4; WEB_CONCURRENCY=4 gunicorn x", Some((4, 1)));
    let unit = "[Service]\nWorkingDirectory=/srv\n";
    check(
        "g.service",
        &format!("{unit}ExecStart=/v/gunicorn x\n"),
        Some((1, 1)),
    );
    check(
        "g.service",
        &format!("{unit}Environment=N=6\nExecStart=/v/gunicorn -w ${{N}} -c g.py x\n"),
        Some((6, 2)),
    );
}

#[test]
fn a_printed_configuration_has_every_setting() {
    let text = "access_log_format                 = %(h)s \"%(r)s\"\naccesslog                         = /p.log\n\
                logger_class                      = gunicorn.glogging.Logger\nlogconfig_dict                    = {}\n\
                worker_class                      = sync\nworker_tmp_dir                    = None\n\
                workers                           = 3\nthreads                           = 2\n";
    check("-", text, "/p.log", "%(h)s \"%(r)s\"");
    let text = text.replace("/p.log", "None");
    check("-", &text, "unset", "%(h)s \"%(r)s\"");
    let mut report = Report::default();
    let found = read(
        "-",
        text,
        &Dump::read("# configuration file /n:\n").unwrap(),
        &mut report,
    );
    assert_eq!(
        (found.capacity(), found.open, found.logging_config.is_none()),
        (Some((3, 2)), None, true)
    );
}

#[test]
fn an_environment_file_completes_a_unit() {
    let files = "# configuration file /etc/default/shop:\nLOG=/e.log\nOPTS=\"--threads 4\"\n\
                 # configuration file /srv/g.py:\nimport os\naccesslog = os.environ['LOG']\n";
    let unit = "[Service]\nWorkingDirectory=/srv\nEnvironmentFile=/etc/default/shop\n\
                ExecStart=/bin/bash -c 'exec gunicorn -w 3 -c g.py $OPTS x'\n";
    let mut report = Report::default();
    let found = read(
        "g.service",
        unit.to_owned(),
        &Dump::read(files).unwrap(),
        &mut report,
    );
    assert!(
        matches!(&found.access_log, Setting::Literal(path, _) if path == "/e.log"),
        "{found:?}"
    );
    assert_eq!(
        (found.capacity(), found.open, report.faults().len()),
        (Some((3, 4)), None, 0)
    );
}

#[test]
fn unreadable_configurations_are_reported() {
    assert_eq!(read_text("-", "gunicorn -c /none.py x").2, 1);
    assert_eq!(
        read_text("g.service", "[Service]\nExecStart=/bin/true\n").2,
        1
    );
}
