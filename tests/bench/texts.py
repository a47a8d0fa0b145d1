# SPDX-License-Identifier: MIT
"""The set `text`: what the steps of runs keep of real pages, each step nearly as the step before.

The pages are the HTML documentation in the Debian packages fish-common and valgrind. Each step of a run
keeps the page, the page after the action, the page's element tree in three forms, the prompt, the answer
and a screenshot. A run stays on a page for some steps; from step to step a token, a notice and some states
change, and every other page after the action is the same, byte for byte.
"""
import glob
import html.parser
import json
import os

from netlab.content import PNG, media

PACKAGES = {"fish-common": "/usr/share/doc/fish", "valgrind": "/usr/share/doc/valgrind/html"}
STEPS = 30  # of a run
RUNS = 18   # at scale 1: 157 MiB of text, 119 MiB of media
LEAST = 8000  # bytes of a page; shorter ones are left out
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
ACTS = {"a", "button", "input", "select", "textarea", "summary"}
RULES = "".join("%d. %s\n" % (i + 1, rule) for i, rule in enumerate([
    "Identify actions to help the user progress towards the user goal using the DOM elements given in the list.",
    "Use only the IDs of elements that are in the list; never invent an ID, and never use one twice.",
    "Each action has a reasoning, a confidence between 0 and 1, an action type and the ID of an element.",
    "If the goal is achieved, answer with a single action of type COMPLETE; if it cannot be, with TERMINATE.",
    "Do not repeat an action of the history that had no effect on the page.",
    "Answer with JSON only, without explanations before or after it.",
] * 4))


class Tree(html.parser.HTMLParser):
    """Builds the tree of elements, as Skyvern describes a page."""

    def __init__(self):
        super().__init__()
        self.root = {"children": []}
        self.open = [self.root]
        self.count = 0

    def handle_starttag(self, tag, attrs):
        self.count += 1
        node = {"id": "A%03X" % self.count, "frame": "main.frame", "frame_index": 0, "tagName": tag,
                "interactable": tag in ACTS, "attributes": dict(attrs), "text": "", "children": []}
        self.open[-1]["children"].append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag):
        for depth in range(len(self.open) - 1, 0, -1):
            if self.open[depth]["tagName"] == tag:
                del self.open[depth:]
                return

    def handle_data(self, data):
        data = " ".join(data.split())
        if data and len(self.open) > 1:
            self.open[-1]["text"] = (self.open[-1]["text"] + " " + data).strip()


def tree(page):
    parser = Tree()
    parser.feed(page)
    return parser.root["children"]


def trimmed(node):
    """A node without what a prompt does not need."""
    keep = {k: v for k, v in node["attributes"].items() if k in ("href", "name", "type", "value", "title")}
    return {"id": node["id"], "tagName": node["tagName"], **({"attributes": keep} if keep else {}),
            **({"text": node["text"]} if node["text"] else {}),
            **({"children": [trimmed(c) for c in node["children"]]} if node["children"] else {})}


def in_prompt(node, out):
    """The same as the text of a prompt: elements with an ID only where they can be acted on."""
    if node["tagName"] in ("script", "style", "head"):
        return
    mark = ' id="%s"' % node["id"] if node["interactable"] else ""
    out.append("<%s%s>%s" % (node["tagName"], mark, node["text"]))
    for child in node["children"]:
        in_prompt(child, out)
    out.append("</%s>" % node["tagName"])


def absent():
    """The packages whose pages are not on this machine; dpkg may be configured to leave documentation out."""
    return [package for package, folder in PACKAGES.items() if not glob.glob(folder + "/**/*.html", recursive=True)]


def pages():
    """(URL, text) of all pages of the packages."""
    found = []
    for folder in PACKAGES.values():
        for name in sorted(glob.glob(folder + "/**/*.html", recursive=True)):
            with open(name, encoding="utf-8", errors="replace") as file:
                text = file.read()
            if len(text) >= LEAST:
                found.append(("https://docs.example.org" + name[len(os.path.dirname(folder)):], text))
    return found


def changed(rng, page, step):
    """The page as it is at another step: a token and a notice, and a state of some elements."""
    notice = ("<form><input type='hidden' name='csrf' value='%032x'></form><div class='notice'>Step %d: "
              "%d results</div>" % (rng.getrandbits(128), step, rng.randrange(1000)))
    head, mark, rest = page.partition("</head>")
    body, close, tail = rest.partition(">")
    page = head + mark + body + close + notice + tail
    for _ in range(3):
        at = page.find("<li", rng.randrange(len(page)))
        if at >= 0:
            page = page[:at] + "<li data-state='seen-%d'" % rng.randrange(100) + page[at + 3:]
    return page


def step_things(rng, url, page, history):
    """The artifacts of one step; what is done in it is added to the history."""
    nodes = tree(page)
    lines = []
    for node in nodes:
        in_prompt(node, lines)
    seen = "\n".join(lines)
    prompt = ("%s\nUser goal: collect the descriptions of all options.\n\nAction history:\n%s\n\n"
              "Clickable elements from `%s`:\n```\n%s\n```\n" % (RULES, "\n".join(history), url, seen))
    element = "A%03X" % rng.randrange(1, 200)
    answer = {"reasoning": "The page %s lists options; element %s opens the next of them." % (url, element),
              "actions": [{"action_type": "CLICK", "id": element, "confidence_float": round(rng.random(), 2)}]}
    history.append(json.dumps(answer["actions"][0]))
    small = [trimmed(node) for node in nodes]
    yield "html_scrape", "html", page.encode()
    yield "visible_elements_tree", "json", json.dumps(nodes).encode()
    yield "visible_elements_tree_trimmed", "json", json.dumps(small).encode()
    yield "visible_elements_tree_in_prompt", "txt", seen.encode()
    yield "llm_prompt", "txt", prompt.encode()
    yield "llm_request", "json", json.dumps({"model": "model-1", "max_tokens": 4096, "messages": [
        {"role": "user", "content": [{"type": "text", "text": prompt}]}]}).encode()
    yield "llm_response", "json", json.dumps(answer).encode()
    yield "screenshot_llm", "png", media(rng, rng.randrange(80_000, 380_000), PNG)
    after = page if rng.random() < 0.5 else page.replace("class='notice'", "class='notice done'")
    yield "html_action", "html", after.encode()


def runs(rng, scale):
    """(ID, artifacts) of each run, 18 runs at scale 1."""
    every = pages()
    steps = max(6, int(RUNS * STEPS * scale))
    for number in range((steps + STEPS - 1) // STEPS):
        yield "text_%d" % number, run_things(rng, every, min(STEPS, steps - number * STEPS))


def run_things(rng, every, steps):
    history = []
    url, page = "", ""
    for step in range(steps):
        if step == 0 or rng.random() < 0.2:
            url, page = rng.choice(every)
        yield from step_things(rng, url, changed(rng, page, step), history)
