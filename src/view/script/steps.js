// SPDX-License-Identifier: MIT
// steps: the steps of a run as a list, and the chosen step beside the list.
const steps = (() => {
  const { make, say, growing } = dom;
  const { is } = story;
  const STEPS = 100; // shown at once

  /* An action: its intention, its reason, and its screenshot. */
  function actionItem(action, told, all) {
    const shot = told.rows.get(action.screenshot_artifact_id);
    const said = [["", action.intention], ["Because: ", action.reasoning], ["Answer: ", action.response],
      ["Typed: ", action.text], ["File: ", action.file_url], ["Element: ", action.element_id]];
    const confidence = action.confidence_float;
    const sure = typeof confidence === "number" ? ", " + Math.round(confidence * 100) + " % sure" : "";
    return make("li", { class: "action" },
      shot && is.shot(shot) ? make("div", { class: "shots" }, pictures.thumb(shot, all)) : null,
      make("div", {}, make("strong", { text: say(action.action_type) || "action" }),
        dom.dim(" " + say(action.status) + sure), ...records.paragraphs(said)));
  }

  /* The artifact of the step before with which a row is compared: the same one of its type. */
  function earlier(row, rows, before) {
    const ofType = (r) => r.t === row.t;
    return before ? before.rows.filter(ofType)[rows.filter(ofType).indexOf(row)] : undefined;
  }

  /* When a step began and ended, and its cost. */
  function factsOf(step) {
    const times = [...new Set([moment.time(step.from), moment.time(step.to)])].filter(Boolean);
    return dom.listed(isNaN(step.from) ? "" : times.join(" to ") + " " + moment.zone(step.from),
      step.record && story.cost(step.record));
  }

  /* Prompts and answers, then pages, element trees, and everything else that is no screenshot. */
  function filesOf(step) {
    const others = step.rows.filter((row) => !Object.values(is).some((test) => test(row)));
    return [...[is.llm, is.html, is.tree].flatMap((test) => step.rows.filter(test)), ...others];
  }

  /* The items in a list of their own, which grows; null if there are none. */
  function group(list, items, render) {
    return items.length ? make("div", {}, ...growing(list, items, render)) : null;
  }

  /* Everything about one step. all: the screenshots of the run. */
  function detail(step, told, all) {
    const before = step.n ? told.steps[step.n - 2] : undefined;
    const name = before ? "step " + before.n : "";
    const { shots } = step;
    const last = dom.last(shots);
    const earlierShot = shots.length > 1 ? shots[0] : before && dom.last(before.shots);
    return make("div", { class: "step", "data-step": step.n ? String(step.n) : null },
      make("h4", { tabindex: "-1" }, story.title(step)),
      dom.note(factsOf(step)),
      step === told.failing ? make("p", { class: "reason", text: "The run failed in this step." }) : null,
      last ? pictures.compared(earlierShot, last, all) : dom.note("This step has no screenshot."),
      shots.length > 1 ? group(make("div", { class: "shots" }), shots, (row) => pictures.thumb(row, all)) : null,
      group(make("ol", { class: "actions" }), step.actions, (action) => actionItem(action, told, all)),
      group(make("div"), filesOf(step), (row) => texts.folded(row, earlier(row, step.rows, before), name)));
  }

  /* A step in the list. */
  function stepItem(step, failing, choose) {
    const failed = step === failing;
    const facts = dom.listed(moment.time(step.from), step.status, failed ? "failed here" : "");
    const props = { type: "button", class: failed ? "failed" : null, "data-step": String(step.n || 0) };
    return make("li", {}, make("button", { ...props, onclick: () => choose(step, true) },
      make("span", { text: story.title(step) }), dom.dim(facts)));
  }

  /* Mark the buttons of a step: in the list, and on the timeline. */
  function markStep(step) {
    for (const el of document.querySelectorAll("#main button[data-step]")) {
      if (step && el.dataset.step === String(step.n || 0)) el.setAttribute("aria-current", "true");
      else el.removeAttribute("aria-current");
    }
  }

  // The list and the place of the chosen step; null if there are no steps. choosing: called with a step when it is
  // chosen, and whether the reader chose it. choose(step) chooses a step, move(by) a later or an earlier one;
  // reveal scrolls to the chosen step.
  function of(told, choosing) {
    const { loose, failing } = told;
    const all = told.run.rows.filter(is.shot);
    const items = [...told.steps];
    if (loose && (loose.rows.length || loose.actions.length)) items.push(loose);
    if (!items.length) return null;
    const place = make("div", { class: "chosen" });
    const list = make("ol", { class: "steps" });
    let current = null;
    const [, more] = growing(list, items, (step) => stepItem(step, failing, choose), STEPS);
    more.addEventListener("click", () => markStep(current));

    function choose(step, byReader) {
      const nth = items.indexOf(step);
      current = step;
      while (list.children.length <= nth && !more.hidden) more.click();
      place.replaceChildren(detail(step, told, all));
      markStep(step);
      list.scrollTop = list.children[nth].offsetTop - list.offsetTop - list.clientHeight / 3;
      choosing(step, Boolean(byReader));
    }

    const side = make("div", { class: "side" }, make("div", {}, list, more), place);
    return {
      el: dom.part("Steps (" + told.steps.length + ")", side),
      choose,
      move(by) {
        const to = items[items.indexOf(current) + by];
        if (to) choose(to, true);
      },
      nth: (n) => items.find((step) => step.n === n),
      first: () => failing || items[0],
      reveal() {
        place.scrollIntoView({ block: "start" });
        place.querySelector("h4").focus({ preventScroll: true });
      },
    };
  }

  return { of };
})();
