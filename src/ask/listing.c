/* SPDX-License-Identifier: MIT */
#include "ask/listing.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "skyvern/redact.h"

#include <string.h>

/* One word for why a run is not there. */
static const char *reason_of(const struct err *err)
{
    switch (err->kind) {
    case ERR_NOT_FOUND:
        return "run-not-found";
    case ERR_DENIED:
        return "denied";
    case ERR_FORMAT:
        return "bad-answer";
    case ERR_LIMIT:
        return "too-large";
    case ERR_HTTP:
        return err->http >= 500 ? "server-error" : "http-error";
    case ERR_NONE:
    case ERR_USAGE:
    case ERR_SYSTEM:
    case ERR_MEMORY:
    case ERR_NET:
    case ERR_MISMATCH:
    case ERR_EXISTS:
    case ERR_BUSY:
    case ERR_CANCELLED:
        break;
    }
    return "network-error";
}

static void fail(struct listed_run *run, const struct err *why, const char *what)
{
    if (run->failed)
        return;
    run->failed = true;
    run->err = *why;
    run->reason = reason_of(why);
    if (why->kind == ERR_NOT_FOUND)
        (void)err_set(&run->err, ERR_NOT_FOUND, "run '%s' is unknown to %s", run->id,
                      run->run_call.request.host);
    else
        (void)err_wrap(&run->err, "cannot %s of run '%s'", what, run->id);
    run->err.http = why->http;
}

static void ended(struct listed_run *run)
{
    if (--run->open == 0) {
        run->listing->done++;
        call_clear(&run->run_call);
        call_clear(&run->list_call);
    }
}

/* Keep what the API served, clean. */
static int keep(struct buf *out, const struct call *call, const struct listing *listing,
                struct err *err)
{
    struct redact what = { secret_peek(listing->api->key), listing->raw, NULL };

    buf_init(out, redact_room(call->body.len));
    return redact_json(out, buf_text(&call->body), call->body.len, &what, err);
}

static void on_run(void *ctx, struct call *call)
{
    struct listed_run *run = ctx;
    struct err err = call->err;

    run->attempts = call->attempts;
    if (!err.kind && run_parse(&run->run, buf_text(&call->body), call->body.len, &err) == 0)
        (void)keep(&run->run_json, call, run->listing, &err);
    if (err.kind)
        fail(run, &err, "read the record");
    ended(run);
}

/* List a run again, without type filters. */
static bool list_wide(struct listed_run *run, struct call *call)
{
    struct err err;

    run->wide = true;
    if (api_url_list(run->listing->api, &call->url, run->id, run->listing->filter, false,
                     &err) < 0)
        return false;
    call_add(call);
    return true;
}

/* Whether two rows are members of ZIPs, which a list by type does not name. */
static bool has_members(const struct artifact_list *list)
{
    size_t members = 0;
    size_t i;

    for (i = 0; i < list->count && members < 2; i++)
        members += list->rows[i].bundle_key && list->rows[i].uri;
    return members == 2;
}

static void on_list(void *ctx, struct call *call)
{
    struct listed_run *run = ctx;
    struct listing *listing = run->listing;
    struct err err = call->err;

    if (call->request.status == 422 && !run->wide && list_wide(run, call))
        return; /* a type that this server does not know */
    if (call->request.date != CLOCK_NONE) {
        listing->skew = call->request.date - clock_wall();
        run->listed_at = call->request.date;
    } else {
        run->listed_at = clock_wall();
    }
    if (!err.kind &&
        artifact_list_parse(&run->list, buf_text(&call->body), call->body.len, &err) == 0)
        (void)keep(&run->list_json, call, listing, &err);
    if (!err.kind && listing->bundles && !run->wide && has_members(&run->list)) {
        artifact_list_clear(&run->list);
        buf_clear(&run->list_json);
        if (list_wide(run, call))
            return;
    }
    if (err.kind)
        fail(run, &err, "list the artifacts");
    else if (run->list.broken)
        log_line(LOG_WARNING, "run '%s': %zu rows of its list have no artifact_id", run->id,
                 run->list.broken);
    log_line(LOG_INFO, "run '%s': %zu artifacts", run->id, run->list.count);
    ended(run);
}

/* Whether the filter wants ZIPs, which a list by type does not hold. */
static bool wants_zips(const struct kind_filter *filter)
{
    const struct kind *kind;

    for (kind = kinds; kind->type; kind++) {
        if (strcmp(kind->group, "bundles") == 0 && kind_filter_match(filter, kind->type))
            return true;
    }
    return false;
}

/* Prepare both calls of a run. */
static int ask(struct listing *listing, struct listed_run *run, struct err *err)
{
    call_init(&run->run_call, listing->callers, RUN_JSON_MAX, on_run, run);
    call_init(&run->list_call, listing->callers, ARTIFACT_LIST_MAX, on_list, run);
    run->listing = listing;
    run->open = 2;
    run->wide = listing->filter->wanted_count == 0 || wants_zips(listing->filter);
    if (api_url_run(listing->api, &run->run_call.url, run->id, err) < 0 ||
        api_url_list(listing->api, &run->list_call.url, run->id, listing->filter, !run->wide,
                     err) < 0)
        return -1;
    call_add(&run->run_call);
    call_add(&run->list_call);
    return 0;
}

int listing_fetch(struct listing *listing, struct loop *loop, struct callers *callers,
                  const struct api *api, char *const *ids, size_t count,
                  const struct kind_filter *filter, struct err *err)
{
    size_t i;

    listing->api = api;
    listing->filter = filter;
    listing->callers = callers;
    listing->runs = mem_array(count, sizeof(*listing->runs), err);
    if (!listing->runs)
        return -1;
    listing->count = count;
    for (i = 0; i < count; i++) {
        listing->runs[i].id = ids[i];
        if (ask(listing, &listing->runs[i], err) < 0)
            return -1;
    }
    while (listing->done < count) {
        uint64_t due = callers_pump(callers);

        if (listing->done < count && loop_turn(loop, due, err) < 0)
            return -1;
    }
    return 0;
}

void listing_cut(struct listing *listing, size_t count)
{
    while (listing->count > count) {
        struct listed_run *run = &listing->runs[--listing->count];

        run_clear(&run->run);
        artifact_list_clear(&run->list);
        buf_clear(&run->run_json);
        buf_clear(&run->list_json);
        call_clear(&run->run_call);
        call_clear(&run->list_call);
    }
}

void listing_clear(struct listing *listing)
{
    listing_cut(listing, 0);
    mem_free(listing->runs);
    *listing = (struct listing){ 0 };
}
