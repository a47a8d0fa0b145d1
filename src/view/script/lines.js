// SPDX-License-Identifier: MIT
// lines: what changed between two texts, line by line (Myers, "An O(ND) Difference Algorithm", 1986).
const lines = (() => {
  const EDITS = 2000; // a comparison that needs more edits than these is given up
  const CONTEXT = 3; // equal lines around a change

  // The paper compares texts on a grid: x lines of the first text and y lines of the second one were read, and the
  // diagonal k is x - y. After d edits, the furthest point of each diagonal k = -d, -d + 2, ... d is known: far[i] is
  // the x of the diagonal k = 2 * i - d.

  /* Whether the furthest point number i after d edits is reached by a new line; else, by a line that is gone. */
  function isNew(far, d, i) {
    return i === 0 || (i !== d && far[i - 1] < far[i]);
  }

  /* The furthest points after 0, 1, 2, ... edits, until both texts end; null: too many edits are needed. */
  function traceOf(a, b) {
    const most = Math.min(a.length + b.length, EDITS);
    const trace = [];
    for (let d = 0; d <= most; d++) {
      const before = trace[d - 1];
      const far = new Int32Array(d + 1);
      trace.push(far);
      for (let i = 0; i <= d; i++) {
        const k = 2 * i - d;
        let x = 0;
        if (d) x = isNew(before, d, i) ? before[i] : before[i - 1] + 1;
        while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
        far[i] = x;
        if (x >= a.length && x - k >= b.length) return trace;
      }
    }
    return null;
  }

  /* The edits of a trace, found from its end to its begin. */
  function editsOf(a, b, trace) {
    const out = [];
    let x = a.length;
    let y = b.length;
    const same = () => {
      out.push(["same", a[--x]]);
      y--;
    };
    for (let d = trace.length - 1; d > 0; d--) {
      const before = trace[d - 1];
      const i = (x - y + d) / 2;
      const added = isNew(before, d, i);
      const fromX = added ? before[i] : before[i - 1] + 1; // where the equal lines after the edit begin
      while (x > fromX) same();
      if (added) out.push(["new", b[--y]]);
      else out.push(["gone", a[--x]]);
    }
    while (x > 0) same();
    return out.reverse();
  }

  /* [["same" | "gone" | "new", line], ...]; null if the texts have too little in common. */
  function compare(before, after) {
    const a = before.split("\n");
    const b = after.split("\n");
    const shorter = Math.min(a.length, b.length);
    let head = 0; // equal lines at the begin
    while (head < shorter && a[head] === b[head]) head++;
    let tail = 0; // equal lines at the end
    while (tail < shorter - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
    const middle = a.slice(head, a.length - tail);
    const other = b.slice(head, b.length - tail);
    const trace = traceOf(middle, other);
    if (!trace) return null;
    const same = (line) => ["same", line];
    return [
      ...a.slice(0, head).map(same), ...editsOf(middle, other, trace), ...a.slice(a.length - tail).map(same),
    ];
  }

  /* The changed lines and a few equal lines around them; "cut" is in the place of the other equal lines. */
  function shownOf(all) {
    const near = new Uint8Array(all.length);
    all.forEach(([kind], i) => {
      if (kind !== "same") near.fill(1, Math.max(0, i - CONTEXT), i + CONTEXT + 1);
    });
    const shown = [];
    all.forEach((line, i) => {
      if (near[i]) shown.push(line);
      else if (!i || near[i - 1]) shown.push(["cut", "\u2026"]);
    });
    return shown;
  }

  /* The difference of two texts, as a list. */
  function view(before, after) {
    if (before === after) return dom.note("No difference.");
    const all = compare(before, after);
    if (!all) return dom.note("The texts have too little in common to compare them by lines.");
    const mark = { same: "  ", gone: "- ", new: "+ ", cut: "" };
    const item = ([kind, line]) => dom.make("li", { class: kind, text: mark[kind] + line });
    return dom.scroll(...dom.growing(dom.make("ol", { class: "lines diff" }), shownOf(all), item));
  }

  return { compare, view };
})();
