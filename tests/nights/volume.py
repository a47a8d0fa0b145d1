# SPDX-License-Identifier: MIT
"""Read volumes with zstandard and tarfile only, without skyarc."""
import hashlib
import io
import json
import os
import stat
import tarfile

import zstandard

TAIL = 65536


class Volume:
    """A file that may be a volume: its runs, its artifacts' digests, and whether they match its manifest (good)."""

    def __init__(self, path):
        self.top = self.manifest_sha256 = None
        self.runs, self.artifacts = set(), {}
        self.good = False
        with open(path, "rb") as file:
            data = file.read()
        self.size = len(data)
        self.tail = hashlib.sha256(data[-TAIL:]).digest()
        try:
            self.read(data)
        except (zstandard.ZstdError, tarfile.TarError, ValueError, KeyError, EOFError, OSError):
            pass

    def read(self, data):
        plain = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
        files = {}
        # decode all frames: tarfile would stop at the end of the archive
        with tarfile.open(fileobj=io.BytesIO(plain.read())) as tar:
            for member in tar:
                if member.islnk():
                    files[member.name] = files[member.linkname]
                elif member.isfile():
                    files[member.name] = tar.extractfile(member).read()
        (name,) = [n for n in files if n.endswith("/manifest.json")]
        self.top = name.split("/")[0]
        self.manifest_sha256 = hashlib.sha256(files[name]).hexdigest()
        manifest = json.loads(files[name])
        self.runs = {r["run_id"] for r in manifest["runs"] if not r.get("error")}
        good = True
        for row in manifest["artifacts"]:
            digest = hashlib.sha256(files.get("%s/%s" % (self.top, row["path"]), b"?")).hexdigest()
            self.artifacts[row["artifact_id"]] = digest
            good = good and digest == row["sha256"]
        for row in manifest["documents"]:
            digest = hashlib.sha256(files.get("%s/%s" % (self.top, row["path"]), b"?")).hexdigest()
            good = good and digest == row["sha256"]
        self.good = good


class Shelf:
    """All volumes of a sync directory; each file is read again only if it changed."""

    def __init__(self, vault):
        self.vault = vault
        self.cache = {}

    def files(self):
        """Relative path -> Volume, of each regular file two folders below the top."""
        found = {}
        for folder, _, names in os.walk(self.vault):
            name = os.path.relpath(folder, self.vault)
            if len(name.split("/")) != 2:
                continue
            for base in names:
                if ".partial" in base or base.endswith(".sig"):
                    continue
                path = os.path.join(folder, base)
                st = os.lstat(path)
                if not stat.S_ISREG(st.st_mode):
                    continue
                key = (st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
                if key not in self.cache:
                    known = self.cache.get((st.st_ino, st.st_size, st.st_mtime_ns))
                    self.cache[key] = known or Volume(path)
                    # a rename changes only the ctime; after writing to a file in place, call forget()
                    self.cache[key[:3]] = self.cache[key]
                found[name + "/" + base] = self.cache[key]
        return found

    def forget(self):
        """Empty the cache, after files were changed in place."""
        self.cache.clear()

    def standing(self):
        return {n: v for n, v in self.files().items() if n.endswith(".tar.zst")}

    def left(self):
        """Temporary files, of which a finished sync leaves none."""
        return [os.path.join(folder, base) for folder, _, names in os.walk(self.vault) for base in names
                if ".partial" in base or base.endswith(".sig")]
