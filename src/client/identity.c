/* SPDX-License-Identifier: MIT */
#include "client/identity.h"

#include <stdio.h>
#include <string.h>

bool identity_is_task(const char *id)
{
    return strncmp(id, "tsk_v2_", 7) == 0;
}

bool identity_is_plain_task(const char *id)
{
    return strncmp(id, "tsk_", 4) == 0 && !identity_is_task(id);
}

bool identity_is_workflow(const char *id)
{
    return strncmp(id, "wr_", 3) == 0;
}

void identity_order(const char **name, const char **other)
{
    const char *first = *name;

    if (identity_is_task(first))
        return;
    *name = *other;
    *other = first;
}

bool identity_pair(const char *a, const char *b)
{
    return (identity_is_task(a) && identity_is_workflow(b)) ||
           (identity_is_workflow(a) && identity_is_task(b));
}

void identity_take_name(char other[RUN_ID_MAX + 1], const char *id, const char *name)
{
    if (!*other && name && run_id_valid(name) && identity_pair(id, name))
        (void)snprintf(other, RUN_ID_MAX + 1, "%s", name);
}

/*
 * Take the other name from the path of a page's URL, such as BASE/runs/wr_2/overview?tab=1. A
 * path with dot segments names no page.
 */
static void take_url(char other[RUN_ID_MAX + 1], const char *id, const char *url)
{
    size_t left = url ? strcspn(url, "?#") : 0;
    const char *at = left ? memchr(url, '/', left) : NULL;
    char found[RUN_ID_MAX + 1] = "";

    while (at && *at == '/') {
        size_t len = strcspn(++at, "/?#");
        char name[RUN_ID_MAX + 1];

        if (len == strspn(at, ".") && len)
            return;
        if (len <= RUN_ID_MAX) {
            (void)snprintf(name, sizeof(name), "%.*s", (int)len, at);
            identity_take_name(found, id, name);
        }
        at += len;
    }
    identity_take_name(other, id, found);
}

void identity_take(char other[RUN_ID_MAX + 1], const char *id, const struct run *record)
{
    identity_take_name(other, id, record->run_id);
    identity_take_name(other, id, record->task_v2_id);
    take_url(other, id, record->app_url);
}
