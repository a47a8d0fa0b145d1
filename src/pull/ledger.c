/* SPDX-License-Identifier: MIT */
#include "pull/ledger.h"

#include "api/expiry.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <string.h>

#define FLUSH_MS    50
#define LENGTHS_MAX 3 /* times that a wrong length is borne of an artifact */

const struct artifact *ledger_artifact(const struct ledger *l, const struct item *item)
{
    return &l->listing->runs[item->run].list.rows[item->row];
}

/* Whether this is a URL that may be fetched at all. */
bool ledger_usable(const struct ledger *l, const char *url)
{
    char origin[URL_ORIGIN_MAX];

    return url && url_origin(origin, url, NULL) == 0 &&
           (!l->api->secure || url_is_secure(url)) && !expiry_cut(url);
}

void ledger_take_url(struct ledger *l, struct want *want, const char *url, enum fetch_route way)
{
    if (ledger_usable(l, url)) {
        want->url = url;
        want->way = way;
        want->dies = expiry_of(url);
    } else {
        if (url && expiry_cut(url))
            log_line(LOG_INFO, "the signature of artifact '%s' was cut on its way",
                     want->item->what.artifact_id);
        want->url = NULL;
        want->way = FETCH_ROUTE_CONTENT;
        want->dies = EXPIRY_NEVER;
    }
}

/* Take an item's want up; it is then to be made ready, or carried. */
struct want *ledger_open(struct ledger *l, struct item *item)
{
    struct want *want = &l->all[item->index];

    want->item = item;
    want->backoff = (struct backoff){ .retries = l->retries, .deadline = l->deadline };
    ledger_take_url(l, want, ledger_artifact(l, item)->signed_url, FETCH_ROUTE_SIGNED);
    want->state = WANT_CARRIED;
    l->open++;
    return want;
}

static void end_want(struct ledger *l, struct want *want)
{
    want->state = WANT_ENDED;
    l->open--;
    if (!want->item->unlisted)
        l->progress.done++;
}

/* Let all members that are still carried be fetched by themselves. */
static void release(struct ledger *l, struct bundle *bundle)
{
    struct item *item;

    bundle->scout = NULL;
    for (item = bundle->members; item; item = item->sibling) {
        struct want *want = &l->all[item->index];

        if (want->state != WANT_CARRIED)
            continue;
        if (l->over)
            ledger_lose(l, want, REASON_TIMEOUT);
        else
            wants_ready(l->queue, want);
    }
}

/* Without the ZIP: one member goes ahead. */
void ledger_scout(struct ledger *l, struct bundle *bundle)
{
    struct item *item;

    bundle->whole = false;
    for (item = bundle->members; item && !l->over; item = item->sibling) {
        if (l->all[item->index].state != WANT_CARRIED)
            continue;
        bundle->scout = item;
        wants_ready(l->queue, &l->all[item->index]);
        return;
    }
    release(l, bundle);
}

/* Whether nothing of a bundle is wanted any more: then its ZIP is not, either. */
static bool bundle_done(const struct bundle *bundle)
{
    const struct item *item;

    for (item = bundle->members; item; item = item->sibling) {
        if (!atomic_load(&item->packed))
            return false;
    }
    return true;
}

/* Whether an item is not fetched: another one is, or it is here. */
static bool is_done(const struct item *item)
{
    const struct bundle *bundle = item->bundle;

    if (item->leader || atomic_load(&item->packed))
        return true;
    return item->unlisted && !(bundle && bundle->whole && !bundle_done(bundle));
}

void ledger_begin(struct ledger *l, struct plan *plan, const struct outcome *kept)
{
    struct bundle *bundle;
    size_t i;

    for (i = 0; i < plan_count(plan); i++) {
        struct item *item = plan_at(plan, i);

        l->all[i].item = item;
        l->all[i].state = WANT_ENDED;
        if (atomic_load(&item->packed)) {
            l->all[i].outcome = kept[i];
            l->progress.done += !item->unlisted;
        }
        if (is_done(item))
            continue;
        (void)ledger_open(l, item);
        if (!item->bundle || item->bundle->parent == item)
            wants_ready(l->queue, &l->all[i]);
    }
    for (bundle = plan_bundles(plan); bundle; bundle = bundle->next) {
        if (!bundle->whole || atomic_load(&bundle->parent->packed))
            ledger_scout(l, bundle);
    }
}

/* An item will not come: whoever waited for it goes on alone. */
static void let_go(struct ledger *l, const struct item *item)
{
    struct bundle *bundle = item->bundle;
    struct item *heir;

    if (bundle && bundle->parent == item && bundle->whole)
        ledger_scout(l, bundle);
    else if (bundle && bundle->scout == item)
        release(l, bundle);
    if (l->over || item->unlisted)
        return;
    heir = plan_promote(l->all[item->index].item);
    if (heir)
        wants_ready(l->queue, ledger_open(l, heir));
}

void ledger_lose(struct ledger *l, struct want *want, enum reason reason)
{
    char id[128];
    bool loud = !l->over && !want->item->unlisted;

    want->outcome.via = NULL;
    want->outcome.reason = reason;
    end_want(l, want);
    l->progress.missing += !want->item->unlisted;
    log_line(loud ? LOG_WARNING : LOG_INFO, "artifact '%s' (%s) of run '%s' is missing: %s",
             text_shown(id, sizeof(id), want->item->what.artifact_id),
             want->item->what.type ? want->item->what.type : "no type", want->item->what.run_id,
             reason_word(reason));
    if (l->strict && !want->item->unlisted) {
        if (!l->err.kind) {
            (void)err_set(&l->err, ERR_MISMATCH, "artifact '%s' of run '%s' is missing (%s)",
                          id, want->item->what.run_id, reason_word(reason));
            (void)err_hint(&l->err, "without --strict the rest is archived");
        }
        return;
    }
    let_go(l, want->item);
}

static void give_journal_up(struct ledger *l, const struct err *err)
{
    log_line(LOG_WARNING, "%s; an interrupted attempt could not be gone on with", err->text);
    l->journal = NULL;
}

/* Tell the journal. It is only a help: when it fails, the next attempt has less to go on. */
static void note(struct ledger *l, const struct want *want)
{
    const struct item *item = want->item;
    const struct outcome *outcome = &want->outcome;
    char listed[ITEM_LISTED_MAX];
    struct journal_row row = { .path = item->path,
                               .run_id = item->what.run_id,
                               .artifact_id = item->what.artifact_id,
                               .via = outcome->via,
                               .duplicate_of =
                                   item->duplicate_of ? item->duplicate_of->path : NULL,
                               .listed = item_listed(item, listed),
                               .http_status = (uint64_t)outcome->http_status,
                               .attempts = outcome->attempts,
                               .fetched_at = (uint64_t)outcome->fetched_at,
                               .size = item->size,
                               .mismatch = item->mismatch,
                               .encoded = item->encoded,
                               .encoded_size = item->encoded_size };
    struct err err;

    if (!l->journal || item_hidden(item) || item->twinned || !atomic_load(&item->packed))
        return;
    memcpy(row.sha256, item->digest.sha256, SHA256_SIZE);
    memcpy(row.encoded_sha256, item->encoded_sha256, SHA256_SIZE);
    if (journal_add(l->journal, &row, &err) < 0)
        give_journal_up(l, &err);
}

void ledger_flush(struct ledger *l, bool all)
{
    uint64_t now = clock_mono();
    struct err err;

    if (!all && now < l->flushed + FLUSH_MS)
        return;
    l->flushed = now;
    if (l->journal && journal_flush(l->journal, &err) < 0)
        give_journal_up(l, &err);
}

/* The want's bytes are in the archive; its followers' too. */
static void win(struct ledger *l, struct want *want)
{
    struct item *item;
    struct item *next;

    end_want(l, want);
    note(l, want);
    for (item = want->item->followers; item; item = next) {
        struct want *other = &l->all[item->index];

        next = item->next;
        if (!item->unlisted &&
            !atomic_load(&item->packed)) { /* it is something else after all */
            plan_detach(item);
            if (l->over)
                ledger_lose(l, ledger_open(l, item), REASON_TIMEOUT);
            else
                wants_ready(l->queue, ledger_open(l, item));
            continue;
        }
        other->outcome = want->outcome;
        other->outcome.via = "joined";
        other->outcome.attempts = 0;
        other->state = WANT_ENDED;
        l->progress.done += !item->unlisted;
        note(l, other);
    }
}

/* End what came out of a ZIP; what is running or being packed will be told by itself. */
static void win_members(struct ledger *l, const struct bundle *bundle, const struct want *by)
{
    struct item *item;

    for (item = bundle->members; item; item = item->sibling) {
        struct want *want = &l->all[item->index];

        if (!atomic_load(&item->packed) || want->state == WANT_ENDED ||
            want->state == WANT_RUNNING || (want->state == WANT_PACKING && want != by))
            continue;
        want->outcome.via = "bundle";
        want->outcome.http_status = by->outcome.http_status;
        want->outcome.fetched_at = by->outcome.fetched_at;
        win(l, want);
    }
}

/* A ZIP that came as the answer to a member is kept as a file, too. */
static void tell_kept(struct ledger *l, const struct want *by)
{
    const struct item *parent = by->item->bundle->parent;
    struct want *want = parent ? &l->all[parent->index] : NULL;

    if (!parent || parent == by->item || !parent->kept || want->outcome.via)
        return;
    want->outcome = by->outcome;
    note(l, want);
}

/* The ZIP of a bundle has come, by its own row or as the answer to a member. */
static void on_split(struct ledger *l, struct want *want)
{
    struct bundle *bundle = want->item->bundle;

    win_members(l, bundle, want);
    tell_kept(l, want);
    if (want->state == WANT_PACKING && bundle->parent == want->item) {
        win(l, want);
    } else if (want->state == WANT_PACKING) { /* in it, but wrong by its checksum or type */
        want->rechecked = true;
        want->settled = true;
        wants_ready(l->queue, want);
    }
    release(l, bundle);
}

void ledger_answer(struct ledger *l, struct item *item)
{
    struct want *want = &l->all[item->index];
    struct bundle *bundle = item->bundle;

    if (want->state != WANT_PACKING)
        return;
    switch (item->answer) {
    case ITEM_PACKED:
        win(l, want);
        if (bundle && bundle->scout == item)
            release(l, bundle);
        return;
    case ITEM_MISMATCH:
        log_line(LOG_INFO,
                 "artifact '%s' has another checksum than the service gave; once more",
                 item->what.artifact_id);
        want->rechecked = true;
        want->outcome.via = NULL;
        if (l->over)
            ledger_lose(l, want, REASON_TIMEOUT);
        else
            wants_ready(l->queue, want);
        return;
    case ITEM_SPLIT:
        on_split(l, want);
        return;
    case ITEM_LACKS:
        tell_kept(l, want);
        ledger_lose(l, want, REASON_NOT_IN_BUNDLE);
        return;
    case ITEM_BROKEN:
        win(l, want);
        ledger_scout(l, bundle);
        return;
    case ITEM_LENGTH:
        want->no_pass = true;
        want->outcome.via = NULL;
        if (l->over || ++want->lengths > LENGTHS_MAX) {
            ledger_lose(l, want, l->over ? REASON_TIMEOUT : REASON_LENGTH_MISMATCH);
            return;
        }
        log_line(LOG_INFO,
                 "artifact '%s' was not as long as its server announced; fetching it again",
                 item->what.artifact_id);
        wants_ready(l->queue, want);
        return;
    case ITEM_SUSPECT: /* while it goes on, the fetch decides what follows */
        want->outcome.via = NULL;
        ledger_lose(l, want, REASON_TIMEOUT);
        return;
    }
}
