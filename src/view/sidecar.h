/* SPDX-License-Identifier: MIT */
/*
 * sidecar: the files view/RUN_ID.js of the offline view, one for each run: its row, the rows of
 * its artifacts, what is missing, its records and texts.
 *
 * A sidecar is a script of one call, skyarc.take("RUN_ID",String.raw`JSON`), since a page
 * opened by file:// can load scripts and nothing else. All captured content is in the JSON,
 * which inert_json has escaped: the browser reads any content as one string.
 *
 * Parts come in any order, and are buffered in one file; what is kept in memory is some 50
 * bytes for each record and text, and for each series of rows of one run.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM if the file fails, ERR_MEMORY
 * Owns     its file
 * Threads  one at a time
 * Source   docs/archive-format.md, "The offline view"
 */
#ifndef VIEW_SIDECAR_H
#define VIEW_SIDECAR_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIDECAR_PATH_MAX 160 /* "view/RUN_ID.js" */

struct sidecar_run {
    const char *id;
    bool listed; /* the manifest has a row of it */
    bool failed;
    uint32_t number; /* in the order of the manifest's rows; valid if listed */
};

enum sidecar_part { SIDECAR_RUN, SIDECAR_ROW, SIDECAR_MISSING, SIDECAR_TEXT, SIDECAR_PARTS };

struct sidecars;

/* Create an empty set; dir: for its file. */
struct sidecars *sidecars_new(const char *dir, struct err *err) MUST_CHECK;

/* Free a set; NULL is fine. */
void sidecars_free(struct sidecars *set);

/* The run of this ID (len bytes), new if it was not known; NULL: no memory. */
struct sidecar_run *sidecars_run(struct sidecars *set, const char *id, size_t len,
                                 struct err *err) MUST_CHECK;

/* Note that the manifest has a row of a run; the order of these calls is that of the page. */
int sidecars_list(struct sidecars *set, struct sidecar_run *run, struct err *err) MUST_CHECK;

/* Add a part of a run: escaped JSON, a value. */
int sidecars_add(struct sidecars *set, const struct sidecar_run *run, enum sidecar_part part,
                 const struct buf *json, struct err *err) MUST_CHECK;

/* How many runs are listed. */
size_t sidecars_count(const struct sidecars *set);

/* The nth listed run. */
const struct sidecar_run *sidecars_at(const struct sidecars *set, size_t n);

/* Call before the functions below, which write what was added so far. */
int sidecars_sort(struct sidecars *set, struct err *err) MUST_CHECK;

/*
 * The path of the nth sidecar; false: its run has no name for a file, and so no sidecar. The
 * page itself accepts this pattern only.
 */
bool sidecars_path(const struct sidecars *set, size_t n, char path[SIDECAR_PATH_MAX]);

/* The size of the nth sidecar. */
uint64_t sidecars_size(struct sidecars *set, size_t n);

/* Write the nth sidecar, which has a path. */
int sidecars_put(struct sidecars *set, size_t n, put_fn *put, void *ctx,
                 struct err *err) MUST_CHECK;

/* Write only the JSON of the nth sidecar, for a page that has all in itself. */
int sidecars_put_json(struct sidecars *set, size_t n, put_fn *put, void *ctx,
                      struct err *err) MUST_CHECK;

#endif
