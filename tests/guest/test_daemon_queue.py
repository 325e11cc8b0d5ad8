# SPDX-License-Identifier: GPL-2.0-or-later
"""kftpd's queue with a server that lets in few at a time: all jobs end, in turns, and no other server's wait for them."""
import os
import re
import time

import pytest

from servers import real
from support import PASSWORD, USER, wait_until, write_pattern

ADMITTED = 5
AT_ONCE = 20
OTHERS = 4


class Narrow(real.Pyftpdlib):
    """Lets in so many, and refuses others with 421 as they connect."""

    def command(self):
        return [*super().command(), "--max-cons-per-ip", str(ADMITTED)]

    def most_at_once(self):
        """Who was logged in at the same time, by the log."""
        inside, most = set(), 0
        for client, event in re.findall(r"^(\S+)-\[\S*\] (USER '\S+' logged in|FTP session closed)", self.log_text(), re.MULTILINE):
            (inside.add if "logged in" in event else inside.discard)(client)
            most = max(most, len(inside))
        return most

    def order(self):
        """The files, as they were asked for."""
        return re.findall(r"<- RETR (\S+)$", self.log_text(), re.MULTILINE)

    def refusals(self):
        return len(re.findall(r"-> 421 ", self.log_text()))


@pytest.fixture
def narrow(request, account):
    server = Narrow(f"/run/servers/{request.node.name}".replace("[", "-").replace("]", ""), USER, PASSWORD)
    yield server.start()
    server.stop()


@pytest.mark.parametrize("given", [True, False], ids=["given", "learned"])
@pytest.mark.parametrize("jobs", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_server_that_admits_five(jobs, given, narrow, vsftpd, home, daemon):
    write_pattern(home / "file", 20000)
    names = [f"job{i:03}" for i in range(jobs)]
    for i, name in enumerate(names):
        (home / name).symlink_to("file")
        daemon.drop(name, narrow.url(name), job="Retries=0\n", source=f"MaxConnections={ADMITTED}\n" if given else "")
        os.utime(daemon.jobs / f"{name}.job", (1000000000 + i, 1000000000 + i))
    others = [f"other{i}" for i in range(OTHERS)]
    for name in others:
        daemon.drop(name, vsftpd.url("file"))
    daemon.start(options=[f"--max-running={AT_ONCE}"])
    for some in range(AT_ONCE, jobs, AT_ONCE):  # however slow the machine is, something happens
        daemon.wait_for(": done: 1 file", some)
    done = daemon.wait_for(": done: 1 file", jobs + OTHERS)

    assert not daemon.said(": failed"), "a refusal has cost an attempt"
    assert narrow.most_at_once() <= ADMITTED
    assert sorted(narrow.order()) == names, "each of them once"
    for place, name in enumerate(narrow.order()):
        assert place - names.index(name) <= AT_ONCE, f"{name} has waited for others that came after it"
    ended = [line.split(":")[0] for line in done]
    assert max(ended.index(name) for name in others) < len(ended) - jobs // 3, "the other server's jobs have waited"
    assert given or daemon.said("lets in no further connection")
    if given:
        assert narrow.refusals() == 0
    elif jobs > 4 * AT_ONCE:
        assert narrow.refusals() < jobs / 3, "it has learned nothing"
    assert daemon.stop()[0] == 0


def test_deadline_when_the_clock_is_set(daemon):
    """Also when that takes it to the deadline at once. The clock is put right again."""
    ahead = 60 - time.time() % 60 + 60
    deadline = time.localtime(time.time() + ahead)
    daemon.drop("acme", "ftp://127.0.0.1:1/nothing", job=f"OnCalendar=daily\nDeadline={deadline.tm_hour:02}:{deadline.tm_min:02}\n")
    daemon.start()
    wait_until(lambda: (daemon.state / "deadlines").exists(), "kftpd is not ready")
    assert not daemon.said("deadline missed")
    try:
        time.clock_settime(time.CLOCK_REALTIME, time.time() + ahead)
        daemon.wait_for("acme: deadline missed: ")
    finally:
        time.clock_settime(time.CLOCK_REALTIME, time.time() - ahead)
    assert daemon.stop()[0] == 0
    assert len(daemon.said("deadline missed")) == 1
