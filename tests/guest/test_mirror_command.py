# SPDX-License-Identifier: GPL-2.0-or-later
"""kftp mirror as a command: its arguments, what it says to people and to programs, and its exit codes."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from pathlib import Path

import pytest

import support
from mirrors import mirror, read, write  # noqa: F401
from servers.real import free_port
from support import names, pattern, wait_until

MIB = 1 << 20
FILES = {"a": b"first", "d/b": pattern(100000), "d/e/c": b"", "empty": None}
#: what a mirror may not say to a server on which nothing is to be changed or fetched
CHANGES = re.compile(r"^(STOR|APPE|STOU|DELE|RMD|MKD|RNFR|RNTO|MFMT|RETR|SITE CHMOD|SITE UTIME)\b", re.IGNORECASE)
#: what a terminal does that is no text
CONTROLS = re.compile(r"\r|\x1b\[\d*[A-Z]")


# ---- usage

BAD = [
    ["ftp://h/d"], ["here", "there"], ["ftp://h/d", "ftp://h/e"], ["ftp://h/d", "-"], ["ftp://h/d", "a", "b"],
    ["--move", "--delete", "ftp://h/d", "a"], ["--shard=2/2", "ftp://h/d", "a"], ["--exclude-regex=(", "ftp://h/d", "a"],
    ["--compare=colour", "ftp://h/d", "a"], ["--parallel=0", "ftp://h/d", "a"], ["--max-age=soon", "ftp://h/d", "a"],
    ["--symlinks=copy", "a", "ftp://h/d"],
]


def test_bad_usage(kftp, target):
    (target / "a").mkdir()
    for arguments in BAD:
        kftp.run("mirror", *arguments).assert_failed(2)
    assert names(target) == ["a"]


# ---- what would be done

def state(root):
    """All that a mirror could change: paths, their kind, mode, size, times and content."""
    return {str(p.relative_to(root)): (p.lstat().st_mode, p.lstat().st_size, p.lstat().st_mtime_ns, p.is_file() and p.read_bytes())
            for p in sorted(root.rglob("*"))}


@pytest.mark.parametrize("upload", [pytest.param(False, marks=pytest.mark.slow), True], ids=["down", "up"])
def test_dry_run_changes_nothing_on_either_side(upload, vsftpd, mirror, kftp):
    source, destination = mirror.ends(upload)
    write(source, FILES)
    write(destination, {"a": b"other", "old/f": b"x"}, mtime=1500000000)
    mirror.give()
    before, mark = (state(mirror.here), state(mirror.there)), vsftpd.mark()
    ends = (mirror.here, vsftpd.url("there")) if upload else (vsftpd.url("there"), mirror.here)
    done = kftp.verb("mirror", "-n", "--delete", *ends).assert_done()

    assert (state(mirror.here), state(mirror.there)) == before
    assert not [line for line in vsftpd.commands(mark) if CHANGES.match(line)]
    verb = "put" if upload else "get"
    lines = done.stdout.splitlines()
    assert {f"{verb}  d/b  97.7 KiB  (new)", f"{verb}  d/e/c  0 B  (new)", "mkdir  d  (new)"} <= set(lines), lines
    assert [line for line in lines if line.startswith(f"{verb}  a  5 B  (")], lines
    assert [line for line in lines if line.startswith("delete  old/f")], lines
    assert re.fullmatch(r"mirror \(dry run\): 3 files \(97\.7 KiB\) to transfer, 0 unchanged, 2 to delete, .*0 failed\n", done.stderr), done.stderr


def test_dry_run_into_a_directory_that_is_not_there(vsftpd, mirror, kftp, target):
    write(mirror.there, FILES)
    mirror.give()
    planned = kftp.verb("mirror", "-n", "--json", vsftpd.url("there"), mirror.here).assert_done()
    assert names(target) == []
    assert sorted(o["name"] for o in planned.json_lines if o["action"] == "get") == ["a", "d/b", "d/e/c"]
    assert all(o["planned"] for o in planned.json_lines)
    done = kftp.verb("mirror", "--json", vsftpd.url("there"), mirror.here).assert_done()
    assert {o["name"] for o in done.json_lines} == {o["name"] for o in planned.json_lines}
    assert not any(o["planned"] for o in done.json_lines)


# ---- what was done

FIELDS = {"url": str, "path": str, "bytes": int, "resumed_from": int, "usec": int, "rate": int, "reply": object, "attempts": int,
          "sha256": object, "result": str, "error": object, "tls": object, "action": str, "planned": bool, "why": object,
          "name": str, "size": object, "target": object}


@pytest.mark.parametrize("upload", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["down", "up"])
def test_json_has_an_object_for_each_file(upload, any_server, mirror):
    source, _ = mirror.ends(upload)
    write(source, {**FILES, "two words": b"x"})
    events = {e["name"]: e for e in mirror.go(upload, any_server).events}
    assert sorted(events) == ["a", "d/b", "d/e/c", "two words"]
    for event in events.values():
        for name, kind in FIELDS.items():
            assert isinstance(event[name], kind), f"{name}: {event[name]!r}"
    event = events["d/b"]
    assert event["action"] == ("put" if upload else "get")
    assert event["url"] == any_server.url("there/d/b")
    assert Path(event["path"]) == mirror.here / "d/b"
    assert (event["bytes"], event["size"], event["attempts"], event["result"], event["error"]) == (100000, 100000, 1, "done", None)
    assert "226" in event["reply"]
    assert event["rate"] > 0 and event["usec"] > 0
    assert events["two words"]["url"] == any_server.url("there/two%20words")


def test_summary(vsftpd, mirror, kftp):
    write(mirror.there, FILES)
    write(mirror.here, {"old": b"x"})
    mirror.give()
    command = ["mirror", "--delete", vsftpd.url("there"), mirror.here]
    done = kftp.verb(*command).assert_done()
    assert done.stdout == ""
    assert re.fullmatch(r"mirror: 3 files \(97\.7 KiB\) in \S+ s \(\S+ [KM]iB/s\), 0 unchanged, 1 deleted, 3 directories made, 0 failed\n",
                        done.stderr), done.stderr
    assert kftp.verb(*command).assert_done().stderr == "mirror: nothing to do: 3 files unchanged\n"
    (mirror.here / "a").unlink()
    assert re.match(r"mirror: 1 file \(5 B\) in ", kftp.verb(*command).assert_done().stderr)


@pytest.mark.slow
def test_quiet(vsftpd, mirror, kftp):
    write(mirror.there, FILES)
    mirror.give()
    done = kftp.verb("mirror", "-q", vsftpd.url("there"), mirror.here).assert_done()
    assert done.stdout == "" and done.stderr == ""
    assert read(mirror.here) == read(mirror.there)


def test_verbose_tells_the_sessions_apart(vsftpd, mirror, kftp):
    write(mirror.there, {f"d{i}/f{i}": b"%d" % i for i in range(12)})
    mirror.give()
    shown = kftp.verb("mirror", "-v", "--parallel=3", vsftpd.url("there"), mirror.here).assert_done().stderr
    lines = shown.splitlines()
    assert lines[-1].startswith("mirror: 12 files ")
    dialogue = {}
    for line in lines[:-1]:
        found = re.fullmatch(r"\[([1-3])\] ([<>*]) (.*)", line)
        assert found, line
        if found.group(2) != "*":
            dialogue.setdefault(found.group(1), []).append(found.group(2, 3))
    assert len(dialogue) > 1, shown
    for said in dialogue.values():  # each is a dialogue of its own, from the greeting to the leave
        assert said[0][1].startswith("220") and said[1] == (">", "USER ftp-test"), said
        assert (">", "PASS") in [(direction, text.split(" ")[0]) for direction, text in said]
    assert support.PASSWORD not in shown
    assert re.search(r"^\[\d\] \* get  d3/f3  1 B  \(new\)$", shown, re.MULTILINE), shown


# ---- on a terminal

class Terminal:
    """A terminal of some size, on whose standard error kftp runs; what it has shown."""

    def __init__(self, command, cwd, columns=60, rows=24):
        self.control, terminal = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen([str(c) for c in command], cwd=cwd, stdin=terminal, stdout=subprocess.DEVNULL, stderr=terminal)
        os.close(terminal)
        os.set_blocking(self.control, False)
        self.shown = ""

    def resize(self, columns, rows=24):
        fcntl.ioctl(self.control, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        try:
            while part := os.read(self.control, 65536):
                self.shown += part.decode()
        except BlockingIOError:
            pass
        except OSError:
            return False  # its last user has closed it
        return True

    def read_until(self, pattern, start=0):
        wait_until(lambda: not self.read() or re.search(pattern, self.shown[start:]), f"{pattern} is not shown")
        assert re.search(pattern, self.shown[start:]), self.shown[-2000:]

    def drawn(self):
        """The lines that were drawn last."""
        return screen(self.shown[:self.shown.rfind("\x1b[J") + 3]) if "\x1b[J" in self.shown else []

    def wait(self):
        wait_until(lambda: not self.read(), "kftp does not end")
        os.close(self.control)
        return self.process.wait()


def screen(shown):
    """The lines of a terminal that is wide enough, once all of that was shown on it."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\r|\n|\x1b\[\d*[AKJ]|[^\r\n\x1b]+|.", shown):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.endswith("A") and part[0] == "\x1b":
            row -= int(part[2:-1])
            assert row >= 0, "above what was written"
        elif part in ("\x1b[K", "\x1b[J"):
            lines[row] = lines[row][:column]
            lines[row + 1:] = lines[row + 1:] if part.endswith("K") else []
        else:
            assert part[0] != "\x1b", part
            lines[row] = lines[row].ljust(column)[:column] + part + lines[row][column + len(part):]
            column += len(part)
    return lines


def widest(text):
    return max(len(line) for line in re.split(r"[\r\n]", CONTROLS.sub("\n", text)))


def endless(root, *files):
    """Files that a server limited to a few KiB/s does not get done with before it is told to stop."""
    for name in files:
        write(root, {name: b""})
        os.truncate(root / name, 16 * MIB)


def test_progress_on_a_terminal(slow_server, mirror, kftp, target):
    endless(mirror.there, "reports/one.csv", "reports/two.csv", "reports/three.csv")
    mirror.give()
    server = slow_server("vsftpd", rate=64 << 10)
    terminal = Terminal([support.KFTP, "mirror", f"--password-file={kftp.password_file}", "--parallel=3", server.url("there"), mirror.here], target)
    try:
        wait_until(lambda: terminal.read() and len([line for line in terminal.drawn() if re.match(r"\[[123]\] \S+\.csv +\d+%", line)]) == 3,
                   "three sessions are not shown", interval=0.5)
        terminal.read_until(r"0 of 3 files, \S+ [KM]iB of 48\.0 MiB, \S+ [KM]iB/s, ")
        assert widest(terminal.shown) < 60
        for end in [m.end() for m in re.finditer(r"\x1b\[J", terminal.shown)][-20:]:  # when something was drawn
            drawn = screen(terminal.shown[:end])
            assert re.match(r"\d of \d files?, ", drawn[0]) and len(drawn) <= 4, drawn
            assert all(re.match(r"\[\d\] (listing|\S+) ", line) for line in drawn[1:]), drawn

        begin = len(terminal.shown)
        terminal.resize(30)
        # what was drawn before may come first
        wait_until(lambda: terminal.read() and 20 < widest(["", "", *terminal.shown[begin:].split("\x1b[J")][-2]) < 30,
                   "the lines do not become narrower", interval=0.5)

        terminal.process.send_signal(signal.SIGINT)
        assert terminal.wait() == 130
    finally:
        terminal.process.kill()
    # the lines are taken away before something else is written
    assert re.search(r"\r(\x1b\[\d+A)?\x1b\[Jkftp: [^\r\n]*\r\n$", terminal.shown), terminal.shown[-500:]


@pytest.mark.slow
def test_no_progress(vsftpd, mirror, kftp, target):
    write(mirror.there, FILES)
    mirror.give()
    terminal = Terminal([support.KFTP, "mirror", "--no-progress", f"--password-file={kftp.password_file}", vsftpd.url("there"), mirror.here], target)
    assert terminal.wait() == 0
    assert re.fullmatch(r"mirror: 3 files [^\r\n\x1b]*\r\n", terminal.shown), terminal.shown


# ---- interruption

def test_interrupted_it_says_that_the_next_run_goes_on(slow_server, vsftpd, mirror, kftp):
    small = {f"a{i}": b"%d" % i for i in range(3)}
    write(mirror.there, small)
    endless(mirror.there, "z1", "z2", "z3", "z4")
    mirror.give()
    server = slow_server("vsftpd", rate=64 << 10)
    running = kftp.start_verb("mirror", "--parallel=2", server.url("there"), mirror.here)
    wait_until(lambda: mirror.here.is_dir() and set(small) <= set(names(mirror.here)), "the small files were not delivered")
    running.signal(signal.SIGINT)
    stopped = running.wait().assert_failed(130)
    assert re.search(r"; 3 files \(\S+ [KM]?i?B\) done, at least \d left: the next run goes on from there$", stopped.stderr.rstrip()), stopped.stderr
    assert not {"z1", "z2", "z3", "z4"} & set(names(mirror.here))
    assert mirror.down(vsftpd).status == 0
    assert read(mirror.here) == read(mirror.there)


# ---- exit codes

def test_single_failures_are_named_and_end_in_3(vsftpd, mirror, kftp):
    write(mirror.there, {"closed": b"x", "d/closed too": b"y", "open": b"z"})
    mirror.give()
    for name in ("closed", "d/closed too"):
        (mirror.there / name).chmod(0)
    failed = kftp.verb("mirror", "--json", vsftpd.url("there"), mirror.here)
    assert failed.status == 3
    lines = failed.stderr.splitlines()
    assert len(lines) == 3, failed.stderr
    for name in ("closed", "d/closed too"):
        assert [line for line in lines if line.startswith(f"kftp: mirror: {name}: ") and "550" in line], failed.stderr
    assert re.match(r"mirror: 1 file \(1 B\) in .*, 2 failed$", lines[-1]), lines
    events = {e["name"]: e for e in failed.json_lines}
    assert {name: events[name]["result"] for name in events} == {"closed": "remote", "d/closed too": "remote", "open": "done"}
    assert "550" in events["closed"]["error"]


def test_a_refused_login_is_4(vsftpd, mirror, kftp, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong\n")
    wrong.chmod(0o600)
    kftp.run("mirror", f"--password-file={wrong}", "--retries=0", vsftpd.url("there"), mirror.here).assert_failed(4)


def test_what_is_in_the_way_is_named_once(vsftpd, mirror, kftp):
    write(mirror.there, {"name": b"x"})
    write(mirror.here, {"name/f": b"y"})
    mirror.give()
    failed = kftp.verb("mirror", vsftpd.url("there"), mirror.here)
    assert failed.status == 3
    assert re.match(r"kftp: mirror: name: (?!name).* is in the way", failed.stderr), failed.stderr
    assert read(mirror.here) == {"name/f": b"y"}


def test_a_missing_directory_on_the_server_is_5(vsftpd, mirror, kftp):
    kftp.verb("mirror", vsftpd.url("absent"), mirror.here).assert_failed(5)


def test_no_connection_is_6(mirror, kftp):
    kftp.verb("mirror", f"ftp://127.0.0.1:{free_port()}/d", mirror.here).assert_failed(6)


@pytest.mark.parametrize("arrange", [
    pytest.param(lambda m: m.here.write_text("x"), id="a file"),
    pytest.param(lambda m: m.here.symlink_to("nowhere/below"), id="a link to nowhere", marks=pytest.mark.slow),
])
def test_a_target_that_is_no_directory_is_7(arrange, vsftpd, mirror, kftp):
    write(mirror.there, FILES)
    mirror.give()
    arrange(mirror)
    mark = vsftpd.mark()
    kftp.verb("mirror", vsftpd.url("there"), mirror.here).assert_failed(7)
    assert vsftpd.commands(mark) == []


def test_a_source_that_is_not_there_is_7(vsftpd, mirror, kftp):
    mark = vsftpd.mark()
    kftp.verb("mirror", mirror.here, vsftpd.url("there")).assert_failed(7)
    assert vsftpd.commands(mark) == []


@pytest.mark.slow
def test_a_result_that_nobody_can_read_is_7(vsftpd, mirror, kftp):
    write(mirror.there, FILES)
    mirror.give()
    with open("/dev/full", "wb") as full:
        failed = kftp.verb("mirror", "--json", vsftpd.url("there"), mirror.here, stdout=full)
    assert failed.status == 7
    assert "standard output" in failed.stderr


def test_no_module_is_9(mirror, kftp):
    support.unload_module()
    try:
        kftp.verb("mirror", "ftp://127.0.0.1/d", mirror.here).assert_failed(9)
    finally:
        support.load_module()
