/* SPDX-License-Identifier: MIT */
/*
 * split: bodies made of another body: the members of a ZIP.
 *
 * Units    bytes
 * Errors   ERR_FORMAT and ERR_LIMIT: the body is not good for it; others are the
 *          spool's, and fatal
 * Owns     what it hands out belongs to the taker
 * Threads  one at a time
 */
#ifndef WRITER_SPLIT_H
#define WRITER_SPLIT_H

#include "base/err.h"
#include "format/unzip.h"
#include "writer/body.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stdint.h>

/* Open a body as a ZIP; reader is the caller's room, both are lent until unzip_free. */
struct split_reader {
    const struct body *body;
    struct body_cursor cursor;
};

/*
 * Open a body as a ZIP. reader is the caller's room; reader and body are lent until
 * unzip_free. max: most bytes that one entry may have.
 */
struct unzip *split_open(struct split_reader *reader, const struct body *body, uint64_t max,
                         struct err *err) MUST_CHECK;

/* Whether a bundle's ZIP holds entries that no row names, or two of one name. */
bool split_holds_more(const struct unzip *unzip, const struct plan *plan,
                      const struct bundle *bundle);

/* The entry that unzip_next came to, whole. */
struct body *split_entry(struct unzip *unzip, const struct spool *spool,
                         struct err *err) MUST_CHECK;

#endif
