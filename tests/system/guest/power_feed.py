# SPDX-License-Identifier: GPL-2.0-or-later
"""power_feed.py begin|go|end: the guest's side of tests/system/test_power_feed.py.

A job empties a directory of the server, and a consumer here takes each file away as soon as it has its final name.
"begin" sets that up; it, and "go" after each cut, say "the feed runs" and consume until the power is cut. "end" waits for
the job's end, and checks that each file has come exactly once, and whole.
"""
import json
import os
import sys
import threading
import time
from pathlib import Path

import feed

NAME, FILES, SIZE = "feed", 12, feed.MIB
SOURCE = feed.HOME / "outgoing"
TARGET, CONSUMED = Path("/srv/ftp/feed"), Path("/srv/ftp/consumed")
DIGESTS = Path("/var/lib/feed.json")
TWICE = Path("/var/lib/feed.twice")


def sync_directory(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)


def consume(ending):
    """What is taken away stays so: a rename that a power cut undoes leaves the file where it was delivered."""
    while not ending.is_set():
        for path in TARGET.glob("[!.]*"):
            taken = CONSUMED / path.name
            if taken.exists():
                with open(TWICE, "a") as f:
                    f.write(f"{path.name}\n")
                    os.fsync(f.fileno())
            path.rename(taken)
            sync_directory(CONSUMED)
            sync_directory(TARGET)
        time.sleep(0.01)


def begin():
    for directory in (TARGET, CONSUMED):
        directory.mkdir()
        feed.run("chown", "kftp:kftp", directory)
    digests = {f"{i}.bin": feed.offer(f"outgoing/{i}.bin", SIZE + i) for i in range(FILES)}
    feed.run("chown", "-R", "feed:", SOURCE)
    DIGESTS.write_text(json.dumps(digests))
    Path("/etc/vsftpd.d/feed").write_text(f"local_max_rate={2 * feed.MIB}\nwrite_enable=YES\n")
    feed.drop(NAME, f"[Job]\nRetries=1000\nRetrySec=1s\n[Source]\nURL=ftp://{feed.HOST}/outgoing/\nUser=feed\n"
              f"PasswordFile={feed.PASSWORD_FILE}\nThen=delete\n[Target]\nPath={TARGET}/\n")
    feed.run("sync")
    go()


def go():
    threading.Thread(target=consume, args=(threading.Event(),), daemon=True).start()
    feed.wait_for("the feed runs", lambda: feed.records(NAME, "FILE_DONE") or feed.received(TARGET))
    print("the feed runs", flush=True)
    time.sleep(600)


def end():
    ending = threading.Event()
    consumer = threading.Thread(target=consume, args=(ending,))
    consumer.start()
    try:
        feed.wait_for_record(NAME, "JOB_DONE", seconds=240)
    finally:
        ending.set()
        consumer.join()
    left = {path.name: feed.sha256(path) for path in [*TARGET.iterdir(), *CONSUMED.iterdir()]}
    assert left == json.loads(DIGESTS.read_text()), "each file, whole, and nothing else"
    assert not TWICE.exists(), f"delivered twice: {TWICE.read_text()}"
    assert not list(SOURCE.iterdir()), "the source is empty"
    told = {r["KFTP_LOCAL"].rsplit("/")[-1] for r in feed.records(NAME, "FILE_DONE")}
    assert told and told <= set(left), "journald may lose its last second, but tells of nothing that has not come"
    print("each file has come once")


feed.load_messages(Path(__file__).with_name("catalog-ids.h"))
feed.wait_for("kftpd and vsftpd run", lambda: feed.is_active() and feed.is_active("vsftpd"))
{"begin": begin, "go": go, "end": end}[sys.argv[1]]()
