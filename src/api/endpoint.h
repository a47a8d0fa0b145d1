/* SPDX-License-Identifier: MIT */
/*
 * endpoint: the API's calls for further data of a run, in addition to its record and its
 * artifact list: names, URLs, and the meaning of their responses.
 *
 * Older servers lack some of these calls. Calls that return secrets (credentials, TOTP codes,
 * API keys, debug sessions) are not included.
 *
 * Errors   ERR_USAGE for unknown names; ERR_FORMAT for malformed IDs
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
    ENDPOINT_RECORDS, /* the calls above are records that an archive keeps */
    ENDPOINT_TASK_V2 = ENDPOINT_RECORDS,
    ENDPOINT_SCRIPT_VERSIONS,
    ENDPOINT_WORKFLOW_TIMELINE, /* for a run without a record of its own */
    ENDPOINT_ARTIFACT,
    ENDPOINT_WORKFLOW_RUNS, /* further lists of runs: see client/older_runs */
    ENDPOINT_WORKFLOWS,
    ENDPOINT_WORKFLOW_RUNS_OF, /* of one workflow, by time range */
    ENDPOINT_TASKS,
    ENDPOINTS,
};

/* The selected records. */
struct endpoint_filter {
    bool wanted[ENDPOINT_RECORDS];
};

/* What is known about a server. */
struct endpoints {
    bool absent[ENDPOINTS]; /* the server has no such call */
    bool told[ENDPOINTS];   /* a refusal was already logged */
};

enum endpoint_verdict {
    ENDPOINT_GOOD,
    ENDPOINT_LACKED, /* no such call or no such object: 400, 404, 405, 422 */
    ENDPOINT_DENIED, /* 401 or 403 */
    ENDPOINT_FAILED, /* any other error */
};

/* The name of a record, in file names and in --records. */
const char *endpoint_name(enum endpoint endpoint);

/* Write the names of the records that a filter (NULL: none) selects; returns their number. */
size_t endpoint_names(const struct endpoint_filter *filter,
                      const char *names[ENDPOINT_RECORDS]);

/*
 * Parse "all", "none" or a comma-separated list of names; a later call replaces the selection.
 */
int endpoint_select(struct endpoint_filter *filter, const char *list,
                    struct err *err) MUST_CHECK;

/*
 * Write the URL of a call into url.
 *
 * id     the ID of the run, task, session, script or workflow
 * more   a second parameter: the workflow run, the script's version or the query of a page;
 *        or NULL
 */
int endpoint_url(const struct api *api, struct buf *url, enum endpoint endpoint, const char *id,
                 const char *more, struct err *err) MUST_CHECK;

/* Classify a response; records in server if the server lacks the call. */
enum endpoint_verdict endpoint_judge(struct endpoints *server, enum endpoint endpoint,
                                     const struct request *request, const struct err *why);

#endif
