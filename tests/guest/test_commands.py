# SPDX-License-Identifier: GPL-2.0-or-later
"""ls, rm, mkdir, mv, quote, cat, and get of several URLs, on every server."""
import json
import os
import re
import stat

import pytest

from support import HARD_NAMES, in_url, names, pattern, same_bytes, write_pattern

MIB = 1 << 20
#: 2020-03-04 05:06:07 UTC: long enough ago that ls -l shows the year only
LONG_AGO = 1583298367
#: those for which servers have special treatment, and no more: each costs a log-in
FEW_HARD_NAMES = ["two words", "-dash", "[abc]", "trailing "]
#: what the servers do not take as it is: see test_upload.py; ProFTPD makes no directory with an asterisk
REFUSED_NAMES = {"pure-ftpd": {" leading", "trailing ", "back\\slash"}}
REFUSED_DIRECTORIES = {**REFUSED_NAMES, "proftpd": {"a*b"}}
#: what is made all the same, under names that nobody has asked for
LEFT = {"pure-ftpd": {"_leading", "trailing_"}}


def logins(server, mark):
    return len([line for line in server.commands(mark) if line.startswith("USER")])


def make_own(path, like):
    os.chown(path, like.stat().st_uid, like.stat().st_gid)
    return path


def own_directory(path, like):
    path.mkdir()
    return make_own(path, like)


def listed(kftp, url, *options):
    """The entries that ls --json shows, by name."""
    entries = kftp.verb("ls", "--json", *options, url).assert_done().json
    by_name = {entry["name"]: entry for entry in entries}
    assert len(by_name) == len(entries), "an entry twice"
    return by_name


# ---- ls

@pytest.fixture
def tree(home):
    """One of each kind."""
    write_pattern(home / "file", 1234)
    os.utime(home / "file", (LONG_AGO, LONG_AGO))
    write_pattern(home / "empty", 0)
    own_directory(home / "directory", home)
    write_pattern(home / "directory" / "inside", 5)
    (home / "link").symlink_to("file")
    return home


def test_ls_json(server, tree, kftp):
    entries = listed(kftp, server.url())
    assert set(entries) == {"file", "empty", "directory", "link"}
    for entry in entries.values():
        assert set(entry) >= {"name", "type", "size", "mtime", "mode", "target"}
        assert entry["mtime"] is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry["mtime"])
    assert (entries["file"]["type"], entries["file"]["size"]) == ("file", 1234)
    assert entries["file"]["mtime"].startswith("2020-03-04T")
    assert (entries["empty"]["type"], entries["empty"]["size"]) == ("file", 0)
    assert entries["directory"]["type"] == "dir"
    assert entries["link"]["type"] in ("link", "file")  # MLSD of Pure-FTPd and pyftpdlib follows links
    if entries["link"]["type"] == "link" and entries["link"]["target"]:
        assert entries["link"]["target"].endswith("file")


def test_ls_shows_the_names(any_server, tree, kftp):
    shown = kftp.verb("ls", "--names", any_server.url()).assert_done()
    assert sorted(shown.stdout.splitlines()) == ["directory", "empty", "file", "link"]
    assert shown.stderr == ""


def test_ls_long(any_server, tree, kftp):
    shown = kftp.verb("ls", any_server.url()).assert_done().stdout.splitlines()
    [line] = [line for line in shown if line.endswith(" file") and "->" not in line]
    assert "1234" in line.split() and "2020-03-04" in line
    [line] = [line for line in shown if re.search(r" directory/?$", line)]
    assert line.startswith("d")


def test_ls_of_a_directory_below(any_server, tree, kftp):
    assert set(listed(kftp, any_server.url("directory"))) == {"inside"}
    assert set(listed(kftp, any_server.url("directory/"))) == {"inside"}


def test_ls_of_an_absolute_path(vsftpd, tree, kftp):
    assert set(listed(kftp, vsftpd.url(f"%2f{str(tree)[1:]}/directory"))) == {"inside"}


def test_ls_of_an_empty_directory(server, home, kftp):
    own_directory(home / "void", home)
    done = kftp.verb("ls", "--json", server.url("void")).assert_done()
    assert json.loads(done.stdout) == []
    assert kftp.verb("ls", server.url("void")).assert_done().stdout == ""


def test_ls_of_a_missing_directory(server, home, kftp):
    failed = kftp.verb("ls", server.url("absent"), retries=3).assert_failed(5)
    assert "absent" in failed.stderr and f"127.0.0.1:{server.port}" in failed.stderr


def test_ls_of_a_file_is_that_file(any_server, tree, kftp):
    entries = listed(kftp, any_server.url("file"))
    assert [os.path.basename(name) for name in entries] == ["file"]
    assert next(iter(entries.values()))["size"] == 1234


@pytest.mark.parametrize("family,host", [("IPv4", "127.0.0.1"), ("IPv6", "[::1]")])
@pytest.mark.parametrize("mode", ["passive", "active"])
def test_ls_by_every_kind_of_data_connection(mode, family, host, vsftpd, tree, kftp):
    options = ["--active"] if mode == "active" else []
    assert set(listed(kftp, vsftpd.url("", host), *options)) == {"file", "empty", "directory", "link"}


def test_ls_of_names_that_are_hard_to_carry(server, home, kftp):
    for name in HARD_NAMES:
        write_pattern(home / name, 7)
    entries = listed(kftp, server.url())
    hidden = {".hidden"} if server.name == "vsftpd" else set()
    assert set(entries) - {".hidden"} == set(HARD_NAMES) - {".hidden"}
    assert hidden or ".hidden" in entries
    assert all(entry["size"] == 7 for entry in entries.values())


@pytest.mark.parametrize("which", [FEW_HARD_NAMES, pytest.param(HARD_NAMES, marks=pytest.mark.slow)], ids=["few", "all"])
def test_ls_of_directories_with_such_names(which, server, home, kftp):
    taken = [name for name in which if name not in REFUSED_DIRECTORIES.get(server.name, ())]
    for name in taken:
        own_directory(home / name, home)
        write_pattern(home / name / "in side", 3)
    assert [name for name in taken if set(listed(kftp, server.url(in_url(name)))) != {"in side"}] == []


def test_ls_of_bytes_that_are_no_UTF_8(vsftpd, home, kftp):
    with open(os.fsencode(home) + b"/caf\xe9", "wb"):
        pass
    [entry] = kftp.verb("ls", "--json", vsftpd.url()).assert_done().json
    assert entry["name"] == "caf\ufffd"
    assert entry["name_b64"] == "Y2Fm6Q=="


#: runs a command as the child of something small and writes its peak of resident memory, in KiB, to a file:
#: what a child of the test itself is told of includes the test's own memory at the time of the fork
MEASURE = """
import os, sys
child = os.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as f:
    f.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def list_many(server, home, kftp, number, tmp_path):
    """Lists that many entries; returns the peak of resident memory in MiB."""
    directory = own_directory(home / "many", home)
    paths = [f"{directory}/{i:06}-{'x' * 40}" for i in range(number)]
    os.close(os.open(paths[0], os.O_CREAT | os.O_WRONLY, 0o644))
    for path in paths[1:]:  # another name is made more quickly than another file
        os.link(paths[0], path)
    peak = tmp_path / "peak"
    shown = kftp.verb("ls", "--json", server.url("many"), limit=600,
                      prefix=["/usr/bin/python3", "-S", "-c", MEASURE, peak]).assert_done()
    entries = shown.json
    assert len(entries) == number
    assert {entry["name"][:6] for entry in entries} == {f"{i:06}" for i in range(number)}
    return int(peak.read_text()) / 1024


def test_ls_of_10_000_entries(vsftpd, home, kftp, tmp_path):
    assert list_many(vsftpd, home, kftp, 10000, tmp_path) < 32


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vsftpd", "pure-ftpd"])
def test_ls_of_100_000_entries(name, servers, home, kftp, tmp_path):
    """By LIST and by MLSD. ProFTPD and pyftpdlib themselves take many minutes for it."""
    assert list_many(servers.get(name), home, kftp, 100000, tmp_path) < 96


# ---- rm, mkdir, mv

def test_rm(any_server, home, kftp):
    write_pattern(home / "file", 10)
    write_pattern(home / "other", 10)
    kftp.verb("rm", any_server.url("file")).assert_done()
    assert names(home) == ["other"]


def test_rm_of_a_missing_file(any_server, home, kftp):
    failed = kftp.verb("rm", any_server.url("absent"), retries=3).assert_failed(5)
    assert "absent" in failed.stderr and "550" in failed.stderr


def test_rm_of_a_directory(any_server, home, kftp):
    own_directory(home / "directory", home)
    kftp.verb("rm", any_server.url("directory")).assert_failed(5)
    assert names(home) == ["directory"]
    kftp.verb("rm", "-d", any_server.url("directory")).assert_done()
    assert names(home) == []


def test_rm_of_a_directory_that_is_not_empty(any_server, home, kftp):
    own_directory(home / "directory", home)
    write_pattern(home / "directory" / "file", 10)
    kftp.verb("rm", "-d", any_server.url("directory")).assert_failed(5)
    assert names(home / "directory") == ["file"]


def test_mkdir(any_server, home, kftp):
    kftp.verb("mkdir", any_server.url("new")).assert_done()
    kftp.verb("mkdir", any_server.url("new/below/")).assert_done()
    assert (home / "new" / "below").is_dir()


def test_mkdir_of_what_exists(any_server, home, kftp):
    own_directory(home / "there", home)
    kftp.verb("mkdir", any_server.url("there")).assert_failed(5)
    kftp.verb("mkdir", "-p", any_server.url("there")).assert_done()


def test_mkdir_with_its_parents(any_server, home, kftp):
    kftp.verb("mkdir", any_server.url("a/b/c")).assert_failed(5)
    assert names(home) == []
    kftp.verb("mkdir", "-p", any_server.url("a/b/c")).assert_done()
    assert (home / "a" / "b" / "c").is_dir()


def test_mv_to_a_bare_name_stays_in_the_directory(any_server, home, kftp):
    own_directory(home / "sub", home)
    write_pattern(make_own(home / "sub", home) / "old", 10)
    kftp.verb("mv", any_server.url("sub/old"), "new").assert_done()
    assert names(home) == ["sub"] and names(home / "sub") == ["new"]


def test_mv_to_a_path(any_server, home, kftp):
    own_directory(home / "sub", home)
    write_pattern(home / "old", 10)
    kftp.verb("mv", any_server.url("old"), "sub/new").assert_done()
    assert names(home / "sub") == ["new"]


def test_mv_of_a_directory(any_server, home, kftp):
    own_directory(home / "old", home)
    kftp.verb("mv", any_server.url("old"), "new").assert_done()
    assert names(home) == ["new"]


def test_mv_of_what_is_missing(any_server, home, kftp):
    failed = kftp.verb("mv", any_server.url("absent"), "new", retries=3).assert_failed(5)
    assert "absent" in failed.stderr


def test_mkdir_and_rm_with_names_that_are_hard_to_carry(server, home, kftp):
    """All over one session each: what is refused does not keep the others from being made."""
    refused = REFUSED_DIRECTORIES.get(server.name, set())
    urls = [server.url(in_url(name)) for name in HARD_NAMES]
    made = kftp.verb("mkdir", *urls)
    assert made.status == (3 if refused else 0), made.stderr
    assert len(made.stderr.splitlines()) == len(refused), made.stderr
    assert set(names(home)) == (set(HARD_NAMES) - refused) | LEFT.get(server.name, set())
    kftp.verb("rm", "-d", *(server.url(in_url(name)) for name in HARD_NAMES if name not in refused)).assert_done()
    assert set(names(home)) == LEFT.get(server.name, set())

    for name in HARD_NAMES:
        write_pattern(home / name, 1)
    done = kftp.verb("rm", *urls)
    # Pure-FTPd changes the names of what is made only
    refused = {name for name in REFUSED_NAMES.get(server.name, ()) if "\\" in name}
    assert done.status == (3 if refused else 0), done.stderr
    assert set(names(home)) == refused | LEFT.get(server.name, set())


@pytest.mark.parametrize("which", [FEW_HARD_NAMES, pytest.param(HARD_NAMES, marks=pytest.mark.slow)], ids=["few", "all"])
def test_mv_to_names_that_are_hard_to_carry(which, any_server, home, kftp):
    refused = REFUSED_NAMES.get(any_server.name, set())
    for name in which:
        make_own(write_pattern(home / "plain", 10), home)
        done = kftp.verb("mv", "--", any_server.url("plain"), name)
        if name in refused:
            done.assert_failed(5)
        else:
            done.assert_done()
            assert names(home) == [name]
        for path in home.iterdir():
            path.unlink()


# ---- quote

def test_quote_shows_the_reply(any_server, home, kftp):
    shown = kftp.verb("quote", any_server.url(), "SYST").assert_done()
    assert "UNIX Type: L8" in shown.stdout
    assert "SYST" in any_server.commands()[-2:]


def test_quote_shows_all_lines_of_the_reply(any_server, home, kftp):
    shown = kftp.verb("quote", any_server.url(), "FEAT").assert_done().stdout
    assert "REST STREAM" in shown and len(shown.splitlines()) > 5


def test_quote_of_what_the_server_refuses(any_server, home, kftp):
    failed = kftp.verb("quote", any_server.url(), "NONSENSE", retries=3)
    assert failed.status in (1, 5)
    assert re.search(r"50[02]", failed.stderr)


@pytest.mark.parametrize("command", ["USER other", "PASS x", "ACCT x", "RETR f", "STOR f", "PORT 1,2,3,4,5,6", "PASV", "EPSV", "REIN",
                                     "AUTH TLS", "LIST", "REST 7", "retr f", "QUIT\r\nDELE f", ""], ids=repr)
def test_quote_refuses_what_would_upset_the_session(command, vsftpd, home, kftp):
    mark = vsftpd.mark()
    assert kftp.verb("quote", vsftpd.url(), command).status == 2
    logged_in = {"USER", "PASS", "FEAT", "OPTS", "TYPE", "QUIT", "PWD", "SYST"}
    assert {line.split()[0] for line in vsftpd.commands(mark)} <= logged_in
    assert "USER other" not in vsftpd.commands(mark)


# ---- cat, and get of several URLs

def test_cat(any_server, home, kftp, target):
    write_pattern(home / "file", MIB)
    with open(target / "out", "wb") as out:
        assert kftp.start_verb("cat", any_server.url("file"), stdout=out).wait().status == 0
    assert same_bytes(home / "file", target / "out")
    assert names(target) == ["out"]


def test_cat_into_a_pipe(any_server, home, kftp):
    (home / "file").write_bytes(b"some text\n")
    assert kftp.verb("cat", any_server.url("file")).assert_done().stdout == "some text\n"


def test_cat_of_a_missing_file(any_server, home, kftp):
    failed = kftp.verb("cat", any_server.url("absent"), retries=3).assert_failed(5)
    assert failed.stdout == ""


def test_get_of_several_urls_is_one_session(server, home, kftp, target):
    for i in range(5):
        (home / f"file{i}").write_bytes(pattern(10000 + i, seed=i))
        (home / f"file{i}").chmod(0o644)
    mark = server.mark()
    done = kftp.get("--json", *(server.url(f"file{i}") for i in range(5)), target).assert_done()
    assert [report["bytes"] for report in done.json_lines] == [10000 + i for i in range(5)]
    for i in range(5):
        assert same_bytes(home / f"file{i}", target / f"file{i}")
    assert len(names(target)) == 5
    assert logins(server, mark) == 1
    assert len([line for line in server.commands(mark) if line.startswith("RETR")]) == 5


def test_get_of_several_urls_of_which_one_is_missing(vsftpd, home, kftp, target):
    write_pattern(home / "first", 10)
    write_pattern(home / "last", 10)
    mark = vsftpd.mark()
    failed = kftp.get("--json", vsftpd.url("first"), vsftpd.url("absent"), vsftpd.url("last"), target)
    assert failed.status == 3
    assert [report["result"] for report in failed.json_lines] == ["done", "remote", "done"]
    assert names(target) == ["first", "last"]
    assert logins(vsftpd, mark) == 1


def test_get_of_urls_on_two_servers(servers, home, kftp, target):
    write_pattern(home / "first", 10)
    write_pattern(home / "second", 20)
    kftp.get(servers.get("vsftpd").url("first"), servers.get("pyftpdlib").url("second"), target).assert_done()
    assert names(target) == ["first", "second"]


def test_permissions_are_shown(vsftpd, home, kftp):
    write_pattern(home / "file", 10).chmod(0o640)
    [entry] = kftp.verb("ls", "--json", vsftpd.url()).assert_done().json
    assert entry["mode"] in ("0640", "640", "rw-r-----", "-rw-r-----", 0o640)
    assert stat.S_IMODE((home / "file").stat().st_mode) == 0o640
