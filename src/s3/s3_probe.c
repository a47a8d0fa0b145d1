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

void s3_probe_start(void *ctx, const char *key)
{
    struct s3_probe *probe = ctx;

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
    s3_call_add(probe->client, &probe->call);
}

void s3_probe_end(struct s3_probe *probe)
{
    if (probe->running)
        s3_client_drop(probe->client);
    s3_call_clear(&probe->call);
    probe->running = false;
}
