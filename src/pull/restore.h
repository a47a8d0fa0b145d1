/* SPDX-License-Identifier: MIT */
/*
 * restore: checks and keeps the artifacts of an interrupted attempt in OUTPUT.partial.
 *
 * Every file in it is read and hashed again. It is kept if the journal lists it, the plan wants
 * it, and it matches the journal. OUTPUT.partial is truncated at the first file that is not
 * kept or is incomplete, back to where a frame and a file end together.
 * See pull/groups for what is kept together or not at all. Each file of a directory is checked
 * by itself, and files that are not kept are removed.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY; data that cannot be kept is not an error
 * Owns     a struct restored owns its arrays, until restored_clear
 * Threads  one, before the packer's starts
 */
#ifndef PULL_RESTORE_H
#define PULL_RESTORE_H

#include "base/err.h"
#include "fetch/task.h"
#include "view/page.h"
#include "writer/entry_names.h"
#include "writer/entry_writer.h"
#include "writer/journal.h"
#include "writer/plan.h"
#include "writer/volume.h"

#include <stdint.h>

struct restore_opts {
    const char *top;           /* the archive's top directory */
    struct plan *plan;         /* plan_find makes its index again */
    struct entry_names *names; /* gets the paths of kept items */
    struct volume *volume;     /* opened; restore_run starts it */
    const struct journal *journal;
    struct page *page;         /* the offline view, or NULL */
    struct pagefile *pagefile; /* for what is kept; NULL: in memory */
};

struct restored {
    struct region *region;
    /* by the plan's index; NULL: nothing is kept */
    struct outcome *outcomes;
    struct packed *packed; /* here: the item is kept */
    struct spot *places;
    size_t items;
    uint64_t bytes; /* bytes of their content */
};

struct pull_opts;

/* Keep the valid items, start the volume after them, and report them. */
int restore_run(const struct restore_opts *opts, struct restored *restored,
                struct err *err) MUST_CHECK;

/*
 * After a failure, once the volume and its journal are closed: count the artifacts that a later
 * attempt will find in OUTPUT.partial, read in the same way, and remove the other files of a
 * directory. If there are none, OUTPUT.partial and its journal are removed.
 */
size_t restore_measure(const struct pull_opts *opts, struct plan *plan,
                       struct pagefile *pagefile);

/* Release; may be called twice, and on {0}. */
void restored_clear(struct restored *restored);

#endif
