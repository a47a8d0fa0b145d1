/* SPDX-License-Identifier: MIT */
/*
 * request_line: the lines of requests.jsonl, the log of the requests to the API from which an
 * archive was made.
 *
 * Each line is a JSON object, whose member "line" says of which kind it is. The texts written
 * here have no secrets; what comes from outside is quoted.
 *
 * Pure.
 *
 * Units    bytes; milliseconds, times since 1970
 * Errors   ERR_FORMAT for a malformed line, ERR_MEMORY, ERR_LIMIT
 * Owns     a line that was read owns its document, until request_line_clear
 * Threads  any
 * Source   docs/archive-format.md, "The request log"; docs/schemas/requests.json
 */
#ifndef PROVENANCE_REQUEST_LINE_H
#define PROVENANCE_REQUEST_LINE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_LINE_SCHEMA "urn:skyarc:requests:1"
#define REQUEST_LINE_MAX    ((size_t)1 << 20) /* bytes of a line, with its end */
#define REQUEST_LINE_NONE   UINT64_MAX        /* a number that is not known: null */

enum request_line_kind {
    REQUEST_LINE_HEADER,  /* first line: the service, and what is known of it */
    REQUEST_LINE_SESSION, /* a process that made requests */
    REQUEST_LINE_REQUEST, /* a request, or an attempt of one */
    REQUEST_LINE_RUN,     /* how many artifacts of a run were listed, expected, received */
    REQUEST_LINE_RECORD,  /* the answers that a stored record is made of */
    REQUEST_LINE_KINDS
};

/* The first line. */
struct request_header {
    const char *service; /* base URL, without credentials */
    const char *version; /* of the service, as it says; NULL: it did not */
    int64_t clock;       /* the service's clock minus ours, or CLOCK_NONE */
    uint64_t sessions;
    uint64_t lost;    /* requests, and digests of answers, that could not be logged */
    uint64_t removed; /* lines of runs that skyarc prune removed */
};

/* A process. */
struct request_session {
    uint64_t number; /* counted from 1 */
    const char *tool;
    const char *build; /* NULL: it has none */
    const char *host;  /* NULL: not asked for */
    int64_t began;
};

/* An attempt of a request, when it has ended. */
struct request_asked {
    const char *run; /* the run that it is about, as it was asked for; NULL: none */
    const char *method;
    const char *path; /* with query, without secrets */
    int64_t at;
    uint64_t took;
    unsigned attempt;  /* counted from 1 */
    long status;       /* 0: no response */
    const char *error; /* NULL, or a word: why there is no usable response */
    uint64_t bytes;    /* of the response's body */
};

/* The answer, as far as it is known. */
struct request_answer {
    bool summed;
    uint8_t sha256[SHA256_SIZE]; /* of the body without its secrets */
    uint64_t rows;               /* of a list; REQUEST_LINE_NONE: it is none */
    uint64_t expected;           /* rows that the service announced, or REQUEST_LINE_NONE */
};

/* Counts of a run. */
struct request_counts {
    uint64_t listed;   /* artifacts by the service's list */
    uint64_t expected; /* those that were to be archived */
    uint64_t received;
};

/* Append the first line. */
int request_line_header(struct buf *out, const struct request_header *header,
                        struct err *err) MUST_CHECK;

/* Append a session's line. */
int request_line_session(struct buf *out, const struct request_session *session,
                         struct err *err) MUST_CHECK;

/* Append the members of a request's line that are known when it ends, for later use. */
int request_line_members(struct buf *out, const struct request_asked *asked,
                         struct err *err) MUST_CHECK;

/* Append a request's line with such members. number and session are counted from 1. */
int request_line_request(struct buf *out, uint64_t number, uint64_t session,
                         const char *members, const struct request_answer *answer,
                         struct err *err) MUST_CHECK;

/* Append a run's line. */
int request_line_run(struct buf *out, const char *run, const struct request_counts *counts,
                     struct err *err) MUST_CHECK;

/*
 * Begin a record's line; request_line_page follows for each answer that it is made of, then
 * request_line_end.
 *
 * path    of the record below the top directory
 * joined  it is not one answer as it came, but made of the rows of one or more
 */
int request_line_record(struct buf *out, const char *path, const char *run,
                        const uint8_t sha256[SHA256_SIZE], bool joined,
                        struct err *err) MUST_CHECK;

/* Append an answer to a record's line; first: it is the first one. */
int request_line_page(struct buf *out, bool first, uint64_t number,
                      const struct request_answer *answer, struct err *err) MUST_CHECK;

/* End a record's line. */
int request_line_end(struct buf *out, struct err *err) MUST_CHECK;

/* Give the lines in a buffer to a sink, and empty the buffer. */
int request_line_flush(struct buf *lines, put_fn *put, void *to, struct err *err) MUST_CHECK;

/* A line that was read; texts are as long-lived as the line. */
struct request_line {
    struct json *doc;
    struct region *region;
    enum request_line_kind kind;
    const char *run;    /* NULL: none */
    const char *record; /* the path, of a record */
    uint64_t number;    /* of a request; else 0 */
    uint64_t status;    /* of a request; 0: none */
    uint64_t lost;      /* of the header */
    bool summed;
    uint8_t sha256[SHA256_SIZE];
    struct json_value pages; /* of a record */
    bool joined;             /* of a record */
};

/* Read a line of len bytes, which must outlive it. Other members than the known are ignored. */
int request_line_read(struct request_line *line, const char *text, size_t len,
                      struct err *err) MUST_CHECK;

/* Free a line; may be called twice, and on {0}. */
void request_line_clear(struct request_line *line);

/*
 * The number and digest of an answer in a record's pages; false if they are malformed.
 *
 * summed  false: the digest is null, for it could not be made
 */
bool request_line_page_of(struct json_value page, uint64_t *number, bool *summed,
                          uint8_t sha256[SHA256_SIZE]);

/* Lines of a stream, which are passed to fn without their ends. */
struct request_lines {
    int (*fn)(void *ctx, const char *text, size_t len, struct err *err);
    void *ctx;
    struct buf line;
};

/* Begin a stream of lines. */
void request_lines_init(struct request_lines *lines,
                        int (*fn)(void *ctx, const char *text, size_t len, struct err *err),
                        void *ctx);

/* Take the next bytes; a put_fn, ctx is the struct request_lines. */
int request_lines_put(void *ctx, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* After the last bytes: ERR_FORMAT if the last line has no end. */
int request_lines_end(const struct request_lines *lines, struct err *err) MUST_CHECK;

/* Free the buffer; may be called twice. */
void request_lines_clear(struct request_lines *lines);

#endif
