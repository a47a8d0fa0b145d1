# SPDX-License-Identifier: MIT
"""Child processes of the tests and scripts."""
import subprocess


def end_process(process, seconds):
    """Ask a child to end by SIGTERM; kill it if it runs after `seconds`."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
