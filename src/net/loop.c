/* SPDX-License-Identifier: MIT */
#include "net/loop.h"

#include "base/clock.h"

#include <assert.h>
#include <sys/random.h>

void loop_no_tick(void *ctx)
{
    (void)ctx;
}

int loop_init(struct loop *loop, const struct engine_opts *opts, const struct loop_hooks *hooks,
              struct err *err)
{
    assert(hooks->stop.asked && hooks->tick);
    loop->hooks = *hooks;
    loop->ticked = clock_mono();
    loop->retries = 0;
    atomic_store(&loop->woken, false);
    loop->told = false;
    if (getrandom(&loop->dice, sizeof(loop->dice), GRND_NONBLOCK) != sizeof(loop->dice))
        loop->dice = clock_mono() ^ (uint64_t)clock_wall() << 20;
    loop->engine = engine_new(opts, err);
    return loop->engine ? 0 : -1;
}

void loop_clear(struct loop *loop)
{
    atomic_store(&loop->woken, true); /* buffers that are freed later wake nobody */
    engine_free(loop->engine);
    loop->engine = NULL;
}

static bool take_wake(struct loop *loop)
{
    bool woken = atomic_exchange(&loop->woken, false);

    loop->told = loop->told || woken;
    return woken;
}

int loop_turn(struct loop *loop, uint64_t due, struct err *err)
{
    uint64_t now = clock_mono();
    uint64_t next = loop->ticked + LOOP_TICK;

    pulse_due(due);
    if (due < next)
        next = due;
    if (stop_check(&loop->hooks.stop, err) < 0)
        return -1;
    /* one wake-up ends the poll; further ones before the next poll are not needed */
    if (take_wake(loop))
        next = now;
    if (engine_poll(loop->engine, next > now ? (int)(next - now) : 0, loop->hooks.stop.fd,
                    err) < 0)
        return -1;
    (void)take_wake(loop);
    now = clock_mono();
    if (now >= loop->ticked + LOOP_TICK) {
        loop->ticked = now;
        loop->hooks.tick(loop->hooks.ctx);
    }
    return 0;
}

void loop_wake(void *ctx)
{
    struct loop *loop = ctx;

    if (!atomic_exchange(&loop->woken, true))
        engine_wake(loop->engine);
}

bool loop_woken(struct loop *loop)
{
    bool told = loop->told;

    loop->told = false;
    return told;
}

/* splitmix64; by Sebastiano Vigna, public domain. */
uint32_t loop_dice(struct loop *loop)
{
    uint64_t z = loop->dice += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32);
}
