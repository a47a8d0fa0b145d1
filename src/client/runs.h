/* SPDX-License-Identifier: MIT */
/*
 * runs: the list of all runs, newest first, page after page.
 *
 * Rows shift between pages while new runs start: a row that comes twice is told
 * once, and a short page ends the list. The service lists at most RUNS_WINDOW
 * runs, and RUNS_SEARCH of a search or of one workflow, behind which it answers
 * 400; when that cut the list, it is said.
 *
 * Units    microseconds since 1970
 * Errors   the calls'
 * Owns     nothing; rows are lent for the call
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

/* Texts are NULL where the service gave none. */
struct runs_row {
    const char *run_id; /* a valid one */
    const char *status;
    const char *run_type;
    const char *title;
    const char *created_at;
    const char *started_at;
    const char *finished_at;
    const char *workflow_permanent_id;
    int64_t created_us; /* CLOCK_NONE: not known */
    bool retry_pending; /* it has failed, and is going to be tried again */
    const char *json;   /* the row as served, but for secrets */
    size_t json_len;
};

struct runs_query {
    struct api_runs what;
    int64_t since_us; /* created at or after; CLOCK_NONE: no limit */
    int64_t until_us; /* and before */
    uint64_t limit;   /* most rows; 0: all */
    bool raw;         /* take out of them the API key alone */
};

/* What a list did not tell. */
struct runs_end {
    bool cut; /* the service's window, or its limit of a search, ended it, and not the runs */
    size_t unread; /* rows that name no run */
};

/* Make a call of a page of a list; *came becomes true when it has ended. To be cleared by
 * call_clear. */
void runs_call(struct call *call, struct callers *callers, bool *came);

/* Make the request of a call, and wait for it; how it went is in the call. */
int runs_fetch(struct loop *loop, struct call *call, const bool *came,
               struct err *err) MUST_CHECK;

/* Read a row; the run's ID is in the field `name`, or in run_id. */
int runs_read_row(struct runs_row *row, struct json_value v, const char *name,
                  struct region *region, struct err *err) MUST_CHECK;

/*
 * List.
 *
 * row   gets each run; 1 ends the list, -1 fails it
 * end   gets what it did not tell
 */
int runs_list(struct loop *loop, struct callers *callers, const struct runs_query *query,
              int (*row)(void *ctx, const struct runs_row *row, struct err *err), void *ctx,
              struct runs_end *end, struct err *err) MUST_CHECK;

#endif
