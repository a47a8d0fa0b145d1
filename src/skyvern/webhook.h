/* SPDX-License-Identifier: MIT */
/*
 * webhook: what Skyvern POSTs when a run ends, and whether it did.
 *
 * Pure.
 *
 * Errors   ERR_DENIED for a signature that is missing or wrong; ERR_FORMAT for a
 *          body that names no run
 * Threads  any
 * Source   docs/api.md, "Webhooks"; RFC 2104 (HMAC) by libcrypto
 */
#ifndef SKYVERN_WEBHOOK_H
#define SKYVERN_WEBHOOK_H

#include "base/buf.h"
#include "base/err.h"
#include "skyvern/run.h"

#include <stddef.h>

#define WEBHOOK_MAX       ((size_t)10 << 20) /* bytes of a body that we take */
#define WEBHOOK_SIGNATURE "x-skyvern-signature"

/*
 * Check the signature over the raw body, in constant time.
 *
 * key        the API key
 * signature  64 hex digits, as the header has them; NULL: there was none
 */
int webhook_verify(const char *key, const void *body, size_t len, const char *signature,
                   struct err *err) MUST_CHECK;

/* The run that a body is about (run_id, else task_id); a valid run ID. */
int webhook_run(const char *body, size_t len, char out[RUN_ID_MAX + 1],
                struct err *err) MUST_CHECK;

/* Put into out, which it initialises, what is kept of a body: all but secrets. */
int webhook_keep(const char *key, const char *body, size_t len, struct buf *out,
                 struct err *err) MUST_CHECK;

#endif
