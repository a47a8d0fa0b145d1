/* SPDX-License-Identifier: MIT */
/*
 * unbundle: a bundle's ZIP taken apart, and its members packed.
 *
 * Errors   a ZIP that is none, or holds too much, is no error; what is left is fatal
 * Owns     nothing
 * Threads  the packer's
 */
#ifndef WRITER_UNBUNDLE_H
#define WRITER_UNBUNDLE_H

#include "base/err.h"
#include "writer/body.h"
#include "writer/entry_writer.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stdint.h>

struct unbundle {
    struct entry_writer *stow;
    struct plan *plan;
    const struct spool *parts; /* where members go */
    uint64_t max_size;         /* of one member, in bytes */
};

/*
 * Take the ZIP of an item's bundle apart.
 *
 * again    a member with another checksum may be fetched again: it is left unpacked
 * digest   the ZIP's
 * returns  1: it is that ZIP, and its members are packed; 0: it is not, or two entries of it
 *          have one name; -1: fatal
 */
int unbundle_item(const struct unbundle *u, struct item *item, const struct body *body,
                  unsigned again, const struct digest *digest, struct err *err) MUST_CHECK;

/* Whether an error of taking a body apart only means that it is no good for it. */
bool unbundle_only_bad(const struct err *err);

#endif
