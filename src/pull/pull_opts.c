/* SPDX-License-Identifier: MIT */
#include "pull/pull_opts.h"

static const char *no_parent(void *ctx, const char *run_id)
{
    (void)ctx;
    (void)run_id;
    return NULL;
}

static int as_asked(void *ctx, const struct listed_run *run, struct err *err)
{
    (void)ctx;
    (void)run;
    (void)err;
    return 0;
}

static bool unchanged(void *ctx, const struct listed_run *run)
{
    (void)ctx;
    (void)run;
    return false;
}

static void ignore_lost(void *ctx, const char *run_id, const char *artifact_id,
                        const char *type, enum reason reason)
{
    (void)ctx;
    (void)run_id;
    (void)artifact_id;
    (void)type;
    (void)reason;
}

static void ignore_status(void *ctx, const struct pull_status *status)
{
    (void)ctx;
    (void)status;
}

static void ignore_planned(void *ctx, const struct pull_planned *planned)
{
    (void)ctx;
    (void)planned;
}

struct pull_watcher pull_unwatched(void)
{
    return (struct pull_watcher){ ignore_status, NULL };
}

void pull_opts_no_hooks(struct pull_opts *opts)
{
    opts->skip = planner_skips_none;
    opts->parent = no_parent;
    opts->met = as_asked;
    opts->changed = unchanged;
    opts->lost = ignore_lost;
    opts->stop = stop_never();
    opts->watcher = pull_unwatched();
    opts->planned = ignore_planned;
}
