# SPDX-License-Identifier: MIT
"""view: archives shown by a server on this machine, without extracting them."""
import hashlib
import http.client
import json
import os
import random
import re
import signal
import stat
import subprocess
import time
import urllib.parse

import pytest

import case
from conftest import SKYARC
from process import end_process
from reading import FORMATS, flip, frames, rows_of

SLOW = any(word in open(SKYARC, "rb").read(1 << 27) for word in (b"__asan_init", b"__tsan_init", b"exec valgrind"))


# The run that is asked for is shown, with all of its texts.
SHOWN = ("document.querySelector('main') && document.querySelector('main').getAttribute('aria-busy') === 'false'"
         " && !document.querySelector('[aria-busy=\"true\"]')")


class Viewer:
    def __init__(self, env, *args, cwd, opened=False, **more):
        self.process = subprocess.Popen([SKYARC, "view", *([] if opened else ["--no-open"]), *map(str, args)],
                                        env=dict(env, **more), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/([0-9a-f]{16})/\?t=([0-9a-f]{64})", self.url)
        assert found, (self.url, self.process.poll() is None or self.process.stderr.read())
        self.port, self.folder, self.token = int(found[1]), "/" + found[2], found[3]

    def ask(self, path, method="GET", cookie=True, outside=False, **headers):
        """(status, headers, body) of a path below the server's folder"""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            if cookie:
                headers["Cookie"] = "skyarc-%d=%s" % (self.port, self.token)
            client.request(method, path if outside else self.folder + path, headers=headers)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            client.close()

    def file(self, path):
        return self.ask("/" + urllib.parse.quote(path))

    def begin(self, path):
        """The response for a path, of which nothing is read yet."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        client.request("GET", self.folder + path, headers={"Cookie": "skyarc-%d=%s" % (self.port, self.token), "Connection": "close"})
        return client.getresponse()

    def run(self, run):
        """The data of a run, of all its parts."""
        parts = []
        for end in (".json", "/lines.json", "/texts.json"):
            status, _, body = self.ask("/view/" + run + end)
            assert status == 200, body
            parts.append(json.loads(body))
        whole = dict(parts[0], texts=[text for part in parts for text in part["texts"]])
        assert all(part["rows"] == [] and part["run"] == whole["run"] for part in parts[1:])
        return whole

    def complaints(self, browser):
        """What the browser says of this server's pages, not of those of servers that have ended."""
        return [said for said in browser.complaints() if ":%d/" % self.port in json.dumps(said)]

    def stop(self, number=signal.SIGINT):
        """(exit status, messages)"""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


@pytest.fixture
def view(env, tmp_path):
    made = []
    spool = tmp_path / "spool"
    spool.mkdir()

    def start(*args, **more):
        made.append(Viewer(dict(env, TMPDIR=str(spool)), *args, **dict({"cwd": tmp_path}, **more)))
        return made[-1]
    yield start
    for one in made:
        one.stop()
        end_process(one.process, 10)
    assert not list(spool.iterdir())


def test_in_a_browser(made, view, browser):
    one = view(made())
    browser.open(one.url)
    browser.until(SHOWN)
    shown = "http://127.0.0.1:%d%s/#" % (one.port, one.folder)  # the token is not in the address any more
    assert browser.ask("location.href").startswith(shown)
    assert browser.ask("document.querySelectorAll('#runs button').length") >= 5
    for run in ("tsk_demo1", "tsk_demo3", "wr_demo2"):
        browser.ask("document.querySelector('#runs button[data-run=%s]').click()" % run)
        browser.until("document.title === '%s - skyarc' && %s" % (run, SHOWN))
        browser.until("[...document.querySelectorAll('main .shots img')].every(i => i.complete && i.naturalWidth > 0)")
    assert browser.ask("document.querySelectorAll('main .shots img').length") > 0
    browser.ask("history.back()")
    browser.until("document.title === 'tsk_demo3 - skyarc'")
    browser.ask("location.hash = 'wr_demo2'")
    browser.until("document.title === 'wr_demo2 - skyarc'")
    asked = browser.requests()
    assert len(asked) > 5 and not [u for u in asked if not u.startswith(("http://127.0.0.1:%d/" % one.port, "about:", "data:"))]
    assert not one.complaints(browser)


def test_the_header(made, view, browser, emu, tmp_path):
    rows, folder = rows_of(made(), tmp_path)
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    one = view("a.tar.zst")
    assert json.loads(one.ask("/about")[2]) == {"archives": [{"name": "a.tar.zst", "manifest_sha256": digest}], "artifacts": len(rows),
                                                "bytes": sum(r["size"] for r in rows), "missing": 0}
    browser.open(one.url)
    browser.until("document.getElementById('about')?.textContent.includes('%s')" % digest)
    told = browser.ask("document.getElementById('about').textContent")
    assert told.startswith(emu.api + " ") and " %d artifacts, " % len(rows) in told, told
    part = view("a.tar.zst", "tsk_demo3")
    mine = [r["size"] for r in rows if r["run_id"] == "tsk_demo3"]
    got = json.loads(part.ask("/about")[2])
    assert (got["artifacts"], got["bytes"]) == (len(mine), sum(mine))


def test_it_searches_prompts(view, browser, emu, skyarc):
    """Prompts, answers and element trees."""
    emu.run("tsk_words", [{"id": "p", "type": "llm_prompt", "data": "Fill in the Aardvark form. 税务".encode(), "ext": "txt", "step_id": "s"},
                          {"id": "t", "type": "visible_elements_tree", "data": b'[{"id": "zebra-7"}]', "ext": "json", "step_id": "s"},
                          {"id": "d", "type": "download", "data": b"\x89PNG not searched", "ext": "png"}])
    skyarc("pull", "-o", "words.tar.zst", "tsk_words", check=0)
    one = view("words.tar.zst")
    browser.open(one.url)
    browser.until("document.title === 'tsk_words - skyarc' && " + SHOWN)
    for word, hits in (("aardvark", 1), ("税务", 1), ("zebra-7", 1), ("not searched", 0)):
        browser.ask("(e => { e.value = '%s'; e.dispatchEvent(new Event('input')); })(document.querySelector(\"input[aria-label='search this run']\"))" % word)
        text = browser.ask("[...document.querySelectorAll('h3')].find(h => h.textContent === 'Search').parentElement.textContent")
        assert text.startswith("Search%d place" % hits), (word, text)
    assert "2 of its 2 logs, requests, captured pages, prompts, answers and element trees." in text


def test_of_very_many_texts_the_last_ones_come(view, emu, skyarc):
    """Whatever their number, the record and the texts of the last steps are in the page."""
    emu.run("tsk_many", [{"id": "m%d" % i, "type": ("visible_elements_tree", "html_action")[i % 2], "data": b"text %d" % i, "created_at": case.iso(i / 100),
                          "step_id": "s%d" % (i // 10), "ext": ("json", "html")[i % 2]} for i in range(8500)])
    skyarc("pull", "--no-report", "-o", "many.tar.zst", "tsk_many", check=0, timeout=300)
    texts = {path: value for path, _, value in view("many.tar.zst").run("tsk_many")["texts"]}
    assert texts["run.json"]["run_id"] == "tsk_many"
    found = sorted(int(value.split()[1]) for value in texts.values() if isinstance(value, str) and value.startswith("text "))
    assert len(found) > 4000 and found == list(range(8500 - len(found), 8500))


def test_of_one_run(made, view, browser, skyarc):
    one = view(made(), "tsk_demo3")
    browser.open(one.url)
    browser.until("document.title === 'tsk_demo3 - skyarc'")
    assert browser.ask("document.querySelectorAll('#runs button').length") == 1
    assert one.ask("/view/tsk_demo1.json")[0] == 404
    result = skyarc("view", "--no-open", "a.tar.zst", "tsk_none", check=1)
    assert "tsk_none" in result.err and not result.out


@pytest.mark.parametrize("form", [*FORMATS, "bag"])
def test_each_file_as_it_is_archived(made, view, tmp_path, form):
    name = "a" if form == "bag" else "a." + form
    made(*([name, "--format", "dir"] if form == "bag" else [name]))
    if form == "bag":
        folder = tmp_path / name
        rows = json.loads((folder / "manifest.json").read_text())["artifacts"]
    else:
        rows, folder = rows_of(tmp_path / name, tmp_path)
    one = view(name)
    for row in rows:
        status, headers, body = one.file(row["path"])
        assert status == 200 and body == (folder / row["path"]).read_bytes(), row["path"]
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert one.ask("/data/tsk_demo1/run.json")[2] == (folder / "data/tsk_demo1/run.json").read_bytes()
    data = one.run("tsk_demo1")
    assert data["run"] and len(data["rows"]) == sum(r["run_id"] == "tsk_demo1" for r in rows) and data["texts"]


def test_ranges(made, view, tmp_path):
    """A recording of several frames is read from any place; only these frames are decoded."""
    rows, folder = rows_of(made(), tmp_path)
    row = max(rows, key=lambda r: r["size"])
    data = (folder / row["path"]).read_bytes()
    one = view("a.tar.zst")
    path = "/" + row["path"]
    assert len(data) > 8 << 20 and one.ask(path)[1]["Accept-Ranges"] == "bytes"
    for first, last in ((0, 0), (0, 99), (5_000_000, 5_000_001), (4 << 20, (4 << 20) + 70_000), (len(data) - 5, len(data) + 99)):
        status, headers, body = one.ask(path, Range="bytes=%d-%d" % (first, last))
        assert status == 206 and body == data[first:last + 1]
        assert headers["Content-Range"] == "bytes %d-%d/%d" % (first, min(last, len(data) - 1), len(data))
    assert one.ask(path, Range="bytes=-7")[2] == data[-7:]
    assert one.ask(path, Range="bytes=8000000-")[2] == data[8000000:]
    status, headers, _ = one.ask(path, Range="bytes=%d-" % len(data))
    assert status == 416 and headers["Content-Range"] == "bytes */%d" % len(data)
    status, headers, body = one.ask(path, "HEAD")
    assert status == 200 and headers["Content-Length"] == str(len(data)) and not body


def bytes_read(one):
    with open("/proc/%d/io" % one.process.pid, encoding="ascii") as file:
        return int(re.search(r"rchar: (\d+)", file.read())[1])


def test_opening_a_run_reads_little_of_its_recordings(made, view):
    one = view(made())
    before = bytes_read(one)
    assert len([row for row in one.run("tsk_big")["rows"] if row[0].endswith(".webm")]) == 2
    assert bytes_read(one) - before < 4 << 20  # of 18 MB


def many_texts(emu, count, size):
    """A run with texts, whose bodies are returned; each fifth is the copy of another, which becomes a link."""
    bodies = [b"text %d " % (i - (i % 5 == 4)) + random.Random(i - (i % 5 == 4)).randbytes(size // 2).hex().encode() for i in range(count)]
    emu.run("tsk_texts", [{"id": "m%d" % i, "type": ("visible_elements_tree", "html_action")[i % 2], "data": body, "step_id": "s%d" % (i // 10),
                           "created_at": case.iso(i / 100), "ext": ("json", "html")[i % 2]} for i, body in enumerate(bodies)])
    return [body.decode() for body in bodies]


def texts_of(data):
    return [value for _, _, value in data["texts"] if isinstance(value, str) and value.startswith("text ")]


@pytest.mark.parametrize("form", ["tar.zst", "tar.gz"])
def test_many_texts_are_read_in_one_pass(skyarc, emu, view, form):
    """Each frame is read once, and not again for each of its texts."""
    bodies = many_texts(emu, 200, 40_000)
    skyarc("pull", "--no-report", "-o", "many." + form, "tsk_texts", check=0)
    one = view("many." + form)
    before = bytes_read(one)
    data = one.run("tsk_texts")
    read = bytes_read(one) - before
    assert sorted(texts_of(data)) == sorted(bodies)
    assert read < 40 << 20, read  # the archive, and the texts in temporary files; if each text were read alone, 246 MB


def test_damage_among_many_texts(skyarc, emu, view, tmp_path):
    """What is damaged is left out, and told; the texts of the other frames are there."""
    bodies = many_texts(emu, 500, 40_000)
    skyarc("pull", "--no-report", "-o", "many.tar.zst", "tsk_texts", check=0)
    rows, _ = rows_of(tmp_path / "many.tar.zst", tmp_path)
    touched = sorted({row["frame"] for row in rows if row["run_id"] == "tsk_texts" and not row["link"]})
    assert len(touched) > 1
    start, end, *_ = frames(tmp_path / "many.tar.zst")[touched[0]]
    flip(tmp_path / "many.tar.zst", (start + end) // 2)
    one = view("many.tar.zst")
    got = texts_of(one.run("tsk_texts"))
    assert 50 < len(got) < 500 and set(got) < set(bodies)
    whole = {row["path"] for row in rows if not row["link"] and row["frame"] != touched[0]}
    code, err = one.stop()
    assert code == 0 and "was left out" in err and not [path for path in whole if "'%s' was left out" % path in err]


def test_who_may_read(made, view):
    one = view(made())
    own = "127.0.0.1:%d" % one.port
    for path in ("/", "/?t=" + "0" * 64, "/?t=", "/view/tsk_demo1.json", "/data/tsk_demo1/run.json", "/view/tsk_demo1.json?t=" + one.token):
        status, _, body = one.ask(path, cookie=False)
        assert status == 403 and b"token" in body, path
    assert one.ask("/", Cookie="skyarc-%d=%s" % (one.port, "0" * 64), cookie=False)[0] == 403
    assert one.ask("/", Cookie="skyarc=%s" % one.token, cookie=False)[0] == 403
    status, headers, body = one.ask("/?t=" + one.token, cookie=False)
    assert status == 200 and b"./" in body
    assert headers["Set-Cookie"] == "skyarc-%d=%s; Path=%s/; HttpOnly; SameSite=Strict" % (one.port, one.token, one.folder)
    for path in ("/", "/?t=" + one.token, "/data/tsk_demo1/run.json", "/0123456789abcdef/?t=" + one.token, one.folder):
        assert one.ask(path, outside=True)[0] == 403  # the cookie is not for there
    assert one.ask("/favicon.ico", outside=True, cookie=False)[0] == 204
    for host in ("evil.example", "evil.example:%d" % one.port, "127.0.0.1", "[::1]:%d" % one.port):
        assert one.ask("/", Host=host)[0] == 421
        assert one.ask("/?t=" + one.token, cookie=False, Host=host)[0] == 421
    assert one.ask("/", Host=own)[0] == one.ask("/", Host="localhost:%d" % one.port)[0] == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        status, headers, _ = one.ask("/", method)
        assert status == 405 and headers["Allow"] == "GET, HEAD", method
    for path in ("/..", "/data/../../etc/passwd", "/data/tsk_demo1/../../manifest.json", "/etc/passwd", "/view/x.json",
                 "/view/../x", "/data/", "/data/tsk_demo1/", "/data/tsk_demo1/%00", "/manifest.json", "/data/" + "x" * 4000 + "/y"):
        assert one.ask(path)[0] == 404, path
    assert one.token not in one.stop()[1]


def test_what_was_captured_never_runs(view, skyarc, emu, browser):
    emu.run("tsk_odd", [{"id": "page", "type": "html_scrape", "uri": "s3://b/page.html", "data": b"<html><script>document.title = 'bad'</script></html>"},
                        {"id": "pic", "type": "download", "filename": "x.svg", "uri": "s3://b/x.svg", "data": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"},
                        {"id": "doc", "type": "download", "filename": "x.pdf", "uri": "s3://b/x.pdf", "data": b"%PDF-1.4"}])
    skyarc("pull", "-o", "a.tar.zst", "tsk_odd")
    one = view("a.tar.zst")
    paths = [path if path.startswith("data/") else "data/tsk_odd/" + path for path, *_ in one.run("tsk_odd")["rows"]]
    assert len(paths) == 3
    for path in paths:
        _, headers, _ = one.file(path)
        assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert path.endswith((".html", ".svg", ".pdf"))
        if path.endswith(".pdf"):
            assert headers["Content-Type"] == "application/octet-stream" and headers["Content-Disposition"] == "attachment"
        else:
            assert headers["Content-Type"] == "text/plain; charset=utf-8", path
    browser.open(one.url)
    browser.until("document.title === 'tsk_odd - skyarc'")
    (page,) = [path for path in paths if path.endswith(".html")]
    browser.open("http://127.0.0.1:%d%s/%s" % (one.port, one.folder, page))
    assert browser.ask("document.title") == "" and "<script>" in browser.ask("document.body.textContent")


def test_a_directory(skyarc, view, browser, emu, tmp_path):
    skyarc("sync", "--dest", "d", "--settle", "0", check=0)
    ids = {row["run_id"] for row in skyarc("find", "--runs", "--json", "d", check=0).json()}
    one = view("d")
    browser.open(one.url)
    browser.until(SHOWN)
    assert set(browser.ask("[...document.querySelectorAll('#runs button')].map(b => b.dataset.run)")) == ids
    shown = browser.ask("[...document.querySelectorAll('#runs li .dim')].map(e => e.textContent.trim())")
    assert shown == sorted(shown, reverse=True)
    for run in sorted(ids):
        data = one.run(run)
        assert data["run"]["run_id"] == run if isinstance(data["run"], dict) and "run_id" in data["run"] else data["run"]
        for path, size, *_ in data["rows"]:
            path = path if path.startswith("data/") else "data/%s/%s" % (run, path)
            assert len(one.file(path)[2]) == size
    browser.ask("(() => { const f = document.getElementById('find'); f.value = 'BUY milk'; f.dispatchEvent(new Event('input')); })()")
    hits = {row["run_id"] for row in skyarc("find", "--runs", "--json", "--text", "buy milk", "d", check=0).json()}
    browser.until("document.getElementById('count').textContent.startsWith('%d of')" % len(hits))
    assert set(browser.ask("[...document.querySelectorAll('#runs button[data-run]')].map(b => b.dataset.run)")) == hits
    assert one.ask("/search")[0] == 404 and json.loads(one.ask("/search?q=nothing-has-this")[2]) == {"runs": []}
    assert not one.complaints(browser)
    other = view("d", "tsk_demo1")
    assert other.run("tsk_demo1") and other.ask("/view/tsk_demo3.json")[0] == 404
    assert view(cwd=tmp_path / "d").run("tsk_demo3")  # of the current directory
    assert "tsk_none" in skyarc("view", "--no-open", "d", "tsk_none", check=1).err


def test_a_run_in_two_volumes(skyarc, emu, view):
    """Each text once, from the newest volume."""
    emu.clear()
    ended = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 1200))
    for count in (1, 2):
        emu.run("tsk_x", [{"id": "x%d" % i, "type": "skyvern_log", "data": b"an error %d\n" % i} for i in range(count)],
                title="with %d" % count, created_at=ended, finished_at=ended)
        skyarc("sync", "--dest", "d", "--settle", "1s", check=0)
        time.sleep(1.1)  # until the run is listed again
    assert len(skyarc("find", "--json", "d", "--run", "tsk_x", check=0).json()) == 2
    texts = view("d").run("tsk_x")["texts"]
    assert len({path for path, *_ in texts}) == len(texts) > 2
    assert [text["title"] for path, _, text in texts if path == "run.json"] == ["with 2"]
    assert skyarc("diff", "--json", "d", "tsk_x", "tsk_x", check=0).json()["run"]["log_errors"] == 2


def test_a_damaged_file(made, view, skyarc, tmp_path):
    """The rest is shown, and what is damaged is told."""
    rows, _ = rows_of(made("a.tar.zst", "--no-report"), tmp_path)
    row = next(r for r in rows if r["path"].endswith(".png") and not r["link"])
    start, end, *_ = frames(tmp_path / "a.tar.zst")[row["frame"]]
    flip(tmp_path / "a.tar.zst", (start + end) // 2)
    one = view("a.tar.zst")
    lost = []
    for r in rows:
        good = skyarc("cat", "a.tar.zst", r["path"])
        if r["size"] > 4 << 20:
            continue
        status, _, body = one.file(r["path"])
        told = b"frame" in body or b"SHA-256" in body  # which of them sees it first depends on the place of the flipped bit
        assert (status, body) == (200, good.out) if good.code == 0 else status == 500 and told, (r["path"], body)
        lost += [] if good.code == 0 else [r["path"]]
    assert lost and len(lost) < len(rows) // 2
    assert one.run(row["run_id"])["rows"]
    code, err = one.stop()
    assert code == 0 and all(path in err for path in lost)


def test_damage_within_a_recording(made, view, tmp_path):
    """What was sent before the damage is right, and the response is shorter than it said."""
    rows, folder = rows_of(made(), tmp_path)
    row = max(rows, key=lambda r: r["size"])
    data = (folder / row["path"]).read_bytes()
    start, end, *_ = frames(tmp_path / "a.tar.zst")[row["frame"] + 1]
    flip(tmp_path / "a.tar.zst", (start + end) // 2)
    one = view("a.tar.zst")
    with pytest.raises(http.client.IncompleteRead) as broken:
        one.file(row["path"])
    assert data.startswith(broken.value.partial) and len(broken.value.partial) >= 1 << 20  # no byte of the damaged frame
    status, _, body = one.ask("/" + row["path"], Range="bytes=-100")
    assert status == 206 and body == data[-100:]
    assert "broken off" in one.stop()[1]


def test_what_is_no_archive(skyarc, tmp_path, made):
    (tmp_path / "x.txt").write_text("x" * 1000)
    assert "not a" in skyarc("view", "--no-open", "x.txt", check=1).err
    assert "x.tar" in skyarc("view", "--no-open", "x.tar", check=1).err
    assert "catalog" in skyarc("view", "--no-open", ".", check=1).err
    assert skyarc("view", "--no-open", "a", "b", "c", check=2).err
    assert skyarc("view", "--port", "70000", "a", check=2).err
    archive = made("a.tar.zst", "--no-report")
    spans = frames(archive)
    flip(archive, spans[-1][0] + 20)
    assert skyarc("view", "--no-open", archive, check=4).err


def test_it_ends(made, view):
    archive = made()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        assert view(archive).stop(number) == (0, "")
    one = view("--idle", "2s", archive)
    for _ in range(8):
        time.sleep(0.5)
        assert one.ask("/")[0] == 200  # it is in use
    one.process.wait(timeout=30)
    assert one.process.returncode == 0
    one, other = view("-v", archive), view(archive)
    assert one.port != other.port
    result = subprocess.run([SKYARC, "view", "--no-open", "--port", str(one.port), archive], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1 and str(one.port) in result.stderr and not result.stdout


def test_json(made, env, tmp_path):
    with subprocess.Popen([SKYARC, "view", "--no-open", "--json", made()], env=env, cwd=tmp_path, stdout=subprocess.PIPE,
                          text=True) as process:
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        assert json.loads(text)["url"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def test_the_browser_is_opened(made, view, tmp_path):
    """By a private file; neither the address nor the token is an argument of a program."""
    tools = tmp_path / "tools"
    tools.mkdir()
    said = tmp_path / "said"
    (tools / "xdg-open").write_text("#!/bin/sh\n{ printf '%%s\\n' \"$$\" \"$#\" \"$1\" \"$DISPLAY\"; stat -c '%%a' \"$1\"; cat \"$1\"; env; } > %s.new\n"
                                    "mv %s.new %s\nexec sleep 60\n" % (said, said, said))
    (tools / "xdg-open").chmod(0o755)
    one = view(made(), opened=True, PATH="%s:%s" % (tools, os.environ["PATH"]), DISPLAY=":9", SKYVERN_API_KEY="secret-key")
    for _ in range(200):
        if said.exists():
            break
        time.sleep(0.05)
    pid, count, path, display, mode, *rest = said.read_text().split("\n")
    assert count == "1" and display == ":9" and mode == "600" and one.url in "\n".join(rest)
    assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    assert "secret-key" not in "\n".join(rest)
    assert one.stop() == (0, "") and not os.path.exists(path)
    os.kill(int(pid), signal.SIGKILL)
    bare = view("-v", "a.tar.zst", opened=True, PATH="/nonexistent", DISPLAY=":9")
    assert "browser was not opened" in bare.stop()[1]


@pytest.mark.skipif(SLOW, reason="sanitizers and valgrind need more memory, and are not confined")
def test_memory_and_sandbox(skyarc, emu, view, tmp_path):
    emu.run("tsk_big", [{"id": "film", "type": "recording", "webm": 150_000_000, "seed": 1},
                        *({"id": "log%d" % i, "type": "browser_console_log", "data": b"line %d\n" % i * 30000} for i in range(40))])
    skyarc("pull", "--no-report", "-o", "a.tar.zst", "tsk_big", check=0)
    one = view("a.tar.zst")
    rows = one.run("tsk_big")["rows"]
    ((path, size),) = [(path, size) for path, size, *_ in rows if path.endswith(".webm")]
    assert len(one.ask("/data/tsk_big/" + path)[2]) == size >= 150_000_000
    for at in range(0, 150_000_000, 20_000_000):
        assert len(one.ask("/data/tsk_big/" + path, Range="bytes=%d-%d" % (at, at + 99_999))[2]) == 100_000
    with open("/proc/%d/status" % one.process.pid, encoding="ascii") as file:
        text = file.read()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", text)[1]) < 64 << 10
    assert "NoNewPrivs:\t1" in text and "Seccomp:\t2" in text
