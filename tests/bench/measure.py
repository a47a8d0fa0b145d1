# SPDX-License-Identifier: MIT
"""Runs commands and measures them; keeps the results, also from one run of the benchmark to the next."""
import collections
import json
import os
import shutil
import signal
import statistics
import subprocess

KEY = "bench-key-0123456789"
LIMIT = 1800  # seconds after which a command counts as hung
SLOW = 5

Taken = collections.namedtuple("Taken", "wall cpu peak size")  # seconds, seconds, MiB, MiB

# A process inherits its parent's peak memory, so the parent is small (9 MiB is the minimum).
LAUNCH = """import os, sys, time
begin = time.monotonic()
pid = os.posix_spawn("/bin/sh", ["sh", "-c", sys.argv[1]], os.environ)
_, status, usage = os.wait4(pid, 0)
print(time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, status)
"""


class Failed(Exception):
    """A command failed, or its result is wrong."""


class Runner:
    """Runs commands in an empty folder, which is removed by the next run."""

    def __init__(self, work, sync):
        self.folder = work + "/run"
        self.sync = sync  # flush all disks before each command
        self.process = None
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("SKYVERN_", "SKYARC_", "XDG_")) and not k.lower().endswith("_proxy")}
        self.env.update(SKYVERN_API_KEY=KEY, HOME=work)

    def run(self, command, keep=False, out="out.tar.zst"):
        """Run a shell command; keep: in the folder of the command before. Returns a Taken, without the size if
        the command writes no archive."""
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
            os.mkdir(self.folder)
        if self.sync:
            os.sync()
        with open(self.folder + "/.errors", "w+b") as errors:
            self.process = subprocess.Popen(
                ["/usr/bin/python3", "-I", "-S", "-c", LAUNCH, "cd '%s' && %s" % (self.folder, command)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=self.env, start_new_session=True)
            try:
                said = self.process.communicate(timeout=LIMIT)[0].split()
            except subprocess.TimeoutExpired:
                raise Failed("hangs: " + command) from None
            finally:
                self.stop()
            errors.seek(0)
            if len(said) < 4 or said[-1] != b"0":
                raise Failed("fails: %s\n%s" % (command, errors.read().decode(errors="replace")[-1500:]))
        path = self.folder + "/" + out
        size = os.path.getsize(path) / 2**20 if os.path.exists(path) else 0
        return Taken(*map(float, said[-4:-1]), size)

    def stop(self):
        """Kill what still runs of a command."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()


def interleaved(runner, commands, rounds, check, always):
    """Run all commands in each round; returns the Takens of each that does not fail.

    check(name, error): called when a command ran in the first round (error is None) or failed in any.
    always: those that run in each round; others run only once if they take SLOW times as long as all of these.
    """
    taken = {name: [] for name in commands}
    for number in range(rounds):
        longest = max((taken[name][0].wall for name in always if taken.get(name)), default=0)
        for name in list(taken):
            if number and name not in always and taken[name][0].wall > SLOW * longest:
                continue
            try:
                taken[name].append(runner.run(commands[name]))
            except Failed as error:
                check(name, error)
                del taken[name]
                continue
            if number == 0:
                check(name, None)
    return taken


def median(takens):
    """The medians of all rounds, and the largest of the peaks."""
    middle = Taken(*(statistics.median(column) for column in zip(*takens)))
    return middle._replace(peak=max(taken.peak for taken in takens))


class Results:
    """The measured cells, by key; a file keeps them, so that a later run can add to them."""

    def __init__(self, path, about):
        self.path = path
        self.about = about  # date, machine and command of this run
        self.cells = []
        self.passed = 0
        self.failures = []
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.cells = json.load(file)

    def add(self, part, link, name, **values):
        """Keep a cell, in the place of an older one with the same part, link and set."""
        cell = {"part": part, "link": link, "set": name, **self.about, **values}
        for i, old in enumerate(self.cells):
            if (old["part"], old["link"], old["set"]) == (part, link, name):
                self.cells[i] = cell
                break
        else:
            self.cells.append(cell)
        if self.path:
            with open(self.path + ".new", "w", encoding="utf-8") as file:
                json.dump(self.cells, file, indent=1)
            os.replace(self.path + ".new", self.path)
        return cell

    def check(self, what, wrong):
        """Count a check that passes if the list of what is wrong is empty."""
        if wrong:
            self.failures.append("%s: %s" % (what, "; ".join(wrong[:5])))
            print("FAILED %s" % self.failures[-1], flush=True)
        else:
            self.passed += 1
