/* SPDX-License-Identifier: MIT */
#include "cli/pace.h"

#define LEFT_STEP 100 /* ms; a time left is rounded up to it: an estimate is not finer */

static unsigned slot(const struct pace *pace, unsigned i)
{
    return (pace->first + i) % PACE_SAMPLES;
}

void pace_note(struct pace *pace, uint64_t now, uint64_t bytes)
{
    unsigned last = slot(pace, pace->count ? pace->count - 1 : 0);

    if (pace->count && bytes < pace->samples[last].bytes)
        pace->count = 0;
    if (pace->count > 1 &&
        pace->samples[last].at < pace->samples[slot(pace, pace->count - 2)].at + PACE_STEP)
        pace->count--; /* the last sample is less than a step after the one before: replace it
                        */
    if (pace->count == PACE_SAMPLES) {
        pace->first = slot(pace, 1);
        pace->count--;
    }
    last = slot(pace, pace->count++);
    pace->samples[last].at = now;
    pace->samples[last].bytes = bytes;
    while (pace->count > 2 && pace->samples[slot(pace, 1)].at + PACE_WINDOW <= now) {
        pace->first = slot(pace, 1); /* the second sample covers the window */
        pace->count--;
    }
}

uint64_t pace_bps(const struct pace *pace, uint64_t now)
{
    uint64_t from;
    uint64_t bytes;

    if (!pace->count)
        return PACE_UNKNOWN;
    from = pace->samples[pace->first].at;
    bytes = pace->samples[slot(pace, pace->count - 1)].bytes - pace->samples[pace->first].bytes;
    if (now < from + PACE_FIRST)
        return PACE_UNKNOWN;
    return (uint64_t)((double)bytes * 1000 / (double)(now - from));
}

bool pace_left(uint64_t bytes, uint64_t bps, uint64_t *ms)
{
    double left = bps ? (double)bytes * 1000 / (double)bps : 0;

    if (!bytes || !bps || bps == PACE_UNKNOWN || left > (double)PACE_LONGEST)
        return false;
    *ms =
        left > LEFT_STEP ? ((uint64_t)left + LEFT_STEP - 1) / LEFT_STEP * LEFT_STEP : LEFT_STEP;
    return true;
}
