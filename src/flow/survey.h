/* SPDX-License-Identifier: MIT */
/*
 * survey: what the service has by now, put into the catalog as states of runs.
 *
 * Lists runs, newest first, back to where everything is known already; asks for
 * those that were running and that no list told of; lists the artifacts of those
 * that are archived and open once more, and seals them when there is nothing new.
 * Each step is one transaction, so that one that breaks off has not happened.
 *
 * Units    microseconds since 1970 for times of records, milliseconds for ours
 * Errors   the API's, the catalog's; ERR_CANCELLED
 * Owns     nothing
 * Threads  the transfer loop
 */
#ifndef FLOW_SURVEY_H
#define FLOW_SURVEY_H

#include "ask/call.h"
#include "ask/listing.h"
#include "ask/loop.h"
#include "ask/runs.h"
#include "base/err.h"
#include "skyvern/api.h"
#include "skyvern/artifact.h"
#include "skyvern/kind.h"
#include "vault/catalog.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct survey_opts {
    struct catalog *catalog;
    const struct api *api;
    struct loop *loop;
    struct callers *callers;
    const struct runs_query *query;  /* its statuses are looked at here: a run that is still
                                        going  on may come to have one */
    const char *filter;              /* the query as a text: its name in the catalog */
    const struct kind_filter *types; /* of artifacts */
    int64_t now_ms;
    int64_t horizon; /* see struct state_which */
};

struct survey_result {
    size_t fresh; /* runs that were not known */
    size_t sealed;
    size_t grown; /* archived ones that have more by now */
    bool cut;     /* the service's window ended the list, and not the runs */
};

/* List runs. */
int survey_list(const struct survey_opts *opts, struct survey_result *result,
                struct err *err) MUST_CHECK;

/* Ask for runs that were running, and for those that are due and of which it is not sure that
 * the service has them. */
int survey_poll(const struct survey_opts *opts, struct err *err) MUST_CHECK;

/* List the artifacts of open runs once more. */
int survey_recheck(const struct survey_opts *opts, struct survey_result *result,
                   struct err *err) MUST_CHECK;

/* What a row of a list is, beside what the volumes have. */
enum survey_match {
    SURVEY_NEW,    /* none has it, or another copy is wanted already */
    SURVEY_CHANGED /* one has it with another size, checksum or time */
};

/*
 * Visit the artifacts of a list that no volume has as the list says, and that are wanted: not
 * those that are known never to come, nor a ZIP whose members are listed; fn gives 1 to end
 * it, -1 to fail.
 */
int survey_compare(struct catalog *catalog, const struct kind_filter *types,
                   const struct listed_run *run,
                   int (*fn)(void *ctx, const struct artifact *artifact,
                             enum survey_match match, struct err *err),
                   void *ctx, struct err *err) MUST_CHECK;

#endif
