// SPDX-License-Identifier: MIT
// network: the requests of a HAR file, one line each: sorted, filtered, and on an axis of time; details on a click.
const network = (() => {
  const { make, button } = dom;
  const TAIL = 26; // characters at the end of a URL that are always shown
  const HEADS = [
    ["#", "i"], ["Method", "method"], ["URL", "url"], ["Status", "status"], ["Type", "mime"], ["Size", "bytes"],
    ["Time", "took"], ["Waterfall", "start"],
  ]; // the columns: [title, member of an entry]
  const KINDS = [
    ["page", /html/], ["data", /json|xml|protobuf|event-stream/], ["script", /javascript|ecmascript|wasm/],
    ["style", /css/], ["image", /^image/], ["font", /font/], ["media", /^(audio|video)/],
  ]; // of responses: [name, media types]

  function kindOf(mime) {
    const found = KINDS.find(([, pattern]) => pattern.test(mime));
    return found ? found[0] : "other";
  }

  /* The class of a status code, for the filter: 2xx, 3xx. */
  function classOf(status) {
    if (!status) return "failed";
    return status >= 100 && status < 600 ? Math.floor(status / 100) + "xx" : "odd status";
  }

  /* The entries of a HAR's summary; a start that is not known is NaN. */
  function entriesOf(har) {
    return har.entries.map(([start, took, method, url, status, mime, bytes, error], i) => ({
      i: i + 1, start: start || NaN, took, method: method || "", url: url || "", status, mime: mime || "", bytes, error,
      kind: kindOf(mime || ""),
      class: classOf(status),
      bad: !status || status >= 400,
    }));
  }

  /* The requests of all HAR files of a run that are in this page. */
  function of(told) {
    return told.run.rows.filter(story.is.har).flatMap((row) => {
      const har = texts.of(row.p);
      return har && har.entries ? entriesOf(har) : [];
    });
  }

  /* A URL in one line; the middle of a long URL is hidden. */
  function urlCell({ url, error }) {
    const cut = Math.max(0, url.length - TAIL);
    const line = make("div", {}, make("span", { text: url.slice(0, cut) }), make("span", { text: url.slice(cut) }));
    return make("td", { class: "url", title: url }, line,
      error ? make("span", { class: "failed", text: "(" + error + ")" }) : null);
  }

  /* The headers of a request or of a response; null if there are none. */
  function headers(title, list) {
    const rows = dom.objects(list).slice(0, dom.SHOWN);
    const pair = ({ name, value }) => [make("dt", { text: dom.say(name) }), make("dd", { text: dom.say(value) })];
    return rows.length ? make("div", {}, make("h5", { text: title }), make("dl", {}, ...rows.flatMap(pair))) : null;
  }

  /* The elements for an entry of the HAR file: timings, headers and bodies. */
  function detailsOf(whole) {
    const [request, response] = [whole.request || {}, whole.response || {}];
    const timings = Object.entries(whole.timings || {}).filter(([, ms]) => typeof ms === "number" && ms >= 0)
      .map(([name, ms]) => name + " " + moment.took(ms));
    const bodies = [["Request body", request.postData], ["Response body", response.content]]
      .map(([name, content]) => [name, dom.say((content || {}).text)]).filter(([, text]) => text);
    return [
      timings.length ? make("p", { text: timings.join(", ") }) : null,
      headers("Request headers", request.headers), headers("Response headers", response.headers),
      ...bodies.map(([name, text]) => dom.lazy(name, () => texts.searchable(dom.pretty(text)))),
    ].filter(Boolean);
  }

  /* Read the HAR file for more about a request; only a page that is served can read it. */
  async function addDetails(row, entry, place) {
    if (!skyarc.live) {
      const advice = "Headers and bodies are in the file; skyarc view shows them here: ";
      place.append(make("p", { class: "dim" }, advice, dom.link(row)));
      return;
    }
    try {
      const answer = await fetch(dom.href(row.p));
      if (!answer.ok) throw new Error(await answer.text());
      const whole = (await answer.json()).log.entries[entry.i - 1];
      place.append(...detailsOf(whole || {}));
    } catch (why) {
      place.append(make("p", { role: "alert", text: "The file cannot be read: " + why.message }));
    }
  }

  /* The row of a table with everything about a request. */
  function drawer(row, entry, show) {
    const { method, url, status, error, mime, bytes, start, took } = entry;
    const timed = !isNaN(start);
    const place = make("div");
    const facts = dom.listed(status ? "status " + status : "failed", error, mime, bytes < 0 ? "" : dom.size(bytes),
      timed ? "started " + moment.full(start) + " " + moment.zone(start) : "", "took " + moment.took(took));
    addDetails(row, entry, place);
    return make("tr", { class: "drawer" }, make("td", { colspan: String(HEADS.length) },
      make("p", { class: "whole", text: method + " " + url }), make("p", { text: facts }),
      timed ? button("Show this moment", () => show(start)) : null, place));
  }

  /* The place of a request on the axis of time. */
  function waterfall(entry, first, span) {
    const bar = make("i");
    bar.style.left = (entry.start - first) / span * 100 + "%";
    bar.style.width = entry.took / span * 100 + "%";
    return make("td", { class: "fall" }, make("div", { class: "bar" }, isNaN(entry.start) ? null : bar));
  }

  /* The line of a request; a click on it, or on its number, opens and closes the details. */
  function lineOf(entry, fall, open) {
    const cell = (text, style) => make("td", { class: style, text });
    let details = null;
    function toggle() {
      if (details) details.remove();
      details = details ? null : open();
      if (details) tr.after(details);
      number.setAttribute("aria-expanded", String(details !== null));
    }
    const label = "details of request " + entry.i;
    const number = button(entry.i, toggle, { class: "plain", "aria-expanded": "false", "aria-label": label });
    const tr = make("tr", {
      class: entry.bad ? "error" : null,
      onclick: (event) => {
        if (event.target !== number) toggle();
      },
    }, make("td", { class: "n" }, number), cell(entry.method), urlCell(entry), cell(entry.status || "failed", "n"),
    cell(entry.mime.split(";")[0], "mime"), cell(entry.bytes < 0 ? "" : dom.size(entry.bytes), "n"),
    cell(moment.took(entry.took), "n"), fall);
    return tr;
  }

  // The first row of the table. Its buttons sort: sort is called with the member of an entry, and 1 for ascending
  // or -1 for descending order.
  function sortable(span, sort) {
    const axis = ["0", moment.took(span / 2), moment.took(span)].map((text) => make("span", { text }));
    let order = ["i", 1];
    const heads = HEADS.map(([name, key]) => {
      const th = make("th", { scope: "col" }, button(name, () => {
        order = [key, order[0] === key ? -order[1] : 1];
        for (const other of heads) other.removeAttribute("aria-sort");
        th.setAttribute("aria-sort", order[1] > 0 ? "ascending" : "descending");
        sort(...order);
      }, { class: "plain" }), key === "start" ? make("span", { class: "axis" }, ...axis) : null);
      return th;
    });
    return make("thead", {}, make("tr", {}, ...heads));
  }

  // Buttons that filter entries by a member; changed is called after each click. Returns {chip, chips, fits}: chip
  // creates a button for one value of a member, chips creates one for each value, and fits tells whether an entry
  // has, of each member with pressed buttons, the value of one of these buttons.
  function filters(entries, changed) {
    const pressed = new Map(); // member -> set of values

    function chip(name, key, value) {
      const count = entries.filter((entry) => entry[key] === value).length;
      const el = button(name + " " + count, () => {
        const values = pressed.get(key) || new Set();
        const on = !values.delete(value);
        if (on) values.add(value);
        if (values.size) pressed.set(key, values);
        else pressed.delete(key);
        el.setAttribute("aria-pressed", String(on));
        changed();
      }, { class: "chip", "aria-pressed": "false" });
      return el;
    }

    const valuesOf = (key) => [...new Set(entries.map((entry) => entry[key]))].sort();
    return {
      chip,
      chips: (key) => valuesOf(key).map((value) => chip(value, key, value)),
      fits: (entry) => [...pressed].every(([key, values]) => values.has(entry[key])),
    };
  }

  /* The requests of a HAR file. window: see narrow.js; show: called with the time of a request, to show that moment. */
  function body(row, window, show) {
    const har = texts.of(row.p);
    if (har === null || !har.entries) return texts.file(row);
    const entries = entriesOf(har);
    const timed = entries.filter((entry) => !isNaN(entry.start));
    const first = timed.reduce((least, entry) => Math.min(least, entry.start), Infinity);
    const span = timed.reduce((most, entry) => Math.max(most, entry.start - first + entry.took), 1);
    const bad = entries.filter((entry) => entry.bad).length;
    const tbody = make("tbody");
    const place = make("div");
    const count = make("output", { class: "dim" });
    const find = dom.searchField("filter requests", "filter by URL, method or status", fill);
    const { chip, chips, fits } = filters(entries, fill);
    let compare = () => 0;

    function fill() {
      const want = dom.fold(find.value);
      const has = (entry) => dom.fold(entry.method + " " + entry.status + " " + entry.url).includes(want);
      const shown = entries.filter((entry) => fits(entry) && window.has(entry.start) && has(entry)).sort(compare);
      const line = (entry) => lineOf(entry, waterfall(entry, first, span), () => drawer(row, entry, show));
      count.textContent = shown.length + " of " + entries.length + " requests" + window.told();
      tbody.replaceChildren();
      place.replaceChildren(dom.growing(tbody, shown, line)[1]);
    }

    const thead = sortable(span, (key, way) => {
      const value = (entry) => (Number.isNaN(entry[key]) ? -1 : entry[key]); // unknown times come first
      compare = (a, b) => (value(a) < value(b) ? -way : value(a) > value(b) ? way : a.i - b.i);
      fill();
    });
    window.watch(fill);
    fill();
    const cut = har.total > entries.length ? "; the first " + entries.length + " are shown. " : ". ";
    const table = dom.scroll(make("table", {}, thead, tbody));
    table.classList.add("requests");
    return [
      make("p", { class: "dim" }, dom.plural(har.total, "request") + ", " + bad + " failed, " + moment.took(span) + cut,
        dom.link(row, "whole HAR")),
      make("div", { class: "tools wrap" }, find, bad ? chip("errors only", "bad", true) : null,
        ...chips("class"), ...chips("kind")),
      make("p", {}, count), table, place,
    ];
  }

  return { body, of };
})();
