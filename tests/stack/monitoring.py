#!/usr/bin/env python3
"""Checks the files of `deploy/`: Grafana's against its schemas, and all of them against each other.

    monitoring.py

Every alert has a test in which it fires, one in which it does not and one of a condition that comes and goes ("flapping"),
says what to do, links to a board, and is explained in the documentation with its severity; every metric in a rule is
documented. The schemas in `fixtures/grafana` describe Grafana's stored
resources; provisioning files differ in places (`orgId` per group instead of per rule), which are converted first.
Prints each fault on a line, then how much was checked; exits with 1 after a fault. Needs the tests' virtual
environment.
"""

import json
import pathlib
import re
import sys

import fastjsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAFANA = ROOT / "deploy/grafana"
PROMETHEUS = ROOT / "deploy/prometheus"
RUNBOOKS = "https://runbooks.example.org/httplog-exporter/monitoring.md"
PAGES = ("docs/monitoring.md", "docs/monitoring.fr.md")
SCHEMAS = ROOT / "fixtures/grafana"
# The colours of Okabe and Ito, and a neutral one.
COLOURS = {"#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#999999"}
# Alerts that no board shows: of Prometheus itself, and of an exporter that is not a target.
WITHOUT_BOARD = {"HttplogWatchdog", "HttplogExporterMissing"}
DURATION = re.compile(r"\d+[smhd]")
# The version of Grafana 10.0, which later ones migrate from.
SCHEMA_VERSION = 38
# Units, and what the queries of a panel with that unit contain.
UNITS = {
    "reqps": "requests|responses|retries|overflow",
    "cps": "lines",
    "binBps": "rate.*bytes",
    "s": "seconds",
    "bytes": "bytes",
    "percentunit": " / ",
    "short": "",
}

faults = []


def main():
    boards = [json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").rglob("*.json"))]
    validate_board = compiled(json.loads((SCHEMAS / "dashboard.schema.json").read_text()))
    panels = 0
    for board in boards:
        check(validate_board, board, board["title"])
        panels += readable(board)
    expect(len({board["uid"] for board in boards}) == len(boards) > 1, "boards share a UID, or there is only one board")
    variants(boards)
    provisioned()
    known = alerts()
    rules = alerting(known)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(boards)} boards, {panels} panels, {len(known)} alerts, {rules} of them in Grafana")
    sys.exit(1 if faults else 0)


def compiled(schema):
    # Defaults filled in for one alternative would be invalid in the next.
    return fastjsonschema.compile(schema, use_default=False)


def check(validate, value, name):
    try:
        validate(value)
    except fastjsonschema.JsonSchemaException as fault:
        faults.append(f"{name}: {fault}")


def expect(is_so, fault):
    if not is_so:
        faults.append(fault)


def readable(board):
    """Checks what schemas do not: that each panel has a description, a unit and colours that everyone can distinguish."""
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    ids = [panel["id"] for panel in board["panels"]]
    expect(len(set(ids)) == len(ids), f"{board['title']}: panels share an id")
    for panel in panels:
        name = f"{board['title']}, {panel['title']}"
        defaults = panel["fieldConfig"]["defaults"]
        expect(len(panel["description"]) > 15, f"{name}: no description")
        expect(panel["datasource"]["uid"] == "${datasource}", f"{name}: the data source is not the variable")
        for one in panel["targets"]:
            named(one, name)
            expect(re.search(UNITS.get(defaults["unit"], "$^"), one["expr"]), f"{name}: the unit {defaults['unit']} is not that of its queries")
            expect('job="$job"' in one["expr"] or "instance_source:" in one["expr"] or "ALERTS" in one["expr"], f"{name}: a query does not select the job")
    expect(board["schemaVersion"] <= SCHEMA_VERSION, f"{board['title']}: Grafana 10.0 cannot migrate it")
    colours = set(re.findall(r'"(#[0-9A-Fa-f]{6})"', json.dumps(board)))
    expect(colours <= COLOURS, f"{board['title']}: colours outside the palette: {colours - COLOURS}")
    variables = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", " ".join(t["expr"] for p in panels for t in p["targets"])))
    expect(used - {"__rate_interval"} == variables - {"datasource"}, f"{board['title']}: variables used {used}, defined {variables}")
    return len(panels)


def named(target, panel):
    """Checks that each series of a query has a name: a text, or labels that all its series have."""
    legend, expr = target["legendFormat"], target["expr"]
    expect(legend, f"{panel}: a series without a name")
    for label in re.findall(r"{{(\w+)}}", legend):
        kept = re.findall(r"\bby \(([^)]*)\)", expr)
        expect(kept and all(label in by.split(", ") for by in kept), f"{panel}: the series have no label {label}")
        expect("vector(" not in expr, f"{panel}: a constant has no label {label}")


def variants(boards):
    """Checks that a board of native histograms shows what the other one shows, without classic buckets."""
    by_uid = {board["uid"]: board for board in boards}
    natives = [uid for uid in by_uid if uid.endswith("-native")]
    for uid in natives:
        native, classic = by_uid[uid], by_uid[uid.removesuffix("-native")]
        panels = [[(panel["title"], panel["type"]) for panel in board["panels"]] for board in (native, classic)]
        expect(panels[0] == panels[1], f"{native['title']}: panels differ from those of {classic['title']}")
        expect(native["title"] != classic["title"], f"{native['title']}: two boards have this title")
        buckets = set(re.findall(r"\w+_bucket\b", json.dumps(native)))
        expect(buckets == {"httplog_queue_duration_seconds_bucket"}, f"{native['title']}: classic buckets {buckets}")
    expect(len(natives) == 2, f"boards of native histograms: {natives}")


def provisioned():
    sources = load("datasources/prometheus.yml")["datasources"]
    expect([source["uid"] for source in sources] == ["prometheus"], "the data source has another UID")
    for provider in load("dashboards/httplog.yml")["providers"]:
        expect(provider["type"] == "file" and provider["options"]["path"].startswith("/"), "the boards are not read from files")


def alerts():
    """Checks the alerts of Prometheus and returns them by name."""
    documented = (ROOT / "docs/metrics.md").read_text()
    pages = [(page, set((ROOT / page).read_text().splitlines())) for page in PAGES]
    known = {}
    tests = [test for path in sorted((PROMETHEUS / "tests").glob("*.yml")) for test in yaml.safe_load(path.read_text())["tests"]]
    cases = [[(one["alertname"], bool(one["exp_alerts"])) for one in test.get("alert_rule_test", ())] for test in tests]
    flapping = {test["name"].split(", flapping: ")[0] for test in tests if ", flapping: " in test["name"]}
    for path in sorted((PROMETHEUS / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                names_of_metrics(rule, documented)
                if "alert" not in rule:
                    continue
                name = rule["alert"]
                expect(name not in known, f"{name}: defined twice")
                known[name] = rule
                explained(name, rule, pages)
                linked(name, rule["annotations"])
                expect(any((name, True) in case for case in cases), f"{name}: no test in which it fires")
                if rule["expr"] == "vector(1)":
                    continue  # It always fires.
                expect(name in flapping, f"{name}: no test in which its condition comes and goes")
                silent = any((name, False) in case and (name, True) not in case for case in cases)
                expect(silent, f"{name}: no test in which it stays silent")
    return known


def names_of_metrics(rule, documented):
    names = re.findall(r"(?<![\w:])(?:httplog|django|process)_\w+(?!:)\b", rule["expr"])
    for name in {re.sub("_(bucket|sum|count)$", "", name) for name in names}:
        expect(f"`{name}`" in documented, f"{rule.get('alert') or rule['record']}: {name} is not documented")


def explained(name, rule, pages):
    severity = rule["labels"]["severity"]
    expect(severity in ("warning", "critical") or rule["expr"] == "vector(1)", f"{name}: unknown severity")
    for key in ("summary", "description", "action"):
        expect(len(rule["annotations"].get(key, "")) > 20, f"{name}: missing {key}")
    expect(rule["annotations"].get("runbook_url") == f"{RUNBOOKS}#{name.lower()}", f"{name}: wrong runbook")
    for page, lines in pages:
        expect(f"### {name}" in lines, f"{name} is not explained in {page}")
        expect(any(line.startswith(f"| `{name}` | {severity} |") for line in lines), f"{page} does not argue the severity of {name}")


def linked(name, annotations):
    """Checks that an alert links to the console of its board, with variables that this has, and names no other."""
    url = annotations.get("dashboard_url")
    expect((url is None) == (name in WITHOUT_BOARD), f"{name}: missing link to a board, or a link too many")
    if url is None:
        return
    link = re.fullmatch(r"\{\{ \$externalURL \}\}/consoles/httplog-(\w+)\.html\?(.*)", url)
    if link is None:
        faults.append(f"{name}: `{url}` is not the address of a console")
        return
    board, query = link.groups()
    console = (PROMETHEUS / f"consoles/httplog-{board}.html").read_text()
    for pair in query.split("&"):
        variable = re.fullmatch(r"(\w+)=\{\{ \$labels\.\1 \| urlquery \}\}", pair)
        expect(variable and f".Params.{variable[1]} " in console, f"{name}: the console {board} does not read `{pair}`")
    named = set(re.findall(r"the dashboard (\w+)", annotations["action"]))
    expect(named <= {board.capitalize()}, f"{name}: sends to the dashboards {named}, and links to {board}")
    expect(not re.search(r"the \w+ dashboard", annotations["action"]), f"{name}: write `the dashboard NAME`")


def load(name):
    path = GRAFANA / "provisioning" / name
    value = yaml.safe_load(path.read_text())
    expect(value["apiVersion"] == 1, f"{name}: unknown version")
    return value


def alerting(known):
    definitions = json.loads((SCHEMAS / "alerting.schema.json").read_text())["definitions"]

    def schema(name):
        return compiled({"$ref": f"#/definitions/{name}", "definitions": definitions})

    names = []
    for point in load("alerting/contact-points.yml")["contactPoints"]:
        names.append(point["name"])
        kinds = [receiver["type"] for receiver in point["receivers"]]
        expect(sorted(kinds) == ["email", "slack"], f"{point['name']} notifies through {kinds}")
        for receiver in point["receivers"]:
            check(schema("ContactPoint"), receiver | {"name": point["name"]}, receiver["uid"])
    for policy in load("alerting/policies.yml")["policies"]:
        policy.pop("orgId")
        check(schema("NotificationPolicy"), policy, "the policies")
        for one in (policy, *policy["routes"]):
            expect(one["receiver"] in names, f"unknown receiver {one['receiver']}")
    return rules(schema("Rule"), known)


def rules(validate, known):
    """Checks that each rule has the name, the duration and the severity of an alert of Prometheus."""
    seen = set()
    for group in load("alerting/rules.json")["groups"]:
        for rule in group["rules"]:
            title = rule["title"]
            kept = {"orgID": group["orgId"], "folderUID": group["folder"], "ruleGroup": group["name"]}
            check(validate, rule | kept, title)
            expect(title in known, f"{title}: not an alert of Prometheus")
            theirs = known.get(title, rule)
            expect(rule["labels"]["severity"] == theirs["labels"]["severity"], f"{title}: the severity differs")
            expect(rule["for"] == theirs.get("for", "0s") and DURATION.fullmatch(rule["for"]), f"{title}: the duration differs")
            expect(rule["annotations"]["runbook_url"] == theirs["annotations"]["runbook_url"], f"{title}: the runbook differs")
            expect("$" not in json.dumps(rule["annotations"]), f"{title}: an annotation with `$`")
            expect(rule["condition"] == rule["data"][-1]["refId"], f"{title}: the condition is not the last query")
            expect(rule["uid"] not in seen, f"{title}: a duplicate UID")
            seen.add(rule["uid"])
    return len(seen)


if __name__ == "__main__":
    main()
