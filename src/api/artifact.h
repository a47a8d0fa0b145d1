/* SPDX-License-Identifier: MIT */
/*
 * artifact: a run's list of artifacts, as the API returns it.
 *
 * Units    bytes
 * Errors   ERR_FORMAT for a malformed list, ERR_LIMIT, ERR_MEMORY
 * Owns     a list owns its rows and all their strings, until artifact_list_clear
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

#define ARTIFACT_ID_MAX   4096                /* maximum length of an ID */
#define ARTIFACT_LIST_MAX ((size_t)256 << 20) /* maximum size of a list's JSON */

/* Strings are NULL where the API gave null or nothing. */
struct artifact {
    const char *artifact_id; /* never NULL */
    const char *artifact_type;
    const char *uri;
    const char *bundle_key;
    const char *checksum;
    const char *task_id;
    const char *step_id;
    const char *workflow_run_id;
    const char *run_id;
    const char *browser_session_id;
    const char *signed_url;
    const char *created_at;
    const char *modified_at;
    uint64_t file_size; /* valid if sized */
    bool sized;
    bool archived; /* in cold storage */

    /* only for artifacts that a record names and the list does not */
    const char *origin;   /* field of the record; NULL: listed */
    size_t nth;           /* index in that field */
    const char *filename; /* name of a downloaded file */
    const char *file;     /* path on the server's disk, or NULL */
    bool unnamed;         /* artifact_id is generated: the service gave none */
    bool typed_by_uri;    /* the type is from the uri, since the service says "unknown" */
};

/*
 * Whether two rows of one artifact differ in its size, time, checksum or URI, as far as both
 * have them: then its content has changed in between.
 */
bool artifact_changed(const struct artifact *before, const struct artifact *now);

struct artifact_list {
    struct region *region;
    struct artifact *rows;
    size_t count;
    size_t cap;
    size_t broken;   /* number of invalid rows: without an ID, or with one that is too long */
    size_t misnamed; /* number of rows whose run_id is present, but not an ID */
    size_t unread;   /* number of rows of which a fact that is judged by is of another type */
};

/* Parse the API's JSON array. list must be {0}; it is filled only on success. */
int artifact_list_parse(struct artifact_list *list, const char *json, size_t len,
                        struct err *err) MUST_CHECK;

/* The same, with the rows and their strings on a page file (NULL: in memory). */
int artifact_list_parse_on(struct pagefile *file, struct artifact_list *list, const char *json,
                           size_t len, struct err *err) MUST_CHECK;

/*
 * Merge lists into one JSON array, without duplicates: rows with the same artifact_id and facts
 * (uri, size, checksum, time, URL without its query) are kept once, at their first position. An
 * input may also be a single row; rows that are not objects are skipped.
 */
int artifact_list_join(struct buf *out, const struct buf *lists, size_t count,
                       struct err *err) MUST_CHECK;

/* Append a row; its strings must be valid as long as the list. */
int artifact_list_add(struct artifact_list *list, const struct artifact *row,
                      struct err *err) MUST_CHECK;

/* Set artifact->file from a file:// URI or URL. Only paths of downloads are percent-encoded. */
int artifact_find_file(struct artifact *artifact, struct region *region,
                       struct err *err) MUST_CHECK;

/* Percent-encode blanks and control characters in a URL; other characters stay unchanged. */
int artifact_url(const char **url, struct region *region, struct err *err) MUST_CHECK;

/* Free the list; may be called twice, and on {0}. */
void artifact_list_clear(struct artifact_list *list);

#endif
