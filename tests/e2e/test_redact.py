# SPDX-License-Identifier: MIT
"""Copies for others: skyarc redact, and verify --original."""
import base64
import gzip
import html
import io
import json
import os
import shutil
import subprocess
import tarfile
import urllib.parse
import zipfile

import pytest

import craft
from conftest import TESTS, extract
from test_pull import check_bag, check_manifest

DATA = TESTS + "/data/redact/"
with open(DATA + "secrets.json", encoding="utf-8") as _file:
    SECRETS = json.load(_file)
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
TYPED = "getippt-und-geheim-31"


def recorded(name):
    with open(DATA + name, "rb") as file:
        return file.read()


def cores(secret):
    """The characters of base64 that a text alone determines, at each alignment, in both alphabets."""
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + secret).decode().rstrip("=")
        core = text[-(-shift * 8 // 6):(shift + len(secret)) * 8 // 6]
        yield core.encode()
        yield core.replace("+", "-").replace("/", "_").encode()


def forms(secret):
    """A text in all encodings in which it must not be found."""
    odd = "".join(c if c.isalnum() else "&#%d;" % ord(c) for c in secret)
    odder = "".join(c if c.isalnum() else "&#x%X;" % ord(c) for c in secret)
    escaped = "".join(c if c.isalnum() else "\\u%04x" % ord(c) for c in secret)
    plain = {secret, json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3], escaped,
             json.dumps(secret)[1:-1].replace("/", "\\/"), html.escape(secret), html.escape(secret, False), odd, odder,
             html.escape(json.dumps(secret)[1:-1]), urllib.parse.quote(secret, ""), urllib.parse.quote_plus(secret),
             urllib.parse.quote(secret), urllib.parse.quote(urllib.parse.quote(secret, ""), "")}
    found = {text.encode() for text in plain}
    found |= {text.encode().replace(b"%2B", b"%2b").replace(b"%3D", b"%3d") for text in plain}
    return found | set(cores(secret.encode()))


def inside(name, data):
    """A content, and what is in it, if it is a ZIP or compressed by gzip."""
    yield name, data
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for part in archive.namelist():
                yield from inside(name + "!" + part, archive.read(part))
    elif data[:3] == b"\x1f\x8b\x08":
        yield from inside(name + "!gz", gzip.decompress(data))


def contents(archive, tmp_path):
    """All bytes of an archive: its frames, decompressed and as they are, and its files, with what is in them."""
    raw = archive.read_bytes() if archive.is_file() else b""
    yield "raw", raw
    name = archive.name
    if name.endswith(".tar.zst"):
        yield "frames", subprocess.run(["zstd", "-dc", str(archive)], check=True, stdout=subprocess.PIPE).stdout
    elif name.endswith(".tar.gz"):
        yield "frames", gzip.decompress(raw)
    where = tmp_path / ("look-" + name)
    where.mkdir()
    folder = extract(archive, where) if archive.is_file() else archive
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield "name", str(path.relative_to(folder)).encode()
        yield from inside(str(path.relative_to(folder)), path.read_bytes())
    shutil.rmtree(where)


def leaks(archive, tmp_path, secrets):
    wanted = {name: forms(secret) for name, secret in secrets.items()}
    found = set()
    for where, data in contents(archive, tmp_path):
        for name, texts in wanted.items():
            found |= {(where, name, text) for text in texts if text in data}
    return found


def world(emu, **more):
    """A run with what Playwright and Chromium wrote, and the same secrets elsewhere in all encodings."""
    emu.mode("today")
    actions = [{"action_type": "input_text", "status": "completed", "step_id": "stp_1", "element_id": "AAB1",
                "text": TYPED, "reasoning": "I type %s into the field" % TYPED, "action_order": 0}]
    tree = [{"id": "AAB0", "tagName": "input", "attributes": {"type": "text"}},
            {"id": "AAB1", "tagName": "input", "attributes": {"type": "password"}, "children": []}]
    s = SECRETS
    letter = "Dear %s,\nyour card %s and your key %s.\n" % (s["email"], s["card_spaced"], s["api_key"])
    prompt = "\n".join([s["password"], html.escape(s["password"]), urllib.parse.quote(s["password"], ""),
                        json.dumps({"a": [s["session_cookie"], json.dumps({"b": s["password"]})]}),
                        "data:text/plain;base64," + base64.b64encode(("x" + letter).encode()).decode(),
                        base64.b64encode(b"ab" + s["refresh"].encode() + b"!").decode(), s["email"].replace("@", "%40")])
    llm = {"model": "m", "messages": [{"role": "user", "content": "Who is " + s["email"] + "?"}],
           "payload": {"customer": {"name": "Ada Lovelace-Byron", "id": 12345678}}}
    rows = [{"id": "a_har", "type": "har", "data": recorded("embed.har"), "ext": "har"},
            {"id": "a_page", "type": "html_action", "data": recorded("page.html"), "ext": "html"},
            {"id": "a_same", "type": "html_scrape", "data": recorded("page.html"), "ext": "html"},
            {"id": "a_store", "type": "unknown", "data": recorded("storage.json"), "ext": "json"},
            {"id": "a_trace", "type": "trace", "data": recorded("trace.zip"), "ext": "zip"},
            {"id": "a_prompt", "type": "llm_prompt", "data": prompt.encode(), "ext": "txt"},
            {"id": "a_llm", "type": "llm_request", "data": json.dumps(llm).encode(), "ext": "json"},
            {"id": "a_tree", "type": "visible_elements_tree", "data": json.dumps(tree).encode(), "ext": "json"},
            {"id": "a_zipped", "type": "skyvern_log", "data": gzip.compress(letter.encode() * 50), "ext": "log.gz"},
            {"id": "a_plain", "type": "skyvern_log", "data": b"nothing of interest\n" * 300, "ext": "log"},
            {"id": "a_shot", "type": "screenshot_action", "data": PNG + b"0", "step_id": "stp_1", "ext": "png"},
            {"id": "a_shot2", "type": "screenshot_action", "data": PNG + b"1", "step_id": "stp_2", "ext": "png"},
            {"id": "a_told", "type": "screenshot_final", "data": PNG + s["email"].encode() + TYPED.encode(), "ext": "png"},
            {"id": "a_video", "type": "recording", "webm": 20_000, "seed": 5}]
    emu.world(tasks={"tsk_shop": {"actions": actions, "steps": [{"step_id": "stp_1", "order": 0}]}})
    emu.run("tsk_shop", rows, run_type="task_v1", title="Order of " + s["email"],
            failure_reason="the page said: " + s["api_key"], **more)
    return dict(SECRETS, typed=TYPED)


@pytest.fixture
def shop(emu, skyarc, tmp_path):
    """The archive, and its secrets, each of which is in it."""
    secrets = world(emu)
    skyarc("pull", "-o", "shop.tar.zst", "tsk_shop", check=0)
    archive = tmp_path / "shop.tar.zst"
    assert {name for _, name, _ in leaks(archive, tmp_path, secrets)} == set(secrets)
    return archive, secrets


def manifest_of(skyarc, archive):
    return json.loads(skyarc("cat", archive, "manifest.json", check=0).out)


def rules(tmp_path, **more):
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(dict({"skyarc_rules": 1}, **more)))
    return path


@pytest.mark.parametrize("name", ["copy.tar.zst", "copy.tar.gz", "copy.tar", "copy.zip", "copy/"])
def test_nothing_is_left(shop, skyarc, tmp_path, name):
    archive, secrets = shop
    skyarc("redact", archive, "-o", name, check=0)
    copy = tmp_path / name.rstrip("/")
    assert not leaks(copy, tmp_path, secrets)
    skyarc("verify", copy, check=0)
    skyarc("verify", copy, "--original", archive, check=0)
    where = tmp_path / "whole"
    where.mkdir()
    folder = extract(copy, where) if copy.is_file() else copy
    manifest = json.loads((folder / "manifest.json").read_text())
    check_bag(folder)
    check_manifest(manifest, folder)
    assert not list(tmp_path.glob("*.partial*"))
    said = manifest["redaction"]
    assert said["original_manifest_sha256"] in skyarc("verify", archive, check=0).out.decode()
    removed = {row["path"].rpartition("_a_")[2].partition(".")[0]: row["rule"] for row in said["removed"]}
    assert removed == {"trace": "unmaskable", "video": "unmaskable", "told": "leftover", "requests": "unmaskable"}


def test_texts_stay_what_they_are(shop, skyarc, tmp_path):
    archive, _ = shop
    skyarc("redact", archive, "-o", "copy.tar.zst", check=0)
    old, new = extract(archive, tmp_path), extract(tmp_path / "copy.tar.zst", tmp_path)
    (har,) = new.glob("data/*/har/*.har")
    log = json.loads(har.read_text())["log"]
    was = json.loads(recorded("embed.har"))["log"]
    assert [e["response"]["status"] for e in log["entries"]] == [e["response"]["status"] for e in was["entries"]]
    assert [len(e["request"]["headers"]) for e in log["entries"]] == [len(e["request"]["headers"]) for e in was["entries"]]
    for entry, before in zip(log["entries"], was["entries"]):
        assert {c["value"] for c in entry["request"]["cookies"]} <= {"[redacted:cookies]"}
        assert urllib.parse.urlsplit(entry["request"]["url"]).path == urllib.parse.urlsplit(before["request"]["url"]).path
        for header, head in zip(entry["request"]["headers"], before["request"]["headers"]):
            assert header["name"] == head["name"]
            if head["name"] in ("Host", "User-Agent", "Accept"):
                assert header["value"] == head["value"]
    bodies = [e["response"]["content"] for e in log["entries"] if e["response"]["content"].get("encoding") == "base64"]
    assert [base64.b64decode(body["text"]) for body in bodies] == [b"id;mail\n7;[redacted:emails]\n"]
    (page,) = new.glob("data/*/html_action/*.html")
    assert page.read_text().count("<") == recorded("page.html").decode().count("<")
    (log,) = new.glob("data/*/skyvern_log/*.gz")
    assert gzip.decompress(log.read_bytes()).startswith(b"Dear [redacted:emails],\nyour card [redacted:cards] and")
    for path in old.rglob("*"):  # what has no secret has the same bytes
        if "a_plain" in path.name or "a_shot" in path.name:
            assert (new / path.relative_to(old)).read_bytes() == path.read_bytes()
    actions = json.loads((new / "data/tsk_shop/records/actions-tsk_shop.json").read_text())
    assert actions[0]["text"] == "[redacted:typed]" and actions[0]["element_id"] == "AAB1"
    rows = {row["artifact_id"]: row for row in json.loads((new / "manifest.json").read_text())["artifacts"]}
    assert rows["a_har"]["checksum"] is None and rows["a_har"]["listed_size"] is None
    assert rows["a_plain"]["checksum"] == rows["a_plain"]["sha256"]
    assert rows["a_same"]["duplicate_of"] == rows["a_page"]["path"]
    assert "alice" not in (new / "index.html").read_text() and "[redacted:emails]" in (new / "index.html").read_text()


def test_the_view_opens(shop, skyarc, tmp_path, browser):
    archive, _ = shop
    skyarc("redact", archive, "-o", "copy/", check=0)
    browser.open("file://%s/copy/index.html#tsk_shop" % tmp_path)
    browser.until("document.body.innerText.includes('[redacted:emails]')")
    assert not [c for c in browser.complaints() if "exceptionDetails" in c]


def test_nothing_between_the_files(shop, skyarc, tmp_path):
    """The padding of the tar stream is zero, and the file is nothing but frames."""
    archive, _ = shop
    skyarc("redact", archive, "-o", "copy.tar.zst", check=0)
    plain = subprocess.run(["zstd", "-dc", str(tmp_path / "copy.tar.zst")], check=True, stdout=subprocess.PIPE).stdout
    end = 0
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        for member in tar:
            assert not any(plain[end:member.offset])
            end = member.offset_data + (member.size if member.isreg() else 0)
    assert end and not any(plain[end:])


def test_digests_are_left_out_unless_asked_for(shop, skyarc, tmp_path):
    archive, _ = shop
    was = {row["artifact_id"]: row for row in manifest_of(skyarc, archive)["artifacts"]}
    masked = [was[name]["sha256"].encode() for name in ("a_har", "a_page", "a_prompt", "a_video", "a_trace", "a_zipped")]
    skyarc("redact", archive, "-o", "copy.tar.zst", check=0)
    for _, data in contents(tmp_path / "copy.tar.zst", tmp_path):
        assert not [digest for digest in masked if digest in data]
    skyarc("redact", archive, "-o", "told.tar.zst", "--digests", check=0)
    said = manifest_of(skyarc, "told.tar.zst")["redaction"]
    assert said["digests"] is True
    named = {row["original_sha256"].encode() for row in said["changed"] + said["removed"]}
    assert named >= set(masked)
    skyarc("verify", "told.tar.zst", "--original", archive, check=0)


def test_rules_of_a_file(shop, skyarc, tmp_path):
    archive, _ = shop
    path = rules(tmp_path, off=["emails"], keep=["trace", "har"],
                 remove=[{"name": "shots", "types": ["screenshots"], "steps": ["stp_1"]}],
                 paths=[{"name": "customer", "path": "$.payload.customer.*", "types": ["llm_request"]},
                        {"name": "reasons", "path": "$..reasoning"}],
                 patterns=[{"name": "nothing", "regex": "nothing of (int\\\\w+)".replace("\\\\", "\\")}],
                 words=[{"name": "theme", "text": "dark"}])
    skyarc("redact", archive, "-o", "copy.tar.zst", "--rules", path, check=0)
    new = extract(tmp_path / "copy.tar.zst", tmp_path)
    assert sorted(p.name[-11:] for p in new.glob("data/*/screenshot*/*")) == ["a_shot2.png"]
    (trace,) = new.glob("data/*/trace/*")
    assert trace.read_bytes() == recorded("trace.zip")
    (har,) = new.glob("data/*/har/*")
    assert SECRETS["bearer"] not in har.read_text()
    (request,) = new.glob("data/*/llm_request/*")
    request = json.loads(request.read_text())
    assert request["payload"] == {"customer": {"name": "[redacted:customer]", "id": "[redacted:customer]"}}
    assert SECRETS["email"] in request["messages"][0]["content"]
    assert json.loads((new / "data/tsk_shop/records/actions-tsk_shop.json").read_text())[0]["reasoning"] == "[redacted:reasons]"
    (log,) = new.glob("data/*/skyvern_log/*a_plain*")
    assert log.read_bytes() == b"nothing of [redacted:nothing]\n" * 300
    (store,) = new.glob("data/*/unknown/*")
    assert "[redacted:theme]" in store.read_text()
    skyarc("verify", "copy.tar.zst", "--original", archive, check=0)


@pytest.mark.parametrize("text, said", [
    ("{", "JSON"), ("[]", "expected an object"), ("{}", "skyarc_rules"), ('{"skyarc_rules": 2}', "skyarc_rules"),
    ('{"skyarc_rules": 1, "of": ["emails"]}', "unknown member 'of'"),
    ('{"skyarc_rules": 1, "off": ["email"]}', "'email' is not a default rule"),
    ('{"skyarc_rules": 1, "off": ["leftover"]}', "not a default rule that masks"),
    ('{"skyarc_rules": 1, "keep": ["movies"]}', "'movies' is no artifact type"),
    ('{"skyarc_rules": 1, "remove": [{"name": "x"}]}', "names no types, names or steps"),
    ('{"skyarc_rules": 1, "remove": [{"name": "X Y", "types": ["har"]}]}', "small letters"),
    ('{"skyarc_rules": 1, "remove": [{"name": "emails", "types": ["har"]}]}', "name of a default rule"),
    ('{"skyarc_rules": 1, "paths": [{"name": "x", "path": "a.b"}]}', "does not begin with $"),
    ('{"skyarc_rules": 1, "paths": [{"name": "x", "path": "$.a[?(1)]"}]}', "malformed"),
    ('{"skyarc_rules": 1, "patterns": [{"name": "x", "regex": "(a"}]}', "cannot be compiled"),
    ('{"skyarc_rules": 1, "patterns": [{"name": "x", "regex": "a", "flags": "i"}]}', "unknown member 'flags'"),
])
def test_wrong_rules(made, skyarc, tmp_path, text, said):
    archive = made()
    (tmp_path / "rules.json").write_text(text)
    result = skyarc("redact", archive, "-o", "copy.tar.zst", "--rules", "rules.json", check=2)
    assert said in result.err and "rules.json" in result.err
    assert not list(tmp_path.glob("copy*"))


def test_a_slow_expression_is_an_error(shop, skyarc, tmp_path):
    archive, _ = shop
    path = rules(tmp_path, patterns=[{"name": "slow", "regex": "([a-z]+[a-z ]*)+[0-9][#~]"}])
    result = skyarc("redact", archive, "-o", "copy.tar.zst", "--rules", path, check=1)
    assert "the rule 'slow'" in result.err and "takes too long" in result.err
    assert not list(tmp_path.glob("copy*"))


def test_dry_run(shop, skyarc, tmp_path):
    archive, secrets = shop
    before = sorted(tmp_path.iterdir())
    result = skyarc("redact", archive, "--dry-run", check=0)
    assert sorted(tmp_path.iterdir()) == before
    assert "nothing was written" in result.out.decode() and "left out" in result.out.decode()
    assert not [s for s in secrets.values() if s in result.out.decode() + result.err]
    counted = skyarc("redact", archive, "--dry-run", "--json", check=0).json()
    assert counted["copy"] is None and counted["manifest_sha256"] is None and counted["dry_run"] is True
    made = skyarc("redact", archive, "-o", "copy.tar.zst", "--json", check=0).json()
    assert made["by_rule"] == counted["by_rule"] and made["rows"] == counted["rows"]
    assert made["manifest_sha256"] in skyarc("verify", "copy.tar.zst", check=0).out.decode()
    assert (made["files"], made["removed_files"]) == (20, 4)
    masks = {row["name"]: row["masks"] for row in manifest_of(skyarc, "copy.tar.zst")["redaction"]["rules"] if row["masks"]}
    assert masks == {row["rule"]: row["masks"] for row in made["by_rule"]}


def test_names_with_secrets(emu, skyarc, tmp_path):
    emu.run("tsk_n", [{"id": "d%d" % i, "type": "download", "data": b"report %d\n" % i, "ext": "txt",
                       "uri": "s3://b/o/downloads/r/%d/bob@mail.example.org.txt" % i} for i in range(2)])
    skyarc("pull", "-o", "a.tar.zst", "tsk_n", check=0)
    assert "bob@mail" in skyarc("list", "a.tar.zst", check=0).out.decode()
    skyarc("redact", "a.tar.zst", "-o", "copy.tar.zst", check=0)
    assert not leaks(tmp_path / "copy.tar.zst", tmp_path, {"mail": "bob@mail.example.org"})
    listed = skyarc("list", "copy.tar.zst", check=0).out.decode()
    assert "redacted-emails" in listed and "redacted-emails~2" in listed
    skyarc("verify", "copy.tar.zst", "--original", "a.tar.zst", check=0)
    assert skyarc("cat", "copy.tar.zst", "d1", check=0).out == b"report 1\n"


def test_duplicates(emu, skyarc, tmp_path):
    """What is left out by one row's step is nowhere in the copy; links stay links."""
    text = b"mail to carol@mail.example.org\n" * 400
    emu.run("tsk_d", [{"id": "s0", "type": "screenshot_action", "data": PNG * 90, "step_id": "stp_0"},
                      {"id": "s1", "type": "screenshot_final", "data": PNG * 90, "step_id": "stp_1"},
                      {"id": "t0", "type": "skyvern_log", "data": text}, {"id": "t1", "type": "browser_console_log", "data": text}])
    skyarc("pull", "-o", "a.tar.zst", "tsk_d", check=0)
    path = rules(tmp_path, remove=[{"name": "first", "steps": ["stp_0"]}])
    for name in ("copy.tar.zst", "copy.zip"):
        skyarc("redact", "a.tar.zst", "-o", name, "--rules", path, check=0)
        manifest = manifest_of(skyarc, name)
        assert {row["artifact_id"] for row in manifest["artifacts"]} == {"t0", "t1"}
        assert [row["rule"] for row in manifest["redaction"]["removed"]] == ["unmaskable", "first", "first"]
        assert sorted(row["link"] for row in manifest["artifacts"]) == [False, name != "copy.zip"]
        skyarc("verify", name, "--original", "a.tar.zst", check=0)
        assert not leaks(tmp_path / name, tmp_path, {"mail": "carol@mail.example.org"})


def test_a_copy_of_a_copy(shop, skyarc, tmp_path):
    archive, _ = shop
    skyarc("redact", archive, "-o", "one.tar.zst", check=0)
    skyarc("redact", "one.tar.zst", "-o", "two.tar.zst", check=0)
    skyarc("verify", "two.tar.zst", "--original", "one.tar.zst", check=0)
    one, two = manifest_of(skyarc, "one.tar.zst"), manifest_of(skyarc, "two.tar.zst")
    assert two["redaction"]["changed"] == [] and two["redaction"]["removed"] == []
    assert [row["sha256"] for row in one["artifacts"]] == [row["sha256"] for row in two["artifacts"]]
    result = skyarc("verify", "two.tar.zst", "--original", archive, check=4)
    assert "it is a copy of another archive" in result.err
    result = skyarc("verify", archive, "--original", "one.tar.zst", check=4)
    assert "no redacted copy" in result.err


def test_the_documented_signature(shop, skyarc, tmp_path):
    archive, _ = shop
    skyarc("redact", archive, "-o", "copy.tar.zst", check=0)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (tmp_path / "signers").write_text("me@example.org " + (tmp_path / "key.pub").read_text())
    manifest = skyarc("cat", "copy.tar.zst", "manifest.json", check=0).out
    made = subprocess.run(["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "skyarc"], input=manifest, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    (tmp_path / "copy.tar.zst.sig").write_bytes(made.stdout)
    skyarc("verify", "copy.tar.zst", "--signers", "signers", "--original", archive, check=0)


def forge(skyarc, tmp_path, change, name="forged"):
    """The copy as a directory, its manifest changed, and the bag made to agree with it."""
    import hashlib
    folder = tmp_path / name
    shutil.copytree(tmp_path / "copy", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest, folder)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    rows = [row for row in manifest["artifacts"] + manifest["documents"] if row["path"].startswith("data/")]
    (folder / "manifest-sha256.txt").write_text("".join("%s  %s\n" % (row["sha256"], row["path"]) for row in rows))
    info = (folder / "bag-info.txt").read_text().splitlines()
    total = "Payload-Oxum: %d.%d" % (sum(row["size"] for row in rows), len(rows))
    (folder / "bag-info.txt").write_text("\n".join(total if line.startswith("Payload-Oxum") else line for line in info) + "\n")
    tags = folder / "tagmanifest-sha256.txt"
    names = [line.split("  ", 1)[1] for line in tags.read_text().splitlines()]
    tags.write_text("".join("%s  %s\n" % (hashlib.sha256((folder / n).read_bytes()).hexdigest(), n) for n in names))
    return folder


def drop_file(manifest, folder, which):
    row = [r for r in manifest["artifacts"] if r["artifact_id"] == which][0]
    manifest["artifacts"].remove(row)
    (folder / row["path"]).unlink()
    manifest["totals"].update(artifacts=len(manifest["artifacts"]), bytes=sum(r["size"] for r in manifest["artifacts"]))


def swap_text(manifest, folder, which, text):
    import hashlib
    row = [r for r in manifest["artifacts"] if r["artifact_id"] == which][0]
    (folder / row["path"]).chmod(0o600)
    (folder / row["path"]).write_bytes(text)
    row["size"], row["sha256"] = len(text), hashlib.sha256(text).hexdigest()
    return row


def lie_digest(m, f):
    m["redaction"]["original_manifest_sha256"] = "0" * 64


def lie_hidden(m, f):
    drop_file(m, f, "a_plain")


def lie_removed(m, f):
    m["redaction"]["removed"].append({"list": "artifacts", "row": 9, "path": [r for r in m["artifacts"] if r["artifact_id"] == "a_plain"][0]["path"], "rule": "x"})


def lie_silent(m, f):
    swap_text(m, f, "a_plain", b"something else\n")


def lie_changed(m, f):
    row = [r for r in m["artifacts"] if r["artifact_id"] == "a_plain"][0]
    m["redaction"]["changed"].append({"list": "artifacts", "row": 9, "path": row["path"], "renamed": False, "rules": [], "sha256": row["sha256"]})


def lie_after(m, f):
    swap_text(m, f, "a_prompt", b"another prompt\n")


def lie_gone(m, f):
    drop_file(m, f, "a_prompt")


def lie_title(m, f):
    m["runs"][0]["title"] = "Order of nobody"


def lie_status(m, f):
    m["runs"][0]["status"] = "failed"


def lie_step(m, f):
    [r for r in m["artifacts"] if r["artifact_id"] == "a_plain"][0]["step_id"] = "stp_9"


def lie_added(m, f):
    row = dict([r for r in m["artifacts"] if r["artifact_id"] == "a_plain"][0])
    row["path"] = row["path"].replace("a_plain", "a_more")
    (f / row["path"]).write_bytes(b"nothing of interest\n" * 300)
    m["artifacts"].append(dict(row, artifact_id="a_more"))


def lie_place(m, f):
    row = [r for r in m["redaction"]["removed"] if r["list"] == "artifacts"][0]
    row["path"] = row["path"].replace("a_trace", "a_other")


@pytest.mark.parametrize("lie, said", [
    (lie_digest, "a copy of another archive"), (lie_hidden, "neither in the copy nor named as removed"),
    (lie_removed, "named as removed, and is in the copy"), (lie_silent, "differs from the original, and is not named"),
    (lie_changed, "named as changed, and is not"), (lie_after, "has not the digest that is named"),
    (lie_gone, "named as changed, and is not in the copy"), (lie_title, "'title' of row 0 of 'runs'"),
    (lie_status, "'status' of row 0 of 'runs'"), (lie_step, "'step_id' of row 9 of 'artifacts'"),
    (lie_added, "not in the original"), (lie_place, "in the place of another file"),
], ids=lambda value: value if isinstance(value, str) else value.__name__)
def test_lies(shop, skyarc, tmp_path, lie, said):
    archive, _ = shop
    skyarc("redact", archive, "-o", "copy/", check=0)
    forged = forge(skyarc, tmp_path, lambda m, f: None, "same")
    skyarc("verify", forged, "--original", archive, check=0)  # forging alone is not what is found
    forged = forge(skyarc, tmp_path, lie)
    skyarc("verify", forged, check=0)
    result = skyarc("verify", forged, "--original", archive, check=4)
    assert said in result.err
    rows = json.loads(skyarc("verify", forged, "--original", archive, "--json", check=4).out)
    assert any(said in damage["what"] for damage in rows[0]["damage"])


def test_damaged_and_foreign_originals(shop, skyarc, tmp_path):
    archive, _ = shop
    skyarc("redact", archive, "-o", "copy.tar.zst", check=0)
    bad = tmp_path / "bad.tar.zst"
    bad.write_bytes(archive.read_bytes()[:3000])
    for original in (bad, tmp_path / "none.tar.zst", tmp_path / "home"):
        result = skyarc("verify", "copy.tar.zst", "--original", original)
        assert result.code in (1, 2, 4) and "original" in result.err, result
    assert skyarc("redact", bad, "-o", "x.tar.zst").code == 4
    data = bytearray(archive.read_bytes())
    data[len(data) // 4] ^= 1
    bad.write_bytes(data)
    skyarc("redact", bad, "-o", "x.tar.zst", check=4)
    assert not list(tmp_path.glob("x.tar*"))
    (tmp_path / "text").write_text("no archive")
    assert skyarc("redact", tmp_path / "text", "-o", "x.tar.zst").code in (1, 2)


def test_wrong_operands(shop, skyarc, tmp_path):
    archive, _ = shop
    skyarc("redact", check=2)
    skyarc("redact", archive, check=2)
    skyarc("redact", archive, archive, "-o", "c.tar.zst", check=2)
    skyarc("redact", archive, "-o", archive, "--force", check=2)
    skyarc("redact", archive, "-o", "-", check=2)
    skyarc("redact", archive, "-o", "s3://bucket/copy/", check=2)
    skyarc("redact", archive, "-o", "copy.rar", check=2)
    skyarc("redact", archive, "-o", "c.tar.zst", "--rules", "none.json", check=1)
    skyarc("redact", archive, "-o", "c.tar.zst", check=0)
    skyarc("redact", archive, "-o", "c.tar.zst", check=1)
    skyarc("redact", archive, "-o", "c.tar.zst", "--force", check=0)
    skyarc("verify", "c.tar.zst", archive, "--original", archive, check=2)


def test_large_files_and_memory(emu, skyarc, tmp_path):
    """A text beyond the limit is left out; a large HAR takes bounded memory."""
    big = b"x" * 1023 + b"\n"
    entry = json.loads(recorded("embed.har"))["log"]["entries"][4]
    har = json.dumps({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": [entry] * 4000}}).encode()
    emu.run("tsk_l", [{"id": "big", "type": "skyvern_log", "data": big * (65 << 10)}, {"id": "har", "type": "har", "data": har}])
    skyarc("pull", "-o", "a.tar.zst", "tsk_l", check=0)
    skyarc("redact", "a.tar.zst", "-o", "copy.tar.zst", check=0)
    removed = manifest_of(skyarc, "copy.tar.zst")["redaction"]["removed"]
    assert [row["rule"] for row in removed] == ["unmaskable", "too-large"]
    assert not leaks(tmp_path / "copy.tar.zst", tmp_path, {"bearer": SECRETS["bearer"]})


def test_documents_about_the_making_are_left_out(shop, skyarc, tmp_path):
    """A document beside manifest.json, as another version may write it."""
    import hashlib
    archive, _ = shop
    skyarc("redact", archive, "-o", "copy/", check=0)
    text = b'{"to": "dave@mail.example.org"}\n'

    def more(manifest, folder):
        (folder / "extra.jsonl").write_bytes(text)
        manifest["documents"].append({"path": "extra.jsonl", "size": len(text), "sha256": hashlib.sha256(text).hexdigest(), "offset": None})
        with open(folder / "tagmanifest-sha256.txt", "a", encoding="utf-8") as file:
            file.write("%s  extra.jsonl\n" % ("0" * 64))

    made = forge(skyarc, tmp_path, more, "made")
    skyarc("verify", made, check=0)
    skyarc("redact", made, "-o", "two.tar.zst", check=0)
    removed = manifest_of(skyarc, "two.tar.zst")["redaction"]["removed"]
    assert [(row["path"], row["rule"]) for row in removed] == [("extra.jsonl", "unmaskable")]
    skyarc("verify", "two.tar.zst", "--original", made, check=0)
    assert not leaks(tmp_path / "two.tar.zst", tmp_path, {"mail": "dave@mail.example.org"})


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.zst"])
def test_the_copy_of_an_archive_that_something_else_made(skyarc, tmp_path, kind):
    """Its rows may lack where a content lies, which those of the copy have; all else is compared."""
    (tmp_path / ("hand." + kind)).write_bytes(craft.sample().packed(kind))
    skyarc("redact", "hand." + kind, "-o", "copy." + kind, check=0)
    skyarc("verify", "copy." + kind, "--original", "hand." + kind, check=0)

    def lie(manifest):
        manifest["documents"][0]["size"] += 1
    (tmp_path / "other.tar").write_bytes(craft.sample(manifest=lie).packed("tar"))
    skyarc("verify", "copy." + kind, "--original", "other.tar", check=4)


def test_an_expression_that_is_slow_at_each_place(skyarc, tmp_path):
    """Few steps at each place of a text, but at 400,000 places: the time on the text is limited."""
    (tmp_path / "slow.tar").write_bytes(craft.Bag({"data/r1/html/one.html": b"x" * 400000}).packed("tar"))
    path = rules(tmp_path, patterns=[{"name": "slow", "regex": "x+?[#~]"}])
    result = skyarc("redact", "slow.tar", "-o", "c.tar", "--rules", path, check=1, timeout=400)
    assert "the rule 'slow'" in result.err and "takes too long" in result.err and "s of computing" in result.err
    assert not (tmp_path / "c.tar").exists()


def test_expressions_where_the_text_is_odd(skyarc, tmp_path):
    """Matches at the ends of windows and of parts that are valid UTF-8; anchors hold for the whole text."""
    def text(mask):
        return (mask + b"\xff" + mask + "\u00e9\u20ac".encode() * 5000 + mask + b"\xc3" + mask + b" " + b"x" * 9000 + mask)

    (tmp_path / "odd.tar").write_bytes(craft.Bag({"data/r1/html/one.html": text(b"ab1")}).packed("tar"))
    for name, regex in (("number", "ab[0-9]"), ("group", "(ab[0-9]).*?")):
        path = rules(tmp_path, patterns=[{"name": name, "regex": regex}])
        skyarc("redact", "odd.tar", "-o", name + ".tar", "--rules", path, check=0)
        masked = skyarc("cat", name + ".tar", "data/r1/html/one.html", check=0).out
        assert masked == text(b"[redacted:%s]" % name.encode())
    path = rules(tmp_path, patterns=[{"name": "first", "regex": "^ab[0-9]"}, {"name": "last", "regex": "ab[0-9]$"}])
    skyarc("redact", "odd.tar", "-o", "d.tar", "--rules", path, check=0)
    masked = skyarc("cat", "d.tar", "data/r1/html/one.html", check=0).out
    assert masked.startswith(b"[redacted:first]\xff") and masked.endswith(b"x[redacted:last]")
    assert masked.count(b"[redacted:") == 2 and masked.count(b"ab1") == 3


def test_many_matches(skyarc, tmp_path):
    """The time is linear in the text: its validity was looked at for each match."""
    (tmp_path / "many.tar").write_bytes(craft.Bag({"data/r1/html/one.html": b"ab@1 " * 400000}).packed("tar"))
    path = rules(tmp_path, base="none", patterns=[{"name": "many", "regex": "@[0-9]"}])
    skyarc("redact", "many.tar", "-o", "c.tar", "--rules", path, "--no-report", check=0, timeout=400)
    assert skyarc("cat", "c.tar", "data/r1/html/one.html", check=0).out == b"ab[redacted:many] " * 400000
