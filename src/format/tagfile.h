/* SPDX-License-Identifier: MIT */
/*
 * tagfile: the tag files that every archive has, read again: which there are, the lines of
 * BagIt's manifests, what bag-info.txt says.
 *
 * Pure; a manifest of any length needs the memory of one line.
 *
 * Units    bytes
 * Errors   none: a line that is none is told of
 * Owns     the line in hand
 * Threads  one at a time
 * Source   RFC 8493 (BagIt 1.0), 2.1 and 2.2
 */
#ifndef FORMAT_TAGFILE_H
#define FORMAT_TAGFILE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAGFILE_SIZE_MAX ((size_t)1 << 20) /* of bag-info, bagit and tagmanifest-sha256.txt */
#define TAGFILE_LINE_MAX (SHA256_TEXT + 1 + 4096)

enum tag { TAG_MANIFEST, TAG_PAYLOAD, TAG_INFO, TAG_BAGIT, TAG_TAGS, TAG_COUNT };

/* The number of a name below the top directory, or -1; and the name of a number. */
int tagfile_find(const char *name);

/*
 * The name of tag file number tag, below the top directory; tag must be one that
 * tagfile_find gives.
 */
const char *tagfile_name(int tag);

/* The most bytes that one may have, manifest.json having these bytes, and these rows. */
uint64_t tagfile_max(int tag, uint64_t manifest, uint64_t rows);

/* Takes a line of a manifest; sha256 NULL: it is none, and path its text, perhaps cut. Lent for
 * the call. */
typedef void tagfile_fn(void *ctx, const char *path, const uint8_t *sha256);

struct tagfile_lines {
    tagfile_fn *fn;
    void *ctx;
    size_t len; /* of the line in hand, also what does not fit */
    char line[TAGFILE_LINE_MAX + 1];
};

/* Begin to read a BagIt manifest. */
void tagfile_lines_init(struct tagfile_lines *lines, tagfile_fn *fn, void *ctx);

/* Take more of it; a put_fn, ctx being the struct tagfile_lines. */
int tagfile_lines_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Take the last line, should it have no end. */
void tagfile_lines_end(struct tagfile_lines *lines);

/* The value of bag-info.txt's first line "name: value"; out is let be when there is none. */
void tagfile_value(const char *info, const char *name, char *out, size_t size);

/* Its Payload-Oxum; false when there is none. */
bool tagfile_oxum(const char *info, uint64_t *bytes, uint64_t *files);

#endif
