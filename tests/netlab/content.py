# SPDX-License-Identifier: MIT
"""The files that nginx serves, made from a seed, and the run record and artifact list for them."""
import collections
import hashlib
import json
import os

PNG, WEBM = b"\x89PNG\r\n\x1a\n", b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84webm"

Served = collections.namedtuple("Served", "id kind path size sha256")


def text(rng, size):
    """Compressible text, like HTML pages."""
    words = ["%s%d" % (w, i) for i in range(60) for w in ("page", "button", "invoice", "row", "id")]
    out = []
    while size > 0:
        line = "<p class='c%d'>%s</p>\n" % (rng.randrange(99), " ".join(rng.choices(words, k=20)))
        out.append(line[:size])
        size -= len(line)
    return "".join(out).encode()


def media(rng, size, magic):
    """Incompressible bytes that start with the magic number of the format."""
    return magic + rng.randbytes(max(0, size - len(magic)))


def small_size(rng):
    """A size of 5 to 600 KiB, log-uniformly distributed."""
    return int((5 << 10) * 120 ** rng.random())


def people_set(rng, size):
    """A realistic set of about `size` bytes: recordings of 1 to 8 MiB, many files of 5 to 600 KiB, duplicates."""
    lines = text(rng, 1 << 18).splitlines(keepends=True)
    last = None
    i = 0
    while size > 0:
        if i % 25 == 3:
            kind, ext, data = "recording", "webm", media(rng, rng.randrange(1 << 20, 8 << 20), WEBM)
        elif last and i % 40 == 39:
            kind, ext, data = "html_scrape", "html", last
        elif rng.random() < 0.4:
            kind, ext, data = "screenshot_action", "png", media(rng, small_size(rng), PNG)
        else:
            small = small_size(rng)
            last = b"".join(rng.choices(lines, k=small // 100))[:small]
            kind, ext, data = "html_scrape", "html", last
        yield kind, ext, data
        size -= len(data)
        i += 1


def make_files(www, name, things, first=0):
    """Write a set of files into the folder that nginx serves; returns a Served for each file.

    first: the number of the first file, from which its ID and its name are made.
    """
    files = []
    os.makedirs(www + "/o/" + name)
    for i, (kind, ext, data) in enumerate(things, first):
        path = "/o/%s/%d.%s" % (name, i, ext)
        with open(www + path, "wb") as file:
            file.write(data)
        files.append(Served("a_%d" % i, kind, path, len(data), hashlib.sha256(data).hexdigest()))
    return files


def make_run(www, base, run, files, summed=0):
    """Write the run's record and artifact list as the API gives them; returns the URLs of the files.

    summed: every summed-th artifact has a checksum; 0: none has.
    """
    rows, urls = [], []
    for i, file in enumerate(files):
        url = base + file.path + "?expiry=4102444800&kid=k&sig=" + "s" * 43
        urls.append(url)
        rows.append({"artifact_id": file.id, "artifact_type": file.kind, "uri": "s3://b/" + file.path,
                     "bundle_key": None, "checksum": file.sha256 if summed and i % summed == 0 else None,
                     "file_size": file.size, "run_id": run, "signed_url": url,
                     "created_at": "2026-01-20T11:52:29.276851"})
    os.makedirs(www + "/api", exist_ok=True)
    with open("%s/api/%s.run" % (www, run), "w", encoding="utf-8") as out:
        json.dump({"run_id": run, "status": "completed", "created_at": "2026-01-20T11:52:20"}, out)
    with open("%s/api/%s.list" % (www, run), "w", encoding="utf-8") as out:
        json.dump(rows, out)
    return urls
