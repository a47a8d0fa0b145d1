/* SPDX-License-Identifier: MIT */
#include "limit/level.h"

void level_init(struct level *level, unsigned most)
{
    *level = (struct level){ .most = most ? most : 1 };
    level_set(level, level->most < LEVEL_START ? level->most : LEVEL_START);
}

unsigned level_bound(const struct level *level)
{
    return level->cap && level->cap < level->most ? level->cap : level->most;
}

unsigned level_clamp(const struct level *level, double value)
{
    unsigned most = level_bound(level);

    return value < 1 ? 1 : value > most ? most : (unsigned)value;
}

void level_set(struct level *level, unsigned to)
{
    level->now = level->base = to;
}
