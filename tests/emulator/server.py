# SPDX-License-Identifier: MIT
"""The two origins: the API with its control endpoint, and the object store."""
import base64
import email.utils
import gzip
import hashlib
import hmac
import json
import socket
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import corpus, media, story

KEY = "sk-emulator-0123456789abcdef"
SECRET = b"emulator"
# error pages that are sent with status 200 instead of the content
SIGN_IN = b"<html><body><form>Sign in to use this proxy!!!</form></html>"
STORE_ERROR = (b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code>'
               b"<Message>Request has expired</Message></Error>")


class State:
    """The data served, the settings made by /_control/, and the requests received."""

    def __init__(self):
        self.lock = threading.Lock()
        self.epoch = 0
        self.reset()

    def reset(self):
        with self.lock:
            self.epoch += 1
            self.runs = corpus.build()
            self.world = story.World()
            self.faults = {}
            self.log = []
            self.generation = 0
            self.skew = 0
            self.storage = "s3"
            self.tasks = []  # bodies of POST /v1/run/tasks
            self.script = []  # statuses of the next submitted run; each GET of it applies the next one
            self.shift = 0  # number of runs that seem to start between the first and the later pages of a list
            self.key = KEY
            self.bytes = 0  # artifact bytes sent
            self.away = 0  # time.monotonic() until which all connections are closed without an answer
            self.salt = {}  # extra fields for every run record, list row and artifact row; extra text for a 404

    def sent(self, count):
        with self.lock:
            self.bytes += count

    def artifact(self, ident):
        for run in self.runs.values():
            for artifact in run.artifacts:
                if artifact.id == ident:
                    return artifact
        return None

    def fault(self, name):
        """The next fault of an artifact, run or list, or None; decrements its count."""
        with self.lock:
            plan = self.faults.get(name)
            if not plan:
                return None
            fault = plan[0]
            fault["times"] = fault.get("times", 1) - 1
            if fault["times"] == 0:
                plan.pop(0)
            return fault

    def now(self):
        return time.time() + self.skew


STATE = State()


def sign(ident, expiry, generation):
    text = "%s/%d/%d" % (ident, expiry, generation)
    mac = hmac.new(SECRET, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def signed_url(server, artifact):
    expiry = int(STATE.now() + artifact.life)
    signing = "file" if STATE.storage == "local" else artifact.signing
    sig = sign(artifact.id, expiry, STATE.generation)
    api, store = server.origins
    name = urllib.parse.quote(artifact.id)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(STATE.now()))
    azure = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expiry))
    return {
        "skyvern": "%s/v1/artifacts/%s/content?expiry=%d&kid=k1&sig=%s" % (api, name, expiry, sig),
        "s3": "%s/bucket/%s?AWSAccessKeyId=AKIA&Signature=%s&Expires=%d" % (store, name, sig, expiry),
        "amz": "%s/bucket/%s?X-Amz-Date=%s&X-Amz-Expires=%d&X-Amz-Signature=%s"
               % (store, name, stamp, artifact.life, sig),
        "azure": "%s/bucket/%s?sv=2024&se=%s&sig=%s" % (store, name, urllib.parse.quote(azure), sig),
        "unsigned": "%s/v1/artifacts/%s/content?artifact_name=x" % (api, name),
        "file": "file:///data/artifacts/%s" % name,
        "null": None,
    }.get(signing, signing)


def verify(ident, query):
    """Whether the signature of a URL query is valid and not expired."""
    def get(*names):
        return next((query[n][0] for n in names if n in query), None)

    sig = get("sig", "Signature", "X-Amz-Signature") or ""
    if get("X-Amz-Date"):
        start = time.strptime(get("X-Amz-Date"), "%Y%m%dT%H%M%SZ")
        stamps = [__import__("calendar").timegm(start) + int(get("X-Amz-Expires"))]
        stamps += [stamps[0] + 1]  # signed_url rounds expiry, date and lifetime down separately
    elif get("se"):
        stamps = [__import__("calendar").timegm(time.strptime(get("se"), "%Y-%m-%dT%H:%M:%SZ"))]
    else:
        stamps = [int(get("expiry", "Expires") or 0)]
    return any(stamp > STATE.now() and hmac.compare_digest(sig, sign(ident, stamp, STATE.generation))
               for stamp in stamps)


class Counter:
    """Wraps the output file; adds the bytes written to STATE.bytes while `counts` is set."""

    def __init__(self, file):
        self.file = file
        self.counts = False

    def write(self, data):
        if time.monotonic() < STATE.away:
            raise ConnectionResetError
        self.file.write(data)
        if self.counts:
            STATE.sent(len(data))
        return len(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    role = ""

    def setup(self):
        super().setup()
        self.wfile = Counter(self.wfile)
        self.epoch = STATE.epoch
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *args):
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(STATE.now(), usegmt=True)

    def parse_request(self):
        if time.monotonic() < STATE.away:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        return super().parse_request()

    def note(self):
        with STATE.lock:
            if self.epoch != STATE.epoch:
                return  # a late request of an earlier test
            STATE.log.append({"role": self.role, "method": self.command, "path": self.path,
                              "at": time.time(), "headers": {k.lower(): v for k, v in self.headers.items()}})

    def reply(self, status, body=b"", kind="application/json", headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def begin(self, answer, length=True):
        """Start the headers of an answer (status, bytes, headers); the caller ends them and sends the body."""
        status, data, headers = answer
        self.send_response(status)
        if length:
            self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)

    def cut(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def play(self, fault, data, answer=None):
        """Answer with the fault instead of `answer`; False if the fault does not replace the answer."""
        kind = fault["kind"]
        answer = answer or (200, data, [])
        headers = list(fault.get("headers", {}).items())
        if kind == "status":
            body = fault.get("body", {"detail": "fault"})
            self.reply(fault["status"], body.encode() if isinstance(body, str) else body,
                       headers=headers)
        elif kind == "redirect":
            self.reply(fault.get("status", 302), b"", headers=[("Location", fault["to"])])
        elif kind == "sign-in":  # a proxy's sign-in page instead of the content
            self.reply(200, SIGN_IN, "text/html")
        elif kind == "store-error":
            self.reply(200, STORE_ERROR, "application/xml")
        elif kind == "raw":
            self.reply(200, base64.b64decode(fault["body"]))
        elif kind == "huge":
            self.send_response(200)
            self.send_header("Content-Length", str(fault["size"]))
            self.end_headers()
            piece, left = b" " * 65536, fault["size"]
            while left > 0:
                self.wfile.write(piece[:left])
                left -= len(piece)
        elif kind == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif kind == "outage":  # from now on, for some seconds, each connection is closed
            STATE.away = time.monotonic() + fault["seconds"]
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif kind == "late":  # the answer, after a while
            time.sleep(fault["seconds"])
            return False
        elif kind == "silence":
            time.sleep(fault["seconds"])
            self.cut()
        elif kind in ("short", "stall"):  # the first `bytes` bytes of the answer, by default half of it
            self.begin(answer)
            self.end_headers()
            self.wfile.write(answer[1][:fault.get("bytes", len(answer[1]) // 2)])
            if kind == "stall":
                self.wfile.flush()
                time.sleep(fault["seconds"])
            self.cut()
        elif kind == "close":  # no Content-Length, and the connection is closed halfway
            self.begin(answer, length=False)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer[1][:len(answer[1]) // 2])
            self.cut()
        elif kind == "chunk-cut":  # chunked, without the last chunk
            self.begin(answer, length=False)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            part = answer[1][:len(answer[1]) // 2]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.cut()
        elif kind == "no-range":
            self.reply(200, data, "application/octet-stream")
        elif kind == "wrong-range":  # starts one byte too early
            first = len(data) - len(answer[1]) - 1
            self.reply(206, data[first:], "application/octet-stream",
                       [("Content-Range", "bytes %d-%d/%d" % (first, len(data) - 1, len(data)))])
        elif kind == "other-total":
            self.reply(206, answer[1] + b"!", "application/octet-stream",
                       [("Content-Range", "bytes %d-%d/%d" % (len(data) - len(answer[1]), len(data),
                                                              len(data) + 1))])
        elif kind == "endless":
            self.begin(answer, length=False)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(fault["count"]):
                self.wfile.write(b"10000\r\n%s\r\n" % bytes(65536))
            self.cut()
        elif kind == "headers":  # many headers, which never end
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for i in range(fault["count"]):
                self.wfile.write(b"X-%d: %s\r\n" % (i, b"a" * 1000))
            self.cut()
        elif kind == "wrong-length":
            self.reply(200, data + b"!", "application/octet-stream")
        elif kind == "other-bytes":
            self.reply(200, bytes(len(data)), "application/octet-stream")
        elif kind == "gzip":
            self.reply(200, gzip.compress(data), "application/octet-stream",
                       [("Content-Encoding", "gzip")])
        elif kind == "chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(0, len(data), 10000):
                part = data[i:i + 10000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        elif kind == "slow":
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            step = max(1, len(data) // fault.get("steps", 20))
            for i in range(0, len(data), step):
                self.wfile.write(data[i:i + step])
                self.wfile.flush()
                time.sleep(fault.get("pause", 0.1))
        else:
            return False
        return True

    def content(self, artifact):
        """Send the content of an artifact, whole or one byte range."""
        data = artifact.data
        if artifact.member_of and STATE.storage != "s3":  # only with S3 storage does the server extract a ZIP member
            data = STATE.artifact(artifact.member_of).data
        answer = self.ranged(data)
        fault = STATE.fault(artifact.id)
        self.wfile.counts = True
        try:
            self.answer(data, answer, fault)
        finally:
            self.wfile.counts = False

    def answer(self, data, answer, fault):
        if fault and self.play(fault, data, answer):
            return
        self.reply(answer[0], answer[1], "application/octet-stream", answer[2])

    def ranged(self, data):
        """(status, bytes, headers) for the Range header of the request; only the store sends an ETag."""
        headers = []
        if self.role == "store":
            tag = '"%s"' % hashlib.md5(data).hexdigest()
            headers = [("ETag", tag)]
        spec = self.headers.get("Range", "")
        if not spec.startswith("bytes=") or "," in spec or (
                "If-Range" in self.headers and headers and self.headers["If-Range"] != tag):
            return 200, data, headers
        first, _, last = spec[6:].partition("-")
        begin = int(first) if first else max(0, len(data) - int(last))
        end = int(last) if first and last else len(data) - 1
        if begin >= len(data):
            return 416, b"", headers + [("Content-Range", "bytes */%d" % len(data))]
        part = data[begin:end + 1]
        return 206, part, headers + [("Content-Range", "bytes %d-%d/%d"
                                      % (begin, begin + len(part) - 1, len(data)))]


class Api(Handler):
    role = "api"

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        raw = self.rfile.read(length)
        if self.path == "/v1/run/tasks":
            self.note()
            self.submit(raw)
            return
        body = json.loads(raw or b"{}")
        if not self.path.startswith("/_control/"):
            self.note()
            self.reply(404, {"detail": "Not Found"})
            return
        what = self.path[len("/_control/"):]
        if what == "reset":
            STATE.reset()
        elif what == "fault":
            with STATE.lock:
                STATE.faults.setdefault(body["on"], []).append(body)
        elif what == "clear":
            STATE.runs = {}
        elif what == "forget":
            for ident in body["runs"]:
                del STATE.runs[ident]
        elif what == "reset-faults":
            with STATE.lock:
                STATE.faults = {}
        elif what == "expire":
            STATE.generation += 1
        elif what == "script":
            if body.get("run"):
                STATE.runs[body["run"]].script = body["statuses"]
            else:
                STATE.script = body["statuses"]
        elif what == "salt":
            STATE.salt = body
        elif what == "many":
            for i in range(body["count"]):
                run = corpus.Run(body.get("prefix", "tsk_many") + "%05d" % i, [], title="Run %d" % i, **body.get("record", {}))
                run.story = dict(body.get("story", {}))
                run.record["created_at"] = time.strftime(
                    "%Y-%m-%dT%H:%M:%S.000001", time.gmtime(STATE.now() - i * body.get("step", 60)))
                STATE.runs[run.id] = run
            STATE.shift = body.get("shift", 0)
        elif what == "storage":
            STATE.storage = body["storage"]
        elif what == "skew":
            STATE.skew = body["seconds"]
        elif what == "replace":
            STATE.artifact(body["id"]).data = base64.b64decode(body["data"])
        elif what == "mode":
            STATE.world.mode = body["mode"]
        elif what == "world":  # sets tasks, sessions, scripts, version or lacks of story.World
            for name, value in body.items():
                if name == "lacks":
                    STATE.world.lacks = set(value)
                elif isinstance(value, dict) and name != "version":
                    getattr(STATE.world, name).update(value)
                else:
                    setattr(STATE.world, name, value)
        elif what == "run":
            rows = []
            for row in body["artifacts"]:
                data = (base64.b64decode(row.pop("data")) if "data" in row
                        else media.webm(row.pop("webm"), row.pop("seed", 1)))
                rows.append(corpus.Artifact(row.pop("id"), row.pop("type"), data,
                                            row.pop("ext", "bin"), **row))
            run = STATE.runs[body["id"]] = corpus.Run(body["id"], rows, **body.get("record", {}))
            run.story = body.get("story") or {}
            if "alias" in run.story:
                STATE.world.alias[run.story["alias"]] = run.id
        self.reply(200, {})

    def control(self, what):
        if what == "log":
            with STATE.lock:
                self.reply(200, STATE.log)
        elif what == "tasks":
            self.reply(200, STATE.tasks)
        elif what.startswith("data/"):
            self.reply(200, STATE.artifact(what[5:]).data, "application/octet-stream")
        else:
            self.reply(404, {})

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(parts.query)
        words = [urllib.parse.unquote(w) for w in parts.path.strip("/").split("/")]
        if words[0] == "_control":
            self.control("/".join(words[1:]))
            return
        self.note()
        keyed = self.headers.get("x-api-key") == STATE.key
        if words[:2] == ["v1", "artifacts"] and len(words) == 4 and words[3] == "content":
            self.artifact_content(words[2], query, keyed)
        elif not keyed:
            self.reply(403, {"detail": "Invalid credentials"})
        elif words[:2] == ["v1", "runs"] and len(words) == 2:
            self.list_runs(query)
        elif words[:2] == ["v1", "runs"] and len(words) == 3:
            self.run(words[2])
        elif words[:2] == ["v1", "runs"] and len(words) == 4 and words[3] == "artifacts":
            self.artifacts(words[2], query)
        else:
            self.tell(words, query)

    def tell(self, words, query):
        """Answer the calls for the details of a run, which are in story.py."""
        fault = STATE.fault("/".join(words))
        if fault and fault["kind"] != "stall" and self.play(fault, b""):
            return
        artifact = STATE.artifact(words[2]) if words[:2] == ["v1", "artifacts"] and len(words) == 3 else None
        if artifact and STATE.world.mode == "today":
            told = 200, self.row(artifact, None)
        else:
            told = story.answer(STATE.world, STATE.runs, words, query) or (404, story.NOT_FOUND)
        salt = STATE.salt.get("story")
        if salt and told[0] == 200:
            told = 200, dict(told[1], **salt) if isinstance(told[1], dict) else told[1] + [salt]
        if not (fault and self.play(fault, json.dumps(told[1]).encode())):
            self.reply(*told)

    def run(self, ident):
        fault = STATE.fault("run/" + ident)
        if fault and self.play(fault, b""):
            return
        run = story.name_of(STATE.world, STATE.runs, ident)
        with STATE.lock:
            if run and run.script:  # the status changes with each answer
                step = run.script.pop(0)
                run.record.update(step if isinstance(step, dict) else {"status": step})
        record = story.record_of(STATE.world, STATE.runs, ident)
        if not record:
            self.reply(404, {"detail": "Task run not found %s %s" % (STATE.salt.get("detail", ""), ident)})
        else:
            self.reply(200, dict(record, **STATE.salt.get("record", {})))

    def submit(self, raw):
        """POST /v1/run/tasks: makes a run, even if a fault then loses the answer; a "before" fault makes none."""
        if self.headers.get("x-api-key") != STATE.key:
            self.reply(403, {"detail": "Invalid credentials"})
            return
        fault = STATE.fault("submit")
        if fault and fault.get("before"):
            self.play(fault, b"")
            return
        task = json.loads(raw)
        if "prompt" not in task:
            self.reply(422, {"detail": [{"loc": ["body", "prompt"], "msg": "Field required",
                                         "type": "missing"}]})
            return
        with STATE.lock:
            STATE.tasks.append(task)
            ident = "tsk_v2_%d" % (1000 + len(STATE.tasks))
            run = corpus.Run(ident, corpus.submitted(ident), status="queued", run_request=task)
            run.script = list(STATE.script)
            STATE.runs[ident] = run
        if not (fault and self.play(fault, b"")):
            self.reply(200, dict(run.record, **STATE.salt.get("record", {})))

    def list_runs(self, query):
        fault = STATE.fault("runs")
        if fault and self.play(fault, b""):
            return
        page, size = int(query.get("page", ["1"])[0]), int(query.get("page_size", ["10"])[0])
        if not 1 <= page <= 100 or not 1 <= size <= 100 or len(query.get("search_key", ["xxx"])[0]) < 3:
            self.reply(422, {"detail": [{"loc": ["query"], "msg": "out of range", "type": "range"}]})
            return
        searched = "search_key" in query or "workflow_permanent_id" in query
        if searched and (page - 1) * size >= 1000 and STATE.world.mode == "today":
            self.reply(400, {"detail": "Search pagination is limited to the first 1000 matches. "
                                       "Use a narrower search."})
            return
        named = set(STATE.world.alias.values())
        rows = []  # records are copied only if they change: there may be 10,000, and 100 pages of them
        for run in list(STATE.runs.values()):
            if run.id in named or run.record["run_id"] != run.id:
                record = story.record_of(STATE.world, STATE.runs, story.alias_of(STATE.world, run.id) or run.id)
                run = record and story.name_of(STATE.world, STATE.runs, record["run_id"])
            else:
                record = None if run.story.get("child") else run.record
            if record:
                rows.append(dict(record, status=run.story["listed"]) if "listed" in run.story else record)
        for name, field in (("status", "status"), ("run_type", "run_type"),
                            ("workflow_permanent_id", "workflow_permanent_id")):
            if name in query:
                rows = [r for r in rows if r.get(field) in query[name]]
        if "tags" in query:
            rows = [r for r in rows if set(query["tags"]) & set(r.get("tags") or [])]
        if "search_key" in query:
            rows = [r for r in rows if query["search_key"][0] in json.dumps(r)]
        rows.sort(key=lambda r: r["created_at"], reverse=True)
        first = (page - 1) * size - (STATE.shift if page > 1 else 0)
        self.reply(200, [{
            "task_run_id": "tr_" + r["run_id"], "run_id": r["run_id"], "task_run_type": r["run_type"],
            "status": r["status"], "title": r.get("title"), "started_at": r["started_at"],
            "finished_at": None if fault and fault["kind"] == "no-ends" else r["finished_at"],
            "created_at": r["created_at"],
            "workflow_permanent_id": r.get("workflow_permanent_id"), "trigger_type": None,
            **({k: r.get(k) for k in story.RETRIES if k != "attempts"} if STATE.world.mode == "today" else {}),
            **STATE.salt.get("listed", {})
        } for r in rows[first:first + size]])

    def artifacts(self, ident, query):
        wanted = query.get("artifact_type", [])
        unknown = [t for t in wanted if t not in corpus.TYPES]
        fault = STATE.fault("list/" + ident)
        if fault and self.play(fault, b""):
            return
        if unknown:
            self.reply(422, {"detail": [{"loc": ["query", "artifact_type"], "type": "enum",
                                         "msg": "Input should be a known type"}]})
            return
        run = story.name_of(STATE.world, STATE.runs, ident)
        rows = []
        listed = ([a for a in run.artifacts if not a.loose]
                  if run and story.lists(STATE.world, run, ident) else [])
        if STATE.world.mode == "today" and not run:  # the ID of a task of a block
            listed = [a for r in STATE.runs.values() for a in r.artifacts if a.row["task_id"] == ident]
        for artifact in listed:
            if wanted and (artifact.type not in wanted or artifact.type.endswith("_archive")):
                continue
            rows.append(self.row(artifact, ident))
        self.reply(200, rows)

    def row(self, artifact, run):
        row = dict(artifact.row)
        if row.get("run_id") is None:
            row["run_id"] = run
        row["signed_url"] = signed_url(self.server, artifact)
        row["a_field_of_tomorrow"] = {"deep": [1, None]}
        row.update(STATE.salt.get("row", {}))
        return row

    def artifact_content(self, ident, query, keyed):
        artifact = STATE.artifact(ident)
        if ("sig" in query and not verify(ident, query)) or ("sig" not in query and not keyed):
            self.reply(403, {"detail": "Invalid or expired artifact URL" if "sig" in query
                             else "Invalid credentials"})
        elif not artifact:
            self.reply(404, {"detail": "Artifact content not available"})
        else:
            fault = STATE.fault("content/" + ident) if "sig" not in query else None
            if not (fault and self.play(fault, artifact.data)):
                self.content(artifact)


class Store(Handler):
    role = "store"

    def do_GET(self):
        self.note()
        parts = urllib.parse.urlsplit(self.path)
        ident = urllib.parse.unquote(parts.path.rsplit("/", 1)[1])
        artifact = STATE.artifact(ident)
        if parts.path.startswith("/open/") and artifact:
            self.content(artifact)
        elif not artifact:
            self.reply(404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
        elif not verify(ident, urllib.parse.parse_qs(parts.query)):
            self.reply(403, b"<Error><Code>AccessDenied</Code>"
                            b"<Message>Request has expired</Message></Error>", "application/xml")
        else:
            self.content(artifact)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    origins = ("", "")

    def handle_error(self, request, client_address):
        pass  # tests close connections early on purpose


def start(tls=None):
    """Serve both origins on free loopback ports; returns the (api, store) addresses and the servers."""
    servers = [Server(("127.0.0.1", 0), Api), Server(("127.0.0.1", 0), Store)]
    scheme = "http"
    if tls:
        scheme = "https"
        for server in servers:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
    origins = tuple("%s://127.0.0.1:%d" % (scheme, s.server_address[1]) for s in servers)
    for server in servers:
        server.origins = origins
        threading.Thread(target=server.serve_forever, daemon=True).start()
    return origins, servers
