/* SPDX-License-Identifier: MIT */
/*
 * rows: reading manifest.json piece by piece, so that one of any length needs no
 * memory.
 *
 * A scanner finds the members of the arrays "runs", "documents", "artifacts" and
 * "missing", and the object "previous", and hands each over as its own text; what
 * a caller wants of one it reads with the functions below. All is checked as JSON but the rows
 * of documents and artifacts, which those functions check. So that no other reader sees another
 * manifest than this one: each array stands once, its key is written plainly, and its members
 * are objects.
 *
 * Pure.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for what is no manifest, ERR_LIMIT, ERR_MEMORY; the caller's
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWS_ROW_MAX ((size_t)1 << 20) /* bytes of one row */
#define ROWS_NONE    UINT64_MAX

enum rows_section {
    ROWS_HEAD,
    ROWS_PREVIOUS,
    ROWS_RUNS,
    ROWS_DOCUMENTS,
    ROWS_ARTIFACTS,
    ROWS_MISSING
};

/* Takes one row, lent for the call; 1 ends the reading, -1 fails it. */
typedef int rows_fn(void *ctx, enum rows_section section, const char *text, size_t len,
                    struct err *err);

struct rows {
    rows_fn *fn;
    void *ctx;
    enum rows_section section;           /* of the value in hand, below the document's object */
    unsigned seen;                       /* sections, a bit each */
    unsigned depth;                      /* of brackets outside of rows */
    uint8_t objects[JSON_DEPTH_MAX / 8]; /* a bit for each of them: it is an object */
    unsigned row_depth;                  /* of brackets in the row in hand; 0: there is none */
    int expect;                          /* what the grammar wants next, outside of rows */
    bool in_string;
    bool escaped;
    struct buf token; /* a key or scalar outside of rows, so far */
    struct buf row;
};

/* fn NULL: no row is wanted, only that it is a whole document. */
void rows_init(struct rows *rows, rows_fn *fn, void *ctx);

/* Free what a reader holds; may be called twice. */
void rows_clear(struct rows *rows);

/* Feed the next bytes; 1: fn has seen enough. */
int rows_feed(struct rows *rows, const char *bytes, size_t len, struct err *err) MUST_CHECK;

/* All has been fed: was it a whole document? */
int rows_end(const struct rows *rows, struct err *err) MUST_CHECK;

/* What readers want of an artifact's row; texts live in the region, NULL where null. */
struct rows_artifact {
    const char *path;
    const char *run_id;
    const char *artifact_id;
    const char *artifact_type;
    const char *created_at;
    const char *duplicate_of;
    const char *step_id;
    const char *media_type;
    const char *checksum; /* as the list gave it, like the next two */
    const char *modified_at;
    uint64_t listed_size; /* ROWS_NONE: none */
    bool told;            /* a manifest that has the two of them; older ones do not */
    bool mismatch;        /* the bytes have another checksum */
    bool suspect;         /* they cannot be what the type says */
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    bool link;
    uint64_t frame;  /* ROWS_NONE: none */
    uint64_t offset; /* ROWS_NONE: none */
};

/* Read an artifact's row; ERR_FORMAT when it is none. */
int rows_artifact(struct rows_artifact *out, const char *text, size_t len,
                  struct region *region, struct err *err) MUST_CHECK;

/* The same of a run's row, and of one of what is missing. */
struct rows_run {
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
    bool named;         /* it says whether there is another name: older archives do not */
    bool no_artifacts;  /* its notes: the service listed none of a completed run */
    bool retry_pending; /* and it had failed, and was going to be tried again */
    uint64_t archived;
    uint64_t missing;
};

/* Read a run's row. Texts are copied into the region; ERR_FORMAT where it is none. */
int rows_run(struct rows_run *out, const char *text, size_t len, struct region *region,
             struct err *err) MUST_CHECK;

struct rows_missing {
    const char *run_id;
    const char *artifact_id; /* NULL: the run itself */
    const char *artifact_type;
    const char *reason;
};

/*
 * Read a row of what is missing. Texts are copied into the region; ERR_FORMAT where it is
 * none.
 */
int rows_missing(struct rows_missing *out, const char *text, size_t len, struct region *region,
                 struct err *err) MUST_CHECK;

/* Read a document's row, or previous: a name (path, archive) and a digest. */
struct rows_name {
    const char *name;
    uint64_t size; /* of a document */
    uint8_t sha256[SHA256_SIZE];
};

/*
 * Read such a row. The name is copied into the region; ERR_FORMAT where name or digest
 * lack.
 */
int rows_name(struct rows_name *out, enum rows_section section, const char *text, size_t len,
              struct region *region, struct err *err) MUST_CHECK;

#endif
