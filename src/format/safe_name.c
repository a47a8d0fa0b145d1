/* SPDX-License-Identifier: MIT */
#include "format/safe_name.h"

#include "base/path.h"
#include "format/payload_path.h"

#include <string.h>

const char *safe_name_refused(const char *path)
{
    size_t depth = 0;

    if (strnlen(path, SAFE_NAME_PATH_MAX + 1) > SAFE_NAME_PATH_MAX)
        return "path too long";
    do {
        size_t len = strcspn(path, "/");

        if (!len || strncmp(path, "..", len) == 0)
            return "path leads out of the directory";
        if (++depth > SAFE_NAME_DEPTH_MAX)
            return "path has too many folders";
        if (*path == '.')
            return "path has a component that starts with a dot";
        if (!path_is_portable(path, len))
            return "path has a component that is not portable";
        path += len;
    } while (*path++ == '/');
    return NULL;
}

bool safe_name_top(const char *name, size_t len)
{
    return path_is_portable(name, len);
}

const char *safe_name_not_payload(const char *path)
{
    return payload_path_is(path) ? safe_name_refused(path) : "outside of data/";
}
