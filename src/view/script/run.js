// SPDX-License-Identifier: MIT
// run: the page of one run: first how the run ended, then what it did, then everything that the archive has of it.
const runPage = (() => {
  const { make, button, part, lazy, growing, link, say, note, listed } = dom;
  const { is } = story;
  const OPEN = 5; // HARs of a run that are open at first
  const STEPS = 100; // recordings shown at once
  const LONG = 160; // characters; a longer title is shown smaller

  /* The title of a run, and its ID if that is not the title. */
  function heading(run, prompt) {
    const title = say(prompt || run.title || run.run_id);
    const long = title.length > LONG;
    const h2 = make("h2", { tabindex: "-1", class: long ? "long" : null, title: long ? title : null, text: title });
    const second = run.title && run.title !== title ? run.title + ", " : "";
    const id = make("p", { class: "dim" }, second, make("code", { text: run.run_id }));
    return make("div", { class: "heading" }, h2, title === run.run_id ? null : id);
  }

  /* Status; then when, how long, how much. */
  function facts(run, told) {
    const counts = run.counts || {};
    const attempts = story.attempts(told).length;
    const created = moment.full(run.created_at);
    const words = listed(run.run_type, created && created + " " + moment.zone(run.created_at),
      moment.between(run.started_at, run.finished_at), story.totals(told), attempts > 1 ? attempts + " attempts" : "",
      say(counts.archived) + " of " + say(counts.listed) + " artifacts",
      run.other_run_id ? "also " + run.other_run_id : "");
    return make("p", {}, dom.badge(run.error || run.status || "unknown"), " ", dom.dim(words));
  }

  /* A recording, of pictures or of sound only. */
  function player(row) {
    const props = { controls: "", preload: "metadata", src: dom.href(row.p), "aria-label": pictures.label(row) };
    return make("figure", {}, make(row.m, props),
      make("figcaption", { class: "dim" }, pictures.label(row) + " ", link(row)));
  }

  function films(told) {
    return told.films.length ? growing(make("div"), told.films, player, STEPS) : [];
  }

  /* The first recording of pictures, and when it begins: by its own metadata, else when the run started. */
  function filmOf(told, parts) {
    const video = parts.length ? parts[0].querySelector("video") : null;
    if (!video) return null;
    const row = told.films.find((r) => r.m === "video");
    const own = moment.parse((texts.of(row.p) || {}).start);
    return { video, start: isNaN(own) ? told.from : own, guessed: isNaN(own) };
  }

  /* The picture that shows how the run ended. */
  function lastShot({ run, shot, failing }) {
    if (!shot) return null;
    const how = failing ? "The last screenshot of the step that failed: " : "How it ended: ";
    const caption = make("figcaption", { class: "dim", text: how + pictures.label(shot) });
    return make("figure", {}, pictures.large(shot, run.rows.filter(is.shot)), caption);
  }

  /* The picture that shows how the run ended, beside the recording. */
  function hero(told, video) {
    const shot = lastShot(told);
    const film = video.length ? make("div", { class: "films" }, ...video) : null;
    if (!shot && !film) return absent.files(told.run, "screenshots and recordings", /^(screenshot|recording)/);
    return make("div", { class: shot && film ? "hero" : "hero one" }, shot, film);
  }

  function consoleErrors(rows, show) {
    const found = logs.errors(rows, "browser_console_log");
    if (!found.length) return null;
    const items = growing(make("ol", { class: "lines" }), found, (entry) => logs.line(entry, "", show));
    return part("Console errors (" + found.length + ")", ...items);
  }

  /* A part with a list of items; null if there are none. */
  function listPart(title, items, render) {
    if (!items.length) return null;
    return part(title + " (" + items.length + ")", make("ul", {}, ...items.slice(0, dom.SHOWN).map(render)));
  }

  /* Artifacts whose content does not fit their type, such as a sign-in page instead of a recording. */
  function suspectPart(rows) {
    return listPart("Suspect", rows.filter((row) => row.x), (row) =>
      make("li", {}, (row.t || "no type") + ": ", link(row), " has content that does not fit its type"));
  }

  /* Artifacts, or a whole run, that the archive lacks. */
  function lostPart(run) {
    return listPart("Missing", run.lost, ({ artifact_type, artifact_id, reason, http_status }) => {
      const what = (artifact_type || "the run itself") + " " + (artifact_id || "");
      return make("li", { text: what + ": " + reason + (http_status ? " (HTTP " + http_status + ")" : "") });
    });
  }

  /* A table of all files of a run. */
  function filesPart(run) {
    const base = "data/" + run.run_id + "/";
    const render = (row) => make("tr", {}, make("td", { text: row.t || "" }),
      make("td", { class: "n", text: dom.size(row.z) }), make("td", { text: row.c || "" }),
      make("td", { class: "path" }, link(row, row.p.replace(/^data\//, ""))));
    return lazy("All files (" + run.rows.length + ")", () => {
      const [tbody, more] = growing(make("tbody"), run.rows, render);
      const sent = [link({ p: base + "run.json" }), ", ", link({ p: base + "artifacts.json" })];
      return [
        make("p", {}, "Records as sent by the service: ", ...sent),
        dom.scroll(make("table", {}, dom.headRow(["Type", "Size", "Created", "File"]), tbody)), more,
      ];
    });
  }

  /* How many of a run's texts this page has; a search in the run finds no others. */
  function scopeOf(rows) {
    const kinds = rows.filter((row) => [is.html, is.har, is.log, is.llm, is.tree].some((test) => test(row)));
    const copied = kinds.filter((row) => texts.has(row.p)).length;
    return "Searches of this run cover its records, and " + copied + " of its " + kinds.length
      + " logs, requests, captured pages, prompts, answers and element trees"
      + (skyarc.live || copied === kinds.length ? "." : "; skyarc view searches all of them.");
  }

  /* A part with a collapsible part for each file, of which the first ones are open; or with a note (none). */
  function fileParts(title, rows, body, open, none) {
    if (!rows.length) return part(title, none);
    return part(title, ...growing(make("div"), rows, (row, i) => lazy(pictures.label(row), () => body(row), i < open)));
  }

  /* The line that says which time is shown of requests and logs, with a button to show all times. */
  function windowBar(window) {
    const bar = make("p", { class: "narrowed", role: "status" });
    window.watch(() => {
      bar.replaceChildren();
      if (!window.on()) return;
      bar.append("Requests and logs are shown" + window.told() + ". ",
        button("Show all times", () => window.set(null)));
    });
    return bar;
  }

  // The list of steps and the clock, which move each other, and the window of time (see narrow.js). A step that the
  // reader chooses sets the clock to its begin; a moment that the reader chooses (show) chooses the step of that time.
  // chosen: called with a step, and whether the reader chose it.
  function movingParts(told, video, window, chosen, signal) {
    let clock = null;
    let stepMoment = NaN; // the moment for which show chooses a step
    const list = steps.of(told, (step, byReader) => {
      chosen(step, byReader);
      if (!byReader || !step.n || isNaN(step.from)) return;
      setClock(isNaN(stepMoment) ? step.from : stepMoment);
      window.set({ from: step.from, to: step.to, name: "step " + step.n });
    });
    const setClock = (ms) => clock && clock.at(ms);
    function show(ms) {
      const step = story.stepAt(told, ms);
      stepMoment = ms;
      if (step) list.choose(step, true);
      else setClock(ms);
      stepMoment = NaN;
    }
    clock = timeline.of(told, filmOf(told, video), (step) => list.choose(step, true), show,
      signal);
    /* Show the moment of a request, or of a line of a log, which are far below the steps. */
    function lead(ms) {
      show(ms);
      if (list && story.stepAt(told, ms)) list.reveal();
    }
    const none = "No steps: the service has no record of steps, and no artifact names its step.";
    const el = list ? list.el : part("Steps", note(none));
    return { list, show: lead, parts: [clock && clock.el, el, windowBar(window)] };
  }

  /* What a run did, and all that the archive has of it: {list, window, parts}. here: whether its lines have come. */
  function parts(run, told, runs, video, chosen, here, signal) {
    const { rows } = run;
    const window = narrow.make();
    const { list, show, parts: moving } = movingParts(told, video, window, chosen, signal);
    const requests = (row) => network.body(row, window, show);
    const logLines = (row) => logs.body(row, window, show);
    function files(title, kind, body, open, none) {
      const wanted = rows.filter(kind);
      return here || !wanted.length ? fileParts(title, wanted, body, open, none) : part(title, note("loading"));
    }
    return { list, window, parts: [
      ...moving,
      records.requestParts(told),
      here ? consoleErrors(rows, show) : null,
      files("Network", is.har, requests, OPEN, absent.files(run, "requests", /^har$/)),
      files("Logs", is.log, logLines, 0, absent.files(run, "logs", /_log(_raw)?$/)),
      records.blocksPart(told, runs),
      search.part(() => scopeOf(rows)),
      records.allPart(run),
      part("Files", filesPart(run)),
    ].filter(Boolean) };
  }

  // Show a run whose records are here. chosen: called with a chosen step. Returns a function that shows what the run
  // did, with its lines (here) or without. When that is called again, what it shows takes the place of what it showed
  // before; the recording goes on, and the window of time stays. It returns the list of steps, or null.
  function fill(main, run, told, runs, chosen) {
    const { rows, failure_reason, notes } = run;
    const video = films(told);
    const reason = make("p", { class: "reason", role: "note" }, make("strong", { text: "Failed: " }), failure_reason);
    const rest = make("div");
    main.replaceChildren(...[
      heading(run, told.prompt),
      facts(run, told),
      failure_reason ? reason : null,
      Array.isArray(notes) && notes.length ? note("Notes: " + notes.map(say).join(", ")) : null,
      hero(told, video),
      compare.offer(run, runs),
      lostPart(run),
      suspectPart(rows),
      records.attemptsPart(told),
      records.familyPart(run, runs),
      rest,
    ].filter(Boolean));
    let old = null; // what rest shows: {window, end}
    return (nowTold, here) => {
      const end = new AbortController();
      const { list, window, parts: made } = parts(run, nowTold, runs, video, chosen, here, end.signal);
      rest.replaceChildren(...made);
      if (old) {
        old.end.abort();
        window.set(old.window.get());
      }
      old = { window, end };
      return list;
    };
  }

  return { fill, heading };
})();
