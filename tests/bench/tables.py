# SPDX-License-Identifier: MIT
"""The results as Markdown tables; in README.md they stand between `<!-- bench: NAME -->` and `<!-- bench: end -->`."""
import re

from . import peers
from .measure import Taken, median

SPEED = {"small": (3, 2.5), "mixed": (2, 1.5), "large": (2, 1.5)}  # times the best peer: goal, and at least
NEAR_FIXED, NEAR_BARE, MEMORY = 1.25, 1.1, 64
VIEW_TIME, VIEW_SIZE = 1.10, 1.05
EACH = 300  # bytes for each artifact


def medians(cell):
    """Candidate -> Taken of medians."""
    return {name: median([Taken(*one) for one in taken]) for name, taken in cell["rounds"].items() if taken}


def number_of_rounds(cell):
    return max(map(len, cell["rounds"].values()), default=0)


def grid(head, rows):
    return "\n".join(["| %s |" % " | ".join(head), "|" + "---|" * len(head)] + ["| %s |" % " | ".join(row) for row in rows])


def source(cells):
    """Command, date and machine of cells."""
    commands = list(dict.fromkeys("`%s`" % cell["command"] for cell in cells))
    machines = list(dict.fromkeys(cell["machine"] for cell in cells))
    return "%s; %s." % (", ".join(commands), "; ".join(machines))


def named(cell):
    """Title of a cell: link, set, size."""
    rounds = number_of_rounds(cell)
    once = " (of 1 where the first took too long)" if any(len(taken) < rounds for taken in cell["rounds"].values()) else ""
    return "**%s, %s**: %d artifacts, %.0f MiB, medians of %d%s" % (
        cell["link"], cell["set"], cell["count"], cell["bytes"] / 2**20, rounds, once)


def fastest(middle, names):
    """(wall, name) of the fastest of some candidates; None: none was measured."""
    return min(((middle[name].wall, name) for name in names if name in middle), default=None)


def ratio(a, b):
    return "%.2f" % (a / b) if a and b else ""


def detail(cell):
    """All candidates of one link and set."""
    middle = medians(cell)
    best = fastest(middle, peers.PEERS)
    bare = middle.get(peers.BARE)
    rows = [[name, peers.skipped(name, cell["http2"]), "%.2f" % one.wall, "%.2f" % one.cpu, "%.0f" % one.peak,
             "%.1f" % one.size if one.size else "", ratio(best and best[0], one.wall) if one.size else "",
             ratio(one.wall, bare and bare.wall)] for name, one in middle.items()]
    return "\n%s\n\n%s" % (named(cell), grid(
        ["candidate", "does without", "wall s", "CPU s", "peak MiB", "archive MiB", "times the best peer's speed",
         "wall / bare curl"], rows))


def peers_table(cells):
    """The cells of loopback, in full."""
    cells = [cell for cell in cells if cell["part"] == "links" and cell["link"] == "loopback"]
    kept = [{**cell, "rounds": {k: v for k, v in cell["rounds"].items() if not k.startswith("skyarc -j")}}
            for cell in cells]
    return "\n".join(map(detail, kept)) + "\n\n" + source(cells) if cells else ""


def link_facts(cell):
    """(medians, fastest fixed -j or None, wall of skyarc without the view or None)."""
    middle = medians(cell)
    fixed = fastest(middle, [name for name in middle if name.startswith("skyarc -j")])
    return middle, fixed, middle.get(peers.PLAIN)


def links_table(cells):
    """One row for each link and set."""
    cells = [cell for cell in cells if cell["part"] == "links"]
    if not cells:
        return ""
    rows = []
    for cell in cells:
        middle, fixed, plain = link_facts(cell)
        ours, bare = middle.get(peers.SKYARC), middle.get(peers.BARE)

        def seconds(name, middle=middle, cell=cell):
            mark = "*" if cell["http2"] and name in peers.HTTP1 else ""
            return "%.2f%s" % (middle[name].wall, mark) if name in middle else ""

        rows.append([cell["link"], "%s, %d, %.0f MiB" % (cell["set"], cell["count"], cell["bytes"] / 2**20),
                     seconds(peers.BARE), *(seconds(name) for name in peers.PEERS), seconds(peers.SKYARC), seconds(peers.PLAIN),
                     "%.2f (%s)" % (fixed[0], fixed[1].split()[-1]) if fixed else "",
                     ratio(ours and ours.wall, fixed and fixed[0]), ratio(plain and plain.wall, bare and bare.wall),
                     "%.0f" % max(one.peak for name, one in middle.items() if name in (peers.SKYARC, peers.PLAIN))
                     if ours or plain else ""])
    head = ["link", "set", "bare curl s", *("%s s" % name.split()[0] for name in peers.PEERS), "skyarc s",
            "without view s", "best `-j` s", "skyarc / best `-j`", "without view / bare", "peak MiB"]
    versions = list(dict.fromkeys(cell["fixed"] for cell in cells if cell.get("fixed")))
    note = ("The peers fetch 32 at a time (16 on loopback), bare curl 256 where there is a delay; they neither flush to disk "
            "nor compute hashes; all verify certificates. *: by HTTP/1.1 over TLS. Delays are round trips at 1 Gbit/s."
            + ("".join(" Best `-j`: of %s, whose `-j` is a fixed number." % version for version in versions)
               or " `-j` is an upper bound, below which the number of transfers adapts."))
    return "%s\n\n%s\n%s" % (grid(head, rows), note, source(cells))


def view(cells):
    """What the offline view costs, on loopback."""
    rows, used = [], []
    for cell in cells:
        if cell["part"] != "links" or cell["link"] != "loopback":
            continue
        middle = medians(cell)
        if peers.SKYARC in middle and peers.PLAIN in middle:
            with_view, plain = middle[peers.SKYARC], middle[peers.PLAIN]
            used.append(cell)
            rows.append([cell["set"], "%.2f" % plain.wall, "%.2f" % with_view.wall, ratio(with_view.wall, plain.wall),
                         "%.1f" % plain.size, "%.1f" % with_view.size, ratio(with_view.size, plain.size)])
    return "%s\n\n%s" % (grid(["set", "without view s", "with view s", "times the time", "without view MiB",
                               "with view MiB", "times the size"], rows), source(used)) if rows else ""


def throttle(cells):
    """A server that answers 503 above some requests at a time."""
    cells = [cell for cell in cells if cell["part"] == "throttle"]
    rows = []
    for cell in cells:
        one = medians(cell)[peers.SKYARC]
        worst = max(cell["answers"], key=lambda answer: answer[2])
        rows.append(["%d" % cell["most"], "%d ms" % cell["service"], "%d" % cell["count"], "%d" % sum(worst),
                     "%d (%.1f %%)" % (worst[2], 100 * worst[2] / sum(worst)), "%.2f" % one.wall, "%.2f" % cell["ideal"]])
    return "%s\n\n%s" % (grid(["at a time", "each takes", "artifacts", "answers", "of them 503, at most", "wall s",
                               "without any 503 s"], rows), source(cells)) if rows else ""


def compressing(middle):
    """CPU seconds that skyarc spends compressing texts, and zstd -3: the CPU time beyond that of the same without
    compression."""
    if not {peers.PLAIN, peers.PULL_ONLY, peers.TAR_TEXT, peers.TAR_ONLY} <= set(middle):
        return None
    return (middle[peers.PLAIN].cpu - middle[peers.PULL_ONLY].cpu, middle[peers.TAR_TEXT].cpu - middle[peers.TAR_ONLY].cpu)


def text(cells):
    """Archives of repeating text, beside tar and zstd."""
    cells = [cell for cell in cells if cell["part"] == "text"]
    rows = []
    for cell in cells:
        middle = medians(cell)
        reference = middle.get(peers.TAR_TEXT)
        for name, one in middle.items():
            parts = cell["parts"].get(name, {})
            size = parts.get("text") or (one.size if one is reference else 0)
            rows.append([cell["link"], name, "%.2f" % one.wall, "%.2f" % one.cpu, "%.0f" % one.peak,
                         "%.2f" % one.size if one.size else "", "%.2f" % size if size else "", ratio(size, reference and reference.size),
                         "%.2f" % parts["view"] if "view" in parts else "",
                         "%.2f" % (parts["manifest"] + parts.get("records", 0)) if parts else ""])
    if not rows:
        return ""
    note = ("%d artifacts, %.0f MiB. tar and zstd have the same files, each content once, in the order of the archive, "
            "on the disk already; they do not fetch.") % (cells[0]["count"], cells[0]["bytes"] / 2**20)
    for cell in cells:
        cpu = compressing(medians(cell))
        if cpu:
            note += (" %s: compressing, which is the CPU time beyond that of the same without compression, takes skyarc "
                     "%.2f s and zstd -3 %.2f s (%s).") % (cell["link"], *cpu, ratio(*cpu))
    return "%s\n\n%s\n%s" % (grid(["link", "candidate", "wall s", "CPU s", "peak MiB", "archive MiB", "of it text MiB",
                                   "text / tar, zstd -3", "view MiB", "manifest and records MiB"], rows), note, source(cells))


def each(less, before, more, cell):
    """By how many bytes the peak grows for each further artifact, from one cell to a larger one."""
    return max(0, (more.peak - less.peak) * 2**20 / (cell["count"] - before["count"]))


def many(cells):
    """How time and memory grow with the number of artifacts."""
    cells = sorted((cell for cell in cells if cell["part"] == "many"), key=lambda cell: cell["count"])
    if not cells:
        return ""
    rows = []
    for before, cell in zip([None] + cells, cells):
        less = medians(before) if before else {}
        for name, one in medians(cell).items():
            further = each(less[name], before, one, cell) if name in less else None
            rows.append(["%d" % cell["count"], name, "%.3f" % one.wall, "%.2f" % one.cpu, "%.0f" % one.peak,
                         "" if further is None else "%.0f" % further])
    return "%s\n\n%s" % (grid(["artifacts", "command", "wall s", "CPU s", "peak MiB", "bytes for each further artifact"],
                              rows), source(cells))


def read(cells):
    """One file of a large archive."""
    cells = [cell for cell in cells if cell["part"] == "read"]
    if not cells:
        return ""
    cell = cells[-1]
    title = "**one screenshot** of %d artifacts, %.1f GiB, medians of %d (tar and bsdtar: of 1)" % (
        cell["count"], cell["bytes"] / 2**30, number_of_rounds(cell))
    return "%s\n\n%s\n\n%s" % (title, grid(["command", "wall ms", "peak MiB"], [
        [name, "%.0f" % (one.wall * 1000), "%.0f" % one.peak] for name, one in medians(cell).items()]), source(cells))


def goals(cells):
    """The goals that were missed, one line each."""
    lines = []
    for cell in cells:
        middle = medians(cell)
        where = "%s, %s" % (cell["link"], cell["set"])
        if cell["part"] == "links":
            lines += link_goals(cell, where)
        elif cell["part"] == "throttle":
            for answer in cell["answers"]:
                if answer[2] > max(16, sum(answer) / 100):
                    lines.append("throttle: %d of %d answers are 503" % (answer[2], sum(answer)))
        elif cell["part"] == "text" and peers.PLAIN in middle and peers.TAR_TEXT in middle:
            part = cell["parts"][peers.PLAIN]["text"] / middle[peers.TAR_TEXT].size
            most = 1.0 if cell["link"] == "loopback" else 0.88
            if part > most:
                lines.append("%s: the text has %.2f times the size of tar, zstd -3 (goal %.2f)" % (where, part, most))
            cpu = compressing(middle)
            if cpu and cell["link"] == "loopback" and cpu[0] > cpu[1]:
                lines.append("%s: compressing takes %.2f s of CPU, and zstd -3 %.2f s (goal: no more)" % (where, *cpu))
        elif cell["part"] == "many":
            most = {"cat by ID": 0.02, "list of one": 0.02}
            lines += ["many, %d: %s takes %.3f s (goal %.3f)" % (cell["count"], name, middle[name].wall, limit)
                      for name, limit in most.items() if name in middle and middle[name].wall > limit]
            before = max((one for one in cells if one["part"] == "many" and 10_000 <= one["count"] < cell["count"]),
                         key=lambda one: one["count"], default=None)
            if before and each(medians(before)["pull"], before, middle["pull"], cell) > EACH:
                lines.append("many, %d: pull takes more than %d bytes for each further artifact" % (cell["count"], EACH))
            if cell["count"] >= 10**6 and middle["pull"].peak > 512:
                lines.append("many, %d: pull takes %.0f MiB (goal 512)" % (cell["count"], middle["pull"].peak))
    return lines


def link_goals(cell, where):
    lines = []
    middle, fixed, plain = link_facts(cell)
    ours, bare = middle.get(peers.SKYARC), middle.get(peers.BARE)
    if cell["link"].endswith(("ms", "ms-h2")) and ours and fixed and ours.wall > NEAR_FIXED * fixed[0]:
        lines.append("%s: %.2f times the time of %s (goal %.2f)" % (where, ours.wall / fixed[0], fixed[1], NEAR_FIXED))
    if "bit" in cell["link"] and plain and bare and plain.wall > NEAR_BARE * bare.wall:
        lines.append("%s: %.2f times the time of the bare download (goal %.2f)" % (where, plain.wall / bare.wall, NEAR_BARE))
    for name in (peers.SKYARC, peers.PLAIN):
        if name in middle and middle[name].peak > MEMORY:
            lines.append("%s, %s: %.0f MiB (goal %d)" % (where, name, middle[name].peak, MEMORY))
    best = fastest(middle, peers.PEERS)
    if cell["link"] == "loopback" and plain and best and cell["set"] in SPEED:
        goal, least = SPEED[cell["set"]]
        if best[0] / plain.wall < goal:
            lines.append("%s: %.2f times the speed of %s (goal %.1f, at least %.1f)" % (
                where, best[0] / plain.wall, best[1], goal, least))
    if cell["link"] == "loopback" and plain and ours:
        if ours.wall > VIEW_TIME * plain.wall or ours.size > VIEW_SIZE * plain.size:
            lines.append("%s: with the view %.2f times the time (goal %.2f) and %.2f times the size (goal %.2f)" % (
                where, ours.wall / plain.wall, VIEW_TIME, ours.size / plain.size, VIEW_SIZE))
    return lines


TABLES = {"read": (read, ""),
          "peers": (peers_table, ""),
          "links": (links_table, "By link and set:"),
          "throttle": (throttle, "A server that answers 503 above some requests at a time:"),
          "view": (view, "What the offline view costs, on loopback:"),
          "text": (text, "How small repeating text gets (pages, element trees and prompts by steps):"),
          "many": (many, "How time and memory grow with the number of artifacts, on loopback:")}


def every(cells):
    """(name, Markdown) of each table that has results."""
    for name, (make, lead) in TABLES.items():
        table = make(cells).strip("\n")
        if table:
            yield name, "%s\n\n%s" % (lead, table) if lead else table


def mark(name):
    return "<!-- bench: %s -->" % name


def unmarked(path):
    """The tables that have no place in a file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return ["no mark %s" % mark(name) for name in TABLES if mark(name) + "\n" not in text]


def update(path, cells):
    """Replace the tables between the marks of a file, where there are results; returns their names."""
    with open(path, encoding="utf-8") as file:
        lines = file.read()
    renewed = []
    for name, table in every(cells):
        begin, end = mark(name), mark("end")
        lines, count = re.subn(re.escape(begin) + r"\n.*?" + re.escape(end),
                               lambda _, t=table, b=begin, e=end: "%s\n\n%s\n\n%s" % (b, t, e), lines, count=1, flags=re.S)
        if not count:
            raise ValueError("%s has no mark %s" % (path, begin))
        renewed.append(name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(lines)
    return renewed
