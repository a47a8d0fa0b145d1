# SPDX-License-Identifier: MIT
"""The offline view, in a real browser: it opens from file://, shows the contents, and runs no script of a captured page."""
import base64
import hashlib
import http.server
import json
import subprocess
import threading

import pytest

import case
from conftest import extract


@pytest.fixture(scope="session")
def film(browser):
    """A recording that plays, made by the browser itself."""
    return case.record(browser, """[canvas.width, canvas.height] = [64, 48];
      const show = () => { pen.fillStyle = "#" + Math.random().toString(16).slice(2, 8); pen.fillRect(0, 0, 64, 48); };""", 900)


def pull_view(skyarc, tmp_path, *runs, check=0):
    skyarc("pull", "-o", "a.tar.zst", *runs, check=check)
    return extract(tmp_path / "a.tar.zst", tmp_path)


MAIN_TEXT = "document.querySelector('main').textContent"
SHOWN = "(document.querySelector('main .heading code') || document.querySelector('main h2')).textContent"  # the ID of the run
READY = "document.querySelector('main').getAttribute('aria-busy') === 'false'"


def ready(browser):
    """The run's sidecar has come, and is shown."""
    browser.until(READY)


def go(browser, run, where="#runs"):
    """Open a run by its button."""
    browser.ask("document.querySelector('%s button[data-run=%s]').click()" % (where, run))
    browser.until("document.title === '%s - skyarc' && %s" % (run, READY))


@pytest.fixture
def view(skyarc, tmp_path, browser):
    def show(*runs, at="", check=0):
        folder = pull_view(skyarc, tmp_path, *runs, check=check)
        browser.open((folder / "index.html").as_uri() + at)
        ready(browser)
        return folder

    return show


def opened(browser, needle):
    """Open the part whose title has this; give its text."""
    browser.ask("[...document.querySelectorAll('details')].filter(d => d.querySelector('summary').textContent"
                ".includes(%s)).forEach(d => { d.open = true; })" % json.dumps(needle))
    browser.until("[...document.querySelectorAll('details[open]')].some(d => d.children.length > 1 &&"
                  " d.querySelector('summary').textContent.includes(%s))" % json.dumps(needle))
    return browser.ask("[...document.querySelectorAll('details[open]')].find(d => d.querySelector('summary')"
                       ".textContent.includes(%s)).textContent" % json.dumps(needle))


def only_files(browser, folder):
    """data: are the icons of the browser's own video controls."""
    for url in browser.requests():
        assert url.startswith((folder.as_uri() + "/", "about:", "data:image/svg+xml")), url


def test_a_run(view, browser, emu):
    folder = view("tsk_demo1", "tsk_demo3", "wr_demo2")
    assert browser.ask(SHOWN) == "tsk_demo3"  # the failed one first
    text = browser.ask("document.querySelector('main').textContent")
    assert "the page did not load" in text and "buy milk" in text and '"total": 12' in text
    browser.until("[...document.querySelectorAll('main .shots img')].every(i => i.complete && i.naturalWidth > 0)")
    assert browser.ask("document.querySelectorAll('main .shots img').length") == 2
    assert "You see a page. What next?" in opened(browser, "llm_prompt")
    assert '"elements"' in opened(browser, "llm_response")
    assert browser.ask("[...document.querySelectorAll('iframe')].every(f => f.getAttribute('sandbox') === '')")
    assert "<!DOCTYPE html>" in opened(browser, "html_scrape")
    assert browser.ask("document.querySelectorAll('main table tbody tr').length") == 80
    row = browser.ask("document.querySelector('main table tbody tr').textContent")
    assert "https://shop.example/item/0" in row and "200" in row and "ms" in row
    wide = browser.ask("[...document.querySelectorAll('.bar i')].map(i => i.getBoundingClientRect().left)")
    assert wide[0] < wide[-1]
    only_files(browser, folder)
    assert not browser.complaints()


def test_a_text_beyond_the_budget_is_shown_from_its_file(view, browser, emu):
    rows = [{"id": "p%d" % i, "type": "llm_prompt", "data": b"prompt %d " % i * 6000, "ext": "txt", "step_id": "s", "created_at": case.iso(i)} for i in range(3)]
    view_of = [{"id": "x", "type": "visible_elements_id_css_map", "data": b'{"a": "css"}', "ext": "json", "step_id": "s", "created_at": case.iso(9)}]
    emu.run("tsk_large", rows + view_of)
    folder = view("tsk_large")
    told = browser.ask("document.querySelector('main').textContent")
    assert "and 1 of its 3 logs, requests, captured pages, prompts, answers and element trees; skyarc view" in told
    assert "prompt 2" in browser.ask("[...skyarc.words(skyarc.runs[0]).matchAll(/prompt [0-9]/g)].map(m => m[0]).join()")
    browser.ask("document.querySelectorAll('main .step details').forEach(d => { d.open = true; })")
    assert "prompt 0 prompt 0" in browser.frame("p0.txt") and '{"a": "css"}' in browser.frame("x.json")
    assert browser.ask("[...document.querySelectorAll('iframe')].every(f => f.getAttribute('sandbox') === '')")
    assert browser.ask(MAIN_TEXT).count("only the browser's own search (Ctrl+F) finds words in it") == 3
    only_files(browser, folder)


def test_filters(view, browser):
    view("tsk_demo1", "tsk_demo3", "wr_demo2")
    names = "[...document.querySelectorAll('#runs button')].map(b => b.dataset.run)"
    assert browser.ask(names) == ["tsk_demo1", "tsk_demo3", "wr_demo2"]
    put = "(e => { e.value = %s; e.dispatchEvent(new Event(%s)); })(document.querySelector(%s))"

    def enter(where, value, event="input"):
        browser.ask(put % (json.dumps(value), json.dumps(event), json.dumps(where)))

    enter("#status", "failed", "change")
    assert browser.ask(names) == ["tsk_demo3"]
    enter("#status", "", "change")
    enter("#find", "did not LOAD")
    assert browser.ask(names) == ["tsk_demo3"]
    enter("#find", "demo1")
    assert browser.ask(names) == ["tsk_demo1"]
    go(browser, "tsk_demo1")
    assert browser.ask(SHOWN) == "tsk_demo1"
    enter("input[aria-label='filter requests']", "item/7")
    assert all("item/7" in url for url in browser.ask("[...document.querySelectorAll('td.url')].map(t => t.textContent)"))
    whole = opened(browser, "skyvern_log")
    assert "step 0 done" in whole
    enter("input[aria-label='search the log']", "step 11 done")
    assert browser.ask("[...document.querySelectorAll('.lines li')].length") == 1
    assert browser.ask("document.querySelector('.lines mark').textContent") == "step 11 done"


def test_log_levels_and_console_errors(view, browser, emu):
    lines = b"10:00 DEBUG a\n10:01 INFO b\n10:02 WARNING c\n10:03 ERROR d\n{\"level\": \"error\", \"event\": \"e\"}\n"
    emu.run("tsk_logs", [{"id": "l1", "type": "skyvern_log", "data": lines},
                         {"id": "l2", "type": "browser_console_log", "data": b"[error] Uncaught TypeError: x\nfine\n"}])
    view("tsk_logs")
    assert "Console errors (1)" in browser.ask("document.querySelector('main').textContent")
    opened(browser, "skyvern_log")
    for level, count in (("", 5), ("info", 4), ("warn", 3), ("error", 2)):
        browser.ask("(e => { e.value = '%s'; e.dispatchEvent(new Event('change')); })"
                    "(document.querySelector('select[aria-label=level]'))" % level)
        assert browser.ask("[...document.querySelectorAll('details[open] .lines li')].length") == count


def test_pictures_by_keyboard(view, browser):
    view("tsk_step")
    shown = "document.querySelector('dialog output').textContent"
    browser.ask("document.querySelector('main .shots button').click()")
    assert browser.ask("document.querySelector('dialog').open")
    assert browser.ask(shown).startswith("1 of 20")
    browser.key("ArrowRight")
    browser.key("ArrowRight")
    browser.until(shown + ".startsWith('3 of 20')")
    browser.key("ArrowLeft")
    browser.until(shown + ".startsWith('2 of 20')")
    browser.key("End")
    browser.key("ArrowRight")
    browser.until(shown + ".startsWith('20 of 20')")
    browser.until("document.querySelector('dialog img').naturalWidth > 0")
    browser.key("Escape")
    browser.until("!document.querySelector('dialog').open")


def test_the_recording_plays(view, browser, emu, film):
    emu.run("tsk_film", [{"id": "f1", "type": "recording", "data": film}])
    view("tsk_film")
    browser.until("document.querySelector('video').readyState > 0")
    browser.ask("document.querySelector('video').play()")
    browser.until("document.querySelector('video').currentTime > 0.1")
    assert browser.ask("document.querySelector('video').videoWidth") == 64


def story(emu):
    """A task v2 with thoughts, actions, tokens, two attempts, and a child."""
    from test_child_runs import trigger
    emu.mode("today")
    png = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
    actions = [{"action_type": "click", "status": "completed", "step_id": "stp_1", "step_order": 0, "action_order": 1,
                "reasoning": "the button is blue", "intention": "go on", "screenshot_artifact_id": "s1", "confidence_float": 0.9},
               {"action_type": "input_text", "status": "completed", "step_id": "stp_1", "step_order": 0, "action_order": 0,
                "text": "Ada", "reasoning": "a name is asked for", "screenshot_artifact_id": "s0"}]
    emu.world(tasks={"tsk_b": {"actions": actions, "steps": [
        {"step_id": "stp_1", "order": 0, "status": "completed", "input_token_count": 1200, "output_token_count": 80,
         "cached_token_count": 900, "reasoning_token_count": 7, "step_cost": 0.0123, "last_llm_model": "a-model"},
        {"step_id": "stp_2", "order": 1, "status": "failed"}]}})
    emu.run("wr_p", [{"id": "s%d" % i, "type": "screenshot_action", "data": png + b"%d" % i, "step_id": "stp_1"} for i in range(3)],
            title="Buy milk", attempt=2, retry_pending=False, attempts=[
                {"attempt_number": 1, "status": "failed", "failure_reason": "no page", "retry_decision": "retry",
                 "error_codes": ["E_ONE", "E_TWO"], "decision_reason": "it may pass"},
                {"attempt_number": 2, "status": "completed"}],
            story={"alias": "tsk_v2_p", "tags": [{"key": "case", "value": "2026-18"}], "workflow_run": {"total_cost": 0.15}, "timeline": [
                {"type": "thought", "created_at": "2026-01-20T11:52:31", "children": [], "thought": {
                    "task_id": "tsk_v2_p", "workflow_run_id": "wr_p", "observation": "a page with a form", "thought": "it wants a name",
                    "answer": "type it", "thought_cost": 0.02, "last_llm_model": "a-model", "input_token_count": 9, "output_token_count": 1}},
                trigger("wr_p", "wr_c"),
                {"type": "block", "created_at": "2026-01-20T11:52:30", "block": {"workflow_run_id": "wr_p", "block_type": "for_loop", "label": "loop",
                 "status": "completed", "task_id": "tsk_b", "duration": 1.5}, "children": [
                     {"type": "block", "block": {"workflow_run_id": "wr_p", "label": "in-loop", "block_type": "text_prompt",
                      "failure_reason": "it broke", "output": {"n": 1}}, "children": []}]}]})
    emu.run("wr_c", [], run_type="workflow_run", status="failed", failure_reason="child broke", story={"child": True})


def test_the_story(view, browser, emu):
    story(emu)
    view("tsk_v2_p")  # opens on the run that was asked for, although its child failed
    text = browser.ask("document.querySelector('main').textContent")
    for words in ("buy milk", "Buy milk, tsk_v2_p", "2 attempts", "also wr_p", "2 steps", "1280 tokens", "$0.15", "Attempts (2)", "no page, E_ONE E_TWO, then: retry (it may pass)",
                  "Started (1)", "a page with a form", "it wants a name", "$0.0200", "in-loop", "it broke", "1.5 s",
                  "1200 + 80 tokens, 900 of them cached, 7 reasoning tokens, $0.0123, a-model"):
        assert words in text, (words, text)
    # what was done, in its order, beside the picture that it belongs to; what has none stands alone
    items = "[...document.querySelectorAll('.actions .action')]"
    assert browser.ask(items + ".map(i => i.querySelector('strong').textContent)") == ["input_text", "click"]
    assert browser.ask(items + ".map(i => i.querySelector('img').getAttribute('src').includes('_s'))") == [True, True]
    assert "Because: the button is blue" in browser.ask(items + "[1].textContent") and "90 % sure" in browser.ask(items + "[1].textContent")
    assert "Typed: Ada" in browser.ask(items + "[0].textContent")
    assert browser.ask("document.querySelectorAll('.step .shots img').length") == 5  # all three of the step, and those of actions
    order = browser.ask("[...document.querySelectorAll('.blocks > li')].map(i => i.querySelector('strong').textContent)")
    assert order == ["loop", "in-loop", "b", "Thought"]  # the oldest first
    assert "2026-18" in opened(browser, "tags")
    go(browser, "wr_c", ".blocks")
    assert browser.ask(SHOWN) == "wr_c"
    text = browser.ask("document.querySelector('main').textContent")
    assert "Started by tsk_v2_p" in text and "child broke" in text
    go(browser, "tsk_v2_p", "main")
    assert browser.ask(SHOWN) == "tsk_v2_p"
    assert not browser.complaints()


def test_a_story_that_goes_on(view, browser, emu):
    """What was to be tried again when it was archived; and records that were not to be had."""
    emu.mode("today")
    emu.run("wr_r", [], status="failed", retry_pending=True, next_attempt_at="2026-11-26T10:00:00",
            attempts=[{"attempt_number": 1, "status": "failed", "failure_reason": "no page"}])
    emu.fault("v1/runs/wr_r/tags", "status", times=9, status=404)
    view("wr_r", at="#wr_r")
    text = browser.ask("document.querySelector('main').textContent")
    assert "next attempt at 2026-11-26T10:00:00" in text and "tags (not-offered)" in text


def test_suspect_content_is_told(view, browser, emu):
    emu.run("tsk_s", [{"id": "q1", "type": "recording", "data": b"<html>Sign in</html>", "summed": False},
                      {"id": "q2", "type": "html", "data": b"<p>", "summed": False}])
    view("tsk_s", at="#tsk_s", check=3)
    assert browser.ask("[...document.querySelectorAll('h3')].map(h => h.textContent)").count("Suspect (1)") == 1
    text = browser.ask("document.querySelector('main').textContent")
    assert "recording: " in text and "has content that does not fit its type" in text
    assert not browser.complaints()


def test_a_hostile_story(view, browser, emu, trap):
    """Records of the wrong shape, with scripts in every field, and runs that started each other."""
    deep = {"type": "block", "block": {"workflow_run_id": "wr_e", "label": EVIL}, "children": []}
    for _ in range(50):
        deep = {"type": EVIL, "block": {"workflow_run_id": "wr_e", "label": EVIL, "block_type": EVIL, "status": EVIL, "output": {EVIL: EVIL},
                                        "failure_reason": EVIL, "duration": EVIL, "url": "javascript:top.pwned=1"}, "children": [deep]}
    emu.mode("today")
    emu.world(tasks={"tsk_b": {"actions": [{"action_type": EVIL, "status": {"a": EVIL}, "step_id": EVIL, "step_order": EVIL, "reasoning": EVIL,
                                            "intention": [EVIL], "screenshot_artifact_id": {"x": 1}, "file_url": "javascript:top.pwned=1"}, 3, None],
                               "steps": [{"step_id": EVIL, "step_cost": EVIL, "input_token_count": 1e308, "last_llm_model": EVIL}, "x"]}})
    emu.run("wr_e", [{"id": "s", "type": "screenshot_action", "data": b"\x89PNG", "step_id": EVIL}], title=EVIL, status="failed",
            attempts=[{"status": EVIL, "failure_reason": EVIL, "retry_decision": EVIL}] * 2 + [7],
            story={"tags": EVIL, "heal_episodes": EVIL, "workflow_run": {"total_cost": EVIL, "credits_used": [EVIL], "parameters": {EVIL: EVIL}},
                   "timeline": [deep, {"type": "block", "block": {"workflow_run_id": "wr_e", "task_id": "tsk_b", "block_workflow_run_id": "wr_f"}},
                                {"type": "thought", "thought": {"thought": EVIL, "answer": {EVIL: 1}, "thought_cost": EVIL}}, 5, None, {"block": 3}]})
    emu.run("wr_f", [], status="failed", story={"timeline": [{"block": {"workflow_run_id": "wr_f", "block_workflow_run_id": "wr_e"}}]})
    folder = view("wr_e", at="#wr_e")
    for _ in range(3):
        browser.ask("document.querySelectorAll('main details').forEach(d => { d.open = true; })")
        browser.until("[...document.querySelectorAll('main details')].every(d => d.children.length > 1)")
    assert EVIL in browser.ask("document.querySelector('main').textContent")
    go(browser, "wr_f", "main")
    browser.ask("new Promise(done => setTimeout(done, 300))")
    assert browser.ask("window.pwned") is None and not trap.seen
    only_files(browser, folder)
    assert browser.ask("document.querySelectorAll('main script, main svg, main a[href^=javascript]').length") == 0
    assert not [c for c in browser.complaints() if "exceptionDetails" in c]


EVIL = ("</script><script>window.pwned=1</script><!--<script>--><img src=x onerror=\"window.pwned=1\">"
        "\"'><svg onload=window.pwned=1><a href=javascript:window.pwned=1>go</a>{{7*7}}</pre></style>\u2028")


class Trap:
    """A server that must not get any request."""
    def __init__(self):
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def trap():
    trap = Trap()
    yield trap
    trap.server.shutdown()
    trap.server.server_close()


def test_hostile(view, browser, emu, trap, tmp_path):
    """Scripts and handlers in every field of every kind."""
    page = """<html><head><meta http-equiv="refresh" content="0;url=URL/refresh"><base href="URL/base/">
        <link rel="stylesheet" href="URL/css"><link rel="preconnect" href="URL"><link rel="prefetch" href="URL/prefetch">
        <style>@import "URL/import"; body { background: url(URL/style) }</style>
        <script>parent.pwned=1; top.pwned=1; fetch("URL/fetch")</script><script src="URL/js"></script></head>
        <body onload="top.pwned=1" style="background: url(URL/inline)"><img src="URL/img" srcset="URL/set 2x" onerror="top.pwned=1">
        <iframe src="URL/frame"></iframe><object data="URL/object"></object><embed src="URL/embed"><video poster="URL/poster" src="URL/video"></video>
        <form action="URL/form"><button formaction="URL/f2" autofocus onfocus="top.pwned=1">x</button></form>
        <svg><script>top.pwned=1</script><image href="URL/svg" /><use href="URL/use#x" /></svg>
        <template><img src="URL/template" onerror="top.pwned=1"></template><p>HELLO</p>EVIL</body></html>"""
    page = page.replace("URL", trap.url).replace("EVIL", EVIL).encode()
    har = {"log": {"entries": [{"startedDateTime": EVIL, "time": 1e308, "request": {"method": EVIL, "url": "javascript:pwned=1//" + EVIL},
                                "response": {"status": 0, "_error": EVIL, "content": {"mimeType": EVIL, "size": -5}}},
                               {"startedDateTime": "2026-01-20T11:52:29Z", "time": "x", "request": 7, "response": []}, None, 3]}}
    rows = [{"id": "e%d" % i, "type": kind, "data": data, **more} for i, (kind, data, more) in enumerate([
        ("html_scrape", page, {}), ("html_action", page, {}), ("llm_prompt", EVIL.encode(), {}), ("llm_response", json.dumps({EVIL: EVIL}).encode(), {}),
        ("har", json.dumps(har).encode(), {}), ("skyvern_log", ("ERROR " + EVIL + "\n").encode() * 3, {}),
        ("browser_console_log", ("error " + EVIL).encode(), {}), ("screenshot_action", b"<svg onload=top.pwned=1 xmlns='http://www.w3.org/2000/svg'>", {}),
        ("script_file", EVIL.encode(), {}), (EVIL, b"{}", {}), ("llm_request", b"\xff\xfe\x00\xed\xa0\x80 half", {})])]
    emu.run("tsk_evil", rows, status=EVIL, failure_reason=EVIL, output={EVIL: EVIL}, run_request={"prompt": EVIL}, run_type=EVIL, created_at=EVIL)
    folder = view("tsk_evil", "tsk_demo1")
    for run in ("tsk_evil", "tsk_demo1"):
        go(browser, run)
        for _ in range(3):
            browser.ask("document.querySelectorAll('main details').forEach(d => { d.open = true; })")
            browser.until("[...document.querySelectorAll('main details')].every(d => d.children.length > 1)")
        browser.ask("document.querySelectorAll('main section button').forEach(b => { if (/sandbox/.test(b.textContent)) b.click(); })")
        browser.ask("document.querySelectorAll('main .shots button').forEach(b => { b.click(); document.querySelector('dialog').close(); })")
        browser.until("document.readyState === 'complete'")
        if run == "tsk_evil":
            assert browser.ask("document.querySelectorAll('iframe').length") == 2
            assert browser.ask("[...document.querySelectorAll('iframe')].every(f => f.getAttribute('sandbox') === '' && f.srcdoc.includes('HELLO'))")
            assert EVIL in browser.ask("document.querySelector('main').textContent")
        browser.ask("new Promise(done => setTimeout(done, 700))")
        assert browser.ask("window.pwned") is None
    assert not trap.seen
    only_files(browser, folder)
    for target in browser.ask("[...document.querySelectorAll('a[href]')].map(a => a.href)"):  # a click runs nothing, too
        assert target.endswith(("#main", ".png", ".webm", ".json", ".txt", ".csv")), target
    assert browser.ask("document.querySelectorAll('main script, main svg, main a[href^=javascript]').length") == 0
    assert not [c for c in browser.complaints() if "exceptionDetails" in c]


def test_the_policy(view, browser, trap):
    """Were there a hole in the script, the policy would still hold."""
    folder = view("tsk_demo3")
    (folder / "evil.js").write_text("window.pwned = 1")
    (folder / "view/evil.css").write_text("body { color: red }")

    def refused(code):
        return browser.ask("(() => { try { %s } catch (why) { return String(why); } })()" % code)

    for code in ("Object.assign(document.createElement('script'), { textContent: 'window.pwned = 1' })",
                 "document.createElement('script').src = './evil.js'", "document.createElement('script').src = './view/tsk_demo3.js'",
                 "document.body.innerHTML = '<b>x</b>'", "document.createElement('iframe').srcdoc = 'x'",
                 "document.body.setAttribute('onclick', 'window.pwned = 1')",
                 "trustedTypes.createPolicy('other', { createScriptURL: (t) => t })",
                 *("skyarc.policy.createScriptURL(%s)" % json.dumps(name) for name in (
                     "./evil.js", "./view/../evil.js", "view/a.js", "./view/a.js?x", "./view/a.js#", "./view/a/b.js", "./view/.js", "./view/a.js\n",
                     "./view/%2e%2e.js", "./view/a.css", trap.url + "/view/a.js", "//x/view/a.js", "javascript:window.pwned=1//./view/a.js",
                     "data:text/javascript,window.pwned=1", "./view/" + "a" * 129 + ".js"))):
        assert refused(code), code
    inserted = "document.body.append(Object.assign(document.createElement(%s), { %s }))"
    for tag, more in (("'img'", "src: '%s/x', onerror: null"), ("'iframe'", "src: '%s/f'"), ("'link'", "rel: 'stylesheet', href: '%s/c'"),
                      ("'link'", "rel: 'stylesheet', href: './view/evil.css'"), ("'video'", "src: '%s/v'"), ("'object'", "type: 'text/html'")):
        browser.ask("void " + inserted % (tag, more % trap.url if "%s" in more else more))
    assert browser.ask("fetch('%s/fetch').then(() => 1, () => 0)" % trap.url) == 0
    browser.ask("new Promise(done => setTimeout(done, 300))")
    assert browser.ask("window.pwned") is None and not trap.seen
    assert browser.ask("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    policy = browser.ask("document.querySelector('meta[http-equiv]').content")
    assert "default-src 'none'; script-src 'sha256-" in policy and "' 'strict-dynamic';" in policy and "'unsafe" not in policy


def test_only_the_opened_run_is_loaded(view, browser):
    folder = view("tsk_demo1", "tsk_demo3", "wr_demo2")
    assert sorted(p.name for p in (folder / "view").iterdir()) == ["tsk_demo1.js", "tsk_demo3.js", "wr_demo2.js"]

    def sidecars():
        return [u.split("/")[-1] for u in browser.requests() if "/view/" in u]

    assert sidecars() == ["tsk_demo3.js"]
    go(browser, "tsk_demo1")
    go(browser, "tsk_demo3")
    go(browser, "tsk_demo1")
    assert sidecars() == ["tsk_demo3.js", "tsk_demo1.js"]  # each once
    assert browser.ask("document.querySelectorAll('script[src]').length") == 0
    text = (folder / "index.html").read_text()
    assert "tsk_demo1" in text and "buy milk" not in text and "shop.example" not in text
    # without its sidecar, a run says where its files are
    (folder / "view/wr_demo2.js").rename(folder / "away.js")
    browser.ask("document.querySelector('#runs button[data-run=wr_demo2]').click()")
    browser.until("document.querySelector('main [role=alert]') !== null")
    assert "view/wr_demo2.js is not beside this page" in browser.ask("document.querySelector('main').textContent")
    go(browser, "tsk_demo3")
    assert "buy milk" in browser.ask("document.querySelector('main').textContent")
    (folder / "away.js").rename(folder / "view/wr_demo2.js")  # the next click tries again
    go(browser, "wr_demo2")
    browser.until("document.querySelector('main [role=alert]') === null")
    assert "Searches of this run" in browser.ask("document.querySelector('main').textContent")


def test_the_search_says_what_it_covers(view, browser):
    view("tsk_demo1", "tsk_demo3", "wr_demo2")
    scope = "document.querySelector('#scope').textContent"
    names = "[...document.querySelectorAll('#runs button')].map(b => b.dataset.run)"
    find = ("(e => { e.value = %s; e.dispatchEvent(new Event('input')); })(document.querySelector('#find'))")
    assert "the run opened so far" in browser.ask(scope)
    browser.ask(find % json.dumps("shop.example/ITEM/7"))  # a request of all three
    assert browser.ask(names) == ["tsk_demo3"]
    browser.ask("document.querySelector('#all').click()")
    browser.until("document.querySelector('#all').hidden")
    assert "all runs" in browser.ask(scope)
    assert browser.ask(names) == ["tsk_demo1", "tsk_demo3", "wr_demo2"]
    browser.ask(find % json.dumps("no such words"))
    assert browser.ask(names) == []
    assert "Searches of this run cover its records, and 7 of its 7 logs, requests, captured pages, prompts, answers and element trees." in browser.ask("document.querySelector('main').textContent")


def test_sidecars_are_one_string(view, browser, emu, tmp_path):
    """Whatever was captured: no backquote, '$', '<', control or line separator is left in it."""
    evil = "`);alert(1)//${alert(1)}\\`\\\\`</script><!--\u2028\u2029\u0085\x7f'\"\r\n\\"
    emu.run("tsk_e", [{"id": "l", "type": "skyvern_log", "data": (evil * 3).encode()}, {"id": "h", "type": "html_scrape", "data": evil.encode() + b"\xe2\x80"},
                      {"id": "x", "type": evil, "data": b"{}"}], status=evil, failure_reason=evil, title=evil, run_type=evil)
    folder = view("tsk_e")
    text = (folder / "view/tsk_e.js").read_bytes()
    head, tail = b'skyarc.take("tsk_e",String.raw`', b"`);\n"
    assert text.startswith(head) and text.endswith(b"}" + tail)
    inner = text[len(head):-len(tail)]
    assert not set(inner) & set(b"`$<\x7f" + bytes(c for c in range(32) if c not in b"\n\r\t"))
    for mark in ("\u2028", "\u2029", "\u0085"):
        assert mark.encode() not in inner
    data = json.loads(inner)
    assert data["run"]["failure_reason"] == evil and [v for p, c, v in data["texts"] if "skyvern_log" in p] == [evil * 3]
    assert evil.replace("\r\n", "\n") in browser.ask("document.querySelector('.reason').textContent").replace("\r\n", "\n")
    assert not [c for c in browser.complaints() if "exceptionDetails" in c]


def test_records_in_sidecars_cost_little(skyarc, emu, tmp_path):
    """A sidecar has its run's record again, and shares a frame with it."""
    words = base64.b85encode(hashlib.shake_256(b"words").digest(20000)).decode()
    for i in range(10):
        emu.run("tsk_w%d" % i, [{"id": "w%d" % i, "type": "llm_prompt", "data": b"a prompt"}], output={"text": words[i * 2500:][:2500] * 2})
    runs = ["tsk_w%d" % i for i in range(10)]
    skyarc("pull", "-l", "3", "-o", "plain.tar.zst", "--no-report", *runs)
    skyarc("pull", "-l", "3", "-o", "view.tar.zst", *runs)
    more = (tmp_path / "view.tar.zst").stat().st_size - (tmp_path / "plain.tar.zst").stat().st_size
    page = subprocess.run(["zstd", "-9", "-c", str(extract(tmp_path / "view.tar.zst", tmp_path) / "index.html")], stdout=subprocess.PIPE, check=True)
    assert more - len(page.stdout) < 10000, more  # the records have 20,000 bytes that no compressor makes less


def test_thousands_of_runs(skyarc, emu, tmp_path, browser):
    """The page stays small, whatever the runs have; it opens at once, and loads the one run that it shows."""
    emu.many(2000, record={"status": "failed", "failure_reason": "the page did not load " * 200, "run_request": {"prompt": "a prompt " * 300}})
    (tmp_path / "ids").write_text("".join("tsk_many%05d\n" % i for i in range(2000)))
    skyarc("pull", "--records", "none", "-o", "a.tar.zst", "-i", "ids", check=0)
    folder = extract(tmp_path / "a.tar.zst", tmp_path)
    assert len(list((folder / "view").iterdir())) == 2000
    assert (folder / "index.html").stat().st_size < 400 << 10
    browser.open((folder / "index.html").as_uri() + "#tsk_many01234")
    ready(browser)
    assert browser.ask(SHOWN) == "tsk_many01234" and "Run 1234" in browser.ask("document.querySelector('main .heading').textContent")
    assert browser.ask("document.querySelector('.reason').textContent").count("did not load") == 200
    assert [u for u in browser.requests() if "/view/" in u] == [(folder / "view/tsk_many01234.js").as_uri()]
    assert browser.ask("document.querySelectorAll('#runs li').length") == 500
    assert browser.ask("document.querySelector('#count').textContent") == "2000 of 2000 runs"
    took = browser.ask("performance.getEntriesByType('navigation')[0].domComplete")
    print("2,000 runs: %d bytes, opened in %.0f ms" % ((folder / "index.html").stat().st_size, took))
    assert took < 10000  # some 200 ms on an idle machine


def test_thousands_stay_smooth(view, browser, emu):
    rows = [{"id": "s%04d" % i, "type": "screenshot_action", "data": b"\x89PNG\r\n\x1a\n%d" % i} for i in range(2000)]
    rows += [{"id": "p%04d" % i, "type": "llm_prompt", "data": b"prompt %d" % i} for i in range(1000)]
    emu.run("tsk_many", rows)
    view("tsk_many")
    assert browser.ask("document.querySelectorAll('main .shots img').length") == 500
    browser.ask("[...document.querySelectorAll('main .step > div > button')].filter(b => !b.hidden).forEach(b => b.click())")
    assert browser.ask("document.querySelectorAll('main .shots img').length") == 1000
    pictures = [u for u in browser.requests() if u.endswith(".png")]
    assert 0 < len(pictures) < 600, len(pictures)  # those in sight and a little ahead
    assert browser.ask("document.querySelectorAll('main pre').length") < 10
    assert browser.ask("performance.getEntriesByType('navigation')[0].domComplete") < 20000
    opened(browser, "All files")
    assert browser.ask("document.querySelectorAll('main table tbody tr').length") == 500


def test_a_hundred_thousand_artifacts(view, browser, emu):
    """A run's sidecar with very many rows: it is a few MB, and the page shows the first ones of each list."""
    emu.run("tsk_huge", [{"id": "a", "type": "skyvern_log", "data": b"one"}])
    folder = view("tsk_huge")
    script = folder / "view/tsk_huge.js"
    text = script.read_text()
    kinds = [("screenshot_action", "png", 1), ("llm_prompt", "txt", 0), ("html_scrape", "html", 0), ("skyvern_log", "log", 0),
             ("har", "har", 0), ("recording", "webm", 2)]
    rows = []
    for i in range(100_000):
        kind, ext, media = kinds[i % len(kinds)]
        rows.append(["%s/20260120T1152%02d.%06dZ_a_%d.%s" % (kind, i // 1700, i, i, ext), i, media, "stp_%d" % (i // 20)])
    at, end = text.index('"rows":[') + 8, text.index('],\n"missing"')
    script.write_text(text[:at] + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + text[end:])
    assert script.stat().st_size < 10 << 20
    browser.open((folder / "index.html").as_uri())
    ready(browser)
    elements = browser.ask("document.querySelectorAll('*').length")
    assert 1000 < elements < 10_000, elements  # those of the first rows of each list; what is shown is what takes the time
    assert browser.ask("document.querySelectorAll('main .steps > li').length") == 100 and browser.ask("document.querySelectorAll('main .step').length") == 1
    assert browser.ask("document.querySelectorAll('main *').length") < 30000
    assert "All files (100000)" in browser.ask("document.querySelector('main').textContent")
    opened(browser, "All files")
    assert browser.ask("[...document.querySelectorAll('main table')].at(-1).querySelectorAll('tbody tr').length") == 500
    assert not [c for c in browser.complaints() if "exceptionDetails" in c]


def test_dark_and_narrow(view, browser):
    view("tsk_demo3")
    colour = "getComputedStyle(document.body).backgroundColor"
    light = browser.ask(colour)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert browser.ask(colour) != light
    browser.call("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False)
    assert browser.ask("document.documentElement.scrollWidth") <= 400
    browser.call("Emulation.clearDeviceMetricsOverride")
    browser.call("Emulation.setEmulatedMedia", features=[])


def test_what_a_screen_reader_gets(view, browser):
    view("tsk_demo1", "tsk_demo3")
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    nodes = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n.get("ignored") and "role" in n]
    roles = [role for role, _ in nodes]
    for role in ("main", "navigation", "banner", "heading", "table", "searchbox", "combobox"):
        assert role in roles, role
    for role, name in nodes:
        if role in ("button", "image", "searchbox", "combobox", "Video", "link", "dialog", "columnheader"):
            assert name.strip(), (role, name)
    for _ in range(7):
        browser.key("Tab")
    assert browser.ask("document.activeElement.closest('#runs') !== null")


def test_lost_artifacts_are_told(view, skyarc, emu, browser, tmp_path):
    emu.run("tsk_lost", [{"id": "g1", "type": "har", "data": b"{}"}])
    skyarc("pull", "-o", "a.tar.zst", "tsk_lost", "tsk_nowhere", check=3)
    folder = extract(tmp_path / "a.tar.zst", tmp_path)
    browser.open((folder / "index.html").as_uri() + "#tsk_nowhere")
    ready(browser)
    text = browser.ask("document.querySelector('main').textContent")
    assert "Missing (1)" in text and "404" in text
