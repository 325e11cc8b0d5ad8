# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the FTP guide's rows have in common: one command against a scripted server, and what
holds whatever the server does. The tests are named after the rows: test_guide_control.py has C1 to C27,
test_guide_data.py D1 to D17, test_guide_transfer.py and test_guide_after.py T1 to T26, and test_guide_tls.py what
is about TLS in all three.
"""
import json
import re

import pytest

from servers.scripted import FEATURES, ScriptedServer, USUAL  # noqa: F401 (for the tests)
from servers.script import *  # noqa: F401,F403 (for the tests)
from servers.tls import Tls
from support import names, pattern
from tls_guest import needs_tls  # noqa: F401 (for the tests)

DATA = pattern(100_000)
#: seconds: how long kftp waits for anything, which is longer than anything takes on a busy machine; SHORT is for those
#: who wait in vain
TIMEOUT = 10
SHORT = 2
#: what fails by either must have failed long before
BOUND = 40


class Guide:
    """Runs a verb against a server and asserts: the exit status, one clear line that names the server if it
    failed, bounded time, the file whole under its name or not there at all, nothing elsewhere."""

    def __init__(self, kftp, target):
        self.kftp, self.target = kftp, target
        self.around = sorted(target.parent.iterdir())

    def run(self, server, verb, *arguments, status=0, retries=0, timeout=TIMEOUT, bound=BOUND):
        result = self.kftp.run(verb, f"--password-file={self.kftp.password_file}", f"--retries={retries}",
                               f"--timeout={timeout}", *arguments)
        self.check(server, result, status, bound)
        return result

    def check(self, server, result, status, bound=BOUND):
        assert result.seconds < bound
        if isinstance(status, tuple):  # it depends on what is seen first
            status = result.status if result.status in status else status[0]
        if status == 0:
            result.assert_done()
        else:
            result.assert_failed(status)
            assert re.search(rf"(127\.0\.0\.1|localhost|::1\]?):{server.port}", result.stderr), result.stderr
        result.server, result.commands, result.verbs = server, server.commands, server.verbs()
        assert sorted(self.target.parent.iterdir()) == self.around, "something appeared outside the destination"

    def get(self, replies=None, *options, data=DATA, status=0, host="127.0.0.1", user="user", retries=0, timeout=TIMEOUT,
            bound=BOUND, files=None, name="file", **server):
        """One file; data is what it has to be, None if it must not be there."""
        files = {name: data} if files is None else files
        with ScriptedServer(files, replies, **server) as s:
            result = self.run(s, "get", *options, s.url(name, host, user), status=status, retries=retries, timeout=timeout,
                              bound=bound)
            self.check_got(status, name, data)
        return result

    def check_got(self, status, name, data):
        there = names(self.target)
        if status == 0:
            assert there == [name]
            assert (self.target / name).read_bytes() == data
        else:
            assert name not in there, "half a file under the final name"

    def fail(self, status, replies=None, *options, remains=False, **keywords):
        """As get(), with nothing left behind at all unless remains."""
        result = self.get(replies, *options, status=status, **keywords)
        assert remains or names(self.target) == []
        return result

    def put(self, replies=None, *options, data=DATA, status=0, files=None, name="file", retries=0, timeout=TIMEOUT,
            bound=BOUND, host="127.0.0.1", stored=True, **server):
        """One file; on success it must have arrived whole under its name and under no other."""
        source = self.target / "source"
        source.write_bytes(data)
        before = dict(files or {})
        with ScriptedServer(before, replies, **server) as s:
            result = self.run(s, "put", *options, source, s.url(name, host), status=status, retries=retries, timeout=timeout,
                              bound=bound)
            if status == 0 and stored:
                assert s.files == {**before, name: data}
            elif status != 0:
                assert s.files.get(name) == before.get(name), "half a file under the final name"
        assert names(self.target) == ["source"] and source.read_bytes() == data
        return result

    def listing(self, replies=None, path="", *options, status=0, files=None, host="127.0.0.1", directories=(), **server):
        """What ls --json printed, as result.entries, and its names, as result.names."""
        with ScriptedServer(files, replies, **server) as s:
            s.directories.update(directories)
            result = self.run(s, "ls", "--json", *options, s.url(path, host), status=status)
        if status == 0:
            result.entries = json.loads(result.stdout)
            result.names = [entry["name"] for entry in result.entries]
        assert names(self.target) == []
        return result


@pytest.fixture
def guide(kftp, target):
    return Guide(kftp, target)




class SecureGuide(Guide):
    """The same with TLS, which is required unless an option says otherwise, of a server that the command trusts.
    Nothing that is anybody's business is said in clear."""

    def __init__(self, kftp, target, certificates):
        super().__init__(kftp, target)
        self.certificates = certificates

    def tls(self, **keywords):
        return Tls(self.certificates.good, **keywords)

    def run(self, server, verb, *arguments, **keywords):
        options = [f"--ca={self.certificates.ca}"]
        if not server.tls.implicit and not any(str(a).startswith("--tls=") for a in arguments):
            options.append("--tls=require")
        result = super().run(server, verb, *options, *arguments, **keywords)
        if "--tls=auto" not in arguments:
            self.assert_private(server.clear)
        return result

    @staticmethod
    def assert_private(commands):
        assert not {line.split(" ")[0] for line in commands} - {"AUTH", "FEAT", "HOST", "QUIT"}, commands

    def get(self, replies=None, *options, **keywords):
        keywords.setdefault("tls", self.tls())
        return super().get(replies, *options, **keywords)

    def put(self, replies=None, *options, **keywords):
        keywords.setdefault("tls", self.tls())
        return super().put(replies, *options, **keywords)

    def listing(self, replies=None, path="", *options, **keywords):
        keywords.setdefault("tls", self.tls())
        return super().listing(replies, path, *options, **keywords)

    def again(self):
        """Forgets the file, so that it can be fetched once more."""
        (self.target / "file").unlink()


@pytest.fixture
def secure(kftp, target, certificates):
    return SecureGuide(kftp, target, certificates)


def each(arguments, values, ids=None, quick=2):
    """As pytest.mark.parametrize; what comes after the first ones is left to the slow tests."""
    values = list(values)
    slow = [pytest.param(*(v if "," in arguments else [v]), marks=pytest.mark.slow) for v in values[quick:]]
    return pytest.mark.parametrize(arguments, values[:quick] + slow, ids=ids)


def refuse(*verbs, reply=b"502 No\r\n"):
    """Replies of a server that does not know these commands."""
    return {verb: reply for verb in verbs}
