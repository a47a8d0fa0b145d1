# SPDX-License-Identifier: MIT
"""view: the peak memory of the server stays below its limit, whatever a run contains and however many tabs ask at once."""
import json
import random
import re
import threading
import time

import pytest

import case
from test_view_server import SLOW, Viewer, view  # noqa: F401

MOST = 64 << 10  # KiB
RUN = "tsk_heavy"


def dense_har(size):
    """Requests with as many values as fit."""
    entry = {"startedDateTime": "2026-01-20T11:52:20.000Z", "time": 5, "request": {"method": "GET", "url": "https://a.example/" + "<" * 1900},
             "response": {"status": 200, "content": {"size": 1, "mimeType": "text/html"}}, "timings": [1] * 400}
    text = json.dumps(entry, separators=(",", ":"))
    return ('{"log":{"entries":[' + ",".join([text] * (size // (len(text) + 1) - 1)) + "]}}").encode()


def heavy(emu):
    """A run with 60 MB of texts, large HARs and records, and recordings."""
    rng = random.Random(5)
    text = [{"id": "t%d" % i, "type": ("html_action", "visible_elements_tree", "llm_prompt")[i % 3], "step_id": "s%d" % (i // 9),
             "data": b"<p>%d " % i + rng.randbytes(60_000).hex().encode(), "created_at": case.iso(i)} for i in range(500)]
    hars = [{"id": "h%d" % i, "type": "har", "ext": "har", "data": dense_har(8_000_000 + i), "created_at": case.iso(i)} for i in range(2)]
    logs = [{"id": "l%d" % i, "type": "skyvern_log", "data": b"a line %d\n" % i * 30_000, "created_at": case.iso(i)} for i in range(40)]
    films = [{"id": "f%d" % i, "type": "recording", "webm": 30_000_000, "seed": i, "created_at": case.iso(i)} for i in range(3)]
    shots = [{"id": "p%d" % i, "type": "screenshot_llm", "ext": "png", "data": b"\x89PNG\r\n\x1a\n" + rng.randbytes(900_000),
              "created_at": case.iso(i), "step_id": "s%d" % i} for i in range(20)]
    emu.run(RUN, text + hars + logs + films + shots)


def peak(one):
    with open("/proc/%d/status" % one.process.pid, encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1])


def all_at_once(jobs):
    """Call the functions at once; returns what failed."""
    failed = []

    def guarded(job):
        try:
            job()
        except Exception as why:  # also a failed assertion: it is of another thread
            failed.append(why)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


@pytest.mark.skipif(SLOW, reason="sanitizers and valgrind need more memory")
@pytest.mark.parametrize("fmt", ["tar.zst", "zip"])
def test_peak_memory(fmt, skyarc, emu, view, tmp_path):
    heavy(emu)
    skyarc("pull", "-o", "a." + fmt, RUN)
    one = view("a." + fmt)
    rows = one.run(RUN)["rows"]
    assert sum(len(value) for path, _, value in one.run(RUN)["texts"] if "html_action" in path) > 10_000_000
    alone = peak(one)
    assert alone < MOST, alone
    sizes = {"/" + (path if path.startswith("data/") else "data/%s/%s" % (RUN, path)): size for path, size, *_ in rows}
    films = [path for path in sizes if path.endswith(".webm")]
    shots = [path for path in sizes if path.endswith(".png")]

    def slow(path):
        """A browser that reads a recording slowly, as a player does."""
        answer = one.begin(path)
        for _ in range(4):
            assert len(answer.read(1 << 20)) == 1 << 20
            time.sleep(0.2)
        answer.close()

    def whole(path):
        status, _, body = one.ask(path)
        assert status == 200 and len(body) == sizes[path]

    jobs = [lambda i=i: slow(films[i % 3]) for i in range(12)] + [lambda: one.run(RUN) for _ in range(4)]
    jobs += [lambda path=path: whole(path) for path in shots[:12]] + [lambda: one.ask("/") for _ in range(4)]
    failed = all_at_once(jobs)
    assert not failed, failed
    assert peak(one) < MOST, (alone, peak(one))
