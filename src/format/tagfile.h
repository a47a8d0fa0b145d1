/* SPDX-License-Identifier: MIT */
/*
 * tagfile: reads the tag files of an archive: their names, the lines of BagIt manifests, and
 * the values in bag-info.txt.
 *
 * Pure. A manifest is parsed line by line.
 *
 * Units    bytes
 * Errors   none: malformed lines are reported to the callback
 * Owns     the current line
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

#define TAGFILE_SIZE_MAX ((size_t)1 << 20) /* except manifest files */
#define TAGFILE_LINE_MAX (SHA256_TEXT + 1 + 4096)
#define TAGFILE_TAGS_MAX ((size_t)1 << 30) /* tagmanifest-sha256.txt; see also tagfile_max */
/* documents of a run: formats with its ID, and with a file's name, or the name of a record */
#define TAGFILE_DOCUMENT "data/%s/%s"
#define TAGFILE_RECORD   "data/%s/records/%s.json"
#define TAGFILE_RUN      "run.json"       /* the document with the run's record */
#define TAGFILE_LIST     "artifacts.json" /* the document with the list of its artifacts */
#define TAGFILE_VIEW     "index.html"     /* the offline view, beside the tag files */
#define TAGFILE_VIEW_DIR "view"           /* its sidecars: view/RUN_ID.js */
#define TAGFILE_REQUESTS "requests.jsonl" /* the log of requests, beside them */

enum tag { TAG_MANIFEST, TAG_PAYLOAD, TAG_INFO, TAG_BAGIT, TAG_TAGS, TAG_COUNT };

/* The number of a tag file's name, relative to the top directory; or -1. */
int tagfile_find(const char *name);

/* The name of a tag file, relative to the top directory; tag is an enum tag. */
const char *tagfile_name(int tag);

/* Whether a path, relative to the top directory, is that of a file of the offline view. */
bool tagfile_is_view(const char *path);

/* Whether a path, relative to the top directory, is of the log of requests, or of the view. */
bool tagfile_is_beside(const char *path);

/* The maximum size of a tag file, given the size and the number of rows of manifest.json. */
uint64_t tagfile_max(int tag, uint64_t manifest, uint64_t rows);

/*
 * Called with each line of a manifest. sha256 NULL: the line is malformed, and path is its
 * text, possibly truncated. Valid for the call.
 */
typedef void tagfile_fn(void *ctx, const char *path, const uint8_t *sha256);

struct tagfile_lines {
    tagfile_fn *fn;
    void *ctx;
    size_t len; /* length of the current line, also if too long */
    char line[TAGFILE_LINE_MAX + 1];
};

/* Initialise a parser of a BagIt manifest. */
void tagfile_lines_init(struct tagfile_lines *lines, tagfile_fn *fn, void *ctx);

/* Parse further bytes; a put_fn, ctx is the struct tagfile_lines. */
int tagfile_lines_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* Process the last line, if it has no line end. */
void tagfile_lines_end(struct tagfile_lines *lines);

/*
 * Get the value of the first line "name: value" in bag-info.txt; out is unchanged if there
 * is none.
 */
void tagfile_value(const char *info, const char *name, char *out, size_t size);

/* Get the Payload-Oxum of bag-info.txt; false if there is none. */
bool tagfile_oxum(const char *info, uint64_t *bytes, uint64_t *files);

#endif
