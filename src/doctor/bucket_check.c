/* SPDX-License-Identifier: MIT */
#include "doctor/bucket_check.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/shard.h"
#include "doctor/clock_check.h"
#include "s3/bucket.h"
#include "s3/object_list.h"
#include "s3/upload_list.h"
#include "storage/conditions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define UPLOADS_MAX 10000                   /* more are not counted */
#define OLD_MS      ((int64_t)86400 * 1000) /* an upload may well take a day */

#define LIFECYCLE                                                                              \
    "add a lifecycle rule to the bucket: AbortIncompleteMultipartUpload after some days"

#define AGAIN "run skyarc doctor again, before several machines write to this bucket"

void bucket_check_region(struct s3_client *client, const char *set, struct findings *findings)
{
    const char *region = s3_client_region(client);

    if (strcmp(region, set) != 0)
        finding_add(findings, "endpoint", FINDING_WARNING, "set AWS_REGION to it",
                    "the bucket is in the region %s, not in %s, as each command must find out",
                    region, set);
}

void bucket_check_clock(struct s3_client *client, struct findings *findings)
{
    int64_t skew = s3_client_skew(client);

    if (skew == CLOCK_NONE)
        finding_add(findings, "s3-clock", FINDING_WARNING,
                    "synchronise this clock (timedatectl set-ntp true)",
                    "the store does not tell its time, so this clock cannot be checked");
    else
        clock_check(findings, "s3-clock", "the store's", skew);
}

static void check_versions(struct s3_client *client, struct findings *findings)
{
    enum bucket_versions versions = BUCKET_UNVERSIONED;
    struct err err = { 0 };

    if (bucket_versions(client, &versions, &err) < 0) {
        finding_add(findings, "versioning", FINDING_WARNING,
                    "allow s3:GetBucketVersioning, if that should be known",
                    "whether the bucket keeps versions is unknown: %s", err.text);
        return;
    }
    switch (versions) {
    case BUCKET_UNVERSIONED:
        finding_add(findings, "versioning", FINDING_OK, NULL,
                    "the bucket keeps no versions: what is deleted or replaced is gone");
        break;
    case BUCKET_VERSIONED:
    case BUCKET_SUSPENDED:
        finding_add(findings, "versioning", FINDING_OK, NULL,
                    "%s: what is deleted takes space until a lifecycle rule expires it",
                    versions == BUCKET_VERSIONED
                        ? "the bucket keeps versions"
                        : "the bucket keeps versions of former times, and no new ones");
        break;
    }
}

static void check_lock(struct s3_client *client, struct findings *findings)
{
    struct bucket_lock lock = { 0 };
    struct err err = { 0 };

    if (bucket_lock(client, &lock, &err) < 0)
        finding_add(findings, "s3-lock", FINDING_WARNING,
                    "allow s3:GetBucketObjectLockConfiguration, if that should be known",
                    "whether the bucket has Object Lock is unknown: %s", err.text);
    else if (*lock.mode)
        finding_add(
            findings, "s3-lock", FINDING_WARNING,
            "remove the bucket's rule, and lock archives by --s3-lock and --s3-retain",
            "the bucket locks each object for %s %s (%s), also those that must be replaced",
            *lock.period ? lock.period : "some", lock.years ? "years" : "days", lock.mode);
    else
        finding_add(findings, "s3-lock", FINDING_OK, NULL, "Object Lock: %s",
                    lock.enabled ? "enabled" : "the bucket was created without it");
}

void bucket_check_settings(struct s3_client *client, struct findings *findings)
{
    check_versions(client, findings);
    check_lock(client, findings);
}

struct upload_tally {
    size_t count;
    int64_t oldest_ms; /* CLOCK_NONE: unknown */
};

static int on_upload(void *ctx, const struct upload_listed *listed, struct err *err)
{
    struct upload_tally *tally = ctx;

    if (tally->count == UPLOADS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d", UPLOADS_MAX);
    tally->count++;
    if (listed->when_ms != CLOCK_NONE &&
        (tally->oldest_ms == CLOCK_NONE || listed->when_ms < tally->oldest_ms))
        tally->oldest_ms = listed->when_ms;
    return 0;
}

void bucket_check_uploads(struct s3_client *client, const char *prefix,
                          struct findings *findings)
{
    struct upload_tally tally = { 0, CLOCK_NONE };
    struct err err = { 0 };
    int rc = upload_list(client, prefix, on_upload, &tally, &err);
    bool many = rc < 0 && tally.count == UPLOADS_MAX;
    int64_t age = tally.oldest_ms == CLOCK_NONE ? 0 : clock_wall() - tally.oldest_ms;
    char ago[TEXT_SIZE_MAX];

    if (rc < 0 && !many)
        finding_add(findings, "uploads", FINDING_WARNING,
                    "allow s3:ListBucketMultipartUploads, so that uploads that were broken off "
                    "are found",
                    "unfinished uploads cannot be listed: %s", err.text);
    else if (!tally.count)
        finding_add(findings, "uploads", FINDING_OK, NULL, "no upload is unfinished");
    else
        finding_add(findings, "uploads", many || age > OLD_MS ? FINDING_WARNING : FINDING_OK,
                    many || age > OLD_MS ? LIFECYCLE : NULL,
                    "%s%zu unfinished upload%s, the oldest begun %s: their parts cost money",
                    many ? "more than " : "", tally.count, text_plural(tally.count),
                    tally.oldest_ms == CLOCK_NONE
                        ? "at an unknown time"
                        : text_ago(ago, age < 0 ? 0 : (uint64_t)age / 1000));
}

void bucket_check_conditions(struct s3_client *client, const char *prefix,
                             struct findings *findings)
{
    struct conditions found;
    struct err err = { 0 };

    if (conditions_probe(s3_client_bucket(client), prefix, &found, &err) < 0) {
        finding_add(findings, "conditions", FINDING_WARNING, AGAIN, "%s", err.text);
        return;
    }
    switch (found.fitness) {
    case CONDITIONS_FIT:
        finding_add(findings, "conditions", FINDING_OK, NULL,
                    "of %d conditional writes at the same time one won, in %d races: fit for "
                    "shards",
                    CONDITIONS_RACERS, CONDITIONS_ROUNDS + 1);
        break;
    case CONDITIONS_UNFIT:
        finding_add(findings, "conditions", FINDING_WARNING,
                    "let one machine alone write to this bucket, or use a store whose "
                    "conditional writes are atomic",
                    "unfit for shards: %s", found.why);
        break;
    case CONDITIONS_UNKNOWN:
        finding_add(findings, "conditions", FINDING_WARNING, AGAIN,
                    "whether the store is fit for shards is unknown: %s", found.why);
        break;
    }
    if (*found.left)
        finding_add(findings, "delete", FINDING_WARNING, "remove it",
                    "'s3://%s/%s' could not be removed", s3_client_bucket(client), found.left);
}

/* The leases of shards being listed. */
struct leases {
    size_t prefix;
    uint64_t n; /* of the newest one */
    int64_t newest_ms;
    size_t count; /* of shards of n */
};

static int on_lease(void *ctx, const struct object_listed *object, struct err *err)
{
    struct leases *l = ctx;
    const char *name = object->key + l->prefix;
    const char *of = strstr(name, "-of-");
    const char *end = strstr(name, ".json");
    char text[SHARD_TEXT_MAX];
    struct shard shard;

    (void)err;
    if (!of || !end || end < of)
        return 0;
    (void)snprintf(text, sizeof(text), "%.*s/%.*s", (int)(of - name), name, (int)(end - of - 4),
                   of + 4);
    if (text_part(text, SHARD_MOST, &shard.k, &shard.n, NULL) < 0 ||
        (shard.n != l->n && l->n && object->modified_ms < l->newest_ms))
        return 0;
    if (object->modified_ms > l->newest_ms)
        l->newest_ms = object->modified_ms;
    l->count = shard.n == l->n ? l->count + 1 : 1;
    l->n = shard.n;
    return 0;
}

void bucket_check_shards(struct s3_client *client, const char *prefix, struct findings *f)
{
    struct leases leases = { 0 };
    struct err err = { 0 };
    size_t len = strlen(prefix);
    char *folder =
        mem_format(&err, "%s%sleases/", prefix, len && prefix[len - 1] != '/' ? "/" : "");
    int rc = folder ? 0 : -1;

    leases.prefix = folder ? strlen(folder) : 0;
    if (rc == 0)
        rc = object_list(client, folder, NULL, on_lease, &leases, &err);
    mem_free(folder);
    if (rc == 0 && leases.n)
        finding_add(f, "shards", FINDING_OK, NULL,
                    "%zu of %llu shards fill this prefix, each run being of one of them",
                    leases.count, (unsigned long long)leases.n);
    else if (rc < 0 && err.kind != ERR_DENIED) /* which the list above has said */
        finding_add(f, "shards", FINDING_WARNING, NULL, "%s", err.text);
}
