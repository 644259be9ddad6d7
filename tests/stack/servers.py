#!/usr/bin/env python3
"""Sends mixed traffic to every server whose access log has a preset, side by side.

    servers.py DIR [--requests N]

Each server listens on a free port of 127.0.0.1 and logs to DIR/NAME.log, in as many formats as it has; nginx and Apache
pass requests on to uvicorn. What was sent and answered is written to DIR/NAME.jsonl, a line for each request with its
number, which is part of its path, its method, its target, and the status that the client saw. Requests that have no
number (another protocol, empty lines) are not listed. All servers have stopped when this program ends, so the logs are
complete. Needs nginx, Apache and the Python of the tests' virtual environment, which `tests/run` provides.
"""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from serve import free_ports

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(sys.executable).parent
APACHE_MODULES = "/usr/lib/apache2/modules"
DEADLINE_S = 30
PATIENCE_S = 5
SILENCE_S = 0.2  # how long a server may leave bytes unanswered that are not a request
PER_CONNECTION = 50

NGINX = """
daemon off; worker_processes 1; pid @DIR@/nginx.pid; error_log @DIR@/nginx-error.log;
events { worker_connections 256; }
http {
    client_body_temp_path @DIR@/tmp/body; proxy_temp_path @DIR@/tmp/proxy; fastcgi_temp_path @DIR@/tmp/fastcgi;
    uwsgi_temp_path @DIR@/tmp/uwsgi; scgi_temp_path @DIR@/tmp/scgi;
    log_format common '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent';
    access_log @DIR@/nginx-combined.log combined;
    access_log @DIR@/nginx-common.log common;
    map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
    client_header_timeout 1s;
    server {
        listen 127.0.0.1:@PORT@ backlog=256;
        location / {
            proxy_pass http://127.0.0.1:@BACKEND@;
            proxy_http_version 1.1;
            proxy_set_header Host localhost;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }
    }
}
"""

APACHE = """
LoadModule mpm_event_module @MODULES@/mod_mpm_event.so
LoadModule authz_core_module @MODULES@/mod_authz_core.so
LoadModule proxy_module @MODULES@/mod_proxy.so
LoadModule proxy_http_module @MODULES@/mod_proxy_http.so
LoadModule reqtimeout_module @MODULES@/mod_reqtimeout.so
ServerName shop.example.test
Listen 127.0.0.1:@PORT@
PidFile @DIR@/apache.pid
DefaultRuntimeDir @DIR@
ErrorLog @DIR@/apache-error.log
StartServers 1
MinSpareThreads 5
ThreadsPerChild 16
MaxRequestWorkers 16
RequestReadTimeout header=1 body=5
LogFormat "%h %l %u %t \\"%r\\" %>s %O" common
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
LogFormat "%v:%p %h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" vhost_combined
CustomLog @DIR@/apache-common.log common
CustomLog @DIR@/apache-combined.log combined
CustomLog @DIR@/apache-vhost.log vhost_combined
ProxyPass / http://127.0.0.1:@BACKEND@/ upgrade=websocket disablereuse=on
"""


class Server:
    """A server: how it is started, and what its clients may ask of it."""

    def __init__(self, name, command, *, output=None, websocket=False, http2=False, stop=signal.SIGTERM):
        self.name, self.command, self.output = name, command, output
        self.websocket, self.http2, self.stop = websocket, http2, stop
        self.port = None


def gunicorn(*arguments):
    def command(where, name, port, _backend):
        return [
            *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1"),
            *("--access-logfile", where / f"{name}.log", "--error-logfile", where / f"{name}-error.log"),
            *("--config", "/dev/null", "--graceful-timeout", "3", *arguments),
        ]

    return command


def configured(template, program):
    def command(where, name, port, backend):
        values = {"DIR": where, "PORT": port, "BACKEND": backend, "MODULES": APACHE_MODULES}
        text = template
        for placeholder, value in values.items():
            text = text.replace(f"@{placeholder}@", str(value))
        path = where / f"{name}.conf"
        path.write_text(text)
        return [*program, path]

    return command


def python(module, *arguments):
    """Returns the command of a server that takes `{port}` and `{log}` among its arguments."""

    def command(where, name, port, _backend):
        filled = (argument.format(port=port, log=where / f"{name}.log") for argument in arguments)
        return [sys.executable, "-m", module, *filled]

    return command


def uwsgi(*arguments):
    def command(where, name, port, _backend):
        return [
            *(BIN / "uwsgi", "--master", "--http-socket", f"127.0.0.1:{port}", "--wsgi", "echo:wsgi"),
            *("--req-logger", f"file:{where}/{name}.log", "--logger", f"file:{where}/{name}.out"),
            *("--virtualenv", BIN.parent, "--http-keepalive", "--die-on-term"),
            *("--listen", "100", "--threads", "4", *arguments),
        ]

    return command


BACKEND = Server(
    "uvicorn",
    python("uvicorn", "echo:asgi", "--port", "{port}", "--ws", "wsproto", "--no-use-colors"),
    output="uvicorn.log",
    websocket=True,
)
SERVERS = [
    BACKEND,
    Server("nginx", configured(NGINX, ["nginx", "-c"]), websocket=True, stop=signal.SIGQUIT),
    Server("apache", configured(APACHE, ["apache2", "-X", "-f"]), websocket=True),
    Server("gunicorn-sync", gunicorn("echo:wsgi")),
    Server("gunicorn-gthread", gunicorn("--worker-class", "gthread", "--threads", "4", "echo:wsgi")),
    Server(
        "gunicorn-uvicorn",
        gunicorn("--worker-class", "uvicorn_worker.UvicornWorker", "echo:asgi"),
        websocket=True,
    ),
    Server(
        "hypercorn",
        python("hypercorn", "--bind", "127.0.0.1:{port}", "--access-logfile", "{log}", "echo:asgi"),
        websocket=True,
        http2=True,
    ),
    Server(
        "granian",
        python("granian", "--interface", "asgi", "--port", "{port}", "--access-log", "echo:asgi"),
        output="granian.log",
        websocket=True,
        http2=True,
    ),
    Server(
        "granian-wsgi",
        python("granian", "--interface", "wsgi", "--port", "{port}", "--access-log", "echo:wsgi"),
        output="granian-wsgi.log",
    ),
    Server(
        "daphne",
        python("daphne", "--port", "{port}", "--access-log", "{log}", "echo:asgi"),
        websocket=True,
    ),
    Server("uwsgi", uwsgi(), stop=signal.SIGINT),
    Server("uwsgi-micros", uwsgi("--log-micros"), stop=signal.SIGINT),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=1000, help="for each server (default: %(default)s)")
    parser.add_argument("--only", nargs="*", help="names of servers (default: all)")
    options = parser.parse_args()
    where = options.dir.resolve()
    (where / "tmp").mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    servers = [one for one in SERVERS if not options.only or one.name in options.only or one is BACKEND]
    for one, port in zip(servers, free_ports(len(servers))):
        one.port = port
    with contextlib.ExitStack() as stack:
        running = [(one, stack.enter_context(run(one, where))) for one in servers]
        clients = [
            threading.Thread(target=serve, args=(one, process, where, options.requests))
            for one, process in running
        ]
        if not is_up(*running[0]):
            sys.exit("uvicorn did not start")
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    failed = [one.name for one in servers if not (where / f"{one.name}.jsonl").exists()]
    if failed:
        sys.exit(f"no traffic: {', '.join(failed)}")


@contextlib.contextmanager
def run(server, where):
    command = server.command(where, server.name, server.port, BACKEND.port)
    environment = {
        **os.environ,
        "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    with open(where / (server.output or f"{server.name}.out"), "wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=where, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.send_signal(server.stop)
        try:
            process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            sys.exit(f"{server.name} did not stop within {DEADLINE_S} s")


def is_up(server, process):
    """Waits until the server accepts connections."""
    deadline = time.monotonic() + DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port)):
            return True
        time.sleep(0.05)
    return False


def serve(server, process, where, count):
    """Waits for the server, sends its traffic and writes down what was answered."""
    if not is_up(server, process):
        return
    client = Client(server.port)
    rng = random.Random(17)
    with open(where / f"{server.name}.jsonl.part", "w") as answers:

        def note(number, method, target, status):
            seen = {"n": number, "method": method, "target": target, "status": status}
            answers.write(json.dumps(seen) + "\n")

        for number in range(count):
            request = make(number, rng, server.websocket)
            status = client.send(request)
            if request.target is not None:
                note(number, request.method, request.target, status)
        client.close()
        if server.http2:
            for number, target, status in http2(server.port, range(count, count + 20)):
                note(number, "GET", target, status)
    (where / f"{server.name}.jsonl.part").rename(where / f"{server.name}.jsonl")


class Request:
    """Bytes to send. `target` is `None` if they are not a request with a number."""

    def __init__(self, sent, method=None, target=None, *, keep=False, websocket=False):
        self.sent, self.method, self.target = sent, method, target
        self.keep, self.websocket = keep, websocket


STATUSES = [200] * 12 + [201, 204, 301, 302, 304, 400, 403, 404, 404, 500, 503]
METHODS = ["GET"] * 12 + ["POST", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]
TAILS = [""] * 6 + [
    "?page=2",
    "?q=%22x%22&r=a%20b",
    "?a=b?c=d",
    "a%20b/",
    "%22quoted%22/",
    "caf%C3%A9/",
    "back%5Cslash/",
    "a:b@c/",
    "100%25/",
]
AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "curl/8.5.0",
    "python-requests/2.32.3",
    'says "hello" twice',
    "ends with a backslash\\",
    "",
    None,
]


def make(number, rng, websocket):
    """Returns a request; every tenth is of an unusual kind."""
    if number % 10 == 9:
        return unusual(number, number // 10, websocket)
    method, status = rng.choice(METHODS), rng.choice(STATUSES)
    target = f"/s/{status}/n{number}/{rng.choice(TAILS)}"
    headers = ["Host: localhost"]
    agent = rng.choice(AGENTS)
    if agent is not None:
        headers.append(f"User-Agent: {agent}")
    if rng.random() < 0.3:
        headers.append("Referer: https://shop.example.test/?q=a")
    body = b""
    if method in ("POST", "PUT", "PATCH"):
        body = b'{"name": "x"}'
        headers.append(f"Content-Length: {len(body)}")
    head = f"{method} {target} HTTP/1.1\r\n" + "\r\n".join(headers) + "\r\n\r\n"
    return Request(head.encode() + body, method, target, keep=True)


def unusual(number, turn, websocket):
    """Returns one of the requests that servers log in another shape, or not at all."""
    target = f"/s/200/n{number}/"

    def closing(method, target, version, *headers):
        head = "\r\n".join([f"{method} {target} HTTP/{version}", "Connection: close", *headers])
        return Request(head.encode() + b"\r\n\r\n", method, target)

    kinds = [
        lambda: closing("GET", target, "1.0"),
        lambda: closing("HEAD", target, "1.0"),
        lambda: Request(bytes.fromhex("16030100c8010000c40303") + bytes(range(64))),  # TLS to the plain port
        lambda: closing("POST", target, "1.1", "Host: x", "Expect: 100-continue", "Content-Length: 0"),
        lambda: Request(b"\r\n\r\n"),
        lambda: Request(
            f"GET {target} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc".encode(),
            "GET",
            target,
        ),
        lambda: handshake(f"/ws/n{number}/"),
        lambda: handshake(f"/ws/n{number}/?token=a%20b"),
        lambda: handshake(f"/refused/n{number}/"),
        lambda: Request(b"GARBAGE\r\n\r\n"),
        lambda: Request(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        lambda: closing("GET", "*", "1.1", "Host: x"),
        lambda: closing("OPTIONS", target, "1.1", "Host: x"),
        lambda: Request(b"\x00\x00\x00\x85\xffSMBr\x00\x00\n\n"),
        lambda: Request(b""),
    ]
    kind = kinds[turn % len(kinds)]()
    if kind.websocket and not websocket:
        return closing("GET", target, "1.1", "Host: x")
    if kind.target == "*":
        kind.target = None
    return kind


def handshake(target):
    key = base64.b64encode(b"0123456789abcdef").decode()
    head = (
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    return Request(head.encode(), "GET", target, websocket=True)


class Client:
    """Sends requests one after the other, plain ones over a persistent connection."""

    def __init__(self, port):
        self.port = port
        self.stream = None
        self.sent = 0

    def send(self, request):
        """Returns the status; 0 if none came."""
        if request.keep:
            return self.exchange(request)
        patience = SILENCE_S if request.target is None else PATIENCE_S
        with socket.create_connection(("127.0.0.1", self.port), patience) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(request.sent)
                if request.target is None:
                    connection.shutdown(socket.SHUT_WR)
                stream = connection.makefile("rb")
                status = read_response(stream, request.method)[0]
                if request.websocket:
                    if status != 101:
                        return status
                    connection.sendall(b"\x88\x82\x00\x00\x00\x00\x03\xe8")  # close, 1000
                while stream.read(65536):
                    pass
                return status
        return 0

    def exchange(self, request):
        for _ in range(2):  # a server may have closed the connection since
            if self.stream is None:
                self.connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
                self.stream = self.connection.makefile("rb")
                self.sent = 0
            with contextlib.suppress(OSError):
                self.connection.sendall(request.sent)
                status, closes = read_response(self.stream, request.method)
                self.sent += 1
                if status == 0:
                    self.close()
                    continue
                if closes or self.sent == PER_CONNECTION:
                    self.close()
                return status
            self.close()
        return 0

    def close(self):
        if self.stream is not None:
            self.stream.close()
            self.connection.close()
            self.stream = None


def http2(port, numbers):
    """Sends GET requests over one connection of HTTP/2 in clear text; yields number, target and status."""
    import h2.connection
    import h2.events

    protocol = h2.connection.H2Connection()
    protocol.initiate_connection()
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        targets = {}
        for number in numbers:
            target = f"/s/{STATUSES[number % len(STATUSES)]}/n{number}/"
            stream = protocol.get_next_available_stream_id()
            targets[stream] = (number, target)
            names = {":method": "GET", ":path": target, ":scheme": "http", ":authority": "localhost"}
            protocol.send_headers(stream, list(names.items()), end_stream=True)
        connection.sendall(protocol.data_to_send())
        ended = 0
        while ended < len(targets) and (received := connection.recv(65536)):
            for event in protocol.receive_data(received):
                if isinstance(event, h2.events.ResponseReceived):
                    yield *targets[event.stream_id], int(dict(event.headers)[b":status"])
                ended += isinstance(event, h2.events.StreamEnded)
            connection.sendall(protocol.data_to_send())


def read_response(stream, method):
    """Reads interim responses and the final one; returns its status, and whether the connection ends with it."""
    while True:
        words = stream.readline().split(b" ")
        if len(words) < 2 or not words[1].isdigit():
            return 0, True
        status, length, closes, chunked = int(words[1]), None, words[0] == b"HTTP/1.0", False
        while (line := stream.readline().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            value = value.strip()
            if name == b"content-length":
                length = int(value)
            elif name == b"connection":
                closes = value == b"close" or (closes and value != b"keep-alive")
            elif name == b"transfer-encoding":
                chunked = True
        if status in range(100, 200) and status != 101:
            continue
        if status == 101 or method == "HEAD" or status in (204, 304):
            return status, closes
        if chunked:
            while size := int(stream.readline().split(b";")[0] or b"0", 16):
                stream.read(size + 2)
            stream.readline()
        elif length is None:
            stream.read()
            closes = True
        else:
            stream.read(length)
        return status, closes


if __name__ == "__main__":
    main()
