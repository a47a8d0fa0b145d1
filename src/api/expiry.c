/* SPDX-License-Identifier: MIT */
#include "api/expiry.h"

#include "base/clock.h"
#include "base/text.h"
#include "net/url.h"

#include <stddef.h>
#include <string.h>

#define SIGNATURE_LEN 43 /* base64url of an HMAC-SHA256, without padding */
#define VALUE_MAX     64
#define SECONDS_MAX   (UINT64_C(1) << 40) /* about 35,000 years */

static bool number(const char *url, const char *name, uint64_t *out)
{
    char value[VALUE_MAX];

    return url_query(url, name, value, sizeof(value)) &&
           text_u64(value, SECONDS_MAX, out, NULL) == 0;
}

/* Expiry from a date and a lifetime in seconds, as Amazon and Google sign. */
static int64_t dated(const char *url, const char *date_name, const char *life_name)
{
    char value[VALUE_MAX];
    uint64_t life;
    int64_t date;

    if (!url_query(url, date_name, value, sizeof(value)) || !number(url, life_name, &life))
        return EXPIRY_NEVER;
    date = clock_us(value);
    return date == CLOCK_NONE ? EXPIRY_NEVER : date / 1000 + (int64_t)life * 1000;
}

int64_t expiry_of(const char *url)
{
    char value[VALUE_MAX];
    uint64_t seconds;
    int64_t date;

    if (number(url, "expiry", &seconds) || number(url, "Expires", &seconds))
        return (int64_t)seconds * 1000;
    date = dated(url, "X-Amz-Date", "X-Amz-Expires");
    if (date == EXPIRY_NEVER)
        date = dated(url, "X-Goog-Date", "X-Goog-Expires");
    if (date != EXPIRY_NEVER)
        return date;
    if (url_query(url, "se", value, sizeof(value))) {
        date = clock_us(value);
        if (date != CLOCK_NONE)
            return date / 1000;
    }
    return EXPIRY_NEVER;
}

bool expiry_cut(const char *url)
{
    char value[4096];

    return url_query(url, "kid", value, sizeof(value)) &&
           url_query(url, "expiry", value, sizeof(value)) &&
           url_query(url, "sig", value, sizeof(value)) && strlen(value) != SIGNATURE_LEN;
}

bool expiry_signed(const char *url)
{
    static const char *const names[] = { "sig", "Signature", "X-Amz-Signature",
                                         "X-Goog-Signature" };
    char value[4096];
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (url_query(url, names[i], value, sizeof(value)))
            return true;
    }
    return false;
}
