/* SPDX-License-Identifier: MIT */
#include "cmdutil/query.h"

#include "api/run.h"

#include <string.h>

/* clang-format off */
const struct opt query_opts[] = {
    { 0, "status",   "STATUS", OPT_WORDS, OPT_AT(query_args, status),   "only runs with this status, or one of these, separated by commas; may be repeated", 0, 0, NULL, false, NULL },
    { 0, "run-type", "TYPE",   OPT_WORDS, OPT_AT(query_args, run_type), "only runs of this type, or one of these, separated by commas; may be repeated", 0, 0, NULL, false, NULL },
    { 0, "search",   "TEXT",   OPT_TEXT, OPT_AT(query_args, search),   "only runs found by the service's search for this text (3 characters or more)", 0, 0, NULL, false, NULL },
    { 0, "workflow", "ID",     OPT_TEXT, OPT_AT(query_args, workflow), "only runs of this workflow (wpid_...)", 0, 0, NULL, false, NULL },
    { 0, "tag",      "TAG",    OPT_LIST, OPT_AT(query_args, tag),      "only runs with this tag; may be repeated", 0, 0, NULL, false, NULL },
    { 0, "since",    "WHEN",   OPT_WHEN, OPT_AT(query_args, since),    "only runs created at or after this UTC date or time, or within this time (7d, 12h)", 0, 0, NULL, false, NULL },
    { 0, "until",    "WHEN",   OPT_WHEN, OPT_AT(query_args, until),    "only runs created before this date or time", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

int query_check_status(const struct opt_list *list, struct err *err)
{
    char all[RUN_STATUSES_MAX];
    size_t i;

    for (i = 0; i < list->count; i++) {
        const char *near = run_status_near(list->at[i]);

        if (!near)
            continue;
        (void)err_set(err, ERR_USAGE, "'%.60s' is not a run status", list->at[i]);
        return *near ? err_hint(err, "did you mean '%s'?", near)
                     : err_hint(err, "run statuses are %s", run_statuses(all));
    }
    return 0;
}

int query_fill(const struct query_args *args, struct runs_query *query, struct err *err)
{
    if (args->search && strlen(args->search) < 3)
        return err_set(err, ERR_USAGE, "--search needs 3 characters or more");
    if (args->since != CLOCK_NONE && args->until != CLOCK_NONE && args->since >= args->until)
        return err_set(err, ERR_USAGE, "--since must be before --until");
    if (query_check_status(&args->status, err) < 0)
        return -1;
    *query = (struct runs_query){ .what = { .statuses = args->status.at,
                                            .status_count = args->status.count,
                                            .types = args->run_type.at,
                                            .type_count = args->run_type.count,
                                            .tags = args->tag.at,
                                            .tag_count = args->tag.count,
                                            .search = args->search,
                                            .workflow = args->workflow },
                                  .since_us = args->since,
                                  .until_us = args->until };
    return 0;
}

static int add_list(struct buf *out, const char *name, const struct opt_list *list,
                    struct err *err)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        if (buf_addf(out, err, "%s=%s;", name, list->at[i]) < 0)
            return -1;
    }
    return 0;
}

int query_text(const struct query_args *args, struct buf *out, struct err *err)
{
    return add_list(out, "status", &args->status, err) < 0 ||
                   add_list(out, "run-type", &args->run_type, err) < 0 ||
                   add_list(out, "tag", &args->tag, err) < 0 ||
                   buf_addf(out, err, "search=%s;workflow=%s;",
                            args->search ? args->search : "",
                            args->workflow ? args->workflow : "") < 0
               ? -1
               : 0;
}
