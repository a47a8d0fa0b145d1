/* SPDX-License-Identifier: MIT */
#include "mask/har_mask.h"

#include "mask/html_field.h"
#include "redact/secret_names.h"

#include <string.h>
#include <strings.h>

unsigned har_mask_header(const char *name, size_t len)
{
    static const struct {
        const char *name;
        unsigned rule;
    } headers[] = { { "cookie", RULE_COOKIES },        { "cookie2", RULE_COOKIES },
                    { "set-cookie", RULE_COOKIES },    { "set-cookie2", RULE_COOKIES },
                    { "authorization", RULE_HEADERS }, { "proxy-authorization", RULE_HEADERS },
                    { "www-authenticate", RULES_MAX } };
    size_t i;

    for (i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        if (strlen(headers[i].name) == len && strncasecmp(headers[i].name, name, len) == 0)
            return headers[i].rule;
    }
    return secret_name_of(name, len) & (IN_HEADER | IN_MEMBER) ? RULE_HEADERS : RULES_MAX;
}

unsigned har_mask_value(struct json_value list, struct json_value object)
{
    size_t len;
    struct json_value named = json_get(object, "name");
    const char *name = json_type(named) == JSON_STRING ? json_raw(named, &len) : NULL;

    if (json_is(list, "cookies"))
        return RULE_COOKIES;
    if (!name)
        return RULES_MAX;
    if (json_is(list, "headers"))
        return har_mask_header(name, len);
    if (json_is(list, "queryString"))
        return secret_name_of(name, len) & (IN_QUERY | IN_TEXT | IN_MEMBER) ? RULE_URLS
                                                                            : RULES_MAX;
    return html_field_is_secret(name, len) ? RULE_FIELDS : RULES_MAX;
}

bool har_mask_is_base64(struct json_value object)
{
    return json_is(json_get(object, "encoding"), "base64") &&
           json_type(json_get(object, "text")) == JSON_STRING;
}
