/* SPDX-License-Identifier: MIT */
/*
 * entry_writer: one body becomes an entry of the volume, or a hard link in its place.
 *
 * Hashes, finds what is there already, checks what the service said of it,
 * names the file and writes it; followers go behind their leader. Of each item that is in the
 * archive then, it tells by value (struct packed); it writes nothing into the plan.
 *
 * Units    bytes
 * Errors   the volume's and the names', fatal
 * Owns     its hashing state and scratch, and where each item's entry is; all else is lent
 * Threads  the packer's; entry_writer_place: see there
 */
#ifndef WRITER_ENTRY_WRITER_H
#define WRITER_ENTRY_WRITER_H

#include "base/digest.h"
#include "base/err.h"
#include "format/sniff.h"
#include "writer/body.h"
#include "writer/entry_names.h"
#include "writer/plan.h"
#include "writer/volume.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ENTRY_WRITER_LINK_MIN                                                                  \
    ((uint64_t)64 << 10)       /* a smaller duplicate costs less than a link's trouble */
#define ENTRY_WRITER_HEAD 4096 /* bytes of a body that are looked at */

enum entry_writer_duplicates { ENTRY_WRITER_AUTO, ENTRY_WRITER_LINK, ENTRY_WRITER_COPY };

#define PACKED_NOTES      4
#define PACKED_HOLDS_MORE "holds-more" /* a ZIP kept whole: not all of it is in its members */

/* What an item's content turned out to be. */
struct packed {
    bool here;        /* it is in the archive */
    bool link;        /* as a hard link */
    bool mismatch;    /* its checksum is another than the service gave */
    bool suspect;     /* it cannot be what its item's type says */
    const char *path; /* below the top directory; lent by the names, or by the plan */
    uint64_t size;
    struct digest digest;
    const char *media_type;
    const char *duplicate_of; /* path of the entry that had this content first, or NULL */
    const char *notes[PACKED_NOTES]; /* what is odd about it, as words */
    unsigned note_count;
    bool encoded; /* it arrived zstd-compressed: then its size and digest as it came */
    uint64_t encoded_size;
    uint8_t encoded_sha256[SHA256_SIZE];
};

/* What an interrupted attempt has left of a plan's items, by their index; NULL: nothing. */
struct packed_before {
    const struct packed *items;
    const struct spot *places;
};

struct entry_writer_opts {
    const char *top; /* the top directory's name */
    bool dedupe;
    enum entry_writer_duplicates duplicates;
    struct packed_before before;
    /* Shown each whole body before it is written, with its item and what it turned out to be
     * (NULL: a document's); or entry_writer_unseen. */
    int (*seen)(void *ctx, const char *path, const struct item *item,
                const struct packed *packed, const struct body *body, struct err *err);
    void *ctx;
    /* Told of each item when its entry is written. */
    int (*stored)(void *ctx, const struct item *item, const struct packed *packed,
                  struct err *err);
    void *stored_ctx;
    const atomic_bool *stopping; /* no use in going on; NULL: never */
};

/* Looks at no body. */
int entry_writer_unseen(void *ctx, const char *path, const struct item *item,
                        const struct packed *packed, const struct body *body, struct err *err);

struct entry_writer;

/*
 * Set up the writing of a plan's items into a volume; volume, plan and names are lent until
 * entry_writer_free.
 */
struct entry_writer *entry_writer_new(const struct entry_writer_opts *opts,
                                      struct volume *volume, const struct plan *plan,
                                      struct entry_names *names, struct err *err) MUST_CHECK;

/* Free it; NULL is fine. The volume stays as it is. */
void entry_writer_free(struct entry_writer *entries);

/* Hash a whole body. */
int entry_writer_hash(struct entry_writer *entries, const struct body *body,
                      struct digest *digest, struct err *err) MUST_CHECK;

/* Note something odd about an item's content, once. */
void packed_note(struct packed *packed, const char *word);

/*
 * Fill in what an item's content is; digest, encoded*, path and notes are there already.
 *
 * head     its first bytes, ENTRY_WRITER_HEAD of them if there are so many
 */
void entry_writer_describe(struct packed *packed, const struct item *item, uint64_t size,
                           const unsigned char *head, size_t len);

/* Whether a body cannot be what its item's type says, and no checksum proves that it is. */
bool entry_writer_suspect(const struct item *item, const struct body *body,
                          const struct packed *packed);

/* Whether the service gave a checksum that neither the content nor its encoded form has. */
bool entry_writer_mismatch(const struct item *item, const struct packed *packed);

/* Whether an item is in the archive. */
bool entry_writer_has(const struct entry_writer *entries, const struct item *item);

/*
 * Where an item's entry is. Places are filled in when frames end: they may be read when the
 * packer's thread has ended and the volume was flushed or drained.
 */
struct spot entry_writer_place(const struct entry_writer *entries, const struct item *item);

/*
 * Write an item, and those that are the same and that its content fits; the others of them stay
 * unpacked, and stand for themselves.
 *
 * packed   of the item: its digest, how it was encoded, and notes
 */
int entry_writer_item(struct entry_writer *entries, const struct item *item,
                      const struct body *body, struct packed *packed,
                      struct err *err) MUST_CHECK;

/* Write a file that is no item. */
int entry_writer_file(struct entry_writer *entries, const char *path, const struct body *body,
                      int64_t mtime, struct err *err) MUST_CHECK;

/*
 * An item that is written while it arrives: begun with the first bytes of its content and the
 * size that its server announced, each piece as it comes, and ended. What is more than that
 * size is dropped; entry_writer_fits tells, before the end, whether it was that size. A
 * duplicate is then taken back and becomes a link.
 */
int entry_writer_begin(struct entry_writer *entries, const struct item *item, uint64_t size,
                       const void *head, size_t head_len, struct err *err) MUST_CHECK;

/* Add the next piece of the item that entry_writer_begin began. */
int entry_writer_more(struct entry_writer *entries, struct chunk *chunk,
                      struct err *err) MUST_CHECK;

/* The digest of what has come of that item, which is then at its end. */
void entry_writer_digest(struct entry_writer *entries, struct digest *digest);

/* Whether exactly as many bytes have come as its header says. */
bool entry_writer_fits(const struct entry_writer *entries);

/*
 * End that item: keep it, or take it back where it is a duplicate.
 *
 * packed   of the item: its digest
 */
int entry_writer_end(struct entry_writer *entries, const struct item *item,
                     struct packed *packed, struct err *err) MUST_CHECK;

#endif
