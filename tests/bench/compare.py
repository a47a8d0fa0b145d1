# SPDX-License-Identifier: MIT
"""The measurements by link and set: skyarc beside its competitors, and a server that throttles."""
import os
import subprocess

from . import lab, measure, peers, sets, tables

SWEEP = [8, 16, 32, 64, 128, 256]
# The sets of each link, and the share of a set that is fetched over it.
PLAN = {"loopback": {"small": 1, "mixed": 1, "large": 1, "text": 1},
        "1gbit": {"small": 1, "mixed": 1, "text": 1},
        "100mbit": {"small": 1, "mixed": 0.1, "text": 0.25},
        "5ms": {"small": 1}, "50ms": {"small": 1}, "150ms": {"small": 1}}
THROTTLE, SERVICE = 8, 40  # requests at a time, and ms for each


class Bench:
    """What all measurements share: the programs, the folder, the sets made so far, the results."""

    def __init__(self, opts, work, results):
        self.opts = opts
        self.work = work
        self.results = results
        self.skyarc = os.path.abspath(opts.skyarc)
        self.fixed = os.path.abspath(opts.fixed or opts.skyarc)
        self.fixed_version = opts.fixed and subprocess.run(
            [self.fixed, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[0]
        self.lab = lab.Lab(work)
        self.runner = measure.Runner(work, sync=not opts.short)
        self.archive = self.runner.folder + "/out.tar.zst"
        self.made = {}

    def set(self, name):
        if name not in self.made:
            self.made[name] = sets.make(self.lab.www, name, self.opts.scale)
        return self.made[name]

    def measured(self, what, commands, files):
        """Run the commands interleaved, and compare the first archive of each with the files."""
        def check(name, error):
            self.results.check("%s, %s" % (what, name),
                               [str(error)] if error else peers.differences(name, self.archive, files))
        return measure.interleaved(self.runner, commands, self.opts.rounds, check, {peers.BARE, peers.SKYARC, peers.PLAIN})


def pairs(opts):
    """The links with the sets of each, as the options choose."""
    for link in opts.links or lab.LINKS:
        plan = PLAN[link.removesuffix("-h2")]
        if opts.short and not link.startswith("loopback"):
            plan = {"small": 1}
        names = [name for name in opts.sets or plan if name in plan or opts.links]
        if names:
            yield link, {name: plan.get(name, 1) for name in names}


def links(bench):
    """skyarc, its values of -j, and its competitors, on each link."""
    for link, chosen in pairs(bench.opts):
        with bench.lab.open(link) as at:
            for name, share in chosen.items():
                one_cell(bench, link, at, bench.set(name).part(share))


def one_cell(bench, link, at, some):
    urls = some.publish(bench.lab.www, at.base)
    peers.write_lists(bench.work, urls)
    rest = peers.commands(bench.work, at, audit=link == "loopback")
    todo = {peers.BARE: rest.pop(peers.BARE),
            peers.SKYARC: peers.pull(bench.skyarc, at, some.runs),
            peers.PLAIN: peers.pull(bench.skyarc, at, some.runs, "--no-report"), **rest}
    if some.name == "small":
        todo.update((peers.fixed(jobs), peers.pull(bench.fixed, at, some.runs, "-j", str(jobs)))
                    for jobs in bench.opts.sweep)
    taken = bench.measured("%s, %s" % (link, some.name), todo, some.files)
    cell = bench.results.add("links", link, some.name, count=len(urls), bytes=some.size, http2=at.kind.http2,
                             jobs=at.kind.jobs, floor=at.kind.floor, rounds=taken, fixed=bench.fixed_version)
    print(tables.detail(cell), flush=True)


def throttle(bench):
    """A server that answers 503 above eight requests at a time: how many answers are of that kind?"""
    some = bench.set("small")
    counts, takens = [], []
    ideal = (len(some.files) + 2) * SERVICE / THROTTLE / 1000
    for number in range(bench.opts.rounds):
        server = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "/usr/bin/python3", "-B", os.path.dirname(os.path.abspath(__file__)) +
             "/throttle.py", bench.lab.www, str(THROTTLE), str(SERVICE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            at = lab.Plain("http://127.0.0.1:%d" % int(server.stdout.readline()))
            some.publish(bench.lab.www, at.base)
            takens.append(bench.runner.run(peers.pull(bench.skyarc, at, some.runs)))
            if number == 0:
                bench.results.check("throttle, skyarc", peers.differences(peers.SKYARC, bench.archive, some.files))
            counts.append([int(word) for word in server.communicate()[0].split()])
        except measure.Failed as error:
            bench.results.check("throttle, skyarc", [str(error)])
            return
        finally:
            server.kill()
            server.communicate()
    cell = bench.results.add("throttle", "loopback", "small", count=len(some.files), bytes=some.size, ideal=ideal,
                             most=THROTTLE, service=SERVICE, answers=counts, rounds={peers.SKYARC: takens})
    print(tables.throttle([cell]), flush=True)
