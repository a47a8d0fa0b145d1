# SPDX-License-Identifier: MIT
"""verify: each change to an archive is detected and reported. Signatures, chains and anchors: test_evidence.py."""
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib

import pytest

from conftest import SANITIZED, SKYARC
from reading import FORMATS, flip, frames, rows_of
from test_sync import runs, sync  # noqa: F401


def is_idle_in_gzip(data, at):
    """Whether a byte is in a field of a gzip member's header that no decoder reads: MTIME, XFL, OS (RFC 1952)."""
    member = data.rfind(b"\x1f\x8b\x08", max(0, at - 9), at)
    return member >= 0 and at - member >= 4


@pytest.mark.parametrize("kind,count", [("tar.gz", 500), ("tar.gz", 3000), ("tar.zst", 3000), ("tar.zst", 14000), ("tar", 3000)])
def test_a_part_of_an_archive_of_many(emu, skyarc, kind, count):
    """The tag files are several frames then, which begin where a file does: all are read, whatever the part."""
    if SANITIZED and count > 3000:
        pytest.skip("takes minutes")
    emu.run("tsk_many", [{"id": "m%d" % i, "type": "html", "data": b"<p>%d" % i} for i in range(count)])
    archive = "a." + kind
    skyarc("pull", "-q", "-o", archive, "tsk_many", check=0, timeout=600)
    for args in ([], ["--quick"], ["--share", "1/3"], ["--share", "2/3"], ["--share", "3/3"], ["--share", "7/1000"]):
        assert "good" in skyarc("verify", *args, archive, check=0, timeout=600).out.decode()


@pytest.mark.parametrize("kind", FORMATS)
def test_damage_is_found_everywhere(made, skyarc, tmp_path, kind):
    archive = made("a." + kind, "-x", "recordings")
    size = archive.stat().st_size
    data = archive.read_bytes()
    silent = []
    for i in range(60):
        at = size * i // 60 + 3
        flip(archive, at, tmp_path / ("h." + kind))
        result = skyarc("verify", "h." + kind)
        if result.code != 4 and not (kind == "tar.gz" and is_idle_in_gzip(data, at)):
            silent.append((at, result.code, data[at]))
    # padding and header fields that nobody reads (owner names, padding) are no content
    assert len(silent) <= (6 if kind in ("tar", "zip") else 0), silent
    for cut in (size // 2, size - 1, 100, 0):
        (tmp_path / "cut").write_bytes(data[:cut])
        assert skyarc("verify", "cut").code == 4


def decoded(data, kind):
    """The tar stream of an archive, by another program."""
    if kind == "tar.gz":
        return gzip.decompress(data)
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize("kind", ["tar.zst", "tar.gz"])
def test_every_byte_of_head_and_tail(emu, skyarc, tmp_path, kind):
    """Every changed byte of the index is found, and every one elsewhere that changes the tar stream."""
    emu.run("tsk_s", [{"id": "s%d" % i, "type": "html", "data": random.Random(i).randbytes(99)} for i in range(3)])
    skyarc("pull", "-o", "a." + kind, "tsk_s", "--no-report", check=0)
    data = (tmp_path / ("a." + kind)).read_bytes()
    index = data.rfind(struct.pack("<II", 0x184D2A5D, 48) if kind == "tar.zst" else b"\x1f\x8b\x08\x04\0\0\0\0\0\xff",
                       0, -80)
    assert 0 < index < len(data)
    changed = {}
    for at in {*range(min(1024, len(data))), *range(max(0, len(data) - 2048), len(data))}:
        for mask in (1, 64, 255):
            name = "%d-%d.%s" % (at, mask, kind)
            changed[name] = at
            (tmp_path / name).write_bytes(data[:at] + bytes([data[at] ^ mask]) + data[at + 1:])
    result = skyarc("verify", "--json", *changed, check=4, timeout=240)
    assert len(result.json()) == len(changed)
    silent = [row["archive"] for row in result.json() if row["state"] == "good"]
    assert [name for name in silent if changed[name] >= index] == []
    plain = decoded(data, kind)
    assert [name for name in silent if decoded((tmp_path / name).read_bytes(), kind) != plain] == []


def repack(folder, name, change):
    """Change an extracted bag, fix up nothing, pack it by Python's tarfile."""
    change(folder)
    with tarfile.open(folder.parent / name, "w") as tar:
        tar.add(folder, "a")
    return folder.parent / name


@pytest.mark.parametrize("what,word", [
    ("content", "SHA-256"), ("added", "was added"), ("removed", "not in the archive"),
    ("run.json", "run.json"), ("oxum", "Payload-Oxum"), ("bagit", "bagit.txt"),
    ("sums", "manifest-sha256.txt"), ("manifest", "tagmanifest"), ("tag", "index.html"),
])
def test_verify_tells_each_change(made, skyarc, tmp_path, what, word):
    archive = made("a.tar", "-x", "recordings")
    _, folder = rows_of(archive, tmp_path)
    victim = next(folder.glob("data/tsk_demo1/html_scrape/*"))

    def change(top):
        if what == "content":
            victim.write_bytes(victim.read_bytes()[:-1] + b"!")
        elif what == "added":
            (top / "data/tsk_demo1/html_scrape/new.html").write_text("x")
        elif what == "removed":
            victim.unlink()
        elif what == "run.json":
            (top / "data/tsk_demo1/run.json").write_text("{}")
        elif what == "oxum":
            info = top / "bag-info.txt"
            info.write_text(info.read_text().replace("Payload-Oxum: ", "Payload-Oxum: 1"))
        elif what == "bagit":
            (top / "bagit.txt").write_text("BagIt-Version: 0.97\n")
        elif what == "sums":
            sums = top / "manifest-sha256.txt"
            sums.write_text("".join(sums.read_text().splitlines(True)[1:]))
        elif what == "manifest":
            text = (top / "manifest.json").read_text()
            (top / "manifest.json").write_text(text.replace('"tsk_demo3"', '"tsk_demo4"', 1))
        elif what == "tag":
            (top / "index.html").write_text("<script>alert(1)</script>")

    changed = repack(folder, "c.tar", change)
    result = skyarc("verify", changed, check=4)
    assert word in result.err, result


def test_index_and_headers_must_agree(made, skyarc, tmp_path):
    """A manifest that points elsewhere, properly packed again, is refused."""
    archive = made("a.tar.gz", "-x", "recordings")
    data = archive.read_bytes()
    locator = len(data) - 74 + 16
    frame, coded, plain, size, table = struct.unpack("<QQQQQ", data[locator + 8:locator + 48])
    text = zlib.decompressobj(31).decompress(data[coded:])
    manifest = json.loads(text[512:512 + size])
    one, two = [r for r in manifest["artifacts"] if not r["link"]][3:5]
    for field in ("offset", "path"):
        swapped = text
        a, b = json.dumps(one[field]).encode(), json.dumps(two[field]).encode()
        if len(a) != len(b):
            continue
        swapped = swapped.replace(b'"%s": ' % field.encode() + a, b'"%s": @@' % field.encode())
        swapped = swapped.replace(b'"%s": ' % field.encode() + b, b'"%s": ' % field.encode() + a)
        swapped = swapped.replace(b"@@", b)
        bad = rewrite(data, coded, text, swapped, locator)
        (tmp_path / "bad.tar.gz").write_bytes(bad)
        assert skyarc("verify", "bad.tar.gz", check=4).err
        if field == "offset":
            assert "does not match the tar header" in skyarc("cat", "bad.tar.gz", one["path"], check=4).err
    for at in range(8, 48, 8):  # each number of the locator
        bad = bytearray(data)
        bad[locator + at] ^= 1
        (tmp_path / "bad.tar.gz").write_bytes(bad)
        assert skyarc("list", "bad.tar.gz").code in (1, 4)
        assert skyarc("verify", "bad.tar.gz", check=4).err


def test_the_levels_of_a_frame_must_agree(made, skyarc, tmp_path):
    data = made("a.tar.gz", "-x", "recordings").read_bytes()
    locator = len(data) - 74 + 16
    coded = struct.unpack("<Q", data[locator + 16:locator + 24])[0]
    text = zlib.decompressobj(31).decompress(data[coded:])
    assert text.count(b'"frame_level": 6') > 1
    for other in (b'"frame_level": 7', b'"frame_level":66', b'"frame_level": 6'):
        (tmp_path / "bad.tar.gz").write_bytes(
            rewrite(data, coded, text, text.replace(b'"frame_level": 6', other, 1), locator))
        said = skyarc("verify", "bad.tar.gz").err
        assert ("has a frame_level that" in said) == (other != b'"frame_level": 6')


def test_an_archive_without_levels(made, skyarc, tmp_path):
    """Version 0.1 wrote no frame_level."""
    data = made("a.tar.gz", "-x", "recordings").read_bytes()
    locator = len(data) - 74 + 16
    coded, _, size = struct.unpack("<QQQ", data[locator + 16:locator + 40])
    text = zlib.decompressobj(31).decompress(data[coded:])
    old = text[512:512 + size]
    new = re.sub(rb'"frame_level": (\d+|null), ', lambda found: b" " * len(found[0]), old)
    assert b"frame_level" in old and b"frame_level" not in new
    sums = [hashlib.sha256(manifest).hexdigest().encode() for manifest in (old, new)]
    text = (text[:512] + new + text[512 + size:]).replace(*sums)
    (tmp_path / "old.tar.gz").write_bytes(rewrite(data, coded, b"", text, locator))
    skyarc("verify", "old.tar.gz", check=0)
    row = json.loads(new)["artifacts"][0]
    assert skyarc("cat", "old.tar.gz", row["artifact_id"], check=0).out == \
        skyarc("cat", "a.tar.gz", row["artifact_id"], check=0).out


def rewrite(data, coded, text, other, locator):
    """The archive with its manifest's member replaced (same plain length) and the table mended."""
    table_at = struct.unpack("<Q", data[locator + 40:locator + 48])[0]
    old_members, at = [], coded
    new = gzip.compress(other, mtime=0)
    tail = bytearray(data[table_at:])
    # the manifest and the tag files are the last frames: put all of it into one
    count = 0
    rows_at = 16
    total = struct.unpack("<H", tail[14:16])[0] // 8
    rows = list(struct.iter_unpack("<II", tail[rows_at:rows_at + 8 * total]))
    offset, keep = 0, []
    for c, p in rows:
        if offset >= coded:
            break
        keep.append((c, p))
        offset += c
    keep.append((len(new), len(other)))
    body = b"".join(struct.pack("<II", *r) for r in keep)
    head = bytes(tail[:10]) + struct.pack("<H", len(body) + 4) + b"ST" + struct.pack("<H", len(body))
    foot = b"\x03\0" + bytes(8)
    last = bytearray(data[-74:])
    last[16 + 40:16 + 48] = struct.pack("<Q", offset + len(new))
    return data[:coded] + new + head + body + foot + bytes(last)


def test_against_the_service(skyarc, emu, tmp_path):
    rows = [{"id": "x1", "type": "har", "data": b"{}"}, {"id": "x2", "type": "html_scrape", "data": b"<p>"}]
    emu.run("tsk_grow", rows)
    skyarc("pull", "-o", "a.tar.zst", "tsk_grow", check=0)
    skyarc("verify", "--against-api", "a.tar.zst", check=0)
    emu.run("tsk_grow", rows + [{"id": "x3", "type": "llm_prompt", "data": b"late"}])
    result = skyarc("verify", "--against-api", "a.tar.zst", check=3)
    assert "'x3' (llm_prompt) of run 'tsk_grow'" in result.err


def test_the_result_as_json(skyarc, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", check=0)
    skyarc("pull", "-o", "b.tar", "tsk_demo3", check=0)
    _, folder = rows_of(tmp_path / "b.tar", tmp_path)
    changed = repack(folder, "c.tar", lambda top: (top / "data/added").write_text("x"))
    one, two = skyarc("verify", "--json", "a.tar.zst", changed, check=4).json()
    assert one["damage"] == [] and one["damages"] == 0 and one["missing"] == 0 and one["hashed_bytes"] > 0
    assert two["archive"] == str(changed) and two["damages"] == len(two["damage"]) > 0
    assert any(d["path"] == "a/data/added" or d["path"] == "data/added" for d in two["damage"])
    assert all(set(d) == {"path", "artifact_id", "offset", "what"} for d in two["damage"])


def test_what_is_said_of_a_good_one(skyarc, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo3", check=0)
    manifest = skyarc("cat", "a.tar.zst", "manifest.json", check=0).out
    out = skyarc("verify", "a.tar.zst", check=0).out.decode()
    assert out.startswith("a.tar.zst: good, ") and out.endswith("manifest %s\n" % hashlib.sha256(manifest).hexdigest())
    assert skyarc("verify", "-q", "a.tar.zst", check=0).out == b""
    result = skyarc("verify", "-v", "--no-sandbox", "a.tar.zst", check=0)
    assert "not confined" in result.err and result.out.decode() == out


@pytest.mark.parametrize("name", ["a.tar", "a.zip", "a/"])
def test_shares_without_an_index(skyarc, tmp_path, name):
    """Each share hashes a part; together they are all that a full look hashes."""
    skyarc("pull", "-o", name, "tsk_demo1", "tsk_demo3", check=0)

    def hashed(*args):
        return skyarc("verify", "--json", *args, name, check=0).json()[0]["hashed_bytes"]
    parts = [hashed("--share", "%d/3" % k) for k in (1, 2, 3)]
    assert sum(parts) == hashed() and min(parts) > 0
    assert "--share" in skyarc("verify", "--quick", "--share", "1/3", name, check=2).err


def test_a_foreign_archive_is_none(skyarc, tmp_path):
    (tmp_path / "note").write_text("x" * 2000)
    with tarfile.open(tmp_path / "z.tar", "w") as tar:
        tar.add(tmp_path / "note", "note")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as zipped:
        zipped.write(tmp_path / "note", "note")
    for name in ("z.tar", "z.zip"):
        done = skyarc("verify", name, check=4)
        assert done.err.count(name) == 1 and "not an archive of skyarc" in done.err
        assert b"DAMAGED" not in done.out


def test_shares_together_are_the_whole(skyarc, tmp_path):
    """What is changed is found by one share of three, and by no look at the structure alone."""
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_demo3", check=0)
    begin, end, _, _ = frames(tmp_path / "a.tar.zst")[0]
    flip(tmp_path / "a.tar.zst", (begin + end) // 2)
    codes = [skyarc("verify", "--share", "%d/3" % k, "a.tar.zst").code for k in (1, 2, 3)]
    assert sorted(codes) == [0, 0, 4], codes
    skyarc("verify", "--quick", "a.tar.zst", check=0)
    skyarc("verify", "-Q", "a.tar.zst", check=0)
    skyarc("verify", "a.tar.zst", check=4)


def test_against_the_service_of_another_address(skyarc, emu, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo3", check=0)
    (tmp_path / "key").write_text(emu.key)
    (tmp_path / "key").chmod(0o600)
    elsewhere = {"SKYVERN_BASE_URL": "http://127.0.0.1:9", "SKYVERN_API_KEY": "wrong"}
    skyarc("verify", "--against-api", "--base-url", emu.api, "--api-key-file", "key", "a.tar.zst", check=0, **elsewhere)
    assert "refused the API key" in skyarc("verify", "--against-api", "a.tar.zst", SKYVERN_API_KEY="wrong").err
    asked = len(emu.log())
    skyarc("verify", "a.tar.zst", check=0)
    assert len(emu.log()) == asked


@pytest.mark.parametrize("args,words", [
    ([], "no archive"), (["--bogus", "a.tar.zst"], "--bogus"), (["--share", "3/2", "a.tar.zst"], "K/N"),
    (["--share", "0/2", "a.tar.zst"], "K/N"), (["--share", "x", "a.tar.zst"], "K/N"),
    (["--signature", "x", "a.tar.zst"], "needs --signers"), (["--anchor", "0" * 64, "a.tar.zst"], "directories only"),
    (["--signature", "x", "--signers", "y", "d"], "one archive"),
    (["--signature", "x", "--signers", "y", "a.tar.zst", "b.tar.zst"], "one archive"), (["--anchor", "abc", "d"], "64 hex")])
def test_usage(skyarc, tmp_path, args, words):
    (tmp_path / "d").mkdir()
    assert words in skyarc("verify", *args, check=2).err


@pytest.fixture
def shared():
    """A directory that any user can enter."""
    folder = tempfile.mkdtemp(prefix="skyarc-tests-", dir="/tmp")
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(folder, *args):
    return subprocess.run([SKYARC, "verify", *args], cwd=folder, env={"HOME": "/nonexistent", "PATH": os.environ["PATH"]}, user=65534, group=65534, extra_groups=[],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to drop rights")
def test_what_cannot_be_read_is_not_good(made, shared):
    archive = made()
    for name in ("one", "sub"):
        os.mkdir(os.path.join(shared, name))
        shutil.copy(archive, os.path.join(shared, name, "a.tar.zst"))
        os.chmod(os.path.join(shared, name, "a.tar.zst"), 0o644)
    assert as_nobody(shared, ".").returncode == 0
    os.chmod(os.path.join(shared, "sub"), 0)
    done = as_nobody(shared, ".")
    assert done.returncode == 1 and "cannot read './sub': Permission denied" in done.stderr, done
    assert as_nobody(shared, "--json", "sub").returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to drop rights")
def test_a_volume_that_cannot_be_read_is_there(skyarc, sync, runs, tmp_path, shared):  # noqa: F811
    """What is known of a volume of the catalog: it is gone, cannot be read, or is behind a link."""
    runs("tsk_a", ended=100_000)
    sync()
    vault = os.path.join(shared, "vault")
    shutil.copytree(tmp_path / "vault", vault)
    subprocess.run(["chown", "-R", "65534:65534", vault], check=True)
    (volume,) = (os.path.join(folder, name) for folder, _, names in os.walk(vault) for name in names if name.endswith(".tar.zst"))
    assert as_nobody(shared, "vault").returncode == 0
    for path in (volume, os.path.dirname(volume)):
        mode = os.stat(path).st_mode & 0o777
        os.chmod(path, 0)
        subprocess.run(["chown", "0:0", path], check=True)
        done = as_nobody(shared, "vault")
        assert done.returncode == 1 and "Permission denied" in done.stderr and "not in the directory" not in done.stderr, done
        os.chmod(path, mode)
        subprocess.run(["chown", "65534:65534", path], check=True)
    os.symlink("vault", os.path.join(shared, "link"))  # the operand may be a link
    done = as_nobody(shared, "link")
    assert done.returncode == 0 and "1 archive" in done.stdout, done
    year = os.path.dirname(os.path.dirname(volume))
    os.rename(year, os.path.join(shared, "elsewhere"))
    os.symlink(os.path.join(shared, "elsewhere"), year)
    done = as_nobody(shared, "vault")
    assert done.returncode == 1 and "is behind a link" in done.stderr and "not in the directory" not in done.stderr, done
    os.unlink(year)
    done = as_nobody(shared, "vault")
    assert done.returncode == 4 and "is in the catalog but not in the directory" in done.stderr, done


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to drop rights")
def test_a_chain_of_which_a_part_cannot_be_read(skyarc, sync, runs, tmp_path, shared):  # noqa: F811
    """What was not read is not called missing."""
    for i in range(3):
        runs("tsk_%d" % i, ended=100_000)
        sync("--chain")
    for volume in (tmp_path / "vault").glob("*/*/*.tar.zst"):
        shutil.copy(volume, shared)
        os.chmod(os.path.join(shared, volume.name), 0o644)
        if skyarc("list", "--json", volume, check=0).json()[0]["run_id"] == "tsk_1":
            middle = os.path.join(shared, volume.name)
    assert as_nobody(shared, ".").returncode == 0
    os.chmod(middle, 0)
    done = as_nobody(shared, ".")
    assert done.returncode == 1 and "Permission denied" in done.stderr, done
    os.unlink(middle)
    assert as_nobody(shared, ".").returncode == 4


def test_what_is_no_regular_file_is_named(made, skyarc, tmp_path):
    archive = made()
    folder = tmp_path / "many"
    folder.mkdir()
    shutil.copy(archive, folder / "a.tar.zst")
    (folder / "latest.tar.zst").symlink_to("a.tar.zst")
    (folder / "months").symlink_to("..")
    os.mkfifo(folder / "pipe.tar.zst")
    said = skyarc("verify", "many", check=0).err
    assert "latest.tar.zst' is not checked: it is a link" in said and "pipe.tar.zst' is not checked: it is no regular file" in said
    assert "months' is a link to a directory, which is not followed" in said


def test_a_row_that_is_too_long(skyarc, tmp_path, made):
    """The limit is that of a row, not of the archive: damage."""
    archive = made("a.tar")
    with tarfile.open(archive) as tar:
        names = [(m, tar.extractfile(m).read() if m.isreg() else None) for m in tar.getmembers()]
    with tarfile.open(tmp_path / "b.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        for member, data in names:
            if member.name.endswith("/manifest.json"):
                data = data.replace(b'"run_id":', b'"padding": "%s", "run_id":' % (b"x" * (2 << 20)), 1)
                member.size = len(data)
            tar.addfile(member, __import__("io").BytesIO(data) if data is not None else None)
    for command in (["list", "b.tar"], ["extract", "-C", "out", "b.tar"]):
        got = skyarc(*command)
        assert got.code and "a row of the manifest is larger than 1048576 bytes" in got.err, got
