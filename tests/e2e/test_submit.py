# SPDX-License-Identifier: MIT
"""A task is submitted once, whatever fails."""
import json

import pytest

from conftest import extract


def posts(emu):
    return [r for r in emu.log("api") if r["method"] == "POST"]


def test_every_field(skyarc, emu, tmp_path):
    (tmp_path / "schema.json").write_text('{"type": "object", "properties": {"total": {}}}')
    (tmp_path / "codes.json").write_text('{"NO_STOCK": "the item is sold out"}')
    (tmp_path / "more.json").write_text('{"totp_identifier": "me@x", "max_steps": 99, "run_with": null, '
                                        '"model": {"name": "m"}, "publish_workflow": true}')
    result = skyarc("submit", "--prompt", 'buy "milk"\n\u00fc', "--url", "https://shop.example/", "--engine",
                    "skyvern-2.0", "--title", "Milk", "--max-steps", 7, "--proxy-location",
                    "RESIDENTIAL_DE", "--webhook-url", "https://me.example/hook",
                    "--extraction-schema", "schema.json", "--error-codes", "codes.json",
                    "--browser-session", "pbs_1", "--browser-profile", "bp_1", "--header", "A=1",
                    "--header", "X-B=c=d", "--data", "more.json", check=0)
    assert result.out == b"tsk_v2_1001\n" and result.err == ""
    assert emu.tasks() == [{
        "prompt": 'buy "milk"\n\u00fc', "url": "https://shop.example/", "engine": "skyvern-2.0",
        "title": "Milk", "max_steps": 7, "proxy_location": "RESIDENTIAL_DE",
        "webhook_url": "https://me.example/hook",
        "data_extraction_schema": {"type": "object", "properties": {"total": {}}},
        "error_code_mapping": {"NO_STOCK": "the item is sold out"},
        "browser_session_id": "pbs_1", "browser_profile_id": "bp_1",
        "extra_http_headers": {"A": "1", "X-B": "c=d"},
        "totp_identifier": "me@x", "run_with": None, "model": {"name": "m"}, "publish_workflow": True}]
    (post,) = posts(emu)
    assert post["headers"]["content-type"] == "application/json"
    assert post["headers"]["x-api-key"] == emu.key


def test_prompt_from_file_and_stdin(skyarc, emu, tmp_path):
    (tmp_path / "p").write_text("from a file\n")
    skyarc("submit", "--prompt-file", "p", check=0)
    skyarc("submit", "--prompt-file", "-", stdin=b"from stdin", check=0)
    skyarc("submit", "--data", "-", stdin=b'{"prompt": "in data", "proxy_location": {"city": "Bonn"}}',
           check=0)
    skyarc("submit", "--prompt", "x", "--proxy-location", '{"city": "Ulm"}', check=0)
    assert [t["prompt"] for t in emu.tasks()] == ["from a file\n", "from stdin", "in data", "x"]
    assert emu.tasks()[3]["proxy_location"] == {"city": "Ulm"}


def test_json_is_the_whole_answer(skyarc, emu):
    answer = skyarc("submit", "--json", "-p", "x", check=0).json()
    assert answer["run_id"] == "tsk_v2_1001" and answer["status"] == "queued"


@pytest.mark.parametrize("args,word", [
    ([], "--prompt"), (["-p", "x", "y"], "'y'"), (["-p", "x", "--prompt-file", "f"], "exclude"),
    (["-p", "x", "--header", "nope"], "NAME=VALUE"), (["-p", "x", "--max-steps", "0"], "max-steps"),
])
def test_usage(skyarc, emu, args, word):
    assert word in skyarc("submit", *args, check=2).err
    assert not emu.log()


def test_files_that_are_no_json(skyarc, emu, tmp_path):
    (tmp_path / "bad").write_text('{"a": 1,}')
    (tmp_path / "list").write_text("[1]")
    for args in (["--extraction-schema", "bad"], ["--error-codes", "bad"], ["--data", "bad"],
                 ["--data", "list"]):
        result = skyarc("submit", "-p", "x", *args, check=2)
        assert args[0] in result.err
    assert "none" in skyarc("submit", "-p", "x", "--data", "none", check=1).err
    assert not emu.log()


@pytest.mark.parametrize("kind,more", [("drop", {}), ("status", {"status": 502}),
                                       ("status", {"status": 408})])
def test_a_lost_answer_is_never_repeated(skyarc, emu, kind, more):
    emu.fault("submit", kind, times=9, **more)
    result = skyarc("submit", "-p", "x", check=1)
    assert "the run may exist" in result.err and "skyarc runs" in result.err
    assert len(posts(emu)) == 1 == len(emu.tasks())
    assert result.out == b""


def test_answers_that_are_none(skyarc, emu):
    import base64
    emu.fault("submit", "raw", body=base64.b64encode(b"<html>").decode())
    assert "may exist" in skyarc("submit", "-p", "x", check=1).err
    assert len(posts(emu)) == 1


@pytest.mark.parametrize("status", [422, 429, 403])
def test_refusals_say_that_nothing_was_submitted(skyarc, emu, status):
    emu.fault("submit", "status", status=status, before=True, body={"detail": "no such engine"})
    result = skyarc("submit", "-p", "x")
    assert result.code == (75 if status == 429 else 1)
    assert "nothing was submitted" in result.err and "no such engine" in result.err
    assert len(posts(emu)) == 1 and not emu.tasks()


def test_nobody_there(skyarc):
    result = skyarc("submit", "-p", "x", "--base-url", "http://127.0.0.1:1", check=1)
    assert "nothing was submitted" in result.err


def test_redirects_are_not_followed(skyarc, emu):
    emu.fault("submit", "redirect", status=307, to=emu.store + "/v1/run/tasks")
    result = skyarc("submit", "-p", "x", check=1)
    assert "may exist" in result.err
    assert not emu.log("store")


def test_wait(skyarc, emu):
    emu.script(["running", "running", "completed"])
    result = skyarc("submit", "-p", "x", "--wait", "--interval", "50ms", check=0)
    assert result.out == b"tsk_v2_1001\n"
    emu.script(["running", "failed"])
    result = skyarc("submit", "-p", "x", "--wait", "--interval", "50ms", check=1)
    assert "run 'tsk_v2_1002' failed" in result.err
    emu.script(["running"] * 99)
    skyarc("submit", "-p", "x", "-w", "--interval", "50ms", "--wait-timeout", "300ms", check=75)


def test_and_archive(skyarc, emu, tmp_path):
    emu.script(["running", "completed"])
    result = skyarc("submit", "-p", "x", "-o", "out.tar.zst", "--interval", "50ms", check=0)
    assert result.out == b"tsk_v2_1001\n"
    folder = extract(tmp_path / "out.tar.zst", tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert len(manifest["artifacts"]) == 3 and manifest["runs"][0]["status"] == "completed"
    emu.script(["terminated"])
    result = skyarc("submit", "-p", "x", "-o", "o2.zip", "--json", "--interval", "50ms", check=1)
    assert result.json()["archive"] == "o2.zip"
    assert "run 'tsk_v2_1002' is archived in 'o2.zip', but did not complete" in result.err
    (tmp_path / "old.zip").write_text("old")
    assert skyarc("submit", "-p", "x", "-o", "bad.rar").code == 2
    assert len(posts(emu)) == 2
