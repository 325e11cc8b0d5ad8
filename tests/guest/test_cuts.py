# SPDX-License-Identifier: GPL-2.0-or-later
"""Transfers that are cut at random points go on later to identical bytes, and nothing is left behind.

COUNT times (KFTP_COUNT; `make soak` raises it) for each way to cut and each direction, on the four
servers in turn. The random numbers' seed is printed with a failure; KFTP_SEED repeats them.
"""
import os
import random
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

from network import NAMESPACE, THERE, Network
from servers import real
from servers.scripted import ScriptedServer
from support import COUNT, LIMIT, PASSWORD, USER, names, pattern, same_bytes, sizes_now, wait_until, write_pattern

MIB = 1 << 20
SIZE = 5 * MIB // 2 + 12345
#: less than half of the file in a second: pyftpdlib sends a second's worth at once
RATE = MIB
#: longer than a reply takes on a busy machine, shorter than a test may last
TIMEOUT = 5
#: of a wait in vain
SHORT = 2


@pytest.fixture(scope="module")
def network():
    with Network() as n:
        yield n


@pytest.fixture(scope="module")
def far(network, account):
    """far(NAME): that server at the other end of the network, with a limited rate. It goes on from test to test."""
    running = {}

    def get(name):
        if name not in running:
            directory = f"/run/servers/far-{name}"
            running[name] = real.ALL[name](directory, USER, PASSWORD, rate=RATE, namespace=NAMESPACE, host=THERE).start()
        return running[name]

    yield get
    for server in running.values():
        server.stop()


# ---- cut at random points

class Download:
    verb = "get"

    def __init__(self, home, target, seed):
        self.source, self.sink = write_pattern(home / "file", SIZE, seed), target

    def arguments(self, server):
        return [server.url("file")]


class Upload:
    verb = "put"

    def __init__(self, home, target, seed):
        self.source, self.sink = write_pattern(target / "file", SIZE, seed), home

    def arguments(self, server):
        return ["file", server.url("file")]


def arrived(transfer):
    """How much of the file is there, under whatever name."""
    return max(sizes_now(transfer.sink).values(), default=0)


class CutByServer:
    """Its process is killed."""
    status = 6
    rounds = COUNT

    def cut(self, running, server, network):
        server.cut()

    def mend(self, server, network):
        pass


class CutByLink:
    """The device goes down until the command has given up."""
    status = 6
    rounds = (2 * COUNT + 2) // 3   # each takes long

    def cut(self, running, server, network):
        network.take_down()

    def mend(self, server, network):
        network.bring_up()


class CutByDrop:
    """Packets vanish until the command has given up."""
    status = 6
    rounds = (2 * COUNT + 2) // 3

    def cut(self, running, server, network):
        network.drop()

    def mend(self, server, network):
        network.let_through()


class CutByUser:
    """Ctrl-C."""
    status = 130
    rounds = COUNT

    def cut(self, running, server, network):
        running.signal(signal.SIGINT)

    def mend(self, server, network):
        pass


def at_work(pid):
    """It has opened the device: its handlers of signals are in place, and a connection is about to be made."""
    try:
        return any(os.readlink(f) == "/dev/kftp" for f in Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return False  # a descriptor was closed meanwhile


def begin_and_cut(transfer, cut, point, delay, kftp, server, network):
    """Runs the command until `point` bytes have come and `delay` has passed, and cuts. True if that was in time."""
    running = kftp.start_verb(transfer.verb, f"--timeout={TIMEOUT}", *transfer.arguments(server))
    wait_until(lambda: at_work(running.pid) or running.process.poll() is not None, "it does not begin", interval=0.005)
    wait_until(lambda: arrived(transfer) >= point or running.process.poll() is not None, "no data came", interval=0.005)
    time.sleep(delay)
    in_time = running.process.poll() is None
    cut.cut(running, server, network)
    try:
        result = running.wait()
    finally:
        cut.mend(server, network)
    if result.status == 0:  # it had all just before
        return False
    assert in_time, f"failed before it was cut: {result.stderr}"
    # when vsftpd's one process is killed, the other may say "500 OOPS" where nothing was asked
    result.assert_failed(1 if cut.status == 6 and "does not speak FTP" in result.stderr else cut.status)
    assert transfer.sink / "file" not in transfer.sink.iterdir(), "half a file under its final name"
    return True


def clear(transfer):
    for path in transfer.sink.iterdir():
        path.unlink()


@pytest.mark.parametrize("transfer", [Download, Upload], ids=["download", "upload"])
@pytest.mark.parametrize("cut", [CutByServer, CutByUser, pytest.param(CutByLink, marks=pytest.mark.slow),
                                 pytest.param(CutByDrop, marks=pytest.mark.slow)],
                         ids=["server", "Ctrl-C", "link", "drop"])
def test_cut_at_a_random_point_and_resumed(cut, transfer, far, network, home, kftp, target):
    seed = int(os.environ.get("KFTP_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"KFTP_SEED={seed}")
    rng = random.Random(seed)
    cut = cut()
    order = list(real.ALL)
    rng.shuffle(order)
    rounds = misses = 0
    while rounds < cut.rounds:
        server = far(order[rounds % len(order)])
        work = transfer(home, target, rounds)
        # one in four is cut before there is any data: while logging in, say
        point = rng.randrange(SIZE * 9 // 10) if rng.randrange(4) else 0
        delay = rng.random() * (0.02 if point else 0.5)
        print(f"{server.name}: cut at {point} bytes and {delay:.3f} s")
        if not begin_and_cut(work, cut, point, delay, kftp, server, network):
            misses += 1
            assert misses <= 3 * COUNT, "it is always too fast"
            clear(work)
            continue
        done = kftp.verb(work.verb, "-c", "--json", *work.arguments(server), retries=3).assert_done().json
        assert same_bytes(work.source, work.sink / "file")
        assert names(work.sink) == ["file"]
        # of an upload all may have been on its way already
        assert point <= done["resumed_from"] <= SIZE
        assert done["bytes"] == SIZE
        clear(work)
        rounds += 1


# ---- FIN and RST in the middle of an upload

def tcp_sockets():
    """How many there are, in any state but TIME_WAIT, with or without a descriptor."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("alloc") + 1])
    raise AssertionError("no TCP line in sockstat")


def module_users():
    return int(Path("/sys/module/kftp/refcnt").read_text())


def stor_then(end, kept):
    """A STOR of which the server takes and keeps `kept` bytes, and then ends the data connection."""
    def script(session, name):
        session.send(b"150 Give me\r\n")
        data, taken = session.open_data(), bytearray()
        while len(taken) < kept:
            taken += data.recv(min(kept - len(taken), 65536))
        session.server.files[name] = bytes(taken)
        end(data)
    return script


def fin(data):
    data.shutdown(socket.SHUT_WR)


def rst(data):
    data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    data.close()


def fin_then_rst(data):
    fin(data)
    time.sleep(0.1)
    rst(data)


@pytest.mark.parametrize("end", [fin_then_rst, rst], ids=["FIN-then-RST", "RST"])
@pytest.mark.parametrize("kept", [pytest.param(0, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.slow), 3 * MIB // 2])
@pytest.mark.parametrize("says", [b"", b"426 Lost\r\n", b"451 Gone\r\n", b"226 Content\r\n"], ids=["nothing", "426", "451", "226"])
def test_an_upload_that_the_server_resets_is_an_error(says, kept, end, kftp, target):
    """No signal, no leak, and a 226 for less than was sent is not believed."""
    write_pattern(target / "file", 4 * MIB)

    def script(session, name):
        stor_then(end, kept)(session, name)
        if says:
            session.send(says)
        else:
            session.hang()
    with ScriptedServer({}, {"STOR": script}) as server:
        sockets = tcp_sockets()
        failed = kftp.verb("put", f"--timeout={TIMEOUT if says else SHORT}", "file", server.url("file"))
        assert failed.status in (6, 8), f"{failed.status}: {failed.stderr}"
        assert failed.stderr.count("\n") == 1
        assert "file" not in server.files
        assert module_users() == 0
        wait_until(lambda: tcp_sockets() <= sockets, f"more than the {sockets} sockets there were before", seconds=30)


def test_the_same_from_standard_input(kftp):
    """A pipe is read and sent, not spliced: SIGPIPE may come in another way there."""
    with ScriptedServer({}, {"STOR": lambda session, name: (stor_then(rst, MIB)(session, name), session.send(b"426 Lost\r\n"))}) as server:
        running = kftp.start_verb("put", f"--timeout={TIMEOUT}", "-", server.url("file"), stdin=subprocess.PIPE)
        with running.process.stdin as stdin:
            try:
                stdin.write(pattern(4 * MIB))
            except BrokenPipeError:
                pass  # the command has ended before all was taken, as it should
        running.process.stdin = None
        assert running.wait().status in (6, 8)
    assert module_users() == 0


# ---- a firewall that forgets an idle control connection

def control_port(server):
    """The local port of the connection to the server's port, as the kernel lists it."""
    host = "".join(f"{int(part):02X}" for part in reversed(server.host.split(".")))
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        if remote == f"{host}:{server.port:04X}" and state == "01":
            return int(local.split(":")[1], 16)
    raise AssertionError("no control connection")


@pytest.mark.parametrize("name", ["vsftpd", "pure-ftpd"])
def test_a_download_outlives_its_control_connection(name, far, network, home, kftp, target):
    """The 226 never comes. All of the file did, by its SIZE: that is success."""
    work = Download(home, target, 1)
    server = far(name)
    running = kftp.start_verb("get", "--json", f"--timeout={TIMEOUT}", *work.arguments(server))
    wait_until(lambda: arrived(work) > 0 or running.process.poll() is not None, "no data came", interval=0.005)
    network.drop_connection(control_port(server))
    try:
        done = running.wait().assert_done()
    finally:
        network.let_through()
    assert same_bytes(work.source, target / "file")
    assert names(target) == ["file"]
    assert done.json["attempts"] == 1
    assert done.seconds < LIMIT / 2


@pytest.mark.parametrize("name", ["vsftpd", "pure-ftpd"])
def test_an_upload_outlives_its_control_connection(name, far, network, home, kftp, target):
    """Whether the server has all of it is asked over another connection; nothing is sent twice."""
    work = Upload(home, target, 1)
    server = far(name)
    mark = server.mark()
    running = kftp.start_verb("put", "--json", f"--timeout={TIMEOUT}", *work.arguments(server), retries=3)
    wait_until(lambda: arrived(work) > 0 or running.process.poll() is not None, "no data came", interval=0.005)
    network.drop_connection(control_port(server))
    try:
        done = running.wait().assert_done()
    finally:
        network.let_through()
    assert same_bytes(work.source, home / "file")
    assert names(home) == ["file"]
    assert done.json["attempts"] == 2
    sent = [line.split()[0] for line in server.commands(mark)]
    assert sent.count("STOR") + sent.count("APPE") == 1


def test_nothing_is_left_of_all_this(network):
    """Each of the above gave back its session; the module can go (conftest removes it)."""
    wait_until(lambda: module_users() == 0, "the module is in use", seconds=30)
