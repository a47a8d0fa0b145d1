/* SPDX-License-Identifier: MIT */
#include "limit/limit.h"

/*
 * Throughput is measured as work: the bytes of bodies, and RESPONSE_WORK for each response, so
 * that small responses count, too.
 */
#define RESPONSE_WORK 16384.0

#define ROUND_MIN_MS  20  /* a round of slow start takes at least this long ... */
#define ROUND_MAX_MS  100 /* ... and, if bodies are long, this and two latencies */
#define WINDOW_MIN_MS 100 /* a later window */
#define WINDOW_MAX_MS 1000
#define GROWTH        1.15 /* a round of slow start has grown */
#define FLAT_ROUNDS   3    /* rounds without growth that end slow start */
#define GAIN          0.3  /* part of a raise that the throughput must grow by */
#define LOSS          0.95 /* the throughput that a lower limit must keep */
#define PAUSES_MAX    32
#define FAST          3     /* a round of slow start multiplies the limit by up to this */
#define REST_MAX      16    /* windows after a lower limit failed until the next is tried */
#define QUEUE_US      300   /* latencies differ by that much without any queue */
#define PERIOD_MS     10000 /* the lowest latency is that of the last one or two periods */
#define SHARE_OF      32    /* recent requests of which the share that broke is known */
#define BROKEN_SHARE  0.08  /* if that many break, the limit is lowered */
#define CAP_MS        2000  /* the first wait before a rejected limit is tried again */
#define CAP_OVER      8     /* after a step of this size the waits begin anew */
#define CAP_MAX_MS    600000

void limit_init(struct limit *limit, unsigned most)
{
    *limit = (struct limit){ .most = most ? most : 1, .pauses = 1, .cap_time = CAP_MS };
    limit->now = limit->base = limit->most < LIMIT_START ? limit->most : LIMIT_START;
}

unsigned limit_room(const struct limit *limit)
{
    return limit->running < limit->now ? limit->now - limit->running : 0;
}

/* The upper bound that holds at present. */
static unsigned bound(const struct limit *limit)
{
    return limit->cap && limit->cap < limit->most ? limit->cap : limit->most;
}

static unsigned clamp(const struct limit *limit, double value)
{
    unsigned most = bound(limit);

    return value < 1 ? 1 : value > most ? most : (unsigned)value;
}

static void open_window(struct limit *limit, uint64_t now)
{
    limit->window = (struct limit_window){ .since = now, .until = now };
    limit->window.full = limit->running >= limit->now;
}

/* Count the time since the last event. */
static void advance(struct limit *limit, uint64_t now)
{
    struct limit_window *w = &limit->window;

    if (!w->since)
        open_window(limit, now);
    if (now > w->until) {
        w->area += (now - w->until) * limit->running;
        limit->busy += limit->running ? now - w->until : 0;
        w->until = now;
    }
}

static uint64_t least_of(const struct limit_least *least)
{
    uint64_t a = least->value[0];
    uint64_t b = least->value[1];

    return !a || (b && b < a) ? b : a;
}

static void least_add(struct limit_least *least, uint64_t value, uint64_t now)
{
    if (now >= least->period + PERIOD_MS) {
        least->value[1] = least->value[0];
        least->value[0] = 0;
        least->period = now;
    }
    if (!least->value[0] || value < least->value[0])
        least->value[0] = value;
}

/* The lowest latency known; 0: none. */
static uint64_t lowest(const struct limit *limit)
{
    uint64_t used = least_of(&limit->lowest);

    return used ? used : least_of(&limit->lowest_fresh);
}

static uint64_t mean_latency(const struct limit_window *w)
{
    return w->answers ? w->latency / w->answers : 0;
}

/* Whether requests wait in a queue: of the host, of the link, or of this program. */
static bool is_queued(const struct limit *limit)
{
    uint64_t least = lowest(limit);

    return least && mean_latency(&limit->window) > 2 * least + QUEUE_US;
}

/*
 * Raise the limit in slow start, after a response that did not wait in a queue: by more than
 * one, since new connections take effect a round trip later.
 */
static void grow(struct limit *limit)
{
    unsigned most = limit->base * FAST;
    unsigned to = limit->now + FAST - 1;

    if (limit->window.full && limit->now < most &&
        2 * limit->newest <= 3 * lowest(limit) + 2 * QUEUE_US)
        limit->now = clamp(limit, to < most ? to : most);
}

/* Whether the window has enough for a decision. */
static bool is_over(const struct limit *limit, uint64_t least, uint64_t most)
{
    const struct limit_window *w = &limit->window;
    uint64_t passed = w->until - w->since;
    uint64_t latency = (w->answers ? mean_latency(w) : limit->latency) / 1000;

    if (passed < least || passed < (limit->phase == LIMIT_SLOW_START ? 1 : 2) * latency)
        return false;
    return w->done >= limit->base || passed >= most + 2 * latency;
}

/* Continue with another limit, which takes effect after a round trip. */
static void change(struct limit *limit, enum limit_phase phase, unsigned to)
{
    limit->phase = phase;
    limit->now = to;
}

/*
 * The number of requests that the host can use, half of them in a queue: the throughput times
 * the latency without a queue (Little's law), and a half.
 */
static double useful(const struct limit *limit, double level)
{
    uint64_t latency = mean_latency(&limit->window);

    return latency ? 1.5 * level * (double)lowest(limit) / (double)latency : level;
}

/* End slow start at the smallest limit that had the full throughput. */
static void settle(struct limit *limit, double level)
{
    unsigned to = clamp(limit, limit->best_level * 1.1 + 1);

    if (is_queued(limit) && useful(limit, level) < to)
        to = clamp(limit, useful(limit, level));
    if (to < LIMIT_START)
        to = clamp(limit, LIMIT_START);
    limit->base = to;
    change(limit, LIMIT_STEADY, to);
    limit->best = 0;
    limit->pause = limit->pauses = 1;
}

/* End a round of slow start. */
static void end_round(struct limit *limit, double work, double level)
{
    bool queued = is_queued(limit);

    if (work > limit->best * GROWTH) {
        limit->flat = 0;
        limit->best = work;
        limit->best_level = level;
    } else if (++limit->flat >= FLAT_ROUNDS || queued) {
        settle(limit, level);
        return;
    }
    if (limit->window.done < limit->base && !limit->flat && !queued) /* long bodies */
        limit->now = clamp(limit, 2 * limit->base);
    limit->base = limit->now;
    if (limit->now >= bound(limit) && limit->flat)
        settle(limit, level);
}

/* Start a trial of a higher limit, if there is one. */
static void raise(struct limit *limit)
{
    unsigned step = limit->base / (limit->wins ? 2 : 4);
    unsigned to = clamp(limit, limit->base + (step ? step : 1));

    if (to > limit->base)
        change(limit, LIMIT_RAISED, to);
}

/* A trial was successful: its limit is the new base. */
static void accept(struct limit *limit)
{
    limit->base = limit->now;
    limit->phase = LIMIT_STEADY;
    limit->pause = 0;
    limit->pauses = 1;
}

/* Decide after a window at the base limit. */
static void end_steady(struct limit *limit, double work, double level)
{
    double half = limit->base / 2.0;

    if (limit->best > 0 && (work > limit->best * 1.3 || work < limit->best * 0.7)) {
        limit->pause = 0; /* the link has changed */
        limit->pauses = 1;
        limit->best = work;
    }
    limit->best = limit->best > 0 ? (limit->best + work) / 2 : work;
    if (limit->rest)
        limit->rest--;
    if (is_queued(limit) && limit->base > 1 && !limit->rest &&
        useful(limit, level) < limit->base) {
        level = useful(limit, level);
        change(limit, LIMIT_LOWERED, clamp(limit, level < half ? half : level));
        return;
    }
    if (limit->pause)
        limit->pause--;
    else
        raise(limit);
}

/* Decide after a trial of a higher limit. */
static void end_raised(struct limit *limit, double work)
{
    double step = (double)limit->now / limit->base - 1;

    if (work > limit->best * (1 + GAIN * step)) {
        accept(limit);
        limit->best = work;
        limit->wins++;
        raise(limit);
        return;
    }
    limit->wins = 0;
    change(limit, LIMIT_STEADY, limit->base);
    limit->pause = limit->pauses;
    limit->pauses = limit->pauses * 2 < PAUSES_MAX ? limit->pauses * 2 : PAUSES_MAX;
}

/* Decide after a trial of a lower limit: below the first limit nothing may be lost. */
static void end_lowered(struct limit *limit, double work)
{
    if (work >= limit->best * (limit->now < LIMIT_START ? 1 : LOSS)) {
        accept(limit);
        limit->pause = 1;
        limit->best = work > limit->best ? work : limit->best;
        return;
    }
    change(limit, LIMIT_STEADY, limit->base);
    limit->rest = REST_MAX;
}

/* Raise the limit step by step after a decrease; false: it is where it was. */
static bool recover(struct limit *limit)
{
    if (limit->now >= limit->goal || limit->now >= bound(limit))
        return false;
    limit->base = clamp(limit, limit->now + (limit->goal - limit->now + 3) / 4);
    change(limit, LIMIT_STEADY, limit->base);
    return true;
}

/*
 * When the wait after a rejection is over, try a higher limit than the rejected one: one more,
 * and after each success twice as many more.
 */
static void look_at_cap(struct limit *limit, uint64_t now)
{
    if (limit->probing) {
        limit->probing = false;
        limit->cap_until = now;
        limit->cap_step *= 2;
        if (limit->cap_step >= CAP_OVER)
            limit->cap_time = CAP_MS;
        if (limit->cap >= limit->most)
            limit->cap = 0;
    }
    if (limit->cap && now >= limit->cap_until && limit->now >= limit->cap) {
        limit->probing = true;
        limit->cap += limit->cap_step;
        limit->base = clamp(limit, limit->cap);
        change(limit, LIMIT_STEADY, limit->base);
    }
}

static void end_window(struct limit *limit, uint64_t now)
{
    struct limit_window *w = &limit->window;
    double passed = (double)(w->until - w->since);
    double work = ((double)w->bytes + RESPONSE_WORK * (double)w->done) / passed;
    double level = (double)w->area / passed;
    bool slow = limit->phase == LIMIT_SLOW_START;

    limit->rate_bps = (uint64_t)((double)w->bytes * 1000 / passed);
    if (w->answers)
        limit->latency = mean_latency(w);
    if (!w->full || level < 0.5 * (slow ? limit->base : limit->now))
        ; /* the limit did not hold anything back */
    else if (slow)
        end_round(limit, work, level);
    else if (!recover(limit)) {
        look_at_cap(limit, now);
        if (limit->phase == LIMIT_RAISED)
            end_raised(limit, work);
        else if (limit->phase == LIMIT_LOWERED)
            end_lowered(limit, work);
        else if (!limit->probing)
            end_steady(limit, work, level);
    }
    open_window(limit, now);
}

static void look(struct limit *limit, uint64_t now)
{
    bool slow = limit->phase == LIMIT_SLOW_START;

    if (is_over(limit, slow ? ROUND_MIN_MS : WINDOW_MIN_MS,
                slow ? ROUND_MAX_MS : WINDOW_MAX_MS))
        end_window(limit, now);
}

void limit_begin(struct limit *limit, uint64_t now)
{
    advance(limit, now);
    limit->running++;
    if (limit->running > limit->highest)
        limit->highest = limit->running;
    if (limit->running < limit->now || limit->window.full)
        return;
    if (limit->phase == LIMIT_SLOW_START)
        open_window(limit, now); /* what came before says nothing */
    limit->window.full = true;
}

void limit_first(struct limit *limit, uint64_t latency, bool fresh, uint64_t now)
{
    struct limit_window *w = &limit->window;

    advance(limit, now);
    latency = latency ? latency : 1;
    least_add(fresh ? &limit->lowest_fresh : &limit->lowest, latency, now);
    if (fresh) /* as on a connection that was used before */
        latency = latency - least_of(&limit->lowest_fresh) + lowest(limit);
    limit->newest = latency;
    limit->answers++;
    limit->latencies += latency;
    w->latency += latency;
    w->answers++;
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
    if (whole && limit->phase == LIMIT_SLOW_START)
        grow(limit);
    limit->running--;
    if (!whole)
        return;
    limit->window.done++;
    limit->broken -= limit->broken / SHARE_OF;
    look(limit, now);
}

void limit_reject(struct limit *limit, enum limit_why why, uint64_t begun, uint64_t now)
{
    unsigned running = limit->running + 1; /* the rejected request has ended */

    limit->rejected++;
    limit->broken += (1 - limit->broken) / SHARE_OF;
    if (why == LIMIT_BROKEN && limit->broken < BROKEN_SHARE)
        return;
    if (limit->lowered && begun <= limit->lowered) {
        if (why == LIMIT_THROTTLED && limit->cap > limit->base) /* one more was too many */
            limit->goal = --limit->cap;
        return;
    }
    running = running < limit->now ? running : limit->now;
    if (why == LIMIT_THROTTLED) {
        if (limit->probing)
            limit->cap_time =
                limit->cap_time < CAP_MAX_MS / 3 ? limit->cap_time * 3 : CAP_MAX_MS;
        limit->cap = running > 1 ? running - 1 : 1;
        limit->cap_step = 1;
        limit->cap_until = now + limit->cap_time;
        limit->goal = limit->cap;
    } else {
        limit->goal = running;
    }
    limit->probing = false;
    limit->base = clamp(limit, running * (why == LIMIT_THROTTLED ? 0.5 : 0.7));
    change(limit, LIMIT_STEADY, limit->base);
    limit->lowered = now;
    limit->best = 0;
    limit->wins = 0;
    limit->pause = limit->pauses = 1;
    open_window(limit, now);
}
