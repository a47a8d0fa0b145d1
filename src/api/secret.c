/* SPDX-License-Identifier: MIT */
#include "api/secret.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_SIZE 32                 /* random bytes in secret_own's secret */
#define OWN_TEXT (2 * OWN_SIZE + 1) /* as text, in hex */

/* Each secret has its own mapping, so that its pages can be locked and left out of dumps. */
struct secret {
    char text[SECRET_MAX + 1];
};

struct secret *secret_new(const char *text, size_t len, struct err *err)
{
    struct secret *secret;
    size_t i;

    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    while (len && strchr(" \t\r\n", text[0])) {
        text++;
        len--;
    }
    if (!len || len > SECRET_MAX) {
        (void)err_set(err, ERR_FORMAT, len ? "longer than %d bytes" : "empty", SECRET_MAX);
        return NULL;
    }
    for (i = 0; i < len; i++) {
        if (text[i] < 0x21 || text[i] > 0x7e) {
            (void)err_set(err, ERR_FORMAT, "invalid character in the key (byte %zu)", i + 1);
            return NULL;
        }
    }
    secret =
        mmap(NULL, sizeof(*secret), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (secret == MAP_FAILED) {
        (void)err_sys(err, "cannot allocate memory for a secret");
        return NULL;
    }
    (void)mlock(secret, sizeof(*secret)); /* best effort: limits may forbid it */
    (void)madvise(secret, sizeof(*secret), MADV_DONTDUMP);
    mem_forbid_dumps(); /* libcurl copies the key and signed URLs while it sends them */
    memcpy(secret->text, text, len);
    return secret;
}

struct secret *secret_load(const char *path, struct stop stop, struct err *err)
{
    char text[SECRET_MAX + 64];
    struct secret *secret = NULL;
    size_t len = 0;
    ssize_t got = 1;
    int fd = file_open_to_read(path, err);

    if (fd < 0)
        return NULL;
    while (got > 0 && len < sizeof(text)) {
        got = file_read(fd, text + len, sizeof(text) - len, stop, err);
        if (got > 0)
            len += (size_t)got;
    }
    if (got < 0) {
        (void)err_wrap(err, "'%s'", path);
    } else {
        secret = secret_new(text, len, err);
        if (!secret)
            (void)err_wrap(err, "'%s' contains no usable key", path);
    }
    explicit_bzero(text, sizeof(text));
    (void)close(fd);
    return secret;
}

static int make_secret(int fd, char text[OWN_TEXT], struct err *err)
{
    uint8_t bytes[OWN_SIZE];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return err_sys(err, "cannot get random numbers");
    text_hex(text, bytes, sizeof(bytes));
    explicit_bzero(bytes, sizeof(bytes));
    if (ftruncate(fd, 0) < 0 || fchmod(fd, 0600) < 0)
        return err_sys(err, "cannot write");
    if (file_pwrite(fd, text, OWN_TEXT - 1, 0, err) < 0)
        return -1;
    return file_sync(fd) < 0 ? err_sys(err, "cannot sync") : 0;
}

struct secret *secret_own(const char *path, struct err *err)
{
    char text[OWN_TEXT] = "";
    struct secret *secret = NULL;
    struct stat st;
    int fd = file_make_dirs(path, err) < 0 ? -1 : file_open_own(path, err);

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) < 0 || st.st_size != OWN_TEXT - 1 || (st.st_mode & 077) ||
        file_pread(fd, text, OWN_TEXT - 1, 0, NULL) < 0) {
        if (make_secret(fd, text, err) < 0)
            (void)err_wrap(err, "'%s'", path);
        else
            secret = secret_new(text, OWN_TEXT - 1, err);
    } else {
        secret = secret_new(text, OWN_TEXT - 1, err);
    }
    explicit_bzero(text, sizeof(text));
    file_close(&fd);
    return secret;
}

void secret_free(struct secret *secret)
{
    if (!secret)
        return;
    explicit_bzero(secret->text, sizeof(secret->text));
    (void)munmap(secret, sizeof(*secret));
}

const char *secret_peek(const struct secret *secret)
{
    return secret ? secret->text : NULL;
}
