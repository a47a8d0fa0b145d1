/* SPDX-License-Identifier: MIT */
#include "credentials/keys.h"

#include <string.h>

/* Copy one text of the keys; one that cannot be part of a header is an error. */
static int set(char *out, size_t size, const char *value, const char *what, struct err *err)
{
    const unsigned char *c;

    for (c = (const unsigned char *)value; *c; c++) {
        if (*c <= ' ' || *c >= 0x7f)
            return err_set(err, ERR_FORMAT, "%s has a character that is not allowed", what);
    }
    if (strlen(value) >= size)
        return err_set(err, ERR_LIMIT, "%s is too long", what);
    memcpy(out, value, strlen(value) + 1);
    return 0;
}

int keys_set(struct keys *keys, const char *id, const char *secret, const char *token,
             int64_t expires_ms, struct err *err)
{
    keys->expires_ms = expires_ms;
    if (set(keys->id, sizeof(keys->id), id, "the access key ID", err) < 0 ||
        set(keys->secret, sizeof(keys->secret), secret, "the secret access key", err) < 0)
        return -1;
    return set(keys->token, sizeof(keys->token), token ? token : "", "the session token", err);
}
