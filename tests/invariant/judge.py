# SPDX-License-Identifier: MIT
"""Read archives without skyarc, and compare them with what the server has."""
import hashlib
import io
import json
import tarfile
import zipfile
import zlib

import zstandard

from .world import sha256

FINAL = ("completed", "failed", "terminated", "canceled", "timed_out")


class Archive:
    """The manifest of an archive, and the digest of every file in it."""

    def __init__(self, path):
        self.digests = {}
        self.texts = {}
        self.top = None
        if path.endswith(".zip"):
            self.read_zip(path)
        else:
            self.read_tar(path)
        self.manifest = json.loads(self.texts["manifest.json"])

    def keep(self, name, data):
        top, _, inner = name.partition("/")
        if self.top not in (None, top):
            raise ValueError("two top directories: %s and %s" % (self.top, top))
        self.top = top
        if inner in self.digests:
            raise ValueError("%s is there twice" % inner)
        self.digests[inner] = hashlib.sha256(data).hexdigest()
        if inner == "manifest.json" or inner.endswith(("run.json", "artifacts.json")):
            self.texts[inner] = data

    def read_zip(self, path):
        with zipfile.ZipFile(path) as file:
            for name in file.namelist():
                self.keep(name, file.read(name))

    def read_tar(self, path):
        with open(path, "rb") as file:
            data = file.read()
        if path.endswith(".zst"):
            data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
        elif path.endswith(".gz"):
            data = gunzip(data)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            end = 0
            for entry in tar:
                if entry.islnk():
                    target = entry.linkname.partition("/")[2]
                    if target not in self.digests:
                        raise ValueError("%s is a link to what is not there" % entry.name)
                    self.digests[entry.name.partition("/")[2]] = self.digests[target]
                elif entry.isreg():
                    self.keep(entry.name, tar.extractfile(entry).read())
                else:
                    raise ValueError("%s is no file" % entry.name)
                end = tar.offset
            if data[end:].strip(b"\0"):
                raise ValueError("there is something behind the last entry")


def gunzip(data):
    out = []
    while data:
        member = zlib.decompressobj(31)
        out.append(member.decompress(data))
        if not member.eof:
            raise ValueError("a gzip member ends early")
        data = member.unused_data
    return b"".join(out)


DAY = 86400
UNASKED = "run '%s' is not listed as safe: the service could not list it"  # a message of --list-safe
TROUBLE = ["error", "missing", "checksum_mismatches", "missing_records", "suspect_contents", "failed_runs", "lost_runs",
           "gone_volumes", "differing_volumes", "damaged_volumes", "unreadable_volumes", "list_cut", "unread_rows"]
VIDEO = {"named-otherwise", "not-a-video", "unfinished"}  # notes that correct files may have, too


def odd(row):
    """Whether an artifact's row in the manifest reports a problem."""
    return bool(row["checksum_mismatch"] or set(row["notes"]) - VIDEO)


class Listing:
    """The output of `sync --list-safe`."""

    def __init__(self, code, out, err):
        self.code = code
        self.safe = set(out.split())
        self.err = err


class Verdict:
    """Checks archives, and collects the findings in bad."""

    def __init__(self, world):
        self.world = world
        self.bad = []
        self.rows = {}  # (run, artifact ID): [(the manifest's row, digest of the bytes)]
        self.missing = set()
        self.failed = set()  # IDs of failed runs

    def say(self, text, *args):
        self.bad.append(text % args)

    def wanted(self):
        """Yield (run, artifact ID, accepted digests) of each file that must be archived."""
        for run in self.world.runs:
            for a in run.artifacts:
                yield run, a.id, accepted(a.thing)
        for run, ident, thing in self.world.expected:
            yield run, ident, accepted(thing)

    def pulled(self, archive, done):
        """Check the archive of a pull; done: the exit status was 0, so no file may be missing or wrong."""
        self.take([archive])
        self.contents(self.wanted(), excused=not done)
        right = {}
        for run, ident, digests in self.wanted():
            right.setdefault((run.id, ident), set()).update(digests)
        self.wrong(right)
        self.strangers(set(right))
        self.untrue(done)
        self.attendance(archive, done)
        if done and self.missing:
            self.say("exit 0, and missing: %s", sorted(map(str, self.missing))[:3])

    def attendance(self, archive, done):
        """Check that each requested run is in the archive, or reported as missing or failed."""
        errors = {r["run_id"]: r["error"] for r in archive.manifest["runs"]}
        for run in self.world.runs:
            if run.id not in errors and run.id not in self.failed:
                self.say("%s is neither there nor missing", run.id)
            elif done and errors.get(run.id, True):
                self.say("exit 0, and %s failed: %s", run.id, errors.get(run.id))
            elif done and "data/%s/run.json" % run.id not in archive.digests:
                self.say("exit 0, and no record of %s", run.id)

    def wrong(self, right):
        """Check that each file with wrong bytes has a note; right: (run ID, artifact ID) -> accepted digests."""
        for (run, ident), have in self.rows.items():
            digests = right.get((run, ident))
            for row, digest in have:
                if digests and digest not in digests and not odd(row):
                    self.say("%s has wrong bytes (%d; via %s)%s", ident, row["size"], row["fetched_via"],
                             self.kind_of_wrong(ident, digest))

    def take(self, found):
        """Read the manifests, and check that each archive matches its own manifest."""
        self.rows, self.missing, self.failed = {}, set(), set()
        for archive in found:
            self.inside(archive)
            self.records(archive)
            for row in archive.manifest["artifacts"]:
                self.rows.setdefault((row["run_id"], row["artifact_id"]), []).append(
                    (row, archive.digests.get(row["path"])))
            for row in archive.manifest["missing"]:
                self.missing.add((row["run_id"], row["artifact_id"]))
                self.failed.add(row["run_id"] if row["artifact_id"] is None else None)

    def forgotten(self, run, listing):
        """Whether --list-safe reported that it could not list a run: later syncs need not know that list."""
        return listing.code != 0 and UNASKED % run.id in listing.err

    def listing(self, listing):
        """Check the output of --list-safe against the runs of the service."""
        if listing.code not in (0, 1, 3, 75):
            self.say("--list-safe ends with %d: %s", listing.code, listing.err[-300:])
        if listing.code and not listing.err.strip():
            self.say("--list-safe ends with %d without a word", listing.code)
        if listing.code not in (0, 3) and listing.safe:
            self.say("--list-safe ends with %d, and names %s", listing.code, sorted(listing.safe))
        runs = {run.id: run for run in self.world.runs}
        for ident in sorted(listing.safe):
            run = runs.get(ident)
            if not run:
                self.say("--list-safe names %s, and the service has no such run", ident)
            elif run.status != "completed" or run.ended > self.world.now() - DAY:
                self.say("--list-safe names %s, which is %s and ended %d s ago", ident, run.status,
                         self.world.now() - run.ended)
        for ident, run in runs.items():
            unasked = UNASKED % ident in listing.err
            if unasked and (ident in listing.safe or not listing.code):
                self.say("--list-safe names %s or exits 0, and could not ask about it", ident)
            if unasked and self.world.honest:
                self.say("nobody lied, and --list-safe could not ask about %s: %s", ident, listing.err[-300:])

    def nights(self, found, listing, code, err, said, lost, seen):
        """
        Check the volumes of a sync directory.

        listing  the output of --list-safe
        code     the sync's exit status; err: its messages; said: its --json output
        lost     (run, artifact ID) of each artifact that is missing according to the catalog
        seen     the value of last() when the sync ended; --list-safe has requested the lists again since
        """
        safe = listing.safe
        waiting = said.get("waiting_runs", 0) + said.get("running_runs", 0)
        self.take(found)
        self.listing(listing)
        self.missing |= lost
        archived = {r["run_id"] for archive in found for r in archive.manifest["runs"] if not r["error"]}
        self.wrong({key: {sha256(v) for v in self.ever(*key)} for key in self.rows})
        self.strangers({(run.id, ident) for run in self.world.runs for ident, _, _ in run.ever})
        if code == 0:
            going = self.going()  # changes in an unfinished run are fetched after its end
            excused = going if len(going) <= said.get("running_runs", 0) else set()
            self.contents(w for w in seen if w[0].id in archived - excused)
            self.untrue(True)
            absent = [r.id for r in self.world.runs if r.status == "completed" and r.id not in archived]
            if len(absent) > waiting:
                self.say("exit 0, and not archived: %s", absent)
            for what in TROUBLE:
                if said.get(what):
                    self.say("exit 0, and %s: %s", what, said[what])
        elif code == 3:
            self.contents(w for w in seen if w[0].id in archived and w[0].id not in err and w[1] not in err)
        whole = Verdict(self.world)
        whole.rows, whole.missing, whole.failed = self.rows, set(), set()
        whole.contents((w for w in self.last() if w[0].id in safe), excused=False)
        for text in whole.bad:
            self.say("--list-safe, and %s", text)
        for run in safe - archived:
            self.say("--list-safe names %s, and no volume has it", run)

    def going(self):
        """IDs of the runs that are unfinished according to the last record sent."""
        last = [(r.id, r.records[-1]) for r in self.world.runs if r.records]
        return {ident for ident, record in last
                if isinstance(record, dict) and (record.get("status") not in FINAL or record.get("retry_pending"))}

    def ever(self, run, ident):
        return [v for r in self.world.runs if r.id == run for i, thing, _ in r.ever if i == ident
                for v in thing.versions]

    def last(self):
        """Yield (run, artifact ID, digests) of the last list of each run; digests: of the content then and later."""
        for run in self.world.runs:
            for ident, thing, version in run.last + run.last_files:
                yield run, ident, {sha256(v) for v in thing.versions[version:]}

    def inside(self, archive):
        """Check an archive against its manifest."""
        named = {d["path"] for d in archive.manifest["documents"]}
        for row in archive.manifest["artifacts"]:
            named.add(row["path"])
            digest = archive.digests.get(row["path"])
            if digest is None:
                self.say("%s is in the manifest, and not in the archive", row["path"])
            elif digest != row["sha256"]:
                self.say("%s has other bytes than the manifest says", row["path"])
        for path in archive.digests:
            if path.startswith("data/") and path not in named:
                self.say("%s is in the archive, and not in the manifest", path)

    def contents(self, wanted, excused=True):
        """Check that the wanted files are archived; excused: a file may be absent or wrong if that is reported."""
        zips = {a.id for a in self.world.artifacts.values() if a.kind == "step_archive"}
        for run, ident, right in wanted:
            have = self.rows.get((run.id, ident), [])
            if any(digest in right for _, digest in have):
                continue
            if excused and (any(odd(row) for row, _ in have) or (run.id, ident) in self.missing
                            or run.id in self.failed):
                continue
            if have and ident in zips and self.renamed(run, ident, have):
                continue
            if have:
                self.say("%s has wrong bytes (%d; via %s)%s", ident, have[0][0]["size"], have[0][0]["fetched_via"],
                         self.kind_of_wrong(ident, have[0][1]))
            elif ident not in zips or not self.unpacked(run, ident, excused):
                self.say("%s is neither there nor missing", ident)

    def kind_of_wrong(self, ident, digest):
        a = self.world.artifacts.get(ident)
        if a and digest in {sha256(v) for v in a.thing.versions}:
            return ": an older version"
        if a and digest in {sha256(v[:n]) for v in a.thing.versions[-1:] for n in {0, 1, len(v) // 2, len(v) - 1}}:
            return ": cut short"
        return ""

    def renamed(self, run, ident, have):
        """Whether a ZIP whose row has neither size nor checksum is noted to have unlisted entries, and each
        correct entry is archived as a file. A flipped bit in an entry's name looks the same to skyarc."""
        a = self.world.artifacts[ident]
        return not a.known() and all("holds-more" in row["notes"] for row, _ in have) and \
            self.unpacked(run, ident, False)

    def unpacked(self, run, ident, excused):
        """Whether each entry of a ZIP is archived as a file; excused: or reported as missing or wrong."""
        data = self.world.artifacts[ident].thing.data
        members = {a.bundle_key: a.id for a in run.artifacts if a.parent and a.parent.id == ident}
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            for name in file.namelist():
                key = (run.id, members.get(name))
                have = self.rows.get(key, [])
                told = excused and (any(odd(row) for row, _ in have) or key in self.missing)
                if not told and sha256(file.read(name)) not in [digest for _, digest in have]:
                    return False
        return True

    def strangers(self, ours):
        for key, have in self.rows.items():
            if key in self.world.foreign:
                if not any(odd(row) for row, _ in have):
                    self.say("%s of another run stands under %s", key[1], key[0])
            elif key not in ours and key[1] is not None:
                self.say("%s under %s is not (any more) what the service holds", key[1], key[0])

    def untrue(self, done):
        """Check that false sizes and checksums in lists are reported."""
        for run, ident in self.world.note:
            have = self.rows.get((run, ident), [])
            if have and done and not any(odd(row) for row, _ in have) and (run, ident) not in self.missing and \
                    run not in self.failed:
                self.say("the list says untruly what %s is, and nobody says so", ident)

    def list_kept(self, path, text, failed):
        """Check that the service sent each row of an archived list."""
        run = next((r for r in self.world.runs if path == "data/%s/artifacts.json" % r.id), None)
        if not run or run.id in failed:
            return
        told = told_rows(run)
        for row in json.loads(text):
            if json.dumps(bare(row), sort_keys=True) not in told:
                self.say("a row of the list of %s is not what the service said: %.900s", run.id, json.dumps(row))

    def records(self, archive):
        failed = {r["run_id"] for r in archive.manifest["runs"] if r["error"]}
        for path, text in archive.texts.items():
            if path.endswith("/artifacts.json"):
                self.list_kept(path, text, failed)
            if not path.endswith("/run.json"):
                continue
            run = next((r for r in self.world.runs if path == "data/%s/run.json" % r.id), None)
            record = json.loads(text)
            if not run or run.id in failed:
                continue
            if not isinstance(record, dict) or not {"run_id", "runId", "status"} & set(record):
                self.say("the record of %s is none: %.60s", run.id, text)
            elif record.get("run_id") not in (None, run.id, "", 3):
                self.say("the record of %s is that of %s", run.id, record["run_id"])
            elif bare(record) not in [bare(told) for told in run.records]:
                self.say("the record of %s is not what the service said: %.900s", run.id, text)


def told_rows(run):
    """All rows that the service sent for a run, serialized for comparison."""
    return {json.dumps(bare(row), sort_keys=True) for row in run.rows}


def bare(value):
    """A JSON value without the query strings of its URLs, which skyarc redacts."""
    if isinstance(value, dict):
        return {key: bare(one) for key, one in value.items()}
    if isinstance(value, list):
        return [bare(one) for one in value]
    return value.split("?")[0] if isinstance(value, str) and value.startswith("http") else value


def accepted(thing):
    return {sha256(v) for v in thing.versions[thing.since:]}
