/* SPDX-License-Identifier: MIT */
/*
 * A deliberate deadlock, for LD_PRELOAD: after SKYARC_HANG_AFTER calls, pthread_cond_signal and
 * pthread_cond_broadcast do nothing, so that waiting threads are not woken.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int calls;

static int is_lost(void)
{
    const char *after = getenv("SKYARC_HANG_AFTER");

    return after && atomic_fetch_add(&calls, 1) >= atoi(after);
}

int pthread_cond_signal(pthread_cond_t *cond)
{
    int (*real)(pthread_cond_t *);

    *(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_signal");
    return is_lost() ? 0 : real(cond);
}

int pthread_cond_broadcast(pthread_cond_t *cond)
{
    int (*real)(pthread_cond_t *);

    *(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_broadcast");
    return is_lost() ? 0 : real(cond);
}
