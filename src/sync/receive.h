/* SPDX-License-Identifier: MIT */
/*
 * receive: webhooks in, one archive a run out, and one more for what comes later.
 *
 * A webhook that is signed right is on the disk (sync/inbox) before it is answered, and stays
 * until its run is archived as DEST/RUN_ID.EXT. Several runs are archived at a time. One that
 * takes longer than its patience while others wait makes room, keeps what it has, and has
 * twice the time when its turn comes again.
 *
 * What fails is tried again, ever less often; a run that the service does not know is given up
 * after RECEIVE_TRIES. When artifacts are missing that may still come (a server's error, a
 * time-out), the archive waits for them in its .partial for RECEIVE_PATIENT attempts; then it
 * is written and says what is missing, and what comes within RECEIVE_GIVE_UP goes into
 * RUN_ID.2.EXT and so on. A webhook that differs from those before (a run's second attempt) is
 * archived the same way: what no archive of the run holds yet, and the run's record when its
 * status has changed. An archive that has its name is never replaced.
 *
 * Units    milliseconds
 * Errors   ERR_SYSTEM for the directory, ERR_BUSY when another process has it; an archive's
 *          own are logged
 * Owns     its queue; threads, while receive_run runs
 * Threads  receive_webhook and receive_health: any; the others: one
 * Source   docs/api.md, "Webhooks"
 */
#ifndef SYNC_RECEIVE_H
#define SYNC_RECEIVE_H

#include "base/err.h"
#include "pull/pull.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECEIVE_TRIES   6
#define RECEIVE_PATIENT 4
#define RECEIVE_GIVE_UP 86400000

struct receive_opts {
    const char *dest;
    const struct pull_opts *pull; /* run, output, top and hooks are filled in for each */
    uint64_t delay;               /* archive a run so long after its webhook */
    size_t runs;                  /* that are archived at a time */
    uint64_t patience;            /* with a run that others wait for */
    uint64_t again;               /* from the first failure to the next attempt; then doubled */
    uint64_t stuck;               /* the queue stands when nothing moved for so long */
    int stop_fd;                  /* readable when stopped has news */
    bool (*stopped)(void *ctx);
    void *ctx;
};

/* How things are. */
enum receive_state { RECEIVE_OK, RECEIVE_LACKING, RECEIVE_STUCK };

struct receive_health {
    enum receive_state state;
    size_t queued;     /* runs */
    size_t active;     /* of them, being archived */
    size_t waiting;    /* of them, those that lack something that may come */
    size_t incomplete; /* runs whose archive lacks something for good */
    size_t given_up;   /* runs that have no archive */
    size_t archived;   /* archives, since the start */
    size_t failed;     /* attempts, since the start */
    uint64_t late;     /* since when the run is due that is due longest */
    uint64_t still;    /* since when nothing moved */
};

/* What became of a webhook. */
enum receive_verdict {
    RECEIVE_QUEUED,
    RECEIVE_KNOWN,   /* queued, or archived whole, before */
    RECEIVE_REFUSED, /* not signed, or not by us: err says which */
    RECEIVE_BAD,     /* names no run */
    RECEIVE_ERROR,   /* cannot be kept: tell the sender to come again */
};

struct receive;

/* Make the directories, and find what was queued before. */
struct receive *receive_new(const struct receive_opts *opts, struct err *err) MUST_CHECK;

/* Release; NULL is fine. */
void receive_free(struct receive *receive);

/* Take a webhook; run_id gets the run it is about (RUN_ID_MAX + 1 bytes). */
enum receive_verdict receive_webhook(struct receive *receive, const char *body, size_t len,
                                     const char *signature, char *run_id, struct err *err);

/* Archive what is due, until told to stop. */
int receive_run(struct receive *receive, struct err *err) MUST_CHECK;

/* How the queue is. */
struct receive_health receive_health(struct receive *receive);

#endif
