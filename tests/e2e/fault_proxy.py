# SPDX-License-Identifier: MIT
"""A proxy in front of an object store that makes faults on demand.

It forwards requests as they are, with the Host header that was signed, so that the store behind it checks real
signatures. A request with a session token, which the store does not know, is checked here, and signed anew without
it. Each fault is for one kind of request; faults of a kind are used up in their order.
"""
import http.client
import re
import socket
import struct
import threading


class Request:
    """A request as it came."""

    def __init__(self, method, target, headers):
        self.method, self.target, self.headers = method, target, headers
        self.body = b""
        self.status = None  # of the answer that the client got, if it got one
        query = target.partition("?")[2]
        self.kind = self._kind(query)
        self.part = int(re.search(r"partNumber=(\d+)", query).group(1)) if self.kind == "part" else None

    def _kind(self, query):
        if "partNumber=" in query:
            return "part"
        if query.startswith("uploads"):
            return "create" if self.method == "POST" else "uploads"
        if "uploadId=" in query:
            return {"POST": "complete", "DELETE": "abort"}.get(self.method, "parts")
        if "list-type=" in query:
            return "list"
        return self.method.lower()

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)


class Answer:
    def __init__(self, status, headers=(), body=b""):
        self.status, self.headers, self.body = status, list(headers), body

    def set(self, name, value):
        self.headers = [(k, v) for k, v in self.headers if k.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))


def error(status, code, *headers, message="made by a test", more=""):
    """An error as S3 answers it."""
    return Answer(status, [("Content-Type", "application/xml"), *headers],
                  ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message>%s</Error>"
                   % (code, message, more)).encode())


class Fault:
    """What happens to a request. Each step may be missing."""

    def __init__(self, early=None, instead=None, before=None, after=None, edit=None, cut=None, piece=None):
        self.early = early      # reset when so many bytes of the body have come
        self.instead = instead  # an Answer, or a function of the request that returns one; the store gets nothing
        self.before = before    # called with the request, before the store gets it
        self.after = after      # called with the request, when the store has answered
        self.edit = edit        # called with the Answer, to change it
        self.cut = cut          # reset when so many bytes of the answer's body are sent; -1: before its first byte
        self.piece = piece      # send the answer in pieces of so many bytes


class Gone(Exception):
    """The connection is over."""


class Proxy:
    def __init__(self, port, sign, host="127.0.0.1"):
        self.upstream = port
        self.sign = sign  # (request, headers) -> the Authorization header that is right
        self.requests = []
        self.faults = []  # (kind or a function of the request, how many to let pass, how many, Fault)
        self.lock = threading.Lock()
        self.closing = self.absent = False
        self.host = host
        self.listener = socket.create_server((host, 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = "http://%s:%d" % (host, self.port)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.closing = True
        self.listener.close()

    def away(self, seconds):
        """Refuse and reset all connections for this time."""
        self.absent = True
        self.listener.shutdown(socket.SHUT_RDWR)  # close would leave it open while accept waits
        self.listener.close()

        def back():
            self.listener = socket.create_server((self.host, self.port), backlog=64)
            self.absent = False
            threading.Thread(target=self._accept, daemon=True).start()

        threading.Timer(seconds, back).start()

    def fault(self, kind, times=1, skip=0, **what):
        """Make a fault of these requests: after the first `skip` of them, `times` times."""
        self.faults.append([kind, skip, times, Fault(**what)])

    def clear(self):
        with self.lock:
            self.faults = []

    def count(self, kind):
        with self.lock:
            return sum(request.kind == kind for request in self.requests)

    def _choose(self, request):
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                kind, skip, times, what = fault
                if not (kind(request) if callable(kind) else kind == request.kind) or not times:
                    continue
                if skip:
                    fault[1] -= 1
                    continue
                fault[2] -= 1
                return what
        return Fault()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.closing:
                client.close()
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client, client.makefile("rb") as stream:
                while self._one(client, stream):
                    pass
        except (OSError, Gone, http.client.HTTPException):
            pass

    @staticmethod
    def _reset(client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        raise Gone

    def _one(self, client, stream):
        first = stream.readline()
        if not first:
            return False
        method, target, _ = first.decode("latin-1").split()
        headers = []
        while (line := stream.readline().rstrip(b"\r\n")):
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        request = Request(method, target, headers)
        fault = self._choose(request)
        length = int(request.header("content-length") or 0)
        if length and request.header("expect"):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault.early is not None:
            stream.read(min(fault.early, length))
            self._linger_and_reset(client, stream)
        request.body = stream.read(length)
        if len(request.body) < length:
            return False
        if fault.before:
            fault.before(request)
        if self.absent:
            self._linger_and_reset(client, stream)
        answer = fault.instead or self._forward(request)
        if callable(answer):
            answer = answer(request)
        if fault.after:
            fault.after(request)
        if fault.edit:
            fault.edit(answer)
        self._send(client, stream, request, answer, fault)
        return True

    def _linger_and_reset(self, client, stream):
        stream.close()
        self._reset(client)

    def _without_token(self, request):
        """The headers of a request, signed without its session token; None: its signature was wrong."""
        names = re.search("SignedHeaders=([^,]*)", request.header("authorization")).group(1).split(";")
        signed = {name: request.header(name) for name in names}
        if self.sign(request, signed) != request.header("authorization"):
            return None
        del signed["x-amz-security-token"]
        others = [(name, value) for name, value in request.headers
                  if name.lower() not in signed and name.lower() not in ("authorization", "x-amz-security-token")]
        return [*signed.items(), ("Authorization", self.sign(request, signed)), *others]

    def _forward(self, request):
        headers = request.headers
        if request.header("x-amz-security-token"):
            headers = self._without_token(request)
            if headers is None:
                return error(403, "SignatureDoesNotMatch")
        store = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        try:
            store.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                if name.lower() not in ("expect", "connection"):
                    store.putheader(name, value.encode("latin-1"))
            store.endheaders()
            store.send(request.body)
            answer = store.getresponse()
            body = answer.read()
            return Answer(answer.status, answer.getheaders(), body)
        finally:
            store.close()

    def _send(self, client, stream, request, answer, fault):
        if fault.cut == -1:
            self._linger_and_reset(client, stream)
        lines = ["HTTP/1.1 %d %s" % (answer.status, http.client.responses.get(answer.status, "Unknown"))]
        has_length = any(name.lower() == "content-length" for name, _ in answer.headers)
        for name, value in answer.headers:
            if name.lower() not in ("connection", "transfer-encoding"):
                lines.append("%s: %s" % (name, value))
        if not has_length and answer.status != 204:
            lines.append("Content-Length: %d" % len(answer.body))
        body = b"" if request.method == "HEAD" else answer.body
        whole = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        if fault.cut is not None:
            client.sendall(whole[:len(whole) - len(body) + fault.cut])
            self._linger_and_reset(client, stream)
        request.status = answer.status
        step = fault.piece or len(whole)
        for at in range(0, len(whole), step):
            client.sendall(whole[at:at + step])
