/* SPDX-License-Identifier: MIT */
/*
 * log: messages to the user, on stderr.
 *
 * The one module with process-wide state, set once in main. A registered secret is redacted in
 * every line.
 *
 * Errors   none: a line that cannot be written is lost
 * Threads  any; lines are written one at a time
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

#include <stddef.h>

enum log_level {
    LOG_STATUS,  /* requested by a signal; never hidden */
    LOG_ERROR,   /* a failure; never hidden */
    LOG_WARNING, /* a problem that is not a failure */
    LOG_INFO,    /* progress: with -v */
    LOG_DEBUG,   /* each request: with -vv */
};

/* Print lines up to this level; as JSON lines if json is set. */
void log_setup(enum log_level level, int json);

/* Redact this text (the API key), borrowed until log_hide(NULL). */
void log_hide(const char *secret);

/* Set a function that edits each line's text in place before it is printed. */
void log_filter(void (*fn)(char *text, size_t size));

/* Print lines without an edit. */
void log_filter_off(void);

/* Set a function called before and after each line, to hide a progress line. */
void log_around(void (*fn)(void *ctx, int after), void *ctx);

/* There is no progress line. */
void log_around_off(void);

/* Print one line; control characters are escaped. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The level of a line that a person should see who waits at a terminal without a progress line:
 * LOG_STATUS there, unless only errors are wanted; LOG_INFO elsewhere. */
enum log_level log_note(void);

/* Whether a line of this level would be printed. */
int log_wants(enum log_level level);

#endif
