"""The panels of the dashboards: queries, units, thresholds and descriptions."""

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
    """A ratio that is 0 rather than absent while `part` has no series."""
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
         "description": "The exporter, one per host"},
        {"name": "view", "label": "View", "of": f"{RESPONSES}{{{TARGET}}}",
         "description": "The view that Django resolved the path to"},
        {"name": "method", "label": "Method", "of": f'{RESPONSES}{{{TARGET},view=~"$view"}}',
         "description": "The HTTP method"},
    ],
    "rows": [
        ("Now", [
            stat("Requests", "Requests per second of the selected views.", [(responses(), "requests")], "reqps"),
            stat("Mean latency", "Mean response time. HttplogMeanLatencyHigh fires above 0.2 s for 5 minutes.",
                 [(mean(), "mean")], "s", limits=SECONDS),
            stat("p95 latency", "95th percentile of the response time: 5 % of the requests take longer.",
                 [(quantile(0.95), "p95")], "s", limits=(0.5, 1)),
            stat("Success", "Share of 2xx and 3xx responses. The remainder is 4xx and 5xx.",
                 [(ratio(responses(more=',status=~"[23].."'), responses()), "success")], "percentunit",
                 limits=(0.9, 0.99), low_is_bad=True),
            stat("Errors", "Share of 5xx responses. HttplogErrorRatioHigh fires above 5 % for 5 minutes.",
                 [(ratio(responses(more=FAILED), responses()), "errors")], "percentunit", limits=(0.01, 0.05)),
            stat("Alerts", "Firing alerts of this job.",
                 [('count(ALERTS{alertstate="firing",job="$job"}) or vector(0)', "alerts")], "short", limits=(1, 5)),
        ]),
        ("Traffic", [
            graph("Requests by method", "Requests per second by HTTP method.",
                  [(responses("method"), "{{method}}")], "reqps", stacked=True),
            graph("Responses by status class",
                  "Responses per second: 2xx success, 3xx redirect, 4xx client error, 5xx server error.",
                  [(responses(more=f',status=~"{one}.."') + " or vector(0)", f"{one}xx") for one in (2, 3, 4, 5)], "reqps",
                  stacked=True),
            graph("Top ten views", "Requests per second by view.",
                  [(f"topk(10, {responses('view')})", "{{view}}")], "reqps"),
            graph("Mean response size", "Mean size of a response body over all views.",
                  [(f"sum(rate(django_http_responses_body_total_bytes_sum{{{TARGET}}}{RATE})) / "
                    f"(sum(rate(django_http_responses_body_total_bytes_count{{{TARGET}}}{RATE})) > 0)", "mean")], "bytes"),
        ]),
        ("Latency", [
            graph("Mean latency by view and method",
                  "Mean response time. Dashed lines: 0.2 s, the alert threshold, and 0.5 s.",
                  [(f"topk(10, {mean('view, method')})", "{{method}} {{view}}")], "s", limits=SECONDS),
            graph("p95 latency by view and method",
                  "95th percentile of the response time, interpolated within a histogram bucket.",
                  [(f"topk(10, {quantile(0.95, 'view, method')})", "{{method}} {{view}}")], "s", limits=(0.5, 1)),
            graph("Latency of the selected views", "Mean, median, 95th and 99th percentile of the response time.",
                  [(mean(), "mean"), (quantile(0.5), "median"), (quantile(0.95), "p95"), (quantile(0.99), "p99")], "s",
                  limits=SECONDS),
            heatmap("Latency heatmap", "Responses by duration; brighter cells hold more responses.",
                    [(f"sum by (le) (increase({LATENCY}_bucket{{{VIEW}}}{RATE}))", "{{le}}")], "s"),
            table("Views", "Current requests per second, mean and p95 latency, and share of 5xx responses by view and method.",
                  [(responses("view, method"), "requests"), (mean("view, method"), "mean"),
                   (quantile(0.95, "view, method"), "p95"),
                   ("100 * " + ratio(responses("view, method", FAILED), responses("view, method")), "errors")], "short",
                  sort="Mean, s",
                  transformations=[
                      {"id": "merge", "options": {}},
                      {"id": "organize", "options": {
                          "excludeByName": {"Time": True},
                          "indexByName": {"view": 0, "method": 1, "Value #A": 2, "Value #B": 3, "Value #C": 4, "Value #D": 5},
                          "renameByName": {"view": "View", "method": "Method", "Value #A": "Requests per second",
                                           "Value #B": "Mean, s", "Value #C": "p95, s", "Value #D": "Errors, %"}}},
                  ]),
        ]),
        ("Errors", [
            graph("Error ratio by view", "Share of 5xx responses, ten highest views.",
                  [(f"topk(10, {ratio(responses('view', FAILED), responses('view'))})", "{{view}}")], "percentunit",
                  limits=(0.01, 0.05)),
            graph("Error responses by status", "4xx and 5xx responses per second by status.",
                  [(responses("status", ',status=~"[45].."') + " or vector(0)", "{{status}}")], "reqps"),
            graph("Error budget burn rate",
                  "At 1, the error budget (0.1 % of the requests of 30 days) lasts 30 days; at 14.4, two days.",
                  [(burn("1h"), "1 hour"), (burn("6h"), "6 hours"), (burn("1d"), "1 day"), (burn("3d"), "3 days")], "short",
                  limits=(1, 14.4), w=24),
        ]),
        ("nginx and gunicorn together", [
            graph("Queue time",
                  "Time between nginx passing a request on and a worker handling it. Needs joined logs.",
                  [(f"histogram_quantile({q}, sum by (le) (rate(httplog_queue_duration_seconds_bucket{{{TARGET}}}{RATE})))", name)
                   for q, name in ((0.5, "median"), (0.95, "p95"), (0.99, "p99"))], "s", limits=(0.2, 1)),
            graph("Requests that never reached Django",
                  "Per second, by reason: static files, rate limits, disconnected clients; bad_gateway and timeout (502, 504) are failures.",
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


GOOD = {"0": {"text": "rejected", "color": "#D55E00", "index": 0}, "1": {"text": "loaded", "color": "#0072B2", "index": 1}}
UP = {"0": {"text": "down", "color": "#D55E00", "index": 0}, "1": {"text": "up", "color": "#0072B2", "index": 1}}

EXPORTER = {
    "file": "exporter",
    "uid": "httplog-exporter",
    "title": "Exporter",
    "description": "Health of httplog-exporter: lag, rejected lines, gaps, series and resource usage.",
    "variables": [
        {"name": "job", "label": "Job", "of": "httplog_exporter_build_info", "description": "The scrape job of Prometheus"},
        {"name": "instance", "label": "Instance", "of": 'httplog_exporter_build_info{job="$job"}',
         "description": "The exporter, one per host"},
        {"name": "source", "label": "Source", "of": f"httplog_exporter_lines_total{{{TARGET}}}",
         "description": "The source, as named in the configuration"},
    ],
    "rows": [
        ("Now", [
            stat("Scrape", "State of the last scrape.", [(f"min by (instance) (up{{{TARGET}}})", "{{instance}}")],
                 "short", mappings=UP, limits=(1,), low_is_bad=True),
            stat("Version", "Running version.",
                 [(f"max by (version) (httplog_exporter_build_info{{{TARGET}}})", "{{version}}")], "short", text="name"),
            stat("Uptime", "Time since the process started. Counters start at 0 with the process.",
                 [(f"time() - max by (instance) (process_start_time_seconds{{{TARGET}}})", "{{instance}}")], "s"),
            stat("Configuration", "Result of the last configuration reload.",
                 [(gauge("config_last_reload_successful", "instance", TARGET, "min"), "{{instance}}")],
                 "short", mappings=GOOD, limits=(1,), low_is_bad=True),
            stat("URLconf", "Result of the last URLconf reload; no data without a URLconf.",
                 [(gauge("urlconf_last_reload_successful", how="min"), "{{source}}")], "short", mappings=GOOD,
                 limits=(1,), low_is_bad=True),
            stat("Alerts", "Firing alerts about the exporter.",
                 [('count(ALERTS{alertname=~"HttplogExporter.*",alertstate="firing"}) or vector(0)', "alerts")], "short",
                 limits=(1, 5)),
        ]),
        ("Lines", [
            graph("Lines by outcome",
                  "Lines per second. recorded: counted; rejected: did not match the pattern; skipped: empty. The sum is all lines read.",
                  [(self_rate("lines_total", "outcome"), "{{outcome}}")], "cps", stacked=True,
                  named=("recorded", "rejected", "skipped")),
            graph("Lines by source", "Lines per second by source.",
                  [(self_rate("lines_total", "instance, source"), "{{source}} on {{instance}}")], "cps"),
            graph("Rejected lines ratio", "HttplogExporterRejectingLines fires above 1 % for 10 minutes.",
                  [(ratio(self_rate("rejected_lines_total", "instance, source"), self_rate("lines_total", "instance, source")),
                    "{{source}} on {{instance}}")], "percentunit", limits=(0.01, 0.1)),
            graph("Rejected lines by reason",
                  "mismatch: does not match the pattern. number: invalid number. overlong: longer than limits.line_bytes. ambiguous: can be read in two ways.",
                  [(self_rate("rejected_lines_total", "reason"), "{{reason}}")], "cps"),
        ]),
        ("Keeping up", [
            graph("Lag", "Age of the oldest unread bytes. HttplogExporterLagging fires above 60 s for 5 minutes.",
                  [(gauge("lag_seconds"), "{{source}} on {{instance}}")], "s", limits=(60,)),
            graph("Unread bytes", "Bytes in the followed files that are not read yet.",
                  [(gauge("lag_bytes"), "{{source}} on {{instance}}")], "bytes"),
            graph("Bytes read", "Bytes read per second.",
                  [(self_rate("read_bytes_total", "instance, source"), "{{source}} on {{instance}}")], "Bps"),
            graph("Time since the last line", "High without traffic; otherwise the log is written elsewhere.",
                  [(f"time() - {gauge('last_line_timestamp_seconds')}", "{{source}} on {{instance}}")], "s"),
            graph("Open files", "Open log files, including rotated ones. 0: no file at the path, or it cannot be read.",
                  [(gauge("files_open"), "{{source}} on {{instance}}")], "short"),
            graph("Gaps", "Events per hour in which lines may have been lost, by reason. copytruncate is expected with that kind of rotation.",
                  [(f"sum by (source, reason) (increase(httplog_exporter_gap_events_total{{{SOURCE}}}[1h]))", "{{source}}: {{reason}}")],
                  "short", limits=(1,)),
            graph("Lost bytes", "Bytes per hour lost in gaps: at least (min) or at most (max), for the reasons that tell.",
                  [(f"sum by (source, reason, bound) (increase(httplog_exporter_gap_bytes_total{{{SOURCE}}}[1h]))",
                    "{{source}}: {{reason}}, {{bound}}")], "bytes"),
        ]),
        ("Series and joined logs", [
            graph("Label combinations", "Label combinations in memory, one per histogram. Limited by limits.series.",
                  [(gauge("series"), "{{source}} on {{instance}}")], "short"),
            graph("Requests counted as <other>", "Requests per second over limits.series.",
                  [(self_rate("series_overflow_total", "instance, source"), "{{source}} on {{instance}}")], "reqps"),
            graph("Joined lines by outcome",
                  "joined: both lines of the request were read. evicted: dropped before the second line, see limits.pending_requests.",
                  [(self_rate("join_lines_total", "source, outcome"), "{{source}}: {{outcome}}")], "cps"),
            graph("Pending lines", "Lines waiting for the other line of their request. Limited by limits.pending_requests.",
                  [(gauge("join_pending_lines"), "{{source}} on {{instance}}")], "short"),
        ]),
        ("Process", [
            graph("p95 scrape duration", "95th percentile of the time to gather and encode a page.",
                  [(f"histogram_quantile(0.95, sum by (instance, le) (rate(httplog_exporter_scrape_duration_seconds_bucket{{{TARGET}}}{RATE})))",
                    "{{instance}}")], "s"),
            graph("Requests to the exporter", "HTTP responses of the exporter per second, by path and code.",
                  [(self_rate("http_requests_total", "path, code", TARGET), "{{path}} {{code}}")], "reqps"),
            graph("Connections", "Open connections, and rejected connections per second.",
                  [(gauge("http_connections", "instance", TARGET), "open on {{instance}}"),
                   (self_rate("http_connections_rejected_total", "instance", TARGET), "rejected on {{instance}}")], "short"),
            graph("Memory", "Resident memory. The unit limits it to 256 MiB.",
                  [(f"max by (instance) (process_resident_memory_bytes{{{TARGET}}})", "{{instance}}")], "bytes",
                  limits=(200 * 2**20,)),
            graph("CPU", "CPU usage in cores.",
                  [(f"sum by (instance) (rate(process_cpu_seconds_total{{{TARGET}}}[5m]))", "{{instance}}")], "short"),
            graph("File descriptors", "Open files and connections. The unit limits them to 4096.",
                  [(f"max by (instance) (process_open_fds{{{TARGET}}})", "{{instance}}")], "short", limits=(3500,)),
        ]),
    ],
}

BOARDS = [DJANGO, EXPORTER]
