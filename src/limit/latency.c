/* SPDX-License-Identifier: MIT */
#include "limit/latency.h"

#define QUEUE_US  300   /* latencies differ by that much without any queue */
#define PERIOD_MS 10000 /* the lowest latency is that of the last one or two periods */

static uint64_t least_of(const struct latency_least *least)
{
    uint64_t a = least->value[0];
    uint64_t b = least->value[1];

    return !a || (b && b < a) ? b : a;
}

static void least_add(struct latency_least *least, uint64_t value, uint64_t now)
{
    if (now >= least->period + PERIOD_MS) {
        least->value[1] = least->value[0];
        least->value[0] = 0;
        least->period = now;
    }
    if (!least->value[0] || value < least->value[0])
        least->value[0] = value;
}

uint64_t latency_lowest(const struct latency *latency)
{
    uint64_t used = least_of(&latency->used);

    return used ? used : least_of(&latency->fresh);
}

uint64_t latency_add(struct latency *latency, uint64_t value, bool fresh, uint64_t now)
{
    value = value ? value : 1;
    least_add(fresh ? &latency->fresh : &latency->used, value, now);
    if (fresh)
        value = value - least_of(&latency->fresh) + latency_lowest(latency);
    latency->newest = value;
    return value;
}

bool latency_is_queued(const struct latency *latency, uint64_t mean)
{
    uint64_t least = latency_lowest(latency);

    return least && mean > 2 * least + QUEUE_US;
}

bool latency_is_short(const struct latency *latency)
{
    return 2 * latency->newest <= 3 * latency_lowest(latency) + 2 * QUEUE_US;
}
