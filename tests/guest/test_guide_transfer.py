# SPDX-License-Identifier: GPL-2.0-or-later
"""The FTP guide's rows on what happens during and after a transfer, T1 to T13: what a user wants of each.
The other ones are in test_guide_after.py."""
import signal
import time

from guide import *  # noqa: F401,F403
from servers.scripted import ScriptedServer
from support import LIMIT, names, sizes_now, wait_until

#: a download that ends after half of the file, with this reply
HALF = 50_000


def half(reply):
    return script(say(b"150 Here\r\n"), open_data, send_part(0, HALF), finish_data, say(reply))


BROKEN = half(b"426 Broken\r\n")


def restarts(result):
    return [line for line in result.commands if line.startswith("REST")]


# ---- T1 to T5: the end of a transfer

def test_T1_the_data_connection_is_closed_before_the_last_reply_is_waited_for(guide):
    """As ProFTPD, which says 226 only then."""
    reply = script(say(b"150 Here\r\n"), open_data, send_part(), finish_data, say(b"226 Done\r\n"))
    guide.get({"RETR": reply}, timeout=30, bound=25)


@each("end", [hang, cut, reset], ids=["silence", "FIN", "RST"])
def test_T2_a_whole_file_without_the_last_reply_is_done(end, guide):
    """As when a firewall has forgotten the idle control connection."""
    guide.get({"RETR": script(say(b"150 Here\r\n"), data(), end)}, timeout=SHORT)


@each("end", [hang, cut, reset], ids=["silence", "FIN", "RST"])
def test_T2_without_SIZE_it_is_not_known_to_be_whole(end, guide):
    guide.get({**refuse("SIZE"), "RETR": script(say(b"150 Here\r\n"), data(), end)}, status=6, timeout=SHORT)


def test_T2_the_next_file_comes_over_another_connection(guide):
    with ScriptedServer({"a": DATA, "b": DATA}, {"RETR": [script(say(b"150 Here\r\n"), data(), hang), USUAL]}) as server:
        done = guide.run(server, "get", server.url("a"), server.url("b"), guide.target, timeout=SHORT)
    assert names(guide.target) == ["a", "b"] and len(done.server.sessions) == 2
    for name in "ab":
        assert (guide.target / name).read_bytes() == DATA


@each("end", [b"250 Done\r\n", b"226-Done\r\n 100 kB\r\n226 Bye\r\n", b"150 Once more\r\n226 Done\r\n", b"200 OK\r\n"],
                         ids=["250", "multi-line", "150-226", "200"])
def test_T3_other_last_replies_of_a_good_transfer(end, guide):
    done = guide.get({"RETR": script(say(b"150 Here\r\n"), data(), say(end))})
    assert done.verbs[-1] == "QUIT", "nothing was wrong with the session"


def sent_then(reply):
    return script(say(b"150 Send it\r\n"), take(), say(reply))


@each("reply, status", [(b"451 Local error\r\n", 6), (b"426 Broken\r\n", 6), (b"552 Quota exceeded\r\n", 5),
                                           (b"452 Disk full\r\n", 5)], ids=["451", "426", "552", "452"])
def test_T4_an_upload_that_the_server_did_not_take(reply, status, guide):
    failed = guide.put({"STOR": sent_then(reply)}, status=status)
    assert reply.decode().strip() in failed.stderr
    assert "RNTO" not in failed.verbs


def test_T4_what_may_pass_is_tried_again_and_a_full_disk_is_not(guide):
    guide.put({"STOR": [sent_then(b"451 Local error\r\n"), USUAL]}, retries=1)
    (guide.target / "source").unlink()
    failed = guide.put({"STOR": sent_then(b"552 Disk full\r\n")}, status=5, retries=2)
    assert failed.verbs.count("STOR") == 1


@each("reply, status", [(b"226 Done\r\n", 8), (b"426 Broken\r\n", 6), (b"552 Quota\r\n", 5)], ids=["226", "426", "552"])
def test_T4_a_last_reply_before_all_is_sent_ends_the_upload(reply, status, guide):
    """At once; and a 226 is a lie then."""
    guide.put({"STOR": script(say(b"150 Send it\r\n"), take(1000), say(reply))}, data=bytes(8_000_000), status=status, timeout=30,
              bound=25)


def test_T4_a_226_for_an_upload_that_was_reset_is_not_believed(guide):
    guide.put({"STOR": script(say(b"150 Send it\r\n"), take(1000), reset_data, say(b"226 Done\r\n"))}, data=bytes(8_000_000),
              status=(6, 8))


def test_T4_an_upload_that_falls_short_of_what_was_sent_is_not_done(guide):
    """The server says 226, but its SIZE tells that it has less."""
    def stor(session, name):
        session.send(b"150 Send it\r\n")
        session.receive_file(name)
        path = session.path(name)
        session.server.files[path] = session.server.files[path][:HALF]
        session.send(b"226 Done\r\n")
    guide.put({"STOR": stor}, status=8)


def test_T5_a_reset_after_the_last_byte_is_forgiven_if_SIZE_is_known(guide):
    ended = script(say(b"150 Here\r\n"), open_data, send_part(), pause(0.3), reset_data, say(b"226 Done\r\n"))
    guide.get({"RETR": ended})
    (guide.target / "file").unlink()
    guide.get({**refuse("SIZE"), "RETR": ended}, status=6)


def test_T5_a_reset_before_the_last_byte_is_not(guide):
    reply = script(say(b"150 Here\r\n"), open_data, send_part(0, -1), reset_data, say(b"226 Done\r\n"))
    failed = guide.get({"RETR": reply}, status=6)
    assert "file" not in names(guide.target), failed.stderr


# ---- T8 to T10: stopping, and leaving alone

def interrupt(guide, on_abor, when_open=open_data, part=HALF, options=(), bound=BOUND, then=None):
    """Ctrl-C in the midst of a download; on_abor is what the server does when it gets ABOR. then: called with
    the server afterwards."""
    going = []

    def retr(session, name):
        session.send(b"150 Here\r\n")
        when_open(session, name)
        if part:
            session.data.sendall(session.server.files[name][:part])
        going.append(True)
        await_command("ABOR")(session, name)
        on_abor(session, name)
    with ScriptedServer({"file": DATA}, {"RETR": [retr, USUAL]}) as server:
        running = guide.kftp.start_get("--timeout=60", *options, server.url("file"))
        wait_until(lambda: going and (not part or part in sizes_now(guide.target).values()),
                   "nothing has come")
        running.signal(signal.SIGINT)
        result = running.wait(LIMIT)
        guide.check(server, result, 130, bound)
        assert "file" not in names(guide.target)
        if then:
            then(server)
    return result


ABOR_REPLIES = {
    "426-226": script(end_data, say(b"426 Aborted\r\n226 ABOR done\r\n")),
    "426-later-226": script(end_data, say(b"426 Aborted\r\n"), pause(0.5), say(b"226 ABOR done\r\n")),
    "226-226": script(end_data, say(b"226 Done\r\n226 ABOR done\r\n")),
    "226": script(end_data, say(b"226 ABOR done\r\n")),
    "225": script(end_data, say(b"225 ABOR done\r\n")),
    "451-226": script(end_data, say(b"451 Broken\r\n226 ABOR done\r\n")),
    "451": script(end_data, say(b"451 Broken\r\n")),
    "426-225": script(end_data, say(b"426 Aborted\r\n225 ABOR done\r\n")),
    "550-500": script(end_data, say(b"550 Write error\r\n500 ABOR?\r\n")),
    "150-426-226": script(say(b"150 Here\r\n"), end_data, say(b"426 Aborted\r\n226 ABOR done\r\n")),
    "350": script(end_data, say(b"350 What now?\r\n")),
    "gone": cut,
}


def assert_urgent(stopped):
    """ABOR after IAC IP IAC DM, of which the last or last but one is urgent (RFC 959 section 4.1.3; old systems
    count differently which byte is): what is left of them stands in the line."""
    left = {b"\xff": "\udcff\udcf4\udcf2", b"\xf2": "\udcff\udcf4\udcff"}
    assert len(stopped.server.urgent) == 1, stopped.commands[-3:]
    assert [line for line in stopped.commands if "ABOR" in line] == [left[stopped.server.urgent[0]] + "ABOR"]


@each("replies", ABOR_REPLIES.values(), ids=ABOR_REPLIES)
def test_T3_T8_whatever_the_server_answers_to_ABOR(replies, guide):
    stopped = interrupt(guide, replies)
    assert_urgent(stopped)


def test_T8_after_ABOR_the_download_goes_on_from_there(guide):
    def go_on(server):
        done = guide.run(server, "get", "--resume", server.url("file"))
        assert restarts(done) == [f"REST {HALF}"]
        guide.check_got(0, "file", DATA)
    interrupt(guide, ABOR_REPLIES["426-226"], then=go_on)


def test_T8_an_upload_is_stopped_the_same_way(guide):
    going = []

    def stor(session, name):
        session.send(b"150 Send it\r\n")
        take(HALF)(session, name)
        going.append(True)
        await_command("ABOR")(session, name)
        session.data.close()
        session.send(b"426 Aborted\r\n226 ABOR done\r\n")
    source = guide.target / "source"
    with open(source, "wb") as f:
        f.truncate(50_000_000)
    with ScriptedServer({}, {"STOR": stor}) as server:
        running = guide.kftp.start("put", f"--password-file={guide.kftp.password_file}", "--timeout=60", source, server.url("file"))
        wait_until(lambda: going or running.process.poll() is not None, "nothing was sent")
        running.signal(signal.SIGINT)
        stopped = running.wait()
        guide.check(server, stopped, 130)
    assert_urgent(stopped)
    assert "file" not in server.files


def test_T9_a_server_that_does_not_hear_ABOR_is_left(guide):
    """wu-ftpd while it waits for a data connection, for example. The abort deadline bounds this."""
    stopped = interrupt(guide, hang, bound=30)
    assert stopped.seconds < 30


def test_T9_a_server_that_waits_for_our_connection_is_left(guide):
    def never(session, _):
        """RETR is under way, and no data connection."""
    stopped = interrupt(guide, hang, when_open=never, part=0, options=["--active"], bound=30)
    assert stopped.seconds < 30


def test_T10_nothing_is_sent_during_a_transfer(guide):
    def retr(session, name):
        session.send(b"150 Slowly\r\n")
        with session.open_data() as data:
            for i in range(10):
                data.sendall(session.server.files[name][i * 10_000:(i + 1) * 10_000])
                assert session.next_command(0.4) == ""
        session.send(b"226 Done\r\n")
    done = guide.get({"RETR": retr}, timeout=2)
    assert "NOOP" not in done.verbs


# ---- T11 to T13: REST

def test_T11_REST_is_sent_only_where_it_is_needed(guide):
    assert restarts(guide.get()) == [], "NcFTPd has no liking for REST 0"
    (guide.target / "file").unlink()
    done = guide.get({"RETR": [BROKEN, USUAL]}, retries=1)
    assert restarts(done) == [f"REST {HALF}"]


def test_T11_a_REST_that_was_used_up_is_not_taken_back(guide):
    with ScriptedServer({"a": DATA, "b": DATA}, {"RETR": [BROKEN, USUAL]}) as server:
        done = guide.run(server, "get", server.url("a"), server.url("b"), guide.target, retries=1)
    assert restarts(done) == [f"REST {HALF}"]
    assert names(guide.target) == ["a", "b"]
    for name in "ab":
        assert (guide.target / name).read_bytes() == DATA


def test_T11_a_server_that_does_not_use_it_up_gives_no_half_file(guide):
    """Its offset holds for the next file too: that is noticed by SIZE, and mended."""
    def retr(session, name):
        session.send(b"150 Here\r\n")
        with session.open_data() as data:
            data.sendall(session.server.files[name][session.restart:])
        session.send(b"226 Done\r\n")
    with ScriptedServer({"a": DATA, "b": DATA}, {"RETR": [BROKEN, retr]}) as server:
        guide.run(server, "get", server.url("a"), server.url("b"), guide.target, retries=2)
    assert names(guide.target) == ["a", "b"]
    for name in "ab":
        assert (guide.target / name).read_bytes() == DATA


@each("reply", [b"554 Restart past the end\r\n", b"551 Restart past the end\r\n", b"502 No\r\n", b"501 No\r\n", b"450 Not now\r\n"],
                         ids=["554", "551", "502", "501", "450"])
def test_T12_REST_refused_means_from_the_start(reply, guide):
    done = guide.get({"RETR": [BROKEN, USUAL], "REST": reply}, retries=1)
    assert restarts(done) == [f"REST {HALF}"]


def test_T12_a_part_that_is_longer_than_the_file_is_thrown_away(guide):
    """The file was replaced by a shorter one since."""
    def shrink(session, name):
        BROKEN(session, name)
        session.server.files[name] = DATA[:1000]
    with ScriptedServer({"file": DATA}, {"RETR": [shrink, USUAL]}) as server:
        guide.run(server, "get", server.url("file"), retries=1)
    guide.check_got(0, "file", DATA[:1000])


def test_T13_REST_only_in_binary_mode(guide):
    """Some refuse it in ASCII mode, in which a session begins, or, worse, count lines."""
    def rest(session, offset):
        assert session.type == "I", f"REST in TYPE {session.type}"
        session.REST(offset)
    done = guide.get({"RETR": [BROKEN, USUAL], "REST": rest}, retries=1)
    assert restarts(done) == [f"REST {HALF}"]
