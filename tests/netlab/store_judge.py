# SPDX-License-Identifier: MIT
"""What is in a bucket, by boto3, zstd and tarfile, compared with what the service has; nothing of it by skyarc."""
import hashlib
import json
import os
import re

from . import check

MEMORY = 64 << 20  # bytes that a process may take
KEY = "2026/a.tar.zst"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def uploads(site):
    return [found["UploadId"] for found in site.store("list_multipart_uploads").get("Uploads", [])]


def keys(site, prefix=""):
    found, more = [], {}
    while True:
        page = site.store("list_objects_v2", Prefix=prefix, **more)
        found += [row["Key"] for row in page.get("Contents", [])]
        if not page.get("IsTruncated"):
            return found
        more = {"ContinuationToken": page["NextContinuationToken"]}


def archive_faults(site, key, truth):
    """What is wrong with an archive in the bucket; truth: the bytes of its artifacts by their IDs, of None: any."""
    body, said = site.body(key)
    if said != sha256(body):
        return ["%s is not what its metadata says" % key], {}
    path = site.folder + "/judged.tar.zst"
    with open(path, "wb") as file:
        file.write(body)
    try:
        found, manifest = check.contents(path)
    except Exception as error:  # pylint: disable=broad-except
        return ["%s cannot be read: %r" % (key, error)], {}
    finally:
        os.unlink(path)
    have = {row["artifact_id"]: found.get(row["path"]) for row in manifest["artifacts"]}
    wrong = ["%s: %s is missing: %s" % (key, row["artifact_id"], row["reason"]) for row in manifest["missing"]]
    wrong += ["%s: %s is not what was served" % (key, i) for i, got in have.items() if got != truth.get(i)]
    return wrong, manifest


def hashes(site, runs):
    return {i: sha256(data) for run in runs for i, data in site.truth(run).items()}


def pull_state(site, run):
    """(whether the archive stands, what is wrong with the bucket)."""
    found = keys(site)
    if not found:
        return False, []
    if found != [KEY]:
        return False, ["there are other objects: %s" % found[:5]]
    wrong, manifest = archive_faults(site, KEY, hashes(site, [run]))
    if not wrong and len(manifest["artifacts"]) != len(site.truth(run)):
        wrong = ["artifacts are missing in the manifest"]
    return not wrong, wrong


def sync_state(site, runs):
    """(whether each run is in one committed volume, what is wrong with the bucket)."""
    found = keys(site, "night/")
    volumes = [key for key in found if re.fullmatch(r"night/\d{4}/\d\d/skyarc-.*\.tar\.zst", key)]
    commits = [key for key in found if key.startswith("night/commits/")]
    wrong, held, truth = [], [], hashes(site, runs)
    for key in volumes:  # those without a record, too: no half object stands under the name of a volume
        bad, manifest = archive_faults(site, key, truth)
        wrong += bad
        name = "night/commits/" + key[len("night/"):] + ".json"
        if bad or name not in commits:
            continue
        commit, body = json.loads(site.body(name)[0]), site.body(key)[0]
        if commit["size"] != len(body) or commit["sha256"] != sha256(body):
            wrong.append("%s is not what its commit record says" % key)
        held += [row["run_id"] for row in commit["runs"]]
        have = {row["artifact_id"] for row in manifest["artifacts"]}
        wrong += ["%s lacks %s of %s" % (key, i, row["run_id"]) for row in commit["runs"]
                  for i in site.truth(row["run_id"]) if i not in have]
    wrong += ["%s has no volume" % name for name in commits if "night/" + name[len("night/commits/"):-len(".json")] not in volumes]
    wrong += ["%s is archived twice" % run for run in set(held) if held.count(run) > 1]
    return not wrong and sorted(held) == sorted(runs), wrong


def staged(site):
    """Files that wait for their upload, but for those that were set aside."""
    top = site.folder + "/home/.local/state/skyarc"
    return [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names
            if ".earlier" not in name and (folder.startswith(top + "/uploads") or ".tar.zst" in name)]


def verdict(site, done, state):
    """What is wrong after a command: done as of Site.run, state as of pull_state or sync_state.

    Volumes that wait for their upload need not be named: the next sync uploads them.
    """
    status, err, seconds, peak = done
    stands, wrong = state
    wrong = list(wrong)
    if status is None:
        wrong.append("hangs: %.0f s" % seconds)
    elif status < 0:
        wrong.append("killed by signal %d" % -status)
    left, files = uploads(site), staged(site)
    if status == 0:
        if not stands:
            wrong.append("exit 0, but it is not in the bucket")
        wrong += ["exit 0, but the upload %s is left" % i for i in left]
        wrong += ["exit 0, but the file %s is left" % name for name in files]
    elif status is not None:
        errors = [line for line in err.splitlines() if line.startswith("skyarc: error: ")]
        if not errors or not any("s3://" in line for line in errors):
            wrong.append("exit %d without an error that names the object or bucket" % status)
        if status == 3:
            wrong.append("artifacts are missing")
        wrong += ["the upload %s is left, and not named" % i for i in left
                  if i not in err and "unfinished upload may remain" not in err]
        wrong += ["the file %s is left, and not named" % name for name in files
                  if "/uploads/" in name and name.endswith(".tar.zst") and name not in err]
    if peak and peak > MEMORY:
        wrong.append("%d MiB of memory" % (peak >> 20))
    return wrong
