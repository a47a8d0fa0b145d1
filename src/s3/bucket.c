/* SPDX-License-Identifier: MIT */
#include "s3/bucket.h"

#include "net/xml.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAX      ((size_t)64 << 10)
#define NOT_IMPLEMENTED 501

#define RULE "/Rule/DefaultRetention"

/*
 * Ask for a setting and visit its elements.
 *
 * returns  1; 0: the bucket has no such setting; -1: error
 */
static int ask(struct s3_client *client, const char *query, xml_visit_fn *visit, void *ctx,
               struct err *err)
{
    struct s3_call call = { .method = "GET", .key = "", .query = query, .max = ANSWER_MAX };
    struct err why = { 0 };
    int rc = s3_call_do(client, &call, &why);
    bool lacks = (why.kind == ERR_NOT_FOUND && strcmp(call.code, "NoSuchBucket") != 0) ||
                 why.http == NOT_IMPLEMENTED;

    if (rc == 0)
        rc = xml_parse(buf_text(&call.body), call.body.len, visit, ctx, &why);
    s3_call_clear(&call);
    if (rc == 0)
        return 1;
    if (lacks)
        return 0;
    if (err)
        *err = why;
    return -1;
}

/* What is read of a setting. */
struct setting {
    bool known; /* it is the setting that was asked for */
    enum bucket_versions versions;
    struct bucket_lock lock;
};

static int on_versions(void *ctx, const char *path, const char *text, struct err *err)
{
    struct setting *setting = ctx;
    size_t root = strcspn(path, "/");

    (void)err;
    if (strcmp(path, "VersioningConfiguration") == 0 ||
        strcmp(path, "GetBucketVersioningResponse") == 0) /* as moto names it */
        setting->known = true;
    else if (strcmp(path + root, "/Status") == 0 && strcmp(text, "Enabled") == 0)
        setting->versions = BUCKET_VERSIONED;
    else if (strcmp(path + root, "/Status") == 0 && strcmp(text, "Suspended") == 0)
        setting->versions = BUCKET_SUSPENDED;
    return 0;
}

/* Copy a word of letters and digits, if it fits. */
static void take(char *out, size_t size, const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    if (strlen(text) < size && strspn(text, allowed) == strlen(text))
        memcpy(out, text, strlen(text) + 1);
}

static int on_lock(void *ctx, const char *path, const char *text, struct err *err)
{
    struct setting *setting = ctx;
    struct bucket_lock *lock = &setting->lock;
    const char *below = path + strcspn(path, "/");

    (void)err;
    if (strcmp(path, "ObjectLockConfiguration") == 0 ||
        strcmp(path, "GetObjectLockConfigurationResponse") == 0)
        setting->known = true;
    else if (strcmp(below, "/ObjectLockEnabled") == 0)
        lock->enabled = strcmp(text, "Enabled") == 0;
    else if (strcmp(below, RULE "/Mode") == 0)
        take(lock->mode, sizeof(lock->mode), text);
    else if (strcmp(below, RULE "/Days") == 0)
        take(lock->period, sizeof(lock->period), text);
    else if (strcmp(below, RULE "/Years") == 0) {
        take(lock->period, sizeof(lock->period), text);
        lock->years = true;
    }
    return 0;
}

/* The answer was XML, but of another kind. */
static int check_known(struct s3_client *client, const struct setting *setting, struct err *err)
{
    if (setting->known)
        return 0;
    return err_set(err, ERR_FORMAT, "'s3://%s': the answer is not the setting of the bucket",
                   s3_client_bucket(client));
}

int bucket_versions(struct s3_client *client, enum bucket_versions *versions, struct err *err)
{
    struct setting setting = { 0 };
    int rc = ask(client, "versioning=", on_versions, &setting, err);

    if (rc > 0)
        rc = check_known(client, &setting, err);
    if (rc == 0)
        *versions = setting.versions;
    return rc;
}

int bucket_lock(struct s3_client *client, struct bucket_lock *lock, struct err *err)
{
    struct setting setting = { 0 };
    int rc = ask(client, "object-lock=", on_lock, &setting, err);

    if (rc > 0)
        rc = check_known(client, &setting, err);
    if (rc == 0)
        *lock = setting.lock;
    return rc;
}
