/* SPDX-License-Identifier: MIT */
/*
 * unbundle: a bundle's ZIP taken apart, and its members packed.
 *
 * Errors   a ZIP that is none, or holds too much, is no error; what is left is fatal
 * Owns     nothing; zips are the caller's
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

/* What has been seen of a bundle's ZIP. */
struct unbundle_zip {
    bool seen;
    uint8_t sha256[SHA256_SIZE]; /* then: its digest */
    const struct item *more;     /* the item to be noted as holding more than the members */
};

struct unbundle {
    struct entry_writer *entries;
    const struct plan *plan;
    const struct spool *parts; /* where members go */
    uint64_t max_size;         /* of one member, in bytes */
    struct unbundle_zip *zips; /* by the bundle's index */
    /* Told what is odd about an item that is in the archive already. */
    int (*noted)(void *ctx, const struct item *item, const char *word, struct err *err);
    void *ctx;
};

/* A ZIP that is taken apart for an item. */
struct unbundle_request {
    const struct item *item;
    const struct body *body;
    const struct digest *digest; /* the ZIP's */
    bool again; /* a member with another checksum may be fetched again: it is left unpacked */
};

/*
 * Take the ZIP of an item's bundle apart.
 *
 * returns  1: it is that ZIP, and its members are packed; 0: it is not, or two entries of it
 *          have one name; -1: fatal
 */
int unbundle_item(struct unbundle *u, const struct unbundle_request *request,
                  struct err *err) MUST_CHECK;

/* Whether an item's content is the ZIP of its bundle, as it was seen before. */
bool unbundle_is_zip(const struct unbundle *u, const struct item *item,
                     const struct digest *digest);

/* Note of an item that is about to be packed what its bundle's ZIP has shown. */
void unbundle_note(const struct unbundle *u, const struct item *item, struct packed *packed);

/* Whether an error of taking a body apart only means that it is no good for it. */
bool unbundle_only_bad(const struct err *err);

#endif
