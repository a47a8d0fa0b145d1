# SPDX-License-Identifier: MIT
"""The configuration: profiles, the source of each setting, and ignored variables."""
import re

import pytest


@pytest.fixture
def config(tmp_path):
    def write(text):
        path = tmp_path / "home/.config/skyarc/config"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path
    return write


def test_profiles(skyarc, emu, config):
    path = config("jobs = 3\n[good]\napi-key = %s\nbase-url = %s\njobs = 4\n[bad]\napi-key = other\n" % (emu.key, emu.api))
    wrong = {"SKYVERN_API_KEY": "wrong", "SKYVERN_BASE_URL": "http://127.0.0.1:1"}
    assert skyarc("show", "--profile", "good", "tsk_demo1", check=0, **wrong).out
    assert skyarc("--profile=good", "show", "tsk_demo1", check=0, **wrong).out
    assert skyarc("show", "tsk_demo1", check=0, SKYARC_PROFILE="good", **wrong).out
    skyarc("show", "--profile", "bad", "tsk_demo1", check=1)
    assert "'%s' has no profile [nope]" % path in skyarc("show", "--profile", "nope", "tsk_demo1", check=2).err
    rows = {r["option"]: (r["value"], r["source"]) for r in skyarc(
        "config", "show", "--json", "--profile", "good", check=0, SKYARC_JOBS="9").json()["options"]}
    assert rows["jobs"] == ("4", "%s, line 5 [good]" % path) and rows["api-key"] == ("***", "%s, line 3 [good]" % path)
    (path.parent / "config").write_text("[good\njobs = 1\n")
    assert "line 1: expected '[PROFILE]'" in skyarc("show", "tsk_demo1", check=2).err
    (path.parent / "config").write_text("[other]\njbos = 1\n")
    assert "line 2: 'jbos' is not an option" in skyarc("show", "tsk_demo1", check=2).err


def test_config_show(skyarc, emu, config):
    path = config("jobs = 3\ntype = har\n")
    result = skyarc("config", "show", check=0, SKYARC_RETRIES="7")
    text = result.out.decode()
    assert re.search(r"^jobs +3 +%s, line 1$" % path, text, re.M)
    assert re.search(r"^retries +7 +environment, SKYARC_RETRIES$", text, re.M)
    assert re.search(r"^base-url +%s +environment, SKYVERN_BASE_URL$" % re.escape(emu.api), text, re.M)
    assert re.search(r"^api-key +\*\*\* +environment, SKYVERN_API_KEY$", text, re.M) and emu.key not in text
    rows = {r["option"]: r for r in skyarc("config", "show", "--json", "pull", check=0).json()["options"]}
    assert rows["speed-time"] == {"option": "speed-time", "value": "30s", "source": "default", "used": True}
    assert rows["jobs"]["source"] == "%s, line 1" % path
    assert "is not a command" in skyarc("config", "show", "pul", check=2).err
    assert "expected 'show'" in skyarc("config", "set", check=2).err
    secret = skyarc("config", "show", check=0, SKYVERN_BASE_URL="https://me:hush@example.org/").out
    assert b"hush" not in secret and b"example.org" in secret


def test_config_show_says_which_key_counts(skyarc, emu, config, tmp_path):
    (tmp_path / "key").write_text("wrong")
    (tmp_path / "key").chmod(0o600)
    file = "api-key-file = %s\n" % (tmp_path / "key")
    both = "[acme]\n%sapi-key = %s\n" % (file, emu.key)
    cases = [("", file, ["--profile", "acme"], {}, "api-key"),  # the profile's file, the environment's key
             (file, "", [], {}, "api-key-file"), ("", both, ["--profile", "acme"], {}, "api-key"),
             (file, "api-key = %s\n" % emu.key, ["--profile", "acme"], {}, "api-key-file"),
             ("", "", [], {"SKYARC_API_KEY_FILE": str(tmp_path / "key")}, "api-key"),
             ("", "api-key = %s\n" % emu.key, ["--profile", "acme"], {"SKYARC_API_KEY_FILE": str(tmp_path / "key")}, "api-key-file"),
             ("api-key = x\n" + file, "", [], {"SKYVERN_API_KEY": ""}, "api-key")]
    for before, profile, args, env, unused in cases:
        config(before + "[acme]\n" + profile)
        rows = skyarc("config", "show", "--json", *args, check=0, **env).json()["options"]
        assert [r["option"] for r in rows if not r["used"]] == [unused], (before, profile, rows)
        other = {"api-key": "api-key-file", "api-key-file": "api-key"}[unused]
        text = skyarc("config", "show", *args, check=0, **env).out.decode()
        assert re.search(r"^%s .*; not used: %s is used instead$" % (unused, other), text, re.M), text
        done = skyarc("show", "tsk_demo1", *args, **env)  # "wrong" is in the file alone
        assert done.code == (0 if unused == "api-key-file" else 1), (before, profile)


def test_an_unknown_variable_warns(skyarc):
    result = skyarc("show", "tsk_demo1", check=0, SKYARC_JOSB="3")
    assert "SKYARC_JOSB sets no option; did you mean SKYARC_JOBS?" in result.err and result.err.count("\n") == 1
    assert skyarc("show", "tsk_demo1", check=0, SKYARC_NOPE="1").err.endswith("SKYARC_NOPE sets no option\n")
    assert "SKYARC_API_KEY sets no option" in skyarc("show", "tsk_demo1", check=0, SKYARC_API_KEY="x").err
    assert not skyarc("show", "tsk_demo1", check=0, SKYARC_JOBS="3", SKYARC_HEAD="x", SKYARC_ARCHIVE="y").err
