/* SPDX-License-Identifier: MIT */
/*
 * log: what the program tells the person who runs it, on stderr.
 *
 * The one module with process-wide state, set once in main. A registered secret
 * is replaced wherever it would appear.
 *
 * Errors   none: a log that cannot be written is lost
 * Threads  any; lines never mix
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

#include <stddef.h>

enum log_level {
    LOG_STATUS,  /* asked for by a signal; never hidden */
    LOG_ERROR,   /* something failed; never hidden */
    LOG_WARNING, /* worth reading */
    LOG_INFO,    /* what is happening: with -v */
    LOG_DEBUG,   /* each request: with -vv */
};

/* Show lines up to this level; as JSON lines when json is set. */
void log_setup(enum log_level level, int json);

/* Never print this text (the API key); NULL forgets it. Borrowed until then. */
void log_hide(const char *secret);

/* Run over each line's text before it is printed, which it may change in place; NULL: nothing.
 */
void log_filter(void (*fn)(char *text, size_t size));

/* Called before and after a line, so that a progress line can step aside; NULL: nobody. */
void log_around(void (*fn)(void *ctx, int after), void *ctx);

/* Print one line; control characters in it are escaped. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Whether a line of this level would be printed. */
int log_wants(enum log_level level);

#endif
