# SPDX-License-Identifier: MIT
"""A network namespace with a rate, nginx in it, and between the two a proxy that is far away.

A namespace here has no name: it belongs to the thread that made it and to the programs which that
thread starts, and the kernel removes it with the last of them. Nothing stays, and two labs never
meet. All programs die with their thread (setpriv --pdeathsig).
"""
import collections
import ctypes
import os
import shutil
import subprocess

from . import web

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"  # tc and nginx
PORT = 8080
CLONE_NEWNET = 0x40000000
DIES = ["setpriv", "--pdeathsig", "KILL"]  # in front of each program
SETUP = "ip link set lo mtu 1500 up && tc qdisc add dev lo root tbf rate %dmbit burst %dk latency 100ms"

# rate in Mbit/s; times in ms; what is 0 is not there
Temper = collections.namedtuple("Temper", "rate delay jitter http2 unread reset each",
                                defaults=(0, 0, False, 0, 0, 0))


def setup(rate):
    return SETUP % (rate, max(128, rate // 2))


def entered():
    """The command line that this program needs to be run by, to be allowed; None: not needed."""
    return None if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--"]


def refused():
    """Why there can be no namespaces here; None: there can."""
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
                   check=True)
    return program


class Link:
    """Opened, used and closed by one thread, which is in the namespace from then on."""

    def __init__(self, folder, www, temper, slowlink, tls, seed=1):
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
        http = "reset_timedout_connection on; http2_max_concurrent_streams 256;"
        if temper.unread:  # small buffers, or all of a body lies in the kernel
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
        """A program in the namespace, that dies with this thread."""
        return subprocess.Popen(DIES + command, **more)

    def close(self):
        """The connections that the server's temper ended: (not read for long, reset in the middle)."""
        unread = reset = 0
        if self.proxy:
            self.proxy.kill()
            reset = self.proxy.communicate()[0].count(b"reset")
        if self.nginx:
            self.nginx.close()
            unread = self.nginx.closed()
        return unread, reset
