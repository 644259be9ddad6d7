#!/usr/bin/env python3
"""Sends the site of `shop.compared_settings` requests that are hard to count, then fetches its own metrics.

    compare.py --port PORT --dir DIR [--requests N] [--seed N]

The traffic of `drive.py` is mixed with paths for every route of the site, conditional and compressed requests,
and personal data that must never be exposed. DIR is that of `serve.py`. After every other response, the page of
django-prometheus is requested and written to `DIR/theirs.txt`.
"""

import argparse
import base64
import json
import pathlib
import random
import socket
import time
import urllib.parse

import drive

DEADLINE_S = 60
LEFT_ALONE = 4
# Personal data; `tests/it/django.rs` has the same values.
ADDRESS = "127.66.77.88"
EMAIL = "canary.person@mail.example.test"
QUERY_TOKEN = "canaryq7Qk2Zx9Lm4Pw8Rt6Yv"
PATH_TOKEN = "canaryp3Hd8Sg5Jn1Bc7Fk9Tz"
REFERER = "https://canary-referer.example.test/inbox"
AGENT = "CanaryAgent/77.3"
USER = "canaryuser"

RICH = [
    "/metrics/", "/search/", "/form/", "/form", "/missing/", "/missing", "/boom/", "/boom", "/stream/", "/large/",
    "/redirect/", "/health/", "/health", "/unnamed/", "/unnamed-class/", "/admin/", "/admin", "/admin/login/",
    "/admin/auth/user/3/change/", "/admin/auth/user/", "/admin/nothing", "/articles/news/feed/", "/articles/news/feed",
    "/articles/x", "/articles/archive/2019/", "/articles/archive/20199/", "/articles/2031/", "/articles/%0a",
    "/articles/%D9%A2%D9%A0%D9%A2%D9%A0/", "/articles/archive/%D9%A2%D9%A0%D9%A2%D9%A0/", "/articles/٢٠٢٠/",
    "/articles/" + "9" * 400 + "/", "/tree/a/edit/", "/tree/a/b/edit", "/tree/a/b/c", "/tree//edit/", "/pairs/a-b-7/",
    "/pairs/a-b", "/pairs/a-7/", "/words/a,b,c/", "/words/a,/", "/words/%C3%A9,x/", "/hex/beef/", "/hex/zz/",
    "/hex/0000", "/levels/7", "/levels/7b/", "/levels/7-x/", "/levels/ab", "/levels/a/xx", "/levels/a/b/c/", "/levels/abx",
    "/level", "/on/level/b/", "/legacy/2019/", "/legacy/2019/page-3/", "/legacy/2019/page-/", "/old/abc/12",
    "/old/abc/12%0a", "/old/%C3%A9/%D9%A3", "/spaced/a%20b/", "/spaced/%E2%80%83/", "/spaced/7/", "/twice/ab-ab/",
    "/twice/ab-ac/", "/notes/mine/", "/notes/private/", "/notes/private", "/case/lmn/", "/CASE/S/", "/case/%C5%BF/",
    "/aabb/", "/a%7B,2%7Dbbc/", "/a{,2}bbc/", "/aabbbc/", "/lazy/a/b", "/lazy/a/", "/lazy/a", "/either", "/or", "/either/",
    "/x/prefix-open/y", "/prefix-open", "/opt/", "/optional/more", "/opt", "/price$", "/price%24", "/caf%C3%A9/",
    "/caf%c3%a9", "/café/", "/a%20b/", "/100%25/", "/100%/", "/imprint/", "/de/imprint/", "/impressum/", "/de/about/",
    "/about/", "/en/about/", "/pt-br/about/", "/pt-br/about", "/PT-BR/about/", "/zh-cn/about/", "/zh-hans/about/",
    "/de/kontakt/", "/contact/", "/de/contact/", "/fr/about/", "/de-at/kontakt/", "/blue/7/", "/de/blue/7/", "/blue/7",
    "/users/a%2Fb/", "/users/a%3Fb/", "/users/a%252Fb/", "/users/a;jsessionid=1/", "/users/a+b/", "/users/jos%C3%A9/",
    "/users/josé/", "/users/%ff%fe/", "/users/a/#fragment", "/users/a/?x=1#f", "/files/a/b%20c.txt", "/files/a%0Ab",
    "/files/%e2%82", "/files//", "/files/../x", "/files/%2e%2e/x", "//", "///", "//articles/", "/articles//", "/./articles/",
    "/articles/../users/x/", "/%61rticles/", "/articles%2F", "/%2Farticles/", "/articles/?", "/?a=1?b=2&c=%00%0a%22%5c",
    "/files/" + "x" * 1500, "/static/app.js", "/.env", "/wp-login.php", "/robots.txt", "/api/v1/users", "/api/v3/users/",
    "/items/0E984725-C51C-4BF4-9960-E1C80E27ABA0/", "/items/0e984725-c51c-4bf4-9960-e1c80e27aba0/", "/items/1/",
    "http://shop.example.test/articles/?absolute=1", "http://shop.example.test", "/search?q=no+slash", "/\\x22/", '/"/',
]  # fmt: skip
METHODS = ["GET"] * 14 + ["HEAD", "HEAD", "POST", "POST", "PUT", "OPTIONS", "PROPFIND", "FROB-NICATE"]
HOSTS = [b"localhost", b"shop.example.test", b"shop.example.test"]


def main():
    options = parse_arguments()
    truth = Truth(options.dir / "truth.jsonl")
    rng = random.Random(options.seed)
    todo = drive.queue.SimpleQueue()
    for request in requests(rng, options.requests, etags(options.port)):
        todo.put(request)
    tally = drive.Tally()
    workers = [drive.threading.Thread(target=drive.work, args=(options.port, todo, tally)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    leave(options.port, options.dir, truth)
    page = ask(options.port, b"/metrics")
    (options.dir / "theirs.txt").write_bytes(page.partition(b"\r\n\r\n")[2])
    for status, count in sorted(tally.statuses.items(), key=str):
        print(status, count)
    if not all(isinstance(status, int) or status in ("left", "no answer", "no status") for status in tally.statuses):
        raise SystemExit("some requests failed")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True, help="port of the site on 127.0.0.1")
    parser.add_argument("--dir", type=pathlib.Path, required=True, help="directory of serve.py")
    parser.add_argument("--requests", type=int, default=5200, help="number of requests (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random choices (default: %(default)s)")
    return parser.parse_args()


class Truth:
    """The requests that the site has recorded so far."""

    def __init__(self, file):
        self.file = file

    def counts(self):
        """Returns the numbers of started and of finished requests."""
        lines = [json.loads(line) for line in self.file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        begun = sum("begins" in line for line in lines)
        return begun, len(lines) - begun

    def wait_until_idle(self):
        until(lambda: len(set(self.counts())) == 1)


def until(condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("timed out waiting for the site")
        time.sleep(0.02)


def requests(rng, count, etags):
    """Yields all requests, without those whose paths nginx changes: the log lacks the path that Django received."""
    attacks = [attack for attack in drive.hostile() if not any(part in attack.sent for part in (b"/slow/", b"/impatient/"))]
    canaries = personal()
    for number in range(count):
        turn = number // 20
        if number % 20 == 7:
            yield attacks[turn % len(attacks)]
        elif number % 20 == 13:
            yield canaries[turn % len(canaries)]
        elif number % 2:
            yield rich(rng, RICH[number // 2 % len(RICH)], etags)
        else:
            request = drive.plain(rng)
            yield request if not request.target.startswith("/flaky/") else drive.plain(random.Random(number))


def rich(rng, target, etags):
    """Returns a request for a target, unchanged, with headers that change the response."""
    method = rng.choice(METHODS)
    lines = [method.encode() + b" " + target.encode() + b" HTTP/1.1", b"Connection: close"]
    lines.append(b"Host: " + (rng.choice(HOSTS) if rng.random() < 0.97 else b"elsewhere.example.test"))
    if rng.random() < 0.3:
        lines.append(b"Accept-Encoding: gzip")
    if rng.random() < 0.2:
        lines.append(b"Accept-Language: de")
    if target in etags and rng.random() < 0.5:
        lines.append(b"If-None-Match: " + etags[target])
    body = b""
    if method in ("POST", "PUT"):
        body = b"x" * rng.choice([0, 1, 2, 3, 64, 1000, 70000])
        if rng.random() < 0.2:
            lines.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        else:
            lines.append(b"Content-Length: %d" % len(body))
    return drive.Hostile(b"\r\n".join(lines) + b"\r\n\r\n" + body)


def personal():
    """Returns requests with personal data in every logged part."""
    email, quoted = EMAIL, urllib.parse.quote(EMAIL, safe="")
    user = base64.b64encode(f"{USER}:secret".encode()).decode()
    targets = [
        "/", f"/users/{email}/", f"/users/{quoted}/", f"/search/?email={email}&token={QUERY_TOKEN}", f"/{email}",
        f"/files/{PATH_TOKEN}", f"/reset/{PATH_TOKEN}/", f"/articles/?next=/{quoted}", f"/boom/?token={QUERY_TOKEN}",
        f"/{ADDRESS}/", f"/words/{PATH_TOKEN}/", f"/tree/{PATH_TOKEN}/edit/", f"/legacy/{PATH_TOKEN}",
    ]  # fmt: skip
    return [
        drive.Hostile(
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nReferer: {REFERER}\r\n"
            f"User-Agent: {AGENT}\r\nAuthorization: Basic {user}\r\nX-Forwarded-For: {ADDRESS}\r\n"
            f"Cookie: session={QUERY_TOKEN}\r\n\r\n".encode(),
            source=(ADDRESS, 0),
        )
        for target in targets
    ]


def etags(port):
    """Returns the ETags of pages that have one."""
    found = {}
    for target in ("/health/", "/large/", "/opt/", "/either", "/missing/"):
        head = ask(port, target.encode()).partition(b"\r\n\r\n")[0]
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"etag: "):
                found[target] = line[6:]
    return found


def ask(port, target):
    """Sends a plain request and returns the whole response."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def leave(port, where, truth):
    """Requests a slow view and disconnects before the response, which the site sends once nginx has logged that."""
    truth.wait_until_idle()
    begun, _ = truth.counts()
    connections = [socket.create_connection(("127.0.0.1", port), DEADLINE_S) for _ in range(LEFT_ALONE)]
    for connection in connections:
        connection.sendall(b"GET /held/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
    until(lambda: truth.counts()[0] == begun + LEFT_ALONE)
    for connection in connections:
        connection.close()
    log = where / "log/access.log"
    until(lambda: log.read_bytes().count(b'"GET /held/ HTTP/1.1" 499 ') == LEFT_ALONE)
    (where / "truth.jsonl.go").touch()
    truth.wait_until_idle()


if __name__ == "__main__":
    main()
