/* SPDX-License-Identifier: MIT */
#include "client/identity.h"

#include <stdio.h>
#include <string.h>

bool identity_is_task(const char *id)
{
    return strncmp(id, "tsk_v2_", 7) == 0;
}

bool identity_is_workflow(const char *id)
{
    return strncmp(id, "wr_", 3) == 0;
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

void identity_take(char other[RUN_ID_MAX + 1], const char *id, const struct run *record)
{
    const char *slash = record->app_url ? strrchr(record->app_url, '/') : NULL;

    identity_take_name(other, id, record->run_id);
    identity_take_name(other, id, record->task_v2_id);
    identity_take_name(other, id, slash ? slash + 1 : NULL);
}
