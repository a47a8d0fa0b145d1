/* SPDX-License-Identifier: MIT */
#include "api/artifact_filter.h"

#include "base/clock.h"
#include "base/path.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS     "0123456789"
#define DIGITS_MAX 9 /* of an order number */

/* Append a copy of a text to names or steps; the array is made once, at its full size. */
static int add(struct artifact_filter *filter, char ***list, size_t *count, const char *text,
               size_t len, struct err *err)
{
    if (*count >= ARTIFACT_FILTER_MAX)
        return err_set(err, ERR_USAGE, "more than %d names or steps", ARTIFACT_FILTER_MAX);
    if (!filter->region)
        filter->region = region_new(err);
    if (filter->region && !*list)
        *list = region_take(filter->region, ARTIFACT_FILTER_MAX * sizeof(**list), err);
    if (!filter->region || !*list)
        return -1;
    (*list)[*count] = region_copy(filter->region, text, len, err);
    if (!(*list)[*count])
        return -1;
    ++*count;
    return 0;
}

int artifact_filter_name(struct artifact_filter *filter, const char *pattern, struct err *err)
{
    size_t len = strlen(pattern);

    if (!len || len > ARTIFACT_FILTER_NAME_MAX)
        return err_set(err, ERR_USAGE, "a name has 1 to %d bytes", ARTIFACT_FILTER_NAME_MAX);
    if (strchr(pattern, '/'))
        return err_set(err, ERR_USAGE,
                       "'%.200s' has a slash, but the name of a file is without its folder",
                       pattern);
    return add(filter, &filter->names, &filter->name_count, pattern, len, err);
}

int artifact_filter_steps(struct artifact_filter *filter, const char *list, struct err *err)
{
    static const char allowed[] =
        DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    bool any = false;

    while (*list) {
        size_t blank = strspn(list, " ,");
        size_t len = strcspn(list + blank, " ,");

        list += blank;
        if (!len)
            break;
        if (strspn(list, allowed) < len || len > ARTIFACT_FILTER_STEP_MAX ||
            (strspn(list, DIGITS) >= len && len > DIGITS_MAX))
            return err_set(err, ERR_USAGE,
                           "'%.*s' is neither a step ID (stp_...) nor the number of a step",
                           len > 100 ? 100 : (int)len, list);
        if (add(filter, &filter->steps, &filter->step_count, list, len, err) < 0)
            return -1;
        any = true;
        list += len;
    }
    return any ? 0 : err_set(err, ERR_USAGE, "expected step IDs (stp_...) or numbers of steps");
}

bool artifact_filter_within(const struct artifact_filter *filter)
{
    size_t i;

    if (filter->name_count > ARTIFACT_FILTER_MAX || filter->step_count > ARTIFACT_FILTER_MAX)
        return false;
    for (i = 0; i < filter->name_count; i++) {
        if (strlen(filter->names[i]) > ARTIFACT_FILTER_NAME_MAX)
            return false;
    }
    for (i = 0; i < filter->step_count; i++) {
        if (strlen(filter->steps[i]) > ARTIFACT_FILTER_STEP_MAX)
            return false;
    }
    return true;
}

bool artifact_filter_has_more(const struct artifact_filter *filter)
{
    return filter->name_count || filter->step_count || filter->larger || filter->smaller ||
           filter->newer || filter->older;
}

bool artifact_filter_asks(const struct artifact_filter *filter)
{
    return filter->kinds.wanted_count || artifact_filter_has_more(filter);
}

bool artifact_filter_narrows(const struct artifact_filter *filter)
{
    return kind_filter_narrows(&filter->kinds) || artifact_filter_has_more(filter);
}

static bool named(const struct artifact_filter *filter, const char *path)
{
    const char *name = path ? path_base(path) : "";
    size_t i;

    for (i = 0; path && i < filter->name_count; i++) {
        if (fnmatch(filter->names[i], name, 0) == 0)
            return true;
    }
    return false;
}

/*
 * The order number of an artifact's step; -1: unknown. The service stores the artifacts of a
 * step in a folder ORDER_RETRY_STEPID (docs/api.md, "An artifact").
 */
static long order_of(const struct artifact_facts *facts)
{
    const char *part = facts->uri;

    for (; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        size_t order = strspn(part, DIGITS);
        size_t retry = part[order] == '_' ? strspn(part + order + 1, DIGITS) : 0;
        const char *id = part + order + 1 + retry + 1;
        size_t len;

        if (!order || order > DIGITS_MAX || !retry || id[-1] != '_')
            continue;
        len = strcspn(id, "/");
        if (facts->step_id
                ? strlen(facts->step_id) == len && strncmp(facts->step_id, id, len) == 0
                : strncmp(id, "stp_", 4) == 0)
            return strtol(part, NULL, 10);
    }
    return -1;
}

static bool of_step(const struct artifact_filter *filter, const struct artifact_facts *facts)
{
    long order = order_of(facts);
    size_t i;

    for (i = 0; i < filter->step_count; i++) {
        const char *step = filter->steps[i];

        if (facts->step_id && strcmp(step, facts->step_id) == 0)
            return true;
        if (order >= 0 && !step[strspn(step, DIGITS)] && strtol(step, NULL, 10) == order)
            return true;
    }
    return false;
}

static bool in_time(const struct artifact_filter *filter, const char *created_at)
{
    int64_t us = clock_us(created_at);

    return us == CLOCK_NONE || ((!filter->newer || us >= filter->newer_us) &&
                                (!filter->older || us < filter->older_us));
}

static bool has_size(const struct artifact_filter *filter, const struct artifact_facts *facts)
{
    return !facts->sized || ((!filter->larger || facts->size > filter->larger_than) &&
                             (!filter->smaller || facts->size < filter->smaller_than));
}

bool artifact_filter_match(const struct artifact_filter *filter,
                           const struct artifact_facts *facts)
{
    return kind_filter_match(&filter->kinds, facts->type) &&
           (!filter->name_count || named(filter, facts->name) ||
            named(filter, facts->other_name)) &&
           (!filter->step_count || of_step(filter, facts)) && has_size(filter, facts) &&
           in_time(filter, facts->created_at);
}

/* The name of an artifact's object: that in its ZIP, or its URI, else its ID. */
static const char *object_of(const struct artifact *a)
{
    return a->bundle_key ? a->bundle_key : a->uri ? a->uri : a->artifact_id;
}

const char *artifact_filter_name_of(const struct artifact *a)
{
    return a->filename ? a->filename : object_of(a);
}

bool artifact_filter_listed(const struct artifact_filter *filter, const struct artifact *a)
{
    const struct artifact_facts facts = { .type = a->artifact_type,
                                          .name = a->filename,
                                          .other_name = object_of(a),
                                          .step_id = a->step_id,
                                          .uri = a->uri,
                                          .created_at = a->created_at,
                                          .size = a->file_size,
                                          .sized = a->sized };

    return artifact_filter_match(filter, &facts);
}

void artifact_filter_clear(struct artifact_filter *filter)
{
    kind_filter_clear(&filter->kinds);
    region_free(filter->region);
    *filter = (struct artifact_filter){ .region = NULL };
}
