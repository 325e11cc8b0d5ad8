# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of tests that fail once, or always: in the guests' runs of pytest and of C programs, and in the sum of
their results."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent

CONFTEST = """
import os
import shutil

import pytest
from loop import never_excuse, pytest_runtest_protocol, pytest_runtestloop


@pytest.fixture(scope="session", autouse=True)
def shared():
    os.mkdir("shared")  # which fails if it is there
    with open("made", "a") as f:
        f.write("once more\\n")
    yield
    shutil.rmtree("shared")
    {at_end}


@pytest.fixture
def complaint(request):
    yield
    never_excuse(request.node)
    assert ran(request.node.name) > 1, "the kernel complained"


def times_made():
    return len(open("made").read().splitlines())


def ran(name):
    with open("ran", "a+") as f:
        f.write(name + "\\n")
        f.seek(0)
        return f.read().splitlines().count(name)


@pytest.fixture
def times(request):
    return ran(request.node.name)
"""
ONCE = "def test_{0}(times):\n    assert times > 1, 'too early\\nor late'\n"
ALWAYS = "def test_{0}(times):\n    assert False, 'never'\n"
GOOD = "def test_{0}(times):\n    pass\n"
#: this one fails if there is anything that a test has left in what all share
LEAVES = "def test_{0}(times):\n    open('shared/left', 'x').close()\n    assert times > 1\n"


class Runner:
    """A guest's tests, and what is said in the end."""

    def __init__(self, directory):
        self.directory, self.results, self.runs = directory, directory / "results", 0

    def pytest(self, *tests, at_end="pass"):
        """One guest more."""
        self.runs += 1
        where = self.directory / f"guest{self.runs}"
        where.mkdir()
        (where / "conftest.py").write_text(CONFTEST.replace("{at_end}", at_end))
        (where / "test_toy.py").write_text("import os\nimport pytest\n" + "".join(tests))
        command = [sys.executable, "-B", "-m", "pytest", "-v", "-p", "no:cacheprovider", f"--rootdir={where}",
                   f"--junit-xml={self.results}/toy/{self.runs}-guest.xml"]
        done = subprocess.run(command, cwd=where, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "PYTHONPATH": str(TESTS / "guest"), "KFTP_CLAIMS": ""})
        self.order = (where / "ran").read_text().split()
        self.made = len((where / "made").read_text().splitlines())
        print(done.stdout)
        return done

    def cmocka(self, *programs, options=("-r",)):
        return subprocess.run([TESTS / "run-cmocka", *options, self.results / "toy", "10", *programs], cwd=self.directory)

    def summary(self):
        """(exit status, lines)"""
        done = subprocess.run([TESTS / "summary", self.results, "toy"], text=True, stdout=subprocess.PIPE)
        print(done.stdout)
        return done.returncode, done.stdout.splitlines()


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


# ---- pytest

def test_what_always_fails_has_failed(runner):
    done = runner.pytest(ALWAYS.format("bad"), GOOD.format("good"))
    assert done.returncode == 1 and "The first time" in done.stdout
    assert runner.summary() == (1, ["FAILED test_toy: test_bad", "toy: 1 passed, 1 failed", "1 passed, 1 failed"])


def test_what_fails_once_is_flaky(runner):
    done = runner.pytest(ONCE.format("odd"), GOOD.format("good"))
    assert done.returncode == 0
    assert "too early" in done.stdout, "what happened is to be seen"
    assert runner.summary() == (0, ["FLAKY test_toy: test_odd: AssertionError: too early", "toy: 1 passed, 0 failed, 1 flaky",
                                    "1 passed, 0 failed"])


def test_it_is_run_again_at_the_end_and_once_only(runner):
    runner.pytest(ONCE.format("odd"), ALWAYS.format("bad"), GOOD.format("good"))
    assert runner.order == ["test_odd", "test_bad", "test_good", "test_odd", "test_bad"]


def test_what_all_share_is_made_once_if_nothing_fails(runner):
    assert runner.pytest(GOOD.format("good"), GOOD.format("too")).returncode == 0
    assert runner.made == 1


def test_it_is_run_again_without_anything_that_it_has_left(runner):
    """What all tests share is made anew, also if it is the last one."""
    assert runner.pytest(GOOD.format("good"), LEAVES.format("odd")).returncode == 0
    assert runner.summary()[0] == 0 and runner.made == 2


def test_neither_is_there_what_another_one_has_left(runner):
    left = [LEAVES.format("odd"), *(ONCE.format(c) + "    assert not os.listdir('shared')\n" for c in "ab")]
    assert runner.pytest(*left).returncode == 0
    assert runner.order == ["test_odd", "test_a", "test_b"] * 2 and runner.made == 4


def test_what_cannot_be_given_back_after_the_second_time_has_failed(runner):
    done = runner.pytest(ONCE.format("odd"), GOOD.format("good"), at_end="assert times_made() == 1, 'the module is in use'")
    assert done.returncode == 1
    assert runner.summary()[0] == 1


def test_what_fails_at_the_very_end_has_failed(runner):
    runner.pytest(GOOD.format("good"), at_end="assert False, 'the module is in use'")
    status, lines = runner.summary()
    assert status == 1 and lines[-1] == "1 passed, 1 failed"


def test_three_may_be_flaky(runner):
    assert runner.pytest(*map(ONCE.format, "abc"), GOOD.format("good")).returncode == 0
    status, lines = runner.summary()
    assert (status, lines[-2:]) == (0, ["toy: 1 passed, 0 failed, 3 flaky", "1 passed, 0 failed"])


def test_four_flaky_ones_are_too_many(runner):
    assert runner.pytest(*map(ONCE.format, "abcd")).returncode == 1
    assert runner.order == [f"test_{c}" for c in "abcd"], "to run them again can change nothing"
    assert runner.summary()[1][-1] == "0 passed, 4 failed"


def test_four_flaky_ones_in_two_guests_are_too_many(runner):
    for names in ("ab", "cd"):
        assert runner.pytest(*map(ONCE.format, names)).returncode == 0
    status, lines = runner.summary()
    assert status == 1
    assert lines[-3:] == ["toy: 0 passed, 0 failed, 4 flaky", "FAILED 4 tests are flaky: more than 3", "0 passed, 1 failed"]


def test_a_report_of_the_kernel_is_never_excused(runner):
    runner.pytest("def test_bad(complaint):\n    pass\n", GOOD.format("good"))
    assert runner.order.count("test_bad") == 1
    status, lines = runner.summary()
    assert status == 1 and "FAILED test_toy: test_bad" in lines


# ---- programs in C

PROGRAM = """#!/bin/bash
echo >> {0}.ran
times=$(wc -l < {0}.ran) failed=0
xml() {{ echo "<testsuites><testsuite name='{0}' tests='3' failures='$1' errors='0'>$2</testsuite></testsuites>" > "${{CMOCKA_XML_FILE//%g/{0}}}"; }}
case {1}$times in
once1 | always* | dies*) xml 1 "<testcase name='good'/><testcase name='odd'><failure><![CDATA[0x1 != 0x2
toy.c:1]]></failure></testcase><testcase name='skipped'><skipped/></testcase>"; failed=1 ;;
*) xml 0 "<testcase name='good'/><testcase name='odd'/><testcase name='skipped'><skipped/></testcase>" ;;
esac
[ {1} != dies ] || kill -SEGV $$
exit $failed
"""


def program(runner, name, kind):
    path = runner.directory / name
    path.write_text(PROGRAM.format(name, kind))
    path.chmod(0o755)
    return path


def times(runner, name):
    return len((runner.directory / f"{name}.ran").read_text().splitlines())


def test_a_program_of_which_a_test_fails_once(runner):
    done = runner.cmocka(program(runner, "toy-a", "once"), program(runner, "toy-b", "good"))
    assert done.returncode == 0 and (times(runner, "toy-a"), times(runner, "toy-b")) == (2, 1)
    assert runner.summary() == (0, ["FLAKY toy-a_toy-a: odd: 0x1 != 0x2", "toy: 3 passed, 0 failed, 1 flaky", "3 passed, 0 failed"])


@pytest.mark.parametrize("kind, runs", [("always", 2), ("dies", 1)])
def test_a_program_that_fails_always_or_dies(kind, runs, runner):
    assert runner.cmocka(program(runner, "toy-a", kind)).returncode == 1
    assert times(runner, "toy-a") == runs
    assert runner.summary()[0] == 1


def test_nothing_is_run_again_unless_that_is_asked_for(runner):
    assert runner.cmocka(program(runner, "toy-a", "once"), options=()).returncode == 1
    assert times(runner, "toy-a") == 1


def test_four_programs_are_too_many(runner):
    assert runner.cmocka(*(program(runner, f"toy-{c}", "once") for c in "abcd")).returncode == 1
    assert times(runner, "toy-a") == 1
    assert runner.summary()[1][-1] == "4 passed, 4 failed"
