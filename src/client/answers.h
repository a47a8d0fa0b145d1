/* SPDX-License-Identifier: MIT */
/*
 * answers: what the service answered about one run, and the listed run that it makes.
 *
 * Errors   ERR_MEMORY, ERR_SYSTEM; a run's own go into it
 * Owns     answers, until answers_clear
 * Threads  the transfer loop
 */
#ifndef CLIENT_ANSWERS_H
#define CLIENT_ANSWERS_H

#include "base/err.h"
#include "client/call.h"
#include "client/errands.h"
#include "client/listing.h"

#include <stdbool.h>

enum question {
    ASK_RUN,
    ASK_LIST,       /* under the run's name */
    ASK_OTHER_LIST, /* and under its other one */
    ASK_WORKFLOW,
    ASK_TIMELINE,
    ASK_TASK_V2,
    ASK_WORKFLOW_TIMELINE, /* where the timeline of a run is that has no record of its own */
    ASK_SESSION,
    QUESTIONS
};

/* Of the questions from ASK_WORKFLOW on. */
extern const enum endpoint answers_endpoints[QUESTIONS];

struct answers {
    bool asked[QUESTIONS];
    bool good[QUESTIONS]; /* answered, and read */
    enum endpoint_verdict verdicts[QUESTIONS];
    bool wide[2]; /* the lists were asked for without types */
    struct artifact_list lists[2];
    struct call calls[QUESTIONS];
    struct errands errands; /* what is asked when all of that is known */
};

/* Note why a run cannot be listed; the first reason stays. */
void answers_fail(const struct answers *answers, struct listed_run *run, const struct err *why,
                  const char *what);

/* Read the timeline that came, once; what is none is told, and counts as lost. */
int answers_timeline(struct answers *answers, struct listed_run *run,
                     struct err *err) MUST_CHECK;

/* Make the run of all that came. */
int answers_settle(struct answers *answers, struct listed_run *run, struct err *err) MUST_CHECK;

/* Release. */
void answers_clear(struct answers *answers);

#endif
