/* SPDX-License-Identifier: MIT */
#include "format/container.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    const char *alias;
} names[CONTAINERS] = {
    [CONTAINER_TAR_ZST] = { "tar.zst", "tzst" }, [CONTAINER_TAR_GZ] = { "tar.gz", "tgz" },
    [CONTAINER_TAR] = { "tar", "tar" },          [CONTAINER_ZIP] = { "zip", "zip" },
    [CONTAINER_DIR] = { "dir", "dir" },
};

const char *container_name(enum container container)
{
    return names[container].name;
}

/* Whether name ends in ".suffix", in any case. */
static bool ends_in(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t n = strlen(suffix);

    return len > n + 1 && name[len - n - 1] == '.' && strcasecmp(name + len - n, suffix) == 0;
}

static bool find(const char *name, bool whole, enum container *container)
{
    unsigned i;

    for (i = 0; i < (whole ? CONTAINERS : CONTAINER_DIR); i++) {
        bool hit = whole ? strcasecmp(name, names[i].name) == 0 ||
                               strcasecmp(name, names[i].alias) == 0
                         : ends_in(name, names[i].name) || ends_in(name, names[i].alias);

        if (hit) {
            *container = (enum container)i;
            return true;
        }
    }
    return false;
}

bool container_is_named(const char *name)
{
    enum container ignored;

    return find(name, false, &ignored);
}

size_t container_stem(const char *name)
{
    enum container c;

    if (!find(name, false, &c))
        return 0;
    return strlen(name) - 1 -
           strlen(ends_in(name, names[c].name) ? names[c].name : names[c].alias);
}

int container_of_name(const char *name, bool whole, enum container *container, struct err *err)
{
    if (find(name, whole, container))
        return 0;
    return err_set(err, ERR_USAGE, "'%.200s' %s tar.zst, tar.gz, tar%s", name,
                   whole ? "is not one of" : "does not end in",
                   whole ? ", zip or dir" : " or zip");
}
