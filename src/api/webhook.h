/* SPDX-License-Identifier: MIT */
/*
 * webhook: what Skyvern POSTs when a run ends, and whether it did.
 *
 * Pure. Reading one takes no memory, whatever its body is: the body is checked as JSON, and the
 * few members that are wanted are looked up in its text.
 *
 * Errors   ERR_DENIED for a signature that is missing or wrong; ERR_FORMAT for a
 *          body that names no run
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

#define WEBHOOK_MAX       ((size_t)10 << 20) /* bytes of a body that we take */
#define WEBHOOK_SIGNATURE "x-skyvern-signature"

/* Whether a header's value (NULL: not sent) has the form of a signature at all. */
bool webhook_signed(const char *signature);

/*
 * Check the signature over the raw body, in constant time.
 *
 * key        the API key
 * signature  64 hex digits, as the header has them; NULL: there was none
 */
int webhook_verify(const char *key, const void *body, size_t len, const char *signature,
                   struct err *err) MUST_CHECK;

/* What a body says. */
struct webhook_facts {
    char
        run_id[RUN_ID_MAX + 1]; /* run_id, else task_id, else workflow_run_id: a valid run ID */
    char other[RUN_ID_MAX + 1]; /* workflow_run_id of a task of version 2, which is its other
                                   name; "": none */
    char status[64];            /* "" when it gives none */
    int64_t finished;           /* microseconds since 1970, or CLOCK_NONE */
};

/* Read a body; keys are taken as they are written, without escapes. */
int webhook_read(const char *body, size_t len, struct webhook_facts *out,
                 struct err *err) MUST_CHECK;

/* Whether a run stood otherwise when it was archived (texts may be NULL) than a webhook says.
 */
bool webhook_differs(const struct webhook_facts *facts, const char *status,
                     const char *finished_at);

/* Put into out, which it initialises, what is kept of a body: all but secrets. */
int webhook_keep(const char *key, const char *body, size_t len, struct buf *out,
                 struct err *err) MUST_CHECK;

#endif
