# SPDX-License-Identifier: MIT
"""The view's script with odd input: addresses, times, records and texts that no honest service sends; and a reader who
is faster than the page."""
import json

import case
from conftest import extract
from test_story import click, enter, shots, story, texts  # noqa: F401
from test_view import READY, SHOWN, film, go, opened, view  # noqa: F401
from test_view_server import view as serve  # noqa: F401


def requests(entries):
    return json.dumps({"log": {"entries": entries}}).encode()


def test_an_address_that_is_no_address(story, browser):  # noqa: F811
    story("#%zz")
    assert browser.ask(SHOWN) == "wr_bad"


def test_files_without_a_step_narrow_nothing(view, browser, emu):  # noqa: F811
    emu.run("tsk_loose", [{"id": "s1", "type": "screenshot_llm", "data": b"\x89PNG", "created_at": case.iso(1), "ext": "png", "step_id": "stp_1"},
                          {"id": "s2", "type": "screenshot_final", "data": b"\x89PNG", "created_at": case.iso(9), "ext": "png", "step_id": None}])
    view("tsk_loose")
    click(browser, ".steps [data-step='1']")
    assert "of the time of step 1" in browser.ask("document.querySelector('.narrowed').textContent")
    browser.ask("[...document.querySelectorAll('.narrowed button')][0].click()")
    click(browser, ".steps [data-step='0']")
    assert browser.ask("document.querySelector('.step h4').textContent") == "Without a step"
    assert browser.ask("document.querySelector('.narrowed').textContent") == ""


def test_the_first_difference_beyond_the_steps_that_are_shown(view, browser, emu):  # noqa: F811
    for name, count in (("tsk_long", 106), ("tsk_short", 105)):
        emu.run(name, [{"id": "%s_%d" % (name, n), "type": "llm_prompt", "data": b"a prompt", "created_at": case.iso(n), "ext": "txt", "step_id": "%s_%03d" % (name, n)}
                       for n in range(count)])
    view("tsk_long", "tsk_short", at="#tsk_long")
    click(browser, ".offer button")
    browser.until("document.querySelector('main h2').textContent.includes('Two runs')")
    assert browser.ask("document.getElementById('differs')") is None  # not shown yet
    browser.ask("[...document.querySelectorAll('main button')].find(b => b.textContent === 'First difference').click()")
    assert "only in one run" in browser.ask("document.getElementById('differs').textContent")


def test_a_comparison_that_comes_too_late(skyarc, emu, tmp_path, browser, shots, film):  # noqa: F811
    """A run that was opened meanwhile keeps its own texts."""
    case.make(emu, shots, film)
    emu.run("tsk_third", [{"id": "l3", "type": "skyvern_log", "data": b"of the third run\n"}])
    skyarc("pull", "-o", "a.tar.zst", "wr_bad", "wr_good", "tsk_third", check=0)
    browser.open((extract(tmp_path / "a.tar.zst", tmp_path) / "index.html").as_uri() + "#wr_bad")
    browser.until(READY)
    browser.ask("""(() => {
      const { load } = skyarc;
      skyarc.load = (run) => run.run_id !== "wr_good" ? load(run) : new Promise((done) => {
        globalThis.release = () => load(run).then(done);
      });
    })()""")
    browser.ask("(e => { e.value = 'wr_good'; })(document.querySelector('.offer select'))")
    click(browser, ".offer button")
    go(browser, "tsk_third")
    browser.ask("release().then(() => new Promise((done) => setTimeout(done)))")
    assert browser.ask("texts.paths().filter((path) => !path.startsWith('data/tsk_third/'))") == []
    assert "of the third run" in opened(browser, "skyvern_log")


def test_a_page_that_cannot_be_shown_says_so(story, browser):  # noqa: F811
    story("#wr_bad")
    browser.ask("void (story.of = () => { throw new Error('broken record'); })")
    browser.ask("document.querySelector('#runs button[data-run=wr_good]').click()")
    browser.until("document.title === 'wr_good - skyarc' && %s" % READY)
    assert "broken record. The files of this run are in data/wr_good/." in browser.ask("document.querySelector('main [role=alert]').textContent")


def test_requests_without_a_time_or_with_an_odd_status(view, browser, emu):  # noqa: F811
    good = case.entry(4, "GET", "https://a.example/", 200, "text/html", 180, 1)
    timeless = dict(case.entry(4, "GET", "https://b.example/", 1e9, "text/html", 90, 1), startedDateTime="at noon")
    emu.run("tsk_har", [{"id": "h", "type": "har", "data": requests([good, timeless]), "ext": "har", "created_at": case.iso(1), "step_id": "s"},
                        {"id": "s", "type": "screenshot_final", "data": b"\x89PNG", "created_at": case.iso(9), "ext": "png"}], started_at=case.iso(0), finished_at=case.iso(50))
    view("tsk_har")
    assert "2 requests, 1 failed, 180 ms" in browser.ask("document.querySelector('main').textContent")
    assert texts(browser, ".chip")[-3:] == ["2xx 1", "odd status 1", "page 2"]
    assert browser.ask("[...document.querySelectorAll('.fall')].map(f => f.querySelectorAll('.bar i').length)") == [1, 0]
    sort = "[...document.querySelectorAll('.requests th button')].find(b => b.textContent === 'Waterfall').click()"
    browser.ask(sort)
    assert texts(browser, ".requests tbody tr td:nth-child(7)") == ["90 ms", "180 ms"]
    click(browser, ".requests tbody tr button")
    told = browser.ask("document.querySelector('.drawer').textContent")
    assert "took 90 ms" in told and "started" not in told and "Show this moment" not in told


def test_the_details_of_a_request_after_one_that_is_null(serve, skyarc, browser, emu):  # noqa: F811
    second = case.entry(4, "GET", "https://a.example/", 500, "application/json", 180, 1)
    emu.run("tsk_null", [{"id": "h", "type": "har", "data": requests([None, second]), "ext": "har"}])
    skyarc("pull", "-o", "null.tar.zst", "tsk_null", check=0)
    one = serve("null.tar.zst")
    browser.open(one.url)
    browser.until("document.title === 'tsk_null - skyarc' && " + READY)
    browser.ask("document.querySelectorAll('.requests tbody tr button')[1].click()")
    browser.until("document.querySelector('.drawer dl, .drawer [role=alert]') !== null")
    assert "Response body" in browser.ask("document.querySelector('.drawer').textContent")


def test_times_that_no_calendar_has(view, browser, emu):  # noqa: F811
    lines = [{"timestamp": 1e300, "level": "error", "event": "late"}, {"timestamp": "2026-01-20T11:52:31Z", "level": "error", "event": "known"}]
    emu.run("tsk_late", [{"id": "l", "type": "skyvern_log", "data": "\n".join(json.dumps(line) for line in lines).encode()}])
    view("tsk_late")
    opened(browser, "skyvern_log")
    assert browser.ask("[...document.querySelectorAll('.lines li')].map(l => l.dataset.at || '')") == ["", "1768909951000"]
    assert browser.ask("[moment.full(1e300), moment.time(1e300)]") == ["", ""]


def test_matches_after_a_letter_that_grows_in_lower_case(view, browser, emu):  # noqa: F811
    emu.run("tsk_fold", [{"id": "l", "type": "skyvern_log", "data": "\u0130\u0130\u0130 pays the Invoice\n".encode()}])
    view("tsk_fold")
    opened(browser, "skyvern_log")
    for typed, mark in (("invoice", "Invoice"), ("\u0130 pays", "\u0130 pays"), ("i pays", "\u0130 pays")):
        enter(browser, "input[aria-label='search the log']", typed)
        assert texts(browser, ".lines mark") == [mark]
        enter(browser, "#find", typed)
        assert browser.ask("document.querySelectorAll('#runs button').length") == 1


def test_a_recording_after_one_of_sound_only(view, browser, emu, film):  # noqa: F811
    """The clock's recording begins where its own metadata says, not where the sound does."""
    begin = case.START + 5
    emu.run("tsk_sound", [{"id": "a", "type": "recording", "data": b"ID3\x04", "created_at": case.iso(1), "ext": "mp3"},
                          {"id": "f", "type": "recording", "data": case.dated(film, (begin - 978307200) * 10**9), "created_at": case.iso(60), "ext": "webm"}],
            started_at=case.iso(0), finished_at=case.iso(50))
    view("tsk_sound")
    assert browser.ask("[...document.querySelectorAll('figure > audio, figure > video')].map(e => e.tagName)") == ["AUDIO", "VIDEO"]
    assert browser.ask("parseFloat(document.querySelector('.film').style.left)") == 10


def test_what_a_record_says_is_missing(view, browser):  # noqa: F811
    view("tsk_demo1")
    part = browser.ask("records.allPart({ run_id: 'r', records: new Map(), records_count: 1, records_missing: [null, 7, { name: 'a', reason: 'b' }] }).textContent")
    assert part == "Records1 more are in data/r/records/Missing: a (b)"


def test_the_difference_of_texts(view, browser):  # noqa: F811
    view("tsk_demo1")
    assert browser.ask("lines.compare('a\\nb\\nc\\nd', 'a\\nc\\nx\\nd')") == [["same", "a"], ["gone", "b"], ["same", "c"], ["new", "x"], ["same", "d"]]
    assert browser.ask("lines.compare('', '')") == [["same", ""]]
    many = "Array.from({ length: 1500 }, (_, i) => %s + i).join('\\n')"
    assert browser.ask("lines.compare(%s, %s)" % (many % "'a'", many % "'b'")) is None  # 3000 edits
