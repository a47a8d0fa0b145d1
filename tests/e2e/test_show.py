# SPDX-License-Identifier: MIT
"""show: a run on a page."""
import json


def test_show(skyarc, emu):
    emu.run("tsk_s", [{"id": "p%d" % i, "type": "llm_prompt", "data": b"12345"} for i in range(3)],
            failure_reason="the \x1b[31m page", status="failed", errors=[{"code": "E1"}],
            output={"a": [1, {"b": None}], "u": "https://x.example/f?sig=SECRETSIG"},
            downloaded_files=[{"url": "https://x/", "filename": "in.pdf", "file_size": 2048}])
    text = skyarc("show", "tsk_s", check=0).out.decode()
    for words in ("run          tsk_s", "status       failed", "failure      the \\x1b[31m page",
                  "after it was created", '"prompt": "buy milk"',
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
