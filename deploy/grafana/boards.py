"""What the dashboards show: each panel's question, unit, limits, and what it means in words."""

RATE = "[$__rate_interval]"


def stat(title, description, targets, unit, w=4, **more):
    return {"type": "stat", "h": 4, "w": w, **common(title, description, targets, unit), **more}


def graph(title, description, targets, unit, w=12, **more):
    return {"type": "timeseries", "h": 8, "w": w, **common(title, description, targets, unit), **more}


def heatmap(title, description, targets, unit, w=12):
    return {"type": "heatmap", "h": 8, "w": w, **common(title, description, targets, unit)}


def table(title, description, targets, unit, w=24, **more):
    return {"type": "table", "h": 10, "w": w, **common(title, description, targets, unit), **more}


def common(title, description, targets, unit):
    return {"title": title, "description": description, "targets": targets, "unit": unit}


def ratio(part, whole):
    """A share that is 0, not absent, as long as there is no part of it."""
    return f"(({part}) or 0 * ({whole})) / (({whole}) > 0)"


# --- Django -----------------------------------------------------------------------------------------

TARGET = 'job="$job",instance=~"$instance"'
VIEW = f'{TARGET},view=~"$view",method=~"$method"'
LATENCY = "django_http_requests_latency_seconds_by_view_method"
RESPONSES = "django_http_responses_total_by_status_view_method_total"


def latency(part, by, more=""):
    labels = f"sum by ({by}) " if by else "sum "
    return f"{labels}(rate({LATENCY}_{part}{{{VIEW}{more}}}{RATE}))"


def mean(by=""):
    return f"{latency('sum', by)} / ({latency('count', by)} > 0)"


def quantile(q, by=""):
    return f"histogram_quantile({q}, {latency('bucket', 'le, ' + by if by else 'le')})"


def responses(by="", more=""):
    labels = f"sum by ({by}) " if by else "sum "
    return f"{labels}(rate({RESPONSES}{{{VIEW}{more}}}{RATE}))"


def burn(window):
    return f"max by (source) (instance_source:httplog_slo_failed:ratio_rate{window}{{{TARGET}}}) / 0.001"


FAILED = ',status=~"5.."'
SECONDS = (0.2, 0.5)

DJANGO = {
    "file": "django",
    "uid": "httplog-django",
    "title": "Django",
    "description": "A Django site by view and method: traffic, latency, errors. The metrics have the names of "
    "django-prometheus and come from the access log (set `django` of httplog-exporter).",
    "variables": [
        {"name": "job", "label": "Job", "of": "django_http_responses_before_middlewares_total",
         "description": "The scrape job of Prometheus"},
        {"name": "instance", "label": "Instance", "of": 'django_http_responses_before_middlewares_total{job="$job"}',
         "description": "The exporter, one a host"},
        {"name": "view", "label": "View", "of": f"{RESPONSES}{{{TARGET}}}",
         "description": "The view that Django resolved the path to"},
        {"name": "method", "label": "Method", "of": f'{RESPONSES}{{{TARGET},view=~"$view"}}',
         "description": "The HTTP method"},
    ],
    "rows": [
        ("Now", [
            stat("Requests", "Requests answered each second, of the views chosen.", [(responses(), "requests")], "reqps"),
            stat("Mean latency", "Mean time to answer. Over 0.2 s for 5 minutes, HttplogMeanLatencyHigh fires.",
                 [(mean(), "mean")], "s", limits=SECONDS),
            stat("95 % stay under", "The time under which 95 % of the answers stay; 5 % take longer.",
                 [(quantile(0.95), "p95")], "s", limits=(0.5, 1)),
            stat("Success", "Share of answers 2xx and 3xx. What is missing to 100 % is 4xx and 5xx.",
                 [(ratio(responses(more=',status=~"[23].."'), responses()), "success")], "percentunit",
                 limits=(0.9, 0.99), low_is_bad=True),
            stat("Errors", "Share of answers 5xx. Over 5 % for 5 minutes, HttplogErrorRatioHigh fires.",
                 [(ratio(responses(more=FAILED), responses()), "errors")], "percentunit", limits=(0.01, 0.05)),
            stat("Alerts", "Alerts that fire now, of this job.",
                 [('count(ALERTS{alertstate="firing",job="$job"}) or vector(0)', "alerts")], "short", limits=(1, 5)),
        ]),
        ("Traffic", [
            graph("Requests by method", "Requests each second, by HTTP method.",
                  [(responses("method"), "{{method}}")], "reqps", stacked=True),
            graph("Answers by class of status",
                  "Answers each second: 2xx given, 3xx sent elsewhere, 4xx the client's fault, 5xx the site's.",
                  [(responses(more=f',status=~"{one}.."') + " or vector(0)", f"{one}xx") for one in (2, 3, 4, 5)], "reqps",
                  stacked=True),
            graph("The ten views asked for most", "Requests each second, by view.",
                  [(f"topk(10, {responses('view')})", "{{view}}")], "reqps"),
            graph("Size of answers, mean", "Mean bytes of an answer's body, over all views.",
                  [(f"sum(rate(django_http_responses_body_total_bytes_sum{{{TARGET}}}{RATE})) / "
                    f"(sum(rate(django_http_responses_body_total_bytes_count{{{TARGET}}}{RATE})) > 0)", "mean")], "bytes"),
        ]),
        ("Latency", [
            graph("Mean latency by view and method",
                  "Mean time to answer. The dashed lines are 0.2 s, where the alert begins, and 0.5 s.",
                  [(f"topk(10, {mean('view, method')})", "{{method}} {{view}}")], "s", limits=SECONDS),
            graph("95 % stay under, by view and method",
                  "The time under which 95 % of a view's answers stay, estimated within a bucket.",
                  [(f"topk(10, {quantile(0.95, 'view, method')})", "{{method}} {{view}}")], "s", limits=(0.5, 1)),
            graph("Latency of the views chosen", "Mean, median, and what 5 % and 1 % of the answers take at least.",
                  [(mean(), "mean"), (quantile(0.5), "median"), (quantile(0.95), "95 %"), (quantile(0.99), "99 %")], "s",
                  limits=SECONDS),
            heatmap("Latency, all answers", "How many answers took how long; the brighter, the more.",
                    [(f"sum by (le) (increase({LATENCY}_bucket{{{VIEW}}}{RATE}))", "{{le}}")], "s"),
            table("Views", "Each view and method, now: requests each second, mean and 95 % of the latency, share of answers 5xx.",
                  [(responses("view, method"), "requests"), (mean("view, method"), "mean"),
                   (quantile(0.95, "view, method"), "95 %"),
                   ("100 * " + ratio(responses("view, method", FAILED), responses("view, method")), "errors")], "short",
                  sort="Mean, s",
                  transformations=[
                      {"id": "merge", "options": {}},
                      {"id": "organize", "options": {
                          "excludeByName": {"Time": True},
                          "indexByName": {"view": 0, "method": 1, "Value #A": 2, "Value #B": 3, "Value #C": 4, "Value #D": 5},
                          "renameByName": {"view": "View", "method": "Method", "Value #A": "Requests per second",
                                           "Value #B": "Mean, s", "Value #C": "95 %, s", "Value #D": "Errors, %"}}},
                  ]),
        ]),
        ("Errors", [
            graph("Share of errors by view", "Share of answers 5xx, the ten views that fail most.",
                  [(f"topk(10, {ratio(responses('view', FAILED), responses('view'))})", "{{view}}")], "percentunit",
                  limits=(0.01, 0.05)),
            graph("Answers that are no success, by status", "Answers 4xx and 5xx each second, by status.",
                  [(responses("status", ',status=~"[45].."') + " or vector(0)", "{{status}}")], "reqps"),
            graph("How fast the error budget burns",
                  "1: the budget of 30 days (99.9 % of the requests do not fail) lasts 30 days. 14.4 over an hour: two days.",
                  [(burn("1h"), "1 hour"), (burn("6h"), "6 hours"), (burn("1d"), "1 day"), (burn("3d"), "3 days")], "short",
                  limits=(1, 14.4), w=24),
        ]),
        ("nginx and gunicorn together", [
            graph("Time in the queue",
                  "From nginx passing a request on to Django working on it: the wait for a worker. Needs both logs, joined.",
                  [(f"histogram_quantile({q}, sum by (le) (rate(httplog_queue_duration_seconds_bucket{{{TARGET}}}{RATE})))", name)
                   for q, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))], "s", limits=(0.2, 1)),
            graph("Requests that never reached Django",
                  "By reason: static files, limits, clients that left; bad_gateway and timeout (502, 504) are trouble.",
                  [(f"sum by (reason) (rate(httplog_unreached_requests_total{{{TARGET}}}{RATE}))", "{{reason}}")], "reqps"),
        ]),
    ],
}

# --- Exporter ---------------------------------------------------------------------------------------

SOURCE = f'{TARGET},source=~"$source"'


def self_rate(name, by, labels=SOURCE):
    return f"sum by ({by}) (rate(httplog_exporter_{name}{{{labels}}}{RATE}))"


def gauge(name, by="instance, source", labels=SOURCE, how="max"):
    return f"{how} by ({by}) (httplog_exporter_{name}{{{labels}}})"


GOOD = {"0": {"text": "refused", "color": "#D55E00", "index": 0}, "1": {"text": "good", "color": "#0072B2", "index": 1}}
UP = {"0": {"text": "down", "color": "#D55E00", "index": 0}, "1": {"text": "up", "color": "#0072B2", "index": 1}}

EXPORTER = {
    "file": "exporter",
    "uid": "httplog-exporter",
    "title": "Exporter",
    "description": "httplog-exporter itself: whether it keeps up with the logs, understands them and loses nothing.",
    "variables": [
        {"name": "job", "label": "Job", "of": "httplog_exporter_build_info", "description": "The scrape job of Prometheus"},
        {"name": "instance", "label": "Instance", "of": 'httplog_exporter_build_info{job="$job"}',
         "description": "The exporter, one a host"},
        {"name": "source", "label": "Source", "of": f"httplog_exporter_lines_total{{{TARGET}}}",
         "description": "The log, as the configuration names it"},
    ],
    "rows": [
        ("Now", [
            stat("Scrape", "Whether Prometheus can scrape it.", [(f"min by (instance) (up{{{TARGET}}})", "{{instance}}")],
                 "short", mappings=UP, limits=(1,), low_is_bad=True),
            stat("Version", "The version that runs.",
                 [(f"max by (version) (httplog_exporter_build_info{{{TARGET}}})", "{{version}}")], "short", text="name"),
            stat("Runs for", "Time since its start. Counts begin at 0 there.",
                 [(f"time() - max by (instance) (process_start_time_seconds{{{TARGET}}})", "{{instance}}")], "s"),
            stat("Configuration", "Whether the last configuration offered was taken.",
                 [(gauge("config_last_reload_successful", "instance", TARGET, "min"), "{{instance}}")],
                 "short", mappings=GOOD, limits=(1,), low_is_bad=True),
            stat("URLconf", "Whether the dump of Django's URLconf was taken; no data where none is used.",
                 [(gauge("urlconf_last_reload_successful", how="min"), "{{source}}")], "short", mappings=GOOD,
                 limits=(1,), low_is_bad=True),
            stat("Alerts", "Alerts about the exporter that fire now.",
                 [('count(ALERTS{alertname=~"HttplogExporter.*",alertstate="firing"}) or vector(0)', "alerts")], "short",
                 limits=(1, 5)),
        ]),
        ("Lines", [
            graph("Lines by outcome",
                  "Lines each second. Recorded: counted. Rejected: not understood. Skipped: empty. Together: all that were read.",
                  [(self_rate("lines_total", "outcome"), "{{outcome}}")], "cps", stacked=True,
                  named=("recorded", "rejected", "skipped")),
            graph("Lines by source", "Lines each second, by log.",
                  [(self_rate("lines_total", "instance, source"), "{{source}} on {{instance}}")], "cps"),
            graph("Share of lines not understood", "Over 1 % for 10 minutes, HttplogExporterRejectingLines fires.",
                  [(ratio(self_rate("rejected_lines_total", "instance, source"), self_rate("lines_total", "instance, source")),
                    "{{source}} on {{instance}}")], "percentunit", limits=(0.01, 0.1)),
            graph("Lines not understood, by reason",
                  "mismatch: not of the pattern's shape. number: one that is none. overlong: over limits.line_bytes.",
                  [(self_rate("rejected_lines_total", "reason"), "{{reason}}")], "cps"),
        ]),
        ("Keeping up", [
            graph("Time behind the log", "For how long there have been bytes that were not read. Over 60 s for 5 minutes, an alert fires.",
                  [(gauge("lag_seconds"), "{{source}} on {{instance}}")], "s", limits=(60,)),
            graph("Bytes behind the log", "Bytes in the files that were not read yet.",
                  [(gauge("lag_bytes"), "{{source}} on {{instance}}")], "bytes"),
            graph("Bytes read", "Bytes of the lines read each second.",
                  [(self_rate("read_bytes_total", "instance, source"), "{{source}} on {{instance}}")], "Bps"),
            graph("Time since the last line", "Long while the site has no visitors; else the log goes elsewhere.",
                  [(f"time() - {gauge('last_line_timestamp_seconds')}", "{{source}} on {{instance}}")], "s"),
            graph("Files open", "Files held open, rotated ones included. 0: there is none at the path, or it cannot be read.",
                  [(gauge("files_open"), "{{source}} on {{instance}}")], "short"),
            graph("Gaps", "Times lines may have been lost, in an hour, by reason. copytruncate is how such a rotation goes.",
                  [(f"sum by (source, reason) (increase(httplog_exporter_gap_events_total{{{SOURCE}}}[1h]))", "{{source}}: {{reason}}")],
                  "short", limits=(1,)),
        ]),
        ("Series and joined logs", [
            graph("Label combinations", "Combinations of labels held; a histogram counts as one. Bounded by limits.series.",
                  [(gauge("series"), "{{source}} on {{instance}}")], "short"),
            graph("Requests counted as <other>", "Requests each second that found no room: limits.series is reached.",
                  [(self_rate("series_overflow_total", "instance, source"), "{{source}} on {{instance}}")], "reqps"),
            graph("Lines of joined logs, by outcome",
                  "joined: the other line of the request came. evicted: given up for want of room (limits.pending_requests).",
                  [(self_rate("join_lines_total", "source, outcome"), "{{source}}: {{outcome}}")], "cps"),
            graph("Lines that wait to be joined", "Bounded by limits.pending_requests.",
                  [(gauge("join_pending_lines"), "{{source}} on {{instance}}")], "short"),
        ]),
        ("The process", [
            graph("Time of a scrape", "The time under which 95 % of the scrapes stay: to gather and encode one page.",
                  [(f"histogram_quantile(0.95, sum by (instance, le) (rate(httplog_exporter_scrape_duration_seconds_bucket{{{TARGET}}}{RATE})))",
                    "{{instance}}")], "s"),
            graph("Requests to the exporter", "Answers of its web side each second, by path and code.",
                  [(self_rate("http_requests_total", "path, code", TARGET), "{{path}} {{code}}")], "reqps"),
            graph("Connections", "Connections open now, and those turned away each second.",
                  [(gauge("http_connections", "instance", TARGET), "open on {{instance}}"),
                   (self_rate("http_connections_rejected_total", "instance", TARGET), "turned away on {{instance}}")], "short"),
            graph("Memory", "Resident memory. The unit's limit is 256 MiB.",
                  [(f"max by (instance) (process_resident_memory_bytes{{{TARGET}}})", "{{instance}}")], "bytes",
                  limits=(200 * 2**20,)),
            graph("Processor", "Processors kept busy, on average.",
                  [(f"sum by (instance) (rate(process_cpu_seconds_total{{{TARGET}}}[5m]))", "{{instance}}")], "short"),
            graph("File descriptors", "Open descriptors: files and connections. The unit's limit is 4096.",
                  [(f"max by (instance) (process_open_fds{{{TARGET}}})", "{{instance}}")], "short", limits=(3500,)),
        ]),
    ],
}

BOARDS = [DJANGO, EXPORTER]
