/* SPDX-License-Identifier: MIT */
#include "cmdutil/confirm.h"

#include "api/run.h"
#include "base/hashmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/run_state.h"
#include "cli/signals.h"
#include "client/lister.h"
#include "client/listing.h"
#include "cmdutil/api_client.h"
#include "sync/lock.h"
#include "sync/recheck.h"

#include <string.h>

#define BATCH 100

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
    int rc = lock_take(&lock, c->confirm->dir, 0, signals_stopping(), err);

    if (rc == 0)
        catalog = db_open(c->confirm->dir, DB_WRITE, err);
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
    c.catalog = c.changed ? db_open(confirm->dir, DB_READ, err) : NULL;
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
