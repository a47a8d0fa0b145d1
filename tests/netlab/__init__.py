# SPDX-License-Identifier: MIT
"""Simulated network links in a network namespace: rate, round trip, and server faults.

    content   the files served, made from a seed, and the run record and artifact list for them
    web       nginx, over HTTP/1.1 or HTTP/2 with TLS
    link      a namespace with a rate limit, nginx, and in front of nginx the proxy slowlink.c
    check     compares an archive with the files served, using zstd and tarfile
    store_site, store_cases, store_judge, store_compare: an object store behind a link of packets (wire.c), what happens
              on the way to it, what is in the bucket then, and how long other programs take
    rounds    pulls over links; the verdict of each is whole, hung or wrong
"""
import os
import time


def machine():
    """The date and the machine, to be given with a measured figure."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((l.split(":")[1].strip() for l in file if l.startswith("model name")), "?")
    return "%s, %d cores, %s" % (time.strftime("%Y-%m-%d"), os.cpu_count(), model)
