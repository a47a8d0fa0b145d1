/* SPDX-License-Identifier: MIT */
/*
 * loop: one turn of the transfer loop, with what may end it.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   ERR_CANCELLED when told to stop; the engine's
 * Owns     the engine; the hooks' ctx is the caller's
 * Threads  one, but for loop_wake
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"
#include "net/engine.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOP_TICK 100 /* the hook is called about so often */

struct loop_hooks {
    int stop_fd;                /* readable when stopped has news; -1: none */
    bool (*stopped)(void *ctx); /* whether to stop now; may be NULL */
    void (*tick)(void *ctx);    /* may be NULL */
    void *ctx;
};

struct loop {
    struct engine *engine;
    struct loop_hooks hooks;
    uint64_t ticked;
    uint64_t dice;     /* state of loop_dice */
    unsigned retries;  /* attempts that were repeated so far */
    atomic_bool woken; /* since the last poll */
    bool told;         /* the loop's own: what loop_woken says */
};

/*
 * Start libcurl and set up a transfer loop. opts and hooks are copied. Clear it also after
 * a failure.
 */
int loop_init(struct loop *loop, const struct engine_opts *opts, const struct loop_hooks *hooks,
              struct err *err) MUST_CHECK;

/* End all transfers and free what the loop owns; may be called twice. */
void loop_clear(struct loop *loop);

/*
 * Move bytes, wait at most until due (UINT64_MAX: no date), call the hook when it is time. It
 * returns at least each LOOP_TICK; due also tells a watchdog that nothing need happen before.
 */
int loop_turn(struct loop *loop, uint64_t due, struct err *err) MUST_CHECK;

/* Make a turn return. Any thread; ctx is the loop. */
void loop_wake(void *ctx);

/* Whether somebody has woken it since this was asked last. */
bool loop_woken(struct loop *loop);

/* A uniform number, for jitter only. */
uint32_t loop_dice(struct loop *loop);

#endif
