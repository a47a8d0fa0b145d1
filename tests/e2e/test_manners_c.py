# SPDX-License-Identifier: MIT
"""Usability of names, help, configuration and sync directories. One section per point."""
import datetime
import json
import os
import re
import resource
import signal
import subprocess
import time

import pytest

from conftest import SKYARC


# The archive's name is told to who asks for it.

def test_the_name_is_printed(skyarc, tmp_path):
    result = skyarc("pull", "--print-name", "tsk_demo1", check=0)
    name = result.out.decode()
    assert re.fullmatch(r"skyarc-\d{8}T\d{6}Z\.tar\.zst\n", name) and not result.err
    assert (tmp_path / name.strip()).is_file()
    assert skyarc("pull", "--print-name", "-o", "x/../n.tar", "tsk_demo1", check=1).out == b""  # nothing was written
    assert skyarc("pull", "--print-name", "-o", "n.tar", "tsk_demo1", check=0).out == b"n.tar\n"
    result = skyarc("pull", "--print-name", "-v", "-o", "m.tar", "tsk_demo1", check=0)
    assert result.out == b"m.tar\n" and "artifacts   " in result.err
    for more in (["--json"], ["-n"], ["-o", "-"]):
        assert "--print-name cannot be combined" in skyarc("pull", "--print-name", *more, "tsk_demo1", check=2).err


def test_the_log_names_the_archive(skyarc):
    result = skyarc("pull", "-v", "tsk_demo1", check=0)
    (name,) = re.findall(r"^archive     (\S+)$", result.out.decode(), re.M)
    assert "the archive is '%s'" % name in result.err
    quiet = skyarc("pull", "-o", "q.tar", "tsk_demo1", check=0)
    assert not quiet.out and not quiet.err


# After a full disk, what is said to be kept is what the next attempt finds.

@pytest.mark.parametrize("name", ["c.tar.zst", "c.tar.gz", "c.tar"])
@pytest.mark.parametrize("count, size", [(7, 1_000_000), (20, 220_000), (600, 8000)])
def test_a_full_disk_keeps_what_is_said(skyarc, emu, small, name, count, size):
    emu.run("tsk_full", [{"id": "f%d" % i, "type": "recording", "webm": size, "seed": i} for i in range(count)])
    result = skyarc("pull", "-o", small / name, "tsk_full", check=1)
    assert "No space left" in result.err and "run the same command again to resume" in result.err
    said = int(re.search(r"(\d+) artifacts? (?:is|are) kept", result.err).group(1))
    assert 0 < said < count and said * size > 1_500_000
    again = skyarc("pull", "-v", "-o", small / name, "tsk_full", check=1)
    assert "resuming an interrupted attempt: %d artifacts" % said in again.err
    said = int(re.search(r"(\d+) artifacts? (?:is|are) kept", again.err).group(1))
    (small / "other").unlink()
    assert skyarc("pull", "--json", "-o", small / name, "tsk_full", check=0).json()["kept"] == said
    skyarc("verify", small / name, check=0)


@pytest.mark.parametrize("name", ["c.tar.zst", "c/"])
def test_what_is_not_whole_is_not_promised(skyarc, emu, env, tmp_path, name):
    """Not one artifact is whole: nothing is left, and nothing is promised."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    emu.run("tsk_full", [{"id": "f%d" % i, "type": "recording", "webm": 3_000_000, "seed": i} for i in range(3)])
    done = subprocess.run([SKYARC, "pull", "--json", "-o", name, "tsk_full"], env=env, cwd=tmp_path,
                          preexec_fn=limit, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 1 and b"too large" in done.stderr and b"kept" not in done.stderr, done
    assert not list(tmp_path.glob(name.rstrip("/") + "*"))


# A submitted run continues when skyarc is interrupted.

def interrupted(env, tmp_path, emu, seen, *args):
    """submit, interrupted by SIGINT when seen() is true: the run's ID and what was said."""
    process = subprocess.Popen([SKYARC, "submit", "--prompt", "buy milk", *args], env=env, cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while not seen() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    (task,) = emu.tasks()
    ident = json.loads(out)["run_id"] if out.startswith(b"{") else out.decode().strip()
    return ident, err.decode()


def test_an_interrupted_wait_says_that_the_run_goes_on(env, tmp_path, emu):
    emu.script(["running"] * 500)
    def asked():
        return sum("/runs/" in r["path"] for r in emu.log("api")) > 1
    ident, err = interrupted(env, tmp_path, emu, asked, "-o", "r.tar", "--interval", "200ms")
    assert "run '%s' goes on; archive it with 'skyarc pull --wait %s -o r.tar'" % (ident, ident) in err
    assert err.count("\n") == 1


def test_an_interrupted_wait_without_archive(env, tmp_path, emu):
    emu.script(["running"] * 500)
    def asked():
        return sum("/runs/" in r["path"] for r in emu.log("api")) > 1
    ident, err = interrupted(env, tmp_path, emu, asked, "--wait", "--interval", "200ms")
    assert "run '%s' goes on; wait for it with 'skyarc wait %s'" % (ident, ident) in err


def test_a_wait_that_is_over_says_so_too(skyarc, emu):
    emu.script(["running"] * 500)
    result = skyarc("submit", "--prompt", "buy milk", "-o", "r.tar", "--wait-timeout", "1s", "--interval", "200ms",
                    check=75)
    ident = result.out.decode().strip()
    assert "run '%s' goes on; archive it with 'skyarc pull --wait %s -o r.tar'" % (ident, ident) in result.err


def test_an_interrupted_archive_is_not_submitted_again(env, skyarc, tmp_path, emu):
    """The same command would submit a second run."""
    emu.script(["completed"])
    emu.fault("tsk_v2_1001_rec", "slow", times=99, steps=200, pause=0.1)
    def fetching():
        return len(emu.log("store")) > 2
    ident, err = interrupted(env, tmp_path, emu, fetching, "-o", "r.tar")
    assert "archive the run with 'skyarc pull -o r.tar %s'" % ident in err and "same command" not in err
    emu.reset_faults()
    skyarc("pull", "-o", "r.tar", ident, check=0)


# A directory of sync: what is held, kept, freed, and would be archived.

@pytest.fixture
def vault(skyarc, emu, tmp_path):
    """Three runs in two volumes: tsk_1 and tsk_2 in one, tsk_3 in the other."""
    emu.clear()
    for n in (1, 2):
        emu.run("tsk_%d" % n, [{"id": "o%d" % n, "type": "recording", "webm": 200_000, "seed": n}],
                **ended(4 - n))
    skyarc("sync", "--dest", "vault", "--settle", "0s", check=0)
    emu.run("tsk_3", [{"id": "o3", "type": "recording", "webm": 100_000, "seed": 3},
                      {"id": "h3", "type": "har", "data": HAR}], **ended(0.5))
    skyarc("sync", "--dest", "vault", "--settle", "0s", check=0)
    return tmp_path / "vault"


HAR = b'{"log": {"entries": []}}'


def ended(days):
    """The times of a run that ended so many days ago."""
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
    return {"status": "completed", "created_at": (at - datetime.timedelta(minutes=3)).isoformat(),
            "finished_at": at.isoformat()}


def test_a_hold_of_an_unknown_run_warns(skyarc, vault):
    result = skyarc("hold", "--dest", vault, "tsk_1", "tsk_typo", check=0)
    assert result.err.count("\n") == 1 and "run 'tsk_typo' is not in the catalog" in result.err
    assert skyarc("hold", "--dest", vault, check=0).out.count(b"\n") == 2
    assert not skyarc("release", "--dest", vault, "tsk_typo", check=0).err


def test_prune_shows_rules_and_bytes(skyarc, vault):
    skyarc("hold", "--dest", vault, "tsk_1", check=0)
    sizes = {p.name: p.stat().st_size for p in vault.rglob("*.tar.zst")}
    command = ["prune", "--dest", vault, "--keep-last", "1"]
    text = skyarc(*command, check=0).out.decode()
    for run, action, rule in [("tsk_1", "keep", "held"), ("tsk_3", "keep", "--keep-last 1"), ("tsk_2", "remove", "-")]:
        assert re.search(r"^%s +%s +%s$" % (run, action, rule), text, re.M), text
    assert re.search(r"^\S+\.tar\.zst +rewrite +1 +1 +about \d.* KiB$", text, re.M), text
    assert re.search(r"^2 runs kept, 1 would be removed\n0 volumes would be removed, 1 rewritten\n"
                     r"about \d.* KiB would be freed\nnothing was changed", text, re.M), text
    document = skyarc("prune", "--json", *command[1:], check=0).json()
    assert {s["run_id"]: s["rule"] for s in document["steps"] if s["what"] == "keep"} == {"tsk_1": "held", "tsk_3": "last"}
    (step,) = [s for s in document["steps"] if s["what"] == "rewrite-volume"]
    assert 150_000 < step["bytes"] < 260_000 and document["freed_bytes"] == step["bytes"]
    assert document["freed_bytes_estimated"] is True
    skyarc("release", "--dest", vault, "tsk_1", check=0)
    document = skyarc("prune", "--json", *command[1:], check=0).json()
    (step,) = [s for s in document["steps"] if s["what"] == "remove-volume"]
    assert step["bytes"] == document["freed_bytes"] == max(sizes.values())
    assert document["freed_bytes_estimated"] is False
    applied = skyarc("prune", "--json", *command[1:], "--apply", check=0).json()
    assert applied["freed_bytes"] == step["bytes"]
    assert not skyarc("prune", "-q", *command[1:], check=0).out


def test_sync_dry_run(skyarc, emu, vault, tmp_path):
    before = {p: p.stat().st_mtime_ns for p in vault.rglob("*")}
    text = skyarc("sync", "-n", "--dest", vault, "--settle", "0s", check=0).out.decode()
    assert text == "0 runs would be archived, 0 are in progress (nothing was changed)\n"
    emu.run("tsk_4", [{"id": "o4", "type": "har", "data": HAR}], **ended(0.1))
    emu.run("tsk_5", [], status="running", created_at=ended(0)["created_at"])
    text = skyarc("sync", "-n", "--dest", vault, "--settle", "0s", check=0).out.decode()
    assert re.search(r"^tsk_4  completed  20", text, re.M)
    assert "1 run would be archived, 1 is in progress (nothing was changed)\n" in text
    document = skyarc("sync", "-n", "--json", "--dest", vault, "--settle", "0s", check=0).json()
    assert [r["run_id"] for r in document["due_runs"]] == ["tsk_4"] and document["running_runs"] == 1
    assert document["archived_runs"] == 0
    assert {p: p.stat().st_mtime_ns for p in vault.rglob("*")} == before
    everything = skyarc("sync", "-n", "--json", "--dest", "new", "--settle", "0s", check=0).json()
    assert [r["run_id"] for r in everything["due_runs"]] == ["tsk_1", "tsk_2", "tsk_3", "tsk_4"]
    assert not (tmp_path / "new").exists()
    assert skyarc("sync", "--json", "--dest", vault, "--settle", "0s", check=0).json()["archived_runs"] == 1
    (vault / "catalog.db").unlink()
    assert "has no catalog" in skyarc("sync", "-n", "--dest", vault, check=1).err
    assert "cannot be combined" in skyarc("sync", "-n", "--rebuild", "--dest", vault, check=2).err


def test_help_shows_what_a_command_takes(skyarc):
    for command in ("sync", "listen"):
        text = skyarc(command, "--help", check=0).out.decode()
        for option in ("--output", "--strict", "--force"):
            assert not re.search(r"%s\b" % option, text)
            assert "unknown option" in skyarc(command, "--dest", "d", option, check=2).err
        assert "--format FORMAT" in text and "archive's name)" not in text
        assert "director" not in re.search(r"--mode MODE(.*?)\n +--", text, re.S).group(1)
    text = skyarc("sync", "--help", check=0).out.decode()
    assert not re.search(r"\bzip\b", text[:text.index("--bundles")] + text[text.index("--local-root"):])
    for command in ("pull", "submit"):
        assert re.search(r"-f, --force .*\n?.*bag", skyarc(command, "--help", check=0).out.decode()), command


def test_unknown_sizes_are_called_so(skyarc, emu):
    emu.run("tsk_u", [{"id": "u1", "type": "har", "data": HAR, "sized": False},
                      {"id": "u2", "type": "har", "data": HAR + b" "},
                      {"id": "u3", "type": "html", "data": b"<p>", "sized": False}])
    text = skyarc("pull", "-n", "--records", "none", "tsk_u", check=0).out.decode()
    assert re.search(r"^ +unknown  ", text, re.M)
    assert re.search(r"^ +25 B  in 3 artifacts, 0 of them duplicates, 2 of unknown size$", text, re.M)
    assert re.search(r"u1 +har +unknown", skyarc("artifacts", "tsk_u", check=0).out.decode())
    text = skyarc("show", "tsk_u", check=0).out.decode()
    assert "at least 25 B" in text and re.search(r"html +1 +unknown", text)


def test_nothing_saved_is_not_told(skyarc, emu):
    emu.run("tsk_d", [{"id": "d1", "type": "har", "data": HAR, "summed": False, "sized": False},
                      {"id": "d2", "type": "har", "data": HAR, "summed": False, "sized": False}])
    text = skyarc("pull", "-v", "-o", "d.tar", "tsk_d", check=0).out.decode()
    assert re.search(r"^duplicates  1$", text, re.M) and "saving" not in text


# list, extract and report of a directory of sync, by the run; extract prints its folder.

def test_list_of_a_directory(skyarc, vault):
    rows = skyarc("list", "--json", vault, "-r", "tsk_3", check=0).json()
    assert sorted(r["artifact_id"] for r in rows) == ["h3", "o3"]
    rows = skyarc("list", "--json", vault, "-r", "tsk_3", "-r", "tsk_1", "-t", "recordings", check=0).json()
    assert sorted(r["artifact_id"] for r in rows) == ["o1", "o3"]
    assert "name a run by --run" in skyarc("list", vault, check=2).err
    assert "no volume in '%s' has run 'tsk_9'" % vault in skyarc("list", vault, "-r", "tsk_9", check=1).err
    assert "not a directory of skyarc sync" in skyarc("list", vault.parent, "-r", "tsk_3", check=1).err


def test_extract_of_a_directory(skyarc, emu, vault, tmp_path):
    (folder,) = skyarc("extract", "-C", "out", vault, "-r", "tsk_3", check=0).out.decode().splitlines()
    assert re.fullmatch(r"out/skyarc-\d{8}T\d{6}Z(-\d+)?", folder)
    names = {str(p.relative_to(tmp_path / folder)) for p in (tmp_path / folder).rglob("*") if p.is_file()}
    assert {n.split("/")[-1] for n in names} >= {"index.html", "run.json"} and len(names) >= 4
    view = (tmp_path / folder / "index.html").read_text()
    assert "tsk_3" in view and "tsk_1" not in view and "tsk_2" not in view
    document = skyarc("extract", "--json", "-C", "two", vault, "-r", "tsk_1", "-r", "tsk_3", check=0).json()
    assert len(document["folders"]) == 2 and all((tmp_path / f / "index.html").is_file() for f in document["folders"])


def test_extract_of_a_run_brings_its_view(skyarc, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_demo3", check=0)
    assert skyarc("extract", "-r", "tsk_demo3", "a.tar.zst", check=0).out == b"a\n"
    view = (tmp_path / "a/index.html").read_text()
    assert "tsk_demo3" in view and "tsk_demo1" not in view
    assert os.listdir(tmp_path / "a/data") == ["tsk_demo3"] and (tmp_path / "a/data/tsk_demo3/run.json").is_file()
    (tmp_path / "a/index.html").write_text("mine")
    result = skyarc("extract", "-r", "tsk_demo3", "a.tar.zst", check=0)
    assert (tmp_path / "a/index.html").read_text() == "mine" and "--force replaces it" in result.err


@pytest.mark.parametrize("name", ["b.tar.zst", "b.tgz", "b.tar", "b.zip"])
def test_the_folder_is_named_after_the_file(skyarc, tmp_path, name):
    skyarc("pull", "-o", "a.tar.zst" if name.endswith("zst") else "a." + name[2:].replace("tgz", "tar.gz"), "tsk_demo1",
           check=0)
    (made,) = tmp_path.glob("a.*")
    made.rename(tmp_path / name)
    assert skyarc("extract", name, check=0).out == b"b\n" and not (tmp_path / "a").exists()
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=tmp_path / "b", check=True)
    assert skyarc("extract", "-C", "x", "-q", name, check=0).out == b""
    assert skyarc("report", "-o", "view", name, check=0).out == b"view/b/index.html\n"
    (tmp_path / name).rename(tmp_path / "plain")
    assert skyarc("extract", "-C", "y", "plain", check=0).out == b"y/a\n"


def test_report_of_a_directory(skyarc, vault, tmp_path):
    skyarc("report", "-o", "r.html", vault, "-r", "tsk_1", check=0)
    view = (tmp_path / "r.html").read_text()
    assert "tsk_1" in view and "tsk_2" not in view
    (page,) = skyarc("report", "-o", "view", vault, "-r", "tsk_3", check=0).out.decode().splitlines()
    assert (tmp_path / page).is_file() and len(list((tmp_path / page).parent.rglob("*.webm"))) == 1
    assert "name a directory with --output" in skyarc("report", "-o", "-", vault, "-r", "tsk_1", "-r", "tsk_3", check=2).err


# Help: commands in groups, examples and exit statuses; options before the command.

def commands(skyarc):
    return re.findall(r"^  ([a-z]+) {2,}\S", skyarc("--help", check=0).out.decode(), re.M)


def test_the_list_of_commands_is_grouped(skyarc):
    result = skyarc(check=2)
    text = result.err
    assert text == skyarc("help", check=0).out.decode() and all(len(line) <= 80 for line in text.splitlines())
    parts = re.split(r"^([A-Z][a-z ]+):\n", text, flags=re.M)
    groups = {title: re.findall(r"^  ([a-z]+) {2,}", body, re.M) for title, body in zip(parts[1::2], parts[2::2])}
    assert groups["The main job"] == ["pull"] and "submit" in groups["Around a run"]
    assert "sync" in groups["Every night"] and "extract" in groups["Open again"]
    assert "SKYARC_" in text and "~/.config/skyarc/config" in text


def test_a_newcomer_finds_the_first_archive(env, skyarc, tmp_path):
    """By what `skyarc` alone prints, line by line."""
    text = skyarc(check=2).err
    lines = [line.split("  (")[0].strip() for line in re.search(r"First archive:\n((?:    .*\n)+)", text).group(1).splitlines()]
    assert lines[0] == "export SKYVERN_API_KEY=..."
    for line in lines[1:]:
        words = line.replace("RUN_ID", "tsk_demo1").split()
        assert words[0] == "skyarc"
        assert skyarc(*words[1:], check=0).code == 0
    assert (tmp_path / "run/index.html").is_file()


def test_each_help_ends_with_examples_and_exit_statuses(skyarc):
    names = commands(skyarc)
    assert len(names) >= 18
    for name in names:
        text = skyarc(name, "--help", check=0).out.decode()
        options, end = text.split("\nExamples:\n")
        examples, end = end.split("\n\nExit status:\n")
        for line in examples.replace("\\\n", "").splitlines():
            assert "skyarc %s" % name in line
            for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", line.split("skyarc %s" % name)[1].split("|")[0]):
                assert re.search(r"(^|[ ,])%s[ ,\n]" % option, options, re.M), (name, option)
        statuses = [int(n) for n in re.findall(r"^  (\d+) ", end, re.M)]
        assert statuses == sorted(statuses) and 2 in statuses and 128 in statuses
        assert "SKYARC_" in end and "config" in end
        assert 0 in statuses, name
        assert all(len(line) <= 80 for line in text.splitlines()), name


def test_options_before_the_command(skyarc, tmp_path):
    assert skyarc("--json", "-q", "show", "tsk_demo1", check=0).json()
    skyarc("-o", "pull", "--format=tar", "pull", "tsk_demo1", check=0)
    assert (tmp_path / "pull").is_file()
    assert skyarc("-v", "--output", "b.tar", "pull", "tsk_demo1", check=0).err
    assert "no command given" in skyarc("-v", check=2).err
    assert "unknown option '--nope'" in skyarc("--nope", "pull", "tsk_demo1", check=2).err


def test_one_is_no_plural(skyarc, emu, tmp_path):
    emu.run("tsk_one", [{"id": "o1", "type": "html", "data": b"<html>1</html>"}])
    (tmp_path / "d").mkdir()
    first = skyarc("pull", "-v", "-o", "d/a.tar.zst", "tsk_one")
    assert "run 'tsk_one': 1 artifact\n" in first.err
    text = skyarc("verify", "d", check=0).out.decode()
    assert "good, 1 artifact, " in text and "d: 1 archive, " in text
    assert "1 file and 0 links extracted" in skyarc("extract", "-v", "-t", "html", "d/a.tar.zst", check=0).err
    skyarc("sync", "--dest", "vault", "--volume-runs", "999", check=0)
    for path in (tmp_path / "vault").glob("catalog.db*"):
        path.unlink()
    assert "was rebuilt from 1 volume and the log" in skyarc("sync", "--dest", "vault", check=0).err
