/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "catalog/shard.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "client/identity.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/idlist.h"
#include "redact/redact.h"
#include "sync/catalog_import.h"
#include "sync/catch_up.h"
#include "sync/holding.h"
#include "volumes/lock.h"
#include "volumes/volume_store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct hold_args {
    struct command_args common;
    const char *dest;
    const char *work_dir;
    const char *reason;
    uint64_t lock_wait;
};

static const struct hold_args hold_defaults = { .dest = NULL };

/* clang-format off */
static const struct opt hold_opts[] = {
    { 0, "dest",      "DIR",  OPT_TEXT,     OPT_AT(hold_args, dest),      "the directory of skyarc sync, or s3://BUCKET/PREFIX", 0, 0, NULL, false, NULL },
    { 0, "work-dir",  "DIR",  OPT_TEXT,     OPT_AT(hold_args, work_dir),  "of a bucket: the directory of the catalog and the lock (default: below the user's state directory)", 0, 0, NULL, false, NULL },
    { 0, "reason",    "TEXT", OPT_TEXT,     OPT_AT(hold_args, reason),    "the reason, recorded in the directory's log", 0, 0, NULL, false, NULL },
    { 0, "lock-wait", "TIME", OPT_DURATION, OPT_AT(hold_args, lock_wait), "wait up to this time for another skyarc to release the directory's lock (default: do not wait; exit status 75)", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group hold_groups[] = {
    { "Hold", hold_opts, 0 },
    { NULL, NULL, 0 },
};

static const struct table_column columns[] = {
    { "RUN", TABLE_TEXT, TABLE_WHOLE, 0 }, { "HELD", TABLE_TIME, 0, 1 },
    { "REASON", TABLE_TEXT, 16, 2 }, { NULL, TABLE_TEXT, 0, 0 },
};
/* clang-format on */

/* Where the holds are printed: as JSON, as a table on a terminal, or as lines. */
struct hold_output {
    struct jsonw *json; /* NULL: a table or lines */
    bool tabular;
    struct table table;
    size_t count;
};

static int on_hold(void *ctx, const struct audit_log_entry *hold, struct err *err)
{
    struct hold_output *out = ctx;
    struct jsonw *w = out->json;
    char when[CLOCK_TEXT_MAX];
    char shown[600];

    out->count++;
    (void)clock_format(when, hold->at_ms, CLOCK_RFC3339);
    if (out->tabular) {
        const char *cells[TABLE_COLUMNS] = { hold->run_id, when, hold->reason };

        return table_row(&out->table, cells, err);
    }
    if (!w)
        return printf("%s\t%s\t%s\n", hold->run_id, when,
                      text_shown(shown, sizeof(shown), hold->reason)) < 0
                   ? err_sys(err, "cannot write the result")
                   : 0;
    jsonw_object(w, NULL, JSONW_INLINE);
    jsonw_text(w, "run_id", hold->run_id);
    jsonw_text(w, "since", when);
    jsonw_text(w, "reason", hold->reason);
    jsonw_close(w);
    return 0;
}

/* Print the current holds: without operands, and after a change with --json. */
static int print_holds(const struct hold_args *args, struct db *catalog, struct err *err)
{
    struct jsonw *w = args->common.json ? mem_new(sizeof(*w), err) : NULL;
    struct hold_output out = { .json = w,
                               .tabular = !args->common.json && isatty(STDOUT_FILENO) };
    int rc;

    if (args->common.json && !w)
        return -1;
    if (w) {
        jsonw_init(w, api_client_put, NULL);
        jsonw_array(w, NULL, JSONW_LINES);
    }
    rc = table_init(&out.table, columns, err);
    if (rc == 0)
        rc = log_replay_holds(catalog, on_hold, &out, err);
    if (rc == 0 && w) {
        jsonw_close(w);
        rc = jsonw_end(w, err);
    }
    if (rc == 0)
        table_print(&out.table, stdout);
    if (rc == 0 && !w && !out.count && !args->common.quiet)
        table_none("no holds");
    table_clear(&out.table);
    mem_free(w);
    return rc;
}

/* Entries to append to the audit log. */
struct lines {
    const char *what;
    const char *reason;
    int64_t at_ms;
    struct region *region;
    struct audit_log_entry *entries; /* at most two for each run */
    size_t count;
};

static int add_line(void *ctx, const char *run_id, struct err *err)
{
    struct lines *lines = ctx;
    const char *copy = region_text(lines->region, run_id, err);

    lines->entries[lines->count++] = (struct audit_log_entry){
        .at_ms = lines->at_ms, .what = lines->what, .run_id = copy, .reason = lines->reason
    };
    return copy ? 0 : -1;
}

/* Warn if a run to be held is not in the catalog: its ID may be mistyped. */
static int warn_unknown(const struct hold_args *args, struct db *catalog, const char *run_id,
                        struct err *err)
{
    int known = run_state_known(catalog, run_id, err);
    char text[SHARD_TEXT_MAX];
    struct shard shard;
    int64_t members;
    int here = 1;

    if (known)
        return known < 0 ? -1 : 0;
    if (shard_recorded(catalog, &shard, NULL, err) < 0)
        return -1;
    members = shard_members(catalog, shard.n, 0, err);
    if (members < 0)
        return -1;
    if (members <= 1 &&
        !identity_is_task(run_id)) /* the shard of a task v2 is that of its workflow run */
        here = shard_has(catalog, &shard, run_id, err);
    if (here == 0)
        log_line(LOG_WARNING,
                 "run '%s' is not in the catalog, and not of shard %s, with which '%s' is "
                 "filled: hold it in the directory of its shard",
                 run_id, shard_text(text, &shard), args->dest);
    else if (here > 0)
        log_line(LOG_WARNING,
                 "run '%s' is not in the catalog; it is held in case it will be archived",
                 run_id);
    return here < 0 ? -1 : 0;
}

/* A run with two IDs is held under its canonical ID. It is released under both: it may have
 * been held before the second ID was known, and the log is replayed without that knowledge. */
static int add_names(struct lines *lines, struct db *catalog, const char *run_id,
                     struct err *err)
{
    char name[RELATION_ID_MAX + 1];
    const char *canonical = relation_name(catalog, run_id, name);

    if (add_line(lines, canonical, err) < 0)
        return -1;
    return strcmp(lines->what, AUDIT_LOG_RELEASE) == 0
               ? relation_aliases(catalog, canonical, add_line, lines, err)
               : 0;
}

/* Looking for removals of runs that are held now. */
struct looking {
    struct db *catalog;
    const struct idlist *ids;
};

static int on_removal(void *ctx, const char *volume, const char *run_id, struct err *err)
{
    const struct looking *l = ctx;
    size_t i;

    for (i = 0; i < l->ids->count; i++) {
        int within = relation_is_within(l->catalog, run_id, l->ids->ids[i], err);

        if (within < 0)
            return -1;
        if (within)
            return err_set(err, ERR_BUSY,
                           "run '%s' is held from now on, but a 'skyarc prune' is removing "
                           "volume '%.100s' at this moment, with run '%.100s': 'skyarc find' "
                           "tells whether it is still there when that prune has ended",
                           l->ids->ids[i], volume, run_id);
    }
    return 0;
}

/* How many of the runs, and of those that they started, were ever pruned; -1: error. A run that
 * is given twice counts twice, before and after. */
static int64_t count_pruned(struct db *catalog, const struct idlist *ids, struct err *err)
{
    int64_t count = 0;
    size_t i;

    for (i = 0; i < ids->count; i++) {
        int64_t pruned = log_replay_count_pruned(catalog, ids->ids[i], err);

        if (pruned < 0)
            return -1;
        count += pruned;
    }
    return count;
}

/* The holds stand. In a bucket, a prune of another machine may have decided before: it has said
 * what it removes, or has removed it. */
static int check_removals(const struct volume_store *store, struct db *catalog,
                          const struct idlist *ids, int64_t pruned, struct err *err)
{
    struct looking looking = { catalog, ids };
    int64_t now;

    if (!volume_store_is_remote(store))
        return 0;
    if (volume_store_removals(store, on_removal, &looking, err) < 0 ||
        volume_store_refresh(store, err) < 0 || log_replay_update(catalog, store->dir, err) < 0)
        return -1;
    now = count_pruned(catalog, ids, err);
    if (now <= pruned)
        return now < 0 ? -1 : 0;
    return err_set(err, ERR_BUSY,
                   "a 'skyarc prune' has removed %s, or a run that %s started, at this moment: "
                   "the hold came too late",
                   ids->count == 1 ? "the run" : "one of the runs",
                   ids->count == 1 ? "it" : "one");
}

static int change(const struct hold_args *args, const struct volume_store *store,
                  struct db *catalog, const char *what, const struct idlist *ids,
                  struct err *err)
{
    struct lines lines = { .what = what,
                           .reason = args->reason,
                           .at_ms = clock_wall(),
                           .region = region_new(err),
                           .entries = mem_array(ids->count * 2, sizeof(*lines.entries), err) };
    bool holds = strcmp(what, AUDIT_LOG_HOLD) == 0;
    int64_t pruned = holds ? count_pruned(catalog, ids, err) : 0;
    size_t i;
    static const struct redact all = { NULL, false, NULL };
    int rc = lines.entries && lines.region && pruned >= 0 ? 0 : -1;

    if (rc == 0)
        lines.reason = redact_copy(args->reason, &all, lines.region);
    for (i = 0; rc == 0 && i < ids->count; i++) {
        if (!holds && !log_replay_held(catalog, ids->ids[i], NULL, 0))
            rc = err_set(err, ERR_NOT_FOUND, "run '%s' is not held", ids->ids[i]);
        else if (holds)
            rc = warn_unknown(args, catalog, ids->ids[i], err);
        if (rc == 0)
            rc = add_names(&lines, catalog, ids->ids[i], err);
    }
    if (rc == 0)
        rc = log_replay_add(catalog, store->dir, volume_store_log(store), lines.entries,
                            lines.count, err);
    if (rc == 0 && holds)
        rc = check_removals(store, catalog, ids, pruned, err);
    mem_free(lines.entries);
    region_free(lines.region);
    return rc;
}

/*
 * Open the catalog of a bucket, brought up to date: this machine may be another one than that
 * which syncs and prunes, so nothing is healed here.
 */
static struct db *open_bucket(const struct volume_store *store, struct lock *lock,
                              uint64_t lock_wait, bool wait, struct err *err)
{
    struct db *catalog;

    if (catch_up(store, signals_stopping(), err) < 0)
        return NULL;
    if (!wait)
        return db_open(store->dir, DB_READ, err);
    if (lock_take(lock, store->dir, lock_wait, signals_stopping(), err) < 0 ||
        volume_store_refresh(store, err) < 0)
        return NULL;
    catalog = db_open(store->dir, DB_WRITE, err);
    if (catalog && log_replay_update(catalog, store->dir, err) < 0) {
        db_free(catalog);
        catalog = NULL;
    }
    return catalog;
}

/*
 * Open the catalog, brought up to date with the log; if another skyarc has the lock, that
 * process has done so. wait: then fail with ERR_BUSY.
 */
static struct db *open_catalog(const struct hold_args *args, const struct volume_store *store,
                               struct lock *lock, bool wait, struct err *err)
{
    struct catalog_import_opts how =
        catalog_import_defaults(store, clock_wall(), signals_stopping());
    struct heal_reader reader = catalog_import_reader(&how);
    struct heal_found found = { 0 };

    if (volume_store_is_remote(store))
        return open_bucket(store, lock, args->lock_wait, wait, err);
    if (heal_is_sync_dir(store, err) < 0)
        return NULL;
    if (lock_take(lock, store->dir, args->lock_wait, signals_stopping(), err) == 0)
        return heal_open(store, false, &reader, how.now_ms, &found, err);
    if (wait || err->kind != ERR_BUSY)
        return NULL;
    return db_open(store->dir, DB_READ, err);
}

static int run(const struct hold_args *args, const char *what, int count, char *const *operands,
               struct err *err)
{
    const struct opt_list no_files = { 0 };
    struct idlist ids = { 0 };
    struct lock lock = { -1 };
    struct db *catalog = NULL;
    const struct volume_store_opts place = { .place = args->dest,
                                             .work_dir = args->work_dir,
                                             .tool = TOOL_NAME };
    struct volume_store store = { 0 };
    struct holding_result locks = { 0 };
    int rc = volume_store_open(&store, &place, err);

    if (rc == 0 && !count && strcmp(what, AUDIT_LOG_RELEASE) == 0)
        rc = err_set(err, ERR_USAGE, "no run ID given: name the runs to release");
    if (rc == 0 && count)
        rc = idlist_collect(&ids, count, operands, &no_files, err);
    if (rc == 0)
        rc = signals_setup(err);
    if (rc == 0) {
        catalog = open_catalog(args, &store, &lock, count > 0, err);
        rc = !catalog ? -1 : count ? change(args, &store, catalog, what, &ids, err) : 0;
        if (rc == 0 && count)
            rc = holding_agree(catalog, &store, &locks, err);
        if (rc == 0 && (!count || args->common.json))
            rc = print_holds(args, catalog, err);
    }
    db_free(catalog);
    lock_drop(&lock);
    volume_store_close(&store);
    idlist_clear(&ids);
    return rc < 0 ? -1 : locks.refused ? EXIT_INCOMPLETE : EXIT_DONE;
}

static int hold_main(void *args, int count, char *const *operands, struct err *err)
{
    return run(args, AUDIT_LOG_HOLD, count, operands, err);
}

static int release_main(void *args, int count, char *const *operands, struct err *err)
{
    return run(args, AUDIT_LOG_RELEASE, count, operands, err);
}

const struct command cmd_hold = {
    .name = "hold",
    .args = "--dest DIR [RUN_ID...]",
    .section = COMMAND_NIGHT,
    .brief = "keep runs of a sync directory from being pruned",
    .about =
        "'skyarc prune' keeps a held run, and the runs that it started, whatever the retention "
        "rules say, until the run is released. The run need not be archived yet, and may be "
        "named by either of its IDs or the URL of its page. Without a run ID, or with --json, "
        "prints the holds that "
        "are "
        "then in force with their date and reason, on a terminal as a table. In a bucket with "
        "Object Lock, the volumes that have the run are put under legal hold.",
    .examples = "skyarc hold --dest /srv/skyarc --reason 'audit 7' tsk_123\n"
                "skyarc hold --dest /srv/skyarc\n",
    .exits =
        "0    held; a run that is not in the catalog is held, too, with a warning\n"
        "1    failed\n"
        "3    held in the log, but the bucket refused to put a volume under legal hold\n"
        "75   another skyarc holds the directory's lock; or, in a bucket, a prune is removing\n"
        "     the run at this moment\n",
    .groups = hold_groups,
    .size = sizeof(struct hold_args),
    .defaults = &hold_defaults,
    .run = hold_main,
};

const struct command cmd_release = {
    .name = "release",
    .args = "--dest DIR RUN_ID...",
    .section = COMMAND_NIGHT,
    .brief = "end holds, so that runs can be pruned again",
    .about =
        "Ends holds. The directory's log keeps a record of each hold and its date. In a bucket "
        "with Object Lock, the legal hold is taken off the volumes that have no held run any "
        "more.",
    .examples = "skyarc release --dest /srv/skyarc tsk_123\n",
    .exits = "0    released\n"
             "1    failed, or a run is not held\n"
             "3    released in the log, but the bucket refused to take off a legal hold\n"
             "75   another skyarc holds the directory's lock\n",
    .groups = hold_groups,
    .size = sizeof(struct hold_args),
    .defaults = &hold_defaults,
    .run = release_main,
};
