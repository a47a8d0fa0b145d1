/* SPDX-License-Identifier: MIT */
#include "evidence/coverage.h"

#include "base/clock.h"
#include "catalog/sync_log.h"

#include <stdio.h>
#include <string.h>

bool coverage_is_everything(const char *filter)
{
    for (; *filter; filter++) {
        if (filter[0] == '=' && filter[1] && filter[1] != ';')
            return false;
    }
    return true;
}

/* The syncs come in the order of their time. */
static int on_sync(void *ctx, const struct period_sync *sync, struct err *err)
{
    struct coverage *c = ctx;

    (void)err;
    if (!sync->outcome) /* it runs */
        return 0;
    c->failed = sync_log_has_failed(sync->outcome);
    if (strcmp(sync->outcome, "done") == 0 || strcmp(sync->outcome, "incomplete") == 0)
        c->good_ms = sync->began_ms;
    return 0;
}

static int on_frontier(void *ctx, const char *filter, const struct period *known,
                       struct err *err)
{
    struct coverage *c = ctx;

    (void)err;
    if (coverage_is_everything(filter) && known->since != DB_UNKNOWN &&
        (c->from == DB_UNKNOWN || known->since < c->from))
        c->from = known->since;
    return 0;
}

int coverage_read(struct coverage *c, struct db *catalog, struct err *err)
{
    static const struct period always = { DB_UNKNOWN, DB_UNKNOWN };

    c->from = c->good_ms = DB_UNKNOWN;
    c->failed = false;
    return period_syncs(catalog, &always, on_sync, c, err) < 0
               ? -1
               : period_frontiers(catalog, on_frontier, c, err);
}

bool coverage_judge(const struct coverage *c, char out[COVERAGE_TEXT_MAX])
{
    int64_t since = c->wanted.since == DB_UNKNOWN ? 0 : c->wanted.since;
    bool open = c->wanted.until == DB_UNKNOWN || c->wanted.until / 1000 > c->now_ms;
    int64_t end_ms = open ? c->now_ms : c->wanted.until / 1000;
    char when[CLOCK_TEXT_MAX];

    out[0] = '\0';
    if (c->from == DB_UNKNOWN || c->good_ms == DB_UNKNOWN)
        (void)snprintf(out, COVERAGE_TEXT_MAX,
                       "the service's list of all runs was never read to its end");
    else if (since < c->from)
        (void)snprintf(out, COVERAGE_TEXT_MAX,
                       "runs created before %s may be unknown: the service's list was not read "
                       "further back",
                       clock_format(when, c->from / 1000, CLOCK_RFC3339));
    else if (since / 1000 > c->good_ms || ((!open || c->failed) && end_ms > c->good_ms))
        (void)snprintf(out, COVERAGE_TEXT_MAX,
                       "runs created after %s may be unknown: no sync has read the service's "
                       "list since",
                       clock_format(when, c->good_ms, CLOCK_RFC3339));
    return !out[0];
}
