# SPDX-License-Identifier: MIT
"""Each command's --json document has a schema in docs/schemas, and is valid by it."""
import json
import os
import re

import jsonschema
import pytest

from catalog import alter
from conftest import TESTS

DOCS = TESTS + "/../docs/"
SCHEMAS = DOCS + "schemas/"
NONE = {"cat", "listen"}  # cat writes files, listen ends with no result


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


STORE = {schema["$id"]: schema for schema in
         [load(SCHEMAS + name) for name in os.listdir(SCHEMAS)] + [load(DOCS + "manifest.schema.json")]}


@pytest.fixture
def valid(skyarc):
    """Run with --json, validate, and return the document."""
    def run(command, *args, check=0, by=None):
        schema = STORE["urn:skyarc:json:%s:1" % (by or command)]
        document = skyarc(command, "--json", *args, check=check).json()
        jsonschema.Draft202012Validator(schema).validate(document)
        return document

    return run


def test_every_command_has_a_schema(skyarc):
    text = skyarc("help", check=0).out.decode()
    commands = {name for name in re.findall(r"^  ([a-z]+) ", text, re.M) if name != "help"}
    assert {name[:-len(".json")] for name in os.listdir(SCHEMAS)} == commands - NONE
    for schema in STORE.values():
        jsonschema.Draft202012Validator.check_schema(schema)
        for name, part in schema.get("$defs", {}).items():  # shared definitions are the same
            assert part == STORE["urn:skyarc:manifest:1"]["$defs"][name], (schema["$id"], name)


def test_schemas_are_installed_and_named():
    with open(TESTS + "/../Makefile.am", encoding="utf-8") as file:
        makefile = file.read()
    assert all("docs/schemas/" + name in makefile for name in os.listdir(SCHEMAS))
    for name in ("README.md", "docs/skyarc.1"):
        with open(TESTS + "/../" + name, encoding="utf-8") as file:
            assert "schemas/" in file.read(), name


def test_one_key_for_one_thing():
    """A key that several documents have is of one type, and none has two names."""
    kinds = {}

    def walk(node):
        for key, value in node.get("properties", {}).items():
            if "type" in value and value["type"] not in (["string", "null"], "string"):
                kinds.setdefault(key, set()).add(json.dumps(value["type"]))
            walk(value)
        for part in node.get("oneOf", []) + node.get("anyOf", []) + ([node["items"]] if "items" in node else []):
            walk(part)

    for ident, schema in STORE.items():
        if ident.startswith("urn:skyarc:json:"):
            walk(schema)
    several = {key: types for key, types in kinds.items() if len(types) > 1}
    assert set(several) <= {"size"}, several  # which may be unknown in a plan
    assert not {"restored", "runs_failed", "records_missing"} & set(kinds)


def test_pull(valid, emu, tmp_path):
    good = valid("pull", "-o", "a.tar", "tsk_demo1")
    assert good["incomplete"] is False and good["kept"] == 0 and good["error"] is None
    part = valid("pull", "-o", "b.tar", "tsk_demo1", "tsk_none", check=3)
    assert part["incomplete"] is True and part["failed_runs"] == 1 and part["missing_reasons"] == {"run-not-found": 1}
    none = valid("pull", "-o", "c.tar", "tsk_none", check=1)
    assert none["incomplete"] is True and none["archive"] is None and "tsk_none" in none["error"]
    assert set(none) == set(good)
    assert valid("pull", "-n", "tsk_demo1") and valid("pull", "-n", "--records", "none", "tsk_empty") == []
    emu.run("tsk_many", [{"id": "m%d" % i, "type": "html", "data": b"<p>%d" % i} for i in range(5)])
    emu.fault("m4", "status", times=99, status=404)
    assert valid("pull", "--strict", "-j", "1", "-o", "d.tar", "tsk_many", check=1)["incomplete"] is True


def test_show_of_a_child(valid, emu):
    emu.mode("today")
    emu.run("wr_c", [], run_type="workflow_run", story={"child": True})  # it has no record of its own
    assert valid("show", "wr_c")["workflow_run_id"] == "wr_c"
    assert valid("show", "tsk_demo1", "wr_c")[1]["workflow_run_id"] == "wr_c"


def test_asking(valid, emu):
    assert valid("runs", "--limit", "2") and valid("runs", "--status", "paused") == []
    assert valid("show", "tsk_demo1")["run_id"] == "tsk_demo1"
    assert len(valid("show", "tsk_demo1", "tsk_demo3")) == 2
    assert valid("artifacts", "tsk_demo1") and valid("artifacts", "tsk_empty") == []
    assert len(valid("wait", "tsk_demo1", "tsk_none", check=1)) == 2
    assert valid("submit", "-p", "x")["run_id"]
    emu.script(["running", "completed"])
    assert valid("submit", "-p", "x", "--wait", "--interval", "50ms", by="wait")[0]["ended"] is True
    emu.script(["completed"])
    assert valid("submit", "-p", "x", "-o", "s.tar", "--interval", "50ms", by="pull")["archive"] == "s.tar"


def test_a_directory(valid, skyarc, tmp_path):
    assert valid("sync", "--dest", "v")["archived_runs"] > 3
    assert valid("sync", "--dest", "v", "--list-safe", "1") and valid("sync", "--dest", "v", "--list-lost") == []
    assert valid("find", "v", "-t", "har") and valid("find", "v", "--runs") and valid("find", "v", "-r", "x", check=1) == []
    assert valid("hold", "--dest", "v") == []
    assert [row["run_id"] for row in valid("hold", "--dest", "v", "--reason", "law", "tsk_demo3")] == ["tsk_demo3"]
    assert len(valid("hold", "--dest", "v")) == 1 and valid("release", "--dest", "v", "tsk_demo3") == []
    assert not skyarc("hold", "--dest", "v", "tsk_demo3", check=0).out
    assert valid("prune", "--dest", "v", "--keep-status", "completed")["applied"] is False
    assert valid("prune", "--dest", "v", "--keep-last", "1", "--apply")["steps"]
    assert valid("verify", "v") and valid("audit", "v")["log"]
    alter(tmp_path / "v", "PRAGMA user_version = 99")
    assert "newer" in valid("verify", "v", check=3)[-1]["catalog_error"]


def test_an_archive(valid, skyarc, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", check=0)
    assert valid("list", "a.tar.zst") and valid("list", "a.tar.zst", "nope", check=1) == []
    assert valid("extract", "-C", "x", "a.tar.zst")["existing"] == 0
    assert valid("extract", "-C", "x", "a.tar.zst")["existing"] > 10
    assert valid("report", "-o", "r", "a.tar.zst") == {"page": "r/a/index.html", "complete": True}
    assert valid("report", "-o", "r.html", "a.tar.zst")["page"] == "r.html" and (tmp_path / "r.html").exists()
    data = bytearray((tmp_path / "a.tar.zst").read_bytes())
    data[len(data) // 3] ^= 0xff
    (tmp_path / "bad.tar.zst").write_bytes(data)
    (tmp_path / "text").write_text("nothing of the kind")
    states = [row["state"] for row in valid("verify", "a.tar.zst", "bad.tar.zst", "text", "missing", check=4)]
    assert states == ["good", "damaged", "not-an-archive", "unreadable"]
    assert valid("audit", "a.tar.zst")["summary"]["complete_runs"] == 1
    assert valid("verify", "--share", "1/3", "a.tar.zst")[0]["share"] == "1/3"
    (tmp_path / "empty").mkdir()
    assert "error" in valid("verify", "empty", check=1)[0]
