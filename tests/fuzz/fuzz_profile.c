/* SPDX-License-Identifier: MIT */
/*
 * AWS's configuration files and addresses of objects: an error names a line and shows no text
 * of it, a setting has no blanks around it, and the URL of what was accepted has one host, the
 * signed one.
 *
 * The first line is an endpoint, the second one an address "s3://bucket/key", the rest a file.
 */
#include "base/mem.h"
#include "credentials/profile.h"
#include "fuzz.h"
#include "net/url.h"
#include "s3/location.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = { "region", "aws_secret_access_key", "s3.addressing_style",
                                     "services.s3.endpoint_url", "services" };

static void parse(struct profile *profile, enum profile_file kind, const char *text)
{
    struct err err;
    size_t i;

    err_clear(&err);
    if (profile_parse(profile, kind, text, "the file", &err) < 0)
        FUZZ_CHECK(err.kind == ERR_LIMIT ||
                   (err.kind == ERR_FORMAT && strncmp(err.text, "'the file', line ", 17) == 0 &&
                    strlen(err.text) < 70));
    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = profile_get(profile, names[i]);

        FUZZ_CHECK(!value ||
                   (*value && !isspace((unsigned char)*value) &&
                    !isspace((unsigned char)value[strlen(value) - 1]) && !strchr(value, '\n')));
    }
}

/* All kinds of files into one profile; twice the same text gives the same settings. */
static void check_profile(const char *text)
{
    struct profile *profile = profile_new("default", NULL);
    char *region = NULL;

    if (!profile)
        return;
    parse(profile, PROFILE_CREDENTIALS, text);
    if (profile_get(profile, "region"))
        region = mem_copy(profile_get(profile, "region"), NULL);
    parse(profile, PROFILE_CONFIG, text);
    parse(profile, PROFILE_SERVICES, text);
    FUZZ_CHECK(!region || strcmp(region, profile_get(profile, "region")) == 0);
    mem_free(region);
    profile_free(profile);
}

static void check_url(const char *endpoint, const struct location *location,
                      enum location_style style)
{
    struct location_endpoint where = { .url = endpoint, .style = style, .region = "eu-west-1" };
    struct location_url url = { 0 };
    char origin[URL_ORIGIN_MAX];
    struct err err;
    const char *c;

    err_clear(&err);
    if (location_url(&url, &where, location->bucket, location->key, "", &err) == 0 &&
        url_origin(origin, buf_text(&url.url), NULL) == 0) {
        FUZZ_CHECK(strncasecmp(strstr(origin, "://") + 3, url.host, strlen(url.host)) == 0);
        FUZZ_CHECK(!strchr(url.host, '@') && !strchr(buf_text(&url.url), '?'));
        for (c = buf_text(&url.url); *c; c++)
            FUZZ_CHECK(*c > ' ' && (unsigned char)*c < 0x7f);
    } else {
        FUZZ_CHECK(!err.kind || !endpoint || strlen(endpoint) < 9 ||
                   !strstr(err.text, endpoint));
    }
    location_url_clear(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_new(size + 1, NULL);
    char *address;
    char *file;
    struct location location;

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    address = text + strcspn(text, "\n");
    address += *address ? (*address = '\0', 1) : 0;
    file = address + strcspn(address, "\n");
    file += *file ? (*file = '\0', 1) : 0;
    if (location_parse(&location, address, NULL) == 0) {
        FUZZ_CHECK(strlen(location.bucket) >= 3 && strlen(location.key) <= LOCATION_KEY_MAX);
        check_url(text, &location, LOCATION_AUTO);
        check_url(text, &location, LOCATION_VIRTUAL);
        check_url(NULL, &location, LOCATION_AUTO);
    }
    check_profile(file);
    mem_free(text);
    return 0;
}
