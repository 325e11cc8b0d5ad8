# SPDX-License-Identifier: GPL-2.0-or-later
"""--verify: what is compared with the server beside the number of bytes."""
import hashlib
import re
import zlib

import pytest

from servers.scripted import FEATURES, ScriptedServer
from support import names, pattern, same_bytes, write_pattern

DATA = pattern(100_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


def answer(text):
    return (text + "\r\n").encode()


WAYS = {
    "HASH": ("HASH SHA-256*;SHA-1;MD5", "HASH", answer(f"213 SHA-256 0-{len(DATA)} {SHA256} file")),
    "XSHA512": ("XSHA512", "XSHA512", answer(f"250 {hashlib.sha512(DATA).hexdigest().upper()}")),
    "XSHA256": ("XSHA256", "XSHA256", answer(f'250 "file" {SHA256}')),
    "XSHA": ("XSHA", "XSHA", answer(f"250 XSHA {hashlib.sha1(DATA).hexdigest()}")),
    "XMD5": ("XMD5", "XMD5", answer(f"251 {hashlib.md5(DATA).hexdigest()} file")),
    "XCRC": ("XCRC", "XCRC", answer(f"250 {zlib.crc32(DATA):X}")),
}


@pytest.mark.parametrize("way", WAYS)
def test_hash(kftp, target, way):
    feature, verb, reply = WAYS[way]
    with ScriptedServer({"file": DATA}, {verb: reply}, features=[*FEATURES, feature]) as server:
        result = kftp.get("--json", "--verify=hash", server.url("file")).assert_done()
    assert (target / "file").read_bytes() == DATA
    assert verb in server.verbs()
    assert result.json["sha256"] == (SHA256 if way in ("HASH", "XSHA256") else None)


def test_no_hash_unless_asked_for(kftp, target):
    feature, verb, reply = WAYS["HASH"]
    with ScriptedServer({"file": DATA}, {verb: reply}, features=[*FEATURES, feature]) as server:
        result = kftp.get("--json", server.url("file")).assert_done()
    assert verb not in server.verbs()
    assert result.json["sha256"] is None


def test_hash_of_what_is_streamed(kftp):
    feature, verb, reply = WAYS["HASH"]
    with ScriptedServer({"file": b"wrong", "right": DATA}, {verb: reply}, features=[*FEATURES, feature]) as server:
        failed = kftp.verb("cat", "--verify=hash", server.url("file"), retries=1).assert_failed(8)
        kftp.verb("cat", "--verify=hash", "--range=5-", server.url("right")).assert_failed(2)
    assert SHA256 in failed.stderr
    assert server.verbs().count("RETR") == 1  # what is written out cannot be taken back


def test_another_hash(kftp, target):
    feature, verb, _ = WAYS["XMD5"]
    wrong = answer("250 " + "0" * 32)
    with ScriptedServer({"file": DATA}, {verb: wrong}, features=[*FEATURES, feature]) as server:
        failed = kftp.get("--verify=hash", server.url("file"), retries=1).assert_failed(8)
    assert "0" * 32 in failed.stderr and hashlib.md5(DATA).hexdigest() in failed.stderr
    assert names(target) == []
    # a file that differs is fetched anew, not gone on with
    assert server.verbs().count("RETR") == 2 and "REST" not in server.verbs()


def test_a_reply_without_a_hash(kftp, target):
    with ScriptedServer({"file": DATA}, {"XMD5": b"250 I would\x1b[2Jrather not\r\n"}, features=[*FEATURES, "XMD5"]) as server:
        kftp.get("--verify=hash", server.url("file")).assert_failed(1)
    assert names(target) == []


def test_a_server_without_hashes(kftp, target):
    with ScriptedServer({"file": DATA}) as server:
        failed = kftp.get("--verify=hash", server.url("file")).assert_failed(1)
    assert "--verify=hash is not possible" in failed.stderr
    assert "RETR" not in server.verbs()
    assert names(target) == []


def test_size(kftp, target):
    with ScriptedServer({"file": DATA}) as server:
        kftp.get("--verify=size,mtime", server.url("file")).assert_done()
    with ScriptedServer({"file": DATA}, {"SIZE": b"502 No\r\n"}) as server:
        failed = kftp.get("--verify=size", server.url("file"), "other").assert_failed(8)
    assert "does not tell its size" in failed.stderr
    assert names(target) == ["file"]


def test_mtime(kftp, target):
    changing = [b"213 20260102030405\r\n", b"213 20260102030406\r\n"]
    with ScriptedServer({"file": DATA}, {"MDTM": changing}) as server:
        failed = kftp.get("--verify=mtime", server.url("file")).assert_failed(8)
    assert "changed meanwhile" in failed.stderr
    assert names(target) == []
    with ScriptedServer({"file": DATA}, {"MDTM": [*changing, changing[1]]}) as server:
        kftp.get("--verify=mtime", server.url("file"), retries=1).assert_done()
    with ScriptedServer({"file": DATA}, {"MDTM": b"502 No\r\n"}) as server:
        kftp.get("--verify=mtime", server.url("file"), "other").assert_failed(8)
    assert names(target) == ["file"]


def test_a_real_server(servers, home, kftp, target):
    """ProFTPD with mod_digest."""
    server = servers.get("proftpd")
    write_pattern(home / "a file", 200_000)
    write_pattern(target / "up", 200_000, seed=1)
    mark = server.mark()
    kftp.get("--verify=size,mtime,hash", server.url("a%20file")).assert_done()
    kftp.verb("put", "--verify=size,hash", "up", server.url("up%20there")).assert_done()
    assert same_bytes(home / "a file", target / "a file")
    assert same_bytes(target / "up", home / "up there")
    hashed = [c for c in server.commands(mark) if re.match("HASH|X", c)]
    assert len(hashed) == 2 and "a file" in hashed[0]


# ---- uploads: the server's hash is of what it has under the temporary name

def put(kftp, target, server, *options, **keywords):
    (target / "file").write_bytes(DATA)
    return kftp.verb("put", *options, "file", server.url("stored"), **keywords)


def test_hash_of_an_upload(kftp, target):
    with ScriptedServer(features=[*FEATURES, "HASH SHA-256*"]) as server:
        result = put(kftp, target, server, "--json", "--verify=size,hash").assert_done()
    assert server.files == {"stored": DATA}
    assert result.json["sha256"] == SHA256
    assert server.verbs().index("HASH") < server.verbs().index("RNTO")


def test_another_hash_of_an_upload(kftp, target):
    with ScriptedServer({"stored": b"older"}, {"XCRC": b"250 1234\r\n"}, features=[*FEATURES, "XCRC"]) as server:
        failed = put(kftp, target, server, "--verify=hash").assert_failed(8)
    assert "00001234" in failed.stderr
    assert server.files == {"stored": b"older"}


def test_an_upload_to_a_server_without_hashes(kftp, target):
    with ScriptedServer() as server:
        put(kftp, target, server, "--verify=hash").assert_failed(1)
    assert "STOR" not in server.verbs()


def test_mtime_of_an_upload(kftp, target):
    with ScriptedServer(features=[*FEATURES, "MFMT"]) as server:
        put(kftp, target, server, "--mtime", "--verify=mtime").assert_done()
    with ScriptedServer(features=[*FEATURES, "MFMT"], replies={"MFMT": b"213 Modify=20260102030405; I did\r\n"}) as server:
        failed = put(kftp, target, server, "--mtime", "--verify=mtime").assert_failed(8)
    assert "another modification time" in failed.stderr


def test_what_does_not_go_together(kftp, target):
    (target / "file").write_bytes(DATA)
    for options in (["--verify=mtime"], ["--verify=hash", "--append"], ["--text", "-c"]):
        kftp.verb("put", *options, "file", "ftp://127.0.0.1:1/x").assert_failed(2)
