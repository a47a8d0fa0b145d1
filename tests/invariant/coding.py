# SPDX-License-Identifier: MIT
"""Encoders for content codings and for the chunked transfer coding."""
import gzip
import zlib

import zstandard


def brotli(data):
    """A brotli stream of uncompressed meta-blocks (RFC 7932, 9.2): 64 KiB window."""
    out, bits, count = bytearray(), 0, 1  # one bit 0: WBITS 16
    for at in range(0, len(data), 65536):
        part = data[at:at + 65536]
        bits |= (len(part) - 1) << (count + 3) | 1 << (count + 19)  # not last, 4 nibbles, raw
        count += 20
        out += bits.to_bytes((count + 7) // 8, "little") + part
        bits = count = 0
    bits |= 3 << count  # last, and empty
    return bytes(out) + bits.to_bytes(1, "little")


def deflate(data):
    return zlib.compress(data, 1)


def raw_deflate(data):
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -15)
    return squeeze.compress(data) + squeeze.flush()


CODERS = {
    "gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "x-gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "deflate": deflate,
    "br": brotli,
    "zstd": lambda data: zstandard.ZstdCompressor(level=1).compress(data),
}


def zstd(data):
    return CODERS["zstd"](data)


def chunks(data, rng=None, extension=b""):
    """data as chunks, without the last (empty) chunk; rng: with random chunk sizes."""
    out = []
    at = 0
    while at < len(data):
        size = rng.choice([1, 7, 100, 4096, 70000, 1 << 20]) if rng else 16384
        if len(data) > 50000 and size < 4096:
            size = 30000
        part = data[at:at + size]
        out.append(b"%x%s\r\n%s\r\n" % (len(part), extension, part))
        at += size
    return b"".join(out)


LAST_CHUNK = b"0\r\n\r\n"
