/* SPDX-License-Identifier: MIT */
#include "storage/lease.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "s3/object_list.h"
#include "s3/object_put.h"
#include "storage/remote.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX    ((size_t)16 << 10)
#define SECONDS_MAX 86400 /* what a lease may say */
#define HOST_SIZE   72
#define END_MS      5000 /* for a request that releases it */
#define TRIES       5    /* to take a lease that changes at the same moment */

struct lease {
    struct lease_opts opts;
    char session[TEXT_NONCE];
    char host[HOST_SIZE];
    uint64_t generation;
    char etag[128]; /* of the object that this process wrote last */
    struct s3_client *client;
    atomic_bool lost;
    /* under lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending;
    pthread_t thread;
    bool running;
};

/* What the object says. */
struct holder {
    bool there;
    char etag[128];
    int64_t modified_ms;
    uint64_t generation;
    uint64_t seconds;
    char owner[TEXT_NONCE];
    char session[TEXT_NONCE];
    char host[HOST_SIZE];
};

static int write_text(const struct lease *l, unsigned seconds, struct buf *out, struct err *err)
{
    struct jsonw *w = jsonw_new(buf_put, out, err);
    char when[CLOCK_TEXT_MAX];
    char nonce[TEXT_NONCE];

    if (!w)
        return -1;
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_u64(w, "version", 1);
    jsonw_u64(w, "generation", l->generation);
    jsonw_text(w, "owner", l->opts.owner);
    jsonw_text(w, "session", l->session);
    jsonw_text(w, "host", l->host);
    jsonw_u64(w, "seconds", seconds);
    jsonw_text(w, "at", clock_format(when, clock_wall(), CLOCK_RFC3339));
    jsonw_text(w, "made_by", l->opts.tool);
    jsonw_text(w, "nonce", text_nonce(nonce)); /* a lost answer is found out by it */
    jsonw_close(w);
    return jsonw_finish(w, err);
}

/* Write the lease over the object with this entity tag; "": there is none. 1: done, 0: another
 * process was first, -1 */
static int write_lease(struct lease *l, struct s3_client *client, const char *etag,
                       unsigned seconds, struct err *err)
{
    struct object_put_opts opts = { .key = l->opts.key,
                                    .condition = *etag ? OBJECT_MATCHES : OBJECT_ABSENT,
                                    .etag = etag };
    struct object_info info;
    struct err why = { 0 };
    struct buf text;
    int rc;

    buf_init(&text, TEXT_MAX);
    rc = write_text(l, seconds, &text, err);
    if (rc == 0) {
        opts.bytes = text.data;
        opts.len = text.len;
        if (object_put(client, &opts, &info, &why) == 0) {
            (void)snprintf(l->etag, sizeof(l->etag), "%s", info.etag);
            rc = 1;
        } else if (why.kind != ERR_EXISTS && why.kind != ERR_BUSY &&
                   (why.kind != ERR_NOT_FOUND || !*etag)) {
            *err = why;
            rc = -1;
        }
    }
    buf_clear(&text);
    return rc;
}

/* Take a text of the object; "" if it does not fit. */
static void take_text(struct json_value root, const char *key, struct region *region, char *out,
                      size_t size)
{
    const char *text = json_text(root, key, region);
    char shown[HOST_SIZE];

    (void)snprintf(out, size, "%s",
                   text && strlen(text) < size ? text_shown(shown, sizeof(shown), text) : "");
}

/* Understand the object; one that cannot be understood lasts as long as any. */
static int understand(struct holder *h, const struct buf *text, struct err *err)
{
    struct err ignored;
    struct json *doc = json_parse(buf_text(text), text->len, &ignored);
    struct region *region = region_new(err);

    h->seconds = LEASE_S;
    if (doc && region) {
        struct json_value root = json_root(doc);

        if (!json_u64(json_get(root, "seconds"), &h->seconds) || h->seconds > SECONDS_MAX)
            h->seconds = LEASE_S;
        (void)json_u64(json_get(root, "generation"), &h->generation);
        take_text(root, "owner", region, h->owner, sizeof(h->owner));
        take_text(root, "session", region, h->session, sizeof(h->session));
        take_text(root, "host", region, h->host, sizeof(h->host));
    }
    json_free(doc);
    region_free(region);
    return region ? 0 : -1;
}

static int on_object(void *ctx, const struct object_listed *object, struct err *err)
{
    struct holder *h = ctx;

    (void)err;
    if (!h->there) { /* the first key of this prefix is the key itself, if it exists */
        h->there = true;
        h->modified_ms = object->modified_ms;
        (void)snprintf(h->etag, sizeof(h->etag), "%s", object->etag);
    }
    return 0;
}

/* Read the object, and when it was written. */
static int look(struct lease *l, struct holder *h, struct err *err)
{
    struct object_info info;
    struct buf text = { 0 };
    int rc;

    *h = (struct holder){ 0 };
    rc = object_list(l->client, l->opts.key, NULL, on_object, h, err);
    if (rc < 0 || !h->there)
        return rc;
    rc = object_load(l->client, l->opts.key, TEXT_MAX, &text, &info, err);
    h->there = rc > 0;
    if (rc > 0 && strcmp(info.etag, h->etag) != 0) { /* written again in between */
        (void)snprintf(h->etag, sizeof(h->etag), "%s", info.etag);
        h->modified_ms = CLOCK_NONE;
    }
    if (rc > 0)
        rc = understand(h, &text, err);
    buf_clear(&text);
    return rc < 0 ? -1 : 0;
}

/* Whether the lease can be taken; *age_s: since it was written, by the store's clock. */
static bool is_free(const struct lease *l, const struct holder *h, int64_t *age_s)
{
    int64_t skew = s3_client_skew(l->client);

    *age_s = 0;
    if (!h->there || !h->seconds || (*h->owner && strcmp(h->owner, l->opts.owner) == 0))
        return true;
    if (h->modified_ms == CLOCK_NONE || skew == CLOCK_NONE)
        return false;
    *age_s = (clock_wall() + skew - h->modified_ms) / 1000;
    return *age_s > (int64_t)h->seconds;
}

static int try_take(struct lease *l, struct err *err)
{
    struct holder h;
    int64_t age_s;

    if (look(l, &h, err) < 0)
        return -1;
    if (!is_free(l, &h, &age_s))
        return err_set(err, ERR_BUSY,
                       "%s is being archived by another process%s%s, which said so %lld s ago; "
                       "after %" PRIu64 " s without a word it may be taken over",
                       l->opts.what, *h.host ? ", on " : "", h.host, (long long)age_s,
                       h.seconds);
    if (h.there && h.seconds && strcmp(h.owner, l->opts.owner) != 0)
        log_line(LOG_WARNING,
                 "%s was being archived by another process%s%s, which said nothing for %lld s: "
                 "it is taken over",
                 l->opts.what, *h.host ? ", on " : "", h.host, (long long)age_s);
    l->generation = h.generation + 1;
    return write_lease(l, l->client, h.there ? h.etag : "", LEASE_S, err);
}

/* Renew the lease. An error is no reason to stop: nobody else may have it yet. */
static void renew(struct lease *l)
{
    struct err why = { 0 };
    struct holder h;
    int rc = write_lease(l, l->client, l->etag, LEASE_S, &why);

    if (rc == 0) { /* unless it is our own, of which the answer was lost */
        rc = look(l, &h, &why);
        if (rc == 0 && h.there && strcmp(h.session, l->session) == 0)
            (void)snprintf(l->etag, sizeof(l->etag), "%s", h.etag);
        else if (rc == 0) /* somebody deleted it: then it is as good as expired */
            rc = h.there ? 0 : write_lease(l, l->client, "", LEASE_S, &why);
        if (rc == 0 && (!h.there || strcmp(h.session, l->session) != 0))
            atomic_store(&l->lost, true);
    }
    if (rc < 0)
        log_line(LOG_INFO, "the lease of %s was not renewed: %s", l->opts.what, why.text);
}

static void *work(void *ctx)
{
    struct lease *l = ctx;

    (void)pthread_mutex_lock(&l->lock);
    while (!l->ending && !atomic_load(&l->lost)) {
        struct timespec until;
        int rc = 0;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += LEASE_RENEW;
        while (!l->ending && rc == 0)
            rc = pthread_cond_clockwait(&l->changed, &l->lock, CLOCK_MONOTONIC, &until);
        if (l->ending)
            break;
        (void)pthread_mutex_unlock(&l->lock);
        renew(l);
        (void)pthread_mutex_lock(&l->lock);
    }
    (void)pthread_mutex_unlock(&l->lock);
    return NULL;
}

int lease_take(struct lease **out, const struct lease_opts *opts, struct err *err)
{
    struct lease *l = mem_new(sizeof(*l), err);
    int rc = 0;
    int i;

    if (!l)
        return -1;
    l->opts = *opts;
    (void)text_nonce(l->session);
    if (gethostname(l->host, sizeof(l->host) - 1) < 0)
        l->host[0] = '\0';
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->changed, NULL);
    l->client = remote_client(opts->bucket, 1, err);
    for (i = 0; l->client && rc == 0 && i < TRIES; i++)
        rc = try_take(l, err);
    if (l->client && rc == 0)
        (void)err_set(err, ERR_BUSY, "%s was taken by another process at the same moment",
                      opts->what);
    if (l->client && rc > 0) {
        errno = pthread_create(&l->thread, NULL, work, l);
        l->running = errno == 0;
        if (!l->running)
            (void)err_sys(err, "cannot start a thread");
    }
    if (l->running) {
        *out = l;
        return 0;
    }
    lease_free(l);
    return -1;
}

bool lease_is_lost(const struct lease *l)
{
    return l && atomic_load(&l->lost);
}

int lease_lost(const struct lease *l, struct err *err)
{
    return err_set(err, ERR_BUSY,
                   "%s is being archived by another process now, since this one said nothing "
                   "for %d s (was it paused?): it stops, and the other goes on",
                   l->opts.what, LEASE_S);
}

void lease_free(struct lease *l)
{
    struct err why = { 0 };

    if (!l)
        return;
    if (l->running) {
        (void)pthread_mutex_lock(&l->lock);
        l->ending = true;
        (void)pthread_cond_signal(&l->changed);
        (void)pthread_mutex_unlock(&l->lock);
        (void)pthread_join(l->thread, NULL);
    }
    if (l->client) /* also after a request to stop */
        s3_client_hurry(l->client, false, 1, END_MS);
    if (*l->etag && !lease_is_lost(l) && write_lease(l, l->client, l->etag, 0, &why) < 0)
        log_line(LOG_INFO, "the lease of %s was not released: %s", l->opts.what, why.text);
    s3_client_free(l->client);
    (void)pthread_cond_destroy(&l->changed);
    (void)pthread_mutex_destroy(&l->lock);
    mem_free(l);
}
