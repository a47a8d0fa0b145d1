/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024
#define NAME_LEAST     8 /* minimum width of a shortened name */

/* clang-format off */
const struct opt progress_opts[] = {
    { 0, "progress", NULL, OPT_FLAG, OPT_AT(command_args, progress), "log the progress every 30 s where standard error is no terminal, as for the logs of CI jobs", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

enum mode { OFF, MOVING, LINES };

/*
 * Lock order: the log's lock, then this one, since the log calls around() with its lock held.
 * So nothing may be logged while this lock is held.
 */
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

/* Erase the moving line, if one is shown; the lock is held. */
static void erase(void)
{
    if (state.mode == MOVING && state.line[0])
        emit("\r\033[K");
}

/* Callback of the log: erase the moving line before a log line, redraw it afterwards. */
static void around(void *ctx, int after)
{
    (void)ctx;
    (void)pthread_mutex_lock(&state.lock);
    if (state.mode == MOVING && state.line[0] && after)
        draw();
    else
        erase();
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
    bool lines;

    (void)pthread_mutex_lock(&state.lock);
    lines = state.mode == LINES;
    (void)pthread_mutex_unlock(&state.lock);
    return lines ? SIZE_MAX : width() - 1;
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

void progress_hide(void)
{
    (void)pthread_mutex_lock(&state.lock);
    erase();
    state.line[0] = '\0';
    (void)pthread_mutex_unlock(&state.lock);
}

const char *progress_text(char out[PROGRESS_TEXT_MAX], const struct progress_read *read,
                          uint64_t bps, size_t columns)
{
    char pace[3 * TEXT_SIZE_MAX];
    char numbers[2 * TEXT_SIZE_MAX + sizeof(pace) + 16];
    char sizes[3][TEXT_SIZE_MAX];
    char left[TEXT_SIZE_MAX];
    char name[PROGRESS_TEXT_MAX / 2];
    char shorter[sizeof(name) + 4];
    uint64_t ms = 0;
    bool rated = bps != PACE_UNKNOWN;
    bool known = pace_left(read->total - read->done, bps, &ms);
    size_t used;

    (void)text_shown(name, sizeof(name), read->name);
    (void)snprintf(pace, sizeof(pace), "%s%s%s%s%s", rated ? ", " : "",
                   rated ? text_size(sizes[2], bps) : "", rated ? "/s" : "", known ? ", " : "",
                   known ? text_duration(left, ms) : "");
    (void)snprintf(numbers, sizeof(numbers), "%s of %s%s%s", text_size(sizes[0], read->done),
                   text_size(sizes[1], read->total), pace, known ? " left" : "");
    used = strlen(read->verb) + strlen(numbers) + 3;
    if (columns >= used + NAME_LEAST)
        (void)snprintf(out, PROGRESS_TEXT_MAX, "%s %s, %s", read->verb,
                       text_shorten(shorter, name, columns - used), numbers);
    else if (columns >= used - 1)
        (void)snprintf(out, PROGRESS_TEXT_MAX, "%s, %s", read->verb, numbers);
    else if (columns >= strlen(numbers))
        (void)snprintf(out, PROGRESS_TEXT_MAX, "%s", numbers);
    else
        (void)snprintf(out, PROGRESS_TEXT_MAX, "%s%s%s", sizes[0], pace, known ? " left" : "");
    return out;
}

void progress_show_read(struct pace *pace, const struct progress_read *read)
{
    uint64_t now = clock_mono();
    char text[PROGRESS_TEXT_MAX];

    if (!progress_due(now))
        return;
    pace_note(pace, now, read->done);
    progress_show(now, progress_text(text, read, pace_bps(pace, now), progress_room()));
}

void progress_end(void)
{
    log_around_off();
    (void)pthread_mutex_lock(&state.lock);
    erase();
    state.mode = OFF;
    (void)pthread_mutex_unlock(&state.lock);
}
