/* SPDX-License-Identifier: MIT */
/*
 * entry_writer: writes a body as an entry of the volume, or as a hard link.
 *
 * Hashes the body, looks for duplicates, compares it with the service's data, names the file
 * and writes it; followers are written after their leader. Each item stored is reported by
 * value (struct packed); the plan is not written to.
 *
 * Units    bytes
 * Errors   the volume's and the names', fatal
 * Owns     its hashing state and scratch, and the place of each item's entry; everything else
 *          belongs to the caller
 * Threads  the packer's; entry_writer_place: see there
 */
#ifndef WRITER_ENTRY_WRITER_H
#define WRITER_ENTRY_WRITER_H

#include "base/digest.h"
#include "base/err.h"
#include "format/suspect.h"
#include "writer/body.h"
#include "writer/entry_names.h"
#include "writer/plan.h"
#include "writer/volume.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* a smaller duplicate costs less space than a link */
#define ENTRY_WRITER_LINK_MIN ((uint64_t)4 << 10)
#define ENTRY_WRITER_HEAD     4096 /* bytes of a body that are examined */

enum entry_writer_duplicates { ENTRY_WRITER_AUTO, ENTRY_WRITER_LINK, ENTRY_WRITER_COPY };

#define PACKED_NOTES           5
/* a ZIP kept whole because its members do not contain all of it */
#define PACKED_HOLDS_MORE      "holds-more"
/* a picture that the answer, a ZIP, contains */
#define PACKED_FROM_ZIP        "from-zip"
/* a compressed HAR that is stored as received */
#define PACKED_NOT_UNPACKED    "not-unpacked"
/* an entry of a ZIP that has the service's checksum, but not the listed size */
#define PACKED_OTHER_SIZE      "other-size"
/* recordings: see docs/archive-format.md */
#define PACKED_NAMED_OTHERWISE "named-otherwise"
#define PACKED_NOT_A_VIDEO     "not-a-video"
#define PACKED_UNFINISHED      "unfinished"

/* The result for an item. */
struct packed {
    bool here;        /* it is in the archive */
    bool link;        /* as a hard link */
    bool mismatch;    /* its checksum differs from the service's */
    bool suspect;     /* its content does not match its item's type */
    const char *path; /* below the top directory; owned by the names or the plan */
    uint64_t size;
    struct digest digest;
    const char *media_type;
    const char *duplicate_of;        /* path of the first entry with this content, or NULL */
    const char *notes[PACKED_NOTES]; /* anomalies, as words */
    unsigned note_count;
    bool unproven; /* kept by a row of the journal without a valid MAC */
    bool cut_har;  /* an incomplete HAR, and its size is not known: see suspect_har */
    bool encoded;  /* it was received zstd-compressed: its size and digest as received */
    uint64_t encoded_size;
    uint8_t encoded_sha256[SHA256_SIZE];
};

/* Items kept from an interrupted attempt, by their index in the plan; NULL: none. */
struct packed_before {
    const struct packed *items;
    const struct spot *places;
};

struct entry_writer_opts {
    const char *top; /* the top directory's name */
    bool dedupe;
    enum entry_writer_duplicates duplicates;
    struct packed_before before;
    struct pagefile *pagefile; /* for the results; must outlive it. NULL: all in memory */
    /*
     * Called with each whole body before it is written, its item and its result (NULL: a
     * document's); or entry_writer_unseen.
     */
    int (*seen)(void *ctx, const char *path, const struct item *item,
                const struct packed *packed, const struct body *body, struct err *err);
    void *ctx;
    /* Called with each item when its entry is written. */
    int (*stored)(void *ctx, const struct item *item, const struct packed *packed,
                  struct err *err);
    void *stored_ctx;
    const atomic_bool *stopping; /* whether to stop early; NULL: never */
};

/* Ignores all bodies; for tests. */
int entry_writer_unseen(void *ctx, const char *path, const struct item *item,
                        const struct packed *packed, const struct body *body, struct err *err);

struct entry_writer;

/*
 * Set up the writing of a plan's items into a volume; volume, plan and names must stay valid
 * until entry_writer_free.
 */
struct entry_writer *entry_writer_new(const struct entry_writer_opts *opts,
                                      struct volume *volume, const struct plan *plan,
                                      struct entry_names *names, struct err *err) MUST_CHECK;

/* The plan has grown to `count` items: call this before any of the new ones is written. */
int entry_writer_reach(struct entry_writer *entries, size_t count, struct err *err) MUST_CHECK;

/* Free it; may be NULL. The volume is not changed. */
void entry_writer_free(struct entry_writer *entries);

/* Hash a whole item's content, and judge whether it is whole: sets digest and cut_har. */
int entry_writer_judge(struct entry_writer *entries, const struct item *item,
                       const struct body *body, struct packed *packed,
                       struct err *err) MUST_CHECK;

/*
 * Note that a HAR stays compressed, since decoding it failed: it is not whole if its stream is
 * broken, unless it has the listed size.
 *
 * size     of its compressed form
 * why      the error of decode_body
 */
void entry_writer_keep_coded(const struct item *item, uint64_t size, const struct err *why,
                             struct packed *packed);

/* Hash a whole body. */
int entry_writer_hash(struct entry_writer *entries, const struct body *body,
                      struct digest *digest, struct err *err) MUST_CHECK;

/* Whether the service stated a checksum, and the content has it, as stored or as received. */
bool entry_writer_proven(const struct item *item, const struct packed *packed);

/* Note an anomaly of an item's content, once. */
void packed_note(struct packed *packed, const char *word);

#define PACKED_NOTES_TEXT 96

/* The notes, separated by spaces, in out; NULL: there is none. */
const char *packed_notes_text(const struct packed *packed, char out[PACKED_NOTES_TEXT]);

/*
 * Replace the notes, and whether the content is suspect, by those of such a text (NULL: none);
 * unknown words are ignored.
 */
void packed_set_notes(struct packed *packed, const char *text);

/*
 * Fill in the result for an item's content; digest, encoded*, cut_har, path and notes are set
 * already.
 *
 * head     its first bytes, at most ENTRY_WRITER_HEAD
 */
void entry_writer_describe(struct packed *packed, const struct item *item, uint64_t size,
                           const unsigned char *head, size_t len);

/* Whether a body does not match its item's type, and no checksum proves it right. */
bool entry_writer_suspect(const struct item *item, const struct body *body,
                          const struct packed *packed);

/* Whether the service gave a checksum that matches neither the content nor its encoded form. */
bool entry_writer_mismatch(const struct item *item, const struct packed *packed);

/* Whether an item is in the archive. */
bool entry_writer_has(const struct entry_writer *entries, const struct item *item);

/*
 * The place of an item's entry. Places are filled in when frames end: they may be read after
 * the packer's thread has ended and the volume was flushed or drained.
 */
struct spot entry_writer_place(const struct entry_writer *entries, const struct item *item);

/*
 * Write an item and those of its followers that its content matches; the other followers are
 * not packed, and are stored on their own.
 *
 * packed   of the item: its digest, its encoding, and notes
 */
int entry_writer_item(struct entry_writer *entries, const struct item *item,
                      const struct body *body, struct packed *packed,
                      struct err *err) MUST_CHECK;

/*
 * Write a file that is not an item.
 *
 * place  filled in when known, at the latest by volume_drain
 */
int entry_writer_file(struct entry_writer *entries, const char *path, const struct body *body,
                      int64_t mtime, struct spot *place, struct err *err) MUST_CHECK;

/*
 * Start an item that is written while it is received, with the first bytes of its content and
 * the size that its server announced; add each received piece, then end it. Bytes beyond that
 * size are dropped; entry_writer_fits tells, before the end, whether the size was right. A
 * duplicate is then removed and replaced by a link.
 */
int entry_writer_begin(struct entry_writer *entries, const struct item *item, uint64_t size,
                       const void *head, size_t head_len, struct err *err) MUST_CHECK;

/* Add the next piece of the item that entry_writer_begin started. */
int entry_writer_more(struct entry_writer *entries, struct chunk *chunk,
                      struct err *err) MUST_CHECK;

/* The digest of the received bytes of that item, which must be complete. */
void entry_writer_digest(struct entry_writer *entries, struct digest *digest);

/* Whether exactly as many bytes were received as its header says. */
bool entry_writer_fits(const struct entry_writer *entries);

/*
 * End that item: keep it, or remove it if it is a duplicate.
 *
 * packed   of the item: its digest
 */
int entry_writer_end(struct entry_writer *entries, const struct item *item,
                     struct packed *packed, struct err *err) MUST_CHECK;

#endif
