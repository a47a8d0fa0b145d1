# SPDX-License-Identifier: MIT
"""The peak memory of a pull of large and small bodies, by HTTP/1.1 and by HTTP/2, stays below the default of --memory."""
import collections
import os
import random
import shutil
import socket
import subprocess
import sys

import pytest

from conftest import SANITIZED, SKYARC, TESTS

sys.path.insert(0, TESTS)
from netlab import content, web  # noqa: E402

NGINX = shutil.which("nginx") or os.path.exists("/usr/sbin/nginx")
MEMORY = 64 << 20
# A process inherits its parent's peak, so the parent is small.
LAUNCH = """import os, resource, sys
status = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def things():
    """Recordings, many texts as long as HTTP/2 is used for, and many that are longer."""
    rng = random.Random(7)
    lines = content.text(rng, 1 << 18).splitlines(keepends=True)
    for i in range(600):
        if i % 60 == 5:
            yield "recording", "webm", content.media(rng, 8 << 20, content.WEBM)
        else:
            size = rng.randrange(300_000, 600_000) if i % 3 == 0 else rng.randrange(60_000, 250_000)
            yield "html_scrape", "html", b"".join(rng.choices(lines, k=size // 100))[:size]


@pytest.fixture(scope="module")
def www(tmp_path_factory):
    folder = tmp_path_factory.mktemp("www")
    folder.chmod(0o755)
    return str(folder), content.make_files(str(folder), "tsk_m", things())


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's allocator has memory of its own")
@pytest.mark.skipif(not NGINX, reason="nginx speaks HTTP/2")
@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_the_peak_of_a_pull(www, env, tmp_path, skyarc, http2):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        at = "127.0.0.1:%d" % door.getsockname()[1]
    tls = str(tmp_path) if http2 else None
    server = web.Nginx(str(tmp_path), at, www[0], tls, http='log_format spoken "$server_protocol $status";',
                       locations="access_log %s/spoken spoken;" % tmp_path)
    base = ("https://" if http2 else "http://") + at
    try:
        content.make_run(www[0], base, "tsk_m", www[1])
        done = subprocess.run(
            ["/usr/bin/python3", "-I", "-S", "-c", LAUNCH, SKYARC, "pull", "-q", "--base-url", base, "--records", "none",
             *(["--ca-file", web.certificate(tls)] if http2 else []), "-o", "a.tar.zst", "tsk_m"],
            cwd=tmp_path, env=env, capture_output=True, timeout=120, check=False)
    finally:
        server.close()
    status, peak = map(int, done.stdout.split())
    assert status == 0, done.stderr
    spoken = collections.Counter((tmp_path / "spoken").read_text().splitlines())
    assert (spoken["HTTP/2.0 200"] > len(www[1]) // 2) == http2 and sum(spoken.values()) >= len(www[1]), spoken
    assert 20 << 20 < peak * 1024 < MEMORY, peak
    assert skyarc("verify", "--json", "a.tar.zst", check=0).json()
    assert len(skyarc("list", "--json", "a.tar.zst", check=0).json()) == len(www[1])


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's allocator has memory of its own")
def test_the_memory_of_a_workflow_run(emu, env, tmp_path):
    """A run costs some KiB until its pull ends, whatever its timeline could have named."""
    emu.mode("today")
    runs = ["wr_%03d" % i for i in range(500)]
    for run in runs:
        emu.run(run, [{"id": "h" + run, "type": "html_scrape", "data": b"<p>%s</p>" % run.encode()}], run_type="workflow_run",
                story={"timeline": [{"type": "block", "block": {"workflow_run_id": run, "block_type": "task", "task_id": "tsk_" + run}, "children": []}]})
    peaks = []
    for count in (100, 500):
        (tmp_path / "ids").write_text("\n".join(runs[:count]))
        done = subprocess.run(["/usr/bin/python3", "-I", "-S", "-c", LAUNCH, SKYARC, "pull", "-q", "-f", "--no-report", "--records", "none", "-o", str(tmp_path / "m.tar"),
                               "-i", str(tmp_path / "ids")], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, timeout=120)
        status, peak = map(int, done.stdout.split())
        assert status == 0, done.stderr
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 400 * 40, peaks  # KiB
