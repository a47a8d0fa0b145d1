# SPDX-License-Identifier: MIT
"""The runs of which tests/data/first-release has archives, and how they were made by version 0.1.0.

    python3 -B tests/e2e/first_release.py SKYARC_OF_0.1.0 [FOLDER]

The program was built from commit bbb3f81, the last of 0.1.0.
"""
import hashlib
import json
import lzma
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import conftest

FOLDER = pathlib.Path(conftest.TESTS) / "data/first-release"
ARCHIVES = ["old.tar.zst", "old.tar.gz", "old.tar", "old.zip"]  # of ONE and TWO; the .tar is kept as .tar.xz
ONE, TWO, THREE = "tsk_old_1", "tsk_old_2", "tsk_old_3"  # the third is in the directory of sync alone
HELD = TWO
GONE = "o_gone"  # listed, but its body is not there
ENDS = {"created_at": "2026-01-20T11:52:20.000001", "finished_at": "2026-01-20T11:54:59.250000"}


def har():
    pages = [{"startedDateTime": "2026-01-20T11:53:00Z", "time": i, "request": {"method": "GET", "url": "https://x/%d" % i},
              "response": {"status": 200}} for i in range(40)]
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": pages}}).encode()


def bodies():
    """(run, ID, type, extension, bytes): small ones, one of two frames, and duplicates above and below 64 KiB."""
    rng = random.Random(17)
    page = b"<!doctype html><html><body>%s</body></html>" % b"".join(b"<p>line %d of the page</p>\n" % (i % 50) for i in range(2700))
    return [
        (ONE, "o_page", "html_scrape", "html", page),
        (ONE, "o_twin", "html_action", "html", page),  # a link in 0.1: 64 KiB or more
        (ONE, "o_small", "html", "html", page[:9000]),
        (ONE, "o_small2", "html", "html", page[:9000]),  # stored again in 0.1
        (ONE, "o_har", "har", "har", har()),
        (ONE, "o_shot", "screenshot_action", "png", b"\x89PNG\r\n\x1a\n" + rng.randbytes(1500)),
        (ONE, "o_log", "skyvern_log", "log", b"2026-01-20 INFO a step\n" * 16000),  # of several frames
        (ONE, "o_empty", "skyvern_log_raw", "json", b""),
        (TWO, "o_video", "recording", "webm", b"\x1a\x45\xdf\xa3" + rng.randbytes(2000)),
        (TWO, "o_name", "download", "txt", "Grüße\n".encode()),
        (TWO, "o_page2", "html_scrape", "html", page),
        (THREE, "o_last", "llm_prompt", "txt", b"What next?\n" * 30),
    ]


def serve(emu, runs=(ONE, TWO, THREE), gone=True):
    """Give the emulator these runs, and no others."""
    emu.clear()
    for run in runs:
        rows = [{"id": ident, "type": kind, "data": data, "ext": ext, "created_at": ENDS["created_at"]}
                for of, ident, kind, ext, data in bodies() if of == run]
        if run == TWO:
            rows[1]["uri"] = "s3://artifacts/o_1/downloads/tsk_2/Grüße aus 2026.txt"
        if run == TWO and gone:
            rows.append({"id": GONE, "type": "trace", "ext": "zip", "data": b"PK", "created_at": ENDS["created_at"]})
        emu.run(run, rows, run_type="task_v1", **ENDS)
    if gone:
        emu.fault(GONE, "status", times=99, status=404)


def make(skyarc, folder):
    """Write the archives and the directory."""
    emu = conftest.Emulator()
    with tempfile.TemporaryDirectory() as work:
        def run(*args, code=0):
            done = subprocess.run([skyarc, *args], cwd=work, stdin=subprocess.DEVNULL, check=False, env=dict(
                os.environ, SKYVERN_API_KEY=emu.key, SKYVERN_BASE_URL=emu.api, HOME=work))
            assert done.returncode == code, (args, done.returncode)

        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ARCHIVES:
            serve(emu)
            run("pull", "-o", name, ONE, TWO, code=3)
            data = pathlib.Path(work, name).read_bytes()
            if name.endswith(".tar"):
                name, data = name + ".xz", lzma.compress(data)
            (folder / name).write_bytes(data)
        serve(emu, gone=False)
        run("sync", "--dest", "vault", "--volume-runs", "2", "--settle", "1s")
        run("hold", "--dest", "vault", HELD)
        subprocess.run(["tar", "--sort=name", "--owner=0", "--group=0", "-cJf", folder / "vault.tar.xz", "vault"],
                       cwd=work, check=True)
    emu.close()


def sums():
    """SHA-256 of each artifact, by ID."""
    return {ident: hashlib.sha256(data).hexdigest() for _, ident, _, _, data in bodies()}


if __name__ == "__main__":
    make(os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else FOLDER)
