#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Record the HAR files and pages of this folder, by Playwright and Chromium.

    python3 -m venv VENV; VENV/bin/pip install playwright
    VENV/bin/python tests/data/redact/record.py [/usr/bin/chromium]

A shop on loopback sets cookies, wants a password, and answers with JSON, HTML and base64; a browser that
Playwright drives logs in there. Written are

    embed.har      the HAR that Playwright writes, with the bodies in it
    page.html      the page after the login, as page.content() gives it to Skyvern
    storage.json   the storage state: cookies and local storage
    trace.zip      Playwright's trace, which nobody can mask

The secrets are those of secrets.json, which the tests look for. Ports and times differ with each recording.
"""
import base64
import http.server
import json
import os
import sys
import threading
import urllib.parse

from playwright.sync_api import sync_playwright

HERE = os.path.dirname(os.path.abspath(__file__))
with open(HERE + "/secrets.json", encoding="utf-8") as _file:
    SECRETS = json.load(_file)

LOGIN = """<!doctype html><meta charset="utf-8"><title>Log in</title>
<form method="post" action="/login?state=open&access_token=%s">
<input id="user" name="user" type="email" autocomplete="username">
<input id="pw" name="pw" type="password" value="%s">
<input type="hidden" name="csrf_token" value="%s">
<button>Log in</button></form>"""
SHOP = """<!doctype html><meta charset="utf-8"><title>Shop of Alice &amp; Bob</title>
<p>Signed in as <b>%s</b>, card <i>%s</i>
<a href="/invoice.pdf?order=7&amp;X-Amz-Signature=%s">invoice</a>
<form><input type="password" name="again" value="%s"><input name="qty" value="3"></form>
<script>
localStorage.setItem("session", JSON.stringify({jwt: %s, theme: "dark"}));
fetch("/api/me", {headers: {Authorization: "Bearer " + %s}}).then((r) => r.json());
fetch("/api/pay", {method: "POST", headers: {"Content-Type": "application/json", "X-Api-Key": %s},
                   body: JSON.stringify({card: %s, "cvv": "123", note: "line 1\\nline \\"2\\"", password: %s})})
    .then((r) => r.text()).then(() => fetch("/blob")).then((r) => r.arrayBuffer())
    .then(() => { document.title = "done"; });
</script>"""


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body, kind="text/html; charset=utf-8", *headers):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        s = SECRETS
        if path == "/":
            self.answer((LOGIN % (s["url_token"], s["prefilled"], s["csrf"])).encode(), "text/html; charset=utf-8",
                        ("Set-Cookie", "visit=%s; Path=/; HttpOnly" % s["visit_cookie"]))
        elif path == "/shop":
            quoted = [json.dumps(s[name]) for name in ("jwt", "bearer", "api_key", "card", "password")]
            self.answer((SHOP % (s["email"], s["card_spaced"], s["signature"], s["prefilled"], *quoted)).encode())
        elif path == "/api/me":
            self.answer(json.dumps({"user": {"email": s["email"], "ok": True, "refresh_token": s["refresh"]},
                                    "echo": base64.b64encode(("Cookie was " + s["session_cookie"]).encode()).decode(),
                                    "html": "<b title='%s'>" % s["email"].replace("@", "&#64;")}).encode(),
                        "application/json")
        elif path == "/blob":
            self.answer(("id;mail\n7;%s\n" % s["email"]).encode(), "application/octet-stream")
        else:
            self.answer(b"", "text/plain")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/login"):
            self.send_response(303)
            self.send_header("Location", "/shop")
            self.send_header("Set-Cookie", "session=%s; Path=/; SameSite=Lax" % SECRETS["session_cookie"])
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.answer(b"paid", "text/plain")


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=(sys.argv + ["/usr/bin/chromium"])[1],
                                             args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(record_har_path=HERE + "/embed.har", record_har_content="embed")
        context.tracing.start(screenshots=False, snapshots=True)
        page = context.new_page()
        page.goto("http://127.0.0.1:%d/" % server.server_address[1])
        page.fill("#user", SECRETS["email"])
        page.fill("#pw", SECRETS["password"])
        page.click("button")
        page.wait_for_function("document.title === 'done'")
        with open(HERE + "/page.html", "w", encoding="utf-8") as file:
            file.write(page.content())
        context.storage_state(path=HERE + "/storage.json")
        context.tracing.stop(path=HERE + "/trace.zip")
        context.close()
        browser.close()
    server.shutdown()


main()
