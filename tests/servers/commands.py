# SPDX-License-Identifier: GPL-2.0-or-later
"""How the scripted server carries out each command when nothing else is asked of it: as the RFCs have it.

Files are a dictionary from path to bytes, paths relative to the login directory "/". Whatever a test wants
to be otherwise it says in `replies` (see scripted.py), so nothing here is odd.
"""
import hashlib
import posixpath
import re
import socket

from servers.tls import TlsSocket


class DataRefused(Exception):
    """A data connection that broke, or whose TLS the server is not content with; the argument is its reply."""


class Commands:
    """A method in capitals carries out the command of that name. Part of scripted.Session."""

    def path(self, name):
        """The key of a name in server.files; "" is the login directory."""
        return posixpath.normpath(posixpath.join("/" + self.directory, name)).lstrip("/")

    def is_directory(self, path):
        return not path or path in self.server.directories or any(f.startswith(path + "/") for f in self.server.files)

    def unknown(self, _):
        self.send(b"500 Unknown command\r\n")

    # ---- login

    def USER(self, _):
        self.send(b"331 Password please\r\n")

    def PASS(self, _):
        self.send(b"230 Logged in\r\n")

    def FEAT(self, _):
        lines = "".join(f" {feature}\r\n" for feature in self.server.features)
        self.send(b"211-Features:\r\n%s211 End\r\n" % lines.encode())

    def OPTS(self, _):
        self.send(b"200 OK\r\n")

    NOOP = CLNT = LANG = PRET = ACCT = ALLO = MODE = STRU = OPTS

    def HOST(self, _):
        self.send(b"220 That host\r\n")

    def TYPE(self, argument):
        self.type = argument.upper()
        self.send(b"200 OK\r\n")

    def SYST(self, _):
        self.send(b"215 UNIX Type: L8\r\n")

    def QUIT(self, _):
        self.send(b"221 Bye\r\n")
        if isinstance(self.connection, TlsSocket):
            self.connection.notify()
        self.close()

    def ABOR(self, _):
        self.send(b"226 Nothing to abort\r\n")

    # ---- TLS (RFC 4217)

    def AUTH(self, argument):
        if not self.server.tls or self.tls or argument.upper() not in ("TLS", "TLS-C", "SSL", "TLS-P"):
            self.send(b"504 Not that\r\n")
            return
        self.send(b"234 Go ahead\r\n")
        self.secure_control()

    def PBSZ(self, _):
        self.send(b"200 PBSZ=0\r\n" if self.tls else b"503 AUTH first\r\n")

    def PROT(self, argument):
        if not self.tls or argument.upper() not in ("C", "P"):
            self.send(b"504 Not that\r\n")
            return
        self.protected = argument.upper() == "P"
        self.send(b"200 OK\r\n")

    # ---- files and directories

    def PWD(self, _):
        self.send(b'257 "/%s" is the directory\r\n' % self.directory.replace('"', '""').encode("utf-8", "surrogateescape"))

    def CWD(self, name):
        path = self.path(name)
        if not self.is_directory(path):
            self.send(b"550 No such directory\r\n")
            return
        self.directory = path
        self.send(b"250 OK\r\n")

    def CDUP(self, _):
        self.CWD("..")

    def _fact(self, name, fact):
        path = self.path(name)
        self.send(b"213 %s\r\n" % fact(path).encode() if path in self.server.files else b"550 No such file\r\n")

    def SIZE(self, name):
        self._fact(name, lambda path: str(len(self.server.files[path])))

    def MDTM(self, name):
        self._fact(name, lambda path: self.server.mtimes.get(path, "20260102030405"))

    def MFMT(self, argument):
        time, _, name = argument.partition(" ")
        self.server.mtimes[self.path(name)] = time
        self.send(b"213 Modify=%s; %s\r\n" % (time.encode(), name.encode("utf-8", "surrogateescape")))

    def HASH(self, name):
        digest = hashlib.sha256(self.server.files.get(self.path(name), b"")).hexdigest()
        self._fact(name, lambda path: f"SHA-256 0-{len(self.server.files[path])} {digest} {path}")

    def DELE(self, name):
        found = self.server.files.pop(self.path(name), None)
        self.send(b"550 No such file\r\n" if found is None else b"250 Deleted\r\n")

    def RNFR(self, name):
        self.renaming = self.path(name)
        known = self.renaming in self.server.files or self.renaming in self.server.directories
        self.send(b"350 To what?\r\n" if known else b"550 No such file\r\n")

    def RNTO(self, name):
        if self.renaming in self.server.files:
            self.server.files[self.path(name)] = self.server.files.pop(self.renaming)
        self.send(b"250 Renamed\r\n")

    def MKD(self, name):
        path = self.path(name)
        if self.is_directory(path):
            self.send(b"550 Exists\r\n")
            return
        self.server.directories.add(path)
        self.send(b'257 "/%s" created\r\n' % path.encode("utf-8", "surrogateescape"))

    def RMD(self, name):
        known = self.path(name) in self.server.directories
        self.server.directories.discard(self.path(name))
        self.send(b"250 Removed\r\n" if known else b"550 No such directory\r\n")

    # ---- data connections

    def _listen(self):
        if self.passive is not None:
            self.passive.close()
        address, family = self.connection.getsockname()[0], self.connection.family
        self.passive = socket.create_server((address, 0), family=family, dualstack_ipv6=family == socket.AF_INET6)
        return self.server.outside(self.passive.getsockname()[1])

    def EPSV(self, _):
        self.send(b"229 Entering Extended Passive Mode (|||%d|)\r\n" % self._listen())

    def PASV(self, _):
        port = self._listen()
        host = self.connection.getsockname()[0].replace("::ffff:", "").replace(".", ",")
        self.send(b"227 Entering Passive Mode (%s,%d,%d)\r\n" % (host.encode(), port >> 8, port & 255))

    def EPRT(self, argument):
        _, _, host, port, _ = argument.split(argument[0])
        self.active = (host, int(port))
        self.send(b"200 OK\r\n")

    def PORT(self, argument):
        n = [int(x) for x in re.findall(r"\d+", argument)]
        self.active = (".".join(map(str, n[:4])), n[4] << 8 | n[5])
        self.send(b"200 OK\r\n")

    # ---- transfers

    def REST(self, offset):
        self.restart = int(offset)
        self.send(b"350 Restarting\r\n")

    def RETR(self, name):
        data = self.server.files.get(self.path(name))
        if data is None:
            self.send(b"550 No such file\r\n")
            return
        self.send(b"150 Here it comes\r\n")
        self.send_file(data[self.restart:])
        self.send(b"226 Done\r\n")

    def send_file(self, data):
        self.restart = 0
        with self.open_data() as connection:
            try:
                connection.sendall(data)
            except OSError as e:
                if not self.protected:
                    raise
                raise DataRefused(b"426 The data connection broke\r\n") from e

    def _store(self, name, offset):
        self.send(b"150 Send it\r\n")
        whole = self.receive_file(name, offset)
        self.send(b"226 Stored\r\n" if whole else b"426 Where is close_notify?\r\n")

    def receive_file(self, name, offset=0):
        """Keeps what has come also if the connection breaks. Returns whether TLS, if there is any, vouches for its end."""
        path, self.restart = self.path(name), 0
        before = self.server.files.get(path, b"")[:offset]
        self.server.files[path] = before
        with self.open_data() as connection:
            while data := connection.recv(1 << 18):
                before += data
                self.server.files[path] = before
        return getattr(connection, "clean", True)

    def STOR(self, name):
        self._store(name, self.restart)

    def APPE(self, name):
        self._store(name, len(self.server.files.get(self.path(name), b"")))

    def STOU(self, _):
        self.STOR("unique")

    # ---- listings

    def entries(self, path):
        """(name, path, is a directory) of what is in a directory."""
        inside = path + "/" if path else ""
        every = [*self.server.files, *self.server.directories]
        found = {p[len(inside):].split("/")[0] for p in every if p.startswith(inside)} - {""}
        return [(name, inside + name, self.is_directory(inside + name)) for name in sorted(found)]

    def unix_line(self, name, path, directory):
        size = len(self.server.files.get(path, b""))
        return f"{'drwxr-xr-x' if directory else '-rw-r--r--'}   1 owner    group {size:>12} Jan  2  2026 {name}\r\n"

    def mlsd_line(self, name, path, directory):
        size = "" if directory else f"size={len(self.server.files[path])};"
        time = self.server.mtimes.get(path, "20260102030405")
        return f"type={'dir' if directory else 'file'};{size}modify={time}; {name}\r\n"

    def _list(self, name, line):
        path = self.path(name)
        if path in self.server.files and line != self.mlsd_line:
            lines = line(name, path, False)
        elif self.is_directory(path):
            lines = "".join(line(*entry) for entry in self.entries(path))
        else:
            self.send(b"550 No such directory\r\n")
            return
        self.send(b"150 Here it comes\r\n")
        self.send_file(lines.encode("utf-8", "surrogateescape"))
        self.send(b"226 Done\r\n")

    def LIST(self, name):
        self._list(name, self.unix_line)

    def NLST(self, name):
        self._list(name, lambda name, _, __: name + "\r\n")

    def MLSD(self, name):
        if not any(feature.startswith("MLST") for feature in self.server.features):
            self.unknown(name)
            return
        self._list(name, self.mlsd_line)

    def MLST(self, name):
        path = self.path(name)
        if not any(feature.startswith("MLST") for feature in self.server.features):
            self.unknown(name)
        elif path not in self.server.files and not self.is_directory(path):
            self.send(b"550 No such file\r\n")
        else:
            line = self.mlsd_line("/" + path, path, self.is_directory(path))
            self.send(b"250-Listing\r\n %s250 End\r\n" % line.encode("utf-8", "surrogateescape"))
