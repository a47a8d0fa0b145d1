/* SPDX-License-Identifier: MIT */
/* Preloaded, it makes a file system that allows a file FEWLINKS names; then FEWLINKS_ERRNO. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int linkat_fn(int from_dir, const char *from, int to_dir, const char *to, int flags);

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    linkat_fn *real = (linkat_fn *)dlsym(RTLD_NEXT, "linkat");
    struct stat st;

    if (fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        st.st_nlink >= strtoul(getenv("FEWLINKS"), NULL, 10)) {
        errno = atoi(getenv("FEWLINKS_ERRNO"));
        return -1;
    }
    return real(from_dir, from, to_dir, to, flags);
}
