# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tests a guest runs, and which of them once more.

With several guests, whoever comes first takes the next few. A test that failed is run once more at the end, alone, and
with all that tests share made anew, as if it were the first one: if it passes then, it is flaky. That is said, and
counted apart; more than a few of them fail the run (see tests/summary).
What the kernel complained of is never tried again.
"""
import os

import pytest
from _pytest.runner import runtestprotocol

#: how many tests a guest takes at a time, where several share the work
CLAIM = 5
#: how many tests may be flaky; if more have failed the run fails whatever becomes of them
FLAKY = 3

_first = pytest.StashKey()        # of a test: its reports, if it has failed once
_failed = pytest.StashKey()       # of the session: those tests
_inexcusable = pytest.StashKey()  # of a test: it is not to be run once more


def never_excuse(item):
    """Whatever this test fails of now, it has failed."""
    item.stash[_inexcusable] = True


def _claimed(items):
    """The tests that are this guest's."""
    claims = os.environ.get("KFTP_CLAIMS")
    for first in range(0, len(items), CLAIM):
        try:
            if claims:
                os.mkdir(f"{claims}/tests-{first}")
        except FileExistsError:
            continue
        yield from items[first:first + CLAIM]


class End(pytest.Item):
    """Comes behind the last test, so that it is no test that fails if what all of them share cannot be given back."""

    def runtest(self):
        pass


# ---- one test

def _failure(reports):
    """The first report that is one, or None."""
    return next((report for report in reports if report.failed), None)


def _line(report):
    """The first line of why it failed."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    return (text.strip().splitlines() or ["?"])[0]


def _log(item, reports):
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)


def _note_first(item, reports):
    item.stash[_first] = reports
    item.session.stash[_failed].append(item)
    terminal = item.config.pluginmanager.get_plugin("terminalreporter")
    if terminal:
        terminal.write_line(f"{item.nodeid} has failed, for the first time:")
        terminal.write_line(_failure(reports).longreprtext)


def _judge(item, reports):
    """Both times are known."""
    first, again = _failure(item.stash[_first]), _failure(reports)
    if again:
        again.sections.append(("The first time", first.longreprtext))
    else:
        reports[-1].user_properties.append(("flaky", _line(first)))
    _log(item, reports)


def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if _first in item.stash:
        _judge(item, reports)
    elif _failure(reports) and not item.stash.get(_inexcusable, False):
        _note_first(item, reports)
    else:
        _log(item, reports)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


# ---- all of them

def _run(session, items, end=None):
    """Each test has to know the next one, for which pytest keeps fixtures; behind the last one without an end all go."""
    items = iter(items)
    item = next(items, None)
    while item:
        following = next(items, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following or end)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following


def _run_again(session):
    """Each by itself: nothing is there that it, or any other test, has left."""
    failed = session.stash[_failed]
    for item in failed:
        if len(failed) <= FLAKY:
            _run(session, [item])
        else:
            _log(item, item.stash[_first])


def pytest_runtestloop(session):
    """pytest's own loop, over those tests."""
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        return None  # pytest says what is wrong
    if session.config.option.collectonly:
        return True
    session.stash[_failed] = []
    end = End.from_parent(session, name="what the tests have shared is given back")
    _run(session, _claimed(session.items), end)
    reports = runtestprotocol(end, log=False)
    if _failure(reports):
        _log(end, reports)
    _run_again(session)
    return True
