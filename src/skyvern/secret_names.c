/* SPDX-License-Identifier: MIT */
#include "skyvern/secret_names.h"

#include <ctype.h>
#include <string.h>

/* How much of a name must be the entry. */
enum extent {
    WHOLE, /* all of it */
    WORD,  /* its last words */
    TAIL,  /* its end */
};

struct entry {
    const char *text;
    enum extent extent;
    unsigned places;
};

#define VALUE (IN_TEXT | IN_MEMBER | NUMBERS)

/* clang-format off */
static const struct entry entries[] = {
    /* signed URLs: Skyvern, S3, CloudFront, Google, Azure, Akamai, Alibaba, Tencent, nginx, CDNs */
    { "sig",               WORD,  IN_TEXT | IN_MEMBER },
    { "signature",         TAIL,  IN_TEXT | IN_MEMBER },
    { "hmac",              WORD,  IN_TEXT | IN_MEMBER },
    { "credential",        WORD,  IN_TEXT | IN_MEMBER },
    { "accesskeyid",       TAIL,  IN_TEXT | IN_MEMBER },
    { "accessid",          TAIL,  IN_TEXT },
    { "keypairid",         TAIL,  IN_TEXT },
    { "policy",            WHOLE, IN_QUERY },
    { "hdnea",             WHOLE, IN_TEXT | IN_MEMBER },
    { "hdnts",             WHOLE, IN_TEXT | IN_MEMBER },
    { "hdntl",             WHOLE, IN_TEXT | IN_MEMBER },
    { "hdnia",             WHOLE, IN_TEXT | IN_MEMBER },
    { "qak",               WHOLE, IN_TEXT },
    { "mac",               WHOLE, IN_QUERY },
    { "md",                WHOLE, IN_QUERY }, /* md5 */
    { "hm",                WHOLE, IN_QUERY },
    { "oh",                WHOLE, IN_QUERY },
    { "verify",            WHOLE, IN_QUERY },
    { "resourcekey",       WHOLE, IN_QUERY },
    /* tokens, keys and passwords */
    { "token",             TAIL,  VALUE },
    { "tok",               WHOLE, IN_QUERY },
    { "tokens",            WORD,  IN_MEMBER }, /* numbers count something */
    { "accesstoken",       TAIL,  VALUE | IN_COLON },
    { "refreshtoken",      TAIL,  VALUE | IN_COLON },
    { "idtoken",           TAIL,  VALUE | IN_COLON },
    { "authtoken",         TAIL,  VALUE | IN_COLON },
    { "apitoken",          TAIL,  VALUE | IN_COLON },
    { "bearertoken",       TAIL,  VALUE | IN_COLON },
    { "sessiontoken",      TAIL,  VALUE | IN_COLON },
    { "securitytoken",     TAIL,  VALUE | IN_COLON },
    { "jwt",               WORD,  IN_TEXT | IN_MEMBER },
    { "secret",            TAIL,  VALUE },
    { "secrets",           WORD,  IN_MEMBER },
    { "clientsecret",      TAIL,  VALUE | IN_COLON },
    { "password",          TAIL,  VALUE | IN_COLON },
    { "passwords",         WORD,  IN_MEMBER },
    { "passwd",            TAIL,  VALUE | IN_COLON },
    { "passphrase",        TAIL,  VALUE | IN_COLON },
    { "passcode",          TAIL,  VALUE | IN_COLON },
    { "pwd",               WORD,  IN_QUERY | IN_MEMBER },
    { "pass",              WHOLE, IN_QUERY | IN_MEMBER },
    { "pin",               WHOLE, IN_QUERY },
    { "pincode",           WHOLE, IN_QUERY },
    { "key",               WHOLE, IN_QUERY },
    { "apikey",            TAIL,  VALUE | IN_COLON },
    { "accesskey",         TAIL,  VALUE | IN_COLON },
    { "secretkey",         TAIL,  VALUE | IN_COLON },
    { "privatekey",        TAIL,  VALUE | IN_COLON },
    { "authkey",           TAIL,  VALUE | IN_COLON },
    { "sessionkey",        TAIL,  VALUE },
    { "signingkey",        TAIL,  VALUE },
    { "encryptionkey",     TAIL,  VALUE },
    { "subscriptionkey",   TAIL,  VALUE | IN_COLON },
    { "accountkey",        TAIL,  VALUE | IN_COLON },
    { "functionskey",      TAIL,  VALUE | IN_COLON },
    { "masterkey",         TAIL,  VALUE },
    { "sharedkey",         TAIL,  VALUE },
    { "clientkey",         TAIL,  VALUE },
    { "appkey",            WORD,  VALUE },
    { "hmackey",           TAIL,  VALUE },
    { "connectionstring",  TAIL,  IN_MEMBER },
    { "credentials",       WORD,  IN_QUERY | IN_MEMBER },
    /* signing in */
    { "auth",              WORD,  IN_QUERY | IN_MEMBER },
    { "authorization",     TAIL,  IN_TEXT | IN_MEMBER | IN_HEADER },
    { "bearer",            WHOLE, IN_QUERY | IN_MEMBER },
    { "cookie",            TAIL,  IN_QUERY | IN_MEMBER | IN_HEADER | PAIRS },
    { "cookies",           WORD,  IN_MEMBER },
    { "code",              WHOLE, IN_QUERY },
    { "codeverifier",      TAIL,  IN_TEXT | IN_MEMBER },
    { "ticket",            WHOLE, IN_QUERY },
    { "assertion",         WORD,  IN_QUERY | IN_MEMBER },
    { "samlresponse",      TAIL,  IN_TEXT | IN_MEMBER },
    { "samlrequest",       TAIL,  IN_TEXT | IN_MEMBER },
    { "csrf",              WORD,  IN_QUERY | IN_MEMBER },
    { "xsrf",              WORD,  IN_QUERY | IN_MEMBER },
    { "sid",               WHOLE, IN_QUERY },
    { "session",           WHOLE, IN_QUERY },
    { "sessionid",         WHOLE, IN_QUERY },
    { "jsessionid",        WHOLE, IN_TEXT | IN_MEMBER },
    { "phpsessid",         WHOLE, IN_TEXT | IN_MEMBER },
    /* one-time codes, cards */
    { "otp",               WORD,  IN_QUERY | IN_MEMBER | NUMBERS },
    { "totp",              WORD,  IN_QUERY | IN_MEMBER | NUMBERS },
    { "totpcode",          TAIL,  VALUE | IN_COLON },
    { "otpcode",           TAIL,  VALUE | IN_COLON },
    { "mfacode",           TAIL,  VALUE | IN_COLON },
    { "verificationcode",  TAIL,  VALUE },
    { "onetimecode",       TAIL,  VALUE },
    { "authcode",          TAIL,  VALUE },
    { "authorizationcode", TAIL,  VALUE },
    { "securitycode",      TAIL,  VALUE },
    { "recoverycode",      TAIL,  VALUE },
    { "recoverycodes",     TAIL,  VALUE },
    { "backupcode",        TAIL,  VALUE },
    { "backupcodes",       TAIL,  VALUE },
    { "seed",              WORD,  IN_MEMBER },
    { "cvv",               WORD,  IN_QUERY | IN_MEMBER | NUMBERS },
    { "cvc",               WORD,  IN_QUERY | IN_MEMBER | NUMBERS },
    /* Skyvern's requests: every value of the headers; who gets one-time codes, and where */
    { "httpheaders",       TAIL,  IN_MEMBER | NUMBERS },
    { "totpidentifier",    TAIL,  IN_MEMBER | NUMBERS },
    { "totpurl",           TAIL,  IN_MEMBER | ADDRESS },
    { "totpverificationurl", TAIL, IN_MEMBER | ADDRESS },
    { "webhookurl",        TAIL,  IN_MEMBER | ADDRESS },
    { "callbackurl",       TAIL,  IN_MEMBER | ADDRESS },
    { "browseraddress",    TAIL,  IN_MEMBER | ADDRESS },
    { "cdpurl",            TAIL,  IN_MEMBER | ADDRESS },
    { "wsendpoint",        TAIL,  IN_MEMBER | ADDRESS },
    { "debuggerurl",       TAIL,  IN_MEMBER | ADDRESS },
    { "proxy",             WORD,  IN_MEMBER | ADDRESS },
    { "proxyurl",          TAIL,  IN_MEMBER | ADDRESS },
    { "proxyserver",       TAIL,  IN_MEMBER | ADDRESS },
    { "proxyaddress",      TAIL,  IN_MEMBER | ADDRESS },
    /* maps from names to what they mean */
    { "errorcodemapping",         WHOLE, KEEP },
    { "dataextractionschema",     WHOLE, KEEP },
    { "extractedinformationschema", WHOLE, KEEP },
    { "dataschema",               WHOLE, KEEP },
};

/* URLs whose path is the secret; a host that begins with '.' stands for all below it. */
static const char *const paths[] = {
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "api.telegram.org/bot",
    ".webhook.office.com/webhookb2/",
    "outlook.office.com/webhook/",
    "hooks.zapier.com/hooks/catch/",
    "hc-ping.com/",
};
/* clang-format on */

void secret_name_add(struct secret_name *name, char c)
{
    unsigned char u = (unsigned char)c;
    bool first = !isalnum((unsigned char)name->last);
    bool camel = isupper(u) && !isupper((unsigned char)name->last);

    if (!isalnum(u)) {
        name->last = c;
        return;
    }
    if (name->len == NAME_MAX_KEPT) { /* make room now and then: its end is what counts */
        const size_t half = NAME_MAX_KEPT / 2;

        memmove(name->text, name->text + half, half);
        memmove(name->starts, name->starts + half, half * sizeof(*name->starts));
        name->len = half;
        name->cut = true;
    }
    if (islower(u) && isupper((unsigned char)name->last) && name->len)
        name->starts[name->len - 1] = true; /* AWSAccess: a word begins at the A before */
    name->starts[name->len] = first || camel;
    name->text[name->len++] = (char)tolower(u);
    name->last = c;
}

unsigned secret_name_places(const struct secret_name *name)
{
    size_t len = name->len;
    unsigned places = 0;
    size_t i;

    while (len && isdigit((unsigned char)name->text[len - 1]))
        len--;
    for (i = 0; len && i < sizeof(entries) / sizeof(*entries); i++) {
        const struct entry *e = &entries[i];
        size_t n = strlen(e->text);

        if (n > len || memcmp(name->text + len - n, e->text, n) != 0)
            continue;
        if (e->extent == TAIL || (e->extent == WORD && name->starts[len - n]) ||
            (n == len && !name->cut))
            places |= e->places;
    }
    return places;
}

unsigned secret_name_of(const char *text, size_t len)
{
    struct secret_name name = { 0 };
    size_t i;

    for (i = 0; i < len; i++)
        secret_name_add(&name, text[i]);
    return secret_name_places(&name);
}

/* Whether a path's entry is that of a host below the entry's, which begins with '.'. */
static size_t below(const char *text, size_t len, const char *path)
{
    size_t n = strlen(path);
    size_t host = 0;

    while (host < len &&
           (isalnum((unsigned char)text[host]) || text[host] == '-' || text[host] == '.')) {
        if (text[host] == '.' && len - host > n && memcmp(text + host, path, n) == 0)
            return host + n;
        host++;
    }
    return 0;
}

size_t secret_path_at(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        size_t n = strlen(paths[i]);
        size_t at = 0;

        if (paths[i][0] == '.')
            at = below(text, len, paths[i]);
        else if (n < len && memcmp(text, paths[i], n) == 0)
            at = n;
        if (at)
            return at;
    }
    return 0;
}
