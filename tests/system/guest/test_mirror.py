# SPDX-License-Identifier: GPL-2.0-or-later
"""Mirrors in the service's sandbox: a tree from a server, and back to it; and what the journal has of them."""
import os
import shutil
from pathlib import Path

import pytest

from feed import HOME, HOST, MESSAGE, PASSWORD_FILE, ServerLog, drop, records, run, wait_for_record

TREE = {"a.csv": b"a" * 70000, "sub/b.csv": b"b" * 10, "sub/deep/empty.csv": b"", "sub/x.bak": b"x"}


def read(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def feed():
    """The account's home, with a tree in it and a directory to write to, which the server lets it."""
    Path("/etc/vsftpd.d/feed").write_text("write_enable=YES\n")
    for path, data in TREE.items():
        full = HOME / "tree" / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(data)
        os.utime(full, (1600000000, 1600000000))
    (HOME / "back").mkdir()
    run("chown", "-R", "feed:", HOME / "tree", HOME / "back")
    yield HOME
    for name in ("tree", "back"):
        shutil.rmtree(HOME / name)


def mirror_text(remote, path, upload=False, more=""):
    server = f"URL=ftp://{HOST}/{remote}\nUser=feed\nPasswordFile={PASSWORD_FILE}\n"
    ours = f"Path={path}\n"
    return f"[Job]\nTransfer=mirror\nRetrySec=2s\n[Source]\n{ours if upload else server}[Target]\n{server if upload else ours}{more}"


def test_a_tree_there_and_back(target, feed):
    drop("tree", mirror_text("tree/", target / "tree", more="[Source]\nExclude=*.bak\n"))
    done = wait_for_record("tree", "JOB_DONE")
    taken = {path: data for path, data in TREE.items() if path != "sub/x.bak"}
    assert read(target / "tree") == taken
    assert all(path.owner() == "kftp" for path in (target / "tree").rglob("*"))
    assert (target / "tree/a.csv").stat().st_mtime == 1600000000
    assert done["MESSAGE"].startswith("tree: done: 3 files, 68.4 KiB in ") and done["MESSAGE"].endswith(", 0 unchanged, 0 failed")
    assert (done["KFTP_FILES"], done["KFTP_UNCHANGED"], done["KFTP_FAILED"], done["KFTP_BYTES"]) == ("3", "0", "0", "70010")
    files = {r["KFTP_REMOTE"]: r for r in records("tree", "FILE_DONE")}
    assert sorted(files) == [f"ftp://{HOST}/tree/{path}" for path in sorted(taken)]
    record = files[f"ftp://{HOST}/tree/a.csv"]
    assert record["KFTP_LOCAL"] == str(target / "tree/a.csv") and record["KFTP_BYTES"] == "70000" and record["KFTP_ACTION"] == "get"

    (target / "tree/a.csv").unlink()
    log = ServerLog()
    drop("back", mirror_text("back/", target / "tree", upload=True))
    wait_for_record("back", "JOB_DONE")
    assert read(HOME / "back") == {path: data for path, data in taken.items() if path != "a.csv"}
    assert len(log.commands("STOR")) == 2

    (HOME / "tree/sub/b.csv").unlink()
    drop("tree", mirror_text("tree/", target / "tree", more="Delete=yes\n[Source]\nExclude=*.bak\n"))
    again = wait_for_record("tree", "JOB_DONE", 2)
    assert again["MESSAGE"].endswith(", 1 unchanged, 1 deleted, 0 failed"), again["MESSAGE"]
    deleted, = records("tree", "FILE_DELETED")
    assert deleted["KFTP_LOCAL"] == str(target / "tree/sub/b.csv") and deleted["KFTP_ACTION"] == "delete"
    explained = run("journalctl", "-x", f"MESSAGE_ID={MESSAGE['FILE_DELETED']}", "KFTP_JOB=tree").stdout
    assert "Delete=yes" in explained, "the catalog explains the record"


def test_a_source_that_the_service_cannot_read(feed):
    drop("hidden", mirror_text("back/", HOME / "tree", upload=True))
    rejected = wait_for_record("hidden", "JOB_REJECTED")
    assert "user kftp cannot read /home/feed/tree: " in rejected["MESSAGE"] and "ProtectHome=" in rejected["MESSAGE"]
    assert rejected["CONFIG_LINE"] == "5"
    assert not list((HOME / "back").iterdir())
