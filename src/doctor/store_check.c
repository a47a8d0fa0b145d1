/* SPDX-License-Identifier: MIT */
#include "doctor/store_check.h"

#include "base/clock.h"
#include "base/file.h"
#include "doctor/bucket_check.h"
#include "s3/location.h"
#include "s3/object.h"
#include "s3/object_list.h"
#include "s3/object_put.h"
#include "s3/upload.h"
#include "storage/conditions.h"
#include "storage/remote.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PARTS_SIZE ((uint64_t)5 << 20) /* the least size of a part that is not the last */
#define HURRY_MS   2000                /* for each request after one to stop */
#define BODY       "written by skyarc doctor\n"

#define KEYS_ADVICE                                                                            \
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to keys of this store"
#define URL_ADVICE    "check AWS_ENDPOINT_URL and the network; without it, requests go to AWS"
#define BUCKET_ADVICE "check the bucket's name, AWS_ENDPOINT_URL and AWS_REGION"

/* What is checked, and under which key. */
struct store_probe {
    struct s3_client *client;
    struct findings *findings;
    struct location location;
    struct remote_facts facts;
    char key[CONDITIONS_KEY];
    char versions[2][128]; /* that were written; "": none, or the bucket has no versions */
};

/* Report the credentials and the endpoint; false: nothing can be asked. */
static bool check_settings(struct store_probe *s)
{
    const struct credentials_source *keys = &s->facts.keys;
    char until[CLOCK_TEXT_MAX];
    struct err err = { 0 };

    if (remote_describe(s->location.bucket, &s->facts, &err) < 0) {
        finding_add(s->findings, "endpoint", FINDING_ERROR,
                    "correct the variable, or the profile", "%s", err.text);
        return false;
    }
    if (s->facts.no_keys.kind) {
        finding_add(s->findings, "s3-keys", FINDING_ERROR, KEYS_ADVICE, "%s",
                    s->facts.no_keys.text);
        return false;
    }
    finding_add(s->findings, "s3-keys", FINDING_OK, NULL, "credentials from %s%s%s%s",
                keys->name, keys->session ? ", with a session token" : "",
                keys->expires_ms == INT64_MAX ? "" : ", valid until ",
                keys->expires_ms == INT64_MAX
                    ? ""
                    : clock_format(until, keys->expires_ms, CLOCK_RFC3339));
    finding_add(s->findings, "endpoint", FINDING_OK, NULL, "%s, region %s%s", s->facts.server,
                s->facts.region, s->facts.secure ? "" : "; without TLS");
    return true;
}

/* A visitor that ends the list with the first object. */
static int on_object(void *ctx, const struct object_listed *object, struct err *err)
{
    (void)object;
    *(bool *)ctx = true;
    return err_set(err, ERR_CANCELLED, "one is enough");
}

/* Report a list that failed: it tells whether endpoint, credentials and bucket are right. */
static bool report_list(struct store_probe *s, const struct err *err)
{
    struct findings *f = s->findings;

    if (err->kind == ERR_DENIED && err->http) {
        finding_add(f, "bucket", FINDING_OK, NULL, "'%s' answers, credentials accepted",
                    s->location.bucket);
        finding_add(f, "list", FINDING_WARNING,
                    "allow s3:ListBucket on the bucket, which a directory of archives needs",
                    "objects cannot be listed: %s", err->text);
        return true;
    }
    if (err->kind == ERR_NET)
        finding_add(f, "endpoint", FINDING_ERROR, URL_ADVICE, "%s", err->text);
    else if (err->http == 401 || err->http == 403)
        finding_add(f, "s3-keys", FINDING_ERROR, KEYS_ADVICE, "%s", err->text);
    else
        finding_add(f, "bucket", FINDING_ERROR, BUCKET_ADVICE, "%s", err->text);
    return false;
}

/* Whether the bucket answers, with these credentials; and whether it can be listed. */
static bool check_bucket(struct store_probe *s)
{
    struct findings *f = s->findings;
    struct err err = { 0 };
    bool some = false;
    int rc = object_list(s->client, s->location.key, NULL, on_object, &some, &err);

    if (rc < 0 && !some)
        return report_list(s, &err);
    finding_add(f, "bucket", FINDING_OK, NULL, "'%s' answers, credentials accepted",
                s->location.bucket);
    finding_add(f, "list", FINDING_OK, NULL, "objects can be listed; there %s 's3://%s/%s'",
                some ? "are some under" : "is none under", s->location.bucket, s->location.key);
    return true;
}

/* Write a small object and read it. */
static bool check_object(struct store_probe *s)
{
    struct object_put_opts opts = { .key = s->key, .bytes = BODY, .len = strlen(BODY) };
    struct object_info info;
    struct buf found = { 0 };
    struct err err = { 0 };
    int there;

    if (object_put(s->client, &opts, &info, &err) < 0) {
        finding_add(s->findings, "write", FINDING_ERROR,
                    "allow s3:PutObject under this prefix, or use another bucket",
                    "objects cannot be written: %s", err.text);
        return false;
    }
    memcpy(s->versions[0], info.version, sizeof(info.version));
    there = object_load(s->client, s->key, strlen(BODY), &found, &info, &err);
    if (there > 0 && strcmp(buf_text(&found), BODY) == 0)
        finding_add(s->findings, "write", FINDING_OK, NULL, "objects can be written and read");
    else
        finding_add(s->findings, "write", FINDING_ERROR,
                    "allow s3:GetObject under this prefix, or use another store",
                    "what was written cannot be read: %s",
                    there < 0    ? err.text
                    : there == 0 ? "the object is not there"
                                 : "it is something else");
    buf_clear(&found);
    return there > 0;
}

/* Write an object in two parts from a file of zeros, and read a range across both. */
static int write_parts(struct store_probe *s, int fd, struct err *err)
{
    struct upload_opts opts = { .key = s->key,
                                .fd = fd,
                                .size = PARTS_SIZE + 1,
                                .part_size = PARTS_SIZE,
                                .begun = upload_begun_untold,
                                .sent = upload_sent_untold };
    struct object_info info;
    struct buf range = { 0 };
    int rc;

    if (ftruncate(fd, (off_t)opts.size) < 0)
        return err_sys(err, "cannot write a temporary file");
    if (upload_file(s->client, &opts, &info, err) < 0)
        return -1;
    memcpy(s->versions[1], info.version, sizeof(info.version));
    rc = object_get(s->client, s->key, &info, PARTS_SIZE - 1, 2, &range, err);
    buf_clear(&range);
    return rc;
}

/* Whether objects can be written in parts, and read by ranges. */
static void check_parts(struct store_probe *s)
{
    struct err err = { 0 };
    int fd = file_temp(file_temp_dir(), &err);
    int rc = fd >= 0 ? write_parts(s, fd, &err) : -1;

    if (fd >= 0)
        file_close(&fd);
    if (rc < 0)
        finding_add(s->findings, "parts", FINDING_ERROR,
                    "allow s3:PutObject, s3:GetObject and s3:AbortMultipartUpload",
                    "objects cannot be written in parts and read by ranges: %s", err.text);
    else
        finding_add(s->findings, "parts", FINDING_OK, NULL,
                    "objects can be written in parts and read by ranges");
}

/*
 * Remove the object: its versions, so that nothing stays, or else hide them. After a request to
 * stop, too.
 */
static int remove_object(struct store_probe *s, struct err *err)
{
    struct stop stop = remote_stop();
    bool versions = false;
    size_t i;
    int rc = 0;

    if (stop_asked(&stop))
        s3_client_hurry(s->client, false, 0, HURRY_MS);
    for (i = 0; rc == 0 && i < 2; i++) {
        if (!*s->versions[i] || strcmp(s->versions[i], "null") == 0)
            continue;
        versions = true;
        rc = object_delete_version(s->client, s->key, s->versions[i], NULL);
    }
    return versions && rc == 0 ? 0 : object_delete(s->client, s->key, err);
}

/* Whether objects can be deleted. */
static bool check_delete(struct store_probe *s)
{
    struct err err = { 0 };

    if (remove_object(s, &err) == 0) {
        finding_add(s->findings, "delete", FINDING_OK, NULL, "objects can be deleted");
        return true;
    }
    finding_add(s->findings, "delete", FINDING_WARNING,
                "allow s3:DeleteObject, which prune needs; remove the object",
                "objects cannot be deleted, also not this one: %s", err.text);
    return false;
}

/* Make the checks of a store that can be asked. */
static void check_store(struct store_probe *s)
{
    bool written;

    if (!check_bucket(s))
        return;
    bucket_check_region(s->client, s->facts.region, s->findings);
    written = check_object(s);
    bucket_check_clock(s->client, s->findings);
    if (written)
        check_parts(s);
    if (check_delete(s) && written)
        bucket_check_conditions(s->client, s->location.key, s->findings);
    else
        finding_add(s->findings, "conditions", FINDING_WARNING,
                    "correct what is wrong above, and run skyarc doctor again",
                    "whether the store is fit for shards is unknown: that needs objects that "
                    "can be written and deleted");
    bucket_check_settings(s->client, s->findings);
    bucket_check_uploads(s->client, s->location.key, s->findings);
    bucket_check_shards(s->client, s->location.key, s->findings);
}

void store_check(const char *address, struct findings *findings)
{
    struct store_probe s = { .findings = findings };
    struct err err = { 0 };

    if (location_parse(&s.location, address, &err) < 0) {
        finding_add(findings, "bucket", FINDING_ERROR, "use s3://bucket/prefix", "%s",
                    err.text);
        return;
    }
    if (!check_settings(&s))
        return;
    conditions_key(s.key, s.location.key);
    s.client = remote_client(s.location.bucket, 0, &err);
    if (s.client)
        check_store(&s);
    else
        finding_add(findings, "endpoint", FINDING_ERROR, URL_ADVICE, "%s", err.text);
    s3_client_free(s.client);
}
