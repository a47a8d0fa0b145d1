# SPDX-License-Identifier: MIT
"""The measurements by size: how small text gets, many artifacts, one file of a large archive."""
import hashlib
import io
import json
import os
import shlex
import shutil
import tarfile

from . import frames, measure, peers, sets, tables
from .peers import PULL_ONLY, TAR_ALL, TAR_ONLY, TAR_TEXT


def text(bench):
    """The size of archives of repeating text, and what compressing it takes, beside tar and zstd of the same files in
    the same order."""
    some = bench.set("text")
    for link in [link for link in bench.opts.links or ("loopback", "1gbit") if link in ("loopback", "1gbit")]:
        with bench.lab.open(link) as at:
            some.publish(bench.lab.www, at.base)
            plain = peers.pull(bench.skyarc, at, some.runs, "--no-report")
            try:
                bench.runner.run(plain)
            except measure.Failed as error:
                bench.results.check("text, %s" % link, [str(error)])
                continue
            unpack(bench, some)
            tar = "tar -cf - -C ../plain -T ../%s | zstd -3 -q -o out.tar.zst"
            parts = {}

            def check(name, error, parts=parts, link=link):
                wrong = [str(error)] if error else []
                if not error and name.startswith(peers.SKYARC):
                    wrong = peers.differences(name, bench.archive, some.files)
                    sizes = frames.read(bench.archive)[0]
                    parts[name] = {k: v / 2**20 for k, v in sizes.items()}
                    if round(sum(sizes.values())) != os.path.getsize(bench.archive):
                        wrong.append("its parts have %d bytes" % sum(sizes.values()))
                bench.results.check("text, %s, %s" % (link, name), wrong)

            taken = measure.interleaved(bench.runner, {
                peers.SKYARC: peers.pull(bench.skyarc, at, some.runs), peers.PLAIN: plain,
                TAR_ALL: tar % "order", TAR_TEXT: tar % "order-text",
                PULL_ONLY: peers.pull(bench.skyarc, at, some.runs, "--no-report", "-o", "out.tar"),
                TAR_ONLY: "tar -cf - -C ../plain -T ../order-text | cat > out.tar"}, bench.opts.rounds, check,
                always={peers.SKYARC, peers.PLAIN, TAR_ALL, TAR_TEXT, PULL_ONLY, TAR_ONLY})
            shutil.rmtree(bench.work + "/plain")
        cell = bench.results.add("text", link, "text", count=len(some.files), bytes=some.size, rounds=taken,
                                 parts=parts)
        print(tables.text([cell]), flush=True)


def unpack(bench, some):
    """Write the artifacts of an archive into a folder, each content once, with lists of their order."""
    folder = bench.work + "/plain"
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    wanted = {file.sha256 for file in some.files}
    raw = frames.read(bench.archive)[1]
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar, open(bench.work + "/order", "w", encoding="ascii") as order, \
            open(bench.work + "/order-text", "w", encoding="ascii") as order_text:
        for number, member in enumerate(tar):
            data = tar.extractfile(member).read() if member.isreg() else b""
            sha = hashlib.sha256(data).hexdigest()
            if sha not in wanted:
                continue
            wanted.remove(sha)
            name = "%d%s" % (number, os.path.splitext(member.name)[1])
            with open(folder + "/" + name, "wb") as file:
                file.write(data)
            order.write(name + "\n")
            if frames.category(member.name) == "text":
                order_text.write(name + "\n")
    if wanted:
        raise measure.Failed("%d files of the set are not in the archive" % len(wanted))


def many(bench):
    """How time, CPU and memory grow with the number of artifacts."""
    with bench.lab.open("loopback", sets.many_location()) as at:
        for count in bench.opts.counts:
            runs = sets.many_runs(bench.lab.www, at.base, count)
            with open(bench.work + "/ids", "w", encoding="ascii") as file:
                file.write("\n".join(runs) + "\n")
            try:
                some_many(bench, at, count)
            except measure.Failed as error:
                bench.results.check("many, %d" % count, [str(error)])


def some_many(bench, at, count):
    rounds = bench.opts.rounds if count < 100_000 else 1
    short = max(bench.opts.rounds, 5)  # reads of some milliseconds, most of which is the start of the process
    middle = "a_%d" % (count // 2)
    tool = shlex.quote(bench.skyarc)
    taken = {"pull": [bench.runner.run(peers.pull(bench.skyarc, at, [], "-i", "../ids")) for _ in range(rounds)]}
    for name, times, command in (("list", rounds, "%s list out.tar.zst > list" % tool),
                                 ("list of one", short, "%s list out.tar.zst %s > one-row" % (tool, middle)),
                                 ("cat by ID", short, "%s cat out.tar.zst %s > one" % (tool, middle)),
                                 ("verify", rounds, "%s verify -q out.tar.zst > said" % tool)):
        taken[name] = [bench.runner.run(command, keep=True) for _ in range(times)]
    if count <= 10_000:
        bench.results.check("many, %d, pull" % count,
                            peers.differences(peers.SKYARC, bench.archive, sets.many_files(count)))
    with open(bench.runner.folder + "/list", encoding="utf-8") as file:
        rows = sum("a_" in line for line in file)
    bench.results.check("many, %d, list" % count, [] if rows == count else ["%d rows" % rows])
    with open(bench.runner.folder + "/one-row", encoding="utf-8") as file:
        rows = sum(middle in line for line in file)
    bench.results.check("many, %d, list of one" % count, [] if rows == 1 else ["%d rows" % rows])
    with open(bench.runner.folder + "/one", encoding="utf-8") as file:
        same = file.read() == sets.BODY % (count // 2, count // 2)
    bench.results.check("many, %d, cat" % count, [] if same else ["not what was served"])
    cell = bench.results.add("many", "loopback", "%d" % count, count=count, rounds=taken)
    print(tables.many([cell]), flush=True)


def read(bench):
    """One screenshot from the middle of an archive of some GiB, beside tar and bsdtar."""
    some = sets.make(bench.lab.www, "large", bench.opts.read, "archived")
    archive = bench.work + "/large.tar.zst"
    with bench.lab.open("loopback") as at:
        some.publish(bench.lab.www, at.base)
        bench.runner.run(peers.pull(bench.skyarc, at, some.runs, "-o", archive))
    shutil.rmtree(bench.lab.www + "/o/archived")
    tool = shlex.quote(bench.skyarc)
    bench.runner.run("%s cat %s manifest.json > manifest.json" % (tool, archive))
    with open(bench.runner.folder + "/manifest.json", encoding="utf-8") as file:
        rows = json.load(file)["artifacts"]
    shots = [row for row in rows if row["artifact_type"] == "screenshot_action"]
    shot = shots[len(shots) // 2]
    path = "large/" + shot["path"]
    taken, outs = {}, set()
    for name, command, rounds in (
            ("skyarc cat, by artifact ID", "%s cat %s %s" % (tool, archive, shot["artifact_id"]), bench.opts.rounds),
            ("skyarc cat, by path", "%s cat %s %s" % (tool, archive, path), bench.opts.rounds),
            ("tar -xO", "tar --zstd -xOf %s %s" % (archive, path), 1),
            ("bsdtar -xO", "bsdtar -xOf %s %s" % (archive, path), 1)):
        taken[name] = [bench.runner.run(command + " > one") for _ in range(rounds)]
        with open(bench.runner.folder + "/one", "rb") as file:
            outs.add(hashlib.sha256(file.read()).hexdigest())
    bench.results.check("read", [] if outs == {shot["sha256"]} else ["they do not agree"])
    cell = bench.results.add("read", "", "large", count=len(some.files), bytes=os.path.getsize(archive), rounds=taken)
    print(tables.read([cell]), flush=True)
