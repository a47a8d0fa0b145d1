# SPDX-License-Identifier: MIT
"""pull without failures."""
import hashlib
import json
import os
import subprocess
import tempfile
import zipfile

import jsonschema
import pytest

from conftest import TESTS, extract

RUNS = ["tsk_demo1", "wr_demo2", "tsk_v2_demo2", "tsk_demo3"]


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def check_bag(folder):
    """sha256sum verifies both manifests, and they name every file."""
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "-c", "--quiet", "--strict", name], cwd=folder, check=True)
    listed = [line.split("  ", 1)[1].rstrip("\n")
              for line in open(folder / "manifest-sha256.txt", encoding="utf-8")]
    assert sorted(listed) == [f for f in files_below(folder) if f.startswith("data/")]
    info = dict(line.rstrip("\n").split(": ", 1) for line in open(folder / "bag-info.txt"))
    size = sum(os.path.getsize(folder / f) for f in listed)
    assert info["Payload-Oxum"] == "%d.%d" % (size, len(listed))
    assert (folder / "bagit.txt").read_text().startswith("BagIt-Version: 1.0\n")


def check_manifest(manifest, folder):
    with open(TESTS + "/../docs/manifest.schema.json", encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(manifest, schema)
    for row in manifest["artifacts"]:
        data = (folder / row["path"]).read_bytes()
        assert len(data) == row["size"]
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
    paths = [row["path"].lower() for row in manifest["artifacts"]]
    assert len(set(paths)) == len(paths)
    duplicates = [row for row in manifest["artifacts"] if row["duplicate_of"]]
    totals = manifest["totals"]
    assert totals["artifacts"] == len(paths)
    assert totals["duplicates"] == len(duplicates)
    assert totals["unique"] == len(paths) - len(duplicates) == len(
        {row["sha256"] for row in manifest["artifacts"]})
    assert totals["bytes"] == sum(row["size"] for row in manifest["artifacts"])
    assert totals["missing"] == len(manifest["missing"])


@pytest.mark.parametrize("name", ["a.tar.zst", "a.tar.gz", "a.tar", "a.zip", "a.tgz"])
def test_every_format_holds_every_byte(pull, emu, tmp_path, name):
    result, manifest, folder = pull(*RUNS, name=name)
    check_bag(folder)
    check_manifest(manifest, folder)
    for row in manifest["artifacts"]:
        assert (folder / row["path"]).read_bytes() == emu.data(row["artifact_id"])
    assert {r["run_id"] for r in manifest["runs"]} == set(RUNS)
    summary = result.json()
    archive = (tmp_path / name).read_bytes()
    assert summary["archive"] == name
    assert summary["sha256"] == hashlib.sha256(archive).hexdigest()
    assert summary["size"] == len(archive)
    assert summary["totals"] == manifest["totals"]
    assert os.stat(tmp_path / name).st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no shared memory")
def test_a_name_in_shared_memory_chooses_the_format(skyarc):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        skyarc("pull", "-o", folder + "/a.zip", "tsk_demo1", check=0)
        assert zipfile.is_zipfile(folder + "/a.zip")


def test_third_party_readers(skyarc, tmp_path):
    import tarfile
    for name in ("b.tar.zst", "b.tar.gz", "b.tar", "b.zip"):
        skyarc("pull", "-o", name, *RUNS, check=0)
        listing = subprocess.run(["bsdtar", "-tf", name], cwd=tmp_path, check=True,
                                 stdout=subprocess.PIPE).stdout.decode().splitlines()
        assert len(listing) == len(set(listing)) == 58 + 8 + 4 + 7  # artifacts, records, sidecars, tag files
        assert all(line.startswith("b/") for line in listing)
    for test in (["zstd", "-tq", "b.tar.zst"], ["gzip", "-t", "b.tar.gz"],
                 ["unzip", "-tqq", "b.zip"]):
        subprocess.run(test, cwd=tmp_path, check=True)
    for name in ("b.tar", "b.tar.gz"):
        with tarfile.open(tmp_path / name) as tar:
            members = {m.name: m for m in tar.getmembers()}
            assert all(m.isreg() or m.islnk() for m in members.values())
            for m in members.values():
                if m.islnk():
                    assert m.linkname in members
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert archive.testzip() is None
        stored = {i.filename.rsplit(".", 1)[1] for i in archive.infolist() if i.compress_type == 0}
        assert {"png", "webm"} <= stored and "html" not in stored


def test_types_and_groups(pull, emu):
    _, manifest, _ = pull("-t", "recordings,screenshots", "-x", "screenshot_llm", *RUNS)
    kinds = {row["artifact_type"] for row in manifest["artifacts"]}
    assert kinds == {"recording", "screenshot_action", "screenshot_final"}
    asked = [r["path"] for r in emu.log("api") if "/artifacts?" in r["path"]]
    assert asked and all("artifact_type=recording&" in path for path in asked)
    assert not any("screenshot_llm" in path for path in asked)


def test_a_type_the_server_does_not_know(pull, emu):
    _, manifest, _ = pull("--allow-unknown-type", "-t", "thought_graph", "-t", "har", "tsk_demo1")
    assert sorted(row["artifact_type"] for row in manifest["artifacts"]) == ["har", "thought_graph"]
    assert [r["path"] for r in emu.log("api") if r["path"].endswith("/artifacts")]


def test_mistyped_group_is_pointed_out(skyarc):
    result = skyarc("pull", "-n", "-t", "recordngs", "tsk_demo1", check=2)
    assert "did you mean 'recordings'" in result.err


def test_runs_that_are_one_are_fetched_once(pull, emu):
    _, manifest, _ = pull("wr_demo2", "tsk_v2_demo2")
    fetched = [r["path"].split("?")[0] for r in emu.log() if "/content" in r["path"]
               or r["role"] == "store"]
    assert len(fetched) == len(set(fetched))
    assert manifest["totals"]["duplicates"] == 15
    joined = [row for row in manifest["artifacts"] if row["fetched_via"] == "joined"]
    assert len(joined) == 14


def test_links_from_4_kib_up(pull, tmp_path):
    _, manifest, folder = pull("wr_demo2", "tsk_v2_demo2", "tsk_demo1")
    for row in manifest["artifacts"]:
        assert row["link"] == bool(row["duplicate_of"] and row["size"] >= 4096)
        if row["link"]:
            assert (folder / row["path"]).samefile(folder / row["duplicate_of"])


@pytest.mark.parametrize("how,links", [("link", True), ("copy", False)])
def test_duplicates_option(pull, how, links):
    _, manifest, folder = pull("--duplicates", how, "wr_demo2", "tsk_v2_demo2")
    check_bag(folder)
    for row in manifest["artifacts"]:
        if row["duplicate_of"]:
            assert row["link"] is links
            assert (folder / row["path"]).samefile(folder / row["duplicate_of"]) is links


def test_no_dedupe(pull, emu):
    _, manifest, folder = pull("--no-dedupe", "wr_demo2", "tsk_v2_demo2")
    check_bag(folder)
    assert manifest["totals"]["duplicates"] == 0
    assert not any(row["link"] or row["duplicate_of"] for row in manifest["artifacts"])
    assert len([r for r in emu.log() if r["path"].startswith("/bucket/")]) > 4


def test_the_ways(pull):
    _, manifest, _ = pull("tsk_demo1")
    via = {row["artifact_id"]: row["fetched_via"] for row in manifest["artifacts"]}
    assert via["a_1null"] == via["a_1file"] == "content-endpoint"
    assert via["a_1key"] == via["a_1rec"] == "signed-url"


def test_entry_times_are_the_artifacts_own(pull):
    _, manifest, folder = pull("tsk_demo1")
    row = next(r for r in manifest["artifacts"] if r["artifact_id"] == "a_1html")
    assert os.stat(folder / row["path"]).st_mtime == 1768909949
    assert "/20260120T115229.276851Z_a_1html.html" in row["path"]


def test_hostile_names(pull):
    _, manifest, folder = pull("tsk_demo1")
    names = {row["artifact_id"]: row["path"] for row in manifest["artifacts"]}
    assert names["a_1csv"].endswith("/files/Report 2026.csv")
    assert names["a_1csv2"].endswith("/files/report 2026~2.csv")
    assert names["a_1evil"].endswith("con___.exe")  # cleaned, and still what it was
    assert names["a_1con"].endswith("/files/_CON.txt")
    for path in names.values():
        assert not set(path) & set('\\:*?"<>|%\u202e\u0007')
        assert not any(part.startswith((".", " ")) or part.endswith((".", " "))
                       for part in path.split("/"))


def test_no_secret_anywhere(pull, emu, tmp_path):
    result, manifest, folder = pull("-vv", *RUNS)
    texts = [result.err.encode(), result.out]
    texts += [p.read_bytes() for p in folder.rglob("*") if p.is_file()]
    for text in texts:
        for word in [*emu.secrets(), b"SECRETSIGNATURE", b"AKIA"]:
            assert word not in text, text[:300]
    record = json.loads((folder / "data/tsk_demo1/run.json").read_text())
    assert record["output"]["see"] == "https://files.example/x?sig=***&a=1"
    for request in emu.log("store"):
        assert "x-api-key" not in request["headers"]
    for request in emu.log("api"):
        signed = "sig=" in request["path"]
        assert signed == ("x-api-key" not in request["headers"])


def test_the_seek_table(skyarc, tmp_path):
    """The tail says where each frame is, as the seekable format has it."""
    import struct
    skyarc("pull", "-o", "s.tar.zst", *RUNS, check=0)
    data = (tmp_path / "s.tar.zst").read_bytes()
    count, flags, magic = struct.unpack("<IBI", data[-9:])
    assert (magic, flags) == (0x8F92EAB1, 0)
    start = len(data) - 9 - 8 * count - 8
    assert struct.unpack("<II", data[start:start + 8]) == (0x184D2A5E, 8 * count + 9)
    rows = list(struct.iter_unpack("<II", data[start + 8:-9]))
    assert sum(row[0] for row in rows) == start
    tar = subprocess.run(["zstd", "-dcq", "s.tar.zst"], cwd=tmp_path, check=True,
                         stdout=subprocess.PIPE).stdout
    at = plain = 0
    for coded, size in rows[:-1]:
        piece = subprocess.run(["zstd", "-dcq"], input=data[at:at + coded], check=True,
                               stdout=subprocess.PIPE).stdout
        assert piece == tar[plain:plain + size]
        at, plain = at + coded, plain + size
    assert rows[-1] == (56, 0)
    locator = struct.unpack("<8sQQQQQ", data[at + 8:at + 56])
    assert locator[0] == b"skyarc\0\1" and locator[5] == start
    assert tar[locator[3]:].startswith(b"s/manifest.json\0")
    manifest = json.loads(tar[locator[3] + 512:locator[3] + 512 + locator[4]])
    frames, offset = [], 0
    for coded, size in rows:
        frames.append(offset)
        offset += size
    for row in manifest["artifacts"]:
        name = ("s/" + row["path"]).encode()
        head = tar[row["offset"]:row["offset"] + 1024]
        assert name[:100] in head
        assert frames[row["frame"]] <= row["offset"] < frames[row["frame"] + 1]


def test_the_gzip_tail(skyarc, tmp_path):
    import gzip
    import struct
    skyarc("pull", "-o", "s.tar.gz", *RUNS, check=0)
    data = (tmp_path / "s.tar.gz").read_bytes()
    footer = data[-(12 + 4 + 48 + 10):]
    assert footer[:4] == b"\x1f\x8b\x08\x04" and footer[12:14] == b"SL"
    _, frame, coded, plain, size, table = struct.unpack("<8sQQQQQ", footer[16:64])
    tar = gzip.decompress(data)
    assert tar[plain:].startswith(b"s/manifest.json\0")
    member = gzip.decompress(data[coded:])
    assert member.startswith(b"s/manifest.json\0")
    assert data[table:table + 2] == b"\x1f\x8b" and data[table + 12:table + 14] == b"ST"


def test_to_standard_output(skyarc, tmp_path):
    result = skyarc("pull", "-o", "-", "--format", "tar.gz", "tsk_demo1", check=0)
    (tmp_path / "piped.tar.gz").write_bytes(result.out)
    folder = extract(tmp_path / "piped.tar.gz", tmp_path)
    assert folder.name.startswith("skyarc-20")
    check_bag(folder)
    assert result.err == ""


def test_default_name(skyarc, tmp_path):
    skyarc("pull", "tsk_demo3", check=0)
    (made,) = tmp_path.glob("skyarc-*.tar.zst")
    check_bag(extract(made, tmp_path))


def test_silent_without_a_terminal(skyarc):
    result = skyarc("pull", "-o", "q.tar", "tsk_demo1", check=0)
    assert (result.out, result.err) == (b"", "")
    result = skyarc("pull", "-v", "-o", "v.tar", "tsk_demo1", check=0)
    assert b"sha256" in result.out and b"v.tar" in result.out


def test_dry_run(skyarc, emu, tmp_path):
    result = skyarc("pull", "-n", "tsk_demo1", "tsk_demo3", check=0)
    assert b"data/tsk_demo1/recording/" in result.out
    assert not [r for r in emu.log() if r["role"] == "store" or "/content" in r["path"]]
    rows = skyarc("pull", "-n", "--json", "tsk_demo1", check=0).json()
    assert len([r for r in rows if not r["record"]]) == 20 and {"path", "size", "same_as"} <= set(rows[0])
    assert not list(tmp_path.glob("skyarc-*"))


def test_ids_from_a_file(skyarc, pull, tmp_path):
    (tmp_path / "ids").write_text("# last night\n tsk_demo1 \n\ntsk_demo3 # again\r\ntsk_demo1\n")
    _, manifest, _ = pull("-i", "ids", "tsk_demo3")
    assert manifest["request"]["run_ids"] == ["tsk_demo3", "tsk_demo1"]
    result = skyarc("pull", "-n", "-i", "-", stdin=b"tsk_demo1\n", check=0)
    assert b"tsk_demo1" in result.out


def test_an_empty_run(pull):
    _, manifest, folder = pull("tsk_empty")
    assert manifest["artifacts"] == [] and (folder / "data/tsk_empty/run.json").exists()
    check_bag(folder)


@pytest.mark.parametrize("suffix", ["/", "/v1", "/api/v1", "/api/v1/", "/v1?x=1"])
def test_pasted_base_urls(skyarc, emu, suffix):
    skyarc("pull", "-n", "--base-url", emu.api + suffix, "tsk_demo1", check=0)
    assert all(r["path"].startswith("/v1/runs/") for r in emu.log())


def test_large_bodies_pass_through_small_memory(emu, pull, tmp_path):
    """Far more bytes than the memory for bodies, with a duplicate among them."""
    rows = [{"id": "big%d" % i, "type": "recording", "webm": 9_000_000 + i, "seed": i,
             "signing": "s3", "summed": False} for i in range(12)]
    rows.append({"id": "bigdup", "type": "recording", "webm": 9_000_003, "seed": 3, "signing": "s3",
                 "summed": False})
    emu.run("tsk_big", rows)
    for name in ("a.tar.zst", "b.tar", "c.zip"):
        result, manifest, folder = pull("tsk_big", name=name)
        check_bag(folder)
        check_manifest(manifest, folder)
        assert manifest["totals"]["duplicates"] == 1


def test_config_file_and_environment(skyarc, tmp_path, emu):
    home = tmp_path / "cfg"
    (home / "skyarc").mkdir(parents=True)
    key = tmp_path / "key"
    key.write_text(emu.key + "\n")
    (home / "skyarc" / "config").write_text(
        "# mine\napi-key-file = %s\njobs = 3\ntype = har\nformat = tar\n" % key)
    rows = skyarc("pull", "-n", "--json", "tsk_demo1", XDG_CONFIG_HOME=str(home),
                  SKYVERN_API_KEY="", check=0).json()
    assert [r["artifact_type"] for r in rows if not r["record"]] == ["har"]
    rows = skyarc("pull", "-n", "--json", "-t", "llm_prompt", "tsk_demo1", check=0,
                  XDG_CONFIG_HOME=str(home)).json()
    assert [r["artifact_type"] for r in rows if not r["record"]] == ["llm_prompt"]
    rows = skyarc("pull", "-n", "--json", "tsk_demo1", SKYARC_TYPE="skyvern_log", check=0).json()
    assert [r["artifact_type"] for r in rows if not r["record"]] == ["skyvern_log"]
    (home / "skyarc" / "config").write_text("jbos = 3\n")
    result = skyarc("pull", "-n", "tsk_demo1", XDG_CONFIG_HOME=str(home), check=2)
    assert "line 1" in result.err and "jbos" in result.err


def test_credentials_directory(skyarc, emu, tmp_path):
    (tmp_path / "skyvern-api-key").write_text(emu.key)
    skyarc("pull", "-n", "tsk_demo1", SKYVERN_API_KEY="", CREDENTIALS_DIRECTORY=str(tmp_path),
           check=0)


def test_limit_rate(skyarc, emu):
    import time
    emu.run("tsk_rate", [{"id": "r1", "type": "recording", "webm": 1_000_000, "signing": "s3"}])
    begin = time.monotonic()
    skyarc("pull", "-o", "r.tar", "--limit-rate", "1m", "tsk_rate", check=0)
    assert time.monotonic() - begin > 0.6


def test_the_level_of_each_frame(skyarc, emu, tmp_path):
    def levels(*options):
        skyarc("pull", "-f", "-o", "s.tar.zst", *options, *RUNS, check=0)
        skyarc("verify", "s.tar.zst", check=0)
        manifest = json.loads(skyarc("cat", "s.tar.zst", "manifest.json", check=0).out)
        return {row["artifact_type"]: row["frame_level"] for row in manifest["artifacts"] if not row["link"]}
    fixed = levels("--level", "7")
    assert {fixed["screenshot_action"], fixed["recording"]} == {0} and 7 in fixed.values()
    assert set(levels("--level", "auto").values()) <= {0, 1, 3, 6}
