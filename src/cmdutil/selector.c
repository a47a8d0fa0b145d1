/* SPDX-License-Identifier: MIT */
#include "cmdutil/selector.h"

#include "cmdutil/pull_job.h"

#include <fnmatch.h>
#include <string.h>

/* clang-format off */
const struct opt selector_opts[] = {
    { 't', "type",         "LIST", OPT_LIST, OPT_AT(selector_args, type),         "include only these artifact types or groups: recordings, screenshots, html, network, trace, files, logs, llm, dom, bundles, evals, all", 0, 0, NULL, false, NULL },
    { 'x', "exclude-type", "LIST", OPT_LIST, OPT_AT(selector_args, exclude_type), "exclude these types or groups", 0, 0, NULL, false, NULL },
    { 'r', "run",          "ID",   OPT_LIST, OPT_AT(selector_args, run),          "only artifacts of this run; may be repeated", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

int selector_init(struct selector *selector, const struct selector_args *args,
                  char *const *patterns, int count, struct err *err)
{
    selector->runs = &args->run;
    selector->patterns = patterns;
    selector->count = count;
    return pull_job_filter(&selector->filter, &args->type, &args->exclude_type, err);
}

void selector_clear(struct selector *selector)
{
    kind_filter_clear(&selector->filter);
}

bool selector_narrows(const struct selector *selector)
{
    return selector->count || selector->runs->count || selector->filter.wanted_count ||
           selector->filter.unwanted_count;
}

/* Whether a pattern matches the whole path, or a folder above it. */
static bool matches(const struct selector *selector, const char *path)
{
    int i;

    for (i = 0; i < selector->count; i++) {
        if (fnmatch(selector->patterns[i], path, FNM_LEADING_DIR) == 0)
            return true;
    }
    return !selector->count;
}

static bool of_run(const struct selector *selector, const char *run_id)
{
    size_t i;

    for (i = 0; i < selector->runs->count; i++) {
        if (strcmp(selector->runs->at[i], run_id) == 0)
            return true;
    }
    return !selector->runs->count;
}

bool selector_artifact(const struct selector *selector,
                       const struct manifest_read_artifact *artifact)
{
    return kind_filter_match(&selector->filter, artifact->artifact_type) &&
           of_run(selector, artifact->run_id) && matches(selector, artifact->path);
}

bool selector_file(const struct selector *selector, const char *path)
{
    return !selector_narrows(selector) || (selector->count && matches(selector, path));
}
