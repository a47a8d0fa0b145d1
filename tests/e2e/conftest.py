# SPDX-License-Identifier: MIT
"""The real binary against the emulator; each worker has an emulator of its own."""
import base64
import json
import os
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from browser import Browser  # noqa: E402
import fault_proxy  # noqa: E402
import object_store  # noqa: E402

for _ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # as nohup, or a shell in the background, leaves them
    if signal.getsignal(_ignored) == signal.SIG_IGN:
        signal.signal(_ignored, signal.SIG_DFL)
SKYARC = os.path.abspath(os.environ.get("SKYARC", TESTS + "/../build/skyarc"))
with open(SKYARC, "rb") as _program:  # a sanitizer has memory of its own, and must be loaded first
    SANITIZED = re.search(b"__[at]san_init", _program.read()) is not None


class Emulator:
    def __init__(self, *args):
        self.process = subprocess.Popen([sys.executable, "-B", "-m", "emulator", *args], cwd=TESTS,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        hello = json.loads(self.process.stdout.readline())
        self.api, self.store, self.key = hello["api"], hello["store"], hello["key"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def _open(self, path, body=None):
        request = urllib.request.Request(self.api + "/_control/" + path,
                                         json.dumps(body).encode() if body is not None else None)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def reset(self):
        self._open("reset", {})

    def fault(self, on, kind, times=1, **more):
        self._open("fault", dict(more, on=on, kind=kind, times=times))

    def expire(self):
        self._open("expire", {})

    def skew(self, seconds):
        self._open("skew", {"seconds": seconds})

    def script(self, statuses, run=None):
        self._open("script", {"statuses": statuses, "run": run})

    def many(self, count, **more):
        self._open("many", dict(more, count=count))

    def tasks(self):
        return json.loads(self._open("tasks"))

    def storage(self, kind):
        self._open("storage", {"storage": kind})

    def mode(self, mode):
        """"old" (before March 2026) or "today"."""
        self._open("mode", {"mode": mode})

    def world(self, **what):
        """tasks, sessions, scripts, version, lacks: see emulator/story.py."""
        self._open("world", what)

    def run(self, ident, artifacts, story=None, **record):
        rows = []
        for row in artifacts:
            row = dict(row)
            if isinstance(row.get("data"), bytes):
                row["data"] = base64.b64encode(row["data"]).decode()
            rows.append(row)
        self._open("run", {"id": ident, "artifacts": rows, "record": record, "story": story})

    def salt(self, **what):
        """Add these members to every record, listed run, row of a list, and error (detail)."""
        self._open("salt", what)

    def clear(self):
        self._open("clear", {})

    def forget(self, *runs):
        """Remove these runs at the service."""
        self._open("forget", {"runs": runs})

    def reset_faults(self):
        self._open("reset-faults", {})

    def replace(self, ident, data):
        self._open("replace", {"id": ident, "data": base64.b64encode(data).decode()})

    def log(self, role=None):
        return [r for r in json.loads(self._open("log")) if role in (None, r["role"])]

    def data(self, ident):
        return self._open("data/" + ident)

    def secrets(self):
        """The key, and the signatures of all requested URLs."""
        found = {self.key}
        for request in self.log():
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(request["path"]).query)
            for name in ("sig", "Signature", "X-Amz-Signature"):
                found.update(query.get(name, []))
        assert len(found) > 1
        return [secret.encode() for secret in found]


def certificate(folder, name, others):
    """A certificate for a host, and file names: of it, and of it with its key for the emulator."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=" + others,
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True,
                   stderr=subprocess.DEVNULL)
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return str(folder / "cert.pem"), str(both)


@pytest.fixture(scope="session")
def server():
    emulator = Emulator()
    yield emulator
    emulator.close()


@pytest.fixture
def emu(server):
    server.reset()
    return server


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr.decode(errors="replace")

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return "exit %d\nstdout: %r\nstderr: %s" % (self.code, self.out[:2000], self.err[:4000])


@pytest.fixture
def env(emu, tmp_path):
    clean = {k: v for k, v in os.environ.items()
             if not k.startswith(("AWS_", "SKYVERN_", "SKYARC_", "XDG_", "CREDENTIALS_"))
             and not k.lower().endswith("_proxy")}
    (tmp_path / "home").mkdir(exist_ok=True)
    clean.update(SKYVERN_API_KEY=emu.key, SKYVERN_BASE_URL=emu.api, HOME=str(tmp_path / "home"),
                 TMPDIR=str(tmp_path))
    return clean


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """An object store (object_store.py)."""
    gateway = object_store.Gateway(tmp_path_factory.mktemp("store"))
    yield gateway
    gateway.close()


@pytest.fixture
def proxy(gateway):
    """A way to the object store that makes faults (fault_proxy.py)."""
    proxy = fault_proxy.Proxy(gateway.port, object_store.sign)
    yield proxy
    proxy.close()


@pytest.fixture
def skyarc(env, tmp_path):
    def run(*args, check=None, stdin=None, cwd=None, timeout=60, **more):
        process = subprocess.run([SKYARC, *map(str, args)], env=dict(env, **more), input=stdin,
                                 stdin=None if stdin is not None else subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 cwd=cwd or tmp_path, timeout=timeout)
        result = Result(process)
        assert result.code >= 0, result
        assert "Sanitizer" not in result.err, result
        if check is not None:
            assert result.code == check, result
        return result

    return run


@pytest.fixture
def pull(skyarc, tmp_path):
    """Pull with quick retries, and look inside: (result, manifest, folder)."""
    def run(*args, name="a.tar.zst", check=0, **more):
        result = skyarc("pull", "--json", "-o", name, *args, check=check, **more)
        if check not in (0, 3):
            assert not os.path.exists(tmp_path / name), result
            assert not list(tmp_path.glob("*.partial")), result
            return result, None, None
        folder = extract(tmp_path / name, tmp_path)
        with open(folder / "manifest.json", encoding="utf-8") as file:
            return result, json.load(file), folder

    return run


@pytest.fixture
def made(skyarc, emu, tmp_path):
    """An archive with bodies of several frames, duplicates and small files."""
    emu.run("tsk_big", [{"id": "big%d" % i, "type": "recording", "webm": 9_000_000 + i, "seed": i,
                         "signing": "s3"} for i in range(2)])

    def make(name="a.tar.zst", *args):
        skyarc("pull", "-o", name, "tsk_demo1", "wr_demo2", "tsk_v2_demo2", "tsk_demo3", "tsk_big", *args, check=0)
        return tmp_path / name

    return make


@pytest.fixture
def disk(tmp_path):
    """A small file system: its folder, and room(bytes), which says how much it holds."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "skyarc-tests", folder],
                                      stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")

    def room(size):
        subprocess.run(["mount", "-o", "remount,size=%dk" % (size // 1024), folder], check=True)

    yield folder, room
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def small(disk):
    """A file system of 8 MiB, half of which is taken by the file `other`."""
    folder, room = disk
    room(8 << 20)
    (folder / "other").write_bytes(bytes(4 << 20))
    return folder


@pytest.fixture(scope="session")
def browser():
    browser = Browser()
    yield browser
    browser.close()


def extract(archive, where):
    """Extract with tar and others; returns the top folder."""
    into = where / ("out-" + archive.name)
    into.mkdir()
    if archive.name.endswith(".zip"):
        subprocess.run(["unzip", "-q", str(archive), "-d", str(into)], check=True)
    else:
        subprocess.run(["tar", "-xf", str(archive), "-C", str(into)], check=True)
    (top,) = into.iterdir()
    return top
