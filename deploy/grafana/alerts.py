"""Alerts for Grafana-managed alerting: a selection of the alerts in `deploy/prometheus/rules`.

They query the recording rules, and have the same names and thresholds. Use either these or Alertmanager, not both: Grafana
does not inhibit one alert by another, so only those are here that do not follow from each other.
Annotations must not contain `$`, which Grafana would expand from its environment.
"""

WHERE = "({{ .Labels.source }} on {{ .Labels.instance }})"
SITE = "instance_source:httplog_"
DURATION = SITE + "request_duration_seconds"
REQUESTS = f"{SITE}requests:rate5m"
# Leaves out sources behind another.
FRONTS = 'unless on (job, instance, source) last_over_time(httplog_exporter_source_info{behind!=""}[10m])'
LINES = "instance_source:httplog_exporter_lines:increase30m"
# The directory of the runbooks: replace it by the address at which your team reads docs/monitoring.md.
RUNBOOKS = "https://runbooks.example.org/httplog-exporter/monitoring.md"

ALERTS = [
    {
        "uid": "mean-latency",
        "title": "HttplogMeanLatencyHigh",
        "ask": [f"{DURATION}:mean5m and {REQUESTS} > 0.05 {FRONTS}"],
        "is": (">", 0.2),
        "for": "5m",
        "severity": "warning",
        "summary": f"Requests take over 0.2 s on average {WHERE}",
    },
    {
        "uid": "p95-latency",
        "title": "HttplogP95LatencyHigh",
        "ask": [f"{DURATION}:p95_5m and {REQUESTS} > 0.05 {FRONTS}"],
        "is": (">", 0.5),
        "for": "10m",
        "severity": "warning",
        "summary": f"One request in 20 takes over 0.5 s {WHERE}",
    },
    {
        "uid": "error-ratio",
        "title": "HttplogErrorRatioHigh",
        "ask": [f"{SITE}requests_failed:ratio_rate5m and {REQUESTS} > 0.05 {FRONTS}"],
        "is": (">", 0.05),
        "for": "5m",
        "severity": "warning",
        "summary": f"More than 5 % of the requests fail {WHERE}",
    },
    {
        "uid": "success-ratio",
        "title": "HttplogSuccessRatioLow",
        "ask": [f"{SITE}requests_succeeded:ratio_rate5m and {REQUESTS} > 0.05 {FRONTS}"],
        "is": ("<", 0.9),
        "for": "15m",
        "severity": "warning",
        "summary": f"Fewer than 90 % of the requests succeed {WHERE}",
    },
    {
        "uid": "burn-fast",
        "title": "HttplogErrorBudgetBurnFast",
        "ask": [
            f"{SITE}slo_failed:ratio_rate1h and {SITE}slo_failed:increase1h >= 10",
            f"{SITE}slo_failed:ratio_rate5m",
        ],
        "is": (">", 0.0144),
        "for": "2m",
        "severity": "critical",
        "summary": f"At this rate the 30-day error budget is used up in two days {WHERE}",
    },
    {
        "uid": "burn-slow",
        "title": "HttplogErrorBudgetBurnSlow",
        "ask": [f"{SITE}slo_failed:ratio_rate1d", f"{SITE}slo_failed:ratio_rate2h"],
        "is": (">", 0.003),
        "for": "15m",
        "severity": "warning",
        "summary": f"At this rate the 30-day error budget is used up in ten days {WHERE}",
    },
    {
        "uid": "no-traffic",
        "title": "HttplogNoTraffic",
        "ask": [
            "sum without (outcome) (increase(httplog_exporter_lines_total[10m])) "
            f"and {LINES} offset 1d >= 30 and {LINES} offset 23h30m >= 30 unless {LINES} offset 1w < 30 {FRONTS}"
        ],
        "is": ("<", 1),
        "for": "5m",
        "severity": "critical",
        "summary": f"No requests for 15 minutes {WHERE}",
    },
    {
        "uid": "exporter-down",
        "title": "HttplogExporterDown",
        "ask": ['up{job=~"httplog|django"}'],
        "is": ("<", 1),
        "for": "5m",
        "no_data": "Alerting",
        "severity": "critical",
        "summary": "Prometheus cannot scrape {{ .Labels.instance }}",
    },
    {
        "uid": "exporter-lagging",
        "title": "HttplogExporterLagging",
        "ask": ["httplog_exporter_lag_seconds"],
        "is": (">", 60),
        "for": "5m",
        "severity": "warning",
        "summary": f"The exporter is more than a minute behind the log {WHERE}",
    },
    {
        "uid": "exporter-rejecting",
        "title": "HttplogExporterRejectingLines",
        "ask": [
            "sum without (reason) (rate(httplog_exporter_rejected_lines_total[10m])) "
            "/ (sum without (outcome) (rate(httplog_exporter_lines_total[10m])) > 0) "
            "and sum without (reason) (increase(httplog_exporter_rejected_lines_total[10m])) >= 10"
        ],
        "is": (">", 0.01),
        "for": "10m",
        "severity": "warning",
        "summary": f"More than 1 % of the lines are rejected {WHERE}",
    },
    {
        "uid": "exporter-gap",
        "title": "HttplogExporterGap",
        "ask": ['increase(httplog_exporter_gap_events_total{reason!="copytruncate"}[15m])'],
        "is": (">", 0),
        "for": "0s",
        "severity": "warning",
        "summary": f"Lines may have been lost: {{{{ .Labels.reason }}}} {WHERE}",
    },
]
