#!/usr/bin/env bash
# Compares whole runs of several programs on the same file: CPU time per line, and its ratio to `wc -l`.
# The other programs do not resolve routes, so compare them with the run without routes.
#
#   benches/whole.sh [LOG] [RUNS]
#
# LOG is an nginx-timed log; by default, a million lines are made of the recorded ones. The other programs
# are `wc -l`, `rg -c` with one alternation and `mtail --one_shot`, where they are installed. Each
# round runs every program once, so that a drift of the machine's speed affects all of them. Prints the
# medians of RUNS rounds (5) after a warm-up round. The file is read first, to be in the page cache.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly RUNS=${2:-5}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

log=${1:-}
if [ -z "$log" ]; then
    log=$scratch/access.log
    for _ in $(seq 3334); do cat fixtures/corpora/nginx_timed.log; done >"$log"
fi
cargo build --release --quiet
ours=${CARGO_TARGET_DIR:-target}/release/httplog-exporter

# The programs, by name.
declare -A command=(
    [wc]="wc -l $log"
    [httplog-exporter]="$ours replay --no-routes --pattern nginx-timed --output metrics $log"
    [with-routes]="$ours replay --pattern nginx-timed --output metrics $log"
)
order=(wc httplog-exporter with-routes)
if command -v rg >/dev/null; then
    command[rg]="rg -c (GET|POST|HEAD|PUT|PATCH|DELETE|OPTIONS)\x20/[^\"]*\x20HTTP $log"
    order+=(rg)
fi
if command -v mtail >/dev/null; then
    mkdir "$scratch/progs"
    cat >"$scratch/progs/nginx.mtail" <<'MTAIL'
counter requests by method, status
histogram seconds buckets 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30 by method
/^\S+ - [^\[]+ \[[^\]]+\] "(?P<method>[A-Z]+) \S+ [^"]*" (?P<status>\d{3}) \d+ "[^"]*" "[^"]*" (?P<time>\d+\.\d+) .*$/ {
  requests[$method][$status]++
  seconds[$method] = $time
}
MTAIL
    # A fifth of the file: mtail is slow, and its start-up time is small in comparison.
    head -n "$(($(wc -l <"$log") / 5))" "$log" >"$scratch/fifth.log"
    command[mtail]="mtail --one_shot --progs $scratch/progs --logs $scratch/fifth.log --logtostderr"
    order+=(mtail)
fi

TIMEFORMAT='%3U %3S'
cat "$log" >/dev/null
for round in $(seq 0 "$RUNS"); do
    for name in "${order[@]}"; do
        # User and system seconds of the finished process, to the millisecond, and its peak memory.
        # shellcheck disable=SC2086 # the words of a command line
        { time /usr/bin/time -f %M -o "$scratch/memory" ${command[$name]} >"$scratch/output" 2>&1; } 2>"$scratch/cpu" || {
            cat "$scratch/output" >&2
            exit 1
        }
        [ "$round" -eq 0 ] ||
            printf '%s %s\n' "$(cat "$scratch/cpu")" "$(tail -n 1 "$scratch/memory")" >>"$scratch/$name.times"
    done
done

lines=$(wc -l <"$log")
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
printf '%s lines, %s bytes, medians of %s runs\n\n' "$lines" "$(stat -c %s "$log")" "$RUNS"
printf '%-18s%14s%14s%12s\n' PROGRAM "CPU ns/line" "x wc -l" "peak MiB"
for name in "${order[@]}"; do
    counted=$lines
    [ "$name" != mtail ] || counted=$((lines / 5))
    cpu=$(awk -v lines="$counted" '{ print ($1 + $2) * 1e9 / lines }' "$scratch/$name.times" | median)
    memory=$(awk '{ print $3 / 1024 }' "$scratch/$name.times" | median)
    [ "$name" != wc ] || floor=$cpu
    awk -v name="$name" -v cpu="$cpu" -v floor="$floor" -v memory="$memory" \
        'BEGIN { printf "%-18s%14.0f%14.1f%12.1f\n", name, cpu, cpu / floor, memory }'
done
