# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests that run in the fast tier's guest: the module, an account, servers, the command.

Everything here may be done as root in a throw-away machine: accounts, mounts, modules, network
namespaces. Each test also fails if the kernel logged a warning while it ran.
"""
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

import kftpd  # noqa: E402
import support  # noqa: E402
from loop import never_excuse, pytest_runtest_protocol, pytest_runtestloop  # noqa: E402,F401 (for pytest)
from servers import real  # noqa: E402
from servers.certificates import Certificates  # noqa: E402
from support import PASSWORD, USER  # noqa: E402

#: of directories
numbers = itertools.count()

KERNEL_TROUBLE = re.compile(r"WARNING:|BUG:|Oops|Call Trace:|INFO: task .* blocked|refcount_t|rcu.*stall|KASAN")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out by make check, run by make check-slow")


def _values(item):
    """What a run has of each of its function's lists of values; those given together belong together."""
    params = dict(item.callspec.params)
    values = set()
    for mark in item.iter_markers("parametrize"):
        arguments = mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0]
        values.add(tuple((a.strip(), repr(params.pop(a.strip(), None))) for a in arguments))
    return values | {(name, repr(value)) for name, value in params.items()}


def _combinations(items):
    """Those runs of one function that can be left out, while each value of each list still is in another one."""
    left = {item: _values(item) for item in items}
    missing = set().union(*left.values())
    while missing:
        best = max(left, key=lambda item: len(missing & left[item]))
        missing -= left.pop(best)
    return left


def _mark_combinations(items):
    """They are slow by their number."""
    functions = defaultdict(list)
    for item in items:
        if hasattr(item, "callspec") and not item.get_closest_marker("slow"):
            functions[item.function].append(item)
    for runs in functions.values():
        for item in _combinations(runs):
            item.add_marker("slow")


def pytest_collection_modifyitems(config, items):
    """KFTP_SLOW=no leaves the slow tests out, =only leaves the others out, =all none."""
    _mark_combinations(items)
    wanted = {"no": [False], "only": [True], "all": [False, True]}[os.environ.get("KFTP_SLOW", "all")]
    out = [item for item in items if bool(item.get_closest_marker("slow")) not in wanted]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


@pytest.fixture(scope="session", autouse=True)
def module():
    """The module under test, loaded. It must go away at the end."""
    support.load_module()
    yield support.MODULE
    support.unload_module()


@pytest.fixture(scope="session", autouse=True)
def installed():
    """The command where every user may run it: the checkout may be below a closed directory."""
    shutil.copy(support.BUILD / "userspace/kftp", support.KFTP)
    support.KFTP.chmod(0o755)


@pytest.fixture(autouse=True)
def kernel_log(request):
    """Fails the test during which the kernel complained."""
    with open("/dev/kmsg", "rb", buffering=0) as log:
        os.set_blocking(log.fileno(), False)
        os.lseek(log.fileno(), 0, os.SEEK_END)
        yield
        lines = []
        while True:
            try:
                record = log.read(8192)
            except BrokenPipeError:  # overwritten before it was read: goes on with the oldest
                continue
            if not record:
                break
            lines.append(record.decode(errors="replace"))
    trouble = [line for line in lines if KERNEL_TROUBLE.search(line)]
    if trouble:
        never_excuse(request.node)
    assert not trouble, "the kernel complained:\n" + "".join(lines)


@pytest.fixture(autouse=True)
def own_home(monkeypatch):
    """root's, an empty one: kftp keeps there what it knows of a mirror that was interrupted."""
    path = Path(f"/run/homes/{next(numbers)}")
    path.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(path))
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    yield
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def nothing_runs_on():
    """Ends what a test that failed has left at work: it would hold the module, files and state that others need."""
    yield
    support.end_everywhere("kftp", "kftpd")


@pytest.fixture(scope="session")
def account():
    """A system user that may log in to every server, and its home directory on a tmpfs."""
    home = Path("/srv") / USER
    subprocess.run(["useradd", "--create-home", "--home-dir", home, "--shell", "/bin/bash", USER], check=True)
    # the least rounds: the default hash takes a second of each login under emulation
    subprocess.run(["chpasswd", "--crypt-method=SHA256", "--sha-rounds=1000"], input=f"{USER}:{PASSWORD}\n", text=True, check=True)
    home.chmod(0o755)
    for path in home.iterdir():  # what useradd put there
        path.unlink()
    yield home
    subprocess.run(["userdel", "--force", USER], check=True, stderr=subprocess.DEVNULL)  # it says that there is no mailbox
    shutil.rmtree(home)


@pytest.fixture
def home(account):
    """The account's home, empty."""
    for path in account.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return account


class Servers:
    """The four real servers, in clear text and with TLS as told, each started when first asked for."""

    def __init__(self):
        self.directory, self.running = Path(f"/run/servers/{next(numbers)}"), {}

    def get(self, name, tls=None):
        """It is started again if a test that failed has killed it."""
        if (name, tls) not in self.running:
            directory = self.directory / f"{name}{'-' + tls.name if tls else ''}"
            self.running[name, tls] = real.ALL[name](directory, USER, PASSWORD, tls=tls)
        server = self.running[name, tls]
        return server if server.is_running() else server.start()

    def stop(self):
        for server in self.running.values():
            server.stop()


@pytest.fixture(scope="session")
def servers(account):
    running = Servers()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def certificates():
    """Of servers and clients, good ones and bad ones."""
    return Certificates("/run/certificates")


@pytest.fixture(params=list(real.ALL))
def server(request, servers):
    """Each of the four real servers in turn."""
    return servers.get(request.param)


@pytest.fixture(params=["vsftpd", *(pytest.param(n, marks=pytest.mark.slow) for n in real.ALL if n != "vsftpd")])
def any_server(request, servers):
    """Each of the four, but in the fast set only one: for what one does if the others do."""
    return servers.get(request.param)


@pytest.fixture
def vsftpd(servers):
    """One real server, where it does not matter which."""
    return servers.get("vsftpd")


@pytest.fixture
def slow_server(request, account):
    """make(NAME, RATE, TLS) starts a server of the test's own, which it may kill and restart."""
    started = []

    def make(name, rate=0, tls=None):
        # another one if the test is run once more
        directory = Path(f"/run/servers/{next(numbers)}-{request.node.name}".replace("[", "-").replace("]", ""))
        server = real.ALL[name](directory, USER, PASSWORD, rate=rate, tls=tls)
        started.append(server)
        return server.start()

    yield make
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def password_file():
    path = Path("/run/password")
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def target(tmp_path):
    """An empty directory to download into, removed afterwards: the guest's memory is its disk."""
    path = tmp_path / "target"
    path.mkdir()
    yield path
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def kftp(password_file, target):
    """The command, with the account's password, run in the empty target directory."""
    command = support.Command(password_file, target)
    yield command
    command.end_all()


@pytest.fixture
def daemon(tmp_path, password_file):
    daemon = kftpd.Daemon(tmp_path, password_file)
    yield daemon
    if daemon.process and daemon.process.poll() is None:
        daemon.process.kill()
        daemon.process.wait()
    shutil.rmtree(tmp_path, ignore_errors=True)
