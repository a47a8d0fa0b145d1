/* SPDX-License-Identifier: MIT */
#include "attest/authority.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "net/question.h"
#include "net/url.h"

#include <errno.h>
#include <unistd.h>

#define REQUEST_MAX ((size_t)4096)

int authority_check(const struct authorities *authorities, struct err *err)
{
    char origin[URL_ORIGIN_MAX];
    size_t i;

    if (authorities->count > TSP_MOST)
        return err_set(err, ERR_USAGE, "--timestamp: at most %d authorities", TSP_MOST);
    for (i = 0; i < authorities->count; i++) {
        if (url_origin(origin, authorities->urls[i], err) < 0) {
            err->kind = ERR_USAGE;
            return err_wrap(err, "--timestamp");
        }
    }
    return 0;
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
    buf_clear(&question.answer);
    buf_clear(&request);
    return rc < 0 ? err_wrap(err, "%s", url_shown(shown, url)) : 0;
}
