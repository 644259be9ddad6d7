//! Configurations of gunicorn, and of others of Python's servers, as people write them.

use Outcome::{Counted, Unknown};

/// A configuration of gunicorn, or of another of Python's servers.
pub(super) struct Served {
    /// Command that starts the server, in the directory of the configuration.
    pub(super) command: &'static str,
    /// Argument of `init --gunicorn-config`; empty for the output of `gunicorn --print-config`.
    pub(super) given: &'static str,
    pub(super) outcome: Outcome,
    /// Beginnings of the remarks.
    pub(super) remarks: &'static [&'static str],
}

/// The outcome of a draft.
pub(super) enum Outcome {
    /// Every request is counted, and the draft has these lines.
    Counted(&'static [&'static str]),
    /// The log is not followed.
    Unknown,
}

pub(super) const NO_DURATION: &str = "no duration is logged";
pub(super) const SERVED: [Served; 19] = [
    of_file(
        "gunicorn -c names.py answers:application",
        "names.py",
        &["gunicorn = { workers = 1, threads = 2 }"],
        &[],
    ),
    of_file(
        "gunicorn -c environ.py answers:application",
        "environ.py",
        &[
            "workers = 2, threads = 3 }",
            "if the environment sets SHOP_WORKERS",
        ],
        &[
            "`accesslog` has another value if the environment sets SHOP_LOG_DIR",
            "`access_log_format` has another value if the environment sets SHOP_LOG_FORMAT",
        ],
    ),
    of_file(
        "gunicorn -c paths.py answers:application",
        "paths.py",
        &["/logs/access.log\"]"],
        &[],
    ),
    of_file(
        "gunicorn -c formatted.py answers:application",
        "formatted.py",
        &["/shop.log\"]"],
        &[],
    ),
    of_file(
        "gunicorn -c branches.py answers:application",
        "branches.py",
        &[],
        &["`accesslog` has another value if the environment sets SHOP_QUIET"],
    ),
    of_file(
        "gunicorn -c json_lines.py answers:application",
        "json_lines.py",
        &["\"request\": \"%(r)s\""],
        &[],
    ),
    of_file(
        "gunicorn -c hooks.py answers:application",
        "hooks.py",
        &[],
        &[
            "access_log_format: `%(U)s` lets clients forge log lines",
            "access_log_format: the end of `%(U)s` is ambiguous",
        ],
    ),
    of_file(
        "set -a; source unit.env; exec gunicorn --config unit.conf.py --threads 2 $OPTS answers:application",
        "unit.service",
        &["/unit.log\"]", "gunicorn = { workers = 1, threads = 2 }"],
        &[],
    ),
    of_file(
        "exec gunicorn -w 1 --access-logfile - --access-logformat '\"%(r)s\" %(s)s %(D)s' -b 127.0.0.1:@PORT@ answers:application >> out.log",
        "shell.service",
        &["/out.log\"]", "gunicorn = { workers = 1, threads = 1 }"],
        &[],
    ),
    of_file(
        "gunicorn -c names.py -w 2 answers:application",
        "",
        &["gunicorn = { workers = 2, threads = 2 }"],
        &[],
    ),
    of_file(
        "gunicorn -b 127.0.0.1:@PORT@ -w 1 --access-logfile @DIR@/a.log --access-logformat '%(h)s \"%(r)s\" %(s)s %(M)s' answers:application",
        "gunicorn -w 1 --access-logfile @DIR@/a.log --access-logformat '%(h)s \"%(r)s\" %(s)s %(M)s' answers:application",
        &[],
        &[],
    ),
    of_file(
        "gunicorn -c worker.py answers:asgi",
        "worker.py",
        &["pattern = \"uvicorn\""],
        &[NO_DURATION],
    ),
    of_file(
        "exec uvicorn --port @PORT@ answers:asgi >> @DIR@/u.log 2>&1",
        "exec uvicorn answers:asgi >> @DIR@/u.log 2>&1",
        &["pattern = \"uvicorn\""],
        &[NO_DURATION],
    ),
    of_file(
        "exec granian --interface asgi --port @PORT@ --access-log answers:asgi >> @DIR@/g.log 2>&1",
        "exec granian --interface asgi --access-log answers:asgi >> @DIR@/g.log 2>&1",
        &["pattern = \"granian\""],
        &[],
    ),
    of_file(
        "daphne -p @PORT@ --access-log @DIR@/d.log answers:asgi",
        "daphne --access-log @DIR@/d.log answers:asgi",
        &["pattern = \"daphne\""],
        &[NO_DURATION],
    ),
    unknown(
        "gunicorn -c called.py answers:application",
        "called.py",
        &["`accesslog` is only known at run time: `log_path` of line 4 is not run"],
    ),
    unknown(
        "gunicorn -c starred.py answers:application",
        "starred.py",
        &[
            "`accesslog` is only known at run time: `from starred_base import *` in line 2 may assign it",
        ],
    ),
    unknown(
        "gunicorn -c executed.py answers:application",
        "executed.py",
        &[
            "`accesslog` is only known at run time: `globals` in line 4 may assign any name",
            "`access_log_format` is only known at run time: `globals` in line 4 may assign any name",
        ],
    ),
    unknown(
        "gunicorn -c quiet.py answers:application",
        "quiet.py",
        &[
            "no access log is set here: unless the command line or GUNICORN_CMD_ARGS sets one, gunicorn writes none",
        ],
    ),
];

const fn of_file(
    command: &'static str,
    given: &'static str,
    lines: &'static [&'static str],
    remarks: &'static [&'static str],
) -> Served {
    Served {
        command,
        given,
        outcome: Counted(lines),
        remarks,
    }
}

const fn unknown(
    command: &'static str,
    given: &'static str,
    remarks: &'static [&'static str],
) -> Served {
    let outcome = Unknown;
    Served {
        command,
        given,
        outcome,
        remarks,
    }
}
