/* SPDX-License-Identifier: MIT */
/*
 * text_mask: finds secrets in a text and replaces each by "[redacted:RULE]".
 *
 * A text is searched as it is, then with its escapes decoded (mask/layer), up to
 * TEXT_MASK_DEPTH times; runs of base64 in it that are texts are searched in the same way.
 * What is found is masked in the text as it is, whose other bytes stay.
 *
 * A masker learns first: what the rules find in all texts of an archive becomes known
 * (mask/known). Then it masks: what the rules find, and what is known. So a text must be passed
 * to it twice, with masker_settle between.
 *
 * Units    bytes
 * Errors   ERR_LIMIT for a text of more than LAYER_TEXT_MAX bytes, too many secrets, or an
 *          expression that takes too long; ERR_MEMORY
 * Owns     a masker what it has learnt; the rules are borrowed
 * Threads  one at a time
 */
#ifndef MASK_TEXT_MASK_H
#define MASK_TEXT_MASK_H

#include "base/buf.h"
#include "base/err.h"
#include "mask/known.h"
#include "mask/rules.h"
#include "mask/typed.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_MASK_DEPTH 4 /* how often escapes in escapes are decoded */
#define TEXT_MASK_NEST  3 /* base64 in base64 */

struct masker {
    const struct rules *rules;
    struct known *known;
    struct typed *typed;
    bool learning;
    uint64_t counts[RULES_MAX]; /* masks written by each rule */
    uint64_t paths;             /* bits of rules->paths that apply to the document */
    bool lists;                 /* the document is a list of artifacts: mask checksums */
    const char *const *spared;  /* names of JSON members that stay; NULL: none */
};

/* Begin to learn. */
int masker_init(struct masker *m, const struct rules *rules, struct err *err) MUST_CHECK;

/* Release; may be called twice, and on {0}. */
void masker_clear(struct masker *m);

/* End learning: from now on texts are masked. */
int masker_settle(struct masker *m, struct err *err) MUST_CHECK;

/* Learn a value that a rule takes out; no effect after masker_settle. */
int masker_learn(struct masker *m, unsigned rule, const char *text, size_t len,
                 struct err *err) MUST_CHECK;

/* Learn the value of a header: also what follows its scheme, and the values of its pairs. */
int masker_learn_header(struct masker *m, unsigned rule, const char *text, size_t len,
                        struct err *err) MUST_CHECK;

/*
 * Append a masked copy of a text.
 *
 * returns  1; 0: nothing was masked, and out has an exact copy; -1: error
 */
int text_mask(struct masker *m, const char *text, size_t len, struct buf *out,
              struct err *err) MUST_CHECK;

/* text_mask for the raw text of a JSON string, between the quotes; the result is one, too. */
int text_mask_string(struct masker *m, const char *raw, size_t len, struct buf *out,
                     struct err *err) MUST_CHECK;

/* Append the mask of a rule, and count it. */
int text_mask_put(struct masker *m, unsigned rule, struct buf *out, struct err *err) MUST_CHECK;

/* Whether a text has a value that is known, in any encoding: 1, 0 or -1. */
int text_mask_leaks(struct masker *m, const char *text, size_t len, struct err *err) MUST_CHECK;

#endif
