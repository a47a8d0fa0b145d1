# SPDX-License-Identifier: MIT
"""Object Lock: what is held lies under legal hold in a bucket, as boto3 sees it; and what is hidden is found."""
import datetime
import json
import shlex
import subprocess
import time

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


LOCK = ("--s3-lock", "governance", "--s3-retain")


def until(place, which):
    try:
        found = place.s3.get_object_retention(**which)["Retention"]
    except botocore.ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchObjectLockConfiguration", error
        return "", 0
    return found["Mode"], found["RetainUntilDate"].timestamp()


def retentions(place):
    """How many requests there were since the last look that ask for retention, and that set it."""
    found = [request.method for request in place.proxy.requests if "retention" in request.target]
    place.proxy.requests.clear()
    return found.count("GET"), found.count("PUT")


def days(place, which):
    """For how many days from its upload on a version is locked."""
    mode, end = until(place, which)
    return mode, round((end - place.s3.head_object(**which)["LastModified"].timestamp()) / 8640) / 10


def test_retention_is_extended(place, tmp_path):
    """A longer period, with signatures; a shorter one changes nothing; what is known costs nothing."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    for i in range(2):
        place.make("tsk_%d" % i, ended=90000 + 3600 * i)
    assert place.sync("--volume-runs", "1", "--sign", key)["retentions_extended"] == 0
    which = [place.of_run("tsk_%d" % i) for i in range(2)]
    which += [{"Bucket": "locked", "Key": one["Key"] + ".sig"} for one in which]
    assert [until(place, one) for one in which] == [("", 0)] * 4
    retentions(place)
    assert place.sync(*LOCK, "10d")["retentions_extended"] == 2
    assert retentions(place) == (4, 4)
    assert [days(place, one) for one in which] == [("GOVERNANCE", 10)] * 4
    assert place.sync(*LOCK, "10d")["retentions_extended"] == 0 and retentions(place) == (0, 0)
    assert place.sync(*LOCK, "5d")["retentions_extended"] == 0 and retentions(place) == (0, 0)
    out = place.sync(*LOCK, "30d")
    assert (out["retentions_extended"], out["retentions_refused"]) == (2, 0)
    assert [days(place, one) for one in which] == [("GOVERNANCE", 30)] * 4
    refused(place, which[0])
    place.sync()
    assert [days(place, one) for one in which] == [("GOVERNANCE", 30)] * 4
    retentions(place)
    place.machine()  # knows nothing: it asks once
    assert place.sync(*LOCK, "20d")["retentions_extended"] == 0 and retentions(place) == (4, 0)
    assert place.sync(*LOCK, "20d")["retentions_extended"] == 0 and retentions(place) == (0, 0)
    assert [days(place, one) for one in which] == [("GOVERNANCE", 30)] * 4


def test_retention_of_the_upload(place):
    """A new volume is asked for once, in the same sync, and not changed; a lock that the store lost is set."""
    place.make("tsk_1")
    assert place.sync(*LOCK, "10d")["retentions_extended"] == 0
    assert retentions(place) == (1, 0)
    assert days(place, place.of_run("tsk_1")) == ("GOVERNANCE", 10)
    assert place.sync(*LOCK, "10d")["retentions_extended"] == 0 and retentions(place) == (0, 0)


def test_retention_over(place):
    """A period that is over since the upload locks nothing."""
    place.make("tsk_1")
    place.sync()
    assert place.sync(*LOCK, "1s")["retentions_extended"] == 0 and retentions(place) == (0, 0)


def test_retention_mode(place):
    """Governance becomes compliance, at the same end; compliance is named when it is to become governance."""
    place.make("tsk_1")
    place.sync(*LOCK, "10d")
    volume = place.of_run("tsk_1")
    place.s3.put_object_retention(**volume, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until(place, volume)[1] + 60},
                                  BypassGovernanceRetention=True)
    before = until(place, volume)
    assert before[0] == "COMPLIANCE"
    assert place.sync("--s3-lock", "compliance", "--s3-retain", "9d")["retentions_extended"] == 0
    out = place.sync(*LOCK, "20d", check=3)
    assert (out["retentions_extended"], out["retentions_refused"]) == (0, 1)
    assert volume["Key"][len("night/"):] in place.err and "--s3-lock compliance" in place.err
    assert until(place, volume) == before
    assert place.sync("--s3-lock", "compliance", "--s3-retain", "20d")["retentions_extended"] == 1
    assert days(place, volume) == ("COMPLIANCE", 20)


def test_retention_refused(place):
    """The store refuses: named, exit status 3, and tried again by the next sync."""
    place.make("tsk_1")
    place.sync()
    volume = place.of_run("tsk_1")
    place.proxy.fault(lambda request: request.method == "PUT" and "retention" in request.target, times=1,
                      instead=fault_proxy.error(403, "AccessDenied"))
    out = place.sync(*LOCK, "10d", check=3)
    assert (out["retentions_extended"], out["retentions_refused"]) == (0, 1)
    assert volume["Key"][len("night/"):] in place.err and "GOVERNANCE until" in place.err
    place.proxy.fault(lambda request: request.method == "GET" and "retention" in request.target, times=1,
                      instead=fault_proxy.error(404, "NoSuchVersion"))
    assert place.sync(*LOCK, "10d", check=3)["retentions_refused"] == 1
    assert place.sync(*LOCK, "10d")["retentions_extended"] == 1
    assert days(place, volume) == ("GOVERNANCE", 10)


def test_retention_refused_of_all(place):
    """Without the permission, not every volume of a large place is tried."""
    for i in range(23):
        place.make("tsk_%d" % i, ended=90000 + 3600 * i, count=1)
    place.sync("--volume-runs", "1")
    place.proxy.fault(lambda request: "retention" in request.target, times=99, instead=fault_proxy.error(403, "AccessDenied"))
    assert place.sync(*LOCK, "10d", check=3)["retentions_refused"] == 23
    assert retentions(place) == (20, 0) and "3 more volumes" in place.err


def test_retention_without_object_lock(place):
    """Options that the bucket cannot keep are an error that names the volumes."""
    place.make("tsk_1")
    place.run("sync", "--dest", "s3://runs/night", "--settle", "0s")
    out = json.loads(place.run("sync", "--dest", "s3://runs/night", "--json", "--settle", "0s", *LOCK, "10d", check=3))
    assert out["retentions_refused"] == 1 and "no Object Lock" in place.err


def prune(place, *args, check=0):
    out = json.loads(place.run("prune", "--dest", DEST, "--json", *args, check=check))
    return out, {step["volume"]: step["lock"] for step in out["steps"] if "lock" in step}


def test_prune_names_what_is_locked(place):
    """With until when, before and after; the version stays, hidden, and nothing is freed."""
    for i in range(3):
        place.make("tsk_%d" % i, ended=90000 + 86400 * i)
    place.sync("--volume-runs", "1", *LOCK, "10d")
    two, one = place.of_run("tsk_2"), place.of_run("tsk_1")
    place.s3.put_object_retention(**one, BypassGovernanceRetention=True, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": time.time() + 1})
    time.sleep(2)  # it is over
    name = two["Key"][len("night/"):]
    for args in ((), ("--apply",)):
        out, locks = prune(place, "--keep-last", "1", *args)
        assert list(locks) == [name] and out["locked_volumes"] == 1 and out["removed_volumes"] == 2
        end = datetime.datetime.fromtimestamp(until(place, two)[1], datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert locks[name] == {"mode": "GOVERNANCE", "until": end, "legal_hold": False, "version_id": two["VersionId"], "outcome": "hidden"}
        freed = [step["bytes"] for step in out["steps"] if step.get("volume") == name]
        assert freed == [0] and out["freed_bytes"] == sum(step.get("bytes", 0) for step in out["steps"])
        assert (name in [key[len("night/"):] for key in place.names()]) == (not args)
    assert until(place, two)[0] == "GOVERNANCE"
    refused(place, two)


def test_prune_says_it_in_words(place):
    for i in range(2):
        place.make("tsk_%d" % i, ended=90000 + 86400 * i)
    place.sync("--volume-runs", "1", *LOCK, "10d", "--s3-legal-hold")
    name = place.of_run("tsk_1")["Key"][len("night/"):]
    text = place.run("prune", "--dest", DEST, "--keep-last", "1").decode()
    (row,) = [line for line in text.splitlines() if "GOVERNANCE" in line]
    assert name[-28:] in row and "yes" in row and row.split()[-1] == "hidden" and "would hide" in text
    assert "a delete marker hides" in place.run("prune", "--dest", DEST, "--keep-last", "1", "--apply").decode()


def test_prune_where_nothing_can_be_hidden(place):
    """A store that has locks and keeps no versions: the volume stays, is named, exit status 3; others are removed."""
    for i in range(3):
        place.make("tsk_%d" % i, ended=90000 + 86400 * i)
    place.sync("--volume-runs", "1")
    two = place.of_run("tsk_2")
    place.s3.put_object_legal_hold(**two, LegalHold={"Status": "ON"})
    place.proxy.fault(lambda request: request.method == "GET" and "versioning" in request.target, times=9, instead=fault_proxy.Answer(
        200, [("Content-Type", "application/xml")], b"<VersioningConfiguration/>"))
    out, locks = prune(place, "--keep-last", "1", "--apply", check=3)
    name = two["Key"][len("night/"):]
    assert locks == {name: {"mode": None, "until": None, "legal_hold": True, "version_id": two["VersionId"], "outcome": "stays"}}
    assert (out["removed_runs"], out["stayed_runs"], out["removed_volumes"]) == (1, 1, 1)
    assert two["Key"] in place.names() and place.of_run("tsk_2") == two


def test_prune_without_the_permission(place):
    """Whether a volume is locked may not be asked: that is said, and it is hidden."""
    for i in range(2):
        place.make("tsk_%d" % i, ended=90000 + 86400 * i)
    place.sync("--volume-runs", "1")
    place.proxy.fault(lambda request: "legal-hold" in request.target, times=1, instead=fault_proxy.error(403, "AccessDenied"))
    assert prune(place, "--keep-last", "1", "--apply")[0]["removed_volumes"] == 1
    assert "is locked is not known" in place.err


@pytest.mark.parametrize("fails", [False, True])
def test_release_after_a_rewrite(place, tmp_path, fails):
    """What prune replaced, since it has a held run too, is a hidden version under legal hold; the release takes that off."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    for i in range(3):
        place.make("tsk_%d" % i, ended=90000 + 86400 * i)
    place.sync("--sign", key)
    old = place.of_run("tsk_2")
    (sign,) = [v for v in place.s3.list_object_versions(Bucket="locked", Prefix=old["Key"] + ".sig")["Versions"]]
    sign = {"Bucket": "locked", "Key": sign["Key"], "VersionId": sign["VersionId"]}
    place.run("hold", "--dest", DEST, "tsk_2")
    out, locks = prune(place, "--keep-last", "1", "--apply")
    assert list(locks.values())[0]["legal_hold"] and out["legal_holds_changed"] == 1
    new = place.of_run("tsk_2")
    assert new["Key"] != old["Key"] and place.held(old) and place.held(sign) and place.held(new)
    if fails:
        place.proxy.fault(lambda request: "versions" in request.target.partition("?")[2], times=1, instead=fault_proxy.error(403, "AccessDenied"))
        place.run("release", "--dest", DEST, "tsk_2", check=3)
        assert "hidden" in place.err and place.held(old)
        assert place.sync()["legal_holds_changed"] == 1
    else:
        place.run("release", "--dest", DEST, "tsk_2")
    assert not place.held(old) and not place.held(sign) and not place.held(new)
    place.s3.delete_object(**old)


def test_retention_becomes_compliance(place):
    """By the options; if the store wants a permission for that, it is named, and the lock stays as it was."""
    place.make("tsk_1")
    place.sync(*LOCK, "10d")
    volume = place.of_run("tsk_1")
    args = ("--s3-lock", "compliance", "--s3-retain", "5d")
    place.proxy.fault(lambda request: request.method == "PUT" and "retention" in request.target, times=1,
                      instead=fault_proxy.error(403, "AccessDenied"))
    assert place.sync(*args, check=3)["retentions_refused"] == 1
    assert "in mode COMPLIANCE until" in place.err and days(place, volume) == ("GOVERNANCE", 10)
    out = place.sync(*args, check=None)
    assert (out["retentions_extended"], out["retentions_refused"]) in ((1, 0), (0, 1))
    assert days(place, volume) == ("COMPLIANCE" if out["retentions_extended"] else "GOVERNANCE", 10)


def test_held_while_another_machine_syncs(place):
    """The sync has read the log before: it does not take off the legal hold of the volume, which has a run that was released, too."""
    place.make("tsk_1")
    place.make("tsk_2", ended=95000)
    place.sync()
    place.run("hold", "--dest", DEST, "tsk_1", "--reason", "audit")
    place.run("release", "--dest", DEST, "tsk_1", "--reason", "done")
    which = place.of_run("tsk_2")
    place.forget()
    place.machine()

    def hold(_request):
        process = place.start("hold", "--dest", DEST, "tsk_2", "--reason", "audit", XDG_STATE_HOME=str(place.folder / "other"))
        assert process.wait(60) == 0, process.stderr.read()
        assert place.held(which)

    place.proxy.fault(lambda r: r.method == "PUT" and "/leases/" in r.target, after=hold)
    place.sync()
    assert place.proxy.faults[0][2] == 0 and place.held(which)
