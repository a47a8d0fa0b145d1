/* SPDX-License-Identifier: MIT */
/*
 * library: the archives that the viewer shows: some archives, or a directory of skyarc sync.
 *
 * Of a directory, the catalog says which runs there are, and which volumes have a run. The
 * catalog and a temporary file stay open, since they cannot be opened in the sandbox.
 *
 * Errors   the catalog's; those of reading archives
 * Owns     the catalog, the temporary file
 * Threads  any, after library_open
 */
#ifndef VIEWER_LIBRARY_H
#define VIEWER_LIBRARY_H

#include "base/err.h"
#include "catalog/db.h"
#include "format/manifest_read.h"
#include "view/store.h"
#include "viewer/served_file.h"
#include "volumes/volume_store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define LIBRARY_RUNS    10000 /* the newest runs of a directory that are listed */
#define LIBRARY_FOUND   500   /* runs that a search finds */
#define LIBRARY_VOLUMES 1024  /* volumes of one run that are read */

struct library {
    /* set by the caller, borrowed */
    const char *title;
    struct served_place *place;
    const struct volume_store *store; /* of a directory of skyarc sync; NULL: the archives */
    const char *const *archives;
    size_t archive_count;
    const char *const *run_ids; /* show only these; of an archive, by the IDs that it has */
    size_t run_count;           /* 0: all */
    pthread_mutex_t making; /* held while a run's data is made (site): for memory and texts */
    /* under making: buffers a run's texts, if a file could be opened (fd) */
    struct store texts;
    /* under lock */
    pthread_mutex_t lock;
    struct db *catalog;
    bool open;
};

/* Open the catalog of a directory, and a temporary file if one can be made; close also after a
 * failure. */
int library_open(struct library *library, struct err *err) MUST_CHECK;

/* Close them; may be called twice, and on a library that was not opened. */
void library_close(struct library *library);

/* Whether a run is one of those to be shown. */
bool library_shows(const struct library *library, const char *run_id);

/*
 * Visit the runs to be shown, of a directory the newest LIBRARY_RUNS, newest first; fn gets
 * their rows as in a manifest, and of archives also what the sections before the runs have. A
 * run that several archives have is visited several times.
 */
int library_runs(struct library *library, manifest_read_fn *fn, void *ctx,
                 struct err *err) MUST_CHECK;

/*
 * Visit the newest LIBRARY_FOUND runs of a directory that have a text in prompt, title, output
 * or failure reason. ERR_NOT_FOUND: the library is no directory, and has no such search.
 */
int library_search(struct library *library, const char *text, manifest_read_fn *fn, void *ctx,
                   struct err *err) MUST_CHECK;

/* Gets the path of an archive; 1: no further one is wanted. */
typedef int library_archive_fn(void *ctx, const char *path, struct err *err);

/*
 * Visit the archives that can have a run, the newest first. An archive for which fn fails is
 * logged, and the others are still visited. Returns 1 if fn did; else -1 with the last error of
 * fn, if there was one; else 0.
 */
int library_archives(struct library *library, const char *run_id, library_archive_fn *fn,
                     void *ctx, struct err *err) MUST_CHECK;

#endif
