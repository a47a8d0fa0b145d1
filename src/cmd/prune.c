/* SPDX-License-Identifier: MIT */
#include "sync/prune.h"

#include "base/file.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/query.h"
#include "sync/lock.h"

#include <stdio.h>
#include <string.h>

struct prune_args {
    struct command_args common;
    const char *dest;
    uint64_t days;
    uint64_t last;
    uint64_t daily;
    uint64_t weekly;
    uint64_t monthly;
    uint64_t yearly;
    struct opt_list status;
    uint64_t lock_wait;
    bool dry_run;
    bool apply;
};

static const struct prune_args prune_defaults = { .dest = NULL };

/* clang-format off */
static const struct opt prune_opts[] = {
    { 0,   "dest",         "DIR",    OPT_TEXT,     OPT_AT(prune_args, dest),      "the directory of skyarc sync", 0, 0, NULL, false, NULL },
    { 'n', "dry-run",      NULL,     OPT_FLAG,     OPT_AT(prune_args, dry_run),   "only print what would be removed; this is the default without --apply", 0, 0, NULL, false, NULL },
    { 0,   "apply",        NULL,     OPT_FLAG,     OPT_AT(prune_args, apply),     "remove the runs", 0, 0, NULL, false, NULL },
    { 0,   "lock-wait",    "TIME",   OPT_DURATION, OPT_AT(prune_args, lock_wait), "wait up to this time for another skyarc to release the directory's lock (default: do not wait; exit status 75)", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt rule_opts[] = {
    { 0,   "keep-days",    "N",      OPT_NUMBER,   OPT_AT(prune_args, days),      "keep all runs that ended in the last N days", 1, 100000, NULL, false, NULL },
    { 0,   "keep-last",    "N",      OPT_NUMBER,   OPT_AT(prune_args, last),      "keep the newest N runs", 1, 0, NULL, false, NULL },
    { 0,   "keep-daily",   "N",      OPT_NUMBER,   OPT_AT(prune_args, daily),     "keep the newest run of each of the last N days in which a run ended", 1, 0, NULL, false, NULL },
    { 0,   "keep-weekly",  "N",      OPT_NUMBER,   OPT_AT(prune_args, weekly),    "the same for weeks", 1, 0, NULL, false, NULL },
    { 0,   "keep-monthly", "N",      OPT_NUMBER,   OPT_AT(prune_args, monthly),   "the same for months", 1, 0, NULL, false, NULL },
    { 0,   "keep-yearly",  "N",      OPT_NUMBER,   OPT_AT(prune_args, yearly),    "the same for years", 1, 0, NULL, false, NULL },
    { 0,   "keep-status",  "STATUS", OPT_LIST,     OPT_AT(prune_args, status),    "keep all runs with this status; may be repeated", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group prune_groups[] = {
    { "Keep",      rule_opts,  0 },
    { "Directory", prune_opts, 0 },
    { NULL, NULL, 0 },
};
/* clang-format on */

struct output {
    const struct prune_args *args;
    struct jsonw *json;
};

static void on_step(void *ctx, const struct prune_step *s)
{
    static const char *const words[] = { "keep", "remove", "remove-volume", "rewrite-volume" };
    struct output *out = ctx;
    struct jsonw *w = out->json;
    bool told = !out->args->common.quiet;
    char size[TEXT_SIZE_MAX];

    if (w) {
        jsonw_object(w, NULL, JSONW_INLINE);
        jsonw_text(w, "what", words[s->what]);
        if (s->run_id)
            jsonw_text(w, "run_id", s->run_id);
        if (s->what == PRUNE_KEEP)
            jsonw_text(w, "rule", s->why);
        if (s->volume) {
            jsonw_text(w, "volume", s->volume);
            jsonw_u64(w, "kept_runs", s->kept);
            jsonw_u64(w, "removed_runs", s->dropped);
            jsonw_u64(w, "bytes", s->bytes);
        }
        jsonw_close(w);
    } else if (told && s->volume) {
        (void)printf("%s\t%s\t%zu kept, %zu removed, %s%s\n", words[s->what], s->volume,
                     s->kept, s->dropped, s->what == PRUNE_REWRITE ? "about " : "",
                     text_size(size, s->bytes));
    } else if (told) {
        (void)printf("%s\t%s%s%s\n", words[s->what], s->run_id, s->why ? "\t" : "",
                     s->why ? s->why : "");
    }
}

static int begin_json(struct output *out, struct err *err)
{
    if (!out->args->common.json)
        return 0;
    out->json = mem_new(sizeof(*out->json), err);
    if (!out->json)
        return -1;
    jsonw_init(out->json, api_client_put, NULL);
    jsonw_object(out->json, NULL, JSONW_LINES);
    jsonw_bool(out->json, "applied", out->args->apply);
    jsonw_array(out->json, "steps", JSONW_LINES);
    return 0;
}

static int end(struct output *out, const struct prune_result *r, int rc, struct err *err)
{
    char size[TEXT_SIZE_MAX];
    struct jsonw *w = out->json;
    struct err why;

    if (w) {
        jsonw_close(w);
        jsonw_text(w, "error", rc < 0 ? err->text : NULL);
        jsonw_u64(w, "kept_runs", r->kept);
        jsonw_u64(w, "removed_runs", r->dropped);
        jsonw_u64(w, "removed_volumes", r->removed);
        jsonw_u64(w, "rewritten_volumes", r->rewritten);
        jsonw_u64(w, "freed_bytes", r->freed);
        jsonw_bool(w, "freed_bytes_estimated", !out->args->apply && r->rewritten > 0);
        jsonw_u64(w, "damaged_volumes", r->damaged + r->found.fixity.damaged);
        jsonw_u64(w, "gone_volumes", r->found.fixity.gone);
        jsonw_u64(w, "differing_volumes", r->found.fixity.differing);
        jsonw_close(w);
        if (jsonw_end(w, &why) < 0 && rc == 0) {
            *err = why;
            rc = -1;
        }
    } else if (rc == 0 && !out->args->common.quiet) {
        const char *would = out->args->apply ? "" : "would be ";

        (void)printf(
            "%zu run%s kept, %zu %sremoved; %zu volume%s %sremoved, %zu rewritten; "
            "%s%s %sfreed%s\n",
            r->kept, text_plural(r->kept), r->dropped, would, r->removed,
            text_plural(r->removed), would, r->rewritten,
            r->rewritten && !out->args->apply ? "about " : "", text_size(size, r->freed), would,
            out->args->apply ? "" : " (nothing was changed; --apply removes the runs)");
    }
    return rc;
}

static int prune_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct prune_args *args = args_in;
    struct output out = { .args = args };
    struct retention_rules rules = { args->days,      args->last,        args->daily,
                                     args->weekly,    args->monthly,     args->yearly,
                                     args->status.at, args->status.count };
    struct prune_opts opts = { .dir = args->dest,
                               .rules = &rules,
                               .tool = TOOL_NAME,
                               .spool_dir = file_temp_dir(),
                               .apply = args->apply,
                               .step = on_step,
                               .stop = signals_stopping(),
                               .ctx = &out };
    struct prune_result result = { 0 };
    struct lock lock = { -1 };
    int rc = 0;

    if (count)
        rc = err_set(err, ERR_USAGE, "prune takes no operands: '%.100s'", operands[0]);
    else if (!args->dest)
        rc = err_set(err, ERR_USAGE, "no directory given; name it with --dest");
    else if (args->apply && args->dry_run)
        rc = err_set(err, ERR_USAGE, "--apply and --dry-run exclude each other");
    else if (!retention_any(&rules))
        rc = err_set(err, ERR_USAGE, "no retention rule given: all runs would be removed");
    else
        rc = query_check_status(&args->status, err);
    if (rc == 0)
        rc = signals_setup(err);
    if (rc == 0)
        rc = lock_take(&lock, args->dest, args->lock_wait, signals_stopping(), err);
    if (rc == 0)
        rc = begin_json(&out, err);
    if (rc == 0)
        rc = end(&out, &result, prune_run(&opts, &result, err), err);
    lock_drop(&lock);
    mem_free(out.json);
    if (rc < 0)
        return api_client_status(err);
    return result.damaged || result.found.fixity.damaged ? EXIT_DAMAGED
           : heal_troubled(&result.found)                ? EXIT_INCOMPLETE
                                                         : EXIT_DONE;
}

const struct command cmd_prune = {
    .name = "prune",
    .args = "--dest DIR RULE...",
    .section = COMMAND_NIGHT,
    .brief = "remove runs that no rule keeps from a sync directory",
    .about =
        "Removes the runs that no rule keeps and that are not held. Volumes without a kept run "
        "are deleted. Other volumes are rewritten with their kept runs, read back, and only "
        "then "
        "replaced. Without --apply, prints only what would be removed. Removed runs are "
        "recorded "
        "in the directory's log and are not archived again. A run counts for the day, week "
        "(from Monday), month and year, in UTC, in which it ended.",
    .examples = "skyarc prune --dest /srv/skyarc --keep-days 400 --keep-status failed\n"
                "skyarc prune --dest /srv/skyarc --keep-last 1000 --apply\n",
    .exits = "0    done, or shown what would be done\n"
             "1    failed\n"
             "3    a volume is gone or differs from the catalog\n"
             "4    a volume is damaged, and stays\n"
             "75   another skyarc has the directory\n",
    .groups = prune_groups,
    .size = sizeof(struct prune_args),
    .defaults = &prune_defaults,
    .run = prune_main,
};
