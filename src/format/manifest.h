/* SPDX-License-Identifier: MIT */
/*
 * manifest: writes manifest.json, the description of an archive's contents.
 *
 * The manifest is written row by row. The output is deterministic, so that it can be written
 * twice: first to compute its size and digest, then into the archive. The order of calls is
 * manifest_begin, manifest_run for each run, manifest_documents, manifest_document for each
 * document, manifest_artifacts, manifest_artifact for each artifact, manifest_missing,
 * manifest_lost for each missing item, manifest_end.
 *
 * Errors   kept by the JSON writer; returned by manifest_end
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
#define MANIFEST_NONE   UINT64_MAX /* an unknown number: null */

/* Which artifacts were selected. */
struct manifest_filter {
    char *const *types; /* requested types; none: all */
    size_t type_count;
    char *const *excluded; /* excluded types */
    size_t excluded_count;
    char *const *names; /* shell patterns; none: all */
    size_t name_count;
    char *const *steps; /* IDs and order numbers; none: all */
    size_t step_count;
    uint64_t larger_than; /* MANIFEST_NONE: no limit */
    uint64_t smaller_than;
    int64_t newer_us; /* created at this time or later, since 1970; CLOCK_NONE: no limit */
    int64_t older_us; /* created before this time */
};

struct manifest_head {
    const char *tool;            /* "skyarc/1.0" */
    int64_t created_at;          /* ms since 1970 */
    const char *source;          /* base URL */
    const char *previous;        /* previous archive of the series, or NULL */
    const char *previous_sha256; /* SHA-256 of its manifest, in hex */
    char *const *run_ids;
    size_t run_count;
    struct manifest_filter filter;
    bool dedupe;
    bool children;              /* including the runs started by the runs */
    const char *const *records; /* names of the requested records */
    size_t record_count;
};

/* A missing record. */
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
    const char *output;       /* JSON, truncated */
    const char *supplements;  /* the archive with the run's earlier artifacts, or NULL */
    const char *error;        /* why the run could not be archived, or NULL */
    const char *const *notes; /* words for anomalies */
    size_t note_count;
    uint64_t listed; /* number of artifacts by the service's list */
    uint64_t archived;
    uint64_t missing;
    uint64_t records;                              /* number of records in the archive */
    const struct manifest_record *records_missing; /* the missing records */
    size_t records_missing_count;
};

struct manifest_artifact {
    const char *path; /* relative to the top directory */
    const char *run_id;
    const char *artifact_id; /* NULL: the service gave none */
    const char *origin;      /* "list", or the field of the run's record */
    const char *artifact_type;
    const char *step_id;
    const char *created_at;
    uint64_t size;
    struct digest digest;
    const char *media_type;
    const char *duplicate_of; /* path of the first copy, or NULL */
    bool link;                /* this file is a hard link to the first copy */
    const char *uri;
    const char *bundle_key;
    int64_t fetched_at; /* ms since 1970 */
    const char *fetched_via;
    const char *checksum; /* from the service, like the next two */
    uint64_t listed_size; /* MANIFEST_NONE: unknown */
    const char *modified_at;
    bool mismatch; /* the content does not match the checksum */
    const char *const *notes;
    size_t note_count;
    const char *encoding; /* Content-Encoding as received, or NULL */
    uint64_t encoded_size;
    const uint8_t *encoded_sha256;
    uint64_t frame;  /* MANIFEST_NONE: no frames */
    uint64_t level;  /* of that frame; 0: stored; MANIFEST_NONE: unknown, or no frames */
    uint64_t offset; /* offset of its tar header, or MANIFEST_NONE */
};

struct manifest_missing {
    const char *artifact_id; /* NULL: the run itself, or unknown */
    const char *run_id;
    const char *artifact_type;
    const char *reason;
    uint64_t http_status; /* MANIFEST_NONE: no answer */
    uint64_t attempts;
};

struct manifest_totals {
    uint64_t artifacts;
    uint64_t unique;
    uint64_t bytes;            /* of all artifacts, including duplicates */
    uint64_t stored_bytes;     /* of the archive up to the manifest */
    uint64_t downloaded_bytes; /* bytes of the response bodies */
    uint64_t duplicates;
    uint64_t missing;
};

/* A file of the offline view, which is a document. */
struct manifest_view {
    const char *path;
    uint64_t size;
    uint64_t offset; /* of its tar header, or MANIFEST_NONE */
    uint8_t sha256[SHA256_SIZE];
};

struct manifest_views {
    struct manifest_view *files;
    size_t count;
};

/*
 * Begin manifest.json, up to the start of the runs. The members must be written in the order of
 * these functions (docs/archive-format.md).
 */
void manifest_begin(struct jsonw *w, const struct manifest_head *head);

/* Write a run's row. */
void manifest_run(struct jsonw *w, const struct manifest_run *run);

/* End the runs and begin the documents. */
void manifest_documents(struct jsonw *w);

/*
 * Write the row of a document: a file of the archive that is not an artifact.
 *
 * offset  of its tar header, or MANIFEST_NONE
 */
void manifest_document(struct jsonw *w, const char *path, uint64_t size,
                       const uint8_t sha256[SHA256_SIZE], uint64_t offset);

/* End the documents and begin the artifacts. */
void manifest_artifacts(struct jsonw *w);

/* Write an artifact's row. */
void manifest_artifact(struct jsonw *w, const struct manifest_artifact *artifact);

/* End the artifacts and begin the missing items. */
void manifest_missing(struct jsonw *w);

/* Write the row of a missing item. */
void manifest_lost(struct jsonw *w, const struct manifest_missing *missing);

/* Write totals as an object named key. */
void manifest_totals(struct jsonw *w, const char *key, const struct manifest_totals *totals);

/*
 * End the missing items, write the totals and end the document; returns the first error of the
 * writer's sink.
 */
int manifest_end(struct jsonw *w, const struct manifest_totals *totals,
                 struct err *err) MUST_CHECK;

#endif
