# SPDX-License-Identifier: MIT
"""Compare an archive with the files served; reads the archive with zstd and tarfile, not with skyarc."""
import hashlib
import json
import subprocess
import tarfile


def contents(archive):
    """The files of an archive (path below the top folder -> SHA-256), and its manifest or None."""
    found, manifest = {}, None
    with subprocess.Popen(["zstd", "-dcq", archive], stdout=subprocess.PIPE) as zstd:
        with tarfile.open(fileobj=zstd.stdout, mode="r|") as tar:
            for member in tar:
                path = member.name.partition("/")[2]
                if member.islnk():
                    found[path] = found[member.linkname.partition("/")[2]]
                elif member.isreg():
                    data = tar.extractfile(member).read()
                    found[path] = hashlib.sha256(data).hexdigest()
                    if path == "manifest.json":
                        manifest = json.loads(data)
        if zstd.wait():
            raise OSError("zstd says no")
    return found, manifest


def differences(archive, served):
    """The differences between an archive and the files served, one message each; empty: none."""
    try:
        found, manifest = contents(archive)
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        return ["cannot be read: %r" % error]
    if not manifest:
        return ["no manifest"]
    want = {file.id: file.sha256 for file in served}
    have = {row["artifact_id"]: found.get(row["path"]) for row in manifest["artifacts"]}
    wrong = ["%s is %s" % (i, "missing" if i not in have else "not what was served")
             for i in want if have.get(i) != want[i]]
    wrong += ["%s was not served" % i for i in have if i not in want]
    wrong += ["%s is told as missing: %s" % (row["artifact_id"], row["reason"]) for row in manifest["missing"]]
    return wrong
