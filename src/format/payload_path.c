/* SPDX-License-Identifier: MIT */
#include "format/payload_path.h"

#include <string.h>

#define PAYLOAD "data/"

bool payload_path_is(const char *path)
{
    return strncmp(path, PAYLOAD, strlen(PAYLOAD)) == 0;
}

const char *payload_path_run(const char *path, size_t *len)
{
    const char *run = path + strlen(PAYLOAD);

    if (!payload_path_is(path))
        return NULL;
    *len = strcspn(run, "/");
    return *len && run[*len] ? run : NULL;
}

const char *payload_path_below(const char *path, const char *run_id)
{
    size_t len;
    const char *run = payload_path_run(path, &len);

    return run && strlen(run_id) == len && memcmp(run, run_id, len) == 0 ? run + len + 1 : NULL;
}
