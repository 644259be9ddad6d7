#!/usr/bin/env bash
# Measures the figures of presets in docs/configuration.md: nanoseconds a line of `replay --threads 1`.
#
#   benches/presets.sh PROGRAM [PRESET…]
#
# A preset's recorded log, or its examples if there is none, is repeated to a million lines and counted five times; printed are the
# preset, its engine and the median of the processor times. PROGRAM is a release build.
set -euo pipefail
cd "$(dirname "$0")/.."

program=$(realpath "$1")
shift
[ $# -gt 0 ] || mapfile -t presets < <(sed -nE 's/^    "([a-z-]+)",$/\1/p' src/pattern/preset.rs)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for preset in "${@:-${presets[@]}}"; do
    log=$(sed -nE "s|^    \(\"$preset\", \"(.*)\"\),|\1|p" tests/it/recorded.rs)
    [ -n "$log" ] || log=fixtures/corpora/$preset.log
    if [ ! -f "$log" ]; then
        log=$folder/examples
        sed -nE "s/^line = '''(.*)'''\$/\1/p" "patterns/$preset.toml" > "$log"
    fi
    python3 - "$log" "$folder/million.log" "$program" "$preset" <<'PYTHON'
import os, statistics, subprocess, sys
log, million, program, preset = sys.argv[1:]
lines = open(log, "rb").read().splitlines(keepends=True)
with open(million, "wb") as out:
    for start in range(0, 1_000_000, len(lines)):
        out.writelines(lines[: 1_000_000 - start])
command = [program, "replay", "--threads", "1", "--pattern", preset, "--output", "metrics", million]
def once():
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime
once()
figure = round(statistics.median(once() for _ in range(5)) * 1000)
shown = subprocess.run([program, "patterns", preset], capture_output=True, text=True, check=True).stdout
engine = next(line.split(": ")[1] for line in shown.splitlines() if line.startswith("engine: "))
print(f"{preset} {engine} {figure}", flush=True)
PYTHON
done
