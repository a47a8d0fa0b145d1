# SPDX-License-Identifier: MIT
"""The offline view in Firefox, from file://: sidecars load, texts are shown, and nothing of a captured page runs."""
import pytest

from conftest import extract
from firefox import PROGRAM, Firefox
from test_view import EVIL, READY, SHOWN

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Firefox is not installed")


@pytest.fixture(scope="module")
def firefox():
    firefox = Firefox()
    yield firefox
    firefox.close()


def show(firefox, skyarc, tmp_path, *runs, at="", check=0):
    skyarc("pull", "-o", "a.tar.zst", *runs, check=check)
    folder = extract(tmp_path / "a.tar.zst", tmp_path)
    firefox.open((folder / "index.html").as_uri() + at)
    firefox.until(READY)
    return folder


MAIN = "document.querySelector('main').textContent"


def test_sidecars_load_from_files(skyarc, tmp_path, firefox):
    folder = show(firefox, skyarc, tmp_path, "tsk_demo1", "tsk_demo3", "wr_demo2", at="#tsk_demo1")
    assert firefox.ask(SHOWN) == "tsk_demo1"
    assert firefox.ask("document.querySelectorAll('main table tbody tr').length") == 80  # its requests
    firefox.ask("document.querySelector('#runs button[data-run=tsk_demo3]').click()")
    firefox.until("document.title === 'tsk_demo3 - skyarc' && " + READY)
    assert "the page did not load" in firefox.ask(MAIN) and "buy milk" in firefox.ask(MAIN)
    firefox.until("[...document.querySelectorAll('main .shots img')].every(i => i.complete && i.naturalWidth > 0)")
    assert "the 2 runs opened so far" in firefox.ask("document.querySelector('#scope').textContent")
    (folder / "view/wr_demo2.js").unlink()
    firefox.ask("document.querySelector('#runs button[data-run=wr_demo2]').click()")
    firefox.until("document.querySelector('main [role=alert]') !== null")
    assert "view/wr_demo2.js is not beside this page" in firefox.ask(MAIN)


PWNED = "(window.wrappedJSObject || window).pwned"


def test_nothing_captured_runs(skyarc, emu, tmp_path, firefox):
    (tmp_path / "open.html").write_text(EVIL)
    firefox.open((tmp_path / "open.html").as_uri())
    firefox.until(PWNED + " === 1")  # what it does elsewhere
    emu.run("tsk_e", [{"id": "l", "type": "skyvern_log", "data": EVIL.encode()}, {"id": "h", "type": "html_scrape", "data": EVIL.encode()},
                      {"id": "x", "type": EVIL, "data": b"{}"}], status=EVIL, failure_reason=EVIL, title=EVIL, run_type=EVIL)
    show(firefox, skyarc, tmp_path, "tsk_e")
    firefox.ask("document.querySelectorAll('main details').forEach(d => { d.open = true; })")
    firefox.until("[...document.querySelectorAll('main details')].every(d => d.children.length > 1)")
    assert EVIL in firefox.ask(MAIN)
    firefox.ask("[...document.querySelectorAll('main button')].filter(b => b.textContent.includes('sandbox')).forEach(b => b.click())")
    firefox.until("document.querySelector('main iframe[srcdoc]') !== null")
    firefox.call("WebDriver:ExecuteAsyncScript", script="setTimeout(arguments[0], 300)", args=[])
    assert firefox.ask(PWNED) is None
    assert firefox.ask("document.querySelectorAll('main script, main svg, main a[href^=javascript]').length") == 0
