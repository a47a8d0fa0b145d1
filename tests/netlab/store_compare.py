# SPDX-License-Identifier: MIT
"""How long skyarc takes over a link to a store, and how long other programs take for the same bytes, in turns.

Of an upload: what `pull -o s3://...` takes longer than the same pull to the local disk. Of reading: `verify s3://...`,
which reads and checks every byte, against programs that only store them.
"""
import os
import statistics
import subprocess
import sys
import time

from .store_cases import LINKS, MB, RUN
from .store_site import BUCKET, DIES, Site

SIZES = {"1 Gbit/s": 200 * MB, "100 Mbit/s": 100 * MB, "100 Mbit/s, 150 ms": 100 * MB, "10 Mbit/s, 1 % lost": 24 * MB}
BOTO = """
import boto3, os, sys
from botocore.config import Config
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=Config(s3={"addressing_style": "path"}))
if sys.argv[1] == "up":
    s3.upload_file(sys.argv[2], "%s", sys.argv[3])
else:
    s3.download_file("%s", sys.argv[3], sys.argv[2])
""" % (BUCKET, BUCKET)
RCLONE = {"RCLONE_CONFIG_STORE_TYPE": "s3", "RCLONE_CONFIG_STORE_PROVIDER": "Other", "RCLONE_CONFIG_STORE_ENV_AUTH": "true",
          "RCLONE_CONFIG_STORE_FORCE_PATH_STYLE": "true", "RCLONE_S3_NO_CHECK_BUCKET": "true"}


def has_rclone():
    return any(os.access(path + "/rclone", os.X_OK) for path in os.environ["PATH"].split(":"))


class Lap:
    """The programs, and the seconds that each took."""

    def __init__(self, site, skyarc):
        self.site, self.skyarc = site, skyarc
        self.env = dict(site.env, **RCLONE, RCLONE_CONFIG_STORE_ENDPOINT=site.env["AWS_ENDPOINT_URL"],
                        AWS_DEFAULT_REGION=site.env["AWS_REGION"])

    def time(self, *command):
        begin = time.monotonic()
        subprocess.run(DIES + list(command), env=self.env, cwd=self.site.folder, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - begin

    def pull(self, out):
        return self.time(self.skyarc, "pull", "-q", "-f", "-o", out, RUN)

    def boto(self, way):
        return self.time(sys.executable, "-c", BOTO, way, "local.tar.zst" if way == "up" else "back", "boto")

    def rclone(self, way):
        there = "store:%s/rclone" % BUCKET
        return self.time("rclone", "copyto", "-q", *(("local.tar.zst", there) if way == "up" else (there, "back2")))


def run(name, skyarc, tools, folder, seed, rounds=3):
    """Compare over one of LINKS; returns (name, rows of seconds by program)."""
    site = Site(tools, folder, dict(LINKS[name], seed=seed))
    try:
        site.add_run(RUN, [SIZES[name] // 4] * 4, seed)
        lap = Lap(site, skyarc)
        seconds = {}
        for _ in range(rounds):
            local = lap.pull("local.tar.zst")
            laps = {"upload skyarc": lap.pull("s3://%s/skyarc.tar.zst" % BUCKET) - local, "upload boto3": lap.boto("up")}
            laps["read skyarc"] = lap.time(skyarc, "verify", "-q", "s3://%s/skyarc.tar.zst" % BUCKET)
            laps["read boto3"] = lap.boto("down")
            if has_rclone():
                laps["upload rclone"], laps["read rclone"] = lap.rclone("up"), lap.rclone("down")
            for who, took in laps.items():
                seconds.setdefault(who, []).append(took)
        return name, {who: statistics.median(some) for who, some in seconds.items()}
    finally:
        site.kill_gateway()


def table(results):
    """Ratios, of the medians: above 1, skyarc was faster."""
    lines = ["| link | uploading: boto3 / skyarc | rclone / skyarc | reading: boto3 / skyarc | rclone / skyarc |", "|---|---|---|---|---|"]
    for name, took in results:
        lines.append("| %s | %s |" % (name, " | ".join(
            "%.2f" % (took["%s %s" % (what, who)] / took[what + " skyarc"]) if "%s %s" % (what, who) in took else "-"
            for what in ("upload", "read") for who in ("boto3", "rclone"))))
    return "\n".join(lines)
