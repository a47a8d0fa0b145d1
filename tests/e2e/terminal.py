# SPDX-License-Identifier: MIT
"""A terminal of a given size, in which the real binary runs, and what it shows."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
import unicodedata

from conftest import SKYARC

SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")


def columns_of(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Screen:
    """The lines of a terminal; supports only the control sequences that skyarc uses."""
    def __init__(self, columns):
        self.columns = columns
        self.lines = [""]
        self.at = 0  # column of the cursor, in the last line
        self.frames = []  # contents of the status line, one by one
        self.colours = set()

    def feed(self, text):
        place = 0
        while place < len(text):
            sequence = SEQUENCE.match(text, place)
            if sequence:
                if sequence[2] == "K":
                    self.lines[-1] = self.lines[-1][:self.at]
                    if self.lines[-1]:
                        self.frames.append(self.lines[-1])
                else:
                    assert sequence[2] == "m", sequence[0]
                    self.colours.add(sequence[1])
                place = sequence.end()
                continue
            c = text[place]
            place += 1
            if c == "\n":
                self.lines.append("")
                self.at = 0
            elif c == "\r":
                self.at = 0
            else:
                assert c.isprintable() or unicodedata.combining(c), repr(c)
                if columns_of(self.lines[-1][:self.at] + c) > self.columns:
                    self.lines.append("")  # the terminal wraps
                    self.at = 0
                self.lines[-1] = self.lines[-1][:self.at] + c + self.lines[-1][self.at + 1:]
                self.at += 1

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")


class Shown:
    def __init__(self, code, screen, raw):
        self.code, self.screen, self.raw = code, screen, raw
        self.text, self.frames, self.colours = screen.text, screen.frames, screen.colours
        self.lines = self.text.split("\n")

    def __repr__(self):
        return "exit %d\n%s\nframes: %s" % (self.code, self.text, self.frames[-20:])


def run_in_pty(command, env, cwd, rows=24, columns=80, piped=False, timeout=60, meanwhile=None):
    """Run a command in a terminal: its exit status, and the bytes that the terminal got."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL if piped else child, stderr=child)
    os.close(child)
    raw = b""
    end = time.monotonic() + timeout
    if meanwhile:
        meanwhile(process)
    while time.monotonic() < end:
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        raw += part
    os.close(parent)
    return process.wait(10), raw


def terminal(env, cwd, *args, columns=80, rows=24, check=None, piped=False, timeout=60, meanwhile=None, **more):
    """Run skyarc in a terminal; piped: standard output is none. meanwhile(process) is called once it runs."""
    code, raw = run_in_pty([SKYARC, *map(str, args)], dict(dict(env, TERM="xterm"), **more), cwd, rows, columns, piped,
                           timeout, meanwhile)
    screen = Screen(columns)
    screen.feed(raw.decode())
    shown = Shown(code, screen, raw)
    if check is not None:
        assert code == check, shown
    for frame in shown.frames:
        assert columns_of(frame) < columns, shown  # in the last column the terminal would wrap
    return shown
