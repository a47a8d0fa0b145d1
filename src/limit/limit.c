/* SPDX-License-Identifier: MIT */
#include "limit/limit.h"

/* of slow start, whose windows are its rounds */
static const struct window_span round_span = { .least = 20, .latencies = 1, .most = 100 };
static const struct window_span later_span = { .least = 100, .latencies = 2, .most = 1000 };

void limit_init(struct limit *limit, unsigned most)
{
    *limit = (struct limit){ .running = 0 };
    level_init(&limit->level, most);
    trial_reset(&limit->trial);
    rejection_init(&limit->rejection);
}

unsigned limit_room(const struct limit *limit)
{
    return limit->running < limit->level.now ? limit->level.now - limit->running : 0;
}

static void open_window(struct limit *limit, uint64_t now)
{
    window_open(&limit->window, limit->running >= limit->level.now, now);
}

/* Count the time since the last event. */
static void advance(struct limit *limit, uint64_t now)
{
    uint64_t passed;

    if (!limit->window.since)
        open_window(limit, now);
    passed = window_advance(&limit->window, limit->running, now);
    limit->busy += limit->running ? passed : 0;
}

/* Decide after a full window. */
static void decide(struct limit *limit, const struct sample *sample, uint64_t now)
{
    if (!limit->slow_start.over) {
        slow_start_round(&limit->slow_start, &limit->level, sample, limit->window.done);
        if (limit->slow_start.over)
            trial_reset(&limit->trial);
    } else if (rejection_recover(&limit->rejection, &limit->level) ||
               rejection_probe(&limit->rejection, &limit->level, now)) {
        trial_cancel(&limit->trial);
    } else {
        trial_window(&limit->trial, &limit->level, sample);
    }
}

static void end_window(struct limit *limit, uint64_t now)
{
    const struct window *w = &limit->window;
    struct sample sample = window_sample(w, &limit->latencies);
    unsigned allowed = limit->slow_start.over ? limit->level.now : limit->level.base;

    limit->rate_bps = (uint64_t)((double)w->bytes * 1000 / (double)(w->until - w->since));
    if (w->answers)
        limit->latency = window_latency(w);
    if (w->full && sample.level >= 0.5 * allowed) /* the limit held something back */
        decide(limit, &sample, now);
    open_window(limit, now);
}

static void look(struct limit *limit, uint64_t now)
{
    if (window_is_over(&limit->window, limit->slow_start.over ? &later_span : &round_span,
                       limit->level.base, limit->latency))
        end_window(limit, now);
}

void limit_begin(struct limit *limit, uint64_t now)
{
    advance(limit, now);
    limit->running++;
    if (limit->running > limit->highest)
        limit->highest = limit->running;
    if (limit->running < limit->level.now || limit->window.full)
        return;
    if (!limit->slow_start.over)
        open_window(limit, now); /* fewer requests than the limit ran before */
    limit->window.full = true;
}

void limit_first(struct limit *limit, uint64_t latency, bool fresh, uint64_t now)
{
    advance(limit, now);
    latency = latency_add(&limit->latencies, latency, fresh, now);
    limit->answers++;
    limit->waited += latency;
    limit->window.latency += latency;
    limit->window.answers++;
}

void limit_bytes(struct limit *limit, uint64_t bytes, uint64_t now)
{
    advance(limit, now);
    limit->window.bytes += bytes;
    limit->bytes += bytes;
    look(limit, now);
}

void limit_end(struct limit *limit, bool whole, uint64_t now)
{
    advance(limit, now);
    if (whole && !limit->slow_start.over && limit->window.full &&
        latency_is_short(&limit->latencies))
        slow_start_raise(&limit->level);
    limit->running--;
    if (!whole)
        return;
    limit->window.done++;
    rejection_success(&limit->rejection);
    look(limit, now);
}

void limit_reject(struct limit *limit, enum limit_why why, uint64_t begun, uint64_t now)
{
    unsigned running = limit->running + 1; /* the rejected request has ended */

    limit->rejected++;
    if (!rejection_add(&limit->rejection, &limit->level, why, running, begun, now))
        return;
    limit->slow_start.over = true;
    trial_reset(&limit->trial);
    open_window(limit, now);
}
