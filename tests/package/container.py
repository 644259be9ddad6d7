#!/usr/bin/env python3
"""Tests the Debian package in a booted Debian with systemd, nginx and logrotate.

usage: container.py TREE PACKAGE

TREE is a Debian with systemd, logrotate and procps, and with nginx and curl in apt's cache, as tests/debian creates
it; it is not changed. PACKAGE is installed, upgraded, removed and purged in it. Every step prints a line; the first
failure ends the program with an error. Needs root for systemd-nspawn and nsenter.
"""

import itertools
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

THOUSAND = 1000
CALLS = itertools.count()
DEADLINE = 40.0  # time limit of every wait in seconds, generous for a slow machine
BOUND = 1.3  # highest exposure by `systemd-analyze security`: 0 is none, 10 that of a unit without sandboxing
UNIT = "httplog-exporter.service"
SOCKET = "httplog-exporter-activation.socket"
LOG = "/var/log/nginx/access.log"
CONFIG = "/etc/httplog-exporter/config.toml"
STATE = "/var/lib/private/httplog-exporter"
DROP_IN = f"/run/systemd/system/{UNIT}.d"
CLOCK = "/usr/lib/clock.so"  # `clock.c`, where the unit's sandbox allows code
FURTHER = '\n[[source]]\nname = "further"\npaths = ["/var/log/nginx/further.log"]\npattern = "nginx-combined"\n'


class Container:
    """A booted tree. Changes are kept in memory, over reboots too, and discarded at the end."""

    def __init__(self, tree, packages):
        self.memory = Path(tempfile.mkdtemp())
        mount("-t", "tmpfs", "tmpfs", self.memory)
        upper, work, root = (self.memory / name for name in ("upper", "work", "root"))
        for folder in (upper, work, root):
            folder.mkdir(mode=0o755)
        mount("-t", "overlay", "overlay", "-o", f"lowerdir={tree},upperdir={upper},workdir={work}", root)
        self.command = [
            "systemd-nspawn", f"--directory={root}", f"--machine=httplog-exporter-{os.getpid()}",
            "--boot", "--register=no", "--keep-unit", "--quiet", "--private-network",
            "--console=pipe", f"--bind-ro={packages}:/packages",
        ]
        self.sent = 0  # requests since the installation
        self.before = set()  # paths named like the package before its installation
        try:
            self._boot()
        except BaseException:
            self.stop()
            raise

    def _boot(self):
        self.leader = None
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output, start_new_session=True,
        )
        self.leader = until("a container", self._find_leader)
        until("a booted system", self._is_up)

    def _find_leader(self):
        if self.process.poll() is not None:
            self.output.seek(0)
            said = self.output.read().decode(errors="replace")
            raise SystemExit(f"systemd-nspawn ended: {said.strip() or self.process.returncode}")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            # The system's init is process 1 of its namespace; another child only prepares the container.
            try:
                status = Path(f"/proc/{child}/status").read_text()
            except OSError:
                continue
            if re.search(r"(?m)^NSpid:\t\d+\t1$", status):
                return child
        return None

    def reboot(self):
        """Shuts the system down, and boots it again. systemd-nspawn's own way of it needs a /run in memory."""
        self._shut_down()
        self._boot()

    def _is_up(self):
        state = self.run("systemctl", "is-system-running", check=False).strip()
        return state in ("running", "degraded")

    def run(self, *command, check=True):
        """Runs a command inside and returns its standard output and error."""
        ended = subprocess.run(
            ["nsenter", "-t", self.leader, "-m", "-u", "-i", "-n", "-p", "-C", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )
        if check and ended.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ended with {ended.returncode}: {ended.stdout}")
        return ended.stdout

    def shell(self, script, check=True):
        return self.run("sh", "-euc", script, check=check)

    def has(self, path):
        """Returns whether a path exists; a dangling link counts."""
        return self.shell(f"if [ -e '{path}' ] || [ -L '{path}' ]; then echo yes; fi").strip() == "yes"

    def show(self, name):
        return self.run("systemctl", "show", "--value", f"--property={name}", UNIT).strip()

    def _shut_down(self):
        if self.leader:
            self.run("systemctl", "poweroff", check=False)
        try:
            self.process.wait(20 if self.leader else 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def stop(self):
        self._shut_down()
        for place in (self.memory / "root", self.memory):
            subprocess.run(["umount", "--lazy", place], check=True)
        self.memory.rmdir()


class Scrape:
    """One page of metrics."""

    def __init__(self, container):
        self.text = container.run("curl", "-sS", "--max-time", "10", "http://127.0.0.1:9914/metrics")

    def sum(self, family, *labels):
        """Returns the sum of a family's series that have all of these labels."""
        total = 0.0
        for line in self.text.splitlines():
            found = re.fullmatch(rf"{family}(\{{.*\}})? (\S+)", line)
            if found and all(label in (found[1] or "") for label in labels):
                total += float(found[2])
        return total


class Traffic:
    """Requests that are sent until the end of a block."""

    def __init__(self, container):
        self.container = container
        self.stop, self.faults, self.batches = threading.Event(), [], 0
        self.thread = threading.Thread(target=self._send)

    def _send(self):
        try:
            while not self.stop.is_set():
                request(self.container, 7)
                self.batches += 1
        except BaseException as fault:  # raised again by the main thread
            self.faults.append(fault)

    def more(self):
        """Waits until some more requests were sent."""
        before = self.batches
        until("traffic", lambda: self.faults or self.batches > before + 2)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        if self.faults:
            raise self.faults[0]


class Clock:
    """The time of programs in the container that preload CLOCK."""

    def __init__(self, container):
        self.path = Path(f"/proc/{container.leader}/root/run/clock")
        self.path.write_bytes(bytes(4096))
        self.pairs, self.ahead = 0, 0

    def advance(self, seconds):
        self.ahead += round(seconds * 1e9)
        with self.path.open("r+b", buffering=0) as file:
            # The time last: it makes the pair valid.
            for place, value in ((8, self.ahead), (0, time.time_ns())):
                os.pwrite(file.fileno(), struct.pack("=q", value), 16 * self.pairs + place)
        self.pairs += 1
        # The kernel gives files the time of its last tick.
        time.sleep(0.01)


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def until(what, ask):
    """Polls until `ask` returns a true value, and returns it."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.05)
    raise SystemExit(f"timed out after {DEADLINE:.0f} s: {what}")


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}:\n{found}\ninstead of\n{wanted}")


def request(container, number):
    """Sends requests to nginx, no two alike, and asserts that each has a response."""
    url = f"http://127.0.0.1/articles/[1-{number}]/?call={next(CALLS)}"
    out = container.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}\\n", url)
    expect("responses", out.split(), ["404"] * number)
    container.sent += number


def counted(container):
    """Waits until all requests since the installation are counted, and asserts that each was counted once and none rejected."""
    number = container.sent
    recorded = ('source="nginx"', 'outcome="recorded"')
    until(
        f"{number} lines", lambda: Scrape(container).sum("httplog_exporter_lines_total", *recorded) >= number
    )
    scrape = Scrape(container)
    expect("lines", scrape.sum("httplog_exporter_lines_total", 'source="nginx"'), float(number))
    expect("lines recorded", scrape.sum("httplog_exporter_lines_total", *recorded), float(number))
    expect("requests", scrape.sum("httplog_requests_total", 'source="nginx"', 'status="404"'), float(number))
    expect("gaps", scrape.sum("httplog_exporter_gap_events_total"), 0.0)


def is_active(container):
    expect("state", container.run("systemctl", "is-active", UNIT, check=False).strip(), "active")
    return container.show("MainPID")


# --- The life of a package --------------------------------------------------------------------------


def traces(container):
    """Returns the paths of the tree that are named like the package."""
    found = container.shell("find / -xdev -name '*httplog-exporter*' -not -path '/packages/*' -not -path '/proc/*'")
    return {path for path in found.split() if not path.startswith("/var/log/journal/")}


def has_a_server(container):
    # Other tests may have left mount points with that name in the tree.
    container.before = traces(container)
    # From apt's cache: the container has no network.
    container.run("apt-get", "install", "-y", "-qq", "--no-download", "--no-install-recommends", "nginx", "curl")


def installs(container):
    expect("the log", container.run("stat", "-c", "%a %U %G", LOG).strip(), "640 www-data adm")
    container.run("dpkg", "-i", "/packages/first.deb")
    is_active(container)
    expect("at boot", container.run("systemctl", "is-enabled", UNIT).strip(), "enabled")
    request(container, 40)
    counted(container)
    container.run("dpkg", "--verify", "httplog-exporter")
    container.run("httplog-exporter", "check")
    for path in (
        "/usr/share/man/man1/httplog-exporter-run.1.gz",
        "/usr/share/man/man5/httplog-exporter-config.5.gz",
        "/usr/share/man/man7/httplog-exporter-troubleshooting.7.gz",
        "/usr/share/bash-completion/completions/httplog-exporter",
        "/usr/share/doc/httplog-exporter/changelog.gz",
        "/usr/share/doc/httplog-exporter/copyright",
        "/usr/share/httplog-exporter/patterns/nginx-django.toml",
        "/usr/share/httplog-exporter/deploy/prometheus/rules/site.yml",
    ):
        expect(path, container.has(path), True)


def runs_without_privileges(container):
    status = container.shell(f"cat /proc/{is_active(container)}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    user = int(fields["Uid"].split()[0])
    expect(f"{user} is a dynamic user", 61184 <= user <= 65519, True)
    adm = container.run("getent", "group", "adm").split(":")[2]
    expect("the group adm", adm in fields["Groups"].split(), True)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        expect(name, int(fields[name], 16), 0)


def is_little_exposed(container):
    said = container.run("systemd-analyze", "security", "--no-pager", UNIT)
    exposure = float(re.search(r"Overall exposure level for \S+: (\S+)", said)[1])
    expect(f"an exposure of {exposure} is at most {BOUND}", exposure <= BOUND, True)
    print(f"exposure {exposure}")


def is_ready_once_logs_are_open(container):
    container.run("systemctl", "restart", UNIT)
    request(container, 25)
    pid = is_active(container)
    files = container.shell(f"ls -l /proc/{pid}/fd")
    expect("the log is open", LOG in files, True)
    counted(container)


def reloads(container):
    pid = is_active(container)
    taken = "httplog_exporter_config_last_reload_successful"
    container.shell(f"cp {CONFIG} /root/good.toml; echo 'nonsense = 1' >>{CONFIG}")
    container.run("systemctl", "reload", UNIT)
    until("refusal", lambda: Scrape(container).sum(taken) == 0)
    request(container, 5)
    counted(container)
    container.shell(f"cat /root/good.toml - >{CONFIG} <<'END'\n{FURTHER}END\n")
    container.run("systemctl", "reload", UNIT)
    until("further source", lambda: 'source="further"' in Scrape(container).text)
    expect("the last reload", Scrape(container).sum(taken), 1.0)
    request(container, 5)
    counted(container)
    expect("the process", is_active(container), pid)


def restarted(container, kill):
    """Calls `kill` with the daemon's process id, and waits until systemd has restarted the daemon."""
    pid, before = is_active(container), int(container.show("NRestarts"))
    request(container, 4)
    kill(pid)
    request(container, 6)
    until("restart", lambda: int(container.show("NRestarts")) == before + 1)
    until("service", lambda: container.run("systemctl", "is-active", UNIT, check=False).strip() == "active")
    expect("another process", is_active(container) != pid, True)
    request(container, 10)
    counted(container)


def is_restarted_by_the_watchdog(container):
    expect("the watchdog", container.show("WatchdogUSec"), "30s")
    # The unit's interval of 30 s would make the test slow.
    container.shell(f"mkdir -p {DROP_IN}; printf '[Service]\\nWatchdogSec=2\\n' >{DROP_IN}/test.conf")
    container.run("systemctl", "daemon-reload")
    container.run("systemctl", "restart", UNIT)
    restarted(container, lambda pid: container.run("kill", "-STOP", pid))
    journal = container.run("journalctl", "--no-pager", "-u", UNIT)
    expect("a watchdog's abort", "Watchdog timeout" in journal and "SIGABRT" in journal, True)
    container.shell(f"rm -r {DROP_IN}")
    container.run("systemctl", "daemon-reload")
    container.run("systemctl", "restart", UNIT)


def is_restarted_after_a_kill(container):
    restarted(container, lambda pid: container.run("kill", "-KILL", pid))


def listens_on_sockets_of_systemd(container):
    for question, wanted in (("is-enabled", "disabled"), ("is-active", "inactive")):
        expect(question, container.run("systemctl", question, SOCKET, check=False).strip(), wanted)
    container.shell(
        f"cp {CONFIG} /root/tcp.toml; sed -i 's/^listen = .*/listen = [\"systemd\"]/' {CONFIG}\n"
        f"systemctl stop {UNIT}; systemctl enable --now {SOCKET}; systemctl start {UNIT}"
    )
    request(container, 7)
    counted(container)
    # A client that connects while the service restarts is served by the next process, and not refused.
    pid = is_active(container)
    said = container.shell(f"systemctl kill -s KILL {UNIT}; curl -sS http://127.0.0.1:9914/-/healthy")
    expect("health", said, "ok\n")
    expect("another process", is_active(container) != pid, True)
    container.shell(
        f"systemctl stop {UNIT}; systemctl disable --now {SOCKET}; mv /root/tcp.toml {CONFIG}; systemctl start {UNIT}"
    )
    request(container, 3)
    counted(container)


def serves_a_proxy_on_a_unix_socket(container):
    path = "/run/httplog-exporter/metrics.sock"
    listen = f'listen = ["127.0.0.1:9914", "unix:{path}"]\\nsocket_mode = 0o666'
    container.shell(
        f"cp {CONFIG} /root/tcp.toml; sed -i 's|^listen = .*|{listen}|' {CONFIG}; systemctl restart {UNIT}"
    )
    fetch = f"curl -sS --unix-socket {path} http://localhost/-/healthy"
    expect("health", container.shell(f"runuser -u www-data -- {fetch}"), "ok\n")
    container.shell(f"mv /root/tcp.toml {CONFIG}; systemctl restart {UNIT}")
    is_active(container)


def counts_through_logrotate(container):
    container.run("systemctl", "restart", UNIT)
    request(container, 10)
    with Traffic(container) as traffic:
        for number in range(3):
            # logrotate skips an empty log.
            traffic.more()
            container.run("logrotate", "--force", "/etc/logrotate.conf")
            if number == 1:
                # It is started again after the next rotation, at the earliest.
                container.run("systemctl", "kill", "-s", "KILL", UNIT)
    until("restart", lambda: container.run("systemctl", "is-active", UNIT, check=False).strip() == "active")
    for name, there in ((".1", True), (".2.gz", True), (".3.gz", True), (".4.gz", False)):
        expect(LOG + name, container.has(LOG + name), there)
    expect("the log", container.run("stat", "-c", "%a %U %G", LOG).strip(), "640 www-data adm")
    request(container, 10)
    counted(container)


def counts_every_day_of_a_month(container):
    """Rotates daily, as Debian does for nginx, with `dateext`; expects every request once, on each day."""
    clock = Clock(container)
    container.shell(f"""
        cp /packages/clock.so {CLOCK}
        sed -i 's/^\\tdaily$/\\tdaily\\n\\tdateext/' /etc/logrotate.d/nginx
        mkdir -p {DROP_IN}; printf '[Service]\\nEnvironment=LD_PRELOAD={CLOCK}\\n' >{DROP_IN}/clock.conf
        systemctl daemon-reload; systemctl restart {UNIT}
    """)
    for day in range(30):
        # Not forced: logrotate rotates because its clock says that a day has passed.
        container.run("env", f"LD_PRELOAD={CLOCK}", "logrotate", "/etc/logrotate.conf")
        rotated = container.shell(f"ls {LOG}-*[0-9] {LOG}-*.gz 2>/dev/null || true").split()
        expect(f"rotated files on day {day + 1}", len(rotated), min(day, 14))
        expect(f"archives on day {day + 1}", sum(name.endswith(".gz") for name in rotated), max(min(day, 14) - 1, 0))
        for number in (10, 1, 2):
            request(container, number)
            counted(container)
            clock.advance(180)
        clock.advance(24 * 3600 - 3 * 180)
    pid = is_active(container)
    journal = container.run("journalctl", "--no-pager", f"_PID={pid}")
    expect("a warning a jump of the clock, at most", journal.count("no progress") <= clock.pairs, True)
    files = container.shell(f"ls -l /proc/{pid}/fd")
    expect("open logs", re.findall(r"-> (/var/log/\S.*)", files), [LOG])
    container.shell(f"rm -r {DROP_IN} /run/clock {CLOCK}; systemctl daemon-reload; systemctl restart {UNIT}")


def follows_a_thousand_logs(container):
    """Rotates all logs of a thousand sources at once, within the unit's limits; reloads and stops in time."""
    line = '192.0.2.7 - - [28/Nov/2026:07:00:00 +0000] "GET /a/ HTTP/1.1" 404 10 "-" "ua"'
    logs = "/var/log/tenants"
    each = f"for log in $(seq {THOUSAND}); do log={logs}/$log.log;"
    container.shell(f"""
        mkdir -m 755 {logs}; cp {CONFIG} /root/good.toml
        {each} echo '{line}' >$log; done
        for n in $(seq {THOUSAND}); do
            printf '[[source]]\nname = "t%s"\npaths = ["{logs}/%s.log"]\npattern = "nginx-combined"\nstart = "beginning"\n' $n $n
        done >>{CONFIG}
        systemctl restart {UNIT}
    """)

    def are_counted(lines):
        scrape = Scrape(container)
        return scrape.sum("httplog_exporter_lines_total", 'outcome="recorded"', 'source="t') == lines

    until("a line of each log", lambda: are_counted(THOUSAND))
    container.shell(f"{each} mv $log $log.1; echo '{line}' >>$log.1; echo '{line}' >$log; done")
    until("the lines beside the rotation", lambda: are_counted(3 * THOUSAND))
    container.run("systemctl", "reload", UNIT)
    container.shell(f"{each} echo '{line}' >>$log; done")
    until("the lines after the reload", lambda: are_counted(4 * THOUSAND))
    until("the end of the reload", lambda: container.show("ActiveState") == "active")
    pid = is_active(container)
    status = container.shell(f"cat /proc/{pid}/status")
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
    expect(f"{peak:,} bytes are at most half of the unit's limit", peak <= int(container.show("MemoryMax")) // 2, True)
    journal = container.run("journalctl", "--no-pager", f"_PID={pid}")
    expect("logs that wait for a descriptor", "wait to be opened" in journal, False)
    expect("few threads for a thousand logs", len(container.shell(f"ls /proc/{pid}/task").split()) <= 16, True)
    # Descriptors come and go meanwhile.
    notifiers = container.shell(f"find /proc/{pid}/fd -lname '*inotify*' 2>/dev/null || true").split()
    expect("inotify instances", len(notifiers), 1)
    began = time.monotonic()
    container.run("systemctl", "stop", UNIT)
    expect("stopped within 2 s", time.monotonic() - began < 2, True)
    container.shell(f"cp /root/good.toml {CONFIG}; rm -r {logs}; systemctl start {UNIT}")


def counts_over_a_reboot(container):
    request(container, 12)
    container.reboot()
    is_active(container)
    request(container, 8)
    counted(container)


def is_upgraded(container):
    pid = is_active(container)
    container.shell(f"echo kept >{STATE}/kept")
    mine = container.run("cat", CONFIG)
    with Traffic(container) as traffic:
        traffic.more()
        container.run("dpkg", "--force-confold", "-i", "/packages/next.deb")
        traffic.more()
    version = container.run("dpkg-query", "-W", "-f", "${Version}", "httplog-exporter")
    expect("the version", version.endswith("+next"), True)
    expect("another process", is_active(container) != pid, True)
    request(container, 15)
    counted(container)
    expect("at boot", container.run("systemctl", "is-enabled", UNIT).strip(), "enabled")
    expect("the configuration", container.run("cat", CONFIG), mine)
    expect("the new default configuration", container.run("tail", "-n", "1", f"{CONFIG}.dpkg-dist"), "# next\n")
    expect("the state", container.run("cat", f"{STATE}/kept"), "kept\n")


def keeps_a_unit_disabled(container):
    container.run("systemctl", "disable", UNIT)
    container.run("dpkg", "--force-confold", "-i", "/packages/next.deb")
    expect("at boot", container.run("systemctl", "is-enabled", UNIT, check=False).strip(), "disabled")
    container.run("systemctl", "enable", UNIT)


def is_removed(container):
    # Opened beside the service, which has a port of its own already, only in this test.
    container.shell(f"mkdir -p /run/systemd/system/{SOCKET}.d; cat >/run/systemd/system/{SOCKET}.d/test.conf <<'END'\n"
                    "[Socket]\nListenStream=\nListenStream=127.0.0.1:9915\nEND\n"
                    f"systemctl daemon-reload; systemctl stop {UNIT}; systemctl enable --now {SOCKET}; systemctl start {UNIT}")
    container.run("dpkg", "--remove", "httplog-exporter")
    for unit in (UNIT, SOCKET):
        expect(unit, container.run("systemctl", "is-active", unit, check=False).strip(), "inactive")
    container.shell(f"rm -r /run/systemd/system/{SOCKET}.d; systemctl daemon-reload")
    link = f"/etc/systemd/system/sockets.target.wants/{SOCKET}"
    for path, there in ((link, False), (CONFIG, True), (f"{STATE}/kept", True), ("/usr/bin/httplog-exporter", False)):
        expect(path, container.has(path), there)


def is_installed_again(container):
    container.run("dpkg", "--force-confold", "-i", "/packages/next.deb")
    request(container, 5)
    counted(container)
    expect("the state", container.run("cat", f"{STATE}/kept"), "kept\n")


def is_purged(container):
    container.run("dpkg", "--purge", "httplog-exporter")
    expect("what is left", traces(container) - container.before, set())
    expect("processes", container.run("pgrep", "-c", "httplog-export", check=False).strip(), "0")


STEPS = (
    has_a_server, installs, runs_without_privileges, is_little_exposed, is_ready_once_logs_are_open, reloads,
    is_restarted_by_the_watchdog, is_restarted_after_a_kill, listens_on_sockets_of_systemd,
    serves_a_proxy_on_a_unix_socket, counts_through_logrotate, counts_every_day_of_a_month, follows_a_thousand_logs,
    counts_over_a_reboot, is_upgraded, keeps_a_unit_disabled, is_removed, is_installed_again, is_purged,
)


def lay_out(package, folder):
    """Copies the package, builds one with another version and default configuration, and compiles the clock."""
    shutil.copy(package, folder / "first.deb")
    source = Path(__file__).parents[1] / "clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", folder / "clock.so", source], check=True)
    tree = folder / "next"
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+next", control.read_text()))
    with (tree / CONFIG.lstrip("/")).open("a") as config:
        config.write("# next\n")
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, folder / "next.deb"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)


def main():
    tree, package = (Path(argument).resolve() for argument in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        lay_out(package, folder)
        container = Container(tree, folder)
        try:
            for step in STEPS:
                began = time.monotonic()
                try:
                    step(container)
                except BaseException:
                    print(f"FAILED: {step.__name__.replace('_', ' ')}", flush=True)
                    print(container.run("journalctl", "--no-pager", "-n", "30", "-u", UNIT, check=False))
                    raise
                print(f"{step.__name__.replace('_', ' ')}: {time.monotonic() - began:.1f} s", flush=True)
        finally:
            container.stop()


if __name__ == "__main__":
    main()
