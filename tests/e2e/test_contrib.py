# SPDX-License-Identifier: MIT
"""The units of systemd: their restrictions."""
import glob
import os
import pathlib
import re
import shutil
import subprocess
import time

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


@pytest.fixture
def nightly(env, tmp_path):
    """Start contrib/nightly.sh as contrib/compose.yaml does."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/skyarc").symlink_to(SKYARC)
    (tmp_path / "archive").mkdir()

    def start(**more):
        return subprocess.Popen([CONTRIB + "nightly.sh"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(
            env, PATH="%s:%s" % (tmp_path / "bin", env["PATH"]), SYNC_DEST=str(tmp_path / "archive"), **more))

    return start


def healthy(folder):
    """The result of the compose file's health check, with another folder."""
    with open(CONTRIB + "compose.yaml", encoding="utf-8") as file:
        (test,) = re.findall(r'test: \["CMD-SHELL", "(.*)"\]', file.read())
    test = test.replace("$$", "$").replace("/archive", str(folder))
    return subprocess.run(["sh", "-c", test], check=False).returncode == 0


def test_a_night_in_a_container(nightly, tmp_path):
    assert healthy(tmp_path / "archive")  # before the first night
    night = nightly(SYNC_ONCE="1")
    assert night.wait(60) == 0, night.stdout.read()
    assert list((tmp_path / "archive").rglob("skyarc-*.tar.zst")) and healthy(tmp_path / "archive")
    assert "skyarc_sync_success 1" in (tmp_path / "archive/metrics/skyarc.prom").read_text()
    night = nightly(SYNC_ONCE="1", SKYVERN_API_KEY="wrong")
    assert night.wait(60) == 1 and not healthy(tmp_path / "archive")
    assert "skyarc_sync_success 0" in (tmp_path / "archive/metrics/skyarc.prom").read_text()


def test_a_container_stops_at_once(nightly):
    """The signal is not left for the end of the sleep until the night."""
    for hour in ("0", "12"):
        night = nightly(SYNC_HOUR=hour)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with open("/proc/%d/task/%d/children" % (night.pid, night.pid), encoding="ascii") as file:
                if any(pathlib.Path("/proc/%s/comm" % child).read_text() == "sleep\n" for child in file.read().split()):
                    break
            time.sleep(0.02)
        night.terminate()
        assert night.wait(5) == 143


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
