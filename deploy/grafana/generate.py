#!/usr/bin/env python3
"""Generates Grafana's dashboards and alert rules, and Prometheus' consoles.

    python3 deploy/grafana/generate.py [DIR]

Writes `grafana/dashboards/**/*.json`, `grafana/provisioning/alerting/rules.json` and `prometheus/consoles/**/*.html` below
DIR, which is `deploy` if not given. The same input gives the same bytes. Needs only Python's standard library. `boards.py`
defines the boards and `alerts.py` the alerts; this file writes them in Grafana's format, `consoles.py` as consoles. The
version of the schema is that of Grafana 10.0: later versions migrate a dashboard when they load it, and what is written
here reads the same in all of them, up to Grafana 12.

Colours are those of Okabe and Ito, which are distinguishable with colour blindness. No state is conveyed by
colour alone: series have names, thresholds have lines.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True

import alerts  # noqa: E402
import boards  # noqa: E402
import consoles  # noqa: E402
import panels  # noqa: E402

BLUE, SKY, GREEN, ORANGE, RED = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00"
PURPLE, GREY = "#CC79A7", "#999999"
COLOURS = {
    # Statuses by class, outcomes of lines, quantiles: series with a fixed name have a fixed colour.
    **{"2xx": GREEN, "3xx": SKY, "4xx": ORANGE, "5xx": RED, "other": GREY},
    **{"recorded": BLUE, "rejected": RED, "skipped": GREY},
    **{"mean": BLUE, "median": SKY, "p95": ORANGE, "p99": RED},
    **{"1 hour": RED, "6 hours": ORANGE, "1 day": BLUE, "3 days": SKY},
}
# Severity of the thresholds in ascending order: good, warning, critical.
STEPS = (BLUE, ORANGE, RED)
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
# Factor and suffix of a table's column.
COLUMNS = {panels.REQUESTS: ("", "per second"), panels.SECONDS: ("", "s"), panels.SHARE: ("100 * ", "%")}
SCHEMA_VERSION = 38


def main():
    where = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1]
    for board in boards.BOARDS:
        write(where / "grafana/dashboards" / board["folder"] / f"{board['file']}.json", as_json(dashboard(board)))
        write(where / "prometheus/consoles" / board["folder"] / consoles.file_name(board), consoles.console(board, boards.beside(board), COLOURS))
    write(where / "grafana/provisioning/alerting/rules.json", as_json(rules()))


def as_json(value):
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# --- Dashboards -------------------------------------------------------------------------------------


def dashboard(board):
    return {
        "uid": board["uid"],
        "title": board["title"],
        "description": board["description"],
        "tags": ["httplog-exporter"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "links": [
            {
                "title": "Boards of httplog-exporter",
                "tooltip": "The other boards, at the same time",
                "type": "dashboards",
                "icon": "external link",
                "tags": ["httplog-exporter"],
                "asDropdown": True,
                "includeVars": True,
                "keepTime": True,
                "targetBlank": False,
            }
        ],
        "annotations": {"list": [restarts()]},
        "templating": {"list": [datasource(), *map(variable, board["variables"])]},
        "panels": laid_out(board["rows"]),
    }


def restarts():
    """Marks restarts of the exporter, when counters start at 0."""
    return {
        "name": "Exporter restarts",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": PURPLE,
        "expr": 'changes(process_start_time_seconds{job="$job",instance=~"$instance"}[2m]) > 0',
        "titleFormat": "{{instance}} restarted",
        "step": "1m",
    }


def datasource():
    return {
        "name": "datasource",
        "label": "Data source",
        "description": "The Prometheus that scrapes the exporter",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
    }


def variable(one):
    shared = {"name": one["name"], "label": one["label"], "description": one["description"], "hide": 0}
    return shared | (fixed(one["values"]) if "values" in one else values_of_label(one))


def fixed(values):
    first, *_ = options = [{"text": value, "value": value, "selected": value == values[0]} for value in values]
    return {"type": "custom", "query": ",".join(values), "options": options, "current": first, "multi": False, "includeAll": False}


def values_of_label(one):
    query, several = f"label_values({one['of']}, {one['name']})", one["several"]
    return {
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": query,
        "refresh": 2,
        "sort": 1,
        "multi": several,
        "includeAll": several,
        **({"allValue": ".*", "current": {"text": "All", "value": "$__all"}} if several else {}),
    }


def laid_out(rows):
    """Lays out panels from left to right, wrapped at the full width, under the title of their row."""
    laid, y = [], 0
    for title, row in rows:
        laid.append(
            {
                "type": "row",
                "id": len(laid) + 1,
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y},
            }
        )
        y, x, height = y + 1, 0, 0
        for one in row:
            if x + one["w"] > WIDTH:
                y, x, height = y + height, 0, 0
            position = {"h": one["h"], "w": one["w"], "x": x, "y": y}
            laid.append(panel(one, len(laid) + 1, position))
            x, height = x + one["w"], max(height, one["h"])
        y += height
    return laid


def panel(one, number, position):
    one = with_units(one)
    return {
        "id": number,
        "type": one["type"],
        "title": one["title"],
        "description": one["description"],
        "datasource": DATASOURCE,
        "gridPos": position,
        "targets": [
            target(expr, legend, letter(at), one["type"]) for at, (expr, legend) in enumerate(one["targets"])
        ],
        "fieldConfig": {"defaults": defaults(one), "overrides": overrides(one)},
        "options": options(one),
        **({"transformations": merged(one)} if one["type"] == "table" else {}),
    }


def letter(at):
    """The name of a query."""
    return chr(ord("A") + at)


def with_units(one):
    """Grafana's schema has no unit for a single column: if they differ, it is part of the heading."""
    if one["type"] != "table":
        return one
    columns = one["columns"]
    units = {unit for _, _, unit in columns}
    if len(units) == 1:
        return one | {"unit": units.pop()}
    shown = [COLUMNS[unit] for _, _, unit in columns]
    targets = [(f"{factor}{expr}", f"{legend}, {suffix}")
               for (factor, suffix), (expr, legend) in zip(shown, one["targets"], strict=True)]
    sort = next(legend for _, legend in targets if legend.startswith(one["sort"]))
    return one | {"targets": targets, "sort": sort}


def merged(one):
    """One table of all queries: first the labels, then a column for each query."""
    headings = dict(one["keys"]) | {f"Value #{letter(at)}": heading for at, (_, heading) in enumerate(one["targets"])}
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {
            "excludeByName": {"Time": True},
            "indexByName": {name: at for at, name in enumerate(headings)},
            "renameByName": headings,
        }},
    ]


def target(expr, legend, name, kind):
    """Graphs use range queries, other panels instant queries."""
    is_range = kind in ("timeseries", "heatmap")
    form = {"heatmap": "heatmap", "table": "table"}.get(kind, "time_series")
    return {
        "refId": name,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expr,
        "legendFormat": legend,
        "format": form,
        "range": is_range,
        "instant": not is_range,
    }


def defaults(one):
    steps = [{"value": value, "color": colour} for value, colour in thresholds(one)]
    config = {
        "unit": one["unit"],
        "noValue": "no data",
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "thresholds"},
    }
    if "mappings" in one:
        config["mappings"] = [{"type": "value", "options": one["mappings"]}]
    if one["type"] == "timeseries":
        # Series without a fixed colour are coloured by their maximum, from blue over yellow to red.
        config["color"] = {"mode": "continuous-BlYlRd", "seriesBy": "max"}
        config.setdefault("min", 0)
        config["custom"] = {
            "drawStyle": "line",
            "lineWidth": 2,
            "fillOpacity": 25 if one.get("stacked") else 0,
            "showPoints": "auto",
            "stacking": {"mode": "normal" if one.get("stacked") else "none"},
            "thresholdsStyle": {"mode": "dashed" if one.get("limits") else "off"},
        }
    return config


def thresholds(one):
    """The lowest step has no bound; if low values are bad, the colours are reversed."""
    limits = one.get("limits", ())
    colours = STEPS[: len(limits) + 1]
    if one.get("low_is_bad"):
        colours = colours[::-1]
    return [(None, colours[0]), *zip(limits, colours[1:], strict=True)]


def overrides(one):
    """Fixed colours of series; single values are coloured by threshold instead."""
    found = []
    for _, legend in one["targets"] if one["type"] == "timeseries" else ():
        names = COLOURS if "{{" in legend else [legend]
        for name in names:
            if name in COLOURS and name in one.get("named", [legend]):
                found.append(coloured(name))
    return found


def named(name):
    """Not `byName`, whose option is a string: Grafana's schema requires an object."""
    return {"id": "byNames", "options": {"mode": "include", "names": [name]}}


def coloured(name):
    return {
        "matcher": named(name),
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": COLOURS[name]}}],
    }


def options(one):
    kind = one["type"]
    if kind == "stat":
        return {
            "colorMode": "value",
            "graphMode": "none",
            "textMode": one.get("text", "auto"),
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
    if kind == "timeseries":
        return {
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["mean", "max"], "sortBy": "Max", "sortDesc": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    if kind == "heatmap":
        return {
            "calculate": False,
            "yAxis": {"unit": one["unit"]},
            # From dark to bright, so that it is readable without colour.
            "color": {"mode": "scheme", "scheme": "Cividis", "steps": 64},
            "cellGap": 1,
            "tooltip": {"mode": "single", "yHistogram": True},
        }
    return {"showHeader": True, "sortBy": [{"displayName": one["sort"], "desc": True}]}


# --- Alerts -----------------------------------------------------------------------------------------


def rules():
    """Makes the rules: queries (A, B …), then the condition `C` over them."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": "httplog",
                "folder": "httplog-exporter",
                "interval": "1m",
                "rules": [rule(one) for one in alerts.ALERTS],
            }
        ],
    }


def rule(one):
    names = [letter(at) for at in range(len(one["ask"]))]
    return {
        "uid": f"httplog-{one['uid']}",
        "title": one["title"],
        "condition": "condition",
        "data": [*map(query, names, one["ask"]), condition(one, names)],
        "for": one["for"],
        "noDataState": one.get("no_data", "OK"),
        "execErrState": "Error",
        "labels": {"severity": one["severity"]},
        "annotations": {
            "summary": one["summary"],
            "runbook_url": f"{alerts.RUNBOOKS}#{one['title'].lower()}",
        },
        "isPaused": False,
    }


def query(name, expr):
    return {
        "refId": name,
        "datasourceUid": "prometheus",
        "relativeTimeRange": {"from": 600, "to": 0},
        "model": {"refId": name, "expr": expr, "instant": True, "range": False, "editorMode": "code"},
    }


def condition(one, names):
    """Compares each query to the threshold; several are joined by `and`."""
    comparison, number = one["is"]
    model = {"refId": "condition", "datasource": {"type": "__expr__", "uid": "__expr__"}}
    if len(names) == 1:
        evaluator = {"type": {">": "gt", "<": "lt"}[comparison], "params": [number]}
        model |= {"type": "threshold", "expression": names[0], "conditions": [{"evaluator": evaluator}]}
    else:
        model |= {"type": "math", "expression": " && ".join(f"(${name} {comparison} {number})" for name in names)}
    return {"refId": "condition", "datasourceUid": "__expr__", "model": model}


if __name__ == "__main__":
    main()
