/* SPDX-License-Identifier: MIT */
/*
 * stow: one body becomes an entry of the volume, or a hard link in its place.
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

#define STOW_LINK_MIN                                                                          \
    ((uint64_t)64 << 10) /* a smaller duplicate costs less than a link's trouble */
#define STOW_HEAD 4096   /* bytes of a body that are looked at */

enum stow_duplicates { STOW_AUTO, STOW_LINK, STOW_COPY };

struct stow_opts {
    const char *top; /* the top directory's name */
    bool dedupe;
    enum stow_duplicates duplicates;
    /* Told of each whole body before it is written, and of its item (NULL: a document's); may
     * be NULL. */
    int (*seen)(void *ctx, const char *path, const struct item *item, const struct body *body,
                struct err *err);
    void *ctx;
    const atomic_bool *stopping; /* no use in going on; NULL: never */
};

struct stow;

/* Set up the writing of items into a volume; volume and plan are lent until stow_free. */
struct stow *stow_new(const struct stow_opts *opts, struct volume *volume, struct plan *plan,
                      struct err *err) MUST_CHECK;

/* Free it; NULL is fine. The volume stays as it is. */
void stow_free(struct stow *stow);

/* Know the items that are packed already, to find their duplicates. */
int stow_known(struct stow *stow, struct err *err) MUST_CHECK;

/* Hash a whole body. */
int stow_hash(struct stow *stow, const struct body *body, struct digest *digest,
              struct err *err) MUST_CHECK;

/*
 * Note of an item what its content turned out to be.
 *
 * path     that it has, or will have
 * head     its first bytes, STOW_HEAD of them if there are so many
 */
void stow_describe(struct item *item, const char *path, uint64_t size,
                   const struct digest *digest, const unsigned char *head, size_t len);

/* Whether the service gave a checksum that the content or its encoded form has. */
bool stow_proven(const struct item *item, const struct digest *digest);

/* Whether a body cannot be what its item's type says, and no checksum proves that it is. */
bool stow_suspect(const struct item *item, const struct body *body,
                  const struct digest *digest);

/* Whether the service gave a checksum that neither the content nor its encoded form has. */
bool stow_mismatch(const struct item *item, const struct digest *digest);

/* Write an item and those of its followers that it fits; the others stay unpacked. */
int stow_item(struct stow *stow, struct item *item, const struct body *body,
              const struct digest *digest, struct err *err) MUST_CHECK;

/* Write a file that is no item. */
int stow_file(struct stow *stow, const char *path, const struct body *body, int64_t mtime,
              struct err *err) MUST_CHECK;

/*
 * An item that is written while it arrives: begun with the first bytes of its content and the
 * size that its server announced, each piece as it comes, and ended. What is more than that
 * size is dropped; stow_fits tells, before the end, whether it was that size. A duplicate is
 * then taken back and becomes a link.
 */
int stow_begin(struct stow *stow, struct item *item, uint64_t size, const void *head,
               size_t head_len, struct err *err) MUST_CHECK;

/* Add the next piece of the item that stow_begin began. */
int stow_more(struct stow *stow, struct chunk *chunk, struct err *err) MUST_CHECK;

/* The digest of what has come so far of that item. */
void stow_digest(struct stow *stow, struct digest *digest);

/* Whether exactly as many bytes have come as its header says. */
bool stow_fits(const struct stow *stow);

/*
 * End that item: check its digest, keep it, or take it back where it is a duplicate or does
 * not fit.
 */
int stow_end(struct stow *stow, struct item *item, const struct digest *digest,
             struct err *err) MUST_CHECK;

#endif
