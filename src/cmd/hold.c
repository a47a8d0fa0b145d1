/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "catalog/log_replay.h"
#include "catalog/relation.h"
#include "catalog/run_state.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cmd/commands.h"
#include "cmdutil/api_client.h"
#include "cmdutil/idlist.h"
#include "redact/redact.h"
#include "sync/catalog_import.h"
#include "sync/lock.h"
#include "sync/sync.h"
#include "sync/volume_store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct hold_args {
    struct command_args common;
    const char *dest;
    const char *reason;
    uint64_t lock_wait;
};

static const struct hold_args hold_defaults = { .dest = NULL };

/* clang-format off */
static const struct opt hold_opts[] = {
    { 0, "dest",      "DIR",  OPT_TEXT,     OPT_AT(hold_args, dest),      "the directory of skyarc sync", 0, 0, NULL, false, NULL },
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
static int warn_unknown(struct db *catalog, const char *run_id, struct err *err)
{
    int known = run_state_known(catalog, run_id, err);

    if (known == 0)
        log_line(LOG_WARNING,
                 "run '%s' is not in the catalog; it is held in case it will be archived",
                 run_id);
    return known < 0 ? -1 : 0;
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

static int change(const struct hold_args *args, struct db *catalog, const char *what,
                  const struct idlist *ids, struct err *err)
{
    struct lines lines = { .what = what,
                           .reason = args->reason,
                           .at_ms = clock_wall(),
                           .region = region_new(err),
                           .entries = mem_array(ids->count * 2, sizeof(*lines.entries), err) };
    size_t i;
    static const struct redact all = { NULL, false, NULL };
    int rc = lines.entries && lines.region ? 0 : -1;

    if (rc == 0)
        lines.reason = redact_copy(args->reason, &all, lines.region);
    for (i = 0; rc == 0 && i < ids->count; i++) {
        if (strcmp(what, AUDIT_LOG_RELEASE) == 0 &&
            !log_replay_held(catalog, ids->ids[i], NULL, 0))
            rc = err_set(err, ERR_NOT_FOUND, "run '%s' is not held", ids->ids[i]);
        else if (strcmp(what, AUDIT_LOG_HOLD) == 0)
            rc = warn_unknown(catalog, ids->ids[i], err);
        if (rc == 0)
            rc = add_names(&lines, catalog, ids->ids[i], err);
    }
    if (rc == 0)
        rc = log_replay_add(catalog, args->dest, lines.entries, lines.count, err);
    mem_free(lines.entries);
    region_free(lines.region);
    return rc;
}

/*
 * Open the catalog, brought up to date with the log; if another skyarc has the lock, that
 * process has done so. wait: then fail with ERR_BUSY.
 */
static struct db *open_catalog(const struct hold_args *args, struct lock *lock, bool wait,
                               struct err *err)
{
    struct volume_store store = { args->dest };
    struct catalog_import_opts how =
        catalog_import_defaults(&store, clock_wall(), signals_stopping());
    struct heal_reader reader = catalog_import_reader(&how);
    struct heal_found found = { 0 };

    if (heal_is_sync_dir(&store, err) < 0)
        return NULL;
    if (lock_take(lock, args->dest, args->lock_wait, signals_stopping(), err) == 0)
        return heal_open(&store, false, &reader, how.now_ms, &found, err);
    if (wait || err->kind != ERR_BUSY)
        return NULL;
    return db_open(args->dest, DB_READ, err);
}

static int run(const struct hold_args *args, const char *what, int count, char *const *operands,
               struct err *err)
{
    const struct opt_list no_files = { 0 };
    struct idlist ids = { 0 };
    struct lock lock = { -1 };
    struct db *catalog = NULL;
    int rc = volume_store_check(args->dest, err);

    if (rc == 0 && !count && strcmp(what, AUDIT_LOG_RELEASE) == 0)
        rc = err_set(err, ERR_USAGE, "no run ID given: name the runs to release");
    if (rc == 0 && count)
        rc = idlist_collect(&ids, count, operands, &no_files, err);
    if (rc == 0)
        rc = signals_setup(err);
    if (rc == 0) {
        catalog = open_catalog(args, &lock, count > 0, err);
        rc = !catalog ? -1 : count ? change(args, catalog, what, &ids, err) : 0;
        if (rc == 0 && (!count || args->common.json))
            rc = print_holds(args, catalog, err);
    }
    db_free(catalog);
    lock_drop(&lock);
    idlist_clear(&ids);
    return rc < 0 ? -1 : EXIT_DONE;
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
        "then in force with their date and reason, on a terminal as a table.",
    .examples = "skyarc hold --dest /srv/skyarc --reason 'audit 7' tsk_123\n"
                "skyarc hold --dest /srv/skyarc\n",
    .exits = "0    held; a run that is not in the catalog is held, too, with a warning\n"
             "1    failed\n"
             "75   another skyarc holds the directory's lock\n",
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
    .about = "Ends holds. The directory's log keeps a record of each hold and its date.",
    .examples = "skyarc release --dest /srv/skyarc tsk_123\n",
    .exits = "0    released\n"
             "1    failed, or a run is not held\n"
             "75   another skyarc holds the directory's lock\n",
    .groups = hold_groups,
    .size = sizeof(struct hold_args),
    .defaults = &hold_defaults,
    .run = release_main,
};
