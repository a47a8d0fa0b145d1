/* SPDX-License-Identifier: MIT */
#include "s3/object_list.h"

#include "base/mem.h"
#include "base/text.h"
#include "net/url.h"
#include "s3/sigv4.h"

#include <stdio.h>
#include <string.h>

#define PAGE_MAX ((size_t)8 << 20) /* of a page of 1,000 objects */

static int write_query(struct buf *query, const struct object_page *page, struct err *err)
{
    int rc = buf_adds(query, "list-type=2&encoding-type=url&max-keys=1000", err);

    if (rc == 0)
        rc = sigv4_parameter(query, "prefix", page->prefix, err);
    if (rc == 0 && *page->token)
        return sigv4_parameter(query, "continuation-token", page->token, err);
    return rc < 0 ? -1 : sigv4_parameter(query, "start-after", page->last, err);
}

/* Fetch and visit one page. */
static int read_page(struct s3_client *client, struct object_page *page, object_list_fn *visit,
                     void *ctx, struct err *err)
{
    struct s3_call call = { .method = "GET", .key = "", .max = PAGE_MAX };
    struct buf query;
    char shown[300];
    int rc;

    buf_init(&query, URL_MAX);
    rc = write_query(&query, page, err);
    call.query = buf_text(&query);
    if (rc == 0)
        rc = s3_call_do(client, &call, err);
    if (rc == 0 &&
        object_page_read(page, buf_text(&call.body), call.body.len, visit, ctx, err) < 0)
        rc = err_wrap(err, "cannot list 's3://%s/%s'", s3_client_bucket(client),
                      text_shown(shown, sizeof(shown), page->prefix));
    s3_call_clear(&call);
    buf_clear(&query);
    return rc;
}

int object_list(struct s3_client *client, const char *prefix, const char *after,
                object_list_fn *visit, void *ctx, struct err *err)
{
    struct object_page *page = mem_new(sizeof(*page), err);
    int rc;

    if (!page)
        return -1;
    page->prefix = prefix;
    (void)snprintf(page->last, sizeof(page->last), "%s", after ? after : "");
    do {
        rc = read_page(client, page, visit, ctx, err);
    } while (rc == 0 && page->more);
    mem_free(page);
    return rc;
}
