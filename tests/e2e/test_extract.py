# SPDX-License-Identifier: MIT
"""extract: writes checked files, never outside of a directory."""
import errno
import json
import os
import subprocess
import tarfile
import zipfile

import pytest

import craft
from conftest import SANITIZED, SKYARC
from reading import flip, manifest_of, row, tar_with


def test_extract_some(made, skyarc, tmp_path):
    archive = made()
    skyarc("extract", "-C", "x", "-t", "har", archive, check=0)
    found = [p for p in (tmp_path / "x").rglob("*") if p.is_file()]
    assert found and all(p.suffix == ".har" for p in found)
    skyarc("extract", "-C", "y", archive, "manifest.json", "data/tsk_demo3/html_scrape", check=0)
    assert sorted(p.name for p in (tmp_path / "y").rglob("*") if p.is_file()) == [
        "20260120T115229.276851Z_a_3html.html", "manifest.json"]
    assert "nothing in" in skyarc("extract", archive, "no/such", check=1).err


def test_what_is_there_stays(made, skyarc, tmp_path):
    archive = made()
    skyarc("extract", "-C", "x", archive, check=0)
    target = tmp_path / "x" / "a" / "manifest.json"
    target.write_text("mine")
    result = skyarc("extract", "-C", "x", "--json", archive, check=0)
    assert result.json()["existing"] > 50 and result.json()["files"] == 0 and "--force" in result.err
    assert target.read_text() == "mine"
    skyarc("extract", "-C", "x", "-f", archive, check=0)
    assert target.read_text() != "mine"
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=target.parent, check=True)
    assert not [p for p in (tmp_path / "x").rglob(".skyarc*")]


def test_extract_stops_at_damage_unless_told(made, skyarc, tmp_path):
    archive = made()
    flip(archive, 50_000)
    result = skyarc("extract", "-C", "x", archive, check=4)
    assert "--keep-going" in result.err


@pytest.mark.parametrize("listed", [True, False])
def test_extraction_never_leaves_its_directory(skyarc, tmp_path, listed):
    """Also when the manifest lists what it should not, where it can be read at all."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    evil = [
        ("../escape1", tarfile.REGTYPE, b"1"), ("a/data/../../escape2", tarfile.REGTYPE, b"2"),
        ("/tmp/skyarc-escape3", tarfile.REGTYPE, b"3"), ("a/data/./x", tarfile.REGTYPE, b"4"),
        ("a//data/y", tarfile.REGTYPE, b"5"), ("a/data/sym", tarfile.SYMTYPE, str(outside)),
        ("a/data/sym/escape6", tarfile.REGTYPE, b"6"), ("a/data/sym2", tarfile.SYMTYPE, "../../../outside"),
        ("a/data/hard", tarfile.LNKTYPE, "../outside/precious"), ("a/data/hard2", tarfile.LNKTYPE, "/etc/passwd"),
        ("a/data/hard3", tarfile.LNKTYPE, "a/data/sym/precious"), ("a/data/dev", tarfile.CHRTYPE, None),
        ("a/data/fifo", tarfile.FIFOTYPE, None), ("a/data/ok", tarfile.REGTYPE, b"ok"),
        ("a/data/" + "n" * 300, tarfile.REGTYPE, b"7"), ("a/data/.skyarc-1-0", tarfile.REGTYPE, b"8"),
        ("a/data/okdir", tarfile.DIRTYPE, None), ("a/data/hardok", tarfile.LNKTYPE, "a/data/ok"),
    ]
    rows = [row("data/ok", b"ok"), row("data/hardok", b"ok", link=True, duplicate_of="data/ok")]
    if listed:
        rows += [row("data/hard", b"precious"), row("data/hard2", b"x"), row("data/hard3", b"precious"),
                 row("data/sym", b""), row("data/sym2", b""), row("data/dev", b""), row("data/fifo", b"")]
    tar_with(tmp_path / "evil.tar", evil, manifest_of(*rows))
    for name, how in (("evil.tar", None), ("evil.tar.gz", ["gzip", "-k"]), ("evil.tar.zst", ["zstd", "-qk"])):
        if how:
            subprocess.run(how + [tmp_path / "evil.tar"], check=True)
        into = tmp_path / "in" / name
        into.parent.mkdir(exist_ok=True)
        result = skyarc("extract", "-k", "-C", into, name, check=4)
        files = sorted(str(p.relative_to(into)) for p in into.rglob("*") if not p.is_dir())
        assert files == ["evil/data/hardok", "evil/data/ok", "evil/manifest.json"]
        assert (into / "evil/data/hardok").samefile(into / "evil/data/ok")
        assert os.listdir(outside) == ["precious"] and (outside / "precious").stat().st_nlink == 1
        assert sorted(os.listdir(into.parent)) == sorted(p.name for p in into.parent.iterdir())
        assert not (tmp_path / "escape1").exists() and not os.path.exists("/tmp/skyarc-escape3")
        assert not (into.parent / "escape1").exists() and not (into.parent / "escape2").exists()
        assert "not in the manifest" in result.err
        assert not listed or "neither a file nor a hard link" in result.err


@pytest.mark.parametrize("names", [("data/one", "data/one/x"), ("data/one/x", "data/one")], ids=["file first", "folder first"])
def test_a_file_and_a_folder_of_one_name(skyarc, tmp_path, names):
    """One of two listed files cannot be there, in whatever order they come."""
    tar_with(tmp_path / "a.tar", [("a/" + n, tarfile.REGTYPE, n.encode()) for n in names],
             manifest_of(*[row(n, n.encode()) for n in names]))
    result = skyarc("extract", "-k", "-C", "x", "a.tar", check=4)
    assert "in the place of" in result.err


def test_links_on_the_disk_are_not_followed(made, skyarc, tmp_path):
    """The directory itself was prepared by somebody."""
    archive = made("a.tar.zst", "-x", "recordings")
    outside = tmp_path / "outside"
    outside.mkdir()
    into = tmp_path / "in"
    (into / "a").mkdir(parents=True)
    os.symlink(outside, into / "a" / "data")
    os.symlink(outside / "m", into / "a" / "manifest.json")
    skyarc("extract", "-k", "-C", into, archive, check=4)
    assert not list(outside.iterdir())


def test_zip_names(skyarc, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../escape", "x")
        archive.writestr("a/data/ok", "ok")
        archive.writestr("a/data/unlisted", "no")
        archive.writestr("a/manifest.json", json.dumps(manifest_of(row("data/ok", b"ok"))))
    skyarc("extract", "-k", "-C", "in", "evil.zip", check=4)
    assert not (tmp_path / "escape").exists() and (tmp_path / "in/evil/data/ok").read_text() == "ok"
    assert sorted(os.listdir(tmp_path / "in/evil/data")) == ["ok"]


@pytest.fixture
def small(skyarc, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_demo3", check=0)
    return tmp_path / "a.tar.zst"


def files(top):
    return sorted(p for p in top.rglob("*") if p.is_file())


def test_here_and_there(skyarc, small, tmp_path):
    """Without -C where it is called; a directory is made."""
    (tmp_path / "here").mkdir()
    skyarc("extract", "-q", small, cwd=tmp_path / "here", check=0)
    skyarc("extract", "--directory", "there", small, check=0)
    subprocess.run(["diff", "-r", tmp_path / "here", tmp_path / "there"], check=True)
    assert "none/there" in skyarc("extract", "-C", "none/there", small, check=1).err


def test_the_result_as_json(skyarc, small, tmp_path):
    result = skyarc("extract", "--json", "-C", "x", small, check=0).json()
    found = files(tmp_path / "x")
    assert result["files"] + result["links"] == len(found) and result["indexed"] is True
    assert result["bytes"] == sum({p.stat().st_ino: p.stat().st_size for p in found}.values())
    assert (result["existing"], result["lost"]) == (0, 0)


def test_by_type_and_run(skyarc, small, tmp_path):
    rows = skyarc("list", "--json", small, check=0).json()

    def extracted(name, *args):
        skyarc("extract", "-C", name, *args, check=0)
        return {str(p.relative_to(tmp_path / name / "a")) for p in files(tmp_path / name)}

    assert extracted("r", "-r", "tsk_demo3", small) == {
        r["path"] for r in rows if r["run_id"] == "tsk_demo3"} | {
        "index.html", "view/tsk_demo3.js", "data/tsk_demo3/run.json", "data/tsk_demo3/artifacts.json"}
    assert extracted("x", "--exclude-type", "all", "--run", "tsk_demo3", small, "manifest.json") == {"manifest.json"}
    assert extracted("t", "--type", "har,recordings", small) == {
        r["path"] for r in rows if r["artifact_type"] in ("har", "recording")}


def test_permissions(skyarc, small, tmp_path):
    skyarc("extract", "-C", "x", small, check=0)
    assert {p.stat().st_mode & 0o777 for p in files(tmp_path / "x")} == {0o600}
    skyarc("extract", "-C", "y", "--mode", "0640", small, check=0)
    assert {p.stat().st_mode & 0o777 for p in files(tmp_path / "y")} == {0o640}


def test_without_a_sandbox(skyarc, small, tmp_path):
    result = skyarc("extract", "-v", "--no-sandbox", "-C", "x", small, check=0)
    assert "not confined" in result.err and files(tmp_path / "x")


@pytest.mark.parametrize("args,words", [([], "no archive"), (["--mode", "9", "a"], "--mode"), (["-t", "a b!", "a"], "invalid artifact type"),
                                        (["--bogus", "a"], "--bogus")])
def test_usage(skyarc, tmp_path, args, words):
    assert words in skyarc("extract", "-C", "x", *args, check=2).err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", ["tar.zst", "tar"])
@pytest.mark.parametrize("names, error", [(3, errno.EMLINK), (1, errno.EPERM), (1, errno.EOPNOTSUPP)])
def test_where_no_more_links_can_be(env, tmp_path, names, error, kind):
    """ext4 allows 65,000 names of a file, FAT one: what cannot be a link is extracted again, and checked again."""
    if SANITIZED:
        pytest.skip("the sanitizer must be loaded first")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "fewlinks.so",
                    os.path.dirname(os.path.abspath(__file__)) + "/fewlinks.c", "-ldl"], check=True)
    links = {"data/r1/html/l%d.html" % i: "data/r1/html/one.html" for i in range(7)}
    (tmp_path / ("a." + kind)).write_bytes(craft.sample(links=links).packed(kind))
    more = dict(LD_PRELOAD=str(tmp_path / "fewlinks.so"), FEWLINKS=str(names), FEWLINKS_ERRNO=str(error))
    done = subprocess.run([SKYARC, "extract", "--json", "-C", "x", "a." + kind], env=dict(env, **more), cwd=tmp_path,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done
    one = tmp_path / "x/a/data/r1/html/one.html"
    for name in links:
        path = tmp_path / "x/a" / name
        assert path.read_bytes() == one.read_bytes() and path.stat().st_mtime == one.stat().st_mtime
        assert path.stat().st_nlink <= names and path.stat().st_mode == one.stat().st_mode
    assert len({os.stat(tmp_path / "x/a" / name).st_ino for name in [*links, "data/r1/html/one.html"]}) == -(-8 // names)
    assert not [p for p in (tmp_path / "x").rglob(".skyarc-*")]
    told = json.loads(done.stdout)
    assert told["links"] == 8 - -(-8 // names)


@pytest.mark.parametrize("args", [[], ["-f"], ["-f", "--no-sandbox"]])
def test_a_folder_in_the_place_of_a_file(made, skyarc, tmp_path, args):
    """Only that file is lost, with and without a sandbox; and the archive is not called damaged."""
    archive = made("a.tar.zst", "-x", "recordings")
    rows = [row["path"] for row in skyarc("list", "--json", archive, check=0).json()]
    rows.sort(key=lambda path: not path.endswith(".har"))  # no other is a link to it
    (tmp_path / "out" / "a" / rows[0] / "x").mkdir(parents=True)
    got = skyarc("extract", "-k", *args, "-C", "out", archive, check=4)
    assert "a folder is in the place of the file" in got.err and "damaged" not in got.err
    assert all((tmp_path / "out" / "a" / path).is_file() for path in rows[1:])
    if not args:
        assert "not all files could be extracted; --keep-going" in skyarc("extract", "-C", "out", archive, check=4).err


def test_tag_files_that_were_not_reached_are_not_lost(made, skyarc, tmp_path):
    """Damage ends the reading before the list of tag files: nothing is said of them."""
    archive = made("x.zip", "-x", "recordings")
    with zipfile.ZipFile(archive) as z:
        first = next(i for i in z.infolist() if "/data/" in i.filename and i.compress_size > 100)
    data = bytearray(archive.read_bytes())
    data[first.header_offset + 30 + len(first.filename) + 60] ^= 1
    archive.write_bytes(data)
    for i in range(20):
        said = skyarc("extract", "-C", "out%d" % i, archive, check=4).err
        assert "lost: " in said and "not in tagmanifest" not in said, said
