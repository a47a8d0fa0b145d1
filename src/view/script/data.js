// SPDX-License-Identifier: MIT
// data: where the offline view gets its data from; no other module knows. The other modules use
//   skyarc.runs       the short rows of all runs, in the archive's order
//   skyarc.about()    a promise of the totals: {source, created, artifacts, bytes, missing, archives}, where archives
//                     are {name, manifest_sha256}; a value that is not known is null or absent
//   skyarc.aboutHere  what this page itself has of the totals
//   skyarc.load(run)  a promise of {run, rows, missing, texts}: the whole row of a run; the rows of its artifacts
//                     (p path, z size, m image, video, audio or "", s step, i ID, t type, c time of creation,
//                     x suspect); what is missing; and a Map of path -> {cut, value}, where a value is a text, or
//                     parsed JSON (records, requests)
//   skyarc.later(run, part)
//                     a promise of undefined: afterwards the Map of texts has those of this part, too. A page that is
//                     served asks for a run's records first; "lines" are requests, logs and the model's answers,
//                     "texts" all others. In a page from a file, load has all of them
//   skyarc.isHere(run, part)
//                     whether the Map of texts has this part
//   skyarc.words(run) the texts of a run that was loaded, folded (dom.fold) for searches; "" for any other run
//   skyarc.find(text) a promise of the short rows of the runs in which the server's catalog finds a text; some may
//                     not be in skyarc.runs; without a catalog there are none
//   skyarc.filtered   whether a filter chose the archive's artifacts; undefined: not known, as of a directory
//   skyarc.live       whether `skyarc view` serves the page: then a link can show every file
// A page that was opened from a file can load scripts, but cannot read files. So each run has a script, its sidecar,
// which calls skyarc.take with one string. The page loads no script but sidecars.
// A page that is served asks the server for the same data.
"use strict";
const skyarc = (() => {
  const SIDECAR = /^\.\/view\/[A-Za-z0-9_-]{1,128}\.js$/;
  const rules = {
    createScriptURL(url) {
      if (!SIDECAR.test(url)) throw new TypeError("not a sidecar: " + url);
      return url;
    },
    createHTML: (text) => text, // only for sandboxed frames, and for documents that are not shown
  };
  const policy = globalThis.trustedTypes ? trustedTypes.createPolicy("skyarc", rules) : rules;

  const live = document.querySelector('meta[name="generator"][content="skyarc: live"]') !== null;
  const here = new Map(); // run ID -> the script element that has its data, in a page that has all
  for (const el of document.querySelectorAll("script[data-sidecar]")) here.set(el.dataset.sidecar, el);
  const asked = new Map(); // run ID -> a promise of its data
  const waiting = new Map(); // run ID -> the function that gets its data
  const found = new Map(); // run ID -> its data
  const words = new Map(); // run ID -> its folded texts

  /* A sidecar calls take with its data. */
  function take(id, text) {
    const resolve = waiting.get(id);
    if (resolve) resolve(text);
  }

  /* Load the sidecar of a run; the sidecar calls take. */
  function fetchText(id) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const end = () => {
        waiting.delete(id);
        script.remove();
        reject(new Error("view/" + id + ".js is not beside this page, or is damaged"));
      };
      waiting.set(id, resolve);
      script.addEventListener("load", end); // has no effect if the sidecar has called take
      script.addEventListener("error", end);
      script.src = policy.createScriptURL("./view/" + id + ".js");
      document.head.append(script);
    });
  }

  /* Ask the server for data of a run; end: of the path. */
  async function ask(id, end) {
    const answer = await fetch("./view/" + encodeURIComponent(id) + end);
    if (answer.ok) return answer.text();
    if (answer.status === 403)
      throw new Error("the server does not know this browser; open the address that 'skyarc view' printed");
    throw new Error((await answer.text()).trim() || "the server answered " + answer.status);
  }

  let searchable = live;

  /* Ask the server's catalog for the runs that have a text. */
  async function find(text) {
    if (!searchable || !text) return [];
    const answer = await fetch("./search?q=" + encodeURIComponent(text));
    searchable = answer.status !== 404;
    return answer.ok ? (await answer.json()).runs.map(brief) : [];
  }

  const KINDS = ["", "image", "video", "audio"];
  const PARTS = ["lines", "texts"]; // of a run's texts, beside its records

  /* The whole path of a file; the data leaves out data/RUN_ID/ of the run's own files. */
  function whole(run, path) {
    return path.startsWith("data/") ? path : "data/" + run.run_id + "/" + path;
  }

  /* The time in the name of a file, TIME_ID.EXT; "" if there is none. */
  function timeOf(name) {
    const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d(?:\.\d+)?)Z_/.exec(name);
    if (!found) return "";
    const [, year, month, day, hour, minute, second] = found;
    return year + "-" + month + "-" + day + "T" + hour + ":" + minute + ":" + second;
  }

  /* The object of an artifact's row. Values that the row leaves out are in its path, data/RUN_ID/TYPE/TIME_ID.EXT. */
  function complete(run, [path, size, kind, step, id, type, created, suspect]) {
    const p = whole(run, path);
    const end = p.lastIndexOf("/");
    const name = p.slice(end + 1);
    return {
      p,
      z: size,
      m: KINDS[kind || 0],
      s: step || null,
      i: id || name.slice(name.indexOf("_") + 1, name.lastIndexOf(".")),
      t: typeof type === "string" ? type : p.slice(p.lastIndexOf("/", end - 1) + 1, end),
      c: typeof created === "string" ? created : timeOf(name),
      x: Boolean(suspect),
    };
  }

  /* The object of a run's short row. */
  function brief(row) {
    const [run_id, status, run_type, created_at, error, other_run_id, parent_run_id, title, failure_reason] =
      row.map((v) => v || null);
    return { run_id, status, run_type, created_at, error, other_run_id, parent_run_id, title, failure_reason };
  }

  /* [path, text] of the texts in a run's data. */
  function textsOf(run, { texts }) {
    return texts.map(([path, cut, value]) => [whole(run, path), { cut: Boolean(cut), value }]);
  }

  /* Read the data of a run: from this page, from the server, or from the sidecar. */
  async function get(run) {
    const el = here.get(run.run_id);
    const text = el ? el.textContent : await (live ? ask(run.run_id, ".json") : fetchText(run.run_id));
    const data = JSON.parse(text);
    data.rows = data.rows.map((row) => complete(run, row));
    data.texts = new Map(textsOf(run, data));
    data.later = new Map(live ? [] : PARTS.map((part) => [part, Promise.resolve()])); // part -> a promise
    data.here = new Set(live ? [] : PARTS); // the parts that have come
    found.set(run.run_id, data);
    return data;
  }

  /* Add a part of the texts of a run. */
  async function add(run, data, part) {
    const more = JSON.parse(await ask(run.run_id, "/" + part + ".json"));
    for (const [path, text] of textsOf(run, more)) data.texts.set(path, text);
    words.delete(run.run_id);
    data.here.add(part);
  }

  const rows = JSON.parse(document.getElementById("rows").textContent);

  /* The totals and the manifest's digest; a server reads the whole archive for them, so the page asks afterwards. */
  async function about() {
    if (!live) return rows.about;
    try {
      const answer = await fetch("./about");
      return answer.ok ? { ...rows.about, ...await answer.json() } : rows.about;
    } catch {
      return rows.about; // the server has ended
    }
  }

  /* The data of a run is read once; after a failure, the next call tries again. */
  function load(run) {
    const id = run.run_id;
    if (!asked.has(id)) {
      asked.set(id, get(run));
      asked.get(id).catch(() => asked.delete(id));
    }
    return asked.get(id);
  }

  /* Each part is read once, after the one before; after a failure, the next call tries again. */
  async function later(run, part) {
    const data = await load(run);
    if (part === "texts") await later(run, "lines");
    if (!data.later.has(part)) {
      data.later.set(part, add(run, data, part));
      data.later.get(part).catch(() => data.later.delete(part));
    }
    return data.later.get(part);
  }

  function wordsOf(run) {
    const data = found.get(run.run_id);
    if (data && !words.has(run.run_id)) {
      const values = [...data.texts.values()].map(({ value }) => dom.say(value));
      words.set(run.run_id, dom.fold(values.join("\n")));
    }
    return words.get(run.run_id) || "";
  }

  return {
    runs: rows.runs.map(brief), filtered: rows.about.filter, about, aboutHere: rows.about, live, find, policy, take,
    load, later, words: wordsOf,
    isHere: (run, part) => found.has(run.run_id) && found.get(run.run_id).here.has(part),
  };
})();
