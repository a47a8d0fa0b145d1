/* SPDX-License-Identifier: MIT */
/*
 * unbundle: unpacks a bundle's ZIP and packs its members.
 *
 * Errors   an invalid or too large ZIP is not an error; all other errors are fatal
 * Owns     the zips, until unbundle_clear
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
    struct unbundle_zip *zips; /* by the bundle's index; see unbundle_reach */
    size_t zip_count;
    /* Called with an anomaly of an item that is already in the archive. */
    int (*noted)(void *ctx, const struct item *item, const char *word, struct err *err);
    void *ctx;
};

/* The plan has `count` bundles: call this before any of them is unpacked. */
int unbundle_reach(struct unbundle *u, size_t count, struct err *err) MUST_CHECK;

/* Free the zips. */
void unbundle_clear(struct unbundle *u);

/* A ZIP that is unpacked for an item. */
struct unbundle_request {
    const struct item *item;
    const struct body *body;
    const struct digest *digest; /* the ZIP's */
    bool again; /* a member with a wrong checksum may be fetched again: it is left unpacked */
};

/* What a ZIP turned out to be. */
enum unbundle_found {
    UNBUNDLE_NOT,    /* not the bundle's, or two entries of it have one name */
    UNBUNDLE_PACKED, /* the bundle's: its members are packed, except those that are unusable */
    UNBUNDLE_LACKS,  /* the bundle's, but the item is not in it: nothing is packed */
};

/* Unpack the ZIP of an item's bundle; returns 0, or -1: fatal. */
int unbundle_item(struct unbundle *u, const struct unbundle_request *request,
                  enum unbundle_found *found, struct err *err) MUST_CHECK;

/* Whether an item's content is the ZIP of its bundle, as seen before. */
bool unbundle_is_zip(const struct unbundle *u, const struct item *item,
                     const struct digest *digest);

/*
 * Whether an item is a picture that only a record names: the service may send it in the ZIP
 * that holds it.
 */
bool unbundle_is_loose(const struct item *item);

/*
 * Replace a ZIP that was sent in place of an item that only a record names by the picture in it
 * that no row names, if there is one such. The rows are those of the bundle whose ZIP this is,
 * as seen before.
 *
 * body     the ZIP; replaced by the picture
 * packed   digest: of the body, before and after
 */
int unbundle_picture(const struct unbundle *u, const struct item *item, struct body **body,
                     struct packed *packed, struct err *err) MUST_CHECK;

/* Add the notes from its bundle's ZIP to an item that is about to be packed. */
void unbundle_note(const struct unbundle *u, const struct item *item, struct packed *packed);

/* Whether an error of splitting a body only means that the body cannot be split. */
bool unbundle_only_bad(const struct err *err);

#endif
