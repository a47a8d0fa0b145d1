# SPDX-License-Identifier: MIT
"""A model of a sync directory: random damage, and the invariants that must hold nevertheless.

The model knows what the service had and when, reads the volumes without skyarc, and damages the directory
as failing disks, restored backups and users do. It checks these invariants:

- --list-safe lists a run only if each artifact that the service has of it is in a volume in place (not set
  aside), with the correct bytes. Damage that does not show in the size, tail or manifest of a volume is
  excused until the volume is read back.
- Every artifact on disk stays on disk, in some file, unless prune may remove its run or the model destroyed
  it. No artifact of a held run is removed.
- A pruned run is not archived again.
- An archived artifact that is in no volume is fetched again, or reported as lost or missing.
- A volume that is gone or altered makes the next sync fail (exit status 3 or 4, and in the metrics). skyarc
  sets an altered volume aside, and never deletes it.
- After a sync that was not interrupted, catalog and disk agree, each artifact is in one volume, and no
  temporary file is left.
"""
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile

from emulator import corpus

from .volume import TAIL, Shelf
from .world import BEGIN, DAY, World, stamp

KEEP_DAYS = 12
PURGE_DAYS = 25  # the service removes older runs
HOUR = 3600.0
FULL = {"SHIM_CALL": "write", "SHIM_ERRNO": "28", "SHIM_STAY": "1"}


def content(rng, ident, number):
    """Mostly small content; sometimes larger than a volume's tail (TAIL)."""
    if rng.random() < 0.06:
        return rng.randbytes(rng.randrange(70_000, 140_000))
    return b"%s %d " % (ident.encode(), number) + rng.randbytes(rng.randrange(0, 1500)).hex().encode()


class Model(World):
    def __init__(self, rng, skyarc):
        super().__init__(rng, skyarc, "model")
        self.shelf = Shelf(self.vault)
        self.now = BEGIN
        self.truth = {}      # artifact -> (digest, run)
        self.pruned = set()  # run IDs
        self.held = set()
        self.ever = set()    # artifacts that were in a volume at some time
        self.twice = set()   # artifacts that may be in two volumes: restored, or changed after archiving
        self.visible = 0     # number of volumes with detectable damage that no step has detected yet
        self.hidden = {}     # volume with a flipped bit that only reading back shows -> its artifacts before
        self.inodes = {}     # of the same: another file may get the name, in the same second of the simulated clock
        self.made = False    # a sync has ended without interruption
        self.killed = False  # the last sync or prune was interrupted or failed: catalog and disk may differ
        self.saved = []      # copies of volumes: (name, path)
        self.copies = 0      # number of copies made so far
        self.catalogs = []   # copies of the catalog
        self.blind = None    # "volumes", "catalog" or "log": damaged, and not detected yet
        self.grown = set()   # runs that got a new artifact or other content days after their end
        self.changed = set() # artifacts whose content changed days after the end of their run
        self.remade = False  # the catalog was damaged or rebuilt
        self.counts = {}
        self.step = "begin"
        self.trace = []

    # Counts, trace and findings.

    def count(self, what, number=1):
        self.counts[what] = self.counts.get(what, 0) + number

    def note(self, text, *more):
        """Add a line to the trace, for debugging."""
        self.trace.append("%d %s" % (self.now, text % more))

    def wrong(self, text, *more):
        self.bad.append("%s: %s" % (self.step, text % more))

    def check(self, holds, text, *more):
        if not holds:
            self.wrong(text, *more)

    # Changes at the service.

    def make_runs(self, hours):
        for _ in range(self.rng.randrange(1, 6)):
            self.make(self.now - self.rng.random() * hours * HOUR, most=4, data=content)
            run = self.runs[-1]
            for _, artifact in run.artifacts:
                self.truth[artifact.id] = (hashlib.sha256(artifact.data).hexdigest(), run)

    def purge(self):
        """The service removes old runs, and occasionally a newer one."""
        for run in self.runs:
            if run.deleted is None and run.ended < self.now and (
                    run.ended < self.now - PURGE_DAYS * DAY or self.rng.random() < 0.01):
                run.deleted = self.now
                self.count("runs removed at the service")

    def grow(self):
        """A run that ended days ago gets a new artifact, or new content of an existing one."""
        old = [r for r in self.runs if r.deleted is None and r.ended < self.now - DAY and r.id not in self.pruned
               and r.there(self.now)]
        if not old:
            return
        run = self.rng.choice(old)
        self.grown.add(run.id)
        if self.rng.random() < 0.5:
            number = len(run.artifacts)
            ident = "%s_%d" % (run.id, number)
            artifact = corpus.Artifact(ident, "html", content(self.rng, ident, number), "html", signing="s3",
                                       created_at=stamp(self.now))
            run.artifacts.append((self.now, artifact))
            self.count("runs that grew late")
        else:
            artifact = self.rng.choice(run.there(self.now))
            artifact.data = content(self.rng, artifact.id, 99)
            artifact.row.update(checksum=hashlib.sha256(artifact.data).hexdigest(), file_size=len(artifact.data),
                                modified_at=stamp(self.now))
            self.twice.add(artifact.id)  # the old content stays in its volume
            self.changed.add(artifact.id)
            self.count("artifacts that changed late")
        self.truth[artifact.id] = (hashlib.sha256(artifact.data).hexdigest(), run)
        self.note("grown: %s of %s", artifact.id, run.id)
        self.serve(self.now)

    # The state of the disk.

    def present(self, names=None):
        """IDs of the artifacts that are on disk with the correct bytes, in the named files or in any."""
        return {a for n, v in self.shelf.files().items() if names is None or n in names
                for a, digest in v.artifacts.items() if self.truth[a][0] == digest}

    def logged(self, what):
        """IDs of the runs for which the log has an entry of this kind."""
        try:
            with open(self.vault + "/log.jsonl", encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            return set()
        entries = [json.loads(line) for line in lines if line.endswith("}")]
        return {entry.get("run_id") for entry in entries if entry.get("what") == what}

    def stored(self):
        """IDs of the runs that are in a volume in place, whatever of them is."""
        names = self.standing()
        return {run for n, v in self.shelf.files().items() if n in names for run in v.runs}

    def standing(self):
        return {n for n, v in self.shelf.standing().items()
                if v.top == n.split("/")[2].split(".")[0] or n in self.hidden}

    def query(self, sql):
        """Ask a copy: SQLite would write what an interrupted command left in the -wal file into the catalog's pages,
        without their checksums."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("catalog.db", "catalog.db-wal"):
                if os.path.exists(self.vault + "/" + name):
                    shutil.copy(self.vault + "/" + name, folder)
            db = sqlite3.connect(folder + "/catalog.db")
            try:
                return db.execute(sql).fetchall()
            finally:
                db.close()

    def imported(self, name):
        """Whether the catalog has a volume; a catalog that cannot be read has all."""
        try:
            return any(row == (name,) for row in self.query("SELECT name FROM volumes"))
        except sqlite3.Error:
            return True

    # Damage to the directory.

    def any_volume(self):
        names = sorted(self.standing() - set(self.hidden))
        return self.rng.choice(names) if names else None

    def path(self, name):
        return os.path.join(self.vault, name)

    def save(self, name):
        self.copies += 1
        path = "%s/saved-%d" % (self.folder, self.copies)
        shutil.copy(self.path(name), path)
        self.saved.append((name, path))

    def harm_volume(self):
        name = self.any_volume()
        if not name:
            return
        if self.rng.random() < 0.6:
            self.save(name)
        before = self.shelf.files()[name]
        what = self.rng.choice(["delete", "delete", "cut", "longer", "flip", "flip", "swap", "another", "none", "fifo",
                                "folder", "link"])
        path = self.path(name)
        self.count("volumes: " + what)
        self.note("%s: %s, of %s", what, name, sorted(before.runs))
        if what == "delete":
            os.unlink(path)
        elif what == "cut":
            os.truncate(path, self.rng.randrange(before.size))
        elif what == "longer":
            with open(path, "ab") as file:
                file.write(self.rng.randbytes(self.rng.choice([1, 512, 4096])))
        elif what == "flip":
            with open(path, "r+b") as file:
                at = self.rng.randrange(before.size)
                self.note("at %d of %d", at, before.size)
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1 << self.rng.randrange(8)]))
        elif what in ("fifo", "folder", "link"):
            away = "%s/away-%d" % (self.folder, self.now)
            os.rename(path, away)
            if what == "fifo":
                os.mkfifo(path)
            elif what == "folder":
                os.mkdir(path)
            else:
                os.symlink(away, path)
        elif what == "none":
            with open(path, "wb") as file:
                file.write(self.rng.randbytes(self.rng.randrange(2000)))
        else:
            other = self.rng.choice(sorted(self.standing() - set(self.hidden)))
            if other == name:
                return
            if what == "swap":
                os.rename(path, path + ".x")
                os.rename(self.path(other), path)
                os.rename(path + ".x", self.path(other))
            else:
                shutil.copy(self.path(other), path)
        self.shelf.forget()
        after = self.shelf.files().get(name)
        if what == "flip" and after.good and after.artifacts == before.artifacts and after.tail == before.tail:
            return  # the bit has no effect: content and tail are unchanged
        if what == "flip" and at < before.size - TAIL:  # size, tail and manifest are unchanged
            self.hidden[name] = before.artifacts
            self.inodes[name] = os.stat(path).st_ino
            self.count("of them, not to be seen from outside")
            return
        if what in ("delete", "fifo", "folder", "link") and not self.imported(name):
            return  # of a sync that failed: nothing was said to be archived there, and its runs are still due
        self.visible += 1
        self.blind = "volumes"

    def put_back(self):
        """Restore a saved copy of a volume under its name."""
        if not self.saved:
            return
        name, path = self.saved.pop(self.rng.randrange(len(self.saved)))
        if os.path.exists(self.path(name)):
            return
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        shutil.copy(path, self.path(name))
        self.shelf.forget()
        volume = self.shelf.files()[name]
        self.twice |= set(volume.artifacts)
        back = self.pruned & {self.truth[a][1].id for a in volume.artifacts}
        self.pruned -= back  # at least partly restored; the rest of these runs may stay pruned
        self.ever -= {a for a in self.ever if self.truth[a][1].id in back}
        self.count("volumes put back")
        self.note("put back: %s", name)
        if self.visible:  # it may be a deleted volume whose absence was not detected yet
            self.visible = max(0, self.visible - 1)

    def harm_catalog(self):
        path = self.vault + "/catalog.db"
        if not os.path.exists(path):
            return
        what = self.rng.choice(["older", "older", "delete", "bytes", "bytes", "cut"])
        self.count("catalog: " + what)
        self.note("catalog: %s", what)
        self.blind = "catalog"
        self.remade = True
        if what == "bytes":
            with open(path, "r+b") as file:
                size = os.path.getsize(path)
                for _ in range(20 if size else 0):
                    at = self.rng.randrange(size)
                    file.seek(at)
                    byte = file.read(1)
                    file.seek(at)
                    file.write(bytes([(byte[0] if byte else 0) ^ self.rng.randrange(1, 256)]))
            return
        if what == "cut":
            os.truncate(path, self.rng.randrange(os.path.getsize(path) + 1))
            return
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(path + suffix):
                os.unlink(path + suffix)
        if what == "older" and self.catalogs:
            shutil.copy(self.rng.choice(self.catalogs), path)

    def harm_log(self):
        path = self.vault + "/log.jsonl"
        if not os.path.exists(path):
            return
        what = self.rng.choice(["cut", "delete", "torn"])
        self.count("log: " + what)
        self.note("log: %s", what)
        self.blind = "log"
        if what == "delete":
            os.unlink(path)
        elif what == "torn":
            with open(path, "ab") as file:
                file.write(b'{"at_ms": 17, "what": "rele')
        else:
            os.truncate(path, self.rng.randrange(os.path.getsize(path) + 1))

    def keep_catalog(self):
        if os.path.exists(self.vault + "/catalog.db") and not os.path.exists(self.vault + "/catalog.db-wal"):
            path = "%s/catalog-%d" % (self.folder, self.rng.randrange(6))
            shutil.copy(self.vault + "/catalog.db", path)
            self.catalogs = sorted(set(self.catalogs) | {path})

    # Commands of skyarc.

    def do(self, *args, may_lose=(), **how):
        """Run skyarc, and check that nothing vanished; may_lose: IDs of runs whose artifacts may be removed."""
        self.step = " ".join(args[:2] if args[0] == "sync" else args[:1]) + "".join(
            " " + a for a in args if a in ("--rebuild", "--apply", "--list-safe"))
        before = self.present()
        names = set(self.shelf.files())
        status, out, err = self.call(self.now, *args, **how)
        self.note("%s %s: %s\n%s", " ".join(args), how, status, err)
        if args[0] in ("sync", "prune") and "--list-safe" not in args:
            self.killed = status not in (0, 3, 4)
        if "AddressSanitizer" in err or "runtime error" in err or (status is not None and status < 0):
            self.wrong("it crashed with %s: %s", status, err[-600:])
        gone = before - self.present()
        taken = [a for a in gone if self.truth[a][1].id not in may_lose]
        self.check(not taken, "artifacts vanished: %s", sorted(taken)[:5])
        self.check(not [a for a in gone if self.truth[a][1].id in self.held],
                   "of held runs, these vanished: %s", sorted(gone)[:5])
        if not may_lose:
            left = set(self.shelf.files())
            lost = [n for n in names - left if not any(k.startswith(n + ".d") for k in left)
                    and not ("-r" in n and "still exists" in err)]
            self.check(not lost or status is None, "volumes vanished: %s", lost)
        return status, out, err

    def sync(self, kill=None, shift=0, broken=0.05, share=None, **env):
        self.serve(self.now)
        if broken:
            self.count("answers broken", self.break_some(self.now, broken))
        else:
            self.calm()
        share = share or self.rng.choice([1, 1, 3, 30])
        if os.path.exists(self.folder + "/metrics"):
            os.unlink(self.folder + "/metrics")
        args = ["sync", "--dest", "vault", "--json", "--retries", "1", "--volume-runs", "5", "--metrics",
                self.folder + "/metrics", "--verify-share", str(share)]
        status, out, err = self.do(*args, kill=kill, shift=shift, **env)
        self.count("syncs")
        self.ever |= self.present(self.standing())
        if status is None or env:
            self.count("killed" if status is None else "on a full disk")
            self.check(status in (None, 0, 1, 3, 4), "exit status %s: %s", status, err[-400:])
            # a sync that was killed after writing its metrics has reported its findings
            self.seen(status if status in (0, 3, 4) else 3 if self.metrics_fail() else None)
            return
        self.check(status in (0, 3, 4) and isinstance(out, dict), "exit status %s: %s", status, err[-600:])
        if not isinstance(out, dict):
            return
        for key in ("archived_runs", "volumes", "supplements", "gone_volumes", "differing_volumes", "damaged_volumes",
                    "read_back_volumes"):
            self.count(key, out[key])
        self.count("catalogs made again", out["catalog_remade"])
        found = out["gone_volumes"] + out["differing_volumes"] + out["damaged_volumes"]
        if self.visible:
            self.check(found and status in (3, 4), "nothing said of a volume that is not what it was")
        self.check(not found or self.metrics_fail(), "metrics say success")
        self.check(not out["unreadable_volumes"], "unreadable volumes: %s", err[-300:])
        self.seen(status)
        self.made = True
        for name in self.hidden:
            self.check(share > 1 or shift, "a damaged volume was read back and stands: %s", name)
        self.agree()
        self.check_holds()

    def metrics_fail(self):
        """Whether the last sync wrote a failure to the metrics."""
        try:
            with open(self.folder + "/metrics", encoding="utf-8") as file:
                return "\nskyarc_sync_success 0" in file.read()
        except FileNotFoundError:
            return False

    def seen(self, status):
        """Note that a step with an exit status has checked the directory, and reported the damage."""
        if status is not None:
            self.visible = 0
            self.blind = None
            for name in list(self.hidden):
                if name not in self.standing() or os.stat(self.path(name)).st_ino != self.inodes[name]:
                    del self.hidden[name]

    def hold(self):
        known = [r for r in self.runs if r.ended < self.now]
        if not known or not self.made:
            return
        what = "release" if self.held and self.rng.random() < 0.5 else "hold"
        ident = self.rng.choice(sorted(self.held) if what == "release" else [r.id for r in known])
        kill = self.rng.random() * 0.03 if self.rng.random() < 0.15 else None
        env = dict(FULL, SHIM_AT=str(self.rng.randrange(1, 12))) if self.rng.random() < 0.15 else {}
        args = [what, "--dest", "vault"] + (["--reason", "audit"] if what == "hold" else []) + [ident]
        status, _, err = self.do(*args, kill=kill, **env)
        self.count(what + "s")
        if status is None or env and status:  # unknown whether it took effect: ask skyarc
            _, out, _ = self.do("hold", "--dest", "vault")
            self.held = {line.split("\t")[0] for line in out.splitlines()}
            return
        self.check(status == 0, "exit status %s: %s", status, err[-300:])
        if what == "hold":
            self.held.add(ident)
        else:
            self.held.discard(ident)
        if self.blind == "log":
            self.blind = None  # damage of the catalog may remain: a killed sync may have rebuilt it in part
        self.check_holds()

    def check_holds(self):
        status, out, err = self.call(self.now, "hold", "--dest", "vault")
        self.check(status == 0 and {line.split("\t")[0] for line in out.splitlines()} == self.held,
                   "holds are %s, and should be %s: %s", out, sorted(self.held), err[-300:])

    def may_go(self):
        return {r.id for r in self.runs if r.id not in self.held and r.status != "failed"
                and r.ended < self.now - KEEP_DAYS * DAY}

    def prune(self, kill=None, shift=0, **env):
        if not os.path.exists(self.vault + "/catalog.db") and not self.shelf.files():
            return  # the first sync was killed before it had begun: there is nothing to prune
        may = self.may_go()
        before = self.stored()
        hidden = dict(self.hidden)
        where = {n: v.runs for n, v in self.shelf.files().items()}
        stood = set(where)
        status, out, err = self.do("prune", "--dest", "vault", "--json", "--apply", "--keep-days", str(KEEP_DAYS),
                                       "--keep-status", "failed", kill=kill, shift=shift, may_lose=may, **env)
        after = self.stored()
        files = set(self.shelf.files())
        fresh = files - stood  # one of the same name may have been set aside long ago

        def was_set_aside(name):
            return any(f.startswith(name + ".d") for f in fresh)
        # a volume with hidden damage that is gone, and not set aside, was rewritten or removed: its unreadable
        # artifacts, which stored() does not list, are pruned too
        before |= {self.truth[a][1].id for name, had in hidden.items()
                   if name not in files and not was_set_aside(name) for a in had}
        gone = (before - after) & may
        # of a volume that this prune set aside, only the log says which runs are pruned as well
        aside = {run for n, runs in where.items() if n not in files and was_set_aside(n) for run in runs}
        gone -= aside - self.logged("prune")
        if status == 4:  # reported: some runs are still in a volume that could not be rewritten
            gone -= {r for (r,) in self.query("SELECT run_id FROM runs")}
        self.pruned |= gone
        self.count("prunes")
        self.count("runs pruned", len(gone))
        if status is None or env:
            self.seen(status if status in (0, 3, 4) else None)
            return
        self.check(status in (0, 3, 4) and isinstance(out, dict), "exit status %s: %s", status, err[-600:])
        if self.visible:
            self.check(status in (3, 4), "nothing said of a volume that is not what it was")
        if isinstance(out, dict):
            self.count("volumes written anew", out["rewritten_volumes"])
            if status == 0 and not self.hidden and not shift:
                self.check(not after & may, "not pruned: %s", sorted(after & may)[:5])
        self.seen(status)

    def rebuild(self, kill=None, **env):
        status, out, err = self.do("sync", "--dest", "vault", "--json", "--rebuild", kill=kill, **env)
        self.count("rebuilds")
        self.remade = True
        if status is None or env:
            self.count("rebuilds that were killed, or met a full disk")
            self.check(status in (None, 0, 1, 3, 4), "exit status %s: %s", status, err[-400:])
            self.blind = "catalog"
            return
        self.check(status in (0, 3, 4) and isinstance(out, dict), "exit status %s: %s", status, err[-400:])
        if self.visible:
            self.visible = 0  # the rebuilt catalog does not know the former volumes
        self.seen(status)
        self.check_holds()

    def verify(self):
        status, _, err = self.do("verify", "-q", "vault")
        if self.blind == "catalog" or not self.standing() or self.killed:
            return
        wrong = self.visible or self.hidden
        self.count("directories verified")
        self.check(status == (4 if wrong else 0), "exit status %s with %d faults: %s", status,
                   self.visible + len(self.hidden), err[-300:])

    # Invariants.

    def safe(self, faults=True):
        """Check --list-safe against the current state of the disk; faults: it may be killed, or meet a clock that was
        set back, in which case it asks the service for nothing that was verified later than that."""
        rng = self.rng
        kill = rng.random() * 0.03 if faults and rng.random() < 0.05 else None
        shift = -rng.random() * rng.choice([0.2, 5, 400]) * DAY if faults and rng.random() < 0.06 else 0
        status, out, err = self.do("sync", "--dest", "vault", "--list-safe", "1", kill=kill, shift=shift)
        if status is None:
            return
        if status == 1 and (self.blind == "catalog" or not self.made):
            return  # skyarc reports that there is no usable catalog
        self.check(status in (0, 3), "exit status %s: %s", status, err[-300:])
        names = self.standing()
        excused = {a for had in self.hidden.values() for a, digest in had.items() if self.truth[a][0] == digest}
        there = self.present(names) | excused
        runs = {r.id: r for r in self.runs}
        ids = out.split() if isinstance(out, str) else []
        self.count("runs said to be safe", len(ids))
        for ident in ids:
            run = runs[ident]
            lacks = [a.id for a in run.there(self.now) if a.id not in there]
            self.check(not lacks, "%s is not safe: it lacks %s", ident, lacks)
            self.check(run.ended < self.now - DAY, "%s ended only just now", ident)
            self.check(ident not in self.pruned, "%s was pruned", ident)

    def agree(self):
        """Check that catalog and disk agree, after a sync that was not interrupted."""
        files = self.shelf.standing()
        rows = dict(self.query("SELECT name, manifest_sha256 FROM volumes"))
        self.check(set(rows) == set(files), "catalog and disk differ: %s", sorted(set(rows) ^ set(files)))
        for name, sha256 in rows.items():
            volume = files.get(name)
            if volume and name not in self.hidden:
                self.check(volume.good and volume.manifest_sha256 == sha256 and name in self.standing(),
                           "%s stands and is no good", name)
        self.check(self.query("PRAGMA integrity_check") == [("ok",)], "the catalog is broken")
        self.check(not self.shelf.left(), "left behind: %s", self.shelf.left())
        where = {}
        for name, volume in files.items():
            for artifact in volume.artifacts:
                where.setdefault(artifact, []).append(name)
        twice = [a for a, n in where.items() if len(n) > 1 and a not in self.twice]
        self.check(not twice, "archived twice: %s", [(a, where[a]) for a in twice[:3]])
        back = sorted({self.truth[a][1].id for a in where} & self.pruned)
        self.check(not back, "pruned runs came back: %s", back[:5])
        states = dict(self.query("SELECT run_id, state FROM states"))
        lost = {r for (r,) in self.query("SELECT DISTINCT run_id FROM lost")}
        missing = {a for (a,) in self.query("SELECT artifact_id FROM missing")}
        begun = {r for (r,) in self.query("SELECT run_id FROM log WHERE what = 'prune'")}  # perhaps not finished
        for artifact in self.ever - set(where) - set().union(*self.hidden.values(), set()):
            run = self.truth[artifact][1].id
            self.check(run in self.pruned or run in begun & self.may_go() or states.get(run) in ("due", "running", "open") or run in lost
                       or artifact in missing, "nobody says that %s is lost (its run is %s)", artifact, states.get(run))

    def reckon(self):
        """Some nights without faults; then everything that the service has must be archived."""
        for _ in range(4):
            self.now += 8 * DAY
            self.sync(broken=0, share=1)
            self.now += 60  # else what a slow sync has verified would be verified in the future, and not be relied on
            self.safe(faults=False)  # finds changes in sealed runs
        self.sync(broken=0, share=1)
        self.step = "reckoning"
        there = self.present(self.standing())
        states = dict(self.query("SELECT run_id, state FROM states"))
        lost = {r for (r,) in self.query("SELECT DISTINCT run_id FROM lost")}
        missing = {a for (a,) in self.query("SELECT artifact_id FROM missing")}  # of some, an older version is archived
        for run in self.runs:
            if run.ended > self.now - HOUR or run.id in self.pruned:
                continue
            lacks = [a.id for a in run.there(self.now) if a.id not in there]
            if run.deleted is None:
                self.check(not lacks, "%s lacks %s (%s)", run.id, lacks, states.get(run.id))
            else:  # each artifact archived once is there, or reported as lost or missing
                # known limit: the log has no versions of artifacts, so a rebuilt catalog does not know that the
                # newest version was lost if an older one is archived
                older = self.changed & {a for v in self.shelf.standing().values() for a in v.artifacts} \
                    if self.remade else set()
                lacks = [a for a in lacks if a in self.ever and a not in missing | older]
                self.check(not lacks or run.id in lost, "%s, removed at the service, lacks %s (%s)", run.id, lacks,
                           states.get(run.id))
        self.count("reckonings")

    def forget_old(self):
        """Stop tracking the artifacts of pruned runs that the service removed long ago, to save time."""
        old = {r.id for r in self.runs if r.deleted is not None and r.deleted < self.now - 40 * DAY and
               r.id in self.pruned and r.id not in self.held}
        present = {self.truth[a][1].id for a in self.present()}
        old -= present
        for run in self.runs:
            if run.id in old:
                self.ever -= {a.id for _, a in run.artifacts}

    def night(self, number):
        rng = self.rng
        hours = 3 + rng.random() * 27
        self.now += hours * HOUR
        self.make_runs(hours)
        self.purge()
        if rng.random() < 0.3:
            self.grow()
        if rng.random() < 0.3 and self.blind in (None, "volumes"):
            for _ in range(rng.choice([1, 1, 2])):
                self.harm_volume()
        elif rng.random() < 0.12 and self.blind is None:
            self.harm_catalog()
        elif rng.random() < 0.05 and self.blind is None:
            self.harm_log()
        if rng.random() < 0.06 and self.blind is None:
            self.put_back()
        if number:
            self.serve(self.now)
            self.safe()
        if rng.random() < 0.1 and number:
            self.verify()
        if rng.random() < 0.06 and self.blind != "volumes" and number:
            dice = rng.random()
            if dice < 0.2:
                self.rebuild(kill=rng.random() * 0.1)
            elif dice < 0.4:
                self.rebuild(SHIM_AT=str(rng.randrange(1, 60)), **FULL)
            else:
                self.rebuild()
            self.safe()
        dice = rng.random()
        if dice < 0.15:
            self.sync(kill=rng.random() * rng.choice([0.03, 0.15, 0.3]))
        elif dice < 0.25:
            self.sync(SHIM_AT=str(rng.randrange(1, 80)), **FULL)
        elif dice < 0.31:
            self.count("clocks set back")
            self.sync(shift=-rng.random() * rng.choice([0.2, 5, 400]) * DAY)
        else:
            self.sync()
        if number:
            self.safe()
        if rng.random() < 0.3:
            self.hold()
            self.safe()
        if rng.random() < 0.15:
            dice = rng.random()
            if dice < 0.25:
                self.prune(kill=rng.random() * 0.1)
            elif dice < 0.4:
                self.prune(SHIM_AT=str(rng.randrange(1, 60)), **FULL)
            elif dice < 0.5:
                self.count("clocks set back")
                self.prune(shift=-rng.random() * rng.choice([0.2, 5, 400]) * DAY)
            else:
                self.prune()
            self.safe()
        if rng.random() < 0.1:
            self.keep_catalog()

    def nights(self, count):
        for number in range(count):
            self.night(number)
            if number % 40 == 39 or number == count - 1:
                self.reckon()
                self.forget_old()
            if self.bad:
                return number + 1
        return count


