// SPDX-License-Identifier: MIT
// records: what the service said of a run: its attempts, its blocks and thoughts, and the runs that it started.
const records = (() => {
  const { make, lazy, growing, say, number, objects, part, badge, note, listed } = dom;
  const DEEP = 20; // levels of nested blocks that are shown

  /* Paragraphs of those [title, text] whose text is not empty. */
  function paragraphs(titled) {
    return titled.filter(([, text]) => say(text))
      .map(([title, text]) => make("p", {}, title ? dom.dim(title) : null, say(text)));
  }

  /* A thought of the timeline: what the model saw, thought and answered. */
  function thoughtItem(item, thought) {
    const facts = listed(moment.time(say(item.created_at)), say(thought.thought_type), story.tokens(thought),
      story.dollars(thought.thought_cost), say(thought.last_llm_model));
    const said = [["Saw: ", thought.observation], ["Thought: ", thought.thought], ["Answer: ", thought.answer]];
    return make("li", { class: "thought" }, make("strong", { text: "Thought" }), dom.dim(" " + facts),
      ...paragraphs(said));
  }

  /* A button for the run that a block started, if the archive has that run. */
  function startedBy(block, runs) {
    const own = runs.get(block.block_workflow_run_id);
    const triggered = block.output && block.block_type === "workflow_trigger" && runs.get(block.output.workflow_run_id);
    const run = own || triggered;
    return run ? runs.button(run) : null;
  }

  /* A block of the timeline, with its nested items. */
  function blockItem(item, block, depth, runs) {
    const took = number(block.duration) ? moment.took(number(block.duration) * 1000) : "";
    const facts = listed(say(block.block_type), moment.time(say(item.created_at)), took, say(block.url));
    const goal = block.navigation_goal || block.prompt;
    const within = objects(item.children);
    const output = () => [dom.pre(dom.pretty(block.output))];
    return make("li", {}, make("strong", { text: say(block.label) || say(block.block_type) || "block" }),
      dom.dim(" " + facts + " "),
      block.status ? badge(say(block.status)) : null,
      startedBy(block, runs),
      block.failure_reason ? make("p", { class: "reason", text: say(block.failure_reason) }) : null,
      goal ? make("p", { text: say(goal) }) : null,
      block.output ? lazy("output", output) : null,
      within.length ? depth < DEEP ? itemList(within, depth + 1, runs) : note("...") : null);
  }

  /* A list of timeline items, oldest first: the service sends the newest first. */
  function itemList(items, depth, runs) {
    const render = (item) => {
      const { thought, block } = item;
      if (thought && typeof thought === "object") return thoughtItem(item, thought);
      if (block && typeof block === "object") return blockItem(item, block, depth, runs);
      return make("li", { class: "dim", text: say(item.type) });
    };
    return make("div", {}, ...growing(make("ul", { class: "blocks" }), [...items].reverse(), render));
  }

  function blocksPart(told, runs) {
    return told.timeline.length ? part("Blocks and thoughts", itemList(told.timeline, 0, runs)) : null;
  }

  /* An attempt: when and how it ended, and what the service decided. */
  function attemptItem(attempt) {
    const { status, finished_at, failure_reason, error_codes, retry_decision, decision_reason } = attempt;
    const codes = Array.isArray(error_codes) ? error_codes.map(say).join(" ") : "";
    const reason = say(decision_reason);
    const decision = retry_decision ? "then: " + say(retry_decision) + (reason ? " (" + reason + ")" : "") : reason;
    const facts = listed(moment.time(say(finished_at)), say(failure_reason), codes, decision);
    return make("li", {}, badge(say(status), say(status) || " "), " " + facts);
  }

  function attemptsPart(told) {
    const { record, workflow } = told;
    const attempts = story.attempts(told);
    const pending = record.retry_pending || workflow.retry_pending;
    const next = record.next_attempt_at || workflow.next_attempt_at;
    if (attempts.length < 2 && !pending) return null;
    const time = next ? ", next attempt at " + say(next) : "";
    return part("Attempts (" + attempts.length + ")",
      make("ol", {}, ...attempts.slice(0, dom.SHOWN).map(attemptItem)),
      pending ? make("p", { text: "A retry was pending when this run was archived" + time + "." }) : null);
  }

  /* The run that started a run, and the runs that the run started. */
  function familyPart(run, runs) {
    const children = skyarc.runs.filter((r) => r.parent_run_id === run.run_id);
    const parent = runs.get(run.parent_run_id);
    if (!children.length && !run.parent_run_id) return null;
    const parentName = parent ? runs.button(parent) : make("code", { text: run.parent_run_id });
    const buttons = children.slice(0, dom.SHOWN).map(runs.button);
    return part("Runs", run.parent_run_id ? make("p", {}, "Started by ", parentName) : null,
      children.length ? make("div", { class: "tools wrap" }, "Started (" + children.length + "): ", ...buttons) : null);
  }

  /* What was asked for, and the output, side by side. */
  function requestParts(told) {
    const asked = told.record.run_request || told.workflow.parameters;
    const output = story.output(told);
    if (!asked && !output) return null;
    return make("div", { class: "pair" }, asked ? part("Request", dom.pre(dom.pretty(asked))) : null,
      output ? part("Output", dom.pre(output)) : null);
  }

  /* All records that this page has of a run, and the names of the others. */
  function allPart(run) {
    const lost = objects(run.records_missing).map((r) => say(r.name) + " (" + say(r.reason) + ")");
    const elsewhere = run.records_count - run.records.size;
    if (!run.records.size && !run.records_count) return null;
    const body = (path) => [make("p", {}, dom.link({ p: path })), ...texts.searchable(dom.pretty(texts.of(path)))];
    return part("Records", ...[...run.records].sort().map(([name, path]) => lazy(name, () => body(path))),
      elsewhere > 0 ? note(elsewhere + " more are in data/" + run.run_id + "/records/") : null,
      lost.length ? note("Missing: " + lost.join(", ")) : null);
  }

  return { paragraphs, blocksPart, attemptsPart, familyPart, requestParts, allPart };
})();
