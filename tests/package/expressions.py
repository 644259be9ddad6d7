#!/usr/bin/env python3
"""Checks that a release build has the tables of Unicode that Django's expressions need.

usage: expressions.py PROGRAM

The tests' own build has all of them: a dependency of the tests turns them on.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

HEAD = {
    "format": "httplog-exporter urlconf", "version": 2, "django": "5.2.19", "script_name": None, "languages": [],
    "otherwise": "en", "fallbacks": {}, "int_digits": 4300, "refusing": [],
}
# An expression, a path that matches it, and one that does not.
CASES = [
    (r"^word/(?P<name>[\w.-]+)/\Z", "/word/été-Ωmega/", "/word/été×/"),
    (r"^digits/(\d+)/\Z", "/digits/١٢3/", "/digits/½/"),
    (r"^space/a\sb/\Z", "/space/a\u2003b/", "/space/a\u200bb/"),
    (r"^(?i:case/É+)/\Z", "/CASE/éÉ/", "/case/e/"),
    (r"^bound/é\b.\Z", "/bound/é-", "/bound/éa"),
    (r"^ahead/(?!draft)\w+/\Z", "/ahead/über/", "/ahead/draft/"),
    (r"^behind/\w+(?<=é)/\Z", "/behind/été/", "/behind/ete/"),
    (r"^again/(\w)\1/\Z", "/again/éé/", "/again/éè/"),
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = Path(sys.argv[1]).resolve()
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        urlconf = Path(folder) / "urlconf.jsonl"
        for at, (expression, *paths) in enumerate(CASES):
            route = {"chain": [["re", expression, {}]], "view": f"view{at}", "route": expression}
            urlconf.write_text("".join(json.dumps(line) + "\n" for line in (HEAD, route, {"end": 1})))
            for path, matches in zip(paths, (True, False)):
                command = [program, "routes", "--urlconf", urlconf, quote(path)]
                ended = subprocess.run(command, capture_output=True, text=True)
                if ended.returncode != (0 if matches else 1):
                    faults.append(f"{expression} and {path}: {ended.stdout}{ended.stderr}")
    for fault in faults:
        print(f"expressions.py: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
