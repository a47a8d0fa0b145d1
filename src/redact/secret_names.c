/* SPDX-License-Identifier: MIT */
#include "redact/secret_names.h"

#include "redact/symbol.h"

#include <ctype.h>
#include <pthread.h>
#include <string.h>

/* The part of a name that must match an entry. */
enum extent {
    WHOLE, /* the whole name, or the part in its last brackets */
    WORD,  /* its last words */
    TAIL,  /* its last characters */
};

struct entry {
    const char *text;
    size_t len;
    enum extent extent;
    unsigned places;
};

#define T(text) text, sizeof(text) - 1
#define VALUE   (IN_TEXT | IN_MEMBER | NUMBERS)

/* clang-format off */
static const struct entry entries[] = {
    /* signed URLs: Skyvern, S3, CloudFront, Google, Azure, Akamai, Alibaba, Tencent, nginx, CDNs */
    { T("sig"),               WORD,  IN_TEXT | IN_MEMBER },
    { T("signature"),         TAIL,  IN_TEXT | IN_MEMBER },
    { T("sign"),              WHOLE, IN_QUERY },
    { T("sas"),               WORD,  IN_QUERY | IN_MEMBER },
    { T("hmac"),              WORD,  IN_TEXT | IN_MEMBER },
    { T("credential"),        WORD,  IN_TEXT | IN_MEMBER },
    { T("accesskeyid"),       TAIL,  IN_TEXT | IN_MEMBER },
    { T("accessid"),          TAIL,  IN_TEXT },
    { T("keypairid"),         TAIL,  IN_TEXT },
    { T("policy"),            WHOLE, IN_QUERY },
    { T("hdnea"),             WHOLE, IN_TEXT | IN_MEMBER },
    { T("hdnts"),             WHOLE, IN_TEXT | IN_MEMBER },
    { T("hdntl"),             WHOLE, IN_TEXT | IN_MEMBER },
    { T("hdnia"),             WHOLE, IN_TEXT | IN_MEMBER },
    { T("qak"),               WHOLE, IN_TEXT },
    { T("mac"),               WHOLE, IN_QUERY },
    { T("md"),                WHOLE, IN_QUERY }, /* md5 */
    { T("hm"),                WHOLE, IN_QUERY },
    { T("oh"),                WHOLE, IN_QUERY },
    { T("verify"),            WHOLE, IN_QUERY },
    { T("resourcekey"),       WHOLE, IN_QUERY },
    /* tokens, keys and passwords */
    { T("token"),             TAIL,  VALUE },
    { T("tok"),               WHOLE, IN_QUERY },
    { T("tokens"),            WORD,  IN_MEMBER }, /* a number is a count */
    { T("accesstoken"),       TAIL,  VALUE | IN_COLON },
    { T("refreshtoken"),      TAIL,  VALUE | IN_COLON },
    { T("idtoken"),           TAIL,  VALUE | IN_COLON },
    { T("authtoken"),         TAIL,  VALUE | IN_COLON },
    { T("apitoken"),          TAIL,  VALUE | IN_COLON },
    { T("bearertoken"),       TAIL,  VALUE | IN_COLON },
    { T("sessiontoken"),      TAIL,  VALUE | IN_COLON },
    { T("securitytoken"),     TAIL,  VALUE | IN_COLON },
    { T("jwt"),               WORD,  IN_TEXT | IN_MEMBER },
    { T("secret"),            TAIL,  VALUE },
    { T("secrets"),           WORD,  IN_MEMBER },
    { T("clientsecret"),      TAIL,  VALUE | IN_COLON },
    { T("password"),          TAIL,  VALUE | IN_COLON },
    { T("passwords"),         WORD,  IN_MEMBER },
    { T("passwd"),            TAIL,  VALUE | IN_COLON },
    { T("passphrase"),        TAIL,  VALUE | IN_COLON },
    { T("passcode"),          TAIL,  VALUE | IN_COLON },
    { T("pwd"),               WORD,  IN_QUERY | IN_MEMBER },
    { T("pass"),              WHOLE, IN_QUERY | IN_MEMBER },
    { T("pin"),               WHOLE, IN_QUERY },
    { T("pincode"),           WHOLE, IN_QUERY },
    { T("key"),               WHOLE, IN_QUERY },
    { T("apikey"),            TAIL,  VALUE | IN_COLON },
    { T("accesskey"),         TAIL,  VALUE | IN_COLON },
    { T("secretkey"),         TAIL,  VALUE | IN_COLON },
    { T("privatekey"),        TAIL,  VALUE | IN_COLON },
    { T("authkey"),           TAIL,  VALUE | IN_COLON },
    { T("sessionkey"),        TAIL,  VALUE },
    { T("signingkey"),        TAIL,  VALUE },
    { T("encryptionkey"),     TAIL,  VALUE },
    { T("subscriptionkey"),   TAIL,  VALUE | IN_COLON },
    { T("accountkey"),        TAIL,  VALUE | IN_COLON },
    { T("functionskey"),      TAIL,  VALUE | IN_COLON },
    { T("masterkey"),         TAIL,  VALUE },
    { T("sharedkey"),         TAIL,  VALUE },
    { T("clientkey"),         TAIL,  VALUE },
    { T("appkey"),            WORD,  VALUE },
    { T("hmackey"),           TAIL,  VALUE },
    { T("connectionstring"),  TAIL,  IN_MEMBER },
    { T("credentials"),       WORD,  IN_QUERY | IN_MEMBER },
    /* authentication */
    { T("auth"),              WORD,  IN_QUERY | IN_MEMBER },
    { T("authorization"),     TAIL,  IN_TEXT | IN_MEMBER | IN_HEADER },
    { T("bearer"),            WHOLE, IN_QUERY | IN_MEMBER },
    { T("cookie"),            TAIL,  IN_QUERY | IN_MEMBER | IN_HEADER | PAIRS },
    { T("cookies"),           WORD,  IN_MEMBER },
    { T("code"),              WHOLE, IN_QUERY },
    { T("codeverifier"),      TAIL,  IN_TEXT | IN_MEMBER },
    { T("ticket"),            WHOLE, IN_QUERY },
    { T("assertion"),         WORD,  IN_QUERY | IN_MEMBER },
    { T("samlresponse"),      TAIL,  IN_TEXT | IN_MEMBER },
    { T("samlrequest"),       TAIL,  IN_TEXT | IN_MEMBER },
    { T("csrf"),              WORD,  IN_QUERY | IN_MEMBER },
    { T("xsrf"),              WORD,  IN_QUERY | IN_MEMBER },
    { T("sid"),               WHOLE, IN_QUERY },
    { T("session"),           WHOLE, IN_QUERY },
    { T("sessionid"),         WHOLE, IN_QUERY },
    { T("jsessionid"),        WHOLE, IN_TEXT | IN_MEMBER },
    { T("phpsessid"),         WHOLE, IN_TEXT | IN_MEMBER },
    /* one-time codes, cards */
    { T("otp"),               WORD,  IN_QUERY | IN_MEMBER | NUMBERS },
    { T("totp"),              WORD,  IN_QUERY | IN_MEMBER | NUMBERS },
    { T("totpcode"),          TAIL,  VALUE | IN_COLON },
    { T("otpcode"),           TAIL,  VALUE | IN_COLON },
    { T("mfacode"),           TAIL,  VALUE | IN_COLON },
    { T("verificationcode"),  TAIL,  VALUE },
    { T("onetimecode"),       TAIL,  VALUE },
    { T("authcode"),          TAIL,  VALUE },
    { T("authorizationcode"), TAIL,  VALUE },
    { T("securitycode"),      TAIL,  VALUE },
    { T("recoverycode"),      TAIL,  VALUE },
    { T("recoverycodes"),     TAIL,  VALUE },
    { T("backupcode"),        TAIL,  VALUE },
    { T("backupcodes"),       TAIL,  VALUE },
    { T("seed"),              WORD,  IN_MEMBER },
    { T("cvv"),               WORD,  IN_QUERY | IN_MEMBER | NUMBERS },
    { T("cvc"),               WORD,  IN_QUERY | IN_MEMBER | NUMBERS },
    /* Skyvern's requests: all header values; the receiver and the URL of one-time codes */
    { T("httpheaders"),       TAIL,  IN_MEMBER | NUMBERS },
    { T("totpidentifier"),    TAIL,  IN_MEMBER | NUMBERS },
    { T("totpurl"),           TAIL,  IN_MEMBER | ADDRESS },
    { T("totpverificationurl"), TAIL, IN_MEMBER | ADDRESS },
    { T("webhookurl"),        TAIL,  IN_MEMBER | ADDRESS },
    { T("callbackurl"),       TAIL,  IN_MEMBER | ADDRESS },
    { T("browseraddress"),    TAIL,  IN_MEMBER | ADDRESS },
    { T("cdpurl"),            TAIL,  IN_MEMBER | ADDRESS },
    { T("wsendpoint"),        TAIL,  IN_MEMBER | ADDRESS },
    { T("debuggerurl"),       TAIL,  IN_MEMBER | ADDRESS },
    { T("proxy"),             WORD,  IN_MEMBER | ADDRESS },
    { T("proxyurl"),          TAIL,  IN_MEMBER | ADDRESS },
    { T("proxyserver"),       TAIL,  IN_MEMBER | ADDRESS },
    { T("proxyaddress"),      TAIL,  IN_MEMBER | ADDRESS },
    /* maps from names to their meaning */
    { T("errorcodemapping"),         WHOLE, KEEP },
    { T("dataextractionschema"),     WHOLE, KEEP },
    { T("extractedinformationschema"), WHOLE, KEEP },
    { T("dataschema"),               WHOLE, KEEP },
};

/* URLs whose path is a secret; a host that starts with '.' stands for its subdomains. */
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
        if (c == '[')
            name->part = name->len;
        name->last = c;
        return;
    }
    if (name->len == NAME_MAX_KEPT) { /* drop the first half: the end matters */
        const size_t half = NAME_MAX_KEPT / 2;

        memmove(name->text, name->text + half, half);
        memmove(name->starts, name->starts + half, half * sizeof(*name->starts));
        name->len = half;
        name->part = name->part > half ? name->part - half : 0;
        name->cut = true;
    }
    if (islower(u) && isupper((unsigned char)name->last) && name->len)
        name->starts[name->len - 1] = true; /* AWSAccess: a word starts at the second A */
    name->starts[name->len] = first || camel;
    name->text[name->len++] = (char)tolower(u);
    name->last = c;
}

/*
 * Chains of the entries that end in the same letter; entries are numbered from 1, 0 ends
 * a chain.
 */
static unsigned char first_entry[26];
static unsigned char next_entry[sizeof(entries) / sizeof(*entries) + 1];

static void chain_entries(void)
{
    size_t i;

    _Static_assert(sizeof(entries) / sizeof(*entries) < 256, "a number has to fit");
    for (i = sizeof(entries) / sizeof(*entries); i > 0; i--) {
        unsigned char *first = &first_entry[entries[i - 1].text[entries[i - 1].len - 1] - 'a'];

        next_entry[i] = *first;
        *first = (unsigned char)i;
    }
}

unsigned secret_name_places(const struct secret_name *name)
{
    static pthread_once_t chained = PTHREAD_ONCE_INIT;
    size_t len = name->len;
    unsigned places = 0;
    size_t i;

    while (len && isdigit((unsigned char)name->text[len - 1]))
        len--;
    if (!len || name->text[len - 1] < 'a' || name->text[len - 1] > 'z')
        return 0;
    pthread_once(&chained, chain_entries);
    for (i = first_entry[name->text[len - 1] - 'a']; i; i = next_entry[i]) {
        const struct entry *e = &entries[i - 1];
        size_t n = e->len;

        if (n > len || memcmp(name->text + len - n, e->text, n) != 0)
            continue;
        if (e->extent == TAIL || (e->extent == WORD && name->starts[len - n]) ||
            (n == len && !name->cut) || (name->part && n + name->part == len))
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

bool secret_path_host(const char *host, size_t len)
{
    size_t i;

    for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        size_t n = strcspn(paths[i], "/");

        if ((n == len || (n < len && paths[i][0] == '.')) &&
            memcmp(host + len - n, paths[i], n) == 0)
            return true;
    }
    return false;
}

bool secret_free_url(const char *text, size_t len)
{
    static const char *const schemes[] = { "s3://", "https://", "http://", "gs://" };
    char host[NAME_MAX_KEPT];
    size_t i;
    size_t n;

    for (i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
        size_t head = strlen(schemes[i]);
        struct symbols rest = { text + head, len - head };

        if (len <= head || memcmp(text, schemes[i], head) != 0)
            continue;
        for (n = 0; n < rest.len && rest.text[n] != '/'; n++) {
            if (n == sizeof(host))
                return false;
            host[n] = (char)tolower((unsigned char)rest.text[n]);
        }
        return symbols_inert(&rest) && !secret_path_host(host, n);
    }
    return false;
}

/* secret_path_at for an entry that starts with '.'. */
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
