"""The board "Site": requests, errors and durations from the default metric set, by source and route."""

from panels import (
    BYTE_RATE, BYTES, CLIENT_ERROR, ERROR, FAILED, FAILED_BOUNDS, MEAN_BOUNDS, NUMBER, REQUESTS, SECONDS, SHARE, TAIL_BOUNDS,
    TARGET, Histogram, burn_rate, choice, firing, graph, heatmap, instance, job, queue_time, rate, ratio, stat, table, top, total,
    unreached, utilisation, variable,
)

COUNTED = "httplog_requests_total"
SOURCE = f'{TARGET},source="$source"'
SELECTED = f'{SOURCE},route=~"$route"'
EARLIER = " offset $compare"
ROUTE = [("route", "Route")]
CLASSES = [(f',status=~"{one}.."', f"{one}xx") for one in (2, 3, 4, 5)] + [(',status!~"[2345].."', "other")]


def requests(by="", more="", offset=""):
    return rate(COUNTED, SELECTED + more, by, offset)


def failed(by="", more=FAILED, offset=""):
    return ratio(requests(by, more, offset), requests(by, "", offset))


def changes(title, description, now, before, unit):
    """The routes whose value differs most from the one before, in either direction."""
    change = f"({now}) - ({before})"
    largest = top(f"abs({change})")
    columns = [(f"{change} and {largest}", "Change", unit), (f"({now}) and {largest}", "Now", unit)]
    return table(title, description, ROUTE, columns, sort="Change", w=8)


def board(native):
    durations = Histogram("httplog_request_duration_seconds", SELECTED, native)
    upstream = Histogram("httplog_upstream_duration_seconds", SELECTED, native)
    sizes = Histogram("httplog_response_size_bytes", SELECTED, native)
    everywhere = Histogram("httplog_request_duration_seconds", TARGET, native)
    now, before = requests("route"), requests("route", offset=EARLIER)
    return {
        "file": "site",
        "title": "Site",
        "description": "The site by source and route, from the default metric set: rate, errors and duration of requests, the wait "
        "for workers, and what changed most.",
        "variables": [
            job(COUNTED),
            instance(COUNTED),
            variable("source", "Source", f"{COUNTED}{{{TARGET}}}",
                     "The log. A request that passes nginx and gunicorn is in both, so one is shown", several=False),
            variable("route", "Route", f"{COUNTED}{{{SOURCE}}}", "The view, or the folded path"),
            choice("compare", "Compare with", ["1d", "1h", "1w"], "How long ago the values were that changes are measured from"),
        ],
        "rows": [
            ("Now", [
                stat("Requests", "Requests per second of the selected routes.", [(requests(), "requests")], REQUESTS),
                stat("Mean latency", "Mean duration of a request. HttplogMeanLatencyHigh fires above 0.2 s for 5 minutes.",
                     [(durations.mean(), "mean")], SECONDS, limits=MEAN_BOUNDS),
                stat("p95 latency", "95th percentile of the duration: 5 % of the requests take longer.",
                     [(durations.quantile(0.95), "p95")], SECONDS, limits=TAIL_BOUNDS),
                stat("Errors", "Share of 5xx responses. HttplogErrorRatioHigh fires above 5 % for 5 minutes.",
                     [(failed(), "errors")], SHARE, limits=FAILED_BOUNDS),
                stat("In progress", "Mean number of requests in progress: seconds of requests in a second.",
                     [(durations.part("sum"), "in progress")], NUMBER),
                stat("Alerts", "Firing alerts of this job.", [(firing('job="$job"'), "alerts")], NUMBER, limits=(1, 5)),
            ]),
            ("Rate", [
                graph("Requests by status class",
                      "Requests per second: 2xx success, 3xx redirect, 4xx client error, 5xx server error; other is 1xx, or no status.",
                      [(f"{requests(more=more)} or vector(0)", name) for more, name in CLASSES], REQUESTS, stacked=True),
                graph("Top ten routes", "Requests per second by route.", [(top(requests("route")), "{{route}}")], REQUESTS),
                graph("Requests by method", "Requests per second by HTTP method.", [(requests("method"), "{{method}}")], REQUESTS,
                      stacked=True),
                graph("Requests by instance", "Requests per second by exporter, of which there is one per host.",
                      [(requests("instance"), "{{instance}}")], REQUESTS, stacked=True),
            ]),
            ("Errors", [
                graph("Error ratio", "Share of client errors (4xx) and server errors (5xx).",
                      [(failed(more=CLIENT_ERROR), "4xx"), (failed(), "5xx")], SHARE, limits=FAILED_BOUNDS),
                graph("Error responses by status", "4xx and 5xx responses per second by status.",
                      [(requests("status", ERROR), "{{status}}")], REQUESTS),
                graph("Error ratio by route", "Share of 5xx responses, ten highest routes.",
                      [(top(failed("route")), "{{route}}")], SHARE, limits=FAILED_BOUNDS),
                burn_rate(SOURCE, w=12),
            ]),
            ("Duration", [
                graph("Latency", "Mean, median, 95th and 99th percentile of the duration. Dashed lines: 0.2 s, the alert threshold, "
                      "and 0.5 s.", durations.quantiles("mean", "median", "p95", "p99"), SECONDS, limits=MEAN_BOUNDS),
                heatmap("Latency heat map", "Requests by duration; brighter cells hold more requests.", durations, SECONDS),
                graph("Mean latency by route", "Mean duration, ten highest routes.",
                      [(top(durations.mean("route")), "{{route}}")], SECONDS, limits=MEAN_BOUNDS),
                graph("p95 latency by route", "95th percentile of the duration, ten highest routes.",
                      [(top(durations.quantile(0.95, "route")), "{{route}}")], SECONDS, limits=TAIL_BOUNDS),
                graph("Latency behind nginx", "Mean duration of a request in all, and of its last upstream attempt. The difference is "
                      "the wait for the client and the transfer to it. Needs a format with upstream times.",
                      [(durations.mean(), "request"), (upstream.mean(), "upstream")], SECONDS),
                graph("Bytes sent", "Bytes of responses per second, ten highest routes.",
                      [(top(sizes.part("sum", "route")), "{{route}}")], BYTE_RATE),
                graph("Response size", "Mean, median and 95th percentile of the size of a response.",
                      sizes.quantiles("mean", "median", "p95"), BYTES, w=24),
            ]),
            ("Queue and utilisation", [
                graph("Requests in progress",
                      "Mean number of requests in progress, by log: seconds of requests in a second. In gunicorn's log it is the number "
                      "of busy workers: once it reaches the number of workers, or of their threads, requests wait.",
                      [(everywhere.part("sum", "instance, source"), "{{source}} on {{instance}}")], NUMBER),
                utilisation(everywhere),
                queue_time(),
                unreached(),
                graph("Upstream retries", "Upstream attempts beyond the first, per second. Needs a format with upstream times.",
                      [(rate("httplog_upstream_retries_total", TARGET, "instance, source"), "{{source}} on {{instance}}")], REQUESTS),
            ]),
            ("Routes", [
                table("Routes", "Current requests per second, mean and p95 latency, and share of 5xx responses by route.", ROUTE,
                      [(requests("route"), "Requests", REQUESTS), (durations.mean("route"), "Mean", SECONDS),
                       (durations.quantile(0.95, "route"), "p95", SECONDS), (failed("route"), "Errors", SHARE)], sort="Requests"),
            ]),
            ("Top changes", [
                changes("Change of traffic", "Requests per second against those at the time of comparison, ten largest differences.",
                        f"{now} or 0 * {before}", f"{before} or 0 * {now}", REQUESTS),
                changes("Change of latency", "Mean duration against the one at the time of comparison, ten largest differences.",
                        durations.mean("route"), durations.mean("route", EARLIER), SECONDS),
                changes("Change of errors", "Share of 5xx responses against the one at the time of comparison, ten largest differences.",
                        failed("route"), failed("route", offset=EARLIER), SHARE),
            ]),
        ],
    }
