/* SPDX-License-Identifier: MIT */
#include "limit/rejection.h"

#define SHARE_OF     32   /* recent requests of which the share that broke is known */
#define BROKEN_SHARE 0.08 /* if that many break, the limit is lowered */
#define CAP_MS       2000 /* the first wait before a rejected limit is tried again */
#define CAP_OVER     8    /* after a step of this size the waits begin anew */
#define CAP_MAX_MS   600000

void rejection_init(struct rejection *r)
{
    *r = (struct rejection){ .cap_time = CAP_MS };
}

void rejection_success(struct rejection *r)
{
    r->broken -= r->broken / SHARE_OF;
}

/* Set a cap below the number of requests that were too many. */
static void set_cap(struct rejection *r, struct level *level, unsigned running, uint64_t now)
{
    if (r->probing)
        r->cap_time = r->cap_time < CAP_MAX_MS / 3 ? r->cap_time * 3 : CAP_MAX_MS;
    level->cap = running > 1 ? running - 1 : 1;
    r->cap_step = 1;
    r->cap_until = now + r->cap_time;
    r->goal = level->cap;
}

bool rejection_add(struct rejection *r, struct level *level, enum limit_why why,
                   unsigned running, uint64_t begun, uint64_t now)
{
    r->broken += (1 - r->broken) / SHARE_OF;
    if (why == LIMIT_BROKEN && r->broken < BROKEN_SHARE)
        return false;
    if (r->lowered && begun <= r->lowered) {
        if (why == LIMIT_THROTTLED && level->cap > level->base) /* one more was too many */
            r->goal = --level->cap;
        return false;
    }
    running = running < level->now ? running : level->now;
    if (why == LIMIT_THROTTLED)
        set_cap(r, level, running, now);
    else
        r->goal = running;
    r->probing = false;
    level_set(level, level_clamp(level, running * (why == LIMIT_THROTTLED ? 0.5 : 0.7)));
    r->lowered = now;
    return true;
}

bool rejection_recover(const struct rejection *r, struct level *level)
{
    unsigned now = level->now;

    if (now >= r->goal || now >= level_bound(level))
        return false;
    level_set(level, level_clamp(level, now + (r->goal - now + 3) / 4));
    return true;
}

bool rejection_probe(struct rejection *r, struct level *level, uint64_t now)
{
    if (r->probing) {
        r->probing = false;
        r->cap_until = now;
        r->cap_step *= 2;
        if (r->cap_step >= CAP_OVER)
            r->cap_time = CAP_MS;
        if (level->cap >= level->most)
            level->cap = 0;
    }
    if (!level->cap || now < r->cap_until || level->now < level->cap)
        return false;
    r->probing = true;
    level->cap += r->cap_step;
    level_set(level, level_clamp(level, level->cap));
    return true;
}
