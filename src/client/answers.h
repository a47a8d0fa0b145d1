/* SPDX-License-Identifier: MIT */
/*
 * answers: the responses to all requests about one run, and the listed run built from them.
 *
 * Errors   ERR_MEMORY, ERR_SYSTEM; errors of a run are stored in the run
 * Owns     the responses, until answers_clear
 * Threads  the transfer loop
 */
#ifndef CLIENT_ANSWERS_H
#define CLIENT_ANSWERS_H

#include "base/err.h"
#include "client/call.h"
#include "client/listing.h"
#include "client/unlisted.h"

#include <stdbool.h>

enum question {
    ASK_RUN,
    ASK_LIST,       /* under the run's ID */
    ASK_OTHER_LIST, /* under the run's other name */
    ASK_WORKFLOW,
    ASK_TIMELINE,
    ASK_TASK_V2,
    ASK_WORKFLOW_TIMELINE, /* timeline of a run without a record of its own */
    ASK_SESSION,
    QUESTIONS
};

/* The endpoints of the questions from ASK_WORKFLOW on. */
extern const enum endpoint answers_endpoints[QUESTIONS];

struct answers {
    bool asked[QUESTIONS];
    bool good[QUESTIONS]; /* answered, and parsed */
    enum endpoint_verdict verdicts[QUESTIONS];
    bool wide[2]; /* the lists were requested without a type filter */
    struct artifact_list lists[2];
    struct listed_text texts[2]; /* the same, as received */
    struct call calls[QUESTIONS];
    struct unlisted unlisted; /* requests made after all of these */
};

/* Record why a run cannot be listed: the first failure of `what` is kept. */
void answers_fail(const struct answers *answers, struct listed_run *run, const struct err *why,
                  const char *what);

/* Parse a list that was received, and keep its text; the call's body is empty afterwards. */
int answers_list(struct answers *answers, unsigned nth, const struct listing *listing,
                 struct call *call, struct err *err) MUST_CHECK;

/* Reject a list that has invalid rows or rows of another run: ERR_FORMAT. */
int answers_judge_list(const struct artifact_list *list, const struct listed_run *run,
                       struct err *err) MUST_CHECK;

/* Parse the timeline, if it was received. A malformed timeline is logged and counts as lost. */
int answers_timeline(struct answers *answers, struct listed_run *run,
                     struct err *err) MUST_CHECK;

/* Build the listed run from the responses. */
int answers_settle(struct answers *answers, struct listed_run *run, struct err *err) MUST_CHECK;

/* Set the digests of the answers that are not stored as records, in the log of requests. */
void answers_log(const struct answers *answers, const struct listing *listing);

/* Free the responses. */
void answers_clear(struct answers *answers);

#endif
