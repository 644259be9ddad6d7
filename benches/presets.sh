#!/usr/bin/env bash
# Measures the table of presets in docs/configuration.md: nanoseconds per line, all fields read.
#
#   benches/presets.sh [--measured]
#
# Runs the benchmarks of parsing and prints the table; --measured only prints the figures of the last
# run. A figure is the median of criterion's estimates for all lines, divided by their number. Presets
# without recorded lines have no figure.
set -euo pipefail
cd "$(dirname "$0")/.."

[ "${1:-}" = --measured ] || cargo bench --quiet --bench kernels -- '^parse/' >&2
cargo build --release --quiet
target=${CARGO_TARGET_DIR:-target}

printf '| preset | engine | ns a line | fields |\n|---|---|---|---|\n'
while read -r preset; do
    shown=$("$target/release/httplog-exporter" patterns "$preset")
    engine=$(sed -n 's/^engine: //p' <<<"$shown")
    fields=$(sed -n 's/^fields: //p' <<<"$shown")
    folder=$target/criterion/parse/$preset/new
    figure=—
    if [ -f "$folder/estimates.json" ]; then
        figure=$(jq -rn --slurpfile estimates "$folder/estimates.json" --slurpfile bench "$folder/benchmark.json" \
            '$estimates[0].median.point_estimate / $bench[0].throughput.Elements | round')
    fi
    printf '| `%s` | %s | %s | %s |\n' "$preset" "$engine" "$figure" "$fields"
done < <(sed -nE 's/^    "([a-z-]+)",$/\1/p' src/pattern/preset.rs)
