/* SPDX-License-Identifier: MIT */
/*
 * cleaner: takes the secrets out of the runs' lists while their artifacts are fetched.
 *
 * Redaction of a long list takes as long as some hundred requests, and nothing waits for it
 * until all else is in the archive. It waits for nobody; who ends it waits for at most one
 * list.
 *
 * Owns     its thread; of the listing, list_json and list_raw of each run between begin and end
 * Threads  begun and ended by one; nobody else touches these two meanwhile
 */
#ifndef PULL_CLEANER_H
#define PULL_CLEANER_H

#include "base/err.h"
#include "client/listing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct cleaner {
    struct listing *listing;
    pthread_t thread;
    bool begun;
    atomic_bool stopping;
};

/* Begin with the lists of all runs; where no thread can be had, cleaner_end does it all. */
void cleaner_begin(struct cleaner *cleaner, struct listing *listing);

/* Wait for it, and clean what is left, so that the lists can be put out. */
int cleaner_end(struct cleaner *cleaner, struct err *err) MUST_CHECK;

/* Wait for it, and let the rest be; may be called twice, and on {0}. */
void cleaner_stop(struct cleaner *cleaner);

#endif
