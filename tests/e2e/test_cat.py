# SPDX-License-Identifier: MIT
"""cat: one file of an archive."""
import json
import subprocess
import tarfile

import pytest

from conftest import SANITIZED, SKYARC
from reading import manifest_of, row, tar_with
from test_sync import runs, sync, volumes  # noqa: F401


def test_not_found(made, skyarc):
    archive = made()
    assert "no 'x/y' in" in skyarc("cat", archive, "x/y", check=1).err


def test_a_reader_that_goes(made, skyarc, env, tmp_path):
    archive = made()
    done = subprocess.run("%s cat %s big0 | head -c 10" % (SKYARC, archive), shell=True, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    assert len(done.stdout) == 10 and done.stderr == b""


def test_memory_stays_flat(made, skyarc, tmp_path):
    """A cat decodes one frame of an archive (up to 4 MiB), whatever its size."""
    import resource
    archive = made()
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    done = subprocess.run(["/usr/bin/python3", "-c", code, SKYARC, "cat", str(archive), "a_1shot1"],
                          stdout=subprocess.PIPE, check=True)
    if not SANITIZED:
        assert int(done.stdout) < 20 * 1024
    assert resource


def test_several_files_in_the_order_asked_for(skyarc, emu, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_demo3", check=0)
    both = skyarc("cat", "a.tar.zst", "a_3har", "a_1har", check=0).out
    assert both == emu.data("a_3har") + emu.data("a_1har")
    result = skyarc("cat", "a.tar.zst", "a_1har", "nothing", "a_3har", check=1)
    assert result.out == emu.data("a_1har") and "no 'nothing' in" in result.err
    result = skyarc("cat", "-v", "--no-sandbox", "a.tar.zst", "a_1har", check=0)
    assert "not confined" in result.err and result.out == emu.data("a_1har")


def test_content_that_is_not_as_the_manifest_says(skyarc, tmp_path):
    data = b"what was archived"
    tar_with(tmp_path / "good.tar", [("a/data/x", tarfile.REGTYPE, data)], manifest_of(row("data/x", data)))
    assert skyarc("cat", "good.tar", "data/x", check=0).out == data
    tar_with(tmp_path / "bad.tar", [("a/data/x", tarfile.REGTYPE, data.upper())], manifest_of(row("data/x", data)))
    result = skyarc("cat", "-q", "--log-format", "json", "bad.tar", "data/x", check=4)
    assert json.loads(result.err)["level"] == "error" and "data/x" in result.err


def test_a_directory_of_volumes(skyarc, sync, runs, emu, tmp_path):  # noqa: F811
    runs("tsk_a", ended=200_000)
    sync()
    runs("tsk_b", ended=100_000)
    sync()
    assert len(volumes(tmp_path)) == 2
    assert skyarc("cat", "vault", "tsk_a_1", "tsk_b_2", check=0).out == emu.data("tsk_a_1") + emu.data("tsk_b_2")
    result = skyarc("cat", "vault", "tsk_a_1", "tsk_x", check=1)
    assert "no volume" in result.err and "tsk_x" in result.err and result.out == emu.data("tsk_a_1")
    (tmp_path / "empty").mkdir()
    assert "no catalog" in skyarc("cat", "empty", "tsk_a_1", check=1).err


@pytest.mark.parametrize("args,words", [([], "expected an archive"), (["a"], "expected an archive"), (["--bogus", "a", "b"], "--bogus")])
def test_usage(skyarc, args, words):
    assert words in skyarc("cat", *args, check=2).err


@pytest.mark.parametrize("name", ["data.tar.zst", "norm.tar.zst", "view.tar.zst", "data.zip"])
def test_paths_as_tar_shows_them(skyarc, tmp_path, name):
    """A path may begin with the archive's top directory, also one of the name of a folder in it; a folder may end with a slash."""
    skyarc("pull", "-o", name, "tsk_demo1", "tsk_demo3", check=0)
    top = name.split(".")[0]
    path = next(row["path"] for row in skyarc("list", "--json", name, check=0).json() if row["path"].startswith("data/tsk_demo3/har"))
    for inner in (path, "index.html", "view/tsk_demo3.js", "manifest.json", "data/tsk_demo3/run.json"):
        want = skyarc("cat", name, inner, check=0).out
        assert want and skyarc("cat", name, top + "/" + inner, check=0).out == want, inner
        skyarc("extract", "-f", "-C", "out", name, top + "/" + inner, check=0)
        assert (tmp_path / "out" / top / inner).read_bytes() == want
    of_one = skyarc("list", "--json", name, "data/tsk_demo3", check=0).json()
    assert 0 < len(of_one) < len(skyarc("list", "--json", name, check=0).json())
    for folder in ("data/tsk_demo3/", top + "/data/tsk_demo3", top + "/data/tsk_demo3/"):
        assert skyarc("list", "--json", name, folder, check=0).json() == of_one, folder
    assert [row["path"] for row in skyarc("list", "--json", name, top + "/" + path, check=0).json()] == [path]
    assert skyarc("list", name, "tsk_demo3/*").code == 1  # no path of the archive
