/* SPDX-License-Identifier: MIT */
#include "doctor/store_check.h"

#include "base/clock.h"
#include "base/file.h"
#include "doctor/probe.h"
#include "s3/location.h"
#include "s3/object.h"
#include "s3/upload.h"
#include "storage/remote.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define PARTS_SIZE ((uint64_t)5 << 20) /* the least size of a part that is not the last */
#define CHECK      "store"
#define RIGHTS     "allow s3:PutObject, s3:GetObject, s3:DeleteObject and s3:AbortMultipartUpload"

/* What is checked, and under which keys. */
struct store_probe {
    struct s3_client *client;
    struct findings *findings;
    char key[LOCATION_KEY_MAX + 64];
};

static void bad(struct store_probe *s, const char *advice, const struct err *err)
{
    finding_add(s->findings, CHECK, FINDING_ERROR, advice, "%s", err->text);
}

/* Choose a key that nobody else has. */
static void choose_key(struct store_probe *s, const struct location *location)
{
    uint32_t random = 0;
    size_t len = strlen(location->key);

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        random = (uint32_t)clock_mono_us();
    (void)snprintf(s->key, sizeof(s->key), "%s%sskyarc-doctor-%08x", location->key,
                   len && location->key[len - 1] != '/' ? "/" : "", random);
}

/* Whether the bucket answers, with these credentials. */
static bool check_bucket(struct store_probe *s)
{
    struct object_info info;
    struct err err = { 0 };

    if (object_head(s->client, s->key, &info, &err) < 0) {
        bad(s, NULL, &err);
        return false;
    }
    finding_add(s->findings, CHECK, FINDING_OK, NULL,
                "bucket '%s' answers, credentials accepted", s3_client_bucket(s->client));
    return true;
}

static int on_begun(void *ctx, const char *id, struct err *err)
{
    (void)ctx;
    (void)id;
    (void)err;
    return 0;
}

static void on_sent(void *ctx, uint64_t bytes)
{
    (void)ctx;
    (void)bytes;
}

/* Write an object in two parts from a file of zeros, and read a range across both. */
static int write_parts(struct store_probe *s, int fd, struct err *err)
{
    struct upload_opts opts = { .key = s->key,
                                .fd = fd,
                                .size = PARTS_SIZE + 1,
                                .part_size = PARTS_SIZE,
                                .begun = on_begun,
                                .sent = on_sent };
    struct object_info info;
    struct buf range = { 0 };
    int rc;

    if (ftruncate(fd, (off_t)opts.size) < 0)
        return err_sys(err, "cannot write a temporary file");
    if (upload_file(s->client, &opts, &info, err) < 0)
        return -1;
    rc = object_get(s->client, s->key, &info, PARTS_SIZE - 1, 2, &range, err);
    buf_clear(&range);
    return rc;
}

/* Whether objects can be written in parts, read by ranges, and deleted. */
static bool check_parts(struct store_probe *s)
{
    struct err err = { 0 };
    int fd = file_temp(file_temp_dir(), &err);
    int rc = fd >= 0 ? write_parts(s, fd, &err) : -1;

    if (fd >= 0)
        file_close(&fd);
    if (rc < 0) {
        bad(s, RIGHTS, &err);
        return false;
    }
    if (object_delete(s->client, s->key, &err) < 0) {
        bad(s, RIGHTS, &err);
        return false;
    }
    finding_add(s->findings, CHECK, FINDING_OK, NULL,
                "objects are written in parts, read by ranges, and deleted");
    return true;
}

/* Whether a condition decides a race, as several machines need. */
static void check_race(struct store_probe *s)
{
    struct probe_race race;
    struct err err = { 0 };

    if (probe_race(s->client, s->key, &race, &err) < 0)
        bad(s, NULL, &err);
    else if (race.won == 1 && race.lost == PROBE_RACERS - 1)
        finding_add(s->findings, CHECK, FINDING_OK, NULL,
                    "of %d conditional writes at the same time one won", PROBE_RACERS);
    else
        finding_add(s->findings, CHECK, FINDING_WARNING,
                    "let one machine alone write to this bucket",
                    "conditional writes are not atomic: of %d at the same time %u won, %u lost "
                    "and %u failed",
                    PROBE_RACERS, race.won, race.lost, race.refused);
}

static void check_lock(struct store_probe *s)
{
    struct err err = { 0 };
    int locked = probe_lock(s->client, &err);

    if (locked < 0)
        finding_add(s->findings, CHECK, FINDING_WARNING, NULL,
                    "whether the bucket has Object Lock is unknown: %s", err.text);
    else
        finding_add(s->findings, CHECK, FINDING_OK, NULL, "Object Lock: %s",
                    locked ? "enabled" : "the bucket was created without it");
}

void store_check(const char *address, struct findings *findings)
{
    struct store_probe s = { .findings = findings };
    struct location location;
    struct err err = { 0 };

    if (location_parse(&location, address, &err) < 0) {
        bad(&s, NULL, &err);
        return;
    }
    choose_key(&s, &location);
    s.client = remote_client(location.bucket, PROBE_RACERS, &err);
    if (!s.client) {
        bad(&s, NULL, &err);
        return;
    }
    if (check_bucket(&s) && check_parts(&s)) {
        check_race(&s);
        check_lock(&s);
    }
    s3_client_free(s.client);
}
