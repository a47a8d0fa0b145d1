/* SPDX-License-Identifier: MIT */
#include "s3/object_list.h"

#include "base/clock.h"
#include "base/text.h"
#include "net/url.h"
#include "s3/sigv4.h"
#include "s3/xml.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PAGE_MAX ((size_t)8 << 20) /* of a page of 1,000 entries */

/* Names of the elements that matter in a kind of list. */
struct list_kind {
    const char *entry; /* the element of one entry, followed by those in it */
    const char *truncated;
    const char *next[2];    /* the markers for the next page */
    const char *query;      /* of every page */
    const char *markers[2]; /* parameters for the next page */
    bool uploads;
};

static const struct list_kind objects = { .entry = "ListBucketResult/Contents",
                                          .truncated = "ListBucketResult/IsTruncated",
                                          .next = { "ListBucketResult/NextContinuationToken",
                                                    NULL },
                                          .query = "list-type=2&prefix=",
                                          .markers = { "continuation-token", NULL } };

static const struct list_kind uploads = {
    .entry = "ListMultipartUploadsResult/Upload",
    .truncated = "ListMultipartUploadsResult/IsTruncated",
    .next = { "ListMultipartUploadsResult/NextKeyMarker",
              "ListMultipartUploadsResult/NextUploadIdMarker" },
    .query = "uploads=&prefix=",
    .markers = { "key-marker", "upload-id-marker" },
    .uploads = true,
};

/* A page being read: the entry so far, and what the next page is asked with. */
struct list_page {
    const struct list_kind *kind;
    object_list_fn *visit;
    void *ctx;
    char key[LOCATION_KEY_MAX + 1];
    bool long_key;
    char id[ELEMENT_TEXT_MAX + 1];
    char etag[128];
    uint64_t size;
    int64_t when_ms;
    bool truncated;
    char next[2][ELEMENT_TEXT_MAX + 1];
};

static int end_entry(struct list_page *page, struct err *err)
{
    struct object_listed listed = { .key = page->key,
                                    .id = page->kind->uploads ? page->id : NULL,
                                    .size = page->size,
                                    .when_ms = page->when_ms,
                                    .etag = page->etag };
    int rc = 0;

    if (*page->key && !page->long_key)
        rc = page->visit(page->ctx, &listed, err);
    page->key[0] = page->id[0] = page->etag[0] = '\0';
    page->long_key = false;
    page->size = 0;
    page->when_ms = CLOCK_NONE;
    return rc;
}

/* Take an element within an entry. */
static int take_part(struct list_page *page, const char *name, const char *text,
                     struct err *err)
{
    int64_t us;

    if (strcmp(name, "Key") == 0) {
        page->long_key = strlen(text) > LOCATION_KEY_MAX;
        (void)snprintf(page->key, sizeof(page->key), "%s", text);
    } else if (strcmp(name, "UploadId") == 0) {
        (void)snprintf(page->id, sizeof(page->id), "%s", text);
    } else if (strcmp(name, "ETag") == 0) {
        (void)snprintf(page->etag, sizeof(page->etag), "%s", text);
    } else if (strcmp(name, "Size") == 0) {
        return text_u64(text, UINT64_MAX, &page->size, err);
    } else if (strcmp(name, "LastModified") == 0 || strcmp(name, "Initiated") == 0) {
        us = clock_us(text);
        page->when_ms = us == CLOCK_NONE ? CLOCK_NONE : us / 1000;
    }
    return 0;
}

static int on_element(void *ctx, const char *path, const char *text, struct err *err)
{
    struct list_page *page = ctx;
    const struct list_kind *kind = page->kind;
    size_t len = strlen(kind->entry);
    size_t i;

    if (strcmp(path, kind->entry) == 0)
        return end_entry(page, err);
    if (strncmp(path, kind->entry, len) == 0 && path[len] == '/')
        return take_part(page, path + len + 1, text, err);
    if (strcmp(path, kind->truncated) == 0)
        page->truncated = strcmp(text, "true") == 0;
    for (i = 0; i < 2; i++) {
        if (kind->next[i] && strcmp(path, kind->next[i]) == 0)
            (void)snprintf(page->next[i], sizeof(page->next[i]), "%s", text);
    }
    return 0;
}

/* Write the query of a page; markers of the page before, if any. */
static int write_query(struct buf *query, const struct list_page *page, const char *prefix,
                       struct err *err)
{
    size_t i;
    int rc = buf_adds(query, page->kind->query, err);

    if (rc == 0)
        rc = sigv4_encode(query, prefix, false, err);
    for (i = 0; rc == 0 && i < 2; i++) {
        if (!page->kind->markers[i] || !*page->next[i])
            continue;
        rc = buf_addf(query, err, "&%s=", page->kind->markers[i]);
        if (rc == 0)
            rc = sigv4_encode(query, page->next[i], false, err);
    }
    return rc;
}

/* Fetch and visit one page. */
static int read_page(struct s3_client *client, struct list_page *page, const char *prefix,
                     struct err *err)
{
    struct s3_call call = { .method = "GET", .key = "", .max = PAGE_MAX };
    char before[sizeof(page->next)];
    struct buf query;
    int rc;

    memcpy(before, page->next, sizeof(before));
    buf_init(&query, URL_MAX);
    rc = write_query(&query, page, prefix, err);
    call.query = buf_text(&query);
    if (rc == 0)
        rc = s3_call_do(client, &call, err);
    page->truncated = false;
    memset(page->next, 0, sizeof(page->next));
    if (rc == 0 && xml_parse(buf_text(&call.body), call.body.len, on_element, page, err) < 0)
        rc = err_wrap(err, "cannot list 's3://%s/%s'", s3_client_bucket(client), prefix);
    if (rc == 0 && page->truncated && memcmp(before, page->next, sizeof(before)) == 0)
        rc = err_set(err, ERR_FORMAT, "cannot list 's3://%s/%s': the list does not go on",
                     s3_client_bucket(client), prefix);
    s3_call_clear(&call);
    buf_clear(&query);
    return rc;
}

static int each(struct s3_client *client, const struct list_kind *kind, const char *prefix,
                object_list_fn *visit, void *ctx, struct err *err)
{
    struct list_page page = { .kind = kind, .visit = visit, .ctx = ctx, .when_ms = CLOCK_NONE };

    do {
        if (read_page(client, &page, prefix, err) < 0)
            return -1;
    } while (page.truncated);
    return 0;
}

int object_list(struct s3_client *client, const char *prefix, object_list_fn *visit, void *ctx,
                struct err *err)
{
    return each(client, &objects, prefix, visit, ctx, err);
}

int object_list_uploads(struct s3_client *client, const char *prefix, object_list_fn *visit,
                        void *ctx, struct err *err)
{
    return each(client, &uploads, prefix, visit, ctx, err);
}
