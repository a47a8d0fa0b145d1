# SPDX-License-Identifier: MIT
"""What of a .tar.zst is text, media, records, view and manifest: the compressed size of each, in bytes.

Reads the frames as zstd's format says (RFC 8878), not by skyarc's own index.
"""
import collections
import io
import tarfile

import zstandard

MEDIA = (".png", ".jpg", ".webm", ".mp4", ".zip", ".gz", ".zst")
RECORDS = ("run.json", "artifacts.json")


def frame_end(data, at):
    """Where a frame of compressed data ends (RFC 8878, 3.1.1)."""
    flags = data[at + 4]
    single = flags >> 5 & 1
    at += 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
    last = 0
    while not last:
        head = int.from_bytes(data[at:at + 3], "little")
        last = head & 1
        at += 3 + (1 if head >> 1 & 3 == 1 else head >> 3)
    return at + 4 * (flags >> 2 & 1)


def walk(data):
    """(compressed size, content) of each frame; the content of a skippable frame is None."""
    at = 0
    while at < len(data):
        magic = int.from_bytes(data[at:at + 4], "little")
        if magic == zstandard.MAGIC_NUMBER:
            end = frame_end(data, at)
            yield end - at, zstandard.ZstdDecompressor().decompressobj().decompress(data[at:end])
        elif magic & 0xfffffff0 == 0x184d2a50:
            end = at + 8 + int.from_bytes(data[at + 4:at + 8], "little")
            yield end - at, None
        else:
            raise ValueError("no frame begins at %d" % at)
        at = end


def category(name):
    path = name.partition("/")[2]
    if not path.startswith("data/"):
        return "view" if path.startswith(("index.html", "view/")) else "manifest"
    if path.endswith(MEDIA):
        return "media"
    parts = path.split("/")
    return "records" if parts[-1] in RECORDS or "records" in parts[2:-1] else "text"


def members(tar):
    """(first byte, byte after the last, TarInfo) of each member, its header included."""
    for member in tar:
        size = member.size if member.isreg() else 0
        yield member.offset, member.offset_data + (size + 511) // 512 * 512, member


def read(path):
    """Returns (bytes of each category, the uncompressed tar archive)."""
    with open(path, "rb") as file:
        frames = list(walk(file.read()))
    raw = b"".join(content for _, content in frames if content)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        parts = [(begin, end, category(member.name)) for begin, end, member in members(tar)]
    sizes = collections.Counter()
    at, k = 0, 0
    for packed, content in frames:
        if content is None:
            sizes["manifest"] += packed
            continue
        inside = collections.Counter()
        end = at + len(content)
        while k < len(parts):
            begin, after, what = parts[k]
            inside[what] += min(after, end) - max(begin, at)
            if after > end:
                break
            k += 1
        at = end
        share(sizes, packed, inside)
    return sizes, raw


def share(sizes, packed, inside):
    """Divide the size of a frame: media count as they are, the rest in proportion to its bytes."""
    media = min(packed, inside.pop("media", 0))
    rest = sum(inside.values())
    sizes["media" if media else "manifest"] += media if rest else packed
    for what, count in inside.items():
        if rest:
            sizes[what] += (packed - media) * count / rest
