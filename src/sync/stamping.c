/* SPDX-License-Identifier: MIT */
#include "sync/stamping.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/contents.h"
#include "catalog/timestamp.h"
#include "net/url.h"
#include "storage/range_file.h"

#include <string.h>

/* A time stamp that a volume waits for. */
struct stamping_wait {
    struct stamping_wait *next;
    struct timestamp stamp;
};

struct queue_of_stamps {
    struct region *region;
    struct stamping_wait *first;
    struct stamping_wait **last;
};

/* A volume waits for the time stamps of all authorities; anew: see timestamp_want. */
static int want(const struct stamping *stamping, const char *volume, bool anew, struct err *err)
{
    char shown[URL_SHOWN_MAX];
    size_t i;

    for (i = 0; i < stamping->authorities->count; i++) {
        if (timestamp_want(stamping->catalog, volume, (unsigned)i + 1,
                           url_shown(shown, stamping->authorities->urls[i]), anew, err) < 0)
            return -1;
    }
    return 0;
}

int stamping_want(const struct stamping *stamping, const char *volume, struct err *err)
{
    return want(stamping, volume, true, err);
}

/* The number of an authority that the catalog names; 0: it is not given to this sync. */
static unsigned number_of(const struct stamping *stamping, const char *authority)
{
    char shown[URL_SHOWN_MAX];
    size_t i;

    for (i = 0; i < stamping->authorities->count; i++) {
        if (strcmp(url_shown(shown, stamping->authorities->urls[i]), authority) == 0)
            return (unsigned)i + 1;
    }
    return 0;
}

/* Keep a row, since asking changes the table. */
static int on_waiting(void *ctx, const struct timestamp *stamp, struct err *err)
{
    struct queue_of_stamps *queue = ctx;
    struct stamping_wait *waiting = region_take(queue->region, sizeof(*waiting), err);

    if (!waiting)
        return -1;
    waiting->stamp = *stamp;
    waiting->stamp.volume = region_text(queue->region, stamp->volume, err);
    waiting->stamp.authority = region_text(queue->region, stamp->authority, err);
    if (!waiting->stamp.volume || !waiting->stamp.authority)
        return -1;
    *queue->last = waiting;
    queue->last = &waiting->next;
    return 0;
}

/* Ask for one time stamp, and record the answer. 1: it came, 0: it did not, -1 */
static int ask(struct stamping *stamping, struct timestamp *wanted, unsigned number,
               struct err *err)
{
    char *path = volume_store_write_stamp(stamping->store, wanted->volume, wanted->number, err);
    struct tsp_stamp stamp;
    struct err why = { 0 };
    int rc = path ? 0 : -1;

    if (rc == 0 && authority_ask(stamping->authorities, number, wanted->manifest, path, &stamp,
                                 &why) == 0) {
        wanted->at_ms = stamp.at_ms;
        wanted->reason = NULL;
        rc = volume_store_publish_stamp(stamping->store, wanted->volume, wanted->number, err);
        if (rc == 0)
            rc = timestamp_asked(stamping->catalog, wanted, clock_wall(), err);
        rc = rc < 0 ? -1 : 1;
    } else if (rc == 0 && why.kind != ERR_CANCELLED) {
        stamping->away[number - 1] = true;
        log_line(LOG_WARNING, "volume '%s' has no time stamp yet: %s; the next sync asks again",
                 wanted->volume, why.text);
        wanted->reason = why.text;
        rc = timestamp_asked(stamping->catalog, wanted, clock_wall(), err);
    }
    mem_free(path);
    return rc;
}

/* What a response beside a volume says; false: there is none, or it is not of this volume. */
static bool has_response(const struct stamping *stamping, const char *name, unsigned number,
                         const uint8_t sha256[SHA256_SIZE], struct tsp_stamp *stamp)
{
    const struct tsp_wanted wanted = { sha256, NULL, stamping->authorities->trust };
    struct buf response;
    struct err why;
    char *path = volume_store_read_stamp(stamping->store, name, number, NULL);
    bool has = false;

    buf_init(&response, TSP_FILE_MAX);
    if (path && range_file_load_regular(path, &response, &why) == 0)
        has = tsp_check(response.data, response.len, &wanted, stamp, &why) == 0;
    buf_clear(&response);
    mem_free(path);
    return has;
}

static int on_volume(void *ctx, const struct contents_volume *v, struct err *err)
{
    return want(ctx, v->name, false, err);
}

/* Volumes that wait for an authority that is not given any more wait for one that is. */
static int move(const struct stamping *stamping, struct err *err)
{
    struct queue_of_stamps queue = { .region = region_new(err) };
    char shown[URL_SHOWN_MAX];
    struct stamping_wait *at;
    size_t i;
    int rc = -1;

    queue.last = &queue.first;
    if (queue.region)
        rc = timestamp_each(stamping->catalog, NULL, true, on_waiting, &queue, err);
    for (at = queue.first; rc == 0 && at; at = at->next) {
        for (i = 0; rc == 0 && !number_of(stamping, at->stamp.authority) &&
                    i < stamping->authorities->count;
             i++)
            rc = timestamp_move(stamping->catalog, &at->stamp,
                                url_shown(shown, stamping->authorities->urls[i]), err);
    }
    region_free(queue.region);
    return rc;
}

/* Compare the rows with the responses that are there. */
static int look(struct stamping *stamping, struct err *err)
{
    struct queue_of_stamps queue = { .region = region_new(err) };
    struct stamping_wait *at;
    int rc = -1;

    queue.last = &queue.first;
    if (queue.region && move(stamping, err) == 0 &&
        contents_volumes(stamping->catalog, on_volume, stamping, err) == 0)
        rc = timestamp_each(stamping->catalog, NULL, false, on_waiting, &queue, err);
    for (at = queue.first; rc == 0 && at; at = at->next) {
        struct tsp_stamp stamp;
        int there =
            volume_store_has_stamp(stamping->store, at->stamp.volume, at->stamp.number, err);
        bool has;

        if (there < 0) {
            rc = -1;
            break;
        }
        if (there && at->stamp.at_ms != DB_UNKNOWN)
            continue; /* it was read when it came */
        has = has_response(stamping, at->stamp.volume, at->stamp.number, at->stamp.manifest,
                           &stamp);

        if (has == (at->stamp.at_ms != DB_UNKNOWN))
            continue;
        at->stamp.at_ms = has ? stamp.at_ms : DB_UNKNOWN;
        at->stamp.reason = has ? NULL : "the response is gone";
        rc = timestamp_asked(stamping->catalog, &at->stamp, clock_wall(), err);
    }
    region_free(queue.region);
    return rc;
}

int stamping_ask(struct stamping *stamping, struct err *err)
{
    struct queue_of_stamps queue = { .region = region_new(err) };
    struct stamping_wait *at;
    int rc = -1;

    queue.last = &queue.first;
    if (queue.region)
        rc = stamping->authorities->count && !stamping->looked ? look(stamping, err) : 0;
    stamping->looked = true;
    if (rc == 0)
        rc = timestamp_each(stamping->catalog, NULL, true, on_waiting, &queue, err);
    for (at = queue.first; rc == 0 && at; at = at->next) {
        unsigned number = number_of(stamping, at->stamp.authority);
        int came = 0;

        if (number && !stamping->away[number - 1] && !stop_asked(&stamping->authorities->stop))
            came = ask(stamping, &at->stamp, number, err);
        rc = came < 0 ? -1 : 0;
        stamping->kept += came > 0;
    }
    region_free(queue.region);
    return rc;
}

static int count(void *ctx, const struct timestamp *stamp, struct err *err)
{
    (void)stamp;
    (void)err;
    (*(size_t *)ctx)++;
    return 0;
}

size_t stamping_waiting(const struct stamping *stamping)
{
    struct err ignored;
    size_t waiting = 0;

    return timestamp_each(stamping->catalog, NULL, true, count, &waiting, &ignored) < 0
               ? 0
               : waiting;
}
