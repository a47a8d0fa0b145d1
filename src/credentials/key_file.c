/* SPDX-License-Identifier: MIT */
#include "credentials/key_file.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *key_file_path(const char *name, struct err *err)
{
    const char *home = getenv("HOME");

    if (strncmp(name, "~/", 2) == 0 && home && *home)
        return mem_format(err, "%s%s", home, name + 1);
    return mem_format(err, "%s%s", *name == '-' ? "./" : "", name);
}

int key_file_load(const char *path, struct stop stop, struct buf *out, struct err *err)
{
    char *name = key_file_path(path, err);
    size_t from = out->len;
    int rc = name ? file_load(name, stop, out, err) : -1;

    if (rc == 0 && out->len > from && memchr(out->data + from, '\0', out->len - from))
        rc = err_set(err, ERR_FORMAT, "'%s' has NUL bytes", name);
    mem_free(name);
    return rc;
}

bool key_file_is_once(const char *name)
{
    char *path = key_file_path(name, NULL);
    struct stat st;
    bool once = path && stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));

    mem_free(path);
    return once;
}

void key_file_trim(struct buf *text)
{
    while (text->len && memchr("\r\n \t", text->data[text->len - 1], 4))
        text->data[--text->len] = '\0';
}
