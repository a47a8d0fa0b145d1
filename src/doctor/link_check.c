/* SPDX-License-Identifier: MIT */
#include "doctor/link_check.h"

#include "api/artifact.h"
#include "api/expiry.h"
#include "api/run.h"
#include "base/clock.h"
#include "base/text.h"
#include "client/runs.h"
#include "doctor/ask.h"
#include "net/url.h"

#include <stdio.h>

#define LIST_MAX    ((size_t)32 << 20) /* bytes of a run's list of artifacts */
#define TRIED_RUNS  8 /* runs of a page that are tried until one has artifacts */
#define TRIED_PAGES 3 /* pages at the list's end that are tried until a run has artifacts */
#define SHORT_MS    600000 /* a URL that lives shorter may expire in a long queue */

/* A run of the list. */
struct listed {
    char run_id[RUN_ID_MAX + 1];
    char created_at[CLOCK_TEXT_MAX];
};

/* The runs of one page that are tried, and how many rows the page has. */
struct listed_page {
    struct listed runs[TRIED_RUNS];
    size_t count;
    size_t rows;
};

/* Whether a run's artifacts can be downloaded. */
enum download {
    DOWNLOAD_DONE,
    DOWNLOAD_GONE,    /* its artifacts cannot be downloaded: see err */
    DOWNLOAD_NOTHING, /* it has no artifacts, or its list cannot be read */
    DOWNLOAD_STOPPED, /* the check ends: a signal, or too many requests */
};

struct links {
    struct api_client *client;
    struct findings *findings;
    int64_t offset_ms;
    unsigned requests;
    struct err err;
};

static void ignore(void *ctx, struct call *call)
{
    (void)ctx;
    (void)call;
}

/* Whether one more request may be made. */
static bool affords(struct links *l)
{
    return l->err.kind != ERR_CANCELLED && l->requests++ < LINK_REQUESTS;
}

/* Take a row of the page, if its run has ended. */
static void take_row(struct listed_page *page, struct json_value v, struct region *region)
{
    struct runs_row row;
    struct listed *run = &page->runs[page->count];

    if (page->count == TRIED_RUNS || runs_read_row(&row, v, "task_run_id", region, NULL) < 0 ||
        !row.run_id || !run_id_valid(row.run_id) || !run_is_terminal(row.status))
        return;
    (void)snprintf(run->run_id, sizeof(run->run_id), "%s", row.run_id);
    if (row.created_us == CLOCK_NONE)
        (void)snprintf(run->created_at, sizeof(run->created_at), "an unknown time");
    else
        (void)clock_format(run->created_at, row.created_us / 1000, CLOCK_DATE);
    page->count++;
}

/*
 * Fetch a page of the list.
 *
 * oldest   begin with the last row
 * returns  0; -1: the page cannot be fetched, see l->err
 */
static int fetch_page(struct links *l, unsigned number, bool oldest, struct listed_page *page)
{
    struct api_runs every = { 0 };
    struct region *region = region_new(&l->err);
    struct buf clean = { 0 };
    struct call call;
    struct json *doc = NULL;
    bool came;
    size_t i;

    *page = (struct listed_page){ 0 };
    runs_call(&call, &l->client->callers, &came);
    if (region && affords(l) &&
        api_url_runs(&l->client->api, &call.url, &every, number, RUNS_PAGE, &l->err) == 0 &&
        ask_call(l->client, &call, &l->err) == 0)
        doc = runs_parse(&clean, &call, false, &l->err);
    if (doc) {
        struct json_value rows = json_root(doc);

        page->rows = json_count(rows);
        for (i = 0; i < page->rows && page->count < TRIED_RUNS; i++) {
            struct json_value v = { 0 };
            size_t skip = oldest ? page->rows - i : i + 1;

            while (skip--)
                v = json_next(rows, v);
            take_row(page, v, region);
        }
    }
    json_free(doc);
    buf_clear(&clean);
    call_clear(&call);
    region_free(region);
    return doc ? 0 : -1;
}

/* Report how a list's URLs are signed, and how long they live. */
static void tell_signing(struct links *l, const struct artifact_list *list)
{
    int64_t now = clock_wall() + l->offset_ms;
    int64_t life = EXPIRY_NEVER;
    char origin[URL_ORIGIN_MAX] = "";
    char text[TEXT_SIZE_MAX];
    size_t named = 0;
    size_t is_signed = 0;
    size_t i;

    for (i = 0; i < list->count; i++) {
        const char *url = list->rows[i].signed_url;
        int64_t expiry = url ? expiry_of(url) : EXPIRY_NEVER;

        if (!url || url_origin(origin, url, NULL) < 0)
            continue;
        named++;
        is_signed += expiry_signed(url);
        if (expiry != EXPIRY_NEVER && expiry - now < life)
            life = expiry - now;
    }
    if (!named)
        finding_add(l->findings, "links", FINDING_OK, NULL,
                    "no URLs: artifacts come from the API itself, with the key");
    else if (!is_signed)
        finding_add(l->findings, "links", FINDING_WARNING,
                    "have the server sign them, and keep the object store private",
                    "URLs at %s are not signed: whoever knows one can download", origin);
    else if (life == EXPIRY_NEVER)
        finding_add(l->findings, "links", FINDING_OK, NULL,
                    "signed URLs at %s, which do not tell when they expire", origin);
    else if (life < 0)
        finding_add(l->findings, "links", FINDING_ERROR,
                    "compare the server's clock with the object store's",
                    "URLs at %s have expired %s before they are listed", origin,
                    text_duration(text, (uint64_t)-life));
    else
        finding_add(l->findings, "links", life < SHORT_MS ? FINDING_WARNING : FINDING_OK,
                    life < SHORT_MS ? "have the server sign for longer; skyarc renews them, "
                                      "with a request for each run"
                                    : NULL,
                    "signed URLs at %s, valid for %s", origin,
                    text_duration(text, (uint64_t)life));
}

/* Try the first artifact with content of its own, by its URL or by the content endpoint. */
static int try_artifact(struct links *l, const struct artifact *artifact)
{
    struct buf url;
    struct err first = { 0 };
    int rc = -1;

    err_clear(&l->err);
    if (artifact->signed_url && affords(l))
        rc = ask_first_bytes(l->client, artifact->signed_url, &first);
    if (rc == 0 || first.kind == ERR_CANCELLED || !affords(l)) {
        l->err = first;
        return rc;
    }
    buf_init(&url, URL_MAX);
    rc = api_url_content(&l->client->api, &url, artifact->artifact_id, &l->err);
    if (rc == 0)
        rc = ask_first_bytes(l->client, buf_text(&url), &l->err);
    buf_clear(&url);
    if (rc < 0 && first.kind)
        l->err = first; /* the URL is what a pull uses first */
    return rc;
}

/* Try to download something of a run; signing: also report how its URLs are signed. */
static enum download try_run(struct links *l, const struct listed *run, bool signing)
{
    struct kind_filter all = { 0 };
    struct artifact_list list = { 0 };
    struct call call;
    enum download download = DOWNLOAD_NOTHING;

    err_clear(&l->err);
    call_init(&call, &l->client->callers, LIST_MAX, ignore, NULL);
    if (!affords(l))
        download = DOWNLOAD_STOPPED;
    else if (api_url_list(&l->client->api, &call.url, run->run_id, &all, false, &l->err) == 0 &&
             ask_call(l->client, &call, &l->err) == 0 &&
             artifact_list_parse(&list, buf_text(&call.body), call.body.len, &l->err) == 0 &&
             list.count) {
        if (signing)
            tell_signing(l, &list);
        download = try_artifact(l, &list.rows[0]) == 0 ? DOWNLOAD_DONE : DOWNLOAD_GONE;
    }
    if (l->err.kind == ERR_CANCELLED)
        download = DOWNLOAD_STOPPED;
    artifact_list_clear(&list);
    call_clear(&call);
    return download;
}

/* Try the runs of a page until one has artifacts; *which gets its index. */
static enum download try_page(struct links *l, const struct listed_page *page, size_t *which,
                              bool signing)
{
    enum download download = DOWNLOAD_NOTHING;
    size_t i;

    for (i = 0; i < page->count && download == DOWNLOAD_NOTHING; i++) {
        *which = i;
        download = try_run(l, &page->runs[i], signing);
    }
    return download;
}

/* Fetch the last page of the list that has rows; its number, or 0 on error. */
static unsigned last_page(struct links *l, struct listed_page *page)
{
    unsigned good = 1;
    unsigned bad = RUNS_PAGES + 1;
    struct listed_page probe;

    if (fetch_page(l, 1, true, page) < 0)
        return 0;
    if (page->rows < RUNS_PAGE)
        return 1;
    while (bad - good > 1) {
        unsigned middle = good + (bad - good) / 2;

        if (fetch_page(l, middle, true, &probe) < 0 && l->err.kind == ERR_CANCELLED)
            return 0;
        if (probe.rows) {
            good = middle;
            *page = probe;
        } else
            bad = middle;
    }
    return good;
}

/* Find the oldest page whose runs can be downloaded, given that those of page 1 can and those
 * of page `bad` cannot. */
static void find_edge(struct links *l, unsigned bad, struct listed *edge)
{
    unsigned good = 1;

    while (bad - good > 1) {
        unsigned middle = good + (bad - good) / 2;
        struct listed_page page;
        size_t which = 0;
        enum download download = DOWNLOAD_STOPPED;

        if (fetch_page(l, middle, true, &page) == 0)
            download = try_page(l, &page, &which, false);
        if (download == DOWNLOAD_STOPPED)
            return;
        if (download == DOWNLOAD_GONE)
            bad = middle;
        else {
            good = middle;
            if (download == DOWNLOAD_DONE)
                *edge = page.runs[which];
        }
    }
}

/* Report how far back the service's artifacts can be downloaded; newest: one that can. */
static void check_oldest(struct links *l, const struct listed *newest)
{
    struct listed edge = *newest;
    struct listed_page page;
    size_t which = 0;
    unsigned last = last_page(l, &page);
    enum download download = last ? try_page(l, &page, &which, false) : DOWNLOAD_STOPPED;
    unsigned pages;

    for (pages = 1; download == DOWNLOAD_NOTHING && last > 1 && pages < TRIED_PAGES; pages++) {
        last--;
        download = fetch_page(l, last, true, &page) == 0 ? try_page(l, &page, &which, false)
                                                         : DOWNLOAD_STOPPED;
    }

    if (download == DOWNLOAD_DONE) {
        finding_add(l->findings, "oldest", FINDING_OK, NULL,
                    "the oldest listed run with artifacts, '%s' of %s, can be downloaded",
                    page.runs[which].run_id, page.runs[which].created_at);
        return;
    }
    if (download != DOWNLOAD_GONE)
        return;
    find_edge(l, last, &edge);
    finding_add(l->findings, "oldest", FINDING_WARNING,
                "what is older is lost; sync more often than the service deletes",
                "'%s' of %s cannot be downloaded any more, '%s' of %s can: %s",
                page.runs[which].run_id, page.runs[which].created_at, edge.run_id,
                edge.created_at, l->err.kind ? l->err.text : "gone");
}

void link_check(struct api_client *client, struct findings *findings, int64_t offset_ms)
{
    struct links l = { .client = client, .findings = findings, .offset_ms = offset_ms };
    struct listed_page page;
    size_t which = 0;
    enum download download;

    if (fetch_page(&l, 1, false, &page) < 0) {
        if (l.err.kind != ERR_CANCELLED)
            finding_add(findings, "runs", FINDING_ERROR, NULL, "the runs cannot be listed: %s",
                        l.err.text);
        return;
    }
    download = try_page(&l, &page, &which, true);
    switch (download) {
    case DOWNLOAD_DONE:
        finding_add(findings, "download", FINDING_OK, NULL,
                    "the first bytes of an artifact of '%s' arrived", page.runs[which].run_id);
        check_oldest(&l, &page.runs[which]);
        break;
    case DOWNLOAD_GONE:
        finding_add(findings, "download", FINDING_ERROR,
                    "the object store must be reachable from here, too: its name, port, proxy",
                    "an artifact of '%s' cannot be downloaded: %s", page.runs[which].run_id,
                    l.err.text);
        break;
    case DOWNLOAD_NOTHING:
        finding_add(findings, "download", FINDING_OK, NULL,
                    "not tried: none of the newest runs has ended and has artifacts");
        break;
    case DOWNLOAD_STOPPED:
        break;
    }
}
