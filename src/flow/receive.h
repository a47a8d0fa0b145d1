/* SPDX-License-Identifier: MIT */
/*
 * receive: webhooks in, one archive a run out.
 *
 * A webhook that is signed right becomes a file in DEST/.queue before it is
 * answered, so that neither a crash nor a restart loses it. One run after the
 * other is archived as DEST/RUN_ID.EXT; only then its file leaves the queue. A
 * run that is there already, or is queued, is not archived twice. What fails is
 * tried again, ever less often; a run that the service does not know is given
 * up after RECEIVE_TRIES and its file renamed to RUN_ID.failed.
 *
 * Units    milliseconds
 * Errors   ERR_SYSTEM for the directory; an archive's own are logged
 * Owns     its list of runs
 * Threads  receive_webhook and receive_counts: any; the others: one
 * Source   docs/api.md, "Webhooks"
 */
#ifndef FLOW_RECEIVE_H
#define FLOW_RECEIVE_H

#include "base/err.h"
#include "flow/pull.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECEIVE_TRIES 6

struct receive_opts {
    const char *dest;
    const struct pull_opts *pull; /* run, output and top are filled in for each */
    uint64_t delay;               /* archive a run so long after its webhook */
    int stop_fd;                  /* readable when stopped has news */
    bool (*stopped)(void *ctx);
    void *ctx;
};

struct receive_counts {
    size_t queued;
    size_t archived; /* since the start */
    size_t failed;   /* attempts, since the start */
};

/* What became of a webhook. */
enum receive_verdict {
    RECEIVE_QUEUED,
    RECEIVE_KNOWN,   /* queued or archived before */
    RECEIVE_REFUSED, /* not signed, or not by us: err says which */
    RECEIVE_BAD,     /* names no run */
    RECEIVE_ERROR,   /* cannot be kept: tell the sender to come again */
};

struct receive;

/* Make the directories, and find what was queued before. */
struct receive *receive_new(const struct receive_opts *opts, struct err *err) MUST_CHECK;
void receive_free(struct receive *receive);

/* Take a webhook; run_id gets the run it is about (RUN_ID_MAX + 1 bytes). */
enum receive_verdict receive_webhook(struct receive *receive, const char *body, size_t len,
                                     const char *signature, char *run_id, struct err *err);

/* Archive what is due, until told to stop. */
int receive_run(struct receive *receive, struct err *err) MUST_CHECK;

struct receive_counts receive_counts(struct receive *receive);

#endif
