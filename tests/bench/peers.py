# SPDX-License-Identifier: MIT
"""The commands that are compared: skyarc, and the tools that people would use instead."""
import hashlib
import os
import shlex
import subprocess
import tarfile

from netlab import check

from . import texts

PACKAGES = {"nginx": "nginx-light", "bsdtar": "libarchive-tools", "aria2c": "aria2", "curl": "curl", "zstd": "zstd",
            "tc": "iproute2", "ip": "iproute2", "setpriv": "util-linux", "unshare": "util-linux", "cc": "gcc",
            "openssl": "openssl"}
HERE = os.path.dirname(os.path.abspath(__file__))
BARE, SKYARC, PLAIN = "bare curl to /dev/null", "skyarc", "skyarc --no-report"
AIOHTTP, AUDIT = "aiohttp + tarfile + zstd", "the same, hashing as skyarc does"
CURL, ARIA = "curl + tar --zstd", "aria2c + tar --zstd"
# What a peer leaves out that skyarc does; nobody leaves out the verification of TLS certificates.
SKIPS = {BARE: "all but the download", CURL: "fsync, hashes", ARIA: "fsync, hashes", AIOHTTP: "fsync, hashes",
         AUDIT: "fsync"}
HTTP1 = {ARIA, AIOHTTP, AUDIT}  # have no HTTP/2: use HTTP/1.1 over TLS where the others use HTTP/2
TAR_ALL, TAR_TEXT = "tar, zstd -3", "tar, zstd -3, text only"
# The same without compression: what they take less is the time of compressing.
PULL_ONLY, TAR_ONLY = "to a .tar: skyarc --no-report", "to a .tar: tar, text only"
PEERS = [CURL, ARIA, AIOHTTP]  # these compute no hashes


def skipped(name, http2):
    """What a candidate leaves out, as a cell of a table."""
    words = [SKIPS[name]] if name in SKIPS else []
    return ", ".join(words + ["HTTP/2"] * (http2 and name in HTTP1))


def pull(skyarc, at, runs, *options):
    """The command with which a skyarc writes out.tar.zst; at: an Opened link."""
    words = [skyarc, "pull", "--base-url", at.base, "-q", "-o", "out.tar.zst", *options]
    if at.ca:
        words += ["--ca-file", at.ca]
    return shlex.join(words + list(runs))


def fixed(jobs):
    return "skyarc -j %d" % jobs


def write_lists(work, urls):
    """The lists of URLs in the form that each peer reads."""
    with open(work + "/urls", "w", encoding="ascii") as file:
        file.write("\n".join(urls) + "\n")
    with open(work + "/curl", "w", encoding="ascii") as file:
        file.writelines('url = "%s"\noutput = "files/%d"\n' % (url, i) for i, url in enumerate(urls))
    with open(work + "/null", "w", encoding="ascii") as file:
        file.writelines('url = "%s"\noutput = "/dev/null"\n' % url for url in urls)
    with open(work + "/aria", "w", encoding="ascii") as file:
        file.writelines("%s\n  out=%d\n" % (url, i) for i, url in enumerate(urls))


def commands(work, at, audit):
    """Name -> command of the bare download and of each peer; needs `write_lists`.

    Their numbers of transfers at a time are those of the link; audit: with the peer that hashes, too.
    """
    jobs = at.kind.jobs
    curl = "curl --parallel --parallel-max %d --no-progress-meter --fail" + (
        " --http2 --cacert %s" % at.ca if at.ca else "")
    aria = "aria2c -q -i ../aria -d files -j %d -x 1 --file-allocation=none" % jobs + (
        " --ca-certificate=%s" % at.ca if at.ca else "")
    python = "/usr/bin/python3 -B %s ../urls out.tar.zst %d %s" % (
        shlex.quote(HERE + "/peer_aiohttp.py"), jobs, at.ca or "-")
    some = {
        BARE: curl % at.kind.floor + " -K ../null",
        CURL: "mkdir files && " + curl % jobs + " -K ../curl && tar --zstd -cf out.tar.zst files",
        ARIA: aria + " && tar --zstd -cf out.tar.zst files",
        AIOHTTP: python,
    }
    if audit:
        some[AUDIT] = python + " audit"
    return some


def install():
    """Install by apt the tools and pages that are missing."""
    missing = {package for tool, package in PACKAGES.items()
               if not any(os.path.exists(os.path.join(folder, tool))
                          for folder in os.environ["PATH"].split(":") + ["/usr/sbin", "/sbin"])}
    missing |= {"python3-" + module for module in ("aiohttp", "zstandard") if subprocess.run(
        ["/usr/bin/python3", "-c", "import " + module], stderr=subprocess.DEVNULL, check=False).returncode}
    missing |= {package for package in texts.absent() if subprocess.run(
        ["dpkg", "-s", package], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode}
    if missing:
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run(sudo + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq",
                               "--no-install-recommends", *sorted(missing)],
                       check=True, stdout=subprocess.DEVNULL)


def differences(name, archive, served):
    """The differences between a candidate's archive and the files served, in the order of the URLs."""
    if name == BARE:
        return []
    if name.startswith(SKYARC):
        return check.differences(archive, served)
    found = {}
    try:
        with subprocess.Popen(["zstd", "-dcq", archive], stdout=subprocess.PIPE) as zstd:
            with tarfile.open(fileobj=zstd.stdout, mode="r|") as tar:
                for member in tar:
                    if member.isreg():
                        found[os.path.basename(member.name)] = hashlib.sha256(tar.extractfile(member).read()).hexdigest()
    except (OSError, tarfile.TarError) as error:
        return ["cannot be read: %r" % error]
    return ["%d is %s" % (i, "not what was served" if str(i) in found else "missing")
            for i, file in enumerate(served) if found.get(str(i)) != file.sha256]
