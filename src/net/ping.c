/* SPDX-License-Identifier: MIT */
#include "net/ping.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/engine.h"

#include <stdbool.h>
#include <stdint.h>

#define WAIT_MS    10000
#define STOPPED_MS 3000 /* the same, after a request to stop */
#define ANSWER_MAX 65536

static enum sink on_bytes(void *ctx, const char *bytes, size_t len)
{
    (void)ctx;
    (void)bytes;
    (void)len;
    return SINK_TAKEN;
}

static void on_done(void *ctx, struct request *request)
{
    (void)request;
    *(bool *)ctx = true;
}

/* The parameters of a ping. */
struct how {
    const char *agent;
    const char *ca_file;
    bool start;
    struct stop stop;
};

/* Whether the ping has reached its time limit. */
static bool is_over(const struct how *how, uint64_t began)
{
    uint64_t waited = clock_mono() - began;

    if (waited >= WAIT_MS)
        return true;
    return (how->start || waited >= STOPPED_MS) && stop_asked(&how->stop);
}

static int ping(const char *url, const struct how *how, struct err *err)
{
    struct engine_opts opts = { .agent = how->agent, .ca_file = how->ca_file, .jobs = 1 };
    struct engine *engine = engine_new(&opts, err);
    bool done = false;
    struct request request = {
        .url = url, .max = ANSWER_MAX, .sink = on_bytes, .done = on_done, .ctx = &done
    };
    uint64_t began = clock_mono();
    int rc = engine ? engine_start(engine, &request, err) : -1;

    while (rc == 0 && !done && !is_over(how, began))
        rc = engine_poll(engine, 100, -1, err);
    if (rc == 0)
        rc = done ? request_check(&request, err) : err_set(err, ERR_NET, "no answer");
    engine_free(engine);
    return rc;
}

void ping_send(const char *url, const char *agent, const char *ca_file, enum ping_what what,
               struct stop stop)
{
    static const char *const suffixes[] = { "/start", "", "/fail" };
    struct how how = { agent, ca_file, what == PING_START, stop };
    struct err err = { 0 };
    char *whole = url ? mem_format(&err, "%s%s", url, suffixes[what]) : NULL;

    if (url && (!whole || ping(whole, &how, &err) < 0))
        log_line(LOG_WARNING, "--ping: %s", err.text);
    mem_free(whole);
}
