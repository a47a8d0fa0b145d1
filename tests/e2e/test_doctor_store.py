# SPDX-License-Identifier: MIT
"""doctor --dest s3://...: each thing that can be wrong with a bucket is a line of its own, with advice, and nothing is
left in the bucket."""
import datetime
import json
import shutil
import signal
import subprocess
import threading
import time

import jsonschema
import pytest

import fault_proxy
import object_store
from conftest import SKYARC, TESTS

boto3 = pytest.importorskip("boto3")
needs_gateway = pytest.mark.skipif(not object_store.program(), reason="versitygw is not here: scripts/get-versitygw")

with open(TESTS + "/../docs/schemas/doctor.json", encoding="utf-8") as _file:
    SCHEMA = json.load(_file)

STORE = ["s3-keys", "endpoint", "bucket", "list", "write", "s3-clock", "parts", "delete", "conditions", "versioning", "s3-lock",
         "uploads"]


def read(document):
    """{check: [(status, text, advice)]} of the store's checks in a document, which is valid."""
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    found = {}
    for row in document["checks"]:
        if row["check"] in STORE:
            assert row["advice"] or row["status"] == "ok", row
            found.setdefault(row["check"], []).append((row["status"], row["text"], row["advice"]))
    return found


def wrong(found):
    """{check: status} of what is not ok."""
    return {check: row[0] for check, rows in found.items() for row in rows if row[0] != "ok"}


@pytest.fixture
def doctor(skyarc, gateway, proxy):
    """Run it through the proxy; secrets must not be told."""
    def run(address="s3://runs/archive", check=0, **more):
        done = skyarc("doctor", "--json", "--dest", address, check=check,
                      **dict(gateway.env(AWS_ENDPOINT_URL=proxy.url, AWS_EC2_METADATA_DISABLED="true"), **more))
        for text in (done.out.decode(), done.err):
            assert object_store.SECRET not in text and "Signature=" not in text
        return read(done.json())

    return run


@pytest.fixture
def s3(gateway):
    """boto3; afterwards nothing that doctor wrote is left, no version and no upload."""
    s3 = gateway.client()
    yield s3
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        versions = s3.list_object_versions(Bucket=name)
        for row in versions.get("Versions", []) + versions.get("DeleteMarkers", []):
            assert "skyarc-probe" not in row["Key"], row
        assert not any("skyarc-probe" in row["Key"] for row in s3.list_multipart_uploads(Bucket=name).get("Uploads", []))


@needs_gateway
def test_all_is_well(doctor, s3, proxy):
    found = doctor()
    assert list(found) == STORE and not wrong(found), found
    assert found["s3-keys"][0][1] == "credentials from the environment"
    assert found["endpoint"][0][1] == "%s, region us-east-1; without TLS" % proxy.url
    assert "fit for shards" in found["conditions"][0][1]


@needs_gateway
def test_a_bucket_with_versions_and_locks(doctor, s3):
    """Also versions are removed again."""
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    upload = s3.create_multipart_upload(Bucket="locked", Key="archive/a")["UploadId"]
    found = doctor("s3://locked/archive")
    assert not wrong(found) and found["s3-lock"][0][1] == "Object Lock: enabled"
    assert found["versioning"][0][1].startswith("the bucket keeps versions:")
    assert found["uploads"][0][1].startswith("1 unfinished upload, the oldest begun ")
    s3.abort_multipart_upload(Bucket="locked", Key="archive/a", UploadId=upload)
    s3.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}})
    found = doctor("s3://locked/elsewhere")
    assert wrong(found)["s3-lock"] == "warning", found
    assert "locks each object for 1 days (GOVERNANCE)" in found["s3-lock"][0][1]
    s3.put_object_lock_configuration(Bucket="locked", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    for row in s3.list_object_versions(Bucket="locked").get("Versions", []):  # what the lock has kept
        s3.delete_object(Bucket="locked", Key=row["Key"], VersionId=row["VersionId"], BypassGovernanceRetention=True)
    for row in s3.list_object_versions(Bucket="locked").get("DeleteMarkers", []):
        s3.delete_object(Bucket="locked", Key=row["Key"], VersionId=row["VersionId"])


@needs_gateway
@pytest.mark.parametrize("change, check, said", [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "s3-keys", "SignatureDoesNotMatch"),
    ({"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "s3-keys", "InvalidAccessKeyId"),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "s3-keys", "there are no credentials"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "endpoint", "127.0.0.1:1"),
    ({"AWS_ENDPOINT_URL": "nonsense"}, "endpoint", "must be a URL"),
    ({"AWS_ENDPOINT_URL": "http://user:hunter2@[::1"}, "endpoint", ""),
    ({"AWS_REGION": "mars!"}, "endpoint", "invalid region"),
    ({"address": "s3://nosuchbucket/a"}, "bucket", "NoSuchBucket"),
    ({"address": "s3://x"}, "bucket", "invalid name of a bucket"),
])
def test_wrong_settings(doctor, s3, change, check, said):
    found = doctor(check=1, **change)
    assert wrong(found) == {check: "error"} and said in found[check][-1][1], found
    assert "hunter2" not in str(found) and "write" not in found


@needs_gateway
def test_a_wrong_region(doctor, s3):
    found = doctor(AWS_REGION="eu-central-1")
    assert wrong(found) == {"endpoint": "warning"} and "set AWS_REGION to it" in found["endpoint"][1], found


@needs_gateway
def test_a_profile(doctor, s3, tmp_path):
    (tmp_path / "home" / ".aws").mkdir(parents=True)
    (tmp_path / "home" / ".aws" / "credentials").write_text(
        "[night]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (object_store.KEY, object_store.SECRET))
    found = doctor(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_PROFILE="night")
    assert found["s3-keys"][0][1] == "credentials from the profile 'night'" and not wrong(found)


def denied(*_):
    return fault_proxy.error(403, "AccessDenied")


def setting(name):
    return lambda request: request.method == "GET" and name in request.target


@needs_gateway
@pytest.mark.parametrize("kind, want, advice", [
    ("list", {"list": "warning"}, "s3:ListBucket"),
    ("put", {"write": "error", "conditions": "warning"}, "s3:PutObject"),
    ("create", {"parts": "error"}, "s3:AbortMultipartUpload"),
    ("uploads", {"uploads": "warning"}, "s3:ListBucketMultipartUploads"),
    (setting("?versioning"), {"versioning": "warning"}, "s3:GetBucketVersioning"),
    (setting("?object-lock"), {"s3-lock": "warning"}, "s3:GetBucketObjectLockConfiguration"),
    (lambda r: r.kind == "get" and "?" not in r.target, {"write": "error", "conditions": "warning"}, "s3:GetObject"),
])
def test_permissions(doctor, s3, proxy, kind, want, advice):
    proxy.fault(kind, times=1000, instead=denied)
    found = doctor(check=1 if "error" in want.values() else 0)
    assert wrong(found) == want, found
    assert advice in found[next(iter(want))][0][2]


@needs_gateway
def test_no_permission_to_delete(doctor, gateway, proxy):
    """What stays is named."""
    proxy.fault("delete", times=1000, instead=denied)
    found = doctor()
    assert wrong(found) == {"delete": "warning", "conditions": "warning"}, found
    s3 = gateway.client()
    (left,) = s3.list_objects_v2(Bucket="runs")["Contents"]
    assert left["Key"] in found["delete"][0][1]
    s3.delete_object(Bucket="runs", Key=left["Key"])


def unconditional(s3, header):
    """A store that ignores this condition."""
    lock = threading.Lock()

    def answer(request):
        with lock:
            done = s3.put_object(Bucket="runs", Key=request.target.partition("/runs/")[2], Body=request.body)
        return fault_proxy.Answer(200, [("ETag", done["ETag"])])

    return lambda request: request.kind == "put" and request.header(header), answer


@needs_gateway
@pytest.mark.parametrize("header, said", [("if-none-match", "with If-None-Match: * at the same time 16 were told to have won"),
                                          ("if-match", "with If-Match at the same time 16 were told to have won")])
def test_conditions_that_are_ignored(doctor, s3, proxy, header, said):
    kind, answer = unconditional(s3, header)
    proxy.fault(kind, times=1000, instead=answer)
    found = doctor()
    assert wrong(found) == {"conditions": "warning"} and "unfit for shards: of 16 writes " + said in found["conditions"][0][1], found


@needs_gateway
def test_one_race_of_many_is_lost(doctor, s3, proxy):
    """A store whose conditions are mostly right: one race has two winners."""
    kind, answer = unconditional(s3, "if-none-match")
    proxy.fault(kind, skip=100, times=2, instead=answer)
    assert "unfit for shards: of 16 writes with If-None-Match: * at the same time" in doctor()["conditions"][0][1]


@needs_gateway
@pytest.mark.parametrize("instead, said", [
    (fault_proxy.error(501, "NotImplemented"), "unfit for shards: the store refuses writes with"),
    (fault_proxy.error(412, "PreconditionFailed"), "unfit for shards: of 16 writes with If-None-Match: * at the same time none"),
    (fault_proxy.error(409, "ConditionalRequestConflict"), "unknown: of 16 writes with"),
    (fault_proxy.error(403, "AccessDenied"), "unknown: 's3://runs/archive/skyarc-probe-"),
])
def test_conditions_that_are_refused(doctor, s3, proxy, instead, said):
    proxy.fault(lambda r: r.kind == "put" and r.header("if-none-match"), times=1000, instead=instead)
    found = doctor()
    assert wrong(found) == {"conditions": "warning"} and said in found["conditions"][0][1], found


@needs_gateway
def test_the_losers_bytes_are_there(doctor, s3, proxy):
    """One writer is told to have won, and another one's bytes are there."""
    proxy.fault(lambda r: r.kind == "put" and r.header("if-none-match"), skip=15, edit=lambda answer: None,
                after=lambda r: s3.put_object(Bucket="runs", Key=r.target.partition("/runs/")[2], Body=b"other"))
    assert "is not that of the writer that was told to have won" in doctor()["conditions"][0][1]


@needs_gateway
@pytest.mark.parametrize("seconds, status", [(0, "ok"), (-120, "warning"), (3600, "warning")])
def test_clocks(doctor, s3, proxy, seconds, status):
    def shift(answer):
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        answer.set("Date", when.strftime("%a, %d %b %Y %H:%M:%S GMT"))

    proxy.fault(lambda _: True, times=1000, edit=shift)
    assert doctor()["s3-clock"][0][0] == status


@needs_gateway
@pytest.mark.parametrize("body, said", [
    (b"<html>a portal</html>", "is no list of objects"),
    (b"<<<", "XML"),
    (b"<ListBucketResult><Contents><Key>other</Key><Size>1</Size></Contents></ListBucketResult>", "was not asked for"),
    (b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "without a continuation token"),
])
def test_answers_that_are_no_lists(doctor, s3, proxy, body, said):
    proxy.fault("list", times=10, instead=fault_proxy.Answer(200, [], body))
    found = doctor(check=1)
    assert wrong(found) == {"bucket": "error"} and said in found["bucket"][0][1], found


@needs_gateway
def test_stopped(env, gateway, proxy, s3, tmp_path):
    """What was written is removed also after a signal."""
    came, go = threading.Event(), threading.Event()

    def hold(_):
        came.set()
        go.wait(30)

    proxy.fault(lambda r: r.kind == "put" and r.header("if-none-match"), skip=40, times=1, after=hold)
    process = subprocess.Popen([SKYARC, "doctor", "--dest", "s3://runs/archive"], cwd=tmp_path,
                               env=dict(env, **gateway.env(AWS_ENDPOINT_URL=proxy.url)), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    assert came.wait(60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    go.set()


@pytest.mark.skipif(not shutil.which("moto_server"), reason="moto is not here: pip install 'moto[s3,server]'")
def test_moto(skyarc, tmp_path):
    """Another server, whose conditions are not always atomic: all else is right."""
    with object_store.moto(tmp_path) as port:
        env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:%d" % port, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        s3 = boto3.client("s3", endpoint_url=env["AWS_ENDPOINT_URL"], region_name="us-east-1", aws_access_key_id="a",
                          aws_secret_access_key="b")
        s3.create_bucket(Bucket="runs")
        found = read(skyarc("doctor", "--json", "--dest", "s3://runs/archive", check=0, **env).json())
        assert set(wrong(found)) <= {"conditions"}, found
        assert "shards" in found["conditions"][0][1]
        assert not s3.list_objects_v2(Bucket="runs").get("Contents")
