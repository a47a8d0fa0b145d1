/* SPDX-License-Identifier: MIT */
/*
 * audit_log: DIR/log.jsonl, which tells what cannot be read from the volumes: holds,
 * what was pruned, what was lost.
 *
 * A line of JSON each. The file only grows, and it is the truth; what the catalog
 * knows of it comes from reading it (catalog/log_replay). Lines that are written together
 * are flushed together, and the directory with them. A last line that a crash tore
 * was never told of by anybody as done: the next who writes takes it away.
 *
 * Units    bytes; milliseconds since 1970
 * Errors   ERR_SYSTEM, ERR_LIMIT, ERR_MEMORY
 * Owns     struct audit_log: its descriptor and its lines, until audit_log_close; texts are
 * lent for the call Threads  one, who has the directory's lock
 */
#ifndef CATALOG_AUDIT_LOG_H
#define CATALOG_AUDIT_LOG_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define AUDIT_LOG_NAME    "log.jsonl"
#define AUDIT_LOG_HOLD    "hold"
#define AUDIT_LOG_RELEASE "release"
#define AUDIT_LOG_PRUNE   "prune"  /* a run: it is in no volume any more */
#define AUDIT_LOG_REMOVE  "remove" /* a volume */
#define AUDIT_LOG_LOSE    "lose"   /* a volume, and each part of a run that was in no other */
#define AUDIT_LOG_ALIAS   "alias"  /* the other name (part) of a run that was pruned */

struct audit_log_entry {
    int64_t at_ms;
    const char *what;
    const char *run_id; /* NULL: none, also below */
    const char *volume;
    const char *part; /* an artifact's ID, or its path; "": the run's record; an alias */
    const char *reason;
};

/* Entries that are written together. */
struct audit_log {
    char *path;
    int fd;
    int64_t began; /* the file's size before them */
    struct buf lines;
    bool committed;
};

/* Open the file to append to it, and make it. annals is to be closed in any case. */
int audit_log_open(struct audit_log *annals, const char *dir, struct err *err) MUST_CHECK;

/* Add an entry. */
int audit_log_put(struct audit_log *annals, const struct audit_log_entry *entry,
                  struct err *err) MUST_CHECK;

/* Have all of them on the disk. */
int audit_log_commit(struct audit_log *annals, struct err *err) MUST_CHECK;

/* Close; what was not committed is taken back. */
void audit_log_close(struct audit_log *annals);

/* Take away a last line that is torn; a file that is not there is fine. */
int audit_log_mend(const char *dir, struct err *err) MUST_CHECK;

/* How far a file was read, and the SHA-256 of that much of it. */
struct audit_log_mark {
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
};

/* The mark of a file of which nothing was read. */
int audit_log_start(struct audit_log_mark *mark, struct err *err) MUST_CHECK;

/* Takes an entry, lent for the call, or NULL for a line that cannot be read; -1 fails. */
typedef int audit_log_fn(void *ctx, const struct audit_log_entry *entry, struct err *err);

/*
 * Read the lines behind a mark.
 *
 * mark     becomes how far it was read
 * returns  1; 0: the file does not begin with what the mark is of, and nothing was read; -1
 */
int audit_log_scan(const char *dir, struct audit_log_mark *mark, audit_log_fn *fn, void *ctx,
                   struct err *err) MUST_CHECK;

#endif
