"""Reads pages of Prometheus' protobuf format with Google's library.

The fields are those of https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto.
"""

import math

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

PACKAGE = "io.prometheus.client"
TYPES = ["COUNTER", "GAUGE", "SUMMARY", "UNTYPED", "HISTOGRAM", "GAUGE_HISTOGRAM"]
# Of each message its fields: name, number, type; `*` stands before the type of a repeated one.
MESSAGES = {
    "LabelPair": [("name", 1, "string"), ("value", 2, "string")],
    "Gauge": [("value", 1, "double")],
    "Counter": [("value", 1, "double"), ("exemplar", 2, ".Exemplar"), ("start_timestamp", 3, "time")],
    "Untyped": [("value", 1, "double")],
    "Histogram": [
        ("sample_count", 1, "uint64"), ("sample_count_float", 4, "double"), ("sample_sum", 2, "double"),
        ("bucket", 3, "*.Bucket"), ("start_timestamp", 15, "time"), ("schema", 5, "sint32"),
        ("zero_threshold", 6, "double"), ("zero_count", 7, "uint64"), ("zero_count_float", 8, "double"),
        ("negative_span", 9, "*.BucketSpan"), ("negative_delta", 10, "*sint64"), ("negative_count", 11, "*double"),
        ("positive_span", 12, "*.BucketSpan"), ("positive_delta", 13, "*sint64"), ("positive_count", 14, "*double"),
        ("exemplars", 16, "*.Exemplar"),
    ],
    "Bucket": [
        ("cumulative_count", 1, "uint64"), ("cumulative_count_float", 4, "double"), ("upper_bound", 2, "double"),
        ("exemplar", 3, ".Exemplar"),
    ],
    "BucketSpan": [("offset", 1, "sint32"), ("length", 2, "uint32")],
    "Exemplar": [("label", 1, "*.LabelPair"), ("value", 2, "double"), ("timestamp", 3, "time")],
    "Metric": [
        ("label", 1, "*.LabelPair"), ("gauge", 2, ".Gauge"), ("counter", 3, ".Counter"), ("untyped", 5, ".Untyped"),
        ("histogram", 7, ".Histogram"), ("timestamp_ms", 6, "int64"),
    ],
    "MetricFamily": [
        ("name", 1, "string"), ("help", 2, "string"), ("type", 3, "MetricType"), ("metric", 4, "*.Metric"),
        ("unit", 5, "string"),
    ],
}


def _family_class():
    field_types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="metrics.proto", package=PACKAGE, syntax="proto2", dependency=["google/protobuf/timestamp.proto"]
    )
    kinds = file.enum_type.add(name="MetricType")
    for number, name in enumerate(TYPES):
        kinds.value.add(name=name, number=number)
    for message, fields in MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind in fields:
            plain = kind.removeprefix("*")
            field = described.field.add(name=name, number=number)
            field.label = field_types.LABEL_REPEATED if kind != plain else field_types.LABEL_OPTIONAL
            if plain == "time":
                field.type, field.type_name = field_types.TYPE_MESSAGE, ".google.protobuf.Timestamp"
            elif plain == "MetricType":
                field.type, field.type_name = field_types.TYPE_ENUM, f".{PACKAGE}.MetricType"
            elif plain.startswith("."):
                field.type, field.type_name = field_types.TYPE_MESSAGE, f".{PACKAGE}{plain}"
            else:
                field.type = getattr(field_types, f"TYPE_{plain.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.MetricFamily"))


MetricFamily = _family_class()


def families(page):
    """Yields the families of a page. Fails if one has a field that is not known, or no series."""
    at = 0
    while at < len(page):
        length = shift = 0
        while True:
            byte = page[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        family = MetricFamily.FromString(page[at : at + length])
        if family.ByteSize() > length or not family.metric:
            raise SystemExit(f"{family.name}: {length} bytes, of which {family.ByteSize()} are known")
        at += length
        yield family


def samples(page):
    """Yields the name, the labels and the value of each sample, as Prometheus makes them of a page."""
    for family in families(page):
        kind = TYPES[family.type]
        for metric in family.metric:
            labels = {pair.name: pair.value for pair in metric.label}
            if kind == "COUNTER":
                yield family.name, labels, metric.counter.value
            elif kind == "GAUGE":
                yield family.name, labels, metric.gauge.value
            elif kind == "HISTOGRAM":
                histogram = metric.histogram
                counts = {bucket.upper_bound: bucket.cumulative_count for bucket in histogram.bucket}
                if sorted(counts) != list(counts):
                    raise SystemExit(f"{family.name}: the bounds are not ascending")
                for bound, count in {**counts, math.inf: histogram.sample_count}.items():
                    yield f"{family.name}_bucket", {**labels, "le": str(float(bound))}, count
                yield f"{family.name}_sum", labels, histogram.sample_sum
                yield f"{family.name}_count", labels, histogram.sample_count
            else:
                raise SystemExit(f"{family.name}: {kind}")
