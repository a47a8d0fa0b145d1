# SPDX-License-Identifier: MIT
"""Archives for the commands that read them, and functions that damage archives."""
import hashlib
import io
import json
import struct
import tarfile

from conftest import extract

FORMATS = ["tar.zst", "tar.gz", "tar", "zip"]


def rows_of(archive, tmp_path):
    folder = extract(archive, tmp_path)
    return json.loads((folder / "manifest.json").read_text())["artifacts"], folder


def flip(path, at, to=None):
    data = bytearray(path.read_bytes())
    data[at] ^= 0xff
    (to or path).write_bytes(data)


def frames(path):
    data = path.read_bytes()
    count = struct.unpack("<IBI", data[-9:])[0]
    rows = list(struct.iter_unpack("<II", data[-9 - 8 * count:-9]))
    out, coded, plain = [], 0, 0
    for c, p in rows:
        out.append((coded, coded + c, plain, plain + p))
        coded, plain = coded + c, plain + p
    return out


def tar_with(path, members, manifest=None):
    """A malicious tar: (name, type, target or bytes)."""
    with tarfile.open(path, "w") as tar:
        for name, kind, value in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if isinstance(value, bytes):
                info.size = len(value)
                tar.addfile(info, io.BytesIO(value))
            else:
                info.linkname = value or ""
                tar.addfile(info)
        text = json.dumps(manifest or {"schema": "x", "runs": [], "artifacts": [], "missing": []}).encode()
        info = tarfile.TarInfo("a/manifest.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))


def row(path, data, **more):
    return dict(dict(path=path, run_id="r", artifact_id=path, size=len(data), link=False,
                     sha256=hashlib.sha256(data).hexdigest()), **more)


def manifest_of(*rows):
    return {"schema": "x", "runs": [], "documents": [], "artifacts": list(rows), "missing": []}
