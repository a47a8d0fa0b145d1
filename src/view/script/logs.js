// SPDX-License-Identifier: MIT
// logs: log lines with their time and level, searched and filtered. A log is plain text, JSON by line, or a JSON array.
const logs = (() => {
  const { make, button } = dom;
  const ORDER = ["debug", "info", "warn", "error"];
  const CHOICES = [
    ["", "all levels"], ["info", "info and above"], ["warn", "warnings and errors"], ["error", "errors"],
  ];
  const TIME = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?/;
  const TRACEBACK = /^(Traceback \(most recent|During handling of|The above exception|Caused by:)/;
  const EXCEPTION = /^[\w.]+(Error|Exception|Interrupt|Exit|Warning)\b/;

  /* The level that a text names, as a word of ORDER; "": none. */
  function level(text) {
    const found = /\b(trace|debug|info|warn|warning|error|severe|critical|fatal|exception)\b/i.exec(text);
    const word = found ? found[1].toLowerCase() : "";
    if (/error|severe|critical|fatal|exception/.test(word)) return "error";
    if (word.startsWith("warn")) return "warn";
    return word === "trace" ? "debug" : word;
  }

  /* An entry of a JSON log: time, level and event, then the other members. */
  function fromObject(value) {
    const { timestamp, time, level: own, log_level, levelname, event, message, msg, ...rest } = value;
    const at = timestamp ?? time;
    const word = dom.say(own ?? log_level ?? levelname);
    const what = dom.say(event ?? message ?? msg);
    const others = Object.entries(rest).map(([name, member]) => name + "=" + dom.say(member));
    const text = [dom.say(at), word.toUpperCase(), what, ...others].filter(Boolean).join(" ");
    return { at: moment.parse(at), level: level(word) || level(what), text };
  }

  function fromLine(line) {
    if (line.startsWith("{")) {
      try {
        return fromObject(JSON.parse(line));
      } catch {
        // a line of text that begins with a brace
      }
    }
    const time = TIME.exec(line.slice(0, 80));
    return { at: time ? moment.parse(time[0].replace(",", ".")) : NaN, level: level(line), text: line };
  }

  /* Whether a line belongs to the line before it: a traceback, or a message of several lines. */
  function goesOn(line) {
    return /^\s/.test(line) || TRACEBACK.test(line) || EXCEPTION.test(line);
  }

  /* The entry of a line that belongs to the last entry, whose time and level it has. */
  function following(last, line) {
    const own = level(line);
    return { at: last.at, level: last.level === "error" || !own ? last.level : own, text: line };
  }

  /* The entries of a log: {at, level, text}. */
  function entries(text) {
    if (typeof text !== "string") return dom.objects(text).map(fromObject);
    if (/^\s*\[\s*(\{|\])/.test(text)) {
      try {
        return dom.objects(JSON.parse(text)).map(fromObject);
      } catch {
        // truncated, or not JSON: it is read by lines
      }
    }
    const out = [];
    for (const line of text.split("\n").filter((l) => l.trim())) {
      const last = dom.last(out);
      out.push(last && goesOn(line) ? following(last, line) : fromLine(line));
    }
    return out;
  }

  /* An entry as an item of a list. show: null, or called with the entry's time when the item is clicked. */
  function line(entry, want, show) {
    const timed = show && !isNaN(entry.at);
    const act = timed && { "data-at": entry.at, title: "show this moment", onclick: () => show(entry.at) };
    return dom.marked(make("li", { class: entry.level, ...act }), entry.text, want);
  }

  /* The lines of a log with their filters. window: see narrow.js; show: called with the time of a clicked line. */
  function body(row, window, show) {
    const text = texts.of(row.p);
    if (text === null) return texts.file(row);
    const all = entries(text);
    const list = make("ol", { class: "lines" });
    const place = make("div");
    const count = make("output", { class: "dim" });
    const find = dom.searchField("search the log", "search", fill);
    const least = make("select", { "aria-label": "level", onchange: fill },
      ...CHOICES.map(([value, name]) => make("option", { value, text: name })));
    const isError = (entry) => entry.level === "error";
    const jump = button("First error", () => showRow(rows.findIndex(isError)));
    let rows = []; // the entries that pass the filters
    let more = null; // the button that shows more of them

    function fill() {
      const want = dom.fold(find.value);
      const min = ORDER.indexOf(least.value);
      const passes = (entry) => min < 0 || ORDER.indexOf(entry.level) >= min;
      rows = all.filter((entry) => dom.fold(entry.text).includes(want) && passes(entry) && window.has(entry.at));
      count.textContent = rows.length + " of " + all.length + " lines" + window.told();
      list.replaceChildren();
      [, more] = dom.growing(list, rows, (entry) => line(entry, want, show));
      place.replaceChildren(more);
      jump.hidden = !rows.some(isError);
    }

    function showRow(nth) {
      while (list.children.length <= nth && !more.hidden) more.click();
      const el = list.children[nth];
      el.tabIndex = -1;
      el.scrollIntoView({ block: "center" });
      el.focus();
    }

    window.watch(fill);
    fill();
    const whole = dom.link(row, texts.isCut(row.p) ? "truncated; whole log" : "whole log");
    return [dom.tools(find, least, jump), make("p", {}, count, " ", whole), dom.scroll(list), place];
  }

  /* The errors in the logs that are in this page; type: of logs of this type only, such as the browser's console. */
  function errors(rows, type) {
    return rows.filter((row) => story.is.log(row) && (!type || row.t === type))
      .flatMap((row) => entries(texts.of(row.p))).filter((entry) => entry.level === "error");
  }

  return { entries, body, errors, line };
})();
