// SPDX-License-Identifier: MIT
// moment: points in time (ms since 1970, NaN if not known) and durations, as text; in UTC, or in the reader's zone.
const moment = (() => {
  let local = false;
  const pad = (n, width = 2) => String(n).padStart(width, "0");

  /* A point in time: of a number of ms, or of an ISO 8601 text. A text without a zone is UTC. */
  function parse(value) {
    if (typeof value === "number") return new Date(value).getTime(); // NaN if no calendar has the number
    if (typeof value !== "string" || !/^\d{4}-/.test(value)) return NaN;
    if (/[Zz]|[+-]\d\d:?\d\d$/.test(value.slice(10))) return Date.parse(value);
    return Date.parse(value.replace(" ", "T") + (value.length > 10 ? "Z" : ""));
  }

  /* A Date whose UTC fields are the fields of the moment in the zone that is shown. */
  function shifted(ms) {
    return new Date(ms - (local ? new Date(ms).getTimezoneOffset() * 60000 : 0));
  }

  function day(at) {
    return at.getUTCFullYear() + "-" + pad(at.getUTCMonth() + 1) + "-" + pad(at.getUTCDate());
  }

  /* Hours, minutes and seconds. */
  function time(value) {
    const ms = parse(value);
    if (isNaN(ms)) return "";
    const at = shifted(ms);
    return pad(at.getUTCHours()) + ":" + pad(at.getUTCMinutes()) + ":" + pad(at.getUTCSeconds());
  }

  function full(value) {
    const ms = parse(value);
    return isNaN(ms) ? "" : day(shifted(ms)) + " " + time(ms);
  }

  /* The name of the zone that is shown, at a moment: UTC, UTC+1, UTC+5:30. */
  function zone(value) {
    if (!local) return "UTC";
    const ms = parse(value);
    const minutes = -new Date(isNaN(ms) ? Date.now() : ms).getTimezoneOffset();
    if (!minutes) return "UTC";
    const size = Math.abs(minutes);
    const rest = size % 60 ? ":" + pad(size % 60) : "";
    return "UTC" + (minutes < 0 ? "-" : "+") + Math.floor(size / 60) + rest;
  }

  /* A duration. */
  function took(ms) {
    if (!(ms >= 0)) return "";
    if (ms < 1000) return Math.round(ms) + " ms";
    if (ms < 59950) return (ms / 1000).toFixed(1) + " s";
    const seconds = Math.round(ms / 1000);
    if (seconds < 3600) return Math.floor(seconds / 60) + " min " + seconds % 60 + " s";
    return Math.floor(seconds / 3600) + " h " + Math.floor(seconds % 3600 / 60) + " min";
  }

  return {
    parse, time, full, zone, took,
    between: (from, to) => took(parse(to) - parse(from)),
    isLocal: () => local,
    setLocal(to) {
      local = to;
    },
  };
})();
