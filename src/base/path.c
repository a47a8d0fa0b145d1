/* SPDX-License-Identifier: MIT */
#include "base/path.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* CON, PRN, AUX, NUL, COM0-9, LPT0-9, CONIN$, CONOUT$: alone or before a dot. */
static bool is_device(const char *name)
{
    static const char *const devices[] = { "con", "prn", "aux", "nul", "conin$", "conout$" };
    size_t len = strcspn(name, ".");
    size_t i;

    while (len && name[len - 1] == ' ')
        len--;
    for (i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
        if (len == strlen(devices[i]) && strncasecmp(name, devices[i], len) == 0)
            return true;
    }
    if (strncasecmp(name, "com", 3) != 0 && strncasecmp(name, "lpt", 3) != 0)
        return false;
    if (len == 4 && isdigit((unsigned char)name[3]))
        return true;
    /* Windows treats superscript 1, 2 and 3 as digits here */
    return len == 5 && name[3] == '\xc2' && strchr("\xb9\xb2\xb3", name[4]);
}

/* Remove trailing blanks and dots; returns the new length. */
static size_t trim_end(char *name, size_t len)
{
    while (len && (name[len - 1] == ' ' || name[len - 1] == '.'))
        len--;
    name[len] = '\0';
    return len;
}

/* Whether a safe component may contain the character at name, of len bytes (0: invalid). */
static bool is_kept(const char *name, size_t len)
{
    return len && !text_invisible(name, len) && !strchr("/%\\:*?\"<>|", *name);
}

const char *path_safe(char out[PATH_NAME_MAX + 1], const char *name)
{
    size_t left = strlen(name);
    size_t used = 0;

    while (left) {
        size_t len = text_utf8_next(name, left);
        const char *put = name;
        size_t put_len = len;

        if (!is_kept(name, len)) {
            put = "_";
            put_len = 1;
            len = len ? len : 1;
        }
        if (used + put_len > PATH_NAME_MAX)
            break;
        if (used || (*put != ' ' && *put != '.')) { /* not as the first character */
            memcpy(out + used, put, put_len);
            used += put_len;
        }
        name += len;
        left -= len;
    }
    used = trim_end(out, used);
    if (!used) {
        memcpy(out, "_", 2);
        return out;
    }
    if (is_device(out)) {
        if (used == PATH_NAME_MAX) { /* drop the last character to make room */
            while (used && ((unsigned char)out[used - 1] & 0xc0) == 0x80)
                used--;
            used = trim_end(out, used ? used - 1 : 0);
        }
        memmove(out + 1, out, used + 1);
        out[0] = '_';
    }
    return out;
}

bool path_is_portable(const char *name, size_t len)
{
    char copy[PATH_COMPONENT_MAX + 1];
    size_t at = 0;

    if (!len || len > PATH_COMPONENT_MAX || strchr(" .", name[0]) ||
        strchr(" .", name[len - 1]))
        return false;
    while (at < len) {
        size_t n = text_utf8_next(name + at, len - at);

        if (!is_kept(name + at, n))
            return false;
        at += n;
    }
    memcpy(copy, name, len);
    copy[len] = '\0';
    return !is_device(copy);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

void path_trim(char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
}

const char *path_ext(const char *name)
{
    const char *end = name + strlen(name);
    const char *dot = strrchr(name, '.');
    const char *c;

    if (!dot || dot == name || end - dot < 2 || end - dot > 9)
        return end;
    for (c = dot + 1; *c; c++) {
        if (!isalnum((unsigned char)*c))
            return end;
    }
    return dot;
}

bool path_ends(const char *path, const char *ending)
{
    size_t len = strlen(path);
    size_t n = strlen(ending);

    return len > n && strcasecmp(path + len - n, ending) == 0;
}

char *path_dir(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return mem_copy(".", NULL);
    if (slash == path)
        return mem_copy("/", NULL);
    return mem_format(NULL, "%.*s", (int)(slash - path), path);
}
