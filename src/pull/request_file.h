/* SPDX-License-Identifier: MIT */
/*
 * request_file: makes requests.jsonl of a pull: the requests that were made, and which of them
 * each run's records are the answers to.
 *
 * The requests are collected by the calls of the pull (provenance/request_log). While the
 * archive is unfinished, its journal has them, too, and those of interrupted attempts are read
 * from it.
 *
 * Errors   the volume's, ERR_MEMORY
 * Owns     the log, until request_file_clear
 * Threads  the transfer loop; request_file_put: one, after packer_join
 * Source   docs/archive-format.md, "The request log"
 */
#ifndef PULL_REQUEST_FILE_H
#define PULL_REQUEST_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "client/listing.h"
#include "provenance/request_log.h"
#include "pull/manifest_text.h"
#include "pull/pull_opts.h"
#include "writer/journal.h"

#include <stdbool.h>
#include <stddef.h>

struct request_file {
    struct request_log *log;
    struct journal *journal; /* NULL: none */
    size_t cleaned;          /* number of runs whose lists' digests are logged */
};

/* Begin the log, with the requests that chose the runs (opts->asked). */
int request_file_begin(struct request_file *file, const struct pull_opts *opts,
                       struct pagefile *pagefile, struct err *err) MUST_CHECK;

/*
 * Add the requests of interrupted attempts, and keep those of this one in the journal, which
 * must outlive the file or be taken from it by request_file_forget.
 */
void request_file_keep(struct request_file *file, struct journal *journal);

/* The journal ends; the log goes on. */
void request_file_forget(struct request_file *file);

/*
 * Log the digests of the lists of the first `count` runs, which are redacted.
 */
void request_file_lists(struct request_file *file, const struct listing *listing, size_t count);

/* Write to the journal what is pending. */
void request_file_flush(struct request_file *file);

/* Write requests.jsonl; the same bytes each time. */
int request_file_put(const struct request_file *file, const struct manifest_facts *facts,
                     put_fn *put, void *to, struct err *err) MUST_CHECK;

/* Free; may be called twice, and on {0}. */
void request_file_clear(struct request_file *file);

#endif
