/* SPDX-License-Identifier: MIT */
#include "doctor/probe.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/text.h"
#include "s3/object.h"

#include <stdio.h>
#include <string.h>

#define CONFIG_MAX ((size_t)64 << 10)

/* One of the requests that race. Each has a body of its own. */
struct racer {
    struct s3_call call;
    char body[16];
    char hex[SHA256_TEXT];
    struct probe_race *race;
    struct err *failed; /* the first that is no answer at all */
};

static int read_body(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    const struct racer *racer = ctx;

    (void)err;
    memcpy(bytes, racer->body + at, len);
    return 0;
}

static void on_done(void *ctx, struct s3_call *call)
{
    struct racer *racer = ctx;

    if (!call->err.kind)
        racer->race->won++;
    else if (call->err.kind == ERR_EXISTS || call->err.kind == ERR_BUSY)
        racer->race->lost++;
    else
        racer->race->refused++;
    if (call->err.kind && !call->status && !racer->failed->kind)
        *racer->failed = call->err;
}

/* Queue one of the writes. */
static int enter(struct s3_client *client, const char *key, struct racer *racer,
                 unsigned number, struct err *err)
{
    uint8_t digest[SHA256_SIZE];

    (void)snprintf(racer->body, sizeof(racer->body), "racer %u\n", number);
    if (sha256_of(racer->body, strlen(racer->body), digest, err) < 0)
        return -1;
    text_hex(racer->hex, digest, SHA256_SIZE);
    racer->call = (struct s3_call){ .method = "PUT",
                                    .key = key,
                                    .query = "",
                                    .headers = { "if-none-match: *" },
                                    .header_count = 1,
                                    .payload = racer->hex,
                                    .size = strlen(racer->body),
                                    .read = read_body,
                                    .read_ctx = racer,
                                    .done = on_done,
                                    .ctx = racer };
    s3_call_add(client, &racer->call);
    return 0;
}

int probe_race(struct s3_client *client, const char *key, struct probe_race *race,
               struct err *err)
{
    struct racer *racers = mem_array(PROBE_RACERS, sizeof(*racers), err);
    struct err failed = { 0 };
    unsigned i;
    int rc = racers ? 0 : -1;

    *race = (struct probe_race){ 0 };
    for (i = 0; rc == 0 && i < PROBE_RACERS; i++) {
        racers[i].race = race;
        racers[i].failed = &failed;
        rc = enter(client, key, &racers[i], i, err);
    }
    while (rc == 0 && (rc = s3_client_turn(client, err)) > 0)
        rc = 0;
    if (rc < 0)
        s3_client_drop(client);
    for (i = 0; racers && i < PROBE_RACERS; i++)
        s3_call_clear(&racers[i].call);
    mem_free(racers);
    if (rc == 0 && failed.kind) {
        *err = failed;
        rc = -1;
    }
    return rc < 0 ? -1 : object_delete(client, key, err);
}

int probe_lock(struct s3_client *client, struct err *err)
{
    struct s3_call call = {
        .method = "GET", .key = "", .query = "object-lock=", .max = CONFIG_MAX
    };
    struct err why = { 0 };
    int rc = s3_call_do(client, &call, &why);
    int locked = rc == 0 && strstr(buf_text(&call.body), "<ObjectLockEnabled>Enabled<") ? 1 : 0;

    s3_call_clear(&call);
    if (rc == 0 || why.kind == ERR_NOT_FOUND)
        return locked;
    if (err)
        *err = why;
    return -1;
}
