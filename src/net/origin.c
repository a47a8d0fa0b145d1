/* SPDX-License-Identifier: MIT */
#include "net/origin.h"

#include "base/mem.h"
#include "base/text.h"
#include "limit/backoff.h"

#include <stdio.h>
#include <string.h>

struct origins {
    struct origin *first; /* a short list, the last used origin first */
    unsigned most;
};

struct origins *origins_new(unsigned most, struct err *err)
{
    struct origins *origins = mem_new(sizeof(*origins), err);

    if (origins)
        origins->most = most ? most : 1;
    return origins;
}

void origins_free(struct origins *origins)
{
    if (!origins)
        return;
    while (origins->first) {
        struct origin *next = origins->first->next;

        mem_free(origins->first);
        origins->first = next;
    }
    mem_free(origins);
}

/* Describe an origin. */
static struct origin_state state_of(const struct origin *origin)
{
    const struct limit *limit = &origin->limit;
    struct origin_state state = {
        .limit = limit->level.now,
        .running = limit->running,
        .highest = limit->highest,
        .rejected = limit->rejected,
        .responses = limit->answers,
        .bytes = limit->bytes,
        .rate_bps =
            limit->busy ? (uint64_t)((double)limit->bytes * 1000 / (double)limit->busy) : 0,
        .now_bps = limit->rate_bps,
        .latency = limit->answers ? limit->waited / limit->answers : 0
    };

    memcpy(state.name, origin->name, sizeof(state.name));
    return state;
}

size_t origins_states(const struct origins *origins, struct origin_state *states, size_t most)
{
    const struct origin *origin;
    size_t count = 0;

    for (origin = origins->first; origin; origin = origin->next) {
        size_t at = count;

        if (!origin->limit.highest)
            continue; /* never asked */
        while (at && states[at - 1].responses < origin->limit.answers) {
            if (at < most)
                states[at] = states[at - 1];
            at--;
        }
        if (at < most)
            states[at] = state_of(origin);
        count += count < most;
    }
    return count;
}

uint64_t origins_asked(const struct origins *origins, uint64_t now)
{
    const struct origin *origin;
    uint64_t most = 0;

    for (origin = origins->first; origin; origin = origin->next) {
        if (origin->until > now && origin->until - now > most)
            most = origin->until - now;
    }
    return most;
}

struct origin *origins_find(struct origins *origins, const char *name, struct err *err)
{
    struct origin **at = &origins->first;
    struct origin *origin;

    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    origin = *at;
    if (origin) {
        *at = origin->next;
    } else {
        origin = mem_new(sizeof(*origin), err);
        if (!origin)
            return NULL;
        memcpy(origin->name, name, strlen(name) + 1);
        limit_init(&origin->limit, origins->most);
        origin->told = origin->limit.level.now;
    }
    origin->next = origins->first;
    origins->first = origin;
    return origin;
}

/* Length of a URL's scheme and authority if these are plain (no user, no escapes); else 0. */
static size_t plain_prefix(const char *url)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-.:";
    size_t scheme = strncmp(url, "http://", 7) == 0    ? 7
                    : strncmp(url, "https://", 8) == 0 ? 8
                                                       : 0;
    size_t len = scheme ? scheme + strspn(url + scheme, plain) : 0;

    return len > scheme && len < URL_ORIGIN_MAX && url[len] == '/' ? len : 0;
}

struct origin *origins_of_url(struct origins *origins, const char *url, struct err *err)
{
    size_t len = strnlen(url, URL_MAX + 1) > URL_MAX ? 0 : plain_prefix(url);
    struct origin *origin = origins->first;
    char name[URL_ORIGIN_MAX];

    while (len && origin &&
           (strncmp(origin->prefix, url, len) != 0 || origin->prefix[len] != '\0'))
        origin = origin->next;
    if (len && origin)
        return origin;
    origin = url_origin(name, url, err) < 0 ? NULL : origins_find(origins, name, err);
    if (len && origin) {
        memcpy(origin->prefix, url, len);
        origin->prefix[len] = '\0';
    }
    return origin;
}

unsigned origin_room(const struct origin *origin, bool costly, uint64_t now)
{
    unsigned room = limit_room(&origin->limit);
    unsigned left = origin->costly < ORIGIN_COSTLY ? ORIGIN_COSTLY - origin->costly : 0;

    if (now < origin->until)
        return 0;
    return costly && left < room ? left : room;
}

void origin_begin(struct origin *origin, bool costly, uint64_t now)
{
    origin->costly += costly;
    limit_begin(&origin->limit, now);
}

void origin_end(struct origin *origin, bool costly, bool whole, uint64_t now)
{
    origin->costly -= costly;
    limit_end(&origin->limit, whole, now);
}

const char *origin_text(char out[ORIGIN_TEXT_MAX], const struct origin_state *state)
{
    char rate[TEXT_SIZE_MAX];

    (void)snprintf(out, ORIGIN_TEXT_MAX,
                   "%s: limit %u, %u running (at most %u), %s/s, first byte after %.1f ms, "
                   "%u rejected",
                   state->name, state->limit, state->running, state->highest,
                   text_size(rate, state->running ? state->now_bps : state->rate_bps),
                   (double)state->latency / 1000, state->rejected);
    return out;
}

bool origin_changed(struct origin *origin)
{
    unsigned now = origin->limit.level.now;

    if (now < 2 * origin->told && 2 * now > origin->told)
        return false;
    origin->told = now;
    return true;
}

void origin_slow(struct origin *origin, uint64_t begun, uint64_t asked, uint64_t now)
{
    if (asked <= BACKOFF_PATIENCE && now + asked > origin->until)
        origin->until = now + asked;
    limit_reject(&origin->limit, LIMIT_THROTTLED, begun, now);
}
