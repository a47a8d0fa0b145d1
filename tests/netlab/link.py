# SPDX-License-Identifier: MIT
"""A network namespace with a rate limit, in it nginx, and in front of nginx a proxy that adds delay.

The namespace has no name: only the thread that made it and the programs started by that thread are
in it, and the kernel removes it when the last of them ends. So nothing is left to clean up, and two
links do not affect each other. All programs are killed when their thread ends (setpriv --pdeathsig).
"""
import collections
import ctypes
import os
import shutil
import subprocess

from . import web

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"  # where tc and nginx are
PORT = 8080
CLONE_NEWNET = 0x40000000
DIES = ["setpriv", "--pdeathsig", "KILL"]  # prefix of each command
SETUP = "ip link set lo mtu 1500 up && tc qdisc add dev lo root tbf rate %dmbit burst %dk latency 100ms"

# rate: Mbit/s; delay, jitter, unread: ms; reset: bytes; each: bytes/s per connection; 0: not used
Temper = collections.namedtuple("Temper", "rate delay jitter http2 unread reset each",
                                defaults=(0, 0, False, 0, 0, 0))


def setup(rate):
    return SETUP % (rate, max(128, rate // 2))


def entered():
    """The command prefix under which this program must run to be allowed to make namespaces; None: none."""
    return None if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--"]


def refused():
    """Why no namespace can be made on this machine; None: it can."""
    for tool in ("ip", "tc", "setpriv", "unshare", "nginx"):
        if not shutil.which(tool):
            return "%s is not there" % tool
    done = subprocess.run([*(entered() or []), "unshare", "--net", "sh", "-c", setup(100)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False)
    return " ".join(done.stdout.split()) or "unshare fails" if done.returncode else None


def build(folder):
    """Compile the proxy."""
    program = folder + "/slowlink"
    subprocess.run([os.environ.get("CC", "cc").split()[-1], "-O2", "-o", program, HERE + "/slowlink.c"],
                   check=True, env=dict(os.environ, TMPDIR=folder))
    return program


class Link:
    """Must be opened, used and closed by one thread; opening moves the thread into the namespace.

    streams: how many streams of a connection the server allows (HTTP/2).
    """

    def __init__(self, folder, www, temper, slowlink, tls, seed=1, streams=256):
        self.temper = temper
        self.folder = folder
        self.children = []
        self.nginx = self.proxy = None
        self.base = "%s://127.0.0.1:%d" % ("https" if temper.http2 else "http", PORT)
        os.makedirs(folder, exist_ok=True)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["sh", "-c", setup(temper.rate)], check=True)
        far = temper.delay or temper.jitter or temper.reset or temper.each
        http = "reset_timedout_connection on; http2_max_concurrent_streams %d;" % streams
        if temper.unread:  # small buffers: else the kernel buffers the whole body and nginx never waits
            http += " send_timeout %dms; output_buffers 2 32k;" % temper.unread
            for name, most in (("rmem", 256), ("wmem", 128)):
                with open("/proc/sys/net/ipv4/tcp_" + name, "w", encoding="ascii") as file:
                    file.write("4096 65536 %d" % (most << 10))
        socket = folder + "/nginx.sock"
        try:
            self.nginx = web.Nginx(folder, "unix:" + socket if far else "127.0.0.1:%d" % PORT, www,
                                   tls if temper.http2 else None, http, DIES, alone=True, level="info")
            if far:
                more = {"rtt": temper.delay, "jitter": temper.jitter, "reset": temper.reset,
                        "rate": temper.each, "unread": temper.unread, "seed": seed}
                self.proxy = subprocess.Popen(
                    [*DIES, slowlink, str(PORT), socket, *(w for k, v in more.items() if v
                                                           for w in ("--" + k, str(v)))],
                    stdout=subprocess.PIPE)
                if self.proxy.stdout.readline() != b"ready\n":
                    raise OSError("slowlink does not start")
        except BaseException:
            self.close()
            raise

    def start(self, command, **more):
        """Start a program in the namespace; it is killed when this thread ends."""
        return subprocess.Popen(DIES + command, **more)

    def close(self):
        """Stop nginx and the proxy; returns the numbers of connections (closed as unread, reset)."""
        unread = reset = 0
        if self.proxy:
            self.proxy.kill()
            reset = self.proxy.communicate()[0].count(b"reset")
        if self.nginx:
            self.nginx.close()
            unread = self.nginx.closed()
        return unread, reset
