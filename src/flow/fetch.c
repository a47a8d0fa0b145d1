/* SPDX-License-Identifier: MIT */
#include "flow/fetch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "flow/renew.h"
#include "flow/transfer.h"
#include "flow/want.h"
#include "skyvern/expiry.h"

#include <string.h>

/*
 * A want goes from ready to running; from there it ends, or waits for its next
 * try, or is parked until its run is listed again. Before each start its URL's
 * life is looked at, so that no URL is used that is about to die; one list
 * serves all the parked wants of a run.
 */
#define RENEWALS_MAX 20 /* lists for the sake of one want */
#define DENIALS_MAX  2  /* of them after a 403 */

struct fetch {
    struct fetch_opts opts;
    struct loop *loop;
    struct want *all; /* by the plan's index */
    size_t open;      /* wants that have not ended */
    struct wants *queue;
    struct renew *renew;
    struct transfers transfers;
    struct fetch_progress progress;
    struct err err; /* fatal, from within a callback */
};

static int64_t server_now(const struct fetch *f)
{
    return clock_wall() + f->opts.listing->skew;
}

static const struct artifact *artifact_of(const struct fetch *f, const struct item *item)
{
    return &f->opts.listing->runs[item->run].list.rows[item->row];
}

/* Whether this is a URL that may be fetched at all. */
static bool usable(const struct fetch *f, const char *url)
{
    char origin[URL_ORIGIN_MAX];

    return url && url_origin(origin, url, NULL) == 0 &&
           (!f->opts.api->secure || url_is_secure(url));
}

static void take_url(struct fetch *f, struct want *want, const char *url, enum way way)
{
    if (usable(f, url)) {
        want->url = url;
        want->way = way;
        want->dies = expiry_of(url);
    } else {
        want->url = NULL;
        want->way = WAY_CONTENT;
        want->dies = EXPIRY_NEVER;
    }
}

static void begin(struct fetch *f, struct item *item)
{
    struct want *want = &f->all[item->index];

    want->item = item;
    want->backoff =
        (struct backoff){ .retries = f->opts.retries, .deadline = f->opts.deadline };
    take_url(f, want, artifact_of(f, item)->signed_url, WAY_SIGNED);
    f->open++;
    wants_ready(f->queue, want);
}

static void end_want(struct fetch *f, struct want *want)
{
    want->state = WANT_ENDED;
    f->open--;
    f->progress.done++;
}

static void lose(struct fetch *f, struct want *want, const char *reason)
{
    struct item *heir;
    char id[128];

    want->outcome.reason = reason;
    end_want(f, want);
    f->progress.missing++;
    log_line(LOG_WARNING, "artifact '%s' (%s) of run '%s' is missing: %s",
             text_shown(id, sizeof(id), want->item->what.artifact_id),
             want->item->what.type ? want->item->what.type : "no type", want->item->what.run_id,
             reason);
    if (f->opts.strict) {
        (void)err_set(&f->err, ERR_MISMATCH, "artifact '%s' of run '%s' is missing (%s)", id,
                      want->item->what.run_id, reason);
        (void)err_hint(&f->err, "without --strict the rest is archived");
        return;
    }
    heir = plan_promote(want->item);
    if (heir)
        begin(f, heir);
}

/* The want's bytes are with the packer; its followers' too. */
static void win(struct fetch *f, struct want *want)
{
    const struct item *item;

    want->outcome.via = way_name(want->way);
    want->outcome.fetched_at = clock_wall();
    end_want(f, want);
    for (item = want->item->followers; item; item = item->next) {
        struct want *other = &f->all[item->index];

        other->outcome = want->outcome;
        other->outcome.via = "joined";
        other->outcome.attempts = 0;
        other->state = WANT_ENDED;
        f->progress.done++;
    }
}

static void to_content(struct fetch *f, struct want *want)
{
    want->way = WAY_CONTENT;
    want->dies = EXPIRY_NEVER;
    want->backoff.failures = 0;
    wants_ready(f->queue, want);
}

static void park(struct fetch *f, struct want *want)
{
    want->renewed++;
    want->state = WANT_PARKED;
    if (renew_ask(f->renew, want->item->run, &f->err) < 0)
        want->state = WANT_ENDED;
}

static void on_renewed(void *ctx, const struct renew_list *list)
{
    struct fetch *f = ctx;
    size_t i;

    for (i = 0; i < plan_count(f->opts.plan); i++) {
        struct want *want = &f->all[i];
        const char *id;
        const char *url;

        if (!want->item || want->item->run != list->run || want->state == WANT_ENDED ||
            (!list->came && want->state != WANT_PARKED))
            continue;
        id = want->item->what.artifact_id;
        url = list->came ? table_get(list->by_id, id, strlen(id)) : NULL;
        if (want->state == WANT_PARKED) {
            take_url(f, want, url, WAY_RENEWED);
            wants_ready(f->queue, want);
        } else if (want->way != WAY_CONTENT) {
            /* its place in the heap stays: what dies later is only less urgent */
            want->url = usable(f, url) ? url : NULL; /* the list it came from is gone */
            want->fresh = want->url && want->state == WANT_RUNNING;
            if (want->state != WANT_RUNNING)
                want->way = WAY_RENEWED;
        }
    }
}

/* Free a slot whose bytes nobody wants; a packer that fails now has been told of already. */
static void discard(struct transfer *t)
{
    struct err ignored;

    if (transfer_abort(t, &ignored) < 0)
        log_line(LOG_DEBUG, "%s", ignored.text);
}

/* What follows an attempt. */
static void settle(struct fetch *f, struct want *want, const struct request *request,
                   struct way_verdict verdict)
{
    uint64_t due;

    want->outcome.http_status = request->status;
    switch (verdict.step) {
    case WAY_DONE:
        win(f, want);
        return;
    case WAY_AGAIN:
        due = backoff_next(&want->backoff, clock_mono(), request->retry_after,
                           loop_dice(f->loop));
        if (due != BACKOFF_NEVER) {
            f->loop->retries++;
            wants_delay(f->queue, want, due);
        } else if (want->way != WAY_CONTENT) {
            to_content(f, want);
        } else {
            lose(f, want, verdict.reason);
        }
        return;
    case WAY_RENEW:
        if (want->fresh) { /* it was refused by a URL that is replaced already */
            take_url(f, want, want->url, WAY_RENEWED);
            wants_ready(f->queue, want);
        } else {
            park(f, want);
        }
        return;
    case WAY_TO_CONTENT:
        to_content(f, want);
        return;
    case WAY_GIVE_UP:
        lose(f, want, verdict.reason);
        return;
    }
}

static void explain(const struct want *want, const struct request *request,
                    struct way_verdict verdict)
{
    struct err err;

    err_clear(&err);
    if (verdict.step == WAY_DONE || !log_wants(LOG_INFO))
        return;
    if (request_check(request, &err) == 0)
        (void)err_set(&err, ERR_MISMATCH, "%s sent %llu bytes, and the service says %llu",
                      request->host, (unsigned long long)request->received,
                      (unsigned long long)want->item->what.file_size);
    log_line(LOG_INFO, "artifact '%s', by %s: %s", want->item->what.artifact_id,
             way_name(want->way), err.text);
}

static void on_done(void *ctx, struct request *request)
{
    struct transfer *t = ctx;
    struct fetch *f = (struct fetch *)((char *)t->all - offsetof(struct fetch, transfers));
    struct want *want = t->want;
    const struct artifact *artifact = artifact_of(f, want->item);
    struct way_facts facts = { .way = want->way,
                               .archived = artifact->archived,
                               .renewable = want->renewed < DENIALS_MAX,
                               .sized = want->item->what.sized &&
                                        !(want->item->what.type &&
                                          strcmp(want->item->what.type, "har") == 0),
                               .file_size = want->item->what.file_size };
    struct way_verdict verdict = way_judge(&facts, request);
    struct err *fatal = f->err.kind ? NULL : &f->err;
    int rc;

    if (f->transfers.err.kind) { /* the spool or the packer failed, not the network */
        if (fatal)
            *fatal = f->transfers.err;
        discard(t);
        want->state = WANT_ENDED;
        return;
    }
    rc = verdict.step == WAY_DONE ? transfer_commit(t, fatal) : transfer_abort(t, fatal);
    explain(want, request, verdict);
    if (rc == 0)
        settle(f, want, request, verdict);
}

static int start(struct fetch *f, struct want *want, struct err *err)
{
    struct transfer *t = transfer_open(&f->transfers, want);
    const struct api *api = f->opts.api;
    struct err why;
    int rc;

    err_clear(&why);
    if (want->way != WAY_CONTENT && !want->url)
        want->way = WAY_CONTENT;
    buf_reset(&t->url);
    rc = want->way == WAY_CONTENT
             ? api_url_content(api, &t->url, want->item->what.artifact_id, &why)
             : buf_adds(&t->url, want->url, &why);
    t->request = (struct request){ .url = buf_text(&t->url),
                                   .max = f->opts.max_size,
                                   .sink = transfer_sink,
                                   .done = on_done,
                                   .ctx = t };
    if (want->way == WAY_CONTENT || !expiry_signed(buf_text(&t->url)))
        api_sign(api, &t->request); /* the engine gives the key to its own origin alone */
    want->outcome.attempts++;
    want->fresh = false;
    want->state = WANT_RUNNING;
    if (rc == 0 && engine_start(f->loop->engine, &t->request, &why) == 0)
        return 0;
    if (transfer_abort(t, err) < 0)
        return -1;
    if (why.kind == ERR_MEMORY) {
        *err = why;
        return -1;
    }
    if (want->way == WAY_CONTENT)
        lose(f, want, "no-url");
    else
        to_content(f, want);
    return 0;
}

/* Give free slots to what is most urgent. */
static int fill_slots(struct fetch *f, struct err *err)
{
    struct want *want;

    while (f->transfers.running < f->transfers.count && !f->err.kind &&
           (want = wants_take(f->queue))) {
        const struct listed_run *run = &f->opts.listing->runs[want->item->run];

        if (want->way != WAY_CONTENT && want->renewed < RENEWALS_MAX && want->url &&
            (renew_busy(f->renew, want->item->run) ||
             way_stale(expiry_of(want->url), run->listed_at, server_now(f))))
            park(f, want);
        else if (start(f, want, err) < 0)
            return -1;
    }
    return 0;
}

/* The time is up: what is not here is missing. */
static void give_up(struct fetch *f)
{
    unsigned i;
    size_t k;

    for (i = 0; i < f->transfers.count; i++) {
        struct transfer *t = &f->transfers.slots[i];

        if (!t->want)
            continue;
        engine_drop(f->loop->engine, &t->request);
        discard(t);
    }
    for (k = 0; k < plan_count(f->opts.plan); k++) {
        struct want *want = &f->all[k];

        if (want->outcome.via || want->outcome.reason)
            continue;
        want->outcome.reason = "timeout";
        want->state = WANT_ENDED;
        f->progress.done++;
        f->progress.missing++;
    }
    f->open = 0;
    log_line(LOG_WARNING, "the time is up: %zu artifacts are missing", f->progress.missing);
}

static int turn(struct fetch *f, struct err *err)
{
    uint64_t now = clock_mono();
    uint64_t due = wants_due(f->queue, now);
    uint64_t called;

    if (now >= f->opts.deadline) {
        give_up(f);
        return 0;
    }
    if (fill_slots(f, err) < 0)
        return -1;
    called = callers_pump(f->opts.callers);
    due = called < due ? called : due;
    due = f->opts.deadline < due ? f->opts.deadline : due;
    f->progress.running = f->transfers.running;
    f->progress.bytes = f->transfers.bytes;
    if (f->open && !f->err.kind && loop_turn(f->loop, due, err) < 0)
        return -1;
    if (transfers_look(&f->transfers, clock_mono()))
        loop_wake(f->loop);
    if (f->err.kind) {
        *err = f->err;
        return -1;
    }
    if (packer_failed(f->opts.packer))
        return packer_join(f->opts.packer, err);
    return 0;
}

int fetch_run(struct fetch *f, struct err *err)
{
    size_t i;

    for (i = 0; i < plan_count(f->opts.plan); i++) {
        struct item *item = plan_at(f->opts.plan, i);

        f->all[i].item = item;
        f->all[i].state = WANT_ENDED;
        if (!item->leader)
            begin(f, item);
    }
    while (f->open) {
        if (turn(f, err) < 0)
            return -1;
    }
    f->progress.bytes = f->transfers.bytes;
    return 0;
}

struct fetch *fetch_new(const struct fetch_opts *opts, struct loop *loop, struct err *err)
{
    struct fetch *f = mem_new(sizeof(*f), err);
    size_t count = plan_count(opts->plan);

    if (!f)
        return NULL;
    f->opts = *opts;
    f->loop = loop;
    f->transfers.packer = opts->packer;
    f->transfers.spool = opts->spool;
    f->transfers.reserve = opts->reserve;
    f->all = mem_array(count, sizeof(*f->all), err);
    f->queue = wants_new(count, err);
    f->renew = renew_new(opts->listing, opts->callers, on_renewed, f, err);
    if (f->all && f->queue && f->renew && transfers_init(&f->transfers, opts->jobs, err) == 0)
        return f;
    fetch_free(f);
    return NULL;
}

void fetch_free(struct fetch *f)
{
    if (!f)
        return;
    transfers_clear(&f->transfers);
    renew_free(f->renew);
    wants_free(f->queue);
    mem_free(f->all);
    mem_free(f);
}

const struct outcome *fetch_outcome(const struct fetch *f, const struct item *item)
{
    return &f->all[item->index].outcome;
}

const struct fetch_progress *fetch_progress(const struct fetch *f)
{
    return &f->progress;
}
