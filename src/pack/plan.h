/* SPDX-License-Identifier: MIT */
/*
 * plan: what is to be fetched, what is the same thing, and what each file is
 * called.
 *
 * Pure: no I/O. An item is one artifact of one run; items that are the same
 * thing before a byte is fetched follow a leader: one artifact_id under two
 * runs, one object (uri without bundle_key), one checksum with one file_size.
 *
 * Units    bytes; times in microseconds since 1970
 * Errors   ERR_MEMORY, ERR_LIMIT
 * Owns     items and their paths; what an item says of its artifact is borrowed
 * Threads  plan_add: before the threads start; plan_name: the packer alone
 * Source   docs/archive-format.md, "Names"
 */
#ifndef PACK_PLAN_H
#define PACK_PLAN_H

#include "base/digest.h"
#include "base/err.h"
#include "pack/lanes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the plan must know of an artifact; NULL where it is not known. */
struct plan_artifact {
    const char *run_id;
    const char *artifact_id;
    const char *type;
    const char *ext; /* of its type, without the dot */
    const char *uri;
    const char *bundle_key;
    const char *checksum;
    uint64_t file_size; /* when sized */
    bool sized;
    int64_t created_us; /* CLOCK_NONE: not known */
    int64_t mtime;      /* of the entry, seconds */
};

struct item {
    struct plan_artifact what;
    size_t index; /* plan_at's */
    size_t run;   /* the caller's indexes */
    size_t row;
    struct item *leader; /* NULL: it is fetched itself */
    struct item *next;   /* the leader's next follower */
    struct item *followers;

    /* the packer's, read by others after it ended */
    bool packed;
    bool link;
    bool mismatch; /* checksum is another */
    char *path;    /* below the top directory */
    uint64_t size;
    struct digest digest;
    const char *media_type;
    const struct item *duplicate_of;
    struct place place;
};

struct plan;

/* dedupe: join what is the same thing. */
struct plan *plan_new(bool dedupe, struct err *err) MUST_CHECK;
void plan_free(struct plan *plan);

/* Add an artifact; *item (may be NULL) gets NULL when its run has it already. */
int plan_add(struct plan *plan, const struct plan_artifact *what, size_t run, size_t row,
             struct item **item, struct err *err) MUST_CHECK;

/* The items, in the order they were added. */
size_t plan_count(const struct plan *plan);
struct item *plan_at(const struct plan *plan, size_t i);

/* Make the leader's first follower the leader of the rest, and return it; NULL: none. */
struct item *plan_promote(struct item *leader);

/*
 * Give an item its path, once.
 *
 * head   its first bytes (for the extension), or NULL when they are not known
 */
int plan_name(struct plan *plan, struct item *item, const void *head, size_t len,
              struct err *err) MUST_CHECK;

/* Keep a path of our own from being given to an item. */
int plan_reserve(struct plan *plan, const char *path, struct err *err) MUST_CHECK;

#endif
