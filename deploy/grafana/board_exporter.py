"""The board "Exporter": the health of httplog-exporter itself."""

from panels import (
    BYTE_RATE, BYTES, LINES, NUMBER, REQUESTS, SECONDS, SHARE, TARGET, Histogram, firing, graph, instance, job, rate, ratio, stat,
    total, variable,
)

SOURCE = f'{TARGET},source=~"$source"'
GOOD = {"0": {"text": "rejected", "color": "#D55E00", "index": 0}, "1": {"text": "loaded", "color": "#0072B2", "index": 1}}
UP = {"0": {"text": "down", "color": "#D55E00", "index": 0}, "1": {"text": "up", "color": "#0072B2", "index": 1}}


def self_rate(name, by, labels=SOURCE):
    return rate(f"httplog_exporter_{name}", labels, by)


def gauge(name, by="instance, source", labels=SOURCE, how="max"):
    return f"{how} by ({by}) (httplog_exporter_{name}{{{labels}}})"


def board():
    scrapes = Histogram("httplog_exporter_scrape_duration_seconds", TARGET, native=False)
    return {
        "file": "exporter",
        "title": "Exporter",
        "description": "Health of httplog-exporter: lag, rejected lines, gaps, series and resource usage.",
        "variables": [
            job("httplog_exporter_build_info"),
            instance("httplog_exporter_build_info"),
            variable("source", "Source", f"httplog_exporter_lines_total{{{TARGET}}}", "The source, as named in the configuration"),
        ],
        "rows": [
            ("Now", [
                stat("Scrape", "State of the last scrape.", [(f"min by (instance) (up{{{TARGET}}})", "{{instance}}")],
                     NUMBER, mappings=UP, limits=(1,), low_is_bad=True),
                stat("Version", "Running version.",
                     [(f"max by (version) (httplog_exporter_build_info{{{TARGET}}})", "{{version}}")], NUMBER, text="name"),
                stat("Uptime", "Time since the process started. Counters start at 0 with the process.",
                     [(f"time() - max by (instance) (process_start_time_seconds{{{TARGET}}})", "{{instance}}")], SECONDS),
                stat("Configuration", "Result of the last configuration reload.",
                     [(gauge("config_last_reload_successful", "instance", TARGET, "min"), "{{instance}}")],
                     NUMBER, mappings=GOOD, limits=(1,), low_is_bad=True),
                stat("URLconf", "Result of the last URLconf reload; no data without a URLconf.",
                     [(gauge("urlconf_last_reload_successful", how="min"), "{{source}}")], NUMBER, mappings=GOOD,
                     limits=(1,), low_is_bad=True),
                stat("Alerts", "Firing alerts about the exporter.",
                     [(firing('alertname=~"HttplogExporter.*"'), "alerts")], NUMBER,
                     limits=(1, 5)),
            ]),
            ("Lines", [
                graph("Lines by outcome",
                      "Lines per second. recorded: counted; rejected: did not match the pattern; skipped: empty. The sum is all lines read.",
                      [(self_rate("lines_total", "outcome"), "{{outcome}}")], LINES, stacked=True,
                      named=("recorded", "rejected", "skipped")),
                graph("Lines by source", "Lines per second by source.",
                      [(self_rate("lines_total", "instance, source"), "{{source}} on {{instance}}")], LINES),
                graph("Rejected lines ratio", "HttplogExporterRejectingLines fires above 1 % for 10 minutes.",
                      [(ratio(self_rate("rejected_lines_total", "instance, source"), self_rate("lines_total", "instance, source")),
                        "{{source}} on {{instance}}")], SHARE, limits=(0.01, 0.1)),
                graph("Rejected lines by reason",
                      "mismatch: does not match the pattern. number: invalid number. overlong: longer than limits.line_bytes. ambiguous: can be read in two ways.",
                      [(self_rate("rejected_lines_total", "reason"), "{{reason}}")], LINES),
            ]),
            ("Keeping up", [
                graph("Lag", "Age of the oldest unread bytes. HttplogExporterLagging fires above 60 s for 5 minutes.",
                      [(gauge("lag_seconds"), "{{source}} on {{instance}}")], SECONDS, limits=(60,)),
                graph("Unread bytes", "Bytes in the followed files that are not read yet.",
                      [(gauge("lag_bytes"), "{{source}} on {{instance}}")], BYTES),
                graph("Bytes read", "Bytes read per second.",
                      [(self_rate("read_bytes_total", "instance, source"), "{{source}} on {{instance}}")], BYTE_RATE),
                graph("Time since the last line", "High without traffic; otherwise the log is written elsewhere.",
                      [(f"time() - {gauge('last_line_timestamp_seconds')}", "{{source}} on {{instance}}")], SECONDS),
                graph("Open files", "Open log files, including rotated ones. 0: no file at the path, or it cannot be read.",
                      [(gauge("files_open"), "{{source}} on {{instance}}")], NUMBER),
                graph("Gaps", "Events per hour in which lines may have been lost, by reason. copytruncate is expected with that kind of rotation.",
                      [(total(f"increase(httplog_exporter_gap_events_total{{{SOURCE}}}[1h])", "source, reason"), "{{source}}: {{reason}}")],
                      NUMBER, limits=(1,)),
                graph("Lost bytes", "Bytes per hour lost in gaps: at least (min) or at most (max), for the reasons that tell.",
                      [(total(f"increase(httplog_exporter_gap_bytes_total{{{SOURCE}}}[1h])", "source, reason, bound"),
                        "{{source}}: {{reason}}, {{bound}}")], BYTES),
            ]),
            ("Series and joined logs", [
                graph("Label combinations", "Label combinations in memory, one per histogram. Limited by limits.series.",
                      [(gauge("series"), "{{source}} on {{instance}}")], NUMBER),
                graph("Requests counted as <other>", "Requests per second over limits.series.",
                      [(self_rate("series_overflow_total", "instance, source"), "{{source}} on {{instance}}")], REQUESTS),
                graph("Joined lines by outcome",
                      "joined: both lines of the request were read. evicted: dropped before the second line, see limits.pending_requests.",
                      [(self_rate("join_lines_total", "source, outcome"), "{{source}}: {{outcome}}")], LINES),
                graph("Pending lines", "Lines waiting for the other line of their request. Limited by limits.pending_requests.",
                      [(gauge("join_pending_lines"), "{{source}} on {{instance}}")], NUMBER),
            ]),
            ("Process", [
                graph("p95 scrape duration", "95th percentile of the time to gather and encode a page.",
                      [(scrapes.quantile(0.95, "instance"),
                        "{{instance}}")], SECONDS),
                graph("Requests to the exporter", "HTTP responses of the exporter per second, by path and code.",
                      [(self_rate("http_requests_total", "path, code", TARGET), "{{path}} {{code}}")], REQUESTS),
                graph("Connections", "Open connections, and rejected connections per second.",
                      [(gauge("http_connections", "instance", TARGET), "open on {{instance}}"),
                       (self_rate("http_connections_rejected_total", "instance", TARGET), "rejected on {{instance}}")], NUMBER),
                graph("Memory", "Resident memory. The unit limits it to 256 MiB.",
                      [(f"max by (instance) (process_resident_memory_bytes{{{TARGET}}})", "{{instance}}")], BYTES,
                      limits=(200 * 2**20,)),
                graph("CPU", "CPU usage in cores.",
                      [(rate("process_cpu_seconds_total", TARGET, "instance"), "{{instance}}")], NUMBER),
                graph("File descriptors", "Open files and connections. The unit limits them to 4096.",
                      [(f"max by (instance) (process_open_fds{{{TARGET}}})", "{{instance}}")], NUMBER, limits=(3500,)),
            ]),
        ],
    }
