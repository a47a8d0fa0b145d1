/* SPDX-License-Identifier: MIT */
/*
 * loop: one iteration of the transfer loop, with hooks to stop it.
 *
 * Units    milliseconds of the monotonic clock
 * Errors   ERR_CANCELLED if hooks.stop asks to stop; the engine's errors
 * Owns     the engine; the hooks' ctx belongs to the caller
 * Threads  one, except for loop_wake
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"
#include "base/pulse.h"
#include "net/engine.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOP_TICK 100 /* approximate interval of the tick hook */

struct loop_hooks {
    struct stop stop;
    void (*tick)(void *ctx); /* called every LOOP_TICK, or loop_no_tick */
    void *ctx;
};

/* The hook of a loop with nothing to do at a tick. */
void loop_no_tick(void *ctx);

struct loop {
    struct engine *engine;
    struct loop_hooks hooks;
    uint64_t ticked;
    uint64_t dice;     /* state of loop_dice */
    unsigned retries;  /* number of retries so far */
    atomic_bool woken; /* since the last poll */
    bool told;         /* woken since the last loop_woken */
};

/*
 * Initialise a transfer loop. hooks are copied; the strings of opts are borrowed until
 * loop_clear, which must also be called after a failure.
 */
int loop_init(struct loop *loop, const struct engine_opts *opts, const struct loop_hooks *hooks,
              struct err *err) MUST_CHECK;

/* Abort all transfers and free the engine; may be called twice. */
void loop_clear(struct loop *loop);

/*
 * Run one iteration: transfer data, wait at most until due (UINT64_MAX: no limit), and call the
 * tick hook if it is due. Returns at least every LOOP_TICK. The watchdog expects no progress
 * before due.
 */
int loop_turn(struct loop *loop, uint64_t due, struct err *err) MUST_CHECK;

/*
 * Make loop_turn return; ctx is the loop. Any thread may call it; no effect after loop_clear.
 */
void loop_wake(void *ctx);

/* Whether loop_wake was called since the last call of loop_woken. */
bool loop_woken(struct loop *loop);

/* A uniform random number, for jitter only. */
uint32_t loop_dice(struct loop *loop);

#endif
