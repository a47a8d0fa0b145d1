# SPDX-License-Identifier: MIT
"""The cases of scripts/netlab-store: what happens on the way to a store, or in it, while an archive is uploaded.

Each is run in a process of its own: the command with the fault, judged; then all faults end, the same command runs
again, must succeed, and is judged again.
"""
import collections
import os
import random
import shutil
import threading
import time

from . import store_judge
from .store_site import BUCKET, Site, fault_proxy

MB = 1_000_000
RUN = "tsk_stored"
NIGHT = "s3://%s/night" % BUCKET
OLD, NEW = "token/of+the=first/hour", "token/of+the=second/hour"

# what: "pull" or "sync"; link: options of wire.c; size: bytes of the archive; fault: a function of the site, or
# None; must: whether it has to succeed; limit: seconds after which it hangs
Case = collections.namedtuple("Case", "name what link size fault must limit more", defaults=({},))
Result = collections.namedtuple("Result", "name what status seconds peak wrong again retried stderr")

FAST = {"rate": 1_000_000, "mtu": 9000}
GOOD = {"rate": 100_000}
LINKS = {
    "1 Gbit/s": FAST,
    "100 Mbit/s": GOOD,
    "10 Mbit/s, 1 % lost": {"rate": 10_000, "loss": 10_000, "rtt": 30},
    "100 Mbit/s, 150 ms": {"rate": 100_000, "rtt": 150},
}


def busy(*headers):
    return fault_proxy.error(503, "SlowDown", *headers)


def later(seconds, act, *args):
    threading.Thread(target=lambda: (time.sleep(seconds), act(*args)), daemon=True).start()


def when_sent(site, size, act):
    """Do something when the link has carried so many bytes to the store."""
    def wait():
        while site.sent() < size:
            time.sleep(0.02)
        act()

    threading.Thread(target=wait, daemon=True).start()


def proxied(kind, times=1, skip=0, **what):
    """A fault of requests, by the proxy."""
    def fault(site):
        site.through_proxy()
        site.proxy.fault(kind, times=times, skip=skip, **what)

    return fault


def some(*kinds):
    return lambda request: request.kind in kinds


def killed(size, pause):
    """The gateway is killed, and started again after a pause; None: it is not."""
    def fault(site):
        def act():
            site.kill_gateway()
            if pause is not None:
                later(pause, site.start_gateway)

        when_sent(site, size, act)

    return fault


def vanishes(site):
    site.through_proxy()
    site.proxy.fault(some("part", "put"), times=1000, skip=1,
                     before=lambda _: shutil.rmtree("%s/data/%s" % (site.folder, BUCKET), True))


def expires(where, renewed):
    """The keys expire while the second part, or the second object, is sent; the service gives others, or the same."""
    def fault(site):
        site.through_proxy()
        site.keys_from(where, OLD)
        over = threading.Event()

        def expire(_):
            over.set()
            if renewed:
                site.service.session = NEW

        site.proxy.fault(some("part", "put"), skip=1, before=expire)
        site.proxy.fault(lambda r: over.is_set() and r.header("x-amz-security-token") == OLD, times=10_000,
                         instead=fault_proxy.error(400, "ExpiredToken"))

    return fault


def clock(seconds):
    def fault(site):
        site.env.update(LD_PRELOAD=site.tools + "/clock.so", SHIM_OFFSET=str(seconds))

    return fault


LOST = {"cut": -1}
SAD = {"instead": fault_proxy.error(500, "InternalError")}


def named():
    """Each named case once, the longest first."""
    cases = []
    for what in ("pull", "sync"):
        kinds = [("UploadPart", "part"), ("CompleteMultipartUpload", "complete"), ("CreateMultipartUpload", "create"),
                 ("PutObject", "put")]
        kinds = [(name, kind) for name, kind in kinds if what == "sync" or kind != "put"]
        cases += [
            Case("the link dies for good", what, dict(GOOD, dead=9 * MB), 40 * MB, None, False, 600),
            Case("the gateway is killed for good", what, GOOD, 40 * MB, killed(9 * MB, None), False, 420),
            Case("10 Mbit/s, 1 % lost", what, LINKS["10 Mbit/s, 1 % lost"], 40 * MB, None, True, 240),
            Case("1 Mbit/s", what, {"rate": 1000, "rtt": 60, "queue": 2000}, 18 * MB, None, True, 400),
            Case("the link dies for 20 s", what, dict(GOOD, dead=9 * MB, **{"for": 20_000}), 40 * MB, None, True, 150),
            Case("the gateway is killed, and back after 20 s", what, GOOD, 40 * MB, killed(9 * MB, 20), True, 150),
            Case("500 for each part", what, GOOD, 40 * MB, proxied("part", 10_000, **SAD), False, 240),
            Case("503 for each completion", what, GOOD, 40 * MB, proxied("complete", 10_000, instead=busy()), False, 240),
            Case("keys expire, and are not renewed", what, GOOD, 40 * MB, expires("container", False), False, 240),
            Case("keys expire, and are renewed (container)", what, GOOD, 40 * MB, expires("container", True), True, 120),
            Case("keys expire, and are renewed (instance)", what, GOOD, 40 * MB, expires("instance", True), True, 120),
            Case("this clock is 20 minutes slow", what, GOOD, 20 * MB, clock(-1200), True, 120),
            Case("this clock is 20 minutes fast", what, GOOD, 20 * MB, clock(1200), True, 120),
            Case("the bucket vanishes", what, GOOD, 40 * MB, vanishes, False, 240),
            Case("a fifth of all answers is lost", what, GOOD, 60 * MB, lossy_answers, True, 300),
            Case("a third of all requests: 503", what, GOOD, 60 * MB, often_busy, True, 300),
            Case("parts are reset after 1 MiB", what, GOOD, 40 * MB, proxied("part", 3, early=1 << 20), True, 120),
            Case("1 Gbit/s", what, FAST, 100 * MB, None, True, 120),
            Case("100 Mbit/s", what, GOOD, 60 * MB, None, True, 120),
            Case("100 Mbit/s, 150 ms", what, LINKS["100 Mbit/s, 150 ms"], 60 * MB, None, True, 120),
        ]
        for title, kind in kinds:
            size = 3 * MB if kind == "put" else 40 * MB
            cases += [
                Case("the answer to %s is lost" % title, what, GOOD, size, proxied(kind, 2, **LOST), True, 120),
                Case("%s: 500" % title, what, GOOD, size, proxied(kind, 2, **SAD), True, 120),
                Case("%s: 503" % title, what, GOOD, size, proxied(kind, 2, instead=busy()), True, 120),
                Case("%s: 503 with Retry-After" % title, what, GOOD, size,
                     proxied(kind, 2, instead=busy(("Retry-After", "2"))), True, 120),
            ]
    cases += [Case("2 Mbit/s, eight parts", "pull", {"rate": 2000, "rtt": 60, "queue": 2000}, 130 * MB, None, True, 900),
              Case("the answer to PutObject is lost", "pull", GOOD, 3 * MB, proxied("put", 2, **LOST), True, 120),
              Case("all answers to PutObject are lost", "pull", GOOD, 3 * MB, proxied("put", 10_000, **LOST), True, 240),
              Case("all answers to CompleteMultipartUpload are lost", "pull", GOOD, 40 * MB,
                   proxied("complete", 10_000, **LOST), True, 240)]
    return sorted(cases, key=lambda case: -case.limit)


def drawn(chance, seed, **what):
    """A fault of requests drawn at random; of one request in a row at most four times."""
    def fault(site):
        rng, lock, last = random.Random(seed), threading.Lock(), collections.Counter()

        def hit(request):
            with lock:
                same = (request.method, request.target)
                last[same] = last[same] + 1 if rng.random() < chance and last[same] < 4 else 0
                return last[same] > 0

        site.through_proxy()
        site.proxy.fault(hit, times=1_000_000, **what)

    return fault


def lossy_answers(site):
    drawn(0.2, 1, **LOST)(site)


def often_busy(site):
    drawn(0.33, 2, instead=busy())(site)


def at_random(seed):
    """A round that is drawn from a seed: a link, a size, and some faults."""
    rng = random.Random(seed)
    what = rng.choice(["pull", "pull", "sync"])
    link = dict(rng.choice(list(LINKS.values())), seed=seed)
    size = rng.randrange(2 * MB, 50 * MB) if link["rate"] > 10_000 else rng.randrange(2 * MB, 20 * MB)
    faults, said = [], []
    for _ in range(rng.randrange(4)):
        kind = rng.choice(["part", "part", "complete", "create", "put", "head", "get", "list", "abort", "uploads"])
        how, doing = rng.choice([("lost", LOST), ("500", SAD), ("503", {"instead": busy()}), ("cut", {"cut": 10}),
                                 ("reset", {"early": 1000}), ("slow", {"piece": 50}),
                                 ("503 in 1 s", {"instead": busy(("Retry-After", "1"))})])
        times, skip = rng.choice([1, 2, 3, 5, 10]), rng.randrange(4)
        faults.append(proxied(kind, times, skip, **doing))
        said.append("%s %s*%d" % (kind, how, times))
    if rng.random() < 0.4:
        at, pause = rng.randrange(size), rng.choice([0.2, 3, 10])
        if rng.random() < 0.5:
            link.update(dead=at + 1, **{"for": int(pause * 1000)})
            said.append("dead for %g s" % pause)
        else:
            faults.append(killed(at, pause))
            said.append("gateway killed for %g s" % pause)
    if rng.random() < 0.2:
        offset = rng.choice([-1200, 1200])
        faults.append(clock(offset))
        said.append("clock %d s" % offset)

    def fault(site):
        for each in faults:
            each(site)

    return Case("round %d: %d kbit/s, %d MB: %s" % (seed, link["rate"], size // MB, ", ".join(said) or "no fault"),
                what, link, size, fault, not said, 420)


def run(case, skyarc, tools, folder, seed):
    """Run a case in this process; returns its Result."""
    site = Site(tools, folder, dict(case.link, seed=case.link.get("seed", seed)))
    runs = [RUN] if case.what == "pull" else [RUN + "_%d" % i for i in range(3)]
    for i, run_id in enumerate(runs):
        share = case.size // len(runs)
        site.add_run(run_id, [share // 3, share - share // 3], seed + 10 * i)
    if case.what == "pull":
        command = [skyarc, "pull", "-v", "-o", "s3://%s/%s" % (BUCKET, store_judge.KEY), RUN]
    else:
        command = [skyarc, "sync", "-v", "--dest", NIGHT, "--settle", "0s", "--volume-size", str(case.size * 3 // 4)]

    def state():
        if not os.path.isdir("%s/data/%s" % (folder, BUCKET)):
            return False, []
        return store_judge.pull_state(site, RUN) if case.what == "pull" else store_judge.sync_state(site, runs)

    try:
        if case.fault:
            case.fault(site)
        done = site.run(command, case.limit)
        requests = len(site.proxy.requests)
        site.mend()
        wrong = store_judge.verdict(site, done, state())
        if case.must and done[0] != 0 and not wrong:
            wrong.append("exit %s, but it can succeed" % done[0])
        again = site.run(command, 180)
        stands, bad = state()
        ended = again[0] == 0 or (case.what == "pull" and again[0] == 1 and "exists" in again[1] and stands)
        if not ended or not stands or bad:
            wrong.append("the second start: exit %s, %s, %s" % (again[0], "whole" if stands else "not whole", bad))
            wrong.append(again[1][-1500:])
        wrong += ["the upload %s is left after the second start" % i for i in store_judge.uploads(site)
                  if ended and "vanish" not in case.name]
        return Result(case.name, case.what, done[0], done[2], done[3], wrong, again[0], requests, done[1][-6000:])
    finally:
        site.kill_gateway()
        if site.service:
            site.service.close()
