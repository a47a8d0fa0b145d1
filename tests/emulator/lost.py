# SPDX-License-Identifier: MIT
"""What kills of a pull lost: the artifacts that were requested before a kill and again after it."""


def name_of(path):
    """The artifact's ID in the path of a request."""
    words = path.split("?")[0].split("/")
    return words[-2] if words[-1] == "content" else words[-1]


def by_kills(log, kills, sizes):
    """For each kill: [bytes, seconds from the first request of any of these artifacts to the kill].

    log: the emulator's requests; kills: times, rising; sizes: of the bodies, by ID. An artifact that was requested
    before several kills counts for the first of them. What was in transfer when a kill came counts, too.
    """
    lost = [[0, 0.0] for _ in kills]
    before = {}
    for request in log:
        ident, at = name_of(request["path"]), request["at"]
        if ident not in sizes:
            continue
        last = before.get(ident, at)
        between = [i for i, kill in enumerate(kills) if last < kill < at]
        if between:
            one = lost[between[0]]
            one[0] += sizes[ident]
            one[1] = max(one[1], kills[between[0]] - last)
        before[ident] = at
    return lost
