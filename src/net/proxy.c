/* SPDX-License-Identifier: MIT */
#include "net/proxy.h"

#include "net/url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENTRY_MAX 256 /* maximum length of a no_proxy entry */

/* Parse an IP address, with or without brackets; returns its length in bytes, or 0. */
static size_t address_of(const char *text, uint8_t out[16])
{
    char plain[INET6_ADDRSTRLEN];
    size_t len = strlen(text);

    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len >= sizeof(plain))
        return 0;
    memcpy(plain, text, len);
    plain[len] = '\0';
    if (inet_pton(AF_INET, plain, out) == 1)
        return 4;
    return inet_pton(AF_INET6, plain, out) == 1 ? 16 : 0;
}

bool proxy_is_local(const char *host)
{
    static const uint8_t loopback[16] = { [15] = 1 };
    static const uint8_t mapped[13] = { [10] = 0xff, [11] = 0xff, [12] = 127 };
    uint8_t address[16];
    size_t len = strlen(host);

    switch (address_of(host, address)) {
    case 4:
        return address[0] == 127;
    case 16:
        return memcmp(address, loopback, 16) == 0 || memcmp(address, mapped, 13) == 0;
    }
    len -= len && host[len - 1] == '.';
    return (len == 9 && strncasecmp(host, "localhost", 9) == 0) ||
           (len > 10 && strncasecmp(host + len - 10, ".localhost", 10) == 0);
}

/* Whether two addresses are equal in their first bits. */
static bool same_network(const uint8_t *a, const uint8_t *b, size_t bits)
{
    size_t whole = bits / 8;
    unsigned rest = bits % 8;

    return memcmp(a, b, whole) == 0 && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* Whether an entry, an address or a network, contains an address. */
static bool network_has(char *entry, const uint8_t *address, size_t len)
{
    char *slash = strchr(entry, '/');
    uint8_t network[16];
    char *end = NULL;
    unsigned long bits = 8 * len;

    if (slash) {
        *slash = '\0';
        bits = strtoul(slash + 1, &end, 10);
        if (!slash[1] || *end || bits > 8 * len)
            return false;
    }
    return address_of(entry, network) == len && same_network(network, address, bits);
}

/* Whether an entry is the host's name or a parent domain of it. */
static bool domain_has(const char *entry, const char *host, size_t len)
{
    size_t n;

    while (*entry == '.')
        entry++;
    n = strlen(entry);
    n -= n && entry[n - 1] == '.';
    return n && n <= len && strncasecmp(host + len - n, entry, n) == 0 &&
           (n == len || host[len - n - 1] == '.');
}

bool proxy_exempt(const char *list, const char *host)
{
    uint8_t address[16];
    size_t address_len = address_of(host, address);
    size_t len = strlen(host);

    len -= len && host[len - 1] == '.';
    if (strcmp(list, "*") == 0)
        return true;
    while (*list) {
        size_t n = strcspn(list, ", \t");
        char entry[ENTRY_MAX];

        if (n && n < sizeof(entry)) {
            memcpy(entry, list, n);
            entry[n] = '\0';
            if (address_len ? network_has(entry, address, address_len)
                            : domain_has(entry, host, len))
                return true;
        }
        list += n;
        list += strspn(list, ", \t");
    }
    return false;
}

static const char *first_of(const char *const *names, const char **name)
{
    for (; *names; names++) {
        const char *value = getenv(*names);

        if (value && *value) {
            if (name)
                *name = *names;
            return value;
        }
    }
    return NULL;
}

const char *proxy_of(const char *origin, const char **name)
{
    /* not HTTP_PROXY, which a CGI program gets from its client's Proxy header */
    static const char *const plain[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };
    static const char *const secure[] = { "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY", NULL };
    static const char *const exempt[] = { "no_proxy", "NO_PROXY", NULL };
    const char *list = first_of(exempt, NULL);
    char host[URL_ORIGIN_MAX];

    if (!url_host(host, origin))
        return NULL;
    if (proxy_is_local(host) || (list && proxy_exempt(list, host)))
        return NULL;
    return first_of(url_is_secure(origin) ? secure : plain, name);
}
