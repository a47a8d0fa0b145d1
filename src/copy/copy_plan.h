/* SPDX-License-Identifier: MIT */
/*
 * copy_plan: the files of an archive, and what becomes of each in a redacted copy.
 *
 * Files with the same content form a group, with one decision for all of them: content that a
 * rule leaves out because of one row's type, step or name is nowhere in the copy.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for an invalid manifest, or one of a redacted copy that names itself;
 *          ERR_USAGE for types of the rules that are malformed; ERR_LIMIT; ERR_MEMORY
 * Owns     the manifest's text and all rows
 * Threads  one
 * Source   docs/redact.md
 */
#ifndef COPY_COPY_PLAN_H
#define COPY_COPY_PLAN_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/hashmap.h"
#include "base/json.h"
#include "base/mem.h"
#include "mask/rules.h"
#include "writer/framer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COPY_PLAN_STAYS RULES_MAX /* no rule leaves the file out */

struct copy_file;

/* Files with the same content. */
struct copy_group {
    unsigned removed; /* the rule that leaves the content out, or COPY_PLAN_STAYS */
    bool kept;        /* the content cannot be masked, and a rule keeps it */
    bool changed;     /* it is masked: */
    uint64_t size;    /* the masked content's size and digests */
    struct digest digest;
    uint64_t rules; /* bits of the rules that masked it */
    uint64_t counts[RULES_MAX];
    uint64_t paths;          /* bits of rules->paths that apply */
    bool learnt;             /* its texts were searched */
    struct copy_file *first; /* the file that is written; others may be links to it */
};

/* A file of the original: an artifact's, or a document. */
struct copy_file {
    struct json_value row; /* its row of the manifest */
    uint64_t number;       /* of the row in its list, from 0 */
    bool document;
    bool lists; /* it is artifacts.json */
    bool link;
    bool there;           /* already written */
    const char *path;     /* in the original */
    const char *new_path; /* in the copy; the same, unless it has a secret */
    const char *run_id;
    const char *type;
    const char *media_type;
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    struct copy_group *group;
    struct spot spot;
};

struct copy_plan {
    const struct rules *rules;
    struct buf text; /* the original's manifest */
    struct json *doc;
    struct region *region;
    struct hashmap *by_path;
    struct hashmap *by_digest;
    struct copy_file **files; /* documents first; each list in the order of its rows */
    size_t count;
    size_t cap;
};

/* Refuse rules that name artifact types that there are not. */
int copy_plan_check(const struct rules *rules, struct err *err) MUST_CHECK;

/* Read an archive's manifest, and apply the rules that leave files out. */
int copy_plan_load(struct copy_plan *plan, const char *archive, const struct rules *rules,
                   struct err *err) MUST_CHECK;

/* The file with a path in the original; NULL: none, or the original's view or tag file. */
struct copy_file *copy_plan_find(const struct copy_plan *plan, const char *path);

/* Whether a file is in the copy. */
bool copy_plan_stays(const struct copy_file *file);

/* Release; may be called twice, and on {0}. */
void copy_plan_clear(struct copy_plan *plan);

#endif
