// SPDX-License-Identifier: MIT
// main: which run is shown, and its address; the header and the keys.
(() => {
  const { make } = dom;
  const main = document.getElementById("main");
  const help = document.getElementById("help");
  let current = null; // the run that is shown
  let stepList = null; // of the run that is shown
  let compared = false; // a comparison is shown
  let turn = 0; // counts what was shown: what comes late for something else is not shown
  const runs = { get: runList.get, button: runList.button, compare: openCompared }; // for the parts of a run's page

  /* -- what is shown -- */

  /* Use the texts of a run, and add the run's data, when it is new, to the run's short row. more: a promise, until
   * which texts are added; or null. */
  function adopt(run, data, more) {
    texts.use(data.texts, more);
    if (run.rows) return;
    Object.assign(run, data.run, { rows: data.rows, lost: data.missing });
    run.records_count = dom.number(run.records);
    run.records = new Map(); // name -> path
    run.rows.forEach((row, n) => {
      row.n = n;
    });
    run.rows.sort(story.byTime);
    for (const path of data.texts.keys()) {
      const name = /^data\/[^/]+\/records\/([^/]+)\.json$/.exec(path);
      if (name) run.records.set(name[1], path);
    }
  }

  function addressOf(run, step) {
    return "#" + encodeURIComponent(run.run_id) + (step && step.n ? "/" + step.n : "");
  }

  /* The run of the address, if there is one, and the number of its step, or 0. */
  function asked() {
    const [id, n] = location.hash.slice(1).split("/");
    try {
      return [runList.get(decodeURIComponent(id)), Number(n) || 0];
    } catch {
      return [undefined, 0]; // a % that begins no escape
    }
  }

  const setBusy = (busy) => main.setAttribute("aria-busy", String(busy));

  /* Show the title and the status of a run, and what follows them. */
  function showShort(run, more, ...rest) {
    main.replaceChildren(runPage.heading(run, ""), make("p", {}, runList.badge(run), more), ...rest);
  }

  function showFailure(run, why) {
    const { run_id, failure_reason } = run;
    const text = why.message + ". The files of this run are in data/" + run_id + "/.";
    showShort(run, null, failure_reason ? make("p", { class: "reason", text: failure_reason }) : "",
      make("p", { role: "alert", text }));
  }

  /* Show a run whose records are here; nth: the number of the step to choose, or 0. Returns a function that shows it
   * again with its lines. */
  function showRecords(run, data, nth) {
    let chosen = null; // the step
    adopt(run, data, skyarc.isHere(run, "texts") ? null : skyarc.later(run, "texts").then(runList.cover));
    const told = story.of(run, texts.of);
    const fillRest = runPage.fill(main, run, told, runs, (step, byReader) => {
      chosen = step;
      if (byReader) history.replaceState(null, "", addressOf(run, step));
    });
    stepList = fillRest(told, skyarc.isHere(run, "lines"));
    const step = stepList && stepList.nth(nth);
    if (stepList) stepList.choose(step || stepList.first(), Boolean(step));
    if (step) main.querySelector(".chosen").scrollIntoView({ block: "nearest" });
    return () => {
      const focused = document.activeElement && document.activeElement.dataset.step; // its button is made anew
      stepList = fillRest(story.of(run, texts.of), true);
      if (stepList) stepList.choose((chosen && stepList.nth(chosen.n)) || stepList.first(), false);
      const same = focused && main.querySelector('button[data-step="' + CSS.escape(focused) + '"]');
      if (same) same.focus();
    };
  }

  /* Show the lines of a run whose records are shown; lines: a promise that they are here. */
  async function addLines(run, lines, showAgain, mine) {
    if (skyarc.isHere(run, "lines")) return;
    try {
      await lines;
    } catch (why) {
      if (mine === turn) main.prepend(make("p", { role: "alert", text: why.message }));
    }
    if (mine === turn) showAgain();
  }

  /* Show a run: its title at once, the rest when its data is here. nth: the number of a step, or 0. */
  async function show(run, nth) {
    const mine = ++turn;
    current = run;
    compared = false;
    stepList = null;
    document.title = run.run_id + " - skyarc";
    runList.setCurrent(run);
    setBusy(true);
    showShort(run, dom.dim(" loading"));
    const lines = skyarc.later(run, "lines"); // asked for before the run is shown
    lines.catch(() => {}); // addLines says why
    try {
      const data = await skyarc.load(run);
      if (mine !== turn) return;
      const focused = main.contains(document.activeElement);
      const showAgain = showRecords(run, data, nth);
      if (focused) main.querySelector("h2").focus();
      await addLines(run, lines, showAgain, mine);
    } catch (why) {
      if (mine !== turn) return;
      stepList = null;
      showFailure(run, why);
    }
    if (mine !== turn) return;
    setBusy(false);
    runList.update();
  }

  /* Compare the run that is shown with another run. */
  async function showCompared(run, other) {
    const mine = ++turn;
    current = run;
    compared = true;
    document.title = run.run_id + " - skyarc";
    runList.setCurrent(run);
    setBusy(true);
    try {
      const loaded = await Promise.all([other, run].map(skyarc.load));
      await Promise.all([other, run].map((each) => skyarc.later(each, "lines")));
      if (mine !== turn) return; // the reader has opened another run, which uses its own texts
      const [theirs, ours] = [other, run].map((each, i) => { // the texts that are used last are those of run
        adopt(each, loaded[i], null);
        return { told: story.of(each, texts.of), errors: logs.errors(each.rows) };
      });
      stepList = null;
      compare.fill(main, ours.told, theirs.told, [ours.errors, theirs.errors], () => history.back());
      main.querySelector("h2").focus();
    } catch (why) {
      if (mine !== turn) return;
      main.append(make("p", { role: "alert", text: why.message }));
    }
    setBusy(false);
  }

  /* Compare two runs, as the reader has asked: Back leads to the run. */
  function openCompared(run, other) {
    history.pushState({ other: other.run_id }, "");
    showCompared(run, other);
  }

  /* Open a run that the reader has clicked. */
  function go(run) {
    location.hash = addressOf(run); // adds an entry to the history: Back leads to the run before
    show(run, 0);
    main.querySelector("h2").focus();
  }

  /* -- the header -- */

  let known = Promise.resolve(skyarc.aboutHere); // what is known of the whole

  /* Say where the archive is from, when it was made, and how much is in it. */
  async function tellAbout() {
    const { source, created, artifacts, bytes, missing, archives } = await known;
    const time = moment.full(created);
    const words = [
      source,
      time && time + " " + moment.zone(created),
      dom.plural(skyarc.runs.length, "run"),
      artifacts ? dom.plural(artifacts, "artifact") + ", " + dom.size(bytes) : "",
      missing ? missing + " missing" : "",
      archives && archives.length === 1 ? "manifest SHA-256 " + archives[0].manifest_sha256 : "",
    ];
    document.getElementById("about").textContent = words.filter(Boolean).join(" \u00b7 ");
  }

  /* -- keys -- */

  const moveBy = (by) => stepList && stepList.move(by);
  const KEYS = { j: () => moveBy(1), k: () => moveBy(-1), "/": () => runList.focus(), "?": () => help.showModal() };

  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA|VIDEO|AUDIO)$/.test(event.target.tagName || "");
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    if (typing || modified || document.querySelector("dialog[open]") || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  help.querySelector("button").addEventListener("click", () => help.close());
  help.addEventListener("click", (event) => {
    if (event.target === help) help.close();
  });
  document.getElementById("keys").addEventListener("click", () => help.showModal());

  const zone = document.getElementById("zone");

  /* Say in which zone times are shown. */
  function tellZone() {
    zone.textContent = "Times: " + (moment.isLocal() ? "local" : "UTC");
    zone.setAttribute("aria-pressed", String(moment.isLocal()));
  }
  zone.addEventListener("click", () => {
    moment.setLocal(!moment.isLocal());
    tellZone();
    tellAbout();
    runList.update();
    if (current) show(current, asked()[1]);
  });
  tellZone();

  addEventListener("hashchange", () => { // Back, Forward, and a link that was pasted
    const [run, nth] = asked();
    if (run && !history.state && (run !== current || nth)) show(run, nth);
  });

  addEventListener("popstate", () => { // Back and Forward, also to a comparison, which has the address of its run
    const [run, nth] = asked();
    const other = history.state && runList.get(history.state.other);
    if (run && other) showCompared(run, other);
    else if (run && compared && run === current) show(run, nth);
  });

  /* -- the begin -- */

  runList.onOpen(go);
  tellAbout();

  /* Ask for the totals, for which a server reads all of the archive: the run is shown before. */
  function ask() {
    known = skyarc.about();
    tellAbout();
  }
  if (matchMedia("(max-width: 800px)").matches) document.getElementById("folded").open = false;
  const [wanted, nth] = asked();
  const roots = skyarc.runs.filter((r) => !runList.get(r.parent_run_id)); // the runs that were asked for
  const first = wanted || roots.find((r) => r.status === "failed") || roots[0] || skyarc.runs[0];
  if (first) {
    if (!wanted) history.replaceState(null, "", addressOf(first)); // Back leads to this address
    show(first, nth).then(ask);
  } else {
    ask();
  }
})();
