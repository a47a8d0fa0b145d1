/* SPDX-License-Identifier: MIT */
#include "client/paging.h"

#include "base/json.h"
#include "client/records.h"
#include "net/url.h"

#define MORE_MAX 4096

static const char *rows_of(const struct paging *p)
{
    return p->endpoint == ENDPOINT_SESSION_ACTIONS ? "events" : "episodes";
}

bool paging_is(enum endpoint endpoint)
{
    return endpoint == ENDPOINT_SESSION_ACTIONS || endpoint == ENDPOINT_FALLBACK_EPISODES;
}

/* Write the query of the next page of fallback episodes. */
static int write_number(struct paging *p, struct err *err)
{
    buf_reset(&p->more);
    return buf_addf(&p->more, err, "&workflow_run_id=%s&page=%u", p->run ? p->run : "",
                    p->pages + 1);
}

void paging_begin(struct paging *p, enum endpoint endpoint, const char *run)
{
    struct err ignored;

    paging_clear(p);
    p->endpoint = endpoint;
    p->run = run;
    p->from.joined = paging_is(endpoint);
    buf_init(&p->more, MORE_MAX);
    buf_init(&p->all, RECORD_MAX);
    if (endpoint == ENDPOINT_FALLBACK_EPISODES && write_number(p, &ignored) < 0)
        buf_reset(&p->more); /* out of memory: the request will fail as well */
}

/* Append the rows of a page; *count gets their number. */
static int add_rows(struct paging *p, struct json_value rows, size_t *count, struct err *err)
{
    struct json_value v = { 0 };

    *count = 0;
    if (json_type(rows) != JSON_ARRAY)
        return err_set(err, ERR_FORMAT, "a page has no array '%s'", rows_of(p));
    if (!p->all.len && buf_addf(&p->all, err, "{\"%s\": [", rows_of(p)) < 0)
        return -1;
    while ((v = json_next(rows, v)).doc) {
        size_t len;
        const char *raw = json_raw(v, &len);

        if (json_type(v) != JSON_OBJECT)
            continue;
        if ((p->any && buf_adds(&p->all, ",\n", err) < 0) ||
            buf_add(&p->all, raw, len, err) < 0)
            return -1;
        p->any = true;
        ++*count;
    }
    return 0;
}

/* Write the query of the next page of the action log; 0: there is none. */
static int write_cursor(struct paging *p, struct json_value cursor, struct err *err)
{
    struct region *region = region_new(err);
    char *text = NULL;
    int rc = region ? json_string(cursor, region, &text, err) : -1;

    buf_reset(&p->more);
    if (rc == 0 && text && *text)
        rc = buf_adds(&p->more, "&cursor=", err) < 0 || url_encode(&p->more, text, err) < 0 ? -1
                                                                                            : 1;
    region_free(region);
    return rc;
}

int paging_take(struct paging *p, const char *json, size_t len, struct err *err)
{
    struct json *doc = json_parse(json, len, err);
    struct json_value root;
    size_t count;
    int rc = -1;

    if (!doc)
        return -1;
    root = json_root(doc);
    if (add_rows(p, json_get(root, rows_of(p)), &count, err) == 0) {
        p->pages++;
        p->rows = count;
        if (!json_u64(json_get(root, "total_count"), &p->total))
            p->total = UINT64_MAX;
        if (p->endpoint == ENDPOINT_SESSION_ACTIONS)
            rc = count ? write_cursor(p, json_get(root, "next_cursor"), err) : 0;
        else
            rc = count >= PAGING_SIZE ? write_number(p, err) < 0 ? -1 : 1 : 0;
    }
    json_free(doc);
    if (rc > 0 && p->pages >= PAGING_MAX) {
        p->cut = true;
        rc = 0;
    }
    return rc;
}

int paging_end(struct paging *p, struct err *err)
{
    return buf_adds(&p->all, "]}", err);
}

void paging_clear(struct paging *p)
{
    buf_clear(&p->more);
    buf_clear(&p->all);
    request_refs_clear(&p->from);
    *p = (struct paging){ 0 };
}
