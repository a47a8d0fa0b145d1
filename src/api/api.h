/* SPDX-License-Identifier: MIT */
/*
 * api: the Skyvern API's base URL and key, its request URLs and its errors.
 *
 * Errors   ERR_DENIED with the host that refused the key; ERR_NOT_FOUND; others as from
 *          request_check, with the API's own "detail"
 * Owns     a struct api owns its strings and its key, until api_clear
 * Threads  any, after api_init: then read only
 * Source   docs/api.md
 */
#ifndef API_API_H
#define API_API_H

#include "api/kind.h"
#include "api/secret.h"
#include "base/buf.h"
#include "base/err.h"
#include "net/request.h"
#include "net/url.h"

#include <stdbool.h>
#include <stddef.h>

#define API_BASE "https://api.skyvern.com"

struct api {
    char *base;                  /* without /v1 */
    char origin[URL_ORIGIN_MAX]; /* the only origin that the key is sent to */
    struct secret *key;          /* NULL: none */
    bool secure;                 /* https */
    bool insecure_key;           /* set before api_init: a proxy may read the key */
};

/*
 * Initialise api with a base URL as users paste it and a key (or NULL), whose ownership moves
 * to api, also on failure: then api must still be cleared. api must be {0} except for
 * insecure_key. ERR_USAGE if a proxy could read the key and
 * insecure_key is not set.
 */
int api_init(struct api *api, const char *base, struct secret *key, struct err *err) MUST_CHECK;

/* Free the strings and the key; may be called twice, and on {0}. */
void api_clear(struct api *api);

/* Write the URL of a run's record into url. */
int api_url_run(const struct api *api, struct buf *url, const char *run_id,
                struct err *err) MUST_CHECK;

/* Write the URL of a run's artifact list into url. narrow: request only the filter's types. */
int api_url_list(const struct api *api, struct buf *url, const char *run_id,
                 const struct kind_filter *filter, bool narrow, struct err *err) MUST_CHECK;

/* Write the URL to submit tasks to into url. */
int api_url_tasks(const struct api *api, struct buf *url, struct err *err) MUST_CHECK;

/* Filters for the list of runs; strings and arrays are borrowed. */
struct api_runs {
    const char *const *statuses;
    size_t status_count;
    const char *const *types;
    size_t type_count;
    const char *const *tags;
    size_t tag_count;
    const char *search;
    const char *workflow;
};

/* Write the URL of a page (counted from 1) of the list of runs into url. */
int api_url_runs(const struct api *api, struct buf *url, const struct api_runs *what,
                 unsigned page, unsigned page_size, struct err *err) MUST_CHECK;

/*
 * Write the URL of an artifact's content into url; ERR_FORMAT for an ID with a slash or a
 * control character, which no server accepts.
 */
int api_url_content(const struct api *api, struct buf *url, const char *artifact_id,
                    struct err *err) MUST_CHECK;

/* Extract the artifact ID from a content URL; false if the URL is not a content URL. */
bool api_content_id(const char *url, char *out, size_t size);

/* Add the API key to a request; the engine sends it only to the API's origin. */
void api_sign(const struct api *api, struct request *request);

/* Translate an unsuccessful API response into err; 0 if the response is good. */
int api_check(const struct api *api, const struct request *request, struct err *err) MUST_CHECK;

/*
 * ERR_FORMAT if the body of a good response does not begin like JSON: the URL is not the API's.
 */
int api_check_body(const struct request *request, const char *body, size_t len,
                   struct err *err) MUST_CHECK;

#endif
