# SPDX-License-Identifier: MIT
"""The catalog of a sync directory changed from outside skyarc, for tests only."""
import hashlib
import sqlite3

PAGE, SUM = 4096, 16


def reseal(path):
    """Recompute the checksum of each page of a catalog."""
    data = bytearray(path.read_bytes())
    if len(data) < PAGE or data[20] != SUM:
        return
    for at in range(0, len(data), PAGE):
        body = bytes(data[at:at + PAGE - SUM])
        data[at + PAGE - SUM:at + PAGE] = hashlib.sha256((at // PAGE + 1).to_bytes(4, "big") + body).digest()[:SUM]
    path.write_bytes(data)


def alter(vault, *statements):
    """Run statements on DIR's catalog, and recompute its checksums."""
    db = sqlite3.connect(vault / "catalog.db", isolation_level=None)
    db.execute("PRAGMA foreign_keys = ON")
    for statement in statements:
        db.execute(*statement if isinstance(statement, tuple) else (statement,))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    reseal(vault / "catalog.db")
