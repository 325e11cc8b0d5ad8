# SPDX-License-Identifier: GPL-2.0-or-later
"""A scripted server whose listings say whatever a test wants, with names that no file system has.

    with ListedServer({"": [File(b"name"), Directory(b"sub"), Link(b"x", b"/etc")], "sub": [...]}, "MLSD") as server:

Whatever is asked for is there: a file's content is CONTENT, whatever it is called.
"""
from dataclasses import dataclass

from servers.scripted import FEATURES, ScriptedServer

CONTENT = b"evil"
TIME = "20200102030405"


@dataclass(frozen=True)
class Listed:
    name: bytes
    target: bytes = b""
    size: int = len(CONTENT)


class File(Listed):
    letter, fact = b"-rw-r--r--", b"file"


class Directory(Listed):
    letter, fact = b"drwxr-xr-x", b"dir"


class Link(Listed):
    letter, fact = b"lrwxrwxrwx", b"OS.unix=slink:"


def unix_line(entry):
    arrow = b" -> " + entry.target if isinstance(entry, Link) else b""
    return b"%s   1 ftp      ftp      %12d Jan  2  2020 %s%s\r\n" % (entry.letter, entry.size, entry.name, arrow)


def facts_line(entry):
    size = b"size=%d;" % entry.size if isinstance(entry, File) else b""
    target = entry.target if isinstance(entry, Link) else b""
    return b"type=%s%s;%smodify=%s; %s\r\n" % (entry.fact, target, size, TIME.encode(), entry.name)


class ListedServer(ScriptedServer):
    """entries: a dictionary from a directory's path to what is in it, or a function of that path; None: there is no
    such directory. how: MLSD or LIST; in the latter case there is no MLSD."""

    def __init__(self, entries, how, replies=None, reply=b"226 Done\r\n"):
        self.listing_of = entries if callable(entries) else entries.get
        self.line = facts_line if how == "MLSD" else unix_line
        self.reply = reply
        features = (*FEATURES, "MLST type*;size*;modify*;") if how == "MLSD" else FEATURES
        usual = {"LIST": self.list, "MLSD": self.list if how == "MLSD" else b"500 What?\r\n", "RETR": self.retrieve, "CWD": self.change,
                 "SIZE": b"213 %d\r\n" % len(CONTENT), "MDTM": b"213 %s\r\n" % TIME.encode(), "MLST": b"500 What?\r\n"}
        super().__init__({}, {**usual, **(replies or {})}, features=features)

    def list(self, session, argument):
        path = session.path(argument) if argument and not argument.startswith("-") else session.directory
        entries = self.listing_of(path)
        if entries is None:
            session.send(b"550 No such directory\r\n")
            return
        session.send(b"150 Here\r\n")
        session.send_file(b"".join(e if isinstance(e, bytes) else self.line(e) for e in entries))
        session.send(self.reply)

    def retrieve(self, session, _):
        session.send(b"150 Here\r\n")
        session.send_file(CONTENT[session.restart:])
        session.send(b"226 Done\r\n")

    def change(self, session, argument):
        session.directory = session.path(argument)
        session.send(b"250 OK\r\n")
