/* SPDX-License-Identifier: MIT */
/*
 * manifest: manifest.json, everything known about what an archive holds.
 *
 * Written row by row, always the same way for the same rows, so that it can be
 * made twice: once to learn its size and digest, once into the archive. Order:
 * manifest_begin, runs, manifest_artifacts, artifacts, manifest_missing,
 * missing rows, manifest_end; and manifest_documents with its
 * documents between the runs and the artifacts.
 *
 * Errors   kept by the writer; asked for by jsonw_end
 * Threads  one at a time
 * Source   docs/manifest.schema.json
 */
#ifndef FORMAT_MANIFEST_H
#define FORMAT_MANIFEST_H

#include "base/digest.h"
#include "base/jsonw.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_SCHEMA "urn:skyarc:manifest:1"
#define MANIFEST_NONE   UINT64_MAX /* a number that is not known: null */

struct manifest_head {
    const char *tool;            /* "skyarc 1.0" */
    int64_t created_at;          /* ms since 1970 */
    const char *source;          /* base URL */
    const char *previous;        /* the archive before it in its series, or NULL */
    const char *previous_sha256; /* and its manifest's digest, in hex */
    char *const *run_ids;
    size_t run_count;
    char *const *types; /* wanted types; none: all */
    size_t type_count;
    char *const *excluded;
    size_t excluded_count;
    bool dedupe;
    bool children;              /* with the runs that they started */
    const char *const *records; /* names of the records that were wanted */
    size_t tagfiles_count;
};

/* A record that is not here. */
struct manifest_record {
    const char *name;
    const char *reason;
    uint64_t http_status; /* MANIFEST_NONE: no answer */
};

struct manifest_run {
    const char *run_id;
    const char *other_run_id;  /* its other name, or NULL */
    const char *parent_run_id; /* the run that started it, or NULL */
    const char *status;
    const char *run_type;
    const char *created_at;
    const char *started_at;
    const char *finished_at;
    const char *failure_reason;
    const char *title;
    const char *prompt;
    const char *output;       /* JSON, cut short */
    const char *supplements;  /* the archive that holds what came before, or NULL */
    const char *error;        /* why it could not be archived, or NULL */
    const char *const *notes; /* what is odd about it, as words */
    size_t note_count;
    uint64_t listed; /* artifacts that the service listed, and what became of them */
    uint64_t archived;
    uint64_t missing;
    uint64_t records;                              /* that are here */
    const struct manifest_record *records_missing; /* and those that are not */
    size_t records_missing_count;
};

struct manifest_artifact {
    const char *path; /* below the top directory */
    const char *run_id;
    const char *artifact_id; /* NULL: the service gave none */
    const char *origin;      /* "list", or the field of the run's record that names it */
    const char *artifact_type;
    const char *step_id;
    const char *created_at;
    uint64_t size;
    struct digest digest;
    const char *media_type;
    const char *duplicate_of; /* path of the first copy, or NULL */
    bool link;                /* and this one is a hard link to it */
    const char *uri;
    const char *bundle_key;
    int64_t fetched_at; /* ms since 1970 */
    const char *fetched_via;
    const char *checksum; /* as the service gave it, like the next two */
    uint64_t listed_size; /* MANIFEST_NONE: it gave none */
    const char *modified_at;
    bool mismatch; /* and it is another */
    const char *const *notes;
    size_t note_count;
    const char *encoding; /* it arrived so: then its size and digest in that form; or NULL */
    uint64_t encoded_size;
    const uint8_t *encoded_sha256;
    uint64_t frame;  /* MANIFEST_NONE: this archive has none */
    uint64_t offset; /* of its tar header in the tar stream, or MANIFEST_NONE */
};

struct manifest_missing {
    const char *artifact_id; /* NULL: the run itself, or the service gave none */
    const char *run_id;
    const char *artifact_type;
    const char *reason;
    uint64_t http_status; /* MANIFEST_NONE: no answer */
    uint64_t attempts;
};

struct manifest_totals {
    uint64_t artifacts;
    uint64_t unique;
    uint64_t bytes;            /* of all artifacts, duplicates too */
    uint64_t stored_bytes;     /* of the archive before the manifest */
    uint64_t downloaded_bytes; /* bodies as they came */
    uint64_t duplicates;
    uint64_t missing;
};

/*
 * Begin manifest.json: what stands before the runs. Write the members in the order of these
 * functions (docs/archive-format.md).
 */
void manifest_begin(struct jsonw *w, const struct manifest_head *head);

/* Write one run's row. */
void manifest_run(struct jsonw *w, const struct manifest_run *run);

/* End the runs, begin the documents. */
void manifest_documents(struct jsonw *w);

/* Write one document's row: a file of the archive that is no artifact. */
void manifest_document(struct jsonw *w, const char *path, uint64_t size,
                       const uint8_t sha256[SHA256_SIZE]);

/* End the documents, begin the artifacts. */
void manifest_artifacts(struct jsonw *w);

/* Write one artifact's row. */
void manifest_artifact(struct jsonw *w, const struct manifest_artifact *artifact);

/* End the artifacts, begin what is missing. */
void manifest_missing(struct jsonw *w);

/* Write one row of what is missing. */
void manifest_lost(struct jsonw *w, const struct manifest_missing *missing);

/* Write totals as the object `key`. */
void manifest_totals(struct jsonw *w, const char *key, const struct manifest_totals *totals);

/*
 * End what is missing, write the totals and end the document; the first error of the sink,
 * if any, is given here.
 */
int manifest_end(struct jsonw *w, const struct manifest_totals *totals,
                 struct err *err) MUST_CHECK;

#endif
