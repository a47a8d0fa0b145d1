/* SPDX-License-Identifier: MIT */
#include "limit/slow_start.h"

#define GROWTH      1.15 /* a round has grown */
#define FLAT_ROUNDS 3    /* rounds without growth that end slow start */
#define FAST        3    /* a round multiplies the limit by up to this */

/* By more than one, since new connections take effect a round trip later. */
void slow_start_raise(struct level *level)
{
    unsigned most = level->base * FAST;
    unsigned to = level->now + FAST - 1;

    if (level->now < most)
        level->now = level_clamp(level, to < most ? to : most);
}

/* End slow start at the smallest limit that had the full throughput. */
static void settle(struct slow_start *s, struct level *level, const struct sample *sample)
{
    unsigned to = level_clamp(level, s->best_level * 1.1 + 1);

    if (sample->queued && sample->useful < to)
        to = level_clamp(level, sample->useful);
    if (to < LEVEL_START)
        to = level_clamp(level, LEVEL_START);
    level_set(level, to);
    s->over = true;
}

void slow_start_round(struct slow_start *s, struct level *level, const struct sample *sample,
                      uint64_t done)
{
    if (sample->work > s->best * GROWTH) {
        s->flat = 0;
        s->best = sample->work;
        s->best_level = sample->level;
    } else if (++s->flat >= FLAT_ROUNDS || sample->queued) {
        settle(s, level, sample);
        return;
    }
    if (done < level->base && !s->flat && !sample->queued) /* long bodies */
        level->now = level_clamp(level, 2 * level->base);
    level->base = level->now;
    if (level->now >= level_bound(level) && s->flat)
        settle(s, level, sample);
}
