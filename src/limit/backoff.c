/* SPDX-License-Identifier: MIT */
#include "limit/backoff.h"

#include "base/clock.h"

#include <ctype.h>
#include <stdbool.h>

void backoff_received(struct backoff *b, uint64_t received, uint64_t have)
{
    bool further = have >= b->furthest + BACKOFF_PROGRESS;

    b->restarts += received && received == have && b->furthest;
    if (have > b->furthest)
        b->furthest = have;
    if (received >= BACKOFF_PROGRESS && (further || b->restarts <= b->retries))
        b->failures = 0;
}

void backoff_reached(struct backoff *b, uint64_t now, bool reached, uint64_t patience)
{
    if (!reached && !b->until) {
        b->until = now + patience;
    } else if (reached && b->until) {
        b->until = 0;
        b->failures = 0;
    }
}

uint64_t backoff_next(struct backoff *b, uint64_t now, uint64_t asked, uint32_t dice)
{
    unsigned doublings = b->failures < 16 ? b->failures : 16;
    uint64_t ceiling = (uint64_t)BACKOFF_BASE << doublings;
    uint64_t delay;

    b->failures++;
    if (b->failures > b->retries && now >= b->until)
        return BACKOFF_NEVER;
    if (ceiling > BACKOFF_MAX)
        ceiling = BACKOFF_MAX;
    delay = ceiling * dice / UINT32_MAX;
    if (asked != BACKOFF_UNSAID) {
        if (asked > BACKOFF_PATIENCE)
            return BACKOFF_NEVER;
        delay += asked; /* keep the jitter: other clients were asked for the same delay */
    }
    if (now + delay > b->deadline)
        return BACKOFF_NEVER;
    return now + delay;
}

uint64_t backoff_allowance(uint64_t size, uint64_t bps, uint64_t stall)
{
    uint64_t least = stall * BACKOFF_LONGEST;

    if (!bps || size > UINT64_MAX / 2000)
        return UINT64_MAX / 2;
    return least + size * 2000 / bps;
}

uint64_t backoff_share(uint64_t bps, uint64_t rate, uint64_t transfers)
{
    uint64_t part = rate / (2 * transfers);

    if (!rate || part >= bps)
        return bps;
    return part ? part : 1;
}

uint64_t backoff_asked(const char *value, uint64_t unit, int64_t wall)
{
    uint64_t number = 0;
    const char *c = value;
    int64_t date;

    while (isdigit((unsigned char)*c) && number < UINT32_MAX)
        number = number * 10 + (uint64_t)(*c++ - '0');
    while (isdigit((unsigned char)*c))
        c++;
    if (c != value && *c == '.') { /* some servers send fractions; ignore them */
        c++;
        while (isdigit((unsigned char)*c))
            c++;
    }
    if (c != value && !*c)
        return number * unit;
    date = clock_http(value);
    if (date == CLOCK_NONE)
        return BACKOFF_UNSAID;
    return date > wall ? (uint64_t)(date - wall) : 0;
}
