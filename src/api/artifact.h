/* SPDX-License-Identifier: MIT */
/*
 * artifact: a run's list of artifacts, as the API serves it.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for what is no list, ERR_LIMIT, ERR_MEMORY
 * Owns     a list owns its rows and all their texts, until artifact_list_clear
 * Threads  one at a time
 * Source   docs/api.md, "An artifact"
 */
#ifndef API_ARTIFACT_H
#define API_ARTIFACT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARTIFACT_LIST_MAX ((size_t)256 << 20) /* bytes of JSON we read */

/* Texts are NULL where the API gave null or nothing. */
struct artifact {
    const char *artifact_id; /* never NULL */
    const char *artifact_type;
    const char *uri;
    const char *bundle_key;
    const char *checksum;
    const char *task_id;
    const char *step_id;
    const char *workflow_run_id;
    const char *workflow_run_block_id;
    const char *run_id;
    const char *browser_session_id;
    const char *signed_url;
    const char *organization_id;
    const char *created_at;
    const char *modified_at;
    uint64_t file_size; /* when sized */
    bool sized;
    bool archived; /* in cold storage */

    /* of what is not listed, but named by the run's record */
    const char *origin;   /* the record's field; NULL: listed */
    size_t nth;           /* where in that field */
    const char *filename; /* of a downloaded file */
    const char *file;     /* on the server's own disk; NULL: it is not there */
    bool unnamed;         /* artifact_id is made up: the service gave none */
    bool typed_by_uri;    /* the service calls its type unknown, and its uri does not */
};

struct artifact_list {
    struct region *region;
    struct artifact *rows;
    size_t count;
    size_t cap;
    size_t broken; /* rows that are no artifact: without an ID */
};

/* Read the API's JSON array. list must be {0}; it is filled on success only. */
int artifact_list_parse(struct artifact_list *list, const char *json, size_t len,
                        struct err *err) MUST_CHECK;

/*
 * Write lists as one JSON array: the rows of the first, then those of the next whose
 * artifact_id has not come yet for the same uri, and so on. A text may also be one row; what is
 * neither is left out.
 */
int artifact_list_join(struct buf *out, const struct buf *lists, size_t count,
                       struct err *err) MUST_CHECK;

/* Append a row, whose texts must live as long as the list. */
int artifact_list_add(struct artifact_list *list, const struct artifact *row,
                      struct err *err) MUST_CHECK;

/* The path on the server's own disk that an artifact's URI or URL names, lent; NULL: none. */
const char *artifact_file(const struct artifact *artifact);

/* Fill in file: what a file:// URI or URL names. Those of downloads are percent-encoded, and no
 * others are. */
int artifact_find_file(struct artifact *artifact, struct region *region,
                       struct err *err) MUST_CHECK;

/* A URL as it can be sent: blanks and control characters percent-encoded, all else as it is. */
int artifact_url(const char **url, struct region *region, struct err *err) MUST_CHECK;

/* Release; may be called twice, and on {0}. */
void artifact_list_clear(struct artifact_list *list);

#endif
