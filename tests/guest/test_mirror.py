# SPDX-License-Identifier: GPL-2.0-or-later
"""kftp mirror makes one tree like the other, both ways, with every server: all of it first, then nothing, then what has changed."""
import pytest

from mirrors import mirror  # noqa: F401
from support import COUNT
from trees import AWKWARD, FOREIGN, change_both, diff, differences, make_tree

#: files, directories and changes of each side
SMALL = (30, 8, 10)
#: `make soak` raises KFTP_COUNT: the whole size takes minutes with each server
LARGE = (5000, 400, 50) if COUNT > 3 else (200, 40, 30)
LARGE_LIMIT = 1500

#: what a server does not take as it is, or does not give: see T22 of the guide
NOT_SENT = {"pure-ftpd": [b"trailing ", b"  two  blanks  ", b"back\\slash"], "pyftpdlib": FOREIGN}
NO_DIRECTORIES = {"proftpd": [b"a*b", b"*"]}
NOT_FETCHED = {"pure-ftpd": [b"back\\slash"], "pyftpdlib": FOREIGN}


def names(without, server):
    return [name for name in AWKWARD + FOREIGN if name not in without.get(server.name, [])]


def follows_links(server, upload):
    """FTP makes no links; and the listings of some servers do not show them."""
    return upload or server.name in ("pyftpdlib",)


def make_source(mirror, server, upload, files, directories, seed):
    source, _ = mirror.ends(upload)
    without = NOT_SENT if upload else NOT_FETCHED
    fit = names(without, server)
    no_directories = NO_DIRECTORIES.get(server.name, []) if upload else []
    make_tree(source, seed, files, directories, fit, directory_names=[n for n in fit if n not in no_directories])
    return source


def assert_same(mirror, server, upload):
    source, target = mirror.ends(upload)
    found = differences(source, target, follow=follows_links(server, upload))
    assert not found, "\n".join(found[:20])
    assert not diff(source, target)


def run_all(mirror, server, upload, size, limit):
    """All of it; then nothing; then what was changed on either side."""
    files, directories, changes = size
    source, target = mirror.ends(upload)
    make_source(mirror, server, upload, files, directories, seed=5)
    first = mirror.go(upload, server, limit=limit)
    assert_same(mirror, server, upload)
    assert len(first.moved()) >= files

    mirror.go(upload, server, "--parallel=2", limit=limit).assert_nothing_moved()

    made = change_both(source, target, seed=7, count=changes)
    done = mirror.go(upload, server, "--delete", "--parallel=2", limit=limit)
    done.assert_moved(*made.moves, because=made.log)
    assert_same(mirror, server, upload)
    deleted = [e for e in done.events if e["action"] == "delete"]
    assert len(deleted) == len(made.gone), f"{made.log}\n{deleted}"


def test_download(server, mirror):
    run_all(mirror, server, False, SMALL, 120)


def test_upload(server, mirror):
    run_all(mirror, server, True, SMALL, 120)


@pytest.mark.slow
def test_download_of_many(server, mirror):
    run_all(mirror, server, False, LARGE, LARGE_LIMIT)


@pytest.mark.slow
def test_upload_of_many(server, mirror):
    run_all(mirror, server, True, LARGE, LARGE_LIMIT)
