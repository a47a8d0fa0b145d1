/* SPDX-License-Identifier: MIT */
/*
 * entry_writer: one body becomes an entry of the volume, or a hard link in its place.
 *
 * Hashes, finds what is there already, checks what the service said of it,
 * names the file and writes it; followers go behind their leader.
 *
 * Units    bytes
 * Errors   the volume's and the plan's, fatal
 * Owns     its hashing state and scratch; volume and plan are lent
 * Threads  the packer's
 */
#ifndef WRITER_ENTRY_WRITER_H
#define WRITER_ENTRY_WRITER_H

#include "base/digest.h"
#include "base/err.h"
#include "format/sniff.h"
#include "writer/body.h"
#include "writer/plan.h"
#include "writer/volume.h"

#include <stdbool.h>
#include <stdint.h>

#define ENTRY_WRITER_LINK_MIN                                                                  \
    ((uint64_t)64 << 10)       /* a smaller duplicate costs less than a link's trouble */
#define ENTRY_WRITER_HEAD 4096 /* bytes of a body that are looked at */

enum entry_writer_duplicates { ENTRY_WRITER_AUTO, ENTRY_WRITER_LINK, ENTRY_WRITER_COPY };

struct entry_writer_opts {
    const char *top; /* the top directory's name */
    bool dedupe;
    enum entry_writer_duplicates duplicates;
    /* Told of each whole body before it is written, and of its item (NULL: a document's); may
     * be NULL. */
    int (*seen)(void *ctx, const char *path, const struct item *item, const struct body *body,
                struct err *err);
    void *ctx;
    const atomic_bool *stopping; /* no use in going on; NULL: never */
};

struct entry_writer;

/*
 * Set up the writing of items into a volume; volume and plan are lent until entry_writer_free.
 */
struct entry_writer *entry_writer_new(const struct entry_writer_opts *opts,
                                      struct volume *volume, struct plan *plan,
                                      struct err *err) MUST_CHECK;

/* Free it; NULL is fine. The volume stays as it is. */
void entry_writer_free(struct entry_writer *stow);

/* Know the items that are packed already, to find their duplicates. */
int entry_writer_known(struct entry_writer *stow, struct err *err) MUST_CHECK;

/* Hash a whole body. */
int entry_writer_hash(struct entry_writer *stow, const struct body *body, struct digest *digest,
                      struct err *err) MUST_CHECK;

/*
 * Note of an item what its content turned out to be.
 *
 * path     that it has, or will have
 * head     its first bytes, ENTRY_WRITER_HEAD of them if there are so many
 */
void entry_writer_describe(struct item *item, const char *path, uint64_t size,
                           const struct digest *digest, const unsigned char *head, size_t len);

/* Whether the service gave a checksum that the content or its encoded form has. */
bool entry_writer_proven(const struct item *item, const struct digest *digest);

/* Whether a body cannot be what its item's type says, and no checksum proves that it is. */
bool entry_writer_suspect(const struct item *item, const struct body *body,
                          const struct digest *digest);

/* Whether the service gave a checksum that neither the content nor its encoded form has. */
bool entry_writer_mismatch(const struct item *item, const struct digest *digest);

/* Write an item and those of its followers that it fits; the others stay unpacked. */
int entry_writer_item(struct entry_writer *stow, struct item *item, const struct body *body,
                      const struct digest *digest, struct err *err) MUST_CHECK;

/* Write a file that is no item. */
int entry_writer_file(struct entry_writer *stow, const char *path, const struct body *body,
                      int64_t mtime, struct err *err) MUST_CHECK;

/*
 * An item that is written while it arrives: begun with the first bytes of its content and the
 * size that its server announced, each piece as it comes, and ended. What is more than that
 * size is dropped; entry_writer_fits tells, before the end, whether it was that size. A
 * duplicate is then taken back and becomes a link.
 */
int entry_writer_begin(struct entry_writer *stow, struct item *item, uint64_t size,
                       const void *head, size_t head_len, struct err *err) MUST_CHECK;

/* Add the next piece of the item that entry_writer_begin began. */
int entry_writer_more(struct entry_writer *stow, struct chunk *chunk,
                      struct err *err) MUST_CHECK;

/* The digest of what has come so far of that item. */
void entry_writer_digest(struct entry_writer *stow, struct digest *digest);

/* Whether exactly as many bytes have come as its header says. */
bool entry_writer_fits(const struct entry_writer *stow);

/*
 * End that item: check its digest, keep it, or take it back where it is a duplicate or does
 * not fit.
 */
int entry_writer_end(struct entry_writer *stow, struct item *item, const struct digest *digest,
                     struct err *err) MUST_CHECK;

#endif
