/* SPDX-License-Identifier: MIT */
/*
 * run_visit: visits what a library has of one run: its row, the rows of its artifacts, and the
 * texts that the visitor wants.
 *
 * The manifest of each archive that can have the run is read once; few frames are read for the
 * texts, however large the archive is, and each once: in the order of their places, into the
 * library's temporary file, from which the visitor gets the texts in the order of the manifest.
 * Without that file, the frames are read in the order of the manifest, some more often. What is
 * damaged is left out, and logged.
 *
 * Several archives may have a file: the newest that is not damaged counts. Of more than 4,096
 * texts or 64 MiB the records and the latest texts are visited.
 *
 * Units    bytes
 * Errors   ERR_NOT_FOUND: no archive has the run; those of reading, and of the visitor, if no
 *          archive has a row of the run or memory is short
 * Owns     nothing
 * Threads  any; one visit of a library at a time, since its temporary file is used
 */
#ifndef VIEWER_RUN_VISIT_H
#define VIEWER_RUN_VISIT_H

#include "base/err.h"
#include "format/manifest_read.h"
#include "view/page.h"
#include "viewer/library.h"

#include <stdbool.h>
#include <stddef.h>

/* Who visits: functions that get what the archives have. */
struct run_visitor {
    void *ctx;
    /* the row of the run, or of something that it lacks, as in a manifest */
    manifest_read_fn *row;
    int (*artifact)(void *ctx, const struct manifest_read_artifact *row, struct err *err);
    /* how many bytes of a file are wanted, from its beginning */
    size_t (*wants)(const struct page_file *file);
    /* the first bytes of a file, once; its row was visited before */
    int (*text)(void *ctx, const struct page_file *file, const char *bytes, size_t len,
                struct err *err);
    /* whether a file that is wanted and within the limits is read: visits that differ in this
     * only have the same files within the limits */
    bool (*reads)(void *ctx, const struct page_file *file);
};

/*
 * Visit a run, in all archives that have it, the newest first. Returns 1 if something could not
 * be read, or the visitor failed, which was logged: the other files were visited.
 */
int run_visit(struct library *library, const char *run_id, const struct run_visitor *visitor,
              struct err *err) MUST_CHECK;

#endif
