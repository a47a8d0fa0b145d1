/* SPDX-License-Identifier: MIT */
#include "cmdutil/confirm.h"

#include "api/run.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/db.h"
#include "catalog/run_state.h"
#include "cli/exit.h"
#include "cli/signals.h"
#include "client/lister.h"
#include "client/listing.h"
#include "cmdutil/api_client.h"
#include "evidence/consistency.h"
#include "sync/recheck.h"
#include "volumes/lock.h"

#include <stdio.h>
#include <string.h>

#define BATCH    100
#define DAY_US   ((int64_t)86400 * 1000000)
#define SAFE_MAX ((size_t)1 << 24) /* runs that can be listed as safe */

struct confirming {
    struct confirm *confirm;
    struct db *catalog;
    struct api_client client;
    char *const *ids;
    bool *changed;         /* for each ID, whether the run changed */
    struct hashmap *asked; /* all IDs: each is judged by itself */
};

/* A difference between a run as archived and as listed. */
struct difference {
    const char *what; /* NULL: no difference */
    const char *artifact_id;
};

static int on_difference(void *ctx, const struct artifact *a, enum recheck_match match,
                         struct err *err)
{
    struct difference *d = ctx;

    (void)err;
    d->artifact_id = a->artifact_id;
    d->what = match == RECHECK_NEW ? "is not archived"
                                   : "changed its size, checksum or time since it was archived";
    return 1;
}

/* Whether a child run is in the list to confirm, or unknown to the service. */
static bool is_safe_child(const struct confirming *c, const struct listed_run *child)
{
    return hashmap_get(c->asked, child->id, strlen(child->id)) ||
           (*child->other && hashmap_get(c->asked, child->other, strlen(child->other))) ||
           (child->failed && child->err.kind == ERR_NOT_FOUND);
}

/* Compare a run with what the service has now; its child runs follow it in the array. */
static int judge(struct confirming *c, const struct listed_run *run, size_t count,
                 struct err *err)
{
    size_t i;

    struct confirm *confirm = c->confirm;
    struct difference d = { NULL, NULL };

    if (run->failed && run->err.kind == ERR_DENIED) {
        *err = run->err;
        return -1;
    }
    if (run->failed && run->err.kind == ERR_NOT_FOUND) {
        confirm->left++;
        return 0;
    }
    if (run->failed) {
        log_line(LOG_WARNING,
                 "run '%s' is not listed as safe: the service could not list it: %s", run->id,
                 run->err.text);
        confirm->unasked++;
        return 0;
    }
    for (i = 1; i < count && !d.what; i++) {
        if (!is_safe_child(c, &run[i]))
            d.what = "it started a run that is not archived completely";
    }
    if (!run_is_over(&run->run))
        d.what = "it is running again";
    else if (!d.what &&
             recheck_compare(c->catalog, confirm->types, run, on_difference, &d, err) < 0)
        return -1;
    if (!d.what)
        return confirm->fn(confirm->ctx, run->id, err);
    log_line(LOG_WARNING,
             "run '%s' is not listed as safe, and the next sync checks it: %s%s%s%s", run->id,
             d.artifact_id ? "artifact '" : "", d.artifact_id ? d.artifact_id : "",
             d.artifact_id ? "' " : "", d.what);
    confirm->changed++;
    c->changed[run->asked] = true;
    return 0;
}

/* List one batch of runs, and judge them. */
static int ask(struct confirming *c, size_t from, size_t count, struct err *err)
{
    struct listing listing = { .api = &c->client.api,
                               .callers = &c->client.callers,
                               .filter = c->confirm->types,
                               .bundles = true,
                               .calm = true,
                               .children = true,
                               .deep = true };
    size_t roots = 0;
    size_t to;
    size_t i;
    int rc = lister_fetch(&listing, &c->client.loop, c->ids + from, count, err);

    for (i = 0; rc == 0 && i < listing.count; i = to, roots++) {
        for (to = i + 1; to < listing.count && listing.runs[to].depth;)
            to++;
        listing.runs[i].asked += from;
        rc = judge(c, &listing.runs[i], to - i, err);
    }
    if (rc == 0 && roots < count) { /* two IDs of one run, which is listed once */
        log_line(LOG_WARNING, "%zu ID%s not listed as safe: %s of other runs", count - roots,
                 count - roots == 1 ? " is" : "s are",
                 count - roots == 1 ? "a second ID" : "second IDs");
        c->confirm->unasked += count - roots;
    }
    if (rc < 0)
        loop_clear(&c->client.loop); /* the loop may still run the listing's calls */
    lister_clear(&listing);
    return rc;
}

/* Reopen changed runs, so that the next sync lists them again. */
static int reopen(const struct confirming *c, size_t count, struct err *err)
{
    struct lock lock = { -1 };
    struct db *catalog = NULL;
    size_t i;
    int rc = lock_take(&lock, c->confirm->store->dir, 0, signals_stopping(), err);

    if (rc == 0)
        catalog = db_open(c->confirm->store->dir, DB_WRITE, err);
    rc = catalog ? db_begin(catalog, err) : -1;
    if (rc == 0) {
        for (i = 0; rc == 0 && i < count; i++) {
            if (c->changed[i])
                rc = run_state_reopen(catalog, c->ids[i], 0, "it changed at the service", err);
        }
        if (rc == 0)
            rc = db_commit(catalog, err);
        else
            db_rollback(catalog);
    }
    db_free(catalog);
    lock_drop(&lock);
    return rc;
}

int confirm_runs(struct confirm *confirm, char *const *ids, size_t count, struct err *err)
{
    struct confirming c = { .confirm = confirm, .ids = ids };
    size_t from;
    size_t i;
    int rc = 0;

    confirm->changed = confirm->unasked = confirm->left = 0;
    if (!count)
        return 0;
    c.changed = mem_array(count, sizeof(*c.changed), err);
    c.catalog = c.changed ? db_open(confirm->store->dir, DB_READ, err) : NULL;
    c.asked = c.catalog ? hashmap_new(err) : NULL;
    rc = c.asked ? 0 : -1;
    for (i = 0; rc == 0 && i < count; i++) {
        if (!hashmap_get(c.asked, ids[i], strlen(ids[i])))
            rc = hashmap_add(c.asked, ids[i], strlen(ids[i]), &c, err);
    }
    if (rc == 0)
        rc = api_client_open(&c.client, confirm->session, err);
    for (from = 0; rc == 0 && from < count; from += BATCH)
        rc = ask(&c, from, count - from < BATCH ? count - from : BATCH, err);
    api_client_close(&c.client);
    db_free(c.catalog);
    if (confirm->changed && rc == 0) {
        rc = reopen(&c, count, err);
        if (rc < 0)
            (void)err_wrap(err, "cannot reopen changed runs in the catalog");
    }
    hashmap_free(c.asked);
    mem_free(c.changed);
    return rc;
}

static int print_id(void *ctx, const char *run_id, struct err *err)
{
    struct jsonw *w = ctx;

    if (w) {
        jsonw_text(w, NULL, run_id);
        return 0;
    }
    return printf("%s\n", run_id) < 0 ? err_sys(err, "cannot write the result") : 0;
}

static int keep_id(void *ctx, const char *run_id, struct err *err)
{
    return text_list_add(ctx, run_id, SAFE_MAX, err);
}

/* Log how many runs were left out, and why. */
static int tell_safe(const struct confirm_safe *asked, const struct consistency_safe *safe,
                     const struct confirm *confirm)
{
    char within[TEXT_SIZE_MAX];
    char shard[SHARD_TEXT_MAX];

    if (safe->unread)
        log_line(LOG_WARNING,
                 "%zu more run%s would be safe if %s volumes had been verified in the last %s; "
                 "see --verify-share",
                 safe->unread, text_plural(safe->unread), safe->unread == 1 ? "its" : "their",
                 text_duration(within, asked->within));
    if (safe->others)
        log_line(LOG_WARNING,
                 "%zu run%s not listed: of other shards than %s, with which '%s' is filled now",
                 safe->others, safe->others == 1 ? " is" : "s are",
                 shard_text(shard, &safe->shard), safe->store->place);
    if (safe->broken)
        log_line(LOG_ERROR,
                 "%zu run%s not safe: volumes with artifacts of %s are damaged, were changed, "
                 "or cannot be read",
                 safe->broken, safe->broken == 1 ? " is" : "s are",
                 safe->broken == 1 ? "it" : "them");
    if (confirm->changed)
        log_line(LOG_ERROR, "%zu run%s not safe: changed at the service since %s archived",
                 confirm->changed, confirm->changed == 1 ? " is" : "s are",
                 confirm->changed == 1 ? "it was" : "they were");
    if (confirm->left)
        log_line(LOG_WARNING, "%zu run%s not listed: the service no longer has %s",
                 confirm->left, confirm->left == 1 ? " is" : "s are",
                 confirm->left == 1 ? "it" : "them");
    if (confirm->unasked)
        log_line(LOG_ERROR, "%zu run%s not listed: the service could not be asked about %s",
                 confirm->unasked, confirm->unasked == 1 ? " is" : "s are",
                 confirm->unasked == 1 ? "it" : "them");
    return safe->broken || confirm->changed || confirm->unasked ? EXIT_INCOMPLETE : EXIT_DONE;
}

int confirm_list_safe(const struct confirm_safe *asked, struct err *err)
{
    struct kind_filter types = { 0 };
    struct text_list ids = { 0 };
    struct consistency_safe safe = { .store = asked->store,
                                     .shard = asked->shard,
                                     .within_ms = (int64_t)asked->within,
                                     .now_ms = clock_wall(),
                                     .fn = keep_id,
                                     .ctx = &ids };
    struct confirm confirm = {
        .store = asked->store, .session = asked->session, .types = &types, .fn = print_id
    };
    struct jsonw *w = NULL;
    int rc = api_client_list(&w, asked->json, err);

    confirm.ctx = w;

    safe.before_us = safe.now_ms * 1000 - (int64_t)asked->days * DAY_US;
    if (rc == 0)
        rc = filter_kinds(&types, &asked->filter->type, &asked->filter->exclude_type,
                          asked->filter->allow_unknown, err);
    if (rc == 0)
        rc = consistency_list_safe(&safe, err);
    if (rc == 0)
        rc = confirm_runs(&confirm, ids.at, ids.count, err);
    rc = api_client_list_end(w, rc, err);
    kind_filter_clear(&types);
    text_list_clear(&ids);
    return rc < 0 ? api_client_status(err) : tell_safe(asked, &safe, &confirm);
}
