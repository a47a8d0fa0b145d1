/* SPDX-License-Identifier: MIT */
#include "cmdutil/filter.h"

#include "api/kind.h"

/* clang-format off */
const struct opt filter_type_opts[] = {
    { 't', "type",         "LIST", OPT_LIST, OPT_AT(filter_args, type),         "include only these artifact types or groups: recordings, screenshots, html, network, trace, files, logs, llm, dom, bundles, evals, all (also types that this program does not know)", 0, 0, NULL, false, NULL },
    { 'x', "exclude-type", "LIST", OPT_LIST, OPT_AT(filter_args, exclude_type), "exclude these types or groups", 0, 0, NULL, false, NULL },
    { 0,   "allow-unknown-type", NULL, OPT_FLAG, OPT_AT(filter_args, allow_unknown), "accept a type that this program does not know, such as one that is newer", 0, 0, NULL, false, NULL },
    OPT_END,
};

const struct opt filter_opts[] = {
    { 0, "name",         "GLOB", OPT_LIST, OPT_AT(filter_args, name),         "only artifacts whose name matches this shell pattern: the last part of their URI, their name in a ZIP of the service, that of a downloaded file, or in an archive that of their file; may be repeated", 0, 0, NULL, false, NULL },
    { 0, "step",         "LIST", OPT_LIST, OPT_AT(filter_args, step),         "only artifacts of these steps, each named by its ID (stp_...) or its number in its task, from 0", 0, 0, NULL, false, NULL },
    { 0, "larger-than",  "SIZE", OPT_SIZE, OPT_AT(filter_args, larger_than),  "only artifacts of more bytes than this, or of unknown size (suffixes k, m, g)", 0, 0, NULL, false, NULL },
    { 0, "smaller-than", "SIZE", OPT_SIZE, OPT_AT(filter_args, smaller_than), "only artifacts of fewer bytes than this, or of unknown size", 0, 0, NULL, false, NULL },
    { 0, "newer-than",   "WHEN", OPT_TEXT, OPT_AT(filter_args, newer_than),   "only artifacts created at or after this UTC date or time, or within this time (7d, 12h), or at an unknown time", 0, 0, NULL, false, NULL },
    { 0, "older-than",   "WHEN", OPT_TEXT, OPT_AT(filter_args, older_than),   "only artifacts created before this date or time, or at an unknown time", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

int filter_refuse_type(const char *name, struct err *err)
{
    const char *near = kind_nearest(name);

    (void)err_set(
        err, ERR_USAGE,
        "'%.100s' is not a known artifact type or group (--allow-unknown-type accepts "
        "it)",
        name);
    return near ? err_hint(err, "did you mean '%s'?", near) : -1;
}

static int add_types(struct kind_filter *filter, const struct opt_list *lists, bool unwanted,
                     bool allow_unknown, struct err *err)
{
    const char *unknown;
    size_t i;

    for (i = 0; i < lists->count; i++) {
        if (kind_filter_add(filter, lists->at[i], unwanted, &unknown, err) < 0)
            return -1;
        if (unknown && !allow_unknown)
            return filter_refuse_type(unknown, err);
    }
    return 0;
}

int filter_kinds(struct kind_filter *filter, const struct opt_list *types,
                 const struct opt_list *excluded, bool allow_unknown, struct err *err)
{
    return add_types(filter, types, false, allow_unknown, err) < 0
               ? -1
               : add_types(filter, excluded, true, allow_unknown, err);
}

static int take_names(struct artifact_filter *filter, const struct filter_args *args,
                      struct err *err)
{
    size_t i;

    for (i = 0; i < args->name.count; i++) {
        if (artifact_filter_name(filter, args->name.at[i], err) < 0)
            return err_wrap(err, "--name");
    }
    for (i = 0; i < args->step.count; i++) {
        if (artifact_filter_steps(filter, args->step.at[i], err) < 0)
            return err_wrap(err, "--step");
    }
    return 0;
}

static int take_sizes(struct artifact_filter *filter, const struct filter_args *args,
                      struct err *err)
{
    filter->larger = args->larger_than != FILTER_UNSET;
    filter->smaller = args->smaller_than != FILTER_UNSET;
    filter->larger_than = filter->larger ? args->larger_than : 0;
    filter->smaller_than = filter->smaller ? args->smaller_than : 0;
    if (filter->smaller &&
        (!filter->smaller_than ||
         (filter->larger && filter->smaller_than - 1 <= filter->larger_than)))
        return err_set(err, ERR_USAGE,
                       "no size is larger than --larger-than and smaller than --smaller-than");
    return 0;
}

static int take_time(bool *set, int64_t *us, const char **said, const char *name,
                     const char *text, struct err *err)
{
    *set = text != NULL;
    *said = text;
    if (text && opt_when(us, text, err) < 0)
        return err_wrap(err, "%s '%.60s'", name, text);
    *us = *us < 0 ? 0 : *us; /* an age of 60 years: no time before 1970 can be written */
    return 0;
}

static int take_times(struct artifact_filter *filter, const struct filter_args *args,
                      struct err *err)
{
    if (take_time(&filter->newer, &filter->newer_us, &filter->newer_said, "--newer-than",
                  args->newer_than, err) < 0 ||
        take_time(&filter->older, &filter->older_us, &filter->older_said, "--older-than",
                  args->older_than, err) < 0)
        return -1;
    if (filter->newer && filter->older && filter->newer_us >= filter->older_us)
        return err_set(err, ERR_USAGE, "--newer-than must be before --older-than");
    return 0;
}

int filter_fill(struct artifact_filter *filter, const struct filter_args *args, struct err *err)
{
    return filter_kinds(&filter->kinds, &args->type, &args->exclude_type, args->allow_unknown,
                        err) < 0 ||
                   take_names(filter, args, err) < 0 || take_sizes(filter, args, err) < 0 ||
                   take_times(filter, args, err) < 0
               ? -1
               : 0;
}
