# SPDX-License-Identifier: MIT
"""The units of systemd: how much they leave open."""
import glob
import os
import re
import shutil
import subprocess

import pytest

CONTRIB = os.path.dirname(os.path.abspath(__file__)) + "/../../contrib/"
SERVICES = sorted(glob.glob(CONTRIB + "*.service"))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", SERVICES, ids=os.path.basename)
def test_exposure(unit):
    """1.1 of 10: the network, and a device of the TPM, are what is left."""
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=15", unit],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    if "Unknown command" in done.stdout or "unrecognized option" in done.stdout:
        pytest.skip("systemd-analyze is too old")
    assert done.returncode == 0, done.stdout


def test_what_the_receiver_needs():
    """Its own directory, and descriptors enough."""
    with open(CONTRIB + "skyarc-listen.service", encoding="utf-8") as file:
        text = file.read()
    (state,) = re.findall(r"^StateDirectory=(\S+)$", text, re.M)
    assert "--dest /var/lib/%s " % state in text and "TMPDIR=/var/lib/%s\n" % state in text
    with open(CONTRIB + "skyarc-sync.service", encoding="utf-8") as file:
        assert "StateDirectory=%s\n" % state not in file.read()  # each has a user of its own
    assert int(re.search(r"^LimitNOFILE=(\d+)$", text, re.M).group(1)) >= 4096
