/* SPDX-License-Identifier: MIT */
#include "limit/rate.h"

/* The level at a time: each millisecond adds rate_bps thousandths of a byte. */
static int64_t level_at(const struct rate *rate, uint64_t now)
{
    int64_t most = (int64_t)(rate->rate_bps * 100); /* 0.1 s */
    uint64_t passed = now > rate->since ? now - rate->since : 0;
    int64_t level;

    if (passed > 3600000)
        passed = 3600000;
    level = rate->level + (int64_t)(passed * rate->rate_bps);
    return level > most ? most : level;
}

void rate_init(struct rate *rate, uint64_t rate_bps, uint64_t now)
{
    const uint64_t most = UINT64_C(1) << 40; /* avoids overflow in 64 bits */

    rate->rate_bps = rate_bps > most ? most : rate_bps;
    rate->since = now;
    rate->level = (int64_t)(rate->rate_bps * 100);
}

bool rate_take(struct rate *rate, uint64_t now, size_t len)
{
    if (!rate->rate_bps)
        return true;
    rate->level = level_at(rate, now);
    rate->since = now;
    if (rate->level <= 0)
        return false;
    rate->level -= (int64_t)len * 1000;
    return true;
}

uint64_t rate_wait(const struct rate *rate, uint64_t now)
{
    int64_t level;

    if (!rate->rate_bps)
        return 0;
    level = level_at(rate, now);
    return level > 0 ? 0 : (uint64_t)(-level) / rate->rate_bps + 1;
}
