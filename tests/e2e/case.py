# SPDX-License-Identifier: MIT
"""A case to investigate: two runs of one workflow, that fetches an invoice. wr_good has the invoice; in wr_bad the
service answers a click with an error (HTTP 500), and the run fails in its sixth step."""
import base64
import json

START = 1768909940  # 2026-01-20T11:52:20Z
PAGE = """<body style="margin:0;font:22px sans-serif;background:#f4f6f8"><div style="background:#24476b;color:#fff;padding:18px 30px">
Books of Example Ltd. <span style="float:right">%s</span></div><div style="margin:30px;background:#fff;padding:24px;border:1px solid #ccd">
%s</div></body>"""
ROWS = "".join("<p style='border-bottom:1px solid #ccd;padding:8px'>Invoice 2026-%02d <b style='float:right'>%d.00</b></p>" % (i, 40 + i * 13) for i in range(1, 10))
SCREENS = [("Sign in", "<h2>Sign in</h2><p>User: <u>ada</u></p><p>Password: <u>******</u></p>"),
           ("Ada", "<h2>Welcome, Ada</h2><p>3 messages, 9 invoices</p>"), ("Ada", "<h2>Invoices</h2>" + ROWS),
           ("Ada", "<h2>Invoices of January</h2>" + ROWS.split("</p>")[0] + "</p>"), ("Ada", "<h2>Invoice 2026-01</h2><p>Total: 53.00</p><p>[ Download ]</p>"),
           ("Ada", "<h2>Thank you</h2><p>invoice-2026-01.pdf was sent to you.</p>"),
           ("Error", "<h2 style='color:#b00'>Something went wrong</h2><p>HTTP 500, reference 4711</p>")]
DEEDS = [("input_text", "user-name", "types the name of the user"), ("click", "sign-in", "signs in"), ("click", "menu-invoices", "opens the list of invoices"),
         ("click", "month-01", "filters by January"), ("click", "row-12", "opens the invoice"), ("click", "download", "downloads the invoice")]


def iso(second):
    day = START + second
    hour, rest = divmod(day % 86400, 3600)
    return "2026-01-20T%02d:%02d:%09.6f" % (hour, rest // 60, rest % 60)


def dated(film, ns):
    """The recording of a Chromium with DateUTC, in ns since 2001, in the place of the names of the programs that made it:
    no element changes its place."""
    names = b"\x4D\x80\x86Chrome\x57\x41\x86Chrome"
    date = b"\x44\x61\x88" + ns.to_bytes(8, "big")
    assert film.count(names) == 1
    return film.replace(names, date + b"\xEC\x85" + bytes(5))


def screenshots(browser):
    """The screens as PNG, drawn by the browser itself."""
    browser.open("about:blank")
    shots = []
    for head, body in SCREENS:
        browser.ask("(() => { document.open(); document.write(%s); document.close(); })()" % json.dumps(PAGE % (head, body)))
        shots.append(base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"]))
    return shots


# A promise of a recording, in base64, of what show() draws with pen; prepare: statements before it.
RECORD = """(async () => {
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  %(prepare)s
  show();
  const timer = setInterval(show, 25);
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: "video/webm;codecs=vp8" });
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const stopped = new Promise((done) => { recorder.onstop = done; });
  recorder.start();
  setTimeout(() => recorder.stop(), %(ms)d);
  await stopped;
  clearInterval(timer);
  const reader = new FileReader();
  const read = new Promise((done) => { reader.onload = done; });
  reader.readAsDataURL(new Blob(parts));
  await read;
  return reader.result.split(",")[1];
})()"""
SCREENS_IN_TURN = """const images = await Promise.all([%s].map((b) => new Promise((done) => {
    const image = new Image();
    image.onload = () => done(image);
    image.src = "data:image/png;base64," + b;
  })));
  [canvas.width, canvas.height] = [600, 450];
  let n = 0;
  const show = () => pen.drawImage(images[Math.min(Math.floor(n++ / 8), images.length - 1)], 0, 0, 600, 450);"""


def record(browser, prepare, ms):
    """A WebM recording of some length, made by the browser itself; see RECORD."""
    browser.open("about:blank")
    return base64.b64decode(browser.ask(RECORD % {"prepare": prepare, "ms": ms}))


def recording(browser, shots):
    """The screens as a recording that plays."""
    return record(browser, SCREENS_IN_TURN % ", ".join(json.dumps(base64.b64encode(s).decode()) for s in shots[:6]), 1600)


def entry(second, method, url, status, mime, took, size):
    return {"startedDateTime": iso(second) + "Z", "time": took, "timings": {"send": 1, "wait": took - 2, "receive": 1},
            "request": {"method": method, "url": url, "headers": [{"name": "Accept", "value": "*/*"}]},
            "response": {"status": status, "headers": [{"name": "Content-Type", "value": mime}], "content": {"size": size, "mimeType": mime, "text": '{"error": "reference 4711"}' if status == 500 else ""}}}


def har(bad):
    rows = []
    for n in range(6):
        at = 4 + 20 * n
        rows += [entry(at, "GET", "https://books.example/app/%d?view=list&token-of-page=%d&sort=date" % (n, n), 200, "text/html; charset=utf-8", 180, 8000 + n),
                 entry(at + .2, "GET", "https://cdn.example/static/bundle.3f2a91c0e4.js", 200, "text/javascript", 60, 210000),
                 entry(at + .3, "GET", "https://cdn.example/static/site.css", 304, "text/css", 12, 0),
                 entry(at + .6, "POST", "https://books.example/api/v1/invoices/search", 200, "application/json", 240, 1900)]
    rows.append(entry(108, "POST", "https://books.example/api/v1/invoices/2026-01/download", 500 if bad else 200, "application/json" if bad else "application/pdf", 1310, 42))
    return json.dumps({"log": {"version": "1.2", "entries": rows}}).encode()


def log(bad):
    lines = ["%sZ [info     ] step %d begins" % (iso(2 + 20 * n), n + 1) for n in range(6)]
    if bad:
        lines += [iso(109.4) + "Z [error    ] the action failed", "Traceback (most recent call last):", '  File "handler.py", line 71, in click',
                  "    await element.click()", "PlaywrightError: the page answered 500", iso(110) + "Z [info     ] the step is given up"]
    return ("\n".join(lines) + "\n").encode()


def artifacts(prefix, bad, shots, film):
    out = []

    def add(name, kind, data, second, step, **more):
        out.append(dict({"id": prefix + name, "type": kind, "data": data, "created_at": iso(second), "step_id": step}, **more))

    for n in range(6):
        step, at = prefix + "stp%d" % n, 2 + 20 * n
        failed = bad and n == 5
        add("prompt%d" % n, "llm_prompt", ("You fill in forms.\nGoal: fetch the invoice of January.\nStep %d.\nElements:\n%s" % (
            n + 1, "\n".join("[%d] %s" % (i, "a link" if i != n else "the button " + DEEDS[n][1]) for i in range(40)))).encode(), at + 1, step, ext="txt")
        add("answer%d" % n, "llm_response", json.dumps({"actions": [{"action_type": DEEDS[n][0], "id": DEEDS[n][1], "reasoning": DEEDS[n][2]}]}).encode(), at + 6, step, ext="json")
        add("tree%d" % n, "visible_elements_tree", json.dumps([{"id": "e%d" % i, "tagName": "a", "text": "row %d" % (i * (n + 1))} for i in range(30)]).encode(), at + 1, step, ext="json")
        add("page%d" % n, "html_action", (PAGE % SCREENS[n]).encode(), at + 8, step, ext="html")
        add("shot%d" % n, "screenshot_llm", shots[n], at + 2, step, ext="png")
        add("act%d" % n, "screenshot_action", shots[6 if failed else min(n + 1, 5)] + b"\0" * (n + 1), at + 9, step, ext="png")
    add("final", "screenshot_final", shots[6 if bad else 5] + b"\0" * 99, 121, prefix + "stp5", ext="png")
    add("har", "har", har(bad), 121, None, ext="har")
    add("log", "skyvern_log", log(bad), 121, None, ext="log")
    add("console", "browser_console_log", (iso(109) + "Z [error] Failed to load resource: the server responded with a status of 500\n" if bad else iso(4) + "Z [info] ready\n").encode(), 121, None, ext="log")
    if film:
        add("film", "recording", film, 122, None, ext="webm")
    return out


def make(emu, shots, film=None):
    emu.mode("today")
    tasks = {}
    for prefix, bad in (("g_", False), ("b_", True)):
        steps = [{"step_id": prefix + "stp%d" % n, "order": n, "retry_index": 0, "status": "failed" if bad and n == 5 else "completed", "created_at": iso(1.5 + 20 * n), "input_token_count": 2100 + n,
                  "output_token_count": 90, "step_cost": 0.012, "last_llm_model": "a-model"} for n in range(6)]
        actions = [{"action_type": a, "element_id": e, "intention": why, "reasoning": "it is the one that " + why, "status": "failed" if bad and n == 5 else "completed", "step_id": prefix + "stp%d" % n,
                    "step_order": n, "action_order": 0, "confidence_float": .9, "screenshot_artifact_id": prefix + "act%d" % n, "started_at": iso(9 + 20 * n), "finished_at": iso(10 + 20 * n)}
                   for n, (a, e, why) in enumerate(DEEDS)]
        tasks["tsk_" + prefix + "1"] = {"steps": steps, "actions": actions}
    emu.world(tasks=tasks)
    for ident, prefix, bad, day in (("wr_good", "g_", False, "19"), ("wr_bad", "b_", True, "20")):
        emu.run(ident, artifacts(prefix, bad, shots, film), title="Fetch the invoice", run_type="workflow_run", status="failed" if bad else "completed",
                failure_reason="The invoice could not be downloaded: the page shows 'Something went wrong' (HTTP 500)." if bad else None, output=None if bad else {"invoice": "2026-01", "total": 53},
                started_at=iso(1), created_at="2026-01-%sT11:52:20" % day if not bad else iso(0), finished_at=iso(124),
                run_request={"prompt": "Sign in to the books of Example Ltd., open the invoice of January, and download it as PDF.", "url": "https://books.example/"},
                story={"timeline": [{"type": "block", "created_at": iso(1), "block": {"workflow_run_id": ident, "block_type": "task", "label": "fetch", "task_id": "tsk_" + prefix + "1",
                                     "status": "failed" if bad else "completed", "duration": 120.5}, "children": []}]})
