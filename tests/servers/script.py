# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps from which the misbehaviour of a scripted server is put together.

    {"RETR": script(say(b"226 Done\\r\\n"), pause(1), data(), say(b"226 Done\\r\\n"))}

Each step is a function(session, argument), as is what script() makes of them.
"""
import socket
import struct
import time

from servers.tls import below


def script(*steps):
    def run(session, argument):
        for step in steps:
            step(session, argument)
    return run


# ---- the control connection

def say(text):
    return lambda session, _: session.send(text)


def drip(text, seconds=0.3):
    """Byte by byte, once."""
    def step(session, _):
        for i in range(len(text)):
            session.send(text[i:i + 1])
            time.sleep(seconds)
    return step


def drip_forever(text, seconds=0.3):
    return lambda session, _: session.drip(text, seconds)


def pause(seconds):
    return lambda _, __: time.sleep(seconds)


def hang(session, _):
    """Silence until the client goes away."""
    session.hang()


def cut(session, _):
    """The control connection ends in an orderly way."""
    session.close()


def reset(session, _):
    """The control connection ends with a RST."""
    session.reset()


def do(verb):
    """What the server does by default at this command."""
    return lambda session, argument: getattr(session, verb)(argument)


def await_command(verb, seconds=30):
    """The client's next command has to be this one; it is recorded, not answered."""
    def step(session, _):
        line = session.next_command(seconds)
        came = line.split(" ")[0].upper().lstrip("\udcff\udcf4\udcf2")
        assert came == verb, f"{verb} was expected, not {line!r}"
    return step


# ---- the data connection: open, send, end; the step data() is all three

def open_data(session, _):
    session.data = session.open_data()


def send(text):
    return lambda session, _: session.data.sendall(text)


def send_part(start=0, end=None):
    """A slice of the file that RETR has named, counted from where REST has put us."""
    def step(session, name):
        rest = session.server.files[session.path(name)][session.restart:]
        session.restart = 0
        session.data.sendall(rest[start:end])
    return step


def end_data(session, _):
    session.data.close()


def reset_data(session, _):
    below(session.data).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    below(session.data).close()


def cut_data(session, _):
    """FIN; with TLS there is no close_notify before it."""
    below(session.data).close()


def put_record(kind, content, padding=0):
    """A TLS record of any kind on the data connection, and control_record() on the control connection."""
    return lambda session, _: session.data.put_record(kind, content, padding)


def control_record(kind, content, padding=0):
    return lambda session, _: session.connection.put_record(kind, content, padding)


def put_raw(data):
    """Bytes on the data connection that are no part of TLS."""
    return lambda session, _: below(session.data).sendall(data)


def finish_data(session, _):
    """End of file, but the connection stays until the client closes its side, too."""
    session.data.shutdown(socket.SHUT_WR)
    session.data.settimeout(60)
    try:
        while session.data.recv(4096):
            pass
    except ConnectionError:
        pass  # a reset is an end, too
    session.data.close()


def data(text=None):
    """Opens the data connection, sends this, or else the file from REST on, and closes it."""
    return script(open_data, send_part() if text is None else send(text), end_data)


def data_cut(text):
    """The same, without close_notify."""
    return script(open_data, send(text), cut_data)


def take(size=None):
    """The beginning of an upload, or all of it, which then is the file."""
    def step(session, name):
        if size is None:
            session.receive_file(name, session.restart)
            return
        session.data = session.open_data()
        got = b""
        while len(got) < size:
            more = session.data.recv(min(65536, size - len(got)))
            if not more:
                break
            got += more
        session.server.files[session.path(name)] = got
    return step
