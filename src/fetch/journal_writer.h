/* SPDX-License-Identifier: MIT */
/*
 * journal_writer: adds the items that were stored to the journal of an unfinished archive.
 *
 * Errors   none: if the journal cannot be written, that is said once, and the next attempt can
 *          only resume less
 * Owns     nothing
 * Threads  the transfer loop
 */
#ifndef FETCH_JOURNAL_WRITER_H
#define FETCH_JOURNAL_WRITER_H

#include "fetch/task.h"
#include "writer/journal.h"

#include <stdbool.h>
#include <stdint.h>

struct journal_writer {
    struct journal *journal; /* borrowed; NULL: none, or given up */
    uint64_t flushed;        /* when it was last written */
};

/*
 * Add a row for a task's item, if it is in the archive and can be found again.
 *
 * beside_zip   it is a member of a ZIP that was stored as a file, too
 */
void journal_writer_add(struct journal_writer *writer, const struct task *task,
                        bool beside_zip);

/* Write the pending rows: all of them, or none if rows were written a moment ago. */
void journal_writer_flush(struct journal_writer *writer, bool all);

#endif
