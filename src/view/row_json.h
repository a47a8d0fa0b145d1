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

/*
 * Limits of what index.html has of each run's title and failure reason, and of all together;
 * when half of this is used, each is shortened to a third.
 */
#define ROW_JSON_TITLE_MAX  100
#define ROW_JSON_REASON_MAX 160
#define ROW_JSON_WORDS_MAX  ((uint64_t)96 << 10)
#define ROW_JSON_TIME_MAX   19 /* "2026-01-20T11:52:29" */

/* Whether a run failed: the page opens on such a run, and prefers its texts. */
bool row_json_failed(const struct manifest_read_run *row);

/* Append the row of a run for index.html; *words counts the bytes of titles and reasons. */
int row_json_short(struct buf *out, const struct manifest_read_run *row, uint64_t *words,
                   struct err *err) MUST_CHECK;

/* Append a run's row, given as text, without empty members and those that its record has. */
int row_json_long(struct buf *out, const char *text, size_t len, struct err *err) MUST_CHECK;

/* Append a path without the data/RUN_ID/ of this run; data.js adds it again. */
int row_json_path(struct buf *out, const char *path, const char *run_id,
                  struct err *err) MUST_CHECK;

/*
 * Append an artifact's row as an array, since there may be many. What is in its path,
 * data/RUN_ID/TYPE/TIME_ID.EXT, is left out: data.js derives it.
 */
int row_json_artifact(struct buf *out, const struct manifest_read_artifact *row,
                      struct err *err) MUST_CHECK;

#endif
