/* SPDX-License-Identifier: MIT */
#include "s3/s3_probe.h"

#include <string.h>

#define ANSWER_MAX ((size_t)64 << 10)

static void on_probed(void *ctx, struct s3_call *call)
{
    struct s3_probe *probe = ctx;

    s3_call_clear(call);
    probe->running = false;
}

void s3_probe_start(struct s3_probe *probe, struct s3_client *client, const char *key)
{
    if (probe->running || strlen(key) >= sizeof(probe->key))
        return;
    memcpy(probe->key, key, strlen(key) + 1);
    probe->call = (struct s3_call){ .method = "GET",
                                    .key = probe->key,
                                    .query = "",
                                    .headers = { "range: bytes=0-0" },
                                    .header_count = 1,
                                    .max = ANSWER_MAX,
                                    .done = on_probed,
                                    .ctx = probe };
    probe->running = true;
    s3_call_add(client, &probe->call);
}

bool s3_probe_is_due(const struct s3_probe *probe, const struct s3_call *call)
{
    return call != &probe->call && call->size && call->request.err.kind == ERR_NET &&
           call->request.sent && !call->status;
}

void s3_probe_clear(struct s3_probe *probe)
{
    s3_call_clear(&probe->call);
    probe->running = false;
}
