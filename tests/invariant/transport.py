# SPDX-License-Identifier: MIT
"""Wrong HTTP answers (lies): status line, headers, length, chunks, codings, and end of the connection.

Each maker takes an Answer and returns steps (see wire.py). needs: what the artifact's row must state for
the lie to be detectable: "" nothing (the answer is inconsistent in itself, or harmless), "known" its size
or checksum, "sum" its checksum, "look" a type with known first bytes.
"""
from . import coding
from emulator.server import SIGN_IN, STORE_ERROR
from .wire import CLOSE, RESET, head, reply

LIES = {}  # name: (maker, needs)
FAMILIES = {}  # name: kind of lie
_family = [""]


def about(family):
    """Set the kind of the lies that follow."""
    _family[0] = family


def lie(needs=""):
    def note(maker):
        name = maker.__name__.replace("_", "-")
        LIES[name] = (maker, needs)
        FAMILIES[name] = _family[0]
        return maker
    return note


def chunked(a, body, headers=(), trailers=b"", status=None, extension=b""):
    honest, mine, _ = a.parts()
    return [head(status or honest, [*mine, *headers, ("Transfer-Encoding", "chunked")])
            + coding.chunks(body, a.rng, extension) + b"0\r\n" + trailers + b"\r\n"]


def other_length(a, body):
    """A Content-Length that is usually wrong for body."""
    return a.rng.choice([0, 1, max(0, len(body) - 1), len(body) // 2, len(body) + 1, 2 * len(body) + 10])


about("lengths")

@lie()
def cut(a):
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Content-Length", len(body))]) + body[:a.point(body)], a.end()]


@lie("known")
def cut_without_length(a):
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Connection", "close")]) + body[:a.point(body)], CLOSE]


@lie("known")
def short(a):
    status, headers, body = a.parts()
    return reply(status, headers, body[:a.point(body)])


@lie("known")
def long(a):
    status, headers, body = a.parts()
    return reply(status, headers, body + a.rng.randbytes(a.rng.choice([1, 100, 20000])))


@lie()
def length_too_large(a):
    status, headers, body = a.parts()
    more = a.rng.choice([1, 1000, 1 << 33])
    return [head(status, [*headers, ("Content-Length", len(body) + more)]) + body, a.end()]


@lie("known")
def length_too_small(a):
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Content-Length", a.point(body))]) + body]


@lie()
def two_lengths(a):
    status, headers, body = a.parts()
    both = [("Content-Length", len(body)), ("Content-Length", other_length(a, body))]
    a.rng.shuffle(both)
    return [head(status, [*headers, *both]) + body, CLOSE]


@lie()
def length_list(a):
    status, headers, body = a.parts()
    two = a.rng.choice(["%d, %d" % (len(body), len(body)), "%d, %d" % (len(body), other_length(a, body)),
                        "%d,%d" % (other_length(a, body), len(body))])
    return [head(status, [*headers, ("Content-Length", two)]) + body, CLOSE]


@lie("known")
def odd_length(a):
    status, headers, body = a.parts()
    n = len(body)
    odd = a.rng.choice(["+%d" % n, "-1", "%d;5" % n, "0x%x" % n, "%de0" % n, "", "%d" % (n + (1 << 64)),
                        "0%d" % n, "%d 7" % n, "seven"])
    return [head(status, [*headers, ("Content-Length", odd)]) + body, CLOSE]


@lie()
def length_and_chunks(a):
    _, _, body = a.parts()
    return chunked(a, body, [("Content-Length", other_length(a, body))])


@lie()
def chunks_and_length(a):
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Transfer-Encoding", "chunked"), ("Content-Length", other_length(a, body))])
            + coding.chunks(body, a.rng) + coding.LAST_CHUNK]


@lie()
def length_and_cut_chunks(a):
    status, headers, body = a.parts()
    n = a.point(body)
    return [head(status, [*headers, ("Content-Length", n), ("Transfer-Encoding", "chunked")])
            + coding.chunks(body[:n], a.rng), a.end()]


@lie("known")
def empty(a):
    status, headers, _ = a.parts()
    return reply(status, headers, b"")


about("chunks and trailers")

@lie()
def chunks(a):
    return chunked(a, a.parts()[2], extension=a.rng.choice([b"", b";a=b", b" ", b';q="\\""']))


@lie()
def cut_chunks(a):
    status, headers, body = a.parts()
    wire = coding.chunks(body, a.rng) + b"0\r\n"
    return [head(status, [*headers, ("Transfer-Encoding", "chunked")]) + wire[:a.point(wire)], a.end()]


@lie("known")
def early_last_chunk(a):
    status, headers, body = a.parts()
    n = a.point(body)
    if a.rng.random() < 0.7:
        return chunked(a, body[:n])
    return [head(status, [*headers, ("Transfer-Encoding", "chunked")]) + coding.chunks(body[:n], a.rng)
            + a.rng.choice([b"0x10\r\n", b"0 5\r\n", b"00000000\r\n"]) + body[n:] + b"\r\n" + coding.LAST_CHUNK, CLOSE]


@lie()
def odd_chunk(a):
    status, headers, body = a.parts()
    n = a.point(body)
    odd = a.rng.choice([b"FFFFFFFFFFFFFFFFF1\r\n", b"-1\r\n", b"zz\r\n", b"\r\n", b"8000000000000000\r\n", b"7fffffff\r\n",
                        b";\r\n"])
    return [head(status, [*headers, ("Transfer-Encoding", "chunked")]) + coding.chunks(body[:n], a.rng) + odd
            + body[n:], CLOSE]


@lie()
def chunk_without_end(a):
    status, headers, body = a.parts()
    half = len(body) // 2
    if not half:
        return a.honest()
    return [head(status, [*headers, ("Transfer-Encoding", "chunked")])
            + b"%x\r\n%s%x\r\n%s\r\n" % (half, body[:half], len(body) - half, body[half:]) + coding.LAST_CHUNK, CLOSE]


TRAILERS = ["Content-Encoding: gzip", "Content-Encoding: br", "Content-Length: 5", "Content-Range: bytes 0-4/5",
            'ETag: "trailer"', "X-Checked: yes", "Content-Encoding: identity", "Transfer-Encoding: gzip",
            "HTTP/1.1 200 OK", "HTTP/1.1 206 Partial Content", "Retry-After: 5", "no colon"]


def trailers(a):
    return "".join(line + "\r\n" for line in a.rng.sample(TRAILERS, a.rng.choice([1, 1, 2, 4]))).encode()


@lie()
def trailer(a):
    return chunked(a, a.parts()[2], trailers=trailers(a))


@lie("known")
def trailer_of_short(a):
    body = a.parts()[2]
    named = a.rng.choice(["Content-Encoding: gzip", "Content-Encoding: zstd", "Content-Length: 3"])
    return chunked(a, body[:a.point(body)], trailers=named.encode() + b"\r\n" + (trailers(a) if a.rng.random() < 0.3
                                                                                 else b""))


about("codings")

def coded(a, name, data, headers=None):
    """data with a Content-Encoding; chunked, or with a length, or ended by close."""
    status, mine, _ = a.parts()
    named = headers if headers is not None else [("Content-Encoding", name)]
    if a.rng.random() < 0.4:
        return chunked(a, data, named, status=status)
    if a.rng.random() < 0.1:
        return [head(status, [*mine, *named, ("Connection", "close")]) + data, CLOSE]
    return reply(status, [*mine, *named], data)


def coder(a):
    name = a.rng.choice(sorted(coding.CODERS))
    if a.rng.random() < 0.1:
        return "deflate", coding.raw_deflate
    return name, coding.CODERS[name]


@lie()
def encoded(a):
    name, code = coder(a)
    return coded(a, a.rng.choice([name, name.upper(), name + " "]), code(a.parts()[2]))


@lie()
def encoded_cut(a):
    name, code = coder(a)
    data = code(a.parts()[2])
    return coded(a, name, data[:a.point(data)])


@lie()
def encoded_cut_late(a):
    """The last bytes of the coded stream are missing; the decoded content may still be complete."""
    name, code = coder(a)
    data = code(a.parts()[2])
    return coded(a, name, data[:max(0, len(data) - a.rng.randrange(1, 12))])


@lie()
def encoded_and_closed(a):
    name, code = coder(a)
    status, headers, body = a.parts()
    data = code(body)
    return [head(status, [*headers, ("Content-Encoding", name), ("Content-Length", len(data))])
            + data[:a.point(data)], a.end()]


@lie()
def encoded_empty(a):
    return coded(a, coder(a)[0], b"")


@lie()
def encoded_twice(a):
    one, first = coder(a)
    two, second = coder(a)
    named = a.rng.choice([[("Content-Encoding", "%s, %s" % (one, two))],
                          [("Content-Encoding", one), ("Content-Encoding", two)]])
    return coded(a, None, second(first(a.parts()[2])), named)


@lie()
def encoded_twice_cut(a):
    """The outer stream is complete, the inner one is truncated."""
    one, first = coder(a)
    two, second = coder(a)
    data = first(a.parts()[2])
    named = a.rng.choice([[("Content-Encoding", "%s, %s" % (one, two))],
                          [("Content-Encoding", one), ("Content-Encoding", two)]])
    return coded(a, None, second(data[:a.point(data)]), named)


@lie()
def encoded_and_identity(a):
    name, code = coder(a)
    named = [("Content-Encoding", name), ("Content-Encoding", a.rng.choice(["identity", "", "none"]))]
    a.rng.shuffle(named)
    data = code(a.parts()[2])
    if a.rng.random() < 0.6:
        data = data[:a.point(data)]
    return coded(a, None, data, named)


@lie()
def named_encoding(a):
    """A Content-Encoding that was not applied."""
    _, _, body = a.parts()
    return coded(a, coder(a)[0], body)


@lie()
def unknown_encoding(a):
    name = a.rng.choice(["foo", "exi", "aes128gcm", "compress", "gzip;q=1"])
    return coded(a, name, bytes(b ^ 0x55 for b in a.parts()[2][:100000]))


@lie("known")
def encoded_and_more(a):
    name, code = coder(a)
    return coded(a, name, code(a.parts()[2]) + code(b"more") * a.rng.randrange(1, 3))


@lie("known")
def bomb(a):
    code = coding.CODERS[a.rng.choice(["gzip", "deflate", "zstd"])]
    name = next(n for n, c in coding.CODERS.items() if c is code)
    return coded(a, name, code(bytes(8 << 20)))


@lie()
def transfer_coded(a):
    """Transfer-Encoding: gzip, chunked; complete or truncated."""
    status, headers, body = a.parts()
    data = coding.CODERS["gzip"](body)
    if a.rng.random() < 0.7:
        data = data[:a.point(data)]
    return [head(status, [*headers, a.rng.choice([("Transfer-Encoding", "gzip, chunked"),
                                                  ("Transfer-Encoding", "gzip,chunked")])])
            + coding.chunks(data, a.rng) + coding.LAST_CHUNK]


@lie()
def odd_transfer_coding(a):
    status, headers, body = a.parts()
    name = a.rng.choice(["foo", "chunked, foo", "chunked, chunked", "xchunked", "deflate, chunked"])
    return [head(status, [*headers, ("Transfer-Encoding", name)]) + coding.chunks(body, a.rng) + coding.LAST_CHUNK,
            CLOSE]


@lie("known")
def identity_of_chunks(a):
    """Chunks under Transfer-Encoding: identity."""
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Transfer-Encoding", "identity")]) + coding.chunks(body, a.rng) + coding.LAST_CHUNK,
            CLOSE]


about("status lines and headers")

@lie()
def status_line(a):
    status, headers, body = a.parts()
    line = a.rng.choice([b"HTTP/1.1 %d", b"HTTP/1.0 %d OK", b"HTTP/2 %d", b"HTTP/3 %d", b"HTTP/1.1  %d OK", b"ICY %d OK",
                         b"HTTP/1.1 %d " + b"x" * 5000, b"HTTP/1.2 %d OK", b"http/1.1 %d OK", b"HTTP/1.1 0%d OK",
                         b"HTTP/1.1\t%d OK", b"HTTP/9.9 %d OK", b"HTTP/1.1 %d9 OK"]) % status
    rest = head(status, [*headers, ("Content-Length", len(body))]).partition(b"\r\n")[2]
    return [line + b"\r\n" + rest + body]


@lie()
def odd_head(a):
    status, headers, body = a.parts()
    odd = a.rng.choice([b"no colon here", b"X-Long: " + b"x" * 200_000, b"X\0Y: z", b": no name", b"X-\xff\xfe: \x80",
                        b" folded: yes", b"\tX: y", b"X-Many: 1\r\n" * 1500 + b"X-Last: 1", b"Content-Type: \x1b[31m",
                        b"Set-Cookie: a=b", b"Content-Encoding:", b"Content-Range: bytes 0-1/2", b"Alt-Svc: h2=\":1\"",
                        b"Strict-Transport-Security: max-age=1", b"Upgrade: h2c", b"Content-Type: multipart/byteranges"])
    before = [odd, *headers] if a.rng.random() < 0.5 else [*headers, odd]
    return [head(status, [*before, ("Content-Length", len(body))]) + body, CLOSE]


@lie()
def line_feeds(a):
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Content-Length", len(body))]).replace(b"\r\n", b"\n") + body]


@lie()
def head_cut(a):
    status, headers, body = a.parts()
    text = head(status, [*headers, ("Content-Length", len(body))])
    return [text[:a.rng.randrange(len(text))], a.end()]


@lie()
def nothing(a):
    return [a.end()]


@lie()
def garbage_first(a):
    return [a.rng.choice([b"\r\n\r\n", b"\n", a.rng.randbytes(40), b"220 ftp ready\r\n", b"<html>\r\n\r\n"]), *a.honest(),
            CLOSE]


@lie()
def storm(a):
    """1xx answers before the final one, with headers that do not apply to it."""
    status, headers, body = a.parts()
    early = b"".join(head(a.rng.choice([100, 102, 103, 110]), a.rng.sample(
        [("Content-Length", 3), ("Content-Encoding", "gzip"), ("ETag", '"early"'), ("Content-Range", "bytes 0-2/3"),
         ("Link", "</x>; rel=preload"), ("Transfer-Encoding", "chunked"), ("Retry-After", 3)], a.rng.randrange(4)))
                     for _ in range(a.rng.choice([1, 3, 30, 300])))
    return [early, *reply(status, headers, body)]


@lie()
def switching(a):
    return [head(101, [("Upgrade", "h2c"), ("Connection", "Upgrade")], "Switching Protocols"), *a.honest(), CLOSE]


about("statuses")

@lie()
def status(a):
    code = a.rng.choice([201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 304, 305, 306, 400, 401, 402, 404, 405, 406, 408,
                         409, 410, 412, 413, 414, 416, 418, 421, 425, 426, 429, 451, 499, 500, 501, 502, 503, 504, 507,
                         511, 520, 599, 600, 999])
    _, headers, body = a.parts()
    return reply(code, headers, body if a.rng.random() < 0.5 and code not in (204, 304)
                 else b"" if code in (204, 304) else b'{"detail": "no"}')


@lie()
def unasked_part(a):
    """206 to a request without a range."""
    _, headers, body = a.parts()
    n = a.rng.choice([0, a.point(body)])
    last = a.rng.choice([len(body), max(n + 1, len(body) - 1)])
    return reply(206, [*headers, ("Content-Range", "bytes %d-%d/%d" % (n, last - 1, len(body)))], body[n:last])


RETRY = ["0", "1", "3", "0.5", "-1", "soon", "99999999999999999999", "3601", "", "Wed, 21 Oct 2015 07:28:00 GMT", "1 s"]


@lie()
def busy(a):
    name = a.rng.choice(["Retry-After", "retry-after-ms"])
    value = a.rng.choice(RETRY) if name == "Retry-After" else a.rng.choice(["0", "700", "x", "100000000"])
    return reply(a.rng.choice([429, 503]), [("Date", a.world.date()), (name, value)], b'{"detail": "busy"}')


@lie("known")
def error_page(a):
    status, headers, _ = a.parts()
    return reply(status, headers, a.rng.choice([
        b"<html><body>502 Bad Gateway</body></html>", b'{"detail": "Artifact content not available"}', b"null", b"{}",
        b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"]))


about("redirects")

def moved(a, to, body=b""):
    return reply(a.rng.choice([301, 302, 303, 307, 308]), [("Date", a.world.date()), ("Location", to)], body)


@lie()
def redirect(a):
    """Redirect to a URL of the same content."""
    if not a.thing:
        return moved(a, a.ask.target)
    other = a.rng.choice(["other", "store"])
    at = a.world.url("other", "/moved/" + a.thing.key) if other == "other" else a.world.signed(
        next(x for x in a.world.artifacts.values() if x.thing is a.thing))
    return moved(a, at or a.ask.target, a.rng.choice([b"", b"moved", a.body[:1000]]))


@lie()
def redirect_to_itself(a):
    return moved(a, a.rng.choice([a.ask.target, "?" + a.ask.target.partition("?")[2]]))


@lie()
def redirect_to_nowhere(a):
    return moved(a, a.rng.choice([
        "http://127.0.0.1:1/", "file:///etc/passwd", "ftp://127.0.0.1/x", "https://127.0.0.1:1/", "http://", "//",
        "", "javascript:1", "http://user:pw@127.0.0.1:1/", "http://[::1]:1/", "/" + "x" * 70000, "gopher://127.0.0.1/",
        "\\\\host\\x", "http://127.0.0.1:99999/"]))


@lie()
def redirect_without_target(a):
    return reply(302, [("Date", a.world.date())], a.body[:2000])


about("silence, ends, more than was asked for")

@lie()
def stall(a):
    status, headers, body = a.parts()
    text = head(status, [*headers, ("Content-Length", len(body))])
    n = a.point(body)
    return a.rng.choice([
        [0.45, *a.honest()], [text, 0.45, body, ], [text + body[:n], 0.45, a.end()],
        [text + body[:n], 0.45, body[n:]], [text[:30], 0.45, CLOSE]])


@lie()
def drip(a):
    status, headers, body = a.parts()
    wire = head(status, [*headers, ("Content-Length", len(body))]) + body
    size = 1 + len(wire) // 8
    steps = []
    for at in range(0, len(wire), size):
        steps += [wire[at:at + size], 0.012]
    return steps


@lie()
def kept_and_closed(a):
    """Connection: keep-alive, but the connection is closed."""
    status, headers, body = a.parts()
    return [head(status, [*headers, ("Connection", "keep-alive"), ("Content-Length", len(body))]) + body, a.end()]


def behind(a, more):
    """The answer, then `more` sent together with its last bytes, so that it arrives before the next request."""
    status, headers, body = a.parts()
    text = head(status, [*headers, ("Content-Length", len(body))])
    cut = max(0, len(body) - 2000)
    if a.rng.random() < 0.3 or not body:
        return [text + body[:cut] + body[cut:] + more] if len(body) < 20000 else [text + body[:cut], body[cut:] + more]
    return [text + body[:cut], 0.004, body[cut:] + more]


@lie()
def garbage_behind(a):
    """Extra bytes after the end of the body."""
    more = a.rng.choice([b"garbage", b"\r\n\r\n", reply(500, [], b'{"detail": "no"}')[0], reply(404, [], b"")[0],
                         b"HTTP/1.1 304 Not Modified\r\n\r\n", a.rng.randbytes(3000)])
    if a.rng.random() < 0.3:
        return [chunked(a, a.parts()[2])[0] + more]
    return behind(a, more)


@lie()
def unasked_answer(a):
    """An unsolicited second answer, which a client may take for that to its next request."""
    other = a.rng.choice([b"unasked", b"[]", a.rng.randbytes(500), a.world.things[a.rng.choice(sorted(a.world.things))].data])
    return behind(a, reply(200, a.headers, other[:20000])[0])


about("bytes that the checksum contradicts")

@lie("sum")
def other_bytes(a):
    status, headers, body = a.parts()
    return reply(status, headers, a.rng.choice([bytes(len(body)), a.rng.randbytes(len(body))]))


@lie("sum")
def one_bit(a):
    status, headers, body = a.parts()
    at = a.point(body)
    return reply(status, headers, body[:at] + bytes([body[at] ^ 4]) + body[at + 1:] if body else b"x")


@lie("sum")
def another_artifact(a):
    status, headers, _ = a.parts()
    keys = sorted(a.world.things)
    return reply(status, headers, a.world.things[a.rng.choice(keys)].data)


about("what is not what was asked for")

@lie("look")
def sign_in(a):
    """A proxy's sign-in page instead of the content."""
    return reply(200, [("Content-Type", "text/html")], SIGN_IN)


@lie("look")
def store_error(a):
    return reply(200, [("Content-Type", "application/xml")], STORE_ERROR)


NO_CALL = {"sign-in", "store-error", "other-bytes", "one-bit", "another-artifact", "unasked-part", "bomb"}  # not for JSON
