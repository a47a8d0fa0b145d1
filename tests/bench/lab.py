# SPDX-License-Identifier: MIT
"""nginx on loopback or on a simulated link, for one process that goes into the link's namespace and back."""
import collections
import ctypes
import os
import shutil
import socket

from netlab import link, web

# rate: Mbit/s, 0: loopback without a limit; delay: round trip in ms; jobs: transfers at a time of the peers;
# floor: those of the bare download
Kind = collections.namedtuple("Kind", "rate delay http2 jobs floor")
LINKS = {name + suffix: Kind(rate, delay, http2, jobs, floor)
         for suffix, http2 in (("", False), ("-h2", True))
         for name, rate, delay, jobs, floor in (
             ("loopback", 0, 0, 16, 16), ("1gbit", 1000, 0, 32, 32), ("100mbit", 100, 0, 32, 32),
             ("5ms", 1000, 5, 32, 256), ("50ms", 1000, 50, 32, 256), ("150ms", 1000, 150, 32, 256))}
STREAMS = 128  # of a connection with HTTP/2: nginx's own default


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Lab:
    """Makes links; the folder `www` is served on each of them."""

    def __init__(self, work):
        self.work = work
        self.www = work + "/www"
        self.slowlink = None
        os.mkdir(self.www)
        self.ca = web.certificate(work)

    def open(self, name, locations=""):
        """Serve on a link, or on loopback: to be used in a `with` statement."""
        return Opened(self, LINKS[name], locations)


class Opened:
    """Inside the `with` statement the process is in the link's namespace, and `base` is the server's URL."""

    def __init__(self, lab, kind, locations):
        self.lab = lab
        self.kind = kind
        self.locations = locations
        self.folder = lab.work + "/link"
        self.ca = lab.ca if kind.http2 else None
        self.home = self.server = None
        self.base = ""

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        if not self.kind.rate:
            at = "127.0.0.1:%d" % free_port()
            self.server = web.Nginx(self.folder, at, self.lab.www, self.lab.work if self.kind.http2 else None,
                                    launcher=["setpriv", "--pdeathsig", "TERM"], locations=self.locations)
            self.base = "%s://%s" % ("https" if self.kind.http2 else "http", at)
            return self
        self.lab.slowlink = self.lab.slowlink or link.build(self.lab.work)
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.server = link.Link(self.folder, self.lab.www,
                                    link.Temper(self.kind.rate, self.kind.delay, http2=self.kind.http2),
                                    self.lab.slowlink, self.lab.work, streams=STREAMS)
        except BaseException:
            self.leave()
            raise
        self.base = self.server.base
        return self

    def __exit__(self, *_):
        try:
            self.server.close()
        finally:
            self.leave()

    def leave(self):
        """Go back into the namespace from which the link was opened."""
        if self.home is None:
            return
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.setns(self.home, link.CLONE_NEWNET)
        os.close(self.home)
        self.home = None
        if failed:
            raise OSError(ctypes.get_errno(), "setns")


class Plain:
    """A server that is not of a Lab, as the functions of `peers` take it."""

    def __init__(self, base):
        self.base = base
        self.ca = None
