"""Requests /metrics in each format that has exemplars, and reads them with Prometheus' own Python library, or with Google's
for protobuf.

    exemplars.py URL

Prints a line for each exemplar: the sample and its bound, the exemplar's labels, value and time. Fails if a page is not valid,
or if two formats have other exemplars.
"""

import json
import math
import sys
import urllib.request

from prometheus_client.openmetrics import parser as openmetrics

import protobuf

FORMATS = {
    "application/openmetrics-text;version=1.0.0": openmetrics,
    "application/openmetrics-text;version=0.0.1": openmetrics,
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited": protobuf,
}


def of_text(page):
    for family in openmetrics.text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            if found := sample.exemplar:
                labels = {**sample.labels, "le": float(sample.labels["le"])}
                yield sample.name, labels, found.labels, float(found.value), round(float(found.timestamp), 3)


def of_protobuf(page):
    for family in protobuf.families(page):
        for metric in family.metric:
            for bucket in metric.histogram.bucket:
                if bucket.HasField("exemplar"):
                    found, labels = bucket.exemplar, {pair.name: pair.value for pair in metric.label}
                    time = round(found.timestamp.seconds + found.timestamp.nanos / 1e9, 3)
                    ids = {pair.name: pair.value for pair in found.label}
                    yield f"{family.name}_bucket", {**labels, "le": bucket.upper_bound}, ids, found.value, time


def exemplars(url, accept):
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        page = answer.read()
    found = of_protobuf(page) if FORMATS[accept] is protobuf else of_text(page)
    return sorted(json.dumps(exemplar, sort_keys=True).replace(str(math.inf), '"+Inf"') for exemplar in found)


def main():
    expected = None
    for accept in FORMATS:
        found = exemplars(sys.argv[1], accept)
        if expected not in (None, found):
            raise SystemExit(f"{accept}: {set(found) ^ set(expected)}")
        expected = found
    print("\n".join(expected))


if __name__ == "__main__":
    main()
