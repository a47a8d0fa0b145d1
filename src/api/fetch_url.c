/* SPDX-License-Identifier: MIT */
#include "api/fetch_url.h"

#include "api/api.h"
#include "net/url.h"

void fetch_url_clear(struct fetch_url *url)
{
    *url = (struct fetch_url){ .expiry = EXPIRY_NEVER };
}

/*
 * Whether a text has a character that is not allowed in a URL: engine_origin may not look
 * beyond the host.
 */
static bool has_blank(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

bool fetch_url_parse(struct fetch_url *url, const char *text, struct engine *engine,
                     bool secure)
{
    struct origin *origin;
    char id[URL_MAX];

    fetch_url_clear(url);
    if (!text || has_blank(text) || expiry_cut(text))
        return false;
    origin = engine_origin(engine, text);
    if (!origin || (secure && !url_is_secure(origin->name)))
        return false;
    *url = (struct fetch_url){ .text = text,
                               .origin = origin,
                               .expiry = expiry_of(text),
                               .is_signed = expiry_signed(text),
                               .is_content = api_content_id(text, id, sizeof(id)) };
    return true;
}
