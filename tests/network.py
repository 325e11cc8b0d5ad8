# SPDX-License-Identifier: GPL-2.0-or-later
"""A network that tests may break: a namespace of its own at the other end of a pair of veth devices.

Root's namespace has 10.9.0.1 and fd09::1 on the device "here", the namespace "far" has 10.9.0.2 and
fd09::2 on "there". Packets are dropped by nft, which is unpacked below build/servers.
"""
import os
import subprocess

from servers.real import LIBRARIES, UNPACKED

NAMESPACE = "far"
HERE, THERE = "10.9.0.1", "10.9.0.2"


def _run(command):
    subprocess.run(command.split(), check=True)


def _nft(rules):
    environment = dict(os.environ, LD_LIBRARY_PATH=LIBRARIES)
    subprocess.run([UNPACKED / "usr/sbin/nft", "-f", "-"], input=rules, text=True, env=environment, check=True)


class Network:
    """Made by `with`, and gone afterwards."""

    def __enter__(self):
        self._forget()
        for command in (f"ip netns add {NAMESPACE}", f"ip -n {NAMESPACE} link set lo up",
                        f"ip link add here type veth peer name there netns {NAMESPACE}",
                        f"ip addr add {HERE}/24 dev here", "ip -6 addr add fd09::1/64 dev here nodad", "ip link set here up",
                        f"ip -n {NAMESPACE} addr add {THERE}/24 dev there",
                        f"ip -n {NAMESPACE} -6 addr add fd09::2/64 dev there nodad", f"ip -n {NAMESPACE} link set there up"):
            _run(command)
        _nft("add table inet broken")
        return self

    def __exit__(self, *_):
        _nft("delete table inet broken")
        _run("ip link del here")  # with its namespace it would go away some time later
        _run(f"ip netns del {NAMESPACE}")

    @staticmethod
    def _forget():
        """What is left if it could not be made, or unmade, by a test before this one."""
        for command in ("ip link del here", f"ip netns del {NAMESPACE}"):
            subprocess.run(command.split(), check=False, stderr=subprocess.DEVNULL)
        _nft("add table inet broken\ndelete table inet broken")

    def take_down(self):
        """As a pulled cable: this end knows at once."""
        _run("ip link set here down")

    def bring_up(self):
        _run("ip link set here up")

    def drop(self, match=""):
        """Whatever passes the device and matches (an nft expression; "" is everything) vanishes, both ways."""
        _nft("".join(f"""
add chain inet broken {hook} {{ type filter hook {hook} priority 0; }}
add rule inet broken {hook} {device} here {match} drop
""" for hook, device in (("input", "iifname"), ("output", "oifname"))))

    def let_through(self):
        _nft("flush table inet broken")

    def drop_connection(self, port):
        """Whatever belongs to the connection between that local port and the other end, as a firewall that has forgotten it."""
        _nft(f"""
add chain inet broken input {{ type filter hook input priority 0; }}
add chain inet broken output {{ type filter hook output priority 0; }}
add rule inet broken input iifname here tcp dport {port} drop
add rule inet broken output oifname here tcp sport {port} drop
""")
