/* SPDX-License-Identifier: MIT */
/*
 * roll: what an archive should hold, by its manifests, and what was seen in it.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT; ERR_FORMAT for a row that is none; ERR_EXISTS for
 *          what was seen before
 * Owns     all texts and rows
 * Threads  one at a time
 * Source   docs/archive-format.md; RFC 8493
 */
#ifndef OPEN_ROLL_H
#define OPEN_ROLL_H

#include "base/digest.h"
#include "base/err.h"
#include "format/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The tag files that every archive has. */
enum roll_tag {
    ROLL_MANIFEST,
    ROLL_PAYLOAD,
    ROLL_INFO,
    ROLL_BAGIT,
    ROLL_TAGMANIFEST,
    ROLL_TAGS
};

struct roll_seen {
    uint64_t size;
    uint64_t offset;
    bool hashed;
    uint8_t sha256[SHA256_SIZE]; /* when hashed */
    const char *target;          /* a hard link's, below the top directory; NULL: a file */
};

/* An artifact's row, and what is known of its path; NULL where nothing is. */
struct roll_row {
    struct rows_artifact artifact;
    const uint8_t *sum; /* in manifest-sha256.txt */
    const struct roll_seen *seen;
    const struct roll_seen *content; /* the same, or what the link leads to */
};

/* A path that is no artifact's: one of the manifest's documents, or nobody's. */
struct roll_other {
    const char *path;
    const uint8_t *sum;
    const uint8_t *document; /* in manifest.json */
    const struct roll_seen *seen;
};

struct roll;

struct roll *roll_new(struct err *err) MUST_CHECK;
void roll_free(struct roll *roll);

/* The number of a tag file's name, or -1; and the name of a number. */
int roll_tag(const char *name);
const char *roll_tag_name(int tag);

/* Add an artifact's row, as text. */
int roll_add(struct roll *roll, const char *text, size_t len, struct err *err) MUST_CHECK;

/* Add a document's row, as text. */
int roll_add_document(struct roll *roll, const char *text, size_t len,
                      struct err *err) MUST_CHECK;

/* Note what was seen at a payload path; and another tag file. */
int roll_see(struct roll *roll, const char *path, const struct roll_seen *seen,
             struct err *err) MUST_CHECK;
int roll_see_other(struct roll *roll, const char *name, uint64_t offset,
                   const uint8_t sha256[SHA256_SIZE], struct err *err) MUST_CHECK;

/* Take the lines of ROLL_PAYLOAD or ROLL_TAGMANIFEST; bad (200 bytes) says what is wrong, or
 * "". */
int roll_sum_lines(struct roll *roll, enum roll_tag list, const char *text, char bad[200],
                   struct err *err) MUST_CHECK;

/* All being in, bring it together. */
int roll_join(struct roll *roll, struct err *err) MUST_CHECK;

/* The i-th row or other path; false at the end. After roll_join; lent. */
bool roll_row(const struct roll *roll, size_t i, struct roll_row *out);
bool roll_other(const struct roll *roll, size_t i, struct roll_other *out);

/* The i-th tag file that not every archive has. */
bool roll_extra(const struct roll *roll, size_t i, struct roll_other *out);

/* What the tag manifest says of a tag file, or NULL. */
const uint8_t *roll_tag_sum(const struct roll *roll, int tag);

/* Payload files listed, and their bytes, links counted whole. */
uint64_t roll_sums(const struct roll *roll);
uint64_t roll_bytes(const struct roll *roll);

/* Where the artifacts' headers are, sorted; lent. */
const uint64_t *roll_offsets(struct roll *roll, size_t *count);

/* The row of a path, or NULL; lent. */
const struct rows_artifact *roll_find(const struct roll *roll, const char *path);

#endif
