// SPDX-License-Identifier: MIT
// absent: says that a run has no files of a kind, and why.
const absent = (() => {
  const { make, say } = dom;

  /* Whether the archive has, or names as missing, all that the service listed. */
  function isWhole(run) {
    return skyarc.filtered === false && !(dom.number((run.counts || {}).listed) > run.rows.length + run.lost.length);
  }

  /* Why the archive has no artifacts of a run whose types match a pattern. */
  function why(run, types) {
    const lost = run.lost.filter((row) => types.test(say(row.artifact_type)));
    const reasons = [...new Set(lost.map((row) => say(row.reason)))].join(", ");
    if (run.error) return "the run could not be archived (" + say(run.error) + ")";
    if (lost.length) return lost.length + " could not be fetched (" + reasons + ")";
    if (run.supplements)
      return "this archive has only the run's later artifacts; the earlier ones are in " + say(run.supplements);
    if (isWhole(run)) return "the service listed none";
    return "the service listed none, or the filter of this archive (--type and the like) left them out";
  }

  /* A note that there are none of the files called `what`, with the list in which they would be. */
  function files(run, what, types) {
    const list = dom.link({ p: "data/" + run.run_id + "/artifacts.json" }, "the service's list");
    return make("p", { class: "dim" }, "No " + what + ": " + why(run, types) + ". ", run.error ? null : list);
  }

  return { files };
})();
