/* SPDX-License-Identifier: MIT */
#include "pull/pull_opts.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

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

static void add_part(struct sha256 *sha, const char *text)
{
    sha256_add(sha, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void add_list(struct sha256 *sha, char *const *texts, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        add_part(sha, texts[i]);
    add_part(sha, "");
}

/* An age is added as it was given: it means another time in each attempt. */
static void add_filter(struct sha256 *sha, const struct artifact_filter *filter)
{
    char sizes[64];

    (void)snprintf(sizes, sizeof(sizes), "%d %llu %d %llu", filter->larger,
                   (unsigned long long)filter->larger_than, filter->smaller,
                   (unsigned long long)filter->smaller_than);
    add_list(sha, filter->kinds.wanted, filter->kinds.wanted_count);
    add_list(sha, filter->kinds.unwanted, filter->kinds.unwanted_count);
    add_list(sha, filter->names, filter->name_count);
    add_list(sha, filter->steps, filter->step_count);
    add_part(sha, sizes);
    add_part(sha, filter->newer_said);
    add_part(sha, filter->older_said);
}

struct manifest_filter pull_opts_filter(const struct pull_opts *opts)
{
    const struct artifact_filter *filter = opts->filter;

    return (struct manifest_filter){
        .types = filter->kinds.wanted,
        .type_count = filter->kinds.wanted_count,
        .excluded = filter->kinds.unwanted,
        .excluded_count = filter->kinds.unwanted_count,
        .names = filter->names,
        .name_count = filter->name_count,
        .steps = filter->steps,
        .step_count = filter->step_count,
        .larger_than = filter->larger ? filter->larger_than : MANIFEST_NONE,
        .smaller_than = filter->smaller ? filter->smaller_than : MANIFEST_NONE,
        .newer_us = filter->newer ? filter->newer_us : CLOCK_NONE,
        .older_us = filter->older ? filter->older_us : CLOCK_NONE,
    };
}

char *pull_opts_request(const struct pull_opts *opts, struct err *err)
{
    struct sha256 *sha = sha256_new(err);
    uint8_t digest[SHA256_SIZE];
    char hex[SHA256_TEXT];
    char how[64];

    if (!sha)
        return NULL;
    (void)snprintf(how, sizeof(how), "%d %d %d %d", (int)opts->format, opts->dedupe,
                   (int)opts->duplicates, (int)opts->bundles);
    add_part(sha, opts->tool);
    add_part(sha, opts->top);
    add_part(sha, how);
    add_part(sha, opts->api->base);
    add_list(sha, opts->run_ids, opts->run_count);
    add_filter(sha, opts->filter);
    sha256_end(sha, digest);
    sha256_free(sha);
    text_hex(hex, digest, SHA256_SIZE);
    return mem_format(err, "{\"skyarc_journal\": 2, \"request\": \"%s\"}", hex);
}

bool pull_opts_any_new(const struct pull_opts *opts, const struct listing *listing)
{
    size_t i;

    for (i = 0; i < listing->count; i++) {
        const struct listed_run *run = &listing->runs[i];

        if (!run->failed &&
            (!opts->parent(opts->ctx, run->id) || opts->changed(opts->ctx, run)))
            return true;
    }
    return false;
}

struct engine_opts pull_opts_engine(const struct pull_opts *opts)
{
    return (struct engine_opts){ .agent = opts->tool,
                                 .ca_file = opts->ca_file,
                                 .secure = opts->api->secure,
                                 .stall_bps = opts->stall_bps,
                                 .stall_s = opts->stall_s,
                                 .jobs = opts->jobs };
}
