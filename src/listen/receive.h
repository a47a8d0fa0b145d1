/* SPDX-License-Identifier: MIT */
/*
 * receive: receives webhooks and writes one archive per run, plus supplements for later
 * artifacts.
 *
 * A webhook with a valid signature is on disk (listen/inbox) before it is answered, and stays
 * there until its run is archived as DEST/RUN_ID.EXT. Several runs are archived concurrently. A
 * run that takes longer than its time limit while others wait is suspended: its downloads are
 * kept, and its limit is doubled when it resumes.
 *
 * Failed runs are retried with a growing delay; a run that the service does not know is given
 * up after RECEIVE_TRIES attempts. If artifacts are missing that may still appear (server
 * error, timeout), the archive is kept as .partial for RECEIVE_PATIENT attempts; then it is
 * completed, with the missing artifacts listed, and artifacts that appear within
 * RECEIVE_GIVE_UP are written to RUN_ID.2.EXT and so on. A webhook that differs from the
 * earlier ones (a run's second attempt) is handled in the same way: artifacts that no archive
 * of the run has are archived, and the run's record if its status changed. A completed archive
 * is never replaced.
 *
 * Units    milliseconds
 * Errors   ERR_SYSTEM for the directory, ERR_BUSY if another process uses the directory; errors
 *          of an archive are logged
 * Owns     its queue; threads, while receive_run runs
 * Threads  receive_webhook and receive_health: any; the other functions: one
 * Source   docs/api.md, "Webhooks"
 */
#ifndef LISTEN_RECEIVE_H
#define LISTEN_RECEIVE_H

#include "base/err.h"
#include "base/pulse.h"
#include "pull/pull_opts.h"

#include <stddef.h>
#include <stdint.h>

#define RECEIVE_TRIES   6
#define RECEIVE_PATIENT 4
#define RECEIVE_GIVE_UP 86400000

struct receive_opts {
    const char *dest;
    const struct pull_opts *pull; /* run, output, top and hooks are filled in for each run */
    uint64_t delay;               /* time from a webhook until its run is archived */
    size_t runs;                  /* runs archived concurrently */
    uint64_t patience;            /* time limit of a run while others wait */
    uint64_t again;               /* delay of the first retry; doubled after each failure */
    uint64_t stuck;               /* the queue is stuck after this time without progress */
    struct stop stop;
};

/* State of the queue. */
enum receive_state { RECEIVE_OK, RECEIVE_LACKING, RECEIVE_STUCK };

struct receive_health {
    enum receive_state state;
    size_t queued;     /* runs */
    size_t active;     /* queued runs that are being archived */
    size_t waiting;    /* queued runs that lack artifacts which may still appear */
    size_t incomplete; /* runs whose archive permanently lacks artifacts */
    size_t given_up;   /* runs without an archive */
    size_t archived;   /* archives since the start */
    size_t failed;     /* failed attempts since the start */
    uint64_t late;     /* how long the oldest due run has been due */
    uint64_t still;    /* time since the last progress */
};

/* Result of receiving a webhook. */
enum receive_verdict {
    RECEIVE_QUEUED,
    RECEIVE_KNOWN,   /* already queued, or archived completely */
    RECEIVE_REFUSED, /* no signature, or a wrong one, as err says */
    RECEIVE_BAD,     /* has no valid run ID */
    RECEIVE_ERROR,   /* cannot be stored: the sender must retry */
};

struct receive;

/* Create the directories, and load the queue. */
struct receive *receive_new(const struct receive_opts *opts, struct err *err) MUST_CHECK;

/* Free; may be NULL. */
void receive_free(struct receive *receive);

/* Receive a webhook; run_id is set to the ID of its run (RUN_ID_MAX + 1 bytes). */
enum receive_verdict receive_webhook(struct receive *receive, const char *body, size_t len,
                                     const char *signature, char *run_id, struct err *err);

/* Archive due runs until asked to stop. */
int receive_run(struct receive *receive, struct err *err) MUST_CHECK;

/* The state of the queue. */
struct receive_health receive_health(struct receive *receive);

#endif
