/* SPDX-License-Identifier: MIT */
#include "s3/version_list.h"

#include "base/mem.h"
#include "base/text.h"
#include "net/url.h"
#include "s3/object_page.h"
#include "s3/sigv4.h"

#include <stdio.h>
#include <string.h>

#define PAGE_MAX ((size_t)8 << 20) /* of a page of 1,000 versions */
#define LIST     "ListVersionsResult"

/* A page is parsed twice, as in s3/object_page: first what is said of the page. */
struct version_read {
    struct version_page *page;
    version_list_fn *visit;
    void *ctx;

    /* of the page */
    struct object_page_head head;
    char next_key[ELEMENT_TEXT_MAX + 1];
    char next_id[ELEMENT_TEXT_MAX + 1];

    /* of the entry so far */
    char key[ELEMENT_TEXT_MAX + 1];
    char id[ELEMENT_TEXT_MAX + 1];
    uint64_t size;
    bool latest;
    size_t count; /* of entries */
};

static int on_page(void *ctx, const char *path, const char *text, struct err *err)
{
    struct version_read *read = ctx;

    (void)err;
    object_page_take(&read->head, LIST, path, text);
    if (strcmp(path, LIST "/NextKeyMarker") == 0)
        (void)snprintf(read->next_key, sizeof(read->next_key), "%s", text);
    else if (strcmp(path, LIST "/NextVersionIdMarker") == 0)
        (void)snprintf(read->next_id, sizeof(read->next_id), "%s", text);
    return 0;
}

static int end_entry(struct version_read *read, bool marker, struct err *err)
{
    struct version_page *page = read->page;
    struct version_listed listed = { read->key, read->id, read->latest, marker,
                                     marker ? 0 : read->size };

    if (!*read->key || !*read->id)
        return err_set(err, ERR_FORMAT, "the list has a version without a key or an ID");
    if (object_page_key(read->key, read->head.encoded, page->prefix, err) < 0)
        return -1;
    if (++page->count > VERSION_LIST_MAX)
        return err_set(err, ERR_LIMIT, "the list has more than %d versions", VERSION_LIST_MAX);
    read->count++;
    if (read->visit(read->ctx, &listed, err) < 0)
        return -1;
    read->key[0] = read->id[0] = '\0';
    read->latest = false;
    read->size = 0;
    return 0;
}

static int on_entry(void *ctx, const char *path, const char *text, struct err *err)
{
    struct version_read *read = ctx;
    const char *below;
    bool marker = false;

    if (strncmp(path, LIST "/Version", strlen(LIST "/Version")) == 0) {
        below = path + strlen(LIST "/Version");
    } else if (strncmp(path, LIST "/DeleteMarker", strlen(LIST "/DeleteMarker")) == 0) {
        below = path + strlen(LIST "/DeleteMarker");
        marker = true;
    } else {
        return 0;
    }
    if (!*below)
        return end_entry(read, marker, err);
    if (strcmp(below, "/Key") == 0)
        (void)snprintf(read->key, sizeof(read->key), "%s", text);
    else if (strcmp(below, "/VersionId") == 0)
        (void)snprintf(read->id, sizeof(read->id), "%s", text);
    else if (strcmp(below, "/IsLatest") == 0)
        read->latest = strcmp(text, "true") == 0;
    else if (strcmp(below, "/Size") == 0 && text_u64(text, UINT64_MAX, &read->size, err) < 0)
        return err_wrap(err, "the list has a version with an invalid size");
    return 0;
}

/* Check that the list goes on, and take what the next page is asked for with. */
static int take_next(struct version_read *read, struct err *err)
{
    struct version_page *page = read->page;

    page->more = read->head.truncated;
    if (!read->head.truncated)
        return 0;
    if (read->head.encoded && object_page_decode(read->next_key, err) < 0)
        return -1;
    if (!*read->next_key || !read->count || strcmp(read->next_key, page->key) < 0 ||
        (strcmp(read->next_key, page->key) == 0 && strcmp(read->next_id, page->id) == 0))
        return err_set(err, ERR_FORMAT, "the list of versions does not go on");
    memcpy(page->key, read->next_key, sizeof(page->key));
    memcpy(page->id, read->next_id, sizeof(page->id));
    return 0;
}

int version_list_read(struct version_page *page, const char *text, size_t len,
                      version_list_fn *visit, void *ctx, struct err *err)
{
    struct version_read *read = mem_new(sizeof(*read), err);
    int rc;

    if (!read)
        return -1;
    read->page = page;
    read->visit = visit;
    read->ctx = ctx;
    rc = xml_parse(text, len, on_page, read, err);
    if (rc == 0 && !read->head.list)
        rc = err_set(err, ERR_FORMAT, "the answer is no list of versions");
    if (rc == 0)
        rc = xml_parse(text, len, on_entry, read, err);
    if (rc == 0)
        rc = take_next(read, err);
    mem_free(read);
    return rc;
}

/* Fetch and visit one page. */
static int read_page(struct s3_client *client, struct version_page *page,
                     version_list_fn *visit, void *ctx, struct err *err)
{
    struct s3_call call = { .method = "GET", .key = "", .max = PAGE_MAX };
    struct buf query;
    char shown[300];
    int rc;

    buf_init(&query, URL_MAX);
    rc = buf_adds(&query, "versions=&encoding-type=url&max-keys=1000", err);
    if (rc == 0)
        rc = sigv4_parameter(&query, "prefix", page->prefix, err);
    if (rc == 0)
        rc = sigv4_parameter(&query, "key-marker", page->key, err);
    if (rc == 0)
        rc = sigv4_parameter(&query, "version-id-marker", page->id, err);
    call.query = buf_text(&query);
    if (rc == 0)
        rc = s3_call_do(client, &call, err);
    if (rc == 0 &&
        version_list_read(page, buf_text(&call.body), call.body.len, visit, ctx, err) < 0)
        rc = err_wrap(err, "cannot list the versions of 's3://%s/%s'", s3_client_bucket(client),
                      text_shown(shown, sizeof(shown), page->prefix));
    s3_call_clear(&call);
    buf_clear(&query);
    return rc;
}

int version_list(struct s3_client *client, const char *prefix, version_list_fn *visit,
                 void *ctx, struct err *err)
{
    struct version_page *page = mem_new(sizeof(*page), err);
    int rc;

    if (!page)
        return -1;
    page->prefix = prefix;
    do {
        rc = read_page(client, page, visit, ctx, err);
    } while (rc == 0 && page->more);
    mem_free(page);
    return rc;
}
