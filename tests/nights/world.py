# SPDX-License-Identifier: MIT
"""Runs at simulated times, the emulated service that has them, and the real binary at these times."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from emulator import corpus, server

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DAY = 86400
BEGIN = 1790000000 - 1790000000 % DAY + 2 * 3600.0  # 02:00 UTC


def stamp(when):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + ".%06d" % (when % 1 * 1e6)


class Made:
    """A run: when it was created and ended, and when each artifact was uploaded."""

    def __init__(self, rng, number, created, most=8, data=None):
        self.id = "tsk_%05d" % number
        self.created = created
        self.ended = created + rng.choice([60, 600, 3600, 7200]) * (0.5 + rng.random())
        self.status = rng.choice(["completed"] * 6 + ["failed", "terminated", "canceled"])
        self.held = False
        self.deleted = None  # when the service removed it
        self.artifacts = []
        for i in range(rng.randrange(min(2, most), most + 1)):
            body = data(rng, self.id, i) if data else b"<p>%d of %s</p>" % (i, self.id.encode()) * rng.randrange(1, 400)
            artifact = corpus.Artifact("%s_%d" % (self.id, i), rng.choice(["html", "llm_prompt", "screenshot"]),
                                       body, "html", signing="s3", created_at=stamp(self.ended))
            late = rng.choice([0, 0, 0, 30, 300, 5400]) * rng.random()
            self.artifacts.append((self.ended + late, artifact))

    def there(self, now):
        """The artifacts that the service has at `now`, or had when it removed the run."""
        return [a for there, a in self.artifacts if there <= min(now, self.deleted or now)]

    def at(self, now):
        """The run as the service has it at `now`."""
        over = self.ended <= now
        return corpus.Run(self.id, self.there(now), status=self.status if over else "running",
                          created_at=stamp(self.created), started_at=stamp(self.created),
                          finished_at=stamp(self.ended) if over else None,
                          failure_reason="it broke" if self.status == "failed" and over else None,
                          run_request={"prompt": "do %s" % self.id})


class World:
    """The service, its runs, a sync directory, and the findings (bad)."""

    def __init__(self, rng, skyarc, name):
        self.rng = rng
        self.skyarc = os.path.abspath(skyarc)
        self.folder = tempfile.mkdtemp(prefix="skyarc-%s-" % name)
        self.vault = self.folder + "/vault"
        self.origins, self.servers = server.start()
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("SKYVERN_", "SKYARC_", "XDG_")) and not k.lower().endswith("_proxy")}
        self.env.update(SKYVERN_API_KEY=server.KEY, SKYVERN_BASE_URL=self.origins[0], HOME=self.folder,
                        TMPDIR=self.folder, LD_PRELOAD=self.shim())
        self.runs = []
        self.bad = []

    def shim(self):
        path = self.folder + "/shim.so"
        subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", path, TOP + "/tests/torture/shim.c", "-ldl"],
                       check=True)
        return path

    def close(self):
        for one in self.servers:
            one.shutdown()
            one.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, now, *args, kill=None, shift=0, **env):
        """Run skyarc with its clock at now + shift; returns (exit status, JSON or text, standard error).

        kill: send SIGKILL after this many seconds; the exit status is then None.
        """
        env = dict(self.env, SHIM_OFFSET=str(int(now + shift - time.time())), **env)
        server.STATE.skew = now - time.time()
        process = subprocess.Popen([self.skyarc, *args], env=env, cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=120 if kill is None else kill)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            if kill is None:
                self.bad.append("skyarc %s hangs" % args[0])
            return None, None, ""
        try:
            return process.returncode, json.loads(out), err.decode(errors="replace")
        except ValueError:
            return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")

    def make(self, created, **more):
        self.runs.append(Made(self.rng, len(self.runs), created, **more))

    def serve(self, now):
        server.STATE.runs = {r.id: r.at(now) for r in self.runs
                             if r.created <= now and (r.deleted is None or r.deleted > now)}

    def break_some(self, now, share=0.05):
        """Make a share of the service's answers fail, once or repeatedly; returns how many."""
        count = 0
        server.STATE.faults = {}
        for made in self.runs:
            run = server.STATE.runs.get(made.id)
            if not run or made.ended < now - 2 * DAY:
                continue  # archived already: not requested again
            for artifact in run.artifacts:
                if self.rng.random() < share:
                    kind, more = self.rng.choice([("status", {"status": 500}), ("short", {}), ("drop", {}),
                                                  ("status", {"status": 429}), ("status", {"status": 403}),
                                                  ("status", {"status": 503, "times": 40})])
                    server.STATE.faults[artifact.id] = [dict({"kind": kind, "times": 1}, **more)]
                    count += 1
            if self.rng.random() < share * 0.4:
                server.STATE.faults["list/" + run.id] = [{"kind": "status", "status": 502, "times": 40}]
                count += 1
        return count

    def calm(self):
        server.STATE.faults = {}
