"""The board "Django": the metrics of django-prometheus, by view and method."""

from panels import (
    BYTES, ERROR, FAILED, FAILED_BOUNDS, MEAN_BOUNDS, NUMBER, REQUESTS, SECONDS, SHARE, SUCCESS, TAIL_BOUNDS, TARGET, Histogram,
    burn_rate, firing, graph, heatmap, instance, job, queue_time, rate, ratio, stat, table, top, unreached, variable,
)

ALL = "django_http_responses_before_middlewares_total"
RESPONSES = "django_http_responses_total_by_status_view_method_total"
SELECTED = f'{TARGET},view=~"$view",method=~"$method"'


def responses(by="", more=""):
    return rate(RESPONSES, SELECTED + more, by)


def share(by="", more=FAILED):
    return ratio(responses(by, more), responses(by))


def board(native):
    latency = Histogram("django_http_requests_latency_seconds_by_view_method", SELECTED, native)
    sizes = Histogram("django_http_responses_body_total_bytes", TARGET, native)
    return {
        "file": "django",
        "title": "Django",
        "description": "A Django site by view and method: traffic, latency, errors. The metrics have the names of "
        "django-prometheus and come from the access log (set `django` of httplog-exporter).",
        "variables": [
            job(ALL),
            instance(ALL),
            variable("view", "View", f"{RESPONSES}{{{TARGET}}}", "The view that Django resolved the path to"),
            variable("method", "Method", f'{RESPONSES}{{{TARGET},view=~"$view"}}', "The HTTP method"),
        ],
        "rows": [
            ("Now", [
                stat("Requests", "Requests per second of the selected views.", [(responses(), "requests")], REQUESTS),
                stat("Mean latency", "Mean response time. HttplogMeanLatencyHigh fires above 0.2 s for 5 minutes.",
                     [(latency.mean(), "mean")], SECONDS, limits=MEAN_BOUNDS),
                stat("p95 latency", "95th percentile of the response time: 5 % of the requests take longer.",
                     [(latency.quantile(0.95), "p95")], SECONDS, limits=TAIL_BOUNDS),
                stat("Success", "Share of 2xx and 3xx responses. The remainder is 4xx and 5xx.",
                     [(share(more=SUCCESS), "success")], SHARE, limits=(0.9, 0.99), low_is_bad=True),
                stat("Errors", "Share of 5xx responses. HttplogErrorRatioHigh fires above 5 % for 5 minutes.",
                     [(share(), "errors")], SHARE, limits=FAILED_BOUNDS),
                stat("Alerts", "Firing alerts of this job.", [(firing('job="$job"'), "alerts")], NUMBER, limits=(1, 5)),
            ]),
            ("Traffic", [
                graph("Requests by method", "Requests per second by HTTP method.", [(responses("method"), "{{method}}")], REQUESTS,
                      stacked=True),
                graph("Responses by status class",
                      "Responses per second: 2xx success, 3xx redirect, 4xx client error, 5xx server error.",
                      [(responses(more=f',status=~"{one}.."') + " or vector(0)", f"{one}xx") for one in (2, 3, 4, 5)], REQUESTS,
                      stacked=True),
                graph("Top ten views", "Requests per second by view.", [(top(responses("view")), "{{view}}")], REQUESTS),
                graph("Mean response size", "Mean size of a response body over all views.", [(sizes.mean(), "mean")], BYTES),
            ]),
            ("Latency", [
                graph("Mean latency by view and method", "Mean response time. Dashed lines: 0.2 s, the alert threshold, and 0.5 s.",
                      [(top(latency.mean("view, method")), "{{method}} {{view}}")], SECONDS, limits=MEAN_BOUNDS),
                graph("p95 latency by view and method",
                      "95th percentile of the response time, interpolated within a histogram bucket.",
                      [(top(latency.quantile(0.95, "view, method")), "{{method}} {{view}}")], SECONDS, limits=TAIL_BOUNDS),
                graph("Latency of the selected views", "Mean, median, 95th and 99th percentile of the response time.",
                      latency.quantiles("mean", "median", "p95", "p99"), SECONDS, limits=MEAN_BOUNDS),
                heatmap("Latency heat map", "Responses by duration; brighter cells hold more responses.", latency, SECONDS),
                table("Views", "Current requests per second, mean and p95 latency, and share of 5xx responses by view and method.",
                      [("view", "View"), ("method", "Method")],
                      [(responses("view, method"), "Requests", REQUESTS), (latency.mean("view, method"), "Mean", SECONDS),
                       (latency.quantile(0.95, "view, method"), "p95", SECONDS), (share("view, method"), "Errors", SHARE)],
                      sort="Mean"),
            ]),
            ("Errors", [
                graph("Error ratio by view", "Share of 5xx responses, ten highest views.", [(top(share("view")), "{{view}}")], SHARE,
                      limits=FAILED_BOUNDS),
                graph("Error responses by status", "4xx and 5xx responses per second by status.",
                      [(responses("status", ERROR), "{{status}}")], REQUESTS),
                burn_rate(TARGET),
            ]),
            ("nginx and gunicorn together", [queue_time(), unreached()]),
        ],
    }
