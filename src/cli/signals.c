/* SPDX-License-Identifier: MIT */
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* A handler runs on any thread and may only use lock-free atomics (C17, 7.14.1.1). */
static atomic_int stop;
static atomic_bool asked;
static atomic_int group; /* process group of a child */
static int ends[2] = { -1, -1 };

static void wake(void)
{
    int saved = errno;

    if (write(ends[1], "", 1) < 0) {
        /* the pipe is full: already readable */
    }
    errno = saved;
}

static void on_stop(int signal)
{
    int none = 0;
    int child = atomic_load(&group);

    if (!atomic_compare_exchange_strong(&stop, &none, signal) && signal != SIGXFSZ) {
        if (child > 0)
            (void)kill(-child, SIGKILL);
        _exit(128 + signal);
    }
    wake();
}

static void on_ask(int signal)
{
    (void)signal;
    atomic_store(&asked, true);
    wake();
}

static void on_large_file(int signal)
{
    (void)signal; /* the write fails with EFBIG */
}

static int handle(int signal, void (*fn)(int))
{
    struct sigaction action = { .sa_flags = SA_RESTART };

    action.sa_handler = fn;
    (void)sigemptyset(&action.sa_mask);
    return sigaction(signal, &action, NULL);
}

/* Let a signal ask to stop, unless it was ignored at the start, as nohup does with SIGHUP. */
static int handle_unless_ignored(int signal)
{
    struct sigaction old;

    if (sigaction(signal, NULL, &old) < 0)
        return -1;
    return old.sa_handler == SIG_IGN ? 0 : handle(signal, on_stop);
}

int signals_early(void)
{
    struct sigaction old;

    if (sigaction(SIGXFSZ, NULL, &old) < 0)
        return -1;
    return old.sa_handler == SIG_IGN ? 0 : handle(SIGXFSZ, on_large_file);
}

int signals_setup(struct err *err)
{
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 || handle(SIGINT, on_stop) < 0 ||
        handle(SIGTERM, on_stop) < 0 || handle_unless_ignored(SIGHUP) < 0 ||
        handle_unless_ignored(SIGXFSZ) < 0 || handle(SIGUSR1, on_ask) < 0 ||
        handle(SIGPIPE, SIG_IGN) < 0)
        return err_sys(err, "cannot install the signal handlers");
    return 0;
}

void signals_group(int pgid)
{
    atomic_store(&group, pgid);
}

int signals_fd(void)
{
    return ends[0];
}

int signals_stop(void)
{
    char drop[64];

    while (read(ends[0], drop, sizeof(drop)) > 0) {
    }
    return atomic_load(&stop);
}

static bool is_stopped(void *ctx)
{
    (void)ctx;
    return signals_stop() != 0;
}

struct stop signals_stopping(void)
{
    return (struct stop){ is_stopped, signals_fd(), NULL };
}

bool signals_asked(void)
{
    return atomic_exchange(&asked, false);
}

bool signals_unanswered(void)
{
    return atomic_load(&asked);
}
