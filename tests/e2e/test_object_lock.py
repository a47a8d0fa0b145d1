# SPDX-License-Identifier: MIT
"""Object Lock: what is held lies under legal hold in a bucket, as boto3 sees it; and what is hidden is found."""
import json
import shlex
import subprocess

import pytest

import fault_proxy
import object_store
from test_sync_bucket import Place

pytestmark = pytest.mark.skipif(not object_store.program(), reason="versitygw is not here: scripts/get-versitygw")
botocore = pytest.importorskip("botocore.exceptions")

DEST = "s3://locked/night"


class Locked(Place):
    """A sync in the bucket "locked", which was created with Object Lock."""

    def sync(self, *args, check=0, **more):
        return json.loads(self.run("sync", "--dest", DEST, "--json", "--settle", "0s", *args, check=check, **more))

    def names(self):
        listed = self.s3.list_objects_v2(Bucket="locked", Prefix="night/20").get("Contents", [])
        return [item["Key"] for item in listed if item["Key"].endswith(".tar.zst")]

    def of_run(self, run):
        """The key and the committed version of the volume that has the run."""
        for item in self.s3.list_objects_v2(Bucket="locked", Prefix="night/commits/")["Contents"]:
            commit = json.loads(self.s3.get_object(Bucket="locked", Key=item["Key"])["Body"].read())
            if run in [row["run_id"] for row in commit["runs"]]:
                return {"Bucket": "locked", "Key": "night/" + commit["volume"], "VersionId": commit["version_id"]}
        raise AssertionError(run)

    def held(self, which):
        try:
            return self.s3.get_object_legal_hold(**which)["LegalHold"]["Status"] == "ON"
        except botocore.ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchObjectLockConfiguration", error
            return False

    def locks(self):
        """How many requests about legal holds there were since the last look."""
        found = [request for request in self.proxy.requests if "legal-hold" in request.target]
        self.proxy.requests.clear()
        return len(found)


@pytest.fixture
def place(emu, env, tmp_path):
    gateway = object_store.Gateway(tmp_path / "store")
    proxy = fault_proxy.Proxy(gateway.port, None)
    emu.clear()
    made = Locked(emu, gateway, proxy, env, tmp_path)
    made.s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    yield made
    proxy.close()
    gateway.close()


def refused(place, which):
    with pytest.raises(botocore.ClientError) as caught:
        place.s3.delete_object(**which)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"


def test_hold_and_release(place):
    place.make("tsk_1")
    place.make("tsk_2", ended=95000)
    place.sync("--volume-runs", "1")
    one, two = place.of_run("tsk_1"), place.of_run("tsk_2")
    place.locks()
    place.run("hold", "--dest", DEST, "tsk_1")
    assert place.locks() == 1
    assert place.held(one) and not place.held(two)
    refused(place, one)
    assert place.sync()["legal_holds_changed"] == 0 and place.locks() == 0
    place.run("release", "--dest", DEST, "tsk_1")
    assert not place.held(one)
    place.s3.delete_object(**one)


def test_two_runs_of_a_volume(place):
    place.make("tsk_1")
    place.make("tsk_2", ended=95000)
    place.sync()
    volume = place.of_run("tsk_1")
    place.run("hold", "--dest", DEST, "tsk_1", "tsk_2")
    place.run("release", "--dest", DEST, "tsk_1")
    assert place.held(volume)
    place.run("release", "--dest", DEST, "tsk_2")
    assert not place.held(volume)


def test_new_volumes_and_other_machines(place):
    """A run that is held before it is archived; another machine holds and releases."""
    place.make("tsk_0")
    place.sync()
    place.run("hold", "--dest", DEST, "tsk_1")
    place.make("tsk_1")
    assert place.sync()["legal_holds_changed"] == 1
    volume = place.of_run("tsk_1")
    assert place.held(volume)
    mine = place.state
    place.machine()
    place.run("release", "--dest", DEST, "tsk_1")
    assert not place.held(volume)
    place.s3.put_object_legal_hold(**volume, LegalHold={"Status": "ON"})  # that machine held it again and failed
    place.run("hold", "--dest", DEST, "tsk_1")
    place.s3.put_object_legal_hold(**volume, LegalHold={"Status": "OFF"})
    place.env["XDG_STATE_HOME"] = str(mine)
    assert place.sync()["legal_holds_changed"] == 1
    assert place.held(volume)


def test_proofs(place, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    place.make("tsk_1")
    place.sync("--sign", key)
    place.run("hold", "--dest", DEST, "tsk_1")
    volume = place.of_run("tsk_1")
    assert place.held(volume) and place.held({"Bucket": "locked", "Key": volume["Key"] + ".sig"})


def test_hidden_version_is_held(place):
    """A delete marker hides the version; its lock is set all the same, by its ID."""
    place.make("tsk_1")
    place.make("tsk_2", ended=95000)
    place.sync("--volume-runs", "1")
    one = place.of_run("tsk_1")
    key = {"Bucket": "locked", "Key": one["Key"]}
    body = place.s3.get_object(**key)["Body"].read()
    place.s3.put_object(**key, Body=body, ChecksumAlgorithm="SHA256")  # a newer version with the same bytes
    place.machine()
    place.run("hold", "--dest", DEST, "tsk_1")
    assert place.held(one)
    refused(place, one)


def test_without_object_lock(place):
    place.make("tsk_1")
    place.run("sync", "--dest", "s3://runs/night", "--settle", "0s")
    place.locks()
    place.run("hold", "--dest", "s3://runs/night", "tsk_1")
    assert place.locks() == 0 and "legal" not in place.err


def test_refusal(place):
    """The store refuses: the hold of the log stands, exit status 3, and the next sync sets the legal hold."""
    place.make("tsk_1")
    place.sync()
    volume = place.of_run("tsk_1")
    place.proxy.fault(lambda request: "legal-hold" in request.target, times=2, instead=fault_proxy.error(403, "AccessDenied"))
    place.run("hold", "--dest", DEST, "tsk_1", check=3)
    assert "is not under legal hold" in place.err and volume["Key"][len("night/"):] in place.err
    assert place.run("hold", "--dest", DEST).startswith(b"tsk_1\t") and not place.held(volume)
    assert place.sync(check=3)["legal_holds_refused"] == 1
    assert place.sync()["legal_holds_changed"] == 1 and place.held(volume)


def test_verify_finds_what_is_hidden(place):
    """By a delete marker, and by a newer version; the command that is printed brings it back."""
    for i in range(3):
        place.make("tsk_%d" % i, ended=90000 + 3600 * i)
    place.sync("--volume-runs", "1")
    place.run("verify", DEST)
    one, two = place.of_run("tsk_1"), place.of_run("tsk_2")
    place.s3.delete_object(Bucket="locked", Key=one["Key"])
    place.s3.put_object(Bucket="locked", Key=two["Key"], Body=b"another", ChecksumAlgorithm="SHA256")
    out = json.loads(place.run("verify", DEST, "--json", check=4))
    said = [row["what"] for row in out[-1]["breaks"] if "hidden" in row["what"]]
    assert len(said) == 2 and "a delete marker" in said[0] + said[1] and "a newer version" in said[0] + said[1]
    for which in (one, two):
        (line,) = [what for what in said if which["Key"] in what]
        assert which["VersionId"] in line
        place.s3.delete_object(Bucket="locked", Key=which["Key"], VersionId=shlex.split(line)[-1])
    place.run("verify", DEST)


def test_pruned_is_not_hidden(place):
    place.make("tsk_1", ended=9000000)
    place.make("tsk_2", ended=95000)
    place.sync("--volume-runs", "1")
    place.run("prune", "--dest", DEST, "--keep-last", "1", "--apply")
    assert "hidden" not in place.run("verify", DEST, check=None).decode() + place.err
