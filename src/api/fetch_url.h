/* SPDX-License-Identifier: MIT */
/*
 * fetch_url: the URL that an artifact is fetched by, parsed once.
 *
 * Units    milliseconds since 1970, by the server's clock
 * Errors   none: a URL that cannot be used is refused
 * Owns     nothing: the text belongs to the list that it is part of, the origin to the engine
 * Threads  the transfer loop
 * Source   docs/api.md, "Signed URLs"
 */
#ifndef API_FETCH_URL_H
#define API_FETCH_URL_H

#include "api/expiry.h"
#include "net/engine.h"

#include <stdbool.h>
#include <stdint.h>

struct fetch_url {
    const char *text;      /* NULL: there is no URL */
    struct origin *origin; /* origin of the text's host; NULL without a text */
    int64_t expiry;        /* when the URL expires; EXPIRY_NEVER: the URL does not say */
    bool is_signed;        /* the text is signed, so the request needs no API key */
    bool is_content;       /* the text is of a content endpoint (api_content_id) */
};

/* Set url to no URL. */
void fetch_url_clear(struct fetch_url *url);

/*
 * Parse a text, which must stay valid until the next fetch_url_parse or fetch_url_clear.
 *
 * text     a URL of a list, or NULL
 * engine   knows the origins of hosts
 * secure   refuse plain http
 * returns  false, and url is no URL, when nothing can be fetched by the text: it is NULL, no
 *          http URL, not secure enough, or its signature was cut
 */
bool fetch_url_parse(struct fetch_url *url, const char *text, struct engine *engine,
                     bool secure);

#endif
