# SPDX-License-Identifier: MIT
"""Chromium without a window, driven by its DevTools protocol over a pipe."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from process import end_process


class Navigated(Exception):
    """The page went elsewhere while it was asked."""


class Browser:
    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="skyarc-browser-")
        to_read, self.to = os.pipe()
        self.back, from_write = os.pipe()

        def place():  # the protocol uses descriptors 3 and 4
            a, b = os.dup(to_read), os.dup(from_write)
            os.dup2(a, 3)
            os.dup2(b, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--remote-debugging-pipe",
             "--user-data-dir=" + self.home, "--window-size=1200,900", "about:blank"],
            preexec_fn=place, close_fds=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.rest, self.last, self.session, self.events = b"", 0, None, []

    def close(self):
        end_process(self.process, 10)
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.home, ignore_errors=True)

    def _message(self):
        while b"\0" not in self.rest:
            more = os.read(self.back, 1 << 20)
            assert more, "the browser has gone"
            self.rest += more
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.last += 1
        call = {"id": self.last, "method": method, "params": params}
        if self.session:
            call["sessionId"] = self.session
        os.write(self.to, json.dumps(call).encode() + b"\0")
        while True:
            got = self._message()
            if got.get("id") == self.last:
                if "navigated" in got.get("error", {}).get("message", ""):
                    raise Navigated()
                assert "error" not in got, (method, got)
                return got["result"]
            if "method" in got and got.get("sessionId") in (None, self.session):  # not of earlier pages
                self.events.append(got)

    def open(self, url):
        """A new page; its events and requests are collected from the start."""
        self.session, self.events = None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(domain + ".enable")
        self.call("Page.navigate", url=url)
        # the empty page is complete, too, until the new one takes its place
        come = "true" if url == "about:blank" else "location.href !== 'about:blank'"
        self.until(come + " && document.readyState === 'complete'", 120)

    def ask(self, expression):
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True,
                        userGesture=True)
        assert "exceptionDetails" not in got, (expression, got)
        return got["result"].get("value")

    def until(self, expression, seconds=60):
        end = time.monotonic() + seconds
        while not self._asked(expression):
            assert time.monotonic() < end, "never true: " + expression
            time.sleep(0.02)

    def _asked(self, expression):
        try:
            return self.ask(expression)
        except Navigated:  # in the middle of the question: ask the new page
            return None

    def frame(self, ending, seconds=60):
        """The text of a frame from a file whose URL ends so; such a frame is a target of its own."""
        end = time.monotonic() + seconds
        page = self.session
        while True:
            for target in self.call("Target.getTargets")["targetInfos"]:
                if not target["url"].endswith(ending):
                    continue
                try:
                    self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
                    text = self.ask("document.readyState === 'complete' ? document.body.innerText : null")
                finally:
                    self.session = page
                if text is not None:
                    return text
            assert time.monotonic() < end, "no frame of " + ending
            time.sleep(0.05)

    def key(self, name):
        for kind in ("keyDown", "keyUp"):
            codes = {"ArrowRight": 39, "ArrowLeft": 37, "Escape": 27, "End": 35, "Tab": 9}
            typed = {} if name in codes else {"text": name}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=codes.get(name, ord(name[0].upper())),
                      **(typed if kind == "keyDown" else {}))

    def _happened(self):
        """The events of this page: those of the pages before it may arrive late."""
        self.ask("1")
        return [e for e in self.events if e.get("sessionId") == self.session]

    def requests(self):
        return [e["params"]["request"]["url"] for e in self._happened() if e["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        """Uncaught exceptions and console messages."""
        return [e["params"] for e in self._happened()
                if e["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled")
                or (e["method"] == "Log.entryAdded" and e["params"]["entry"]["level"] == "error")]
