# SPDX-License-Identifier: MIT
"""Eight machines that fail, for a short time: scripts/many."""
import os
import subprocess
import sys

import pytest

import object_store
from conftest import SKYARC

pytestmark = pytest.mark.skipif(not object_store.program(), reason="versitygw is not here: scripts/get-versitygw")
pytest.importorskip("boto3")


def test_eight_machines(tmp_path):
    script = os.path.join(object_store.TOP, "scripts/many")
    done = subprocess.run([sys.executable, "-B", script, "--short", "--skyarc", SKYARC, "--dir", tmp_path], capture_output=True, text=True,
                          timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "| 240 |" in done.stdout
