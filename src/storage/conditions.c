/* SPDX-License-Identifier: MIT */
#include "storage/conditions.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "base/text.h"
#include "s3/object.h"
#include "s3/object_put.h"
#include "storage/remote.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BODY_SIZE       ((size_t)16 << 10) /* so that writes take some time */
#define NOTE_MAX        ((size_t)REMOTE_ENDPOINT_MAX + 16)
#define HURRY_MS        2000 /* for each request of the removal after a stop */
#define NOT_IMPLEMENTED 501
#define ABSENT          "if-none-match: *"

/* One of the writers. Each has a body of its own. */
struct racer {
    struct s3_call call;
    char body[BODY_SIZE];
    char hex[SHA256_TEXT];
    char checksum[OBJECT_BASE64 + 24]; /* buckets with a default retention demand it */
    struct race *race;
};

/* How a race ended. */
struct race {
    const struct racer *winner; /* one of those that were told that they had written */
    unsigned won;               /* how many were told so */
    unsigned lost;              /* that were told that the condition was not met (412, 409) */
    unsigned busy;              /* of these, by 409 */
    bool repeated;              /* an answer was lost: a writer may have lost against itself */
    bool lacks;                 /* the store refuses the condition itself */
    struct err failed;          /* the first other failure */
};

/* All that is known while a store is examined. */
struct examination {
    struct s3_client *client;
    struct conditions *found;
    char key[CONDITIONS_KEY]; /* of the probe; the keys of its rounds are longer */
    char at[CONDITIONS_KEY + 8];
    unsigned body;     /* number of the last body */
    char version[128]; /* of the object that is raced for to replace it */
    struct racer racers[CONDITIONS_RACERS];
};

void conditions_key(char out[CONDITIONS_KEY], const char *prefix)
{
    size_t len = strlen(prefix);
    char nonce[TEXT_NONCE];

    (void)snprintf(out, CONDITIONS_KEY, "%s%sskyarc-probe-%s", prefix,
                   len && prefix[len - 1] != '/' ? "/" : "", text_nonce(nonce));
}

/* Store the result and its reason; returns false: the examination is over. */
static bool conclude(struct examination *x, enum conditions_fitness fitness, const char *fmt,
                     ...) PRINTF_LIKE(3, 4);

static bool conclude(struct examination *x, enum conditions_fitness fitness, const char *fmt,
                     ...)
{
    va_list args;

    x->found->fitness = fitness;
    va_start(args, fmt);
    (void)vsnprintf(x->found->why, sizeof(x->found->why), fmt, args);
    va_end(args);
    return false;
}

static void on_done(void *ctx, struct s3_call *call)
{
    struct racer *racer = ctx;
    struct race *race = racer->race;

    race->repeated = race->repeated || call->attempts > 1;
    if (!call->err.kind) {
        race->won++;
        race->winner = racer;
    } else if (call->err.kind == ERR_EXISTS || call->err.kind == ERR_BUSY) {
        race->lost++;
        race->busy += call->err.kind == ERR_BUSY;
    } else if (call->status == NOT_IMPLEMENTED || strcmp(call->code, "NotImplemented") == 0) {
        race->lacks = true;
    } else if (!race->failed.kind) {
        race->failed = call->err;
    }
}

/* Queue one of the writes. */
static int enter(struct examination *x, struct racer *racer, const char *condition,
                 struct err *err)
{
    uint8_t digest[SHA256_SIZE];
    char base64[OBJECT_BASE64];

    memset(racer->body, '\n', sizeof(racer->body));
    (void)snprintf(racer->body, sizeof(racer->body), "probe of skyarc, writer %u", ++x->body);
    if (sha256_of(racer->body, sizeof(racer->body), digest, err) < 0)
        return -1;
    object_digest(digest, racer->hex, base64);
    (void)snprintf(racer->checksum, sizeof(racer->checksum), "x-amz-checksum-sha256: %s",
                   base64);
    racer->call = (struct s3_call){ .method = "PUT",
                                    .key = x->at,
                                    .query = "",
                                    .headers = { condition, racer->checksum },
                                    .header_count = 2,
                                    .payload = racer->hex,
                                    .size = sizeof(racer->body),
                                    .read = send_from_bytes,
                                    .read_ctx = racer->body,
                                    .done = on_done,
                                    .ctx = racer };
    s3_call_add(x->client, &racer->call);
    return 0;
}

/*
 * End a race that was broken off. A write that the store has received may be made when the
 * object was removed already, and would stay: so wait a little for those.
 */
static void end_race(struct examination *x)
{
    uint64_t began = clock_mono();

    s3_client_hurry(x->client, false, 0, HURRY_MS);
    while (clock_mono() - began < HURRY_MS && s3_client_turn(x->client, NULL) > 0)
        continue;
    s3_client_drop(x->client);
}

/* Let all writers write at the same time. */
static int run_race(struct examination *x, const char *condition, struct race *race,
                    struct err *err)
{
    size_t i;
    int rc = 0;

    *race = (struct race){ 0 };
    for (i = 0; rc == 0 && i < CONDITIONS_RACERS; i++) {
        s3_call_clear(&x->racers[i].call);
        x->racers[i].race = race;
        rc = enter(x, &x->racers[i], condition, err);
    }
    while (rc == 0 && (rc = s3_client_turn(x->client, err)) > 0)
        rc = 0;
    if (rc < 0)
        end_race(x);
    return rc;
}

/* Whether the object is the winner's. */
static bool is_winners(struct examination *x, const struct race *race)
{
    struct object_info info;
    struct buf found = { 0 };
    struct err err = { 0 };
    int there = object_load(x->client, x->at, BODY_SIZE, &found, &info, &err);
    bool same = there > 0 && found.len == BODY_SIZE &&
                memcmp(buf_text(&found), race->winner->body, BODY_SIZE) == 0;

    buf_clear(&found);
    if (there < 0 && err.kind != ERR_LIMIT)
        return conclude(x, CONDITIONS_UNKNOWN, "%s", err.text);
    return same || conclude(x, CONDITIONS_UNFIT,
                            "the object is not that of the writer that was told to have won");
}

/* Judge a race; false: the examination is over. */
static bool judge(struct examination *x, const struct race *race, const char *name)
{
    if (race->won > 1)
        return conclude(x, CONDITIONS_UNFIT,
                        "of %d writes with %s at the same time %u were told to have won",
                        CONDITIONS_RACERS, name, race->won);
    if (race->lacks)
        return conclude(x, CONDITIONS_UNFIT, "the store refuses writes with %s", name);
    if (race->failed.kind)
        return conclude(x, CONDITIONS_UNKNOWN, "%s", race->failed.text);
    if (!race->won)
        return conclude(x, race->repeated || race->busy ? CONDITIONS_UNKNOWN : CONDITIONS_UNFIT,
                        "of %d writes with %s at the same time none was told to have won",
                        CONDITIONS_RACERS, name);
    return is_winners(x, race);
}

/* Remove a version, if the bucket has versions. What fails is found by clean. */
static void remove_version(struct examination *x, const char *version)
{
    if (*version && strcmp(version, "null") != 0)
        (void)(object_delete_version(x->client, x->at, version, NULL) == 0);
}

/* A write whose condition is not met any more must be refused; false: it was not. */
static bool refuses_outdated(struct examination *x, const char *etag)
{
    struct object_put_opts opts = {
        .key = x->at, .bytes = "outdated", .len = 8, .condition = OBJECT_MATCHES, .etag = etag
    };
    struct object_info info;
    struct err err = { 0 };

    if (object_put(x->client, &opts, &info, &err) == 0) {
        remove_version(x, info.version);
        return conclude(x, CONDITIONS_UNFIT,
                        "a write with an outdated entity tag (If-Match) was not refused");
    }
    return err.kind == ERR_EXISTS || err.kind == ERR_BUSY ||
           conclude(x, CONDITIONS_UNKNOWN, "%s", err.text);
}

/*
 * Remove the object of the last round, and its versions as far as they are known; after a
 * request to stop, too.
 */
static void clean(struct examination *x)
{
    struct stop stop = remote_stop();
    struct object_info info;
    struct err err = { 0 };
    size_t i;
    int there;

    if (stop_asked(&stop))
        s3_client_hurry(x->client, false, 0, HURRY_MS);
    for (i = 0; i < CONDITIONS_RACERS; i++) {
        const struct s3_call *call = &x->racers[i].call;

        if (!call->err.kind)
            remove_version(x, call->version);
        s3_call_clear(&x->racers[i].call);
        x->racers[i].call = (struct s3_call){ 0 };
    }
    remove_version(x, x->version);
    x->version[0] = '\0';
    there = object_head(x->client, x->at, &info, &err);
    if (there && object_delete(x->client, x->at, &err) < 0)
        memcpy(x->found->left, x->at, sizeof(x->found->left));
}

/* Races for fresh keys. The last object stays. 1: all are right, 0: it is over, -1: error */
static int race_for_keys(struct examination *x, char *etag, struct err *err)
{
    struct race race;
    unsigned round;

    for (round = 1; round <= CONDITIONS_ROUNDS; round++) {
        (void)snprintf(x->at, sizeof(x->at), "%s-%u", x->key, round);
        if (run_race(x, ABSENT, &race, err) < 0)
            return -1;
        if (!judge(x, &race, "If-None-Match: *"))
            return 0;
        memcpy(etag, race.winner->call.etag, sizeof(race.winner->call.etag));
        if (round < CONDITIONS_ROUNDS)
            clean(x);
        else
            memcpy(x->version, race.winner->call.version, sizeof(x->version));
    }
    return 1;
}

/* A race to replace the object. */
static int race_for_object(struct examination *x, const char *etag, struct err *err)
{
    char condition[160];
    struct race race;

    if (!*etag)
        return conclude(x, CONDITIONS_UNFIT, "the store gives objects no entity tags");
    (void)snprintf(condition, sizeof(condition), "if-match: %s", etag);
    if (run_race(x, condition, &race, err) < 0)
        return -1;
    return judge(x, &race, "If-Match") && refuses_outdated(x, etag);
}

static int examine(struct examination *x, struct err *err)
{
    char etag[128] = "";
    int rc = race_for_keys(x, etag, err);

    if (rc > 0)
        rc = race_for_object(x, etag, err);
    if (rc > 0)
        x->found->fitness = CONDITIONS_FIT;
    clean(x);
    return rc < 0 ? -1 : 0;
}

int conditions_probe(const char *bucket, const char *prefix, struct conditions *found,
                     struct err *err)
{
    struct examination *x = mem_new(sizeof(*x), err);
    int rc = -1;

    *found = (struct conditions){ .fitness = CONDITIONS_UNKNOWN };
    if (!x)
        return -1;
    x->found = found;
    x->client = remote_client(bucket, CONDITIONS_RACERS, err);
    if (x->client) {
        conditions_key(x->key, prefix);
        rc = examine(x, err);
    }
    s3_client_free(x->client);
    mem_free(x);
    return rc;
}

/* Whether the file says that the store of this endpoint is fit. */
static bool is_noted(const char *note, const char *line)
{
    struct buf text;
    struct err ignored;
    bool is;

    buf_init(&text, NOTE_MAX);
    is = file_load(note, stop_never(), &text, &ignored) == 0 &&
         strcmp(buf_text(&text), line) == 0;
    buf_clear(&text);
    return is;
}

int conditions_require(const char *bucket, const char *prefix, const char *note,
                       struct err *err)
{
    char endpoint[REMOTE_ENDPOINT_MAX];
    char line[NOTE_MAX];
    struct conditions found;

    if (remote_endpoint(endpoint, err) < 0)
        return -1;
    (void)snprintf(line, sizeof(line), "fit %s\n", *endpoint ? endpoint : "aws");
    if (is_noted(note, line))
        return 0;
    if (conditions_probe(bucket, prefix, &found, err) < 0)
        return -1;
    if (found.fitness == CONDITIONS_FIT)
        return file_put(note, line, strlen(line), 0600, err);
    return err_set(err, ERR_NOT_FOUND,
                   "conditional writes of the store of 's3://%s/%s' %s, so that no shards can "
                   "be archived there: %s",
                   bucket, prefix,
                   found.fitness == CONDITIONS_UNFIT ? "do not decide races"
                                                     : "could not be examined",
                   found.why);
}
