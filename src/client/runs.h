/* SPDX-License-Identifier: MIT */
/*
 * runs: reads the paginated list of all runs, newest first.
 *
 * Rows move between pages while new runs start: duplicates are removed, and a page that is not
 * full ends the list. The service lists at most RUNS_WINDOW runs, or RUNS_SEARCH of a search or
 * of one workflow, and answers 400 for later pages; struct runs_end tells whether that limit
 * cut the list.
 *
 * Units    microseconds since 1970
 * Errors   errors of the calls
 * Owns     nothing; rows are valid for the callback only
 * Threads  the transfer loop
 * Source   docs/api.md, "Calls"
 */
#ifndef CLIENT_RUNS_H
#define CLIENT_RUNS_H

#include "api/api.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/call.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUNS_PAGE   100
#define RUNS_PAGES  100
#define RUNS_WINDOW (RUNS_PAGE * RUNS_PAGES)
#define RUNS_SEARCH 1000

/* Strings are NULL where the service gave none. */
struct runs_row {
    const char *run_id; /* a valid ID */
    const char *status;
    const char *run_type;
    const char *title;
    const char *created_at;
    const char *started_at;
    const char *finished_at;
    const char *workflow_permanent_id;
    int64_t created_us; /* CLOCK_NONE: unknown */
    bool retry_pending; /* the run failed and will be retried */
    const char *json;   /* the row, redacted */
    size_t json_len;
};

struct runs_query {
    struct api_runs what;
    int64_t since_us; /* created at or after; CLOCK_NONE: no limit */
    int64_t until_us; /* created before; CLOCK_NONE: no limit */
    uint64_t limit;   /* maximum number of rows; 0: no limit */
    bool raw;         /* redact the API key only */
};

/* What a list may lack. */
struct runs_end {
    bool cut;          /* the service's limit ended the list */
    size_t unread;     /* number of rows without a valid run ID */
    int64_t oldest_us; /* creation time of the oldest row, also if not reported; CLOCK_NONE */
};

/*
 * Initialise a call for a page of a list; *came becomes true when the call has ended. To be
 * cleared by call_clear.
 */
void runs_call(struct call *call, struct callers *callers, bool *came);

/* Run the loop until a call has ended; its result is in the call. */
int runs_fetch(struct loop *loop, struct call *call, const bool *came,
               struct err *err) MUST_CHECK;

/*
 * Redact and parse a page of a list, an array; to be freed by json_free. ERR_FORMAT, naming the
 * call, if the response is no array.
 *
 * clean  gets the redacted text, which the result refers to; to be cleared in any case
 * raw    redact the API key only
 */
struct json *runs_parse(struct buf *clean, const struct call *call, bool raw,
                        struct err *err) MUST_CHECK;

/* Parse a row; the run's ID is in run_id, or else in the field `name`. */
int runs_read_row(struct runs_row *row, struct json_value v, const char *name,
                  struct region *region, struct err *err) MUST_CHECK;

/*
 * List runs.
 *
 * row   called with each run; 1 ends the list, -1 aborts with an error
 * end   gets what the list may lack
 */
int runs_list(struct loop *loop, struct callers *callers, const struct runs_query *query,
              int (*row)(void *ctx, const struct runs_row *row, struct err *err), void *ctx,
              struct runs_end *end, struct err *err) MUST_CHECK;

#endif
