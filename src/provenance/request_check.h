/* SPDX-License-Identifier: MIT */
/*
 * request_check: whether the records of an archive are the answers that its requests.jsonl
 * names.
 *
 * The file is checked as a stream. Each record's line must have the digest that the manifest
 * has for the record, and name answers that were logged before it with the digests stated
 * there. A record that is one answer must have that answer's digest. Of a record that was
 * joined from the rows of answers, which are not stored as such, the digests of the answers are
 * compared with the log, and the record's own with the manifest.
 *
 * Units    bytes
 * Errors   ERR_MEMORY; what is wrong is reported to the hook
 * Limits   REQUEST_LOG_MAX requests, of 48 bytes each; 100 reports
 * Owns     the digests of the requests, until request_check_free
 * Threads  one at a time
 * Source   docs/archive-format.md, "The request log"
 */
#ifndef PROVENANCE_REQUEST_CHECK_H
#define PROVENANCE_REQUEST_CHECK_H

#include "base/digest.h"
#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request_check_opts {
    /*
     * Find the document of a path in the manifest, and note that the log has it.
     *
     * returns  false: the manifest has no such document
     */
    bool (*find)(void *ctx, const char *path, uint8_t sha256[SHA256_SIZE]);
    void *find_ctx;
    /* Called with what is wrong with a record, or with the log itself. */
    void (*report)(void *ctx, const char *path, const char *what);
    pthread_mutex_t *lock; /* held when one of these is called */
    void *ctx;
};

struct request_check;

/* Begin; opts are copied. NULL with ERR_MEMORY. */
struct request_check *request_check_new(const struct request_check_opts *opts,
                                        struct err *err) MUST_CHECK;

/* Free; NULL is fine. */
void request_check_free(struct request_check *check);

/* Take the next bytes of the file; a put_fn, ctx is the check. */
int request_check_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* After the last bytes. */
void request_check_end(struct request_check *check);

/*
 * Whether a path is of a record, which must be in the log: data/RUN_ID/run.json,
 * artifacts.json, or records/NAME.json.
 */
bool request_check_wants(const char *path);

#endif
