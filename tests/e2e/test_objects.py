# SPDX-License-Identifier: MIT
"""Small objects, written under conditions, and lists: by tests/objects/objects, against versitygw, with boto3 as judge."""
import os
import random
import subprocess
import threading

import pytest

import fault_proxy
import object_store
from conftest import SKYARC

OBJECTS = os.path.dirname(SKYARC) + "/tests/objects/objects"
pytestmark = [pytest.mark.skipif(not os.access(OBJECTS, os.X_OK), reason="tests/objects/objects is not here: make check-build"),
              pytest.mark.skipif(not object_store.program(), reason="versitygw is not here: scripts/get-versitygw")]
pytest.importorskip("boto3")

DONE, FAILED, MISSING, BUSY, EXISTS = 0, 1, 3, 16, 17


@pytest.fixture
def s3(gateway):
    s3 = gateway.client()
    yield s3
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="runs"):
        for row in page.get("Contents", []):
            s3.delete_object(Bucket="runs", Key=row["Key"])


@pytest.fixture
def objects(env, gateway, proxy):
    """Run the program: (exit status, standard output, standard error)."""
    def run(*args, body=b"", bucket="runs", url=proxy.url):
        done = subprocess.run([OBJECTS, bucket, *args], input=body, capture_output=True, timeout=120,
                              env=dict(env, **gateway.env(AWS_ENDPOINT_URL=url)))
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    return run


def listed(objects, prefix="", after=""):
    code, out, err = objects("list", prefix, after)
    assert code == DONE, err
    return [bytes.fromhex(line.split()[0].decode()).decode() for line in out.splitlines()]


def test_conditions(objects, s3):
    code, out, _ = objects("put", "a/1", "absent", body=b"one")
    assert code == DONE
    tag = out.split()[0].decode()
    found = s3.get_object(Bucket="runs", Key="a/1")
    assert found["Body"].read() == b"one" and found["ETag"] == tag and len(found["Metadata"]["sha256"]) == 64
    assert objects("put", "a/1", "absent", body=b"two")[0] == EXISTS
    assert objects("put", "a/1", "absent", body=b"one")[0] == EXISTS  # also if it is equal: this call did not write it
    assert objects("put", "a/1", '"0123456789abcdef0123456789abcdef"', body=b"two")[0] == EXISTS
    assert objects("load", "a/1", "3") == (DONE, b"one", "")
    assert objects("put", "a/1", tag, body=b"two")[0] == DONE
    assert objects("put", "a/1", tag, body=b"three")[0] == EXISTS
    assert objects("put", "a/none", tag, body=b"three")[0] in (MISSING, EXISTS)
    assert objects("put", "a/1", "always", body=b"")[0] == DONE
    assert objects("load", "a/1", "0") == (DONE, b"", "")


def test_entity_tags_that_are_no_headers(objects, s3):
    for tag in ('"a\r\nx-amz-acl: public-read"', "", "x" * 200):
        code, _, err = objects("put", "a/1", tag, body=b"one")
        assert code == FAILED and "the entity tag" in err


def test_load_and_delete(objects, s3):
    s3.put_object(Bucket="runs", Key="a b+c", Body=b"x" * 1000)
    assert objects("load", "a b+c", "1000")[1] == b"x" * 1000
    code, out, err = objects("load", "a b+c", "999")
    assert code == FAILED and not out, err
    assert objects("delete", "a b+c", "")[0] == DONE
    assert objects("load", "a b+c", "1000")[0] == MISSING
    assert objects("delete", "a b+c", "")[0] == DONE
    code, _, err = objects("load", "a", "10", bucket="nosuchbucket")
    assert code == FAILED or "NoSuchBucket" in err


def test_versions(objects, gateway, s3):
    s3.create_bucket(Bucket="kept", ObjectLockEnabledForBucket=True)
    first = objects("put", "k", "always", body=b"1", bucket="kept")[1].split()[1].decode()
    second = objects("put", "k", "always", body=b"2", bucket="kept")[1].split()[1].decode()
    assert objects("delete", "k", second, bucket="kept")[0] == DONE
    assert objects("load", "k", "9", bucket="kept")[1] == b"1"
    assert objects("delete", "k", first, bucket="kept")[0] == DONE
    assert not s3.list_object_versions(Bucket="kept").get("Versions")


@pytest.mark.parametrize("condition", ["absent", "always", "match"])
def test_lost_answers(objects, s3, proxy, condition):
    """Our own bytes are success, also if the repeated request is refused."""
    tag = s3.put_object(Bucket="runs", Key="a", Body=b"before")["ETag"]
    if condition == "absent":
        s3.delete_object(Bucket="runs", Key="a")
    for times in (1, 100):
        proxy.fault("put", times=times, cut=-1)
        code, out, err = objects("put", "a", tag if condition == "match" else condition, body=b"mine %d" % times)
        assert code == DONE, err
        found = s3.get_object(Bucket="runs", Key="a")
        assert found["Body"].read() == b"mine %d" % times and out.split()[0].decode() == found["ETag"]
        proxy.clear()
        tag = found["ETag"]
        if condition == "absent":
            s3.delete_object(Bucket="runs", Key="a")


def test_an_answer_was_lost_and_another_wrote(objects, s3, proxy):
    """The first attempt never arrives, and another writer is there before the second."""
    proxy.fault("put", instead=fault_proxy.error(500, "InternalError"), cut=-1,
                before=lambda _: s3.put_object(Bucket="runs", Key="a", Body=b"theirs"))
    assert objects("put", "a", "absent", body=b"ours!!")[0] == EXISTS
    assert objects("load", "a", "9")[1] == b"theirs"


def test_conflicts(objects, s3, proxy):
    conflict = fault_proxy.error(409, "ConditionalRequestConflict")
    proxy.fault("put", times=2, instead=conflict)
    assert objects("put", "a", "absent", body=b"1")[0] == DONE and proxy.count("put") == 3
    proxy.fault("put", times=100, instead=conflict)
    assert objects("put", "b", "absent", body=b"1")[0] == BUSY
    assert objects("put", "a", "absent", body=b"2")[0] == EXISTS  # a store that tells it by 409


def test_an_answer_without_entity_tag(objects, s3, proxy):
    proxy.fault("put", instead=fault_proxy.Answer(200, [], b"a portal"))
    code, _, err = objects("put", "a", "always", body=b"1")
    assert code == FAILED and "has no entity tag" in err
    proxy.fault("put", edit=lambda answer: answer.set("ETag", None))
    assert objects("put", "a", "always", body=b"1")[0] == DONE


def test_many_writers(objects, s3):
    """Of eight processes that write one key, one wins, and its bytes are there."""
    results = {}

    def write(number):
        results[number] = objects("put", "race", "absent", body=b"writer %d" % number)[0]

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results.values()) == [DONE] + [EXISTS] * 7
    winner = next(number for number, code in results.items() if code == DONE)
    assert s3.get_object(Bucket="runs", Key="race")["Body"].read() == b"writer %d" % winner


ODD = ["a/b", "a-b", "a.txt", "a b", "a+b", "a%20b", "a%b", "a&b=c", "a<b>", "a\"'b", "ä", "日本", "a/ b ", "a/c/d/e", "a;b?c#d"]


def test_odd_keys(objects, s3):
    for key in ODD:
        s3.put_object(Bucket="runs", Key="p/" + key, Body=b"1")
    s3.put_object(Bucket="runs", Key="q", Body=b"1")
    want = sorted(("p/" + key for key in ODD), key=str.encode)
    assert listed(objects, "p/") == want
    assert listed(objects, "p/a/") == [key for key in want if key.startswith("p/a/")]
    assert listed(objects, "p/a b") == ["p/a b"] and listed(objects, "p/none") == []
    for key in want:
        assert listed(objects, "p/", key) == want[want.index(key) + 1:]


def test_pages(objects, s3, gateway, proxy):
    """Several pages, against boto3."""
    rng = random.Random(1)
    want = sorted("n/%s" % "".join(rng.choice("ab/-.") for _ in range(3)) + "%05d" % number for number in range(2300))
    want = [key.replace("//", "/x").replace("/.", "/x") for key in want]
    folder = gateway.folder + "/data/runs/"
    for key in want:
        os.makedirs(os.path.dirname(folder + key), exist_ok=True)
        with open(folder + key, "wb"):
            pass
    judged = [row["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="runs", Prefix="n/")
              for row in page["Contents"] if not row["Key"].endswith("/")]
    before = proxy.count("list")
    got = [key for key in listed(objects, "n/") if not key.endswith("/")]
    assert got == judged and set(got) == set(want) and 3 <= proxy.count("list") - before <= 4


def page(*keys, token=None):
    return fault_proxy.Answer(200, [], ("<ListBucketResult>%s%s</ListBucketResult>" % (
        "".join("<Contents><Key>%s</Key><Size>1</Size></Contents>" % key for key in keys),
        "<IsTruncated>true</IsTruncated><NextContinuationToken>%s</NextContinuationToken>" % token if token else "")).encode())


@pytest.mark.parametrize("pages, said", [
    ([page("a", token="1"), page("b", token="1")], "repeats its continuation token"),
    ([page("a", token="1"), page("a", token="2")], "not in the order of keys"),
    ([page("b", "a")], "not in the order of keys"),
    ([page(token=token) for token in map(str, range(120))], "in a row without an object"),
    ([page("k" * 1025)], "more than 1024 bytes"),
    ([page("k" * 5000)], "more than 4096 bytes"),
    ([fault_proxy.Answer(200, [], b"<ListBucketResult>" + b" " * (9 << 20) + b"</ListBucketResult>")], ""),
])
def test_hostile_lists(objects, s3, proxy, pages, said):
    for answer in pages:
        proxy.fault("list", instead=answer)
    code, _, err = objects("list", "", "")
    assert code == FAILED and said in err, err
