/* SPDX-License-Identifier: MIT */
#include "storage/remote.h"

#include "base/mem.h"
#include "credentials/credentials.h"
#include "credentials/key_file.h"
#include "credentials/profile.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REGION "us-east-1" /* which S3-compatible stores accept, too */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* under lock, once it is set up */
static struct {
    struct remote_opts opts;
    const char *work_dir; /* set at the start, when there is one thread */
    bool begun;
    bool ready; /* the fields below are set */
    struct profile *profile;
    struct credentials *credentials;
    struct location_endpoint endpoint;
} remote;

void remote_begin(const struct remote_opts *opts)
{
    remote.opts = *opts;
    remote.begun = true;
}

void remote_end(void)
{
    credentials_free(remote.credentials);
    profile_free(remote.profile);
    memset(&remote, 0, sizeof(remote));
}

void remote_use_work_dir(const char *dir)
{
    remote.work_dir = dir;
}

const char *remote_work_dir(void)
{
    return remote.work_dir;
}

struct stop remote_stop(void)
{
    return remote.begun ? remote.opts.stop : stop_never();
}

/* The first of two variables that is set and not empty; NULL: neither is. */
static const char *variable(const char *first, const char *second)
{
    const char *value = getenv(first);

    if (!value || !*value)
        value = second ? getenv(second) : NULL;
    return value && *value ? value : NULL;
}

static int set_style(struct location_endpoint *endpoint, const char *style, struct err *err)
{
    if (!style || strcmp(style, "auto") == 0)
        endpoint->style = LOCATION_AUTO;
    else if (strcmp(style, "path") == 0)
        endpoint->style = LOCATION_PATH;
    else if (strcmp(style, "virtual") == 0)
        endpoint->style = LOCATION_VIRTUAL;
    else
        return err_set(err, ERR_SYSTEM,
                       "'%.40s' is no addressing style of an object store "
                       "(AWS_S3_ADDRESSING_STYLE, or addressing_style of the profile); use "
                       "path, virtual or auto",
                       style);
    return 0;
}

/* The endpoint that the environment or the profile names, the special before the general. */
static const char *find_endpoint(const struct profile *profile)
{
    const char *ignored = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", NULL);
    const char *url;

    if (!ignored)
        ignored = profile_get(profile, "ignore_configured_endpoint_urls");
    if (ignored && strcasecmp(ignored, "true") == 0)
        return NULL;
    url = variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
    if (!url)
        url = profile_get(profile, "services.s3.endpoint_url");
    return url ? url : profile_get(profile, "endpoint_url");
}

/* Read the profile, unless that was done: its files may be readable once only. */
static int load_profile(struct err *err)
{
    if (!remote.profile)
        remote.profile = profile_load(NULL, remote_stop(), err);
    return remote.profile ? 0 : -1;
}

/* Read the settings that are used by all clients. */
static int set_up(struct err *err)
{
    const char *region = variable("AWS_REGION", "AWS_DEFAULT_REGION");
    const char *style = variable("AWS_S3_ADDRESSING_STYLE", NULL);
    struct credentials_opts opts = { .agent = remote.opts.agent,
                                     .ca_file = remote.opts.ca_file,
                                     .stop = remote_stop() };

    if (load_profile(err) < 0)
        return -1;
    opts.profile = remote.profile;
    region = region ? region : profile_get(remote.profile, "region");
    region = region ? region : REGION;
    style = style ? style : profile_get(remote.profile, "s3.addressing_style");
    remote.endpoint.url = find_endpoint(remote.profile);
    if (!aws_region_is_valid(region))
        return err_set(err, ERR_SYSTEM,
                       "invalid region of an object store: '%.60s' (AWS_REGION, "
                       "AWS_DEFAULT_REGION, or region in the profile)",
                       region);
    (void)snprintf(remote.endpoint.region, sizeof(remote.endpoint.region), "%s", region);
    if (set_style(&remote.endpoint, style, err) < 0)
        return -1;
    opts.region = remote.endpoint.region;
    remote.credentials = credentials_new(&opts, err);
    remote.ready = remote.credentials;
    return remote.ready ? 0 : -1;
}

/* Visit a file by its name in a setting; NULL is fine. */
static void visit_file(const char *name, void (*visit)(void *ctx, const char *path), void *ctx)
{
    char *path = name ? key_file_path(name, NULL) : NULL;

    if (path)
        visit(ctx, path);
    mem_free(path);
}

void remote_each_file(void (*visit)(void *ctx, const char *path), void *ctx)
{
    static const char *const variables[] = { "AWS_CA_BUNDLE", "AWS_SHARED_CREDENTIALS_FILE",
                                             "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
                                             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" };
    const char *home = variable("HOME", NULL);
    char *dir = home ? mem_format(NULL, "%s/.aws", home) : NULL;
    size_t i;

    mem_forbid_dumps();
    for (i = 0; i < sizeof(variables) / sizeof(*variables); i++)
        visit_file(variable(variables[i], NULL), visit, ctx);
    if (dir)
        visit(ctx, dir);
    mem_free(dir);
    (void)pthread_mutex_lock(&lock);
    if (load_profile(NULL) == 0) /* an error is reported when a client is made */
        visit_file(profile_get(remote.profile, "web_identity_token_file"), visit, ctx);
    (void)pthread_mutex_unlock(&lock);
}

struct s3_client *remote_client(const char *bucket, unsigned jobs, struct err *err)
{
    struct s3_opts opts = { .bucket = bucket,
                            .ca_file = remote.opts.ca_file,
                            .agent = remote.opts.agent,
                            .jobs = jobs,
                            .retries = remote.opts.retries,
                            .rate_bps = remote.opts.rate_bps,
                            .stop = remote_stop() };
    int rc;

    (void)pthread_mutex_lock(&lock);
    rc = remote.ready ? 0 : set_up(err);
    opts.endpoint = remote.endpoint;
    opts.credentials = remote.credentials;
    (void)pthread_mutex_unlock(&lock);
    return rc < 0 ? NULL : s3_client_new(&opts, err);
}

int remote_endpoint(char out[REMOTE_ENDPOINT_MAX], struct err *err)
{
    int rc;

    (void)pthread_mutex_lock(&lock);
    rc = remote.ready ? 0 : set_up(err);
    (void)snprintf(out, REMOTE_ENDPOINT_MAX, "%s",
                   rc == 0 && remote.endpoint.url ? remote.endpoint.url : "");
    (void)pthread_mutex_unlock(&lock);
    return rc;
}

int remote_describe(const char *bucket, struct remote_facts *facts, struct err *err)
{
    struct location_endpoint endpoint;
    struct location_url url = { 0 };
    int rc;

    *facts = (struct remote_facts){ 0 };
    (void)pthread_mutex_lock(&lock);
    rc = remote.ready ? 0 : set_up(err);
    endpoint = remote.endpoint;
    (void)pthread_mutex_unlock(&lock);
    if (rc == 0)
        rc = location_url(&url, &endpoint, bucket, "", "", err);
    if (rc == 0) {
        facts->secure = strncmp(buf_text(&url.url), "https:", 6) == 0;
        (void)snprintf(facts->server, sizeof(facts->server), "%s://%s",
                       facts->secure ? "https" : "http", url.host);
        memcpy(facts->region, endpoint.region, sizeof(facts->region));
        if (credentials_describe(remote.credentials, &facts->keys, &facts->no_keys) < 0 &&
            facts->no_keys.kind == ERR_CANCELLED) {
            if (err)
                *err = facts->no_keys;
            rc = -1;
        }
    }
    location_url_clear(&url);
    return rc;
}
