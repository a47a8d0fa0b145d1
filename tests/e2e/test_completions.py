# SPDX-License-Identifier: MIT
"""Completions, as the shells themselves give them."""
import os
import re
import shutil
import subprocess

import pytest

from conftest import TESTS

TOP = os.path.dirname(TESTS)
COMPLETIONS = TOP + "/completions"


def bash(line):
    """What bash offers at the end of a line."""
    script = """
        source "$1"
        compopt() { :; }
        read -ra COMP_WORDS <<< "${2//=/ = }"
        [[ $2 != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _skyarc
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    return subprocess.run(["bash", "-c", script, "bash", COMPLETIONS + "/skyarc", line], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.split()


def fish(line):
    script = "source $argv[1]; complete -C $argv[2]"
    out = subprocess.run(["fish", "--no-config", "-c", script, COMPLETIONS + "/skyarc.fish", line], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return [row.split("\t")[0] for row in out.splitlines()]


def zsh(line):
    """zsh completes only in its line editor: run it in a pseudo terminal."""
    script = r"""
        zmodload zsh/zpty
        comptest() {
            zpty -w z "autoload -U compinit; fpath=($1 \$fpath); compinit -u -D"
            zpty -w z "zstyle ':completion:*' list-colors ''; zstyle ':completion:*' verbose no; PS1=; LISTMAX=1000"
            zpty -w z "compdef _skyarc skyarc; bindkey '^I' list-choices; print READY\$((1+1))"
            zpty -r z out '*READY2*'
            zpty -n -w z "$2"$'\t'
            sleep $3 # what is typed ahead keeps the line editor from listing
            zpty -n -w z $'\x15print DONE$((1+1))\n'
            zpty -r z out '*DONE2*'
            print -r -- "$out"
        }
        zpty z zsh -f -i
        zpty -w z 'stty cols 70 -echo'
        comptest $1 $2 $3
    """
    for wait in ("0.3", "2", "8"):
        done = subprocess.run(["zsh", "-f", "-c", script, "zsh", COMPLETIONS, line, wait], check=False, timeout=60,
                              stdout=subprocess.PIPE, text=True, env=dict(os.environ, TERM="dumb", HOME="/nonexistent"))
        if done.stdout.count("\n") > 2:  # a list, not only the line
            break
    return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", done.stdout).replace("\r", " ").split()


SHELLS = [pytest.param(f, id=f.__name__, marks=pytest.mark.skipif(
    not shutil.which(f.__name__), reason="there is no " + f.__name__)) for f in (bash, fish, zsh)]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("line,wanted,unwanted", [
    ("skyarc ver", ["verify"], ["pull"]),
    ("skyarc help ", ["verify", "pull", "find"], []),
    ("skyarc pull --format ", ["tar.zst", "zip"], ["auto"]),
    ("skyarc pull --duplicates ", ["auto", "link", "copy"], ["zip"]),
    ("skyarc runs --status ", ["completed", "timed_out"], ["screenshots"]),
    ("skyarc pull --type ", ["recordings", "screenshots", "har"], ["completed"]),
    ("skyarc pull --format ", ["dir", "zip"], []),
    ("skyarc sync --format ", ["tar.gz"], ["dir", "zip"]),
    ("skyarc listen --format ", ["zip"], ["dir"]),
    ("skyarc config ", ["show"], ["pull"]),
    ("skyarc config show ", ["pull", "prune"], ["show-me"]),
    ("skyarc --json p", ["pull", "prune"], ["verify"]),
    ("skyarc --profile acme -v p", ["pull", "prune"], ["verify"]),
    ("skyarc --profile acme pull --duplicates ", ["auto", "link"], ["verify"]),
])
def test_words(shell, line, wanted, unwanted):
    offered = shell(line)
    assert set(wanted) <= set(offered), offered
    assert not set(unwanted) & set(offered), offered


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("before", ["--type ", "-t ", "-t", "--type="])
def test_lists(shell, before):
    if shell is bash and before == "-t":
        pytest.skip("bash completes no argument that is written behind a letter")
    offered = shell("skyarc pull %shar,recordings,screenshot_l" % before)
    assert any(word.endswith("screenshot_llm") for word in offered) or shell is zsh, offered
    offered = shell("skyarc pull %shar,screenshot_" % before)
    assert any(word.endswith("screenshot_llm") for word in offered) and any(
        word.endswith("screenshot_final") for word in offered), offered
    assert not any(word.endswith("recording") for word in offered), offered


@pytest.mark.parametrize("line", ["skyarc pull --format=", "skyarc pull --format=tar."])
def test_an_equals_sign_in_bash(line):
    assert "tar.gz" in bash(line)


@pytest.mark.parametrize("shell,file", [("zsh", "_skyarc"), ("fish", "skyarc.fish"), ("bash", "skyarc")])
def test_syntax(shell, file):
    if not shutil.which(shell):
        pytest.skip("there is no " + shell)
    subprocess.run([shell, "-n", COMPLETIONS + "/" + file], check=True)


SCRIPTS = [f for f in sorted(os.listdir(TOP + "/scripts")) if open(TOP + "/scripts/" + f, "rb").read(20).startswith(
    (b"#!/bin/sh", b"#!/usr/bin/env bash"))]


def test_shell_scripts_are_lint_clean():
    if not shutil.which("shellcheck"):
        pytest.skip("there is no shellcheck")
    subprocess.run(["shellcheck", COMPLETIONS + "/skyarc", *("%s/scripts/%s" % (TOP, f) for f in SCRIPTS)], check=True)
    assert "check" in SCRIPTS and "demo" in SCRIPTS
