// SPDX-License-Identifier: MIT
// compare: two runs, step by step: the first step that differs, screenshots, output, errors and times.
const compare = (() => {
  const { make, button, say, note, listed } = dom;
  const STEPS = 100; // shown at once
  const ERRORS = 50; // lines of each run that are shown

  /* Runs to compare a run with: completed runs of the same title or type first, the latest first. */
  function candidates(run) {
    const rank = (r) => (r.status === "completed" ? 2 : 0) + (r.title && r.title === run.title ? 4 : 0)
      + (r.run_type === run.run_type ? 1 : 0);
    const later = (a, b) => ((a.created_at || "") < (b.created_at || "") ? 1 : -1);
    return skyarc.runs.filter((r) => r !== run && !r.error)
      .sort((a, b) => rank(b) - rank(a) || later(a, b)).slice(0, dom.SHOWN);
  }

  /* The choice of a run to compare with; null if there is no other run. */
  function offer(run, runs) {
    const all = candidates(run);
    if (!all.length) return null;
    const option = (r) => make("option",
      { value: r.run_id, text: listed(r.run_id, r.status, moment.full(r.created_at), r.title) });
    const select = make("select", { "aria-label": "run to compare with" }, ...all.map(option));
    const start = button("Compare with", () => runs.compare(run, runs.get(select.value)));
    return make("div", { class: "tools offer" }, start, select);
  }

  const UNKNOWN = "not recorded of one run";
  const doneIn = (step) => step.answered.map((action) => say(action.action_type)).filter(Boolean).join(" ");
  const doneOn = (step) => step.answered.map((action) => say(action.element_id ?? action.id)).filter(Boolean).join(" ");

  // What a comparison looks at: [why steps differ, the value of a step]; and of the steps of a run, what is known of
  // each. If any action, or element, of the run is known, "" means that a step has none.
  const LOOKS = [["other actions", doneIn], ["another element", doneOn], ["another status", (step) => step.status]];
  const knownOf = ({ steps }) => [steps.some(doneIn), steps.some(doneOn), false];

  /* Why the steps of each index differ; "": they do not; UNKNOWN: nothing that is known of both does. */
  function differences(ours, theirs) {
    const count = Math.max(ours.steps.length, theirs.steps.length);
    const [x, y] = [knownOf(ours), knownOf(theirs)];
    return Array.from({ length: count }, (_, i) => {
      const [a, b] = [ours.steps[i], theirs.steps[i]];
      if (!ours.steps.length || !theirs.steps.length) return UNKNOWN;
      if (!a || !b) return "only in one run";
      const values = LOOKS.map(([why, of], n) => [why, of(a), of(b), x[n], y[n]]).filter(([, p, q]) => p !== q);
      const sure = values.find(([, p, q, known, other]) => (p || known) && (q || other));
      if (sure) return sure[0];
      return values.length ? UNKNOWN : "";
    });
  }

  /* A step of one run, with its last screenshot. */
  function cell(step, told) {
    if (!step) return make("td", { class: "dim", text: "none" });
    const last = dom.last(step.shots);
    const all = told.run.rows.filter(story.is.shot);
    return make("td", {}, make("p", { text: story.title(step) }),
      note(listed(step.status, moment.took(step.to - step.from))),
      last ? make("div", { class: "shots" }, pictures.thumb(last, all)) : null);
  }

  /* The line for the steps with an index; why: how they differ; first: whether they are the first ones. */
  function line(i, ours, theirs, why, first) {
    const [a, b] = [ours.steps[i], theirs.steps[i]];
    const [x, y] = [a && dom.last(a.shots), b && dom.last(b.shots)];
    const shots = () => [pictures.compared(y, x, [x, y], ["This run", "The other", "Difference"])];
    return make("tr", { class: why && why !== UNKNOWN ? "differs" : null, id: first ? "differs" : null },
      make("th", { scope: "row", text: String((a || b).n) }), cell(a, ours), cell(b, theirs),
      make("td", {}, first ? make("strong", { text: "First difference: " }) : null, why || "none",
        x && y ? dom.lazy("Screenshots", shots) : null));
  }

  /* What is told of each run. */
  function factsOf(told) {
    const { run } = told;
    return [
      run.run_id, run.status || "unknown", moment.full(run.created_at),
      moment.between(run.started_at, run.finished_at), story.totals(told), say(run.failure_reason),
    ];
  }

  /* Both runs, side by side. */
  function runsPart(ours, theirs) {
    const names = ["Run", "Status", "Created", "Took", "Cost", "Failure reason"];
    const [x, y] = [factsOf(ours), factsOf(theirs)];
    const rows = names.map((name, i) => make("tr", { class: x[i] !== y[i] && i > 2 ? "differs" : null },
      make("th", { scope: "row", text: name }), make("td", { text: x[i] }), make("td", { text: y[i] })));
    return dom.part("Runs", make("table", {}, make("tbody", {}, ...rows)));
  }

  /* The steps of both runs, and the button that shows more of them. whys: how they differ; first: the first that do. */
  function stepsPart(ours, theirs, whys, first) {
    const render = (i) => line(i, ours, theirs, whys[i], i === first);
    const [tbody, more] = dom.growing(make("tbody"), [...whys.keys()], render, STEPS);
    const heads = dom.headRow(["Step", ours.run.run_id, theirs.run.run_id, "Difference"]);
    return [dom.part("Steps", dom.scroll(make("table", { class: "compared" }, heads, tbody)), more), more];
  }

  /* Scroll to the first step that differs; more: the button that shows further steps until that step is there. */
  function jump(more) {
    let row = null;
    while (!(row = document.getElementById("differs"))) more.click();
    row.scrollIntoView({ block: "center" });
  }

  /* The output of one run, beside that of another. */
  function outputOf(told, output) {
    return make("div", {}, make("h4", { text: told.run.run_id }), output ? dom.pre(output) : note("No output."));
  }

  /* What changed in the output; if only one run has an output, that is shown. */
  function outputPart(ours, theirs) {
    const [x, y] = [story.output(ours), story.output(theirs)];
    let shown = note("Neither run has an output.");
    if (x && y) shown = lines.view(y, x);
    else if (x || y) shown = make("div", { class: "pair" }, outputOf(ours, x), outputOf(theirs, y));
    return dom.part("Output", shown);
  }

  /* The errors in the logs of one run. */
  function errorList(told, errors) {
    const items = errors.slice(0, ERRORS).map((entry) => logs.line(entry, "", null));
    return make("div", {}, make("h4", { text: told.run.run_id + ": " + errors.length }),
      make("ol", { class: "lines" }, ...items));
  }

  /* What the steps' differences say of the runs; first: the index of the first that differs, or -1. */
  function verdict(whys, first) {
    const unknown = whys.filter((why) => why === UNKNOWN).length;
    const what = unknown ? "what is recorded of both runs" : "its actions, elements and status";
    const found = first < 0 ? "No step differs in " + what + "."
      : "The first step that differs is step " + (first + 1) + ": " + whys[first] + ".";
    return unknown ? found + " Of " + unknown + " of " + dom.plural(whys.length, "step")
      + ", something is not recorded of one run." : found;
  }

  /* Show a comparison. ours, theirs: stories; errors: those in the logs of each; back: called to show the run again. */
  function fill(main, ours, theirs, errors, back) {
    const whys = differences(ours, theirs);
    const first = whys.findIndex((why) => why && why !== UNKNOWN);
    const [steps, more] = stepsPart(ours, theirs, whys, first);
    main.replaceChildren(
      make("h2", { tabindex: "-1", text: "Two runs, step by step" }),
      dom.tools(button("Back to the run", back), first < 0 ? null : button("First difference", () => jump(more))),
      make("p", { text: verdict(whys, first) }),
      runsPart(ours, theirs),
      steps,
      outputPart(ours, theirs),
      dom.part("Errors in the logs",
        make("div", { class: "pair" }, errorList(ours, errors[0]), errorList(theirs, errors[1]))));
  }

  return { offer, fill };
})();
