# SPDX-License-Identifier: MIT
"""Programs of others read every format: each file that they extract is what the service has."""
import hashlib
import io
import json
import random
import re
import subprocess
import tarfile
import zipfile

import pytest
import zstandard

from reading import frames

FAMILIES = {"html_scrape": "html", "visible_elements_tree": "json", "llm_prompt": "txt", "skyvern_log": "log",
            "script_file": "py"}
LENGTHS = {"html_scrape": 30_000}  # words of each text; html has more than a frame
RUNS = ["tsk_demo1", "wr_demo2", "tsk_v2_demo2", "tsk_demo3", "tsk_texts"]


@pytest.fixture
def full(emu, skyarc, tmp_path):
    """An archive with frames of every kind: of each family, of one several, of large media; and hard links."""
    rng = random.Random(29)
    words = [b"%x" % rng.getrandbits(40) for _ in range(3000)]
    rows = [{"id": "%s_%d" % (kind, i), "type": kind, "ext": ext, "data": b" ".join(rng.choices(words, k=LENGTHS.get(kind, 3000)))}
            for i in range(20) for kind, ext in FAMILIES.items()]
    rows += [{"id": "again_%d" % i, "type": "html_action", "ext": "html", "data": rows[5 * i]["data"]} for i in range(3)]
    rows += [{"id": "big%d" % i, "type": "recording", "webm": 3_000_000 + i, "seed": i} for i in range(2)]
    emu.run("tsk_texts", rows)

    def make(name):
        skyarc("pull", "--memory", "56m", "-o", name, *RUNS, check=0)
        return tmp_path / name
    return make


def members(tar):
    """(name, content) of each file of a tarfile.TarFile, hard links followed."""
    for member in tar:
        yield member.name, tar.extractfile(member).read()


def piped(*command):
    """A reader that decompresses with a command, and leaves the tar archive to GNU tar."""
    def read(archive, into):
        with subprocess.Popen([*command, archive], stdout=subprocess.PIPE) as decoding:
            subprocess.run(["tar", "-xf", "-", "-C", into], stdin=decoding.stdout, check=True)
        assert decoding.returncode == 0
    return read


def unpacker(*command, into="-C"):
    """A reader that is one command; into: its option of the folder."""
    def read(archive, folder):
        target = [into, folder] if into.endswith("C") or into == "-d" else [into + str(folder)]
        subprocess.run([*command, archive, *target], check=True, stdout=subprocess.DEVNULL)
    return read


def by_python(opened):
    """A reader of Python: opened yields (name, content)."""
    def read(archive, into):
        for name, data in opened(archive):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (into / name).write_bytes(data)
    return read


def zstd_members(archive):
    with open(archive, "rb") as file:
        plain = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        with tarfile.open(fileobj=plain, mode="r|") as tar:
            # a stream cannot go back to the target of a link
            seen = {}
            for member in tar:
                seen[member.name] = seen[member.linkname] if member.islnk() else tar.extractfile(member).read()
    return seen.items()


def tar_members(archive):
    with tarfile.open(archive) as tar:
        return list(members(tar))


def zip_members(archive):
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        return [(info.filename, file.read(info)) for info in file.infolist()]


def by_frames(archive):
    """Each frame by itself, by zstandard, as the seek table has them."""
    data = archive.read_bytes()
    plain = b"".join(zstandard.ZstdDecompressor().decompressobj().decompress(data[begin:end])
                     for begin, end, first, last in frames(archive) if last > first)
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        return list(members(tar))


TAR, BSDTAR = unpacker("tar", "-xf"), unpacker("bsdtar", "-xf")
READERS = {
    "tar.zst": {"tar": TAR, "bsdtar": BSDTAR, "zstd": piped("zstd", "-dcq"), "pzstd": piped("pzstd", "-dcq"),
                "7z": piped("7z", "x", "-so"), "python": by_python(zstd_members), "each frame": by_python(by_frames)},
    "tar.gz": {"tar": TAR, "bsdtar": BSDTAR, "gzip": piped("gzip", "-dc"), "pigz": piped("pigz", "-dc"),
               "7z": piped("7z", "x", "-so"), "python": by_python(tar_members)},
    "tar": {"tar": TAR, "bsdtar": BSDTAR, "7z": unpacker("7z", "x", "-bd", into="-o"), "python": by_python(tar_members)},
    "zip": {"unzip": unpacker("unzip", "-q", into="-d"), "bsdtar": BSDTAR,
            "7z": unpacker("7z", "x", "-bd", into="-o"), "python": by_python(zip_members)},
}


def check_files(folder, emu):
    """Every artifact is what the service has, every other file what the bag says, and there are no more files."""
    (top,) = folder.iterdir()
    rows = json.loads((top / "manifest.json").read_text())["artifacts"]
    assert len(rows) > 100
    for row in rows:
        assert (top / row["path"]).read_bytes() == emu.data(row["artifact_id"]), row["path"]
    listed = {"tagmanifest-sha256.txt"}
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        for line in (top / name).read_text().splitlines():
            digest, path = line.split("  ", 1)
            assert hashlib.sha256((top / path).read_bytes()).hexdigest() == digest
            listed.add(path)
    assert {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()} == listed


@pytest.mark.parametrize("suffix", READERS)
def test_every_reader_of(full, emu, tmp_path, suffix):
    archive = full("r." + suffix)
    for name, read in READERS[suffix].items():
        into = tmp_path / ("by " + name)
        into.mkdir()
        read(archive, into)
        check_files(into, emu)


def test_programs_that_test_an_archive(full):
    """They find nothing wrong, and a flipped byte."""
    tests = {"tar.zst": [["zstd", "-tq"], ["pzstd", "-tq"], ["7z", "t"]], "tar.gz": [["gzip", "-t"], ["pigz", "-t"], ["7z", "t"]],
             "zip": [["unzip", "-tqq"], ["7z", "t"]]}
    for suffix, commands in tests.items():
        archive = full("t." + suffix)
        for good in (True, False):
            for command in commands:
                done = subprocess.run([*command, archive], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
                assert (done.returncode == 0) is good, (suffix, command, done.returncode)
            data = bytearray(archive.read_bytes())
            data[len(data) // 2] ^= 0xff
            archive.write_bytes(data)


def test_what_zstd_lists(full):
    """Frames and skippable frames (index of names, locator, seek table) are as many as the file has."""
    archive = full("l.tar.zst")
    said = subprocess.run(["zstd", "--list", archive], check=True, stdout=subprocess.PIPE).stdout.decode()
    count, skipped = map(int, re.match(r"\s*(\d+)\s+(\d+)\s", said.splitlines()[1]).groups())
    table = frames(archive)
    assert count == len(table) + 1
    assert skipped == sum(last == first for _, _, first, last in table) + 1 == 3


def test_the_archive_has_frames_of_every_kind(full, skyarc):
    """What the readers above were given: a frame of each family, two of one, and media that is stored."""
    archive = full("k.tar.zst")
    rows = json.loads(skyarc("cat", archive, "manifest.json", check=0).out)["artifacts"]
    of = {kind: {row["frame"] for row in rows if row["artifact_type"] == kind and row["run_id"] == "tsk_texts"}
          for kind in FAMILIES}
    assert len(of["html_scrape"]) > 1 and all(of.values())
    assert sum(map(len, of.values())) == len(set().union(*of.values()))  # no two families share one
    assert {row["frame_level"] for row in rows if row["artifact_type"] == "recording" and not row["link"]} == {0}
    assert sum(row["link"] for row in rows) >= 3
    data = archive.read_bytes()
    raw = [data[begin:end] for begin, end, first, last in frames(archive) if end - begin > last - first > 0]
    assert raw  # stored frames are a little longer than what they hold
