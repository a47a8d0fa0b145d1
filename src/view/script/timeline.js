// SPDX-License-Identifier: MIT
// timeline: steps, actions, pictures, requests, errors and the recording of a run on one clock, with a slider.
const timeline = (() => {
  const { make, button } = dom;
  const THUMB = 92; // width of a picture in the lane, in pixels
  const BUCKETS = 160; // bars in the lane of requests
  const MARKS = 1000; // steps, or actions, that are shown
  const ERRORS = 500; // that are shown

  /* Where a moment is between the begin (0) and the end (1) of a run. */
  function share(at, told) {
    return (at - told.from) / (told.to - told.from);
  }

  function percent(at, told) {
    return Math.min(100, Math.max(0, share(at, told) * 100)) + "%";
  }

  function lane(name, ...children) {
    const place = make("div", { class: "lane-place" }, ...children);
    return make("div", { class: "lane" }, make("span", { class: "lane-name", text: name }), place);
  }

  /* The lane of the slider. */
  function slide(slider) {
    const out = lane("", slider);
    out.classList.add("slide");
    return out;
  }

  /* Put an element at a moment, or from one moment to another. */
  function placed(el, told, from, to) {
    el.style.left = percent(from, told);
    if (to !== undefined)
      el.style.width = "max(3px, calc(" + percent(to, told) + " - " + percent(from, told) + "))";
    return el;
  }

  function stepLane(told, choose) {
    const segment = (step) => {
      const failed = step === told.failing;
      const title = story.title(step);
      const el = button(String(step.n), () => choose(step), {
        class: failed ? "segment failed" : "segment", "data-step": String(step.n), title,
        "aria-label": title + (failed ? ", failed here" : ""),
      });
      return placed(el, told, step.from, step.to > step.from ? step.to : step.from);
    };
    return lane("Steps", ...told.steps.filter((step) => !isNaN(step.from)).slice(0, MARKS).map(segment));
  }

  /* [step, item, time] of the items of all steps that have a time. */
  function timed(told, itemsOf, timeOf) {
    return told.steps.flatMap((step) => itemsOf(step).map((item) => [step, item, moment.parse(timeOf(item))]))
      .filter(([, , at]) => !isNaN(at));
  }

  function actionLane(told, choose) {
    const all = timed(told, (step) => step.actions, (action) => action.started_at || action.created_at);
    const tick = ([step, action, at]) => {
      const type = dom.say(action.action_type);
      return placed(button("", () => choose(step), {
        class: "tick", tabindex: "-1", title: type + " " + moment.time(at),
        "aria-label": "action " + type + " of step " + step.n,
      }), told, at);
    };
    return all.length ? lane("Actions", ...all.slice(0, MARKS).map(tick)) : null;
  }

  function shotButton(step, row, choose) {
    const label = pictures.label(row);
    const img = make("img", { loading: "lazy", decoding: "async", src: dom.href(row.p), alt: "" });
    return make("button", {
      type: "button", tabindex: "-1", title: label, "aria-label": "step " + step.n + ", " + label,
      onclick: () => choose(step),
    }, img);
  }

  /* The pictures that have room beside each other; they are laid out again when the width changes. */
  function stripLane(told, choose) {
    const shots = timed(told, (step) => step.shots, (row) => row.c).sort((a, b) => a[2] - b[2]);
    if (!shots.length) return null;
    const out = lane("Pictures");
    const place = out.lastChild;
    place.classList.add("strip");
    function fill() {
      const width = place.clientWidth || 800;
      let free = -Infinity; // where the next picture has room
      place.replaceChildren();
      for (const [step, row, at] of shots) {
        const x = Math.min(share(at, told) * width, width - THUMB);
        if (x < free) continue;
        free = x + THUMB;
        const el = shotButton(step, row, choose);
        el.style.left = x + "px";
        place.append(el);
      }
    }
    new ResizeObserver(fill).observe(place);
    return out;
  }

  /* A bar for each part of the time: how many requests began, and whether one failed. */
  function requestLane(told, entries) {
    const counts = Array.from({ length: BUCKETS }, () => [0, 0]); // of all requests, of failed ones
    for (const { start, bad } of entries) {
      const count = counts[Math.floor(share(start, told) * BUCKETS)];
      if (!count) continue; // it began at another time than the run, or at no known time
      count[0]++;
      if (bad) count[1]++;
    }
    const most = counts.reduce((max, [all]) => Math.max(max, all), 1);
    const bar = ([all, bad], i) => {
      if (!all) return [];
      const title = dom.plural(all, "request") + (bad ? ", " + bad + " failed" : "");
      const el = make("i", { class: bad ? "bad" : null, title });
      el.style.left = i / BUCKETS * 100 + "%";
      el.style.width = 100 / BUCKETS + "%";
      el.style.height = Math.max(15, all / most * 100) + "%";
      return [el];
    };
    return entries.length ? lane("Requests", ...counts.flatMap(bar)) : null;
  }

  function errorLane(told, errors) {
    const mark = ({ at, text }) => placed(make("i", { class: "bad full", title: text.slice(0, 300) }), told, at);
    const known = errors.filter((entry) => !isNaN(entry.at)).slice(0, ERRORS);
    return known.length ? lane("Errors", ...known.map(mark)) : null;
  }

  /* The recording; until its length is known, it ends with the run. */
  function filmLane(told, film) {
    if (!film) return null;
    const el = make("i", { class: "film" });
    function fill() {
      const { duration } = film.video; // seconds
      placed(el, told, film.start, isFinite(duration) ? film.start + duration * 1000 : told.to);
    }
    film.video.addEventListener("loadedmetadata", fill);
    fill();
    return lane("Recording", el);
  }

  // Moves the recording with the clock, and the clock with the recording; null: there is no recording.
  // reached: called with a moment when the reader plays the recording. signal: ends that. Returns a function that seeks
  // a moment.
  function follow(film, reached, signal) {
    if (!film) return () => {};
    const { video, start } = film;
    let target = NaN; // seconds; where the clock moved the recording
    function seek(at) {
      target = Math.max(0, (at - start) / 1000);
      if (video.duration) target = Math.min(target, video.duration);
      if (video.readyState > 0) video.currentTime = target;
      else video.addEventListener("loadedmetadata", () => seek(at), { once: true });
    }
    video.addEventListener("timeupdate", () => {
      if (video.paused && Math.abs(video.currentTime - target) < 0.05) return; // the clock moved the recording
      target = NaN;
      reached(start + video.currentTime * 1000);
    }, { signal });
    return seek;
  }

  function lanesOf(told, film, choose) {
    return [
      stepLane(told, choose), actionLane(told, choose), stripLane(told, choose), requestLane(told, network.of(told)),
      errorLane(told, logs.errors(told.run.rows)), filmLane(told, film),
    ];
  }

  // The clock; null if the run has no duration.
  //   told    a story
  //   film    {video, start, guessed}, or null
  //   choose  called with a step that was clicked
  //   reach   called with a moment at which the slider was let go
  //   signal  aborted when another clock takes the place of this one
  function of(told, film, choose, reach, signal) {
    const length = told.to - told.from;
    if (!(length > 0)) return null;
    const cursor = make("div", { class: "cursor", "aria-hidden": "true" });
    const label = make("output", { class: "dim" });
    const slider = make("input",
      { type: "range", min: "0", max: String(length), step: "50", value: "0", "aria-label": "time in the run" });
    const lanes = make("div", { class: "lanes" });

    /* Show a time after the begin of the run: the cursor, its label, and the step of that time. */
    function show(ms) {
      const at = told.from + ms;
      const step = story.stepAt(told, at);
      cursor.style.left = percent(at, told);
      label.textContent = "+" + moment.took(ms) + ", " + moment.full(at) + " " + moment.zone(at);
      slider.setAttribute("aria-valuetext", label.textContent);
      for (const el of lanes.querySelectorAll(".segment"))
        el.classList.toggle("now", Boolean(step) && el.dataset.step === String(step.n));
    }

    const seek = follow(film, (at) => {
      const ms = Math.min(Math.max(0, at - told.from), length);
      slider.value = String(ms);
      show(ms);
    }, signal);
    slider.addEventListener("input", () => {
      show(Number(slider.value));
      seek(told.from + Number(slider.value));
    });
    slider.addEventListener("change", () => reach(told.from + Number(slider.value)));
    show(0); // marks no step: the lanes are still empty
    for (const el of lanesOf(told, film, choose)) if (el) lanes.append(el);
    lanes.append(slide(slider), make("div", { class: "cursor-place" }, cursor));
    const guess = film && film.guessed;
    return {
      el: dom.part("Timeline", make("div", { class: "clock" }, lanes), make("p", {}, label,
        guess ? dom.dim(". Where the recording begins is a guess: when the run started.") : null)),
      at(ms) {
        slider.value = String(ms - told.from);
        show(Math.max(0, ms - told.from));
        seek(ms);
      },
    };
  }

  return { of };
})();
