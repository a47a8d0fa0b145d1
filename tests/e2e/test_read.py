# SPDX-License-Identifier: MIT
"""What list, cat, extract and verify say of the same archive, sound or not; each alone: test_list.py and the others."""
import hashlib
import io
import shutil
import subprocess
import tarfile

import pytest

from reading import FORMATS, flip, frames, rows_of


@pytest.mark.parametrize("kind", FORMATS)
def test_all_formats(made, skyarc, tmp_path, emu, kind):
    archive = made("a." + kind)
    rows, folder = rows_of(archive, tmp_path)
    result = skyarc("verify", "--json", archive, check=0).json()[0]
    assert result["damages"] == 0 and result["artifacts"] == len(rows) and result["damage"] == []
    assert result["indexed"] is (kind in ("tar.zst", "tar.gz"))
    assert result["manifest_sha256"] == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert skyarc("list", "--json", archive, check=0).json() == rows
    skyarc("extract", "-C", "mine", archive, check=0)
    assert subprocess.run(["diff", "-r", folder, tmp_path / "mine" / "a"], check=True)
    for row in rows:
        mine = tmp_path / "mine" / "a" / row["path"]
        assert int(mine.stat().st_mtime) == int((folder / row["path"]).stat().st_mtime)
        if row["link"]:
            assert mine.samefile(tmp_path / "mine" / "a" / row["duplicate_of"])
    for row in rows[::7] + [r for r in rows if r["link"]]:
        want = emu.data(row["artifact_id"])
        assert skyarc("cat", archive, row["path"], check=0).out == want
        assert skyarc("cat", archive, row["artifact_id"], check=0).out == want
        assert skyarc("cat", archive, "a/" + row["path"], check=0).out == want
    for name in ("manifest.json", "bagit.txt", "data/tsk_demo1/run.json"):
        assert skyarc("cat", archive, name, check=0).out == (folder / name).read_bytes()
    skyarc("verify", "--quick", archive, check=0)
    for k in (1, 2, 3):
        skyarc("verify", "--share", "%d/3" % k, archive, check=0)


def test_repacked_by_gnu_tar(made, skyarc, tmp_path, emu):
    """No index any more: a plain scan, and the same answers."""
    archive = made()
    rows, folder = rows_of(archive, tmp_path)
    for name, how in (("r.tar.zst", "--zstd"), ("r.tar.gz", "-z"), ("r.tar", "--sort=name")):
        subprocess.run(["tar", how, "-cf", tmp_path / name, "-C", folder.parent, "a"], check=True)
        assert skyarc("list", "--json", name, check=0).json() == rows
        skyarc("extract", "-C", "from-" + name, name, check=0)
        subprocess.run(["diff", "-r", folder, tmp_path / ("from-" + name) / "r"], check=True)
    for name in ("r.tar.zst", "r.tar.gz"):
        assert skyarc("cat", name, "a_1har", check=0).out == emu.data("a_1har")
        assert skyarc("list", name, check=0).err.count("no index") == 1
        assert "no index" not in skyarc("list", "-q", name, check=0).err


def test_a_flipped_byte_spoils_one_frame(made, skyarc, tmp_path, emu):
    archive = made()
    rows, folder = rows_of(archive, tmp_path)
    for number, (begin, end, first, last) in enumerate(frames(archive)[:-2]):
        hurt = tmp_path / "hurt.tar.zst"
        flip(archive, (begin + end) // 2, hurt)
        touched = {r["path"] for r in rows if r["offset"] < last and
                   r["offset"] + 512 + (0 if r["link"] else r["size"]) > first}
        into = tmp_path / ("o%d" % number)
        result = skyarc("extract", "-k", "-C", into, hurt, check=4)
        lost = {r["path"] for r in rows if not (into / "hurt" / r["path"]).exists()}
        manifest_hurt = first <= int(max(r["offset"] for r in rows)) + 10**9 and "manifest.json" in result.err
        if not manifest_hurt:
            links = {r["path"] for r in rows if r["link"] and r["duplicate_of"] in touched}
            assert lost <= touched | links, (number, lost - touched)
            assert lost and all(p in result.err for p in lost)
        else:
            assert not lost
        for row in rows:
            if row["path"] not in lost:
                assert (into / "hurt" / row["path"]).read_bytes() == emu.data(row["artifact_id"])
        shutil.rmtree(into)
        assert skyarc("verify", hurt, check=4).err
        good = next(r for r in rows if r["path"] not in touched and not r["link"])
        if not manifest_hurt:
            assert skyarc("cat", hurt, good["path"], check=0).out == emu.data(good["artifact_id"])
        if number > 6:
            break


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"artifacts": [{}]}', b'{"artifacts": [{"path": 1}]}',
                                  b'{"artifacts": [' + b"[" * 500 + b']}', b'{"artifacts": [{"path": "' + b"x" * (2 << 20) + b'"}]}',
                                  b'{"artifacts": []} x', b'\xff' * 50], ids=range(9))
def test_manifests_that_are_none(skyarc, tmp_path, text):
    with tarfile.open(tmp_path / "m.tar", "w") as tar:
        info = tarfile.TarInfo("a/manifest.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    assert skyarc("verify", "m.tar", check=4).err
    for command in (["list", "m.tar"], ["cat", "m.tar", "x"], ["extract", "-C", "x", "m.tar"]):
        assert skyarc(*command).code in (1, 4)


def test_files_that_are_no_archives(skyarc, tmp_path):
    (tmp_path / "text").write_text("hello" * 1000)
    (tmp_path / "dir").mkdir()
    for name in ("text", "dir", "none", "/dev/null"):
        for command in ("list", "extract"):
            assert skyarc(command, name).code in (2 if name in ("dir", "/dev/null") else 1, 4)
        assert skyarc("verify", name).code == {"text": 4, "dir": 1, "none": 1, "/dev/null": 2}[name]
    assert skyarc("cat", "text", "x").code == 1
    archive = tmp_path / "o.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "text", "text")
    assert "not an archive of skyarc" in skyarc("list", "o.tar", check=1).err
