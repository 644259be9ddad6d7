"""Compares a page in protobuf, read by Google's library, with the same families in JSON.

    labels.py PROTOBUF JSON

Prints the number of series. Fails if one differs.
"""

import json
import sys
from pathlib import Path

import protobuf


def main():
    page, document = (Path(path).read_bytes() for path in sys.argv[1:])
    found = [(name, labels, value) for name, labels, value in protobuf.samples(page)]
    families = json.loads(document)["families"]
    expected = [
        (family["name"], series["labels"], series["value"]) for family in families for series in family["series"]
    ]
    for one, other in zip(found, expected, strict=True):
        if one != other:
            raise SystemExit(f"{one} is not {other}")
    print(len(found))


if __name__ == "__main__":
    main()
