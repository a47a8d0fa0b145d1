/* SPDX-License-Identifier: MIT */
/*
 * live_page: the page and the data of one run, made when they are asked for.
 *
 * The page is that of the offline view (view/page), but it asks the server for the data of a
 * run, which is made from the manifests and the run's own texts: few frames are read, however
 * large the archives are. What is damaged is left out, and logged.
 *
 * Units    bytes
 * Errors   ERR_NOT_FOUND: no such run; those of reading
 * Owns     nothing
 * Threads  any
 */
#ifndef VIEWER_LIVE_PAGE_H
#define VIEWER_LIVE_PAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "view/page.h"
#include "viewer/library.h"

/* Write the page, which has a short row of each run. */
int live_page_index(struct library *library, put_fn *put, void *ctx,
                    struct err *err) MUST_CHECK;

/*
 * Write the totals of the archives as JSON, and the SHA-256 of each one's manifest, as the file
 * itself has it now; all manifests are read to the end. An empty object for a directory.
 */
int live_page_about(struct library *library, put_fn *put, void *ctx,
                    struct err *err) MUST_CHECK;

/* Write the short rows of the runs that have a text, as JSON; see library_search. */
int live_page_search(struct library *library, const char *text, put_fn *put, void *ctx,
                     struct err *err) MUST_CHECK;

/*
 * Write a part of the data of a run as JSON: what a sidecar of the offline view contains, with
 * the texts of this part only, and the rows of artifacts in the first part only. The caller
 * holds library->making.
 */
int live_page_run(struct library *library, const char *run_id, enum page_part part, put_fn *put,
                  void *ctx, struct err *err) MUST_CHECK;

#endif
