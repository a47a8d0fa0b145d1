/* SPDX-License-Identifier: MIT */
#include "fetch/early.h"

#include <string.h>

#define EARLY_MAX BUNDLE_REQUEST /* bytes that may be fetched twice */

/* Whether an artifact can be of a browser session, which several runs may share. */
static bool is_shared(const struct item *item)
{
    return item_is_recording(item) ||
           (item->what.type && strcmp(item->what.type, "download") == 0);
}

/* An item that only a record names (without uri) may turn out to be in a bundle. */
bool early_may(const struct item *item)
{
    const struct plan_artifact *what = &item->what;

    if (item->bundle || item->unlisted || !what->uri || what->bundle_key)
        return false;
    return what->sized ? what->file_size <= EARLY_MAX : !is_shared(item);
}
