/* SPDX-License-Identifier: MIT */
#include "s3/unfinished.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/url.h"
#include "s3/sigv4.h"
#include "s3/upload_list.h"

#include <stdbool.h>
#include <string.h>

#define LIST_MS 1000 /* lists may round the time of an upload to seconds */

int unfinished_abort(struct s3_client *client, const char *key, const char *id, struct err *err)
{
    struct s3_call call = { .method = "DELETE", .key = key };
    struct err why = { 0 };
    struct buf query;
    int rc;

    buf_init(&query, URL_MAX);
    if (buf_adds(&query, "uploadId=", err) < 0 || sigv4_encode(&query, id, false, err) < 0) {
        buf_clear(&query);
        return -1;
    }
    call.query = buf_text(&query);
    rc = s3_call_do(client, &call, &why);
    s3_call_clear(&call);
    buf_clear(&query);
    if (rc == 0 || why.kind == ERR_NOT_FOUND)
        return 0;
    if (err)
        *err = why;
    return -1;
}

/* What is looked for in the list of unfinished uploads. */
struct unfinished {
    struct s3_client *client;
    const char *key;
    const char *ours; /* the ID of the upload that stays; NULL: none does */
    int64_t ours_ms;  /* when that was begun; CLOCK_NONE: it was not found */
    bool abort;       /* abort the others that were begun between these times */
    int64_t from_ms;
    int64_t to_ms;
};

static int on_unfinished(void *ctx, const struct upload_listed *listed, struct err *err)
{
    struct unfinished *search = ctx;

    if (strcmp(listed->key, search->key) != 0)
        return 0;
    if (search->ours && strcmp(listed->id, search->ours) == 0) {
        search->ours_ms = listed->when_ms;
        return 0;
    }
    if (!search->abort || listed->when_ms == CLOCK_NONE || listed->when_ms < search->from_ms ||
        listed->when_ms > search->to_ms)
        return 0;
    log_line(LOG_INFO, "aborting the upload '%s', whose beginning was not confirmed",
             listed->id);
    return unfinished_abort(search->client, search->key, listed->id, err);
}

int unfinished_abort_unknown(struct s3_client *client, const char *key, int64_t when_ms,
                             struct err *err)
{
    struct unfinished search = { .client = client,
                                 .key = key,
                                 .abort = true,
                                 .from_ms = when_ms - UNFINISHED_SKEW_MS,
                                 .to_ms = when_ms + UNFINISHED_SKEW_MS };

    return upload_list(client, key, on_unfinished, &search, err);
}

void unfinished_abort_earlier(struct s3_client *client, const char *key, const char *ours,
                              uint64_t elapsed)
{
    struct unfinished search = {
        .client = client, .key = key, .ours = ours, .ours_ms = CLOCK_NONE
    };
    struct err why = { 0 };
    int rc = upload_list(client, key, on_unfinished, &search, &why);

    if (rc == 0 && search.ours_ms != CLOCK_NONE) {
        search.abort = true;
        search.to_ms = search.ours_ms;
        search.from_ms = search.ours_ms - (int64_t)elapsed - LIST_MS;
        rc = upload_list(client, key, on_unfinished, &search, &why);
    }
    if (rc < 0 || search.ours_ms == CLOCK_NONE)
        log_line(LOG_WARNING,
                 "unfinished uploads to 's3://%s/%s' may remain from attempts without an "
                 "answer%s%s",
                 s3_client_bucket(client), key, rc < 0 ? ": " : "", why.text);
}
