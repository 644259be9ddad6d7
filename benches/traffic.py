"""Generates logs and dumps of URLconfs, the same ones in each run."""

import json
import random

SEED = 20261128
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    "curl/8.8.0",
)


class Traffic:
    """Lines of the preset nginx-timed of a site of so many routes."""

    def __init__(self, routes):
        self.random, self.routes = random.Random(SEED), routes

    def line(self):
        draw = self.random
        # Few routes have most of the traffic.
        route = min(int(draw.expovariate(8 / self.routes)), self.routes - 1)
        method = draw.choices(("GET", "POST", "HEAD"), (90, 8, 2))[0]
        status = draw.choices((200, 304, 302, 404, 500), (80, 8, 6, 5, 1))[0]
        seconds = draw.lognormvariate(-3.5, 1)
        return (
            f"192.0.2.{draw.randrange(250)} - - [21/Sep/2026:14:13:20 +0000] "
            f'"{method} /app{route}/items/{draw.randrange(100_000)}/ HTTP/1.1" {status} {draw.randrange(50_000)} '
            f'"https://shop.example.test/" "{draw.choice(AGENTS)}" {seconds:.3f} {seconds * 0.9:.3f}\n'
        )


def write_log(path, lines, routes=50):
    traffic = Traffic(routes)
    with open(path, "w") as log:
        for _ in range(lines):
            log.write(traffic.line())
    return path


def write_urlconf(path, routes):
    """Writes the dump of a site whose views these are."""
    head = {
        "format": "httplog-exporter urlconf", "version": 2, "django": "5.2.19", "script_name": None, "languages": [],
        "otherwise": "en", "fallbacks": {}, "int_digits": 4300, "refusing": [],
    }
    dump = [head]
    for route in range(routes):
        levels = [["lit", f"app{route}/", {}], ["re", "^items/(?P<pk>[0-9]+)/\\Z", {"pk": "int"}]]
        dump.append({"chain": levels, "view": f"app{route}:item", "route": f"app{route}/items/<int:pk>/"})
    dump.append({"end": routes})
    path.write_text("".join(json.dumps(line) + "\n" for line in dump))
    return path
