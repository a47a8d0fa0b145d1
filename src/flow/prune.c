/* SPDX-License-Identifier: MIT */
#include "flow/prune.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "flow/rewrite.h"
#include "vault/annals.h"
#include "vault/entry.h"
#include "vault/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNS_MAX  ((size_t)1 << 26)
#define NAME_ROOM 256

/* A volume, and what is in it. */
struct shelved {
    struct shelved *next;
    const char *name;
    const char **runs;
    size_t count;
    size_t cap;
    size_t kept;
};

struct prune {
    const struct prune_opts *opts;
    struct prune_result *result;
    struct catalog *catalog;
    struct shelf shelf;
    struct region *region;
    struct retention_run *runs;
    size_t count;
    size_t cap;
    struct table *by_id; /* kept runs */
    struct shelved *volumes;
    int64_t now_ms;
};

static const char *copy_text(struct prune *p, const char *text, struct err *err)
{
    return region_copy(p->region, text, strlen(text), err);
}

static int on_run(void *ctx, const struct entry_kept *row, struct err *err)
{
    struct prune *p = ctx;
    struct retention_run *run;

    if (mem_room(&p->runs, &p->cap, p->count, sizeof(*p->runs), RUNS_MAX, err) < 0)
        return -1;
    run = &p->runs[p->count];
    *run =
        (struct retention_run){ .run_id = copy_text(p, row->run_id, err),
                                .status = row->status ? copy_text(p, row->status, err) : NULL,
                                .ended = row->ended == CATALOG_UNKNOWN ? 0 : row->ended };
    if (!run->run_id || (row->status && !run->status))
        return -1;
    p->count++;
    return 0;
}

/* Which runs are kept, by rules and holds. */
static int decide(struct prune *p, struct err *err)
{
    size_t i;
    int rc = entry_runs(p->catalog, on_run, p, err);

    for (i = 0; rc == 0 && i < p->count; i++)
        p->runs[i].held = annals_held(p->catalog, p->runs[i].run_id, NULL, 0);
    if (rc < 0)
        return -1;
    retention_decide(p->opts->rules, p->runs, p->count, p->now_ms * 1000);
    for (i = 0; i < p->count; i++) {
        struct retention_run *run = &p->runs[i];
        struct prune_step step = { .what = run->kept ? PRUNE_KEEP : PRUNE_RUN,
                                   .run_id = run->run_id,
                                   .why = run->why };

        p->result->kept += run->kept;
        p->result->dropped += !run->kept;
        if (p->opts->step)
            p->opts->step(p->opts->ctx, &step);
        if (run->kept && table_add(p->by_id, run->run_id, strlen(run->run_id), run, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_kept(void *ctx, const char *run_id)
{
    const struct prune *p = ctx;

    return table_get(p->by_id, run_id, strlen(run_id)) != NULL;
}

static int on_content(void *ctx, const char *volume, const char *run_id, struct err *err)
{
    struct prune *p = ctx;
    struct shelved *v = p->volumes;

    if (!v || strcmp(v->name, volume) != 0) { /* they come in the order of volumes */
        v = region_take(p->region, sizeof(*v), err);
        if (!v)
            return -1;
        v->name = copy_text(p, volume, err);
        v->next = p->volumes;
        p->volumes = v;
        if (!v->name)
            return -1;
    }
    if (mem_room(&v->runs, &v->cap, v->count, sizeof(char *), RUNS_MAX, err) < 0)
        return -1;
    v->runs[v->count] = copy_text(p, run_id, err);
    if (!v->runs[v->count])
        return -1;
    v->kept += is_kept(p, run_id);
    v->count++;
    return 0;
}

/* Into the annals: what goes from this volume. */
static int note(struct prune *p, const struct shelved *v, struct err *err)
{
    struct annals_entry entry = { .at_ms = p->now_ms, .volume = v->name };
    size_t i;
    int rc = catalog_begin(p->catalog, err);

    entry.what = ANNALS_PRUNE;
    entry.reason = "no rule keeps it";
    for (i = 0; rc == 0 && i < v->count; i++) {
        entry.run_id = v->runs[i];
        if (!is_kept(p, v->runs[i]))
            rc = annals_add(p->catalog, p->opts->dir, &entry, err);
    }
    entry.what = ANNALS_REMOVE;
    entry.run_id = NULL;
    entry.reason = v->kept ? "written anew" : NULL;
    if (rc == 0)
        rc = annals_add(p->catalog, p->opts->dir, &entry, err);
    if (rc == 0)
        return catalog_commit(p->catalog, err);
    catalog_rollback(p->catalog);
    return rc;
}

/* The old volume goes: from the disk, then from the catalog. */
static int remove_volume(struct prune *p, const struct shelved *v, struct err *err)
{
    size_t i;
    int rc = shelf_remove(&p->shelf, v->name, err);

    if (rc == 0)
        rc = catalog_begin(p->catalog, err);
    if (rc < 0)
        return -1;
    rc = entry_remove(p->catalog, v->name, err);
    for (i = 0; rc == 0 && i < v->count; i++) {
        if (!is_kept(p, v->runs[i]))
            rc = state_set(p->catalog, v->runs[i], STATE_PRUNED, 0, NULL, err);
    }
    if (rc == 0)
        return catalog_commit(p->catalog, err);
    catalog_rollback(p->catalog);
    return rc;
}

/* Cut a name into what stands before "-rN" and the suffix, and N; 0: there is none. */
static unsigned long parts_of(const char *name, char stem[NAME_ROOM], const char **suffix)
{
    const char *base = strrchr(name, '/');
    const char *dot = strchr(base ? base : name, '.');
    const char *mark = NULL;
    const char *c;
    size_t len = dot ? (size_t)(dot - name) : strlen(name);

    for (c = name; c + 2 < name + len; c++) {
        if (c[0] == '-' && c[1] == 'r' &&
            strspn(c + 2, "0123456789") == len - (size_t)(c - name) - 2)
            mark = c;
    }
    *suffix = dot ? dot : "";
    (void)snprintf(stem, NAME_ROOM, "%.*s", (int)(mark ? (size_t)(mark - name) : len), name);
    return mark ? strtoul(mark + 2, NULL, 10) : 0;
}

static void name_of(char out[NAME_ROOM], const char *stem, unsigned long number,
                    const char *suffix)
{
    if (number)
        (void)snprintf(out, NAME_ROOM, "%.200s-r%lu%.16s", stem, number, suffix);
    else
        (void)snprintf(out, NAME_ROOM, "%.200s%.16s", stem, suffix);
}

/* Write a volume anew with what is kept of it; the new one's name is in name. */
static int write_anew(struct prune *p, const struct shelved *v, char name[NAME_ROOM],
                      struct err *err)
{
    char stem[NAME_ROOM];
    char top[NAME_ROOM];
    const char *suffix;
    const char *base;
    unsigned long number = parts_of(v->name, stem, &suffix);
    struct rewrite_opts opts = {
        .tool = p->opts->tool, .spool_dir = p->opts->spool_dir, .keep = is_kept, .ctx = p
    };
    char *from = shelf_read(&p->shelf, v->name, err);
    char *to;
    int rc;

    name_of(name, stem, number + 1, suffix);
    base = strrchr(name, '/');
    (void)snprintf(top, sizeof(top), "%s", base ? base + 1 : name);
    top[strcspn(top, ".")] = '\0';
    to = from ? shelf_write(&p->shelf, name, err) : NULL;
    opts.from = from;
    opts.to = to;
    opts.top = top;
    rc = to ? rewrite_run(&opts, err) : -1;
    if (rc == 0) {
        rc = enter_check(to, p->opts->stopped, p->opts->ctx, err) ? -1 : 0;
        if (rc < 0)
            (void)unlink(to);
    }
    mem_free(from);
    mem_free(to);
    return rc;
}

static uint64_t size_of(const struct prune *p, const char *name)
{
    char *path = shelf_read(&p->shelf, name, NULL);
    struct stat st;
    uint64_t size = path && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;

    mem_free(path);
    return size;
}

static int apply(struct prune *p, const struct shelved *v, struct err *err)
{
    struct enter_opts how = { .verified_ms = clock_wall(),
                              .now_ms = p->now_ms,
                              .pruning = true };
    char name[NAME_ROOM];
    uint64_t before = size_of(p, v->name);

    if (!v->kept)
        return note(p, v, err) < 0 || remove_volume(p, v, err) < 0
                   ? -1
                   : (p->result->freed += before, 0);
    if (write_anew(p, v, name, err) < 0 || note(p, v, err) < 0 ||
        remove_volume(p, v, err) < 0 ||
        enter_volume(p->catalog, &p->shelf, name, &how, err) < 0)
        return -1;
    p->result->freed += before - size_of(p, name);
    return 0;
}

static int each_volume(struct prune *p, struct err *err)
{
    const struct shelved *v;

    for (v = p->volumes; v; v = v->next) {
        struct prune_step step = { .what = v->kept ? PRUNE_REWRITE : PRUNE_VOLUME,
                                   .volume = v->name,
                                   .kept = v->kept,
                                   .dropped = v->count - v->kept };

        if (v->kept == v->count)
            continue;
        if (p->opts->stopped && p->opts->stopped(p->opts->ctx))
            return err_set(err, ERR_CANCELLED, "stopped");
        p->result->removed += !v->kept;
        p->result->rewritten += v->kept > 0;
        if (p->opts->step)
            p->opts->step(p->opts->ctx, &step);
        if (p->opts->apply && apply(p, v, err) < 0)
            return -1;
    }
    return 0;
}

static int on_shelved(void *ctx, const char *name, uint64_t size, struct err *err)
{
    const struct shelf *shelf = ctx;
    char stem[NAME_ROOM];
    char old[NAME_ROOM];
    const char *suffix;
    unsigned long number = parts_of(name, stem, &suffix);
    char *path;
    int rc = 0;

    (void)size;
    if (!number)
        return 0;
    name_of(old, stem, number - 1, suffix);
    path = shelf_read(shelf, old, err);
    if (!path)
        return -1;
    if (access(path, F_OK) == 0) {
        log_line(LOG_WARNING, "'%s' was not finished, and is removed: '%s' still stands", name,
                 old);
        rc = shelf_remove(shelf, name, err);
    }
    mem_free(path);
    return rc;
}

int prune_heal(const struct shelf *shelf, struct err *err)
{
    struct shelf own = *shelf;

    return shelf_each(shelf, on_shelved, &own, err);
}

int prune_run(const struct prune_opts *opts, struct prune_result *result, struct err *err)
{
    struct prune p = { .opts = opts, .result = result, .shelf = { opts->dir } };
    struct enter_opts how;
    struct shelved *v;
    size_t entered;
    int rc = -1;

    *result = (struct prune_result){ 0 };
    p.now_ms = clock_wall();
    how = (struct enter_opts){ .verified_ms = CATALOG_UNKNOWN, .now_ms = p.now_ms };
    p.catalog = catalog_open(opts->dir, false, err);
    p.region = region_new(err);
    p.by_id = table_new(err);
    if (p.catalog && p.region && p.by_id && prune_heal(&p.shelf, err) == 0 &&
        enter_all(p.catalog, &p.shelf, &how, &entered, err) == 0 && decide(&p, err) == 0 &&
        entry_contents(p.catalog, on_content, &p, err) == 0)
        rc = each_volume(&p, err);
    for (v = p.volumes; v; v = v->next)
        mem_free(v->runs);
    mem_free(p.runs);
    table_free(p.by_id);
    region_free(p.region);
    catalog_free(p.catalog);
    return rc;
}
