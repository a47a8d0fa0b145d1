# SPDX-License-Identifier: MIT
"""The parts of scripts/bench: links, sets of artifacts, competing tools, and the tables.

    lab           nginx on loopback, or on a link with a rate and a delay (tests/netlab)
    sets          the artifacts served: small, mixed, large, and a run of many
    texts         the set `text`, made from the HTML pages of Debian's documentation
    measure       runs a command: wall time, CPU time, peak memory; keeps the results
    peers         the commands that are compared, and whether their archives are whole
    peer_aiohttp  a program: the competitor written in Python
    throttle      a program: a server that answers 503 above a number of requests at a time
    frames        what of an archive is text, media, view and manifest
    compare       the measurements by set and link: peers, links, view, throttle
    growth        the measurements by size: text, many, read
    tables        the results as Markdown, also in README.md
"""
