/* SPDX-License-Identifier: MIT */
/*
 * annals: what was decided by people, and cannot be read from the volumes: holds,
 * and what was pruned.
 *
 * Each is a line of JSON in DIR/log.jsonl, which only grows, and a row of the
 * catalog's log, which SQLite keeps from being changed. The file is what a catalog
 * is made again from.
 *
 * Units    milliseconds since 1970
 * Errors   ERR_SYSTEM, the catalog's
 * Owns     nothing; texts are lent for the call
 * Threads  one, who has the directory's lock
 */
#ifndef VAULT_ANNALS_H
#define VAULT_ANNALS_H

#include "base/err.h"
#include "vault/catalog.h"

#include <stdbool.h>
#include <stdint.h>

#define ANNALS_NAME    "log.jsonl"
#define ANNALS_HOLD    "hold"
#define ANNALS_RELEASE "release"
#define ANNALS_PRUNE   "prune"  /* a run: it is in no volume any more */
#define ANNALS_REMOVE  "remove" /* a volume */

struct annals_entry {
    int64_t at_ms;
    const char *what;
    const char *run_id; /* NULL: none, also below */
    const char *volume;
    const char *reason;
};

/* Write an entry into file and catalog, with what follows from it. */
int annals_add(struct catalog *c, const char *dir, const struct annals_entry *entry,
               struct err *err) MUST_CHECK;

/* Read the file into a catalog that was made again. */
int annals_read(struct catalog *c, const char *dir, struct err *err) MUST_CHECK;

/* Whether a run is held, and why (may be NULL). */
bool annals_held(struct catalog *c, const char *run_id, char *reason, size_t size);

/* Each hold; fn gives -1 to fail. */
int annals_holds(struct catalog *c,
                 int (*fn)(void *ctx, const struct annals_entry *hold, struct err *err),
                 void *ctx, struct err *err) MUST_CHECK;

#endif
