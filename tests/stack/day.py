#!/usr/bin/env python3
"""Runs all rules and Alertmanager's configuration over a recorded day with three incidents, which must raise three pages.

    day.py PROGRAM

1. Writes the logs of nginx and gunicorn for the day (`fixtures/day`), with an outage of gunicorn at night, a view that becomes
   slow, and an exporter that cannot be scraped.
2. PROGRAM, the exporter, counts both logs with their own times (`backfill`).
3. promtool evaluates every rule once a minute over the counts. At each five minutes, exactly the alerts of `FIRING` fire.
4. A real Alertmanager with the shipped configuration, waits shortened, receives these alerts in their order. A page is an alert
   of severity critical that it sends to the receiver `oncall`.

Prints the pages, and exits with 1 unless there are as many as incidents. Needs the tests' virtual environment.
"""

import http.server
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = [str(path) for path in sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))]
# 23 November 2026, 00:00 UTC.
MIDNIGHT = 1_795_392_000
MINUTES = 1_440
VIEWS = ("articles:detail", "articles:list", "home", "item")
SLOW_VIEW = VIEWS[0]
# Minutes of the day.
OUTAGE = range(190, 220)
SLOWNESS = range(630, 690)
UNREACHABLE = range(980, 1_020)
INCIDENTS = (OUTAGE, SLOWNESS, UNREACHABLE)
WHERE = {"job": "httplog", "instance": "web1:9914"}
SITE = {**WHERE, "source": "nginx"}
# Alerts that fire: name, severity, labels, first and last of the minutes that are checked.
FIRING = [
    ("HttplogErrorBudgetBurnFast", "critical", SITE, 195, 260),
    ("HttplogErrorRatioHigh", "warning", SITE, 200, 230),
    ("HttplogRequestsUnreached", "warning", SITE, 200, 230),
    ("DjangoViewErrorRatioHigh", "warning", {**WHERE, "view": "<unnamed view>"}, 200, 230),
    ("HttplogSuccessRatioLow", "warning", SITE, 210, 235),
    ("HttplogErrorBudgetBurnSlow", "warning", SITE, 210, 610),
    ("HttplogMeanLatencyHigh", "warning", SITE, 640, 695),
    ("HttplogP95LatencyHigh", "warning", SITE, 645, 700),
    ("DjangoViewMeanLatencyHigh", "warning", {**WHERE, "method": "GET", "view": SLOW_VIEW}, 645, 700),
    ("HttplogLatencyBudgetBurnFast", "critical", SITE, 655, 725),
    ("HttplogLatencyBudgetBurnSlow", "warning", SITE, 655, 1_070),
    ("HttplogExporterDown", "critical", WHERE, 985, 1_030),
    ("HttplogExporterMissing", "critical", {}, 990, 1_025),
]
# Families that the rules use.
FAMILIES = re.compile(
    r"(httplog_requests_total|httplog_request_duration_seconds_(bucket|sum|count)"
    r"|django_http_requests_latency_seconds_by_view_method_(bucket|sum|count)"
    r"|django_http_responses_total_by_status_view_method_total)\{"
)
LINE = re.compile(
    r'(?P<client>\S+ - \S+) \[[^]]*\] (?P<request>"GET [^"]*") 200 (?P<rest>\d+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*") '
    r'rt=(?P<time>[\d.]+) urt="[\d.]+" .* host="(?P<host>[^"]*)" .* view="(?P<view>[^"]*)"'
)
# A gap between two checks, in minutes.
STEP = 5
DEADLINE = 60


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_logs(folder)
        counts = {}
        for server, sets in (("nginx", ["httplog", "django"]), ("gunicorn", ["httplog"])):
            counts |= counted(program, folder, server, sets)
        evaluate(folder, counts)
        pages = notify(folder)
    for page in pages:
        print(page)
    print(f"{len(pages)} pages of {len(INCIDENTS)} incidents, {len(FIRING)} alerts")
    sys.exit(0 if len(pages) == len(INCIDENTS) else 1)


# --- The day ----------------------------------------------------------------------------------------


def write_logs(folder):
    """Writes the lines that nginx and gunicorn log for the requests of the day."""
    half = [word.partition("/") for word in (ROOT / "fixtures/day/minutes.txt").read_text().split()]
    half = [(int(all_of_them), int(missing or 0)) for all_of_them, _, missing in half]
    recorded = (ROOT / "fixtures/demo/access.log").read_text(errors="replace").splitlines()
    recorded = [line for line in map(LINE.match, recorded) if line and line["view"] in VIEWS]
    number = 0
    with open(folder / "nginx.log", "w") as nginx, open(folder / "gunicorn.log", "w") as gunicorn:
        for minute, (requests, missing) in enumerate(half + half[::-1]):
            for at in range(requests):
                line = recorded[number % len(recorded)]
                number += 1
                second = at * 60 // requests
                head = f"{line['client']} [23/Nov/2026:{minute // 60:02}:{minute % 60:02}:{second:02} +0000] {line['request']}"
                is_down = minute in OUTAGE
                status = 502 if is_down else 404 if at < missing else 200
                took = "1.200" if minute in SLOWNESS and line["view"] == SLOW_VIEW else "0.000" if is_down else line["time"]
                tail = f'host="{line["host"]}" scheme=http cl=- rid={number:032x}'
                nginx.write(
                    f'{head} {status} {line["rest"]} rt={took} urt="{took}" uct="0.000" uht="{took}" us="{status}" '
                    f'{tail} view="{"-" if is_down else line["view"]}"\n'
                )
                if not is_down:
                    gunicorn.write(f'{head} {status} {line["rest"]} rt={took} pid=<7> {tail} view="{line["view"]}"\n')


def counted(program, folder, server, sets):
    """Returns the series of a log, each with its value at every minute."""
    config, output = folder / f"{server}.toml", folder / f"{server}.prom"
    config.write_text(
        f'[[source]]\nname = "{server}"\npaths = ["{server}.log"]\npattern = "{server}-django"\n[metrics]\nsets = {json.dumps(sets)}\n'
    )
    labels = [f"{name}={value}" for name, value in {**WHERE, "source": server}.items()]
    options = [word for label in labels for word in ("--label", label)]
    subprocess.run(
        [program, "backfill", "--config", config, *options, "--output", output, folder / f"{server}.log"], check=True
    )
    samples = {}
    with open(output) as lines:
        for line in lines:
            if FAMILIES.match(line):
                name, end, sample = line.rpartition("} ")
                value, at = sample.split()
                samples.setdefault(name + end.strip(), {})[(int(at) - MIDNIGHT) // 60] = float(value)
    return {name: every_minute(values) for name, values in samples.items()}


def every_minute(samples):
    """An idle series has a sample every five minutes: the value stays."""
    values, value = [], None
    for minute in range(MINUTES + 1):
        value = samples.get(minute, value)
        values.append(value)
    return values


# --- The rules --------------------------------------------------------------------------------------


def evaluate(folder, counts):
    """Checks with promtool that exactly the alerts of the table fire, at every step."""
    series = {name: scraped(values) for name, values in {**counts, **own(counts)}.items()}
    series[name_of("up", WHERE)] = ["0" if minute in UNREACHABLE else "1" for minute in range(MINUTES + 1)]
    checks = []
    for minute in range(0, MINUTES + 1, STEP):
        firing = [alert for alert in FIRING if alert[3] <= minute <= alert[4]]
        labels = [labels_of(name, severity, more) | {"alertstate": "firing"} for name, severity, more, _, _ in firing]
        checks.append(
            {
                "expr": 'ALERTS{alertstate="firing",alertname!="HttplogWatchdog"}',
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": name_of("ALERTS", one), "value": 1} for one in labels],
            }
        )
    inputs = [{"series": name, "values": " ".join(runs(values))} for name, values in series.items()]
    test = {"interval": "1m", "input_series": inputs, "promql_expr_test": checks}
    groups = [group["name"] for path in RULES for group in yaml.safe_load(pathlib.Path(path).read_text())["groups"]]
    # In the order of the files, in which alerts follow the rules that they read.
    whole = {"rule_files": RULES, "evaluation_interval": "1m", "group_eval_order": groups, "tests": [test]}
    path = folder / "day.yml"
    path.write_text(json.dumps(whole))
    ended = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"other alerts fire than expected:\n{ended.stdout}{ended.stderr}")


def own(counts):
    """The exporter's metrics about itself: all is well while it can be scraped, and each line of a log is recorded."""
    same = {
        ("build_info", (("version", "0.1.0"),)): 1,
        ("config_last_reload_successful", ()): 1,
        ("state_durable", ()): 1,
        ("source_info", (("source", "nginx"), ("behind", ""))): 1,
        ("source_info", (("source", "gunicorn"), ("behind", "nginx"))): 1,
    }
    found = {}
    for source in ("nginx", "gunicorn"):
        requests = [values for name, values in counts.items() if is_of(name, "httplog_requests_total", f'source="{source}"')]
        labels = {**WHERE, "source": source}
        found[name_of("httplog_exporter_lines_total", {**labels, "outcome": "recorded"})] = added_up(requests)
        same |= {
            ("files_open", (("source", source),)): 1,
            ("lag_seconds", (("source", source),)): 0,
            ("gap_events_total", (("source", source), ("reason", "truncated"))): 0,
            ("rejected_lines_total", (("source", source), ("reason", "mismatch"))): 0,
            ("series_overflow_total", (("source", source),)): 0,
        }
    for (name, labels), value in same.items():
        found[name_of(f"httplog_exporter_{name}", {**WHERE, **dict(labels)})] = [value] * (MINUTES + 1)
    # While gunicorn is down, no 502 has a line in its log.
    unreached = [values for name, values in counts.items() if is_of(name, "httplog_requests_total", 'status="502"')]
    found[name_of("httplog_unreached_requests_total", {**SITE, "reason": "bad_gateway"})] = added_up(unreached)
    return found


def is_of(name, family, label):
    return name.startswith(family + "{") and label in name


def added_up(series):
    return [sum(value or 0 for value in values) for values in zip(*series, strict=True)]


def scraped(values):
    """The values as Prometheus has them: none before the first, and none while the exporter cannot be scraped."""
    shown = ["_" if value is None else f"{value:.10g}" for value in values]
    for minute in UNREACHABLE:
        shown[minute] = "_"
    shown[UNREACHABLE.start] = "stale"
    return shown


def runs(values):
    """Abbreviates equal values as promtool reads them."""
    at = 0
    while at < len(values):
        end = at
        while end < len(values) and values[end] == values[at]:
            end += 1
        is_none = values[at] == "_"
        yield values[at] if end - at == 1 else f"{values[at]}x{end - at if is_none else end - at - 1}"
        at = end


def name_of(name, labels):
    pairs = [f'{label}="{value}"' for label, value in labels.items() if value]
    return f"{name}{{{','.join(pairs)}}}"


def labels_of(name, severity, more):
    return {"alertname": name, "severity": severity, **more}


# --- Alertmanager -----------------------------------------------------------------------------------


def notify(folder):
    """Gives the alerts to Alertmanager in their order, and returns the titles of the pages."""
    messages = []
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(messages))
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    port = free_port()
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump(shortened(f"http://127.0.0.1:{receiver.server_port}")))
    subprocess.run(["amtool", "check-config", config], check=True, stdout=subprocess.DEVNULL)
    options = [f"--config.file={config}", f"--storage.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    with open(folder / "alertmanager.out", "w") as output:
        # Without a cluster.
        server = subprocess.Popen(
            ["prometheus-alertmanager", *options, "--cluster.listen-address="], stdout=output, stderr=output
        )
    try:
        play(f"http://127.0.0.1:{port}/api/v2/alerts", messages)
    finally:
        server.kill()
        server.wait()
        receiver.shutdown()
    return [title for title in messages if title.startswith("[FIRING")]


def shortened(url):
    """The shipped configuration with short waits; only the messages to `oncall` are sent, to this test."""
    config = yaml.safe_load((ROOT / "deploy/alertmanager/alertmanager.yml").read_text())
    config["global"] = {}
    config["templates"] = [str(ROOT / "deploy/alertmanager/templates/*.tmpl")]
    for route in routes(config["route"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
    for one in config["receivers"]:
        shipped = one.pop("slack_configs", [{}])[0]
        for key in ("email_configs", "webhook_configs"):
            one.pop(key, None)
        if one["name"] == "oncall":
            one["slack_configs"] = [shipped | {"api_url": url}]
    return config


def routes(route):
    yield route
    for child in route.get("routes", ()):
        yield from routes(child)


def play(url, messages):
    """Sends what fires at each change, and waits until it has its effect."""
    until(lambda: ask(url) is not None)
    pages = set()
    for minute in sorted({at for *_, first, last in FIRING for at in (first, last + STEP)}):
        now = time.time()
        sent = [posted(alert, minute, now) for alert in FIRING if alert[3] <= minute <= alert[4] + STEP]
        ask(url, sent)
        active = {one[0] for one in FIRING if one[3] <= minute <= one[4]}
        until(lambda: {one["labels"]["alertname"] for one in ask(url)} == active)
        # Those that no other alert inhibits: the first time that one is seen, its page is sent.
        critical = ask(url + "?inhibited=false&filter=severity%3D%22critical%22")
        pages |= {one["labels"]["alertname"] for one in critical}
        until(lambda: count(messages, "FIRING") >= len(pages))
        if not critical:
            until(lambda: count(messages, "RESOLVED") >= len(pages))


def posted(alert, minute, now):
    """An alert as Prometheus posts it, which began a minute ago and may have ended."""
    name, severity, more, _, last = alert
    return {
        "labels": labels_of(name, severity, more),
        "annotations": {key: "" for key in ("summary", "description", "action", "runbook_url")},
        "startsAt": stamp(now - 60),
        "endsAt": stamp(now - 1 if minute > last else now + 3_600),
    }


def count(messages, state):
    return sum(message.startswith(f"[{state}") for message in messages)


def ask(url, alerts=None):
    """Posts alerts, or returns those that are active; `None` if the server does not listen yet."""
    body = None if alerts is None else json.dumps(alerts).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            text = answer.read()
            return json.loads(text) if text else []
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return None
        raise


def handler(messages):
    class Slack(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            messages.append(body["attachments"][0]["title"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    return Slack


def until(is_so):
    """Polls until a condition holds."""
    end = time.monotonic() + DEADLINE
    while not is_so():
        if time.monotonic() > end:
            sys.exit("Alertmanager has not reached the expected state in time")
        time.sleep(0.02)


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


if __name__ == "__main__":
    main()
