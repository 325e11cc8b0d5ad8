# SPDX-License-Identifier: GPL-2.0-or-later
"""Passwords from netrc files."""
import os

import pytest

from servers.scripted import ScriptedServer

NETRC = """
# who we are where
machine localhost login other password wrong
machine 127.0.0.1
    login one
    password "first password"
machine 127.0.0.1 login two password second account dept
"""


@pytest.fixture
def server():
    with ScriptedServer({"file": b"data"}) as server:
        yield server


@pytest.fixture
def home_directory(tmp_path):
    path = tmp_path / "home"
    path.mkdir()
    (path / ".netrc").write_text(NETRC)
    (path / ".netrc").chmod(0o600)
    return path


def get(kftp, server, home_directory, *options, user=None):
    return kftp.run("get", "--retries=0", *options, server.url("file", user=user), env={**os.environ, "HOME": str(home_directory)})


def logins(server):
    return [c for c in server.commands if c.split()[0] in ("USER", "PASS")]


def test_the_first_entry_of_the_host(kftp, server, home_directory):
    get(kftp, server, home_directory).assert_done()
    assert logins(server) == ["USER one", "PASS first password"]


def test_the_entry_of_the_user(kftp, server, home_directory):
    get(kftp, server, home_directory, user="two").assert_done()
    assert logins(server) == ["USER two", "PASS second"]


def test_no_entry(kftp, server, home_directory):
    (home_directory / ".netrc").write_text("machine elsewhere login one password first\n")
    get(kftp, server, home_directory).assert_done()
    assert logins(server)[0] == "USER anonymous"


def test_a_password_file_comes_first(kftp, server, home_directory, password_file):
    get(kftp, server, home_directory, f"--password-file={password_file}", user="two").assert_done()
    assert logins(server) == ["USER two", f"PASS {password_file.read_text().rstrip()}"]


def test_another_file(kftp, server, home_directory, tmp_path):
    other = tmp_path / "other"
    other.write_text("default login three password third\n")
    other.chmod(0o600)
    get(kftp, server, home_directory, f"--netrc={other}").assert_done()
    assert logins(server) == ["USER three", "PASS third"]
    get(kftp, server, home_directory, f"--netrc={other}x").assert_failed(7)


def test_without_netrc(kftp, server, home_directory):
    get(kftp, server, home_directory, "--netrc=").assert_done()
    assert logins(server)[0] == "USER anonymous"


def test_a_file_that_others_may_read(kftp, server, home_directory):
    """Its passwords are not used: that is an error for whoever needs one, and none for whoever has named nobody."""
    (home_directory / ".netrc").chmod(0o644)
    failed = get(kftp, server, home_directory, user="one").assert_failed(2)
    assert "chmod 0600" in failed.stderr and "first" not in failed.stderr
    assert server.commands == []
    get(kftp, server, home_directory).assert_done()
    assert logins(server)[0] == "USER anonymous"


def test_a_mistake(kftp, server, home_directory):
    """Whoever has to log in is told; whoever has asked for nothing is not kept from an anonymous login."""
    (home_directory / ".netrc").write_text("machine 127.0.0.1\nlogin one password two words\n")
    failed = get(kftp, server, home_directory, user="one").assert_failed(2)
    assert f"{home_directory}/.netrc:2: " in failed.stderr and "words" not in failed.stderr
    assert server.commands == []
    get(kftp, server, home_directory).assert_done()
    assert logins(server)[0] == "USER anonymous"


def test_several_hosts(kftp, server, home_directory):
    """Each of them has its own login."""
    kftp.run("cat", "--retries=0", server.url("file", user=None), server.url("file", host="localhost", user=None),
             env={**os.environ, "HOME": str(home_directory)}).assert_done()
    assert logins(server) == ["USER one", "PASS first password", "USER other", "PASS wrong"]
