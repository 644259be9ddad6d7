#!/usr/bin/env python3
"""Records the access logs of HAProxy, Caddy, Envoy, and nginx in the format of ingress-nginx.

    neighbours.py DIR [--envoy PATH] [SERVER…]

The servers pass requests on to a small site. Odd requests are sent to each of them one after the other; once its line is in
DIR/NAME.log, DIR/NAME.truth gets a line: the method and the target as they were sent, and the status that the client saw,
`-` for what there was not. Needs haproxy, caddy, nginx and curl; servers that are missing are left out.
"""

import argparse
import base64
import contextlib
import hashlib
import http.server
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from serve import free_ports

PATIENCE_S = 1.5

HAPROXY = """
global
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 2s
    timeout server 1s
    timeout http-request 1s
frontend web
    bind 127.0.0.1:@PORT@
    capture request header Host len 40
    capture request header User-Agent len 40
    capture response header Content-Type len 20
    http-request deny if { path /denied/ }
    http-request redirect location /articles/ if { path /moved/ }
    use_backend none if { path /none/ }
    use_backend down if { path /down/ }
    default_backend site
backend site
    retries 0
    server one 127.0.0.1:@SITE@
backend down
    server two 127.0.0.1:@DOWN@
backend none
"""

CADDY = """
{
    admin off
    auto_https off
    servers {
        protocols h1 h2c
    }
}
http://:@PORT@ {
    bind 127.0.0.1
    log {
        output file @LOG@
    }
    redir /moved/ /articles/
    respond /denied/ 403
    reverse_proxy /down/ 127.0.0.1:@DOWN@
    reverse_proxy 127.0.0.1:@SITE@
}
"""

ENVOY = """
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: @PORT@}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          codec_type: AUTO
          request_headers_timeout: 1s
          upgrade_configs: [{upgrade_type: websocket}]
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: @LOG@
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {match: {path: /moved/}, redirect: {path_redirect: /articles/}}
              - {match: {path: /denied/}, direct_response: {status: 403}}
              - {match: {path: /down/}, route: {cluster: down}}
              - {match: {prefix: /}, route: {cluster: site, timeout: 1s}}
  clusters:
  - {name: site, type: STATIC, load_assignment: {cluster_name: site, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: @SITE@}}}}]}]}}
  - {name: down, type: STATIC, load_assignment: {cluster_name: down, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: @DOWN@}}}}]}]}}
"""

# The format of ingress-nginx since 0.26, whose configuration sets these variables, too.
INGRESS = """
daemon off; worker_processes 1; pid @DIR@/nginx.pid; error_log @DIR@/nginx-error.log;
events { worker_connections 64; }
http {
    client_body_temp_path @DIR@/tmp; proxy_temp_path @DIR@/tmp; fastcgi_temp_path @DIR@/tmp; uwsgi_temp_path @DIR@/tmp;
    scgi_temp_path @DIR@/tmp;
    log_format upstreaminfo '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id';
    map $http_x_request_id $req_id { default $http_x_request_id; "" $request_id; }
    map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
    access_log @LOG@ upstreaminfo;
    client_header_timeout 1s;
    upstream site { server 127.0.0.1:@SITE@; }
    upstream half { server 127.0.0.1:@DOWN@ fail_timeout=0; server 127.0.0.1:@SITE@ fail_timeout=0; }
    server {
        listen 127.0.0.1:@PORT@;
        set $proxy_upstream_name "shop-web-8000";
        set $proxy_alternative_upstream_name "";
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        location / { proxy_pass http://site; }
        location /moved/ { set $proxy_upstream_name ""; return 301 /articles/; }
        location /denied/ { deny all; }
        location /down/ { proxy_pass http://127.0.0.1:@DOWN@; }
        location /retried/ { proxy_pass http://half; }
    }
}
"""


class Site(http.server.BaseHTTPRequestHandler):
    """A site with a slow page, an error, a connection that breaks and a WebSocket."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        if self.headers.get("Upgrade"):
            self.send_response_only(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            key = self.headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key).digest()).decode())
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(b"hello")
                self.rfile.read(1)
            self.close_connection = True
            return
        if self.path.startswith("/broken/"):
            self.close_connection = True
            return
        if self.path.startswith("/slow/"):
            time.sleep(0.4)
        if self.path.startswith("/late/"):
            time.sleep(1.4)
        status = {"/boom/": 500, "/gone/": 410}.get(self.path.split("?")[0], 200)
        body = b"x" * 321
        with contextlib.suppress(OSError):
            self.send_response_only(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    do_GET = do_POST = do_HEAD = do_OPTIONS = do_PUT = do_DELETE = do_PATCH = do_PROPFIND = answer

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Connections that break are part of it."""


def head(line, *more):
    lines = [line, "Host: shop.example.test", *more, "", ""]
    return "\r\n".join(lines).encode("latin-1")


# The method, the target, and the bytes to send; a number of seconds after which the client hangs up.
REQUESTS = [
    ("GET", "/articles/1/", head("GET /articles/1/ HTTP/1.1", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)")),
    ("GET", "/articles/2/?q=a%20b&c=", head("GET /articles/2/?q=a%20b&c= HTTP/1.1", "Referer: https://shop.example.test/?a=\"b\"")),
    ("POST", "/cart/", head("POST /cart/ HTTP/1.1", "Content-Length: 7") + b"a=1&b=2"),
    ("POST", "/chunked/", head("POST /chunked/ HTTP/1.1", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    ("HEAD", "/articles/1/", head("HEAD /articles/1/ HTTP/1.1")),
    ("GET", "/moved/", head("GET /moved/ HTTP/1.1")),
    ("GET", "/denied/", head("GET /denied/ HTTP/1.1")),
    ("GET", "/gone/", head("GET /gone/ HTTP/1.1")),
    ("GET", "/boom/", head("GET /boom/ HTTP/1.1")),
    ("GET", "/down/", head("GET /down/ HTTP/1.1")),
    ("GET", "/none/", head("GET /none/ HTTP/1.1")),
    ("GET", "/broken/", head("GET /broken/ HTTP/1.1")),
    ("GET", "/retried/", head("GET /retried/ HTTP/1.1")),
    ("GET", "/late/", head("GET /late/ HTTP/1.1"), 3.0),
    ("GET", "/slow/", head("GET /slow/ HTTP/1.1"), 0.1),
    ("GET", "/live/", head("GET /live/ HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 0.3),
    ("GET", "/a\"b/?c=\"d\"", head("GET /a\"b/?c=\"d\" HTTP/1.1", "User-Agent: says \"hello\" twice")),
    ("GET", "/a\\b/{c}|d/", head("GET /a\\b/{c}|d/ HTTP/1.1", "User-Agent: a|b}c{d")),
    ("GET", "/caf\u00c3\u00a9/", head("GET /caf\u00c3\u00a9/ HTTP/1.1")),
    ("GET", "/%22%20HTTP/1.1%22/", head("GET /%22%20HTTP/1.1%22/ HTTP/1.1")),
    ("GET", "/old/", b"GET /old/ HTTP/1.0\r\n\r\n"),
    ("GET", "/hostless/", b"GET /hostless/ HTTP/1.1\r\n\r\n"),
    ("GET", "/empty/", b"GET /empty/ HTTP/1.1\r\nHost:\r\n\r\n"),
    ("GET", "http://shop.example.test/absolute/", head("GET http://shop.example.test/absolute/ HTTP/1.1")),
    ("OPTIONS", "*", head("OPTIONS * HTTP/1.1")),
    ("PROPFIND", "/dav/", head("PROPFIND /dav/ HTTP/1.1")),
    ("get", "/lower/", head("get /lower/ HTTP/1.1")),
    ("GET", "/a b/", head("GET /a b/ HTTP/1.1")),
    ("GET", "/seven/", head("GET /seven/ HTTP/7.3")),
    ("-", "-", b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\r\n\r\n"),
    ("-", "-", b"nonsense\r\n\r\n"),
    ("GET", "/half/", b"GET /half/ HTTP/1.1\r\nHost: shop.exam", 0.2),
    ("GET", "/stalled/", b"GET /stalled/ HTTP/1.1\r\nHost: shop.exam", 2.5),
    ("GET", "/long/" + "x" * 1200, head("GET /long/" + "x" * 1200 + " HTTP/1.1")),
    ("GET", "/2/", "h2"),
    ("POST", "/2/", "h2"),
]


def ask(port, data, patience):
    """Sends bytes; returns the status of the response."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
        peer.sendall(data)
        peer.settimeout(patience)
        answer = b""
        with contextlib.suppress(OSError):
            while chunk := peer.recv(65536):
                answer += chunk
                if b"\r\n\r\n" in answer:
                    peer.settimeout(0.1)
    words = answer.split(b" ")
    return words[1].decode() if answer.startswith(b"HTTP/") else "-"


def ask_h2(port, method, target):
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--http2-prior-knowledge", "-X", method, f"http://127.0.0.1:{port}{target}"]
    code = subprocess.run(command, stdout=subprocess.PIPE, timeout=10, check=False).stdout.decode()
    return code if code != "000" else "-"


def lines(log):
    return log.read_bytes().count(b"\n") if log.exists() else 0


def record(directory, name, command, port):
    """Starts a server, sends the requests, and writes the log and the truth."""
    log, truth = directory / f"{name}.log", directory / f"{name}.truth"
    log.write_bytes(b"")
    with log.open("ab") as out, (directory / f"{name}.err").open("wb") as err:
        server = subprocess.Popen(command, stdout=out, stderr=err, cwd=directory)
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            time.sleep(1.5)
            own = lines(log)
            with truth.open("w", encoding="utf-8") as written:
                for method, target, data, *patience in REQUESTS:
                    before = lines(log)
                    if data == "h2":
                        status = ask_h2(port, method, target)
                        if status == "-":
                            method, target = "PRI", "*"  # the server does not speak HTTP/2 without TLS
                    else:
                        status = ask(port, data, *(patience or [2.0]))
                    until = time.monotonic() + 4 * PATIENCE_S
                    while lines(log) == before and time.monotonic() < until:
                        time.sleep(0.05)
                    time.sleep(0.1)
                    for _ in range(lines(log) - before):
                        written.write(f"{method}\t{target}\t{status}\n")
        finally:
            server.terminate()
            server.wait(10)
    # The first lines are those of the connections by which it was seen that the server listens.
    kept = log.read_bytes().splitlines(keepends=True)[own:]
    log.write_bytes(b"".join(kept))
    print(name, lines(log), "lines")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--envoy", type=pathlib.Path)
    parser.add_argument("servers", nargs="*", metavar="SERVER")
    options = parser.parse_args()
    directory = options.directory.resolve()
    (directory / "tmp").mkdir(parents=True, exist_ok=True)
    site = Quiet(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()

    def configure(name, text, port):
        path = directory / f"{name}.conf"
        down = free_ports(1)[0]
        for key, value in {"PORT": port, "SITE": site.server_port, "DOWN": down, "DIR": directory, "LOG": directory / f"{name}.log"}.items():
            text = text.replace(f"@{key}@", str(value))
        path.write_text(text, encoding="utf-8")
        return str(path)

    servers = [
        ("haproxy", HAPROXY, shutil.which("haproxy"), lambda program, path: [program, "-db", "-f", path]),
        ("caddy", CADDY, shutil.which("caddy"), lambda program, path: [program, "run", "--adapter", "caddyfile", "--config", path]),
        ("envoy", ENVOY, options.envoy, lambda program, path: [str(program), "--config-yaml", pathlib.Path(path).read_text(encoding="utf-8"), "--concurrency", "1", "--file-flush-interval-msec", "50"]),
        ("ingress-nginx", INGRESS, shutil.which("nginx"), lambda program, path: [program, "-p", str(directory), "-c", path]),
    ]
    for name, text, program, command in servers:
        if options.servers and name not in options.servers:
            continue
        if not program:
            print(name, "is missing")
            continue
        port = free_ports(1)[0]
        record(directory, name, command(program, configure(name, text, port)), port)
    site.shutdown()


main()
