/* SPDX-License-Identifier: MIT */
/*
 * keys: the access key, secret key and session token of requests to an object store.
 *
 * Units    milliseconds since 1970
 * Errors   ERR_FORMAT, ERR_LIMIT for texts that cannot be keys
 * Owns     nothing: whoever has keys wipes them by explicit_bzero
 * Threads  any
 * Source   AWS's "Signature Calculations for the Authorization Header"
 */
#ifndef CREDENTIALS_KEYS_H
#define CREDENTIALS_KEYS_H

#include "base/err.h"

#include <stdint.h>

#define KEYS_ID_MAX     129
#define KEYS_SECRET_MAX 257
#define KEYS_TOKEN_MAX  8192

/* Keys as they are used for one request. */
struct keys {
    char id[KEYS_ID_MAX];
    char secret[KEYS_SECRET_MAX];
    char token[KEYS_TOKEN_MAX]; /* session token; "": none */
    int64_t expires_ms;         /* INT64_MAX: never */
};

/*
 * Fill in keys from texts that came from outside: ERR_FORMAT or ERR_LIMIT if they cannot be
 * keys.
 *
 * token    NULL: none
 */
int keys_set(struct keys *keys, const char *id, const char *secret, const char *token,
             int64_t expires_ms, struct err *err) MUST_CHECK;

#endif
