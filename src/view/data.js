// SPDX-License-Identifier: MIT
// Where the offline view gets its data from, and the only part of it that knows. The rest asks
//   skyarc.runs       the short rows of all runs, in the archive's order
//   skyarc.load(run)  a promise of {run, rows, missing, texts}: the whole row of a run, the rows of
//                     its artifacts (p path, z size, m image, video, audio or "", s step, i ID, t type, c time of
//                     creation, x suspect), what is missing, and a Map of path -> {cut, value}, where a value
//                     is a text, or what was parsed from JSON (records, requests)
//   skyarc.words(run) the texts of a run that was loaded, in lower case, for searches; or ""
//   skyarc.find(text) a promise of the runs that have a text by the server's catalog, of which some may not be in
//                     skyarc.runs; none if there is no catalog
//   skyarc.live       whether `skyarc view` serves the page: then every file can be shown by a link
// A page that was opened from a file can load scripts, but read no files: so each run has a script,
// its sidecar, which calls skyarc.take with one string. Only names of sidecars are ever loaded.
// A page that is served asks the server for the same data.
"use strict";
const skyarc = (() => {
  const SIDECAR = /^\.\/view\/[A-Za-z0-9_-]{1,128}\.js$/;
  const rules = {
    createScriptURL(url) {
      if (!SIDECAR.test(url)) throw new TypeError("not a sidecar: " + url);
      return url;
    },
    createHTML: (text) => text, // of sandboxed frames, and of documents that are not shown
  };
  const policy = globalThis.trustedTypes ? trustedTypes.createPolicy("skyarc", rules) : rules;

  const live = document.querySelector('meta[name="generator"][content="skyarc: live"]') !== null;
  const here = new Map(); // run ID -> the script element that has its data, in a page that has all
  for (const el of document.querySelectorAll("script[data-sidecar]")) here.set(el.dataset.sidecar, el);
  const asked = new Map(); // run ID -> a promise of its data
  const waiting = new Map(); // run ID -> what to do with its data
  const found = new Map(); // run ID -> its data
  const words = new Map(); // run ID -> its texts in lower case

  /* Called by a sidecar. */
  function take(id, text) {
    const then = waiting.get(id);
    if (then) then(text);
  }

  /* Load the sidecar of a run; it calls take. */
  function fetchText(id) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const end = () => {
        waiting.delete(id);
        script.remove();
        reject(new Error("view/" + id + ".js is not beside this page, or is damaged"));
      };
      waiting.set(id, resolve);
      script.addEventListener("load", end); // without an effect if the sidecar has called take
      script.addEventListener("error", end);
      script.src = policy.createScriptURL("./view/" + id + ".js");
      document.head.append(script);
    });
  }

  /* Ask the server for the data of a run. */
  async function ask(id) {
    const answer = await fetch("./view/" + encodeURIComponent(id) + ".json");
    if (answer.ok) return answer.text();
    throw new Error(answer.status === 403 ? "the server does not know this browser; open the address that 'skyarc view' printed"
      : (await answer.text()).trim() || "the server answered " + answer.status);
  }

  let searchable = live;

  async function find(text) {
    if (!searchable || !text) return [];
    const answer = await fetch("./search?q=" + encodeURIComponent(text));
    searchable = answer.status !== 404;
    return answer.ok ? (await answer.json()).runs.map(brief) : [];
  }

  const KINDS = ["", "image", "video", "audio"];

  /* A path without data/RUN_ID/ is of the run. */
  function whole(run, path) {
    return path.startsWith("data/") ? path : "data/" + run.run_id + "/" + path;
  }

  /* The object of an artifact's row. What the row lacks is in its path, data/RUN_ID/TYPE/TIME_ID.EXT. */
  function complete(run, [path, size, kind, step, id, type, created, odd]) {
    const p = whole(run, path);
    const end = p.lastIndexOf("/");
    const name = p.slice(end + 1);
    let c = created;
    if (typeof c !== "string") {
      const time = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d(?:\.\d+)?)Z_/.exec(name);
      c = time ? time[1] + "-" + time[2] + "-" + time[3] + "T" + time[4] + ":" + time[5] + ":" + time[6] : "";
    }
    return { p, z: size, m: KINDS[kind || 0], s: step || null, i: id || name.slice(name.indexOf("_") + 1, name.lastIndexOf(".")),
      t: typeof type === "string" ? type : p.slice(p.lastIndexOf("/", end - 1) + 1, end), c, x: Boolean(odd) };
  }

  /* The object of a run's short row. */
  function brief(row) {
    const [run_id, status, run_type, created_at, error, other_run_id, parent_run_id, title, failure_reason] = row.map((v) => v || null);
    return { run_id, status, run_type, created_at, error, other_run_id, parent_run_id, title, failure_reason };
  }

  async function get(run) {
    const el = here.get(run.run_id);
    const data = JSON.parse(el ? el.textContent : await (live ? ask : fetchText)(run.run_id));
    data.rows = data.rows.map((row) => complete(run, row));
    data.texts = new Map(data.texts.map(([path, cut, value]) => [whole(run, path), { cut: Boolean(cut), value }]));
    found.set(run.run_id, data);
    return data;
  }

  return {
    runs: JSON.parse(document.getElementById("rows").textContent).runs.map(brief),
    live,
    find,
    policy,
    take,
    load(run) {
      if (!asked.has(run.run_id)) asked.set(run.run_id, get(run));
      return asked.get(run.run_id);
    },
    words(run) {
      const data = found.get(run.run_id);
      if (data && !words.has(run.run_id))
        words.set(run.run_id, [...data.texts.values()].map(({ value }) => (typeof value === "string" ? value : JSON.stringify(value))).join("\n").toLowerCase());
      return words.get(run.run_id) || "";
    },
    isLoaded: (run) => found.has(run.run_id),
  };
})();
