# SPDX-License-Identifier: MIT
"""Firefox without a window, driven by its own protocol, Marionette: each message is LENGTH:JSON."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

from process import end_process

PROGRAM = shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    def __init__(self, dark=False):
        self.home = tempfile.mkdtemp(prefix="skyarc-firefox-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with open(self.home + "/user.js", "w", encoding="ascii") as out:
            out.write('user_pref("layout.css.prefers-color-scheme.content-override", %d);\n' % (0 if dark else 1))
            out.write('user_pref("marionette.port", %d);\nuser_pref("app.update.auto", false);\n'
                      'user_pref("datareporting.policy.dataSubmissionEnabled", false);\n' % port)
        self.process = subprocess.Popen(
            [PROGRAM, "--headless", "--marionette", "--no-remote", "--profile", self.home, "about:blank"],
            env=dict(os.environ, HOME=self.home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.rest, self.last = b"", 0
        try:
            self.socket = self._connect(port)
            self._message()  # the greeting
            self.call("WebDriver:NewSession", capabilities={"alwaysMatch": {"pageLoadStrategy": "normal"}})
        except BaseException:
            self.close()
            raise

    def _connect(self, port, seconds=90):
        end = time.monotonic() + seconds
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), 60)
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None, "Firefox does not start"
                time.sleep(0.1)

    def close(self):
        end_process(self.process, 20)
        if hasattr(self, "socket"):
            self.socket.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def _message(self):
        while b":" not in self.rest or len(self.rest.partition(b":")[2]) < int(self.rest.partition(b":")[0]):
            more = self.socket.recv(1 << 16)
            assert more, "Firefox has gone"
            self.rest += more
        length, _, rest = self.rest.partition(b":")
        text, self.rest = rest[:int(length)], rest[int(length):]
        return json.loads(text)

    def call(self, command, **params):
        self.last += 1
        text = json.dumps([0, self.last, command, params])
        self.socket.sendall(b"%d:%s" % (len(text), text.encode()))
        while True:
            got = self._message()
            if got[0] == 1 and got[1] == self.last:
                assert got[2] is None, (command, got[2])
                return got[3]

    def open(self, url):
        self.call("WebDriver:Navigate", url=url)

    def ask(self, expression):
        return self.call("WebDriver:ExecuteScript", script="return (%s)" % expression, args=[])["value"]

    def until(self, expression, seconds=30):
        end = time.monotonic() + seconds
        while not self.ask(expression):
            assert time.monotonic() < end, "never true: " + expression
            time.sleep(0.02)

    def picture(self, selector=None):
        """A PNG of the page, or of one element, in base64."""
        if selector is None:
            return self.call("WebDriver:TakeScreenshot", full=False)["value"]
        return self.call("WebDriver:TakeScreenshot", id=self._element(selector), full=False)["value"]

    def _element(self, selector):
        found = self.call("WebDriver:FindElement", using="css selector", value=selector)["value"]
        return next(iter(found.values()))

    def size(self, width, height):
        """Set the size of the page, whatever the window adds to it."""
        self.call("WebDriver:SetWindowRect", width=width, height=height)
        more = self.ask("[outerWidth - innerWidth, outerHeight - innerHeight]")
        self.call("WebDriver:SetWindowRect", width=width + more[0], height=height + more[1])

    def frame(self, selector):
        """Ask and take pictures of this frame from now on; None: of the whole page."""
        if selector is None:
            self.call("WebDriver:SwitchToFrame", id=None)
        else:
            self.call("WebDriver:SwitchToFrame", element=self._element(selector))
