/* SPDX-License-Identifier: MIT */
/*
 * net/engine without libcurl: connections whose bytes arrive at random times. A connection
 * that is not read for a minute is closed by its server, which, as with libcurl, is noticed at
 * the next read.
 */
#include "net/engine.h"

#include "base/clock.h"
#include "base/mem.h"
#include "limit/backoff.h"
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNREAD_MS 60000   /* idle time after which a server closes */
#define HANG_MS   1200000 /* time without progress that counts as a hang */

struct slot {
    struct slot *next;
    struct request *request;
    struct thing *thing; /* NULL: a call to the API */
    struct buf answer;   /* of the API */
    const char *bytes;
    size_t size;
    size_t at;
    size_t cut;   /* the connection is closed here; SIZE_MAX: never */
    size_t saved; /* bytes offered but not accepted */
    long status;
    bool headed;
    bool paused;
    bool slow;
    uint64_t quiet_until;
    uint64_t paused_at;
};

struct engine {
    struct origins *origins;
    struct slot *running;
    unsigned count;
};

static struct engine *the_engine; /* for sim_print_engine */

static void header(struct slot *slot, const char *line)
{
    request_header(slot->request, line, strlen(line), clock_wall());
}

/* Whether a host has more requests of artifacts than it answers at a time. */
static bool is_crowded(const struct engine *engine, const struct origin *origin)
{
    const struct slot *slot;
    unsigned count = 0;

    for (slot = engine->running; slot; slot = slot->next)
        count += slot->thing && slot->status != 503 && slot->request->origin == origin;
    return count > world.admits;
}

/* Choose the server's response to a request. */
static void answer_thing(struct slot *slot, bool crowded)
{
    struct request *request = slot->request;
    struct thing *thing = slot->thing;

    slot->bytes = thing->sent.data;
    slot->size = thing->sent.len;
    slot->status = 200;
    slot->slow = sim_percent(world.slow);
    if (crowded) {
        slot->status = 503;
        return;
    }
    thing->attempts++;
    if (thing->attempts > 4 || !sim_percent(world.fault)) /* faults are temporary */
        return;
    switch (sim_below(7)) {
    case 0:
        slot->status = 503;
        break;
    case 1:
        slot->status = 429;
        break;
    case 2:
        slot->status = strstr(request->url, "old=1") ? 403 : 500;
        break;
    case 3:
        slot->status = 404;
        break;
    default:
        slot->cut = slot->size ? sim_below((uint32_t)slot->size) : 0;
        break;
    }
}

static void answer_call(struct slot *slot)
{
    slot->status = sim_percent(world.fault / 2) ? 500 : 200;
    if (slot->status == 200 && things_list(&slot->answer, 1) < 0)
        sim_fail("out of memory");
    slot->bytes = slot->answer.data;
    slot->size = slot->answer.len;
}

/* Send the status line and the headers. */
static void send_head(struct slot *slot)
{
    struct request *request = slot->request;
    uint64_t from = request->resume.from;
    size_t size = slot->size;
    char line[160];

    slot->headed = true;
    request->status = slot->status;
    request->stream = world.streams && request->expected <= REQUEST_STREAM &&
                      strstr(request->url, "//host0/");
    (void)snprintf(line, sizeof(line), "HTTP/1.1 %ld X\r\n", slot->status);
    header(slot, line);
    if (slot->status == 503 || slot->status == 429) {
        (void)snprintf(line, sizeof(line), "Retry-After: %u\r\n", sim_below(4));
        header(slot, line);
    }
    if (slot->status != 200) {
        slot->size = 0;
    } else {
        if (slot->thing && !sim_percent(10)) {
            (void)snprintf(line, sizeof(line), "ETag: \"%s\"\r\n", slot->thing->id);
            header(slot, line);
        }
        if (from && from < size && !sim_percent(20)) {
            request->status = slot->status = 206;
            (void)snprintf(line, sizeof(line), "Content-Range: bytes %llu-%zu/%zu\r\n",
                           (unsigned long long)from, size - 1, size);
            header(slot, line);
            slot->at = (size_t)from;
            if (slot->cut != SIZE_MAX && slot->cut < slot->at)
                slot->cut = slot->at;
            size -= (size_t)from;
        }
        if (slot->thing && sim_percent(world.liar))
            size += 1 + sim_below(2 * (uint32_t)world.chunk);
        if (!slot->thing || (!slot->thing->endless && !sim_percent(world.unsaid))) {
            (void)snprintf(line, sizeof(line), "Content-Length: %zu\r\n", size);
            header(slot, line);
        }
    }
    header(slot, "\r\n");
}

static void unlink_slot(struct engine *engine, struct slot *slot)
{
    struct slot **at = &engine->running;

    while (*at != slot)
        at = &(*at)->next;
    *at = slot->next;
    engine->count--;
    slot->request->slot = NULL;
    buf_clear(&slot->answer);
    mem_free(slot);
}

static void finish(struct engine *engine, struct slot *slot, const char *why)
{
    struct request *request = slot->request;

    if (why && !request->err.kind)
        (void)err_set(&request->err, ERR_NET, "%s: %s", request->host, why);
    request->sent = true;
    origin_end(request->origin, request->costly,
               !why && request->status != 429 && request->status != 503, clock_mono());
    unlink_slot(engine, slot);
    sim_moved();
    request->done(request->ctx, request);
}

/* Offer len bytes; false: the connection has ended or is paused. */
static bool offer(struct engine *engine, struct slot *slot, size_t len)
{
    struct request *request = slot->request;

    if (request_good(request)) {
        if (request->received + request->resume.from + len > request->max) {
            (void)err_set(&request->err, ERR_LIMIT, "too large");
            finish(engine, slot, NULL);
            return false;
        }
        switch (request->sink(request->ctx, slot->bytes + slot->at, len)) {
        case SINK_FULL:
            if (!slot->paused)
                slot->paused_at = sim_now();
            slot->paused = true;
            slot->saved = len;
            return false;
        case SINK_REFUSED:
            finish(engine, slot, "refused");
            return false;
        case SINK_TAKEN:
            break;
        }
        request->received += len;
    }
    slot->saved = 0;
    slot->at += len;
    sim_moved();
    return true;
}

/* Let the directory of temporary files vanish, or get full. */
static void bar_files(void)
{
    if (sim_now() < world.bar_at || !world.spool)
        return;
    world.spool->dir = "/nonexistent";
    if (world.seed / 22 % 2) /* else the next file fails */
        atomic_store(world.spool->barred, true);
}

/* libcurl keeps in memory whatever a paused stream of HTTP/2 receives. */
static void check_streams(const struct engine *engine)
{
    const struct slot *slot;

    for (slot = engine->running; slot; slot = slot->next) {
        if (slot->paused && slot->request->stream && slot->request->expected <= REQUEST_STREAM)
            sim_fail("a stream is paused");
    }
}

/* Let a connection make progress. */
static void move(struct engine *engine, struct slot *slot)
{
    size_t end = slot->size < slot->cut ? slot->size : slot->cut;
    size_t most = sim_percent(50) ? world.chunk : 1 + sim_below((uint32_t)world.chunk);
    size_t left;

    if (!slot->headed) {
        send_head(slot);
        sim_moved();
        return;
    }
    if (slot->slow)
        slot->quiet_until = sim_now() + sim_below(3000);
    left = end > slot->at ? end - slot->at : 0;
    if (slot->thing && slot->thing->endless && slot->status == 200 && left <= most) {
        slot->at -= slot->at < most ? slot->at : most; /* send the same bytes again, slowly */
        left = most < end - slot->at ? most : end - slot->at;
        slot->quiet_until = sim_now() + 500;
    }
    if (left && !offer(engine, slot, left < most ? left : most))
        return;
    if (slot->at >= end)
        finish(engine, slot, slot->cut < slot->size ? "the connection broke" : NULL);
}

/* A random connection that can make progress; NULL: none. */
static struct slot *pick(struct engine *engine)
{
    struct slot *chosen = NULL;
    struct slot *slot;
    unsigned seen = 0;

    for (slot = engine->running; slot; slot = slot->next) {
        if (!slot->paused && slot->quiet_until <= sim_now() && sim_below(++seen) == 0)
            chosen = slot;
    }
    return chosen;
}

static void act(struct engine *engine)
{
    uint32_t which = sim_below(world.packer_weight + world.frame_weight + world.byte_weight);
    struct slot *slot;

    if (which < world.packer_weight) {
        if (world.packer && packer_step(world.packer))
            sim_moved();
    } else if (which < world.packer_weight + world.frame_weight) {
        if (world.volume && volume_step(world.volume))
            sim_moved();
    } else if ((slot = pick(engine))) {
        move(engine, slot);
    }
}

int engine_poll(struct engine *engine, int timeout, int fd, struct err *err)
{
    unsigned acts = 1 + sim_below(12);
    uint64_t before = world.progress_at;

    (void)fd;
    (void)err;
    bar_files();
    check_streams(engine);
    while (acts--)
        act(engine);
    if (world.progress_at != before || sim_now() - before < 20)
        sim_pass(sim_below(3000) + 1);
    else
        sim_pass((uint64_t)(timeout > 0 ? timeout : 1) * 1000);
    if (sim_now() - world.progress_at > HANG_MS)
        sim_fail("nothing has moved for %d s", HANG_MS / 1000);
    return 0;
}

bool engine_affords(struct engine *engine, const struct origin *origin, uint64_t expected)
{
    (void)engine;
    (void)origin;
    (void)expected;
    if (sim_now() / 100 % 97 == 0) /* now and then */
        reserve_lack(&world.reserve, sim_now());
    return true;
}

int engine_start(struct engine *engine, struct request *request, struct err *err)
{
    struct slot *slot = mem_new(sizeof(*slot), err);
    char origin[URL_ORIGIN_MAX];
    unsigned i;

    if (!slot || url_origin(origin, request->url, err) < 0)
        sim_fail("cannot start '%s'", request->url);
    err_clear(&request->err);
    request->hopeless = false;
    request->type[0] = '\0';
    request->status = 0;
    request->error_len = 0;
    request->received = 0;
    request->length = REQUEST_UNSAID;
    request->retry_after = BACKOFF_UNSAID;
    request->date = CLOCK_NONE;
    (void)snprintf(request->host, sizeof(request->host), "host");
    request->slot = slot;
    request->origin = origins_find(engine->origins, origin, NULL);
    request->begun = clock_mono();
    origin_begin(request->origin, request->costly, request->begun);
    slot->request = request;
    slot->cut = SIZE_MAX;
    slot->quiet_until = sim_now() + sim_below(200);
    buf_init(&slot->answer, 1 << 20);
    for (i = 0; i < world.count && !slot->thing; i++) {
        char part[48];

        (void)snprintf(part, sizeof(part), "/%s/", world.things[i].id);
        if (strstr(request->url, part))
            slot->thing = &world.things[i];
    }
    slot->next = engine->running;
    engine->running = slot;
    engine->count++;
    if (slot->thing)
        answer_thing(slot, is_crowded(engine, request->origin));
    else
        answer_call(slot);
    return 0;
}

void engine_drop(struct engine *engine, struct request *request)
{
    if (!request->slot)
        return;
    origin_end(request->origin, request->costly, false, clock_mono());
    unlink_slot(engine, request->slot);
}

/* Offer the bytes that were not accepted again. */
static void wake(struct engine *engine, struct slot *slot)
{
    bool closed = sim_now() - slot->paused_at > UNREAD_MS;

    slot->paused = false;
    if (offer(engine, slot, slot->saved) && closed)
        finish(engine, slot, "the server has closed what was not read");
}

void engine_resume(struct request *request)
{
    if (request->slot && request->slot->paused)
        wake(the_engine, request->slot);
}

void engine_wake(struct engine *engine)
{
    (void)engine;
}

struct origin *engine_origin(struct engine *engine, const char *url)
{
    char name[URL_ORIGIN_MAX];

    return url_origin(name, url, NULL) < 0 ? NULL : origins_find(engine->origins, name, NULL);
}

uint64_t engine_allowance(const struct engine *engine, const struct request *request)
{
    (void)engine;
    (void)request;
    return UINT64_MAX / 2;
}

void engine_slow(const struct request *request)
{
    origin_slow(request->origin, request->begun, request->retry_after, clock_mono());
}

struct engine *engine_new(const struct engine_opts *opts, struct err *err)
{
    struct engine *engine = mem_new(sizeof(*engine), err);

    if (engine)
        engine->origins = origins_new(2 * opts->jobs, err);
    the_engine = engine;
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    while (engine->running)
        engine_drop(engine, engine->running->request);
    origins_free(engine->origins);
    mem_free(engine);
    the_engine = NULL;
}

void sim_print_engine(void)
{
    const struct slot *slot;

    for (slot = the_engine ? the_engine->running : NULL; slot; slot = slot->next)
        fprintf(stderr, "  %s: %zu of %zu bytes%s%s\n",
                slot->thing ? slot->thing->id : "a call", slot->at, slot->size,
                slot->paused ? ", paused" : "", slot->slow ? ", slow" : "");
}
