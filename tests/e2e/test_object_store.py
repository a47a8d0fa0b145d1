# SPDX-License-Identifier: MIT
"""Archives in a bucket: written by pull, read by every command, and by boto3 and tar."""
import hashlib
import os
import random
import re
import subprocess
import time

import pytest

import conftest
import object_store
from test_faults import wait_for
from test_timestamp import tsa  # noqa: F401

pytestmark = pytest.mark.skipif(not object_store.program(), reason="versitygw is not here: scripts/get-versitygw")
boto3 = pytest.importorskip("boto3")


@pytest.fixture
def store(gateway):
    """The bucket, emptied."""
    s3 = gateway.client()
    for upload in s3.list_multipart_uploads(Bucket=gateway.bucket).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=gateway.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    for found in s3.list_objects_v2(Bucket=gateway.bucket).get("Contents", []):
        s3.delete_object(Bucket=gateway.bucket, Key=found["Key"])
    return gateway


@pytest.fixture
def s3(store):
    return store.client()


@pytest.fixture
def cloud(skyarc, store, tmp_path):
    """skyarc with the store's settings and quick answers."""
    def run(*args, **more):
        return skyarc(*args, **dict(store.env(XDG_STATE_HOME=str(tmp_path / "state")), **more))

    return run


def keys(s3):
    return sorted(found["Key"] for found in s3.list_objects_v2(Bucket="runs").get("Contents", []))


def unfinished(s3):
    return s3.list_multipart_uploads(Bucket="runs").get("Uploads", [])


def big(emu, size=40_000_000):
    emu.run("tsk_large", [{"id": "large%d" % i, "type": "recording", "webm": size // 4 + i, "seed": i} for i in range(4)])
    return "tsk_large"


def test_a_small_archive(cloud, s3, tmp_path):
    done = cloud("pull", "--json", "-o", "s3://runs/2026/a.tar.zst", "tsk_demo1", check=0)
    assert done.json()["archive"] == "s3://runs/2026/a.tar.zst"
    assert keys(s3) == ["2026/a.tar.zst"]
    found = s3.get_object(Bucket="runs", Key="2026/a.tar.zst")
    body = found["Body"].read()
    assert found["Metadata"]["sha256"] == hashlib.sha256(body).hexdigest()
    (tmp_path / "a.tar.zst").write_bytes(body)
    subprocess.run(["tar", "-tf", tmp_path / "a.tar.zst"], check=True, stdout=subprocess.DEVNULL)
    assert not [name for _, _, files in os.walk(tmp_path / "state" / "skyarc" / "uploads") for name in files]


def test_every_command_reads_it(cloud, skyarc, tmp_path):
    cloud("pull", "-q", "-o", "s3://runs/a.tar.zst", "tsk_demo1", "wr_demo2", check=0)
    skyarc("pull", "-q", "-o", "a.tar.zst", "tsk_demo1", "wr_demo2", check=0)
    listed = cloud("list", "--json", "s3://runs/a.tar.zst", check=0).json()
    assert [row["path"] for row in listed] == [row["path"] for row in skyarc("list", "--json", "a.tar.zst", check=0).json()]
    path = next(row["path"] for row in listed if row["path"].endswith(".har"))
    assert cloud("cat", "s3://runs/a.tar.zst", path, check=0).out == skyarc("cat", "a.tar.zst", path, check=0).out
    cloud("verify", "s3://runs/a.tar.zst", check=0)
    cloud("extract", "s3://runs/a.tar.zst", "-C", "there", check=0)
    skyarc("extract", "a.tar.zst", "-C", "here", check=0)
    cloud("report", "s3://runs/a.tar.zst", "-o", "page", check=0)
    assert list((tmp_path / "page").rglob("index.html"))


def test_parts(cloud, emu, s3, tmp_path):
    cloud("pull", "-q", "-o", "s3://runs/big.tar.zst", big(emu), check=0)
    found = s3.get_object(Bucket="runs", Key="big.tar.zst", ChecksumMode="ENABLED")
    body = found["Body"].read()
    assert found["ETag"].strip('"').endswith("-3") and len(body) > 32 << 20
    assert found["Metadata"]["sha256"] == hashlib.sha256(body).hexdigest()
    assert not unfinished(s3)
    cloud("verify", "s3://runs/big.tar.zst", check=0)


def test_a_key_that_exists(cloud, emu, s3):
    s3.put_object(Bucket="runs", Key="a.tar.zst", Body=b"mine")
    before = emu.log("store")
    done = cloud("pull", "-o", "s3://runs/a.tar.zst", "tsk_demo1", check=1)
    assert "'s3://runs/a.tar.zst' exists; use --force to replace it" in done.err
    assert emu.log("store") == before, "artifacts were fetched in vain"
    assert s3.get_object(Bucket="runs", Key="a.tar.zst")["Body"].read() == b"mine"
    cloud("pull", "-q", "-f", "-o", "s3://runs/a.tar.zst", "tsk_demo1", check=0)
    cloud("verify", "s3://runs/a.tar.zst", check=0)


@pytest.mark.parametrize("change, said", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
    ({"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "AWS_ACCESS_KEY_ID"),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"},
     "there are no credentials for the object store"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "check AWS_ENDPOINT_URL"),
    ({"AWS_ENDPOINT_URL": "nonsense"}, "AWS_ENDPOINT_URL, or endpoint_url in the profile"),
    ({"AWS_REGION": "mars!"}, "invalid region"),
])
def test_wrong_settings(cloud, emu, s3, change, said):
    before = emu.log("store")
    done = cloud("pull", "-o", "s3://runs/a.tar.zst", "tsk_demo1", **change)
    assert done.code == 1 and said in done.err, done
    assert not keys(s3) and emu.log("store") == before
    for secret in ("wrong", object_store.SECRET):
        assert secret not in done.err.replace("check AWS_SECRET_ACCESS_KEY", "")
    done = cloud("verify", "s3://runs/a.tar.zst", **change)
    assert done.code == 1 and said in done.err, "no damage: %r" % done


@pytest.mark.parametrize("address, said", [
    ("s3://nosuchbucket/a.tar.zst", "NoSuchBucket"),
    ("s3://runs/", "the key is missing"),
    ("s3://runs", "the key is missing"),
    ("s3:///a.tar.zst", "invalid name of a bucket"),
    ("s3://runs/../a.tar.zst", "'..'"),
])
def test_wrong_addresses(cloud, emu, address, said):
    before = emu.log("store")
    done = cloud("pull", "-o", address, "tsk_demo1")
    assert done.code in (1, 2) and said in done.err, done
    assert emu.log("store") == before


def test_one_file_costs_three_requests(cloud, emu, s3, store, tmp_path):
    """`cat` by ID of one file from a large archive: its end, a page of the index, its frame."""
    emu.run("tsk_many", [{"id": "n%d" % i, "type": "html_action",
                          "data": random.Random(i).randbytes(30000)} for i in range(2000)])
    cloud("pull", "-q", "-o", "s3://runs/many.tar.zst", "tsk_many", check=0)
    done = cloud("-v", "-v", "cat", "s3://runs/many.tar.zst", "n1234")
    assert done.code == 0 and done.out == random.Random(1234).randbytes(30000)
    assert done.err.count("GET ") <= 3, done.err


def test_what_was_kept_is_not_replaced(cloud, s3, tmp_path):
    """An upload failed: the archive stays, and a later pull sets it aside."""
    folder = tmp_path / "state" / "skyarc" / "uploads" / hashlib.sha256(b"runs\0a.tar.zst").hexdigest()[:32]
    folder.mkdir(parents=True)
    for name in ("a.tar.zst.earlier", "a.tar.zst.earlier-2"):
        (folder / "a.tar.zst").write_bytes(b"the only copy")
        done = cloud("pull", "-f", "-o", "s3://runs/a.tar.zst", "tsk_demo1", check=0)
        assert "and not uploaded, is kept as '%s'" % (folder / name) in done.err, done
        assert (folder / name).read_bytes() == b"the only copy"
        cloud("verify", "s3://runs/a.tar.zst", check=0)


def test_one_process_a_key(cloud, env, emu, store, s3, tmp_path):
    emu.fault("a_1rec", "slow", times=9, steps=40, pause=0.5)
    more = store.env(XDG_STATE_HOME=str(tmp_path / "state"))
    process = subprocess.Popen([conftest.SKYARC, "pull", "-q", "-o", "s3://runs/a.tar.zst", "tsk_demo1"],
                               env=dict(env, **more), cwd=tmp_path)
    wait_for(lambda: any("/bucket/a_1rec" in row["path"] for row in emu.log("store")))
    done = cloud("pull", "-o", "s3://runs/a.tar.zst", "tsk_demo1")
    assert done.code == 75 and "another skyarc writes 's3://runs/a.tar.zst'" in done.err, done
    process.terminate()
    process.wait()


def test_a_dry_run_asks_no_store(cloud, tmp_path):
    cloud("pull", "-n", "-o", "s3://runs/a.tar.zst", "tsk_demo1", check=0, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert not (tmp_path / "state" / "skyarc" / "uploads").exists()


def test_an_empty_object(cloud, s3):
    s3.put_object(Bucket="runs", Key="empty.tar.zst", Body=b"")
    assert "is not a tar.zst, tar.gz, tar or zip archive" in cloud("list", "s3://runs/empty.tar.zst", check=1).err


@pytest.mark.parametrize("options, said", [
    (["-o", "a.tar.zst", "--s3-storage-class", "STANDARD_IA"], "no object of a bucket"),
    (["-o", "s3://runs/a.tar.zst", "--s3-kms-key", "x"], "belongs to --s3-encryption"),
    (["-o", "s3://runs/a.tar.zst", "--s3-kms-key", "x", "--s3-encryption", "AES256"], "belongs to --s3-encryption aws:kms"),
    (["-o", "s3://runs/a.tar.zst", "--s3-lock", "compliance"], "belong together"),
    (["-o", "s3://runs/a.tar.zst", "--ratarmount-index"], "ratarmount"),
])
def test_options_that_do_not_go_together(cloud, options, said):
    done = cloud("pull", *options, "tsk_demo1", check=2)
    assert said in done.err, done


def test_time_stamps(cloud, s3, tsa):  # noqa: F811
    """The responses are objects beside the archive's; one that does not come is not."""
    one, two = tsa("one"), tsa("two")
    two.fault = "garbage"
    cloud("pull", "-q", "-o", "s3://runs/a.tar.zst", "--timestamp", two.url, "--timestamp", one.url, "tsk_demo1", check=0)
    assert keys(s3) == ["a.tar.zst", "a.tar.zst.2.tsr"]
    assert b"says CN=one signer" in cloud("verify", "--tsa-ca", one.ca, "s3://runs/a.tar.zst", check=0).out
    assert "a.tar.zst.2.tsr" in cloud("verify", "--tsa-ca", two.ca, "s3://runs/a.tar.zst", check=4).err
    report = cloud("audit", "--json", "s3://runs/a.tar.zst", "--tsa-ca", one.ca, check=0).json()
    assert report["archives"][0]["time_stamp"].endswith("Z by CN=one signer")


def test_a_signature(cloud, s3, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me", "-f", tmp_path / "key"], check=True)
    signers = tmp_path / "signers"
    signers.write_text("me " + (tmp_path / "key.pub").read_text())
    cloud("pull", "-q", "-o", "s3://runs/a.tar.zst", "--sign", "key", "tsk_demo1", check=0)
    assert keys(s3) == ["a.tar.zst", "a.tar.zst.sig"]
    assert b"signed by me" in cloud("verify", "s3://runs/a.tar.zst", "--signers", signers, check=0).out


def test_how_it_is_stored(cloud, s3):
    """Storage class, Object Lock and legal hold, as boto3 sees them."""
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    cloud("pull", "-q", "-o", "s3://locked/a.tar.zst", "tsk_demo1", "--s3-lock", "governance", "--s3-retain", "2d",
          "--s3-legal-hold", check=0)
    found = s3.head_object(Bucket="locked", Key="a.tar.zst")
    assert found["ObjectLockMode"] == "GOVERNANCE" and found["ObjectLockLegalHoldStatus"] == "ON", found
    days = (found["ObjectLockRetainUntilDate"] - found["LastModified"]).total_seconds() / 86400
    assert 1.9 < days < 2.1
    cloud("verify", "s3://locked/a.tar.zst", check=0)
    assert cloud("pull", "-o", "s3://runs/b.tar.zst", "tsk_demo1", "--s3-lock", "governance").code == 2


def bodies(emu):
    """How many bodies of tsk_slow were asked for."""
    return len([row for row in emu.log() if re.search("quick|last", row["path"])])


def test_resumed(cloud, env, emu, store, s3, tmp_path):
    """An interrupted pull is resumed in the staging directory."""
    emu.run("tsk_slow", [{"id": "quick%d" % i, "type": "recording", "webm": 300_000 + i, "seed": i} for i in range(20)]
            + [{"id": "last", "type": "recording", "webm": 300_000, "seed": 99}])
    emu.fault("last", "slow", times=9, steps=40, pause=0.5)
    more = store.env(XDG_STATE_HOME=str(tmp_path / "state"))
    process = subprocess.Popen([conftest.SKYARC, "pull", "-q", "-o", "s3://runs/a.tar.zst", "tsk_slow"], env=dict(env, **more),
                               cwd=tmp_path)
    wait_for(lambda: bodies(emu) >= 21)
    time.sleep(1)  # until what was received is in the journal
    process.terminate()
    assert process.wait() == 143 and not keys(s3)
    emu.reset_faults()
    before = bodies(emu)
    cloud("pull", "-q", "-o", "s3://runs/a.tar.zst", "tsk_slow", check=0)
    assert bodies(emu) - before < 5, "everything was fetched again"
    cloud("verify", "s3://runs/a.tar.zst", check=0)


def test_a_redacted_copy(cloud, skyarc, s3, store, tmp_path):
    """Written as pull does: whole or not at all; an object that exists stays without --force."""
    cloud("pull", "-o", "s3://runs/a.tar.zst", "tsk_demo1", check=0)
    cloud("redact", "s3://runs/a.tar.zst", "-o", "s3://runs/copy.tar.zst", "-n", check=0)
    assert keys(s3) == ["a.tar.zst"]
    done = cloud("redact", "s3://runs/a.tar.zst", "-o", "s3://runs/copy.tar.zst", "--json", check=0).json()
    assert done["copy"] == "s3://runs/copy.tar.zst" and keys(s3) == ["a.tar.zst", "copy.tar.zst"]
    body = s3.get_object(Bucket="runs", Key="copy.tar.zst")
    data = body["Body"].read()
    assert body["Metadata"]["sha256"] == hashlib.sha256(data).hexdigest()
    (tmp_path / "copy.tar.zst").write_bytes(data)
    skyarc("verify", "copy.tar.zst", check=0)
    cloud("verify", "s3://runs/copy.tar.zst", "--original", "s3://runs/a.tar.zst", check=0)
    assert not [path for path in (tmp_path / "state").rglob("*copy*") if path.is_file() and path.suffix == ".zst"]
    again = cloud("redact", "s3://runs/a.tar.zst", "-o", "s3://runs/copy.tar.zst", check=1)
    assert "exists" in again.err
    cloud("pull", "-o", "b.tar.zst", "tsk_demo3", check=None)  # from a file, into the place of the object
    cloud("redact", "b.tar.zst", "-o", "s3://runs/copy.tar.zst", "--force", check=0)
    assert s3.get_object(Bucket="runs", Key="copy.tar.zst")["Body"].read() != data
    assert "cannot replace its original" in cloud("redact", "s3://runs/a.tar.zst", "-o", "s3://runs/a.tar.zst", "--force", check=2).err
    cloud("redact", "s3://runs/a.tar.zst", "-o", "s3://runs/d/", check=2)
    assert keys(s3) == ["a.tar.zst", "copy.tar.zst"] and not unfinished(s3)
