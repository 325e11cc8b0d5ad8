# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts and stops vsftpd, ProFTPD, Pure-FTPd and pyftpdlib, unpacked below build/servers.

Each listens on all IPv4 and IPv6 addresses on a port of its own, lets the system user in whose home
directory the files are, read and write, and logs every command it gets, so that a test can see REST or
QUIT. All that a server can do with files is switched on.
To be run as root in a guest: it binds /dev/log and the servers read /etc/shadow.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from .real_tls import Connection, Settings

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build"
UNPACKED = BUILD / "servers"
LIBRARIES = ":".join(str(UNPACKED / d) for d in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))


_ports = iter(range(20000, 30000))


def free_port():
    """A port that nobody listens on, and none of those that the kernel gives to whoever asks for any: such a one may be
    taken until the server binds it, by a connection even."""
    for port in _ports:
        with socket.socket(socket.AF_INET6) as s:
            try:
                s.bind(("::", port))
            except OSError:
                continue
            return port
    raise RuntimeError("all ports have been used")


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Server:
    """A server process, its directory, its log. Subclasses say how it is started and what its log means."""

    name = ""
    #: a regular expression whose group 1 is a command line in the log
    command_pattern = ""
    #: one whose groups are version, cipher and, not empty if so, resumed, of a TLS connection
    tls_pattern = ""

    def __init__(self, directory, user, password, rate=0, port=0, namespace="", host="127.0.0.1", tls=None):
        """rate: bytes per second of a transfer, 0 for no limit. namespace: of the network, to run in;
        host: under which address the server is reached from here. tls: a real_tls.Settings."""
        self.directory = Path(directory)
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.user, self.password, self.rate = user, password, rate
        self.port = port or free_port()
        self.prefix = ["ip", "netns", "exec", namespace] if namespace else []
        self.host, self.tls = host, tls
        self.log = self.directory / f"{self.name}.log"
        self.log.touch()
        self.process = None

    def command(self):
        raise NotImplementedError

    def start(self):
        environment = dict(os.environ, LD_LIBRARY_PATH=LIBRARIES)
        if self.tls:
            environment["OPENSSL_CONF"] = str(self.tls.openssl_configuration(self.directory / "openssl.cnf"))
        with open(self.directory / "output", "ab") as output:
            self.process = subprocess.Popen(
                [str(a) for a in (*self.prefix, *self.command())], env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True, cwd="/")
        self._await_listening()
        return self

    def _await_listening(self, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.host, self.port), timeout=5).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"{self.name} does not listen:\n" + (self.directory / "output").read_text() + self.log_text())

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def _family(self):
        """The server's process and those below it that have not ended: each session has at least one of its own."""
        children = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
                if state not in "ZX":
                    children.setdefault(int(parent), []).append(int(stat.parent.name))
            except (OSError, IndexError):
                continue  # it has just ended
        family = [self.process.pid]
        for pid in family:
            family += children.get(pid, [])
        return family

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        """Ends the server and its sessions at once, as a crash would."""
        self._end(signal.SIGKILL)

    def cut(self):
        """Kills whoever serves a session, as a crash would. The server goes on listening, or does so again."""
        sessions = self._family()[1:]
        for pid in sessions:
            _kill(pid)
        if not sessions:  # one process serves all
            self.kill()
            self.start()

    def _end(self, number):
        if self.process is None:
            return
        family = self._family()
        self.process.send_signal(number)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in family[1:]:  # sessions outlive the listener, with their sockets
            _kill(pid)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # one that was made at this moment, too
        except ProcessLookupError:
            pass
        self.process = None

    def _at_rest(self):
        """Whether no session goes on, so that nothing more is logged of one."""
        return self.process is None or not self._family()[1:]

    def _settle(self, seconds=5):
        """A client may be gone before the server has logged what it said. If sessions go on the log is taken as it is."""
        deadline = time.monotonic() + seconds
        while not self._at_rest() and time.monotonic() < deadline:
            time.sleep(0.02)

    def log_text(self, mark=0):
        """What was logged since mark, with all of the sessions that have ended."""
        self._settle()
        return self.log.read_bytes()[mark:].decode(errors="replace")

    def mark(self, running=False):
        """The log's present length: commands(mark) gives what came after. running: a session is, and is not waited for."""
        if not running:
            self._settle()
        return self.log.stat().st_size

    def commands(self, mark=0):
        """The command lines received since mark, in order, as the server logged them."""
        return re.findall(self.command_pattern, self.log_text(mark), re.MULTILINE)

    def tls_connections(self, mark=0):
        """The TLS connections accepted since mark, in order: real_tls.Connection."""
        return [Connection.logged(version, cipher, bool(resumed))
                for version, cipher, resumed in re.findall(self.tls_pattern, self.log_text(mark))]

    def await_tls_connections(self, number, mark=0, seconds=10):
        """The same, once there are so many: a server's log may lag behind what it has done."""
        deadline = time.monotonic() + seconds
        while len(self.tls_connections(mark)) < number and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.tls_connections(mark)

    def tls_requests(self, mark=0):
        """How many times since mark somebody asked for TLS with AUTH, also if the handshake failed."""
        return self.commands(mark).count("AUTH TLS")

    def url(self, path="", host=""):
        scheme = "ftps" if self.tls and self.tls.implicit else "ftp"
        return f"{scheme}://{self.user}@{host or self.host}:{self.port}/{path}"


class Vsftpd(Server):
    """Without its namespaces: making a network namespace for each session takes seconds under emulation."""

    name = "vsftpd"
    command_pattern = r'FTP command: Client "[^"]*", "(.*)"$'
    tls_pattern = r"SSL version: (\S+), SSL cipher: (\S+), (?:not reused|(reused))"

    def tls_settings(self):
        """It insists on resumed sessions (the default) and on a close_notify behind an upload (not the default)."""
        if not self.tls:
            return ""
        force = "YES" if self.tls.required else "NO"
        clients = f"require_cert=YES\nvalidate_cert=YES\nca_certs_file={self.tls.client_ca}\n" if self.tls.client_ca else ""
        return clients + f"""
ssl_enable=YES
implicit_ssl={"YES" if self.tls.implicit else "NO"}
force_local_logins_ssl={force}
force_local_data_ssl={force}
require_ssl_reuse=YES
strict_ssl_read_eof=YES
rsa_cert_file={self.tls.certificate}
rsa_private_key_file={self.tls.certificate}
ssl_ciphers={self.tls.ciphers_1_2}
debug_ssl=YES
""".lstrip()

    def command(self):
        Path("/run/vsftpd/empty").mkdir(parents=True, exist_ok=True)
        configuration = self.directory / "vsftpd.conf"
        configuration.write_text(f"""
listen=NO
listen_ipv6=YES
listen_port={self.port}
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
local_umask=022
mdtm_write=YES
chmod_enable=YES
local_max_rate={self.rate}
pam_service_name=other
secure_chroot_dir=/run/vsftpd/empty
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
connect_from_port_20=NO
log_ftp_protocol=YES
xferlog_enable=YES
xferlog_std_format=NO
vsftpd_log_file={self.log}
delay_failed_login=0
max_login_fails=3
{self.tls_settings()}""".lstrip())
        return [UNPACKED / "usr/sbin/vsftpd", configuration]


class Proftpd(Server):
    name = "proftpd"
    command_pattern = r"^command: (.*)$"
    tls_pattern = r"(TLSv\S+) connection accepted, using cipher (\S+)|client (reused) TLS session for data"

    def tls_settings(self):
        """It insists on resumed sessions for data connections, which is its default."""
        if not self.tls:
            return ""
        clients = f"TLSVerifyClient on\nTLSCACertificateFile {self.tls.client_ca}" if self.tls.client_ca else ""
        versions = f"TLSv{self.tls.version}" if self.tls.version else "TLSv1.2 TLSv1.3"
        return f"""
LoadModule mod_tls.c
{clients}
TLSEngine on
TLSLog {self.log}
TLSProtocol {versions}
TLSCipherSuite {self.tls.ciphers_1_2}
TLSCipherSuite TLSv1.3 {self.tls.ciphers_1_3}
TLSECCertificateFile {self.tls.certificate}
TLSECCertificateKeyFile {self.tls.certificate}
TLSRequired {"on" if self.tls.required else "off"}
{"TLSOptions UseImplicitSSL" if self.tls.implicit else ""}
""".lstrip()

    def tls_requests(self, mark=0):
        """AUTH is logged as a command only when the handshake is over."""
        return self.log_text(mark).count("TLS/TLS-C requested, starting TLS handshake")

    def tls_connections(self, mark=0):
        """Version and cipher of data connections are logged the first time only: they are the session's."""
        found = []
        for version, cipher, data in re.findall(self.tls_pattern, self.log_text(mark)):
            found.append(replace(found[-1], resumed=True) if data else Connection.logged(version, cipher, False))
        return found

    def command(self):
        configuration = self.directory / "proftpd.conf"
        limit = f"TransferRate APPE,RETR,STOR {max(1, self.rate // 1024)}" if self.rate else ""
        configuration.write_text(f"""
ModulePath {UNPACKED}/usr/lib/proftpd
LoadModule mod_site_misc.c
LoadModule mod_digest.c
ServerName test
ServerType standalone
Port {self.port}
UseIPv6 on
User nobody
Group nogroup
UseReverseDNS off
DelayTable none
AuthOrder mod_auth_unix.c
Umask 022
AllowOverwrite on
AllowStoreRestart on
AllowRetrieveRestart on
WtmpLog off
TransferLog none
PidFile {self.directory}/pid
ScoreboardFile {self.directory}/scoreboard
SystemLog {self.directory}/system.log
LogFormat commands "command: %r"
ExtendedLog {self.log} ALL commands
{limit}
{self.tls_settings()}""".lstrip())
        return [UNPACKED / "usr/sbin/proftpd", "-n", "-q", "-c", configuration]


class PureFtpd(Server):
    name = "pure-ftpd"
    tls_pattern = r"TLS: Enabled (\S+) with ([^,\s]+)()"

    def start(self):
        self.syslog = SyslogReceiver.get()
        self.syslog.add(self.log)
        return super().start()

    def _end(self, number):
        super()._end(number)
        self.syslog.flush()
        self.syslog.remove(self.log)

    def command(self):
        kib = max(1, self.rate // 1024)
        more = ["-T", f"{kib}:{kib}"] if self.rate else []
        if self.tls:
            more += self.tls_settings()
        return [UNPACKED / "usr/sbin/pure-ftpd", "-S", str(self.port), "-l", "unix", "-H", "-d", "-c", "100", "-C", "100",
                "-L", "200000:5", "-g", self.directory / "pid", *more]

    def tls_settings(self):
        """It takes clients' certificates from whoever stands in its own file: the authority is put there."""
        own = self.directory / "certificate.pem"
        own.touch(mode=0o600)
        own.write_bytes(self.tls.certificate.read_bytes() + (self.tls.client_ca.read_bytes() if self.tls.client_ca else b""))
        ciphers = ("-C:" if self.tls.client_ca else "") + self.tls.ciphers_1_2
        return ["-Y", "3" if self.tls.required else "1", "-2", own, "-J", ciphers]

    def _settle(self, seconds=5):
        super()._settle(seconds)
        self.syslog.flush()

    def tls_connections(self, mark=0):
        """It does not log which ones are resumed."""
        return [replace(connection, resumed=None) for connection in super().tls_connections(mark)]

    def commands(self, mark=0):
        """It logs the verb and the argument in brackets of their own: 'Command [rest] [1000]'."""
        found = re.findall(r"\[DEBUG\] Command \[([^\]]*)\] \[(.*)\]$", self.log_text(mark), re.MULTILINE)
        return [f"{verb.upper()} {argument}".strip() for verb, argument in found]


class Pyftpdlib(Server):
    name = "pyftpdlib"
    command_pattern = r"<- (.*)$"
    tls_pattern = r"TLS: (\S+) (\S+) (?:new|(resumed))"

    def start(self):
        self._begin = self.log.stat().st_size  # who was killed has not said what became of its sessions
        return super().start()

    def _at_rest(self):
        """One process serves all sessions."""
        log = self.log.read_bytes()[self._begin:]
        return self.process is None or log.count(b"FTP session opened") <= log.count(b"FTP session closed")

    def tls_settings(self):
        if not self.tls:
            return []
        return ["--certificate", self.tls.certificate, *(["--tls-required"] if self.tls.required else []),
                *(["--client-ca", self.tls.client_ca] if self.tls.client_ca else [])]

    def command(self):
        return ["/usr/bin/python3", HERE / "pyftpd.py", "--port", self.port, "--user", self.user,
                "--password", self.password, "--directory", os.path.expanduser(f"~{self.user}"),
                "--log", self.log, "--rate", self.rate, *self.tls_settings()]


class SyslogReceiver:
    """Pure-FTPd logs to syslog only. This is /dev/log: it copies each message to the logs that ask for it."""

    #: what is no message of anybody's
    FLUSH = b"flush\n"
    _instance = None

    @classmethod
    def get(cls):
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    def __init__(self, path="/dev/log"):
        if os.path.lexists(path):
            os.unlink(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        os.chmod(path, 0o666)
        self._path, self._logs = path, set()
        self._flushed = threading.Event()
        threading.Thread(target=self._receive, daemon=True).start()

    def add(self, log):
        self._logs = self._logs | {log}

    def remove(self, log):
        self._logs = self._logs - {log}  # another set, since the thread may be in the midst of this one

    def flush(self, seconds=10):
        """Returns when all that was sent up to now is in the logs."""
        self._flushed.clear()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(self.FLUSH, self._path)
        assert self._flushed.wait(seconds), "the log does not come"

    def _receive(self):
        while True:
            message = self._socket.recv(65536).rstrip(b"\n\0") + b"\n"
            if message == self.FLUSH:
                self._flushed.set()
                continue
            for log in self._logs:
                with open(log, "ab") as f:
                    f.write(message)


ALL = {c.name: c for c in (Vsftpd, Proftpd, PureFtpd, Pyftpdlib)}


def main():
    """python3 -m servers.real NAME DIRECTORY USER PASSWORD PORT [CERTIFICATE [VERSION [CIPHER]]]: runs one server
    in the foreground, for shell scripts; with a certificate, one that insists on TLS."""
    name, directory, user, password, port, *settings = sys.argv[1:]
    tls = Settings(Path(settings[0]), False, *settings[1:]) if settings else None
    server = ALL[name](directory, user, password, port=int(port), tls=tls).start()
    try:
        print(f"{name} listens on port {port}", flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
    finally:
        server.stop()


if __name__ == "__main__":
    main()
