/* SPDX-License-Identifier: MIT */
#include "pull/fetch.h"

#include "api/expiry.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "pull/ledger.h"
#include "pull/transfer.h"
#include "pull/url_refresh.h"
#include "pull/want.h"

#include <string.h>

/*
 * A want goes from ready to running, and its bytes to the packer, whose answer
 * ends it; or it waits for its next try, or is parked until its run is listed
 * again. Before each start its URL's life is looked at, so that no URL is used
 * that is about to die; one list serves all the parked wants of a run.
 */
#define RENEWALS_MAX 20 /* lists for the sake of one want */
#define DENIALS_MAX  2  /* of them after a 403 */

/* Bytes that make an attempt a success of its kind. */
#define PROGRESS_MIN ((uint64_t)64 << 10)
#define EXCUSE_MS    1000 /* not read for so long: then a closed connection is our doing */
#define EXCUSES_MAX  100
#define OVERDUE_MS   1000 /* what is overdue is looked for so often */

/* What an attempt that failed has brought. */
struct brought {
    uint64_t bytes; /* that are kept */
    uint64_t pause; /* the longest, by us */
};

struct fetch {
    struct fetch_opts opts;
    struct loop *loop;
    struct ledger ledger;
    struct url_refresh *renew;
    struct transfers transfers;
    uint64_t overdue_at; /* when end_overdue looked last */
};

static int64_t server_now(const struct fetch *f)
{
    return clock_wall() + f->opts.listing->skew;
}

static void to_content(struct fetch *f, struct want *want)
{
    want->way = FETCH_ROUTE_CONTENT;
    want->dies = EXPIRY_NEVER;
    want->backoff.failures = 0;
    wants_ready(f->ledger.queue, want);
}

static bool has_local(const struct fetch *f, const struct item *item)
{
    return f->opts.local_root && artifact_file(ledger_artifact(&f->ledger, item));
}

/* What is held for a want is of no use any more. */
static void forget(struct fetch *f, struct want *want)
{
    if (transfer_forget(&f->transfers, want, f->ledger.err.kind ? NULL : &f->ledger.err) < 0)
        log_line(LOG_DEBUG, "artifact '%s' had a part", want->item->what.artifact_id);
}

/* Read the file from the server's own disk, which is ours, too; false: it cannot be read. */
static bool read_local(struct fetch *f, struct want *want, struct err *err)
{
    const char *name = artifact_file(ledger_artifact(&f->ledger, want->item));
    int fd = file_open_beneath(f->opts.local_root, name, err);
    struct body *body = fd < 0 ? NULL : body_of_file(fd, f->opts.spool, f->opts.max_size, err);

    file_close(&fd);
    want->outcome.attempts++;
    if (!body) {
        log_line(LOG_INFO, "artifact '%s', by local-root: %s", want->item->what.artifact_id,
                 err->text);
        return false;
    }
    forget(f, want);
    want->way = FETCH_ROUTE_LOCAL;
    want->state = WANT_PACKING;
    want->outcome.via = fetch_route_name(FETCH_ROUTE_LOCAL);
    want->outcome.fetched_at = clock_wall();
    err_clear(err);
    if (packer_item(f->opts.packer, want->item, body, 0, err) < 0 && !f->ledger.err.kind)
        f->ledger.err = *err;
    return true;
}

static void park(struct fetch *f, struct want *want)
{
    want->renewed++;
    want->state = WANT_PARKED;
    if (url_refresh_ask(f->renew, want->item->run, &f->ledger.err) < 0)
        want->state = WANT_ENDED;
}

static void on_renewed(void *ctx, const struct url_refresh_list *list)
{
    struct fetch *f = ctx;
    size_t i;

    for (i = 0; i < plan_count(f->opts.plan); i++) {
        struct want *want = &f->ledger.all[i];
        const char *id;
        const char *url;

        if (!want->item || want->item->run != list->run || want->state == WANT_ENDED ||
            (!list->came && want->state != WANT_PARKED))
            continue;
        id = want->item->what.artifact_id;
        /* which of two of one ID a fresh list tells of, its rows do not say */
        url = list->came && !want->item->twinned ? hashmap_get(list->by_id, id, strlen(id))
                                                 : NULL;
        if (want->state == WANT_PARKED) {
            ledger_take_url(&f->ledger, want, url, FETCH_ROUTE_RENEWED);
            wants_ready(f->ledger.queue, want);
        } else if (want->way == FETCH_ROUTE_SIGNED || want->way == FETCH_ROUTE_RENEWED) {
            /* its place in the heap stays: what dies later is only less urgent */
            want->url =
                ledger_usable(&f->ledger, url) ? url : NULL; /* the list it came from is gone */
            want->fresh = want->url && want->state == WANT_RUNNING;
            if (want->state != WANT_RUNNING)
                want->way = FETCH_ROUTE_RENEWED;
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

/* Whether there is another way if a want's next content is suspect. */
static bool other_way(const struct fetch *f, const struct want *want)
{
    return !want->settled &&
           (want->way != FETCH_ROUTE_CONTENT || !want->doubts || has_local(f, want->item));
}

/* A want will not come; but what came of it and was suspect is better than nothing. */
static void lose(struct fetch *f, struct want *want, enum reason reason)
{
    forget(f, want);
    if (want->doubts && !want->settled && !want->item->unlisted && !f->ledger.over) {
        want->settled = true;
        want->backoff.failures = 0;
        park(f, want);
    } else {
        ledger_lose(&f->ledger, want, reason);
    }
}

/* The content cannot be what its type says: the other ways; what comes by the last is kept. */
static void doubt(struct fetch *f, struct want *want)
{
    struct err err;

    log_line(LOG_INFO,
             "artifact '%s', by %s: the content cannot be what its type (%s) says; fetching it "
             "another way",
             want->item->what.artifact_id, fetch_route_name(want->way),
             want->item->what.type ? want->item->what.type : "none");
    want->doubts++;
    want->outcome.via = NULL;
    f->loop->retries++;
    if (f->ledger.over)
        ledger_lose(&f->ledger, want, REASON_TIMEOUT);
    else if (want->doubts == 1 && want->renewed < RENEWALS_MAX)
        park(f, want);
    else if (want->way != FETCH_ROUTE_CONTENT)
        to_content(f, want);
    else if (!has_local(f, want->item) || !read_local(f, want, &err)) {
        want->settled = true;
        to_content(f, want);
    }
}

/* The packer has looked at an item's body. */
static void answered(struct fetch *f, struct item *item)
{
    struct want *want = &f->ledger.all[item->index];

    if (item->answer == ITEM_SUSPECT && want->state == WANT_PACKING)
        doubt(f, want);
    else
        ledger_answer(&f->ledger, item);
}

static void to_local(struct fetch *f, struct want *want, enum reason reason)
{
    struct err err;

    if (!read_local(f, want, &err))
        lose(f, want, err.kind == ERR_LIMIT ? REASON_TOO_LARGE : reason);
}

/*
 * When a want is tried again. An attempt that brought something leaves all retries to the next;
 * one whose connection was closed since we had not read it is none.
 */
static uint64_t next_try(struct fetch *f, struct want *want, const struct request *request,
                         const struct brought *brought)
{
    if (brought->bytes >= PROGRESS_MIN)
        want->backoff.failures = 0;
    if (request->err.kind == ERR_NET && brought->pause >= EXCUSE_MS &&
        want->excused < EXCUSES_MAX) {
        want->excused++;
        return clock_mono() + EXCUSE_MS;
    }
    return backoff_next(&want->backoff, clock_mono(), request->retry_after, loop_dice(f->loop));
}

/* What follows an attempt. */
static void settle(struct fetch *f, struct want *want, const struct request *request,
                   struct fetch_route_verdict verdict, const struct brought *brought)
{
    uint64_t due;

    want->outcome.http_status = request->status;
    switch (verdict.step) {
    case FETCH_ROUTE_DONE: /* the packer will answer */
        want->state = WANT_PACKING;
        want->outcome.via = fetch_route_name(want->way);
        want->outcome.fetched_at = clock_wall();
        return;
    case FETCH_ROUTE_AGAIN:
        due = next_try(f, want, request, brought);
        if (due != BACKOFF_NEVER) {
            f->loop->retries++;
            wants_delay(f->ledger.queue, want, due);
        } else if (want->way != FETCH_ROUTE_CONTENT) {
            to_content(f, want);
        } else if (has_local(f, want->item)) {
            to_local(f, want, verdict.reason);
        } else {
            lose(f, want, verdict.reason);
        }
        return;
    case FETCH_ROUTE_RENEW:
        if (want->fresh) { /* it was refused by a URL that is replaced already */
            ledger_take_url(&f->ledger, want, want->url, FETCH_ROUTE_RENEWED);
            wants_ready(f->ledger.queue, want);
        } else {
            park(f, want);
        }
        return;
    case FETCH_ROUTE_TO_CONTENT:
        to_content(f, want);
        return;
    case FETCH_ROUTE_TO_LOCAL:
        to_local(f, want, verdict.reason);
        return;
    case FETCH_ROUTE_GIVE_UP:
        lose(f, want, verdict.reason);
        return;
    }
}

static void explain(const struct want *want, const struct request *request,
                    struct fetch_route_verdict verdict)
{
    struct err err;

    err_clear(&err);
    if (verdict.step == FETCH_ROUTE_DONE || !log_wants(LOG_INFO))
        return;
    if (request_check(request, &err) == 0)
        (void)err_set(&err, ERR_MISMATCH, "%s sent %llu bytes, and the service says %llu",
                      request->host, (unsigned long long)request->received,
                      (unsigned long long)want->item->what.file_size);
    log_line(LOG_INFO, "artifact '%s', by %s: %s", want->item->what.artifact_id,
             fetch_route_name(want->way), err.text);
}

static void on_done(void *ctx, struct request *request)
{
    struct transfer *t = ctx;
    struct fetch *f = (struct fetch *)((char *)t->all - offsetof(struct fetch, transfers));
    struct want *want = t->want;
    const struct artifact *artifact = ledger_artifact(&f->ledger, want->item);
    struct fetch_route_facts facts = { .way = want->way,
                                       .local = has_local(f, want->item),
                                       .archived = artifact->archived,
                                       .renewable = want->renewed < DENIALS_MAX,
                                       .sized = transfer_sized(t),
                                       .have = transfer_have(t),
                                       .file_size = want->item->what.file_size };
    struct fetch_route_verdict verdict = fetch_route_judge(&facts, request);
    struct err *fatal = f->ledger.err.kind ? NULL : &f->ledger.err;
    struct brought brought = { facts.have > t->had ? facts.have - t->had : 0,
                               transfer_pause(t) };
    int rc;

    if (f->transfers.err.kind) { /* the spool or the packer failed, not the network */
        if (fatal)
            *fatal = f->transfers.err;
        discard(t);
        want->state = WANT_ENDED;
        return;
    }
    if (verdict.step == FETCH_ROUTE_AGAIN && (request->status == 429 || request->status == 503))
        engine_slow(request);
    if (verdict.step == FETCH_ROUTE_DONE)
        rc = transfer_commit(t, want_again(want), fatal);
    else if (verdict.broken)
        rc = transfer_abort(t, fatal);
    else
        rc = transfer_hold(t, fatal);
    explain(want, request, verdict);
    if (!want->part)
        brought.bytes = 0;
    if (rc == 0)
        settle(f, want, request, verdict, &brought);
}

/* The origin that a want's next request goes to; NULL when that cannot be told. */
static struct origin *origin_of(const struct fetch *f, const struct want *want)
{
    return engine_origin(f->loop->engine, want->way == FETCH_ROUTE_CONTENT || !want->url
                                              ? f->opts.api->base
                                              : want->url);
}

static int start(struct fetch *f, struct want *want, const struct origin *origin,
                 struct err *err)
{
    struct transfer *t = transfer_open(&f->transfers, want, err);
    const struct api *api = f->opts.api;
    struct err why;
    int rc;

    if (!t)
        return -1;
    err_clear(&why);
    if (want->way != FETCH_ROUTE_CONTENT && !want->url)
        want->way = FETCH_ROUTE_CONTENT;
    t->part.resume.same_host = origin && origin == t->part.origin;
    buf_reset(&t->url);
    rc = want->way == FETCH_ROUTE_CONTENT
             ? api_url_content(api, &t->url, want->item->what.artifact_id, &why)
             : buf_adds(&t->url, want->url, &why);
    t->request = (struct request){ .url = buf_text(&t->url),
                                   .max = item_most(want->item, f->opts.max_size),
                                   .resume = t->part.resume,
                                   .as_sent = true,
                                   .sink = transfer_sink,
                                   .done = on_done,
                                   .ctx = t };
    if (want->way == FETCH_ROUTE_CONTENT || !expiry_signed(buf_text(&t->url)))
        api_sign(api, &t->request); /* the engine gives the key to its own origin alone */
    want->outcome.attempts++;
    want->picky = other_way(f, want);
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
    if (want->way != FETCH_ROUTE_CONTENT)
        to_content(f, want);
    else if (has_local(f, want->item))
        to_local(f, want, REASON_NO_URL);
    else
        lose(f, want, want->outcome.http_status == 403 ? REASON_DENIED : REASON_NO_URL);
    return 0;
}

/* Whether a want's host bears one more. The packer waits for the first one: no other transfer
 * of its host may keep it waiting, the host's own word alone. */
static bool has_room(const struct want *want, const struct origin *origin, uint64_t now)
{
    return want->rank == RANK_HEAD ? now >= origin->until : origin_room(origin, now) > 0;
}

/* Give free slots to what is most urgent of what its host may have; *due: when to come again.
 */
static int fill_slots(struct fetch *f, uint64_t now, uint64_t *due, struct err *err)
{
    uint64_t again =
        wants_unhold(f->ledger.queue, now, f->transfers.count - f->transfers.running);
    struct want *want;
    int rc = 0;

    *due = again < *due ? again : *due;
    while (!f->ledger.err.kind && !f->ledger.over && (want = wants_peek(f->ledger.queue)) &&
           transfers_room(&f->transfers, want) && (want = wants_take(f->ledger.queue))) {
        const struct listed_run *run = &f->opts.listing->runs[want->item->run];
        const struct origin *origin = origin_of(f, want);

        if (want->way != FETCH_ROUTE_CONTENT && want->renewed < RENEWALS_MAX && want->url &&
            (url_refresh_busy(f->renew, want->item->run) ||
             fetch_route_stale(expiry_of(want->url), run->listed_at, server_now(f))))
            park(f, want);
        else if (want->part && want->part->origin != origin &&
                 !want->part->resume.judged) { /* nothing tells whether the rest would fit */
            forget(f, want);
            wants_ready(f->ledger.queue, want);
        } else if (origin && !has_room(want, origin, now))
            rc = wants_hold(f->ledger.queue, want, origin, err);
        else
            rc = start(f, want, origin, err);
        if (rc < 0)
            return -1;
    }
    again = wants_unhold(f->ledger.queue, now, 0);
    *due = again < *due ? again : *due;
    return 0;
}

/* The time is up: what is neither here nor with the packer is missing. */
static void give_up(struct fetch *f)
{
    unsigned i;
    size_t k;

    f->ledger.over = true;
    for (i = 0; i < f->transfers.count; i++) {
        struct transfer *t = &f->transfers.slots[i];

        if (!t->want)
            continue;
        engine_drop(f->loop->engine, &t->request);
        discard(t);
    }
    for (k = 0; k < plan_count(f->opts.plan); k++) {
        struct want *want = &f->ledger.all[k];
        const struct bundle *bundle = want->item->bundle;

        if (want->state == WANT_ENDED || want->state == WANT_PACKING ||
            (want->state == WANT_CARRIED && bundle->whole &&
             f->ledger.all[bundle->parent->index].state == WANT_PACKING))
            continue;
        lose(f, want, REASON_TIMEOUT);
    }
    log_line(LOG_WARNING, "the time is up: %zu artifacts are missing",
             f->ledger.progress.missing);
}

/* End what takes so long that it will never end. */
static void end_overdue(struct fetch *f, uint64_t now)
{
    unsigned i;

    if (now < f->overdue_at + OVERDUE_MS || !f->opts.stall.time)
        return;
    f->overdue_at = now;
    for (i = 0; i < f->transfers.count; i++) {
        struct transfer *t = &f->transfers.slots[i];
        struct want *want = t->want;

        if (!want || !transfer_overdue(t, &f->opts.stall, now))
            continue;
        engine_drop(f->loop->engine, &t->request);
        discard(t);
        lose(f, want, REASON_TOO_SLOW);
    }
}

static int turn(struct fetch *f, struct err *err)
{
    uint64_t now = clock_mono();
    uint64_t due = wants_due(f->ledger.queue, now);
    uint64_t called;
    struct item *item;
    bool again;

    if (now >= f->opts.deadline && !f->ledger.over)
        give_up(f);
    end_overdue(f, now);
    if (fill_slots(f, now, &due, err) < 0)
        return -1;
    called = callers_pump(f->opts.callers);
    due = called < due ? called : due;
    f->ledger.progress.running = f->transfers.running;
    f->ledger.progress.bytes = f->transfers.bytes;
    if (f->ledger.open && !f->ledger.err.kind && loop_turn(f->loop, due, err) < 0)
        return -1;
    while ((item = packer_answer(f->opts.packer)))
        answered(f, item);
    ledger_flush(&f->ledger, false);
    if (transfers_look(&f->transfers, clock_mono(), &again, err) < 0)
        return -1;
    if (loop_woken(f->loop) || again)
        transfers_offer(&f->transfers, engine_resume);
    if (f->ledger.err.kind) {
        *err = f->ledger.err;
        return -1;
    }
    if (packer_failed(f->opts.packer))
        return packer_join(f->opts.packer, err);
    return 0;
}

int fetch_run(struct fetch *f, struct err *err)
{
    int rc = 0;

    ledger_begin(&f->ledger, f->opts.plan, f->opts.kept);
    while (rc == 0 && f->ledger.open)
        rc = turn(f, err);
    ledger_flush(&f->ledger, true);
    f->ledger.progress.bytes = f->transfers.bytes;
    return rc;
}

int fetch_stop(struct fetch *f, struct err *err)
{
    struct item *item;
    size_t k;
    unsigned i;
    int rc;

    for (i = 0; i < f->transfers.count; i++) {
        if (!f->transfers.slots[i].want)
            continue;
        engine_drop(f->loop->engine, &f->transfers.slots[i].request);
        discard(&f->transfers.slots[i]);
    }
    for (k = 0; k < plan_count(f->opts.plan); k++)
        forget(f, &f->ledger.all[k]);
    rc = packer_join(f->opts.packer, err);
    f->ledger.over = true;
    while ((item = packer_answer(f->opts.packer)))
        ledger_answer(&f->ledger, item);
    ledger_flush(&f->ledger, true);
    return rc;
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
    f->transfers.pass = opts->pass;
    f->transfers.files_max = opts->files;
    f->transfers.pass_min = opts->pass_min ? opts->pass_min : PASS_MIN;
    f->ledger.api = opts->api;
    f->ledger.listing = opts->listing;
    f->ledger.retries = opts->retries;
    f->ledger.deadline = opts->deadline;
    f->ledger.journal = opts->journal;
    f->ledger.strict = opts->strict;
    f->ledger.all = mem_array(count, sizeof(*f->ledger.all), err);
    f->ledger.queue = wants_new(count, err);
    f->renew = url_refresh_new(opts->listing, opts->callers, on_renewed, f, err);
    if (f->ledger.all && f->ledger.queue && f->renew &&
        transfers_init(&f->transfers, opts->jobs, err) == 0)
        return f;
    fetch_free(f);
    return NULL;
}

void fetch_free(struct fetch *f)
{
    size_t i;

    if (!f)
        return;
    for (i = 0; f->ledger.all && i < plan_count(f->opts.plan); i++)
        part_free(f->ledger.all[i].part);
    transfers_clear(&f->transfers);
    url_refresh_free(f->renew);
    wants_free(f->ledger.queue);
    mem_free(f->ledger.all);
    mem_free(f);
}

const struct outcome *fetch_outcome(const struct fetch *f, const struct item *item)
{
    return &f->ledger.all[item->index].outcome;
}

const struct want_progress *fetch_progress(const struct fetch *f)
{
    return &f->ledger.progress;
}
