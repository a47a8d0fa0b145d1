# SPDX-License-Identifier: MIT
"""What pull does when the service or the network fails."""
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import SKYARC, extract
from terminal import run_in_pty


def row_of(manifest, ident):
    return next(r for r in manifest["artifacts"] if r["artifact_id"] == ident)


def lost(manifest):
    return {m["artifact_id"]: (m["reason"], m["http_status"]) for m in manifest["missing"]}


@pytest.mark.parametrize("kind,more", [
    ("status", {"status": 500}), ("status", {"status": 503}), ("status", {"status": 429}),
    ("status", {"status": 408}), ("drop", {}), ("short", {}), ("wrong-length", {}),
])
def test_a_passing_fault_is_retried(pull, emu, kind, more):
    for ident in ("a_1rec", "a_1html"):
        emu.fault(ident, kind, times=2, **more)
    result, manifest, folder = pull("tsk_demo1")
    for ident in ("a_1rec", "a_1html"):
        row = row_of(manifest, ident)
        assert (folder / row["path"]).read_bytes() == emu.data(ident)
        assert row["fetched_via"] == "signed-url"
    # libcurl itself repeats a request when a kept connection turns out to be closed
    assert result.json()["retries"] >= (1 if kind == "drop" else 4)


def test_retry_after_is_honoured(pull, emu):
    emu.fault("a_1html", "status", status=429, headers={"Retry-After": "2"})
    begin = time.monotonic()
    pull("-t", "html_scrape", "tsk_demo1")
    assert time.monotonic() - begin >= 2


def test_retry_after_ms(pull, emu):
    emu.fault("a_1html", "status", status=503, headers={"retry-after-ms": "700"})
    begin = time.monotonic()
    pull("-t", "html_scrape", "tsk_demo1")
    assert time.monotonic() - begin >= 0.7


@pytest.mark.parametrize("kind", ["gzip", "chunked"])
def test_transfer_and_content_encodings_are_undone(pull, emu, kind):
    for ident in ("a_1html", "a_1rec"):
        emu.fault(ident, kind, times=9)
    _, manifest, folder = pull("tsk_demo1")
    for ident in ("a_1html", "a_1rec"):
        assert (folder / row_of(manifest, ident)["path"]).read_bytes() == emu.data(ident)


def test_a_lasting_fault_is_missing(pull, emu):
    emu.fault("a_1html", "status", times=99, status=500)
    emu.fault("a_1log", "short", times=99)
    emu.fault("a_1dom", "wrong-length", times=99)
    result, manifest, folder = pull("--retries", "1", "tsk_demo1", check=3)
    assert lost(manifest) == {"a_1html": ("server-error", 500), "a_1log": ("network-error", 206),
                              "a_1dom": ("length-mismatch", 200)}
    assert len(manifest["artifacts"]) == 17
    assert result.json()["missing_reasons"] == {"server-error": 1, "network-error": 1, "length-mismatch": 1}
    assert "a_1html" in result.err and result.json()["incomplete"] is True
    assert not any("detail" in p.read_text() for p in (folder / "data/tsk_demo1").rglob("*_html*"))


def test_strict_writes_nothing(pull, emu):
    emu.fault("a_1html", "status", times=99, status=404)
    result, _, _ = pull("--strict", "tsk_demo1", check=1)
    assert "a_1html" in result.err and "--strict" in result.err


def test_expired_urls_are_renewed_once_for_all(pull, emu):
    ids = ["e%02d" % i for i in range(40)]
    emu.run("tsk_exp", [{"id": i, "type": "html", "data": b"<p>%s</p>" % i.encode(),
                         "signing": "s3"} for i in ids])
    # every URL is refused: the list was made before the keys were rolled
    emu.fault("list/tsk_exp", "raw", body=_stale_list(emu, "tsk_exp"))
    _, manifest, _ = pull("tsk_exp")
    assert len(manifest["artifacts"]) == 40
    lists = [r for r in emu.log("api") if r["path"].startswith("/v1/runs/tsk_exp/artifacts")]
    assert len(lists) <= 4  # once before, then once for all those in flight, not forty times
    assert {r["fetched_via"] for r in manifest["artifacts"]} == {"renewed-url"}


def _list(emu, run):
    import urllib.request
    request = urllib.request.Request(emu.api + "/v1/runs/%s/artifacts" % run,
                                     headers={"x-api-key": emu.key})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def _stale_list(emu, run):
    import base64
    text = _list(emu, run)
    emu.expire()
    return base64.b64encode(text).decode()


def test_urls_about_to_die_are_renewed_before_use(pull, emu):
    emu.run("tsk_soon", [{"id": "s%d" % i, "type": "html", "data": b"%d" % i, "signing": how,
                          "life": 1} for i, how in enumerate(["skyvern", "s3", "amz", "azure"])])
    _, manifest, _ = pull("tsk_soon")
    assert {r["fetched_via"] for r in manifest["artifacts"]} <= {"renewed-url", "content-endpoint"}
    assert len(manifest["artifacts"]) == 4
    lists = [r for r in emu.log("api") if r["path"].endswith("/artifacts")]
    assert len(lists) >= 2


def test_the_servers_clock_counts(pull, emu):
    """Our clock is a day off: nothing is taken for expired."""
    emu.skew(-86400)
    _, manifest, _ = pull("tsk_demo1")
    assert len([r for r in emu.log("api") if "/artifacts" in r["path"] and "/runs/" in r["path"]]) == 1
    emu.reset()
    emu.skew(86400)
    _, manifest, _ = pull("tsk_demo1", name="b.tar")
    assert {r["fetched_via"] for r in manifest["artifacts"]} == {"signed-url", "content-endpoint"}


def test_what_dies_first_is_fetched_first(pull, emu):
    lives = [40000, 3600, 30000, 20000, 10000]
    emu.run("tsk_order", [{"id": "o%d" % i, "type": "html", "data": b"%d" % i, "life": life}
                          for i, life in enumerate(lives)])
    pull("-j", "1", "tsk_order")
    order = [r["path"].split("/")[3] for r in emu.log("api") if "/content" in r["path"]]
    assert order == ["o1", "o4", "o3", "o2", "o0"]


def test_refused_urls_end_at_the_content_endpoint(pull, emu):
    emu.fault("a_1html", "status", times=3, status=403)
    _, manifest, _ = pull("tsk_demo1")
    assert row_of(manifest, "a_1html")["fetched_via"] == "content-endpoint"


def test_gone(pull, emu):
    emu.fault("a_1html", "status", times=9, status=404,
              body={"detail": "Artifact content not available"})
    _, manifest, _ = pull("tsk_demo1", check=3)
    assert lost(manifest) == {"a_1html": ("gone", 404)}
    assert manifest["missing"][0]["attempts"] == 2


def test_gone_is_not_said_of_what_may_come_back(pull, emu):
    """The URL's host fails, and a server without the content endpoint answers 404 there: that is no proof."""
    emu.run("tsk_old", [{"id": "a_old", "type": "html", "data": b"<html>", "signing": "s3"}])
    emu.fault("a_old", "status", times=99, status=500)
    emu.fault("content/a_old", "status", times=99, status=404)
    _, manifest, _ = pull("--retries", "1", "tsk_old", check=3)
    assert lost(manifest) == {"a_old": ("server-error", 500)}


def test_a_failed_leader_is_replaced(pull, emu):
    """Two rows are the same object; the one that is fetched is gone, the other is not."""
    rows = [{"id": "l%d" % i, "type": "html", "data": b"same", "uri": "s3://b/same", "signing": "s3"}
            for i in range(2)]
    emu.run("tsk_lead", rows)
    emu.fault("l0", "status", times=9, status=404)
    _, manifest, _ = pull("tsk_lead", check=3)
    assert lost(manifest) == {"l0": ("gone", 404)}
    assert row_of(manifest, "l1")["fetched_via"] == "signed-url"


def test_wrong_checksum_is_noted(pull, emu):
    emu.fault("a_1html", "other-bytes", times=9)
    result, manifest, folder = pull("tsk_demo1", check=3)
    assert row_of(manifest, "a_1html")["checksum_mismatch"] is True
    assert result.json()["checksum_mismatches"] == 1
    assert "checksum" in result.err


def test_redirects(pull, emu):
    """Followed by hand: the key stays home."""
    emu.fault("a_1key", "redirect", to=emu.store + "/open/a_1key")
    emu.fault("a_1html", "redirect", to=emu.api + "/v1/artifacts/a_1key/content")
    _, manifest, folder = pull("tsk_demo1")
    data = (folder / row_of(manifest, "a_1key")["path"]).read_bytes()
    assert data == emu.data("a_1key")
    (moved,) = [r for r in emu.log("store") if r["path"].startswith("/open/")]
    assert "x-api-key" not in moved["headers"]


def test_redirect_loops_and_other_schemes_end(pull, emu):
    emu.fault("a_1html", "redirect", times=50, to=emu.api + "/v1/artifacts/a_1html/content")
    emu.fault("a_1log", "redirect", times=9, to="file:///etc/passwd")
    emu.fault("a_1dom", "redirect", times=9, to="ftp://127.0.0.1/x")
    _, manifest, folder = pull("--retries", "0", "tsk_demo1", check=3)
    assert set(lost(manifest)) == {"a_1html", "a_1log", "a_1dom"}
    assert not any(b"root:" in p.read_bytes() for p in folder.rglob("*") if p.is_file())
    assert len([r for r in emu.log("api") if "/a_1html/" in r["path"]]) < 20


def test_too_large(pull, emu):
    _, manifest, _ = pull("--max-size", "100k", "tsk_demo1", check=3)
    assert lost(manifest)["a_1rec"][0] == "too-large"


def test_a_time_limit_archives_what_is_there(pull, emu):
    emu.fault("a_1rec", "slow", times=9, steps=100, pause=0.2)
    begin = time.monotonic()
    _, manifest, _ = pull("--timeout", "1s", "tsk_demo1", check=3)
    assert time.monotonic() - begin < 5
    assert lost(manifest)["a_1rec"][0] == "timeout"
    assert len(manifest["artifacts"]) >= 15


def test_big_bodies_that_break(pull, emu, tmp_path):
    """Bodies that pass through are taken back when they break."""
    rows = [{"id": "big%d" % i, "type": "recording", "webm": 6_000_000 + i, "seed": i,
             "signing": "s3"} for i in range(14)]
    emu.run("tsk_big", rows)
    for i in range(0, 14, 2):
        emu.fault("big%d" % i, "short", times=2)
    _, manifest, folder = pull("tsk_big")
    for row in manifest["artifacts"]:
        assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=folder, check=True)


def test_slow_heads_do_not_stop_the_others(pull, emu):
    rows = [{"id": "big%d" % i, "type": "recording", "webm": 4_000_000 + i, "seed": i,
             "signing": "s3"} for i in range(16)]
    emu.run("tsk_slow", rows)
    for i in range(3):
        emu.fault("big%d" % i, "slow", steps=20, pause=0.1)
    begin = time.monotonic()
    _, manifest, folder = pull("tsk_slow")
    assert time.monotonic() - begin < 15
    for row in manifest["artifacts"]:
        assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop(env, emu, tmp_path, number):
    emu.fault("a_1rec", "slow", times=9, steps=100, pause=0.2)
    process = subprocess.Popen([SKYARC, "pull", "-o", "s.tar.zst", "tsk_demo1"], env=env,
                               cwd=tmp_path, stderr=subprocess.PIPE)
    wait_for(lambda: any("/bucket/a_1rec" in r["path"] for r in emu.log("store")))
    time.sleep(1)  # until other bodies have been packed
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert b" kept in 's.tar.zst.partial'" in err
    assert not (tmp_path / "s.tar.zst").exists()


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_usr1_prints_the_status_even_when_quiet(env, emu, tmp_path):
    emu.fault("a_1rec", "slow", times=9, steps=20, pause=0.1)
    process = subprocess.Popen([SKYARC, "pull", "-q", "-o", "u.tar.zst", "tsk_demo1"], env=env,
                               cwd=tmp_path, stderr=subprocess.PIPE)
    wait_for(lambda: any("/bucket/a_1rec" in r["path"] for r in emu.log("store")))
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"status: " in err and b"of 20 artifacts" in err


def test_two_on_one_output(env, emu, tmp_path, skyarc):
    emu.fault("a_1rec", "slow", times=1, steps=20, pause=0.1)
    first = subprocess.Popen([SKYARC, "pull", "-o", "t.tar.zst", "tsk_demo1"], env=env,
                             cwd=tmp_path)
    wait_for(lambda: (tmp_path / "t.tar.zst.partial").exists())
    time.sleep(0.1)
    second = skyarc("pull", "-o", "t.tar.zst", "tsk_demo1")
    assert second.code == 75 and "another skyarc" in second.err
    assert first.wait(20) == 0
    extract(tmp_path / "t.tar.zst", tmp_path)


def test_a_terminal_sees_a_line_that_moves(env, emu, tmp_path):
    emu.fault("a_1rec", "slow", times=1, steps=10, pause=0.1)
    code, seen = run_in_pty([SKYARC, "pull", "-o", "p.tar.zst", "tsk_demo1"], dict(env, TERM="xterm"), tmp_path)
    assert code == 0
    assert b"of 20 artifacts" in seen and b"\x1b[K" in seen
    last = seen.split(b"\x1b[K")[-1]
    assert b"unique" in last and b"sha256" in last and b"p.tar.zst" in last


def test_the_list_fails_for_a_while(pull, emu):
    emu.fault("list/tsk_demo1", "status", times=2, status=502)
    emu.fault("run/tsk_demo1", "drop", times=1)
    _, manifest, _ = pull("tsk_demo1")
    assert len(manifest["artifacts"]) == 20


def test_json_and_text_agree_on_the_status(skyarc, emu):
    emu.fault("a_1html", "status", times=99, status=404)
    assert skyarc("pull", "-o", "x.tar", "tsk_demo1").code == 3
    assert skyarc("pull", "-o", "y.tar", "--json", "tsk_demo1").code == 3
    assert skyarc("pull", "-o", "z.tar", "--strict", "tsk_demo1").code == 1
    result = skyarc("pull", "-o", "z.tar", "--strict", "--json", "tsk_demo1", check=1)
    assert result.json()["archive"] is None and "a_1html" in result.json()["error"]


def test_json_log(skyarc, emu):
    emu.fault("a_1html", "status", times=99, status=404)
    result = skyarc("pull", "--log-format", "json", "-o", "x.tar", "tsk_demo1", check=3)
    lines = [json.loads(line) for line in result.err.splitlines()]
    assert lines and lines[0]["level"] == "warning" and "a_1html" in lines[0]["message"]
