/* SPDX-License-Identifier: MIT */
/* The simulated clock, used by all modules; texts are formatted as usual. */
#define clock_mono_us real_mono_us
#define clock_mono    real_mono
#define clock_wall    real_wall
#define clock_sleep   real_sleep
#include "../../src/base/clock.c"
#undef clock_mono_us
#undef clock_mono
#undef clock_wall
#undef clock_sleep

#include "sim.h"

static uint64_t now_us;

uint64_t clock_mono_us(void);
uint64_t clock_mono(void);
int64_t clock_wall(void);
void clock_sleep(uint64_t ms);

uint64_t clock_mono_us(void)
{
    return now_us;
}

uint64_t clock_mono(void)
{
    return now_us / 1000;
}

int64_t clock_wall(void)
{
    return INT64_C(1770000000000) + (int64_t)(now_us / 1000);
}

void clock_sleep(uint64_t ms)
{
    now_us += ms * 1000;
}

uint64_t sim_now(void)
{
    return now_us / 1000;
}

void sim_set(uint64_t at_us)
{
    now_us = at_us;
}

void sim_pass(uint64_t us)
{
    now_us += us;
}
