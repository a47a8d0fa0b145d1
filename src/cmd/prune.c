/* SPDX-License-Identifier: MIT */
#include "sync/prune.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/query.h"
#include "volumes/lock.h"
#include "volumes/volume_store.h"

#include <stdio.h>
#include <string.h>

#define RULE_MAX 80 /* size of a rule's text */

struct prune_args {
    struct command_args common;
    const char *dest;
    const char *work_dir;
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
    { 0,   "dest",         "DIR",    OPT_TEXT,     OPT_AT(prune_args, dest),      "the directory of skyarc sync, or s3://BUCKET/PREFIX", 0, 0, NULL, false, NULL },
    { 0,   "work-dir", "DIR", OPT_TEXT, OPT_AT(prune_args, work_dir), "of a bucket: the directory of the catalog and the lock (default: below the user's state directory)", 0, 0, NULL, false, NULL },
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
    { 0,   "keep-status",  "STATUS", OPT_WORDS,    OPT_AT(prune_args, status),    "keep all runs with this status, or one of these, separated by commas; may be repeated", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group prune_groups[] = {
    { "Keep",      rule_opts,  0 },
    { "Directory", prune_opts, 0 },
    { NULL, NULL, 0 },
};
/* clang-format on */

/* clang-format off */
static const struct table_column run_columns[] = {
    { "RUN", TABLE_TEXT, TABLE_WHOLE, 0 }, { "ACTION", TABLE_TEXT, 0, 0 }, { "KEPT BY", TABLE_TEXT, 8, 1 },
    { NULL, TABLE_TEXT, 0, 0 },
};
static const struct table_column volume_columns[] = {
    { "VOLUME", TABLE_TEXT, 12, 0 }, { "ACTION", TABLE_TEXT, 0, 0 }, { "KEPT", TABLE_NUMBER, 0, 2 },
    { "REMOVED", TABLE_NUMBER, 0, 1 }, { "FREED", TABLE_NUMBER, 0, 0 }, { NULL, TABLE_TEXT, 0, 0 },
};
static const struct table_column lock_columns[] = {
    { "LOCKED VOLUME", TABLE_TEXT, 12, 0 }, { "MODE", TABLE_TEXT, 0, 1 }, { "UNTIL", TABLE_TIME, 0, 0 },
    { "LEGAL HOLD", TABLE_TEXT, 0, 0 }, { "OUTCOME", TABLE_TEXT, 0, 0 }, { NULL, TABLE_TEXT, 0, 0 },
};
/* clang-format on */

static const char *const reasons[RETENTION_WHYS] = { "held",    "last",   "days",
                                                     "status",  "daily",  "weekly",
                                                     "monthly", "yearly", "parent" };

struct prune_output {
    const struct prune_args *args;
    struct jsonw *json;
    struct table runs;
    struct table volumes;
    struct table locks;
    struct err err; /* of a table */
};

/* A reason as it was given: "--keep-days 30", "held". */
static const char *reason_text(char out[RULE_MAX], const struct prune_args *args,
                               const struct prune_step *s, unsigned why)
{
    const uint64_t numbers[RETENTION_WHYS] = {
        [RETENTION_LAST] = args->last,       [RETENTION_DAYS] = args->days,
        [RETENTION_DAILY] = args->daily,     [RETENTION_WEEKLY] = args->weekly,
        [RETENTION_MONTHLY] = args->monthly, [RETENTION_YEARLY] = args->yearly
    };

    if (why == RETENTION_STATUS)
        (void)snprintf(out, RULE_MAX, "--keep-status %s", s->status ? s->status : "");
    else if (numbers[why])
        (void)snprintf(out, RULE_MAX, "--keep-%s %llu", reasons[why],
                       (unsigned long long)numbers[why]);
    else
        (void)snprintf(out, RULE_MAX, "%s", reasons[why]);
    return out;
}

/* What happens to a locked volume. */
static const char *lock_outcome(const struct volume_locked *lock)
{
    return lock->hides ? "hidden" : "stays";
}

static void json_lock(struct jsonw *w, const struct volume_locked *lock)
{
    char until[CLOCK_TEXT_MAX];
    bool retained = lock->retention.mode != OBJECT_LOCK_NONE;

    jsonw_object(w, "lock", JSONW_INLINE);
    jsonw_text(w, "mode", retained ? object_lock_mode(lock->retention.mode) : NULL);
    jsonw_text(w, "until",
               retained ? clock_format(until, lock->retention.until_ms, CLOCK_RFC3339) : NULL);
    jsonw_bool(w, "legal_hold", lock->legal_hold);
    jsonw_text(w, "version_id", *lock->version ? lock->version : NULL);
    jsonw_text(w, "outcome", lock_outcome(lock));
    jsonw_close(w);
}

static void json_step(struct prune_output *out, const struct prune_step *s)
{
    static const char *const words[] = { "keep", "remove", "remove-volume", "rewrite-volume" };
    struct jsonw *w = out->json;
    const char *first = NULL;
    char rule[RULE_MAX];
    unsigned i;

    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "what", words[s->what]);
    if (s->run_id)
        jsonw_text(w, "run_id", s->run_id);
    if (s->what == PRUNE_KEEP) {
        for (i = RETENTION_WHYS; i-- > 0;)
            first = s->why & 1U << i ? reasons[i] : first;
        jsonw_text(w, "rule", first);
        jsonw_array(w, "rules", JSONW_INLINE);
        for (i = 0; i < RETENTION_WHYS; i++) {
            if (s->why & 1U << i)
                jsonw_text(w, NULL, reason_text(rule, out->args, s, i));
        }
        jsonw_close(w);
    }
    if (s->volume) {
        jsonw_text(w, "volume", s->volume);
        jsonw_u64(w, "kept_runs", s->kept);
        jsonw_u64(w, "removed_runs", s->dropped);
        jsonw_u64(w, "bytes", s->bytes);
    }
    if (s->lock)
        json_lock(w, s->lock);
    jsonw_close(w);
}

static int run_row(struct prune_output *out, const struct prune_step *s, struct err *err)
{
    char rules[RETENTION_WHYS * RULE_MAX] = "";
    char rule[RULE_MAX];
    const char *cells[TABLE_COLUMNS] = { s->run_id, s->what == PRUNE_KEEP ? "keep" : "remove",
                                         rules };
    unsigned i;

    for (i = 0; i < RETENTION_WHYS; i++) {
        if (s->why & 1U << i)
            (void)snprintf(rules + strlen(rules), sizeof(rules) - strlen(rules), "%s%s",
                           *rules ? ", " : "", reason_text(rule, out->args, s, i));
    }
    return table_row(&out->runs, cells, err);
}

static int volume_row(struct prune_output *out, const struct prune_step *s, struct err *err)
{
    bool rewrite = s->what == PRUNE_REWRITE;
    char size[TEXT_SIZE_MAX];
    char freed[TEXT_SIZE_MAX + 8];
    char kept[32];
    char dropped[32];
    const char *cells[TABLE_COLUMNS] = { s->volume, rewrite ? "rewrite" : "remove", kept,
                                         dropped, freed };

    (void)snprintf(kept, sizeof(kept), "%zu", s->kept);
    (void)snprintf(dropped, sizeof(dropped), "%zu", s->dropped);
    (void)snprintf(freed, sizeof(freed), "%s%s", rewrite ? "about " : "",
                   text_size(size, s->bytes));
    return table_row(&out->volumes, cells, err);
}

static int lock_row(struct prune_output *out, const struct prune_step *s, struct err *err)
{
    const struct volume_locked *lock = s->lock;
    char until[CLOCK_TEXT_MAX];
    const char *cells[TABLE_COLUMNS] = { s->volume, object_lock_mode(lock->retention.mode), "",
                                         lock->legal_hold ? "yes" : "", lock_outcome(lock) };

    if (lock->retention.mode != OBJECT_LOCK_NONE)
        cells[2] = clock_format(until, lock->retention.until_ms, CLOCK_RFC3339);
    return table_row(&out->locks, cells, err);
}

static void on_step(void *ctx, const struct prune_step *s)
{
    struct prune_output *out = ctx;
    int rc = 0;

    if (out->json)
        json_step(out, s);
    else if (!out->args->common.quiet && !out->err.kind)
        rc = s->volume ? volume_row(out, s, &out->err) : run_row(out, s, &out->err);
    if (rc == 0 && s->lock && !out->json && !out->args->common.quiet && !out->err.kind)
        rc = lock_row(out, s, &out->err);
    if (rc < 0)
        log_line(LOG_ERROR, "%s; what is done is not printed", out->err.text);
}

static int begin(struct prune_output *out, struct err *err)
{
    if (table_init(&out->runs, run_columns, err) < 0 ||
        table_init(&out->volumes, volume_columns, err) < 0 ||
        table_init(&out->locks, lock_columns, err) < 0)
        return -1;
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

/* Print the totals. */
static void say(const struct prune_args *args, const struct prune_result *r)
{
    const char *would = args->apply ? "" : "would be ";
    char size[TEXT_SIZE_MAX];

    (void)printf("%zu run%s kept, %zu %sremoved\n", r->kept, text_plural(r->kept), r->dropped,
                 would);
    if (r->stayed)
        (void)printf("%zu run%s not removed: see the %s\n", r->stayed,
                     r->stayed == 1 ? " is" : "s are",
                     r->fixed ? "errors and locked volumes" : "errors");
    (void)printf("%zu volume%s %sremoved, %zu rewritten\n", r->removed, text_plural(r->removed),
                 would, r->rewritten);
    (void)printf("%s%s %sfreed\n", r->rewritten && !args->apply ? "about " : "",
                 text_size(size, r->freed), would);
    if (r->locked)
        (void)printf("%zu of the volumes %s locked: a delete marker %s, and what was in "
                     "it stays as a hidden version until the lock ends; 'skyarc release' of "
                     "its held runs takes off the legal hold of a rewritten one\n",
                     r->locked, r->locked == 1 ? "is" : "are",
                     args->apply ? "hides each" : "would hide each");
    if (r->fixed)
        (void)printf("%zu locked volume%s in a bucket that keeps no versions: nothing was done "
                     "with %s\n",
                     r->fixed, r->fixed == 1 ? " is" : "s are", r->fixed == 1 ? "it" : "them");
    if (!args->apply)
        (void)printf("nothing was changed (--apply removes them)\n");
}

static int end(struct prune_output *out, const struct prune_result *r, int rc, struct err *err)
{
    struct jsonw *w = out->json;
    struct err why;

    if (w) {
        jsonw_close(w);
        jsonw_text(w, "error", rc < 0 ? err->text : NULL);
        jsonw_u64(w, "kept_runs", r->kept);
        jsonw_u64(w, "removed_runs", r->dropped);
        jsonw_u64(w, "stayed_runs", r->stayed);
        jsonw_u64(w, "removed_volumes", r->removed);
        jsonw_u64(w, "rewritten_volumes", r->rewritten);
        jsonw_u64(w, "freed_bytes", r->freed);
        jsonw_bool(w, "freed_bytes_estimated", !out->args->apply && r->rewritten > 0);
        jsonw_u64(w, "damaged_volumes", r->damaged + r->found.fixity.damaged);
        jsonw_u64(w, "legal_holds_changed", r->holds.changed);
        jsonw_u64(w, "legal_holds_refused", r->holds.refused);
        jsonw_u64(w, "locked_volumes", r->locked + r->fixed);
        jsonw_u64(w, "gone_volumes", r->found.fixity.gone);
        jsonw_u64(w, "differing_volumes", r->found.fixity.differing);
        jsonw_bool(w, "texts_left", r->unpurged);
        jsonw_close(w);
        if (jsonw_end(w, &why) < 0 && rc == 0) {
            *err = why;
            rc = -1;
        }
    } else {
        table_print(&out->runs, stdout);
        table_print(&out->volumes, stdout);
        table_print(&out->locks, stdout);
    }
    if (!w && rc == 0 && !out->args->common.quiet)
        say(out->args, r);
    return rc;
}

static int prune_main(void *args_in, int count, char *const *operands, struct err *err)
{
    const struct prune_args *args = args_in;
    struct prune_output out = { .args = args };
    struct retention_rules rules = { args->days,      args->last,        args->daily,
                                     args->weekly,    args->monthly,     args->yearly,
                                     args->status.at, args->status.count };
    const struct volume_store_opts place = { .place = args->dest,
                                             .work_dir = args->work_dir,
                                             .tool = TOOL_NAME };
    struct volume_store store = { 0 };
    struct prune_opts opts = { .store = &store,
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
    else if (volume_store_open(&store, &place, err) < 0)
        rc = -1;
    else if (args->apply && args->dry_run)
        rc = err_set(err, ERR_USAGE, "--apply and --dry-run exclude each other");
    else if (!retention_any(&rules))
        rc = err_set(err, ERR_USAGE, "no retention rule given: all runs would be removed");
    else
        rc = query_check_status(&args->status, err);
    if (rc == 0)
        rc = signals_setup(err);
    if (rc == 0 && volume_store_is_remote(&store)) {
        rc = heal_is_sync_dir(&store, err);
        if (rc == 0)
            rc = volume_store_make(&store, err);
    }
    if (rc == 0)
        rc = lock_take(&lock, store.dir, args->lock_wait, signals_stopping(), err);
    if (rc == 0)
        rc = begin(&out, err);
    if (rc == 0)
        rc = end(&out, &result, prune_run(&opts, &result, err), err);
    lock_drop(&lock);
    volume_store_close(&store);
    mem_free(out.json);
    table_clear(&out.runs);
    table_clear(&out.volumes);
    table_clear(&out.locks);
    if (rc < 0)
        return api_client_status(err);
    return result.damaged || result.found.fixity.damaged ? EXIT_DAMAGED
           : heal_troubled(&result.found) || result.unpurged || result.fixed ||
                   result.holds.refused
               ? EXIT_INCOMPLETE
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
        "(from Monday), month and year, in UTC, in which it ended. In a bucket with Object "
        "Lock, each volume that is locked is named, with until when: it can only be hidden.",
    .examples = "skyarc prune --dest /srv/skyarc --keep-days 400 --keep-status failed\n"
                "skyarc prune --dest /srv/skyarc --keep-last 1000 --apply\n",
    .exits = "0    done, or shown what would be done\n"
             "1    failed\n"
             "3    a volume is gone or differs from the catalog, or texts of removed runs may "
             "still be in the catalog's file; or, in a bucket without versions, a volume is "
             "locked, and stays; or the bucket refused a legal hold\n"
             "4    a volume is damaged, and stays\n"
             "75   another skyarc holds the directory's lock; or, in a bucket, a run was held "
             "meanwhile\n",
    .groups = prune_groups,
    .size = sizeof(struct prune_args),
    .defaults = &prune_defaults,
    .run = prune_main,
};
