/* SPDX-License-Identifier: MIT */
/*
 * endpoint: the calls that tell the story of a run beside its record and its artifact list:
 * their names, their URLs, and what an answer says of the server.
 *
 * Older servers lack some of them. Calls that give secrets (credentials, TOTP codes, API keys,
 * debug sessions) are not among them, and none of these gives any.
 *
 * Errors   ERR_USAGE for names that are none; ERR_FORMAT for IDs that no URL should hold
 * Threads  any
 * Source   docs/api.md, "Records"
 */
#ifndef API_ENDPOINT_H
#define API_ENDPOINT_H

#include "api/api.h"
#include "base/buf.h"
#include "base/err.h"
#include "net/request.h"

#include <stdbool.h>
#include <stddef.h>

enum endpoint {
    ENDPOINT_WORKFLOW_RUN,
    ENDPOINT_TIMELINE,
    ENDPOINT_STEPS,
    ENDPOINT_ACTIONS,
    ENDPOINT_SESSION,
    ENDPOINT_SESSION_ACTIONS,
    ENDPOINT_HEAL_EPISODES,
    ENDPOINT_FALLBACK_EPISODES,
    ENDPOINT_SCRIPT,
    ENDPOINT_TAGS,
    ENDPOINT_TAG_HISTORY,
    ENDPOINT_VERSION,
    ENDPOINT_RECORDS, /* those above are records that an archive keeps */
    ENDPOINT_TASK_V2 = ENDPOINT_RECORDS,
    ENDPOINT_SCRIPT_VERSIONS,
    ENDPOINT_WORKFLOW_TIMELINE, /* of a run that has no record of its own */
    ENDPOINT_ARTIFACT,
    ENDPOINT_WORKFLOW_RUNS, /* lists of runs beside that of all: see client/older */
    ENDPOINT_WORKFLOWS,
    ENDPOINT_WORKFLOW_RUNS_OF, /* one workflow, by a window of time */
    ENDPOINT_TASKS,
    ENDPOINTS,
};

/* Which records are wanted. */
struct endpoint_filter {
    bool wanted[ENDPOINT_RECORDS];
};

/* What is known of one server. */
struct endpoints {
    bool absent[ENDPOINTS]; /* it has no such call */
    bool told[ENDPOINTS];   /* and that was said */
};

enum endpoint_verdict {
    ENDPOINT_GOOD,
    ENDPOINT_LACKED, /* the server has no such call, or no such thing: 400, 404, 405, 422 */
    ENDPOINT_DENIED, /* 401 or 403 */
    ENDPOINT_FAILED, /* it should have answered, and did not */
};

/* The name of a record: its file's, and the one in --records. */
const char *endpoint_name(enum endpoint endpoint);

/* The names of the records that a filter (NULL: none) wants; gives how many. */
size_t endpoint_names(const struct endpoint_filter *filter,
                      const char *names[ENDPOINT_RECORDS]);

/* Take "all", "none" or a comma list of names; a later list replaces an earlier one. */
int endpoint_select(struct endpoint_filter *filter, const char *list,
                    struct err *err) MUST_CHECK;

/*
 * Write the URL of a call.
 *
 * id     the run's, the task's, the session's, the script's or the workflow's ID
 * more   a second thing: the workflow run, the script's version, the cursor; or NULL
 */
int endpoint_url(const struct api *api, struct buf *url, enum endpoint endpoint, const char *id,
                 const char *more, struct err *err) MUST_CHECK;

/* What an answer means; notes that the server lacks a call when that is what it means. */
enum endpoint_verdict endpoint_judge(struct endpoints *server, enum endpoint endpoint,
                                     const struct request *request, const struct err *why);

#endif
