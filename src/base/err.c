/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_clear(struct err *err)
{
    if (err)
        *err = (struct err){ 0 };
}

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return -1;
    err_clear(err);
    err->kind = kind;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    return -1;
}

/* _GNU_SOURCE selects the GNU variant of strerror_r, which returns the text. */
static const char *system_words(int os, char *room, size_t size)
{
    const char *words = strerror_r(os, room, size);

    return words ? words : "unknown error";
}

int err_sys(struct err *err, const char *fmt, ...)
{
    int os = errno;
    char room[128];
    va_list args;
    size_t used;

    if (!err)
        return -1;
    err_clear(err);
    err->kind = os == ENOMEM ? ERR_MEMORY : ERR_SYSTEM;
    err->os = os;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s",
                   system_words(os, room, sizeof(room)));
    return -1;
}

bool err_is_own(const struct err *err)
{
    return err->kind == ERR_MEMORY || err->os == EMFILE || err->os == ENFILE ||
           err->os == ENOMEM || err->os == EAGAIN; /* EAGAIN: no thread can be started */
}

bool err_is_damage(const struct err *err)
{
    return err->kind == ERR_MISMATCH || err->kind == ERR_FORMAT;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char inner[sizeof(err->text)];
    va_list args;
    size_t used;

    if (!err)
        return -1;
    memcpy(inner, err->text, sizeof(inner));
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    used = strlen(err->text);
    if (strncmp(inner, err->text, used) == 0 && inner[used] == ':')
        (void)snprintf(err->text, sizeof(err->text), "%s", inner); /* it says so already */
    else
        (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
    return -1;
}

int err_hint(struct err *err, const char *fmt, ...)
{
    va_list args;
    size_t used;

    if (!err)
        return -1;
    used = strlen(err->text);
    if (used + 3 >= sizeof(err->text))
        return -1;
    memcpy(err->text + used, "; ", 3);
    used += 2;
    va_start(args, fmt);
    (void)vsnprintf(err->text + used, sizeof(err->text) - used, fmt, args);
    va_end(args);
    return -1;
}
