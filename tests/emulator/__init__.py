# SPDX-License-Identifier: MIT
"""A Skyvern API and an object store for tests; needs only Python's standard library.

    python3 -m emulator            (from the tests folder)

prints one JSON line with the addresses and the API key, and serves until end of file
on stdin or a signal. POST /_control/fault adds a fault, POST /_control/run adds a run,
GET /_control/log lists the requests received.
"""
