# SPDX-License-Identifier: MIT
"""Archives made to do harm: readers end, stay within their limits, and write nothing unasked."""
import os
import signal
import subprocess
import time

import pytest

import craft
from conftest import SKYARC, Result

HANG = 40  # seconds: a reader of a few KiB that is still at it hangs, on any machine
SANITIZED = any(word in open(SKYARC, "rb").read() for word in (b"__asan", b"__tsan"))


@pytest.fixture
def reader(tmp_path):
    """Run a command that needs no service, under a limit of time."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SKYVERN_", "SKYARC_", "XDG_"))}
    clean.update(HOME=str(tmp_path / "home"), TMPDIR=str(tmp_path))

    def run(*args, check=None, cwd=None, **more):
        done = subprocess.run([SKYARC, *map(str, args)], env=dict(clean, **more), cwd=cwd or tmp_path,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=HANG)
        result = Result(done)
        assert result.code >= 0 and "Sanitizer" not in result.err, result
        if check is not None:
            assert result.code in ((check,) if isinstance(check, int) else check), result
        return result

    return run


def every_reader(archive):
    """Each command that reads an archive, as arguments."""
    return [["list", archive], ["list", "--json", archive], ["cat", archive, "data/r1/run.json"],
            ["cat", archive, "data/r1/html/one.html"], ["extract", "-C", "x1", archive],
            ["extract", "-k", "-C", "x2", archive], ["verify", archive], ["verify", "--quick", archive],
            ["report", "-o", "r.html", archive], ["report", "-o", "r", archive]]


def early_end(kind):
    """The last frame ends early, and other bytes stand in its row of the seek table."""
    bag = craft.sample()
    last = bag.frames()[-1]
    pack, tail = {"tar.gz": (craft.gzip_member, craft.gz_tail),
                  "tar.zst": (craft.zstd_frame, craft.zst_tail)}[kind]
    coded = [pack(f) for f in bag.frames()[:-1]] + [pack(last[:700]) + b"\0" * 9]
    rows = [(len(c), len(p)) for c, p in zip(coded, bag.frames())]
    return b"".join(coded) + tail(rows, len(rows) - 1, sum(r[0] for r in rows[:-1]), bag.manifest_at,
                                  len(bag.tags["manifest.json"]))


@pytest.mark.parametrize("kind", ["tar.gz", "tar.zst"])
def test_a_frame_that_ends_early_ends_the_reader(reader, tmp_path, kind):
    archive = tmp_path / ("h." + kind)
    archive.write_bytes(early_end(kind))
    for args in every_reader(archive):
        assert reader(*args, check=(1, 4)).err


@pytest.mark.parametrize("kind", ["tar.gz", "tar.zst"])
@pytest.mark.parametrize("lie", ["short", "long", "two in one", "empty", "huge"])
def test_rows_that_are_not_their_frames(reader, tmp_path, kind, lie):
    """A row of the seek table is exactly one frame, neither less nor more."""
    def rows(real):
        if lie == "short":
            real[0] = (real[0][0], real[0][1] - 512)
            real[1] = (real[1][0], real[1][1] + 512)
        elif lie == "long":
            real[0] = (real[0][0], real[0][1] + 512)
            real[1] = (real[1][0], real[1][1] - 512)
        elif lie == "two in one":
            real[0:2] = [(real[0][0] + real[1][0], real[0][1] + real[1][1])]
        elif lie == "empty":
            real[1:1] = [(0, 0)]
        else:
            real[0] = (real[0][0], (1 << 32) - 512)
        return real

    archive = tmp_path / ("h." + kind)
    archive.write_bytes(craft.sample().packed(kind, rows=rows))
    for args in every_reader(archive):
        assert reader(*args).code in (0, 1, 4)
    assert "frame" in reader("verify", archive, check=4).err


@pytest.mark.parametrize("kind", ["tar.gz", "tar.zst"])
def test_packed_again_in_many_frames(reader, tmp_path, kind):
    """Without index: frames one behind the other, zeros at the end; but nothing else."""
    bag = craft.sample()
    pack = craft.gzip_member if kind == "tar.gz" else craft.zstd_frame
    body = bag.tar()
    archive = tmp_path / ("r." + kind)
    parts = [pack(body[i:i + 3000]) for i in range(0, len(body), 3000)]
    for end, code in ((b"", 0), (bytes(5000), 0), (b"more", 4), (bytes(10) + b"more", 4), (pack(b"")[:-3], 4),
                      (pack(bytes(9)), 0), (pack(bytes(9) + b"!"), 4)):
        archive.write_bytes(b"".join(parts) + end)
        reader("verify", archive, check=code)
    archive.write_bytes(b"".join(parts)[:-20])
    reader("verify", archive, check=4)


def test_a_signal_stops_reading_within_a_file(tmp_path):
    """One file of 256 GiB of zeros, in 9 MiB of zstd: SIGTERM is heard while it is read."""
    size = 256 << 30
    bag = craft.Bag({"data/r1/html/one.html": b"x"}, manifest=lambda m: m["artifacts"][0].update(size=size))
    piece = bytes(4 << 20)  # as writers cut
    frame = craft.zstd_frame(piece)
    head = craft.zstd_frame(craft.header("a/data/r1/html/one.html", size))
    tags = b"".join(bag.entries[bag.first_tag:]) + bytes(1024)
    coded = head + frame * (size // len(piece)) + craft.zstd_frame(tags)
    rows = [(len(head), 512)] + [(len(frame), len(piece))] * (size // len(piece))
    at = sum(r[1] for r in rows)
    archive = tmp_path / "big.tar.zst"
    archive.write_bytes(coded + craft.zst_tail([*rows, (len(craft.zstd_frame(tags)), len(tags))], len(rows),
                                               sum(r[0] for r in rows), at, len(bag.tags["manifest.json"])))
    assert archive.stat().st_size < 10 << 20
    for command in (["verify", archive], ["report", "-o", "-", archive]):
        process = subprocess.Popen([SKYARC, *map(str, command)], cwd=tmp_path, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        time.sleep(1)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=HANG)
        assert process.returncode in (128 + signal.SIGTERM, -signal.SIGTERM)
