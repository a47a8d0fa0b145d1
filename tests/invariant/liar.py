#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A faulty skyarc, to test the checks in judge.py: liar.py HOW SKYARC ARGUMENTS.

Runs the real skyarc, then changes its archive or its output. HOW is the name of a function below.
"""
import gzip
import hashlib
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import tarfile

import zstandard

UNASKED = "skyarc: warning: run '%s' is not listed as safe: the service could not list it: it says so\n"


class Said:
    """The arguments, exit status and output of the real skyarc."""

    def __init__(self, args):
        self.args = args
        self.code = 0
        self.out = self.err = ""

    def listing(self):
        return "--list-safe" in self.args

    def run(self, real):
        done = subprocess.run([real, *self.args], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def output(self):
        """The archive that a pull wrote, if it is a tar file."""
        name = self.args[self.args.index("-o") + 1] if self.args[0] == "pull" else ""
        return name if self.code in (0, 3) and ".tar" in name and os.path.exists(name) else None


def unpack(path):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".zst"):
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
    elif path.endswith(".gz"):
        data = gzip.decompress(data)
    files = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            files[member.name] = files[member.linkname] if member.islnk() else tar.extractfile(member).read()
    return files


def pack(path, files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    data = out.getvalue()
    if path.endswith(".zst"):
        data = zstandard.ZstdCompressor().compress(data)
    elif path.endswith(".gz"):
        data = gzip.compress(data)
    with open(path, "wb") as file:
        file.write(data)


def edit(said, change):
    """Apply change(files, manifest, top directory) to the archive of a pull, and write it again."""
    path = said.output()
    if not path:
        return
    files = unpack(path)
    (name,) = [n for n in files if n.endswith("/manifest.json")]
    manifest = json.loads(files[name])
    change(files, manifest, name.split("/")[0])
    files[name] = json.dumps(manifest).encode()
    pack(path, files)


def honest(said):
    """Change nothing."""


def success(said):
    """Report success, whatever happened."""
    said.code = 0
    said.out = re.sub(r'("(?:incomplete|missing|failed_runs|list_cut)": )[^,\n]*', r"\g<1>0", said.out)


def wrong_bytes(said):
    def change(files, manifest, top):
        for row in manifest["artifacts"][-1:]:
            path = "%s/%s" % (top, row["path"])
            files[path] = files[path][:-1] + bytes([files[path][-1] ^ 1]) if files[path] else b"?"
            row["sha256"], row["size"] = hashlib.sha256(files[path]).hexdigest(), len(files[path])
    edit(said, change)


def second_copy(said):
    """Add a second, wrong file under the same artifact ID."""
    def change(files, manifest, top):
        for row in manifest["artifacts"][-1:]:
            files["%s/%s.x" % (top, row["path"])] = b"other bytes"
            manifest["artifacts"].append({**row, "path": row["path"] + ".x", "size": 11,
                                          "sha256": hashlib.sha256(b"other bytes").hexdigest()})
    edit(said, change)


def noted(said):
    """Wrong bytes with a note; the exit status stays as it was."""
    wrong_bytes(said)

    def change(files, manifest, top):
        for row in manifest["artifacts"][-1:]:
            row["notes"] = ["suspect-content"]
    edit(said, change)


def dropped(said):
    def change(files, manifest, top):
        for row in manifest["artifacts"][-1:]:
            del files["%s/%s" % (top, row["path"])]
        del manifest["artifacts"][-1:]
    edit(said, change)


def run_dropped(said):
    def change(files, manifest, top):
        gone = manifest["runs"].pop()["run_id"]
        for row in manifest["artifacts"] + manifest["documents"]:
            if "/%s/" % gone in row["path"]:
                files.pop("%s/%s" % (top, row["path"]), None)
        for key in ("artifacts", "documents"):
            manifest[key] = [row for row in manifest[key] if "/%s/" % gone not in row["path"]]
    edit(said, change)


def record_changed(said):
    def change(files, manifest, top):
        for name in files:
            if name.endswith("/run.json"):
                files[name] = files[name].replace(b"completed", b"failed!!!")
    edit(said, change)


def list_changed(said):
    def change(files, manifest, top):
        for name in files:
            if name.endswith("/artifacts.json"):
                files[name] = files[name].replace(b"stp_1", b"stp_2")
    edit(said, change)


def all_safe(said):
    """Report every archived run as safe."""
    if said.listing() and os.path.exists("vault/catalog.db"):
        with sqlite3.connect("file:vault/catalog.db?mode=ro", uri=True) as db:
            said.out = "".join("%s\n" % run for run, in db.execute("SELECT DISTINCT run_id FROM runs"))
        said.code = 0


all_too_early = all_safe


def unasked(said):
    """Report that no run could be listed."""
    if said.listing() and said.out:
        said.code, said.err, said.out = 3, "".join(UNASKED % run for run in said.out.split()), ""


def unasked_and_safe(said):
    if said.listing() and said.out:
        said.code, said.err = 3, "".join(UNASKED % run for run in said.out.split())


def blind(said):
    """If the catalog exists, a sync does nothing (see main), so what --list-safe found is never fetched."""


def unverified(said):
    if said.args[0] == "verify":
        said.code, said.err = 4, "no\n"


def silent(said):
    said.err = "" if said.code else said.err


def key(said):
    said.err += os.environ["SKYVERN_API_KEY"] + "\n"


def main():
    how, real, *args = sys.argv[1:]
    said = Said(args)
    if how == "blind" and args[0] == "sync" and not said.listing() and os.path.exists("vault/catalog.db"):
        said.out = '{"error": null}\n'
    else:
        said.run(real)
    if args[0] == "verify" and how not in ("honest", "unverified"):
        said.code = 0
    globals()[how](said)
    sys.stdout.write(said.out)
    sys.stderr.write(said.err)
    sys.exit(said.code if said.code >= 0 else 128 - said.code)


if __name__ == "__main__":
    main()
