# SPDX-License-Identifier: MIT
"""Artifact contents of the usual formats; the same seed gives the same bytes."""
import io
import json
import random
import struct
import zipfile
import zlib


def png(width, height, seed):
    """A valid PNG; the lower half is noise, so that it does not compress to almost nothing."""
    rng = random.Random(seed)
    rows = []
    for y in range(height):
        if y < height // 2:
            rows.append(b"\0" + bytes([seed & 255, y & 255, 90]) * width)
        else:
            rows.append(b"\0" + rng.randbytes(3 * width))

    def part(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head)
            + part(b"IDAT", zlib.compress(b"".join(rows), 6)) + part(b"IEND", b""))


def _element(ident, data):
    """One EBML element; its length field has one byte where that is enough, else eight."""
    if len(data) < 127:
        return ident + bytes([0x80 | len(data)]) + data
    return ident + b"\x01" + len(data).to_bytes(7, "big") + data


def webm(size, seed):
    """A WebM container: header, info, one VP8 track, clusters of blocks."""
    rng = random.Random(seed)
    header = _element(b"\x1a\x45\xdf\xa3", b"".join([
        _element(b"\x42\x86", b"\1"), _element(b"\x42\xf7", b"\1"),
        _element(b"\x42\xf2", b"\4"), _element(b"\x42\xf3", b"\x08"),
        _element(b"\x42\x82", b"webm"), _element(b"\x42\x87", b"\4"),
        _element(b"\x42\x85", b"\2")]))
    info = _element(b"\x15\x49\xa9\x66", _element(b"\x2a\xd7\xb1", (1000000).to_bytes(4, "big"))
                    + _element(b"\x4d\x80", b"emulator") + _element(b"\x57\x41", b"emulator"))
    video = _element(b"\xe0", _element(b"\xb0", (1280).to_bytes(2, "big"))
                     + _element(b"\xba", (720).to_bytes(2, "big")))
    track = _element(b"\x16\x54\xae\x6b", _element(b"\xae", _element(b"\xd7", b"\1")
                     + _element(b"\x73\xc5", b"\1") + _element(b"\x83", b"\1")
                     + _element(b"\x86", b"V_VP8") + video))
    clusters, left, tick = [], size, 0
    while left > 0:
        frame = rng.randbytes(min(left, 65536))
        clusters.append(_element(b"\x1f\x43\xb6\x75", _element(b"\xe7", tick.to_bytes(4, "big"))
                                 + _element(b"\xa3", b"\x81\0\0\x80" + frame)))
        left -= len(frame)
        tick += 40
    return header + _element(b"\x18\x53\x80\x67", info + track + b"".join(clusters))


def html(seed, paragraphs=40):
    rng = random.Random(seed)
    words = "invoice total page next login search cart order form submit table row".split()
    body = "\n".join("<p class=c%d>%s</p>" % (i, " ".join(rng.choices(words, k=30)))
                     for i in range(paragraphs))
    return ("<!DOCTYPE html><html><head><title>Page %d</title></head><body>\n%s\n</body></html>\n"
            % (seed, body)).encode()


def document(seed):
    rng = random.Random(seed)
    return json.dumps({"id": "el%d" % seed,
                       "elements": [{"tag": rng.choice(["a", "input", "button"]), "n": i,
                                     "text": "%x" % rng.getrandbits(64)} for i in range(60)]},
                      indent=1).encode()


def har(seed):
    rng = random.Random(seed)
    entries = [{"startedDateTime": "2026-01-20T11:52:%02d.000Z" % (i % 60),
                "time": rng.randrange(500),
                "request": {"method": "GET", "url": "https://shop.example/item/%d" % i},
                "response": {"status": 200, "content": {"size": rng.randrange(90000)}}}
               for i in range(80)]
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def log(seed, lines=150):
    rng = random.Random(seed)
    return "".join("2026-01-20T11:52:%02d.%03d INFO step %d done in %d ms\n"
                   % (i % 60, rng.randrange(1000), i, rng.randrange(900))
                   for i in range(lines)).encode()


def bundle(members):
    """A ZIP as the service makes it: media stored, text deflated."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            how = zipfile.ZIP_STORED if name.endswith((".png", ".webm")) else zipfile.ZIP_DEFLATED
            info = zipfile.ZipInfo(name, (2026, 1, 20, 11, 52, 0))
            archive.writestr(info, data, compress_type=how)
    return out.getvalue()
