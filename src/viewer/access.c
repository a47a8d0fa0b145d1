/* SPDX-License-Identifier: MIT */
#include "viewer/access.h"

#include "base/text.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

int access_init(struct access *access, unsigned port, struct err *err)
{
    uint8_t random[ACCESS_TOKEN_SIZE];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_sys(err, "cannot draw a random token");
    text_hex(access->token, random, sizeof(random));
    (void)snprintf(access->cookie, sizeof(access->cookie), "skyarc-%u", port);
    (void)snprintf(access->hosts[0], sizeof(access->hosts[0]), "127.0.0.1:%u", port);
    (void)snprintf(access->hosts[1], sizeof(access->hosts[1]), "localhost:%u", port);
    return 0;
}

static bool is_token(const struct access *access, const char *text)
{
    return text && strlen(text) == ACCESS_TOKEN - 1 &&
           CRYPTO_memcmp(text, access->token, ACCESS_TOKEN - 1) == 0;
}

enum access_verdict access_check(const struct access *access,
                                 const struct access_request *request)
{
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        return ACCESS_METHOD;
    if (!request->host || (strcasecmp(request->host, access->hosts[0]) != 0 &&
                           strcasecmp(request->host, access->hosts[1]) != 0))
        return ACCESS_FOREIGN;
    if (strcmp(request->path, "/") == 0 && is_token(access, request->token))
        return ACCESS_FIRST;
    return is_token(access, request->cookie) ? ACCESS_GRANTED : ACCESS_FORBIDDEN;
}
