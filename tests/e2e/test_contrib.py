# SPDX-License-Identifier: MIT
"""The units of systemd: their restrictions."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from conftest import SKYARC

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


@pytest.fixture
def installed(tmp_path):
    """The documents and examples, as `make install` installs them; the prefix of the program."""
    build = os.path.dirname(SKYARC)
    if not os.path.isfile(build + "/Makefile"):
        pytest.skip("the program is not in a build directory")
    prefix = "/opt/of/ours"
    subprocess.run(["make", "-s", "install-data", "prefix=" + prefix, "DESTDIR=%s" % tmp_path,
                    "docdir=" + prefix + "/doc"], cwd=build, check=True, stdout=subprocess.DEVNULL)
    return tmp_path / "opt/of/ours/doc"


def test_links_lead_to_what_is_installed(installed):
    names = [p for p in installed.rglob("*.md")]
    assert (installed / "LICENSE").is_file() and installed / "README.md" in names
    for name in names:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", name.read_text()):
            assert (name.parent / link).exists(), (name, link)


def test_examples_have_the_real_path(installed):
    """What is made has the path that configure was told, as in the file of the build."""
    made = {p.name: p.read_text() for p in (installed / "contrib").iterdir()}
    assert set(made) == {os.path.basename(p) for p in glob.glob(CONTRIB + "*")}
    with open(os.path.dirname(SKYARC) + "/Makefile", encoding="utf-8") as file:
        (prefix,) = re.findall(r"^prefix = (.*)$", file.read(), re.M)
    for name in ("skyarc-listen.service", "skyarc-sync.service"):
        assert "ExecStart=%s/bin/skyarc " % prefix in made[name]
    assert made["skyarc.cron"].count("  skyarc  %s/bin/skyarc " % prefix) == 2
