# SPDX-License-Identifier: MIT
"""Wrong answers (lies) to a range request that resumes an interrupted body.

Each maker takes an Answer to a request with a range, and returns steps (see wire.py). needs: as in
transport.py. tags: the validators that the object must have for the lie to be detectable; None: any.
"""
from . import coding
from .transport import chunked
from .wire import CLOSE, head, reply

LIES = {}  # name: (maker, needs, tags)
FAMILY = "the rest of a body that broke off"


def lie(needs="", tags=None):
    def note(maker):
        LIES["rest-" + maker.__name__.replace("_", "-")] = (maker, needs, tags)
        return maker
    return note


def span(first, last, total):
    return "Content-Range", "bytes %d-%d/%s" % (first, last, total)


def rest_of(a, data=None):
    """(first, last, total, rest) of the requested range."""
    data = a.body if data is None else data
    first = a.ask.first()
    return first, len(data) - 1, len(data), data[first:]


def stranger(a):
    """Another version of the same size."""
    return a.rng.randbytes(len(a.body))


def plain(a):
    """Headers without validators."""
    return [h for h in a.headers if h[0] not in ("ETag", "Last-Modified")]


@lie()
def shifted(a):
    first, last, total, _ = rest_of(a)
    off = a.rng.choice([-1, 1, -first, 7])
    at = min(max(0, first + off), last)
    return reply(206, [*a.headers, span(at, last, total)], a.body[at:])


@lie("sum")
def shifted_unsaid(a):
    first, last, total, _ = rest_of(a)
    at = max(0, first - 1)
    return reply(206, [*a.headers, span(first, last, total)], a.body[at:at + total - first])


@lie()
def less(a):
    first, last, total, rest = rest_of(a)
    n = max(1, len(rest) // 2)
    return reply(206, [*a.headers, span(first, first + n - 1, total)], rest[:n])


@lie()
def less_than_said(a):
    first, last, total, rest = rest_of(a)
    return reply(206, [*a.headers, span(first, last, total)], rest[:len(rest) // 2])


@lie()
def less_than_said_in_chunks(a):
    first, last, total, rest = rest_of(a)
    return [head(206, [*a.headers, span(first, last, total), ("Transfer-Encoding", "chunked")])
            + coding.chunks(rest[:len(rest) // 2], a.rng) + coding.LAST_CHUNK]


@lie()
def more_than_said(a):
    first, last, total, rest = rest_of(a)
    return reply(206, [*a.headers, span(first, last, total)], rest + b"more")


@lie()
def other_total(a):
    first, last, total, rest = rest_of(a)
    by = a.rng.choice([1, 100])
    return reply(206, [*a.headers, span(first, last + by, total + by)], rest + b"!" * by)


@lie()
def unknown_total(a):
    first, last, total, rest = rest_of(a)
    return reply(206, [*a.headers, span(first, last, "*")], rest)


@lie()
def unknown_total_less(a):
    first, last, total, rest = rest_of(a)
    n = max(1, len(rest) // 2)
    return reply(206, [*a.headers, span(first, first + n - 1, "*")], rest[:n])


@lie()
def no_range(a):
    return reply(206, a.headers, rest_of(a)[3])


@lie()
def odd_range(a):
    first, last, total, rest = rest_of(a)
    odd = a.rng.choice(["bytes %d-%d" % (first, last), "%d-%d/%d" % (first, last, total), "bytes */%d" % total,
                        "bytes=%d-%d/%d" % (first, last, total), "items %d-%d/%d" % (first, last, total), "",
                        "bytes %d-%d/%d" % (last, first, total), "bytes -1-%d/%d" % (last, total)])
    return reply(206, [*a.headers, ("Content-Range", odd)], rest)


@lie()
def two_ranges(a):
    first, last, total, rest = rest_of(a)
    both = [span(first, last, total), span(0, last, total)]
    a.rng.shuffle(both)
    return reply(206, [*a.headers, *both], rest if a.rng.random() < 0.5 else a.body)


@lie()
def parts(a):
    first, last, total, rest = rest_of(a)
    body = b"--b\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%s\r\n--b--\r\n" % (first, last, total, rest)
    return reply(206, [*a.headers, ("Content-Type", "multipart/byteranges; boundary=b")], body)


@lie()
def whole(a):
    return reply(200, a.headers, a.body)


@lie()
def whole_cut(a):
    return [head(200, [*a.headers, ("Content-Length", len(a.body))]) + a.body[:a.point(a.body)], a.end()]


@lie()
def none(a):
    total = a.rng.choice([len(a.body), a.ask.first(), "*", 0])
    return reply(416, [*a.headers, ("Content-Range", "bytes */%s" % total)], a.rng.choice([b"", b"no"]))


@lie()
def not_modified(a):
    return reply(304, a.headers, b"")


@lie()
def coded(a):
    first, last, total, rest = rest_of(a)
    name = a.rng.choice(["gzip", "br", "zstd"])
    data = coding.CODERS[name](rest)
    if a.rng.random() < 0.5:
        data = data[:a.point(data)]
    return reply(206, [*a.headers, ("Content-Encoding", name), span(first, last, total)], data)


@lie()
def coded_whole(a):
    name = a.rng.choice(["gzip", "br", "zstd"])
    data = coding.CODERS[name](a.body)
    if a.rng.random() < 0.5:
        data = data[:a.point(data)]
    return reply(200, [*a.headers, ("Content-Encoding", name)], data)


@lie()
def trailed(a):
    first, last, total, rest = rest_of(a)
    if a.rng.random() < 0.5:
        rest = rest[:len(rest) // 2]
    return [head(206, [*a.headers, span(first, last, total), ("Transfer-Encoding", "chunked")])
            + coding.chunks(rest, a.rng) + b"0\r\nContent-Encoding: gzip\r\n\r\n"]


# The bytes are those of another version; in most of these a validator shows it.

def version(a, headers):
    data = stranger(a)
    first, last, total, rest = rest_of(a, data)
    return reply(206, [*headers, span(first, last, total)], rest)


@lie(tags=("strong", "both"))
def other_tag(a):
    return version(a, [*plain(a), ("ETag", '"other"')])


@lie(tags=("weak",))
def other_weak_tag(a):
    return version(a, [*plain(a), ("ETag", 'W/"other"')])


@lie(tags=("strong", "weak", "both"))
def lost_tag(a):
    return version(a, plain(a))


@lie(tags=("none", "date"))
def new_tag(a):
    kept = [h for h in a.headers if h[0] != "ETag"]
    return version(a, [*kept, ("ETag", a.rng.choice(['"new"', 'W/"new"']))])


@lie(tags=("date", "both"))
def other_date(a):
    return version(a, [h for h in a.headers if h[0] != "Last-Modified"]
                   + [("Last-Modified", "Wed, 18 Nov 2026 10:00:00 GMT")])


@lie(tags=("date",))  # with a strong ETag, a 206 may omit the date (RFC 9110, 15.3.7)
def lost_date(a):
    return version(a, [h for h in a.headers if h[0] != "Last-Modified"])


@lie(tags=("none", "strong", "weak"))
def new_date(a):
    return version(a, [*a.headers, ("Last-Modified", "Wed, 18 Nov 2026 10:00:00 GMT")])


@lie(tags=("strong",))
def weaker_tag(a):
    tag = next(v for n, v in a.headers if n == "ETag")
    return version(a, [*plain(a), ("ETag", "W/" + tag)])


@lie("sum")
def other_version_unsaid(a):
    return version(a, a.headers)


@lie()
def moved_rest(a):
    """Redirect the range request to another origin that serves the same object."""
    first, last, total, rest = rest_of(a)
    return reply(302, [("Location", a.world.url("other", "/moved/" + a.thing.key))], b"")


@lie()
def cut_again(a):
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Content-Length", len(body))]) + body[:a.point(body)], a.end()]


@lie()
def in_chunks(a):
    return chunked(a, a.parts()[2])


@lie()
def without_length(a):
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Connection", "close")]) + body, CLOSE]


@lie()
def without_length_cut(a):
    """A body without Content-Length, cut before the end that Content-Range states."""
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Connection", "close")]) + body[:a.point(body)], CLOSE]


@lie(tags=("strong", "both"))
def always_cut(a):
    """Each answer sends a seventh of the object, and can be resumed."""
    status, headers, body = a.parts()
    n = max(1, len(a.body) // 7)
    return [head(status, [*headers, ("Content-Length", len(body))]) + body[:n], CLOSE]
