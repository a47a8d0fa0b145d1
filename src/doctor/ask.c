/* SPDX-License-Identifier: MIT */
#include "doctor/ask.h"

#include "base/clock.h"

#include <errno.h>

int ask_call(struct api_client *client, struct call *call, struct err *err)
{
    client->callers.deadline = clock_mono() + ASK_MS;
    return api_client_call(client, call, NULL, 0, err);
}

struct first_bytes {
    bool some; /* bytes of the body arrived */
    bool done;
};

static enum sink on_bytes(void *ctx, const char *bytes, size_t len)
{
    struct first_bytes *first = ctx;

    (void)bytes;
    first->some = len > 0;
    return SINK_REFUSED;
}

static void on_done(void *ctx, struct request *request)
{
    (void)request;
    ((struct first_bytes *)ctx)->done = true;
}

int ask_first_bytes(struct api_client *client, const char *url, struct err *err)
{
    struct first_bytes first = { 0 };
    struct request request = { .url = url,
                               .max = UINT64_MAX,
                               .as_sent = true,
                               .sink = on_bytes,
                               .done = on_done,
                               .ctx = &first };
    uint64_t deadline = clock_mono() + ASK_MS;
    struct engine *engine = client->loop.engine;

    api_sign(&client->api, &request);
    if (engine_start(engine, &request, err) < 0)
        return -1;
    while (!first.done) {
        if (clock_mono() >= deadline) {
            engine_drop(engine, &request);
            (void)err_set(err, ERR_NET, "no answer in %d s", ASK_MS / 1000);
            err->os = ETIMEDOUT;
            return -1;
        }
        if (loop_turn(&client->loop, deadline, err) < 0) {
            engine_drop(engine, &request);
            return -1;
        }
    }
    return first.some ? 0 : request_check(&request, err);
}
