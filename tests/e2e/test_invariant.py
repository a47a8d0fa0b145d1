# SPDX-License-Identifier: MIT
"""The judge of scripts/invariant: it finds each false claim of a program, and none of skyarc's."""
import json
import os
import subprocess
import sys

import pytest

from conftest import SKYARC, TESTS

PULLS = [0, 4, 6, 19]  # seeds that kill are left out: the liar would be killed, and skyarc not

# liar.py's function: (a finding that contains this, seeds of master seed 3)
LIARS = {
    "success": ("exit 0, and missing", [6, 7]),
    "wrong_bytes": ("has wrong bytes", PULLS),
    "second_copy": ("has wrong bytes", PULLS),
    "noted": ("has wrong bytes", PULLS),
    "dropped": ("is neither there nor missing", PULLS),
    "run_dropped": ("tsk_", PULLS),
    "record_changed": ("is not what the service said", PULLS),
    "list_changed": ("a row of the list of", PULLS),
    "all_safe": ("--list-safe, and", [16]),
    "all_too_early": ("which is completed and ended", [25]),
    "unasked": ("nobody lied, and --list-safe could not ask", [12]),
    "unasked_and_safe": ("and could not ask about it", [12]),
    "blind": (": an older version", [118]),
    "unverified": ("verify says 4", PULLS),
    "silent": ("without a word", [6]),
    "key": ("prints the key", [6]),
}


def invariant(tmp_path, how, seeds):
    """(exit status, findings) of scripts/invariant with a program that makes false claims."""
    numbers = [word for number in seeds for word in ("--only", str(number))]
    program = tmp_path / "liar"
    program.write_text("#!/bin/sh\nexec '%s' -B '%s/invariant/liar.py' %s '%s' \"$@\"\n" % (
        sys.executable, TESTS, how, SKYARC))
    program.chmod(0o755)
    done = subprocess.run([sys.executable, "-B", TESTS + "/../scripts/invariant", "--skyarc", str(program),
                           "--seed", "3", *numbers, "--jobs", "2", "--findings",
                           str(tmp_path / "findings")], timeout=120, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, [bad for line in (tmp_path / "findings").read_text().splitlines()
                             for bad in json.loads(line)["bad"]]


@pytest.mark.parametrize("how", LIARS)
def test_false_claim_is_found(tmp_path, how):
    text, seeds = LIARS[how]
    code, findings = invariant(tmp_path, how, seeds)
    assert code == 1 and any(text in bad for bad in findings), findings
    assert not any("the judge fell" in bad for bad in findings), findings


def test_list_that_only_list_safe_was_told():
    """Of master seed 41: a list of which --list-safe could not use anything need not be known to later syncs."""
    done = subprocess.run([sys.executable, "-B", TESTS + "/../scripts/invariant", "--skyarc", SKYARC, "--seed", "41",
                           "--only", "6370"], timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_skyarc_passes(tmp_path):
    seeds = {number for _, numbers in LIARS.values() for number in numbers}
    assert invariant(tmp_path, "honest", sorted(seeds)) == (0, [])
