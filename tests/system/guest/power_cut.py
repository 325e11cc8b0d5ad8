# SPDX-License-Identifier: GPL-2.0-or-later
"""power_cut.py begin|end: the guest's side of tests/system/test_power_cut.py, before and after the cut.

"begin" starts a slow transfer, says "cut now" when it is in the middle, and waits for its end.
"end" runs after the next boot and checks what the job has come to.
"""
import os
import sys
import time
from pathlib import Path

import feed

NAME, SIZE = "power", 24 * feed.MIB + 123
FINAL = Path("/srv/ftp/power/power.bin")
DIGEST = Path("/var/lib/power.sha256")


def begin():
    FINAL.parent.mkdir()
    feed.run("chown", "kftp:kftp", FINAL.parent)
    DIGEST.write_text(feed.offer(f"{NAME}.bin", SIZE))
    feed.limit_rate(feed.MIB)
    feed.drop(NAME, feed.job_text(f"{NAME}.bin", FINAL))
    feed.run("sync")
    feed.wait_for("bytes arrive", lambda: feed.received(FINAL.parent) > 0)
    time.sleep(14)  # offsets become durable every 10 s
    assert 0 < feed.received(FINAL.parent) and not FINAL.exists(), "in mid-transfer"
    print("cut now", flush=True)
    time.sleep(600)


def end():
    if FINAL.exists():  # it may be complete by now, but it is never anything else
        assert feed.sha256(FINAL) == DIGEST.read_text()
    done = feed.wait_for_record(NAME, "FILE_DONE", seconds=240)
    feed.wait_for_record(NAME, "JOB_DONE")
    assert feed.sha256(FINAL) == DIGEST.read_text()
    assert os.listdir(FINAL.parent) == [FINAL.name], "nothing else remains"
    offset = int(done["KFTP_RESUMED_FROM"])
    assert feed.MIB <= offset < SIZE, offset
    rest = [o for o in feed.ServerLog.whole().commands("REST") if o != "0"]
    assert rest == [str(offset)], rest
    assert len(feed.records(NAME, "JOB_DONE")) == 1
    print(f"resumed at {offset} of {SIZE}")


feed.load_messages(Path(__file__).with_name("catalog-ids.h"))
feed.wait_for("kftpd and vsftpd run", lambda: feed.is_active() and feed.is_active("vsftpd"))
{"begin": begin, "end": end}[sys.argv[1]]()
