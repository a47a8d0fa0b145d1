/* SPDX-License-Identifier: MIT */
#include "pull/cleaner.h"

#include <stddef.h>

static void *run(void *arg)
{
    struct cleaner *c = arg;
    struct err ignored;
    size_t i;

    for (i = 0; i < c->listing->count && !atomic_load(&c->stopping); i++) {
        if (listing_clean(&c->listing->runs[i], &ignored) < 0)
            break; /* cleaner_end processes this list again and reports the error */
        atomic_store(&c->done, i + 1);
    }
    return NULL;
}

void cleaner_begin(struct cleaner *c, struct listing *listing)
{
    c->listing = listing;
    c->begun = pthread_create(&c->thread, NULL, run, c) == 0;
}

size_t cleaner_done(const struct cleaner *c)
{
    return atomic_load(&c->done);
}

int cleaner_end(struct cleaner *c, struct err *err)
{
    size_t i;

    if (c->begun)
        (void)pthread_join(c->thread, NULL);
    c->begun = false;
    for (i = 0; i < c->listing->count; i++) {
        if (listing_clean(&c->listing->runs[i], err) < 0)
            return -1;
    }
    return 0;
}

void cleaner_stop(struct cleaner *c)
{
    atomic_store(&c->stopping, true);
    if (c->begun)
        (void)pthread_join(c->thread, NULL);
    c->begun = false;
}
