/* SPDX-License-Identifier: MIT */
/*
 * audit_log: DIR/log.jsonl, the record of what cannot be read from the volumes: holds, pruned
 * runs, lost volumes, the shard.
 *
 * Each line is one JSON object. The file is append-only and authoritative; the catalog's copy
 * is made by reading the file (catalog/log_replay). Lines written together are flushed
 * together, and the directory with them. If a crash left an incomplete last line, no command
 * has reported that entry as done: the next writer deletes the line.
 *
 * Units    bytes; milliseconds since 1970
 * Errors   ERR_SYSTEM, ERR_FORMAT (the last line is not skyarc's), ERR_LIMIT, ERR_MEMORY
 * Owns     struct audit_log: its descriptor and lines, until audit_log_close; texts are
 *          borrowed
 * Threads  one, which holds the directory's lock
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
#define AUDIT_LOG_PRUNE   "prune"  /* a run was pruned from its volumes */
#define AUDIT_LOG_REMOVE  "remove" /* a volume was deleted */
#define AUDIT_LOG_LOSE    "lose"   /* a volume, or a part that only the volume had, was lost */
#define AUDIT_LOG_ALIAS   "alias"  /* the second ID (part) of a pruned run */
#define AUDIT_LOG_SHARD   "shard"  /* the directory is filled with a shard (part, "K/N") */

struct audit_log_entry {
    int64_t at_ms;
    const char *what;
    const char *run_id; /* NULL: none; the same for the texts below */
    const char *volume;
    const char *part; /* an artifact's ID or path; "": the run's record; an alias; a shard */
    const char *reason;
};

/* A second place of the log, which counts before the file: the file is a copy of it. */
struct audit_log_origin {
    /* Takes lines before they are written to the file; -1: they do not count. */
    int (*publish)(void *ctx, const char *lines, size_t len, struct err *err);
    /* All lines since the last call are in the file. */
    int (*copied)(void *ctx, struct err *err);
    void *ctx;
};

/* No second place: the file is the log. */
struct audit_log_origin audit_log_no_origin(void);

/* Entries that are written together. */
struct audit_log {
    char *path;
    struct audit_log_origin origin;
    int fd;
    int64_t began; /* the file's size before these entries */
    struct buf lines;
    bool committed;
};

/*
 * Open the file for appending; created if missing. Call audit_log_close also on failure.
 *
 * origin   takes the entries before the file does
 */
int audit_log_open(struct audit_log *log, const char *dir, struct audit_log_origin origin,
                   struct err *err) MUST_CHECK;

/* Add an entry. */
int audit_log_put(struct audit_log *log, const struct audit_log_entry *entry,
                  struct err *err) MUST_CHECK;

/* Write and flush all added entries. */
int audit_log_commit(struct audit_log *log, struct err *err) MUST_CHECK;

/* Close the file; entries that were not committed are removed from it. */
void audit_log_close(struct audit_log *log);

/* Delete an incomplete last line; the file may be missing. */
int audit_log_mend(const char *dir, struct err *err) MUST_CHECK;

/* A position in the file, and the SHA-256 of the bytes before the position. */
struct audit_log_mark {
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
};

/* Set a mark to the beginning of the file. */
int audit_log_start(struct audit_log_mark *mark, struct err *err) MUST_CHECK;

/* Takes an entry, valid during the call, or NULL for an unreadable line; returns -1 to fail. */
typedef int audit_log_fn(void *ctx, const struct audit_log_entry *entry, struct err *err);

/*
 * Read the lines after a mark.
 *
 * mark     updated to the end of what was read
 * returns  1; 0: the bytes before the mark have changed, and nothing was read; -1
 */
int audit_log_scan(const char *dir, struct audit_log_mark *mark, audit_log_fn *fn, void *ctx,
                   struct err *err) MUST_CHECK;

#endif
