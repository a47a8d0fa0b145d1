# SPDX-License-Identifier: MIT
"""Signatures of requests to object stores: botocore, which shares no line with ours, makes the same ones."""
import datetime
import hashlib
import os
import random
import subprocess
import urllib.parse

import pytest

from conftest import SKYARC

pytest.importorskip("botocore")
from botocore.auth import S3SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

SIGN = os.path.dirname(SKYARC) + "/tests/signer/sign"
pytestmark = pytest.mark.skipif(not os.access(SIGN, os.X_OK), reason="tests/signer/sign is not here: make check-build")

ENDPOINTS = ["", "", "https://storage.example.com", "https://storage.example.com:443", "http://127.0.0.1:7070",
             "http://storage.example.com:80", "https://storage.example.com:9000/under/a/path/", "http://[::1]:7070"]
REGIONS = ["us-east-1", "eu-central-1", "cn-north-1", "auto", "garage"]
NAMES = ["prefix", "list-type", "uploads", "partNumber", "uploadId", "delimiter", "x-id", "X-Id", "x", "xx", "x-", "a b",
         "versionId", "continuation-token", "key-marker"]
HEADERS = ["range", "if-match", "if-none-match", "content-md5", "content-type", "cache-control", "x-amz-meta-sha256",
           "x-amz-meta-sha", "x-amz-meta-sha256-2", "x-amz-meta-b_c", "x-amz-meta-b.c", "x-amz-checksum-sha256",
           "x-amz-storage-class", "x-amz-object-lock-mode", "x-amz-acl", "X-Amz-Meta-Upper"]
PIECES = ["a", "B", "9", "-", ".", "_", "~", "/", " ", "  ", "+", "%", "%2F", "%zz", "&", "=", "==", "?", "#", ";", ":", "@",
          "!", "$", "'", "(", ")", "*", ",", "[", "]", "{", "}", "|", "\\", "^", "`", "\"", "<", ">", "\x01", "\x7f", "é",
          "Ü", "日本", "🎈", "…", "A"]


def text(rng, most=12):
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(most)))


def visible(rng):
    return "".join(rng.choice("abcXYZ019 -_.:,;=\"'/+*?()%&~") for _ in range(rng.randrange(30)))


class Request:
    """A request that the seed determines."""

    def __init__(self, seed):
        rng = random.Random(seed)
        self.method = rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"])
        self.endpoint = rng.choice(ENDPOINTS)
        self.bucket = rng.choice(["runs", "my-bucket-0", "dotted.bucket.name", "Old_Bucket"])
        can_be_host = "[" not in self.endpoint and "_" not in self.bucket
        self.style = rng.choice(["path", "virtual", "auto"] if can_be_host else ["path", "auto"])
        self.key = text(rng, 30).lstrip("/")
        self.raw = self.key.encode()
        if rng.random() < 0.3:  # no UTF-8
            self.raw += bytes(rng.randrange(128, 256) for _ in range(rng.randrange(6)))
        self.region = rng.choice(REGIONS)
        self.id, self.secret = visible(rng).replace(" ", "") or "A", visible(rng) or "s"
        self.time = rng.randrange(946684800, 4102444800)
        self.payload = rng.choice([hashlib.sha256(b"").hexdigest(), hashlib.sha256(str(seed).encode()).hexdigest(),
                                   "UNSIGNED-PAYLOAD"])
        self.query = [(rng.choice(NAMES), text(rng)) for _ in range(rng.choice([0, 0, 1, 2, 3, 9]))]
        self.headers = {name: visible(rng) for name in rng.sample(HEADERS, rng.randrange(8))}
        stamp = datetime.datetime.fromtimestamp(self.time, datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        self.stamp = stamp
        self.headers.update({"x-amz-date": stamp, "x-amz-content-sha256": self.payload})
        if rng.random() < 0.4:
            self.headers["x-amz-security-token"] = "".join(rng.choice("abcDEF012/+=") for _ in range(rng.randrange(1, 900)))
        self.lines = [name + rng.choice([":", ": ", ":  "]) + value for name, value in self.headers.items()]
        rng.shuffle(self.lines)

    def line(self):
        fields = [self.method, self.endpoint, self.style, self.bucket, self.raw, self.region, "s3", self.id, self.secret,
                  str(self.time * 1000), self.payload, str(len(self.query))]
        for pair in self.query:
            fields += pair
        fields += [str(len(self.lines)), *self.lines]
        return b" ".join((f if isinstance(f, bytes) else f.encode()).hex().encode() or b"-" for f in fields) + b"\n"

    def by_botocore(self, url):
        """What botocore says, for the URL that is sent."""
        auth = S3SigV4Auth(Credentials(self.id, self.secret, self.headers.get("x-amz-security-token")), "s3", self.region)
        request = AWSRequest(self.method, url, headers=self.headers)
        request.context["timestamp"] = self.stamp
        signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        return "AWS4-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s" % (
            auth.scope(request), auth.signed_headers(auth.headers_to_sign(request)), signature)


def signed(requests):
    done = subprocess.run([SIGN], input=b"".join(request.line() for request in requests), capture_output=True, check=True)
    answers = done.stdout.decode().split("\n")
    assert answers.pop() == "" and len(answers) == len(requests)
    return [answer.split("\t") for answer in answers]


def test_signatures_are_botocores():
    requests = [Request(seed) for seed in range(6000)]
    for seed, (request, (url, _, value)) in enumerate(zip(requests, signed(requests))):
        assert value == request.by_botocore(url), "seed %d: %s" % (seed, url)


def test_urls_name_what_was_meant():
    requests = [Request(seed) for seed in range(6000, 8000)]
    for request, (url, host, _) in zip(requests, signed(requests)):
        parts = urllib.parse.urlsplit(url)
        there = urllib.parse.unquote_to_bytes(parts.path)
        assert there.endswith(b"/" + request.raw) or not request.raw
        assert urllib.parse.parse_qsl(parts.query, keep_blank_values=True) == request.query
        virtual = parts.hostname.startswith(request.bucket.lower() + ".")
        assert virtual or b"/" + request.bucket.encode() in there
        assert host == parts.netloc.removesuffix(":443" if parts.scheme == "https" else ":80")


def test_another_secret_is_another_signature():
    """The comparison can fail."""
    request = Request(1)
    (url, _, value), = signed([request])
    request.secret += "x"
    assert value != request.by_botocore(url)
