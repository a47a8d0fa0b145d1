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
    uint8_t random[ACCESS_TOKEN_SIZE + 8];
    char folder[17];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_sys(err, "cannot draw a random token");
    text_hex(access->token, random, ACCESS_TOKEN_SIZE);
    text_hex(folder, random + ACCESS_TOKEN_SIZE, 8);
    (void)snprintf(access->folder, sizeof(access->folder), "/%s/", folder);
    (void)snprintf(access->cookie, sizeof(access->cookie), "skyarc-%u", port);
    (void)snprintf(access->hosts[0], sizeof(access->hosts[0]), "127.0.0.1:%u", port);
    (void)snprintf(access->hosts[1], sizeof(access->hosts[1]), "localhost:%u", port);
    return 0;
}

static bool is_token(const struct access *access, const char *text, size_t len)
{
    return len == ACCESS_TOKEN - 1 && CRYPTO_memcmp(text, access->token, len) == 0;
}

/* Whether a Cookie header has our cookie with the token. It may have cookies of other servers
 * of this machine, in any form. */
static bool has_cookie(const struct access *access, const char *header)
{
    size_t len = strlen(access->cookie);

    while (header && *header) {
        header += strspn(header, "; \t");
        if (strncmp(header, access->cookie, len) == 0 && header[len] == '=' &&
            is_token(access, header + len + 1, strcspn(header + len + 1, "; \t")))
            return true;
        header += strcspn(header, ";");
    }
    return false;
}

const char *access_below(const char *path)
{
    return path + ACCESS_FOLDER - 1;
}

enum access_verdict access_check(const struct access *access,
                                 const struct access_request *request)
{
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        return ACCESS_METHOD;
    if (!request->host || (strcasecmp(request->host, access->hosts[0]) != 0 &&
                           strcasecmp(request->host, access->hosts[1]) != 0))
        return ACCESS_FOREIGN;
    if (strcmp(request->path, "/favicon.ico") == 0)
        return ACCESS_ICON;
    if (strncmp(request->path, access->folder, ACCESS_FOLDER) != 0)
        return ACCESS_FORBIDDEN;
    if (!request->path[ACCESS_FOLDER] && request->token &&
        is_token(access, request->token, strlen(request->token)))
        return ACCESS_FIRST;
    return has_cookie(access, request->cookie) ? ACCESS_GRANTED : ACCESS_FORBIDDEN;
}
