# SPDX-License-Identifier: MIT
"""Sets of artifacts that nginx serves, each always the same: the random numbers have a fixed seed."""
import hashlib
import json
import os
import random

from netlab import content
from netlab.content import PNG, WEBM, media, text

from . import texts


def small_things(rng, scale):
    """Pages and screenshots of 2 to 30 KB."""
    for i in range(int(3000 * scale)):
        size = rng.randrange(2_000, 30_000)
        if i % 3 == 0:
            yield "screenshot_action", "png", media(rng, size, PNG)
        else:
            yield "html_scrape", "html", text(rng, size)


def mixed_things(rng, scale):
    """Recordings of 6 to 14 MB, screenshots of 150 to 450 KB, and element trees."""
    for i in range(int(2000 * scale)):
        if i % 25 == 0:
            yield "recording", "webm", media(rng, rng.randrange(6_000_000, 14_000_000), WEBM)
        elif i % 3 == 0:
            yield "screenshot_action", "png", media(rng, rng.randrange(150_000, 450_000), PNG)
        else:
            yield "visible_elements_tree", "json", b"[" + text(rng, rng.randrange(5_000, 60_000))


def large_things(rng, scale):
    """Recordings of 10 MiB, and screenshots between them: `scale` GiB."""
    noise = rng.randbytes(10 << 20)
    for _ in range(int(scale * 102.4)):
        yield "recording", "webm", WEBM + rng.randbytes(4096) + noise[len(WEBM) + 4096:]
        yield "screenshot_action", "png", media(rng, 300_000, PNG)


class Set:
    """The artifacts of some runs; `runs` maps the ID of each run to its files."""

    def __init__(self, name, runs):
        self.name = name
        self.runs = runs

    @property
    def files(self):
        return [file for files in self.runs.values() for file in files]

    @property
    def size(self):
        return sum(file.size for file in self.files)

    def part(self, share):
        """A set of the first files of each run."""
        if share >= 1:
            return self
        return Set(self.name, {"%s_p" % run: files[:max(8, int(len(files) * share))]
                               for run, files in self.runs.items()})

    def publish(self, www, base):
        """Write the lists that the API serves, with URLs below `base`; returns the URLs of all files."""
        return [url for run, files in self.runs.items()
                for url in content.make_run(www, base, run, files)]


def make(www, name, scale, run=None):
    """Write the files of a set; the same set at the same scale has the same files. run: the ID of its run."""
    rng = random.Random(7)
    if name == "text":
        runs, first = {}, 0
        for run, things in texts.runs(rng, scale):
            runs[run] = content.make_files(www, run, things, first)
            first += len(runs[run])
        return Set(name, runs)
    things = {"small": small_things, "mixed": mixed_things, "large": large_things}[name]
    return Set(name, {run or name: content.make_files(www, run or name, things(rng, scale))})


NAMES = ["small", "mixed", "large", "text"]

# Many artifacts have no files: nginx makes each body from the number in its URL.
PER_RUN = 1000
BODY = "<!doctype html><title>Page %s</title><p>" + "A row of the list of invoices. " * 20 + "</p><a href='/page/%s'>next</a>"


def many_location():
    """The configuration with which nginx serves the bodies of `many_runs`."""
    return 'location ~ ^/many/([0-9]+)$ { default_type text/html; return 200 "%s"; }' % (BODY % ("$1", "$1"))


def many_files(count):
    """The files of `many_runs`, as those of a Set."""
    for i in range(count):
        body = (BODY % (i, i)).encode()
        yield content.Served("a_%d" % i, "html_scrape", "/many/%d" % i, len(body), hashlib.sha256(body).hexdigest())


def many_runs(www, base, count):
    """Write the records and lists of `count` artifacts, in runs of a thousand; returns the IDs of the runs."""
    names = []
    os.makedirs(www + "/api", exist_ok=True)
    for first in range(0, count, PER_RUN):
        run = "many_%d" % first
        names.append(run)
        rows = [{"artifact_id": "a_%d" % i, "artifact_type": "html_scrape", "uri": "s3://b/many/%d" % i,
                 "bundle_key": None, "checksum": None, "file_size": len(BODY % (i, i)), "run_id": run,
                 "signed_url": "%s/many/%d?expiry=4102444800&kid=k&sig=%s" % (base, i, "s" * 43),
                 "created_at": "2026-01-20T11:52:29.276851"} for i in range(first, min(count, first + PER_RUN))]
        with open("%s/api/%s.run" % (www, run), "w", encoding="utf-8") as out:
            json.dump({"run_id": run, "status": "completed", "created_at": "2026-01-20T11:52:20"}, out)
        with open("%s/api/%s.list" % (www, run), "w", encoding="utf-8") as out:
            json.dump(rows, out)
    return names
