/* SPDX-License-Identifier: MIT */
#include "pull/planner.h"

#include "api/kind.h"
#include "base/clock.h"
#include "base/mem.h"
#include "client/extras.h"
#include "client/records_fetch.h"
#include "format/tagfile.h"
#include "redact/redact.h"

#include <stdio.h>
#include <string.h>

#define PATH_ROOM  512
#define USUAL_SIZE ((uint64_t)256 << 10) /* bytes assumed for an artifact without a size */

static int64_t first_known(int64_t a, int64_t b, int64_t c)
{
    return a != CLOCK_NONE ? a : b != CLOCK_NONE ? b : c;
}

bool planner_is_zip(const struct artifact *a)
{
    return !a->bundle_key && kind_is_bundle(kind_find(a->artifact_type));
}

/* The name to derive a file name from: a redacted one if the item's own name has secrets. */
static const char *name_of(const struct artifact *a, const struct redact *what,
                           struct region *region)
{
    const char *own = a->filename ? a->filename : a->bundle_key ? a->bundle_key : a->uri;
    const char *clean = redact_copy(own, what, region);

    return clean == own ? a->filename : clean;
}

static int plan_row(const struct planner_opts *opts, struct plan *plan, size_t run, size_t row,
                    struct err *err)
{
    const struct artifact_filter *filter = opts->filter;
    const struct listed_run *listed = &opts->listing->runs[run];
    struct artifact_list *list = &opts->listing->runs[run].list;
    const struct artifact *a = &list->rows[row];
    const struct redact clean = { secret_peek(opts->listing->api->key), false, NULL };
    const struct kind *kind = kind_find(a->artifact_type);
    int64_t created = clock_us(a->created_at);
    struct plan_artifact what = { .run_id = listed->id,
                                  .artifact_id = a->artifact_id,
                                  .type = redact_copy(a->artifact_type, &clean, list->region),
                                  .ext = kind ? kind->ext : NULL,
                                  .uri = a->uri,
                                  .bundle_key = a->bundle_key,
                                  .url = a->signed_url,
                                  .filename = name_of(a, &clean, list->region),
                                  .checksum = a->checksum,
                                  .modified_at = a->modified_at,
                                  .file_size = a->file_size,
                                  .sized = a->sized,
                                  .created_us = created };

    bool wanted = artifact_filter_listed(filter, a);
    /* a ZIP is an artifact of its own if its type or name is asked for */
    bool asked = filter->kinds.wanted_count || filter->kinds.all || filter->name_count;
    struct item *item;

    what.mtime = first_known(first_known(created, clock_us(a->modified_at), CLOCK_NONE),
                             clock_us(listed->run.created_at), clock_wall() * 1000) /
                 1000000;
    if (opts->skip(opts->ctx, listed->id, a))
        return 0;
    if (planner_is_zip(a))
        return plan_parent(plan, &what, run, row, wanted && asked, wanted, err);
    if (!wanted)
        return 0;
    if (plan_add(plan, &what, run, row, &item, err) < 0)
        return -1;
    if (item && a->typed_by_uri)
        item_note(item, "typed-by-uri");
    return 0;
}

/* Plan one run: bundles before their members, members before their ZIPs. */
static int plan_run(const struct planner_opts *opts, struct plan *plan, size_t run,
                    struct err *err)
{
    struct artifact_list *list = &opts->listing->runs[run].list;
    bool all = opts->listing->runs[run].wide && !artifact_filter_asks(opts->filter);
    size_t i;

    if (extras_add(&opts->listing->runs[run], &opts->filter->kinds, err) < 0)
        return -1;
    for (i = 0; i < list->count; i++) {
        if (list->rows[i].bundle_key && list->rows[i].uri &&
            plan_bundle_row(plan, run, list->rows[i].uri, all ? list->rows[i].bundle_key : NULL,
                            err) < 0)
            return -1;
    }
    for (i = 0; i < list->count; i++) {
        if (!planner_is_zip(&list->rows[i]) && plan_row(opts, plan, run, i, err) < 0)
            return -1;
    }
    for (i = 0; i < list->count; i++) {
        if (planner_is_zip(&list->rows[i]) && plan_row(opts, plan, run, i, err) < 0)
            return -1;
    }
    return 0;
}

/* Whether an item is fetched as it stands, and not as part of something else. */
static bool is_fetched(const struct item *item)
{
    if (item->leader)
        return false;
    if (item->bundle && item->bundle->parent != item)
        return !item->bundle->whole;
    return !item->unlisted || (item->bundle && item->bundle->whole);
}

/* Bytes of a run's wanted artifacts. */
static uint64_t run_bytes(const struct planner_opts *opts, const struct listed_run *run)
{
    uint64_t bytes = 0;
    size_t i;

    for (i = 0; i < run->list.count; i++) {
        const struct artifact *a = &run->list.rows[i];

        if (artifact_filter_listed(opts->filter, a) && !opts->skip(opts->ctx, run->id, a))
            bytes += a->sized ? a->file_size : USUAL_SIZE;
    }
    return bytes;
}

size_t planner_fit(const struct planner *p, uint64_t most)
{
    const struct listing *listing = p->opts.listing;
    uint64_t bytes = p->bytes;
    /* the last requested run: it and its children are kept or left out together */
    size_t fit = 0;
    size_t i;

    for (i = p->runs; i < listing->count; i++) {
        uint64_t more = run_bytes(&p->opts, &listing->runs[i]);

        if (!listing->runs[i].depth)
            fit = i;
        if (fit && bytes + more > most)
            return fit;
        bytes += more;
    }
    return i;
}

bool planner_admits(struct planner *p, uint64_t most)
{
    uint64_t more = run_bytes(&p->opts, &p->opts.listing->runs[p->runs]);

    if (p->runs && p->bytes + more > most)
        return false;
    p->bytes += more;
    return true;
}

/* Name an item before its content is known. */
static int name_item(const struct planner_opts *opts, struct plan *plan, size_t i,
                     struct err *err)
{
    const char *path = plan_at(plan, i)->path;

    if (!path)
        path = entry_names_give(opts->names, plan_at(plan, i), NULL, 0, err);
    if (path)
        plan_set_path(plan, i, path);
    return path ? 0 : -1;
}

/* Name the downloaded files among the items that were added, and count those items. */
static int take_items(struct planner *p, size_t from, struct err *err)
{
    size_t i;

    for (i = from; i < plan_count(p->plan); i++) {
        const struct item *item = plan_at(p->plan, i);

        /* a downloaded file's name must not depend on the order of arrival */
        if (item->what.type && strcmp(item->what.type, "download") == 0 && !item->path &&
            name_item(&p->opts, p->plan, i, err) < 0)
            return -1;
        p->count.listed += !item->unlisted;
        if (!is_fetched(item))
            continue;
        p->count.unsized += !item->what.sized;
        p->count.bytes += item->what.sized ? item->what.file_size : 0;
    }
    return 0;
}

int planner_begin(struct planner *p, const struct planner_opts *opts, struct err *err)
{
    *p = (struct planner){ .opts = *opts };
    p->plan = plan_on(opts->listing->pagefile, opts->dedupe, err);
    return p->plan ? 0 : -1;
}

void planner_clear(struct planner *p)
{
    plan_free(p->plan);
    p->plan = NULL;
}

int planner_next(struct planner *p, struct err *err)
{
    size_t from = plan_count(p->plan);

    if (!p->opts.listing->runs[p->runs].failed && plan_run(&p->opts, p->plan, p->runs, err) < 0)
        return -1;
    p->runs++;
    return take_items(p, from, err);
}

int planner_finish(struct planner *p, struct err *err)
{
    for (; p->runs < p->opts.listing->count; p->runs++) {
        if (!p->opts.listing->runs[p->runs].failed &&
            plan_run(&p->opts, p->plan, p->runs, err) < 0)
            return -1;
    }
    plan_choose(p->plan, p->opts.bundles);
    p->count = (struct planner_count){ 0 };
    return take_items(p, 0, err);
}

int planner_check(const struct planner_opts *opts, const struct plan *plan, size_t *unmatched,
                  struct err *err)
{
    size_t i;
    bool *hit;
    int rc;

    *unmatched = 0;
    if (!opts->must_match || !artifact_filter_narrows(opts->filter))
        return 0;
    hit = mem_array(opts->listing->count, sizeof(*hit), err);
    if (!hit)
        return -1;
    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);

        if (!item->unlisted)
            hit[opts->listing->runs[item->run].root] = true;
    }
    rc = listing_unmatched(opts->listing, opts->filter, hit, unmatched, err);
    mem_free(hit);
    return rc;
}

void planner_subtract(const struct plan *plan, const struct packed *packed,
                      struct planner_count *count)
{
    size_t i;

    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);

        if (!packed[i].here || !is_fetched(item))
            continue;
        count->unsized -= !item->what.sized;
        count->bytes -= item->what.sized ? item->what.file_size : 0;
    }
}

/* The run whose records are being reported. */
struct telling {
    const struct listed_run *run;
    void (*planned)(void *ctx, const struct pull_planned *planned);
    void *ctx;
};

/* Report a record of a run: it was received with the listing, or would be fetched. */
static void tell_record(void *ctx, const char *name)
{
    const struct telling *t = ctx;

    char path[PATH_ROOM];

    (void)snprintf(path, sizeof(path), TAGFILE_RECORD, t->run->id, name);
    t->planned(t->ctx,
               &(struct pull_planned){ .run_id = t->run->id, .path = path, .record = name });
}

static void tell_records(const struct listing *listing, struct telling *t)
{
    size_t i;
    size_t k;

    for (i = 0; listing->records && i < listing->count; i++) {
        t->run = &listing->runs[i];
        for (k = 0; k < t->run->records.count; k++) {
            if (!t->run->records.rows[k].reason)
                tell_record(t, t->run->records.rows[k].name);
        }
        (void)records_fetch_tell(listing, t->run, tell_record, t);
    }
}

int planner_tell(const struct planner_opts *opts, struct plan *plan,
                 void (*planned)(void *ctx, const struct pull_planned *planned), void *ctx,
                 struct err *err)
{
    struct telling telling = { NULL, planned, ctx };
    size_t i;

    for (i = 0; i < plan_count(plan); i++) {
        if (!plan_at(plan, i)->unlisted && name_item(opts, plan, i, err) < 0)
            return -1;
    }
    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);

        if (!item->unlisted)
            planned(ctx,
                    &(struct pull_planned){ .run_id = item->what.run_id,
                                            .artifact_id = item->what.artifact_id,
                                            .artifact_type = item->what.type,
                                            .path = item->path,
                                            .same_as = item->leader ? item->leader->path : NULL,
                                            .size = item->what.file_size,
                                            .sized = item->what.sized });
    }
    tell_records(opts->listing, &telling);
    return 0;
}

bool planner_skips_none(void *ctx, const char *run_id, const struct artifact *artifact)
{
    (void)ctx;
    (void)run_id;
    (void)artifact;
    return false;
}
