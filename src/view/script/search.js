// SPDX-License-Identifier: MIT
// search: finds a text in all that this page has of a run: records, logs, requests, prompts and captured pages.
const search = (() => {
  const { make } = dom;
  const LINES = 20; // of one file that are shown
  const LONG = 400; // characters; only a part of a longer line is shown
  const BEFORE = 150; // characters of a long line that are shown before the match
  const OPEN = 4; // the files are shown open if they are fewer than these

  function textOf(path) {
    const value = texts.of(path);
    return typeof value === "string" ? value : JSON.stringify(value, null, 1);
  }

  /* How often a folded text occurs in another one. */
  function count(text, want) {
    let found = 0;
    for (let i = text.indexOf(want); i >= 0; i = text.indexOf(want, i + want.length)) found++;
    return found;
  }

  /* {path, n, lines}: the number of matches in a file, and the first lines that have one. */
  function hitOf(path, want) {
    const text = textOf(path);
    const n = count(dom.fold(text), want);
    const lines = n ? text.split("\n").filter((line) => dom.fold(line).includes(want)).slice(0, LINES) : [];
    return { path, n, lines };
  }

  /* A long line is cut around its first match. */
  function around(line, want) {
    if (line.length <= LONG) return line;
    const at = dom.fold(line).indexOf(want);
    const from = Math.max(0, at - BEFORE);
    const to = at + LONG - BEFORE;
    return (from ? "\u2026" : "") + line.slice(from, to) + (line.length > to ? "\u2026" : "");
  }

  /* A file with matches, as a collapsible part. */
  function hitPart(hit, want, open) {
    const name = hit.path.replace(/^data\/[^/]*\//, "");
    const item = (line) => dom.marked(make("li"), around(line, want), want);
    return dom.lazy(name + " (" + hit.n + ")", () => [
      make("p", {}, dom.link({ p: hit.path })), make("ol", { class: "lines" }, ...hit.lines.map(item)),
    ], open);
  }

  /* The field, and the files with matches. scope: returns a sentence that says what is searched. */
  function part(scope) {
    const list = make("div");
    const out = make("output", { class: "dim" });
    const find = dom.searchField("search this run", "search the texts of this run", fill);
    function fill() {
      const want = dom.fold(find.value);
      const long = want.length > 1; // a single letter is everywhere
      const hits = long ? texts.paths().map((path) => hitOf(path, want)).filter((hit) => hit.n) : [];
      const places = hits.reduce((sum, hit) => sum + hit.n, 0);
      out.textContent = long ? dom.plural(places, "place") + " in " + dom.plural(hits.length, "text") : "";
      const shown = hits.slice(0, dom.SHOWN);
      list.replaceChildren(...shown.map((hit) => hitPart(hit, want, hits.length < OPEN)));
    }
    const covered = dom.note("The texts of this run are being loaded.");
    const section = dom.part("Search", dom.tools(find), out, list, covered);
    section.setAttribute("aria-busy", "true");
    texts.whenHere(() => {
      covered.textContent = scope();
      section.removeAttribute("aria-busy");
      if (find.value) fill();
    });
    return section;
  }

  return { part, count };
})();
