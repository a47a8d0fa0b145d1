// SPDX-License-Identifier: MIT
// story: what a run did, in the order of time: read from its rows, its records and its copied texts.
const story = (() => {
  const { number, say, objects } = dom;
  const FAILED = /^(failed|terminated|timed_out)$/;

  /* The kinds of artifacts, as tests of their rows. */
  const is = {
    shot: (r) => r.m === "image" && r.t !== "download",
    film: (r) => (r.m === "video" || r.m === "audio") && r.t !== "download",
    html: (r) => /^html/.test(r.t || ""),
    llm: (r) => /^llm_/.test(r.t || ""),
    tree: (r) => /^visible_elements_tree/.test(r.t || ""),
    har: (r) => r.t === "har",
    log: (r) => /_log(_raw)?$/.test(r.t || ""),
  };

  /* Compare two rows by time; rows without a time come last, and rows of one time keep the archive's order. */
  function byTime(a, b) {
    const [x, y] = [a.c || "~", b.c || "~"];
    return x < y ? -1 : x > y ? 1 : a.n - b.n;
  }

  /* The blocks of a timeline, including nested blocks. */
  function blocks(items) {
    return items.flatMap(({ block, children }) => [...objects([block]), ...blocks(objects(children))]);
  }

  /* Of some moments, the one that choose (Math.min or Math.max) chooses; NaN: none is known. */
  function chosenOf(times, choose) {
    const known = times.map(moment.parse).filter((t) => !isNaN(t));
    return known.length ? known.reduce((a, b) => choose(a, b)) : NaN;
  }

  function earliest(times) {
    return chosenOf(times, Math.min);
  }

  function latest(times) {
    return chosenOf(times, Math.max);
  }

  /* The object that a value is, or that a text is as JSON; null: neither. */
  function object(text) {
    try {
      const value = typeof text === "string" ? JSON.parse(text) : text;
      return value && typeof value === "object" ? value : null;
    } catch {
      return null;
    }
  }

  /* The actions in a model's answer, if the answer is here: as Skyvern parsed the answer, else as it was received. */
  function answered(rows, textOf) {
    const parsedFirst = (a, b) => /parsed/.test(b.t) - /parsed/.test(a.t);
    for (const row of rows.filter((r) => /^llm_response/.test(r.t || "")).sort(parsedFirst)) {
      const actions = objects((object(textOf(row.p)) || {}).actions);
      if (actions.length) return actions;
    }
    return [];
  }

  /* Actions in a few words: CLICK row-12, "opens the invoice", and 2 more. */
  function deed(actions) {
    if (!actions.length) return "";
    const first = actions[0];
    const element = say(first.element_id ?? first.id);
    const why = say(first.intention) || say(first.user_detail_query) || say(first.reasoning);
    const short = why.length > 90 ? why.slice(0, 88) + "\u2026" : why;
    const what = say(first.action_type).toUpperCase() + (element ? " " + element : "");
    return dom.listed(what, short && "\u201c" + short + "\u201d",
      actions.length > 1 && "and " + (actions.length - 1) + " more");
  }

  /* The step of each ID with its rows, actions and record; the ID null has those without a step. */
  function collect(rows, records, actions) {
    const steps = new Map();
    const at = (id) => {
      if (!steps.has(id)) steps.set(id, { id, rows: [], actions: [], record: null });
      return steps.get(id);
    };
    for (const record of records) if (record.step_id) at(say(record.step_id)).record = record;
    for (const row of rows) if (!is.film(row) && !is.har(row) && !is.log(row)) at(row.s).rows.push(row);
    for (const action of actions) at(say(action.step_id) || null).actions.push(action);
    return steps;
  }

  /* Begin, status, screenshots and actions of a step. place: its time in the order; for a step without one, last. */
  function describe(step, last, textOf) {
    const started = step.actions.map((a) => a.started_at || a.created_at);
    const created = step.record && step.record.created_at;
    step.from = earliest([...step.rows.map((row) => row.c), ...started, created]);
    step.place = isNaN(step.from) ? last : step.from;
    step.shots = step.rows.filter(is.shot);
    step.status = step.record ? say(step.record.status) : "";
    step.answered = step.actions.length ? step.actions : answered(step.rows, textOf);
    step.deed = deed(step.answered);
  }

  /* The steps in the order of time; a step without a time comes after the record before its own. */
  function stepsOf(rows, records, actions, textOf) {
    const steps = collect(rows, records, actions);
    let last = -Infinity;
    for (const step of steps.values()) {
      describe(step, last, textOf);
      last = step.place;
    }
    const known = [...steps.values()].filter((s) => s.id !== null).sort((a, b) => a.place - b.place || 0);
    let next = NaN; // when the next step that has a time begins
    for (let i = known.length - 1; i >= 0; i--) {
      const step = known[i];
      step.n = i + 1;
      step.to = latest([...step.rows.map((row) => row.c), ...step.actions.map((a) => a.finished_at)]);
      if (!isNaN(next) && !(step.to > next)) step.to = next;
      if (!isNaN(step.from)) next = step.from;
    }
    return { steps: known, loose: steps.get(null) || null };
  }

  /* The step in which a run failed: the last failed one, else the last one; null: the run did not fail. */
  function failingOf(steps, status) {
    if (!FAILED.test(status || "")) return null;
    return dom.last(steps.filter((step) => FAILED.test(step.status))) || dom.last(steps) || null;
  }

  /* When a run began and ended: by its own times, else by those of its files. */
  function spanOf(run) {
    const times = run.rows.map((row) => row.c);
    const started = moment.parse(run.started_at);
    const from = isNaN(started) ? earliest([run.created_at, ...times]) : started;
    const finished = moment.parse(run.finished_at);
    return { from, to: finished > from ? finished : latest([run.finished_at, ...times]) };
  }

  function promptOf(record, workflow) {
    const { prompt, title } = object(record.run_request) || {};
    return say(prompt || title || (workflow.task_v2 && workflow.task_v2.prompt) || record.prompt);
  }

  /* Read the records of a run. textOf(path): the copied text of a file or its parsed value, or null. */
  function of(run, textOf) {
    const parsed = (path) => objects([textOf(path)])[0] || null;
    const one = (name) => (run.records.has(name) ? parsed(run.records.get(name)) : null);
    const all = (prefix) => [...run.records].filter(([name]) => name.startsWith(prefix))
      .flatMap(([, path]) => objects(parsed(path)));
    const timeline = objects(one("timeline"));
    const workflow = one("workflow-run") || {};
    const record = parsed("data/" + run.run_id + "/run.json") || {};
    let actions = all("actions-");
    if (!actions.length) actions = blocks(timeline).flatMap((block) => objects(block.actions)).reverse();
    const order = (key) => (a, b) => number(a[key]) - number(b[key]);
    actions.sort(order("action_order")).sort(order("step_order")); // the second sort keeps the order of the first
    const { steps, loose } = stepsOf(run.rows, all("steps-"), actions, textOf);
    const failing = failingOf(steps, run.status);
    return {
      run, record, workflow, timeline, steps, loose, failing, ...spanOf(run),
      rows: new Map(run.rows.map((row) => [row.i, row])),
      films: run.rows.filter(is.film),
      shot: pictureOf(run, failing),
      prompt: promptOf(record, workflow),
    };
  }

  /* The picture that shows how a run ended: the last one of the failing step, else the final one. */
  function pictureOf(run, failing) {
    const all = run.rows.filter(is.shot);
    const final = all.filter((row) => /final/.test(row.t || ""));
    return (failing && dom.last(failing.shots)) || dom.last(final) || dom.last(all) || null;
  }

  /* The step of a moment: where one ends and the next begins, the next; undefined: none. */
  function stepAt({ steps }, ms) {
    return dom.last(steps.filter((step) => step.from <= ms && ms <= step.to));
  }

  /* The tokens that a step or a thought took. */
  function tokens(record) {
    const [asked, answer] = [number(record.input_token_count), number(record.output_token_count)];
    return asked + answer ? asked + " + " + answer + " tokens" : "";
  }

  function dollars(value) {
    return number(value) ? dom.money(value) : "";
  }

  /* A number of things; "" for 0, and for what is no number. */
  function counted(value, word) {
    return number(value) ? dom.plural(number(value), word) : "";
  }

  /* Status, tokens, cost and model of a step's record. */
  function cost(step) {
    const cached = number(step.cached_token_count);
    return dom.listed(say(step.status), tokens(step), cached ? cached + " of them cached" : "",
      counted(step.reasoning_token_count, "reasoning token"), dollars(step.step_cost), say(step.last_llm_model));
  }

  /* Steps, tokens and cost of a run. */
  function totals({ steps, workflow }) {
    const known = steps.map((step) => step.record).filter(Boolean);
    const sum = (key) => known.reduce((total, record) => total + number(record[key]), 0);
    return dom.listed(counted(known.length, "step"),
      counted(sum("input_token_count") + sum("output_token_count"), "token"),
      dollars(number(workflow.total_cost) || sum("step_cost")), counted(workflow.credits_used, "credit"));
  }

  /* The output of a run, as text; "" if there is none. */
  function output({ record, workflow }) {
    const made = record.output ?? record.outputs ?? workflow.outputs;
    return made === undefined || made === null ? "" : dom.pretty(made);
  }

  function attempts({ record, workflow }) {
    return objects(record.attempts || workflow.attempts);
  }

  function title(step) {
    return step.n ? "Step " + step.n + (step.deed ? ": " + step.deed : "") : "Without a step";
  }

  return { is, byTime, of, stepAt, tokens, dollars, cost, totals, output, attempts, title };
})();
