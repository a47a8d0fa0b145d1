/* SPDX-License-Identifier: MIT */
/*
 * row_json: makes what the offline view has of the manifest's rows, as JSON that is not escaped
 * yet.
 *
 * Pure.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT; ERR_FORMAT if a row is not JSON
 * Threads  any
 * Source   docs/manifest.schema.json
 */
#ifndef VIEW_ROW_JSON_H
#define VIEW_ROW_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "format/manifest_read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* limits of what index.html has of each run's title and failure reason, and of all together */
#define ROW_JSON_TITLE_MAX  100
#define ROW_JSON_REASON_MAX 160
#define ROW_JSON_WORDS_MAX  ((uint64_t)256 << 10)

/* Whether a run failed: the page opens on such a run, and prefers its texts. */
bool row_json_failed(const struct manifest_read_run *row);

/* Append the row of a run for index.html; *words counts the bytes of titles and reasons. */
int row_json_short(struct buf *out, const struct manifest_read_run *row, uint64_t *words,
                   struct err *err) MUST_CHECK;

/* Append a run's row, given as text, without the members that its record has, too. */
int row_json_long(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

/*
 * Append an artifact's row with short names, since there may be many. What is in its path,
 * data/RUN_ID/TYPE/TIME_ID.EXT, is left out: data.js derives it.
 */
int row_json_artifact(struct buf *out, const struct manifest_read_artifact *row,
                      struct err *err) MUST_CHECK;

#endif
