/* SPDX-License-Identifier: MIT */
#include "limit/window.h"

/*
 * Throughput is measured as work: the bytes of bodies, and RESPONSE_WORK for each response, so
 * that small responses count, too.
 */
#define RESPONSE_WORK 16384.0

void window_open(struct window *w, bool full, uint64_t now)
{
    *w = (struct window){ .since = now, .until = now, .full = full };
}

uint64_t window_advance(struct window *w, unsigned running, uint64_t now)
{
    uint64_t passed = now > w->until ? now - w->until : 0;

    w->area += passed * running;
    w->until += passed;
    return passed;
}

uint64_t window_latency(const struct window *w)
{
    return w->answers ? w->latency / w->answers : 0;
}

bool window_is_over(const struct window *w, const struct window_span *span, uint64_t enough,
                    uint64_t latency)
{
    uint64_t passed = w->until - w->since;

    latency = (w->answers ? window_latency(w) : latency) / 1000;
    if (passed < span->least || passed < span->latencies * latency)
        return false;
    return w->done >= enough || passed >= span->most + 2 * latency;
}

/* By Little's law: the throughput times the latency without a queue, and a half. */
static double useful(double level, uint64_t lowest, uint64_t latency)
{
    return latency ? 1.5 * level * (double)lowest / (double)latency : level;
}

struct sample window_sample(const struct window *w, const struct latency *latency)
{
    double passed = (double)(w->until - w->since);
    uint64_t mean = window_latency(w);
    struct sample sample = {
        .work = ((double)w->bytes + RESPONSE_WORK * (double)w->done) / passed,
        .level = (double)w->area / passed,
        .queued = latency_is_queued(latency, mean),
    };

    sample.useful = useful(sample.level, latency_lowest(latency), mean);
    return sample;
}
