# SPDX-License-Identifier: MIT
"""doctor: what is wrong with a set-up, and what to do."""
import contextlib
import datetime
import fcntl
import json
import os
import signal
import socket
import subprocess
import time

import jsonschema
import pytest

from conftest import SKYARC, TESTS, Emulator, certificate

with open(TESTS + "/../docs/schemas/doctor.json", encoding="utf-8") as _file:
    SCHEMA = json.load(_file)


@pytest.fixture
def doctor(skyarc):
    """Run it with --json; {check: [(status, text, advice)]} of the document, which is valid and counts rightly."""
    def run(*args, check=0, **more):
        document = skyarc("doctor", "--json", *args, check=check, **more).json()
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        found = {}
        for row in document["checks"]:
            assert row["advice"] or row["status"] == "ok" or row["check"] in ("key", "proxy", "clock"), row
            found.setdefault(row["check"], []).append((row["status"], row["text"], row["advice"]))
        for status, total in (("error", document["errors"]), ("warning", document["warnings"])):
            assert total == sum(row["status"] == status for row in document["checks"]), document
        assert bool(document["errors"]) == (check == 1)
        return found

    return run


def wrong(found, but=("sandbox",)):
    """{check: status} of what is not ok; the sandbox depends on the kernel."""
    return {check: row[0] for check, rows in found.items() for row in rows if row[0] != "ok" and check not in but}


def test_all_is_well(doctor, skyarc, tmp_path):
    skyarc("sync", "--dest", "v", check=0)
    before = sorted(p for p in (tmp_path / "v").rglob("*"))
    found = doctor("--dest", "v")
    assert not wrong(found), found
    assert set(found) >= {"key", "proxy", "dns", "server", "clock", "version", "links", "download", "oldest", "temp",
                          "directory", "rename", "flock", "direct-io", "reflink", "lock", "catalog", "last-sync",
                          "volumes", "space", "sandbox"}
    assert [text for _, text, _ in found["key"]] == ["taken from SKYVERN_API_KEY", "accepted by the server"]
    assert "valid for 59m" in found["links"][0][1] or "valid for 1h" in found["links"][0][1]
    assert found["oldest"][0][1].startswith("the oldest listed run with artifacts, '")
    assert "the largest of the last nights took" in found["space"][0][1]
    assert sorted(p for p in (tmp_path / "v").rglob("*")) == before  # nothing is left behind


def test_for_people(skyarc):
    said = skyarc("doctor", check=0).out.decode()
    assert "ok       key        taken from SKYVERN_API_KEY\n" in said and "ok       download   " in said
    refused = skyarc("doctor", "-q", check=1, SKYVERN_API_KEY="wrong").out.decode().splitlines()
    assert refused[0].startswith("error    key        ") and refused[1].startswith(" " * 20 + "take a key")
    assert not [line for line in refused if line.startswith("ok")]
    assert "no operands" in skyarc("doctor", "x", check=2).err


def test_the_key(doctor, emu, tmp_path):
    found = doctor(check=1, SKYVERN_API_KEY="wrong")
    assert wrong(found) == {"key": "error"} and "Invalid credentials" in found["key"][1][1]
    assert "download" not in found
    found = doctor(check=1, SKYVERN_API_KEY="")
    assert found["key"][0][:2] == ("error", "no API key: set SKYVERN_API_KEY, or name a file with --api-key-file")
    assert found["clock"][0][0] == "ok"  # the server is asked all the same
    file = tmp_path / "key"
    file.write_text(emu.key + "\n")
    file.chmod(0o644)
    found = doctor("--api-key-file", file)
    assert wrong(found) == {"key": "warning"}
    assert "other users may read" in found["key"][0][1] and "chmod 600" in found["key"][0][2]
    file.chmod(0o600)
    assert not wrong(doctor("--api-key-file", file))
    (tmp_path / "skyvern-api-key").write_text(emu.key)
    found = doctor(SKYVERN_API_KEY="", CREDENTIALS_DIRECTORY=str(tmp_path))
    assert found["key"][0][1] == "taken from systemd's credential skyvern-api-key" and not wrong(found)
    assert "tls" in wrong(doctor("--ca-file", tmp_path / "none", check=1))


def test_a_shared_key_file_is_told_once(skyarc, emu, tmp_path):
    file = tmp_path / "key"
    file.write_text(emu.key)
    file.chmod(0o644)
    result = skyarc("doctor", "--api-key-file", file, check=0)
    assert "other users may read" in result.out.decode() and not result.err


def test_no_server(doctor):
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        found = doctor(check=1, SKYVERN_BASE_URL="http://127.0.0.1:%d" % taken.getsockname()[1])
    assert wrong(found) == {"server": "error"} and "connect" in found["server"][0][1].lower()
    assert "firewall" in found["server"][0][2]
    assert "server" in wrong(doctor(check=1, SKYVERN_BASE_URL="ftp://x"))


def test_a_name_that_does_not_exist(doctor):
    found = doctor(check=1, SKYVERN_BASE_URL="https://no-such-host.invalid")
    assert wrong(found) == {"dns": "error", "server": "error"} and "no-such-host.invalid" in found["dns"][0][1]


def test_another_service(doctor, emu):
    emu.fault("runs", "sign-in")
    found = doctor(check=1)
    assert found["server"][0][0] == "error" and "HTML, not JSON" in found["server"][0][1]
    assert "sign-in page" in found["server"][0][2]
    emu.fault("runs", "status", status=502)
    assert "502" in doctor(check=1)["server"][0][1]


def test_plain_http(doctor, emu):
    """Another machine by http: everyone on the way can read the key."""
    found = doctor(SKYVERN_BASE_URL=emu.api.replace("127.0.0.1", "0.0.0.0"))
    assert wrong(found) == {"key": "warning"}
    assert [text for status, text, _ in found["key"] if status == "warning"][0].startswith("sent by plain http to ")


def test_proxy(doctor, emu):
    """One that would read the key is refused; of one with a password, the password is not shown."""
    host = emu.api.replace("127.0.0.1", "0.0.0.0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        proxy = "http://user:PASSWORD@127.0.0.1:%d" % taken.getsockname()[1]
        found = doctor(check=1, SKYVERN_BASE_URL=host, http_proxy=proxy)
        assert found["proxy"][0][0] == "error" and "would read the API key" in found["proxy"][0][1]
        found = doctor("--insecure-key", check=1, SKYVERN_BASE_URL=host, http_proxy=proxy)
        assert found["proxy"][0][:2] == ("ok", "one with a password, from http_proxy")
        assert "dns" not in found and found["server"][0][0] == "error"
        assert "PASSWORD" not in repr(found) and emu.key not in repr(found)
        assert doctor(http_proxy=proxy)["proxy"][0][1].startswith("none for ")  # this machine needs none


def test_tls(doctor, tmp_path):
    cert, both = certificate(tmp_path, "127.0.0.1", "IP:127.0.0.1")
    emulator = Emulator("--tls", both)
    try:
        found = doctor(check=1, SKYVERN_BASE_URL=emulator.api)
        assert wrong(found) == {"tls": "error"} and "--ca-file" in found["tls"][0][2]
        found = doctor("--ca-file", cert, SKYVERN_BASE_URL=emulator.api)
        assert found["tls"][0][0] == "ok" and not wrong(found)
    finally:
        emulator.close()


@pytest.mark.parametrize("seconds, word", [(-400, "ahead of"), (400, "behind")])
def test_clocks(doctor, emu, seconds, word):
    emu.skew(seconds)
    found = doctor()
    status, text, advice = found["clock"][0]
    assert status == "warning" and word in text and "6m" in text and "set-ntp" in advice


def test_links(doctor, emu):
    """Short lives are told, an unreachable object store, and a run that the service has lost."""
    emu.clear()
    emu.run("tsk_old", [{"id": "a_old", "type": "html", "data": b"<p>", "signing": "s3"}],
            created_at="2024-01-01T00:00:00")
    emu.run("tsk_new", [{"id": "a_new", "type": "html", "data": b"<p>", "signing": "s3", "life": 120}],
            created_at="2026-01-01T00:00:00")
    found = doctor()
    assert found["links"][0][0] == "warning" and "valid for 1m5" in found["links"][0][1]
    assert "'tsk_old' of 2024-01-01" in found["oldest"][0][1] and wrong(found) == {"links": "warning"}
    for on in ("a_old", "content/a_old"):
        emu.fault(on, "status", times=9, status=404)
    found = doctor()
    assert found["oldest"][0][0] == "warning", found
    assert "'tsk_old' of 2024-01-01 cannot be downloaded any more, 'tsk_new' of" in found["oldest"][0][1]
    for on in ("a_new", "content/a_new"):
        emu.fault(on, "status", times=9, status=403)
    found = doctor(check=1)
    assert found["download"][0][0] == "error" and "object store" in found["download"][0][2]


def test_the_oldest_that_can_be_downloaded(doctor, emu):
    """It is found among ten pages with few requests. Near the end of each page is a run with an artifact."""
    emu.clear()
    emu.many(990)
    for page in range(1, 11):
        row = 99 * page - 4  # of those without artifacts, one a minute; a page has 99 of them
        when = datetime.datetime.utcfromtimestamp(time.time() - row * 60 + 30).isoformat()
        emu.run("tsk_page%d" % page, [{"id": "a%d" % page, "type": "html", "data": b"<p>"}], created_at=when)
        for on in ("a%d" % page, "content/a%d" % page):
            if page > 6:
                emu.fault(on, "status", times=9, status=404)
    emu.run("tsk_newest", [{"id": "a0", "type": "html", "data": b"<p>"}],
            created_at=datetime.datetime.utcfromtimestamp(time.time() + 60).isoformat())
    found = doctor()
    assert "'tsk_page10' of " in found["oldest"][0][1] and ", 'tsk_page6' of " in found["oldest"][0][1]
    assert len(emu.log("api")) < 64


def test_secrets_stay_out(skyarc, emu):
    emu.salt(detail="key %s, https://h/x?sig=SECRETSIG" % emu.key)
    for args in ((), ("--json",), ("-vv",)):
        result = skyarc("doctor", *args)
        said = result.out.decode() + result.err
        assert emu.key not in said and "SECRETSIG" not in said
        assert "Signature=" not in said and "sig=" not in said.replace("sig=***", "")


def test_dest_before_the_first_sync(doctor, tmp_path):
    (tmp_path / "empty").mkdir()
    found = doctor("--dest", "empty")
    assert not wrong(found, ("sandbox", "space")) and "none yet" in found["catalog"][0][1]
    found = doctor("--dest", "not-yet")
    assert not wrong(found, ("sandbox", "space")) and "the first sync makes it" in found["directory"][0][1]
    assert not (tmp_path / "not-yet").exists() and not list((tmp_path / "empty").iterdir())
    assert wrong(doctor("--dest", "no/where", check=1)) == {"directory": "error"}
    (tmp_path / "file").write_text("")
    assert wrong(doctor("--dest", "file", check=1)) == {"directory": "error"}


def test_full_and_read_only(doctor, small):
    (small / "more").write_bytes(bytes((4 << 20) - 8192))
    found = doctor("--dest", small)
    assert wrong(found) == {"space": "warning"}
    with contextlib.suppress(OSError):
        for i in range(9999):
            (small / str(i)).write_bytes(bytes(4096))
    found = doctor("--dest", small, check=1)
    assert found["directory"][0][0] == "error" and "No space left" in found["directory"][0][1]
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    found = doctor("--dest", small, check=1)
    assert found["directory"][0][0] == "error" and "Read-only" in found["directory"][0][1]


def test_catalog(doctor, skyarc, tmp_path):
    skyarc("sync", "--dest", "v", check=0)
    (volume,) = (tmp_path / "v").rglob("skyarc-*.tar.zst")
    volume.rename(tmp_path / "elsewhere")
    found = doctor("--dest", "v", check=1)
    assert wrong(found) == {"volumes": "error"} and "1 of 1 gone" in found["volumes"][0][1]
    volume.write_bytes(b"")
    assert "1 of another size" in doctor("--dest", "v", check=1)["volumes"][0][1]
    (tmp_path / "elsewhere").rename(volume)
    for name in ("catalog.db-wal", "catalog.db-shm"):
        if (tmp_path / "v" / name).exists():
            (tmp_path / "v" / name).unlink()
    with open(tmp_path / "v/catalog.db", "r+b") as file:
        file.write(b"no database")
    found = doctor("--dest", "v", check=1)
    assert wrong(found) == {"catalog": "error"} and "--rebuild" in found["catalog"][0][2]
    skyarc("sync", "--dest", "v", "--rebuild", check=0)
    assert "catalog" not in wrong(doctor("--dest", "v"))


def test_last_sync(doctor, skyarc, emu, env, tmp_path):
    skyarc("sync", "--dest", "v", check=0)
    emu.fault("runs", "status", times=99, status=400)
    skyarc("sync", "--dest", "v", check=1)
    emu.reset_faults()
    found = doctor("--dest", "v", check=1)
    status, text, advice = found["last-sync"][0]
    assert status == "error" and "failed" in text and "the last success: " in text and "-v" in advice
    skyarc("sync", "--dest", "v", check=0)
    assert not wrong(doctor("--dest", "v"))


def test_lock(doctor, skyarc, tmp_path):
    """A holder is named; the note of one that was killed is not taken for a lock."""
    skyarc("sync", "--dest", "v", check=0)
    with open(tmp_path / "v/lock", "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("PID 1 on host since 2026\n")
        file.flush()
        found = doctor("--dest", "v")
        assert wrong(found) == {"lock": "warning"} and "PID 1 on host" in found["lock"][0][1]
    assert not wrong(doctor("--dest", "v"))


def test_stopped(env, emu, tmp_path):
    emu.fault("runs", "silence", seconds=30)
    process = subprocess.Popen([SKYARC, "doctor"], env=env, cwd=tmp_path, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while not emu.log("api") and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM and not out
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".skyarc-doctor")]
