/* SPDX-License-Identifier: MIT */
/*
 * manifest_read: reading manifest.json piece by piece, so that one of any length needs no
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

#define MANIFEST_READ_ROW_MAX ((size_t)1 << 20) /* bytes of one row */
#define MANIFEST_READ_NONE    UINT64_MAX

enum manifest_read_section {
    MANIFEST_READ_HEAD,
    MANIFEST_READ_PREVIOUS,
    MANIFEST_READ_RUNS,
    MANIFEST_READ_DOCUMENTS,
    MANIFEST_READ_ARTIFACTS,
    MANIFEST_READ_MISSING
};

/* Takes one row, lent for the call; 1 ends the reading, -1 fails it. */
typedef int manifest_read_fn(void *ctx, enum manifest_read_section section, const char *text,
                             size_t len, struct err *err);

struct manifest_read {
    manifest_read_fn *fn;
    void *ctx;
    enum manifest_read_section section;  /* of the value in hand, below the document's object */
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
void manifest_read_init(struct manifest_read *rows, manifest_read_fn *fn, void *ctx);

/* Free what a reader holds; may be called twice. */
void manifest_read_clear(struct manifest_read *rows);

/* Feed the next bytes; 1: fn has seen enough. */
int manifest_read_feed(struct manifest_read *rows, const char *bytes, size_t len,
                       struct err *err) MUST_CHECK;

/* All has been fed: was it a whole document? */
int manifest_read_end(const struct manifest_read *rows, struct err *err) MUST_CHECK;

/* What readers want of an artifact's row; texts live in the region, NULL where null. */
struct manifest_read_artifact {
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
    uint64_t listed_size; /* MANIFEST_READ_NONE: none */
    bool told;            /* a manifest that has the two of them; older ones do not */
    bool mismatch;        /* the bytes have another checksum */
    bool suspect;         /* they cannot be what the type says */
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    bool link;
    uint64_t frame;  /* MANIFEST_READ_NONE: none */
    uint64_t offset; /* MANIFEST_READ_NONE: none */
};

/* Read an artifact's row; ERR_FORMAT when it is none. */
int manifest_read_artifact(struct manifest_read_artifact *out, const char *text, size_t len,
                           struct region *region, struct err *err) MUST_CHECK;

/* The same of a run's row, and of one of what is missing. */
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
    bool named;         /* it says whether there is another name: older archives do not */
    bool no_artifacts;  /* its notes: the service listed none of a completed run */
    bool retry_pending; /* and it had failed, and was going to be tried again */
    uint64_t archived;
    uint64_t missing;
};

/* Read a run's row. Texts are copied into the region; ERR_FORMAT where it is none. */
int manifest_read_run(struct manifest_read_run *out, const char *text, size_t len,
                      struct region *region, struct err *err) MUST_CHECK;

struct manifest_read_missing {
    const char *run_id;
    const char *artifact_id; /* NULL: the run itself */
    const char *artifact_type;
    const char *reason;
};

/*
 * Read a row of what is missing. Texts are copied into the region; ERR_FORMAT where it is
 * none.
 */
int manifest_read_missing(struct manifest_read_missing *out, const char *text, size_t len,
                          struct region *region, struct err *err) MUST_CHECK;

/* Read a document's row, or previous: a name (path, archive) and a digest. */
struct manifest_read_name {
    const char *name;
    uint64_t size; /* of a document */
    uint8_t sha256[SHA256_SIZE];
};

/*
 * Read such a row. The name is copied into the region; ERR_FORMAT where name or digest
 * lack.
 */
int manifest_read_name(struct manifest_read_name *out, enum manifest_read_section section,
                       const char *text, size_t len, struct region *region,
                       struct err *err) MUST_CHECK;

#endif
