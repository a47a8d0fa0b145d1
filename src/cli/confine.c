/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cli/confine.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* clang-format off */
const struct opt confine_opts[] = {
    { 0, "no-sandbox", NULL, OPT_FLAG, OPT_AT(confine_args, off), "disable the sandbox (Landlock and seccomp)", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

/* Landlock's ABI as of version 6 (Linux 6.12). libc has no wrappers for these system calls,
 * and older headers lack the later flags. */
#define LANDLOCK_CREATE   444
#define LANDLOCK_ADD      445
#define LANDLOCK_RESTRICT 446
#define ASK_VERSION       1U
#define RULE_BENEATH      1

struct ruleset_attr {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct beneath_attr {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_VERSION_1 = (1 << 13) - 1,
    FS_REFER = 1 << 13,     /* since version 2 */
    FS_TRUNCATE = 1 << 14,  /* since version 3 */
    FS_IOCTL_DEV = 1 << 15, /* since version 5 */
    NET_TCP = 3,            /* bind and connect; since version 4 */
    SCOPE_ALL = 3,          /* abstract sockets and signals; since version 6 */
};

#define OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define WRITING                                                                                \
    (FS_WRITE_FILE | FS_READ_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_REFER |     \
     FS_TRUNCATE)

/* Why this process cannot be sandboxed, or NULL: a sanitizer and valgrind start threads,
 * trace, and open files at the end, which the sandbox would forbid. */
static const char *unsandboxable(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return "built with a sanitizer";
#else
    const char *preload = getenv("LD_PRELOAD");

    return preload && strstr(preload, "vgpreload") ? "running under valgrind" : NULL;
#endif
}

int confine_landlock(void)
{
    long version = syscall(LANDLOCK_CREATE, NULL, 0, ASK_VERSION);

    return version < 0 ? 0 : (int)version;
}

bool confine_seccomp(void)
{
    /* a kernel with filters looks at the address of the filter, and finds none there */
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 && errno == EFAULT;
}

/* Create a Landlock ruleset that denies everything this kernel can deny. */
static void create_ruleset(struct confine *c)
{
    struct ruleset_attr attr = { .fs = FS_VERSION_1 };
    int version = confine_landlock();

    if (version < 2) { /* version 1 denies all links and renames between folders */
        c->why = version == 1 ? "the kernel's version of Landlock is too old"
                              : "the kernel has no Landlock";
        return;
    }
    c->version = version;
    attr.fs |= FS_REFER;
    attr.fs |= version >= 3 ? FS_TRUNCATE : 0;
    attr.fs |= version >= 5 ? FS_IOCTL_DEV : 0;
    attr.net = version >= 4 && !(c->flags & CONFINE_NET) ? NET_TCP : 0;
    attr.scoped = version >= 6 ? SCOPE_ALL : 0;
    c->handled = attr.fs;
    c->ruleset = (int)syscall(LANDLOCK_CREATE, &attr, sizeof(attr), 0);
    if (c->ruleset < 0)
        c->why = "the kernel rejected the ruleset";
}

static void allow(struct confine *c, const char *path, uint64_t what)
{
    struct beneath_attr rule = { .allowed = what & c->handled };
    struct stat st;
    int fd = c->ruleset < 0 ? -1 : open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed &= OF_FILES;
    rule.fd = fd;
    if (rule.allowed && syscall(LANDLOCK_ADD, c->ruleset, RULE_BENEATH, &rule, 0) < 0)
        log_line(LOG_INFO, "cannot add a Landlock rule for '%s': %s", path, strerror(errno));
    file_close(&fd);
}

void confine_read(struct confine *c, const char *path)
{
    allow(c, path, FS_READ_FILE | FS_READ_DIR);
}

/*
 * Allow reading what the name resolver and TLS need. All of /etc is allowed because a
 * resolver's files may be replaced at any time.
 */
static void allow_net(struct confine *c)
{
    static const char *const files[] = { "/etc",
                                         "/lib",
                                         "/lib64",
                                         "/usr/lib",
                                         "/usr/lib64",
                                         "/usr/local/share/ca-certificates",
                                         "/usr/share/ca-certificates",
                                         "/usr/share/zoneinfo",
                                         "/run/systemd/resolve",
                                         "/run/resolvconf",
                                         "/run/NetworkManager",
                                         "/run/nscd",
                                         "/dev/null",
                                         "/dev/urandom",
                                         "/sys/devices/system/cpu" };
    static const char *const variables[] = { "SSL_CERT_FILE", "SSL_CERT_DIR" };
    size_t i;

    for (i = 0; i < sizeof(files) / sizeof(*files); i++)
        confine_read(c, files[i]);
    for (i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
        const char *path = getenv(variables[i]);

        if (path && *path)
            confine_read(c, path);
    }
}

void confine_begin(struct confine *c, const struct confine_args *args, unsigned flags)
{
    *c = (struct confine){ .off = args->off, .flags = flags, .ruleset = -1 };
    if (args->off)
        c->why = "--no-sandbox";
    else
        c->why = unsandboxable();
    if (c->why)
        c->off = true;
    else
        create_ruleset(c);
    if (flags & CONFINE_NET)
        allow_net(c);
}

void confine_write(struct confine *c, const char *dir)
{
    allow(c, dir, WRITING);
}

void confine_rmdir(struct confine *c, const char *dir)
{
    allow(c, dir, FS_REMOVE_DIR);
}

/* System calls that are allowed with any arguments. Calls that libraries can do without are
 * not listed. */
static const char *const calls[] = {
    "access",
    "brk",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "dup",
    "dup2",
    "dup3",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fchdir",
    "fchmod",
    "fcntl",
    "fdatasync",
    "flock",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "futex",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getppid",
    "getrandom",
    "getrlimit",
    "gettid",
    "gettimeofday",
    "getuid",
    "linkat",
    "lseek",
    "lstat",
    "madvise",
    "membarrier",
    "mkdir",
    "mkdirat",
    "mremap",
    "msync",
    "munmap",
    "nanosleep",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "pipe2",
    "poll",
    "ppoll",
    "pread64",
    "preadv",
    "pselect6",
    "pwrite64",
    "pwritev",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "rename",
    "renameat",
    "renameat2",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_yield",
    "select",
    "set_robust_list",
    "sigaltstack",
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "time",
    "umask",
    "uname",
    "unlink",
    "unlinkat",
    "write",
    "writev",
    NULL,
};

/* Calls allowed in addition by CONFINE_NET: networking, and archiving the runs received. */
static const char *const net_calls[] = {
    "accept",         "accept4",         "bind",        "connect",      "copy_file_range",
    "epoll_create1",  "epoll_ctl",       "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "eventfd2",       "getpeername",     "getsockname", "getsockopt",   "listen",
    "mlock",          "mlock2",          "munlock",     "recvfrom",     "recvmmsg",
    "recvmsg",        "sendfile",        "sendmmsg",    "sendmsg",      "sendto",
    "setsockopt",     "shutdown",        "socket",      "socketpair",   "sync_file_range",
    "timerfd_create", "timerfd_settime", NULL,
};

/* Calls allowed in addition by CONFINE_SERVE. */
static const char *const serve_calls[] = {
    "accept4",     "epoll_create1", "epoll_ctl",  "epoll_pwait", "epoll_wait", "eventfd2",
    "getpeername", "getsockname",   "getsockopt", "recvfrom",    "recvmsg",    "sendfile",
    "sendmsg",     "sendto",        "setsockopt", "shutdown",    NULL,
};

static int allow_calls(scmp_filter_ctx filter, const char *const *names)
{
    for (; *names; names++) {
        int number = seccomp_syscall_resolve_name(*names);

        if (number != __NR_SCMP_ERROR && /* the call does not exist on this architecture */
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0) < 0 && number >= 0)
            return -1;
    }
    return 0;
}

/* Allow the calls whose arguments are restricted. */
static int allow_some(scmp_filter_ctx filter, unsigned flags)
{
    const uint64_t thread = CLONE_THREAD;
    const uint64_t exec = PROT_EXEC;
    const uint64_t self = (uint64_t)getpid();

    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                         SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread)) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0)) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, exec, 0)) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_EQ, TCGETS, 0)) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                         SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ, 0)) < 0 ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                         SCMP_A2(SCMP_CMP_EQ, 0, 0)) < 0 ||
        /* futimens only: Landlock knows no times, and would allow those of any file */
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(utimensat), 1,
                         SCMP_A1(SCMP_CMP_EQ, 0, 0)) < 0)
        return -1;
    /* the name resolver may load libraries: executable mappings that are not writable */
    if ((flags & CONFINE_NET) &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, exec | PROT_WRITE, exec)) < 0)
        return -1;
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, self, 0));
}

/* Install the seccomp filter; returns why that failed, or NULL. Calls that are not allowed
 * fail with ENOSYS, for which libraries have fallbacks. */
static const char *filter_calls(unsigned flags)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    const char *why = NULL;

    if (!filter)
        return "out of memory";
    if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) < 0 ||
        allow_calls(filter, calls) < 0 ||
        ((flags & CONFINE_NET) && allow_calls(filter, net_calls) < 0) ||
        ((flags & CONFINE_SERVE) && allow_calls(filter, serve_calls) < 0) ||
        allow_some(filter, flags) < 0)
        why = "cannot build the filter";
    else if (seccomp_load(filter) < 0)
        why = "the kernel rejected the filter";
    seccomp_release(filter);
    return why;
}

/* Make libcrypto load its files now, while files may still be opened. */
static void warm_up(void)
{
    sha256_free(sha256_new(NULL));
    sha512_free(sha512_new(NULL));
}

void confine_enter(struct confine *c)
{
    const char *no_calls;

    if (c->off) {
        log_line(LOG_INFO, "not confined: %s", c->why);
        return;
    }
    warm_up();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        log_line(LOG_INFO, "cannot set no_new_privs: %s", strerror(errno));
    if (c->ruleset >= 0 && syscall(LANDLOCK_RESTRICT, c->ruleset, 0) < 0)
        c->why = "the kernel rejected the ruleset";
    file_close(&c->ruleset);
    if (c->why)
        log_line(LOG_INFO, "files are not confined by Landlock: %s", c->why);
    else
        log_line(LOG_INFO, "files are confined by Landlock, version %d", c->version);
    no_calls = filter_calls(c->flags);
    if (no_calls)
        log_line(LOG_INFO, "system calls are not confined by seccomp: %s", no_calls);
    else
        log_line(LOG_INFO, "system calls are confined by seccomp");
}
