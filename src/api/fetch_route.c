/* SPDX-License-Identifier: MIT */
#include "api/fetch_route.h"

#include "api/expiry.h"

#include <string.h>

#define MARGIN_MIN 1000
#define MARGIN_MAX 60000

const char *fetch_route_name(enum fetch_route route)
{
    switch (route) {
    case FETCH_ROUTE_SIGNED:
        return "signed-url";
    case FETCH_ROUTE_RENEWED:
        return "renewed-url";
    case FETCH_ROUTE_CONTENT:
        return "content-endpoint";
    case FETCH_ROUTE_LOCAL:
        return "local-root";
    }
    return "";
}

static struct fetch_route_verdict verdict(enum fetch_route_step step, enum reason reason)
{
    return (struct fetch_route_verdict){ step, reason, false };
}

/* The reason for an error status. */
static enum reason reason_of(long status)
{
    if (status == 401 || status == 403)
        return REASON_DENIED;
    if (status == 404 || status == 410)
        return REASON_GONE;
    if (status == 429)
        return REASON_RATE_LIMITED;
    if (status == 408)
        return REASON_TIMEOUT;
    return status >= 500 ? REASON_SERVER_ERROR : REASON_HTTP_ERROR;
}

/* Check the length of a good response: if it differs from the service's size, retry. */
static struct fetch_route_verdict judge_length(const struct fetch_route_facts *facts,
                                               const struct request *request)
{
    if (request_partial(request) && facts->have != resume_end(request->range))
        return (struct fetch_route_verdict){ FETCH_ROUTE_AGAIN, REASON_LENGTH_MISMATCH, true };
    if (facts->sized && request->coding == CODING_NONE && facts->have != facts->file_size)
        return (struct fetch_route_verdict){ FETCH_ROUTE_AGAIN, REASON_LENGTH_MISMATCH, true };
    return verdict(FETCH_ROUTE_DONE, REASON_NONE);
}

/*
 * Whether an artifact of size 0 has no object in storage: some storage keeps no empty objects.
 * A content endpoint's 404 alone does not say so if the URL had another answer: older servers
 * answer 404 there to everything.
 */
static bool is_nothing(const struct fetch_route_facts *facts, long status)
{
    return (status == 404 || status == 410) && facts->sized && !facts->file_size &&
           !facts->have && !facts->refuted;
}

struct fetch_route_verdict fetch_route_judge(const struct fetch_route_facts *facts,
                                             const struct request *request)
{
    bool content = facts->route == FETCH_ROUTE_CONTENT;
    enum fetch_route_step other = !content && !facts->by_url ? FETCH_ROUTE_TO_CONTENT
                                  : facts->local             ? FETCH_ROUTE_TO_LOCAL
                                                             : FETCH_ROUTE_GIVE_UP;
    long status = request->status;

    if (request->err.kind == ERR_LIMIT)
        return verdict(FETCH_ROUTE_GIVE_UP, REASON_TOO_LARGE);
    if (request->err.kind)
        return verdict(request_retryable(request) ? FETCH_ROUTE_AGAIN : other,
                       REASON_NETWORK_ERROR);
    if (request_good(request))
        return judge_length(facts, request);
    if (is_nothing(facts, status) && !facts->archived)
        return verdict(FETCH_ROUTE_DONE, REASON_NONE);
    if (request_unfit(request))
        return (struct fetch_route_verdict){ FETCH_ROUTE_AGAIN, REASON_HTTP_ERROR, true };
    if ((facts->archived && (status == 403 || status == 404)) ||
        (status == 403 && strstr(request->error, "InvalidObjectState")))
        return verdict(FETCH_ROUTE_GIVE_UP, REASON_ARCHIVED);
    if (status == 503 && strstr(request->error, "signing is not configured"))
        return verdict(other, REASON_SERVER_ERROR);
    if (request_retryable(request))
        return verdict(FETCH_ROUTE_AGAIN, reason_of(status));
    if ((status == 403 || status == 401) && !content && facts->renewable)
        return verdict(FETCH_ROUTE_RENEW, REASON_DENIED);
    return verdict(other, reason_of(status));
}

bool fetch_route_stale(int64_t expiry, int64_t listed, int64_t now)
{
    int64_t margin;

    if (expiry == EXPIRY_NEVER)
        return false;
    margin = expiry > listed ? (expiry - listed) / 4 : 0;
    margin = margin < MARGIN_MIN ? MARGIN_MIN : margin > MARGIN_MAX ? MARGIN_MAX : margin;
    return now >= expiry - margin;
}
