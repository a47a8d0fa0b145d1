/* SPDX-License-Identifier: MIT */
/*
 * request_log: collects the requests that were made to the API, until they are written to
 * requests.jsonl.
 *
 * A request is added when it has ended, and gets a number, counted from 1. What is known later
 * is added by that number: the digest of an answer that is stored as a record is taken when the
 * record is redacted, so that nothing is redacted twice. Each fact is also given to a keeper,
 * such as the journal of an unfinished archive, as a note (a JSON object); a later attempt
 * begins with these notes, as sessions of their own.
 *
 * All functions but request_log_new accept NULL, a log that nobody wants, and do nothing. None
 * fails: a request for which there is no memory is counted as lost, which the file says.
 *
 * Units    bytes; milliseconds
 * Limits   REQUEST_LOG_MAX requests; some 400 bytes each, on the page file
 * Owns     its copies of all texts
 * Threads  one at a time
 * Source   docs/archive-format.md, "The request log"
 */
#ifndef PROVENANCE_REQUEST_LOG_H
#define PROVENANCE_REQUEST_LOG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "provenance/request_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_LOG_MAX ((size_t)1 << 24)

struct request_log_opts {
    struct pagefile *pagefile; /* NULL: all in memory; must outlive the log */
    const char *key;           /* the API key, which is redacted; borrowed; NULL: none */
    const char *service;       /* base URL; its credentials are redacted */
    const char *tool;          /* "skyarc/1.0" */
    bool host;                 /* log the name of this host */
};

struct request_log;

/* Create an empty log. */
struct request_log *request_log_new(const struct request_log_opts *opts,
                                    struct err *err) MUST_CHECK;

/* Free the log; NULL is fine. */
void request_log_free(struct request_log *log);

/*
 * Add a request that has ended.
 *
 * asked    path: the whole URL; its credentials are redacted, its origin is left out
 * returns  the request's number, 0 if it is not logged
 */
uint64_t request_log_add(struct request_log *log, const struct request_asked *asked);

/* Set the digest of an answer, which is redacted for it, unless it is set. 0: does nothing. */
void request_log_answer(struct request_log *log, uint64_t number, const char *text, size_t len);

/* Set the digest of an answer that is redacted already, unless it is set. */
void request_log_clean(struct request_log *log, uint64_t number, const char *text, size_t len);

/* Set the digest of an answer, unless it is set. */
void request_log_digest(struct request_log *log, uint64_t number,
                        const uint8_t sha256[SHA256_SIZE]);

/* Set the number of rows of a list, and how many the service announced. */
void request_log_rows(struct request_log *log, uint64_t number, uint64_t rows,
                      uint64_t expected);

/*
 * Take an answer's Date header into account.
 *
 * date    its time, whole seconds
 * from,to when the request began and ended, by our clock
 */
void request_log_clock(struct request_log *log, int64_t date, int64_t from, int64_t to);

/* Set the service's version, from its record of that name. */
void request_log_version(struct request_log *log, const char *json, size_t len);

/* Add all requests of another log, in front of all that follow. */
void request_log_copy(struct request_log *log, const struct request_log *from);

/*
 * Take a note that an earlier attempt gave to its keeper; others than such notes are ignored.
 */
void request_log_earlier(struct request_log *log, const char *note, size_t len);

/*
 * Give notes to a keeper from now on, beginning with those of all requests so far; called once,
 * after request_log_earlier. Neither note nor len include a line end. If the keeper fails, it
 * gets nothing more.
 */
void request_log_keep(struct request_log *log,
                      int (*keep)(void *ctx, const char *note, size_t len, struct err *err),
                      void *ctx);

/* The number of a request in the file, of those that this log added; 0 for 0. */
uint64_t request_log_number(const struct request_log *log, uint64_t number);

/* The answer to a request, valid until the log changes; NULL: there is no such request. */
const struct request_answer *request_log_answer_of(const struct request_log *log,
                                                   uint64_t number);

/*
 * Write the first line, the sessions and the requests.
 *
 * about  whether the archive has a run: others are left out
 */
int request_log_put(const struct request_log *log, bool (*about)(void *ctx, const char *run),
                    void *ctx, put_fn *put, void *to, struct err *err) MUST_CHECK;

/* The requests whose answers a record is made of; {0}: none. */
struct request_refs {
    bool joined; /* set by the owner: the record is made of the rows of answers */
    uint64_t first;
    uint64_t *more;
    size_t count;
    size_t cap; /* of more */
};

/* Add a request; 0 is not added. A record of more than REQUEST_REFS_MAX answers keeps those. */
void request_refs_add(struct request_refs *refs, uint64_t number);

/* The number of the nth request, from 0. */
uint64_t request_refs_at(const struct request_refs *refs, size_t nth);

/* Free; may be called twice, and on {0}. */
void request_refs_clear(struct request_refs *refs);

#define REQUEST_REFS_MAX 4096

#endif
