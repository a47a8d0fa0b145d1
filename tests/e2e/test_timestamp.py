# SPDX-License-Identifier: MIT
"""Time stamps (RFC 3161) at pull and sync, and by verify and audit; openssl as the judge."""
import os
import signal
import sqlite3
import subprocess
import time

import pytest

import authority
from conftest import SKYARC, extract
from test_faults import wait_for
from test_listen import listen, payload, sign  # noqa: F401 pylint: disable=unused-import

FAULTS = {"digest": "another digest", "nonce": "another nonce", "no nonce": "another nonce", "garbage": "not a response",
          "empty": "not a response", "refusal": "refused", "tail": "not a response", "page": "not a response",
          "flipped": "not valid", "large": "larger than", "busy": "503",
          "moved": "redirects are not followed"}


@pytest.fixture
def tsa(tmp_path):
    """Makes authorities, and closes them."""
    made = []

    def make(*args, **more):
        made.append(authority.Authority(tmp_path, *args, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def openssl_verify(digest, response, ca, *more):
    return subprocess.run(["openssl", "ts", "-verify", "-digest", digest, "-in", response, "-CAfile", ca, *more],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def test_stamped(skyarc, tsa, tmp_path):
    one = tsa()
    began = time.time()
    result = skyarc("pull", "--json", "--timestamp", one.url, "-o", "a.tar.zst", "tsk_demo3", check=0).json()
    assert (result["time_stamps_kept"], result["time_stamps_failed"], one.requests) == (1, 0, 1)
    done = openssl_verify(result["manifest_sha256"], tmp_path / "a.tar.zst.tsr", one.ca)
    assert done.returncode == 0 and b"Verification: OK" in done.stdout, done.stdout
    manifest = extract(tmp_path / "a.tar.zst", tmp_path) / "manifest.json"
    done = subprocess.run(["openssl", "ts", "-verify", "-data", manifest, "-in", tmp_path / "a.tar.zst.tsr", "-CAfile",
                           one.ca], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    verdict = skyarc("verify", "--json", "--tsa-ca", one.ca, "a.tar.zst", check=0).json()[0]
    assert [s["authority"] for s in verdict["time_stamps"]] == ["CN=tsa signer"] and verdict["state"] == "good"
    stamped = time.mktime(time.strptime(verdict["time_stamps"][0]["at"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert began - 2 <= stamped <= time.time() + 2
    assert b"its manifest existed at 2" in skyarc("verify", "--tsa-ca", one.ca, "a.tar.zst", check=0).out
    assert not skyarc("verify", "-q", "--tsa-ca", one.ca, "a.tar.zst", check=0).out
    signer = one.dir / "signer.pem"  # the authority's own certificate is as good as that of who issued it
    skyarc("verify", "--tsa-ca", signer, "a.tar.zst", check=0)
    assert (tmp_path / "a.tar.zst.tsr").stat().st_mode & 0o777 == 0o600
    assert skyarc("verify", "--json", "a.tar.zst", check=0).json()[0]["time_stamps"] == []  # it was not asked to


def test_two_authorities(skyarc, tsa, tmp_path):
    one, two, third = tsa("one"), tsa("two"), tsa("third")
    one.fault = "busy"
    result = skyarc("pull", "--timestamp", one.url, "--timestamp", two.url, "-o", "a.tar.gz", "tsk_demo3", check=0)
    assert "no time stamp of authority 1" in result.err and "503" in result.err and one.requests == 3
    assert not (tmp_path / "a.tar.gz.tsr").exists() and (tmp_path / "a.tar.gz.2.tsr").exists()
    skyarc("verify", "--tsa-ca", two.ca, "a.tar.gz", check=0)
    assert "a.tar.gz.2.tsr" in skyarc("verify", "--tsa-ca", one.ca, "a.tar.gz", check=4).err
    # one by a trusted authority is enough, and further files beside it do not spoil it
    one.fault = None
    skyarc("pull", "-f", "--timestamp", one.url, "--timestamp", two.url, "-o", "a.tar.gz", "tsk_demo3", check=0)
    (tmp_path / "a.tar.gz.3.tsr").write_bytes(b"nonsense")
    os.mkfifo(tmp_path / "a.tar.gz.4.tsr")
    os.symlink("a.tar.gz.5.tsr", tmp_path / "a.tar.gz.5.tsr")
    result = skyarc("verify", "--json", "--tsa-ca", two.ca, "a.tar.gz", check=0)
    assert [s["authority"] for s in result.json()[0]["time_stamps"]] == ["CN=two signer"]
    assert "a.tar.gz.tsr" in result.err and "a.tar.gz.3.tsr" in result.err
    both = tmp_path / "both.pem"
    both.write_text(one.ca.read_text() + two.ca.read_text())
    assert len(skyarc("verify", "--json", "--tsa-ca", both, "a.tar.gz", check=0).json()[0]["time_stamps"]) == 2
    result = skyarc("verify", "--json", "--tsa-ca", third.ca, "a.tar.gz", check=4)
    assert result.json()[0]["state"] == "damaged" and "a.tar.gz.tsr" in result.json()[0]["damage"][0]["what"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_the_time_stamp_alone(skyarc, tsa, tmp_path, fault):
    one = tsa()
    one.fault = fault
    (tmp_path / "a.tar.zst.tsr").write_bytes(b"of an earlier archive")
    result = skyarc("pull", "-f", "--json", "--timestamp", one.url, "-o", "a.tar.zst", "tsk_demo3", check=0)
    assert "no time stamp" in result.err and FAULTS[fault] in result.err, result.err
    assert (result.json()["time_stamps_kept"], result.json()["time_stamps_failed"]) == (0, 1)
    assert not (tmp_path / "a.tar.zst.tsr").exists()
    skyarc("verify", "a.tar.zst", check=0)
    assert "a.tar.zst.tsr" in skyarc("verify", "--tsa-ca", one.ca, "a.tar.zst", check=4).err


def test_no_answer(skyarc, tsa, tmp_path):
    """It is waited for, but not for long."""
    one = tsa()
    one.fault = "silent"
    result = skyarc("pull", "--timestamp", one.url, "-o", "a.tar.zst", "--hang-timeout", "5", "tsk_demo3", check=0)
    assert "no answer from" in result.err
    result = skyarc("pull", "--timestamp", "http://127.0.0.1:1/", "-o", "b.tar.zst", "tsk_demo3", check=0)
    assert "no time stamp" in result.err
    skyarc("verify", "a.tar.zst", "b.tar.zst", check=0)


def test_certificates(skyarc, tsa, tmp_path):
    ended = tsa("ended", begins=-9 * 86400, ends=-86400)
    result = skyarc("pull", "--timestamp", ended.url, "-o", "a.tar.zst", "tsk_demo3", check=0)
    assert "certificate has expired" in result.err and not (tmp_path / "a.tar.zst.tsr").exists()
    coming = tsa("coming", begins=86400, ends=2 * 86400)
    result = skyarc("pull", "--timestamp", coming.url, "-o", "a.tar.zst", "-f", "tsk_demo3", check=0)
    assert "not yet valid" in result.err
    # by whom, is only asked with --tsa-ca
    one, other = tsa("one"), tsa("other")
    result = skyarc("pull", "--timestamp", one.url, "--tsa-ca", other.ca, "-o", "a.tar.zst", "-f", "tsk_demo3", check=0)
    assert "not valid" in result.err and not (tmp_path / "a.tar.zst.tsr").exists()
    skyarc("pull", "--timestamp", one.url, "--tsa-ca", one.ca, "-o", "a.tar.zst", "-f", "tsk_demo3", check=0)
    assert (tmp_path / "a.tar.zst.tsr").exists()


def test_after_the_end_of_the_certificate(skyarc, tsa, tmp_path):
    for ends in (5, 20, 60, 120):  # longer where the machine is slow
        began = time.monotonic()
        one = tsa("tsa%d" % ends, ends=ends)
        result = skyarc("pull", "-f", "--json", "--timestamp", one.url, "-o", "a.tar.zst", "tsk_demo3", check=0).json()
        stamped = int(time.time())
        if result["time_stamps_kept"]:
            break
    authority.wait_for_end(began, ends + 2)
    skyarc("verify", "--tsa-ca", one.ca, "a.tar.zst", check=0)
    digest = result["manifest_sha256"]
    assert openssl_verify(digest, tmp_path / "a.tar.zst.tsr", one.ca).returncode
    done = openssl_verify(digest, tmp_path / "a.tar.zst.tsr", one.ca, "-attime", str(stamped))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("told", [False, True])
def test_certificates_between(skyarc, tsa, tmp_path, told):
    """They are in the response, in the file of certificates, or given to openssl by -untrusted."""
    one = tsa(between=True, told=told)
    result = skyarc("pull", "--json", "--timestamp", one.url, "-o", "a.tar", "tsk_demo3", check=0).json()
    skyarc("verify", "--tsa-ca", one.ca, "a.tar", check=0 if told else 4)
    skyarc("verify", "--tsa-ca", one.between, "a.tar", check=0)
    (tmp_path / "both.pem").write_text(one.ca.read_text() + one.between.read_text())
    skyarc("verify", "--tsa-ca", "both.pem", "a.tar", check=0)
    more = [] if told else ["-untrusted", one.between]
    done = openssl_verify(result["manifest_sha256"], tmp_path / "a.tar.tsr", one.ca, *more)
    assert done.returncode == 0, done.stdout


def test_altered(skyarc, tsa, tmp_path):
    one = tsa()
    skyarc("pull", "--timestamp", one.url, "-o", "a.tar.zst", "tsk_demo3", check=0)
    skyarc("pull", "-o", "b.tar.zst", "tsk_demo1", check=0)
    good = (tmp_path / "a.tar.zst.tsr").read_bytes()
    (tmp_path / "b.tar.zst.tsr").write_bytes(good)
    assert "another digest" in skyarc("verify", "--tsa-ca", one.ca, "b.tar.zst", check=4).err
    for at in range(10, len(good), 37):
        (tmp_path / "bad.tsr").write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1:])
        skyarc("verify", "--tsa-ca", one.ca, "--timestamp-response", "bad.tsr", "a.tar.zst", check=4)
    for bad in (b"", good[:-1], good + b"\0", good[:40], b"\x30\x80" * 5000):
        (tmp_path / "bad.tsr").write_bytes(bad)
        skyarc("verify", "--tsa-ca", one.ca, "--timestamp-response", "bad.tsr", "a.tar.zst", check=4)
    skyarc("verify", "--tsa-ca", one.ca, "--timestamp-response", "a.tar.zst.tsr", "a.tar.zst", check=0)


def test_standard_output(skyarc, tsa, tmp_path):
    one, two = tsa("one"), tsa("two")
    both = tmp_path / "both.pem"
    both.write_text(one.ca.read_text() + two.ca.read_text())
    result = skyarc("pull", "--timestamp", one.url, "-o", "-", "tsk_demo3", check=2)
    assert "--timestamp-output" in result.err
    assert ".tsr" in skyarc("pull", "--timestamp", one.url, "--timestamp-output", "x", "-o", "-", "tsk_demo3", check=2).err
    result = skyarc("pull", "--timestamp", one.url, "--timestamp", two.url, "--timestamp-output", "night.tsr", "-o", "-",
                    "tsk_demo3", check=0)
    (tmp_path / "a.tar.zst").write_bytes(result.out)
    for name in ("night.tsr", "night.2.tsr"):
        skyarc("verify", "--tsa-ca", both, "--timestamp-response", name, "a.tar.zst", check=0)


def test_responses_replace_nothing_else(skyarc, tsa, tmp_path):
    """Neither the archive nor somebody's file; and those of a replaced archive go with it."""
    one, two = tsa("one"), tsa("two")
    more = ["--timestamp", one.url, "--timestamp", two.url, "tsk_demo3"]
    (tmp_path / "link").symlink_to(".")
    for name, output in (("n.tsr", "n.tsr"), ("n.2.tsr", "n.tsr"), ("link/n.tsr", "n.tsr")):
        result = skyarc("pull", "--format", "tar", "-o", name, "--timestamp-output", output, *more, check=2)
        assert "is the archive" in result.err and not list(tmp_path.glob("n.*"))
    (tmp_path / "a.tar.2.tsr").write_bytes(b"mine")
    assert "--force" in skyarc("pull", "-o", "a.tar", *more, check=1).err
    assert (tmp_path / "a.tar.2.tsr").read_bytes() == b"mine" and one.requests == 0
    assert "cannot write" in skyarc("pull", "-o", "a.tar", "--timestamp-output", "none/x.tsr", *more, check=1).err
    skyarc("pull", "-f", "-o", "a.tar", *more, check=0)
    skyarc("pull", "-f", "-o", "a.tar", "--timestamp", one.url, "tsk_demo3", check=0)
    assert [p.name for p in tmp_path.glob("*.tsr")] == ["a.tar.tsr"]
    skyarc("pull", "-f", "-o", "a.tar", "tsk_demo3", check=0)
    assert not list(tmp_path.glob("*.tsr"))


def test_a_signal_while_it_waits(env, tsa, tmp_path):
    """The archive is there, and the exit status says that its time stamp is not."""
    one = tsa()
    one.fault = "silent"
    process = subprocess.Popen([SKYARC, "pull", "-o", "a.tar", "--timestamp", one.url, "tsk_demo3"], env=env, cwd=tmp_path,
                               stderr=subprocess.PIPE)
    wait_for(lambda: one.requests)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 143 and b"without 1 of its time stamps" in err and (tmp_path / "a.tar").exists(), err


def test_a_weak_digest(skyarc, tsa):
    one = tsa()
    one.config.write_text(one.config.read_text().replace("signer_digest = sha256", "signer_digest = sha1"))
    assert "weak" in skyarc("pull", "-o", "a.tar", "--timestamp", one.url, "tsk_demo3", check=0).err


def test_files_of_certificates(skyarc, tsa, tmp_path):
    """One that cannot be used says nothing of the archive, and nobody is asked for a pass phrase."""
    one = tsa()
    skyarc("pull", "-o", "a.tar", "--timestamp", one.url, "tsk_demo3", check=0)
    text = one.ca.read_text()
    locked = text.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n", 1)
    for bad in ("", "text", locked, text[:100]):
        (tmp_path / "bad").write_text(bad)
        result = skyarc("verify", "--tsa-ca", "bad", "a.tar", check=1)
        assert not result.out and "phrase" not in result.err, result
    (tmp_path / "large").write_text("# comment\n" * 100_000 + text)
    skyarc("verify", "--tsa-ca", "large", "a.tar", check=0)


@pytest.mark.parametrize("args, says", [
    (["pull", "--timestamp", "ftp://example.org/", "-o", "a.tar", "tsk_demo3"], "--timestamp"),
    (["pull", "--timestamp", "tsa.example.org", "-o", "a.tar", "tsk_demo3"], "--timestamp"),
    (["pull", *["--timestamp", "http://127.0.0.1:1/"] * 9, "-o", "a.tar", "tsk_demo3"], "at most 8"),
    (["pull", *["--timestamp", "http://u:p@127.0.0.1:1/?a"] * 2, "-o", "a.tar", "tsk_demo3"], "'http://127.0.0.1:1/' is given twice"),
    (["pull", "--timestamp-output", "a.tsr", "-o", "a.tar", "tsk_demo3"], "needs --timestamp"),
    (["pull", "--timestamp", "http://127.0.0.1:1/", "--tsa-ca", "none", "-o", "a.tar", "tsk_demo3"], "none"),
    (["pull", "--timestamp", "http://127.0.0.1:1/", "--tsa-ca", "empty", "-o", "a.tar", "tsk_demo3"], "no certificate"),
    (["pull", "--timestamp", "http://127.0.0.1:1/", "--tsa-ca", "bad", "-o", "a.tar", "tsk_demo3"], "malformed"),
    (["verify", "--timestamp-response", "x", "a.tar"], "needs --tsa-ca")])
def test_wrong_options(skyarc, tmp_path, args, says):
    (tmp_path / "empty").write_text("")
    (tmp_path / "bad").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    result = skyarc(*args)
    assert result.code in (1, 2) and says in result.err, result.err
    assert not (tmp_path / "a.tar").exists()


def stamps_of(tmp_path):
    with sqlite3.connect(tmp_path / "vault/catalog.db") as db:
        return db.execute("SELECT volume, number, at_ms IS NOT NULL, reason FROM timestamps ORDER BY 1, 2").fetchall()


def test_sync(skyarc, tsa, emu, tmp_path):
    """What does not come is asked for again by the next sync that is given the same authority."""
    one, two = tsa("one"), tsa("two")
    two.fault = "busy"
    both = ["--timestamp", one.url, "--timestamp", two.url.replace("//", "//user:secret@") + "/?key=secret"]
    result = skyarc("sync", "--dest", "vault", *both, "--json", "--metrics", "m", check=0)
    assert result.json()["time_stamps_kept"] == 1 and result.json()["time_stamps_waiting"] == 1
    assert "the next sync asks again" in result.err and "503" in result.err and "secret" not in result.err
    assert "skyarc_sync_waiting_time_stamps 1" in (tmp_path / "m").read_text()
    volume = next((tmp_path / "vault").glob("*/*/*.tar.zst"))
    assert [row[1:3] for row in stamps_of(tmp_path)] == [(1, 1), (2, 0)] and "503" in stamps_of(tmp_path)[1][3]
    assert b"secret" not in (tmp_path / "vault/catalog.db").read_bytes()
    skyarc("verify", "--tsa-ca", one.ca, "vault", check=0)
    two.fault = None
    result = skyarc("sync", "--dest", "vault", "--timestamp", one.url, "--json", check=0).json()
    assert (result["time_stamps_kept"], result["time_stamps_waiting"], two.requests) == (0, 1, 3)
    result = skyarc("sync", "--dest", "vault", *both, "--json", check=0).json()
    assert (result["time_stamps_kept"], result["time_stamps_waiting"], one.requests) == (1, 0, 1)
    skyarc("verify", "--tsa-ca", two.ca, "vault", check=0)
    head = skyarc("verify", "--json", "vault", check=0).json()[0]["manifest_sha256"]
    assert openssl_verify(head, str(volume) + ".2.tsr", two.ca).returncode == 0
    report = skyarc("audit", "--json", "--tsa-ca", two.ca, "vault").json()
    assert "by CN=two signer" in report["archives"][0]["time_stamp"] and not report["archives"][0]["fault"]
    assert "(authority not checked)" in skyarc("audit", "--json", "vault").json()["archives"][0]["time_stamp"]


def test_another_authority_instead(skyarc, tsa, tmp_path):
    """An authority that is gone for good, and is replaced in the settings: volumes wait for the new one."""
    gone, new = tsa("gone"), tsa("new")
    gone.fault = "busy"
    waits = skyarc("sync", "--dest", "vault", "--timestamp", gone.url, "--json", check=0).json()
    assert waits["time_stamps_waiting"] == waits["volumes"] > 0
    asked = gone.requests
    done = skyarc("sync", "--dest", "vault", "--timestamp", new.url, "--json", check=0).json()
    assert (done["time_stamps_kept"], done["time_stamps_waiting"]) == (waits["volumes"], 0)
    skyarc("verify", "--tsa-ca", new.ca, "vault", check=0)
    assert gone.requests == asked


def test_volumes_from_before(skyarc, tsa, tmp_path):
    """A volume from before --timestamp, one of a catalog that was rebuilt, and one whose response is gone wait, too."""
    one = tsa()
    skyarc("sync", "--dest", "vault", check=0)
    audit = skyarc("audit", "--json", "--tsa-ca", one.ca, "vault", check=4).json()
    assert audit["archives"][0]["doubt"] == "has no time stamp"
    more = ["--dest", "vault", "--timestamp", one.url, "--json"]
    assert skyarc("sync", *more, check=0).json()["time_stamps_kept"] == 1
    skyarc("sync", "--dest", "vault", "--rebuild", check=0)
    assert skyarc("sync", *more, check=0).json()["time_stamps_kept"] == 0 and one.requests == 1  # it is there
    (response,) = (tmp_path / "vault").glob("*/*/*.tsr")
    for change in (response.unlink, lambda: response.write_bytes(b"x")):
        change()
        assert skyarc("sync", *more, check=0).json()["time_stamps_kept"] == 1
        skyarc("verify", "--tsa-ca", one.ca, "vault", check=0)


@pytest.mark.parametrize("when", [1, 2, 3, 4, 6, 8])
def test_killed_prunes(skyarc, env, tsa, tmp_path, when):
    """Whenever it is killed, the volume that stays has or gets its time stamp."""
    if subprocess.run(["strace", "-V"], stdout=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("strace is not here")
    one = tsa()
    skyarc("sync", "--dest", "vault", "--timestamp", one.url, check=0)
    skyarc("hold", "--dest", "vault", skyarc("find", "--json", "vault", check=0).json()[0]["run_id"], check=0)
    subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "trace=unlink", "-e", "inject=unlink:signal=KILL:when=%d" % when,
                    SKYARC, "prune", "--dest", "vault", "--keep-days", "1", "--apply"], env=env, cwd=tmp_path, check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    skyarc("sync", "--dest", "vault", "--timestamp", one.url)
    skyarc("verify", "--tsa-ca", one.ca, "vault", check=0)


def test_sync_asks_an_authority_that_fails_once(skyarc, tsa, tmp_path):
    one = tsa()
    one.fault = "garbage"
    result = skyarc("sync", "--dest", "vault", "--volume-runs", "1", "--timestamp", one.url, "--json", check=0).json()
    assert result["volumes"] > 2 and result["time_stamps_waiting"] == result["volumes"] and one.requests == 1
    one.fault = None
    again = skyarc("sync", "--dest", "vault", "--timestamp", one.url, "--json", check=0).json()
    assert again["time_stamps_kept"] == result["volumes"] and one.requests == 1 + result["volumes"]
    skyarc("verify", "--tsa-ca", one.ca, "vault", check=0)


def test_prune_asks_for_new_ones(skyarc, tsa, emu, tmp_path):
    """A rewritten volume is another archive: its old time stamp goes, and the next sync asks for one."""
    one = tsa()
    skyarc("sync", "--dest", "vault", "--timestamp", one.url, check=0)
    kept = skyarc("find", "--json", "vault", check=0).json()
    assert len({row["run_id"] for row in kept}) > 1
    skyarc("hold", "--dest", "vault", kept[0]["run_id"], check=0)
    skyarc("prune", "--dest", "vault", "--keep-days", "1", "--apply", check=0)
    assert [row[2] for row in stamps_of(tmp_path)] == [0]
    assert not list((tmp_path / "vault").glob("*/*/*.tsr"))
    skyarc("sync", "--dest", "vault", "--timestamp", one.url, check=0)
    skyarc("verify", "--tsa-ca", one.ca, "vault", check=0)


def test_beside_a_volume(skyarc, tsa, tmp_path):
    """A volume that is set aside takes its time stamp with it; one without a volume is removed."""
    one = tsa()
    skyarc("sync", "--dest", "vault", "--timestamp", one.url, check=0)
    volume = next((tmp_path / "vault").glob("*/*/*.tar.zst"))
    (volume.parent / "skyarc-20200101T000000Z.tar.zst.tsr").write_bytes(b"left")
    content = bytearray(volume.read_bytes())
    content[len(content) // 2] ^= 1
    volume.write_bytes(content)
    result = skyarc("sync", "--dest", "vault", "--verify-share", "1", "--timestamp", one.url)
    assert result.code in (3, 4), result
    aside = [p.name for p in volume.parent.iterdir() if "damaged" in p.name]
    assert len(aside) == 2 and any(name.endswith(".tsr") for name in aside), aside
    assert not (volume.parent / "skyarc-20200101T000000Z.tar.zst.tsr").exists()
    skyarc("verify", "--tsa-ca", one.ca, next(p for p in volume.parent.iterdir() if p.suffix == ".zst"), check=0)


def test_listen(listen, emu, tsa, tmp_path):  # noqa: F811
    """listen has the option, too."""
    one = tsa()
    body = payload("tsk_demo3")
    listen("--timestamp", one.url).ask("POST", "/", body, sign(emu.key, body))
    wait_for((tmp_path / "in" / "tsk_demo3.tar.zst.tsr").exists)
