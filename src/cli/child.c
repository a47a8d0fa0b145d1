/* SPDX-License-Identifier: MIT */
#include "cli/child.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/pulse.h"
#include "cli/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENV_MAX      16
#define LOOK_MS      50 /* poll interval where the kernel has no pidfd */
#define PATH_DEFAULT "PATH=/usr/local/bin:/usr/bin:/bin"

struct env {
    char *at[ENV_MAX + 1]; /* ends with NULL */
    size_t count;
};

static int env_add(struct env *env, char *text, struct err *err)
{
    if (!text)
        return -1;
    if (env->count == ENV_MAX) {
        mem_free(text);
        return err_set(err, ERR_LIMIT, "more than %d environment variables for a command",
                       ENV_MAX);
    }
    env->at[env->count++] = text;
    return 0;
}

static void env_clear(struct env *env)
{
    while (env->count)
        mem_free(env->at[--env->count]);
}

static int env_fill(struct env *env, char *const *more, struct err *err)
{
    static const char *const kept[] = { "PATH", "HOME", "LANG" };
    size_t i;

    for (i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
        const char *value = getenv(kept[i]);

        if (value && env_add(env, mem_format(err, "%s=%s", kept[i], value), err) < 0)
            return -1;
        if (!value && i == 0 && env_add(env, mem_copy(PATH_DEFAULT, err), err) < 0)
            return -1;
    }
    for (; more && *more; more++) {
        if (env_add(env, mem_copy(*more, err), err) < 0)
            return -1;
    }
    return 0;
}

/* Convert the error number that a posix_spawn function returns. */
static int check(int error, struct err *err)
{
    if (!error)
        return 0;
    errno = error;
    return err_sys(err, "cannot start the command");
}

/* Give the child standard input, output and error, and no other descriptor. */
static int set_files(posix_spawn_file_actions_t *files, struct err *err)
{
    int rc = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    rc = rc ? rc : posix_spawn_file_actions_adddup2(files, STDERR_FILENO, STDOUT_FILENO);
    rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
    return check(rc, err);
}

/* Give the child its own process group; no signal is blocked, handled or ignored. */
static int set_attr(posix_spawnattr_t *attr, struct err *err)
{
    sigset_t none;
    sigset_t all;
    int rc;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETSIGDEF);
    rc = rc ? rc : posix_spawnattr_setpgroup(attr, 0);
    rc = rc ? rc : posix_spawnattr_setsigmask(attr, &none);
    rc = rc ? rc : posix_spawnattr_setsigdefault(attr, &all);
    return check(rc, err);
}

static int spawn(const struct child_opts *opts, pid_t *pid, struct err *err)
{
    char sh[] = "sh";
    char flag[] = "-c";
    char *command = mem_copy(opts->command, err);
    char *argv[] = { sh, flag, command, NULL };
    struct env env = { { NULL }, 0 };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int rc = -1;

    if (!command || env_fill(&env, opts->env, err) < 0)
        goto out;
    rc = check(posix_spawn_file_actions_init(&files), err);
    if (rc < 0)
        goto out;
    rc = check(posix_spawnattr_init(&attr), err);
    if (rc == 0) {
        rc = set_files(&files, err);
        if (rc == 0)
            rc = set_attr(&attr, err);
        if (rc == 0)
            rc = check(posix_spawn(pid, "/bin/sh", &files, &attr, argv, env.at), err);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&files);
out:
    env_clear(&env);
    mem_free(command);
    return rc;
}

/* Sleep until the child may have ended, a signal arrives, or `until` is reached. */
static void wait_event(int pidfd, uint64_t until)
{
    struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
                            { .fd = signals_fd(), .events = POLLIN } };
    uint64_t now = clock_mono();
    uint64_t left = until > now ? until - now : 0;
    uint64_t most = pidfd < 0 ? LOOK_MS : 60000;

    (void)poll(fds, 2, (int)(left < most ? left : most));
}

/* Whether the child has ended; if so, *status is its wait status. */
static bool ended(pid_t pid, int *status)
{
    pid_t got;

    do
        got = waitpid(pid, status, WNOHANG);
    while (got < 0 && errno == EINTR);
    return got != 0;
}

/* Wait until the child ends. Returns false at `until` or, if `signals` is set, when a signal
 * asks to stop. */
static bool await(pid_t pid, int pidfd, uint64_t until, bool signals, int *status)
{
    while (!ended(pid, status)) {
        if ((signals && signals_stop()) || clock_mono() >= until)
            return false;
        (void)signals_stop(); /* empties the pipe that wait_event() polls */
        wait_event(pidfd, until);
    }
    return true;
}

/* End the child's process group by `signal`; processes that survive CHILD_GRACE get SIGKILL. */
static void end(pid_t pid, int pidfd, int signal)
{
    uint64_t until = clock_mono() + CHILD_GRACE;
    int status;
    bool gone;

    (void)kill(-pid, signal);
    gone = await(pid, pidfd, until, false, &status);
    if (gone) /* background processes of a shell ignore SIGINT */
        (void)kill(-pid, SIGTERM);
    while (gone && kill(-pid, 0) == 0 && clock_mono() < until)
        clock_sleep(LOOK_MS / 5);
    (void)kill(-pid, SIGKILL);
    while (!gone && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        /* SIGKILL cannot be ignored; retry waitpid */
    }
}

static int judge(int status, struct err *err)
{
    if (WIFSIGNALED(status))
        return err_set(err, ERR_SYSTEM, "the command was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status))
        return err_set(err, ERR_SYSTEM, "the command failed with exit status %d",
                       WEXITSTATUS(status));
    return 0;
}

int child_run(const struct child_opts *opts, struct err *err)
{
    uint64_t until = opts->timeout ? clock_mono() + opts->timeout : UINT64_MAX;
    int status = 0;
    int stop = signals_stop();
    int pidfd;
    pid_t pid;
    int rc;

    if (stop)
        return err_set(err, ERR_CANCELLED,
                       "the command was not started: skyarc was asked to stop");
    if (spawn(opts, &pid, err) < 0)
        return -1;
    signals_group(pid);
    pulse_begin(WAIT_CHILD);
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* -1: the kernel has no pidfd_open */
    if (await(pid, pidfd, until, true, &status)) {
        rc = judge(status, err);
    } else {
        stop = signals_stop();
        end(pid, pidfd, stop == 0 || stop == SIGXFSZ ? SIGTERM : stop);
        rc = stop ? err_set(err, ERR_CANCELLED,
                            "the command was ended: skyarc was asked to stop")
                  : err_set(err, ERR_SYSTEM, "the command timed out after %llu s",
                            (unsigned long long)opts->timeout / 1000);
    }
    pulse_end(WAIT_CHILD);
    signals_group(0);
    if (pidfd >= 0)
        (void)close(pidfd);
    return rc;
}
