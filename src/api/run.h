/* SPDX-License-Identifier: MIT */
/*
 * run: one run's record, as the API serves it.
 *
 * The record of a workflow run (GET /v1/workflows/runs/ID) and that of a browser session have
 * the same fields under the same names as far as they have them, so they are read into the same
 * struct: what one of them lacks is NULL.
 *
 * Errors   ERR_FORMAT for what is no record, ERR_LIMIT, ERR_MEMORY
 * Owns     a record owns its texts, until run_clear
 * Threads  one at a time
 * Source   docs/api.md, "A run"
 */
#ifndef API_RUN_H
#define API_RUN_H

#include "base/err.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_STATUSES                                                                           \
    "created, queued, running, paused, completed, failed, terminated, timed_out, canceled"
#define RUN_ID_MAX   128                /* characters of a run ID */
#define RUN_JSON_MAX ((size_t)64 << 20) /* bytes of a record we read */

struct run_file {
    const char *url;
    const char *checksum;
    const char *filename;
    const char *modified_at;
    const char *artifact_id;
    uint64_t file_size; /* when sized */
    bool sized;
};

/* One attempt of a run that is tried again when it fails. */
struct run_attempt {
    const char *status;
    const char *failure_reason;
    const char *started_at;
    const char *finished_at;
    const char *decision; /* retry_decision: what was to follow */
    uint64_t number;      /* from 1 on; 0: not said */
};

/* Texts are NULL where the API gave null or nothing; *_json are JSON as served. */
struct run {
    struct region *region;
    const char *run_id; /* of a workflow run: its workflow_run_id */
    const char *status;
    const char *run_type;
    const char *created_at;
    const char *modified_at;
    const char *queued_at;
    const char *started_at;
    const char *finished_at;
    const char *failure_reason;
    const char *app_url;
    const char *recording_url;
    const char *browser_session_id;
    const char *browser_profile_id;
    const char *title;
    const char *next_attempt_at;
    const char *task_v2_id;            /* of the task that the workflow run belongs to */
    const char *workflow_permanent_id; /* of the workflow that ran */
    const char *script_id;             /* of the code that ran */
    const char *script_revision_id;
    const char *output_json;
    const char *errors_json;
    const char *run_request_json;
    const char *prompt;           /* of the request */
    const char **screenshot_urls; /* latest first */
    size_t screenshot_count;
    const char **recording_urls;
    size_t recording_count;
    struct run_file *files;
    size_t file_count;
    struct run_file *recordings; /* of a browser session */
    size_t session_recordings;   /* how many */
    struct run_attempt *attempts;
    size_t attempt_count;
    uint64_t step_count; /* when counted */
    uint64_t max_screenshot_scrolls;
    bool counted;
    bool recording_archived;
    bool script_run;
    bool retry_pending; /* it has failed, and is going to be tried again */
    bool retry_told;    /* the record says whether */
};

/* Whether a text has a run ID's form: 1 to RUN_ID_MAX of letters, digits, '_' and '-'. */
bool run_id_valid(const char *id);

/* NULL for a status that runs can have; otherwise the one that is nearest, or "". */
const char *run_status_near(const char *word);

/* Whether a run of this status has ended; it may be tried again: see run_is_over. */
bool run_is_terminal(const char *status);

/* Whether a run of this status is going to be tried again, as it says of itself; what has
 * completed is not, whatever it says. */
bool run_is_retried(const char *status, bool said);

/* Whether nothing more will happen to a run. */
bool run_is_over(const struct run *run);

/* Read the API's JSON object. run must be {0}; it is filled on success only. */
int run_parse(struct run *run, const char *json, size_t len, struct err *err) MUST_CHECK;

/* Release; may be called twice, and on {0}. */
void run_clear(struct run *run);

#endif
