#!/usr/bin/env python3
"""Checks what a Debian package contains, without installing it.

usage: contents.py PACKAGE [--release]

Every link of the installed documentation leads to an installed file; files that its commands name are installed; the
binary is stripped; lintian reports neither errors nor warnings. With --release, sizes are checked, too: a package of the
profile `dev` is larger. Needs dpkg-deb, readelf and lintian.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Bounds a little above what they are: 3.5 MB of the package are the binary, 0.5 MB the documentation and all else.
PACKAGE_BYTES = 4_000_000
BINARY_BYTES = 11_500_000
DOCUMENTS = "usr/share/doc/httplog-exporter"
SHARED = "usr/share/httplog-exporter"
# Pages about building and about the sources: they name files of the project that no package has.
ABOUT_SOURCES = ("ARCHITECTURE.md", "CONTRIBUTING.md")

faults = []


def targets(text):
    """Returns the targets of a page's links and pictures, outside code, that are not addresses."""
    text = re.sub(r"(?ms)^```.*?^```$", "", text)
    text = re.sub(r"`[^`\n]*`", "", text)
    found = re.findall(r"\]\(([^)\s]*)\)", text) + re.findall(r"(?m)^\[[^\]]*\]: (\S+)$", text)
    return [target for target in found if "://" not in target and not target.startswith("mailto:")]


def check_links(tree):
    seen = 0
    for page in sorted((tree / DOCUMENTS).rglob("*.md")):
        for target in targets(page.read_text()):
            path = target.split("#")[0]
            if not path:
                continue
            seen += 1
            leads = (page.parent / path).resolve()
            if not (leads.exists() and leads.is_relative_to(tree)):
                faults.append(f"{page.relative_to(tree)}: {target} is not installed")
    if seen < 250:
        faults.append(f"only {seen} links in {DOCUMENTS}")


def check_names(tree):
    """Checks paths that are written as code: those of the system, and those in /usr/share/httplog-exporter."""
    seen = 0
    for page in sorted((tree / DOCUMENTS).rglob("*.md")):
        if page.name in ABOUT_SOURCES:
            continue
        for word in re.findall(r"(?<![\w./])(?:/usr/share/|(?:deploy|systemd|patterns|metrics)/)[\w./*-]*", page.read_text()):
            path = word.rstrip(".")
            # They build, or are for containers, and are not installed; the rest are other packages' files.
            outside = ("deploy/debian", "deploy/release", "deploy/kubernetes", "deploy/compose", "/usr/share/")
            if path.startswith(outside) and "httplog-exporter" not in path:
                continue
            place = path.lstrip("/") if path.startswith("/") else f"{SHARED}/{path}"
            seen += 1
            if not list(tree.glob(place.rstrip("/"))):
                faults.append(f"{page.relative_to(tree)}: {word} is not installed")
    if seen < 60:
        faults.append(f"only {seen} names of files in {DOCUMENTS}")


def check_modes(tree):
    for path in tree.rglob("*"):
        mode = path.stat().st_mode & 0o7777
        wanted = 0o755 if path.is_dir() or path.parent.name == "bin" else 0o644
        if mode != wanted:
            faults.append(f"{path.relative_to(tree)}: mode {mode:o} instead of {wanted:o}")


def check_binary(tree, package, is_release):
    binary = tree / "usr/bin/httplog-exporter"
    sections = subprocess.run(["readelf", "--wide", "--sections", binary], check=True, capture_output=True, text=True)
    for name in (".symtab", ".debug_line", ".debug_info"):
        if f" {name} " in sections.stdout:
            faults.append(f"the binary has the section {name}")
    for what, path, most in (("package", package, PACKAGE_BYTES), ("binary", binary, BINARY_BYTES)):
        size = path.stat().st_size
        print(f"{what}: {size:,} bytes")
        if is_release and size > most:
            faults.append(f"the {what} has {size:,} bytes, more than {most:,}")


def check_lintian(package):
    # As root, lintian warns of that.
    command = ["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", package]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ended.returncode != 0:
        faults.append(f"lintian:\n{ended.stdout}")


def main():
    package, *options = sys.argv[1:]
    if options not in ([], ["--release"]):
        sys.exit(__doc__)
    package = Path(package).resolve()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve()
        subprocess.run(["dpkg-deb", "--extract", package, tree], check=True)
        check_links(tree)
        check_names(tree)
        # The directory itself is private.
        check_modes(tree)
        check_binary(tree, package, bool(options))
    check_lintian(package)
    for fault in faults:
        print(f"contents.py: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
