// SPDX-License-Identifier: MIT
// narrow: the window of time whose requests and log lines are shown: that of one step, or the whole run.
const narrow = (() => {
  const SLACK = 50; // ms: the clocks of artifacts, requests and logs differ

  function make() {
    const watchers = [];
    let window = null; // {from, to, name}; null: the whole run
    return {
      has: (ms) => !window || isNaN(ms) || (ms >= window.from - SLACK && !(ms > window.to + SLACK)),
      told: () => (window ? ", of the time of " + window.name : ""),
      watch: (fn) => watchers.push(fn),
      set(to) {
        window = to;
        for (const fn of watchers) fn();
      },
      on: () => window !== null,
      get: () => window,
    };
  }

  return { make };
})();
