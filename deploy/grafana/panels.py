"""Kinds of panels, units, and the queries that boards share.

A query has the variables of its board (`$job`, `$instance`, …), each as the whole value of a matcher: a console replaces
the matcher. `RATE` stands for the range of a rate, which follows from the resolution of a graph.
"""

RATE = "[$__rate_interval]"
TARGET = 'job="$job",instance=~"$instance"'

# Units, one for each kind of quantity; bytes are multiples of 1024.
REQUESTS, LINES, BYTE_RATE = "reqps", "cps", "binBps"
SECONDS, BYTES, SHARE, NUMBER = "s", "bytes", "percentunit", "short"

# Bounds of warning and critical: of a mean latency, of high percentiles, of the share of failed requests.
MEAN_BOUNDS, TAIL_BOUNDS, FAILED_BOUNDS = (0.2, 0.5), (0.5, 1), (0.01, 0.05)
FAILED, CLIENT_ERROR, ERROR, SUCCESS = (f',status=~"{one}.."' for one in ("5", "4", "[45]", "[23]"))

JOB_OF = "The scrape job of Prometheus"
INSTANCE_OF = "The exporter, one per host"


def stat(title, description, targets, unit, w=4, **more):
    return {"type": "stat", "h": 4, "w": w, **common(title, description, targets, unit), **more}


def graph(title, description, targets, unit, w=12, **more):
    return {"type": "timeseries", "h": 8, "w": w, **common(title, description, targets, unit), **more}


def heatmap(title, description, histogram, unit, w=12):
    """The requests by duration: of classic buckets a series each, of native ones the histogram itself."""
    target = (histogram.increase(), "requests" if histogram.native else "{{le}}")
    return {"type": "heatmap", "h": 8, "w": w, **common(title, description, [target], unit)}


def table(title, description, keys, columns, sort, w=24, h=10):
    """A row for each combination of the labels `keys`, (label, heading); `columns` are (query, heading, unit)."""
    targets = [(expr, heading) for expr, heading, _ in columns]
    more = {"keys": keys, "columns": columns, "sort": sort}
    return {"type": "table", "h": h, "w": w, **common(title, description, targets, NUMBER), **more}


def common(title, description, targets, unit):
    return {"title": title, "description": description, "targets": targets, "unit": unit}


def variable(name, label, of, description, several=True):
    """A variable with the values of the label `name` in the series `of`."""
    return {"name": name, "label": label, "of": of, "description": description, "several": several}


def choice(name, label, values, description):
    """A variable with fixed values, of which the first is preselected."""
    return {"name": name, "label": label, "values": values, "description": description}


def job(of):
    return variable("job", "Job", of, JOB_OF, several=False)


def instance(of):
    return variable("instance", "Instance", f'{of}{{job="$job"}}', INSTANCE_OF)


def total(expr, by=""):
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


def rate(name, labels, by="", offset=""):
    """The rate of a counter, summed up by labels. `offset` is a modifier, as in ` offset 1d`."""
    return total(f"rate({name}{{{labels}}}{RATE}{offset})", by)


def ratio(part, whole):
    """A ratio that is 0 rather than absent while `part` has no series."""
    return f"(({part}) or 0 * ({whole})) / (({whole}) > 0)"


def top(expr, count=10):
    return f"topk({count}, {expr})"


def firing(labels):
    return f'count(ALERTS{{{labels},alertstate="firing"}}) or vector(0)'


class Histogram:
    """A histogram as Prometheus stores it: a series for each classic bucket, or native ones."""

    def __init__(self, name, labels, native):
        self.name, self.labels, self.native = name, labels, native

    def buckets(self, by="", offset=""):
        """The rates that quantiles are computed from."""
        if self.native:
            return rate(self.name, self.labels, by, offset)
        return rate(f"{self.name}_bucket", self.labels, f"le, {by}" if by else "le", offset)

    def increase(self):
        return self.buckets().replace("rate(", "increase(")

    def part(self, part, by="", offset=""):
        """The rate of the observations (`count`) or of their values (`sum`)."""
        if self.native:
            return f"histogram_{part}({self.buckets(by, offset)})"
        return rate(f"{self.name}_{part}", self.labels, by, offset)

    def mean(self, by="", offset=""):
        return f"{self.part('sum', by, offset)} / ({self.part('count', by, offset)} > 0)"

    def quantile(self, q, by=""):
        return f"histogram_quantile({q}, {self.buckets(by)})"

    def quantiles(self, *names):
        """A target for each of these: mean, median, p95, p99."""
        of = {"median": 0.5, "p95": 0.95, "p99": 0.99}
        return [(self.quantile(of[name]) if name in of else self.mean(), name) for name in names]


def utilisation(durations):
    """The share of gunicorn's workers that are busy, from the durations of all sources."""
    by = "instance, source"
    busy, capacity = durations.part("sum", by), total(f"httplog_worker_capacity{{{TARGET}}}", by)
    return graph(
        "Worker utilisation",
        "Share of the workers that handle requests: seconds of requests in a second, divided by workers × threads. Above 1, requests that "
        "took longer than the range of the rate have ended. HttplogWorkersSaturated fires above 80 % for a minute. Needs [capacity].",
        [(f"{busy} / on ({by}) {capacity}", "{{source}} on {{instance}}")], SHARE, limits=(0.8, 1), w=24)


def queue_time():
    """The wait for a worker. Metrics of joined logs have no native histograms."""
    return graph(
        "Queue time",
        "Time between nginx passing a request on and a worker handling it. Needs joined logs.",
        Histogram("httplog_queue_duration_seconds", TARGET, native=False).quantiles("median", "p95", "p99"),
        SECONDS, limits=(0.2, 1))


def unreached():
    return graph(
        "Requests that never reached Django",
        "Per second, by reason: static files, rate limits, disconnected clients; bad_gateway and timeout (502, 504) are "
        "failures. Needs joined logs.",
        [(rate("httplog_unreached_requests_total", TARGET, "reason"), "{{reason}}")], REQUESTS)


def burn_rate(labels, w=24):
    """The burn rate of the error budget, from the recording rules of `slo.yml`."""
    windows = (("1 hour", "1h"), ("6 hours", "6h"), ("1 day", "1d"), ("3 days", "3d"))
    return graph(
        "Error budget burn rate",
        "At 1, the error budget (0.1 % of the requests of 30 days) lasts 30 days; at 14.4, two days. Of several sources, the highest.",
        [(f"max(instance_source:httplog_slo_failed:ratio_rate{window}{{{labels}}}) / 0.001", name) for name, window in windows],
        NUMBER, limits=(1, 14.4), w=w)
