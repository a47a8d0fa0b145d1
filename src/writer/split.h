/* SPDX-License-Identifier: MIT */
/*
 * split: makes bodies of the members of a ZIP body.
 *
 * Units    bytes
 * Errors   ERR_FORMAT and ERR_LIMIT: the body cannot be split; others are the spool's, and
 *          fatal
 * Owns     nothing: the caller owns the bodies made
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

/* The state of reading a body as a ZIP: see split_open. */
struct split_reader {
    const struct body *body;
    struct body_cursor cursor;
};

/*
 * Open a body as a ZIP. The caller provides reader; reader and body must stay valid until
 * unzip_free. max: maximum bytes of one entry.
 */
struct unzip *split_open(struct split_reader *reader, const struct body *body, uint64_t max,
                         struct err *err) MUST_CHECK;

/* Whether a bundle's ZIP has entries that no row names, or two entries with one name. */
bool split_holds_more(const struct unzip *unzip, const struct plan *plan,
                      const struct bundle *bundle);

/* The whole entry that unzip_next has reached. */
struct body *split_entry(struct unzip *unzip, const struct spool *spool,
                         struct err *err) MUST_CHECK;

#endif
