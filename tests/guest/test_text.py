# SPDX-License-Identifier: GPL-2.0-or-later
"""--text: the ends of lines translated on the way."""
import subprocess

import pytest

import support
from servers.script import cut, say, script, take
from servers.scripted import USUAL, ScriptedServer
from support import names


@pytest.mark.parametrize("sent, received", [
    (b"", b""),
    (b"one\r\ntwo\r\n", b"one\ntwo\n"),
    (b"one\r\r\ntwo\r\n", b"one\ntwo\n"),
    (b"one\ntwo\rthree\r", b"one\ntwo\rthree\r"),
    (b"\r\n" * 200_000, b"\n" * 200_000),
    ((b"x" * 65535 + b"\r\n") * 5, (b"x" * 65535 + b"\n") * 5),  # a CR at the end of each piece
], ids=["empty", "lines", "two CRs", "other CRs", "no text", "at the ends of pieces"])
def test_received_text(kftp, target, sent, received):
    with ScriptedServer({"t": sent}) as server:
        result = kftp.get("--json", "--text", server.url("t")).assert_done()
        out = kftp.verb("cat", "--text", server.url("t")).assert_done()
    assert (target / "t").read_bytes() == received
    assert out.stdout.encode() == received
    assert result.json["bytes"] == len(sent)
    assert "TYPE A" not in server.commands


def test_the_size_is_compared_before(kftp, target):
    with ScriptedServer({"t": b"a\r\nb\r\n"}, {"SIZE": b"213 4\r\n"}) as server:
        kftp.get("--text", server.url("t")).assert_failed(8)
    assert names(target) == []


def test_text_cannot_be_resumed(kftp, target):
    failed = kftp.get("-c", "--text", "ftp://127.0.0.1:1/t").assert_failed(2)
    assert "--resume" in failed.stderr


SENT = [
    (b"", b""),
    (b"one\ntwo\n", b"one\r\ntwo\r\n"),
    (b"one\r\ntwo\nthree", b"one\r\ntwo\r\nthree"),
    (b"\n" * 200_000, b"\r\n" * 200_000),
]


@pytest.mark.parametrize("text, stored", SENT, ids=["empty", "lines", "some as they should be", "many"])
def test_sent_text(kftp, target, text, stored):
    (target / "t").write_bytes(text)
    with ScriptedServer() as server:
        kftp.verb("put", "--text", "t", server.url("t")).assert_done()
    assert server.files == {"t": stored}


def test_sent_text_from_a_pipe(kftp, target):
    (target / "t").write_bytes(b"one\ntwo\n")
    with ScriptedServer() as server:
        pipe = f"cat t | {support.KFTP} put --text --password-file={kftp.password_file} - {server.url('t')}"
        subprocess.run(["sh", "-c", pipe], cwd=target, check=True)
    assert server.files == {"t": b"one\r\ntwo\r\n"}


def test_sent_text_is_tried_again(kftp, target):
    """What is compared and gone on with is what was translated."""
    (target / "t").write_bytes(b"one\n" * 10_000)
    broken = script(say(b"150 Send it\r\n"), take(5000), cut)
    with ScriptedServer(replies={"STOR": [broken, USUAL]}) as server:
        kftp.verb("put", "--text", "t", server.url("t"), retries=1).assert_done()
    assert server.files == {"t": b"one\r\n" * 10_000}
