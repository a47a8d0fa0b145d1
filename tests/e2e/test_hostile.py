# SPDX-License-Identifier: MIT
"""Malicious archives: readers end, stay within their limits, and write no unrequested file."""
import json
import os
import re
import signal
import struct
import subprocess
import time

import pytest

import craft
from conftest import SANITIZED, SKYARC, Result

HANG = 40  # seconds after which reading a few KiB counts as a hang


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
    assert re.search("frame|index", reader("verify", archive, check=4).err)


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


# Paths of written files.

def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


BAD_NAMES = ["..", ".", ".ssh", "a\x1b[31m", "a\x9b31m", "\u202eb", "con", "a:b", " a", "a.", "a\\b"]


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.zst", "zip"])
@pytest.mark.parametrize("top", BAD_NAMES, ids=map(ascii, BAD_NAMES))
def test_top_directories_that_lead_elsewhere(reader, tmp_path, kind, top):
    bag = craft.sample(top=top, **({"links": {}} if kind == "zip" else {}))
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "index.html").write_text("mine")
    (inner / "index.html").write_text("mine")
    archive = tmp_path / ("a." + kind)
    archive.write_bytes(bag.packed(kind))
    before = files_below(tmp_path)
    for args in (["report", "-f", "-o", "D", archive], ["extract", "-f", "-C", "D", archive],
                 ["extract", "-f", "-k", "-C", "D", archive], ["verify", archive], ["list", archive]):
        result = reader(*args, cwd=inner)
        assert result.code == (1 if args[0] == "list" else 4), (args, result)
        assert "\x1b" not in result.err and "\x9b" not in result.err and b"\x1b" not in result.out
    assert files_below(tmp_path) == before
    assert (tmp_path / "index.html").read_text() == (inner / "index.html").read_text() == "mine"


def test_no_digest_of_what_was_not_read(reader, tmp_path):
    (tmp_path / "x.tar.zst").write_bytes(craft.sample(top="..").packed("tar.zst"))
    assert reader("verify", "x.tar.zst", check=4).out.endswith(b"the manifest is not readable\n")
    assert reader("verify", "--json", "x.tar.zst", check=4).json()[0]["manifest_sha256"] is None


def test_report_puts_its_page_beside_the_files(reader, tmp_path):
    archive = tmp_path / "a.tar.zst"
    archive.write_bytes(craft.sample(top="x").tar_zst())
    assert reader("report", "-o", "D", archive, check=0).out == b"D/a/index.html\n"
    assert (tmp_path / "D/a/index.html").stat().st_size > 10_000
    assert "exists" in reader("report", "-o", "D", archive, check=1).err
    reader("report", "-f", "-o", "D", archive, check=0)
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "E").mkdir()
    os.symlink(outside, tmp_path / "E/a")
    assert reader("report", "-f", "-o", "E", archive, check=4).err
    assert not list(outside.iterdir())


def test_report_shows_what_the_manifest_says(reader, tmp_path):
    """A text that is not is left out, and told, also by the exit status; the others are there."""
    archive = tmp_path / "a.tar"
    bag = craft.sample()
    two = b"two" * 3000
    archive.write_bytes(bag.tar().replace(two, b"not" * 3000))
    result = reader("report", "-o", "-", archive, check=4)
    assert "data/r1/html/two.html' was left out" in result.err
    assert b"notnotnot" not in result.out and b"twotwo" not in result.out and b"one\\u003c/p" in result.out


def extract(reader, tmp_path, bag, *args, kind="tar.zst", check=0):
    archive = tmp_path / ("a." + kind)
    archive.write_bytes(bag.packed(kind))
    return reader("extract", "-C", "out", *args, archive, check=check)


KINDS = ["tar", "tar.gz", "tar.zst", "zip"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name,data", [("data/r1/html/extra.html", b"x"), ("data/r1/.hidden", b"x"),
                                       (".ssh/authorized_keys", b"key"), ("authorized_keys", b"key"),
                                       ("data/r1/html/one.html", b"again"), ("bagit.txt", b"again")])
def test_what_no_manifest_lists_is_refused(reader, tmp_path, kind, name, data):
    bag = craft.sample(extra=[craft.entry("a/" + name, data)], **({"links": {}} if kind == "zip" else {}))
    if kind == "zip":
        bag.files[name + " "] = data  # no tar entries in a zip: a name of its own
    result = extract(reader, tmp_path, bag, "-k", kind=kind, check=4)
    assert "lost" in result.err
    want = {"a/" + n for n in [*craft.sample().files, *bag.links, *bag.documents, *craft.TAGS]}
    if name == "bagit.txt" and kind != "zip":
        want -= {"a/bagit.txt"}  # neither of the two
    assert set(files_below(tmp_path / "out")) == want
    assert (tmp_path / "out/a/data/r1/html/one.html").read_bytes() == b"<p>one</p>" * 900
    assert reader("verify", tmp_path / ("a." + kind), check=4).err


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.zst"])
@pytest.mark.parametrize("name", ["bagit.txt", "data/r1/html/one.html"])
def test_the_same_entry_twice(reader, tmp_path, kind, name):
    """Although both are right. Of two tag files none is extracted, whichever a thread meets first."""
    plain = craft.sample()
    data = plain.tags[name] if name in plain.tags else plain.files[name]
    bag = craft.sample(extra=[craft.entry("a/" + name, data)])
    for number in range(5):
        out = "out%d" % number
        (tmp_path / ("a." + kind)).write_bytes(bag.packed(kind))
        assert "occurs twice in the archive" in reader("extract", "-k", "-C", out, "a." + kind, check=4).err
        assert (tmp_path / out / "a" / name).exists() == (name != "bagit.txt")
        assert "occurs twice in the archive" in reader("verify", "a." + kind, check=4).err


def list_it(path, data, **more):
    """Make the manifest list a file, too."""
    def change(manifest):
        manifest["artifacts"].append(dict(manifest["artifacts"][0], path=path, size=len(data), frame=0,
                                          sha256=craft.sha256(data), artifact_id="z", offset=0, **more))
    return change


@pytest.mark.parametrize("name", [".ssh/authorized_keys", "authorized_keys", "data/.ssh/key", "data/../x", "/etc/x",
                                  "data//x", "data/a\x1b", "manifest.json"])
def test_artifacts_lie_below_data(reader, tmp_path, name):
    """A manifest that lists them elsewhere is none."""
    bag = craft.sample(extra=[craft.entry("a/" + name, b"x")], manifest=list_it(name, b"x"))
    extract(reader, tmp_path, bag, check=4)
    assert not (tmp_path / "out").exists() or files_below(tmp_path / "out") == []
    extract(reader, tmp_path, bag, "-k", check=4)
    assert all(f.startswith("a/data/r") or f[2:] in craft.TAGS for f in files_below(tmp_path / "out"))
    assert "in the manifest: " in reader("verify", tmp_path / "a.tar.zst", check=4).err


def test_without_any_manifest(reader, tmp_path):
    """--keep-going takes what lies below data/ of one directory, and says that nothing is checked."""
    bag = craft.sample()
    entries = b"".join([*bag.entries[:bag.first_tag], craft.entry("a/.ssh/authorized_keys", b"key"),
                        craft.entry("a/data/r1/.bashrc", b"x"), craft.entry("b/data/r1/x.html", b"x"),
                        craft.entry("a/data/../x", b"x"), craft.entry("x", b"x")])
    for kind, body in (("tar", entries), ("tar.zst", craft.zstd_frame(entries))):
        archive = tmp_path / ("cut." + kind)
        archive.write_bytes(body)
        reader("extract", "-C", "no", archive, check=4)
        assert not (tmp_path / "no").exists() or not files_below(tmp_path / "no")
        result = reader("extract", "-k", "-C", "out-" + kind, archive, check=4)
        want = sorted("cut/" + n for n in [*bag.files, *bag.documents] if n.startswith("data/"))
        assert files_below(tmp_path / ("out-" + kind)) == want
        assert "extracted files are not verified" in result.err


@pytest.mark.parametrize("tag", ["manifest-sha256.txt", "bag-info.txt", "bagit.txt"])
def test_tag_files_have_their_digests_too(reader, tmp_path, tag):
    bag = craft.sample(lie=lambda tags: tags.update({tag: tags[tag] + b"#\n"}))
    result = extract(reader, tmp_path, bag, "-k", check=4)
    assert tag in result.err and "a/" + tag not in files_below(tmp_path / "out")
    assert len(files_below(tmp_path / "out")) == 4 + 3 + 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["other", "unlisted"])
def test_the_manifest_has_its_digest_too(reader, tmp_path, kind, how):
    """The manifest that was read is not the one that tagmanifest-sha256.txt lists."""
    def lie(tags):
        if how == "other":
            tags["manifest.json"] += b"\n"
        else:
            lines = tags["tagmanifest-sha256.txt"].splitlines(True)
            tags["tagmanifest-sha256.txt"] = b"".join(line for line in lines if b" manifest.json" not in line)
    bag = craft.sample(lie=lie)
    result = extract(reader, tmp_path, bag, kind=kind, check=4)
    assert "manifest.json" in result.err and "a/manifest.json" not in files_below(tmp_path / "out")


ONE, SAME = "data/r1/html/one.html", "data/r2/html/same.html"


def test_links_have_the_digest_that_the_manifest_gives(reader, tmp_path):
    def lie(manifest):
        manifest["artifacts"][-1]["sha256"] = craft.sha256(b"other")
    for kind in ("tar", "tar.zst"):
        for more in ([], ["-r", "r2"]):  # also if its target is not extracted
            result = extract(reader, tmp_path, craft.sample(manifest=lie), "-k", "-f", *more, kind=kind, check=4)
            assert SAME in result.err and "a/" + SAME not in files_below(tmp_path / "out")
        assert SAME in reader("verify", tmp_path / ("a." + kind), check=4).err


@pytest.mark.parametrize("target", ["a/.ssh/id_ed25519", ".ssh/id_ed25519", "a/data/r2/html/same.html",
                                    "a/data/r1/html/none.html", "../.ssh/id_ed25519", "b/" + ONE])
def test_links_lead_to_what_was_extracted(reader, tmp_path, target):
    """Neither to what was there, nor to itself, nor to nothing; under --force nothing goes away."""
    for folder in ("out/a/.ssh", "out/.ssh", ".ssh", "out/a/data/r2/html", "out/b/data/r1/html"):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("id_ed25519", "same.html", "one.html"):
            (tmp_path / folder / name).write_text("secret")
    bag = craft.sample()
    number = len(bag.files)
    bag.entries[number] = craft.link("a/" + SAME, target)
    before = {f: (tmp_path / f).stat().st_nlink for f in files_below(tmp_path)}
    result = extract(reader, tmp_path, bag, "-k", "-f", check=4)
    assert SAME in result.err
    assert (tmp_path / "out/a" / SAME).read_text() == "secret"
    for name, links in before.items():
        assert (tmp_path / name).stat().st_nlink == links == 1, name


def test_a_file_that_is_there_is_no_target(reader, tmp_path):
    """It stays, and the link gets the archive's content all the same."""
    (tmp_path / "out/a/data/r1/html").mkdir(parents=True)
    (tmp_path / "out/a" / ONE).write_text("mine")
    for kind in ("tar", "tar.gz", "tar.zst"):
        result = extract(reader, tmp_path, craft.sample(), kind=kind, check=0)
        assert "was not replaced" in result.err and (tmp_path / "out/a" / ONE).read_text() == "mine"
        same = tmp_path / "out/a" / SAME
        assert same.read_bytes() == b"<p>one</p>" * 900 and same.stat().st_nlink == 1
        same.unlink()


def test_links_of_another_run(reader, tmp_path):
    """What a wanted link leads to need not be wanted; several links share one copy."""
    links = {"data/r2/html/%d.html" % i: ONE for i in range(3)}
    for kind in ("tar", "tar.gz", "tar.zst"):
        bag = craft.sample(links=links)
        archive = tmp_path / ("a." + kind)
        archive.write_bytes(bag.packed(kind))
        reader("extract", "-C", "out-" + kind, "-r", "r2", archive, check=0)
        out = tmp_path / ("out-" + kind)
        assert files_below(out) == sorted("a/" + n for n in [*links, "data/r2/files/three.bin", "data/r2/run.json", "index.html", "view/r2.js"])
        assert all((out / "a" / n).read_bytes() == bag.files[ONE] for n in links)
        assert all((out / "a" / n).stat().st_nlink == 3 for n in links)


def test_what_is_listed_and_not_there_is_told(reader, tmp_path):
    bag = craft.sample(manifest=list_it("data/r1/html/none.html", b"x"))
    result = extract(reader, tmp_path, bag, kind="tar", check=4)
    assert "data/r1/html/none.html" in result.err and len(files_below(tmp_path / "out")) == 12
    reader("extract", "-C", "more", tmp_path / "a.tar", "data/r2", check=0)


def test_cat_gives_what_is_listed(reader, tmp_path):
    archive = tmp_path / "a.tar"
    bag = craft.sample(extra=[craft.entry("a/data/r1/html/extra.html", b"x"), craft.entry("a/evil", b"x")])
    archive.write_bytes(bag.tar())
    for name in ("data/r1/html/extra.html", "evil", "a/evil"):
        assert reader("cat", archive, name, check=1).out == b""
    for name, data in [*bag.files.items(), *bag.documents.items(), *bag.tags.items()]:
        assert reader("cat", archive, name, check=0).out == data
    archive.write_bytes(craft.sample(manifest=lambda m: m["documents"][0].update(sha256="0" * 64)).tar())
    reader("cat", archive, "data/r1/run.json", check=4)


@pytest.mark.parametrize("form", ["tar", "tar.gz", "tar.zst"])
@pytest.mark.parametrize("lie", [{"sha256": "0" * 64}, {"size": 3}], ids=["digest", "size"])
def test_cat_gives_what_the_row_of_a_link_states(reader, tmp_path, form, lie):
    """The row of a link and that of the file may differ, in an archive that was altered."""
    archive = tmp_path / ("a." + form)
    archive.write_bytes(craft.sample(manifest=lambda m: [r.update(lie) for r in m["artifacts"] if r["link"]]).packed(form))
    for name in ("a_3", "data/r2/html/same.html"):
        assert not reader("cat", archive, name, check=4).out


# Limits: of memory, of time, of the disk.

def measured(*args, cwd):
    """(exit status, MiB at the most, seconds of the processor, stderr) of a command."""
    code = ("import os, resource, subprocess, sys; p = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
            "r = resource.getrusage(resource.RUSAGE_CHILDREN);"
            "print(p.returncode, r.ru_maxrss / 1024, r.ru_utime + r.ru_stime)")
    done = subprocess.run(["/usr/bin/python3", "-c", code, SKYARC, *map(str, args)], cwd=cwd, timeout=10 * HANG,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    status, memory, seconds = done.stdout.split()
    return int(status), float(memory), float(seconds), done.stderr.decode()


def most(mib):
    """Assert a memory limit; not under a sanitizer."""
    return mib if not SANITIZED else mib + 1200


HOLE = 1 << 40


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.zst"])
@pytest.mark.parametrize("listed", [12, HOLE, None])
def test_a_hole_of_a_tebibyte(reader, tmp_path, kind, listed):
    """11 KiB of tar that stand for 1 TiB: whatever the manifest says of it, nothing is written."""
    name = "data/r1/html/hole.html"

    def change(manifest):
        if listed:
            list_it(name, b"x")(manifest)
            manifest["artifacts"][-1]["size"] = listed
    bag = craft.sample(extra=[craft.hole("a/" + name, HOLE)], manifest=change)
    result = extract(reader, tmp_path, bag, "-k", kind=kind, check=4)
    assert name in result.err and "a/" + name not in files_below(tmp_path / "out")
    assert len(files_below(tmp_path / "out")) == 12
    archive = tmp_path / ("a." + kind)
    for args in (["verify", archive], ["cat", archive, name], ["report", "-o", "r.html", archive]):
        status, memory, seconds, said = measured(*args, cwd=tmp_path)
        assert status in ((0, 1, 4) if args[0] != "verify" else (4,)) and seconds < HANG / 2, said


def test_more_bytes_than_the_manifest_says(reader, tmp_path):
    """In a zip, where an entry's size is only claimed: nothing beyond it is written."""
    def change(manifest):
        manifest["artifacts"][0]["size"] = 10
    bag = craft.sample(links={}, manifest=change)
    bag.files[ONE] = bytes(200 << 20)
    archive = tmp_path / "a.zip"
    data = bytearray(bag.zip())
    assert len(data) < 300_000
    lie = (200 << 20).to_bytes(4, "little")
    for at in range(2):  # the size in the local header and in the directory
        where = data.rindex(lie) if at else data.index(lie)
        data[where:where + 4] = (10).to_bytes(4, "little")
    archive.write_bytes(data)
    reader("extract", "-k", "-C", "out", archive, check=4)
    assert not (tmp_path / "out/a" / ONE).exists()
    assert "longer than the expected 10 bytes" in reader("verify", archive, check=4).err
    assert len(reader("cat", archive, ONE, check=4).out) <= 10


@pytest.mark.parametrize("log,indexed,good", [(22, True, True), (23, True, True), (24, True, False), (27, True, False),
                                              (27, False, True), (28, False, False), (31, False, False)])
def test_windows_are_bounded(reader, tmp_path, log, indexed, good):
    bag = craft.sample()
    frames = [craft.zstd_frame(f, log) for f in bag.frames()]
    archive = tmp_path / "a.tar.zst"
    archive.write_bytes(bag.tar_zst(code=lambda plain: craft.zstd_frame(plain, log)) if indexed else b"".join(frames))
    status, memory, _, said = measured("verify", archive, cwd=tmp_path)
    assert status == (0 if good else 4), said
    assert good or "memory" in said
    assert memory < most(170)


@pytest.mark.parametrize("how", ["pax", "sparse"])
def test_headers_are_bounded(reader, tmp_path, how):
    """A pax header of 24 MiB, or a map of holes of as many bytes, in some KiB of zstd."""
    size = 24 << 20
    if how == "pax":
        front = craft.header("pax", size, b"x") + b"24 comment=" + bytes(size - 11)
    else:
        front = (craft.pax(GNU__sparse__major=1, GNU__sparse__minor=0, GNU__sparse__realsize=1,
                           GNU__sparse__name="a/data/r1/html/x.html") +
                 craft.header("x", size + 512) + b"6000000\n" + b"0\n0\n" * (size // 4))
    bag = craft.sample(extra=[front.ljust(size + 8192, b"\0") + craft.entry("a/data/r1/html/x.html", b"x")])
    for kind in ("tar", "tar.zst"):
        for more in ([], ["-k"]):  # reported, although no requested file is damaged
            assert "too large" in extract(reader, tmp_path, bag, *more, kind=kind, check=4).err
        status, memory, _, said = measured("verify", tmp_path / ("a." + kind), cwd=tmp_path)
        assert status == 4 and "too large" in said and memory < most(60), (memory, said)


def test_a_zip_directory_is_bounded(reader, tmp_path):
    """4,200 entries with names of 64 KiB, in a file that is mostly holes."""
    archive = tmp_path / "a.zip"
    count, name = 4200, 65535
    with open(archive, "wb") as file:
        file.write(b"PK\x03\x04" + bytes(26))
        for i in range(count):
            file.seek(30 + i * (46 + name))
            file.write(b"PK\x01\x02" + bytes(24) + struct.pack("<H", name) + bytes(16) + b"n%d" % i)
        file.seek(30 + count * (46 + name))
        file.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, count * (46 + name), 30, 0))
    for args in (["list", archive], ["verify", archive], ["extract", "-k", archive]):
        status, memory, _, said = measured(*args, cwd=tmp_path)
        assert status in (1, 4) and "headers of an entry are too large" in said and memory < most(600), (memory, said)


@pytest.mark.parametrize("name,text", [("bag-info.txt", b"X-Fill: %s\n"), ("bagit.txt", b"X-Fill: %s\n"),
                                       ("tagmanifest-sha256.txt", b"0" * 64 + b"  %s\n")])
def test_tag_files_are_bounded(reader, tmp_path, name, text):
    """1 MiB is read, of the list of tag files also 209 bytes for each file; a byte more is too large."""
    archive = tmp_path / "a.tar.zst"
    for more, said in ((0, False), (1, True)):
        def lie(tags):
            rows = json.loads(tags["manifest.json"])
            count = len(rows["artifacts"]) + len(rows["documents"]) if name.startswith("tagmanifest") else 0
            most = (1 << 20) + count * 209
            room = most + more - len(tags[name])
            fill = b"".join([text % (b"x" * 900)] * (room // 1000))
            tags[name] += fill + text % (b"x" * (room - len(fill) - len(text % b"")))
            assert len(tags[name]) == most + more
        archive.write_bytes(craft.sample(lie=lie).tar_zst())
        assert ("too large" in reader("verify", archive).err) == said


def claiming(size):
    """A tar whose manifest.json is said to have so many bytes: the number in base 256."""
    head = bytearray(craft.header("a/manifest.json"))
    head[124:136] = (size | 1 << 95).to_bytes(12, "big")
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + b"{".ljust(1 << 20)


def test_a_manifest_is_bounded(reader, tmp_path):
    archive = tmp_path / "a.tar"
    for size, said in ((8 << 30, False), ((8 << 30) + 1, True)):
        archive.write_bytes(claiming(size))
        assert ("manifest.json has more than 8589934592 bytes" in reader("verify", archive, check=(1, 4)).err) == said


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.zst"])
@pytest.mark.parametrize("end,code", [(bytes(10240), 0), (bytes(511) + b"!", 4), (bytes(5000) + b"\1", 4)])
def test_only_zeros_follow_the_end_of_the_tar_stream(reader, tmp_path, kind, end, code):
    """Also in an archive with an index."""
    bag = craft.sample()
    bag.end = end
    archive = tmp_path / ("a." + kind)
    archive.write_bytes(bag.packed(kind))
    result = reader("verify", archive, check=code)
    assert not code or "unexpected data after the end" in result.err


def big_bag(count):
    """As many files, each a frame of its own."""
    return craft.Bag({"data/r%d/html/%d.html" % (i // 100, i): b"%d" % i for i in range(count)})


def test_many_frames_take_linear_time(tmp_path):
    """The seek table is searched by bisection: 150,000 frames took 12 s."""
    seconds = {}
    for count in (2_000, 32_000):
        archive = tmp_path / ("%d.tar.zst" % count)
        archive.write_bytes(big_bag(count).tar_zst())
        status, memory, seconds[count], said = measured("verify", "-q", archive, cwd=tmp_path)
        assert status == 0 and memory < most(60), said
        assert measured("cat", archive, "data/r7/html/777.html", cwd=tmp_path)[0] == 0
    assert seconds[32_000] < 16 * 2.5 * (seconds[2_000] + 0.02), seconds


def rows_only(count):
    """A tar that is a manifest of so many rows, and little else."""
    rows = ('{"path": "data/tsk_%012d/screenshot_action/20260120T115229.%06dZ_a_%015d.png", "run_id": "tsk_%012d", '
            '"artifact_id": "a_%015d", "artifact_type": "screenshot_action", "size": 100, "sha256": "%064x"}'
            % (i // 50, i, i, i // 50, i, i) for i in range(count))
    text = '{"previous": null, "runs": [], "documents": [], "artifacts": [\n%s], "missing": []}' % ",\n".join(rows)
    return craft.entry("a/manifest.json", text.encode()) + bytes(1024)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's allocator has memory of its own")
def test_rows_are_kept_compact(tmp_path):
    """200 bytes a row at the most, where rows are kept at all; list and cat keep none."""
    few, many = tmp_path / "few.tar", tmp_path / "many.tar"
    few.write_bytes(rows_only(1000))
    many.write_bytes(rows_only(41_000))
    for bound, args in ((200, ["verify", "--quick"]), (200, ["extract", "-t", "har", "-C", "out"]),
                        (200, ["report", "-f", "-o", "r.html"]), (200, ["report", "-f", "-o", "r"]), (20, ["list"]), (20, ["list", "--json"]),
                        (20, ["cat"])):
        more = ["data/tsk_000000000001/none"] if args == ["cat"] else []
        small = measured(*args, few, *more, cwd=tmp_path)
        large = measured(*args, many, *more, cwd=tmp_path)
        assert large[0] == small[0] in (0, 1, 4)
        assert (large[1] - small[1]) * (1 << 20) / 40_000 < bound, (args, small, large)


def test_list_shows_nothing_hidden(reader, tmp_path):
    bad = "C1\x9b31m bidi\u202e\u2066 tag\U000e0061 fine\u00e9"
    bag = craft.sample(manifest=lambda m: m["artifacts"][0].update(artifact_id=bad, path="data/r1/html/" + bad))
    text = json.dumps(bag.manifest, ensure_ascii=False).encode()
    archive = tmp_path / "a.tar"
    archive.write_bytes(b"".join(bag.entries[:bag.first_tag]) + craft.entry("a/manifest.json", text) + bytes(1024))
    for args in (["list", archive], ["list", "--json", archive], ["verify", archive], ["verify", "--json", archive]):
        result = reader(*args, check=(0, 4))
        for out in (result.out.decode(), result.err):
            assert not set(out) & set("\x1b\x9b\u202e\u2066\U000e0061"), args
    assert reader("list", "--json", archive, check=0).json()[0]["artifact_id"] == bad
