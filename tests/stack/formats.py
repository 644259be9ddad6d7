"""Requests /metrics in each format, parses it with Prometheus' own Python library, or with Google's for protobuf, and
compares the samples.

    formats.py URL

Prints a line for each format: its Content-Type, the number of samples that it shares with the text format, and the number of
native histograms. Fails if a page is not valid, or if the two have other samples. Those of the exporter itself may differ
between two scrapes.
"""

import re
import sys
import urllib.request

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as text

import protobuf

# As Prometheus 2.42 and 3 send it.
FORMATS = {
    "text/plain;version=0.0.4": text,
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5": text,
    "application/openmetrics-text;version=0.0.1": openmetrics,
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": openmetrics,
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2": openmetrics,
    # 2.42 and 3 with native histograms.
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1": protobuf,
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1": protobuf,
}


def text_samples(page, parser):
    page = page.decode()
    names = {re.split("[{ ]", line, maxsplit=1)[0] for line in page.splitlines() if not line.startswith("#")}
    for family in parser.text_string_to_metric_families(page):
        for sample in family.samples:
            # The parser of the text format gives every counter this suffix.
            name = sample.name if sample.name in names else sample.name.removesuffix("_total")
            # A bound in its canonical form: those of the set `nginxlog` may be whole numbers in texts.
            bound = {"le": str(float(sample.labels["le"]))} if "le" in sample.labels else {}
            yield name, sample.labels | bound, sample.value


def samples(url, accept):
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        page = answer.read()
        kind = answer.headers["Content-Type"]
    parser = FORMATS[accept]
    found = {}
    for name, labels, value in protobuf.samples(page) if parser is protobuf else text_samples(page, parser):
        key = (name, tuple(sorted(labels.items())))
        if key in found:
            raise SystemExit(f"{accept}: two samples {key}")
        found[key] = value
    if not found:
        raise SystemExit(f"{accept}: no samples")
    native = protobuf.natives(page) if parser is protobuf else 0
    return kind, native, {key: value for key, value in found.items() if not key[0].startswith(("httplog_exporter_", "process_"))}


def main():
    url = sys.argv[1]
    expected = None
    for accept in FORMATS:
        kind, native, found = samples(url, accept)
        if expected is None:
            expected = found
        elif found != expected:
            differ = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
            raise SystemExit(f"{accept}: {len(differ)} samples differ, such as {differ[0]}")
        print(f"{kind}\t{len(found)}\t{native}")


if __name__ == "__main__":
    main()
