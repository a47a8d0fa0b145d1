# SPDX-License-Identifier: MIT
"""Archives made byte by byte: valid ones, and those with the defects that a test needs.

A bag is a list of tar entries; it is packed as tar, tar.gz, tar.zst (each with skyarc's tail) or
zip. Nothing here needs skyarc, a compressor's command or a third-party module.
"""
import hashlib
import io
import json
import struct
import zipfile
import zlib

BLOCK = 512
PIECE = 4 << 20  # size of the pieces of a file, as skyarc's
TAGS = ("manifest.json", "manifest-sha256.txt", "bag-info.txt", "bagit.txt", "tagmanifest-sha256.txt")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def header(name, size=0, kind=b"0", link=b"", mode=0o644, tail=b"", magic=b"ustar\x0000"):
    """One tar header block; tail is what stands in the last 167 bytes."""
    def octal(value, length):
        if value >= 8 ** (length - 1):  # base 256
            return b"\x80" + value.to_bytes(length - 1, "big")
        return b"%0*o\0" % (length - 1, value)

    name = name.encode() if isinstance(name, str) else name
    link = link.encode() if isinstance(link, str) else link
    if len(name) > 100 or len(link) > 100:
        raise ValueError("use long() in front")
    block = (name.ljust(100, b"\0") + octal(mode, 8) + octal(0, 8) + octal(0, 8) + octal(size, 12) +
             octal(1_700_000_000, 12) + b" " * 8 + kind + link.ljust(100, b"\0") + magic)
    block = block.ljust(345, b"\0") + tail
    block = block.ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def pax(**records):
    """A pax extended header in front of an entry."""
    text = b""
    for key, value in records.items():
        value = value if isinstance(value, bytes) else str(value).encode()
        line = b" " + key.replace("__", ".").encode() + b"=" + value + b"\n"
        length = len(line)
        while len(str(length)) + len(line) != length:
            length = len(str(length)) + len(line)
        text += str(length).encode() + line
    return header("pax", len(text), b"x") + padded(text)


def entry(name, data=b"", kind=b"0", link=b"", size=None):
    """A file; a link has no data. Long names get a pax header."""
    more = {}
    raw = name.encode() if isinstance(name, str) else name
    target = link.encode() if isinstance(link, str) else link
    if len(raw) > 100:
        more["path"], raw = raw, raw[:100]
    if len(target) > 100:
        more["linkpath"], target = target, target[:100]
    front = pax(**more) if more else b""
    return front + header(raw, len(data) if size is None else size, kind, target) + padded(data)


def link(name, target):
    return entry(name, kind=b"1", link=target)


def hole(name, size):
    """A file that is a single hole (GNU's sparse format 0): 512 bytes of tar for any size."""
    number = b"\x80" + size.to_bytes(11, "big")
    tail = bytes(41) + (number + b"%011o\0" % 0).ljust(96, b"\0") + b"\0" + number
    return header(name, 0, b"S", tail=tail, magic=b"ustar  \0")


def zstd_frame(plain, window_log=None):
    """A zstd frame of raw and run-length blocks; window_log: as the header claims, and no size."""
    out = bytearray(struct.pack("<I", 0xFD2FB528))
    if window_log is None:
        out += struct.pack("<BI", 0xA0, len(plain))  # single segment, 4 bytes of content size
    else:
        out += struct.pack("<BB", 0, (window_log - 10) << 3)
    pieces = [plain[i:i + (128 << 10)] for i in range(0, len(plain), 128 << 10)] or [b""]
    for number, piece in enumerate(pieces):
        run = len(piece) > 3 and piece.count(piece[:1]) == len(piece)
        head = (number + 1 == len(pieces)) | (2 if run else 0) | len(piece) << 3
        out += struct.pack("<I", head)[:3] + (piece[:1] if run else piece)
    return bytes(out)


def gzip_member(plain, level=6):
    coder = zlib.compressobj(level, zlib.DEFLATED, 31)
    return coder.compress(plain) + coder.flush()


def locator(frame, coded, plain, size, table):
    return struct.pack("<8sQQQQQ", b"skyarc\0\1", frame, coded, plain, size, table)


def zst_tail(rows, frame, coded, plain, size):
    """The tail of a .tar.zst whose frames are rows of (coded, plain)."""
    end = sum(r[0] for r in rows)
    table = b"".join(struct.pack("<II", *r) for r in rows) + struct.pack("<II", 56, 0)
    return (struct.pack("<II", 0x184D2A5D, 48) + locator(frame, coded, plain, size, end + 56) +
            struct.pack("<II", 0x184D2A5E, len(table) + 9) + table +
            struct.pack("<IBI", len(rows) + 1, 0, 0x8F92EAB1))


def gz_extra(ident, body):
    return (b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + struct.pack("<H", len(body) + 4) + ident +
            struct.pack("<H", len(body)) + body + b"\x03\0" + bytes(8))


def gz_tail(rows, frame, coded, plain, size):
    end = sum(r[0] for r in rows)
    out = b""
    for i in range(0, len(rows), 8000):
        out += gz_extra(b"ST", b"".join(struct.pack("<II", *r) for r in rows[i:i + 8000]))
    return out + gz_extra(b"SL", locator(frame, coded, plain, size, end))


def pieces(data):
    return [data[i:i + PIECE] for i in range(0, len(data), PIECE)]


class Bag:
    """A bag of files, links {path: target} and documents, all of them below data/.

    manifest  called with the manifest (a dict) before it is written, to lie in it
    extra     tar entries, as bytes, that stand behind the payload
    """

    def __init__(self, files, links=(), documents=(), top="a", manifest=None, extra=(), lie=None):
        self.top = top
        self.files, self.links, self.documents = dict(files), dict(links), dict(documents)
        self.extra = list(extra)
        self.end = b""  # after the end of the tar stream
        self.entries = []  # (frame starts here, bytes)
        self.rows = []
        self._payload()
        self.manifest = self._manifest()
        if manifest:
            manifest(self.manifest)
        self.tags = self._tags()
        if lie:
            lie(self.tags)
        self.manifest_at = sum(len(e) for e in self.entries)
        self.first_tag = len(self.entries)
        self.entries += [entry(self._full(name), self.tags[name]) for name in self.tags]

    def _full(self, path):
        return self.top + "/" + path

    def _payload(self):
        at = frame = 0
        for number, (path, data) in enumerate([*self.files.items(), *self.links.items()]):
            is_link = isinstance(data, str)
            made = link(self._full(path), self._full(data)) if is_link else entry(self._full(path), data)
            content = self.files[data] if is_link else data
            self.entries.append(made)
            parts = path.split("/")
            self.rows.append({
                "path": path, "run_id": parts[1], "artifact_id": "a_%d" % number, "origin": "list",
                "artifact_type": parts[2] if len(parts) > 3 else "html", "step_id": None,
                "created_at": None, "size": len(content), "sha256": sha256(content),
                "media_type": "text/plain", "duplicate_of": data if is_link else None, "link": is_link,
                "frame": frame, "offset": at})
            at += len(made)
            frame += len(pieces(made))
        for path, data in self.documents.items():
            self.entries.append(entry(self._full(path), data))
        self.entries += self.extra

    def _manifest(self):
        runs = sorted({row["run_id"] for row in self.rows})
        return {"schema": "urn:skyarc:manifest:1", "tool": "craft", "created_at": "2026-01-01T00:00:00Z",
                "source": "http://x", "previous": None,
                "runs": [{"run_id": run, "status": "completed", "counts": {}} for run in runs],
                "documents": [{"path": p, "size": len(d), "sha256": sha256(d)}
                              for p, d in self.documents.items()],
                "artifacts": self.rows, "missing": [], "totals": {}}

    def _tags(self):
        payload = {r["path"]: (r["sha256"], r["size"]) for r in self.rows}
        payload.update({p: (sha256(d), len(d)) for p, d in self.documents.items() if p.startswith("data/")})
        tags = {"manifest.json": json.dumps(self.manifest, indent=1).encode()}
        tags["manifest-sha256.txt"] = "".join("%s  %s\n" % (v[0], p) for p, v in payload.items()).encode()
        tags["bag-info.txt"] = b"Payload-Oxum: %d.%d\n" % (sum(v[1] for v in payload.values()), len(payload))
        tags["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
        listed = {n: d for n, d in self.documents.items() if not n.startswith("data/")} | tags
        tags["tagmanifest-sha256.txt"] = "".join("%s  %s\n" % (sha256(d), n)
                                                 for n, d in listed.items()).encode()
        return tags

    def frames(self):
        """The tar stream cut into frames: one an entry, the tags together, in pieces of 4 MiB."""
        return [piece for e in self.entries[:self.first_tag] for piece in pieces(e)] + pieces(self._tail())

    def _tail(self):
        return b"".join(self.entries[self.first_tag:]) + bytes(1024) + self.end

    def tar(self):
        return b"".join(self.frames())

    def _packed(self, code, tail, rows):
        coded = [code(frame) for frame in self.frames()]
        real = [(len(c), len(p)) for c, p in zip(coded, self.frames())]
        first = len(real) - len(pieces(self._tail()))
        table = rows(list(real)) if rows else real
        return b"".join(coded) + tail(table, first, sum(r[0] for r in real[:first]), self.manifest_at,
                                      len(self.tags["manifest.json"]))

    def tar_zst(self, code=zstd_frame, rows=None):
        return self._packed(code, zst_tail, rows)

    def tar_gz(self, code=gzip_member, rows=None):
        return self._packed(code, gz_tail, rows)

    def zip(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in [*self.files.items(), *self.documents.items(), *self.tags.items()]:
                archive.writestr(self._full(path), data)
        return out.getvalue()

    def packed(self, kind, **more):
        return {"tar": self.tar, "tar.gz": self.tar_gz, "tar.zst": self.tar_zst, "zip": self.zip}[kind](**more)


def sample(**more):
    """A small sound bag with a link (not in a zip) and documents."""
    files = {"data/r1/html/one.html": b"<p>one</p>" * 900, "data/r1/html/two.html": b"two" * 3000,
             "data/r2/files/three.bin": bytes(range(256)) * 40}
    more.setdefault("links", {"data/r2/html/same.html": "data/r1/html/one.html"})
    more.setdefault("documents", {"data/r1/run.json": b'{"run_id": "r1"}', "data/r2/run.json": b'{"run_id": "r2"}',
                                  "index.html": b"<!doctype html>"})
    return Bag(files, **more)
