# SPDX-License-Identifier: MIT
"""The index of names: what it saves, and that a wrong one never gives a wrong answer."""
import bisect
import ctypes
import itertools
import json
import os
import re
import struct
import subprocess
import time

import pytest

import craft
from conftest import SKYARC
from reading import frames, rows_of

PAGE = 4096
SANITIZED = any(word in open(SKYARC, "rb").read() for word in (b"__asan_init", b"__tsan_init"))
COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
static long reads;
static void __attribute__((destructor)) tell(void)
{
    FILE *out = fopen(getenv("READS"), "w");
    if (out) {
        fprintf(out, "%ld", reads);
        fclose(out);
    }
}
ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);
    if (!real)
        real = (ssize_t(*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
    reads++;
    return real(fd, bytes, len, at);
}
ssize_t pread(int fd, void *bytes, size_t len, off_t at) { return pread64(fd, bytes, len, at); }
ssize_t __pread64_chk(int fd, void *bytes, size_t len, off64_t at, size_t room)
{
    (void)room;
    return pread64(fd, bytes, len, at);
}
"""


def places(data):
    """(offset of the index's first page, number of pages, offset of the locator, rows)."""
    count = struct.unpack("<I", data[-9:-5])[0]
    locator = len(data) - 9 - 8 * count - 8 - 56
    size, plain = struct.unpack("<II", data[-25:-17])
    assert plain == 0 and (size - 8) % PAGE == 0
    assert data[locator - size:locator - size + 8] == struct.pack("<II", 0x184D2A5C, size - 8)
    table = data[len(data) - 9 - 8 * count:-9]
    return locator - size + 8, (size - 8) // PAGE, locator, [struct.unpack("<II", table[i:i + 8]) for i in range(0, len(table), 8)]


XXH3 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits_withSeed
XXH3.restype = ctypes.c_uint64
XXH3.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)


def xxh3(data, seed=0):
    return XXH3(data, len(data), seed)


def token(path):
    """The part of a path that is its key, by docs/archive-format.md."""
    found = re.fullmatch(r"(?:.*/)?(?:notime|[^_/]*Z)_([^/]*)", path)
    return found[1].rpartition(".")[0] or found[1] if found else path


def entries_of(manifest, place):
    """The entries of the index by docs/archive-format.md: (key, position of the row, flags, bytes). place: as the entry has it."""
    at = {row["path"]: row["offset"] for row in json.loads(manifest)["artifacts"]}
    found = []
    for match in re.finditer(rb'\{"path": "[^"]*", "size"', manifest):
        row, length = json.JSONDecoder().raw_decode(manifest[match.start():].decode())
        key = xxh3(token(row["path"]).encode())
        head = struct.pack("<QII", key, xxh3(row["path"].encode(), 1) & 0xffffffff, length | 9 << 28)
        found.append((key, match.start(), 9, head + place(row["offset"]) + place(None, match.start()) + bytes.fromhex(row["sha256"])[:16]))
    for match in re.finditer(rb'\{"path": "(data/[^"]*)", "run_id"', manifest):
        row, length = json.JSONDecoder().raw_decode(manifest[match.start():].decode())
        link = 4 if row["link"] else 0
        tail = (place(at[row["duplicate_of"] if link else row["path"]]), place(None, match.start()), bytes.fromhex(row["sha256"])[:16])
        names = [(row["artifact_id"], 2), (token(row["path"]), 1)]
        names = [(names[0][0], 3)] if names[0][0] == names[1][0] else names
        for name, flags in names:
            key = xxh3(name.encode())
            head = struct.pack("<QII", key, xxh3(row["path"].encode(), 1) & 0xffffffff, length | (flags | link) << 28)
            found.append((key, match.start(), flags, head + b"".join(tail)))
    return sorted(found)


def pages_of(entries, missing, count=0):
    """The pages with these entries; as many as the document says, or count."""
    count = count or len(entries) // 57 + 1
    while True:
        homes = count - (count // 64 + 1) if count > 1 else 1
        left, pages = list(entries), []
        for number in range(count):
            n = 0
            while n < min(63, len(left)) and ((left[n][0] >> 32) * homes >> 32) <= number:
                n += 1
            body, left = b"".join(e[3] for e in left[:n]), left[n:]
            more = bool(left) and ((left[0][0] >> 32) * homes >> 32) <= number
            page = (struct.pack("<IIIHH", number, count, missing, n, more) + body).ljust(PAGE - 16, b"\0")
            pages.append(b"skyarc\0\2" + struct.pack("<Q", xxh3(page)) + page)
        if not left:
            return b"".join(pages)
        count += len(left) // 63 + 1


def test_the_document(many, skyarc):
    """An index made by the words of docs/archive-format.md is the one that skyarc makes, byte for byte."""
    archive, _ = many
    data = archive.read_bytes()
    at, pages, locator, _ = places(data)
    manifest = skyarc("cat", archive, "manifest.json", check=0).out
    header = struct.unpack("<Q", data[locator + 32:locator + 40])[0]
    spans = frames(archive)

    def place(offset, row=None):
        offset = header + 512 + row if offset is None else offset
        begin, end, plain, _ = next(span for span in spans if span[2] <= offset < span[3])
        return struct.pack("<QII", begin, end - begin, offset - plain)

    assert data[at:at + pages * PAGE] == pages_of(entries_of(manifest, place), 0)
    assert pages > 4


def with_index(data, locator, rows, index):
    """The bytes of an archive with that index; rows: of all frames with content."""
    frame, coded, plain, size, _ = struct.unpack("<QQQQQ", data[locator + 16:locator + 56])
    end = sum(row[0] for row in rows)
    table = b"".join(struct.pack("<II", *row) for row in [*rows, (8 + len(index), 0), (56, 0)])
    return (data[:end] + struct.pack("<II", 0x184D2A5C, len(index)) + index + struct.pack("<II", 0x184D2A5D, 48) +
            craft.locator(frame, coded, plain, size, end + 8 + len(index) + 56) +
            struct.pack("<II", 0x184D2A5E, len(table) + 9) + table + struct.pack("<IBI", len(rows) + 2, 0, 0x8F92EAB1))


def lie(archive, change):
    """Change every entry of the index, and make the checksums right again."""
    data = bytearray(archive.read_bytes())
    at, pages, _, _ = places(data)
    for page in range(at, at + pages * PAGE, PAGE):
        for i in range(struct.unpack("<H", data[page + 28:page + 30])[0]):
            where = page + 32 + 64 * i
            data[where:where + 64] = change(bytearray(data[where:where + 64]))
        data[page + 8:page + 16] = struct.pack("<Q", xxh3(bytes(data[page + 16:page + PAGE])))
    archive.write_bytes(data)


def without(archive, out):
    """The same archive without an index, as 0.1 wrote it."""
    data = archive.read_bytes()
    at, _, locator, rows = places(data)
    frame, coded, plain, size, _ = struct.unpack("<QQQQQ", data[locator + 16:locator + 56])
    out.write_bytes(data[:at - 8] + craft.zst_tail(rows[:-2], frame, coded, plain, size))


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    where = tmp_path_factory.mktemp("counter")
    (where / "counter.c").write_text(COUNTER)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", where / "counter.so", where / "counter.c", "-ldl"], check=True)
    return where


@pytest.fixture
def many(skyarc, emu, tmp_path):
    """An archive of 400 artifacts, and its rows."""
    emu.run("tsk_many", [{"id": "m%03d" % i, "type": "html", "data": b"<p>%d</p>" % i * (i % 7 + 1)} for i in range(400)] +
            [{"id": "f%d" % i, "type": "download", "data": b"file %d" % i, "filename": "f%d.txt" % i} for i in range(3)])
    skyarc("pull", "-o", "a.tar.zst", "tsk_many", "tsk_demo1", check=0)
    return tmp_path / "a.tar.zst", rows_of(tmp_path / "a.tar.zst", tmp_path)[0]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer cannot be preloaded with")
def test_three_reads(many, counter, env, tmp_path):
    archive, rows = many
    plain = [row for row in rows if not row["link"] and row["artifact_id"] in row["path"]]
    log = tmp_path / "reads"
    spot = dict(env, LD_PRELOAD=str(counter / "counter.so"), READS=str(log))
    for row in plain[::30] + plain[-1:]:
        for name in (row["path"], row["artifact_id"]):
            for command in ("cat", "list"):
                done = subprocess.run([SKYARC, command, "--no-sandbox", str(archive), name], env=spot, stdout=subprocess.PIPE, check=True)
                assert done.stdout and 1 <= int(log.read_text()) <= 3 + row["size"] // (128 << 10), (command, name)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer cannot be preloaded with")
@pytest.mark.parametrize("kind, first, more", [("tar.zst", 3, 12), ("tar.gz", 9, 12)])
def test_documents_and_tag_files(many, skyarc, counter, env, tmp_path, kind, first, more):
    """Few reads find them, too: those that are in the index three, tag files those between the manifest and the end."""
    skyarc("pull", "-o", "b." + kind, "tsk_many", "tsk_demo1", check=0)
    spot = dict(env, LD_PRELOAD=str(counter / "counter.so"), READS=str(tmp_path / "reads"))
    subprocess.run(["tar", "xf", "b." + kind], cwd=tmp_path, check=True)
    documents = [row["path"] for row in json.loads((tmp_path / "b/manifest.json").read_text())["documents"]]
    assert "index.html" in documents and "data/tsk_many/run.json" in documents and "view/tsk_many.js" in documents
    reads = []
    for name in documents + ["b/" + path for path in documents] + list(craft.TAGS):
        path = tmp_path / "b" / name.removeprefix("b/")
        done = subprocess.run([SKYARC, "cat", "--no-sandbox", "b." + kind, name], env=spot, cwd=tmp_path, capture_output=True, check=True)
        assert done.stdout == path.read_bytes() and not done.stderr
        reads.append(int((tmp_path / "reads").read_text()) - path.stat().st_size // (128 << 10))
        assert reads[-1] <= (more if name in craft.TAGS else first + 1), name
        if name in ("index.html", "view/tsk_many.js"):
            assert reads[-1] <= first, name
    assert sum(n <= first for n in reads[:2 * len(documents)]) >= len(documents)  # a file may be in two frames
    assert "no 'data/tsk_many/run.jso' in" in skyarc("cat", "b." + kind, "data/tsk_many/run.jso", check=1).err
    assert skyarc("list", "b." + kind, "data/tsk_many/run.json").code == 1


def test_every_name_is_found(many, skyarc, tmp_path):
    """By path and by ID, with and without the top directory, as by the manifest of the same archive without an index."""
    archive, rows = many
    without(archive, tmp_path / "old.tar.zst")
    assert skyarc("verify", "old.tar.zst", "a.tar.zst", check=0)
    paths = [row["path"] for row in rows]
    ids = [row["artifact_id"] for row in rows]
    for names in (paths, ids, ["top/" + path for path in paths]):
        both = [skyarc("cat", name, *names, check=0) for name in ("a.tar.zst", "old.tar.zst")]
        assert both[0].out == both[1].out and not both[0].err
    for name in paths[::40] + ids[::40]:
        both = [skyarc("list", "--json", archive, name, check=0).json() for archive in ("a.tar.zst", "old.tar.zst")]
        assert both[0] == both[1] and both[0][0]["path"] in paths


def test_names_that_are_not_there(many, skyarc):
    for name in ("a_nothing", "data/tsk_many/nothing", "data", "data/tsk_many"):
        assert skyarc("list", "a.tar.zst", name).code == (0 if name.startswith("data") and "nothing" not in name else 1)
    assert "no 'a_nothing' in" in skyarc("cat", "a.tar.zst", "a_nothing", check=1).err


@pytest.mark.parametrize("at", [0, 9, 16, 20, 24, 28, 30, 40, PAGE - 1])
def test_a_damaged_page(many, skyarc, at):
    """The manifest is read instead, with a warning; verify fails."""
    archive, rows = many
    good = skyarc("cat", archive, rows[0]["path"], check=0).out
    data = bytearray(archive.read_bytes())
    first, pages, _, _ = places(data)
    for page in range(pages):
        data[first + page * PAGE + at] ^= 1
    archive.write_bytes(data)
    result = skyarc("cat", archive, rows[0]["path"], check=0)
    assert result.out == good and "index of names is damaged" in result.err
    result = skyarc("list", archive, rows[0]["artifact_id"], check=0)
    assert rows[0]["artifact_id"].encode() in result.out
    assert "index of names is damaged" in result.err
    assert "index of names" in skyarc("verify", archive, check=4).err


@pytest.mark.parametrize("at", range(-8, 0))
def test_a_damaged_head_of_the_frame(many, skyarc, tmp_path, at):
    """The archive is intact: all but verify read it."""
    archive, rows = many
    path = rows[0]["path"]
    good = skyarc("cat", archive, path, check=0).out
    data = bytearray(archive.read_bytes())
    data[places(data)[0] + at] ^= 1
    archive.write_bytes(data)
    assert skyarc("cat", archive, path, check=0).out == good
    for command in (["list"], ["list", "--json"], ["cat"], ["extract", "-q", "-C", tmp_path / "x"], ["report", "-o", tmp_path / "r.html"]):
        skyarc(*command, archive, *(["manifest.json"] if command == ["cat"] else []), check=0)
    assert "index of names" in skyarc("verify", archive, check=4).err
    assert "index of names" in skyarc("verify", "--quick", archive, check=4).err


def other_place(entry):
    entry[28:32] = struct.pack("<I", struct.unpack("<I", entry[28:32])[0] ^ 512)
    return entry


def other_row(entry):
    entry[44:48] = struct.pack("<I", struct.unpack("<I", entry[44:48])[0] + 1)
    return entry


def outside(entry):
    entry[16:24] = struct.pack("<Q", 1 << 62)
    return entry


def other_digest(entry):
    entry[48] ^= 1
    return entry


def huge_frame(entry):
    entry[24:28] = b"\xff\xff\xff\xff"
    return entry


def huge_row(entry):
    entry[12:16] = struct.pack("<I", struct.unpack("<I", entry[12:16])[0] | (1 << 28) - 1)
    return entry


@pytest.mark.parametrize("change", [other_place, other_row, outside, other_digest, huge_frame, huge_row])
def test_lies(many, skyarc, change):
    """Whatever the index says: the right content and the right rows, and verify fails."""
    archive, rows = many
    names = [row["path"] for row in rows[::60]] + [row["artifact_id"] for row in rows[::60]]
    content = [skyarc("cat", archive, name, check=0).out for name in names]
    listed = [skyarc("list", "--json", archive, name, check=0).json() for name in names]
    lie(archive, change)
    for name, data, row in zip(names, content, listed):
        assert skyarc("cat", archive, name, check=0).out == data
        assert skyarc("list", "--json", archive, name, check=0).json() == row
    assert "index of names" in skyarc("verify", archive, check=4).err


def an_entry_less(entries):
    return pages_of(entries[:7] + entries[8:], 0)


def an_entry_twice(entries):
    return pages_of(entries[:7] + entries[6:], 0)


def an_entry_for_another(entries):
    return pages_of(entries[:7] + [entries[6]] + entries[8:], 0)


def another_order(entries):
    assert entries[6][0] >> 50 != entries[9][0] >> 50
    return pages_of(entries[:6] + [entries[9]] + entries[7:9] + [entries[6]] + entries[10:], 0)


def a_page_more(entries):
    return pages_of(entries, 0, len(entries) // 57 + 2)


def missing_items(entries):
    return pages_of(entries, 1)


def a_link_elsewhere(entries):
    i = next(i for i, entry in enumerate(entries) if entry[3][15] >> 4 & 4)
    return pages_of(entries[:i] + [(*entries[i][:3], bytes(other_place(bytearray(entries[i][3]))))] + entries[i + 1:], 0)


def a_document_elsewhere(entries):
    """One document has the offset of another entry in its frame, by the index only."""
    i = next(i for i, entry in enumerate(entries) if entry[3][15] >> 4 & 8)
    return pages_of(entries[:i] + [(*entries[i][:3], bytes(other_place(bytearray(entries[i][3]))))] + entries[i + 1:], 0)


def resealed(page):
    return page[:8] + struct.pack("<Q", xxh3(bytes(page[16:]))) + page[16:]


def split(index):
    """The pages of an index, and how many entries each has."""
    pages = [bytearray(index[i:i + PAGE]) for i in range(0, len(index), PAGE)]
    return pages, [struct.unpack("<H", page[28:30])[0] for page in pages]


def joined(pages):
    return b"".join(page[:8] + struct.pack("<Q", xxh3(bytes(page[16:]))) + page[16:] for page in map(bytes, pages))


def an_entry_in_the_next_page(entries):
    """The last entry of a page is the first of the next."""
    pages, counts = split(pages_of(entries, 0))
    i = next(i for i in range(len(pages) - 1) if counts[i] and counts[i + 1] < 63)
    last = 32 + 64 * (counts[i] - 1)
    pages[i + 1][32:] = (pages[i][last:last + 64] + pages[i + 1][32:])[:PAGE - 32]
    pages[i][last:last + 64] = bytes(64)
    pages[i][28:32] = struct.pack("<HH", counts[i] - 1, 1)
    pages[i + 1][28:30] = struct.pack("<H", counts[i + 1] + 1)
    return joined(pages)


def more_of_none(entries):
    pages, _ = split(pages_of(entries, 0))
    pages[0][30] ^= 1
    return joined(pages)


def not_only_zeros(entries):
    pages, counts = split(pages_of(entries, 0))
    pages[next(i for i in range(len(pages)) if counts[i] < 63)][PAGE - 1] = 1
    return joined(pages)


@pytest.mark.parametrize("change", [an_entry_less, an_entry_twice, an_entry_for_another, another_order, a_page_more, missing_items,
                                    a_link_elsewhere, a_document_elsewhere, an_entry_in_the_next_page, more_of_none, not_only_zeros])
def test_verify_compares_all_of_the_index(many, skyarc, change):
    """An index that is not the one of the manifest is found, however well made it is."""
    archive, _ = many
    data = archive.read_bytes()
    at, pages, locator, rows = places(data)
    entries = []
    for page in range(at, at + pages * PAGE, PAGE):
        for i in range(struct.unpack("<H", data[page + 28:page + 30])[0]):
            entry = data[page + 32 + 64 * i:page + 96 + 64 * i]
            entries.append((struct.unpack("<Q", entry[:8])[0], i, entry[15] >> 4, entry))
    assert with_index(data, locator, rows[:-2], pages_of(entries, 0)) == data
    archive.write_bytes(with_index(data, locator, rows[:-2], change(entries)))
    assert "index of names" in skyarc("verify", archive, check=4).err


@pytest.mark.parametrize("off, said", [(0, None), (512, "different offset"), (1 << 40, "different offset")])
def test_a_documents_offset_in_the_manifest(skyarc, tmp_path, off, said):
    """verify compares it with the place of the document's tar header, whatever an index that was made of it says."""
    sound = craft.sample()

    def place(manifest):
        at = sum(len(entry) for entry in sound.entries[:len(sound.files) + len(sound.links)])
        for row, entry in zip(manifest["documents"], sound.entries[len(sound.files) + len(sound.links):]):
            row["offset"] = at
            at += len(entry)
        manifest["documents"][-1]["offset"] += off

    bag = craft.sample(manifest=place)
    (tmp_path / "a.tar.zst").write_bytes(bag.tar_zst())
    result = skyarc("verify", "a.tar.zst", check=4 if said else 0)
    if said:
        assert said in result.err and bag.manifest["documents"][-1]["path"] in result.err


class LongBag(craft.Bag):
    """1,000 entries a frame."""

    def frames(self):
        heads = [b"".join(self.entries[i:min(i + 1000, self.first_tag)]) for i in range(0, self.first_tag, 1000)]
        return heads + craft.pieces(self._tail())


def long_archive(path, count, name="data/r1/html/notime_a_%d.html"):
    """Write an archive of so many artifacts, all but one of them hard links, with an index."""
    def change(manifest):
        for i, row in enumerate(manifest["artifacts"]):
            row.update(frame=i // 1000, artifact_id=token(row["path"]))

    first = name % 0
    bag = LongBag({first: b"<p>one</p>"}, {name % i: first for i in range(1, count)}, manifest=change)
    data = bag.tar_zst()
    frames_ = [(len(craft.zstd_frame(plain)), len(plain)) for plain in bag.frames()]
    starts = list(itertools.accumulate((row[1] for row in frames_), initial=0))
    coded = list(itertools.accumulate((row[0] for row in frames_), initial=0))

    def place(offset):
        i = bisect.bisect_right(starts, offset) - 1
        return struct.pack("<QII", coded[i], frames_[i][0], offset - starts[i])

    text = bag.tags["manifest.json"]
    begin = text.index(b'"artifacts": [')
    entries = []
    for row, found in zip(bag.rows, re.finditer(rb"\n  (\{[^{}]*\})", text[begin:])):
        at = begin + found.start(1)
        key = xxh3(row["artifact_id"].encode())
        head = struct.pack("<QII", key, xxh3(row["path"].encode(), 1) & 0xffffffff, len(found[1]) | (7 if row["link"] else 3) << 28)
        entries.append((key, at, 0, head + place(0) + place(bag.manifest_at + 512 + at) + bytes.fromhex(row["sha256"])[:16]))
    assert len(entries) == count
    locator = len(data) - 9 - 8 * (len(frames_) + 1) - 8 - 56
    path.write_bytes(with_index(data, locator, frames_, pages_of(sorted(entries), 0)))


def peak(process):
    """The largest resident size of a process in bytes, as last seen before it ended."""
    found = 0
    while process.poll() is None:
        with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
            seen = re.search(r"VmHWM:\s*(\d+) kB", file.read())
        found = max(found, int(seen[1]) * 1024 if seen else 0)
        time.sleep(0.005)
    return found


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory of its own")
def test_the_memory_of_verify(env, tmp_path):
    """A row takes 104 bytes, its name, and what finding it takes; the index of names takes none."""
    peaks = []
    for count in (1000, 100_000):
        long_archive(tmp_path / "a.tar.zst", count)
        process = subprocess.Popen([SKYARC, "verify", "--quiet", "a.tar.zst"], env=env, cwd=tmp_path)
        peaks.append(peak(process))
        assert process.returncode == 0
    assert 4 << 20 < peaks[0] and peaks[1] - peaks[0] < 99_000 * 190, peaks


def test_an_index_of_one_key(skyarc, tmp_path):
    """Where all names have one key, more pages are needed than usual: verify knows how many."""
    long_archive(tmp_path / "a.tar.zst", 300, "data/r1/%d/notime_same.html")
    assert places((tmp_path / "a.tar.zst").read_bytes())[1] > 300 // 57 + 1
    skyarc("verify", "a.tar.zst", check=0)
    assert len(skyarc("list", "--json", "a.tar.zst", "same", check=0).json()) >= 1
    for i in (0, 150, 299):
        assert skyarc("cat", "a.tar.zst", "data/r1/%d/notime_same.html" % i, check=0).out == b"<p>one</p>"


def test_an_index_that_lost_its_entries(many, skyarc):
    """What the index does not know is looked for in the manifest."""
    archive, rows = many
    good = skyarc("cat", archive, rows[5]["artifact_id"], check=0).out
    lie(archive, lambda entry: bytearray(64))
    assert skyarc("cat", archive, rows[5]["artifact_id"], check=0).out == good
    assert skyarc("list", "--json", archive, rows[5]["path"], check=0).json()[0]["path"] == rows[5]["path"]
    skyarc("verify", archive, check=4)


def test_archives_without_an_index(skyarc, tmp_path):
    (tmp_path / "old.tar.zst").write_bytes(craft.sample().tar_zst())
    assert skyarc("cat", "old.tar.zst", "data/r2/html/same.html", check=0).out == b"<p>one</p>" * 900
    assert skyarc("list", "--json", "old.tar.zst", "data/r2/html/same.html", check=0).json()[0]["link"]


def test_a_cut_archive(many, skyarc):
    """Cut within the index: the tail is lost, and the file is found by reading everything."""
    archive, rows = many
    good = skyarc("cat", archive, rows[0]["path"], check=0).out
    data = archive.read_bytes()
    at, _, _, _ = places(data)
    archive.write_bytes(data[:at + 100])
    result = skyarc("cat", archive, rows[0]["path"])
    assert result.code in (1, 4) or result.out == good
    assert "index" in skyarc("verify", archive, check=4).err
