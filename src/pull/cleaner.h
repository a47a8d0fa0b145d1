/* SPDX-License-Identifier: MIT */
/*
 * cleaner: redacts the runs' lists in a thread while their artifacts are fetched.
 *
 * Redaction of a long list takes as long as some hundred requests, and its result is not needed
 * until all artifacts are in the archive. The thread never blocks; ending it takes at most one
 * list.
 *
 * Owns     its thread; of the listing, list_json and list_raw of each run between begin and end
 * Threads  begin and end are called by one thread; no other thread uses the two lists in
 *          between
 */
#ifndef PULL_CLEANER_H
#define PULL_CLEANER_H

#include "base/err.h"
#include "client/listing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct cleaner {
    struct listing *listing;
    pthread_t thread;
    bool begun;
    atomic_bool stopping;
    atomic_size_t done; /* runs from the first on whose lists are redacted */
};

/*
 * Start redacting the lists of all runs; if no thread can be created, cleaner_end redacts all
 * of them.
 */
void cleaner_begin(struct cleaner *cleaner, struct listing *listing);

/* The number of runs, from the first on, whose lists are redacted by now. */
size_t cleaner_done(const struct cleaner *cleaner);

/* Wait for the thread and redact the remaining lists, so that they can be written. */
int cleaner_end(struct cleaner *cleaner, struct err *err) MUST_CHECK;

/*
 * Wait for the thread and leave the remaining lists as they are; may be called twice, and on
 * {0}.
 */
void cleaner_stop(struct cleaner *cleaner);

#endif
