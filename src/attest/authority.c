/* SPDX-License-Identifier: MIT */
#include "attest/authority.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "net/question.h"
#include "net/url.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_MAX ((size_t)4096)
#define CLOCKS_MS   300000 /* difference of clocks that is reported */

int authority_check(const struct authorities *authorities, struct err *err)
{
    char origin[URL_ORIGIN_MAX];
    char shown[URL_SHOWN_MAX];
    char other[URL_SHOWN_MAX];
    size_t i;
    size_t k;

    if (authorities->count > TSP_MOST)
        return err_set(err, ERR_USAGE, "--timestamp: at most %d authorities", TSP_MOST);
    for (i = 0; i < authorities->count; i++) {
        if (url_origin(origin, authorities->urls[i], err) < 0) {
            err->kind = ERR_USAGE;
            return err_wrap(err, "--timestamp");
        }
        for (k = 0; k < i; k++) {
            if (strcmp(url_shown(shown, authorities->urls[i]),
                       url_shown(other, authorities->urls[k])) == 0)
                return err_set(err, ERR_USAGE, "--timestamp: '%s' is given twice", shown);
        }
    }
    return 0;
}

/* Whether two paths name one file, which need not exist: the same name in the same folder. */
static bool is_same(const char *one, const char *other)
{
    char *folders[2] = { path_dir(one), path_dir(other) };
    struct stat st[2];
    bool same = strcmp(path_base(one), path_base(other)) == 0 && folders[0] && folders[1] &&
                stat(folders[0], &st[0]) == 0 && stat(folders[1], &st[1]) == 0 &&
                st[0].st_dev == st[1].st_dev && st[0].st_ino == st[1].st_ino;

    mem_free(folders[0]);
    mem_free(folders[1]);
    return same;
}

int authority_check_files(const struct authorities *authorities, const char *base,
                          const char *archive, bool force, struct err *err)
{
    unsigned i;
    int rc = 0;

    for (i = 1; rc == 0 && i <= authorities->count; i++) {
        char *path = tsp_path(base, i, err);
        char *folder = path ? path_dir(path) : NULL;

        if (!folder)
            rc = path ? err_set(err, ERR_MEMORY, "out of memory") : -1;
        else if (archive && is_same(path, archive))
            rc = err_set(err, ERR_USAGE, "--timestamp-output: '%s' is the archive", path);
        else if (!force && access(path, F_OK) == 0)
            rc = err_set(err, ERR_EXISTS, "'%s' exists; --force replaces it", path);
        else if (access(folder, W_OK) < 0)
            rc = err_sys(err, "cannot write '%s'", path);
        mem_free(folder);
        mem_free(path);
    }
    return rc;
}

/* Warn if the authority's clock, or this one, is wrong. */
static void compare_clocks(const struct tsp_stamp *stamp, const char *url)
{
    int64_t off = stamp->at_ms - clock_wall();
    char shown[URL_SHOWN_MAX];
    char text[TEXT_SIZE_MAX];

    if (off > CLOCKS_MS || off < -CLOCKS_MS)
        log_line(LOG_WARNING, "the clock of '%s' is %s %s this machine's",
                 url_shown(shown, url), text_duration(text, (uint64_t)(off < 0 ? -off : off)),
                 off < 0 ? "behind" : "ahead of");
}

/* Send the request; the answer is in question->answer. */
static int ask(const struct authorities *authorities, const char *url, struct buf *request,
               struct question *question, struct err *err)
{
    struct question_opts opts = { authorities->agent, authorities->ca_file, authorities->stop };
    int rc;

    *question = (struct question){ .method = "POST",
                                   .url = url,
                                   .headers = { "Content-Type: application/timestamp-query",
                                                "Accept: application/timestamp-reply" },
                                   .header_count = 2,
                                   .body = request,
                                   .limit_ms = AUTHORITY_MS };
    pulse_due(clock_mono() + AUTHORITY_MS); /* the watchdog waits */
    rc = question_ask(&opts, question, err);
    pulse_due(clock_mono());
    if (rc < 0 && question->request.status / 100 == 3)
        (void)err_hint(err, "redirects are not followed: give the address that it points to");
    return rc;
}

int authority_ask(const struct authorities *authorities, unsigned number,
                  const uint8_t sha256[SHA256_SIZE], const char *path, struct tsp_stamp *stamp,
                  struct err *err)
{
    const char *url = authorities->urls[number - 1];
    struct question question = { 0 };
    uint8_t nonce[TSP_NONCE];
    struct tsp_wanted wanted = { sha256, nonce, authorities->trust };
    char shown[URL_SHOWN_MAX];
    struct buf request;
    int rc;

    buf_init(&request, REQUEST_MAX);
    if (unlink(path) < 0 && errno != ENOENT)
        rc = err_sys(err, "cannot remove '%s'", path);
    else
        rc = tsp_nonce(nonce, err);
    if (rc == 0)
        rc = tsp_request(sha256, nonce, &request, err);
    if (rc == 0)
        rc = ask(authorities, url, &request, &question, err);
    if (rc == 0)
        rc = tsp_check(question.answer.data, question.answer.len, &wanted, stamp, err);
    if (rc == 0)
        rc = file_put(path, question.answer.data, question.answer.len, authorities->mode, err);
    if (rc == 0)
        compare_clocks(stamp, url);
    buf_clear(&question.answer);
    buf_clear(&request);
    return rc < 0 ? err_wrap(err, "%s", url_shown(shown, url)) : 0;
}
