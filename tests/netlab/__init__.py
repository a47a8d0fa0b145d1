# SPDX-License-Identifier: MIT
"""Links like people's: a rate, a round trip and a server's temper, in a network namespace.

    content   what is served: bytes made by seed, their files, run record and artifact list
    web       nginx, over HTTP/1.1 or HTTP/2 with TLS
    link      a namespace with a rate, and between it and nginx the proxy slowlink.c
    check     an archive against what was served, read by others' tools
    rounds    pulls over links, one after the other, each whole, hung or wrong
"""
import os
import time


def machine():
    """The day and the machine, as a figure needs them."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((l.split(":")[1].strip() for l in file if l.startswith("model name")), "?")
    return "%s, %d cores, %s" % (time.strftime("%Y-%m-%d"), os.cpu_count(), model)
