/* SPDX-License-Identifier: MIT */
#include "s3/upload_list.h"

#include "base/clock.h"
#include "net/url.h"
#include "net/xml.h"
#include "s3/sigv4.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PAGE_MAX ((size_t)8 << 20) /* of a page of 1,000 entries */
#define LIST     "ListMultipartUploadsResult/"
#define ENTRY    LIST "Upload"

/* A page being read: the entry so far, and what the next page is asked with. */
struct list_page {
    upload_list_fn *visit;
    void *ctx;
    char key[LOCATION_KEY_MAX + 1];
    bool long_key;
    char id[ELEMENT_TEXT_MAX + 1];
    int64_t when_ms;
    bool truncated;
    char next_key[ELEMENT_TEXT_MAX + 1];
    char next_id[ELEMENT_TEXT_MAX + 1];
};

static int end_entry(struct list_page *page, struct err *err)
{
    struct upload_listed listed = { page->key, page->id, page->when_ms };
    int rc = 0;

    if (*page->key && !page->long_key)
        rc = page->visit(page->ctx, &listed, err);
    page->key[0] = page->id[0] = '\0';
    page->long_key = false;
    page->when_ms = CLOCK_NONE;
    return rc;
}

static int on_element(void *ctx, const char *path, const char *text, struct err *err)
{
    struct list_page *page = ctx;
    int64_t us;

    if (strcmp(path, ENTRY) == 0)
        return end_entry(page, err);
    if (strcmp(path, ENTRY "/Key") == 0) {
        page->long_key = strlen(text) > LOCATION_KEY_MAX;
        (void)snprintf(page->key, sizeof(page->key), "%s", text);
    } else if (strcmp(path, ENTRY "/UploadId") == 0) {
        (void)snprintf(page->id, sizeof(page->id), "%s", text);
    } else if (strcmp(path, ENTRY "/Initiated") == 0) {
        us = clock_us(text);
        page->when_ms = us == CLOCK_NONE ? CLOCK_NONE : us / 1000;
    } else if (strcmp(path, LIST "IsTruncated") == 0) {
        page->truncated = strcmp(text, "true") == 0;
    } else if (strcmp(path, LIST "NextKeyMarker") == 0) {
        (void)snprintf(page->next_key, sizeof(page->next_key), "%s", text);
    } else if (strcmp(path, LIST "NextUploadIdMarker") == 0) {
        (void)snprintf(page->next_id, sizeof(page->next_id), "%s", text);
    }
    return 0;
}

/* Fetch and visit one page. */
static int read_page(struct s3_client *client, struct list_page *page, const char *prefix,
                     struct err *err)
{
    struct s3_call call = { .method = "GET", .key = "", .max = PAGE_MAX };
    struct list_page before = *page;
    struct buf query;
    int rc;

    buf_init(&query, URL_MAX);
    rc = buf_adds(&query, "uploads=", err);
    if (rc == 0)
        rc = sigv4_parameter(&query, "prefix", prefix, err);
    if (rc == 0)
        rc = sigv4_parameter(&query, "key-marker", page->next_key, err);
    if (rc == 0)
        rc = sigv4_parameter(&query, "upload-id-marker", page->next_id, err);
    call.query = buf_text(&query);
    if (rc == 0)
        rc = s3_call_do(client, &call, err);
    page->truncated = false;
    page->next_key[0] = page->next_id[0] = '\0';
    if (rc == 0 && xml_parse(buf_text(&call.body), call.body.len, on_element, page, err) < 0)
        rc = err_wrap(err, "cannot list the uploads of 's3://%s/%s'", s3_client_bucket(client),
                      prefix);
    if (rc == 0 && page->truncated && strcmp(before.next_key, page->next_key) == 0 &&
        strcmp(before.next_id, page->next_id) == 0)
        rc = err_set(err, ERR_FORMAT, "the list of the uploads of 's3://%s/%s' does not go on",
                     s3_client_bucket(client), prefix);
    s3_call_clear(&call);
    buf_clear(&query);
    return rc;
}

int upload_list(struct s3_client *client, const char *prefix, upload_list_fn *visit, void *ctx,
                struct err *err)
{
    struct list_page page = { .visit = visit, .ctx = ctx, .when_ms = CLOCK_NONE };

    do {
        if (read_page(client, &page, prefix, err) < 0)
            return -1;
    } while (page.truncated);
    return 0;
}
