/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/colour.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

enum mode { OFF, MOVING, LINES };

/* The lock is taken below the log's, since around() runs under that one: no log line is written
 * while the lock is held. */
static struct {
    pthread_mutex_t lock;
    enum mode mode;
    uint64_t shown; /* when a text was shown last */
    char line[LINE_MAX_BYTES + 4];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool can_move(void)
{
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
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

/* Callback of the log: erase the moving line before a log line, redraw it afterwards. */
static void around(void *ctx, int after)
{
    (void)ctx;
    (void)pthread_mutex_lock(&state.lock);
    if (state.mode == MOVING && after)
        draw();
    else if (state.mode == MOVING)
        emit("\r\033[K");
    (void)pthread_mutex_unlock(&state.lock);
}

void progress_begin(const struct command_args *common)
{
    enum mode mode = common->quiet                           ? OFF
                     : can_move() && common->log_format == 0 ? MOVING
                     : common->progress                      ? LINES
                                                             : OFF;

    (void)pthread_mutex_lock(&state.lock);
    state.line[0] = '\0';
    state.mode = mode;
    state.shown = mode == LINES ? clock_mono() : 0;
    (void)pthread_mutex_unlock(&state.lock);
    log_around(around, NULL);
}

/* Whether a text is due; the lock is held. */
static bool due(uint64_t now)
{
    return state.mode != OFF &&
           now >= state.shown + (state.mode == LINES ? PROGRESS_LINES : PROGRESS_REDRAW);
}

bool progress_due(uint64_t now)
{
    bool yes;

    (void)pthread_mutex_lock(&state.lock);
    yes = due(now);
    (void)pthread_mutex_unlock(&state.lock);
    return yes;
}

size_t progress_room(void)
{
    return state.mode == LINES ? SIZE_MAX : width() - 1;
}

void progress_show(uint64_t now, const char *text)
{
    char cut[LINE_MAX_BYTES];
    bool lines;

    (void)text_shown(cut, sizeof(cut), text);
    (void)pthread_mutex_lock(&state.lock);
    lines = state.mode == LINES && due(now);
    if (state.mode == MOVING) {
        (void)text_shorten(state.line, cut, width() - 1);
        draw();
    }
    if (state.mode == MOVING || lines)
        state.shown = now;
    (void)pthread_mutex_unlock(&state.lock);
    if (lines)
        log_line(LOG_STATUS, "%s", cut);
}

void progress_print_status(const char *text, const char *status)
{
    around(NULL, 0);
    (void)printf("%s ", text);
    colour_print_status(status);
    (void)putchar('\n');
    (void)fflush(stdout);
    around(NULL, 1);
}

void progress_end(void)
{
    log_around_off();
    (void)pthread_mutex_lock(&state.lock);
    if (state.mode == MOVING)
        emit("\r\033[K");
    state.mode = OFF;
    (void)pthread_mutex_unlock(&state.lock);
}
