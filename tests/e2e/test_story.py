# SPDX-License-Identifier: MIT
"""The page tells the story of a run: from the failed run to the failing click, its screenshot, its request and its log
line; and two runs are compared step by step. In Chromium, with a case of two runs of one workflow (case.py)."""
import json

import pytest

import case
from conftest import extract
from test_view import film, opened, ready, view  # noqa: F401

MAIN = "document.querySelector('main').textContent"


@pytest.fixture(scope="session")
def shots(browser):
    return case.screenshots(browser)


@pytest.fixture
def story(skyarc, emu, tmp_path, browser, shots, film):  # noqa: F811
    case.make(emu, shots, film)
    skyarc("pull", "-o", "a.tar.zst", "wr_bad", "wr_good", check=0)
    folder = extract(tmp_path / "a.tar.zst", tmp_path)

    def show(at=""):
        browser.open((folder / "index.html").as_uri() + at)
        ready(browser)
        return folder

    return show


def texts(browser, where):
    return browser.ask("[...document.querySelectorAll(%s)].map(e => e.textContent)" % json.dumps(where))


def click(browser, where):
    browser.ask("document.querySelector(%s).click()" % json.dumps(where))


def enter(browser, where, value, event="input"):
    browser.ask("(e => { e.value = %s; e.dispatchEvent(new Event(%s)); })(document.querySelector(%s))" % (json.dumps(value), json.dumps(event), json.dumps(where)))


def test_above_the_fold(story, browser):
    story()
    assert browser.ask("document.querySelector('main h2').textContent").startswith("Sign in to the books of Example Ltd.")
    assert browser.ask("document.querySelector('main .heading code').textContent") == "wr_bad"
    facts = browser.ask("document.querySelector('main .heading + p').textContent")
    for words in ("failed", "2026-01-20 11:52:20 UTC", "2 min 3 s", "6 steps", "$0.15"):
        assert words in facts, facts
    assert "HTTP 500" in browser.ask("document.querySelector('main .reason').textContent")
    assert "The last screenshot of the step that failed" in browser.ask("document.querySelector('.hero figcaption').textContent")
    assert browser.ask("document.querySelector('.hero .large img').getAttribute('src')").endswith("_b_final.png")
    for where in (".hero .large img", ".hero video"):
        assert browser.ask("document.querySelector(%s).getBoundingClientRect().bottom" % json.dumps(where)) < 900, where  # of the window


def test_the_failing_step_is_chosen(story, browser):
    story()
    assert texts(browser, ".steps [aria-current=true] span:first-child") == ["Step 6: CLICK download, “downloads the invoice”"]
    assert "The run failed in this step." in browser.ask("document.querySelector('.step').textContent")
    assert browser.ask("document.querySelector('.segment.failed').textContent") == "6"
    names = texts(browser, ".steps button span:first-child")
    assert names[0] == "Step 1: INPUT_TEXT user-name, “types the name of the user”" and len(names) == 6
    # a screenshot, with what was before it and the difference
    stage = "document.querySelector('.step .stage img').getAttribute('src')"
    assert browser.ask(stage).endswith("b_final.png")
    browser.ask("[...document.querySelectorAll('.step .chip')].find(b => b.textContent === 'Before').click()")
    assert browser.ask(stage).endswith("b_shot5.png")
    browser.ask("[...document.querySelectorAll('.step .chip')].find(b => b.textContent === 'Difference').click()")
    assert browser.ask("[...document.querySelectorAll('.difference img')].map(i => getComputedStyle(i).mixBlendMode)") == ["normal", "difference"]


def test_a_step_narrows_requests_and_logs(story, browser):
    """Two clicks from the failed run to the request that failed and the log line beside it."""
    story("#wr_bad")
    opened(browser, "skyvern_log")
    click(browser, ".segment.failed")  # the first
    assert "of the time of step 6" in browser.ask("document.querySelector('.narrowed').textContent")
    assert texts(browser, ".requests tbody tr.error td:nth-child(4)") == ["500"]
    assert len(texts(browser, ".requests tbody tr")) == 5
    lines = texts(browser, "section .scroll .lines li")
    assert any("the action failed" in line for line in lines) and not any("step 2 begins" in line for line in lines)
    click(browser, ".requests tr.error button")  # the second
    assert "books.example/api/v1/invoices/2026-01/download" in browser.ask("document.querySelector('.drawer').textContent")
    assert browser.ask("location.hash") == "#wr_bad/6"
    browser.ask("[...document.querySelectorAll('.narrowed button')][0].click()")
    assert len(texts(browser, ".requests tbody tr")) == 25
    assert browser.ask("document.querySelector('.narrowed').textContent") == ""


def test_a_moment_leads_back_to_its_step(story, browser):
    """From a request, a log line or the slider to the step, the recording and what else happened then."""
    story("#wr_bad/2")
    opened(browser, "skyvern_log")
    current = "document.querySelector('.steps [aria-current=true]').dataset.step"
    told = "document.querySelector('.clock + p').textContent"
    browser.ask("[...document.querySelectorAll('.narrowed button')][0].click()")
    click(browser, ".requests tr.error button")
    browser.ask("[...document.querySelectorAll('.drawer button')].find(b => b.textContent === 'Show this moment').click()")
    top = browser.ask("document.querySelector('.step h4').getBoundingClientRect().top")
    assert 0 <= top < 300, top  # the step is seen, though the request was far below it
    assert browser.ask("document.activeElement.tagName") == "H4"
    assert browser.ask(current) == "6" and browser.ask(told).startswith("+1 min 47 s") and "step 6" in browser.ask("document.querySelector('.narrowed').textContent")
    browser.ask("[...document.querySelectorAll('.narrowed button')][0].click()")
    browser.ask("[...document.querySelectorAll('section .scroll .lines li')].find(l => l.textContent.includes('step 3 begins')).click()")
    assert browser.ask(current) == "3" and browser.ask(told).startswith("+41.0 s")
    enter(browser, ".lanes input", "62000")
    assert browser.ask(current) == "3"  # while the slider moves
    assert texts(browser, ".segment.now") == ["4"]
    enter(browser, ".lanes input", "62000", "change")
    assert browser.ask(current) == "4" and browser.ask(told).startswith("+1 min 2 s") and browser.ask("location.hash") == "#wr_bad/4"


def test_steps_named_by_the_answer_of_the_model(view, browser, emu):
    """Of a run without records of actions: by what Skyvern read in the answer, or by the answer itself."""
    answer = [{"action_type": "input_text", "id": "AAB", "reasoning": "the name goes here", "text": "ada"}, {"action_type": "click", "id": "AAC", "reasoning": "signs in"}]
    emu.run("tsk_said", [{"id": "r1", "type": "llm_response", "data": b'{"choices": [{"message": {"content": "x"}}]}', "step_id": "stp_1", "created_at": case.iso(1), "ext": "json"},
                         {"id": "p1", "type": "llm_response_parsed", "data": json.dumps({"actions": answer}).encode(), "step_id": "stp_1", "created_at": case.iso(2), "ext": "json"},
                         {"id": "r2", "type": "llm_response", "data": json.dumps({"actions": answer[1:]}).encode(), "step_id": "stp_2", "created_at": case.iso(5), "ext": "json"},
                         {"id": "r3", "type": "llm_response", "data": b"no JSON", "step_id": "stp_3", "created_at": case.iso(8), "ext": "json"}])
    view("tsk_said")
    assert texts(browser, ".steps button span:first-child") == ["Step 1: INPUT_TEXT AAB, “the name goes here”, and 1 more", "Step 2: CLICK AAC, “signs in”", "Step 3"]


def test_one_clock(story, browser):
    story("#wr_bad")
    lanes = texts(browser, ".lane-name")
    assert lanes == ["Steps", "Actions", "Pictures", "Requests", "Errors", "Recording", ""]
    place = "parseFloat(document.querySelectorAll('.segment')[%d].style.left)"
    assert browser.ask(place % 0) < browser.ask(place % 1) < browser.ask(place % 5)
    browser.until("document.querySelectorAll('.strip img').length > 4")
    assert "is a guess" in browser.ask("document.querySelector('.clock + p').textContent")
    enter(browser, ".lanes input", "62000")
    assert "+1 min 2 s, 2026-01-20 11:53:23 UTC" in browser.ask("document.querySelector('.clock + p').textContent")
    click(browser, ".segment")
    assert browser.ask("document.querySelector('.lanes input').value") in ("500", "1000")
    click(browser, ".segment.failed")  # begins where the step before it ends
    assert texts(browser, ".segment.now") == ["6"]
    browser.until("document.querySelector('video').readyState > 0")


def test_a_recording_that_says_when_it_began(view, browser, emu, film):  # noqa: F811
    """DateUTC of a WebM: the lane of the recording begins there, and nothing is guessed."""
    begin = case.START + 5
    emu.run("tsk_dated", [{"id": "f", "type": "recording", "data": case.dated(film, (begin - 978307200) * 10**9), "created_at": case.iso(60), "ext": "webm"},
                          {"id": "s", "type": "screenshot_final", "data": b"\x89PNG", "created_at": case.iso(50), "ext": "png"}], started_at=case.iso(0), finished_at=case.iso(50))
    view("tsk_dated")
    browser.until("document.querySelector('video').readyState > 0")  # it still plays
    assert "is a guess" not in browser.ask("document.querySelector('.clock + p').textContent")
    assert browser.ask("parseFloat(document.querySelector('.film').style.left)") == 10


def test_the_header(story, browser, emu):
    story()
    told = browser.ask("document.getElementById('about').textContent")
    assert told.startswith(emu.api + " \u00b7 20") and " UTC \u00b7 2 runs \u00b7 82 artifacts, " in told and told.endswith(" KiB"), told


def test_what_is_not_there(skyarc, emu, tmp_path, browser):
    """A part that has nothing to show says what is not there, and why."""
    shot = {"id": "s", "type": "screenshot_final", "data": b"\x89PNG", "ext": "png"}
    emu.run("tsk_none", [{"id": "d", "type": "download", "data": b"a,b", "ext": "csv"}])
    emu.run("tsk_lost", [{"id": "h_lost", "type": "har", "data": b"{}", "ext": "har"}, shot])
    emu.run("tsk_left", [{"id": "l", "type": "skyvern_log", "data": b"one line", "ext": "log"}, shot])
    emu.fault("h_lost", "status", status=404, times=99)

    def said(run, *args, check=0):
        name = "-".join([run, *args[1:]]) + ".tar.zst"
        skyarc("pull", "-o", name, *args, run, check=check)
        browser.open((extract(tmp_path / name, tmp_path) / "index.html").as_uri())
        ready(browser)
        return browser.ask(MAIN)

    text = said("tsk_none")
    for what in ("No screenshots and recordings", "No requests", "No logs"):
        assert what + ": the service listed none. the service's list" in text, what
    text = said("tsk_lost", check=3)
    assert "No requests: 1 could not be fetched (" in text and "No logs: the service listed none. " in text
    text = said("tsk_left", "-t", "screenshots")
    assert "No logs: the service listed none, or the filter of this archive" in text
    text = said("tsk_left", "-t", "logs")
    assert "No screenshots and recordings: the service listed none, or the filter" in text
    assert "No steps: the service has no record of steps" in text


def test_links_and_keys(story, browser):
    story("#wr_bad/3")
    current = "document.querySelector('.steps [aria-current=true]').dataset.step"
    assert browser.ask(current) == "3"
    browser.key("j")
    assert browser.ask(current) == "4" and browser.ask("location.hash") == "#wr_bad/4"
    browser.key("k")
    browser.key("k")
    assert browser.ask(current) == "2"
    browser.ask("location.hash = '#wr_good/5'")  # pasted into an open tab
    browser.until("document.title === 'wr_good - skyarc' && document.querySelector('main').getAttribute('aria-busy') === 'false'")
    assert browser.ask(current) == "5"
    browser.ask("history.back()")
    browser.until("document.title === 'wr_bad - skyarc' && document.querySelector('main').getAttribute('aria-busy') === 'false'")
    browser.key("/")
    assert browser.ask("document.activeElement.id") == "find"
    browser.ask("document.activeElement.blur()")
    browser.key("?")
    assert browser.ask("document.getElementById('help').open")
    browser.key("Escape")
    browser.until("!document.getElementById('help').open")


def test_network(story, browser):
    story("#wr_bad")
    first = "document.querySelector('.requests tbody tr td:nth-child(%d)').textContent"
    sort = "[...document.querySelectorAll('.requests th button')].find(b => b.textContent === '%s').click()"
    browser.ask(sort % "Time")
    assert browser.ask(first % 7) == "12 ms"
    browser.ask(sort % "Time")
    assert browser.ask(first % 7) == "1.3 s"
    assert browser.ask("document.querySelector('.requests th[aria-sort]').getAttribute('aria-sort')") == "descending"
    chip = "[...document.querySelectorAll('section .tools .chip')].find(b => b.textContent.startsWith('%s')).click()"
    browser.ask(chip % "errors only")
    assert texts(browser, ".requests tbody tr td:nth-child(4)") == ["500"]
    browser.ask(chip % "errors only")
    browser.ask(chip % "script")
    browser.ask(chip % "style")
    assert len(texts(browser, ".requests tbody tr")) == 12
    # one line each: what does not fit is left out in the middle
    assert all(h < 30 for h in browser.ask("[...document.querySelectorAll('.requests tbody tr')].map(r => r.getBoundingClientRect().height)"))
    assert "500" not in texts(browser, ".requests tbody tr td:nth-child(4)")


def test_logs(story, browser):
    story("#wr_bad")
    opened(browser, "skyvern_log")
    lines = "[...document.querySelectorAll('details[open] .scroll .lines li')].map(l => [l.className, l.textContent])"
    rows = browser.ask(lines)
    at = next(i for i, (_, text) in enumerate(rows) if "Traceback" in text)
    assert [level for level, _ in rows[at - 1:at + 4]] == ["error"] * 5  # with the line where they belong
    assert rows[at + 4][0] == "info"
    browser.ask("[...document.querySelectorAll('button')].find(b => b.textContent === 'First error').click()")
    assert "the action failed" in browser.ask("document.activeElement.textContent")


def test_json_logs(view, browser, emu):
    raw = [{"timestamp": "2026-01-20T11:52:30Z", "level": "info", "event": "begin", "step": 1}, {"timestamp": "2026-01-20T11:52:31Z", "log_level": "error", "message": "broke"}]
    emu.run("tsk_json", [{"id": "j1", "type": "skyvern_log_raw", "data": json.dumps(raw).encode()},
                         {"id": "j2", "type": "skyvern_log", "data": "\n".join(json.dumps(r) for r in raw).encode()}])
    view("tsk_json")
    for name in ("skyvern_log_raw", "skyvern_log,"):
        opened(browser, name)
    rows = browser.ask("[...document.querySelectorAll('details[open] .scroll .lines li')].map(l => [l.className, l.textContent])")
    assert rows == [["info", "2026-01-20T11:52:30Z INFO begin step=1"], ["error", "2026-01-20T11:52:31Z ERROR broke"]] * 2


def test_what_changed_between_steps(story, browser):
    story("#wr_bad/3")
    opened(browser, "html_action")
    opened(browser, "What changed since step 2")
    changed = browser.ask("[...document.querySelectorAll('.diff li')].map(l => l.className)")
    assert "gone" in changed and "new" in changed


def test_the_texts_of_a_step_are_searched(story, browser):
    """Prompt, answer, element tree and page of the step, in the page that was opened from a file."""
    story("#wr_bad/6")
    for name, words in (("llm_prompt", "Goal: fetch the invoice"), ("llm_response", "downloads the invoice"), ("visible_elements_tree", "row 6"), ("html_action", "Thank you")):
        assert words in opened(browser, name), name
    opened(browser, "What changed since step 5")
    text = "[...document.querySelectorAll('.step details')].find(d => d.textContent.includes('visible_elements_tree'))"
    assert browser.ask(text + ".querySelectorAll('.diff .new').length") > 1
    assert "answers and element trees" in browser.ask(MAIN)
    enter(browser, "input[aria-label='search this run']", "the button download")
    assert "llm_prompt" in browser.ask("[...document.querySelectorAll('h3')].find(h => h.textContent === 'Search').parentElement.textContent")


def test_search_in_a_run(story, browser):
    story("#wr_bad")
    enter(browser, "input[aria-label='search this run']", "THANK you")
    text = browser.ask("[...document.querySelectorAll('h3')].find(h => h.textContent === 'Search').parentElement.textContent")
    assert "place" in text and "html_action" in text
    enter(browser, "#find", "something went wrong")
    assert browser.ask("[...document.querySelectorAll('#runs button')].map(b => b.dataset.run)") == ["wr_bad"]
    assert "found " in browser.ask("document.querySelector('#runs').textContent")


def test_two_runs(story, browser):
    story("#wr_bad")
    assert browser.ask("document.querySelector('.offer select').value") == "wr_good"
    click(browser, ".offer button")
    browser.until("document.querySelector('main h2').textContent.includes('Two runs')")
    text = browser.ask(MAIN)
    assert "The first step that differs is step 6: another status." in text
    assert browser.ask("document.querySelector('#differs').textContent").startswith("6")
    assert "“downloads the invoice”" in browser.ask("document.querySelector('#differs').textContent")
    opened(browser, "Screenshots")
    output = browser.ask("[...document.querySelectorAll('h3')].find(h => h.textContent === 'Output').parentElement.textContent")
    assert output == 'Outputwr_badNo output.wr_good{\n  "invoice": "2026-01",\n  "total": 53\n}'
    assert "PlaywrightError" in text and "wr_good: 0" in text
    browser.ask("[...document.querySelectorAll('main button')].find(b => b.textContent === 'Back to the run').click()")
    browser.until("document.querySelector('.steps') !== null")


def test_what_one_run_has_no_record_of_is_no_difference(skyarc, emu, tmp_path, browser, shots, film):  # noqa: F811
    case.make(emu, shots, film)
    skyarc("pull", "-o", "bare.tar.zst", "--records", "none", "-t", "screenshots", "wr_bad", check=0)
    skyarc("pull", "-o", "good.tar.zst", "wr_good", check=0)
    told = skyarc("diff", "--json", "bare.tar.zst", "good.tar.zst", "wr_bad", "wr_good", check=0).json()
    assert told["first_difference"] is None and {row["difference"] for row in told["compared"]} == {"unknown"}
    emu.run("tsk_x", [{"id": "x1", "type": "screenshot_action", "data": shots[0], "ext": "png", "step_id": "s1", "created_at": case.iso(1)}], run_type="workflow_run")
    skyarc("pull", "-o", "two.tar.zst", "tsk_x", "wr_good", check=0)
    browser.open((extract(tmp_path / "two.tar.zst", tmp_path) / "index.html").as_uri() + "#tsk_x")
    ready(browser)
    click(browser, ".offer button")
    browser.until("document.querySelector('main h2').textContent.includes('Two runs')")
    text = browser.ask(MAIN)
    assert "The first step that differs is step 2: only in one run. Of 1 of 6 steps, something is not recorded of one run." in text
    assert browser.ask("document.querySelector('.compared tbody tr').className") == ""


def test_local_time(story, browser):
    story("#wr_bad")
    browser.call("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
    try:
        browser.ask("document.getElementById('zone').click()")
        browser.until("document.querySelector('main .heading + p').textContent.includes('2026-01-20 17:22:20 UTC+5:30')")
        assert "Times: local" in browser.ask("document.querySelector('header').textContent")
    finally:
        browser.call("Emulation.setTimezoneOverride", timezoneId="")


def test_the_picture_viewer(story, browser):
    story("#wr_bad")
    click(browser, ".hero .large")
    assert browser.ask("document.getElementById('box').open")
    fit = browser.ask("document.querySelector('#box img').getBoundingClientRect().height")
    click(browser, "#box img")
    assert browser.ask("document.querySelector('#box [name=zoom]').getAttribute('aria-pressed')") == "true"
    assert browser.ask("document.querySelector('#box img').getBoundingClientRect().height") >= fit
    browser.ask("document.getElementById('box').dispatchEvent(new MouseEvent('click', { bubbles: true }))")  # beside it
    assert not browser.ask("document.getElementById('box').open")


def test_narrow(story, browser):
    story("#wr_bad")
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False)
    try:
        browser.call("Page.reload")
        browser.until("innerWidth === 390 && document.querySelector('.requests') !== null")
        assert browser.ask("document.documentElement.scrollWidth") <= 390
        assert not browser.ask("document.getElementById('folded').open")  # the list of runs
        assert browser.ask("getComputedStyle(document.querySelector('.requests tbody tr')).display") == "grid"  # cards
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


def test_back_leads_from_a_comparison_to_the_run(story, browser):
    story("#wr_bad/3")
    head = "document.querySelector('main h2').textContent"
    click(browser, ".offer button")
    browser.until(head + ".startsWith('Two runs')")
    browser.ask("history.back()")
    browser.until(head + ".startsWith('Sign in')")
    assert browser.ask("document.querySelector('.steps [aria-current=true]').dataset.step") == "3"
    browser.ask("history.forward()")
    browser.until(head + ".startsWith('Two runs')")
    click(browser, "#runs button[data-run=wr_good]")
    browser.until("document.title === 'wr_good - skyarc' && document.querySelector('main').getAttribute('aria-busy') === 'false'")
    browser.ask("history.back()")
    browser.until(head + ".startsWith('Two runs')")
    assert browser.ask("document.title") == "wr_bad - skyarc"
    browser.ask("[...document.querySelectorAll('main button')].find(b => b.textContent === 'Back to the run').click()")
    browser.until(head + ".startsWith('Sign in')")
