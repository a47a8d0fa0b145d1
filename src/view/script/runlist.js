// SPDX-License-Identifier: MIT
// runlist: the list of runs, with its filters, and the searches over all runs.
const runList = (() => {
  const { make, button, SHOWN } = dom;
  const LOADED = 200; // a page that is served offers to load the texts of all runs if they are not more than these
  const list = document.getElementById("runs");
  const find = document.getElementById("find");
  const status = document.getElementById("status");
  const count = document.getElementById("count");
  const scope = document.getElementById("scope");
  const all = document.getElementById("all");
  const byId = new Map(skyarc.runs.map((run) => [run.run_id, run]));
  let open = null; // called with a run whose button is clicked
  let current = null; // the run that is shown
  let found = { text: "", runs: new Set() }; // the runs in which the server's catalog found a folded text
  let hits = []; // [run, number of matches] of the runs that the list has

  /* The newest run first; runs of one second keep the archive's order. */
  function sortRuns() {
    const second = (run) => dom.say(run.created_at).slice(0, 19);
    skyarc.runs.sort((a, b) => (second(a) < second(b) ? 1 : second(a) > second(b) ? -1 : 0));
  }

  const wordOf = (run) => run.error || run.status || "unknown";
  const badgeOf = (run) => dom.badge(run.status, wordOf(run));

  /* A button that opens a run. */
  function openButton(run, ...children) {
    return make("button", { type: "button", "data-run": run.run_id, onclick: () => open(run) }, ...children);
  }

  function runButton(run) {
    return openButton(run, run.run_id + " ", badgeOf(run));
  }

  /* Mark the run that is shown. */
  function mark() {
    for (const el of list.querySelectorAll("button")) {
      if (current !== null && el.dataset.run === current.run_id) el.setAttribute("aria-current", "true");
      else el.removeAttribute("aria-current");
    }
  }

  /* Say what a search covers, and offer to load the other runs. */
  function describe() {
    const total = skyarc.runs.length;
    const loaded = skyarc.runs.filter((run) => skyarc.isHere(run, "texts")).length;
    const opened = loaded === 1 ? "run" : loaded + " runs";
    const which = loaded === total ? "all runs." : "the " + opened + " opened so far.";
    scope.textContent = "Searches IDs, types, titles and failure reasons"
      + (skyarc.live ? ", in a directory also prompts, outputs and indexed texts" : "")
      + "; and the records and copied texts of " + which;
    all.hidden = loaded === total || (skyarc.live && total > LOADED);
  }

  /* How often a run has a folded text; 0: not at all. */
  function has(run, want) {
    if (!want) return 1;
    const { run_id, other_run_id, title, failure_reason, run_type } = run;
    const own = dom.fold([run_id, other_run_id, title, failure_reason, run_type].map(dom.say).join(" "));
    const times = search.count(own, want) + search.count(skyarc.words(run), want);
    return times || (found.text === want && found.runs.has(run) ? 1 : 0);
  }

  /* Ask the server for runs with the text that is searched, and add the runs that the page did not have. */
  async function ask() {
    const typed = find.value; // not folded: the catalog folds ASCII letters only
    const rows = await skyarc.find(typed).catch(() => []);
    if (typed !== find.value || !rows.length) return;
    for (const row of rows) {
      if (byId.has(row.run_id)) continue;
      byId.set(row.run_id, row);
      skyarc.runs.push(row);
    }
    sortRuns();
    found = { text: dom.fold(typed), runs: new Set(rows.map((row) => byId.get(row.run_id))) };
    listRuns();
  }

  const more = button("", grow);
  list.after(more);

  /* A run in the list. */
  function runItem([run, times]) {
    const matches = find.value && times > 1 ? ", found " + times + " times" : "";
    const facts = dom.dim(" " + moment.full(run.created_at).slice(0, 16) + matches);
    const name = run.title ? make("span", { class: "name", text: run.title }) : null;
    return make("li", {}, openButton(run, name, run.run_id, make("br"), badgeOf(run), facts));
  }

  /* Show more of the list. */
  function grow() {
    const shown = list.children.length;
    list.append(...hits.slice(shown, shown + SHOWN).map(runItem));
    more.textContent = "Show more (" + (hits.length - list.children.length) + " left)";
    more.hidden = list.children.length >= hits.length;
    mark();
  }

  /* List the runs that pass the filters. */
  function listRuns() {
    const want = dom.fold(find.value);
    hits = skyarc.runs.filter((run) => !status.value || status.value === wordOf(run))
      .map((run) => [run, has(run, want)]).filter(([, times]) => times);
    count.textContent = hits.length + " of " + skyarc.runs.length + " runs";
    list.replaceChildren();
    grow();
    describe();
  }

  /* Fill the filter of statuses. */
  function statuses() {
    const counts = new Map();
    for (const run of skyarc.runs) counts.set(wordOf(run), (counts.get(wordOf(run)) || 0) + 1);
    for (const [value, n] of [...counts].sort())
      status.append(make("option", { value, text: value + " (" + n + ")" }));
  }

  /* More texts of a run are here. */
  function cover() {
    if (find.value) listRuns();
    else describe();
  }

  /* Load the runs, one after the other, so that searches cover all of them. */
  async function loadAll() {
    all.disabled = true;
    for (const run of [...skyarc.runs]) { // a search on the server may add runs meanwhile
      try {
        await skyarc.later(run, "texts");
      } catch {
        continue; // opening the run says why
      }
      describe();
    }
    all.disabled = false;
    listRuns();
  }

  let later = 0; // a timer: the server is asked when the reader stops typing
  find.addEventListener("input", () => {
    listRuns();
    clearTimeout(later);
    later = setTimeout(ask, 200);
  });
  status.addEventListener("change", listRuns);
  all.addEventListener("click", loadAll);
  sortRuns();
  statuses();
  listRuns();

  return {
    get: (id) => byId.get(id),
    badge: badgeOf,
    button: runButton,
    update: listRuns,
    cover,
    focus: () => find.focus(),
    onOpen(fn) {
      open = fn;
    },
    setCurrent(run) {
      current = run;
      mark();
    },
  };
})();
