/* SPDX-License-Identifier: MIT */
/*
 * records: what tells the story of a run beside its record and list, kept to be archived.
 *
 * Texts are stripped of signatures and wait in a file without a name, so that memory does not
 * grow with them. What the server could not give keeps the reason.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM when the file fails, ERR_MEMORY
 * Owns     its file; a set owns its rows, until record_set_clear
 * Threads  the transfer loop; read by one thread afterwards
 */
#ifndef CLIENT_RECORDS_H
#define CLIENT_RECORDS_H

#include "api/endpoint.h"
#include "api/reason.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_MAX          ((size_t)32 << 20)    /* bytes of one record */
#define RECORDS_MAX         ((uint64_t)256 << 20) /* bytes of all records of a run */
#define RECORD_REQUESTS_MAX 1000                  /* requests for the records of a run */

struct record_row {
    char *name;         /* "steps-tsk_1": its file's, without the extension */
    enum reason reason; /* why it is not here; REASON_NONE: it is */
    long http_status;   /* of the last answer; 0: none */
    bool lost;          /* the server should have given it */
    uint64_t at;        /* in the file */
    size_t len;
};

/* The records of one run. */
struct record_set {
    struct record_row *rows;
    size_t count;
    size_t cap;
    size_t here;     /* rows that are here */
    uint64_t bytes;  /* of them */
    size_t requests; /* made for them, repeated ones not counted */
    size_t lost;     /* rows that are not here, and that the server should have given */
    bool cut;        /* the limit of requests was reached */
};

struct records;

/*
 * filter   which ones are wanted; lent
 * key      the API key, which is taken out of texts; lent
 * dir      where the file goes
 */
struct records *records_new(const struct endpoint_filter *filter, const char *key,
                            const char *dir, struct err *err) MUST_CHECK;

/* Free the records and close their file; NULL is fine. */
void records_free(struct records *records);

/* Whether a record is wanted; records may be NULL: none is. */
bool records_want(const struct records *records, enum endpoint endpoint);

/* Keep a record as served, about `about` (may be NULL) of the run; once for each name. */
int records_keep(struct records *records, struct record_set *set, enum endpoint endpoint,
                 const char *about, const char *json, size_t len, struct err *err) MUST_CHECK;

/* Note that a record is not here: what came of its request, and what that meant. */
int records_lack(struct record_set *set, enum endpoint endpoint, const char *about,
                 enum endpoint_verdict verdict, const struct err *why,
                 struct err *err) MUST_CHECK;

/* Note that a record did not come, for a reason of our own. */
int records_lose(struct record_set *set, enum endpoint endpoint, const char *about,
                 enum reason reason, struct err *err) MUST_CHECK;

/* Read a record's text, to be released by mem_free. */
char *records_read(const struct records *records, const struct record_row *row,
                   struct err *err) MUST_CHECK;

/* Release; may be called twice, and on {0}. */
void record_set_clear(struct record_set *set);

#endif
