/* SPDX-License-Identifier: MIT */
#include "credentials/credentials.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "credentials/metadata.h"
#include "credentials/profile.h"
#include "credentials/sts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTAINER "the container's metadata service"
#define INSTANCE  "the instance's metadata service"
#define EARLY_MS  ((int64_t)5 * 60 * 1000) /* keys are renewed so long before they expire */
#define AGAIN_MS  30000                    /* minimum interval at which the sources are asked */

struct credentials {
    struct credentials_opts opts;
    pthread_mutex_t lock;
    struct keys keys;  /* under lock; id "": none yet */
    char source[160];  /* under lock: where keys are from */
    bool asked;        /* under lock: the sources were asked */
    struct err why;    /* under lock: why the sources gave none */
    uint64_t again_ms; /* under lock: the sources are not asked before, see credentials_get */
};

struct credentials *credentials_new(const struct credentials_opts *opts, struct err *err)
{
    struct credentials *credentials = mem_new(sizeof(*credentials), err);

    if (!credentials)
        return NULL;
    mem_forbid_dumps(); /* also libcurl copies session tokens while it sends them */
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
    const char *token = variable("AWS_SESSION_TOKEN");

    (void)opts;
    if (!id && !secret)
        return 0;
    if (!id || !secret)
        return err_set(err, ERR_FORMAT, "%s is set, but %s is not",
                       id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    if (!token)
        token = variable("AWS_SECURITY_TOKEN"); /* its name in the first SDKs */
    return keys_set(keys, id, secret, token, INT64_MAX, err) < 0 ? -1 : 1;
}

static struct question_opts question_opts(const struct credentials_opts *opts)
{
    return (struct question_opts){ opts->agent, opts->ca_file, opts->stop };
}

static int ask_identity(const struct credentials_opts *opts, const char *role, const char *file,
                        const char *session, struct keys *keys, struct err *err)
{
    struct question_opts how = question_opts(opts);

    return sts_web_identity(&how, role, file, session, opts->region, keys, err) < 0 ? -1 : 1;
}

static int from_web_identity(const struct credentials_opts *opts, struct keys *keys,
                             struct err *err)
{
    const char *role = variable("AWS_ROLE_ARN");
    const char *file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");

    if (!file)
        return 0;
    if (!role)
        return err_set(err, ERR_FORMAT,
                       "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    return ask_identity(opts, role, file, variable("AWS_ROLE_SESSION_NAME"), keys, err);
}

/*
 * Whether a profile's keys come from a role, SSO or a program: these are refused, with advice.
 */
static bool is_foreign(const struct profile *profile)
{
    return profile_get(profile, "role_arn") || profile_get(profile, "sso_session") ||
           profile_get(profile, "sso_start_url") || profile_get(profile, "credential_process");
}

/*
 * A role precedes the keys of the same profile, which may be those that only assume the role.
 */
static int from_settings(const struct credentials_opts *opts, const struct profile *profile,
                         struct keys *keys, struct err *err)
{
    const char *id = profile_get(profile, "aws_access_key_id");
    const char *secret = profile_get(profile, "aws_secret_access_key");
    const char *token = profile_get(profile, "aws_session_token");
    const char *file = profile_get(profile, "web_identity_token_file");
    const char *role = profile_get(profile, "role_arn");

    if (file && role)
        return ask_identity(opts, role, file, profile_get(profile, "role_session_name"), keys,
                            err);
    if (!token)
        token = profile_get(profile, "aws_security_token");
    if (id && secret && !role)
        return keys_set(keys, id, secret, token, INT64_MAX, err) < 0 ? -1 : 1;
    if ((id || secret) && !role)
        return err_set(err, ERR_FORMAT, "the profile has %s, but not %s",
                       id ? "aws_access_key_id" : "aws_secret_access_key",
                       id ? "aws_secret_access_key" : "aws_access_key_id");
    if (is_foreign(profile))
        return err_set(err, ERR_FORMAT,
                       "the profile gets its keys in a way that skyarc does not know; export "
                       "them by 'aws configure export-credentials --format env'");
    return 0;
}

static int from_profile(const struct credentials_opts *opts, struct keys *keys, struct err *err)
{
    struct profile *loaded = opts->profile ? NULL : profile_load(NULL, opts->stop, err);
    const struct profile *profile = opts->profile ? opts->profile : loaded;
    int rc = profile ? from_settings(opts, profile, keys, err) : -1;

    if (profile && rc < 0)
        (void)err_wrap(err, "profile '%s'", profile_name(profile));
    profile_free(loaded);
    return rc;
}

/* The result of a metadata service as that of a source. */
static int found(int rc, const char *source, const struct err *why, struct err *err)
{
    if (rc == 0)
        return 1;
    if (why->kind == ERR_NOT_FOUND) {
        log_line(LOG_DEBUG, "credentials of the object store: none from %s: %s", source,
                 why->text);
        return 0;
    }
    if (err)
        *err = *why;
    return -1;
}

static int from_container(const struct credentials_opts *opts, struct keys *keys,
                          struct err *err)
{
    struct question_opts how = question_opts(opts);
    struct err why = { 0 };

    return found(metadata_container(&how, keys, &why), CONTAINER, &why, err);
}

static int from_instance(const struct credentials_opts *opts, struct keys *keys,
                         struct err *err)
{
    struct question_opts how = question_opts(opts);
    struct err why = { 0 };

    return found(metadata_instance(&how, keys, &why), INSTANCE, &why, err);
}

/* Remember which source has given keys. */
static void name_source(struct credentials *credentials, const char *name, bool is_profile)
{
    if (is_profile && credentials->opts.profile)
        (void)snprintf(credentials->source, sizeof(credentials->source), "the profile '%.100s'",
                       profile_name(credentials->opts.profile));
    else
        (void)snprintf(credentials->source, sizeof(credentials->source), "%s", name);
    log_line(LOG_DEBUG, "credentials of the object store: from %s", credentials->source);
}

/* Ask the sources in their order. */
static int fetch(struct credentials *credentials, struct err *err)
{
    static const struct {
        source_fn *ask;
        const char *name;
    } sources[] = {
        { from_variables, "the environment" }, { from_web_identity, "a web identity" },
        { from_profile, "a profile" },         { from_container, CONTAINER },
        { from_instance, INSTANCE },
    };
    struct credentials_opts opts = credentials->opts;
    size_t i;

    if (credentials->asked && opts.profile && !profile_is_once(opts.profile))
        opts.profile = NULL; /* the files may have other keys now */
    credentials->asked = true;
    for (i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        struct keys keys = { .expires_ms = INT64_MAX };
        int rc = sources[i].ask(&opts, &keys, err);

        if (rc > 0) {
            credentials->keys = keys;
            name_source(credentials, sources[i].name, sources[i].ask == from_profile);
        }
        explicit_bzero(&keys, sizeof(keys));
        if (rc)
            return rc < 0 ? err_wrap(err, "credentials of the object store") : 0;
    }
    return err_set(err, ERR_DENIED,
                   "there are no credentials for the object store; set AWS_ACCESS_KEY_ID and "
                   "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
}

/* Ask the sources. */
static void refresh(struct credentials *credentials)
{
    struct err why = { 0 };

    credentials->again_ms = clock_mono() + AGAIN_MS;
    (void)fetch(credentials, &why);
    if (why.kind == ERR_CANCELLED)
        credentials->again_ms = 0;
    credentials->why = why;
}

/* Whether the keys will soon expire, or there are none. */
static bool is_due(const struct keys *keys)
{
    return !*keys->id ||
           (keys->expires_ms != INT64_MAX && keys->expires_ms - EARLY_MS < clock_wall());
}

int credentials_get(struct credentials *credentials, const char *refused, struct keys *keys,
                    struct err *err)
{
    const struct keys *have = &credentials->keys;
    const struct err *why = &credentials->why;
    bool renew;
    int rc = 0;

    (void)pthread_mutex_lock(&credentials->lock);
    renew = refused && strcmp(have->id, refused) == 0;
    if (renew || (is_due(have) && clock_mono() >= credentials->again_ms))
        refresh(credentials);
    if (why->kind && (renew || !*have->id || have->expires_ms <= clock_wall())) {
        if (err)
            *err = *why;
        rc = -1;
    } else if (why->kind) {
        log_line(LOG_INFO, "%s; using the keys that expire soon", why->text);
    }
    *keys = *have;
    (void)pthread_mutex_unlock(&credentials->lock);
    return rc;
}

int credentials_describe(struct credentials *credentials, struct credentials_source *source,
                         struct err *err)
{
    struct keys keys;
    int rc = credentials_get(credentials, NULL, &keys, err);

    if (rc == 0) {
        source->session = *keys.token;
        source->expires_ms = keys.expires_ms;
        (void)pthread_mutex_lock(&credentials->lock);
        memcpy(source->name, credentials->source, sizeof(source->name));
        (void)pthread_mutex_unlock(&credentials->lock);
    }
    explicit_bzero(&keys, sizeof(keys));
    return rc;
}
