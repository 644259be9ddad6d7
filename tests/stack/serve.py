#!/usr/bin/env python3
"""Serves the site of `fixtures/site` with a real gunicorn behind a real nginx, on free ports of 127.0.0.1.

    serve.py DIR [SETTINGS [WORKERS]]

All files are written to DIR, the access logs to DIR/log: `access.log` (format nginx-django), `typed.log` (the same
with the Content-Type), `timed.log`, `combined.log`, `gunicorn.log`. With SETTINGS, Django uses this settings module
and a single process, which thus has all metrics, or WORKERS, each with its own; the site records how Django handled each request in
DIR/truth.jsonl. Prints `ready PORT` with nginx's port once requests are served, and serves until its standard input
ends. Then both servers finish their requests and stop, so the logs are complete when this program ends. Needs nginx
and the Python of the tests' virtual environment, which `tests/run` creates.
"""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE_S = 30


def main():
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    settings, workers = [*sys.argv[2:], None, None][:2]
    where = pathlib.Path(sys.argv[1]).resolve()
    for needed in ("log", "tmp", "prometheus"):
        (where / needed).mkdir(parents=True, exist_ok=True)
    # SIGTERM stops both servers, as the end of input does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    port, backend_port = free_ports(2)
    with contextlib.ExitStack() as servers:
        gunicorn = servers.enter_context(
            server("gunicorn", gunicorn_command(where, backend_port, settings and (workers or "1")), where, signal.SIGTERM, settings)
        )
        wait_for(gunicorn, backend_port, where)
        nginx = servers.enter_context(
            server("nginx", nginx_command(where, port, backend_port), where, signal.SIGQUIT)
        )
        wait_for(nginx, port, where)
        print(f"ready {port}", flush=True)
        sys.stdin.read()


def free_ports(count):
    """Returns free ports. All are bound at once, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def gunicorn_command(where, port, workers):
    return [
        *(sys.executable, "-m", "gunicorn"),
        *("--config", ROOT / "fixtures/stack/gunicorn.conf.py"),
        *("--chdir", ROOT / "fixtures/site"),
        *("--bind", f"unix:{where}/gunicorn.sock", "--bind", f"127.0.0.1:{port}"),
        *("--access-logfile", where / "log/gunicorn.log"),
        *("--error-logfile", where / "gunicorn-error.log"),
        *(("--workers", workers) if workers else ()),
    ]


def nginx_command(where, port, backend_port):
    conf = (ROOT / "fixtures/stack/nginx.conf").read_text()
    for placeholder, value in {"DIR": where, "PORT": port, "BACKEND_PORT": backend_port}.items():
        conf = conf.replace(f"@{placeholder}@", str(value))
    (where / "nginx.conf").write_text(conf)
    return ["nginx", "-p", where, "-e", where / "nginx-error.log", "-c", where / "nginx.conf"]


@contextlib.contextmanager
def server(name, command, where, farewell, settings=None):
    """Runs a server during a `with` block; `farewell` is the signal of a graceful shutdown."""
    environment = {
        **os.environ,
        "PATH": os.environ["PATH"] + ":/usr/sbin",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if settings:
        environment |= {"DJANGO_SETTINGS_MODULE": settings, "SHOP_TRUTH": str(where / "truth.jsonl")}
    else:
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(where / "prometheus")
    with open(where / f"{name}.out", "wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.send_signal(farewell)
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            sys.exit(f"{name} did not stop within {DEADLINE_S} s")


def wait_for(process, port, where):
    """Waits until connections to the port are accepted."""
    deadline = time.monotonic() + DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    said = "".join(
        path.read_text(errors="replace") for path in (*where.glob("*.out"), *where.glob("*-error.log"))
    )
    sys.exit(f"nothing listens on port {port}; output of the servers:\n{said}")


if __name__ == "__main__":
    main()
