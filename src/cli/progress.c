/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512

/* around() runs under the log's lock, on any thread. */
static struct {
    bool on;
    char line[LINE_MAX_BYTES];
} state;

bool progress_wanted(const struct command_args *common)
{
    const char *term = getenv("TERM");

    return !common->quiet && !common->verbose && common->log_format == 0 &&
           isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static void emit(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0) {
        /* the terminal is gone; progress needs no error */
    }
}

static size_t width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10)
        return size.ws_col;
    return 80;
}

static void draw(void)
{
    char text[LINE_MAX_BYTES + 16];

    (void)snprintf(text, sizeof(text), "\r%s\033[K", state.line);
    emit(text);
}

/* Callback of the log: erase the status line before a log line, redraw it afterwards. */
static void around(void *ctx, int after)
{
    (void)ctx;
    if (!state.on)
        return;
    if (after)
        draw();
    else
        emit("\r\033[K");
}

void progress_begin(void)
{
    state.line[0] = '\0';
    state.on = true;
    log_around(around, NULL);
}

void progress_show(const char *text)
{
    size_t most = width() - 1;

    if (!state.on)
        return;
    (void)snprintf(state.line, sizeof(state.line), "%.*s",
                   (int)(most < sizeof(state.line) ? most : sizeof(state.line) - 1), text);
    draw();
}

void progress_end(void)
{
    if (!state.on)
        return;
    log_around_off();
    state.on = false;
    emit("\r\033[K");
}
