# SPDX-License-Identifier: MIT
"""Tamper evidence: signatures, a series of archives, anchors, and what the service has more."""
import hashlib
import json
import shutil
import subprocess

import pytest

from conftest import extract


@pytest.fixture
def key(tmp_path):
    """An OpenSSH key and the list of signers that allows it."""
    def make(name="key", kind="ed25519", phrase="", options="", who="backup@example.org"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-C", "a comment", "-f", tmp_path / name],
                       check=True)
        public = (tmp_path / (name + ".pub")).read_text()
        (tmp_path / (name + ".signers")).write_text("# who may sign\n\n%s %s%s" % (who, options, public))
        return tmp_path / name

    return make


def ssh_verify(signers, signature, manifest, who="backup@example.org"):
    return subprocess.run(["ssh-keygen", "-Y", "verify", "-f", signers, "-I", who, "-n", "skyarc", "-s", signature],
                          input=manifest, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def test_signed(skyarc, key, tmp_path):
    key()
    skyarc("pull", "-o", "a.tar.zst", "--sign", "key", "tsk_demo3", check=0)
    manifest = (extract(tmp_path / "a.tar.zst", tmp_path) / "manifest.json").read_bytes()
    done = ssh_verify(tmp_path / "key.signers", tmp_path / "a.tar.zst.sig", manifest)
    assert done.returncode == 0, done.stdout
    assert ssh_verify(tmp_path / "key.signers", tmp_path / "a.tar.zst.sig", manifest + b" ").returncode
    result = skyarc("verify", "--signers", "key.signers", "a.tar.zst", check=0)
    assert b"signed by backup@example.org" in result.out
    assert not list(tmp_path.glob("*.partial"))


def test_a_signature_by_ssh_keygen(skyarc, key, tmp_path):
    key()
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo3", check=0)
    manifest = extract(tmp_path / "a.tar.zst", tmp_path) / "manifest.json"
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", tmp_path / "key", "-n", "skyarc", manifest], check=True)
    signature = str(manifest) + ".sig"
    skyarc("verify", "--signers", "key.signers", "--signature", signature, "a.tar.zst", check=0)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", tmp_path / "key", "-n", "file", manifest],
                   input=b"y\n", check=True)
    result = skyarc("verify", "--signers", "key.signers", "--signature", signature, "a.tar.zst", check=4)
    assert "namespace is not 'skyarc'" in result.err


def test_bad_signatures(skyarc, key, tmp_path):
    key()
    key("other", who="someone@example.org")
    skyarc("pull", "-o", "a.tar.zst", "--sign", "key", "tsk_demo3", check=0)
    skyarc("pull", "-o", "b.tar.zst", "--sign", "key", "tsk_demo1", check=0)
    assert "not among the allowed signers" in skyarc("verify", "--signers", "other.signers", "a.tar.zst", check=4).err
    result = skyarc("verify", "--signers", "key.signers", "--signature", "b.tar.zst.sig", "a.tar.zst", check=4)
    assert "does not match the manifest" in result.err
    text = (tmp_path / "a.tar.zst.sig").read_text()
    for at in range(40, len(text) - 40, 17):
        bad = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]
        (tmp_path / "bad.sig").write_text(bad)
        skyarc("verify", "--signers", "key.signers", "--signature", "bad.sig", "a.tar.zst", check=4)
    for bad in ("", "nonsense", text[:100], "-----BEGIN SSH SIGNATURE-----\n!!!\n-----END SSH SIGNATURE-----\n"):
        (tmp_path / "bad.sig").write_text(bad)
        skyarc("verify", "--signers", "key.signers", "--signature", "bad.sig", "a.tar.zst", check=4)
    (tmp_path / "a.tar.zst.sig").unlink()
    result = skyarc("verify", "--signers", "key.signers", "a.tar.zst", check=4)
    assert "a.tar.zst.sig" in result.err


@pytest.mark.parametrize("options, code", [
    ('namespaces="skyarc" ', 0), ('namespaces="git,skyarc" ', 0), ('namespaces="git" ', 4),
    ("cert-authority ", 4), ('valid-before="20200101" ', 4), ('namespaces="skyarc",valid-before="20200101" ', 4)])
def test_signers_options(skyarc, key, tmp_path, options, code):
    """What we cannot judge does not allow; ssh-keygen agrees wherever it can."""
    key(options=options)
    skyarc("pull", "-o", "a.tar.zst", "--sign", "key", "tsk_demo3", check=0)
    skyarc("verify", "--signers", "key.signers", "a.tar.zst", check=code)
    manifest = (extract(tmp_path / "a.tar.zst", tmp_path) / "manifest.json").read_bytes()
    done = ssh_verify(tmp_path / "key.signers", tmp_path / "a.tar.zst.sig", manifest)
    assert (done.returncode == 0) is (code == 0), done.stdout


def test_keys_that_cannot_sign(skyarc, key, tmp_path):
    key("locked", phrase="a phrase that is long")
    key("rsa", kind="rsa")
    (tmp_path / "junk").write_text("junk")
    for name, why in (("locked", "passphrase"), ("rsa", "Ed25519"), ("junk", "OPENSSH"), ("locked.pub", "OPENSSH"),
                      ("nothing", "nothing")):
        result = skyarc("pull", "-o", "a.tar.zst", "--sign", name, "tsk_demo3")
        assert result.code not in (0, 3) and why in result.err, result
        assert not list(tmp_path.glob("a.tar.zst*"))
    key()
    assert "cannot be used with standard output" in skyarc("pull", "-o", "-", "--sign", "key", "tsk_demo3", check=2).err


NIGHTS = ["tsk_demo3", "tsk_demo1", "wr_demo2", "tsk_step"]


@pytest.fixture
def series(skyarc, tmp_path):
    """Four archives of a series; returns their heads."""
    heads = []
    (tmp_path / "s").mkdir()
    for i, run in enumerate(NIGHTS):
        more = ["--after", "s/n%d.tar.zst" % (i - 1)] if i else []
        result = skyarc("pull", "--json", "-o", "s/n%d.tar.zst" % i, run, *more, check=0)
        heads.append(result.json()["manifest_sha256"])
    return heads


def test_a_whole_series(skyarc, series, tmp_path):
    result = skyarc("verify", "s", check=0)
    assert b"4 archives, head s/n3.tar.zst" in result.out
    for head in series:
        skyarc("verify", "--quick", "--anchor", head.upper(), "s", check=0)
    verdict = skyarc("verify", "--quick", "--json", "s", check=0).json()
    assert verdict[-1] == {"directory": "s", "breaks": [], "head": "s/n3.tar.zst"}
    assert [v["manifest_sha256"] for v in verdict[:-1]] == series
    folder = extract(tmp_path / "s" / "n1.tar.zst", tmp_path)
    info = (folder / "bag-info.txt").read_text()
    assert "Skyarc-Previous-Archive: n0.tar.zst\n" in info
    assert "Skyarc-Previous-Manifest-SHA256: %s\n" % series[0] in info
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == series[1]


def test_a_removed_link(skyarc, series, tmp_path):
    (tmp_path / "s" / "n1.tar.zst").unlink()
    result = skyarc("verify", "--quick", "s", check=4)
    assert "n2.tar.zst" in result.err and "'n1.tar.zst' is missing" in result.err


def test_a_replaced_link(skyarc, series, tmp_path):
    skyarc("pull", "-f", "-o", "s/n1.tar.zst", "tsk_v2_demo2", "--after", "s/n0.tar.zst", check=0)
    result = skyarc("verify", "--quick", "s", check=4)
    assert "'n1.tar.zst' was replaced" in result.err
    assert "replaced" in skyarc("verify", "--quick", "--json", "s", check=4).json()[-1]["breaks"][0]["what"]


def test_the_newest_removed_is_seen_by_the_anchor(skyarc, series, tmp_path):
    (tmp_path / "s" / "n3.tar.zst").unlink()
    skyarc("verify", "--quick", "s", check=0)
    assert "anchor" in skyarc("verify", "--quick", "--anchor", series[3], "s", check=4).err


def bag_again(folder, change):
    """Change a file, and recompute every hash, as an attacker with write access could."""
    manifest = json.loads((folder / "manifest.json").read_text())
    lines = dict(reversed(l.split("  ", 1)) for l in (folder / "manifest-sha256.txt").read_text().splitlines())
    change(folder, manifest, lines)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "manifest-sha256.txt").write_text("".join("%s  %s\n" % (h, p) for p, h in lines.items()))
    tags = sorted(p for p in [*folder.iterdir(), *folder.glob("view/*")] if p.is_file() and p.name != "tagmanifest-sha256.txt")
    (folder / "tagmanifest-sha256.txt").write_text(
        "".join("%s  %s\n" % (hashlib.sha256(p.read_bytes()).hexdigest(), p.relative_to(folder)) for p in tags))


def rewrite(archive, tmp_path, change):
    folder = extract(archive, tmp_path)
    bag_again(folder, change)
    archive.unlink()
    subprocess.run(["tar", "--zstd", "-cf", archive, "-C", folder.parent, folder.name], check=True)
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    shutil.rmtree(folder.parent)
    return digest


def test_a_night_rewritten_with_every_hash(skyarc, series, tmp_path):
    """The middle night says something else, and all that hangs on it was made to fit."""
    row = {}

    def forge(folder, manifest, lines):
        row.update(next(r for r in manifest["artifacts"] if r["size"] > 100 and not r["duplicate_of"]))
        target = folder / row["path"]
        data = b"!" + target.read_bytes()[1:]
        target.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        for r in manifest["artifacts"]:
            if r["path"] == row["path"]:
                r["sha256"] = digest
        lines[row["path"]] = digest

    previous = {}

    def follow(folder, manifest, lines):
        info = (folder / "bag-info.txt").read_text()
        assert previous["old"] in info and manifest["previous"]["manifest_sha256"] == previous["old"]
        manifest["previous"]["manifest_sha256"] = previous["new"]
        (folder / "bag-info.txt").write_text(info.replace(previous["old"], previous["new"]))

    previous = {"old": series[1], "new": rewrite(tmp_path / "s" / "n1.tar.zst", tmp_path, forge)}
    assert "replaced" in skyarc("verify", "s", check=4).err  # the next archive still names the original
    for night in ("n2", "n3"):
        new = rewrite(tmp_path / "s" / (night + ".tar.zst"), tmp_path, follow)
        previous = {"old": series[int(night[1])], "new": new}
    skyarc("verify", "s", check=0)  # now the series is consistent: it cannot be detected from inside
    for head, code in zip(series, (0, 4, 4, 4)):
        skyarc("verify", "--anchor", head, "s", check=code)


def test_only_the_tag_file_is_changed(skyarc, series, tmp_path):
    """bag-info.txt alone cannot move a link: manifest.json says it, too, and the next names that."""
    def move(folder, manifest, lines):
        info = (folder / "bag-info.txt").read_text()
        (folder / "bag-info.txt").write_text(info.replace(series[1], "0" * 64))

    rewrite(tmp_path / "s" / "n2.tar.zst", tmp_path, move)
    assert "names a different previous archive" in skyarc("verify", "s/n2.tar.zst", check=4).err


def test_records_are_signed_too(skyarc, key, tmp_path):
    """A run's record changed, and every list of hashes with it: manifest.json tells."""
    def move(folder, manifest, lines):
        data = (folder / "data/tsk_demo3/run.json").read_bytes() + b" "
        (folder / "data/tsk_demo3/run.json").write_bytes(data)
        lines["data/tsk_demo3/run.json"] = hashlib.sha256(data).hexdigest()

    skyarc("pull", "-o", "a.tar.zst", "tsk_demo3", check=0)
    rewrite(tmp_path / "a.tar.zst", tmp_path, move)
    assert "has a different SHA-256 in manifest-sha256.txt" in skyarc("verify", "a.tar.zst", check=4).err


def test_anchor_command(skyarc, tmp_path):
    command = 'echo "$SKYARC_HEAD $SKYARC_ARCHIVE" >anchor; echo told'
    result = skyarc("pull", "--json", "-o", "a.tar.zst", "tsk_demo3", "--anchor-command", command, check=0)
    assert (tmp_path / "anchor").read_text() == result.json()["manifest_sha256"] + " a.tar.zst\n"
    assert "told" in result.err
    result = skyarc("pull", "-o", "-", "tsk_demo3", "--anchor-command", "echo told", check=0)
    (tmp_path / "out.tar.zst").write_bytes(result.out)
    skyarc("verify", "out.tar.zst", check=0)
    result = skyarc("pull", "-o", "b.tar.zst", "tsk_demo3", "--anchor-command", "exit 7")
    assert result.code == 1 and "was written, but --anchor-command failed" in result.err
    skyarc("verify", "b.tar.zst", check=0)


def test_cron_keeps_the_head(skyarc, tmp_path):
    """Silent without a terminal, but for the head of a series."""
    assert skyarc("pull", "-o", "a.tar.zst", "tsk_demo3", check=0).out == b""
    out = skyarc("pull", "-o", "b.tar.zst", "--after", "a.tar.zst", "tsk_demo1", check=0).out.decode()
    head = hashlib.sha256(skyarc("cat", "b.tar.zst", "manifest.json", check=0).out).hexdigest()
    assert out == "b.tar.zst: head %s\n" % head


def test_usage(skyarc, tmp_path):
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo3", check=0)
    assert "nothing" in skyarc("pull", "-o", "b.tar.zst", "tsk_demo3", "--after", "nothing.tar.zst").err


def test_bagit_by_another_hand(skyarc, tmp_path):
    """The Library of Congress's validator, where it could be had."""
    bagit = pytest.importorskip("bagit")
    skyarc("pull", "-o", "a.tar.zst", "tsk_demo1", "tsk_demo3", check=0)
    folder = extract(tmp_path / "a.tar.zst", tmp_path)
    bagit.Bag(str(folder)).validate()
    subprocess.run(["sha256sum", "-c", "--quiet", "--strict", "manifest-sha256.txt", "tagmanifest-sha256.txt"],
                   cwd=folder, check=True)
    (folder / "data" / "added").write_text("x")
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(folder)).validate()
