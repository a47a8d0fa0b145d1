# SPDX-License-Identifier: MIT
"""artifacts: what the service lists for runs."""
import json


def test_artifacts(skyarc, emu):
    lines = skyarc("artifacts", "tsk_demo1", check=0).out.decode().splitlines()
    assert lines[0].split() == ["ARTIFACT", "TYPE", "SIZE", "CREATED", "RUN", "NAME"]
    assert len(lines) == 21
    lines = skyarc("artifacts", "-t", "recordings,har", "tsk_demo1", "tsk_demo3", check=0).out
    assert len(lines.splitlines()) == 5
    rows = skyarc("artifacts", "--json", "-t", "har", "tsk_demo1", "tsk_demo3", check=0).json()
    assert [r["artifact_id"] for r in rows] == ["a_1har", "a_3har"]
    assert rows[0]["signed_url"].endswith("sig=***") and "a_field_of_tomorrow" in rows[0]
    raw = skyarc("artifacts", "--json", "--raw", "-t", "har", "tsk_demo1", check=0).json()
    assert len(raw[0]["signed_url"].split("sig=")[1]) == 43
    assert skyarc("artifacts", "--json", "tsk_empty", check=0).json() == []
    result = skyarc("artifacts", "tsk_none", "tsk_demo1", check=3)
    assert "tsk_none" in result.err
    assert not [r for r in emu.log() if "/content" in r["path"] or r["role"] == "store"]


def test_types(skyarc):
    def types(*args):
        return [r["artifact_type"] for r in skyarc("artifacts", "--json", *args, "tsk_demo1", check=0).json()]

    every = types()
    assert {"har", "recording"} < set(every)
    assert types("-x", "har") == [t for t in every if t != "har"]
    assert types("-t", "har", "-t", "recordings") == [t for t in every if t in ("har", "recording")]
    assert types("--type", "all", "--exclude-type", "recordings,network") == [
        t for t in every if t not in ("recording", "har")]
    assert types("--allow-unknown-type", "-t", "thought-graph") == ["thought_graph"]


def test_of_several_runs_the_unknown_one_is_told(skyarc):
    result = skyarc("artifacts", "-q", "--log-format", "json", "--json", "tsk_none", "tsk_demo3", check=3)
    assert {r["run_id"] for r in result.json()} == {"tsk_demo3"}
    (line,) = result.err.splitlines()
    assert json.loads(line)["level"] == "error" and "tsk_none" in line
    assert skyarc("artifacts", "--json", "tsk_none", check=1).json() == []
    assert skyarc("artifacts", "tsk_empty", check=0).err == ""


def test_usage(skyarc, emu):
    result = skyarc("artifacts", "-t", "a b!", "tsk_demo1", check=2)
    assert "invalid artifact type" in result.err and result.out == b"" and not emu.log()
