/* SPDX-License-Identifier: MIT */
#include "reader/safe_name.h"

#include "base/path.h"

#include <string.h>

const char *safe_name_refused(const char *path)
{
    size_t depth = 0;

    if (strnlen(path, SAFE_NAME_PATH_MAX + 1) > SAFE_NAME_PATH_MAX)
        return "its name is too long";
    do {
        size_t len = strcspn(path, "/");

        if (!len || strncmp(path, "..", len) == 0)
            return "its name leads elsewhere";
        if (++depth > SAFE_NAME_DEPTH_MAX)
            return "its name has too many folders";
        if (*path == '.')
            return "its name has a component that begins with a dot";
        if (!path_is_portable(path, len))
            return "its name has a component that is not portable";
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
    return strncmp(path, "data/", 5) == 0 ? safe_name_refused(path)
                                          : "it lies outside of data/";
}
