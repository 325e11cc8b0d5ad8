# SPDX-License-Identifier: GPL-2.0-or-later
"""kftp put brings the same bytes to every server, by every kind of data connection, and never half a file."""
import os
import stat
import subprocess
import time

import pytest

from support import HARD_NAMES, names, in_url, pattern, same_bytes, sizes_now, wait_until, write_pattern

MIB = 1 << 20
HOSTS = {"IPv4": "127.0.0.1", "IPv6": "[::1]"}
SIZES = {"0-bytes": 0, "1-byte": 1, "1-MiB": MIB}
#: the commands by which each kind of data connection may be asked for
DATA_COMMANDS = {("passive", "IPv4"): {"EPSV", "PASV"}, ("passive", "IPv6"): {"EPSV"},
                 ("active", "IPv4"): {"EPRT", "PORT"}, ("active", "IPv6"): {"EPRT"}}


def logins(server, mark):
    return len([line for line in server.commands(mark) if line.startswith("USER")])


def give(directory, account):
    """Makes what is there the account's own, as if it had been uploaded."""
    for path in [directory, *directory.rglob("*")]:
        os.chown(path, account.stat().st_uid, account.stat().st_gid)


# ---- the same bytes

@pytest.mark.parametrize("mode,family", [("passive", "IPv4"), *(pytest.param(*kind, marks=pytest.mark.slow) for kind in
                                         [("passive", "IPv6"), ("active", "IPv4"), ("active", "IPv6")])])
def test_every_server_takes_the_same_bytes(server, mode, family, home, kftp, target):
    """Of no bytes, of one, and of many; over one session."""
    for name, size in SIZES.items():
        write_pattern(target / name, size)
    mark = server.mark()
    options = ["--active"] if mode == "active" else []
    done = kftp.verb("put", "--json", *options, *SIZES, server.url("", HOSTS[family])).assert_done()
    for name, size in SIZES.items():
        assert same_bytes(home / name, target / name), name
    assert names(home) == sorted(SIZES)
    assert [report["bytes"] for report in done.json_lines] == list(SIZES.values())
    sent = {line.split()[0] for line in server.commands(mark)}
    assert sent & {"EPSV", "PASV", "EPRT", "PORT"} <= DATA_COMMANDS[mode, family]
    assert sent & DATA_COMMANDS[mode, family]
    assert logins(server, mark) == 1
    assert server.commands(mark)[-1] == "QUIT"


@pytest.mark.slow
def test_256_MiB(server, home, kftp, target):
    write_pattern(target / "big", 256 * MIB)
    kftp.verb("put", "big", server.url()).assert_done()
    assert same_bytes(home / "big", target / "big")
    assert names(home) == ["big"]


@pytest.mark.parametrize("where", ["", "sub/", "sub/other", "other"])
def test_the_url_names_a_directory_or_the_file(where, vsftpd, home, kftp, target):
    (home / "sub").mkdir()
    give(home / "sub", home)
    write_pattern(target / "file", 100)
    kftp.verb("put", "file", vsftpd.url(where)).assert_done()
    assert same_bytes(home / (where if where.endswith("other") else where + "file"), target / "file")


def test_an_existing_directory_receives_the_file(any_server, home, kftp, target):
    (home / "sub").mkdir()
    give(home / "sub", home)
    write_pattern(target / "file", 100)
    kftp.verb("put", "file", any_server.url("sub")).assert_done()
    assert same_bytes(home / "sub" / "file", target / "file")


def test_json_of_an_upload(vsftpd, home, kftp, target):
    write_pattern(target / "file", MIB)
    report = kftp.verb("put", "--json", "file", vsftpd.url("file")).assert_done().json
    assert set(report) >= {"url", "path", "bytes", "resumed_from", "usec", "rate", "reply", "attempts", "sha256", "result", "error"}
    assert report["path"] == str(target / "file")
    assert (report["bytes"], report["resumed_from"], report["attempts"], report["result"]) == (MIB, 0, 1, "done")
    assert report["usec"] > 0 and report["rate"] > 0 and not report["error"]


def test_an_upload_uses_the_source_address(vsftpd, home, kftp, target):
    write_pattern(target / "file", 100)
    kftp.verb("put", "--source=127.0.0.78", "--active", "file", vsftpd.url()).assert_done()
    assert same_bytes(home / "file", target / "file")
    assert 'Client "::ffff:127.0.0.78"' in vsftpd.log_text()


# ---- what is there already

def test_an_existing_file_is_replaced_as_a_whole(any_server, home, kftp, target):
    (home / "file").write_bytes(b"old and longer" * 1000)
    give(home, home)
    write_pattern(target / "file", 1000)
    kftp.verb("put", "file", any_server.url("file")).assert_done()
    assert same_bytes(home / "file", target / "file")
    assert names(home) == ["file"]


def test_append(any_server, home, kftp, target):
    for part in ("first", "second"):
        (target / "log").write_text(part)
        kftp.verb("put", "--append", "log", any_server.url("log")).assert_done()
    assert (home / "log").read_text() == "firstsecond"
    assert names(home) == ["log"]


def test_mtime(server, home, kftp, target):
    """MFMT on three of them, MDTM with a time on vsftpd."""
    write_pattern(target / "file", 10)
    os.utime(target / "file", (1000000000, 981173106))
    kftp.verb("put", "--mtime", "file", server.url("file")).assert_done()
    assert int((home / "file").stat().st_mtime) == 981173106


@pytest.mark.parametrize("mode", ["600", pytest.param("0755", marks=pytest.mark.slow)])
def test_mode(any_server, mode, home, kftp, target):
    write_pattern(target / "file", 10)
    kftp.verb("put", f"--mode={mode}", "file", any_server.url("file")).assert_done()
    assert stat.S_IMODE((home / "file").stat().st_mode) == int(mode, 8)


@pytest.mark.parametrize("mode", ["", "8", "1000000", "rwx", "-1"])
def test_a_bad_mode_is_bad_usage(mode, kftp, target):
    write_pattern(target / "file", 10)
    kftp.run("put", f"--mode={mode}", "file", "ftp://user@127.0.0.1:9/file").assert_failed(2)


# ---- standard input

def test_standard_input_from_a_pipe(any_server, home, kftp, target):
    data = pattern(MIB + 1)
    running = kftp.start_verb("put", "-", any_server.url("file"), stdin=subprocess.PIPE)
    running.process.stdin.write(data)
    running.process.stdin.close()
    running.process.stdin = None
    running.wait().assert_done()
    assert (home / "file").read_bytes() == data
    assert names(home) == ["file"]


def test_a_slow_pipe_is_waited_for(vsftpd, home, kftp):
    running = kftp.start_verb("put", "-", vsftpd.url("file"), stdin=subprocess.PIPE)
    for part in (b"one ", b"two ", b"three"):
        running.process.stdin.write(part)
        running.process.stdin.flush()
        time.sleep(1)
    assert "file" not in names(home)
    running.process.stdin.close()
    running.process.stdin = None
    running.wait().assert_done()
    assert (home / "file").read_bytes() == b"one two three"


def test_standard_input_from_a_file(vsftpd, home, kftp, target):
    write_pattern(target / "from", MIB)
    with open(target / "from", "rb") as stdin:
        kftp.verb("put", "-", vsftpd.url("file"), stdin=stdin).assert_done()
    assert same_bytes(home / "file", target / "from")


def test_an_empty_pipe_makes_an_empty_file(vsftpd, home, kftp):
    kftp.verb("put", "-", vsftpd.url("file")).assert_done()  # /dev/null
    running = kftp.start_verb("put", "-", vsftpd.url("other"), stdin=subprocess.PIPE)
    running.process.stdin.close()
    running.process.stdin = None
    running.wait().assert_done()
    assert names(home) == ["file", "other"]
    assert (home / "file").stat().st_size == (home / "other").stat().st_size == 0


def test_standard_input_needs_a_name(vsftpd, home, kftp):
    kftp.verb("put", "-", vsftpd.url("")).assert_failed(2)
    assert names(home) == []


# ---- the final name never has half a file

def largest_other(home, name="file"):
    """How much has come under a name other than the final one."""
    return max((size for other, size in sizes_now(home).items() if other != name), default=0)


def test_while_an_upload_runs_the_final_name_is_absent(slow_server, home, kftp, target):
    write_pattern(target / "file", 4 * MIB)
    server = slow_server("vsftpd", rate=MIB)
    running = kftp.start_verb("put", "file", server.url("file"))
    wait_until(lambda: largest_other(home) > 0 or running.process.poll() is not None, "nothing came")
    looks = 0
    while running.process.poll() is None:
        try:
            size = (home / "file").stat().st_size
        except FileNotFoundError:
            looks += 1
        else:
            assert size == 4 * MIB, "half a file under its final name"
    running.wait().assert_done()
    assert looks > 10
    assert same_bytes(home / "file", target / "file")
    assert names(home) == ["file"]


def test_a_running_upload_leaves_an_existing_file_as_it_was(slow_server, home, kftp, target):
    write_pattern(target / "file", 8 * MIB)
    (home / "file").write_bytes(b"old")
    give(home, home)
    server = slow_server("vsftpd", rate=MIB)
    running = kftp.start_verb("put", "file", server.url("file"))
    wait_until(lambda: largest_other(home) > MIB or running.process.poll() is not None, "nothing came")
    assert running.process.poll() is None, "ended before it was looked at"
    assert (home / "file").read_bytes() == b"old"


def restarts(server, mark):
    """The offsets at which uploads were begun again; of APPE what the server has, as -1."""
    found = []
    for line in server.commands(mark):
        verb, _, argument = line.partition(" ")
        if verb == "REST" and argument != "0":
            found.append(int(argument))
        elif verb == "APPE":
            found.append(-1)
    return found


@pytest.mark.parametrize("name", ["vsftpd", "pure-ftpd", *(pytest.param(n, marks=pytest.mark.slow) for n in ("proftpd", "pyftpdlib"))])
def test_after_the_server_was_killed_only_the_rest_is_moved(name, slow_server, home, kftp, target):
    write_pattern(target / "file", 8 * MIB)
    server = slow_server(name, rate=MIB)
    running = kftp.start_verb("put", "file", server.url("file"))
    wait_until(lambda: largest_other(home) >= MIB or running.process.poll() is not None, "nothing came")
    assert running.process.poll() is None, f"ended too early: {running.wait().stderr}"
    server.kill()
    running.wait().assert_failed(6)
    assert "file" not in names(home)
    there = largest_other(home)

    server.rate = 0
    server.start()
    mark = server.mark()
    done = kftp.verb("put", "-c", "--json", "file", server.url("file")).assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert names(home) == ["file"]
    assert done["resumed_from"] == there
    assert done["bytes"] == 8 * MIB
    assert restarts(server, mark) in ([there], [-1])


def test_a_source_that_has_changed_is_sent_anew(slow_server, home, kftp, target):
    write_pattern(target / "file", 8 * MIB)
    server = slow_server("vsftpd", rate=MIB)
    running = kftp.start_verb("put", "file", server.url("file"))
    wait_until(lambda: largest_other(home) >= MIB or running.process.poll() is not None, "nothing came")
    server.kill()
    running.wait().assert_failed(6)

    write_pattern(target / "file", 8 * MIB, seed=1)
    os.utime(target / "file", (1000000000, 1000000000))
    server.rate = 0
    server.start()
    done = kftp.verb("put", "-c", "--json", "file", server.url("file")).assert_done().json
    assert done["resumed_from"] == 0
    assert same_bytes(home / "file", target / "file")


def test_a_retry_of_the_same_call_goes_on_by_itself(slow_server, home, kftp, target):
    write_pattern(target / "file", 8 * MIB)
    server = slow_server("vsftpd", rate=MIB)
    running = kftp.start_verb("put", "--json", "file", server.url("file"), retries=10)
    wait_until(lambda: largest_other(home) >= MIB or running.process.poll() is not None, "nothing came")
    mark = server.mark(running=True)
    server.kill()
    server.rate = 0
    server.start()
    done = running.wait().assert_done().json
    assert same_bytes(home / "file", target / "file")
    assert names(home) == ["file"]
    assert done["attempts"] > 1
    assert restarts(server, mark)


# ---- several files

def test_what_fails_does_not_keep_the_others_from_being_sent(vsftpd, home, kftp, target):
    write_pattern(target / "first", 100, seed=1)
    write_pattern(target / "last", 100, seed=2)
    mark = vsftpd.mark()
    failed = kftp.verb("put", "--json", "first", "absent", "last", vsftpd.url(""))
    assert failed.status == 3, failed.stderr
    assert [report["result"] for report in failed.json_lines] == ["done", "local", "done"]
    assert names(home) == ["first", "last"]
    assert logins(vsftpd, mark) == 1


# ---- names

#: what the servers do not take as it is: Pure-FTPd makes "_" of a space at either end and refuses backslashes
REFUSED = {"pure-ftpd": {" leading", "trailing ", "back\\slash"}}
#: what becomes of it: the first two are there, under names that nobody has asked for
LEFT = {"pure-ftpd": {"_leading", "trailing_"}}


def test_names_that_are_hard_to_carry_arrive_unchanged_or_are_refused(server, home, kftp, target):
    for number, name in enumerate(HARD_NAMES):
        write_pattern(target / name, 100, seed=number)
    done = kftp.verb("put", "--json", *(f"./{name}" for name in HARD_NAMES), server.url(""))
    refused = REFUSED.get(server.name, set())
    assert done.status == (3 if refused else 0), done.stderr
    reports = done.json_lines
    assert len(reports) == len(HARD_NAMES)
    for name, report in zip(HARD_NAMES, reports):
        if name in refused:
            assert report["result"] == "remote", report
            assert name.strip() in report["error"] or "slash" in report["error"]
        else:
            assert report["result"] == "done", report
            assert same_bytes(home / name, target / name), name
    assert set(names(home)) == (set(HARD_NAMES) - refused) | LEFT.get(server.name, set())


@pytest.mark.slow
def test_names_that_are_hard_to_carry_in_the_url(vsftpd, home, kftp, target):
    for number, name in enumerate(HARD_NAMES):
        write_pattern(target / "file", 100, seed=number)
        kftp.verb("put", "file", vsftpd.url(in_url(name))).assert_done()
        assert same_bytes(home / name, target / "file"), name
    assert names(home) == sorted(HARD_NAMES)


def test_a_name_in_another_encoding_keeps_its_bytes(vsftpd, home, kftp, target):
    with open(os.fsencode(target) + b"/caf\xe9", "wb") as f:
        f.write(b"latin 1")
    kftp.verb("put", b"./caf\xe9".decode("utf-8", "surrogateescape"), vsftpd.url("")).assert_done()
    assert os.listdir(os.fsencode(home)) == [b"caf\xe9"]


@pytest.mark.parametrize("name", ["line\nend", "return\rend", "tab\tin", "del\x7f"])
def test_control_bytes_in_a_name_are_refused_before_anything_is_sent(name, vsftpd, home, kftp, target):
    write_pattern(target / name, 10)
    mark = vsftpd.mark()
    failed = kftp.verb("put", f"./{name}", vsftpd.url("")).assert_failed(2)
    assert "control" in failed.stderr
    assert not [line for line in vsftpd.commands(mark) if line.startswith("STOR")]
    assert names(home) == []


# ---- failures

def test_an_absent_source(vsftpd, home, kftp):
    failed = kftp.verb("put", "absent", vsftpd.url("")).assert_failed(7)
    assert "absent" in failed.stderr
    assert names(home) == []


def test_a_directory_is_no_source(vsftpd, home, kftp, target):
    (target / "directory").mkdir()
    assert kftp.verb("put", "directory", vsftpd.url("")).status in (2, 7)
    assert names(home) == []


def test_an_absent_directory_on_the_server(any_server, home, kftp, target):
    write_pattern(target / "file", 10)
    failed = kftp.verb("put", "file", any_server.url("absent/file"), retries=3).assert_failed(5)
    assert f"127.0.0.1:{any_server.port}" in failed.stderr and "55" in failed.stderr
    assert names(home) == []


@pytest.mark.parametrize("name", ["vsftpd", *(pytest.param(n, marks=pytest.mark.slow) for n in ("proftpd", "pure-ftpd"))])
def test_a_directory_that_may_not_be_written(name, servers, home, kftp, target):
    """Not pyftpdlib, which runs as root here."""
    server = servers.get(name)
    (home / "closed").mkdir(mode=0o555)
    write_pattern(target / "file", 10)
    failed = kftp.verb("put", "file", server.url("closed/"), retries=3).assert_failed(5)
    assert f"127.0.0.1:{server.port}" in failed.stderr and "55" in failed.stderr
    assert names(home / "closed") == []


def test_the_name_of_a_directory_is_not_replaced(vsftpd, home, kftp, target):
    """The file's own name on the server is a directory's: it goes into that, not over it."""
    (home / "name").mkdir()
    give(home, home)
    write_pattern(target / "name", 10)
    kftp.verb("put", "name", vsftpd.url("name")).assert_done()
    assert same_bytes(home / "name" / "name", target / "name")


@pytest.fixture
def small_disk(home):
    """A directory on the server with room for 512 KiB."""
    disk = home / "full"
    disk.mkdir()
    uid = home.stat().st_uid
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=512k,uid={uid}", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_on_the_server(any_server, small_disk, kftp, target):
    """The reply is 426, 451, 452 or 552, or a lost data connection: never success, never the final name."""
    write_pattern(target / "file", 4 * MIB)
    failed = kftp.verb("put", "file", any_server.url("full/file"))
    assert failed.status in (5, 6), failed.stderr
    assert f"127.0.0.1:{any_server.port}" in failed.stderr
    assert "file" not in names(small_disk)


def test_a_source_that_grows_or_shrinks_is_not_called_done(slow_server, home, kftp, target):
    write_pattern(target / "file", 4 * MIB)
    server = slow_server("vsftpd", rate=MIB)
    running = kftp.start_verb("put", "file", server.url("file"))
    wait_until(lambda: largest_other(home) > 0 or running.process.poll() is not None, "nothing came")
    os.truncate(target / "file", 3 * MIB)
    failed = running.wait()
    assert failed.status in (7, 8), failed.stderr
    assert "file" not in names(home)


def test_wrong_password(vsftpd, home, kftp, target, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong\n")
    wrong.chmod(0o600)
    write_pattern(target / "file", 10)
    kftp.run("put", f"--password-file={wrong}", "file", vsftpd.url("")).assert_failed(4)
    assert names(home) == []


@pytest.mark.parametrize("arguments", [["put"], ["put", "file"], ["put", "file", "http://h/"], ["put", "--nonsense", "file", "ftp://h/"]],
                         ids=" ".join)
def test_bad_usage(arguments, kftp):
    kftp.run(*arguments).assert_failed(2)


def test_eight_uploads_at_once(vsftpd, home, kftp, target):
    for i in range(8):
        (target / f"file{i}").write_bytes(pattern(MIB // 4, seed=i))
    for running in [kftp.start_verb("put", f"file{i}", vsftpd.url("")) for i in range(8)]:
        running.wait().assert_done()
    for i in range(8):
        assert same_bytes(home / f"file{i}", target / f"file{i}")
    assert len(names(home)) == 8
