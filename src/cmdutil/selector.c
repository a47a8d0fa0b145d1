/* SPDX-License-Identifier: MIT */
#include "cmdutil/selector.h"

#include "cmdutil/pull_job.h"

#include <fnmatch.h>
#include <string.h>

/* clang-format off */
const struct opt pick_opts[] = {
    { 't', "type",         "LIST", OPT_LIST, OPT_AT(selector_args, type),         "include only these artifact types or groups: recordings, screenshots, html, network, trace, files, logs, llm, dom, bundles, evals, all", 0, 0, NULL, false, NULL },
    { 'x', "exclude-type", "LIST", OPT_LIST, OPT_AT(selector_args, exclude_type), "exclude these types or groups", 0, 0, NULL, false, NULL },
    { 'r', "run",          "ID",   OPT_LIST, OPT_AT(selector_args, run),          "only artifacts of this run; may be repeated", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

int selector_init(struct selector *pick, const struct selector_args *args,
                  char *const *patterns, int count, struct err *err)
{
    pick->runs = &args->run;
    pick->patterns = patterns;
    pick->count = count;
    return pull_job_filter(&pick->filter, &args->type, &args->exclude_type, err);
}

void selector_clear(struct selector *pick)
{
    kind_filter_clear(&pick->filter);
}

bool selector_narrows(const struct selector *pick)
{
    return pick->count || pick->runs->count || pick->filter.wanted_count ||
           pick->filter.unwanted_count;
}

/* Whether a pattern matches the whole path, or a folder above it. */
static bool matches(const struct selector *pick, const char *path)
{
    int i;

    for (i = 0; i < pick->count; i++) {
        if (fnmatch(pick->patterns[i], path, FNM_LEADING_DIR) == 0)
            return true;
    }
    return !pick->count;
}

static bool of_run(const struct selector *pick, const char *run_id)
{
    size_t i;

    for (i = 0; i < pick->runs->count; i++) {
        if (strcmp(pick->runs->at[i], run_id) == 0)
            return true;
    }
    return !pick->runs->count;
}

bool selector_artifact(const struct selector *pick,
                       const struct manifest_read_artifact *artifact)
{
    return kind_filter_match(&pick->filter, artifact->artifact_type) &&
           of_run(pick, artifact->run_id) && matches(pick, artifact->path);
}

bool selector_file(const struct selector *pick, const char *path)
{
    return !selector_narrows(pick) || (pick->count && matches(pick, path));
}
