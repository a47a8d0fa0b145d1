/* SPDX-License-Identifier: MIT */
/*
 * rules: which contents of an archive are masked or left out in a copy for others: the rules
 * that this program has, and those of a rules file.
 *
 * A rules file is a JSON object; members that it does not know are refused, since a rule that
 * is misspelt would take nothing out.
 *
 * Units    bytes
 * Errors   ERR_USAGE for a malformed file, with the member's name; ERR_LIMIT; ERR_MEMORY
 * Owns     all texts and expressions of the rules
 * Threads  one at a time: an expression has a state
 * Source   docs/redact.md, "The rules file"
 */
#ifndef MASK_RULES_H
#define MASK_RULES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "mask/json_path.h"
#include "mask/regex.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_MAX      64 /* rules, so that a set of them is a uint64_t */
#define RULES_FILE_MAX ((size_t)1 << 20)
#define RULES_NAME_MAX 32
#define RULES_LIST_MAX 400 /* types, names or steps of a rule */

/* The rules that every set has; those of the rules file follow from RULE_OWN on. */
enum rule_id {
    RULE_COOKIES,
    RULE_HEADERS,
    RULE_FIELDS,
    RULE_URLS,
    RULE_EMAILS,
    RULE_CARDS,
    RULE_TOKENS,
    RULE_TYPED,
    RULE_DIGESTS,
    RULE_UNMASKABLE, /* these three leave files out, and cannot be turned off */
    RULE_TOO_LARGE,
    RULE_LEFTOVER,
    RULE_OWN
};

struct rules_list {
    const char *at[RULES_LIST_MAX];
    size_t count;
};

/* Leaves artifacts out; all conditions that are given must hold. */
struct rules_remove {
    unsigned rule;
    struct rules_list types;
    struct rules_list names;
    struct rules_list steps;
};

/* Masks values of JSON documents by their paths. */
struct rules_path {
    unsigned rule;
    struct json_path path;
    struct rules_list types; /* of artifacts; none: all of them, and the records */
};

/* Masks what an expression matches in texts. */
struct rules_pattern {
    unsigned rule;
    struct regex *regex;
};

struct rules {
    struct region *region;
    const char *names[RULES_MAX];
    unsigned count;
    bool on[RULES_MAX];
    struct rules_remove *removes[RULES_MAX];
    size_t remove_count;
    struct rules_path *paths[RULES_MAX];
    size_t path_count;
    struct rules_pattern patterns[RULES_MAX];
    size_t pattern_count;
    struct rules_list keep; /* types that are kept although they cannot be masked */
};

/* The default rules; NULL with ERR_MEMORY. */
struct rules *rules_default(struct err *err) MUST_CHECK;

/* The rules of a rules file's text. */
struct rules *rules_parse(const char *text, size_t len, struct err *err) MUST_CHECK;

/* Free rules; NULL is fine. */
void rules_free(struct rules *rules);

/*
 * Where the mask of a rule is that begins at or before an offset of a text and ends behind it.
 *
 * from, to  get the mask's place
 * returns   false: no mask is there
 */
bool rules_mask_at(const struct rules *rules, const char *text, size_t len, size_t at,
                   size_t *from, size_t *to);

/* Append the mask of a rule: "[redacted:NAME]". */
int rules_put_mask(const struct rules *rules, unsigned rule, struct buf *out,
                   struct err *err) MUST_CHECK;

#endif
