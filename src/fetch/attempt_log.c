/* SPDX-License-Identifier: MIT */
#include "fetch/attempt_log.h"

#include "base/log.h"
#include "base/text.h"
#include "client/call.h"
#include "net/url.h"

#include <stdbool.h>
#include <string.h>

/* Log why an attempt did not succeed. */
static void explain(const struct task *task, const struct request *request)
{
    struct err err;

    err_clear(&err);
    if (request_check(request, &err) == 0)
        (void)err_set(&err, ERR_MISMATCH, "%s sent %llu byte%s, but the service lists %llu",
                      request->host, (unsigned long long)request->received,
                      text_plural(request->received),
                      (unsigned long long)task->item->what.file_size);
    log_line(LOG_INFO, "artifact '%s', by %s: %s", task->item->what.artifact_id,
             fetch_route_name(task->route), err.text);
}

/* Whether a request was made with the API key, which is sent to the API's own origin only. */
static bool is_keyed(const struct request *request)
{
    char origin[URL_ORIGIN_MAX];
    struct err ignored;

    return request->key && url_origin(origin, request->url, &ignored) == 0 &&
           strcmp(origin, request->key_origin) == 0;
}

static void log_request(struct request_log *requests, const struct task *task,
                        const struct request *request)
{
    struct request_asked asked;
    struct err why;

    if (request_check(request, &why) == 0)
        err_clear(&why);
    asked = call_asked(request, task->item->what.run_id, task->outcome.attempts, &why);
    (void)request_log_add(requests, &asked);
}

void attempt_log(struct request_log *requests, const struct task *task,
                 const struct request *request, struct fetch_route_verdict verdict)
{
    if (requests && is_keyed(request))
        log_request(requests, task, request);
    if (verdict.step != FETCH_ROUTE_DONE && log_wants(LOG_INFO))
        explain(task, request);
}
