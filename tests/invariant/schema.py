# SPDX-License-Identifier: MIT
"""Wrong metadata (lies) of runs and artifacts: rows, records, ZIPs, URLs, and changes between attempts.

Each function changes the world so that it sends the lie; it returns False if the lie is not applicable.
"""
import io
import json
import random
import struct
import warnings
import zipfile
import zlib

from emulator.server import SIGN_IN

from .wire import reply
from .world import LOOKS, Artifact, add, add_bundle, flip, revised, sha256, zipped

LIES = {}  # name: function
CHANGES = {}  # name: function, of changes between a kill and the next attempt
FAMILIES = {}  # name: kind of lie
_family = [""]


def about(family):
    """Set the kind of the lies that follow."""
    _family[0] = family


def lie(function):
    name = function.__name__.replace("_", "-")
    LIES[name] = function
    FAMILIES[name] = _family[0]
    return function


def change(function):
    name = "then-" + function.__name__.replace("_", "-")
    CHANGES[name] = function
    FAMILIES[name] = "what changes behind a kill, or between nights"
    return function


def listed(world, want=lambda a: True):
    """Choose a listed artifact without a lie, and mark it; None if there is none."""
    found = [a for r in world.runs for a in r.artifacts if not a.thing.told and want(a)]
    if not found:
        return None
    one = world.rng.choice(found)
    one.thing.told = True
    return one


def plain(a):
    return not a.thing.rest and not a.parent and a.kind != "step_archive"


def looks(world):
    """A predicate: all artifacts that share the object are of types with known first bytes."""
    return lambda a: plain(a) and all(one.kind in LOOKS for one in world.artifacts.values()
                                      if one.thing is a.thing)


def known(world, a, need):
    """Make each row of an object state what need requires: its checksum, or its size or checksum."""
    if need == "look":
        return
    for one in world.artifacts.values():
        if one.thing is not a.thing:
            continue
        if need == "sum":
            one.summed = True
        elif not one.known():
            one.sized = world.rng.random() < 0.6
            one.summed = not one.sized


def edit(a, how):
    """Apply how(row) to the row of an artifact in each list."""
    def rows(rows, n):
        return [how(r) if isinstance(r, dict) and r.get("artifact_id") == a.id else r for r in rows]
    a.run.row_lies.append(rows)


def change_of(**values):
    return lambda row: {**row, **values}


about("rows of a list")

@lie
def row_without_id(world):
    a = listed(world, lambda a: a.kind != "step_archive" and not a.parent)
    if not a:
        return False
    how = world.rng.choice(["gone", "renamed", "null", "empty", "number", "list"])

    def one(row):
        row = dict(row)
        ident = row.pop("artifact_id")
        if how != "gone":
            row["artifactId" if how == "renamed" else "artifact_id"] = {
                "renamed": ident, "null": None, "empty": "", "number": 17, "list": [ident]}[how]
        return row
    edit(a, one)
    return True


@lie
def rows_without_ids(world):
    run = world.rng.choice(world.runs)

    def renamed(row):
        return {("id" if k == "artifact_id" else k): v for k, v in row.items()} if isinstance(row, dict) else row
    run.row_lies.append(lambda rows, n: [renamed(r) for r in rows])
    for a in run.artifacts:
        a.thing.told = True
    return bool(run.artifacts)


@lie
def row_that_is_none(world):
    a = listed(world, lambda a: a.kind != "step_archive" and not a.parent)
    if not a:
        return False
    odd = world.rng.choice([None, 5, "row", [], [["artifact_id", a.id]], True, {}])

    def rows(rows, n):
        return [odd if isinstance(r, dict) and r.get("artifact_id") == a.id else r for r in rows]
    a.run.row_lies.append(rows)
    return True


@lie
def row_twice(world):
    a = listed(world)
    if not a:
        return False
    a.run.row_lies.append(lambda rows, n: rows + [dict(r) for r in rows if isinstance(r, dict)
                                                  and r.get("artifact_id") == a.id])
    return True


@lie
def other_order(world):
    run = world.rng.choice(world.runs)

    def rows(rows, n):
        rows = list(rows)
        random.Random(world.seed + n).shuffle(rows)
        return rows
    run.row_lies.append(rows)
    return True


def another_world(world, run, ident):
    """An artifact of a run that was not requested."""
    data = world.content("html_scrape", 500, "foreign " + ident)
    thing = world.thing("foreign_%s.html" % ident, data, run.ended)
    thing.told = True
    a = Artifact(ident, run, "html_scrape", "html", thing, run.ended - 50)
    a.sized = a.summed = True
    world.artifacts.setdefault(ident, a)
    return a


@lie
def row_of_another_run(world):
    run = world.rng.choice(world.runs)
    a = another_world(world, run, "f_" + run.id[4:])
    a.run_id = "tsk_stranger"
    world.foreign.add((run.id, a.id))
    run.row_lies.append(lambda rows, n: rows + [world.row(a, n)])
    return True


@lie
def rows_of_another_run(world):
    """The whole list is that of another run."""
    run = world.rng.choice(world.runs)
    if not run.artifacts:
        return False
    others = [another_world(world, run, "g%d_%s" % (i, run.id[4:])) for i in range(2)]
    for a in others:
        a.run_id = "tsk_stranger"
        world.foreign.add((run.id, a.id))
    for a in run.artifacts:
        a.thing.told = True
    run.row_lies.append(lambda rows, n: [world.row(a, n) for a in others])
    return True


@lie
def same_id_other_content(world):
    """Two rows with the same ID, each for a different object."""
    a = listed(world, lambda a: plain(a) and a.kind != "download")
    if not a:
        return False
    twin = another_world(world, a.run, a.id)
    twin.kind, twin.ext = a.kind, a.ext
    twin.signing, twin.run_id = "s3", a.run_id
    a.signing = "s3"
    a.sized = a.summed = True
    world.expected.append((a.run, a.id, twin.thing))
    before = world.rng.random() < 0.5
    a.run.row_lies.append(lambda rows, n: [world.row(twin, n), *rows] if before else [*rows, world.row(twin, n)])
    return True


@lie
def wrong_size(world):
    a = listed(world, lambda a: not a.thing.rest and a.kind != "step_archive")
    if not a:
        return False
    n = len(a.thing.data)
    size = world.rng.choice([n + 1, max(0, n - 1), 0, n * 2 + 1, n + 4096, 1 << 40])
    size = size + 1 if size == n else size
    edit(a, change_of(file_size=size))
    world.note.add((a.run.id, a.id))
    return True


@lie
def wrong_sum(world):
    a = listed(world, lambda a: not a.thing.rest and a.kind != "step_archive")
    if not a:
        return False
    edit(a, change_of(checksum=sha256(b"other" + a.thing.data)))
    world.note.add((a.run.id, a.id))
    return True


@lie
def odd_size(world):
    a = listed(world, plain)
    if not a:
        return False
    n = len(a.thing.data)
    edit(a, change_of(file_size=world.rng.choice([str(n), -n - 1, float(n), n + 0.5, True, [n], {}, 1 << 70, "", "many"])))
    return True


@lie
def odd_sum(world):
    a = listed(world, plain)
    if not a:
        return False
    edit(a, change_of(checksum=world.rng.choice([sha256(a.thing.data).upper(), "sha256:" + sha256(a.thing.data), "", 7,
                                                 "d41d8cd98f00b204e9800998ecf8427e", [], "zz" * 32, "0" * 1000])))
    return True


@lie
def odd_url(world):
    a = listed(world)
    if not a:
        return False
    edit(a, change_of(signed_url=world.rng.choice([
        None, "", "/v1/x", "ftp://127.0.0.1/x", "javascript:1", "http://127.0.0.1:1/x", 5, [], "http://\x01/",
        "http://", "file:///etc/hostname", "https://127.0.0.1:1/x", "http://127.0.0.1:1/" + "x" * 9000])))
    return True


@lie
def odd_fields(world):
    a = listed(world, lambda a: plain(a) and a.kind != "download")
    if not a:
        return False
    edit(a, change_of(**world.rng.choice([
        {"uri": None}, {"uri": 5}, {"uri": "s3://b/\u202etxt.\u0007%2e%2e/.."}, {"created_at": "yesterday"},
        {"created_at": None}, {"artifact_type": None}, {"artifact_type": 7}, {"artifact_type": "../../etc"},
        {"archived": "yes"}, {"archived": True}, {"new_field": {"deep": [[[[[[]]]]]]}}, {"modified_at": "9999-99-99"},
        {"bundle_key": "nobody.txt"}, {"workflow_run_id": "wr_1"}, {"task_id": "tsk_elsewhere"}])))
    return True


@lie
def wrapped_list(world):
    run = world.rng.choice(world.runs)
    name = world.rng.choice(["artifacts", "items", "data", "detail"])
    run.whole_lies.append(lambda rows, n: {name: rows})
    return bool(run.artifacts)


@lie
def odd_json(world):
    """A list that is invalid, truncated or unusual JSON."""
    run = world.rng.choice(world.runs)
    how = world.rng.choice(["bom", "comma", "twice", "comment", "latin", "nul", "nan", "half", "deep", "long"])

    def rows(rows, n):
        text = json.dumps(rows).encode()
        return {"bom": b"\xef\xbb\xbf" + text, "comma": text[:-1] + b",]", "twice": text + text, "latin":
                text.replace(b"o_1", b"o_\xe9"), "comment": text + b"// end", "nul": text + b"\0", "nan":
                text.replace(b"false", b"NaN"), "half": text[:len(text) // 2] + b"]", "deep": b"[" * 9999 + text,
                "long": text[:-1] + b" " * 300000 + b"]"}[how]
    run.whole_lies.append(rows)
    return bool(run.artifacts)


about("records")

@lie
def record_of_another_run(world):
    run = world.rng.choice(world.runs)
    run.record_lies.append(lambda record, n: {**record, "run_id": "tsk_stranger", "output": {"of": "tsk_stranger"}})
    return True


@lie
def record_without_id(world):
    run = world.rng.choice(world.runs)
    how = world.rng.choice(["gone", "renamed", "null", "empty", "number"])

    def record(record, n):
        record = dict(record)
        ident = record.pop("run_id", run.id)
        if how != "gone":
            record["runId" if how == "renamed" else "run_id"] = {"renamed": ident, "null": None, "empty": "",
                                                                 "number": 3}[how]
        return record
    run.record_lies.append(record)
    return True


@lie
def odd_record(world):
    run = world.rng.choice(world.runs)
    odd = world.rng.choice([[], {}, {"detail": "Not Found"}, None, "record", 7, [{"run_id": run.id}],
                            {"run": {"run_id": run.id, "status": "completed"}}])
    run.record_lies.append(lambda record, n: odd)
    return True


@lie
def odd_record_fields(world):
    run = world.rng.choice(world.runs)
    more = world.rng.choice([{"status": "perfect"}, {"status": None}, {"downloaded_files": 5},
                             {"downloaded_files": [None, {}, {"url": None}]}, {"screenshot_urls": [None, 3]},
                             {"recording_url": "nonsense"}, {"created_at": "never"}, {"step_count": -1},
                             {"run_type": 9}, {"retry_pending": True}])
    if "downloaded_files" in more and run.record_lies:
        return False
    run.record_lies.append(lambda record, n: {**record, **more})
    return True


about("ZIPs, and HARs at rest")

def bundle(world):
    def untold():
        return [a for r in world.runs for a in r.artifacts if a.kind == "step_archive" and not a.thing.told]
    parents = untold()
    if not parents:
        bare = [r for r in world.runs if not any(a.kind == "step_archive" for a in r.artifacts)]
        if not bare:
            return None, []
        add_bundle(world, world.rng.choice(bare))
        parents = untold()
    parent = world.rng.choice(parents)
    parent.thing.told = True
    members = [a for a in parent.run.artifacts if a.parent is parent]
    for one in members:
        one.thing.told = True
    return parent, members


def replaced(parent, members, **other):
    """The ZIP with the content of some members replaced; None omits a member."""
    return zipped({a.bundle_key: other.get(a.id, a.thing.data) for a in members
                   if other.get(a.id, b"") is not None})


def send(parent, data):
    """Send data instead of the ZIP, with the Content-Length of data."""
    def make(answer):
        answer.body = data
        return answer.honest()
    parent.thing.forever = make
    parent.sized = parent.summed = False


@lie
def zip_without_member(world):
    parent, members = bundle(world)
    if not parent:
        return False
    send(parent, replaced(parent, members, **{world.rng.choice(members).id: None}))
    return True


@lie
def zip_with_other_member(world):
    """A member with wrong bytes, whose row states the correct checksum or size."""
    parent, members = bundle(world)
    if not parent:
        return False
    one = world.rng.choice(members)
    if world.rng.random() < 0.5:
        one.summed = True
        data = flip(one.thing.data, world.rng) or b"x"
    else:
        one.sized = True
        data = one.thing.data + b"more"
    send(parent, replaced(parent, members, **{one.id: data}))
    return True


@lie
def zip_damaged(world):
    parent, members = bundle(world)
    if not parent:
        return False
    data = parent.thing.data
    how = world.rng.choice(["bit", "cut", "before", "behind", "empty", "sizes", "not"])
    at = world.rng.randrange(len(data))
    send(parent, {"bit": data[:at] + bytes([data[at] ^ 1 << world.rng.randrange(8)]) + data[at + 1:], "cut": data[:at],
                  "before": b"#!/bin/sh\n" + data, "behind": data + bytes(100), "empty": zipped({}), "sizes":
                  data.replace(b"PK\x05\x06\0\0\0\0", b"PK\x05\x06\0\0\0\1"), "not": b"PK\x03\x04 not a ZIP"}[how])
    return True


@lie
def zip_with_twins(world):
    """Two entries with the same name; the row's checksum tells which is meant. The server has this ZIP."""
    parent, members = bundle(world)
    if not parent:
        return False
    one = world.rng.choice(members)
    for a in members:
        a.summed = True
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        pairs = [(a.bundle_key, a.thing.data) for a in members]
        pairs.insert(world.rng.randrange(len(pairs) + 1), (one.bundle_key, b"the other one"))
        for name, data in pairs:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the duplicate name is intended
                file.writestr(zipfile.ZipInfo(name), data)
    parent.thing.versions[-1] = out.getvalue()
    return True


@lie
def zip_with_more(world):
    """An entry that is in no row. The server has this ZIP."""
    parent, members = bundle(world)
    if not parent:
        return False
    parent.thing.versions[-1] = zipped({**{a.bundle_key: a.thing.data for a in members},
                                        "unlisted.txt": b"in no row %d" % world.seed})
    return True


@lie
def members_are_the_zip(world):
    """Each member's content is the whole ZIP, as from servers that do not unpack it."""
    parent, members = bundle(world)
    if not parent:
        return False

    def make(answer):
        answer.body = parent.thing.data
        return answer.honest()
    for a in members:
        a.thing.forever = make
    return True


def answer_by_zip(parent, members, whole):
    """Each member's content is this ZIP, whose own row does not work."""
    def make(answer):
        answer.body = whole
        return answer.honest()
    for a in members:
        a.thing.forever = make
    parent.thing.forever = lambda answer: reply(404, [], b'{"detail": "gone"}')
    return True


@lie
def members_are_a_zip_that_lacks_one(world):
    parent, members = bundle(world)
    if not parent or len(members) < 2:
        return False
    lacked = world.rng.choice(members)
    return answer_by_zip(parent, members, zipped({a.bundle_key: a.thing.data for a in members if a is not lacked}))


@lie
def members_are_a_zip_in_which_one_is_damaged(world):
    parent, members = bundle(world)
    if not parent:
        return False
    damaged = struct.pack("<I", zlib.crc32(world.rng.choice(members).thing.data))
    whole = zipped({a.bundle_key: a.thing.data for a in members})
    return answer_by_zip(parent, members, whole.replace(damaged, bytes(b ^ 0x55 for b in damaged)))


@lie
def a_page_that_another_artifact_is(world):
    """In the place of an artifact always the content of another one, which fits that one's type: a link is suspect alone."""
    page = SIGN_IN + b"<p>" * world.rng.choice([10, 2000])
    page_is = listed(world, lambda a: plain(a) and a.kind == "llm_prompt")
    shown_for = page_is and listed(world, looks(world))
    if not shown_for:
        return False
    page_is.thing.versions[-1] = page
    shown_for.thing.forever = lambda answer: reply(200, [("Content-Type", "text/html")], page)
    return True


@lie
def zip_gone(world):
    parent, _ = bundle(world)
    if not parent:
        return False
    code = world.rng.choice([403, 404, 410, 500, 503])
    parent.thing.forever = lambda answer: reply(code, [], b'{"detail": "gone"}')
    return True


@lie
def har_cut_at_rest(world):
    """The compressed body is truncated, with the Content-Length of the truncated body."""
    a = add(world, world.rng.choice(world.runs), 70, 200, ("har", "har"))
    a.thing.rest, a.thing.told, a.signing = "zstd", True, "s3"
    a.uri = a.uri.removesuffix(".zst") + ".zst"

    def make(answer):
        answer.body = answer.body[:answer.point(answer.body)] if answer.ask.origin != "api" else answer.body
        return answer.honest()
    a.thing.turns = [make] * world.rng.choice([1, 2, 9])
    a.sized = True
    return True


about("URLs and clocks")

@lie
def dead_urls(world):
    """URLs that have expired already when they are sent, in one or several lists."""
    run = world.rng.choice(world.runs)
    lists = world.rng.choice([1, 1, 2, 30])
    for a in run.artifacts:
        a.expired = lists
    return bool(run.artifacts)


@lie
def dead_urls_and_less(world):
    """Expired URLs; the newer list lacks a row, or has a wrong URL in it, or is wrapped in an object."""
    a = listed(world, lambda a: plain(a) and a.signing in ("s3", "skyvern"))
    if not a:
        return False
    for one in a.run.artifacts:
        one.expired = 1
    how = world.rng.choice(["gone", "null", "wrapped", "other"])
    other = world.rng.choice(a.run.artifacts)
    known(world, a, "sum")

    def rows(rows, n):
        if not a.run.told:
            return rows
        if how == "wrapped":
            return {"items": rows}
        mine = [r for r in rows if isinstance(r, dict) and r.get("artifact_id") == a.id]
        rows = [r for r in rows if r not in mine]
        if how == "null":
            rows += [{**r, "signed_url": None} for r in mine]
        if how == "other":
            rows += [{**r, "signed_url": world.signed(other)} for r in mine]
        return rows
    a.run.row_lies.append(rows)
    return True


@lie
def cut_signature(world):
    a = listed(world, lambda a: a.signing == "skyvern")
    if not a:
        return False
    edit(a, lambda row: {**row, "signed_url": row["signed_url"][:-1] if row["signed_url"] else None})
    return True


@lie
def other_clock(world):
    world.skew = world.rng.choice([-86400 * 400, -3700, 3700, 86400 * 400])
    return True


# Changes between a kill and the next attempt.

def changed(world, want=lambda a: True):
    """Choose an artifact that may get a new version: listed, and not sharing its object."""
    shared = [a.thing for a in world.artifacts.values()]
    return listed(world, lambda a: plain(a) and a.kind != "download" and shared.count(a.thing) == 1 and want(a))


@change
def other_size(world):
    a = changed(world, lambda a: a.sized and a.thing.data)
    if not a:
        return False
    a.thing.change(a.thing.data + b"and more %d" % world.seed, 0)
    return True


@change
def other_sum(world):
    a = changed(world, lambda a: a.summed and len(a.thing.data) > 2)
    if not a:
        return False
    a.thing.change(revised(a.thing.data, world.rng), 0)
    return True


@change
def other_time(world):
    a = changed(world, lambda a: not a.summed and len(a.thing.data) > 2)
    if not a:
        return False
    a.thing.change(revised(a.thing.data, world.rng), 3600)
    return True


@change
def all_of_it(world):
    run = world.rng.choice(world.runs)
    for a in run.artifacts:
        if plain(a) and a.kind != "download" and not a.thing.told and len(a.thing.data) > 2:
            a.thing.change(revised(a.thing.data, world.rng) + b"+", 3600)
    return True


@change
def row_gone(world):
    a = changed(world)
    if not a:
        return False
    a.run.artifacts.remove(a)
    return True


@change
def new_row(world):
    run = world.rng.choice(world.runs)
    add(world, run, 80 + sum(a.id.startswith("a_%d_%s_8" % (world.seed, run.id.rsplit("_", 1)[1])) for a in run.artifacts), 300)
    return True


@change
def swapped(world):
    """Two artifacts exchange their objects."""
    a = changed(world, lambda a: a.summed)
    b = changed(world, lambda b: b.summed and a and b.run is a.run and b.kind == a.kind)
    if not a or not b:
        return False
    a.thing, b.thing = b.thing, a.thing
    a.uri, b.uri = b.uri, a.uri
    return True


@change
def nothing_else(world):
    """Nothing changes."""
    return True


def each(rows, change):
    """Apply change to each row that is a JSON object."""
    return [change(r) if isinstance(r, dict) else r for r in rows]


def run_rows(world, name):
    """Apply the named lie to the list of runs; for sync."""
    run = world.rng.choice(world.runs)
    world.runs_lies.append({
        "runs-without-id": lambda rows: each(rows, lambda r: {
            k: v for k, v in r.items() if r.get("run_id") != run.id or k not in ("run_id", "task_run_id")}),
        "runs-twice": lambda rows: rows + rows,
        "runs-odd-rows": lambda rows: [None, 5, *rows, {}],
        "runs-odd-times": lambda rows: each(rows, lambda r: {**r, "created_at": "never", "finished_at": 7}),
        "runs-without-end": lambda rows: each(rows, lambda r: {**r, "finished_at": None}),
        "runs-wrapped": lambda rows: {"runs": rows},
        "runs-odd-status": lambda rows: each(
            rows, lambda r: {**r, "status": "perfect"} if r.get("run_id") == run.id else r),
    }[name])
    return True


RUN_LIES = ["runs-without-id", "runs-twice", "runs-odd-rows", "runs-odd-times", "runs-without-end", "runs-wrapped",
            "runs-odd-status"]

FAMILIES.update(dict.fromkeys(RUN_LIES, "the list of runs"))
