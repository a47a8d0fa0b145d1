/* SPDX-License-Identifier: MIT */
/*
 * webhook: verification and parsing of Skyvern's webhooks, which report the end of a run.
 *
 * Pure. Parsing a body allocates no memory: the body is validated as JSON, and the few members
 * that matter are searched in its text.
 *
 * Errors   ERR_DENIED for a missing or wrong signature; ERR_FORMAT for a body that names no run
 * Threads  any
 * Source   docs/api.md, "Webhooks"; RFC 2104 (HMAC) by libcrypto
 */
#ifndef API_WEBHOOK_H
#define API_WEBHOOK_H

#include "api/run.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBHOOK_MAX       ((size_t)10 << 20) /* maximum size of a body */
#define WEBHOOK_SIGNATURE "x-skyvern-signature"

/* Whether a header's value (NULL: not sent) has the form of a signature. */
bool webhook_signed(const char *signature);

/*
 * Verify the signature of the raw body, in constant time.
 *
 * key        the API key
 * signature  the header's value, 64 hex digits; NULL: not sent
 */
int webhook_verify(const char *key, const void *body, size_t len, const char *signature,
                   struct err *err) MUST_CHECK;

/* The contents of a body. */
struct webhook_facts {
    char run_id[RUN_ID_MAX + 1]; /* a valid run_id, else task_id, else workflow_run_id */
    char other[RUN_ID_MAX + 1];  /* workflow_run_id of a task v2: its other name; or "" */
    char status[64];             /* "": none */
    int64_t finished;            /* microseconds since 1970, or CLOCK_NONE */
};

/* Parse a body. Member names with escapes are not recognised. */
int webhook_read(const char *body, size_t len, struct webhook_facts *out,
                 struct err *err) MUST_CHECK;

/*
 * Whether a webhook's facts differ from the archived status and end time (which may be NULL).
 */
bool webhook_differs(const struct webhook_facts *facts, const char *status,
                     const char *finished_at);

/* Initialise out and write the redacted body, as it is stored. */
int webhook_keep(const char *key, const char *body, size_t len, struct buf *out,
                 struct err *err) MUST_CHECK;

#endif
