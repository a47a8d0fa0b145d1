# SPDX-License-Identifier: MIT
"""The data of the server, and its correct (honest) answers."""
import base64
import contextlib
import email.utils
import hashlib
import io
import json
import random
import threading
import time
import urllib.parse
import zipfile

from . import coding
from .wire import CLOSE, RESET, head, reply

KEY = "sk-invariant-0123456789abcdef"
TYPES = [("recording", "webm"), ("screenshot_action", "png"), ("screenshot_final", "png"),
         ("html_scrape", "html"), ("html_action", "html"), ("trace", "zip"), ("pdf", "pdf"),
         ("skyvern_log", "log"), ("browser_console_log", "log"), ("llm_prompt", "txt"),
         ("llm_response", "json"), ("visible_elements_tree", "json"), ("thought_graph", "json"),
         ("download", "csv"), ("har", "har")]
MAGIC = {"recording": b"\x1a\x45\xdf\xa3\x01\x42\x86\x81\x01\x42\xf7\x81\x01",
         "screenshot_action": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "screenshot_final": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
         "pdf": b"%PDF-1.4\n"}
LOOKS = {*MAGIC, "trace", "har", "visible_elements_tree", "llm_response"}  # types that can be told by the first bytes


def stamp(when):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + ".%06d" % (when % 1 * 1e6)


def http_date(when):
    return email.utils.formatdate(int(when), usegmt=True)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def flip(data, rng):
    """data with one byte changed."""
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 + rng.randrange(255)]) + data[at + 1:]


def revised(data, rng):
    """Another version of data: one byte of its second half is changed, so that its type is still told by its beginning."""
    half = len(data) // 2
    return data[:half] + flip(data[half:], rng)


def told(rows):
    """The rows of a list as sent (a value, or JSON text); [] if it is no list."""
    with contextlib.suppress(ValueError, RecursionError):
        rows = json.loads(rows) if isinstance(rows, bytes) else rows
    return rows if isinstance(rows, list) else []


class Turns:
    """Which answers to send: one maker per request, then forever; a maker of None is the correct answer."""

    def __init__(self):
        self.turns = []
        self.forever = None
        self.asked = 0
        self.honest = False  # whether the last answer was correct

    def take(self):
        n = self.asked
        self.asked += 1
        maker = self.turns[n] if n < len(self.turns) else self.forever
        self.honest = maker is None
        return maker, n


class Thing(Turns):
    """A stored object and its versions; the server has the last one."""

    def __init__(self, key, data, modified):
        super().__init__()
        self.key = key
        self.versions = [data]
        self.modified = [modified]
        self.since = 0  # index of the version at the beginning of this attempt
        self.rest = None  # "zstd": stored compressed; the store sends it compressed
        self.validators = "none"
        self.told = False  # a lie already concerns it
        self.listed = True  # False: only the record names it
        self.slow = False  # pause before the end of a large answer

    @property
    def data(self):
        return self.versions[-1]

    def change(self, data, later=60):
        self.versions.append(data)
        self.modified.append(self.modified[-1] + later)

    def form(self, origin, version=-1):
        data = self.versions[version]
        return coding.zstd(data) if self.rest and origin != "api" else data

    def tags(self, version=-1):
        """The validator headers (ETag, Last-Modified) of a version."""
        tag = hashlib.md5(self.versions[version]).hexdigest()[:12]
        tag += str(len(self.versions) + version if version < 0 else version)
        out = []
        if self.validators in ("strong", "both"):
            out.append(("ETag", '"%s"' % tag))
        if self.validators == "weak":
            out.append(("ETag", 'W/"%s"' % tag))
        if self.validators in ("date", "both"):
            out.append(("Last-Modified", http_date(self.modified[version])))
        return out


class Artifact:
    def __init__(self, ident, run, kind, ext, thing, created):
        self.id = ident
        self.run = run
        self.kind = kind
        self.ext = ext
        self.thing = thing
        self.created = created
        self.sized = self.summed = False
        self.signing = "s3"
        self.bundle_key = None
        self.parent = None  # of a ZIP member: the artifact of the ZIP
        self.uri = "s3://artifacts/v1/local/o_1/%s/%s" % (run.id, thing.key)
        if thing.rest:
            self.uri += ".zst"
        self.expired = 0  # number of lists whose URLs have expired when they are sent
        self.run_id = None

    def known(self):
        return self.sized or self.summed


class Run:
    def __init__(self, ident, ended):
        self.id = ident
        self.ended = ended
        self.artifacts = []
        self.list_turns = Turns()
        self.record_turns = Turns()
        self.row_lies = []  # fn(rows, n) -> rows
        self.whole_lies = []  # the same, after them: what comes may be no list any more
        self.record_lies = []  # fn(record, n) -> anything
        self.listed = 0  # number of lists made
        self.told = False  # a list was sent without a transport lie in this attempt
        self.recorded = 0
        self.ever = []  # (artifact ID, Thing, index of its version) of all lists
        self.last = []  # the same, of the last list only
        self.last_files = []
        self.records = []  # all records sent
        self.rows = []  # the rows of all lists sent
        self.status = "completed"

    def memory(self):
        """What the last list and record named; for forget()."""
        return self.last, self.last_files

    def forget(self, memory):
        """Discard what lists and records named since memory()."""
        self.last, self.last_files = memory


class Answer:
    """The correct answer to one request, and helpers to make a wrong one of it."""

    def __init__(self, world, ask, body, headers, name, turn, thing=None):
        self.world = world
        self.ask = ask
        self.body = body
        self.headers = [("Date", world.date()), ("Content-Type", "application/octet-stream"
                                                 if thing else "application/json"), *headers]
        self.thing = thing
        self.rng = random.Random("%d/%s/%d" % (world.seed, name, turn))

    def parts(self):
        """(status, headers, body) of the correct answer."""
        first = self.ask.first()
        if first is None or self.thing is None:
            return 200, self.headers, self.body
        condition = self.ask.headers.get("if-range")
        mine = [value for name, value in self.headers if name in ("ETag", "Last-Modified")]
        if condition and condition not in mine:
            return 200, self.headers, self.body
        total = len(self.body)
        if first >= total:
            return 416, self.headers + [("Content-Range", "bytes */%d" % total)], b""
        return 206, self.headers + [("Content-Range", "bytes %d-%d/%d" % (first, total - 1, total))], \
            self.body[first:]

    def honest(self):
        status, headers, body = self.parts()
        return reply(status, headers, body)

    def point(self, data):
        """A random offset before the end of data, to cut it at; 0 if data is empty."""
        if not data:
            return 0
        return self.rng.choice([0, 1, len(data) // 2, len(data) - 1, self.rng.randrange(len(data)),
                                self.rng.randrange(len(data))]) % len(data)

    def end(self):
        return self.rng.choice([CLOSE, RESET])


class World:
    def __init__(self, seed, rng):
        self.seed = seed
        self.rng = rng
        self.lock = threading.RLock()
        self.runs = []
        self.things = {}
        self.artifacts = {}
        self.ports = {}
        self.offset = 0  # seconds by which the service's clock is ahead of the local one
        self.skew = 0  # seconds by which the Date header is wrong
        self.leaks = []  # requests that sent the API key to another origin
        self.note = set()  # (run ID, artifact ID) with a false size or checksum in the list
        self.foreign = set()  # (run ID, artifact ID) listed, but of another run
        self.expected = []  # files besides run.artifacts: (run, artifact ID, Thing)
        self.honest = False  # no lies: skyarc must exit with 0
        self.counts = 0  # requests for content that were answered
        self.hold = set()  # keys of things whose answers are held back
        self.runs_turns = Turns()
        self.runs_lies = []
        self.seen = threading.Condition()

    # stored data

    def url(self, origin, path):
        return "http://127.0.0.1:%d%s" % (self.ports[origin], path)

    def now(self):
        return time.time() + self.offset

    def date(self):
        return http_date(self.now() + self.skew)

    def content(self, kind, size, label):
        """Content of an artifact type, different for each label."""
        label = b"%s %d " % (label.encode(), self.seed)
        if kind in MAGIC:
            return MAGIC[kind] + label + self.rng.randbytes(size)
        if kind == "trace":
            return zipped({"trace.json": label + self.rng.randbytes(size)})
        if kind == "har":
            return json.dumps({"log": {"entries": [label.decode()] * (1 + size // 60)}}).encode()
        if kind in ("visible_elements_tree", "llm_response"):
            return json.dumps({"id": label.decode(), "rows": [self.rng.random() for _ in range(size // 20)]}).encode()
        line = b"<p>%s%d</p>\n" % (label, self.rng.randrange(10**9))
        return line * (1 + size // len(line))

    def thing(self, key, data, modified):
        one = Thing(key, data, modified)
        one.validators = self.rng.choice(["none", "strong", "strong", "weak", "date", "both"])
        self.things[key] = one
        return one

    def bump(self, thing):
        """Add a version of the same size."""
        look = min(16, max(0, len(thing.data) - 1))  # first bytes to keep: they show the type
        thing.change(thing.data[:look] + flip(thing.data[look:look + 1], self.rng)
                     + self.rng.randbytes(max(0, len(thing.data) - look - 1)))

    # metadata

    def row(self, artifact, nth):
        thing = artifact.thing
        form = thing.form("store")
        return {"artifact_id": artifact.id, "artifact_type": artifact.kind, "uri": artifact.uri,
                "bundle_key": artifact.bundle_key, "checksum": sha256(form) if artifact.summed else None,
                "file_size": len(form) if artifact.sized else None, "task_id": None, "step_id": "stp_1",
                "workflow_run_id": None, "workflow_run_block_id": None, "run_id": artifact.run_id,
                "browser_session_id": None, "signed_url": self.signed(artifact, nth < artifact.expired),
                "archived": False, "organization_id": "o_1", "created_at": stamp(artifact.created),
                "modified_at": stamp(thing.modified[-1])}

    def signed(self, artifact, dead=False):
        expiry = int(self.now()) + (-60 if dead else 3600)
        sig = base64.urlsafe_b64encode(hashlib.sha256(b"%s %d" % (artifact.id.encode(), expiry)).digest())
        sig = sig.decode().rstrip("=")
        name = urllib.parse.quote(artifact.id, safe="")
        key = "/bucket/v1/local/o_1/%s/%s" % (artifact.run.id, urllib.parse.quote(artifact.thing.key))
        return {"skyvern": self.url("api", "/v1/artifacts/%s/content?expiry=%d&kid=k1&sig=%s" % (name, expiry, sig)),
                "s3": self.url("store", "%s?AWSAccessKeyId=AKIA&Signature=%s&Expires=%d" % (key, sig, expiry)),
                "unsigned": self.url("api", "/v1/artifacts/%s/content?artifact_name=x" % name),
                "null": None}[artifact.signing]

    def listing(self, run):
        rows = [self.row(a, run.listed) for a in run.artifacts]
        run.last = [(a.id, a.thing, len(a.thing.versions) - 1) for a in run.artifacts]
        run.last += [(i, t, len(t.versions) - 1) for r, i, t in self.expected if r is run and t.listed]
        run.ever += run.last
        for lie in run.row_lies + run.whole_lies:
            rows = lie(rows, run.listed) if isinstance(rows, list) else rows
        run.listed += 1
        run.rows += told(rows)
        return rows

    def record(self, run):
        over = run.status not in ("running", "queued")
        record = {"run_id": run.id, "status": run.status, "run_type": "task_v1", "output": {"of": run.id},
                  "downloaded_files": None, "recording_url": None, "screenshot_urls": None,
                  "failure_reason": None, "errors": None, "step_count": 3, "app_url": None,
                  "browser_session_id": None, "created_at": stamp(run.ended - 300),
                  "modified_at": stamp(run.ended), "started_at": stamp(run.ended - 299),
                  "finished_at": stamp(run.ended) if over else None, "run_request": {"prompt": "do %s" % run.id}}
        run.last_files = [(i, t, len(t.versions) - 1) for r, i, t in self.expected if r is run and not t.listed]
        run.ever += run.last_files
        for lie in run.record_lies:
            record = lie(record, run.recorded) if isinstance(record, dict) else record
        run.recorded += 1
        run.records.append(record)
        return record

    def runs_page(self, ask):
        if int(ask.query.get("page", ["1"])[0]) > 1:
            return []
        rows = [{"task_run_id": "tr_" + r.id, "run_id": r.id, "task_run_type": "task_v1", "status": r.status,
                 "title": r.id, "created_at": stamp(r.ended - 300), "started_at": stamp(r.ended - 299),
                 "finished_at": stamp(r.ended) if r.status not in ("running", "queued") else None}
                for r in sorted(self.runs, key=lambda r: -r.ended)]
        for lie in self.runs_lies:
            rows = lie(rows) if isinstance(rows, list) else rows
        return rows

    # answers

    def answer(self, ask):
        with self.lock:
            held, steps = self.route(ask)
        while held and held in self.hold:
            time.sleep(0.005)
        return steps

    def route(self, ask):
        words = [urllib.parse.unquote(w) for w in ask.path.split("/")[1:]]
        if "x-api-key" in ask.headers and ask.origin != "api":
            self.leaks.append("%s %s" % (ask.origin, ask.path))
        if ask.origin == "api" and words[:2] == ["v1", "runs"]:
            return None, self.api(ask, words[2:])
        if ask.origin == "api" and words[:2] == ["v1", "artifacts"] and words[3:] == ["content"]:
            artifact = self.artifacts.get(words[2])
            if artifact:
                return artifact.thing.key, self.object(ask, artifact.thing)
        if ask.origin != "api" and words[-1] in self.things:
            return words[-1], self.object(ask, self.things[words[-1]])
        return None, reply(404, [("Date", self.date())], b'{"detail": "Not Found"}')

    def denied(self, ask):
        """A 403 answer if the request is not authorized or its URL has expired, else None."""
        query = ask.query
        expiry = (query.get("expiry") or query.get("Expires") or [None])[0]
        if ask.origin == "other" or (expiry and int(expiry) > self.now()):
            return None
        if ask.origin == "api" and not expiry and ask.headers.get("x-api-key") == KEY:
            return None
        return reply(403, [("Date", self.date())], b'{"detail": "Invalid or expired artifact URL"}')

    def object(self, ask, thing):
        refusal = self.denied(ask)
        if refusal:
            return refusal
        maker, n = thing.take()
        self.counts += 1
        answer = Answer(self, ask, thing.form(ask.origin), thing.tags(), thing.key, n, thing)
        steps = maker(answer) if maker else answer.honest()
        return hesitant(steps) if thing.slow else steps

    def api(self, ask, words):
        if ask.headers.get("x-api-key") != KEY:
            return reply(403, [], b'{"detail": "Invalid credentials"}')
        if not words:
            return self.call(ask, self.runs_turns, lambda: self.runs_page(ask), "runs")
        run = next((r for r in self.runs if r.id == words[0]), None)
        if not run or len(words) > 2 or words[1:] not in ([], ["artifacts"]):
            return reply(404, [("Date", self.date())], b'{"detail": "Task run not found"}')
        if words[1:]:
            wanted = ask.query.get("artifact_type")
            answer = self.call(ask, run.list_turns, lambda: chosen(self.listing(run), wanted), "list/" + run.id)
            run.told = run.told or run.list_turns.honest
            return answer
        return self.call(ask, run.record_turns, lambda: self.record(run), "record/" + run.id)

    def call(self, ask, turns, make, name):
        maker, n = turns.take()
        value = make()
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        answer = Answer(self, ask, body, [], name, n)
        return maker(answer) if maker else answer.honest()

    def list_anew(self):
        """Begin a new process: its first list of each run is yet to be sent."""
        with self.lock:
            for run in self.runs:
                run.told = False

    def begin_attempt(self):
        """Begin an attempt: from now on only the current and later versions are correct."""
        self.list_anew()
        with self.lock:
            for thing in self.things.values():
                thing.since = len(thing.versions) - 1


def hesitant(steps):
    """Pause before the last tenth of a large answer, so that many transfers are concurrent."""
    out = []
    for step in steps:
        if isinstance(step, bytes) and len(step) > 1_000_000:
            at = len(step) * 9 // 10
            out += [step[:at], 0.1, step[at:]]
        else:
            out.append(step)
    return out


def chosen(rows, wanted):
    """The rows of the requested artifact types; all rows if no type was requested."""
    if not wanted or not isinstance(rows, list):
        return rows
    return [r for r in rows if not isinstance(r, dict) or r.get("artifact_type") in wanted]


def zipped(members, **more):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2026, 1, 20, 11, 52, 30))
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            file.writestr(info, data)
    return out.getvalue()


def build(world, ended):
    """Create one to three runs with artifacts; ended: when the first one ended."""
    rng = world.rng
    count = rng.choice([1, 1, 1, 2, 2, 3])
    large = rng.random() < 0.3
    for i in range(count):
        run = Run("tsk_%d_%d" % (world.seed, i), ended - i * 60)
        world.runs.append(run)
        for k in range(rng.choice([1, 2, 4, 6, 8, 10])):
            size = rng.choice([0, 10, 200, 3000, 20000, 90000])
            if large and i == 0 and k in (0, 3):
                size = rng.randrange(1_050_000, 1_500_000)
            add(world, run, k, size)
        if rng.random() < 0.35:
            add_bundle(world, run)
        if rng.random() < 0.3:
            add_files(world, run)
        twins(world, run)
    return world


def add(world, run, k, size, kind=None):
    rng = world.rng
    kind, ext = rng.choice(TYPES) if kind is None else kind
    if size > 1_000_000 and kind in ("har", "visible_elements_tree", "download"):
        kind, ext = "recording", "webm"
    ident = "a_%s_%d" % (run.id[4:], k)
    created = run.ended - 200 + k
    data = b"" if size == 0 and rng.random() < 0.5 and kind not in MAGIC and kind != "har" else world.content(kind, size, ident)
    thing = world.thing("%s_%s.%s" % (kind, ident, ext), data, created + 1)
    if kind == "har" and rng.random() < 0.5:
        thing.rest = "zstd"
    artifact = Artifact(ident, run, kind, ext, thing, created)
    artifact.sized = rng.random() < 0.6
    artifact.summed = rng.random() < 0.45
    artifact.signing = rng.choice(["s3", "s3", "s3", "skyvern", "skyvern", "unsigned", "null"])
    artifact.run_id = rng.choice([None, run.id])
    run.artifacts.append(artifact)
    world.artifacts[ident] = artifact
    return artifact


def add_bundle(world, run):
    """Add a ZIP artifact, and a row for each of its members."""
    rng = world.rng
    members = {}
    for i in range(rng.randrange(2, 6)):
        kind, ext = rng.choice([("llm_prompt", "txt"), ("screenshot_action", "png"), ("html_action", "html")])
        members["%s_%d.%s" % (kind, i, ext)] = (kind, ext, world.content(kind, rng.choice([0, 50, 3000]), "m%d" % i))
    whole = zipped({name: data for name, (_, _, data) in members.items()})
    base = "z_" + run.id[4:]
    created = run.ended - 100
    thing = world.thing("step_archive_%s.zip" % base, whole, created + 1)
    parent = Artifact(base, run, "step_archive", "zip", thing, created)
    parent.sized, parent.summed = rng.random() < 0.6, rng.random() < 0.4
    parent.signing = rng.choice(["s3", "skyvern"])
    sized, summed = rng.random() < 0.6, rng.random() < 0.5
    run.artifacts.append(parent)
    world.artifacts[parent.id] = parent
    for i, (name, (kind, ext, data)) in enumerate(members.items()):
        one = Artifact("%s_%d" % (base, i), run, kind, ext,
                       world.thing("%s_%s" % (base, name), data, created + 1), created)
        one.bundle_key, one.uri, one.parent = name, parent.uri, parent
        one.sized, one.summed, one.signing = sized, summed, "skyvern"
        run.artifacts.append(one)
        world.artifacts[one.id] = one


def add_files(world, run):
    """Add files that the run's record names; some of them are listed as artifacts, too."""
    rng = world.rng
    files = []
    for k in range(rng.randrange(1, 4)):
        artifact = add(world, run, 50 + k, rng.choice([0, 30, 5000]), ("download", "csv"))
        artifact.uri = "s3://artifacts/o_1/downloads/%s/file %d.csv" % (run.id, k)
        if rng.random() < 0.5:
            run.artifacts.remove(artifact)
            artifact.thing.listed = False
        artifact.signing = "skyvern"
        files.append(artifact)

    def value(record, n):
        record["downloaded_files"] = [
            {"url": world.signed(a), "checksum": sha256(a.thing.data) if a.summed else None,
             "filename": "file %d.csv" % i, "file_size": len(a.thing.data) if a.sized else None,
             "modified_at": stamp(a.thing.modified[-1]), "artifact_id": a.id} for i, a in enumerate(files)]
        return record

    run.record_lies.append(value)
    for a in files:
        if a not in run.artifacts:
            world.expected.append((run, a.id, a.thing))


def twins(world, run):
    """In some runs, give two artifacts equal content or the same object."""
    rng = world.rng
    plain = [a for a in run.artifacts if not a.bundle_key and a.kind not in ("step_archive", "download", "har")]
    if len(plain) < 2 or rng.random() < 0.5:
        return
    one, other = rng.sample(plain, 2)
    if one.ext != other.ext or one.kind != other.kind:
        return  # no content is valid for both types
    if rng.random() < 0.5:
        other.thing.versions[-1] = one.thing.data
    else:
        world.things.pop(other.thing.key)
        other.thing, other.uri, other.signing = one.thing, one.uri, one.signing
