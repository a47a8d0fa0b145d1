/* SPDX-License-Identifier: MIT */
/*
 * unbundle: unpacks a bundle's ZIP and packs its members.
 *
 * Errors   an invalid or too large ZIP is not an error; all other errors are fatal
 * Owns     nothing; the caller owns the zips
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

/* What is known of a bundle's ZIP. */
struct unbundle_zip {
    bool seen;
    uint8_t sha256[SHA256_SIZE]; /* if seen: its digest */
    /* the item to be noted as containing more than the members */
    const struct item *more;
};

struct unbundle {
    struct entry_writer *entries;
    const struct plan *plan;
    const struct spool *parts; /* the body store for members */
    uint64_t max_size;         /* maximum bytes of one member */
    struct unbundle_zip *zips; /* by the bundle's index */
    /* Called with an anomaly of an item that is already in the archive. */
    int (*noted)(void *ctx, const struct item *item, const char *word, struct err *err);
    void *ctx;
};

/* A ZIP that is unpacked for an item. */
struct unbundle_request {
    const struct item *item;
    const struct body *body;
    const struct digest *digest; /* the ZIP's */
    bool again; /* a member with a wrong checksum may be fetched again: it is left unpacked */
};

/*
 * Unpack the ZIP of an item's bundle.
 *
 * returns  1: it is that ZIP, and its members are packed; 0: it is not, or two entries of it
 *          have one name; -1: fatal
 */
int unbundle_item(struct unbundle *u, const struct unbundle_request *request,
                  struct err *err) MUST_CHECK;

/* Whether an item's content is the ZIP of its bundle, as seen before. */
bool unbundle_is_zip(const struct unbundle *u, const struct item *item,
                     const struct digest *digest);

/*
 * Find the picture of an item that only a record names in a ZIP that was sent in its place: the
 * one picture that no row names.
 * The rows are those of the bundle whose ZIP this is, as seen before.
 *
 * returns  its body; NULL: the ZIP has none, or several, or is unusable, or an error that is
 *          fatal (err->kind is set)
 */
struct body *unbundle_picture(const struct unbundle *u, const struct item *item,
                              const struct body *zip, const struct digest *digest,
                              struct err *err) MUST_CHECK;

/* Add the notes from its bundle's ZIP to an item that is about to be packed. */
void unbundle_note(const struct unbundle *u, const struct item *item, struct packed *packed);

/* Whether an error of splitting a body only means that the body cannot be split. */
bool unbundle_only_bad(const struct err *err);

#endif
