/* SPDX-License-Identifier: MIT */
#include "base/pulse.h"

#include "base/text.h"

#include <stdatomic.h>
#include <stdio.h>

#define CACHE_LINE 64

/* Different threads count different beats; each counter has its own cache line. */
static struct {
    struct {
        _Alignas(CACHE_LINE) _Atomic uint64_t count;
    } beats[BEATS];
    _Alignas(CACHE_LINE) atomic_uint waits[WAITS];
    _Atomic uint64_t due;
    struct {
        _Atomic uint64_t bytes;
        atomic_uint state;
    } slots[PULSE_SLOTS];
} pulse;

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

struct stop stop_never(void)
{
    return (struct stop){ never, -1, NULL };
}

bool stop_asked(const struct stop *stop)
{
    return stop->asked(stop->ctx);
}

int stop_check(const struct stop *stop, struct err *err)
{
    return stop_asked(stop) ? err_set(err, ERR_CANCELLED, "stopped") : 0;
}

void pulse_beat(enum pulse_beat kind)
{
    _Atomic uint64_t *count = &pulse.beats[kind].count;

    /* a plain store is cheaper than an atomic add; a lost update does no harm */
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void pulse_begin(enum pulse_wait kind)
{
    (void)atomic_fetch_add(&pulse.waits[kind], 1);
}

void pulse_end(enum pulse_wait kind)
{
    (void)atomic_fetch_sub(&pulse.waits[kind], 1);
}

void pulse_due(uint64_t at)
{
    atomic_store(&pulse.due, at == UINT64_MAX ? 0 : at);
}

void pulse_slot(unsigned slot, enum pulse_slot state, uint64_t bytes)
{
    if (slot >= PULSE_SLOTS)
        return;
    atomic_store_explicit(&pulse.slots[slot].bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&pulse.slots[slot].state, (unsigned)state, memory_order_relaxed);
}

uint64_t pulse_beats(enum pulse_beat kind)
{
    return atomic_load_explicit(&pulse.beats[kind].count, memory_order_relaxed);
}

unsigned pulse_waits(enum pulse_wait kind)
{
    return atomic_load(&pulse.waits[kind]);
}

uint64_t pulse_is_due(void)
{
    return atomic_load(&pulse.due);
}

const char *pulse_beat_name(enum pulse_beat kind)
{
    static const char *const names[BEATS] = { "received", "packed", "compressed", "written",
                                              "hashed",   "read",   "sent" };

    return names[kind];
}

const char *pulse_wait_name(enum pulse_wait kind)
{
    static const char *const names[] = { "a retry or a poll that is due later",
                                         "the disk (fsync)",
                                         "the reader of standard output",
                                         "a child process",
                                         "another skyarc's lock",
                                         "something to do" };

    return names[kind];
}

bool pulse_slot_text(unsigned slot, char *out, unsigned size)
{
    static const char *const names[] = { "idle",
                                         "no byte received yet",
                                         "receiving",
                                         "receiving into a temporary file",
                                         "receiving into the archive",
                                         "paused, waiting for a buffer" };
    unsigned state = atomic_load_explicit(&pulse.slots[slot].state, memory_order_relaxed);
    unsigned long long bytes =
        atomic_load_explicit(&pulse.slots[slot].bytes, memory_order_relaxed);

    if (state == SLOT_IDLE || state > SLOT_PAUSED)
        return false;
    (void)snprintf(out, size, "%s, %llu byte%s", names[state], bytes, text_plural(bytes));
    return true;
}
