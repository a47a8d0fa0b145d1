// SPDX-License-Identifier: MIT
// The script of the offline view, after data.js. All data is untrusted: texts are inserted into the
// document by textContent only, never as markup.
(() => {
  const SHOWN = 500; // lines and rows shown at once
  const OPEN = 5; // HARs of a run that are open at first
  const LITTLE = 800; // bytes of a text that needs only a little frame
  const STEPS = 100; // steps shown at once
  const LOADED = 200; // runs of a server whose texts are all loaded at most

  /* Create an element with properties and children (elements or texts). */
  function make(tag, props, ...children) {
    const el = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (name === "text") el.textContent = value;
      else if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) el.setAttribute(name, value);
    }
    for (const child of children) if (child !== null && child !== undefined) el.append(child);
    return el;
  }

  let texts = new Map(); // of the run that is shown

  function textOf(path) {
    const text = texts.get(path);
    return text ? text.value : null;
  }

  function isCut(path) {
    const text = texts.get(path);
    return text !== undefined && text.cut;
  }

  /* A relative URL for a file; each part of the path is escaped, so that it remains one part. */
  function href(path) {
    return "./" + path.split("/").map(encodeURIComponent).join("/");
  }

  function size(bytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (bytes >= 1024 && unit < units.length - 1) {
      bytes /= 1024;
      unit++;
    }
    return (unit ? bytes.toFixed(1) : bytes) + " " + units[unit];
  }

  function time(text) {
    return text ? text.slice(11, 19) : "";
  }

  function seconds(from, to) {
    const utc = (t) => Date.parse(/[Z+]/.test(t) ? t : t + "Z");
    const ms = from && to ? utc(to) - utc(from) : NaN;
    if (!(ms >= 0)) return "";
    return ms < 60000 ? (ms / 1000).toFixed(1) + " s"
      : Math.floor(ms / 60000) + " min " + Math.round(ms % 60000 / 1000) + " s";
  }

  function pretty(value) {
    if (typeof value === "string") {
      try {
        const parsed = JSON.parse(value);
        if (parsed && typeof parsed === "object") return JSON.stringify(parsed, null, 2);
      } catch {
        return value;
      }
      return value;
    }
    return JSON.stringify(value, null, 2);
  }

  /* A collapsible part whose contents are created when it is first opened. */
  function lazy(title, fill, open) {
    const box = make("details", { open: open ? "" : null }, make("summary", {}, title));
    let filled = false;
    function show() {
      if (!box.open || filled) return;
      filled = true;
      box.append(...[].concat(fill()));
    }
    box.addEventListener("toggle", show);
    show();
    return box;
  }

  /* Types that browsers open without running code in them; other files are named without a link, unless
     they come from the server, which sends them as plain text or as a download. */
  const SAFE = /\.(png|jpe?g|gif|webp|webm|mp4|json|txt|csv|pdf|zip)$/i;

  function link(row, text) {
    if (!SAFE.test(row.p) && !skyarc.live) return make("code", { text: row.p });
    return make("a", { href: href(row.p), target: "_blank", rel: "noopener noreferrer", text: text || row.p.split("/").pop() });
  }

  function label(row) {
    return (row.t || "file") + (row.c ? ", " + time(row.c) : "") + ", " + size(row.z);
  }

  /* Texts that browsers show from their own files. */
  const SHOWABLE = /\.(txt|json|log)$/i;

  /* A file in a sandbox, or a link to it. */
  function fileBody(row) {
    if (!SHOWABLE.test(row.p)) return [make("p", {}, "Not in this page: ", link(row))];
    return [make("p", {}, link(row)), make("iframe", { class: row.z < LITTLE ? "little" : null, sandbox: "", referrerpolicy: "no-referrer", loading: "lazy", title: label(row), src: href(row.p) })];
  }

  /* The text of an artifact, or its file if the page does not contain the text. */
  function textBody(row) {
    const text = textOf(row.p);
    if (text === null) return fileBody(row);
    const out = [make("pre", { tabindex: "0", text: isCut(row.p) ? text : pretty(text) })];
    if (isCut(row.p)) out.unshift(make("p", { class: "dim" }, "Truncated; the whole text: ", link(row)));
    return out;
  }

  /* A captured page in a sandbox, with scripts, links, handlers and frames removed. */
  function sandboxed(text) {
    const page = new DOMParser().parseFromString(skyarc.policy.createHTML(text), "text/html");
    for (const el of page.querySelectorAll("script,link,meta,base,iframe,frame,object,embed,style,portal")) el.remove();
    for (const el of page.querySelectorAll("*"))
      for (const { name } of [...el.attributes])
        if (/^(on|src|href|style|action|formaction|data$|poster|background|ping|xlink)/i.test(name)) el.removeAttribute(name);
    return make("iframe", { sandbox: "", referrerpolicy: "no-referrer", title: "captured page, without scripts, styles and images",
      srcdoc: skyarc.policy.createHTML(page.documentElement.outerHTML) });
  }

  function htmlBody(row) {
    const out = textBody(row);
    const text = textOf(row.p);
    if (text === null) return out;
    const place = make("div");
    const button = make("button", { type: "button", text: "Show the page in a sandbox", onclick: () => {
      place.replaceChildren(sandboxed(text));
      button.remove();
    } });
    return [make("p", {}, button, " ", make("span", { class: "dim", text: "without its scripts, styles and images" })), place, ...out];
  }

  /* -- screenshots ---------------------------------------------------------------------- */

  const box = document.getElementById("box");
  let series = [];
  let at = 0;

  function turn(to) {
    if (to < 0 || to >= series.length) return;
    at = to;
    const row = series[at];
    const picture = make("img", { src: href(row.p), alt: label(row) });
    box.querySelector("img").replaceWith(picture);
    box.querySelector("output").textContent = (at + 1) + " of " + series.length + ": " + label(row);
  }

  box.querySelector("[name=back]").addEventListener("click", () => turn(at - 1));
  box.querySelector("[name=on]").addEventListener("click", () => turn(at + 1));
  box.querySelector("[name=close]").addEventListener("click", () => box.close());
  box.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: series.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    turn(to);
  });

  function shotButton(row, all) {
    return make("button", {
      type: "button",
      onclick: () => {
        series = all;
        box.showModal();
        turn(all.indexOf(row));
      },
    }, make("img", { loading: "lazy", decoding: "async", src: href(row.p), alt: label(row) }), make("span", { text: (row.t || "").replace(/^screenshot_?/, "") + " " + time(row.c) }));
  }

  /* -- network, logs -------------------------------------------------------------------- */

  /* Append items to parent, SHOWN at a time; rows are created when they are shown. Returns the parent and the button. */
  function growing(parent, items, render, step = SHOWN) {
    let shown = 0;
    const more = make("button", { type: "button", onclick: grow });
    function grow() {
      parent.append(...items.slice(shown, shown + step).map(render));
      shown = Math.min(shown + step, items.length);
      more.textContent = "Show more (" + (items.length - shown) + " left)";
      more.hidden = shown >= items.length;
    }
    grow();
    return [parent, more];
  }

  function harBody(row) {
    const har = textOf(row.p);
    if (har === null || !har.entries) return fileBody(row);
    const first = Math.min(...har.entries.map((e) => e[0]));
    const span = Math.max(1, ...har.entries.map((e) => e[0] - first + e[1]));
    const bad = har.entries.filter((e) => e[4] >= 400 || e[4] === 0).length;
    const body = make("tbody");
    const place = make("div");
    const find = make("input", { type: "search", "aria-label": "filter requests", placeholder: "filter by URL, method or status", oninput: fill });
    function fill() {
      const want = find.value.toLowerCase();
      body.replaceChildren();
      const rows = har.entries.map((e, i) => [i, ...e]).filter((e) => (e[3] + " " + e[4] + " " + e[5]).toLowerCase().includes(want));
      place.replaceChildren(growing(body, rows, ([i, start, took, method, url, status, mime, bytes, error]) => {
        const bar = make("i");
        bar.style.left = (start - first) / span * 100 + "%";
        bar.style.width = took / span * 100 + "%";
        return make("tr", { class: status >= 400 || !status ? "error" : null },
          make("td", { class: "n", text: i + 1 }), make("td", { text: method }),
          make("td", { class: "url", text: url + (error ? " (" + error + ")" : "") }), make("td", { class: "n", text: status || "failed" }),
          make("td", { text: mime }), make("td", { class: "n", text: bytes < 0 ? "" : size(bytes) }),
          make("td", { class: "n", text: Math.round(took) + " ms" }), make("td", { class: "fall" }, make("div", { class: "bar" }, bar)));
      })[1]);
    }
    fill();
    const heads = ["#", "Method", "URL", "Status", "Type", "Size", "Time", "Waterfall"];
    return [make("p", { class: "dim" }, har.total + " requests, " + bad + " failed, " + Math.round(span) + " ms"
      + (har.total > har.entries.length ? "; the first " + har.entries.length + " are shown. " : ". "), link(row, "whole HAR")),
    make("div", { class: "tools" }, find),
    make("div", { class: "scroll", tabindex: "0" }, make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((h) => make("th", { scope: "col", text: h })))), body)), place];
  }

  function level(line) {
    const found = /\b(trace|debug|info|warn|warning|error|severe|critical|fatal|exception)\b/i.exec(line);
    const word = found ? found[1].toLowerCase() : "";
    return /error|severe|critical|fatal|exception/.test(word) ? "error" : word.startsWith("warn") ? "warn" : word === "trace" ? "debug" : word;
  }

  /* A line of a log, with the matches of a search marked. */
  function marked(line, want) {
    const item = make("li", { class: level(line) });
    let from = 0;
    for (let i; want && (i = line.toLowerCase().indexOf(want, from)) >= 0; from = i + want.length)
      item.append(line.slice(from, i), make("mark", { text: line.slice(i, i + want.length) }));
    item.append(line.slice(from));
    return item;
  }

  function logBody(row) {
    const text = textOf(row.p);
    if (text === null) return fileBody(row);
    const lines = text.split("\n").filter((l) => l.trim());
    const list = make("ol", { class: "lines" });
    const place = make("div");
    const count = make("output", { class: "dim" });
    const find = make("input", { type: "search", "aria-label": "search the log", placeholder: "search", oninput: fill });
    const least = make("select", { "aria-label": "level", onchange: fill },
      ...[["", "all levels"], ["info", "info and above"], ["warn", "warnings and errors"], ["error", "errors"]].map(([v, t]) => make("option", { value: v, text: t })));
    const order = ["debug", "info", "warn", "error"];
    function fill() {
      const want = find.value.toLowerCase();
      const min = order.indexOf(least.value);
      const rows = lines.filter((l) => l.toLowerCase().includes(want) && (min < 0 || order.indexOf(level(l)) >= min));
      count.textContent = rows.length + " of " + lines.length + " lines";
      list.replaceChildren();
      place.replaceChildren(growing(list, rows, (l) => marked(l, want))[1]);
    }
    fill();
    return [make("div", { class: "tools" }, find, least), make("p", {}, count, " ", link(row, isCut(row.p) ? "truncated; whole log" : "whole log")),
      make("div", { class: "scroll", tabindex: "0" }, list), place];
  }

  /* -- records -------------------------------------------------------------------------- */

  /* Any value of a record, as text. */
  function say(value) {
    return value === null || value === undefined ? "" : typeof value === "string" ? value
      : typeof value === "object" ? JSON.stringify(value) : String(value);
  }

  function number(value) {
    return typeof value === "number" && isFinite(value) ? value : 0;
  }

  function money(value) {
    return "$" + value.toFixed(value < 0.1 ? 4 : 2);
  }

  /* A record; null if it is not there, or is not JSON. */
  function parsed(path) {
    const value = textOf(path);
    return value && typeof value === "object" ? value : null;
  }

  function objects(value) {
    return Array.isArray(value) ? value.filter((v) => v && typeof v === "object") : [];
  }

  /* All rows of the records whose names begin with prefix; there is one record per task. */
  function rowsOf(run, prefix) {
    return [...run.records].filter(([name]) => name.startsWith(prefix)).flatMap(([, path]) => objects(parsed(path)));
  }

  /* Parse the records of a run, once. */
  function storyOf(run) {
    const one = (name) => (run.records.has(name) ? parsed(run.records.get(name)) : null);
    const timeline = objects(one("timeline"));
    let actions = rowsOf(run, "actions-");
    const story = { timeline, workflow: one("workflow-run") || {}, steps: new Map(), actions: new Map(), rows: new Map(run.rows.map((r) => [r.i, r])) };
    if (!actions.length) actions = blocks(timeline).flatMap((b) => objects(b.actions)).reverse();
    for (const step of rowsOf(run, "steps-")) story.steps.set(say(step.step_id), step);
    actions.sort((a, b) => number(a.step_order) - number(b.step_order) || number(a.action_order) - number(b.action_order));
    for (const action of actions) {
      const step = say(action.step_id);
      if (!story.actions.has(step)) story.actions.set(step, []);
      story.actions.get(step).push(action);
    }
    return story;
  }

  /* The blocks of a timeline, including nested ones. */
  function blocks(items) {
    return items.flatMap((item) => [...(item.block && typeof item.block === "object" ? [item.block] : []), ...blocks(objects(item.children))]);
  }

  /* Status, tokens, cost and model of a step. */
  function costOf(step) {
    const tokens = number(step.input_token_count) + number(step.output_token_count);
    return [say(step.status), tokens ? number(step.input_token_count) + " + " + number(step.output_token_count) + " tokens" : "",
      number(step.cached_token_count) ? number(step.cached_token_count) + " of them cached" : "",
      number(step.reasoning_token_count) ? number(step.reasoning_token_count) + " reasoning tokens" : "",
      number(step.step_cost) ? money(number(step.step_cost)) : "", say(step.last_llm_model)].filter(Boolean).join(", ");
  }

  /* An action: its intention, its reason, and its screenshot. */
  function actionItem(action, story, all) {
    const shot = story.rows.get(action.screenshot_artifact_id);
    const words = [["", say(action.intention)], ["Because: ", say(action.reasoning)], ["Answer: ", say(action.response)], ["Typed: ", say(action.text)],
      ["File: ", say(action.file_url)], ["Element: ", say(action.element_id)]].filter(([, text]) => text);
    const sure = typeof action.confidence_float === "number" ? ", " + Math.round(action.confidence_float * 100) + " % sure" : "";
    return make("li", { class: "action" }, shot && is.shot(shot) ? make("div", { class: "shots" }, shotButton(shot, all)) : null,
      make("div", {}, make("strong", { text: say(action.action_type) || "action" }), make("span", { class: "dim", text: " " + say(action.status) + sure }),
        ...words.map(([title, text]) => make("p", {}, title ? make("span", { class: "dim", text: title }) : null, text))));
  }

  function actionList(actions, story, all) {
    return growing(make("ol", { class: "actions" }), actions, (a) => actionItem(a, story, all));
  }

  /* A block or a thought of the timeline, with its nested items. */
  function timelineItem(item, depth) {
    const block = item.block && typeof item.block === "object" ? item.block : null;
    const thought = item.thought && typeof item.thought === "object" ? item.thought : null;
    const within = objects(item.children);
    if (thought) {
      const cost = [number(thought.input_token_count) + number(thought.output_token_count) ? number(thought.input_token_count) + " + " + number(thought.output_token_count) + " tokens" : "",
        number(thought.thought_cost) ? money(number(thought.thought_cost)) : "", say(thought.last_llm_model)].filter(Boolean).join(", ");
      return make("li", { class: "thought" }, make("strong", { text: "Thought" }), make("span", { class: "dim", text: " " + [time(say(item.created_at)), say(thought.thought_type), cost].filter(Boolean).join(", ") }),
        ...[["Saw: ", thought.observation], ["Thought: ", thought.thought], ["Answer: ", thought.answer]].filter(([, t]) => say(t)).map(([title, t]) => make("p", {}, make("span", { class: "dim", text: title }), say(t))));
    }
    if (!block) return null;
    const status = say(block.status);
    const started = [block.block_workflow_run_id, block.output && block.block_type === "workflow_trigger" ? block.output.workflow_run_id : null].find((id) => byId.has(id));
    return make("li", {}, make("strong", { text: say(block.label) || say(block.block_type) || "block" }),
      make("span", { class: "dim", text: " " + [say(block.block_type), time(say(item.created_at)), number(block.duration) ? number(block.duration).toFixed(1) + " s" : "", say(block.url)].filter(Boolean).join(", ") + " " }),
      status ? make("span", { class: "status " + (/^\w+$/.test(status) ? status : ""), text: status }) : null, started ? runButton(byId.get(started)) : null,
      block.failure_reason ? make("p", { class: "reason", text: say(block.failure_reason) }) : null,
      block.navigation_goal || block.prompt ? make("p", { text: say(block.navigation_goal || block.prompt) }) : null,
      block.output ? lazy("output", () => [make("pre", { tabindex: "0", text: pretty(block.output) })]) : null,
      within.length ? depth < 20 ? timelineList(within, depth + 1) : make("p", { class: "dim", text: "..." }) : null);
  }

  /* A list of timeline items, oldest first: the service sends the newest first. */
  function timelineList(items, depth) {
    return make("div", {}, ...growing(make("ul", { class: "timeline" }), [...items].reverse(), (item) => timelineItem(item, depth) || make("li", { class: "dim", text: say(item.type) })));
  }

  function attemptsPart(record, story) {
    const attempts = objects(record.attempts || story.workflow.attempts);
    const pending = record.retry_pending || story.workflow.retry_pending;
    if (attempts.length < 2 && !pending) return null;
    return part("Attempts (" + attempts.length + ")", make("ol", {}, ...attempts.slice(0, SHOWN).map((a) => make("li", {},
      make("span", { class: "status " + (/^\w+$/.test(say(a.status)) ? a.status : ""), text: say(a.status) }), " " + [time(say(a.finished_at)), say(a.failure_reason), Array.isArray(a.error_codes) ? a.error_codes.map(say).join(" ") : "",
        a.retry_decision ? "then: " + say(a.retry_decision) + (a.decision_reason ? " (" + say(a.decision_reason) + ")" : "") : say(a.decision_reason)].filter(Boolean).join(", ")))),
    pending ? make("p", { text: "A retry was pending when this run was archived" + (record.next_attempt_at || story.workflow.next_attempt_at ? ", next attempt at " + say(record.next_attempt_at || story.workflow.next_attempt_at) : "") + "." }) : null);
  }

  function runButton(run) {
    return make("button", { type: "button", "data-run": run.run_id, onclick: () => go(run) }, run.run_id + " ",
      make("span", { class: "status " + (/^\w+$/.test(run.status) ? run.status : ""), text: run.error || run.status || "unknown" }));
  }

  function familyPart(run) {
    const children = skyarc.runs.filter((r) => r.parent_run_id === run.run_id);
    const parent = byId.get(run.parent_run_id);
    if (!children.length && !run.parent_run_id) return null;
    return part("Runs", run.parent_run_id ? make("p", {}, "Started by ", parent ? runButton(parent) : make("code", { text: run.parent_run_id })) : null,
      children.length ? make("div", { class: "tools wrap" }, "Started (" + children.length + "): ", ...children.slice(0, SHOWN).map(runButton)) : null);
  }

  function totalsOf(run, story) {
    const steps = [...story.steps.values()];
    const cost = number(story.workflow.total_cost) || steps.reduce((sum, s) => sum + number(s.step_cost), 0);
    const tokens = steps.reduce((sum, s) => sum + number(s.input_token_count) + number(s.output_token_count), 0);
    return [steps.length ? steps.length + " steps" : "", tokens ? tokens + " tokens" : "", cost ? money(cost) : "",
      number(story.workflow.credits_used) ? number(story.workflow.credits_used) + " credits" : ""].filter(Boolean).join(", ");
  }

  function recordsPart(run) {
    const lost = Array.isArray(run.records_missing) ? run.records_missing : [];
    if (!run.records.size && !run.records_count) return null;
    return part("Records", ...[...run.records].sort().map(([name, path]) => lazy(name, () => [make("p", {}, link({ p: path })), make("pre", { tabindex: "0", text: pretty(textOf(path)) })])),
      run.records.size < run.records_count ? make("p", { class: "dim", text: run.records_count - run.records.size + " more are in " + "data/" + run.run_id + "/records/" }) : null,
      lost.length ? make("p", { class: "dim", text: "Missing: " + lost.map((r) => r.name + " (" + r.reason + ")").join(", ") }) : null);
  }

  /* -- one run -------------------------------------------------------------------------- */

  const is = {
    shot: (r) => r.m === "image" && r.t !== "download",
    film: (r) => (r.m === "video" || r.m === "audio") && r.t !== "download",
    html: (r) => /^html/.test(r.t || ""),
    llm: (r) => /^llm_/.test(r.t || ""),
    har: (r) => r.t === "har",
    log: (r) => /_log(_raw)?$/.test(r.t || ""),
  };

  function part(title, ...children) {
    return make("section", {}, make("h3", { text: title }), ...children);
  }

  function byTime(a, b) {
    return (a.c || "~") < (b.c || "~") ? -1 : (a.c || "~") > (b.c || "~") ? 1 : a.n - b.n;
  }

  function stepPart(id, rows, nth, all, story) {
    const times = rows.map((r) => r.c).filter(Boolean);
    const title = nth === null ? "Without a step" : "Step " + nth;
    const span = times.length ? " " + [...new Set([time(times[0]), time(times[times.length - 1])])].join(" to ") : "";
    const cost = story.steps.has(id) ? costOf(story.steps.get(id)) : "";
    const out = make("div", { class: "step" }, make("h4", {}, title, make("span", { class: "dim", text: span + (cost ? ", " + cost : "") })));
    const actions = story.actions.get(id) || [];
    const beside = new Set(actions.map((a) => a.screenshot_artifact_id));
    const pictures = rows.filter((r) => is.shot(r) && !beside.has(r.i));
    if (actions.length) out.append(...actionList(actions, story, all));
    if (pictures.length) out.append(...growing(make("div", { class: "shots" }), pictures, (row) => shotButton(row, all)));
    const files = [...rows.filter(is.llm), ...rows.filter(is.html), ...rows.filter((r) => !Object.values(is).some((f) => f(r)))];
    if (files.length) out.append(...growing(make("div"), files, (row) => lazy(label(row), () => (is.html(row) ? htmlBody(row) : textBody(row)))));
    return out;
  }

  function stepParts(rows, story) {
    const steps = new Map();
    const all = rows.filter(is.shot);
    for (const row of rows.filter((r) => !is.film(r) && !is.har(r) && !is.log(r))) {
      if (!steps.has(row.s)) steps.set(row.s, []);
      steps.get(row.s).push(row);
    }
    for (const id of [...story.steps.keys(), ...story.actions.keys()]) if (id && !steps.has(id)) steps.set(id, []);
    let nth = 0;
    const named = [...steps].map(([id, list]) => [id, list, id === null ? null : ++nth]);
    return growing(make("div"), named, ([id, list, number]) => stepPart(id, list, number, all, story), STEPS);
  }

  function films(rows) {
    const all = rows.filter(is.film);
    return all.length === 0 ? all : growing(make("div"), all, (row) => make("figure", {},
      make(row.m === "audio" ? "audio" : "video", { controls: "", preload: "metadata", src: href(row.p), "aria-label": label(row) }),
      make("figcaption", { class: "dim" }, label(row) + " ", link(row))), STEPS);
  }

  function consoleErrors(rows) {
    const lines = [];
    for (const row of rows.filter((r) => r.t === "browser_console_log"))
      for (const line of (textOf(row.p) || "").split("\n")) if (level(line) === "error") lines.push(line);
    if (!lines.length) return null;
    return part("Console errors (" + lines.length + ")", ...growing(make("ol", { class: "lines" }), lines, (l) => marked(l, "")));
  }

  /* Artifacts whose content does not fit their type, such as a sign-in page instead of a recording. */
  function suspectPart(rows) {
    const odd = rows.filter((row) => row.x);
    return odd.length ? part("Suspect (" + odd.length + ")", make("ul", {}, ...odd.slice(0, SHOWN).map((row) => make("li", {}, (row.t || "no type") + ": ", link(row),
      " has content that does not fit its type")))) : null;
  }

  function lostPart(run) {
    const lost = run.lost;
    if (!lost.length) return null;
    return part("Missing (" + lost.length + ")", make("ul", {}, ...lost.slice(0, SHOWN).map((m) => make("li", {
      text: (m.artifact_type || "the run itself") + " " + (m.artifact_id || "") + ": " + m.reason + (m.http_status ? " (HTTP " + m.http_status + ")" : ""),
    }))));
  }

  function filesPart(run, rows) {
    return lazy("All files (" + rows.length + ")", () => {
      const body = make("tbody");
      const [, more] = growing(body, rows, (r) => make("tr", {}, make("td", { text: r.t || "" }), make("td", { class: "n", text: size(r.z) }),
        make("td", { text: r.c || "" }), make("td", { class: "url" }, link(r, r.p.replace(/^data\//, "")))));
      const base = "data/" + run.run_id + "/";
      return [make("p", {}, "Records as sent by the service: ", link({ p: base + "run.json" }), ", ", link({ p: base + "artifacts.json" })),
        make("div", { class: "scroll", tabindex: "0" }, make("table", {}, make("thead", {}, make("tr", {},
        ...["Type", "Size", "Created", "File"].map((h) => make("th", { scope: "col", text: h })))), body)), more];
    });
  }

  function requestParts(record, story) {
    const asked = record.run_request || story.workflow.parameters;
    const made = record.output ?? record.outputs ?? story.workflow.outputs;
    const has = made !== undefined && made !== null;
    if (!asked && !has) return null;
    return make("div", { class: "pair" }, asked ? part("Request", make("pre", { tabindex: "0", text: pretty(asked) })) : null,
      has ? part("Output", make("pre", { tabindex: "0", text: pretty(made) })) : null);
  }

  function recordOf(run) {
    return parsed("data/" + run.run_id + "/run.json") || {};
  }

  const main = document.getElementById("main");

  function badge(run) {
    return make("span", { class: "status " + (/^\w+$/.test(run.status) ? run.status : ""), text: run.error || run.status || "unknown" });
  }

  function title(run) {
    return make("h2", { tabindex: "-1", text: run.run_id + (run.title ? ": " + run.title : "") });
  }

  /* What this page has of a run's texts, since searches find nothing else. */
  function scopePart(rows) {
    const kinds = rows.filter((r) => is.html(r) || is.har(r) || is.log(r));
    const copied = kinds.filter((r) => texts.has(r.p)).length;
    return make("p", { class: "dim", text: "Searches of this run cover its records, and " + copied + " of its " + kinds.length
      + " logs, requests and captured pages; other texts are shown from their own files." });
  }

  /* Show a run whose data is here. */
  function render(run) {
    const rows = run.rows;
    const record = recordOf(run);
    const story = storyOf(run);
    const counts = run.counts || {};
    const parts = [title(run),
      make("p", {}, badge(run), " ",
        make("span", { class: "dim", text: [run.run_type, (run.created_at || "").slice(0, 19).replace("T", " "), seconds(run.started_at, run.finished_at), say(counts.archived) + " of " + say(counts.listed) + " artifacts", totalsOf(run, story),
          run.other_run_id ? "also " + run.other_run_id : ""].filter(Boolean).join(", ") }))];
    if (run.failure_reason) parts.push(make("p", { class: "reason", role: "note" }, make("strong", { text: "Failed: " }), run.failure_reason));
    if (Array.isArray(run.notes) && run.notes.length) parts.push(make("p", { class: "dim", text: "Notes: " + run.notes.map(say).join(", ") }));
    parts.push(attemptsPart(record, story), familyPart(run), lostPart(run), suspectPart(rows), consoleErrors(rows));
    if (story.timeline.length) parts.push(part("Timeline", timelineList(story.timeline, 0)));
    const video = films(rows);
    const steps = part("Steps", ...stepParts(rows, story));
    parts.push(video.length ? make("div", { class: "side" }, steps, make("div", { class: "films" }, part("Recording", ...video))) : steps);
    parts.push(requestParts(record, story));
    const hars = rows.filter(is.har);
    if (hars.length) parts.push(part("Network", ...growing(make("div"), hars, (row) => lazy(label(row), () => harBody(row), hars.indexOf(row) < OPEN))));
    const logs = rows.filter(is.log);
    if (logs.length) parts.push(part("Logs", ...growing(make("div"), logs, (row) => lazy(label(row), () => logBody(row)))));
    parts.push(recordsPart(run), part("Files", filesPart(run, rows)), scopePart(rows));
    main.replaceChildren(...parts.filter(Boolean));
  }

  /* Take over the data of a run. */
  function adopt(run, data) {
    texts = data.texts;
    if (run.rows) return;
    Object.assign(run, data.run, { rows: data.rows, lost: data.missing });
    run.records_count = number(run.records);
    run.records = new Map(); // name -> path
    run.rows.forEach((row, n) => {
      row.n = n;
    });
    run.rows.sort(byTime);
    for (const path of texts.keys()) {
      const found = /^data\/[^/]+\/records\/([^/]+)\.json$/.exec(path);
      if (found) run.records.set(found[1], path);
    }
  }

  let current = null;

  /* Show a run: its title at once, the rest when its data is here. */
  async function show(run) {
    current = run;
    document.title = run.run_id + " - skyarc";
    mark();
    main.setAttribute("aria-busy", "true");
    main.replaceChildren(title(run), make("p", {}, badge(run), " ", make("span", { class: "dim", text: "loading" })));
    let data;
    try {
      data = await skyarc.load(run);
    } catch (why) {
      if (current !== run) return;
      main.replaceChildren(title(run), make("p", {}, badge(run)), run.failure_reason ? make("p", { class: "reason", text: run.failure_reason }) : "",
        make("p", { role: "alert", text: why.message + ". The files of this run are in data/" + run.run_id + "/." }));
      main.setAttribute("aria-busy", "false");
      return;
    }
    if (current !== run) return;
    const focused = main.contains(document.activeElement);
    adopt(run, data);
    render(run);
    main.setAttribute("aria-busy", "false");
    if (focused) main.querySelector("h2").focus();
    listRuns();
  }

  /* -- the runs ------------------------------------------------------------------------- */

  const byId = new Map(skyarc.runs.map((run) => [run.run_id, run]));
  const list = document.getElementById("runs");
  const find = document.getElementById("find");
  const status = document.getElementById("status");
  const count = document.getElementById("count");
  const scope = document.getElementById("scope");
  const all = document.getElementById("all");

  for (const word of [...new Set(skyarc.runs.map((r) => r.error || r.status || "unknown"))].sort()) status.append(make("option", { value: word, text: word }));

  function go(run) {
    location.hash = encodeURIComponent(run.run_id); // an entry of the history: Back leads to the run before
    show(run);
    main.querySelector("h2").focus();
  }

  function mark() {
    for (const button of list.querySelectorAll("button")) button.toggleAttribute("aria-current", current !== null && button.dataset.run === current.run_id);
  }

  function describe() {
    const loaded = skyarc.runs.filter(skyarc.isLoaded).length;
    scope.textContent = "Searches IDs, types, titles and failure reasons" + (skyarc.live ? ", in a directory also prompts and outputs" : "") + "; and the records and copied texts of "
      + (loaded === skyarc.runs.length ? "all runs." : "the " + (loaded === 1 ? "run" : loaded + " runs") + " opened so far.");
    all.hidden = loaded === skyarc.runs.length || (skyarc.live && skyarc.runs.length > LOADED);
  }

  function has(run, want) {
    return (run.run_id + " " + (run.other_run_id || "") + " " + (run.title || "") + " " + (run.failure_reason || "") + " " + (run.run_type || "")).toLowerCase().includes(want)
      || (want && (skyarc.words(run).includes(want) || (found.text === want && found.runs.has(run))));
  }

  let found = { text: "", runs: new Set() }; // what the server's catalog has of a text

  /* Ask the server for runs with the text that is searched, and take over those that the page did not have. */
  async function ask() {
    const typed = find.value; // the catalog folds the case of ASCII letters only
    const rows = await skyarc.find(typed).catch(() => []);
    if (typed !== find.value || !rows.length) return;
    for (const row of rows) {
      if (byId.has(row.run_id)) continue;
      byId.set(row.run_id, row);
      skyarc.runs.push(row);
    }
    found = { text: typed.toLowerCase(), runs: new Set(rows.map((row) => byId.get(row.run_id))) };
    listRuns();
  }

  let hits = [];
  const more = make("button", { type: "button", onclick: grow });
  list.after(more);

  function runItem(run) {
    return make("li", {}, make("button", { type: "button", "data-run": run.run_id, onclick: () => go(run) },
      run.run_id, make("br"), badge(run), make("span", { class: "dim", text: " " + (run.created_at || "").slice(0, 16).replace("T", " ") })));
  }

  function grow() {
    const shown = list.children.length;
    list.append(...hits.slice(shown, shown + SHOWN).map(runItem));
    more.textContent = "Show more (" + (hits.length - list.children.length) + " left)";
    more.hidden = list.children.length >= hits.length;
    mark();
  }

  function listRuns() {
    const want = find.value.toLowerCase();
    hits = skyarc.runs.filter((run) => (!status.value || status.value === (run.error || run.status || "unknown")) && has(run, want));
    count.textContent = hits.length + " of " + skyarc.runs.length + " runs";
    list.replaceChildren();
    grow();
    describe();
  }

  /* Load all runs, one after the other, so that searches cover them. */
  async function loadAll() {
    all.disabled = true;
    for (const run of skyarc.runs) {
      try {
        await skyarc.load(run);
      } catch {
        continue; // it is told when the run is opened
      }
      describe();
    }
    all.disabled = false;
    listRuns();
  }

  addEventListener("hashchange", () => { // Back, Forward, and a link that was pasted
    const run = byId.get(location.hash.slice(1));
    if (run && run !== current) show(run);
  });
  let later = 0;
  find.addEventListener("input", () => {
    listRuns();
    clearTimeout(later);
    later = setTimeout(ask, 200);
  });
  status.addEventListener("change", listRuns);
  all.addEventListener("click", loadAll);
  listRuns();
  const asked = byId.get(location.hash.slice(1));
  const roots = skyarc.runs.filter((r) => !byId.has(r.parent_run_id)); // the runs that were asked for
  const first = asked || roots.find((r) => r.status === "failed") || roots[0] || skyarc.runs[0];
  if (first) {
    if (!asked) history.replaceState(null, "", "#" + encodeURIComponent(first.run_id)); // where Back leads to
    show(first);
  }
})();
