/* SPDX-License-Identifier: MIT */
/*
 * records: stores further records of runs until they are archived.
 *
 * Records are redacted and stored in an unnamed temporary file, so that they take no memory.
 * If the file cannot be made or written, they are in memory up to RECORDS_MEMORY, and lost
 * beyond that (REASON_NO_SPACE). For missing records, the reason is stored.
 *
 * Units    bytes
 * Errors   ERR_MEMORY, ERR_LIMIT (too many rows)
 * Owns     the file; a set owns its rows and their texts, until record_set_clear
 * Threads  the transfer loop; read by one thread afterwards
 */
#ifndef CLIENT_RECORDS_H
#define CLIENT_RECORDS_H

#include "api/endpoint.h"
#include "api/reason.h"
#include "base/err.h"
#include "provenance/request_log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_MAX          ((size_t)32 << 20)    /* maximum size of a record */
#define RECORDS_MAX         ((uint64_t)256 << 20) /* maximum size of all records of a run */
#define RECORDS_MEMORY      ((uint64_t)8 << 20)   /* maximum size of all records in memory */
#define RECORD_REQUESTS_MAX 1000                  /* maximum number of requests per run */

struct record_row {
    char *name;               /* name of the file without extension: "steps-tsk_1" */
    enum reason reason;       /* why the record is missing; or REASON_NONE */
    long http_status;         /* of the last response; 0: none */
    bool lost;                /* missing because of an error */
    char *text;               /* the record; NULL: it is in the file */
    struct request_refs from; /* the requests that it was the answer to */
    uint64_t at;              /* its offset in the file */
    size_t len;
};

/* The records of one run. */
struct record_set {
    struct record_row *rows;
    size_t count;
    size_t cap;
    size_t here;     /* number of rows with a record */
    uint64_t bytes;  /* total size of these records */
    size_t requests; /* number of requests, without retries */
    size_t lost;     /* number of rows that are lost */
    bool cut;        /* RECORD_REQUESTS_MAX was reached */
};

/* A record as returned by the API: the answer to a request, or to several, joined. */
struct record_answer {
    const char *json;
    size_t len;
    struct request_refs *from; /* moves to the row if the record is stored */
};

struct records;

/*
 * Create an empty store of records.
 *
 * log      gets the digest of each record that is one answer; NULL: none
 * filter   the records to store; borrowed
 * key      the API key, which is redacted; borrowed
 * dir      the directory of the temporary file; borrowed
 */
struct records *records_new(const struct endpoint_filter *filter, const char *key,
                            const char *dir, struct request_log *log,
                            struct err *err) MUST_CHECK;

/* Free the records and close their file; may be NULL. */
void records_free(struct records *records);

/* Whether a record is to be stored; records may be NULL: none is. */
bool records_want(const struct records *records, enum endpoint endpoint);

/*
 * Store a record about a part of the run (NULL: the run itself); a
 * second record of the same name is ignored.
 */
int records_keep(struct records *records, struct record_set *set, enum endpoint endpoint,
                 const char *about, const struct record_answer *answer,
                 struct err *err) MUST_CHECK;

/* Note that a record is missing, with the verdict and the error of its request. */
int records_lack(struct record_set *set, enum endpoint endpoint, const char *about,
                 enum endpoint_verdict verdict, const struct err *why,
                 struct err *err) MUST_CHECK;

/* Note that a record is lost, for a given reason. */
int records_lose(struct record_set *set, enum endpoint endpoint, const char *about,
                 enum reason reason, struct err *err) MUST_CHECK;

/* The file in which the records without a text are, open until records_free. */
int records_file(const struct records *records);

/* Free the rows; may be called twice, and on {0}. */
void record_set_clear(struct record_set *set);

#endif
