/* SPDX-License-Identifier: MIT */
/*
 * task_request: the JSON body of POST /v1/run/tasks, which submits a task.
 *
 * Errors   ERR_USAGE for malformed JSON in an option; ERR_MEMORY, ERR_LIMIT
 * Owns     nothing
 * Threads  any
 * Source   docs/api.md, "Submitting a task"
 */
#ifndef API_TASK_REQUEST_H
#define API_TASK_REQUEST_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define TASK_REQUEST_MAX ((size_t)16 << 20)

/* NULL or 0: not given. The *_json fields are JSON texts. */
struct task_request {
    const char *prompt;
    const char *url;
    const char *engine;
    const char *title;
    const char *proxy_location; /* a name, or a JSON object */
    const char *webhook_url;
    const char *browser_session_id;
    const char *browser_profile_id;
    uint64_t max_steps;
    const char *schema_json;      /* data_extraction_schema */
    const char *error_codes_json; /* error_code_mapping */
    const char *data_json;        /* an object with further fields, of lower priority */
    const char *const *headers;   /* "NAME=VALUE" */
    size_t header_count;
};

/* Append the JSON body to out. */
int task_request_write(const struct task_request *task, struct buf *out,
                       struct err *err) MUST_CHECK;

#endif
