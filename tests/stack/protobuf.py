"""Reads pages of Prometheus' protobuf format with Google's library.

The fields are those of https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto.
"""

import itertools
import math

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2, unknown_fields

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
                # A reader takes both forms; this one is shorter.
                field.options.packed = kind != plain
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.MetricFamily"))


MetricFamily = _family_class()


def _has_unknown(message):
    """Returns whether a message has a field that is not known."""
    fields = [value for field, value in message.ListFields() if field.message_type]
    inner = itertools.chain.from_iterable([value] if hasattr(value, "ListFields") else value for value in fields)
    return len(unknown_fields.UnknownFieldSet(message)) > 0 or any(map(_has_unknown, inner))


def families(page):
    """Yields the families of a page. Fails if one has no series, has a field that is not known, or is not encoded as Google's
    library does it.
    """
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
        encoded = page[at : at + length]
        family = MetricFamily.FromString(encoded)
        if not family.metric or _has_unknown(family) or family.SerializeToString() != encoded:
            raise SystemExit(f"{family.name}: no series, an unknown field, or another encoding")
        at += length
        yield family


def native_buckets(histogram):
    """Returns the observations of each native bucket by its index."""
    counts = list(itertools.accumulate(histogram.positive_delta))
    indices, index = [], 0
    for span in histogram.positive_span:
        index += span.offset
        indices += range(index, index + span.length)
        index += span.length
    if len(indices) != len(counts) or min(counts, default=1) <= 0:
        raise SystemExit(f"spans and deltas do not go together: {histogram}")
    return dict(zip(indices, counts))


def check_native(name, histogram):
    """Fails unless the native buckets hold the observations of the classic ones. Returns whether there are any."""
    if not histogram.HasField("schema"):
        return False
    if not 0 <= histogram.schema <= 3 or histogram.zero_threshold != 2.0**-128:
        raise SystemExit(f"{name}: {histogram}")
    buckets = native_buckets(histogram)
    if histogram.zero_count + sum(buckets.values()) != histogram.sample_count or len(buckets) > 160:
        raise SystemExit(f"{name}: {histogram.sample_count} observations, but {histogram.zero_count} and {buckets}")
    factor = 2.0**-histogram.schema
    for bucket in histogram.bucket:
        within = [count for index, count in buckets.items() if 2.0 ** (index * factor) <= bucket.upper_bound]
        begun = [count for index, count in buckets.items() if 2.0 ** ((index - 1) * factor) < bucket.upper_bound]
        least, most = histogram.zero_count + sum(within), histogram.zero_count + sum(begun)
        if not least <= bucket.cumulative_count <= most:
            raise SystemExit(f"{name}: {bucket.cumulative_count} up to {bucket.upper_bound}, not {least} to {most}")
    return True


def natives(page):
    """Returns the number of native histograms of a page, each of which is checked."""
    all_families = [family for family in families(page) if TYPES[family.type] == "HISTOGRAM"]
    return sum(check_native(family.name, metric.histogram) for family in all_families for metric in family.metric)


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
