# SPDX-License-Identifier: MIT
"""Faults between skyarc and an object store: afterwards there is a complete right object, or none; no upload is left
unfinished that is not named; the failure is told in one line; and no secret is told."""
import datetime
import hashlib
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

import fault_proxy
import object_store
from conftest import SKYARC

pytestmark = pytest.mark.skipif(not object_store.program(), reason="versitygw is not here: scripts/get-versitygw")
pytest.importorskip("boto3")

URL = "s3://runs/2026/a.tar.zst"
SIZE = 34_000_000  # three parts


class Store:
    """A gateway behind a proxy, what skyarc needs to use it, and what it left there."""

    def __init__(self, gateway, proxy, env, folder):
        self.gateway, self.proxy, self.folder = gateway, proxy, folder
        self.s3 = gateway.client()
        self.state = folder / "state"
        self.env = dict(env, **gateway.env(AWS_ENDPOINT_URL=proxy.url, XDG_STATE_HOME=str(self.state),
                                           AWS_EC2_METADATA_DISABLED="true"))
        self.hidden = {object_store.SECRET}

    def start(self, *args, **more):
        return subprocess.Popen([SKYARC, *map(str, args)], env=dict(self.env, **more), cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *args, check=None, **more):
        """Run, and look whether secrets were told; returns (exit status, standard error)."""
        return self.end(self.start(*args, **more), args, check)

    def end(self, process, args=(), check=None):
        out, err = process.communicate(timeout=120)
        for text in (out.decode(errors="replace"), err.decode(errors="replace")):
            for secret in self.secrets():
                assert secret not in text, text
        err = err.decode(errors="replace")
        assert check is None or process.returncode == check, (args, process.returncode, err)
        return process.returncode, err

    def secrets(self):
        """The secret key, the tokens, and all signatures that were sent."""
        found = set(self.hidden)
        for request in self.proxy.requests:
            found.update(re.findall("Signature=([0-9a-f]{64})", request.header("authorization") or ""))
            found.add(request.header("x-amz-security-token") or object_store.SECRET)
        return found

    def pull(self, *args, check=None, **more):
        return self.run("-v", "-v", "pull", "-o", URL, *args, "tsk_large", check=check, **more)

    def keys(self):
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket="runs").get("Contents", [])]

    def uploads(self):
        return [found["UploadId"] for found in self.s3.list_multipart_uploads(Bucket="runs").get("Uploads", [])]

    def staged(self):
        """What is staged, but for archives that were made and not uploaded: they are kept, and renamed."""
        return sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.state / "skyarc" / "uploads")
                      for name in names if ".earlier" not in name)

    def check_right(self):
        """The archive is there, complete, and nothing is left over."""
        assert self.keys() == ["2026/a.tar.zst"] and not self.uploads() and not self.staged()
        found = self.s3.get_object(Bucket="runs", Key="2026/a.tar.zst")
        body = found["Body"].read()
        assert found["Metadata"]["sha256"] == hashlib.sha256(body).hexdigest()
        (self.folder / "got.tar.zst").write_bytes(body)
        self.run("verify", "got.tar.zst", check=0)
        listed = subprocess.run(["tar", "-tf", self.folder / "got.tar.zst"], check=True, capture_output=True)
        assert listed.stdout.count(b".webm") == 4

    def check_none(self, err, *said):
        """There is no archive and no upload; errors are told in one line, with these words."""
        assert not self.keys() and not self.uploads()
        errors = [line for line in err.splitlines() if line.startswith("skyarc: error: ")]
        assert len(errors) == 1, err
        for word in said:
            assert word in errors[0], errors


@pytest.fixture
def store(emu, env, tmp_path):
    gateway = object_store.Gateway(tmp_path / "store")
    proxy = fault_proxy.Proxy(gateway.port, object_store.sign)
    emu.run("tsk_large", [{"id": "large%d" % i, "type": "recording", "webm": SIZE // 4 + i, "seed": i} for i in range(4)])
    yield Store(gateway, proxy, env, tmp_path)
    proxy.close()
    gateway.close()


REQUESTS = ["head", "create", "part", "complete"]


def busy(*headers):
    return fault_proxy.error(503, "SlowDown", *headers)


ONCE = {
    "reset before the answer": {"cut": -1, "instead": fault_proxy.error(500, "InternalError")},
    "answer lost": {"cut": -1},
    "answer cut": {"cut": 10},
    "500": {"instead": fault_proxy.error(500, "InternalError")},
    "503": {"instead": busy()},
    "503 with Retry-After": {"instead": busy(("Retry-After", "1"))},
    "slow": {"piece": 7},
}


def test_without_faults(store):
    store.pull(check=0)
    store.check_right()
    assert [store.proxy.count(kind) for kind in ("create", "part", "complete", "abort", "uploads")] == [1, 3, 1, 0, 0]


@pytest.mark.parametrize("name", ONCE)
def test_a_fault_that_passes(store, name):
    """Each kind of request fails once."""
    for kind in REQUESTS:
        store.proxy.fault(kind, **ONCE[name])
    store.pull(check=0)
    store.check_right()


@pytest.mark.parametrize("name", ["answer lost", "answer cut", "503"])
def test_a_small_archive(store, name):
    """One PUT writes it. If the answer is lost, the archive is there already when it is sent again."""
    store.proxy.fault("put", times=2, **ONCE[name])
    store.run("-v", "-v", "pull", "-o", URL, "tsk_demo1", check=0)
    assert store.keys() == ["2026/a.tar.zst"] and not store.staged()
    store.run("verify", URL, check=0)


def test_reset_while_a_part_is_sent(store):
    store.proxy.fault("part", times=2, early=1 << 20)
    store.pull(check=0)
    store.check_right()


def test_a_small_archive_whose_answers_are_all_lost(store):
    store.proxy.fault("put", times=100, cut=-1)
    store.run("-v", "-v", "pull", "-o", URL, "tsk_demo1", check=0)
    assert store.keys() == ["2026/a.tar.zst"] and not store.staged()
    store.run("verify", URL, check=0)


def test_completion_whose_answers_are_all_lost(store):
    store.proxy.fault("complete", times=100, cut=-1)
    store.pull(check=0)
    store.check_right()


@pytest.mark.parametrize("kind, fault, said", [
    ("part", {"instead": fault_proxy.error(500, "InternalError")}, "500 InternalError"),
    ("part", {"instead": fault_proxy.error(400, "BadDigest")}, "400 BadDigest"),
    ("complete", {"instead": busy()}, "503 SlowDown"),
])
def test_a_fault_that_stays(store, kind, fault, said):
    store.proxy.fault(kind, times=100, **fault)
    _, err = store.pull(check=1)
    store.check_none(err, said, URL, "the file is kept as")
    assert store.proxy.count(kind) > 5


def test_faults_that_are_final(store):
    """Nothing is tried again, and after each of them the next start may succeed."""
    for kind, fault, said in (
            ("create", {"instead": fault_proxy.Answer(200, [], b"<a/>")}, "no ID"),
            ("create", {"instead": fault_proxy.error(403, "AccessDenied")}, "403 AccessDenied"),
            ("create", {"instead": fault_proxy.Answer(302, [("Location", "http://127.0.0.1:1/")])}, "302"),
            ("part", {"instead": fault_proxy.error(400, "InvalidRequest")}, "400 InvalidRequest"),
            ("part", {"edit": lambda answer: answer.set("ETag", None)}, "no entity tag"),
            ("complete", {"instead": fault_proxy.error(400, "InvalidPart")}, "400 InvalidPart"),
            ("complete", {"instead": fault_proxy.Answer(200, [], b"   \n <Error><Code>InvalidPart</Code></Error>")},
             "the error InvalidPart"),
            ("complete", {"instead": fault_proxy.Answer(200, [], b"<html>a portal</html>")}, "no entity tag"),
            ("complete", {"instead": fault_proxy.Answer(200, [], b"<<<")}, "XML")):
        store.proxy.fault(kind, times=100, **fault)
        _, err = store.pull(check=1)
        store.check_none(err, said, URL, "the file is kept as")
        store.proxy.clear()
    store.pull(check=0)
    store.check_right()


def test_an_upload_is_aborted_after_the_parts_that_are_being_sent(store):
    """A store may keep a part that it had received whole, although the upload is aborted meanwhile."""
    events = []

    def slow(request):
        time.sleep(0.7)
        events.append("part")

    store.proxy.fault(lambda request: request.part == 1, instead=fault_proxy.error(400, "InvalidRequest"))
    store.proxy.fault(lambda request: request.part == 2, after=slow)
    store.proxy.fault("abort", before=lambda request: events.append("abort"))
    _, err = store.pull(check=1)
    store.check_none(err, "400 InvalidRequest", URL)
    assert events == ["part", "abort"]


@pytest.mark.parametrize("code", ["BadDigest", "XAmzContentSHA256Mismatch"])
def test_a_part_that_was_changed_on_its_way_is_sent_again(store, code):
    store.proxy.fault("part", times=2, instead=fault_proxy.error(400, code))
    store.pull(check=0)
    store.check_right()


def test_an_error_within_200_that_passes(store):
    store.proxy.fault("complete", times=2, instead=fault_proxy.Answer(
        200, [], b"  \r\n  <?xml version=\"1.0\"?>\n".lstrip() + b"<Error><Code>InternalError</Code></Error>"))
    store.proxy.fault("complete", instead=fault_proxy.Answer(
        200, [], b"   \n  <Error><Code>SlowDown</Code></Error>"))
    store.pull(check=0)
    store.check_right()
    assert store.proxy.count("complete") == 4


def test_blanks_before_a_completion(store):
    def keep_alive(answer):
        answer.body = b" " * 500 + b"\n" + answer.body.partition(b"?>")[2]
        answer.set("Content-Length", None)

    store.proxy.fault("complete", edit=keep_alive)
    store.pull(check=0)
    store.check_right()


def test_no_upload_remains_that_was_begun_twice(store):
    """The answer to the request that begins an upload is lost: the store has two."""
    store.proxy.fault("create", times=2, cut=-1)
    store.pull(check=0)
    assert store.proxy.count("create") == 3
    store.check_right()


def test_no_upload_remains_whose_beginning_was_never_answered(store):
    store.proxy.fault("create", times=100, cut=-1)
    _, err = store.pull(check=1)
    store.check_none(err, URL, "the file is kept as")
    assert store.proxy.count("create") > 1


def test_an_upload_that_may_remain_is_told(store):
    """Neither the beginning is answered, nor the list of uploads: the next start aborts what was begun."""
    store.proxy.fault(lambda r: r.kind in ("create", "uploads"), times=100, cut=-1)
    _, err = store.pull(check=1)
    assert store.uploads() and "an unfinished upload may remain until the next start" in err.splitlines()[-1]
    store.proxy.clear()
    store.pull(check=0)
    store.check_right()


def test_uploads_that_may_not_be_listed(store):
    """The next start tells what may remain, and is not kept from its work."""
    kill_at(store, "create", 0, "after")
    store.proxy.fault("uploads", times=100, instead=fault_proxy.error(403, "AccessDenied"))
    _, err = store.pull(check=0)
    assert err.count("an unfinished upload to '%s' may remain" % URL) == 1 and len(store.uploads()) == 1
    assert "does not exist any more" not in err, err
    store.s3.abort_multipart_upload(Bucket="runs", Key="2026/a.tar.zst", UploadId=store.uploads()[0])
    store.check_right()


def test_uploads_of_others_stay(store):
    """Only uploads of this key that were begun by this pull are aborted."""
    for key in ("2026/a.tar.zst.sig", "2026/a.tar.zst2", "2026/a"):
        store.s3.create_multipart_upload(Bucket="runs", Key=key)
    before = store.s3.create_multipart_upload(Bucket="runs", Key="2026/a.tar.zst")["UploadId"]
    time.sleep(4)  # older than what this pull begins
    store.proxy.fault("create", cut=-1)
    store.pull(check=0)
    left = store.s3.list_multipart_uploads(Bucket="runs")["Uploads"]
    assert len(left) == 4 and before in [upload["UploadId"] for upload in left]


def test_an_upload_that_cannot_be_aborted_is_named(store):
    store.proxy.fault("part", times=100, instead=fault_proxy.error(400, "InvalidRequest"))
    store.proxy.fault("abort", times=100, instead=fault_proxy.error(403, "AccessDenied"))
    _, err = store.pull(check=1)
    assert not store.keys()
    (upload,) = store.uploads()
    assert "an unfinished upload" in err.splitlines()[-1] and upload in err.splitlines()[-1]
    store.proxy.clear()
    store.pull(check=0)
    store.check_right()


def test_the_same_archive_replaced(store):
    """An error of the completion is not taken for success since the object is there already: the upload is aborted."""
    store.pull(check=0)
    store.proxy.fault("complete", times=100, instead=fault_proxy.error(400, "InvalidPart"))
    code, err = store.pull("--force")
    assert code in (0, 1), err
    assert not store.uploads()
    store.proxy.clear()
    store.pull("--force", check=0)
    store.check_right()


def test_somebody_else_was_first(store):
    """The key appears while the archive is uploaded: it is not replaced."""
    store.proxy.fault("complete", before=lambda _: store.s3.put_object(Bucket="runs", Key="2026/a.tar.zst", Body=b"mine"))
    _, err = store.pull(check=1)
    assert store.s3.get_object(Bucket="runs", Key="2026/a.tar.zst")["Body"].read() == b"mine"
    assert not store.uploads()
    assert "412 PreconditionFailed" in err.splitlines()[-1], err


def skewed(by):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=by)

    def answer(request):
        if request.method == "HEAD":
            return fault_proxy.Answer(403, [("Date", when.strftime("%a, %d %b %Y %H:%M:%S GMT"))])
        return fault_proxy.error(403, "RequestTimeTooSkewed", more="<ServerTime>%s</ServerTime>"
                                 % when.strftime("%Y-%m-%dT%H:%M:%SZ"))

    return answer


def is_behind(request):
    """Whether a request was signed for less than two minutes from now."""
    signed = datetime.datetime.strptime(request.header("x-amz-date"), "%Y%m%dT%H%M%S%z")
    return signed - datetime.datetime.now(datetime.timezone.utc) < datetime.timedelta(minutes=2)


def test_a_wrong_clock_is_corrected(store):
    store.proxy.fault(is_behind, times=100, instead=skewed(300))
    _, err = store.pull(check=0)
    store.check_right()
    assert 1 <= err.count("the clock of this machine") <= 2, err  # each client learns it once
    store.pull("--force", check=0)
    store.check_right()


@pytest.mark.parametrize("run", ["tsk_demo1", "tsk_large"])
def test_a_refusal_that_is_lost(store, run):
    """A store that refuses a request by its headers may close the connection while the body is sent, as versitygw does."""
    store.proxy.fault(lambda r: r.kind in ("put", "part") and is_behind(r), times=100, early=1000)
    store.proxy.fault(is_behind, times=100, instead=skewed(300))
    store.run("-v", "-v", "pull", "-o", URL, run, check=0)
    assert store.keys() == ["2026/a.tar.zst"] and not store.staged() and not store.uploads()
    store.run("verify", URL, check=0)


def test_a_clock_that_turns_wrong_while_parts_are_sent(store):
    store.proxy.fault(lambda r: r.kind in ("part", "complete") and is_behind(r), times=100, instead=skewed(300))
    _, err = store.pull(check=0)
    store.check_right()
    assert err.count("the clock of this machine") == 1, err


def test_a_clock_that_cannot_be_corrected(store):
    store.proxy.fault(lambda _: True, times=100, instead=skewed(300))
    _, err = store.pull(check=1)
    store.check_none(err, "RequestTimeTooSkewed", "set the clock of this machine")


def elsewhere(status):
    """The answer to a signature for another region than the bucket's."""
    def answer(request):
        region = [("x-amz-bucket-region", "us-east-1")] if status == 301 else []
        if request.method == "HEAD":
            return fault_proxy.Answer(status, region)
        return fault_proxy.error(status, "PermanentRedirect" if status == 301 else "AuthorizationHeaderMalformed", *region,
                                 more="" if status == 301 else "<Region>us-east-1</Region>")

    return answer


def is_foreign(request):
    return "/eu-west-1/" in request.header("authorization")


@pytest.mark.parametrize("status", [301, 400])
def test_another_region(store, status):
    store.proxy.fault(is_foreign, times=100, instead=elsewhere(status))
    store.pull(check=0, AWS_REGION="eu-west-1")
    store.check_right()
    assert not store.proxy.count("uploads")  # nothing was begun twice
    store.run("verify", URL, check=0, AWS_REGION="eu-west-1")
    store.pull("--force", check=0, AWS_REGION="eu-west-1")
    store.check_right()


def test_another_region_than_the_gateways(store):
    """What versitygw itself says."""
    code, err = store.pull(AWS_REGION="eu-west-1")
    if code:
        store.check_none(err, "AWS_REGION")
    else:
        store.check_right()


def test_a_region_that_is_wrong_again(store):
    store.proxy.fault(lambda _: True, times=100, instead=fault_proxy.error(
        301, "PermanentRedirect", ("x-amz-bucket-region", "eu-west-1")))
    _, err = store.pull(check=1)
    store.check_none(err, "PermanentRedirect", "AWS_REGION")


class Container:
    """A container's metadata service, whose keys can be renewed."""

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                outer.asked += 1
                body = json.dumps({"AccessKeyId": object_store.KEY, "SecretAccessKey": object_store.SECRET,
                                   "Token": outer.token, "Expiration": "2099-01-01T00:00:00Z"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.token, self.asked = "token/of+the=first/hour", 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.env = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:%d/keys" % self.server.server_address[1]}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def container():
    container = Container()
    yield container
    container.close()


def test_keys_that_expire_while_parts_are_sent(store, container):
    first = container.token

    def renew(_):
        container.token = "token/of+the=second/hour"

    store.hidden.update([first, "token/of+the=second/hour"])
    store.proxy.fault("create", after=renew)
    store.proxy.fault(lambda r: r.kind != "create" and container.token != first and r.header("x-amz-security-token") == first,
                      times=100, instead=fault_proxy.error(400, "ExpiredToken"))
    store.pull(check=0, **container.env)
    store.check_right()
    assert 2 <= container.asked <= 4


def test_keys_that_expire_and_the_refusal_is_lost(store, container):
    first = container.token

    def renew(_):
        container.token = "token/of+the=second/hour"

    def old(request):
        return container.token != first and request.header("x-amz-security-token") == first

    store.hidden.update([first, "token/of+the=second/hour"])
    store.proxy.fault("create", after=renew)
    store.proxy.fault(lambda r: r.kind == "part" and old(r), times=100, early=1000)
    store.proxy.fault(lambda r: r.kind != "create" and old(r), times=100, instead=fault_proxy.error(400, "ExpiredToken"))
    store.pull(check=0, **container.env)
    store.check_right()


def test_keys_that_stay_expired(store, container):
    store.hidden.add(container.token)
    store.proxy.fault("part", times=100, instead=fault_proxy.error(403, "ExpiredToken", message=container.token))
    _, err = store.pull(check=1, **container.env)
    store.check_none(err, "ExpiredToken", "get new credentials")
    assert container.asked < 10


@pytest.mark.parametrize("kind", ["create", "part"])
def test_an_answer_that_repeats_secrets(store, container, kind):
    def repeat(request):
        said = {"part": container.token, "create": request.header("authorization").rpartition("=")[2]}[request.kind]
        return fault_proxy.error(403, "SignatureDoesNotMatch", message="you sent " + said)

    store.proxy.fault(kind, times=100, instead=repeat)
    store.hidden.add(container.token)
    _, err = store.pull(check=1, **container.env)
    store.check_none(err, "SignatureDoesNotMatch")


def test_a_bucket_that_vanishes(store):
    store.proxy.fault("part", times=100, before=lambda _: shutil.rmtree(store.gateway.folder + "/data/runs", True))
    _, err = store.pull(check=1)
    os.makedirs(store.gateway.folder + "/data/runs", exist_ok=True)
    store.check_none(err, "NoSuchBucket", "create the bucket")
    store.proxy.clear()
    store.pull(check=0)
    store.check_right()


def test_a_store_that_is_away_for_a_while(store):
    """Longer than five retries take, 15.5 s at most: they are for answers, not for a store that cannot be reached."""
    store.proxy.fault("part", skip=1, before=lambda _: store.proxy.away(17))
    _, err = store.pull(check=0)
    store.check_right()
    assert 1 <= err.count("trying again for 120 s") <= 2, err  # again, if a part arrived in between


class Held:
    """Requests of a kind are held before or after the store gets them, until they are let go."""

    def __init__(self, store, kind, skip=0, when="before"):
        self.came, self.go = threading.Event(), threading.Event()
        store.proxy.fault(kind, skip=skip, times=100, **{when: self.hold})

    def hold(self, _):
        self.came.set()
        self.go.wait(60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_parts_are_sent(store, number):
    held = Held(store, "part", skip=1)
    process = store.start("-v", "-v", "pull", "-o", URL, "tsk_large")
    assert held.came.wait(60)
    process.send_signal(number)
    code, err = store.end(process)
    held.go.set()
    assert code == 128 + number and "stopped by signal %d" % number in err.splitlines()[-1], err
    assert not store.keys()
    assert not store.uploads()  # aborted within the seconds that a stop may take
    store.proxy.clear()
    store.pull(check=0)
    store.check_right()


def kill_at(store, kind, skip, when):
    """Start a pull, and kill it at a request."""
    held = Held(store, kind, skip=skip, when=when)
    process = store.start("pull", "-o", URL, "tsk_large")
    assert held.came.wait(60)
    process.kill()
    process.communicate()
    held.go.set()
    store.proxy.clear()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind, skip", [("create", 0), ("part", 0), ("part", 2), ("complete", 0), ("head", 1)])
def test_killed(store, kind, skip, when):
    """kill -9 at each request, before the store gets it and when the store has answered it."""
    kill_at(store, kind, skip, when)
    time.sleep(0.3)  # what was held reaches the store
    code, err = store.pull()
    if code:  # the archive was complete when the process was killed
        assert kind == "complete" or (kind, skip) == ("head", 1)
        assert "exists: an earlier start has uploaded it completely" in err
    if kind == "part":  # the upload's ID was recorded
        assert "the upload to '%s' that was broken off does not exist any more" % URL in err
    store.check_right()


def test_killed_again_and_again(store):
    for kind, skip in (("part", 0), ("create", 0), ("part", 1), ("part", 2)):
        kill_at(store, kind, skip, "after")
    store.pull(check=0)
    store.check_right()


@pytest.fixture
def archive(store):
    """An archive in the bucket, of which a reader needs several ranges."""
    store.pull(check=0)
    store.proxy.requests.clear()
    return URL


READING = {
    "reset": {"instead": fault_proxy.error(500, "InternalError"), "cut": -1},
    "cut": {"cut": 1000},
    "500": {"instead": fault_proxy.error(500, "InternalError")},
    "503": {"instead": busy(("Retry-After", "1"))},
    "slow": {"piece": 65536},
}


@pytest.mark.parametrize("name", READING)
def test_reading_with_a_fault_that_passes(store, archive, name):
    for skip in (0, 3):
        store.proxy.fault("get", skip=skip, **READING[name])
    store.run("-v", "-v", "verify", archive, check=0)


def whole(answer):
    answer.status = 200
    answer.set("Content-Range", None)


def tagged(tag):
    return lambda answer: answer.set("ETag", tag)


def ranged(text):
    return lambda answer: answer.set("Content-Range", text)


def short(answer):
    answer.body = answer.body[:-1]
    answer.set("Content-Length", str(len(answer.body)))


def test_answers_that_are_not_what_was_asked(store, archive):
    for skip, edit, said in (
            (1, whole, "is not the requested range"),
            (1, tagged('"another"'), "was replaced while it was read"),
            (1, ranged("bytes 0-1/2"), "is not the requested range"),
            (1, ranged("bytes 5-4/3"), "is not the requested range"),
            (1, ranged("nonsense"), "is not the requested range"),
            (1, short, "is not the requested range"),
            (0, ranged("bytes 0-65535/99999999999"), "is not the requested range"),
            (0, ranged("nonsense"), "is not the requested range"),
            (0, short, "is not the requested range")):
        store.proxy.fault("get", skip=skip, times=100, edit=edit)
        _, err = store.run("-v", "-v", "verify", archive, check=1)
        errors = [line for line in err.splitlines() if line.startswith("skyarc: error: ")]
        assert len(errors) == 1 and said in errors[0] and archive in errors[0], err
        store.proxy.clear()


def test_a_store_without_ranges(store, archive):
    """The whole object comes in answer to each range: more than was asked for is not read."""
    data = store.s3.get_object(Bucket="runs", Key="2026/a.tar.zst")["Body"].read()
    store.proxy.fault("get", times=100, instead=fault_proxy.Answer(200, [("ETag", '"x"')], data))
    _, err = store.run("-v", "-v", "verify", archive, check=1)
    errors = [line for line in err.splitlines() if line.startswith("skyarc: error: ")]
    assert len(errors) == 1 and "is not the requested range" in errors[0], err


@pytest.mark.parametrize("command", [["verify", URL], ["extract", URL, "-C", "out"], ["list", URL]])
def test_replaced_while_it_is_read(store, archive, command):
    """Never a mixture of two versions, also if they have the same size."""
    data = store.s3.get_object(Bucket="runs", Key="2026/a.tar.zst")["Body"].read()
    other = bytes(len(data) - 70000) + data[-70000:]
    done = []

    def replace(_):
        if not done:
            done.append(store.s3.put_object(Bucket="runs", Key="2026/a.tar.zst", Body=other))

    store.proxy.fault("get", skip=1, times=100, before=replace)
    code, err = store.run("-v", "-v", *command)
    if not done:  # the end of the archive was enough
        assert code == 0 and command[0] == "list"
        return
    errors = [line for line in err.splitlines() if line.startswith("skyarc: error: ")]
    assert code == 1 and len(errors) == 1 and "was replaced while it was read" in errors[0], err


def test_deleted_while_it_is_read(store, archive):
    store.proxy.fault("get", skip=1, times=100,
                      before=lambda _: store.s3.delete_object(Bucket="runs", Key="2026/a.tar.zst"))
    _, err = store.run("-v", "-v", "verify", archive, check=1)
    errors = [line for line in err.splitlines() if line.startswith("skyarc: error: ")]
    assert len(errors) == 1 and "NoSuchKey" in errors[0] and archive in errors[0], err
