# SPDX-License-Identifier: MIT
"""The units of systemd and their restrictions; containers, Kubernetes and SLURM: what they start works."""
import glob
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import pytest

from conftest import SKYARC
from test_shards import json_runs, shard_of

CONTRIB = os.path.dirname(os.path.abspath(__file__)) + "/../../contrib/"
SERVICES = sorted(glob.glob(CONTRIB + "*.service"))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
@pytest.mark.parametrize("unit", SERVICES, ids=os.path.basename)
def test_exposure(unit):
    """1.1 of 10: the network, and a device of the TPM, are what is left."""
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=15", unit],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    if "Unknown command" in done.stdout or "unrecognized option" in done.stdout:
        pytest.skip("systemd-analyze is too old")
    assert done.returncode == 0, done.stdout


@pytest.fixture
def nightly(env, tmp_path):
    """Start contrib/nightly.sh as contrib/compose.yaml does."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/skyarc").symlink_to(SKYARC)
    (tmp_path / "archive").mkdir()

    def start(**more):
        return subprocess.Popen([CONTRIB + "nightly.sh"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(
            env, PATH="%s:%s" % (tmp_path / "bin", env["PATH"]), SYNC_DEST=str(tmp_path / "archive"), **more))

    return start


def healthy(folder):
    """The result of the compose file's health check, with another folder."""
    with open(CONTRIB + "compose.yaml", encoding="utf-8") as file:
        (test,) = re.findall(r'test: \["CMD-SHELL", "(.*)"\]', file.read())
    test = test.replace("$$", "$").replace("/archive", str(folder))
    return subprocess.run(["sh", "-c", test], check=False).returncode == 0


def test_a_night_in_a_container(nightly, tmp_path):
    assert healthy(tmp_path / "archive")  # before the first night
    night = nightly(SYNC_ONCE="1")
    assert night.wait(60) == 0, night.stdout.read()
    assert list((tmp_path / "archive").rglob("skyarc-*.tar.zst")) and healthy(tmp_path / "archive")
    assert "skyarc_sync_success 1" in (tmp_path / "archive/metrics/skyarc.prom").read_text()
    night = nightly(SYNC_ONCE="1", SKYVERN_API_KEY="wrong")
    assert night.wait(60) == 1 and not healthy(tmp_path / "archive")
    assert "skyarc_sync_success 0" in (tmp_path / "archive/metrics/skyarc.prom").read_text()


def name_of(process):
    """The name of a process; "" if it has ended since it was seen."""
    try:
        return pathlib.Path("/proc/%s/comm" % process).read_text()
    except FileNotFoundError:
        return ""


def test_a_container_stops_at_once(nightly):
    """The signal is not left for the end of the sleep until the night."""
    for hour in ("0", "12"):
        night = nightly(SYNC_HOUR=hour)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with open("/proc/%d/task/%d/children" % (night.pid, night.pid), encoding="ascii") as file:
                if any(name_of(child) == "sleep\n" for child in file.read().split()):
                    break
            time.sleep(0.02)
        night.terminate()
        assert night.wait(5) == 143


def test_what_the_receiver_needs():
    """Its own directory, and descriptors enough."""
    with open(CONTRIB + "skyarc-listen.service", encoding="utf-8") as file:
        text = file.read()
    (state,) = re.findall(r"^StateDirectory=(\S+)$", text, re.M)
    assert "--dest /var/lib/%s " % state in text and "TMPDIR=/var/lib/%s\n" % state in text
    with open(CONTRIB + "skyarc-sync.service", encoding="utf-8") as file:
        assert "StateDirectory=%s\n" % state not in file.read()  # each has a user of its own
    assert int(re.search(r"^LimitNOFILE=(\d+)$", text, re.M).group(1)) >= 4096


@pytest.fixture
def installed(tmp_path):
    """The documents and examples, as `make install` installs them; the prefix of the program."""
    build = os.path.dirname(SKYARC)
    if not os.path.isfile(build + "/Makefile"):
        pytest.skip("the program is not in a build directory")
    prefix = "/opt/of/ours"
    subprocess.run(["make", "-s", "install-data", "prefix=" + prefix, "DESTDIR=%s" % tmp_path,
                    "docdir=" + prefix + "/doc"], cwd=build, check=True, stdout=subprocess.DEVNULL)
    return tmp_path / "opt/of/ours/doc"


def test_links_lead_to_what_is_installed(installed):
    names = [p for p in installed.rglob("*.md")]
    assert (installed / "LICENSE").is_file() and installed / "README.md" in names
    for name in names:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", name.read_text()):
            assert (name.parent / link).exists(), (name, link)


def test_examples_have_the_real_path(installed):
    """What is made has the path that configure was told, as in the file of the build."""
    made = {str(p.relative_to(installed / "contrib")): p.read_text() for p in (installed / "contrib").rglob("*.*")}
    assert set(made) == {os.path.relpath(p, CONTRIB) for p in glob.glob(CONTRIB + "**/*.*", recursive=True)}
    with open(os.path.dirname(SKYARC) + "/Makefile", encoding="utf-8") as file:
        (prefix,) = re.findall(r"^prefix = (.*)$", file.read(), re.M)
    for name in ("skyarc-listen.service", "skyarc-sync.service"):
        assert "ExecStart=%s/bin/skyarc " % prefix in made[name]
    assert made["skyarc.cron"].count("  skyarc  %s/bin/skyarc " % prefix) == 2


def manifests():
    yaml = pytest.importorskip("yaml")
    for path in sorted(glob.glob(CONTRIB + "kubernetes/*.yaml")):
        with open(path, encoding="utf-8") as file:
            for document in yaml.safe_load_all(file):
                yield os.path.basename(path), document


def of_kind(kind, path=None):
    (found,) = [d for name, d in manifests() if d["kind"] == kind and path in (None, name)]
    return found


@pytest.mark.parametrize("version", ["1.29", "1.34", "1.37"])
def test_manifests_are_valid(version):
    """By the published schemas of Kubernetes; unknown members are errors, too."""
    validate = pytest.importorskip("kubernetes_validate").validate
    count = 0
    for _, document in manifests():
        assert validate(document, version, strict=True) == version
        count += 1
    assert count == 10
    wrong = of_kind("Job")
    wrong["spec"]["completion"] = 4
    with pytest.raises(Exception, match="completion"):
        validate(wrong, version, strict=True)


def pods():
    """(name, pod) of each workload."""
    for name, document in manifests():
        spec = document.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield name, spec["template"]["spec"]


def test_pods_are_restricted():
    """The pod security standard 'restricted', which base.yaml enforces; no token; all that a pod names exists."""
    names = {(d["kind"], d["metadata"]["name"]) for _, d in manifests()}
    assert of_kind("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {d["metadata"].get("namespace", "skyarc") for _, d in manifests()} == {"skyarc"}
    assert of_kind("ServiceAccount")["automountServiceAccountToken"] is False
    found = 0
    for name, pod in pods():
        found += 1
        assert pod["automountServiceAccountToken"] is False and ("ServiceAccount", pod["serviceAccountName"]) in names
        security = pod["securityContext"]
        assert security["runAsNonRoot"] and security["runAsUser"] > 0 and security["fsGroup"] == security["runAsGroup"]
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        volumes = {v["name"]: v for v in pod["volumes"]} | ({"archive": {}} if name == "statefulset.yaml" else {})
        for claim in (v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v):
            assert ("PersistentVolumeClaim", claim) in names
        for container in pod["containers"]:
            assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                    "capabilities": {"drop": ["ALL"]}}
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]
            assert {m["name"] for m in container["volumeMounts"]} == set(volumes)
    assert found == 4
    with open(CONTRIB + "kubernetes/base.yaml", encoding="utf-8") as file:
        assert "create secret generic skyarc --from-file=skyvern-api-key=KEYFILE" in file.read()


def test_the_job_and_the_cron_job_are_the_same():
    job, cron = of_kind("Job")["spec"], of_kind("CronJob")["spec"]["jobTemplate"]["spec"]
    assert job == cron and job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"] == job["maxFailedIndexes"]
    assert "--shard=auto/%d" % job["completions"] in job["template"]["spec"]["containers"][0]["args"]
    stateful = of_kind("StatefulSet")["spec"]
    env = {e["name"]: e.get("value") for e in stateful["template"]["spec"]["containers"][0]["env"]}
    assert env["SKYARC_SHARD"] == "auto/%d" % stateful["replicas"]


def fake_container(pod, index, env, folders):
    """(command, environment) of a pod's container with an index; folders: where its mounts are here."""
    container = pod["containers"][0]
    variables = {"JOB_COMPLETION_INDEX": str(index)}
    for entry in container["env"]:
        if "valueFrom" in entry:
            assert entry["name"] == "JOB_COMPLETION_INDEX" and "index" in entry["valueFrom"]["fieldRef"]["fieldPath"]
        elif entry["name"] != "SKYVERN_BASE_URL":  # the emulator's instead
            variables[entry["name"]] = entry["value"]

    def here(text):
        for name, value in variables.items():
            text = text.replace("$(%s)" % name, value)
        return re.sub("(^|=)(%s)(?=/|$)" % "|".join(folders), lambda m: m.group(1) + str(folders[m.group(2)]), text)

    given = {k: v for k, v in env.items() if k != "SKYVERN_API_KEY"}
    given.update({name: here(value) for name, value in variables.items()})
    command = [here(word) for word in container.get("command", []) + container.get("args", [])]
    return command if "command" in container else [SKYARC, *command], given


@pytest.mark.parametrize("kind", ["Job", "StatefulSet"])
def test_each_index_archives_its_shard(kind, emu, env, tmp_path):
    """The commands and the environment of the manifests, for each index, with folders in place of the mounts."""
    emu.clear()
    names = ["wr_%d" % i for i in range(12)]
    for name in names:
        emu.run(name, [{"id": name + "_a", "type": "html", "data": b"x"}])
    spec = of_kind(kind)["spec"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/skyarc").symlink_to(SKYARC)
    for k in range(4):
        folders = {"/archive": tmp_path / ("v%d" % (k if kind == "StatefulSet" else 0)), "/metrics": tmp_path / "metrics",
                   "/run/secrets/skyarc": tmp_path / "key", "/tmp": tmp_path / "tmp",
                   "/usr/local/bin/skyarc-nightly": CONTRIB + "nightly.sh"}
        for folder in list(folders.values())[:4]:
            folder.mkdir(exist_ok=True)
        (tmp_path / "key/skyvern-api-key").write_text(emu.key)
        command, given = fake_container(spec["template"]["spec"], k, env, folders)
        given = dict(given, PATH="%s:%s" % (tmp_path / "bin", env["PATH"]), SYNC_ONCE="1", SYNC_DEST=str(folders["/archive"]))
        done = subprocess.run(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
        assert done.returncode in (0, 3), done.stdout
        where = folders["/archive"] if kind == "StatefulSet" else folders["/archive"] / ("index-%d" % k)
        assert {r for r, in json_runs(where)} == {n for n in names if shard_of(n, 4) == k + 1}
        prom = where / "metrics/skyarc.prom" if kind == "StatefulSet" else tmp_path / ("metrics/skyarc-%d.prom" % k)
        assert 'skyarc_sync_duration_seconds{shard="%d/4"}' % (k + 1) in prom.read_text()


SBATCH = CONTRIB + "slurm/skyarc-sync.sbatch"


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="no shellcheck here")
def test_scripts_are_clean():
    subprocess.run(["shellcheck", SBATCH, CONTRIB + "nightly.sh"], check=True)


def test_the_array_is_the_shards():
    with open(SBATCH, encoding="utf-8") as file:
        text = file.read()
    assert re.search(r"^#SBATCH --array=1-(\d+)$", text, re.M).group(1) == re.search(r"^SHARDS=(\d+)$", text, re.M).group(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def slurm(tmp_path):
    """A cluster of one node, this machine: run a command of SLURM."""
    if os.geteuid() or not all(map(shutil.which, ("sbatch", "slurmctld", "slurmd"))):
        pytest.skip("SLURM cannot be started here (packages slurmctld, slurmd and slurm-client, and root)")
    host = socket.gethostname().split(".")[0]
    (tmp_path / "slurm").mkdir()
    conf = tmp_path / "slurm/slurm.conf"
    conf.write_text("""
ClusterName=test
SlurmctldHost=%s(127.0.0.1)
SlurmctldPort=%d
SlurmdPort=%d
SlurmUser=root
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
StateSaveLocation=%s
SlurmdSpoolDir=%s
SlurmctldPidFile=%s
SlurmdPidFile=%s
NodeName=%s NodeAddr=127.0.0.1 CPUs=2 RealMemory=1024 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""" % (host, free_port(), free_port(), *(tmp_path / "slurm" / n for n in ("state", "spool", "ctld.pid", "d.pid")), host))
    given = dict(os.environ, SLURM_CONF=str(conf))
    running = []
    for daemon in ("slurmctld", "slurmd"):
        with open(tmp_path / "slurm" / daemon, "wb") as log:
            running.append(subprocess.Popen([daemon, "-D", "-f", conf], env=given, stdout=log, stderr=log))
    deadline = time.monotonic() + 60
    while subprocess.run(["sinfo", "-h", "-o", "%T"], env=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         check=False).stdout != b"idle\n":
        assert time.monotonic() < deadline, (tmp_path / "slurm/slurmctld").read_text()
        time.sleep(0.2)
    yield lambda *command, **more: subprocess.run(command, env=dict(given, **more), cwd=tmp_path, stdout=subprocess.PIPE,
                                                  stderr=subprocess.STDOUT, check=False, text=True, timeout=100)
    for process in reversed(running):
        process.terminate()
    for process in running:
        process.wait(30)


def test_a_job_array(slurm, emu, env, tmp_path):
    """sbatch accepts the script, each task archives its shard, and one task can be repeated."""
    emu.clear()
    names = ["wr_%d" % i for i in range(12)]
    for name in names:
        emu.run(name, [{"id": name + "_a", "type": "html", "data": b"x"}])
    done = slurm("sbatch", "--test-only", SBATCH)
    assert done.returncode == 0 and "to start at" in done.stdout, done.stdout
    given = {k: env[k] for k in ("SKYVERN_API_KEY", "SKYVERN_BASE_URL", "HOME", "TMPDIR")}
    given.update(SKYARC=SKYARC, SKYARC_DEST=str(tmp_path / "dest"))

    def logs():
        return "".join(p.read_text() for p in sorted(tmp_path.glob("skyarc-sync-*.log")))

    done = slurm("sbatch", "--wait", SBATCH, **given)
    assert done.returncode in (0, 3), logs()
    for k in range(1, 9):
        assert {r for r, in json_runs(tmp_path / ("dest/shard-%d" % k))} == {n for n in names if shard_of(n, 8) == k}
        assert 'skyarc_sync_duration_seconds{shard="%d/8"}' % k in (tmp_path / ("dest/metrics/skyarc-%d.prom" % k)).read_text()
    done = slurm("sbatch", "--wait", "--array=3", SBATCH, **given)  # another number of shards: refused
    assert done.returncode == 2 and "SLURM_ARRAY_TASK_COUNT is 1, but the number of shards is 8" in logs()
    done = slurm("sbatch", "--wait", "--array=3", SBATCH, **dict(given, SKYARC_SHARD="3/8"))
    assert done.returncode == 0 and "shard 3/8" in (tmp_path / "skyarc-sync-3.log").read_text().splitlines()[-1]
    done = slurm("sbatch", "--wait", "--array=1,2,5", SBATCH, **given)  # an array with gaps
    assert done.returncode == 2 and "SLURM_ARRAY_TASK_COUNT is 3" in logs()


def test_tasks_that_fill_a_bucket(gateway, emu, env, tmp_path):
    """The script of SLURM with the address of a bucket: all tasks fill one prefix, and make no directory of that name."""
    emu.clear()
    names = ["wr_%d" % i for i in range(12)]
    for name in names:
        emu.run(name, [{"id": name + "_a", "type": "html", "data": b"x"}])
    place = "s3://%s/slurm/%s" % (gateway.bucket, tmp_path.name)
    for k in (3, 5):
        done = subprocess.run(["sh", SBATCH], cwd=tmp_path, check=False, timeout=100, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=dict(
                                  env, **gateway.env(), SKYARC=SKYARC, SKYARC_DEST=place, SCRATCH=str(tmp_path / "node"),
                                  SLURM_ARRAY_TASK_ID=str(k), SLURM_ARRAY_TASK_MIN="1", SLURM_ARRAY_TASK_MAX="8",
                                  SLURM_ARRAY_TASK_STEP="1", SLURM_ARRAY_TASK_COUNT="8"))
        assert done.returncode in (0, 3), done.stdout
        assert (tmp_path / ("node/skyarc-shard-%d/place" % k)).read_text().startswith(place + "/")
    assert not (tmp_path / "s3:").exists()
    done = subprocess.run([SKYARC, "find", "--runs", place], cwd=tmp_path, check=True, timeout=60, text=True,
                          stdout=subprocess.PIPE, env=dict(env, **gateway.env()))
    assert {line.split("\t")[1] for line in done.stdout.splitlines()} == {n for n in names if shard_of(n, 8) in (3, 5)}
