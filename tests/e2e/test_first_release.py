# SPDX-License-Identifier: MIT
"""What version 0.1.0 wrote stays readable: archives in each format, and a directory of sync (see first_release.py)."""
import hashlib
import json
import lzma
import tarfile

import pytest

import first_release as old
from test_sync import archived, query, states, volumes


@pytest.fixture
def archive(tmp_path):
    """Bring an archive of 0.1.0 into the test's folder."""
    def bring(name):
        if name.endswith(".tar"):
            data = lzma.decompress((old.FOLDER / (name + ".xz")).read_bytes())
        else:
            data = (old.FOLDER / name).read_bytes()
        (tmp_path / name).write_bytes(data)
        return name
    return bring


@pytest.mark.parametrize("name", old.ARCHIVES)
def test_an_archive_of_the_first_release(skyarc, archive, tmp_path, name):
    archive(name)
    bodies = {ident: data for run, ident, _, _, data in old.bodies() if run != old.THREE}
    rows = {row["artifact_id"]: row for row in skyarc("list", "--json", name, check=0).json()}
    assert set(rows) == set(bodies)
    linked = {ident for ident, row in rows.items() if row["link"]}
    assert linked == (set() if name.endswith(".zip") else {"o_twin", "o_page2"})
    for ident, data in bodies.items():
        assert skyarc("cat", name, ident, check=0).out == data
        assert skyarc("cat", name, rows[ident]["path"], check=0).out == data
    skyarc("extract", "-C", "out", name, check=0)
    top = tmp_path / "out/old"
    for ident, row in rows.items():
        assert (top / row["path"]).read_bytes() == bodies[ident]
        assert not row["link"] or (top / row["path"]).samefile(top / row["duplicate_of"])
    manifest = json.loads((top / "manifest.json").read_text())
    assert manifest["tool"] == "skyarc/0.1.0"
    assert [m["artifact_id"] for m in manifest["missing"]] == [old.GONE]
    (result,) = skyarc("verify", "--json", name, check=0).json()
    assert (result["artifacts"], result["missing"], result["damages"]) == (len(bodies), 1, 0)
    assert result["indexed"] is (name in ("old.tar.zst", "old.tar.gz"))
    assert result["manifest_sha256"] == hashlib.sha256((top / "manifest.json").read_bytes()).hexdigest()
    skyarc("verify", "--quick", name, check=0)
    assert skyarc("cat", name, "o_nothing").code == 1
    skyarc("report", "-o", "report", name, check=0)
    (page,) = (tmp_path / "report").glob("*/index.html")
    assert old.ONE in page.read_text() and old.TWO in page.read_text()


def test_a_damaged_archive_of_the_first_release(skyarc, archive, tmp_path):
    """Damage stays within its frame, as it was promised when the archive was written."""
    data = bytearray((tmp_path / archive("old.tar.zst")).read_bytes())
    at = data.index(b"\x1a\x45\xdf\xa3") + 100  # in the recording, which is stored
    data[at] ^= 0xff
    (tmp_path / "old.tar.zst").write_bytes(data)
    assert "o_video" in skyarc("verify", "old.tar.zst", check=4).err
    assert skyarc("cat", "old.tar.zst", "o_page", check=0).out == dict((i, d) for _, i, _, _, d in old.bodies())["o_page"]


def test_a_directory_of_the_first_release(skyarc, emu, tmp_path):
    with tarfile.open(old.FOLDER / "vault.tar.xz") as file:
        file.extractall(tmp_path)
    old.serve(emu, gone=False)
    before = volumes(tmp_path)
    assert len(before) == 2
    assert "next sync migrates it" in skyarc("verify", "vault", check=3).err  # its catalog is old, not damaged
    ids = {ident for _, ident, *_ in old.bodies()}
    result = skyarc("sync", "--dest", "vault", "--settle", "1s", "--json", check=0).json()
    assert (result["archived_runs"], result["artifacts"]) == (0, 0)
    assert volumes(tmp_path) == before and set(archived(tmp_path)) == ids
    assert states(tmp_path) == {run: "sealed" for run in (old.ONE, old.TWO, old.THREE)}
    assert len(skyarc("find", "vault", "-r", old.ONE, check=0).out.splitlines()) == 8
    for run, ident, _, _, data in old.bodies():
        (row,) = skyarc("list", "--json", "--run", run, "vault", ident, check=0).json()
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
    tables = ["SELECT run_id, artifact_id, path FROM artifacts ORDER BY 1, 2", "SELECT run_id, state FROM states ORDER BY 1",
              "SELECT run_id FROM holds"]
    known = [query(tmp_path, sql) for sql in tables]
    skyarc("sync", "--dest", "vault", "--rebuild", check=0)
    assert [query(tmp_path, sql) for sql in tables] == known
    # a run that came since then goes into a volume of today, beside the old ones
    emu.run("tsk_new", [{"id": "n_0", "type": "html", "data": b"<p>new"}], **old.ENDS)
    assert skyarc("sync", "--dest", "vault", "--json", check=0).json()["archived_runs"] == 1
    skyarc("verify", "vault", check=0)
    # prune keeps the run that 0.1.0 was told to hold, and copies it from a volume of two runs
    skyarc("prune", "--dest", "vault", "--keep-days", "1", "--apply", check=0)
    assert query(tmp_path, "SELECT run_id FROM runs") == [(old.HELD,)]
    (left,) = volumes(tmp_path)
    assert left not in before
    skyarc("verify", "vault", check=0)
    for run, ident, _, _, data in old.bodies():
        if run == old.HELD:
            assert skyarc("cat", "vault/" + left, ident, check=0).out == data
