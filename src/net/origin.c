/* SPDX-License-Identifier: MIT */
#include "net/origin.h"

#include "base/mem.h"
#include "net/backoff.h"

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
        origin->most = origin->limit = origins->most;
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

unsigned origin_room(const struct origin *origin, uint64_t now)
{
    if (now < origin->until || origin->running >= origin->limit)
        return 0;
    return origin->limit - origin->running;
}

void origin_begin(struct origin *origin)
{
    origin->running++;
}

void origin_end(struct origin *origin, bool ok, uint64_t now)
{
    origin->running--;
    if (!ok || origin->limit >= origin->most || now < origin->changed + ORIGIN_RECOVER)
        return;
    origin->limit++;
    origin->changed = now;
}

void origin_slow(struct origin *origin, uint64_t begun, uint64_t asked, uint64_t now)
{
    unsigned running = origin->running + 1; /* the throttled transfer has ended */

    if (asked <= BACKOFF_PATIENCE && now + asked > origin->until)
        origin->until = now + asked;
    if (origin->halved && begun <= origin->halved)
        return;
    running = running < origin->limit ? running : origin->limit;
    origin->limit = running > 1 ? running / 2 : 1;
    origin->changed = origin->halved = now;
}
