# SPDX-License-Identifier: MIT
"""A Skyvern API and an object store for tests, from Python's standard library alone.

    python3 -m emulator            (from the tests folder)

prints one JSON line with the addresses and the key, and serves until stdin ends
or a signal comes. Faults are switched on by POST /_control/fault, runs are added
by POST /_control/run, the requests seen are listed by GET /_control/log.
"""
