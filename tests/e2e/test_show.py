# SPDX-License-Identifier: MIT
"""show: a run on a page."""
import json

import pytest


def test_show(skyarc, emu):
    emu.run("tsk_s", [{"id": "p%d" % i, "type": "llm_prompt", "data": b"12345"} for i in range(3)],
            failure_reason="the \x1b[31m page", status="failed", errors=[{"code": "E1"}],
            output={"a": [1, {"b": None}], "u": "https://x.example/f?sig=SECRETSIG"},
            downloaded_files=[{"url": "https://x/", "filename": "in.pdf", "file_size": 2048}])
    text = skyarc("show", "tsk_s", check=0).out.decode()
    for words in ("run          tsk_s", "status       failed", "failure      the \\x1b[31m page",
                  "(21.00s after" if False else "after it was created", '"prompt": "buy milk"',
                  '"b": null', '"code": "E1"', "2.0 KiB  in.pdf", "artifacts (3)", "llm_prompt"):
        assert words in text, (words, text)
    assert "SECRETSIG" not in text and "\x1b" not in text


def test_show_json_is_the_record_as_served_but_for_secrets(skyarc, emu):
    record = skyarc("show", "--json", "tsk_demo1", check=0).json()
    assert record["run_id"] == "tsk_demo1"
    assert record["output"]["see"] == "https://files.example/x?sig=***&a=1"
    record = skyarc("show", "--json", "--raw", "tsk_demo1", check=0).json()
    assert record["output"]["see"] == "https://files.example/x?sig=SECRETSIGNATURE&a=1"
    many = skyarc("show", "--json", "tsk_demo1", "tsk_none", "tsk_demo3", check=3)
    assert [r["run_id"] for r in many.json()] == ["tsk_demo1", "tsk_demo3"]
    assert "tsk_none" in many.err
    assert skyarc("show", "tsk_none", check=1).out == b""


def test_a_failed_webhook_is_no_failed_run(skyarc, emu):
    emu.run("tsk_h", [], status="failed", failure_reason="Failed to send webhook: 500",
            output={"price": 12})
    text = skyarc("show", "tsk_h", check=0).out.decode()
    assert "webhook was not delivered" in text and '"price": 12' in text


def test_several_runs_are_several_pages(skyarc):
    text = skyarc("show", "tsk_demo1", "tsk_none", "tsk_demo3", check=3)
    pages = text.out.decode().split("\n\nrun ")
    assert len(pages) == 2 and "tsk_demo1" in pages[0] and "tsk_demo3" in pages[1] and "'tsk_none'" in text.err
    assert skyarc("show", "--json", "tsk_none", "tsk_nor", check=1).json() == []


def test_no_page_when_asked_to_be_quiet_says_errors_alone(skyarc):
    result = skyarc("show", "-q", "--log-format", "json", "tsk_none", check=1)
    (line,) = result.err.splitlines()
    assert json.loads(line)["level"] == "error" and "tsk_none" in line and result.out == b""


def test_raw_keeps_the_key_secret(skyarc, emu):
    emu.run("tsk_leak", [], output={"url": "https://x.example/f?sig=SECRETSIG", "key": emu.key})
    shown = skyarc("show", "tsk_leak", check=0).out + skyarc("show", "--json", "tsk_leak", check=0).out
    assert b"SECRETSIG" not in shown and emu.key.encode() not in shown
    for args in ([], ["--json"]):
        raw = skyarc("show", "--raw", *args, "tsk_leak", check=0).out
        assert b"SECRETSIG" in raw and emu.key.encode() not in raw


def test_where_the_api_is_and_who_asks(skyarc, emu, tmp_path):
    (tmp_path / "key").write_text(emu.key + "\n")
    (tmp_path / "key").chmod(0o600)
    elsewhere = {"SKYVERN_BASE_URL": "http://127.0.0.1:9", "SKYVERN_API_KEY": "wrong"}
    assert skyarc("show", "tsk_demo3", check=1, **elsewhere).out == b""
    result = skyarc("show", "--base-url", emu.api, "--api-key-file", "key", "tsk_demo3", check=0, **elsewhere)
    assert b"tsk_demo3" in result.out
    assert skyarc("show", "tsk_demo3", SKYVERN_API_KEY="wrong", check=1).out == b""
    skyarc("show", "--ca-file", "none.pem", "tsk_demo3", check=1)
    result = skyarc("show", "--insecure-key", "tsk_demo3", http_proxy="http://127.0.0.1:9", check=0)
    assert b"tsk_demo3" in result.out


def test_ids_from_a_file(skyarc, tmp_path):
    (tmp_path / "ids").write_text("# failed ones\ntsk_demo3\n\n")
    out = skyarc("show", "-i", "ids", "tsk_demo1", check=0).out
    assert b"tsk_demo1" in out and b"tsk_demo3" in out
    assert b"tsk_demo3" in skyarc("show", "--input", "-", stdin=b"tsk_demo3\n", check=0).out
    assert "none" in skyarc("show", "-i", "none", check=1).err


@pytest.mark.parametrize("args,words", [([], "no run ID"), (["../x"], "'../x' is not a run ID"), (["--bogus", "tsk_demo1"], "--bogus"),
                                        (["--raw=1", "tsk_demo1"], "--raw")])
def test_usage(skyarc, emu, args, words):
    result = skyarc("show", *args, check=2)
    assert words in result.err and result.out == b"" and not emu.log()
