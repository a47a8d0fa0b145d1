# SPDX-License-Identifier: MIT
"""Services that give credentials, on loopback (a container's, an instance's, STS), and a store that knows them."""
import datetime
import http.server
import json
import socket
import threading
import urllib.parse
import xml.sax.saxutils

import object_store

TOKEN = "session-token-of-the-instance"


def when(seconds):
    """A time from now, as the services write it."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Server:
    """An HTTP server on loopback, whose answers are made by self.serve(handler)."""

    def __init__(self, host="127.0.0.1"):
        serve = self.serve

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):  # pylint: disable=arguments-differ
                pass

            def reply(self, status, body, **headers):
                body = body if isinstance(body, bytes) else body.encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def answer(self):
                serve(self)

            do_GET = do_HEAD = do_PUT = do_POST = answer

        class Listener(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            daemon_threads = True

        self.server = Listener((host, 0), Handler)
        self.url = "http://%s:%d" % ("[%s]" % host if ":" in host else host, self.server.server_port)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Store(Server):
    """One object in a bucket, for those who sign like botocore: versitygw knows no session tokens."""

    def __init__(self, body, host="127.0.0.1"):
        self.body = body
        self.known = {}        # ID: (secret key, session token)
        self.expired = set()   # IDs
        self.log = []          # IDs of the requests' keys
        self.region = None     # of the last request's signature
        super().__init__(host)

    def refusal(self, handler):
        """What is wrong with a request's signature, as an error's code; None: nothing."""
        from botocore.auth import S3SigV4Auth  # pylint: disable=import-outside-toplevel
        from botocore.awsrequest import AWSRequest  # pylint: disable=import-outside-toplevel
        from botocore.credentials import Credentials  # pylint: disable=import-outside-toplevel
        fields = dict(part.split("=", 1) for part in handler.headers["Authorization"].split(" ", 1)[1].replace(" ", "").split(","))
        ident, _, self.region = fields["Credential"].split("/")[:3]
        self.log.append(ident)
        if ident in self.expired:
            return "ExpiredToken"
        if ident not in self.known:
            return "InvalidAccessKeyId"
        secret, token = self.known[ident]
        if (handler.headers.get("X-Amz-Security-Token") or "") != token:
            return "InvalidToken"
        signed = {name: handler.headers[name] for name in fields["SignedHeaders"].split(";")}
        assert not token or "x-amz-security-token" in signed
        request = AWSRequest(handler.command, self.url + handler.path, headers=signed)
        request.context["timestamp"] = handler.headers["X-Amz-Date"]
        auth = S3SigV4Auth(Credentials(ident, secret), "s3", self.region)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        return None if auth.signature(text, request) == fields["Signature"] else "SignatureDoesNotMatch"

    def serve(self, handler):
        code = self.refusal(handler)
        if code:
            handler.reply(400 if "Token" in code else 403, "<Error><Code>%s</Code><Message>no</Message></Error>" % code)
            return
        body, first, last = self.body, 0, len(self.body) - 1
        wanted = handler.headers.get("Range")
        if not wanted:
            handler.reply(200, body, ETag='"1"')
            return
        low, high = wanted.split("=")[1].split("-")
        first = int(low) if low else max(0, len(body) - int(high))
        last = min(last, int(high)) if low and high else last
        handler.reply(206, body[first:last + 1], ETag='"1"', Content_Range="bytes %d-%d/%d" % (first, last, len(body)))


class Service(Server):
    """Answers as all three services do; a test changes its attributes."""

    def __init__(self):
        self.keys = [(object_store.KEY, 3600)]  # ID and seconds until it expires: of the first answer, the second; the last stays
        self.secret, self.session = object_store.SECRET, ""
        self.fail = []           # (status, body): answers to the first requests
        self.role = "night-role"
        self.code = "Success"
        self.raw = None          # an answer in the place of the keys
        self.tokens = True       # whether the instance's service gives session tokens
        self.log = []            # (method, path, headers, body)
        self.given = 0
        super().__init__()

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
        self.log.append((handler.command, handler.path, dict(handler.headers), body))
        if self.fail:
            handler.reply(*self.fail.pop(0))
        elif handler.command == "PUT":
            handler.reply(*((200, TOKEN) if self.tokens else (403, "")))
        elif handler.command == "POST":
            handler.reply(200, self.sts())
        elif "security-credentials" in handler.path and handler.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            handler.reply(401, "")
        elif handler.path.endswith("security-credentials/"):
            handler.reply(200, self.role)
        else:
            handler.reply(200, self.raw if self.raw is not None else json.dumps(self.next()))

    def next(self):
        """The next keys, as the metadata services write them."""
        ident, life = self.keys[min(self.given, len(self.keys) - 1)]
        self.given += 1
        return {"Code": self.code, "Message": "said \x1b[31mso", "Type": "AWS-HMAC", "AccessKeyId": ident,
                "SecretAccessKey": self.secret, "Token": self.session, "Expiration": when(life)}

    def sts(self):
        keys = self.next()
        text = "".join("<%s>%s</%s>" % (name, xml.sax.saxutils.escape(keys[here]), name) for name, here in
                       (("AccessKeyId", "AccessKeyId"), ("SecretAccessKey", "SecretAccessKey"),
                        ("SessionToken", "Token"), ("Expiration", "Expiration")))
        return ("<AssumeRoleWithWebIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'>"
                "<AssumeRoleWithWebIdentityResult><Credentials>" + text +
                "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>")

    def asked(self, method):
        return [entry for entry in self.log if entry[0] == method]


def form(entry):
    return {name: values[0] for name, values in urllib.parse.parse_qs(entry[3]).items()}
