# SPDX-License-Identifier: MIT
"""An S3 gateway that somebody else wrote, as the store of a test: versitygw."""
import contextlib
import os
import shutil
import socket
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEY, SECRET = "AKIATESTTESTTESTTEST", "secret/of+the=tests/0123456789abcdefghij"
REGION = "us-east-1"


def program():
    """The gateway's program; None: it could not be built here (scripts/get-versitygw)."""
    found = TOP + "/build-tools/versitygw"
    return found if os.access(found, os.X_OK) else shutil.which("versitygw")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def sign(request, headers):
    """What botocore says of a request (fault_proxy.Request) with these headers: its Authorization."""
    from botocore.auth import S3SigV4Auth  # pylint: disable=import-outside-toplevel
    from botocore.awsrequest import AWSRequest  # pylint: disable=import-outside-toplevel
    from botocore.credentials import Credentials  # pylint: disable=import-outside-toplevel
    auth = S3SigV4Auth(Credentials(KEY, SECRET), "s3", REGION)
    asked = AWSRequest(request.method, "http://%s%s" % (request.header("host"), request.target), headers=headers)
    asked.context["timestamp"] = headers["x-amz-date"]
    signature = auth.signature(auth.string_to_sign(asked, auth.canonical_request(asked)), asked)
    return "AWS4-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s" % (
        auth.scope(asked), auth.signed_headers(auth.headers_to_sign(asked)), signature)


class Gateway:
    """A running gateway, with a bucket; several may share a folder."""

    def __init__(self, folder, region=REGION, bucket="runs", cert=None, key=None):
        self.folder, self.region, self.bucket = str(folder), region, bucket
        for name in ("data", "versions", "iam"):
            os.makedirs(self.folder + "/" + name, exist_ok=True)
        os.makedirs(self.folder + "/data/" + bucket, exist_ok=True)
        self.port = free_port()
        self.url = "%s://127.0.0.1:%d" % ("https" if cert else "http", self.port)
        self.process = subprocess.Popen(
            [program(), "--quiet", "--port", "127.0.0.1:%d" % self.port, "--region", region,
             *(["--cert", cert, "--key", key] if cert else []), "--iam-dir", self.folder + "/iam", "posix", "--versioning-dir", self.folder + "/versions", self.folder + "/data"],
            env={"PATH": os.environ["PATH"], "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, "the gateway does not start"
                time.sleep(0.05)

    def close(self):
        self.process.terminate()
        self.process.wait(20)

    def env(self, **more):
        """What a program needs to reach the store."""
        return dict({"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": self.region,
                     "AWS_ENDPOINT_URL": self.url}, **more)

    def client(self):
        """boto3, which shares no line with what it reads."""
        import boto3  # pylint: disable=import-outside-toplevel
        from botocore.config import Config  # pylint: disable=import-outside-toplevel
        return boto3.client("s3", endpoint_url=self.url, region_name=self.region, aws_access_key_id=KEY,
                            aws_secret_access_key=SECRET, config=Config(s3={"addressing_style": "path"}))


@contextlib.contextmanager
def moto(home):
    """The port of a moto server, which is ended afterwards."""
    port = free_port()
    with subprocess.Popen(["moto_server", "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "HOME": str(home)}) as server:
        try:
            end = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert server.poll() is None and time.monotonic() < end, "moto does not start"
                    time.sleep(0.05)
            yield port
        finally:
            server.terminate()
            server.wait(20)
