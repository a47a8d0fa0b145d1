/* SPDX-License-Identifier: MIT */
/*
 * manifest_read: a streaming parser of manifest.json, whose memory does not depend on the
 * manifest's length.
 *
 * The parser finds the objects "previous" and "request.filter", the values "created_at",
 * "source" and "request.children", and the members (rows) of the arrays "runs", "documents",
 * "artifacts" and "missing", and passes the text of each to a callback, which parses it by the
 * functions below. Everything is validated as JSON, except for the rows of documents and
 * artifacts, which these functions validate. To make sure that other JSON parsers see the same
 * manifest, each array must occur only once, its key must not have escapes, and its members
 * must be objects.
 *
 * Pure.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for a malformed manifest, ERR_LIMIT, ERR_MEMORY; errors of the callback
 * Owns     a reader owns the text of one row
 * Threads  one at a time
 * Source   docs/manifest.schema.json
 */
#ifndef FORMAT_MANIFEST_READ_H
#define FORMAT_MANIFEST_READ_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "format/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_READ_ROW_MAX ((size_t)1 << 20) /* maximum size of a row */
#define MANIFEST_READ_NONE    UINT64_MAX

enum manifest_read_section {
    MANIFEST_READ_HEAD,
    MANIFEST_READ_CREATED,  /* this and the two below are scalars: the value of "created_at", a
                               string or null */
    MANIFEST_READ_SOURCE,   /* the value of "source", a string or null */
    MANIFEST_READ_CHILDREN, /* "true" or "false": with the runs that the runs started */
    MANIFEST_READ_PREVIOUS,
    MANIFEST_READ_FILTER,
    MANIFEST_READ_RUNS, /* this and the sections below are arrays */
    MANIFEST_READ_DOCUMENTS,
    MANIFEST_READ_ARTIFACTS,
    MANIFEST_READ_MISSING
};

/* Called with each row, valid for the call; 1 stops the parser, -1 is an error. */
typedef int manifest_read_fn(void *ctx, enum manifest_read_section section, const char *text,
                             size_t len, struct err *err);

struct manifest_read {
    manifest_read_fn *fn;
    void *ctx;
    enum manifest_read_section section;  /* of the current value of the top-level object */
    unsigned seen;                       /* bit set of sections already seen */
    unsigned depth;                      /* nesting depth outside of rows */
    bool in_request;                     /* in the top-level object "request" */
    uint8_t objects[JSON_DEPTH_MAX / 8]; /* a bit for each level: it is an object */
    unsigned row_depth;                  /* nesting depth in the current row; 0: not in a row */
    int expect;                          /* next element in the grammar, outside of rows */
    bool in_string;
    bool escaped;
    struct buf token; /* the current key or scalar outside of rows */
    struct buf row;
    uint64_t fed;    /* bytes parsed before the current one */
    uint64_t row_at; /* offset of the current row in the manifest */
};

/* A function for rows that only need to be well-formed. */
int manifest_read_check(void *ctx, enum manifest_read_section section, const char *text,
                        size_t len, struct err *err) MUST_CHECK;

/* Initialise a parser. */
void manifest_read_init(struct manifest_read *rows, manifest_read_fn *fn, void *ctx);

/* Free the buffers; may be called twice. */
void manifest_read_clear(struct manifest_read *rows);

/* Parse the next bytes; 1: fn stopped the parser. */
int manifest_read_feed(struct manifest_read *rows, const char *bytes, size_t len,
                       struct err *err) MUST_CHECK;

/* After the last bytes: fails if the document is incomplete. */
int manifest_read_end(const struct manifest_read *rows, struct err *err) MUST_CHECK;

/* An artifact's row; strings are in the region, NULL for null. */
struct manifest_read_artifact {
    const char *path;
    const char *run_id;
    const char *artifact_id;
    const char *artifact_type;
    const char *created_at;
    const char *duplicate_of;
    const char *step_id;
    const char *media_type;
    const char *uri;
    const char *bundle_key;
    const char *checksum; /* from the list, like the next two */
    const char *modified_at;
    uint64_t listed_size; /* MANIFEST_READ_NONE: none */
    bool told;            /* the row has listed_size and modified_at; older ones do not */
    bool mismatch;        /* the content does not match the checksum */
    bool suspect;         /* the content cannot be of the artifact's type */
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    bool link;
    uint64_t frame;  /* MANIFEST_READ_NONE: none */
    uint64_t level;  /* frame_level; MANIFEST_READ_NONE: none */
    uint64_t offset; /* MANIFEST_READ_NONE: none */
};

/* Parse an artifact's row; ERR_FORMAT if it is invalid. */
int manifest_read_artifact(struct manifest_read_artifact *out, const char *text, size_t len,
                           struct region *region, struct err *err) MUST_CHECK;

/* A run's row; strings are in the region, NULL for null. */
struct manifest_read_run {
    const char *run_id;
    const char *status;
    const char *run_type;
    const char *created_at;
    const char *finished_at;
    const char *failure_reason;
    const char *prompt;
    const char *title;
    const char *output;
    const char *supplements;
    const char *error;
    const char *other_run_id;
    const char *parent_run_id;
    bool named; /* the row has other_run_id; older ones do not */
    uint64_t archived;
    uint64_t missing;
    char *const *notes; /* words: what is odd about the run */
    size_t note_count;
};

/* Whether a run's notes contain a word. */
bool manifest_read_noted(const struct manifest_read_run *run, const char *word);

/* Parse a run's row; ERR_FORMAT if it is invalid. */
int manifest_read_run(struct manifest_read_run *out, const char *text, size_t len,
                      struct region *region, struct err *err) MUST_CHECK;

struct manifest_read_missing {
    const char *run_id;
    const char *artifact_id; /* NULL: the run itself */
    const char *artifact_type;
    const char *reason;
};

/*
 * Parse the row of a missing item. Strings are copied to the region; ERR_FORMAT if it
 * is invalid.
 */
int manifest_read_missing(struct manifest_read_missing *out, const char *text, size_t len,
                          struct region *region, struct err *err) MUST_CHECK;

/* Parse the object "request.filter". Texts are copied to the region; ERR_FORMAT if it is
 * invalid, ERR_LIMIT. */
int manifest_read_filter(struct manifest_filter *out, const char *text, size_t len,
                         struct region *region, struct err *err) MUST_CHECK;

/* A document's row (path, size and digest), or the object "previous" (archive and digest). */
struct manifest_read_name {
    const char *name;
    uint64_t size;   /* only of a document */
    uint64_t offset; /* of a document's tar header; MANIFEST_READ_NONE: none */
    uint8_t sha256[SHA256_SIZE];
};

/* Parse such a row. The name is copied to the region; ERR_FORMAT if it is invalid. */
int manifest_read_name(struct manifest_read_name *out, enum manifest_read_section section,
                       const char *text, size_t len, struct region *region,
                       struct err *err) MUST_CHECK;

#endif
