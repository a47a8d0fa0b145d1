# SPDX-License-Identifier: MIT
"""How the view looks: against the pictures of docs/pictures, in Chromium and Firefox, light and dark, wide and narrow;
and whether it is accessible, by axe-core. SKYARC_PICTURES=new makes the pictures anew."""
import base64
import glob
import json
import os

import pytest

import case
from conftest import TESTS, extract
from firefox import PROGRAM, Firefox
from test_view import READY

TOP = os.path.dirname(TESTS)
AXE = TOP + "/build-tools/axe_playwright_python/axe.min.js"
NEW = os.environ.get("SKYARC_PICTURES") == "new"
WIDTHS = {"wide": 1400, "narrow": 390}
HEADER = "https://skyvern.example \\u00b7 2026-11-28 12:00:00 UTC \\u00b7 2 runs \\u00b7 82 artifacts, 668.5 KiB"
CELL, UNLIKE = 20, 24  # pixels of a cell's side; difference of two cells' mean colours that a reader sees
# Both pictures, reduced to one pixel a cell, and which share of these differs.
COMPARE = """Promise.all([%s].map((b) => new Promise((done, fail) => {
  const image = new Image();
  image.onload = () => done(image);
  image.onerror = fail;
  image.src = "data:image/png;base64," + b;
}))).then((images) => {
  const [w, h] = [Math.ceil(images[0].width / %d), Math.ceil(images[0].height / %d)];
  const [a, b] = images.map((image) => {
    const canvas = document.createElement("canvas");
    canvas.width = w;
    canvas.height = h;
    const to = canvas.getContext("2d");
    to.imageSmoothingQuality = "high";
    to.drawImage(image, 0, 0, w, h);
    return to.getImageData(0, 0, w, h).data;
  });
  let unlike = 0;
  for (let i = 0; i < a.length; i += 4) unlike += [0, 1, 2].some((c) => Math.abs(a[i + c] - b[i + c]) > %d);
  return images[0].width === images[1].width ? unlike / (w * h) : 1;
})"""


# Pictures are decoded beside the script, and painted in the next frame.
PAINTED = """Promise.all([...document.querySelectorAll('.hero img, .strip img')].map((i) => i.decode()))
  .then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))))"""


@pytest.fixture(scope="module")
def shots(browser):
    return case.screenshots(browser)


@pytest.fixture
def page(skyarc, emu, tmp_path, browser, shots):
    """The URL of the page of two runs."""
    case.make(emu, shots, case.recording(browser, shots))
    skyarc("pull", "-o", "invoices.tar.zst", "wr_bad", "wr_good", check=0)
    return (extract(tmp_path / "invoices.tar.zst", tmp_path) / "index.html").as_uri()


@pytest.fixture(scope="module", params=(False, True), ids=("light", "dark"))
def firefox(request):
    firefox = Firefox(dark=request.param)
    firefox.name = "dark" if request.param else "light"
    yield firefox
    firefox.close()


def settled(browser):
    """The page is there, without what differs from one archive to the next."""
    browser.until(READY)
    browser.until("[...document.querySelectorAll('.hero img, .strip img')].every(i => i.complete && i.naturalWidth > 0) && document.querySelectorAll('.strip img').length > 1")
    browser.ask(PAINTED)
    browser.until("document.querySelector('video').readyState > 1 || document.querySelector('video').error !== null")
    browser.ask("(() => { document.getElementById('about').textContent = '%s'; })()" % HEADER)


def likeness(browser, name, picture):
    """Which share of the picture differs from the one that is kept; 0 if it is made anew."""
    path = TOP + "/docs/pictures/%s.png" % name
    if NEW:
        with open(path, "wb") as out:
            out.write(base64.b64decode(picture))
        return 0
    with open(path, "rb") as kept:
        both = [picture, base64.b64encode(kept.read()).decode()]
    browser.open("about:blank")
    return browser.ask(COMPARE % (", ".join(map(json.dumps, both)), CELL, CELL, UNLIKE))


def chromium_picture(browser, page, width, dark):
    browser.open("about:blank")
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
    browser.call("Page.navigate", url=page)
    browser.until("document.querySelector('main') !== null")
    settled(browser)
    return browser.call("Page.captureScreenshot", format="png")["data"]


@pytest.mark.parametrize("dark", (False, True))
@pytest.mark.parametrize("width", WIDTHS)
def test_in_chromium(browser, page, width, dark):
    picture = chromium_picture(browser, page, WIDTHS[width], dark)
    assert likeness(browser, "chromium-%s-%s" % (width, "dark" if dark else "light"), picture) < 0.1


@pytest.mark.skipif(NEW, reason="the pictures are being made")
def test_another_page_is_told(browser, page):
    """The comparison sees another scheme, a picture that is missing, and a page without its style."""
    browser.open("about:blank")
    browser.call("Emulation.setDeviceMetricsOverride", width=1400, height=900, deviceScaleFactor=1, mobile=False)
    browser.call("Page.navigate", url=page)
    browser.until("document.querySelector('main') !== null")
    settled(browser)
    pictures = []
    for change in ("document.querySelector('.hero figure').remove()", "document.querySelector('style').remove()"):
        browser.ask(change)
        pictures.append(browser.call("Page.captureScreenshot", format="png")["data"])
    pictures.append(chromium_picture(browser, page, 1400, True))
    assert all(likeness(browser, "chromium-wide-light", picture) > 0.1 for picture in pictures)


@pytest.mark.skipif(PROGRAM is None, reason="Firefox is not installed")
@pytest.mark.parametrize("width", WIDTHS)
def test_in_firefox(browser, firefox, page, tmp_path, width):
    firefox.size(1400, 900)
    if width == "wide":
        firefox.open(page)
    else:  # narrower than any window
        (tmp_path / "narrow.html").write_text("<body style='margin:0'><iframe style='border:0;width:390px;height:900px' src='%s'></iframe>" % page)
        firefox.open((tmp_path / "narrow.html").as_uri())
        firefox.frame("iframe")
    settled(firefox)
    firefox.frame(None)
    picture = firefox.picture("iframe" if width == "narrow" else None)
    assert likeness(browser, "firefox-%s-%s" % (width, firefox.name), picture) < 0.1


STATES = {"as it opens": "0", "two runs": "document.querySelector('.offer button').click()",
          "all opened": "document.querySelectorAll('main details').forEach(d => { d.open = true; })",
          "a request": "(() => { document.querySelector('.segment.failed').click(); document.querySelector('.requests tr.error button').click(); })()",
          "a picture": "document.querySelector('.hero .large').click()", "the keys": "document.getElementById('keys').click()",
          "a search": "(e => { e.value = 'invoice'; e.dispatchEvent(new Event('input')); })(document.getElementById('find'))"}


@pytest.mark.skipif(not glob.glob(AXE), reason="axe-core is not there")
@pytest.mark.parametrize("dark", (False, True))
def test_accessible(browser, page, dark):
    """axe-core finds no violation of WCAG 2.2 AA or of its best practices."""
    with open(AXE, encoding="utf-8") as script:
        axe = script.read()
    for width in WIDTHS.values():
        for name, action in STATES.items():
            chromium_picture(browser, page, width, dark)
            browser.ask(action)
            browser.until(READY)
            browser.ask(axe + ";1")
            found = browser.ask("axe.run(document, { iframes: false }).then(r => ({ passes: r.passes.length, violations:"
                                " r.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + ' ' + n.failureSummary)]) }))")
            assert found["passes"] > 15 and found["violations"] == [], (name, width, found)


def test_printed(browser, page):
    """On paper: no list of runs, no tools; what is folded is left out, the failing step and its picture are there."""
    browser.open(page)
    settled(browser)
    browser.call("Emulation.setEmulatedMedia", media="print")
    shown = "getComputedStyle(document.querySelector('%s')).display !== 'none'"
    assert not browser.ask(shown % "nav") and not browser.ask(shown % "header .tools") and not browser.ask(shown % ".offer")
    assert browser.ask(shown % ".hero img") and browser.ask(shown % ".step")
    pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=True)["data"])
    assert pdf.startswith(b"%PDF") and 1 <= pdf.count(b"/Type /Page\n") < 12
