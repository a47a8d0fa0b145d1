/* SPDX-License-Identifier: MIT */
/*
 * restore: what an interrupted attempt left in OUTPUT.partial, checked and kept.
 *
 * Every file in it is read and hashed again. It is kept when the journal knows
 * it, the plan wants it, and it is what the journal says; and it is cut at the
 * first that is not, or is torn, back to where a frame and a file end together.
 * What is the same thing by the plan is kept together or not at all. Of a directory, each file
 * is judged by itself, and what is not kept is removed.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY; what is not good enough to keep is none
 * Owns     a struct restored owns its arrays, until restored_clear
 * Threads  one, before the packer's starts
 */
#ifndef PULL_RESTORE_H
#define PULL_RESTORE_H

#include "base/err.h"
#include "pull/task.h"
#include "view/page.h"
#include "writer/entry_names.h"
#include "writer/entry_writer.h"
#include "writer/journal.h"
#include "writer/plan.h"
#include "writer/volume.h"

#include <stdint.h>

struct restore_opts {
    const char *top;           /* the archive's top directory */
    struct plan *plan;         /* searched */
    struct entry_names *names; /* gets the paths that are kept */
    struct volume *volume;     /* opened; restore_run starts it */
    const struct journal *journal;
    struct page *page; /* the offline view, or NULL */
};

struct restored {
    /* by the plan's index; NULL: nothing is kept */
    struct outcome *outcomes;
    struct packed *packed; /* here: of what is kept */
    struct spot *places;
    size_t items;
    uint64_t bytes; /* of their content */
};

struct pull_opts;

/* What is archived and how, as the journal's first line: only the same request goes on with
 * what is there. To be freed by mem_free. */
char *restore_request(const struct pull_opts *opts, struct err *err) MUST_CHECK;

/* Keep what is good, start the volume behind it, and tell of the items that are kept. */
int restore_run(const struct restore_opts *opts, struct restored *restored,
                struct err *err) MUST_CHECK;

/* Release; may be called twice, and on {0}. */
void restored_clear(struct restored *restored);

#endif
