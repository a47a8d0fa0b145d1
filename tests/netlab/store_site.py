# SPDX-License-Identifier: MIT
"""An object store at the far end of a link, and at the near end an emulated service and the program.

The link is wire.c: two network namespaces, and packets that are delayed, limited and lost between them. versitygw
is in the far one, and before it, if faults are wanted, the fault proxy of the end-to-end tests. A site belongs to a
process of its own, which it moves into a namespace; all its programs are killed with it.
"""
import concurrent.futures
import ctypes
import os
import signal
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
for _path in (TESTS, TESTS + "/e2e"):
    if _path not in sys.path:
        sys.path.append(_path)

import credential_services  # noqa: E402
import fault_proxy  # noqa: E402
import object_store  # noqa: E402
from emulator import corpus, media, server  # noqa: E402

HERE = TESTS + "/netlab"
DIES = ["setpriv", "--pdeathsig", "KILL"]
NEWNET = 0x40000000
FAR = "10.99.0.2"
PORT = 7070
BUCKET = "runs"
libc = ctypes.CDLL(None, use_errno=True)


def build(folder):
    """Compile the link, and the library that changes a program's clock."""
    for name, source, more in (("wire", HERE + "/wire.c", []),
                               ("clock.so", TESTS + "/torture/shim.c", ["-shared", "-fPIC", "-ldl"])):
        subprocess.run([os.environ.get("CC", "cc").split()[-1], "-O2", "-o", folder + "/" + name, source, *more],
                       check=True, env=dict(os.environ, TMPDIR=folder))


def refused():
    """Why there can be no site on this machine; None: there can."""
    for tool in ("ip", "setpriv", "unshare", "nsenter"):
        if not any(os.access(path + "/" + tool, os.X_OK) for path in os.environ["PATH"].split(":") + ["/usr/sbin", "/sbin"]):
            return "%s is not there" % tool
    if not object_store.program():
        return "versitygw is not there: scripts/get-versitygw"
    try:
        import boto3  # noqa: F401  pylint: disable=import-outside-toplevel,unused-import
    except ImportError:
        return "boto3 is not there"
    done = subprocess.run(["unshare", "--net", "sh", "-c", "ip tuntap add wire mode tun"], capture_output=True, check=False)
    return "no TUN devices in namespaces" if done.returncode else None


def _enter(path):
    with open(path, "rb") as namespace:
        if libc.setns(namespace.fileno(), NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


class Site:
    """link: options of wire.c by their names; tools: the folder of build()."""

    def __init__(self, tools, folder, link):
        self.tools, self.folder = tools, folder
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        os.makedirs(folder, exist_ok=True)
        for name in ("data/" + BUCKET, "versions", "iam", "home"):
            os.makedirs(folder + "/" + name)
        if libc.unshare(NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        self.wire = subprocess.Popen([*DIES, tools + "/wire", *(word for name, value in link.items()
                                                               for word in ("--" + name, str(value)))],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.wire.stdout.readline() != b"ready\n":
            raise OSError("the link does not start")
        self.far = "/proc/%d/ns/net" % self.wire.pid
        self.there = concurrent.futures.ThreadPoolExecutor(1, initializer=_enter, initargs=(self.far,))
        self.keeper = concurrent.futures.ThreadPoolExecutor(1)  # setpriv's signal comes when a thread ends
        self.gateway = None
        self.start_gateway()
        self.proxy = self.there.submit(fault_proxy.Proxy, PORT, object_store.sign, FAR).result()
        self.s3 = self.there.submit(self._client).result()
        self.service = None
        (self.api, _), _ = server.start()
        server.STATE.runs.clear()
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("AWS_", "SKYVERN_", "SKYARC_", "XDG_")) and not k.lower().endswith("_proxy")}
        self.env.update(SKYVERN_API_KEY=server.KEY, SKYVERN_BASE_URL=self.api, HOME=folder + "/home", TMPDIR=folder,
                        AWS_ACCESS_KEY_ID=object_store.KEY, AWS_SECRET_ACCESS_KEY=object_store.SECRET,
                        AWS_REGION=object_store.REGION, AWS_EC2_METADATA_DISABLED="true",
                        AWS_ENDPOINT_URL="http://%s:%d" % (FAR, PORT))

    @staticmethod
    def _client():
        import boto3  # pylint: disable=import-outside-toplevel
        from botocore.config import Config  # pylint: disable=import-outside-toplevel
        return boto3.client("s3", endpoint_url="http://127.0.0.1:%d" % PORT, region_name=object_store.REGION,
                            aws_access_key_id=object_store.KEY, aws_secret_access_key=object_store.SECRET,
                            config=Config(s3={"addressing_style": "path"}, proxies={}, retries={"max_attempts": 5}))

    def start_gateway(self):
        self.gateway = self.keeper.submit(
            subprocess.Popen,
            ["nsenter", "--net=" + self.far, *DIES, object_store.program(), "--quiet", "--port", "127.0.0.1:%d" % PORT,
             "--port", "%s:%d" % (FAR, PORT), "--region", object_store.REGION, "--iam-dir", self.folder + "/iam",
             "posix", "--versioning-dir", self.folder + "/versions", self.folder + "/data"],
            env={"PATH": os.environ["PATH"], "ROOT_ACCESS_KEY": object_store.KEY, "ROOT_SECRET_KEY": object_store.SECRET},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).result()
        end = time.monotonic() + 60
        while self.there.submit(self._connects).result():
            if self.gateway.poll() is not None or time.monotonic() > end:
                raise OSError("the gateway does not start")
            time.sleep(0.05)

    @staticmethod
    def _connects():
        import socket  # pylint: disable=import-outside-toplevel
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", PORT))

    def kill_gateway(self):
        self.gateway.kill()
        self.gateway.wait()

    def tell(self, word):
        """Say "up", "down" or "open" to the link."""
        self.wire.stdin.write(word.encode() + b"\n")
        self.wire.stdin.flush()
        time.sleep(0.01)  # it reads one line at a time

    def sent(self):
        """The bytes that the link carried to the store."""
        self.tell("bytes")
        return int(self.wire.stdout.readline())

    def store(self, name, **more):
        """Call boto3 at the far end, not over the link."""
        return self.there.submit(lambda: getattr(self.s3, name)(Bucket=BUCKET, **more)).result()

    def body(self, key):
        """An object whole: its bytes, and the SHA-256 in its metadata."""
        def get():
            found = self.s3.get_object(Bucket=BUCKET, Key=key)
            return found["Body"].read(), found["Metadata"].get("sha256")

        return self.there.submit(get).result()

    def through_proxy(self):
        self.env["AWS_ENDPOINT_URL"] = self.proxy.url

    def keys_from(self, where, session):
        """Give keys with a session token by the metadata service of a container or an instance."""
        self.service = credential_services.Service()
        self.service.session = session
        self.env.update(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EC2_METADATA_DISABLED="")
        self.env.update({"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.service.url + "/keys"} if where == "container"
                        else {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.service.url + "/"})

    def add_run(self, ident, sizes, seed):
        """A run that has ended, with recordings of these sizes, and a text."""
        rows = [corpus.Artifact("%s_%d" % (ident, i), "recording", media.webm(size, seed + i), "webm", signing="s3")
                for i, size in enumerate(sizes)]
        rows.append(corpus.Artifact(ident + "_text", "html", b"<p>%s</p>" % ident.encode() * 200, "html", signing="s3"))
        ended = time.time() - 90000
        server.STATE.runs[ident] = corpus.Run(ident, rows, **{name: time.strftime(
            "%Y-%m-%dT%H:%M:%S.000001", time.gmtime(ended - ago)) for name, ago in (("finished_at", 0), ("created_at", 60))})

    @staticmethod
    def truth(ident):
        """The bytes of a run's artifacts, by their IDs."""
        return {artifact.id: artifact.data for artifact in server.STATE.runs[ident].artifacts}

    @staticmethod
    def memory(pid):
        """The peak memory of a running program since its last exec; 0: it has ended."""
        try:
            with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as file:
                return next((int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:")), 0)
        except OSError:
            return 0

    def run(self, command, limit, **more):
        """Run a program; returns (exit status or None: it hangs, standard error, seconds, peak memory in bytes)."""
        begin = time.monotonic()
        with open(self.folder + "/stderr", "w+b") as err:
            process = subprocess.Popen(DIES + command, env=dict(self.env, **more), cwd=self.folder, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=err)
            peak = 0  # not by wait4, which counts also what this process had when it forked
            time.sleep(0.1)  # until it is the program
            while process.poll() is None and time.monotonic() < begin + limit:
                peak = max(peak, self.memory(process.pid))
                time.sleep(0.02)
            status = process.poll()
            if status is None:
                process.send_signal(signal.SIGUSR1)
                time.sleep(1.5)
                process.kill()
                process.wait()
            err.seek(0)
            return status, err.read().decode(errors="replace"), time.monotonic() - begin, peak

    def mend(self):
        """End all faults: what comes now must succeed."""
        self.tell("open")
        self.proxy.clear()
        os.makedirs(self.folder + "/data/" + BUCKET, exist_ok=True)
        if self.gateway.poll() is not None:
            self.start_gateway()
