/* SPDX-License-Identifier: MIT */
#include "fetch/early.h"

#include <string.h>

#define EARLY_MAX BUNDLE_REQUEST /* bytes that may be fetched twice */

/* Whether artifacts of a type belong to a browser session, which several runs may share. */
static bool is_shared(const char *type)
{
    static const char *const types[] = { "recording", "session_replay", "download" };
    size_t i;

    for (i = 0; type && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }
    return false;
}

/* An item that only a record names (without uri) may turn out to be in a bundle. */
bool early_may(const struct item *item)
{
    const struct plan_artifact *what = &item->what;

    if (item->bundle || item->unlisted || !what->uri || what->bundle_key)
        return false;
    return what->sized ? what->file_size <= EARLY_MAX : !is_shared(what->type);
}
