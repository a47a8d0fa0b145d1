# SPDX-License-Identifier: MIT
"""Links like people's: a rate, a round trip and a server's temper, in a network namespace.

    content   what is served: bytes made by seed, their files, run record and artifact list
    web       nginx, over HTTP/1.1 or HTTP/2 with TLS
    link      a namespace with a rate, and between it and nginx the proxy slowlink.c
    check     an archive against what was served, read by others' tools
    rounds    pulls over links, one after the other, each whole, hung or wrong
"""
