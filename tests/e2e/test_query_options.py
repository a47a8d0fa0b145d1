# SPDX-License-Identifier: MIT
"""The options that the commands share which ask the service about runs by their IDs."""
import pytest


@pytest.fixture(params=["artifacts", "show"])
def command(request):
    return request.param


def test_where_the_api_is_and_who_asks(skyarc, emu, tmp_path, command):
    (tmp_path / "key").write_text(emu.key + "\n")
    (tmp_path / "key").chmod(0o600)
    elsewhere = {"SKYVERN_BASE_URL": "http://127.0.0.1:9", "SKYVERN_API_KEY": "wrong"}
    assert skyarc(command, "tsk_demo3", check=1, **elsewhere).out == b""
    result = skyarc(command, "--base-url", emu.api, "--api-key-file", "key", "tsk_demo3", check=0, **elsewhere)
    assert b"tsk_demo3" in result.out
    assert skyarc(command, "tsk_demo3", SKYVERN_API_KEY="wrong", check=1).out == b""
    skyarc(command, "--ca-file", "none.pem", "tsk_demo3", check=1)
    result = skyarc(command, "--insecure-key", "tsk_demo3", http_proxy="http://127.0.0.1:9", check=0)
    assert b"tsk_demo3" in result.out


def test_ids_from_a_file(skyarc, tmp_path, command):
    (tmp_path / "ids").write_text("# failed ones\ntsk_demo3\n\n")
    out = skyarc(command, "-i", "ids", "tsk_demo1", check=0).out
    assert b"tsk_demo1" in out and b"tsk_demo3" in out
    assert b"tsk_demo3" in skyarc(command, "--input", "-", stdin=b"tsk_demo3\n", check=0).out
    assert "none" in skyarc(command, "-i", "none", check=1).err


@pytest.mark.parametrize("args,words", [([], "no run ID"), (["../x"], "'../x' is not a run ID"), (["--bogus", "tsk_demo1"], "--bogus"),
                                        (["--raw=1", "tsk_demo1"], "--raw")])
def test_usage(skyarc, emu, command, args, words):
    result = skyarc(command, *args, check=2)
    assert words in result.err and result.out == b"" and not emu.log()
