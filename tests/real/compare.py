# SPDX-License-Identifier: MIT
"""Run skyarc against one configuration of the real server, and compare archives with the database.

Each check has a name and passes or fails; a failed check lists what is missing, by run and artifact.
Sizes and digests are computed from the files of an archive, not taken from its manifest.
"""
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import time

ENDED = ("completed", "failed", "terminated", "timed_out", "canceled")
SIGNED = re.compile(rb"[?&](?:sig|Signature|X-Amz-Signature)=[\w%+/-]{10,}")
SECRET_CALLS = re.compile(r"credential|totp|api[-_]?key|debug_session|otp|/users/")
# IDs whose content cannot be requested: in a URL path the server reads them as another path or ID.
UNASKABLE = ("a_odd/id", "a_odd%2Fid")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Archive:
    """An archive, unpacked by tar: its manifest, and the sizes and digests of its files."""

    def __init__(self, path, folder):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.good = subprocess.run(["tar", "-I", "zstd", "-xf", path, "-C", folder], check=False,
                                   capture_output=True).returncode == 0
        self.top = (glob.glob(folder + "/*/") or [folder])[0]
        self.manifest = {"runs": [], "artifacts": [], "missing": []}
        if os.path.exists(self.top + "/manifest.json"):
            with open(self.top + "/manifest.json") as file:
                self.manifest = json.load(file)
        self.artifacts, self.contents, self.twice = {}, set(), []
        for row in self.manifest["artifacts"]:
            real = self.real(row)
            if row["artifact_id"] in self.artifacts:
                self.twice.append(row["artifact_id"])
            if row["artifact_id"]:
                self.artifacts[row["artifact_id"]] = real
            self.contents.add(real[:2])
        self.missing = {row["artifact_id"] for row in self.manifest["missing"]}

    def real(self, row):
        """Size, SHA-256 and path of an artifact's file; a .zst file is decompressed first."""
        path = os.path.join(self.top, row["path"])
        if not os.path.isfile(path):
            return (-1, "", row["path"])
        if path.endswith(".zst"):
            plain = subprocess.run(["zstd", "-dcq", path], capture_output=True, check=False).stdout
            return (len(plain), hashlib.sha256(plain).hexdigest(), row["path"])
        return (os.path.getsize(path), digest(path), row["path"])

    def run_ids(self):
        return [run["run_id"] for run in self.manifest["runs"]]

    def records(self, run_id):
        """The record files of a run: name -> bytes."""
        found = {}
        for path in glob.glob("%s/data/%s/records/*" % (self.top, run_id)):
            with open(path, "rb") as file:
                found[os.path.basename(path)] = file.read()
        return found

    def texts(self):
        """The bytes of every file that skyarc itself wrote: records, manifest, tag files, the view."""
        for folder, _, names in os.walk(self.top):
            for name in names:
                inside = os.path.relpath(folder, self.top)
                if inside == "." or name in ("run.json", "artifacts.json") or "/records" in "/" + inside:
                    with open(os.path.join(folder, name), "rb") as file:
                        yield os.path.join(inside, name), file.read()


class Union:
    """Several archives (a sync directory's volumes) as one."""

    def __init__(self, archives):
        self.artifacts, self.contents, self.missing, self.twice, self.runs = {}, set(), set(), [], []
        self.good = all(archive.good for archive in archives)
        for archive in archives:
            self.twice += [ident for ident in archive.artifacts if ident in self.artifacts] + archive.twice
            self.artifacts.update(archive.artifacts)
            self.contents |= archive.contents
            self.missing |= archive.missing
            self.runs += archive.manifest["runs"]

    def run_ids(self):
        return [run["run_id"] for run in self.runs]


class Checker:
    def __init__(self, place, config, skyarc, folder):
        self.place, self.config, self.skyarc, self.folder = place, config, skyarc, folder
        self.results, self.count = [], 0
        self.load()
        os.makedirs(folder, exist_ok=True)
        self.key = folder + "/key"
        with open(self.key, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(self.made["key"])

    def load(self):
        home = self.place.folder(self.config)
        with open(home + "/made.json") as file:
            self.made = json.load(file)
        with open(home + "/truth.json") as file:
            told = json.load(file)
        self.truth, self.unclaimed = told["runs"], told["unclaimed"]

    # Tools. ----------------------------------------------------------------------------------

    def check(self, name, good, *details):
        self.results.append((name, bool(good), [str(detail) for detail in details if detail] if not good else []))

    def sky(self, *args, key=None, api=True, patience=300):
        """Run skyarc in the namespace; CompletedProcess with text; exit status 124 after a timeout."""
        command = [self.skyarc, *args]
        if api:
            command += ["--base-url", self.place.url(self.config), "--api-key-file", key or self.key]
        if api and args[0] in ("pull", "sync") and self.config.startswith("local"):
            command += ["--local-root", self.place.folder(self.config)]
        env = {"HOME": self.folder, "PATH": "/usr/bin:/bin", "TZ": "UTC"}
        try:
            return self.place.call(command, capture_output=True, text=True, errors="replace", env=env,
                                   cwd=self.folder, timeout=patience)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", "did not end in %d s" % patience)

    def pull(self, *args):
        """Pull into a new archive; returns the CompletedProcess and the Archive."""
        self.count += 1
        path = "%s/%03d.tar.zst" % (self.folder, self.count)
        done = self.sky("pull", "-o", path, *args)
        return done, Archive(path, path[:-len(".tar.zst")])

    def id(self, name):
        return self.made["runs"][name]["id"]

    def names(self, name):
        """The IDs of a run, one or two, the canonical ID first."""
        run = self.made["runs"][name]
        return [run["workflow_run_id"], run["id"]] if "workflow_run_id" in run else [run["id"]]

    def family(self, name):
        """The names of a run and all its descendants."""
        found = [name]
        for other, run in self.made["runs"].items():
            if run.get("parent") == name:
                found += self.family(other)
        return found

    def lacking(self, archive, *names):
        """Artifacts and session files of these runs that are missing in the archive or differ, one line each."""
        lines = []
        for name in names:
            for ident, row in self.truth[name]["artifacts"].items():
                told = self.one(archive, ident, row)
                if told:
                    lines.append("%s: %s %s (%s): %s" % (name, row["type"], ident, row["name"], told))
            for row in self.truth[name]["session_files"]:
                if (row["size"], row["sha256"]) not in archive.contents:
                    lines.append("%s: file of the session %s: missing" % (name, row["name"]))
        return lines

    def one(self, archive, ident, row):
        """What is wrong with one artifact in the archive, or None."""
        if row["bundle"] or (ident in UNASKABLE and self.config == "s3-signed"):
            return None  # a ZIP is archived as its members
        got = archive.artifacts.get(ident)
        if row.get("gone"):
            return None if ident in archive.missing and not got else "gone, and the manifest does not say so"
        if not got and row["type"] in ("download", "recording") and (row["size"], row["sha256"]) in archive.contents:
            return None  # listed by the service without an artifact ID, so matched by content
        if not got:
            return "missing" + (", and the manifest says so" if ident in archive.missing else ", without a word")
        if got[:2] != (row["size"], row["sha256"]):
            return "differs: %d bytes as %s, should be %d" % (got[0], got[2], row["size"])
        return None

    def incomplete(self, *names):
        """Whether an archive of these runs cannot be complete, so that exit status 3 is expected."""
        return any(row.get("gone") or (ident in UNASKABLE and self.config == "s3-signed")
                   for name in names for ident, row in self.truth[name]["artifacts"].items())

    def complete(self, what, done, archive, *names):
        lines = self.lacking(archive, *names)
        total = sum(not row["bundle"] for name in names for row in self.truth[name]["artifacts"].values())
        self.check("%s: all %d artifacts" % (what, total), not lines and archive.good,
                   "%d of %d are missing or differ (exit %d)" % (len(lines), total, done.returncode), *lines)
        wanted = 3 if self.incomplete(*names) else 0
        self.check("%s: exit status" % what, done.returncode == wanted,
                   "exit %d, not %d" % (done.returncode, wanted), tail(done.stderr))

    # Pull. -----------------------------------------------------------------------------------

    def pulls(self):
        """Pull every run by each of its IDs, with its children."""
        self.check("every row of the database belongs to a run", not self.unclaimed, *self.unclaimed)
        for name, run in self.made["runs"].items():
            for ident in self.names(name):
                what = "pull %s%s" % (name, " by its %s ID" % kind(ident)
                                      if len(self.names(name)) > 1 else "")
                done, archive = self.pull(ident)
                self.complete(what, done, archive, *self.family(name))
                if run["status"] in ENDED:
                    self.leaks(what, archive)
                if name == "v2-full" and ident.startswith("tsk_v2_"):
                    self.check("pull v2-full: filed under the ID that was asked for", ident in archive.run_ids())
                    self.check("pull v2-full: the manifest names both IDs",
                               all(part in json.dumps(archive.manifest["runs"]) for part in self.names(name)))
                if name == "no-artifacts":
                    said = [run.get("notes") for run in archive.manifest["runs"] if run.get("notes")]
                    self.check("pull no-artifacts: a warning", "warning" in done.stderr, tail(done.stderr))
                    self.check("pull no-artifacts: a note in the manifest", said)
                if name == "wr-full":
                    self.small(archive)

    def leaks(self, what, archive):
        bad = []
        for path, data in archive.texts():
            if self.made["key"].encode() in data:
                bad.append(path + " has the API key")
            found = SIGNED.search(data)
            if found:
                bad.append("%s has a signature: %s" % (path, found.group()[:40].decode()))
        self.check("%s: no key, no signature" % what, not bad, *bad)

    def small(self, archive):
        row = {row["artifact_id"]: row for row in archive.manifest["artifacts"]}.get("a_odd_to-come")
        self.check("unknown type: named by its uri", row and row["path"].endswith(".html"), row and row["path"])
        packed = [row["path"] for row in archive.manifest["artifacts"]
                  if row["path"].endswith(".zip") and row["artifact_type"] not in ("trace", "step_archive", "task_archive")]
        self.check("no ZIP is stored as what is in it", not packed, *packed)
        pulled, filtered = self.pull("-t", "screenshots,html", self.id("wr-full"))
        kinds = {row["artifact_type"] for row in filtered.manifest["artifacts"]}
        self.check("screenshot_pre_submit and html_pre_submit are in their groups",
                   {"screenshot_pre_submit", "html_pre_submit"} <= kinds, sorted(kinds))

    def two_names(self):
        both = self.names("v2-full")
        done, archive = self.pull(*both)
        self.check("pull tsk_v2_X wr_X is one run", len(archive.manifest["runs"]) == 1 and not archive.twice,
                   archive.run_ids(), "%d artifacts twice" % len(archive.twice))
        listed = []
        for ident in both:
            done = self.sky("artifacts", "--json", ident)
            listed.append(set(re.findall(r'"artifact_id": ?"([^"]+)"', done.stdout)))
        wanted = {ident for ident, row in self.truth["v2-full"]["artifacts"].items() if not row["bundle"]}
        for ident, got in zip(both, listed):
            self.check("artifacts %s: all are listed" % kind(ident), wanted <= got,
                       "%d of %d are not" % (len(wanted - got), len(wanted)))
        path = self.folder + "/against.tar.zst"
        for ident in both:
            self.sky("pull", "-f", "-o", path, ident)
            done = self.sky("verify", "--against-api", path)
            self.check("verify --against-api of a pull by %s" % kind(ident),
                       done.returncode == 0, "exit %d" % done.returncode, tail(done.stderr + done.stdout))

    def children(self):
        wr = self.id("parent")
        _, archive = self.pull(wr)
        found = {run["run_id"]: run for run in archive.manifest["runs"]}
        for name in self.family("parent")[1:]:
            run = next((found[ident] for ident in self.names(name) if ident in found), None)
            parent = self.names(self.made["runs"][name]["parent"])
            self.check("child %s: a run of its own in the manifest" % name, run)
            self.check("child %s: its parent_run_id" % name, run and run.get("parent_run_id") in parent,
                       run and run.get("parent_run_id"))
        done, alone = self.pull("--no-children", wr)
        self.check("pull --no-children: the parent alone", done.returncode == 0 and alone.run_ids() == [wr],
                   alone.run_ids(), tail(done.stderr))
        done = self.sky("show", wr)
        for name in ("child-trigger", "child-no-wait", "child-v2"):
            self.check("show: lists the child %s" % name, any(ident in done.stdout for ident in self.names(name)))

    # Records. --------------------------------------------------------------------------------

    def records(self):
        wr = self.id("wr-full")
        _, archive = self.pull(wr)
        found = archive.records(wr)
        text = b"\n".join(found.values()).decode(errors="replace")
        wanted = {
            "workflow run with its parameters": ["parameter-of-full"], "workflow definition": ["workflow_definition"],
            "outputs": ["output-of-wr-full"], "timeline": ['"in-loop"', '"for_loop"'],
            "steps": ['"step_cost"'], "actions": ["the button is blue", "screenshot_artifact_id"],
            "session": [self.truth["wr-full"]["session"], '"recordings"'],
            "heal episodes": ['"he_'], "fallback episodes": ["no #next (0)", "no #next (1)"],
            "script": ["page.click('#next')"], "tags": ['"reviewed"'], "tags' history": ['"2026-17"'],
        }
        for what, marks in wanted.items():
            lacking = [mark for mark in marks if mark not in text]
            self.check("records of wr-full: " + what, not lacking, "not there: %s" % lacking, sorted(found))
        events = len(set(re.findall(r'"event_id": ?"([^"]+)"', text)))
        self.check("records of wr-full: the session's 130 actions", events == 130, "%d of them" % events)
        whole = json.dumps(archive.manifest) + text
        self.check("records of wr-full: the server's version", '"1.0.56"' in whole)
        listed = json.dumps(archive.manifest)
        bad = [name for name, data in found.items() if "records/" + name not in listed
               or hashlib.sha256(data).hexdigest() not in listed]
        self.check("records: each is in the manifest, with its digest", found and not bad, *bad)
        for name, marks in (("tsk-full", ['"step_cost"', "the button is blue"]),
                            ("v2-full", ["thought-of-v2-full", "summary-of-v2-full"]),
                            ("child-trigger", ["of_child", "workflow_definition"]),
                            ("grandchild", ["thought-of-grandchild"])):
            _, other = self.pull("--no-children", self.id(name))
            text = b"\n".join(b"\n".join(other.records(ident).values()) for ident in self.names(name)).decode()
            lacking = [mark for mark in marks if mark not in text]
            self.check("records of " + name, not lacking, "not there: %s" % lacking)
        done, without = self.pull("--records", "none", wr)
        self.check("--records none: no records", done.returncode in (0, 3) and not without.records(wr), tail(done.stderr))
        done = self.sky("pull", "-n", wr)
        self.check("--dry-run: says how many requests", re.search(r"\d+ (more )?requests?", done.stdout + done.stderr),
                   tail(done.stdout))
        done = self.sky("verify", "%s/%03d.tar.zst" % (self.folder, self.count), api=False)
        self.check("verify: an archive with records", done.returncode == 0, tail(done.stderr))
        self.view()

    def view(self):
        marks = {"wr-full": ["the button is blue", "a-model", "0.0123"], "v2-full": ["thought-of-v2-full"],
                 "parent": [self.id("child-trigger")], "retry-done": ["reason-of-retry-done"]}
        for name, wanted in marks.items():
            _, archive = self.pull(self.id(name))
            text = ""
            for path in glob.glob(archive.top + "/index.html") + glob.glob(archive.top + "/view/*.js"):
                with open(path, errors="replace") as file:
                    text += file.read()
            lacking = [mark for mark in wanted if mark not in text]
            self.check("offline view of " + name, not lacking, "does not show %s" % lacking)

    # Attempts. -------------------------------------------------------------------------------

    def attempts(self):
        wr = self.id("retry-pending")
        done = self.sky("wait", "--interval", "1s", "--timeout", "3s", wr)
        self.check("wait: a failed run with a pending retry is not over", done.returncode == 75,
                   "exit %d" % done.returncode, tail(done.stderr))
        done = self.sky("wait", "--interval", "1s", "--timeout", "20s", self.id("retry-done"))
        self.check("wait: the second attempt ended it", done.returncode == 0, "exit %d" % done.returncode)
        done = self.sky("show", wr)
        self.check("show: when the next attempt is", re.search(r"(?i)attempt", done.stdout)
                   and self.next_attempt(wr)[:16] in done.stdout.replace(" ", "T"), tail(done.stdout))
        done = self.sky("show", self.id("retry-done"))
        self.check("show: attempts are told apart", len(re.findall(r"(?i)attempt", done.stdout)) >= 2
                   and "reason-of-retry-done" in done.stdout)

    def next_attempt(self, wr):
        """next_attempt_at of a run, read from the API without skyarc."""
        done = self.place.call(["curl", "-sS", "-H", "x-api-key: " + self.made["key"],
                                "%s/v1/runs/%s" % (self.place.url(self.config), wr)], capture_output=True, text=True)
        return json.loads(done.stdout)["next_attempt_at"]

    # Sync. -----------------------------------------------------------------------------------

    def volumes(self):
        """The volumes of the sync directory as a Union, and their number."""
        made = []
        for path in sorted(glob.glob(self.dest + "/**/*.tar.zst", recursive=True)):
            made.append(Archive(path, "%s/volumes/%s" % (self.folder, os.path.basename(path)[:-len(".tar.zst")])))
        return Union(made), len(made)

    def over(self):
        """Names of the runs that have ended, have no retry pending and are not excluded from the list of runs."""
        return [name for name, run in self.made["runs"].items()
                if run["status"] in ENDED and run.get("listed", True) and not self.pending(name)]

    def pending(self, name):
        return name == "retry-pending" and self.made["runs"][name]["attempts"] == 1

    def sync(self):
        self.dest = self.folder + "/dest"
        done = self.sky("sync", "--dest", self.dest, "--settle", "0s", "--no-report", patience=600)
        self.check("sync: ends well", done.returncode in (0, 3), "exit %d" % done.returncode, tail(done.stderr))
        union, before = self.volumes()
        for name in self.over():
            lines = self.lacking(union, name)
            self.check("sync: %s, whole" % name, not lines, *lines)
        self.check("sync: nothing is there twice", not union.twice, *union.twice)
        two = [run["run_id"] for run in union.runs if run["run_id"].startswith("tsk_v2_")]
        self.check("sync: a task v2 has its canonical name", not two, *two)
        self.check("sync: runs that are not over are left", not set(union.run_ids()) & {
            self.id(name) for name in ("wr-running", "wr-paused", "tsk-running", "v2-running", "wr-queued")})
        self.check("sync: a run with a pending retry is left", self.id("retry-pending") not in union.run_ids())
        self.safe(union)
        again = self.sky("sync", "--dest", self.dest, "--settle", "0s", "--no-report", patience=600)
        _, after = self.volumes()
        self.check("sync again: nothing new", after == before, "%d volumes, then %d" % (before, after))
        self.check("sync again: what is missing is told once", again.returncode == 0 or "a_odd_gone" not in again.stderr,
                   "exit %d" % again.returncode, tail(again.stderr))
        self.find()
        self.hold()

    def safe(self, union):
        """--list-safe names only runs that have ended and are archived completely."""
        done = self.sky("sync", "--dest", self.dest, "--list-safe", "1")
        named = set(re.findall(r"\b(?:wr|tsk)_\w+", done.stdout))
        bad = []
        for name in self.made["runs"]:
            if set(self.names(name)) & named:
                whole = [other for other in self.family(name)]
                bad += self.lacking(union, *whole)[:3]
                if self.pending(name) or self.made["runs"][name]["status"] not in ENDED:
                    bad.append(name + " is not over")
        self.check("sync --list-safe: names only what is here", not bad and done.returncode == 0, *bad)
        self.check("sync --list-safe: names something", named, tail(done.stderr))

    def find(self):
        texts = {
            "tsk-full": ["do plain tsk-full", "extracted-by-tsk-full"], "tsk-failed": ["reason-of-tsk-failed"],
            "tsk-task-v3": ["extracted-by-tsk-task-v3"],
            "wr-full": ["full-flow", "output-of-wr-full"], "wr-failed": ["reason-of-wr-failed"],
            "v2-full": ["prompt-of-v2-full", "output-of-v2-full"], "v2-failed": ["reason-of-v2-failed"],
            "child-v2": ["prompt-of-child-v2"],
        }
        for name, wanted in texts.items():
            for text in wanted:
                done = self.sky("find", self.dest, "--runs", "--text", text, api=False)
                self.check("find --text '%s'" % text, any(ident in done.stdout for ident in self.names(name)),
                           tail(done.stdout + done.stderr))
        for ident in self.names("v2-full"):
            done = self.sky("find", self.dest, "--run", ident, api=False)
            count = len(done.stdout.splitlines())
            wanted = sum(not row["bundle"] for row in self.truth["v2-full"]["artifacts"].values())
            self.check("find --run by its %s ID" % kind(ident), count >= wanted,
                       "%d lines, should be %d" % (count, wanted))

    def hold(self):
        """Hold a run by one of its IDs, release it by the other."""
        wr, v2 = self.names("v2-full")
        for one, other in ((v2, wr), (wr, v2)):
            self.sky("hold", "--dest", self.dest, one, api=False)
            done = self.sky("release", "--dest", self.dest, other, api=False)
            left = self.sky("hold", "--dest", self.dest, api=False).stdout.strip()
            self.check("hold by its %s ID, release by the other" % kind(one), done.returncode == 0 and not left,
                       tail(done.stderr), left)
            self.sky("release", "--dest", self.dest, one, api=False)

    def later(self):
        """A pending second attempt and a running run end; the next sync must archive both."""
        self.place.fill(self.config, "later")
        self.load()
        done = self.sky("sync", "--dest", self.dest, "--settle", "0s", "--no-report", patience=600)
        self.check("sync later: ends well", done.returncode in (0, 3), "exit %d" % done.returncode, tail(done.stderr))
        union, _ = self.volumes()
        for name in ("retry-pending", "wr-running"):
            lines = self.lacking(union, name)
            self.check("sync later: %s, whole" % name, not lines, *lines)
        done = self.sky("find", self.dest, "--runs", "--run", self.id("retry-pending"), api=False)
        self.check("find: knows the last status", "completed" in done.stdout and "failed" not in done.stdout,
                   tail(done.stdout))
        done = self.sky("verify", self.dest, api=False)
        self.check("verify: the sync directory", done.returncode == 0, tail(done.stderr))
        self.check("sync later: nothing is there twice", not union.twice, *union.twice)
        self.safe(union)

    # Webhooks. -------------------------------------------------------------------------------

    def listen(self):
        """skyarc listen receives the signed webhooks that the server sends for ended runs."""
        dest, port = self.folder + "/in", 9400
        command = self.place.inside([
            self.skyarc, "listen", "--dest", dest, "--addr", "127.0.0.1:%d" % port, "--delay", "0s", "--no-report",
            "--base-url", self.place.url(self.config), "--api-key-file", self.key,
            "--local-root", self.place.folder(self.config)])
        with open(self.folder + "/listen.log", "wb") as log:
            receiver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=self.folder,
                                        env={"HOME": self.folder, "PATH": "/usr/bin:/bin", "TZ": "UTC"})
        try:
            line = receiver.stdout.readline().decode()
            self.check("listen: starts", "listening" in line, line)
            for name, ident in [("v2-full", ident) for ident in self.names("v2-full")] + \
                    [(name, self.id(name)) for name in ("tsk-full", "wr-full", "parent")]:
                status = self.webhook(ident, port)
                self.check("listen: takes the webhook of %s by its %s ID" % (name, kind(ident)),
                           status == 200, "the receiver answered %s" % status)
            wanted = ["v2-full", "tsk-full", "wr-full", "parent"]
            end = time.monotonic() + 60
            while len(glob.glob(dest + "/*.tar.zst")) < len(wanted) and time.monotonic() < end:
                time.sleep(0.2)
            time.sleep(1)  # time for an unexpected extra archive to appear
        finally:
            receiver.terminate()
            receiver.wait()
        made = [Archive(path, self.folder + "/in/" + os.path.basename(path)[:-len(".tar.zst")])
                for path in sorted(glob.glob(dest + "/*.tar.zst"))]
        self.check("listen: one archive a run", len(made) == len(wanted), [archive.run_ids() for archive in made])
        union = Union(made)
        for name in wanted:
            lines = self.lacking(union, *self.family(name))
            self.check("listen: %s, whole" % name, not lines, *lines)

    def webhook(self, ident, port):
        """Make the server send a run's webhook to the receiver; returns the receiver's status, or an error."""
        body = json.dumps({"webhook_url": "http://127.0.0.1:%d/webhook" % port})
        done = self.place.call(["curl", "-sS", "-H", "x-api-key: " + self.made["key"], "-H", "content-type: application/json",
                                "-d", body, "%s/v1/runs/%s/retry_webhook" % (self.place.url(self.config), ident)],
                               capture_output=True, text=True)
        try:
            told = json.loads(done.stdout)
        except ValueError:
            return done.stdout[:200] or done.stderr[:200]
        return told.get("status_code") or told.get("error") or told.get("detail")

    # Many runs. ------------------------------------------------------------------------------

    def many(self, made):
        """More runs than the service lists, and more search matches than it returns."""
        key = self.folder + "/key-many"
        with open(key, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(made["key"])
        total = made["counts"]["plain"] + sum(made["counts"]["workflow"])
        done = self.sky("runs", "--ids", key=key)
        got = len(set(done.stdout.split()))
        self.check("runs: all %d, or a word on the rest" % total, got == total or
                   (got >= 10000 and done.returncode == 3 and done.stderr), "%d runs, exit %d" % (got, done.returncode),
                   tail(done.stderr))
        for what, args in (("--search", ["--search", "needle"]),
                           ("--workflow", ["--workflow", made["workflows"]["many-flow-0"]])):
            done = self.sky("runs", "--ids", *args, key=key)
            got = len(set(done.stdout.split()))
            self.check("runs %s: cut by the service, and said so" % what,
                       got == 1100 or (got >= 1000 and done.returncode == 3 and done.stderr),
                       "%d runs of 1100, exit %d" % (got, done.returncode), tail(done.stderr))
        until = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 60 * 86400 + (60 + 119) * 420 + 300))
        dest = self.folder + "/many"
        done = self.sky("sync", "--dest", dest, "--settle", "0s", "--search", "needle", "--until", until, "--no-report",
                        key=key, patience=500)
        archives = [Archive(path, self.folder + "/many-volume") for path in glob.glob(dest + "/**/*.tar.zst", recursive=True)]
        got = len(Union(archives).runs)
        self.check("sync --search: archives what the service lists, and says that it is cut",
                   got >= 120 or (got >= 15 and done.returncode == 3), "%d runs, exit %d" % (got, done.returncode),
                   tail(done.stderr))

    # All. ------------------------------------------------------------------------------------

    def asked(self):
        """The request log of the server has no request for secrets, and none that writes."""
        with open(self.place.requests(self.config), errors="replace") as file:
            asked = [line.strip() for line in file]
        lines = [line for line in asked if SECRET_CALLS.search(line)
                 or not (line.startswith("GET ") or "/retry_webhook" in line)]
        self.check("no credentials, codes or keys are asked for, and nothing is written", asked and not lines, *lines[:5])

    def all(self):
        for part in (self.pulls, self.two_names, self.children, self.records, self.attempts, self.listen, self.sync,
                     self.later, self.asked):
            try:
                part()
            except Exception as err:  # an exception is a failed check; the other parts still run
                self.check("%s: ran to its end" % part.__name__, False, "%s: %s" % (type(err).__name__, err))
        return self.results


def kind(ident):
    """The prefix of an ID: tsk_, tsk_v2_ or wr_."""
    return re.sub(r"_[^_]*$", "_", ident)


def tail(text, lines=2):
    found = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(found[-lines:])[:300]
