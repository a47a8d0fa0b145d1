# SPDX-License-Identifier: MIT
"""report: the offline view of an archive, made afterwards."""
import pytest

from conftest import extract
from reading import flip


def test_report_and_no_report(skyarc, tmp_path, browser):
    runs = ["tsk_demo1", "tsk_demo3", "tsk_step"]
    skyarc("pull", "-o", "a.tar.zst", *runs, check=0)
    folder = extract(tmp_path / "a.tar.zst", tmp_path)
    skyarc("report", "-o", "r.html", "a.tar.zst", check=0)
    browser.open((tmp_path / "r.html").as_uri())  # alone, it has all in itself
    browser.until("document.querySelector('main').getAttribute('aria-busy') === 'false'")
    assert "buy milk" in browser.ask("document.querySelector('main').textContent")
    assert not [u for u in browser.requests() if "/view/" in u]
    skyarc("report", "-o", "again", "a.tar.zst", check=0)
    for path in ["index.html", *("view/%s.js" % run for run in runs)]:  # in a directory, what pull wrote
        assert sorted((tmp_path / "again/a" / path).read_bytes().split(b"\n")) == sorted((folder / path).read_bytes().split(b"\n"))
    assert skyarc("report", "-o", "-", "a.tar.zst", check=0).out == (tmp_path / "r.html").read_bytes()
    assert "exists" in skyarc("report", "-o", "r.html", "a.tar.zst", check=1).err
    skyarc("report", "-f", "-o", "r.html", "a.tar.zst", check=0)
    skyarc("report", "-o", "r2.HTML", "a.tar.zst", check=0)
    assert (tmp_path / "r2.HTML").read_bytes() == (tmp_path / "r.html").read_bytes()
    for name in ("b.tar.zst", "b.tar.gz", "b.tar", "b.zip"):
        skyarc("pull", "--no-report", "-o", name, *runs, check=0)
        bare = extract(tmp_path / name, tmp_path)
        assert not (bare / "index.html").exists() and not (bare / "view").exists()
        skyarc("verify", name, check=0)
        out = skyarc("report", "-o", "view-" + name, name, check=0).out.decode().strip()
        assert out == "view-%s/b/index.html" % name
        browser.open((tmp_path / out).as_uri())
        browser.until("[...document.querySelectorAll('main .shots img')].every(i => i.complete && i.naturalWidth > 0)")
        assert browser.ask("document.querySelectorAll('#runs li').length") == 3
    assert not list(tmp_path.glob("**/*.partial"))


@pytest.fixture
def small(skyarc, tmp_path):
    skyarc("pull", "--no-report", "-o", "b.tar.zst", "tsk_demo3", check=0)
    return tmp_path / "b.tar.zst"


def test_without_an_output_here(skyarc, small, tmp_path):
    (tmp_path / "here").mkdir()
    out = skyarc("report", small, cwd=tmp_path / "here", check=0).out
    assert out == b"./b/index.html\n" and b"tsk_demo3" in (tmp_path / "here/b/index.html").read_bytes()
    again = skyarc("report", small, cwd=tmp_path / "here", check=1)
    assert "exists" in again.err and "--force" in again.err
    assert skyarc("report", "-q", "--force", small, cwd=tmp_path / "here", check=0).out == b""
    assert "none/there" in skyarc("report", "-o", "none/there", small, check=1).err


def test_permissions(skyarc, small, tmp_path):
    skyarc("report", "-o", "r.html", small, check=0)
    assert (tmp_path / "r.html").stat().st_mode & 0o777 == 0o600
    skyarc("report", "--mode", "0644", "--output", "s.htm", small, check=0)
    assert (tmp_path / "s.htm").stat().st_mode & 0o777 == 0o644
    skyarc("report", "--mode", "0640", "-o", "dir", small, check=0)
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "dir").rglob("*") if p.is_file()} == {0o640}


def test_without_a_sandbox(skyarc, small):
    page = skyarc("report", "-o", "-", small, check=0)
    result = skyarc("report", "-v", "--no-sandbox", "-o", "-", small, check=0)
    assert "not confined" in result.err and result.out == page.out


def test_damage(skyarc, small, tmp_path):
    """What can be had comes out, and the status says that something was lost; no page of no manifest."""
    skyarc("pull", "--no-report", "-o", "b.tar", "tsk_demo3", check=0)
    victim = next(r for r in skyarc("list", "--json", "b.tar", check=0).json() if r["size"] > 100 and not r["link"])
    data = (tmp_path / "b.tar").read_bytes()
    at = data.index(skyarc("cat", "b.tar", victim["path"], check=0).out)
    flip(tmp_path / "b.tar", at + 50)
    result = skyarc("report", "-o", "hurt", "b.tar", check=4)
    assert victim["path"] in result.err and not (tmp_path / "hurt/b" / victim["path"]).exists()
    page = skyarc("report", "--json", "-o", "hurt.html", "b.tar")
    lost = victim["artifact_type"].startswith(("html", "har")) or "log" in victim["artifact_type"]  # the page has its text
    assert page.code == (4 if lost else 0) and page.json()["complete"] == (not lost)
    text = next(r for r in skyarc("list", "--json", "b.tar", check=0).json() if r["artifact_type"] == "skyvern_log")
    flip(tmp_path / "b.tar", (tmp_path / "b.tar").read_bytes().index(skyarc("cat", "b.tar", text["path"], check=0).out) + 50)
    page = skyarc("report", "-f", "--json", "-o", "hurt.html", "b.tar", check=4)
    assert not page.json()["complete"] and "was left out" in page.err and (tmp_path / "hurt.html").exists()
    (tmp_path / "cut.tar.zst").write_bytes(small.read_bytes()[:3000])
    assert skyarc("report", "-o", "cut.html", "cut.tar.zst", check=4).err
    assert not (tmp_path / "cut.html").exists()
    assert not (tmp_path / "none.html").exists() and skyarc("report", "-o", "none.html", "none.tar", check=1).err


@pytest.mark.parametrize("args,words", [([], "one archive"), (["a.tar", "b.tar"], "one archive"), (["--mode", "x", "a.tar"], "--mode"),
                                        (["--bogus", "a.tar"], "--bogus")])
def test_usage(skyarc, args, words):
    assert words in skyarc("report", *args, check=2).err
