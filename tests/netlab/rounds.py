# SPDX-License-Identifier: MIT
"""Pulls over links; the verdict of each is whole, wrong or hung. The state of a hung pull is recorded."""
import collections
import glob
import os
import random
import select
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

from . import check, content, link

KEY = "netlab-key-0123456789"
WINDOW = 6 << 20  # bytes in flight of one connection: the limit of Linux, and the default of slowlink
PACE = 5_000_000  # bytes per second of the slow reader and of --limit-rate
CAPACITY = 1000   # limit for the sum of the weights of running jobs: see weight()

# reader: how the archive is written: "file", "stdout" (-o - to a slow reader), "limit" (a file, --limit-rate)
Job = collections.namedtuple("Job", "temper reader jobs size")  # jobs: the -j of each pull
Pull = collections.namedtuple("Pull", "temper reader jobs verdict seconds why")


def weight(job):
    """The share of CAPACITY that a job takes: slow links run in parallel, a fast link runs alone."""
    rate = job.temper.rate if job.reader == "file" else PACE * 8 // 10**6
    return CAPACITY if rate >= 500 else max(40, rate * 5 // 4)


def floor(temper, reader, jobs, files):
    """Estimate of the least seconds for these files, from the rates, the round trip and the TCP window."""
    size = sum(f.size for f in files)
    trip = (temper.delay + temper.jitter / 2) / 1000
    ways = 1 if temper.http2 else jobs
    rates = [temper.rate * 1e6 / 8]
    if reader != "file":
        rates.append(PACE)
    if trip:
        rates.append(WINDOW / trip * ways)
    if temper.each:
        rates.append(temper.each * ways)
    return max(size / min(rates), len(files) * trip / jobs) + 4 * trip


class Stopped(Exception):
    pass


class Room:
    """A counting semaphore from which any amount can be taken at once."""

    def __init__(self, size):
        self.left = size
        self.changed = threading.Condition()

    def take(self, size, stop):
        with self.changed:
            while self.left < size:
                if stop.is_set():
                    raise Stopped
                self.changed.wait(0.5)
            self.left -= size

    def give(self, size):
        with self.changed:
            self.left += size
            self.changed.notify_all()


class Rounds:
    """Runs jobs and keeps the result of each pull."""

    def __init__(self, skyarc, folder, seed, patience=60, quiet=False):
        self.skyarc = os.path.abspath(skyarc)
        self.folder = folder
        self.seed = seed
        self.patience = patience  # a pull counts as hung after 5 * floor() and this many seconds
        self.quiet = quiet
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.room = Room(CAPACITY)
        self.pulls = []
        self.unread = self.reset = 0  # numbers of connections closed as unread, and of connections reset
        self.broken = []  # errors of the test setup, not of pulls
        self.slowlink = link.build(folder)
        link.web.certificate(folder)
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("SKYVERN_", "SKYARC_", "XDG_")) and not k.lower().endswith("_proxy")}
        self.env.update(SKYVERN_API_KEY=KEY, HOME=folder, TMPDIR=folder)

    def run(self, jobs):
        """Run all jobs: those with slow links in parallel, then those with fast links one by one."""
        jobs = sorted(jobs, key=lambda job: weight(job) == CAPACITY)
        threads = [threading.Thread(target=self.guarded, args=(number, job)) for number, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)

    def guarded(self, number, job):
        size = weight(job)
        folder = "%s/%d" % (self.folder, number)
        try:
            if size == CAPACITY:  # queue after all jobs with slow links, in order
                time.sleep(0.1 * (number + 1))
            self.room.take(size, self.stop)
        except Stopped:
            return
        try:
            self.job(folder, number, job)
        except Stopped:
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.stop.set()
            with self.lock:
                self.broken.append("%s: %r" % (named(job.temper, job.reader), error))
        finally:
            self.room.give(size)
            shutil.rmtree(folder, ignore_errors=True)

    def job(self, folder, number, job):
        rng = random.Random("%d/%d" % (self.seed, number))
        os.makedirs(folder + "/www")
        files = content.make_files(folder + "/www", "set", content.people_set(rng, job.size))
        lab = link.Link(folder, folder + "/www", job.temper, self.slowlink, self.folder, rng.randrange(1 << 30))
        try:
            for jobs in job.jobs:
                self.pull(lab, job, jobs, files)
        finally:
            unread, reset = lab.close()
            with self.lock:
                self.unread += unread
                self.reset += reset
                if not self.quiet and (unread or reset):
                    print("%s: %d connections closed since unread, %d reset" % (
                        named(job.temper, job.reader), unread, reset), file=sys.stderr, flush=True)

    def part(self, job, jobs, files):
        """The first part of the files, short enough that delay does not make this pull much longer than others."""
        most = 1.5 * floor(job.temper._replace(delay=0, jitter=0), job.reader, 256, files) + 3
        while len(files) > 24 and floor(job.temper, job.reader, jobs, files) > most:
            files = files[:len(files) * 3 // 4]
        return files

    def pull(self, lab, job, jobs, files):
        files = self.part(job, jobs, files)
        run = "set_%d" % len(files)
        if not os.path.exists("%s/www/api/%s.run" % (lab.folder, run)):
            content.make_run(lab.folder + "/www", lab.base, run, files, summed=3)
        limit = 5 * floor(job.temper, job.reader, jobs, files) + self.patience
        out = lab.folder + "/out.tar.zst"
        command = [self.skyarc, "pull", "-q", "-j", str(jobs), "--base-url", lab.base,
                   "-o", "-" if job.reader == "stdout" else out]
        if job.reader == "limit":
            command += ["--limit-rate", str(PACE)]
        if job.temper.http2:
            command += ["--ca-file", self.folder + "/cert.pem"]
        begin = time.monotonic()
        verdict, why = self.watch(lab, command + [run], out, job.reader == "stdout", begin + limit)
        seconds = time.monotonic() - begin
        if verdict == "whole":
            why = self.verify(lab, out, files)
            verdict = "wrong" if why else verdict
        for path in glob.glob(out + "*"):
            os.unlink(path)
        self.note(Pull(job.temper, job.reader, jobs, verdict, seconds, why), len(files))

    def note(self, pull, count):
        with self.lock:
            self.pulls.append(pull)
            if pull.why or not self.quiet:
                print("%s -j %d, %d files: %s after %.1f s%s" % (
                    named(pull.temper, pull.reader), pull.jobs, count, pull.verdict, pull.seconds,
                    "\n  " + pull.why.replace("\n", "\n  ") if pull.why else ""), file=sys.stderr, flush=True)

    def watch(self, lab, command, out, piped, end):
        """Run a pull until it ends or counts as hung; returns (verdict, why)."""
        with open(lab.folder + "/stderr", "w+b") as err:
            process = lab.start(command, env=self.env, cwd=lab.folder, stdin=subprocess.DEVNULL, stderr=err,
                                stdout=subprocess.PIPE if piped else subprocess.DEVNULL)
            try:
                if piped:
                    self.read_slowly(process.stdout, out, end, lab.temper.unread * 2.5 / 1000)
                while process.poll() is None and time.monotonic() < end:
                    self.look()
                    time.sleep(0.02)
                if process.poll() is None:
                    state = self.ask(process)
                    err.seek(0)
                    return "hung", err.read().decode(errors="replace")[-2000:] + state
                err.seek(0)
                if process.returncode:
                    return "wrong", "exit %d: %s" % (process.returncode,
                                                     err.read().decode(errors="replace")[-1000:])
                return "whole", ""
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                if piped:
                    process.stdout.close()

    def look(self):
        if self.stop.is_set():
            raise Stopped

    def read_slowly(self, pipe, out, end, nap):
        """Copy PACE bytes per second from a pipe to a file; after three seconds pause once for `nap` seconds."""
        begin, got = time.monotonic(), 0
        woken = begin + 3
        with open(out, "wb") as file:
            while time.monotonic() < end:
                self.look()
                if not select.select([pipe], [], [], 0.5)[0]:
                    continue
                data = os.read(pipe.fileno(), 1 << 16)
                if not data:
                    break
                file.write(data)
                got += len(data)
                if nap and time.monotonic() > woken:
                    time.sleep(nap)
                    begin, nap = begin + nap, 0
                ahead = got / PACE - (time.monotonic() - begin)
                if ahead > 0.01:
                    time.sleep(ahead)

    @staticmethod
    def ask(process):
        """Send SIGUSR1, on which the pull reports its state on stderr; returns where its threads wait."""
        process.send_signal(signal.SIGUSR1)
        time.sleep(1)
        lines = []
        for task in sorted(glob.glob("/proc/%d/task/*" % process.pid)):
            try:
                with open(task + "/comm", encoding="ascii") as name, open(task + "/wchan", encoding="ascii") as at:
                    lines.append("thread %s: %s" % (name.read().strip(), at.read().strip()))
            except OSError:
                continue
        return "\n".join(lines)

    def verify(self, lab, out, files):
        """The errors that skyarc verify and check.differences find in an archive; empty: none."""
        process = lab.start([self.skyarc, "verify", "-q", out], env=self.env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            said = process.communicate(timeout=300)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return "verify hangs"
        if process.returncode:
            return "verify says %d: %s" % (process.returncode, said[-500:])
        return "\n".join(check.differences(out, files)[:10])


def named(temper, reader):
    """Description of a link: rate, round trip, protocol, other settings."""
    return ", ".join(w for w in row(temper, reader) if w)


def row(temper, reader):
    rate = "%d Mbit/s" % temper.rate if temper.rate < 1000 else "%g Gbit/s" % (temper.rate / 1000)
    more = [{"file": "", "stdout": "`-o -`, read at 5 MB/s with a pause", "limit": "`--limit-rate 5m`"}[reader]]
    more += ["unread for %g s: closed" % (temper.unread / 1000)] if temper.unread else []
    more += ["reset after about %d MB" % (temper.reset // 10**6)] if temper.reset else []
    more += ["%d kB/s a connection" % (temper.each // 1000)] if temper.each else []
    delay = "%d ms" % temper.delay + (" +%d" % temper.jitter if temper.jitter else "")
    return rate, delay, "HTTP/2" if temper.http2 else "HTTP/1.1", ", ".join(m for m in more if m)


def bucket(jobs):
    return "1 to 4" if jobs <= 4 else "5 to 32" if jobs <= 32 else "33 to 256"


def table(pulls):
    """Markdown table of the results, one line for each kind of link and range of -j."""
    rows = {}
    for pull in pulls:
        key = (pull.temper.rate, pull.temper.delay, pull.temper.http2, pull.temper, pull.reader,
               ["1 to 4", "5 to 32", "33 to 256"].index(bucket(pull.jobs)))
        rows.setdefault(key, []).append(pull)
    lines = ["| rate | round trip | protocol | what else | `-j` | pulls | whole | hung | wrong | median s | longest s |",
             "|---|---|---|---|---|---|---|---|---|---|---|"]
    rows = sorted(rows.items())
    for key, some in rows + [(None, pulls)]:
        verdicts = collections.Counter(p.verdict for p in some)
        seconds = [p.seconds for p in some if p.verdict != "hung"] or [0]
        first = [*row(some[0].temper, some[0].reader), bucket(some[0].jobs)] if key else ["all", "", "", "", ""]
        lines.append("| " + " | ".join(first + ["%d" % len(some)] + ["%d" % verdicts[v] for v in ("whole", "hung", "wrong")]
                                       + ["%.1f" % statistics.median(seconds), "%.1f" % max(seconds)]) + " |")
    return "\n".join(lines)
