# SPDX-License-Identifier: MIT
"""Interrupted bodies are resumed, and never with bytes of another version."""
import hashlib
import os
import stat
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from conftest import SKYARC

SIZE = 3_000_000


@pytest.fixture
def film(emu):
    """One recording at the store, which gives entity tags, with or without a checksum."""
    def make(**more):
        emu.run("tsk_film", [dict({"id": "film", "type": "recording", "webm": SIZE, "seed": 7,
                                   "signing": "s3"}, **more)])
    make()
    return make


def requests(emu, role="store"):
    return [r for r in emu.log(role) if "film" in r["path"] and "/runs/" not in r["path"] and "/tasks/" not in r["path"]]


def ranges(emu, role="store"):
    return [r["headers"].get("range") for r in requests(emu, role)]


def right(emu, manifest, folder, via=None):
    (row,) = manifest["artifacts"]
    assert (folder / row["path"]).read_bytes() == emu.data("film")
    if via:
        assert row["fetched_via"] == via
    return row


@pytest.mark.parametrize("kind", ["short", "stall", "chunk-cut"])
def test_a_broken_body_is_resumed(pull, emu, film, kind):
    emu.fault("film", kind, times=2, bytes=SIZE // 3, seconds=0.1)
    result, manifest, folder = pull("tsk_film")
    right(emu, manifest, folder, "signed-url")
    first, second, third = requests(emu)
    assert "range" not in first["headers"]
    for request in (second, third):
        assert request["headers"]["range"].startswith("bytes=")
        assert request["headers"]["if-range"].startswith('"')
    assert manifest["totals"]["downloaded_bytes"] < SIZE * 1.02


def test_progress_renews_the_budget_of_retries(pull, emu):
    """6 MB that are cut every MB come whole, and once, though there is one retry."""
    emu.run("tsk_long", [{"id": "long", "type": "recording", "webm": 6_000_000, "signing": "s3"}])
    emu.fault("long", "short", times=99, bytes=1_000_000)
    _, manifest, folder = pull("--retries", "1", "tsk_long")
    (row,) = manifest["artifacts"]
    assert (folder / row["path"]).read_bytes() == emu.data("long")
    assert 6 <= len(emu.log("store")) <= 8 and manifest["totals"]["downloaded_bytes"] < 6_000_000 * 1.02


@pytest.mark.parametrize("refusal", [{"kind": "status", "status": 416}, {"kind": "wrong-range"}, {"kind": "other-total"}],
                         ids=lambda f: f["kind"])
def test_what_is_discarded_each_time_is_no_progress(pull, emu, film, refusal):
    """Each rest is refused, so that the part is discarded and received again: this has an end by the retries."""
    film(summed=False)
    for _ in range(40):
        emu.fault("film", "short")
        emu.fault("film", **refusal)
    _, manifest, _ = pull("--retries", "2", "tsk_film", check=3)
    (lost,) = manifest["missing"]
    assert lost["artifact_id"] == "film"
    assert 4 <= len(requests(emu)) + len(requests(emu, "api")) <= 25


@pytest.mark.parametrize("change", ["modified_at", "uri", "checksum", "other-run"])
def test_a_fresh_list_with_another_version(pull, skyarc, emu, film, change):
    """The URL has expired when the body is to be resumed; the new list describes another version, or another run."""
    film(signing="skyvern", summed=False)
    old = emu.data("film")
    emu.fault("film", "short", bytes=SIZE // 3)
    emu.fault("film", "status", status=503, headers={"Retry-After": "2"})
    emu.fault("film", "status", status=403)
    more = {"modified_at": {"modified_at": "2026-02-02T02:02:02"}, "uri": {"uri": "s3://bucket/other.webm"},
            "checksum": {"summed": True}, "other-run": {"run_id": "tsk_other"}}[change]

    def replace():
        end = time.monotonic() + 20
        while len(requests(emu, "api")) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        film(seed=8, signing="skyvern", **dict({"summed": False}, **more))
    thread = threading.Thread(target=replace)
    thread.start()
    _, manifest, folder = pull("tsk_film")
    thread.join()
    (row,) = manifest["artifacts"]
    if change == "other-run":
        assert row["fetched_via"] == "content-endpoint"
    else:
        assert (folder / row["path"]).read_bytes() in (old, emu.data("film"))


def test_a_fifo_in_the_place_of_what_is_left_is_not_waited_for(emu, env, film, tmp_path):
    """In a directory that others can write, the unfinished archive is exchanged while the pull runs."""
    emu.fault("film", "slow", steps=10, pause=0.2)
    process = subprocess.Popen([SKYARC, "pull", "-o", "a.tar.zst", "tsk_film"], env=env, cwd=tmp_path, stderr=subprocess.PIPE)
    end = time.monotonic() + 10
    while not requests(emu) and time.monotonic() < end:
        time.sleep(0.02)
    os.rename(tmp_path / "a.tar.zst.partial", tmp_path / "taken")
    os.mkfifo(tmp_path / "a.tar.zst.partial")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and b"a.tar.zst" in err
    assert not (tmp_path / "a.tar.zst").exists()


def test_without_entity_tag_by_the_total(pull, emu, film):
    film(signing="skyvern", summed=False, sized=False)
    emu.fault("film", "short")
    _, manifest, folder = pull("tsk_film")
    right(emu, manifest, folder, "signed-url")
    _, second = requests(emu, "api")
    assert second["headers"]["range"] == "bytes=%d-" % (len(emu.data("film")) // 2)
    assert "if-range" not in second["headers"]


def test_nothing_to_go_by_starts_anew(pull, emu, film):
    """No entity tag, no length, no checksum: what came is not trusted."""
    film(signing="skyvern", summed=False, sized=False)
    emu.fault("film", "chunk-cut")
    _, manifest, folder = pull("tsk_film")
    right(emu, manifest, folder)
    assert ranges(emu, "api") == [None, None]


@pytest.mark.parametrize("kind", ["no-range", "wrong-range", "other-total", "gzip"])
def test_a_wrong_answer_is_never_glued(pull, emu, film, kind):
    film(summed=False)
    emu.fault("film", "short")
    emu.fault("film", kind)
    _, manifest, folder = pull("tsk_film")
    right(emu, manifest, folder)
    asked = ranges(emu)
    assert asked[0] is None and asked[1] is not None
    if kind in ("wrong-range", "other-total"):
        assert asked[2] is None  # the part is discarded


def test_an_object_that_changed_is_fetched_anew(pull, emu, film):
    film(summed=False)
    emu.fault("film", "short", bytes=1_000_000)
    emu.fault("film", "status", status=503, headers={"Retry-After": "2"})
    other = emu.data("film")[:1000] + bytes(len(emu.data("film")) - 1000)  # of the same length

    def replace():
        while len(requests(emu)) < 2:
            time.sleep(0.02)
        emu.replace("film", other)
    thread = threading.Thread(target=replace)
    thread.start()
    _, manifest, folder = pull("tsk_film")
    thread.join()
    right(emu, manifest, folder)
    assert ranges(emu)[2] and (folder / manifest["artifacts"][0]["path"]).read_bytes() == other


def test_bytes_survive_a_renewed_url(pull, emu, film):
    emu.fault("film", "short")
    emu.fault("film", "status", status=403)
    _, manifest, folder = pull("tsk_film")
    right(emu, manifest, folder, "renewed-url")
    asked = ranges(emu)
    assert asked[0] is None and all(asked[1:])
    assert manifest["totals"]["downloaded_bytes"] < SIZE * 1.02


def test_bytes_survive_the_content_endpoint(pull, emu, film):
    """Another origin: its entity tags say nothing, its total does."""
    emu.fault("film", "short")
    emu.fault("film", "status", status=404)
    _, manifest, folder = pull("tsk_film")
    right(emu, manifest, folder, "content-endpoint")
    (last,) = requests(emu, "api")
    assert last["headers"]["range"] and "if-range" not in last["headers"]


def test_a_redirect_to_another_host_is_not_glued(pull, emu, film):
    """The rest comes from another host, which has another version with the same entity tag and length."""
    film(summed=False)
    there = bytes(len(emu.data("film")))
    tag = '"%s"' % hashlib.md5(emu.data("film")).hexdigest()

    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            first = int(self.headers.get("Range", "bytes=0-")[6:-1])
            self.send_response(206 if first else 200)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(there) - first))
            if first:
                self.send_header("Content-Range", "bytes %d-%d/%d" % (first, len(there) - 1, len(there)))
            self.end_headers()
            self.wfile.write(there[first:])

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        emu.fault("film", "short")
        emu.fault("film", "redirect", to="http://127.0.0.1:%d/film" % other.server_address[1])
        _, manifest, folder = pull("tsk_film")
        other.shutdown()
    right(emu, manifest, folder)
    assert ranges(emu)[2] is None


def test_a_range_behind_the_end_starts_anew(pull, emu, film):
    film(summed=False, sized=False)
    emu.fault("film", "short")
    emu.fault("film", "status", status=416, headers={"Content-Range": "bytes */10"})
    _, manifest, folder = pull("tsk_film")
    right(emu, manifest, folder)
    assert ranges(emu)[0] is None and ranges(emu)[2] is None


def test_bodies_that_pass_through_are_resumed(pull, emu):
    """Larger than the memory for bodies: half of one is in the archive when it breaks."""
    rows = [{"id": "big%d" % i, "type": "recording", "webm": 14_000_000 + i, "seed": i,
             "signing": "s3"} for i in range(6)]
    emu.run("tsk_big", rows)
    for i in range(6):
        emu.fault("big%d" % i, "short", bytes=9_000_000)
        emu.fault("big%d" % i, "short", bytes=2_000_000)
    _, manifest, folder = pull("tsk_big")
    for row in manifest["artifacts"]:
        assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])
    assert manifest["totals"]["downloaded_bytes"] < 6 * 14_000_000 * 1.05


def test_a_stalled_transfer_gives_its_place_up(pull, emu, film):
    emu.run("tsk_more", [{"id": "m%d" % i, "type": "html", "data": b"%d" % i} for i in range(20)])
    emu.fault("film", "stall", seconds=30, bytes=100_000)
    begin = time.monotonic()
    _, manifest, folder = pull("-j", "1", "--speed-time", "2s", "tsk_film", "tsk_more")
    assert time.monotonic() - begin < 15
    assert len(manifest["artifacts"]) == 21
    assert "bytes=100000-" in ranges(emu)


def test_a_host_that_asks_for_less_gets_less(pull, emu):
    rows = [{"id": "b%02d" % i, "type": "html", "data": b"<p>%d" % i, "signing": "s3"}
            for i in range(60)]
    emu.run("tsk_busy", rows)
    for row in rows[:16]:
        emu.fault(row["id"], "status", status=429, headers={"Retry-After": "1"})
    begin = time.monotonic()
    result, manifest, _ = pull("tsk_busy", "-v")
    assert time.monotonic() - begin < 20
    assert len(manifest["artifacts"]) == 60
    limits = [int(line.rsplit(" ", 1)[1]) for line in result.err.splitlines()
              if "concurrency limit of" in line and not "answers" in line]
    throttled = [line for line in result.err.splitlines() if "as it answers 429" in line]
    assert len(throttled) == 1 and throttled[0].endswith(": 8, as it answers 429"), result.err
    assert max(limits, default=0) <= 16
    store = next(h for h in result.json()["hosts"] if h["origin"] == emu.store)
    assert store["rejected"] == 16 and store["highest"] <= 16
    starts = sorted(float(r["at"]) for r in emu.log("store"))
    held = [t for t in starts if t > starts[0] + 1]  # nothing is asked for while it wants a pause
    assert len(held) >= 16 and not [t for t in starts if starts[0] + 0.5 < t < starts[0] + 1]


def test_a_cut_signature_is_not_asked_with(pull, emu):
    emu.run("tsk_cut", [{"id": "cut", "type": "html", "data": b"<p>x",
                         "signing": emu.api + "/v1/artifacts/cut/content?expiry=99999999999&kid=k1&sig=abc"}])
    _, manifest, _ = pull("tsk_cut")
    assert manifest["artifacts"][0]["fetched_via"] == "content-endpoint"
    assert not [r for r in emu.log("api") if "sig=" in r["path"]]


def test_signing_that_is_not_configured_means_the_key(pull, emu):
    emu.fault("a_1html", "status", status=503,
              body={"detail": "Artifact URL signing is not configured"})
    _, manifest, _ = pull("tsk_demo1")
    row = next(r for r in manifest["artifacts"] if r["artifact_id"] == "a_1html")
    assert row["fetched_via"] == "content-endpoint"
    assert len([r for r in emu.log() if "a_1html" in r["path"]]) == 2  # not by the same route again


@pytest.mark.parametrize("kind,more", [("endless", {"count": 100000}), ("headers", {"count": 5000}),
                                       ("huge", {"size": 1 << 40})])
def test_endless_answers_end(pull, emu, kind, more):
    emu.fault("a_1html", kind, times=50, **more)
    begin = time.monotonic()
    _, manifest, _ = pull("--max-size", "20m", "--retries", "1", "tsk_demo1", check=3)
    assert time.monotonic() - begin < 30
    (lost,) = manifest["missing"]
    assert lost["artifact_id"] == "a_1html"
    if kind != "headers":
        assert lost["reason"] == "too-large"


def test_modes(skyarc, emu, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", check=0)
    skyarc("pull", "-o", "b.tar.zst", "--mode", "0640", "tsk_demo1", check=0)
    assert stat.S_IMODE(os.stat(tmp_path / "a.tar.zst").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "b.tar.zst").st_mode) == 0o640
    skyarc("extract", "-C", "x", "a.tar.zst", check=0)
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "x").rglob("*")
            if p.is_file()} == {0o600}
    skyarc("extract", "-C", "y", "--mode", "644", "a.tar.zst", check=0)
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "y").rglob("*")
            if p.is_file()} == {0o644}
    for bad in ("0044", "888", "rw", "01777", ""):
        result = skyarc("pull", "-o", "c.tar", "--mode", bad, "tsk_demo1", check=2)
        assert "octal" in result.err


def test_a_key_file_that_others_read_is_warned_of(skyarc, env, emu, tmp_path):
    key = tmp_path / "key"
    key.write_text(emu.key)
    key.chmod(0o644)
    result = skyarc("runs", "--api-key-file", key, check=0)
    assert "other users may read it" in result.err and "chmod 600" in result.err
    key.chmod(0o600)
    assert "others" not in skyarc("runs", "--api-key-file", key, check=0).err
    config = tmp_path / "home/.config/skyarc/config"
    config.parent.mkdir(parents=True)
    config.write_text("api-key = %s\n" % emu.key)
    config.chmod(0o644)
    assert "other users may read it" in skyarc("runs", check=0, SKYVERN_API_KEY="").err
