# SPDX-License-Identifier: MIT
"""Secrets in the service's responses are in no output; and the hosts that get the key."""
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

from conftest import SKYARC, Emulator, certificate, extract
from test_faults import wait_for
from test_listen import listen, payload, sign  # noqa: F401
from test_sync import stamp

# Forms of secrets; %s is the secret.
FORMS = """https://user:%s@host.example/kept HTTPS://%s@host.example/kept //bob:%s@host.example/kept
https://host.example/kept?sig=%s&page=2 /kept/path?Signature=%s //host.example/kept?a=1&SIG=%s
https%%3A%%2F%%2Fhost.example%%2Fkept%%3Fsig%%3D%s%%26page%%3D2 https%%253A%%252F%%252Fh%%253FX-Amz-Signature%%253D%s
https%%3a%%2f%%2fuser%%3a%s%%40host.example%%2f https://h/?to=https%%3A%%2F%%2Fh%%2F%%3Fcode%%3D%s
https://h/cb#access_token=%s&token_type=bearer https://h/kept;sig=%s;v=1 http:\\/\\/h\\/kept?sig=%s http:\\/\\/u:%s@h\\/
https://h/?a=1\\u0026token=%s https://h/?a=1&amp;hmac=%s https://h/?jwt=%s https://h/?TOKEN=%s https://h/?hdnea=%s
https://h/?q-signature=%s https://h/?Policy=%s https://h/?secret=%s https://h/?auth=%s https://h/?hmac=%s
https://h/?code=%s https://h/?key=%s https://h/?X-Amz-Security-Token=%s https://h/?x-goog-credential=%s
https://h/?AWSAccessKeyId=%s https://h/?Key-Pair-Id=%s https://h/?api_key=%s https://h/?user[password]=%s https://h/?login[code]=%s
otpauth://totp/Bob?secret=%s&issuer=x otpauth://totp/%s https://hooks.slack.com/services/T0/B0/%s
wss://h:9222/?apiKey=%s redis://:%s@h bob:%s@proxy.example:3128 password=%s sig=%s""".split() + [
    "Authorization: Bearer %s\n", "Cookie: session=%s; a=b\n", "x-api-key: %s", "password: %s",
    "sent Bearer %s1234 there", "authorization=Bearer %s1234", "curl -H 'Authorization: Basic %s'", '{"password": "%s", broken',
    '{"token": "%s"}', '[{"name": "Authorization", "value": "%s"}]', '{"a": "{\\"jwt\\": \\"%s\\"}"}',
    '"{\\"a\\": \\"{\\\\\\"cookie\\\\\\": \\\\\\"%s\\\\\\"}\\"}"', "said {'secret': '%s'} so"]


class Planter:
    """Secrets, each one of a kind, and whether they were found."""

    def __init__(self, key):
        self.key = key
        self.planted = {}

    def one(self, form):
        secret = "Zq7plant%03dx" % len(self.planted)
        self.planted[secret] = form
        return form % secret

    def every(self):
        return [self.one(form) for form in FORMS]

    def keys(self):
        """The key, plain and encoded."""
        quoted = urllib.parse.quote(self.key, safe="")
        return ["the key is %s!" % self.key, "%s" % quoted.replace("-", "%2D"),
                "".join("\\u%04x" % ord(c) for c in self.key), quoted.replace("-", "%252D")]

    def found(self, data):
        """Forms whose secrets are in some bytes."""
        bad = [form for secret, form in self.planted.items() if secret.encode() in data]
        for key in [self.key, *self.keys()[1:]]:
            if key.encode() in data:
                bad.append("the key as " + key)
        return bad


def salt(emu):
    """Let the emulator's every answer be full of secrets; gives who planted them."""
    p = Planter(emu.key)
    words = lambda: " ".join(p.every())  # noqa: E731
    texts = lambda: {"t%d" % i: text for i, text in enumerate(p.every())}  # noqa: E731
    record = {
        "output": dict(texts(), key=p.keys(), **{"k " + emu.key: 1, p.one("?sig=%s"): 2},
                       nested=json.dumps(texts()), twice=json.dumps(json.dumps(texts()))),
        "errors": [{"error_code": "E", "reasoning": words()}],
        "app_url": p.one("https://app.example/runs?token=%s"),
        "title": " ".join(["milk", p.one("https://h/?sig=%s"), emu.key]),
        "webhook_callback_url": p.one("https://h/hook?any=%s"),
        "run_request": {
            "prompt": "buy milk " + words() + emu.key, "url": p.one("https://h/?sig=%s"),
            "extra_http_headers": {"X-Any": p.one("%s"), "Authorization": p.one("Bearer %s"), "n": p.one("%s")},
            "totp_identifier": p.one("%s@example.com"), "totp_url": p.one("https://h/otp?any=%s"),
            "totp_seed": p.one("%s"), "browser_address": p.one("wss://u:%s@h:9222/x"),
            "webhook_url": p.one("https://h/hook?any=%s"), "proxy_password": p.one("%s"),
            "proxy": {"server": "http://h:1", "username": "u", "password": p.one("%s")},
            "proxy_url": p.one("u:%s@h"), "cookies": [{"name": "a", "value": p.one("%s")}],
            "parameters": [{"key": "password", "default_value": p.one("%s")}]},
    }
    reason = "the page\x1b[31m did not load " + words() + emu.key
    listed = {"title": record["title"], "prompt": words(), "more": texts()}
    row = {"more": texts(), "again": emu.key}
    detail = " ".join([p.one("https://h/?sig=%s"), p.one("https://u:%s@h"), emu.key])
    story = {"told": texts(), "parameters": {"password": p.one("%s"), "order": "milk"}, "by": emu.key,
             "webhook_failure_reason": words(), "cookies": [p.one("%s")]}
    emu.salt(record=dict(record, failure_reason=reason), listed=listed, row=row, detail=detail, story=story)
    return p


def artifacts(p, emu, run):
    """Rows whose own names hold secrets."""
    uris = [p.one("s3://b/%s/report.csv?sig=%%s" % run), p.one("s3://b/x;sig=%s"),
            "s3://b/" + emu.key + ".csv", p.one("https://u:%s@b.example/y.csv")]
    return [{"id": "%s_%d" % (run, i), "type": "download" if i else "html", "data": b"a,b\n%d %s\n" % (i, run.encode()),
             "uri": uri, "signing": "s3", "ext": "csv"} for i, uri in enumerate(uris)]


def contents(tmp_path):
    """Every file that is left: as it is, and what is in it."""
    for path in sorted(tmp_path.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield path, data + os.fsencode(path.name)
        if data[:4] == b"\x28\xb5\x2f\xfd":  # also one that was not finished
            yield path, subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, check=False).stdout
        elif data[:2] == b"PK":
            yield path, subprocess.run(["unzip", "-p", str(path)], stdout=subprocess.PIPE, check=True).stdout
            yield path, subprocess.run(["unzip", "-l", str(path)], stdout=subprocess.PIPE, check=True).stdout


def holds_none(p, tmp_path):
    bad = ["%s: %s" % (path.relative_to(tmp_path), form)
           for path, data in contents(tmp_path) for form in p.found(data)]
    assert not bad, "\n".join(bad[:20])


@pytest.fixture
def ask(skyarc, emu):
    """Run a command, and check its output for secrets; returns its result."""
    def run(p, *args, raw=False, **more):
        result = skyarc(*args, **more)
        said = result.out + result.err.encode()
        bad = p.found(said)
        if raw:
            assert len(bad) > 20 and not any(form.startswith("the key") for form in bad), bad
        else:
            assert not bad, (args, bad, said[:2000])
        return result
    return run


@pytest.mark.parametrize("mode", ["old", "today"])
def test_nothing_is_told(ask, emu, mode):
    """show, runs, wait, artifacts, submit and refusals, as text and JSON."""
    emu.mode(mode)
    p = salt(emu)
    emu.run("tsk_s", artifacts(p, emu, "tsk_s"), downloaded_files=[
        {"url": p.one("https://h/f?sig=%s"), "filename": p.one("x?token=%s.csv"), "file_size": 5}])
    for args in (["show"], ["wait"], ["artifacts"]):
        text = ask(p, *args, "-vv", "tsk_s")
        data = ask(p, *args, "--json", "--log-format", "json", "tsk_s").json()
        assert data and text.out
        if args != ["artifacts"]:
            assert data[0]["failure_reason"].startswith("the page") if args == ["wait"] else \
                data["run_request"]["prompt"].startswith("buy milk https://***@host.example/kept")
    ask(p, "show", "--json", "tsk_s", "tsk_demo1")
    rows = ask(p, "runs", "--json").json()
    assert rows[0]["title"] == "milk https://h/?sig=*** ***"
    assert b"milk" in ask(p, "runs").out
    assert b"tsk_s" in ask(p, "runs", "--ids", "-v").out
    assert "unknown" in ask(p, "show", "tsk_none", check=1).err
    assert ask(p, "submit", "--json", "-p", "x", check=0).json()["run_id"]
    emu.script(["completed"])
    ask(p, "submit", "-w", "--json", "--interval", "100ms", "-p", "x")
    detail = json.dumps({"detail": "no: %s %s" % (p.one("https://h/?sig=%s"), emu.key)})
    for args in (["show", "tsk_s"], ["pull", "tsk_s"], ["artifacts", "--json", "tsk_s"]):
        emu.fault("run/tsk_s", "status", status=401, body=detail)
        assert "no: https://h/?sig=***" in ask(p, *args, check=1).err
    emu.fault("runs", "status", status=400, body=detail)
    assert "no: https" in ask(p, "runs", check=1).err


def test_raw_keeps_all_but_the_key(ask, emu):
    p = salt(emu)
    emu.run("tsk_s", artifacts(p, emu, "tsk_s"), status="failed")
    for args in (["show"], ["artifacts", "--json"], ["show", "--json"], ["wait"], ["wait", "--json"]):
        ask(p, *args, "--raw", "tsk_s", raw=True)
    ask(p, "runs", "--json", "--raw", raw=True)


@pytest.mark.parametrize("name", ["a.tar.zst", "a.zip"])
def test_nothing_is_archived(ask, skyarc, emu, tmp_path, name):
    """pull and all that reads an archive: documents, names, manifest, the offline view."""
    emu.mode("today")  # of a server that tells a run's story
    p = salt(emu)
    emu.run("tsk_s", artifacts(p, emu, "tsk_s"), downloaded_files=[
        {"url": p.one(emu.store + "/open/tsk_s_0?sig=%s"), "filename": p.one("x?token=%s.csv"), "file_size": 5,
         "artifact_id": None}], recording_url=p.one("https://h.invalid/r.webm?sig=%s"))
    assert ask(p, "pull", "--dry-run", "tsk_s", check=0).out
    ask(p, "pull", "--dry-run", "--json", "tsk_s", check=0)
    ask(p, "pull", "-vv", "--json", "--retries", "0", "-o", name, "tsk_s", "tsk_demo1", "wr_demo2", check=3)
    top = extract(tmp_path / name, tmp_path)
    told = [path.read_text() for path in top.rglob("records/*.json")]
    assert len([text for text in told if '"password": "***"' in text and '"milk"' in text]) > 2
    for args in (["list", name], ["list", "--json", name], ["verify", "--json", name], ["extract", "-C", "x", name],
                 ["report", "-v", "-o", "report.html", name]):
        assert ask(p, *args, check=0).out or args[0] in ("extract", "report")
    for document in ("manifest.json", "data/tsk_s/run.json", "data/tsk_s/artifacts.json"):
        assert ask(p, "cat", name, document, check=0).out == (top / document).read_bytes()
    record = json.loads((top / "data/tsk_s/run.json").read_text())
    assert record["run_request"]["extra_http_headers"] == {"X-Any": "***", "Authorization": "***", "n": "***"}
    assert record["output"]["t3"] == "https://host.example/kept?sig=***&page=2"
    assert json.loads(record["output"]["nested"])["t0"] == "https://***@host.example/kept"
    assert "buy milk https://***@host.example/kept" in (top / "view/tsk_s.js").read_text()
    files = {path.name for path in (top / "data/tsk_s/files").iterdir()}
    assert files >= {"x;sig=___", "___.csv", "y.csv"}
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=top, check=True)
    holds_none(p, tmp_path)


def test_an_interrupted_pull_keeps_none(emu, env, tmp_path):
    p = salt(emu)
    emu.run("tsk_s", artifacts(p, emu, "tsk_s") + [{"id": "slow", "type": "html", "data": b"x" * 100000}])
    emu.fault("slow", "slow", times=9, steps=100, pause=0.2)
    process = subprocess.Popen([SKYARC, "pull", "-vv", "-o", "c.tar.zst", "tsk_s"], env=env, cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: len([r for r in emu.log("store")]) > 3)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert not p.found(out + err) and list(tmp_path.glob("*.partial*"))
    holds_none(p, tmp_path)


@pytest.mark.parametrize("mode", ["old", "today"])
def test_a_sync_directory_holds_none(ask, emu, tmp_path, mode):
    """Catalog, log, volumes, metrics, and what find, hold, prune and cat say."""
    emu.clear()
    emu.mode(mode)
    p = salt(emu)
    for ident, days in (("tsk_new", 1), ("tsk_old", 90)):
        emu.run(ident, artifacts(p, emu, ident), created_at=stamp(days * 86400 + 60), finished_at=stamp(days * 86400))
    ask(p, "sync", "-vv", "--dest", "vault", "--metrics", "m.prom", check=0)
    ask(p, "sync", "--json", "--dest", "vault", check=0)
    for args in (["find"], ["find", "--json"], ["find", "--runs", "--json"], ["find", "--runs", "--text", "milk"]):
        assert ask(p, *args, "vault", check=0).out
    ask(p, "cat", "vault", "tsk_new_1", check=0)
    ask(p, "hold", "--reason", p.one("case https://h/?sig=%s"), "--dest", "vault", "tsk_new", check=0)
    ask(p, "hold", "--json", "--dest", "vault", check=0)
    ask(p, "prune", "--json", "--dest", "vault", "--keep-days", "30", check=0)
    assert b"tsk_old" in ask(p, "prune", "--apply", "--dest", "vault", "--keep-days", "30", check=0).out
    holds_none(p, tmp_path)


def test_a_webhook_leaves_none(ask, emu, listen, tmp_path):
    p = salt(emu)
    emu.run("tsk_s", artifacts(p, emu, "tsk_s"))
    body = payload("tsk_s", summary=" ".join(p.every()), webhook_callback_url=p.one("https://h/?any=%s"),
                   prompt=emu.key)
    one = listen("-vv", "--delay", "60s")
    assert one.ask("POST", "/", body, sign(emu.key, body))[0] == 200
    code, err = one.stop()
    assert not p.found(err.encode())
    assert list((tmp_path / "in/.queue").iterdir())
    holds_none(p, tmp_path)
    two = listen("-vv")
    wait_for(lambda: (tmp_path / "in/tsk_s.tar.zst").exists())
    assert not p.found(two.stop()[1].encode())
    (tmp_path / "hook.json").write_bytes(body)
    ask(p, "pull", "-v", "--webhook", "hook.json", "--signature", sign(emu.key, body), "-o", "w.tar", check=0)
    (tmp_path / "hook.json").unlink()
    holds_none(p, tmp_path)


def test_archives_of_others(ask, skyarc, emu, tmp_path):
    """What an archive holds that was not made so carefully is not shown either."""
    emu.run("tsk_s", [{"id": "a", "type": "html", "data": b"x"}], failure_reason="Q" * 40)
    skyarc("pull", "-o", "a.tar", "tsk_s", check=0)
    p = Planter(emu.key)
    secret = p.one("?sig=%s").ljust(40)
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(data.replace(b"Q" * 40, secret.encode()))
    ask(p, "report", "-o", "r.html", "a.tar")
    assert b"?sig=***" in (tmp_path / "r.html").read_bytes()
    assert not p.found((tmp_path / "r.html").read_bytes())


class Proxy:
    """A small forward proxy: plain requests go to one address, CONNECT to another; all is kept."""

    def __init__(self, to):
        self.to = to
        self.seen = b""
        self.heads = []
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.handle, args=(client,), daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                with self.lock:
                    self.seen += data
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def handle(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        with self.lock:
            self.seen += head
            self.heads.append(head)
        server = socket.create_connection(self.to)
        if head.startswith(b"CONNECT "):
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:  # http://host/path -> /path, and no second request on this connection
            method, url, rest = head.split(b" ", 2)
            path = b"/" + url.split(b"/", 3)[3]
            server.sendall(b" ".join([method, path, rest.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)]))
        threading.Thread(target=self.pump, args=(client, server), daemon=True).start()
        self.pump(server, client)

    def close(self):
        self.socket.close()


@pytest.fixture
def proxy(emu):
    url = urllib.parse.urlsplit(emu.api)
    made = Proxy((url.hostname, url.port))
    yield made
    made.close()


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_never_gets_the_key_in_clear(skyarc, emu, proxy, name, tmp_path):
    there = {"SKYVERN_BASE_URL": "http://skyvern.example", name: proxy.url}
    for args in (["show", "tsk_demo1"], ["runs"], ["pull", "-o", "a.tar", "tsk_demo1"], ["submit", "-p", "x"],
                 ["sync", "--dest", "d"], ["listen", "--dest", "e", "--addr", "127.0.0.1:0"]):
        result = skyarc(*args, check=2, **there)
        assert name in result.err and "--insecure-key" in result.err
    assert proxy.seen == b"" and emu.log() == [] and emu.tasks() == []
    assert not list(tmp_path.glob("a.tar*"))
    skyarc("show", "--insecure-key", "tsk_demo1", check=0, **there)
    assert emu.key.encode() in proxy.seen  # as was asked for


def test_a_proxy_by_config_or_exempt(skyarc, emu, proxy, tmp_path):
    there = {"SKYVERN_BASE_URL": "http://skyvern.example", "http_proxy": proxy.url}
    folder = tmp_path / "home/.config/skyarc"
    folder.mkdir(parents=True)
    (folder / "config").write_text("insecure-key = true\n")
    skyarc("show", "tsk_demo1", check=0, **there)
    assert proxy.seen
    (folder / "config").unlink()
    proxy.seen = b""
    skyarc("submit", "-p", "x", check=1, no_proxy="example", **there)  # asked for without it: no such host
    assert proxy.seen == b""


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "ALL_PROXY"])
def test_this_machine_is_asked_without_a_proxy(skyarc, emu, proxy, name):
    for base in (emu.api, emu.api.replace("127.0.0.1", "localhost")):
        skyarc("show", "tsk_demo1", check=0, SKYVERN_BASE_URL=base, **{name: proxy.url})
    skyarc("pull", "-o", "a.tar", "tsk_demo1", check=0, **{name: proxy.url})
    assert proxy.seen == b""


def test_https_goes_through_a_tunnel(skyarc, tmp_path):
    """The proxy sees a host, and what TLS makes of the rest."""
    _, both = certificate(tmp_path, "skyvern.example", "DNS:skyvern.example,IP:127.0.0.1")
    emulator = Emulator("--tls", both)
    url = urllib.parse.urlsplit(emulator.api)
    proxy = Proxy((url.hostname, url.port))
    try:
        result = skyarc("show", "-vv", "--ca-file", "cert.pem", "tsk_demo1", check=0, https_proxy=proxy.url,
                        SKYVERN_BASE_URL="https://skyvern.example")
        assert b"tsk_demo1" in result.out
        assert proxy.heads and all(h.startswith(b"CONNECT skyvern.example:443 ") for h in proxy.heads)
        assert emulator.key.encode() not in proxy.seen and b"x-api-key" not in proxy.seen.lower()
    finally:
        proxy.close()
        emulator.close()


def test_a_proxy_of_no_use_is_not_told_with_its_password(skyarc, emu):
    for bad in ("ftp://bob:Zq7word@proxy.example:1", "http://bob:Zq7word@proxy.invalid:1", "http://bob:Zq7word@[x",
                "bob:Zq7word@proxy.invalid:x"):
        result = skyarc("submit", "-vv", "--insecure-key", "--json", "-p", "x", check=1, ALL_PROXY=bad,
                        SKYVERN_BASE_URL="http://skyvern.example")  # sent once: it does not try again
        assert "Zq7word" not in result.err and b"Zq7word" not in result.out


def test_no_other_secret_goes_along(skyarc, emu, tmp_path):
    """No .netrc, no cookie, no Referer; the key to the API's own origin alone, also when led elsewhere."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / ".netrc").write_text("machine 127.0.0.1 login bob password Zq7word\ndefault login a password Zq7word\n")
    os.chmod(home / ".netrc", 0o600)
    emu.run("tsk_r", [{"id": "r1", "type": "html", "data": b"<p>x</p>", "signing": "unsigned"}])
    emu.fault("content/r1", "redirect", to=emu.store + "/open/r1", headers={})
    emu.fault("run/tsk_r", "status", status=503, headers={"Set-Cookie": "a=Zq7word; Path=/"})
    skyarc("pull", "-o", "a.tar", "tsk_r", check=0)
    assert [r for r in emu.log("store") if r["path"] == "/open/r1"]
    for request in emu.log():
        for name in ("authorization", "cookie", "referer", "proxy-authorization"):
            assert name not in request["headers"], request
        assert "Zq7word" not in json.dumps(request)
        assert ("x-api-key" in request["headers"]) == (request["role"] == "api")
