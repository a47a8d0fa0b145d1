/* SPDX-License-Identifier: MIT */
/* Calls that an exploit would make, in a confined reader. */
#include "cli/confine.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char other[] = "/proc/self/maps";
static char folder[] = "/tmp/skyarc-confine-XXXXXX";
static bool
    localhost_known; /* the system resolves 'localhost'; without /etc/hosts it may not */

static const char *in_folder(const char *name)
{
    static char path[4][200];
    static unsigned turn;

    turn = (turn + 1) % 4;
    (void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static bool opens(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

static void *on_thread(void *ctx)
{
    *(bool *)ctx = opens(other, O_RDONLY); /* does not exist either */
    return NULL;
}

static int connect_local(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int rc;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&to, sizeof(to));
    if (fd >= 0)
        (void)close(fd);
    return fd < 0 ? 1 : rc < 0 && errno == ECONNREFUSED ? 0 : rc == 0 ? 0 : 2;
}

static bool finds_localhost(void)
{
    struct addrinfo *found = NULL;
    bool good = getaddrinfo("localhost", "9", NULL, &found) == 0;

    if (good)
        freeaddrinfo(found);
    return good;
}

/* The name of the check that failed, or "". Runs in the sandbox. */
static const char *attempts(const struct confine *c)
{
    pthread_t thread;
    bool got = true;
    pid_t pid;
    void *memory;
    char program[] = "/bin/true";
    char *const args[] = { program, NULL };

    if (c->version && opens(other, O_RDONLY))
        return "another file was read";
    if (c->version && opens(in_folder("secret"), O_RDONLY))
        return "a file beside was read";
    if (!opens(in_folder("readable"), O_RDONLY))
        return "the file was not read";
    if (c->version && opens(in_folder("readable"), O_WRONLY))
        return "the file was written to";
    if (!opens(in_folder("out/new"), O_WRONLY | O_CREAT | O_EXCL))
        return "no file was made where it may be";
    if (c->version && opens(in_folder("new"), O_WRONLY | O_CREAT))
        return "a file was made elsewhere";
    if (c->version && link(in_folder("secret"), in_folder("out/secret")) == 0)
        return "a file was linked in";
    if (mkdir(in_folder("out/dir"), 0700) < 0 ||
        rename(in_folder("out/new"), in_folder("out/dir/new")) < 0)
        return "no folder was made where it may be";
    if (execve(program, args, args) == 0 || errno == ENOENT)
        return "a program was started";
    pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        return "a process was made";
    if (!(c->flags & CONFINE_NET) && connect_local() != 1)
        return "a socket was made";
    if ((c->flags & CONFINE_NET) && connect_local() != 0)
        return "no socket was made";
    if ((c->flags & CONFINE_NET) && localhost_known && !finds_localhost())
        return "no name was found";
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 || kill(getppid(), 0) == 0)
        return "another process was touched";
    memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    if (memory != MAP_FAILED)
        return "memory was made executable";
    memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, 4096, PROT_READ | PROT_EXEC) == 0)
        return "memory was made executable afterwards";
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 || syscall(SYS_bpf, 0, NULL, 0) >= 0)
        return "a system call went through";
    if (pthread_create(&thread, NULL, on_thread, &got) != 0 || pthread_join(thread, NULL) != 0)
        return "no thread was started";
    return c->version && got ? "a thread read another file" : "";
}

/* Confine a child and run the checks in it; its exit status is 0 if all passed. */
static void in_child(unsigned flags, bool off)
{
    int pipes[2];
    char said[100] = "";
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        struct confine_args args = { off };
        struct confine c;
        const char *wrong;

        confine_begin(&c, &args, flags);
        confine_read(&c, in_folder("readable"));
        confine_read(&c, in_folder("not there"));
        confine_write(&c, in_folder("out"));
        if (flags & CONFINE_NET) {
            confine_read(&c, "/etc");
            confine_read(&c, "/usr/lib");
            confine_read(&c, "/lib");
        }
        confine_enter(&c);
        if (c.off)
            wrong = opens(other, O_RDONLY) ? "" : "it was confined all the same";
        else
            wrong = attempts(&c);
        (void)!write(pipes[1], wrong, strlen(wrong));
        _exit(0);
    }
    (void)close(pipes[1]);
    (void)!read(pipes[0], said, sizeof(said) - 1);
    (void)close(pipes[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_string_equal(said, "");
    (void)unlink(in_folder("out/dir/new"));
    (void)rmdir(in_folder("out/dir"));
}

static void test_reader(void **state)
{
    (void)state;
    in_child(0, false);
}

static void test_network(void **state)
{
    (void)state;
    in_child(CONFINE_NET, false);
}

static void test_switched_off(void **state)
{
    (void)state;
    in_child(0, true);
}

/* In a process of its own: what the resolver loads and keeps must not help the one in the
 * sandbox. */
static bool child_finds_localhost(void)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(finds_localhost() ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int set_up(void **state)
{
    (void)state;
    localhost_known = child_finds_localhost();
    if (!mkdtemp(folder))
        return -1;
    return mkdir(in_folder("out"), 0700) < 0 ||
                   !opens(in_folder("readable"), O_WRONLY | O_CREAT) ||
                   !opens(in_folder("secret"), O_WRONLY | O_CREAT)
               ? -1
               : 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(in_folder("readable"));
    (void)unlink(in_folder("secret"));
    (void)rmdir(in_folder("out"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_switched_off),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
