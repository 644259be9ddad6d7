# Runs the guide's blocks one after the other in one shell and asserts their result. It runs in the container, as a
# user who may use sudo.
#
#   bash inside.sh PROJECT
#
# Five blocks are not run as written:
#
# - the Debian package was built outside, and is only installed here;
# - the tarball is another way to install;
# - `demo` runs until it is interrupted, and is stopped once it serves metrics;
# - after the block in which readers set their own values, those of the stand-in receivers are set;
# - Grafana's repository is unreachable: its directories, its group and a unit that only sleeps are created by hand.
#
# Names begin with `guide_` to avoid clashes with those of the blocks.
set -eo pipefail

# Time limit of every wait, in seconds.
readonly guide_patience=90
readonly guide_inbox=/tmp/guide-inbox

guide_main() {
    cd "$1"
    guide_lend "$1"
    guide_policy_free
    local guide_block guide_name
    for guide_block in /guide/blocks/*.sh; do
        guide_name=$(basename "$guide_block" .sh)
        printf '== docs/guide.md, line %d\n' "$((10#$guide_name))"
        sed 's/^/$ /' "$guide_block"
        guide_run "$guide_block"
    done
    guide_assert
}

# Gives the user write access. A reader owns the clone, but here root does. Only files that are written to change their
# owner, as each such file is copied to the overlay.
guide_lend() {
    local guide_target="$1/target" guide_home
    # The directories on the path, not their other contents.
    for guide_home in "$CARGO_HOME" "$RUSTUP_HOME" "$1"; do
        while [ "$guide_home" != / ]; do
            sudo chmod a+rx "$guide_home"
            guide_home=$(dirname "$guide_home")
        done
    done
    sudo chown admin "$1" "$CARGO_HOME" "$CARGO_HOME"/registry "$guide_target" "$guide_target/release"
    sudo find "$CARGO_HOME" -maxdepth 1 -type f -exec chown admin {} +
    sudo find "$guide_target" "$guide_target/release" -maxdepth 1 -type f '(' -name '.*' -o -name '*.d' ')' \
        -exec chown admin {} +
}

# Asserts that services start when their packages are installed, as on any Debian.
guide_policy_free() {
    [ ! -e /usr/sbin/policy-rc.d ] || guide_fail "/usr/sbin/policy-rc.d does not belong to a fresh Debian"
}

guide_run() {
    case "$(cat "$1")" in
        *" demo "*) guide_demo "$1" ;;
        *deploy/debian/build*) . <(grep -v '^deploy/debian/build$' "$1") ;;
        *"install -m 755 httplog-exporter "*) echo "not run: the package is installed" ;;
        *https://apt.grafana.com*) guide_grafana ;;
        *SLACK_URL=*)
            . "$1"
            guide_receivers
            ;;
        *) . "$1" ;;
    esac
}

# --- Blocks that are not run as written -------------------------------------------------------------

guide_demo() {
    local guide_address=
    timeout "$guide_patience" bash "$1" >/tmp/guide-demo 2>&1 &
    local guide_demo=$!
    guide_until grep -qo 'http://[^ ]*' /tmp/guide-demo
    guide_address=$(grep -om 1 'http://[0-9.:]*' /tmp/guide-demo)
    curl -fsS "$guide_address/metrics" | grep '^httplog_exporter_lines_total'
    kill "$guide_demo"
    wait "$guide_demo" || true
}

# Starts stand-ins for Slack and for a mail server, and sets the values that point to them.
guide_receivers() {
    mkdir -p "$guide_inbox"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$guide_inbox/key" -out "$guide_inbox/certificate" 2>/dev/null
    sudo install -m 644 "$guide_inbox/certificate" /usr/local/share/ca-certificates/guide.crt
    sudo update-ca-certificates >/dev/null
    python3 /guide/receivers.py "$guide_inbox" &
    guide_until test -e "$guide_inbox/ready"
    SLACK_URL='http://127.0.0.1:8765/services/A/B/C'
    SLACK_CHANNEL='#rehearsal'
    MAIL_SERVER='localhost:8587'
    MAIL_FROM='alertmanager@example.test'
    MAIL_TO='operators@example.test'
    MAIL_PASSWORD='word'
}

guide_grafana() {
    echo "NOT RUN AS WRITTEN: Grafana's repository is unreachable; directories, group and unit are created by hand"
    sudo groupadd --system grafana
    sudo install -d /var/lib/grafana /etc/grafana/provisioning/{datasources,dashboards,alerting}
    printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' |
        sudo tee /etc/systemd/system/grafana-server.service >/dev/null
    sudo systemctl daemon-reload
}

# --- Assertions at the end --------------------------------------------------------------------------

guide_assert() {
    echo "== Assertions at the end"
    guide_metrics=$(curl -fsS http://127.0.0.1:9914/metrics)
    guide_holds "$guide_metrics" '^httplog_requests_total\{.*route="slow".*source="nginx".*\} [1-9]'
    guide_holds "$guide_metrics" '^httplog_requests_total\{.*route="slow".*source="gunicorn".*\} [1-9]'
    guide_holds "$guide_metrics" '^httplog_exporter_lines_total\{outcome="rejected",source="nginx"\} 0'
    guide_holds "$guide_metrics" '^httplog_queue_duration_seconds_count\{.*\} [1-9]'
    guide_holds "$guide_metrics" '^django_http_responses_total_by_status_total\{.*\} [1-9]'
    guide_until guide_prometheus_has 'sum(httplog_requests_total{job="httplog",source="nginx",route="slow"}) > 0'
    guide_until guide_prometheus_has 'instance_source:httplog_requests:rate5m'
    guide_until guide_alerted slack
    guide_until guide_alerted mail
    guide_holds "$(cat "$guide_inbox"/slack*)" 'A rehearsal'
    guide_holds "$(cat "$guide_inbox"/slack*)" '#rehearsal'
    # The links of a message: the board opens, and no address of the examples is left.
    guide_holds "$(cat "$guide_inbox"/slack*)" 'Board: http://127.0.0.1:9090/consoles/httplog-site.html\?job=httplog'
    guide_holds "$(cat "$guide_inbox"/slack*)" 'Runbook: https://wiki.example.org/runbooks/monitoring.md#httplogmeanlatencyhigh'
    guide_holds "$(curl -fsS 'http://127.0.0.1:9090/consoles/httplog-site.html?job=httplog&source=nginx')" '<h1>Site</h1>'
    guide_rotated
    [ "$(systemctl is-active httplog-exporter)" = active ] || guide_fail "the exporter is not active"
    [ "$(systemctl show --value -p NRestarts httplog-exporter)" = 0 ] || guide_fail "the exporter was restarted"
}

# Rotates gunicorn's log as the guide configures it, and asserts that gunicorn's new log is counted.
guide_rotated() {
    sudo logrotate --force /etc/logrotate.d/gunicorn
    guide_until sudo test -e /var/log/gunicorn/access.log.1
    guide_until guide_counted_after_rotation
}

guide_counted_after_rotation() {
    curl -fsS -o /dev/null http://127.0.0.1/articles/9/ &&
        sudo test -s /var/log/gunicorn/access.log &&
        curl -fsS http://127.0.0.1:9914/metrics |
        grep -E '^httplog_requests_total\{.*route="article",source="gunicorn".*\} ([4-9]|[1-9][0-9])' >/dev/null
}

guide_holds() {
    grep -Eq "$2" <<<"$1" || {
        printf '%s\n' "$1" | tail -n 100
        guide_fail "no match of $2 in the text above"
    }
}

guide_prometheus_has() {
    curl -fsS -G --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query | grep -q '"value":'
}

# Checks for the alert that the slow page raised; the one that the guide sends by hand does not count.
guide_alerted() {
    grep -l 'FIRING.*HttplogMeanLatencyHigh' "$guide_inbox/$1"* | xargs -r grep -L 'A rehearsal' | grep -q .
}

guide_until() {
    local guide_end=$((SECONDS + guide_patience))
    until "$@"; do
        [ "$SECONDS" -lt "$guide_end" ] || guide_fail "timed out after $guide_patience s: $*"
        sleep 0.5
    done
}

guide_fail() {
    printf 'tests/guide/inside.sh: %s\n' "$*" >&2
    exit 1
}

guide_main "$@"
