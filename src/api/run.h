/* SPDX-License-Identifier: MIT */
/*
 * run: a run's record, as the API returns it.
 *
 * The records of workflow runs (GET /v1/workflows/runs/ID) and of browser sessions use the same
 * names for the fields that they share, so the same struct holds all three. Fields that a
 * record lacks are NULL.
 *
 * Errors   ERR_FORMAT for a malformed record, ERR_LIMIT, ERR_MEMORY
 * Owns     a record owns its strings, until run_clear
 * Threads  one at a time
 * Source   docs/api.md, "A run"
 */
#ifndef API_RUN_H
#define API_RUN_H

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_STATUSES_MAX 128
#define RUN_ID_MAX       TEXT_ID_MAX        /* maximum length of a run ID */
#define RUN_JSON_MAX     ((size_t)64 << 20) /* maximum size of a record's JSON */

struct run_file {
    const char *url;
    const char *checksum;
    const char *filename;
    const char *modified_at;
    const char *artifact_id;
    uint64_t file_size; /* valid if sized */
    bool sized;
};

/* One attempt of a run that is retried after a failure. */
struct run_attempt {
    const char *status;
    const char *failure_reason;
    const char *started_at;
    const char *finished_at;
    const char *decision; /* retry_decision */
    uint64_t number;      /* counted from 1; 0: unknown */
};

/* Strings are NULL where the API gave null or nothing; *_json are raw JSON texts. */
struct run {
    struct region *region;
    const char *run_id;  /* or the workflow_run_id of a workflow run's record */
    const char *task_id; /* of a task's record */
    const char *status;
    const char *run_type;
    const char *created_at;
    const char *modified_at;
    const char *started_at;
    const char *finished_at;
    const char *failure_reason;
    const char *app_url;
    const char *recording_url;
    const char *browser_session_id;
    const char *browser_profile_id;
    const char *title;
    const char *next_attempt_at;
    const char *task_v2_id;            /* the task that the workflow run belongs to */
    const char *workflow_permanent_id; /* the workflow that ran */
    const char *script_id;             /* the script that ran */
    const char *script_revision_id;
    const char *output_json;
    const char *errors_json;
    const char *prompt;           /* from the request */
    const char **screenshot_urls; /* newest first */
    size_t screenshot_count;
    const char **recording_urls;
    size_t recording_count;
    struct run_file *files;
    size_t file_count;
    struct run_file *recordings; /* of a browser session */
    size_t session_recordings;   /* number of recordings */
    struct run_attempt *attempts;
    size_t attempt_count;
    uint64_t step_count; /* valid if counted */
    uint64_t max_screenshot_scrolls;
    size_t unread; /* number of files, or URLs of files, that cannot be read */
    bool misnamed; /* run_id is present, but not an ID */
    bool counted;
    bool recording_archived;
    bool script_run;
    bool retry_pending; /* the run failed and will be retried */
    bool retry_told;    /* the record has retry_pending */
};

/* Notes about a run in the manifest that are read again when it is imported or inspected. */
#define RUN_NOTE_EMPTY         "no-artifacts"  /* completed, but no artifacts are listed */
#define RUN_NOTE_RETRY         "retry-pending" /* it had failed, and was to be retried */
#define RUN_NOTE_RUNNING       "still-running" /* it had not ended */
#define RUN_NOTE_RECORDS_CUT   "records-cut"   /* the service has more pages of records */
#define RUN_NOTE_ARTIFACTS_CUT "artifacts-cut" /* the list of artifacts is cut */
#define RUN_NOTE_CHILDREN_CUT  "children-cut"  /* not all runs that it started are known */

/* Whether a text is a valid run ID: 1 to RUN_ID_MAX letters, digits, '_' and '-'. */
bool run_id_valid(const char *id);

/* NULL for a status that runs can have; otherwise the nearest such status, or "". */
const char *run_status_near(const char *word);

/* Write all statuses that runs can have, with commas between, and return out. */
const char *run_statuses(char out[RUN_STATUSES_MAX]);

/* Whether a status (NULL: none) is that of a run that succeeded. */
bool run_is_completed(const char *status);

/* Whether a status is terminal. The run may still be retried: see run_is_over. */
bool run_is_terminal(const char *status);

/*
 * Whether a run will be retried, given its status and its record's retry_pending; a completed
 * run is never retried.
 */
bool run_is_retried(const char *status, bool said);

/* Whether a run has ended and will not be retried. */
bool run_is_over(const struct run *run);

/* Parse the API's JSON object. run must be {0}; it is filled only on success. */
int run_parse(struct run *run, const char *json, size_t len, struct err *err) MUST_CHECK;

/* Free the record; may be called twice, and on {0}. */
void run_clear(struct run *run);

#endif
