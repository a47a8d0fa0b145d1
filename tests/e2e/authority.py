# SPDX-License-Identifier: MIT
"""A time-stamping authority (RFC 3161) on loopback: `openssl ts -reply` behind a small server, with its faults."""
import datetime
import os
import subprocess
import threading
import time

from credential_services import Server

CONFIG = """
[ca]
default_ca = own
[own]
database = %(dir)s/index.txt
new_certs_dir = %(dir)s
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamp]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = it
[it]
serial = %(dir)s/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def openssl(*args, stdin=None):
    done = subprocess.run(["openssl", *[str(a) for a in args]], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def day(seconds):
    """A time from now, as `openssl ca` takes it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=seconds)).strftime("%Y%m%d%H%M%SZ")


class Authority(Server):
    """url is its address, ca the file of its root certificate; between: another certificate issues its signer's, and is
    in the responses if `told`."""

    def __init__(self, folder, name="tsa", ends=86400, begins=-86400, between=False, told=False):
        self.dir = folder / name
        self.dir.mkdir()
        self.name = name
        (self.dir / "index.txt").write_text("")
        (self.dir / "serial").write_text("01\n")
        self.config = self.dir / "openssl.cnf"
        self.config.write_text(CONFIG % {"dir": self.dir})
        self.ca = self.dir / "root.pem"
        self._certificate("root", "root", -10 * 86400, 10 * 86400)
        self.issuer = "root"
        if between:
            self._certificate("between", "root", -10 * 86400, 10 * 86400)
            self.issuer = "between"
        self.between = self.dir / "between.pem"
        self.chain = ["-chain", self.between] if told else []
        self._certificate("signer", "stamp", begins, ends)
        self.fault = None
        self.requests = 0
        self.lock = threading.Lock()  # for the file of serial numbers
        self.ended = threading.Event()
        super().__init__()

    def _certificate(self, what, extensions, begins, ends):
        key, request, cert = (self.dir / ("%s.%s" % (what, end)) for end in ("key", "csr", "pem"))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                "-out", request, "-subj", "/CN=%s %s" % (self.name, what))
        root = ["-selfsign", "-keyfile", key] if what == "root" else [
            "-keyfile", self.dir / (self.issuer + ".key"), "-cert", self.dir / (self.issuer + ".pem")]
        openssl("ca", "-batch", "-notext", "-config", self.config, "-extensions", extensions, "-startdate", day(begins),
                "-enddate", day(ends), "-in", request, "-out", cert, *root)

    def response(self, query):
        with self.lock:
            (self.dir / "query").write_bytes(query)
            openssl("ts", "-reply", "-config", self.config, "-section", "it", "-queryfile", self.dir / "query",
                    "-signer", self.dir / "signer.pem", "-inkey", self.dir / "signer.key", *self.chain,
                    "-out", self.dir / "response")
            return (self.dir / "response").read_bytes()

    def other(self, query, *options):
        """The response to another request: of another digest, or with another nonce."""
        digest = query[query.index(b"\x04\x20") + 2:][:32].hex()
        if "digest" in options:
            digest = os.urandom(32).hex()
        return self.response(openssl("ts", "-query", "-digest", digest, "-sha256", "-cert",
                                     *(["-no_nonce"] if "no_nonce" in options else [])))

    def serve(self, handler):
        query = handler.rfile.read(int(handler.headers["Content-Length"]))
        assert handler.command == "POST" and handler.headers["Content-Type"] == "application/timestamp-query"
        assert "x-api-key" not in handler.headers
        self.requests += 1
        fault = self.fault
        if fault == "silent":
            self.ended.wait(60)
            return
        if fault == "moved":
            handler.reply(302, "", Location=self.url)
            return
        if fault == "busy":
            handler.reply(503, "later")
            return
        body = {"digest": lambda: self.other(query, "digest"), "nonce": lambda: self.other(query),
                "no nonce": lambda: self.other(query, "no_nonce"), "garbage": lambda: os.urandom(500),
                "empty": lambda: b"", "refusal": lambda: self.response(b"\x30\x03\x02\x01\x01"),
                "tail": lambda: self.response(query) + b"x", "page": lambda: b"<html>please log in</html>",
                "large": lambda: b"\x30" * 300000}.get(fault, lambda: self.response(query))()
        if fault == "flipped":
            body = body[:-20] + bytes([body[-20] ^ 1]) + body[-19:]
        handler.reply(200, body, Content_Type="application/timestamp-reply")

    def close(self):
        self.ended.set()
        super().close()


def wait_for_end(began, seconds):
    """Wait until some seconds after a time of time.monotonic have passed."""
    time.sleep(max(0.0, began + seconds - time.monotonic()))
