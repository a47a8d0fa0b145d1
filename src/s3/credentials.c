/* SPDX-License-Identifier: MIT */
#include "s3/credentials.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "s3/metadata.h"
#include "s3/profile.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_MS ((int64_t)5 * 60 * 1000) /* keys are renewed so long before they expire */

struct credentials {
    struct credentials_opts opts;
    pthread_mutex_t lock;
    struct keys keys; /* under lock; id "": none yet */
};

struct credentials *credentials_new(const struct credentials_opts *opts, struct err *err)
{
    struct credentials *credentials = mem_new(sizeof(*credentials), err);

    if (!credentials)
        return NULL;
    credentials->opts = *opts;
    (void)pthread_mutex_init(&credentials->lock, NULL);
    return credentials;
}

void credentials_free(struct credentials *credentials)
{
    if (!credentials)
        return;
    (void)pthread_mutex_destroy(&credentials->lock);
    explicit_bzero(&credentials->keys, sizeof(credentials->keys));
    mem_free(credentials);
}

/* A variable that is set and not empty; NULL: it is not. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* A source of keys. 1: keys were set; 0: it has none; -1: it should have some, and failed. */
typedef int source_fn(const struct credentials_opts *opts, struct keys *keys, struct err *err);

static int from_variables(const struct credentials_opts *opts, struct keys *keys,
                          struct err *err)
{
    const char *id = variable("AWS_ACCESS_KEY_ID");
    const char *secret = variable("AWS_SECRET_ACCESS_KEY");

    (void)opts;
    if (!id && !secret)
        return 0;
    if (!id || !secret)
        return err_set(err, ERR_USAGE, "%s is set, but %s is not",
                       id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    return keys_set(keys, id, secret, variable("AWS_SESSION_TOKEN"), INT64_MAX, err) < 0 ? -1
                                                                                         : 1;
}

static struct metadata_opts metadata_opts(const struct credentials_opts *opts)
{
    return (struct metadata_opts){ opts->agent, opts->ca_file, opts->stop };
}

static int ask_identity(const struct credentials_opts *opts, const char *role, const char *file,
                        const char *session, struct keys *keys, struct err *err)
{
    struct metadata_opts how = metadata_opts(opts);

    return metadata_web_identity(&how, role, file, session, opts->region, keys, err) < 0 ? -1
                                                                                         : 1;
}

static int from_web_identity(const struct credentials_opts *opts, struct keys *keys,
                             struct err *err)
{
    const char *role = variable("AWS_ROLE_ARN");
    const char *file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");

    if (!file)
        return 0;
    if (!role)
        return err_set(err, ERR_USAGE,
                       "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    return ask_identity(opts, role, file, variable("AWS_ROLE_SESSION_NAME"), keys, err);
}

static int from_settings(const struct credentials_opts *opts, const struct profile *profile,
                         struct keys *keys, struct err *err)
{
    const char *id = profile_get(profile, "aws_access_key_id");
    const char *secret = profile_get(profile, "aws_secret_access_key");
    const char *file = profile_get(profile, "web_identity_token_file");
    const char *role = profile_get(profile, "role_arn");

    if (id && secret)
        return keys_set(keys, id, secret, profile_get(profile, "aws_session_token"), INT64_MAX,
                        err) < 0
                   ? -1
                   : 1;
    if (id || secret)
        return err_set(err, ERR_USAGE, "the profile has %s, but not %s",
                       id ? "aws_access_key_id" : "aws_secret_access_key",
                       id ? "aws_secret_access_key" : "aws_access_key_id");
    if (file && role)
        return ask_identity(opts, role, file, profile_get(profile, "role_session_name"), keys,
                            err);
    if (role || profile_get(profile, "sso_session") || profile_get(profile, "sso_start_url") ||
        profile_get(profile, "credential_process"))
        return err_set(err, ERR_USAGE,
                       "the profile gets its keys in a way that skyarc does not know; export "
                       "them by 'aws configure export-credentials --format env'");
    return 0;
}

static int from_profile(const struct credentials_opts *opts, struct keys *keys, struct err *err)
{
    struct profile *profile = profile_load(opts->profile, opts->stop, err);
    int rc = profile ? from_settings(opts, profile, keys, err) : -1;

    if (profile && rc < 0)
        (void)err_wrap(err, "profile '%s'", profile_name(profile));
    profile_free(profile);
    return rc;
}

/* The result of a metadata service as that of a source. */
static int found(int rc, const struct err *why, struct err *err)
{
    if (rc == 0)
        return 1;
    if (why->kind == ERR_NOT_FOUND)
        return 0;
    if (err)
        *err = *why;
    return -1;
}

static int from_container(const struct credentials_opts *opts, struct keys *keys,
                          struct err *err)
{
    struct metadata_opts how = metadata_opts(opts);
    struct err why = { 0 };

    return found(metadata_container(&how, keys, &why), &why, err);
}

static int from_instance(const struct credentials_opts *opts, struct keys *keys,
                         struct err *err)
{
    struct metadata_opts how = metadata_opts(opts);
    struct err why = { 0 };

    return found(metadata_instance(&how, keys, &why), &why, err);
}

/* Ask the sources in their order. */
static int fetch(struct credentials *credentials, struct err *err)
{
    static const struct {
        source_fn *ask;
        const char *name;
    } sources[] = {
        { from_variables, "the environment" },
        { from_web_identity, "a web identity" },
        { from_profile, "a profile" },
        { from_container, "the container's metadata service" },
        { from_instance, "the instance's metadata service" },
    };
    size_t i;

    for (i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        struct keys keys = { .expires_ms = INT64_MAX };
        int rc = sources[i].ask(&credentials->opts, &keys, err);

        if (rc > 0) {
            credentials->keys = keys;
            log_line(LOG_DEBUG, "credentials of the object store: from %s", sources[i].name);
        }
        explicit_bzero(&keys, sizeof(keys));
        if (rc)
            return rc < 0 ? err_wrap(err, "credentials of the object store") : 0;
    }
    return err_set(err, ERR_DENIED,
                   "there are no credentials for the object store; set AWS_ACCESS_KEY_ID and "
                   "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
}

int credentials_get(struct credentials *credentials, const char *refused, struct keys *keys,
                    struct err *err)
{
    const struct keys *have = &credentials->keys;
    int rc = 0;

    (void)pthread_mutex_lock(&credentials->lock);
    if (!*have->id || (refused && strcmp(have->id, refused) == 0) ||
        (have->expires_ms != INT64_MAX && have->expires_ms - EARLY_MS < clock_wall()))
        rc = fetch(credentials, err);
    *keys = *have;
    (void)pthread_mutex_unlock(&credentials->lock);
    return rc;
}
