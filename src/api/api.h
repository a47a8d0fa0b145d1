/* SPDX-License-Identifier: MIT */
/*
 * api: where Skyvern's API is, which key it takes, and what its errors say.
 *
 * Errors   ERR_DENIED with the host that refused the key; ERR_NOT_FOUND; others
 *          as request_check gives them, with the API's own "detail"
 * Owns     a struct api owns its texts and its key, until api_clear
 * Threads  read by many once set
 * Source   docs/api.md
 */
#ifndef API_API_H
#define API_API_H

#include "api/kind.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "net/request.h"
#include "net/url.h"

#include <stdbool.h>
#include <stddef.h>

#define API_BASE "https://api.skyvern.com"

struct api {
    char *base;                  /* without /v1 */
    char origin[URL_ORIGIN_MAX]; /* the one place that gets the key */
    struct secret *key;          /* NULL: none */
    bool secure;                 /* https */
    bool insecure_key;           /* set before: a proxy may read the key */
};

/*
 * Take a base URL as users paste it, and a key that moves in. api must be {0}, but for
 * insecure_key; ERR_USAGE when a proxy would read the key, and must not.
 */
int api_init(struct api *api, const char *base, struct secret *key, struct err *err) MUST_CHECK;

/* Release; may be called twice, and on {0}. */
void api_clear(struct api *api);

/* Write the URL of a run's record; of its list, asking for the filter's types when narrow. */
int api_url_run(const struct api *api, struct buf *url, const char *run_id,
                struct err *err) MUST_CHECK;

/*
 * Write the URL of a run's artifact list into url. narrow: ask for the filter's types
 * alone.
 */
int api_url_list(const struct api *api, struct buf *url, const char *run_id,
                 const struct kind_filter *filter, bool narrow, struct err *err) MUST_CHECK;

/* Write the URL that takes tasks. */
int api_url_tasks(const struct api *api, struct buf *url, struct err *err) MUST_CHECK;

/* What to list of all runs; texts and arrays are lent. */
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

/* Write the URL of a page (from 1 on) of the list of runs. */
int api_url_runs(const struct api *api, struct buf *url, const struct api_runs *what,
                 unsigned page, unsigned page_size, struct err *err) MUST_CHECK;

/* Write the URL of an artifact's bytes; ERR_FORMAT for an ID with a slash or a control
 * character, which no server finds. */
int api_url_content(const struct api *api, struct buf *url, const char *artifact_id,
                    struct err *err) MUST_CHECK;

/* The ID in the URL of an artifact's bytes; false when the URL is none of these. */
bool api_content_id(const char *url, char *out, size_t size);

/* Let a request go to the API with its key. */
void api_sign(const struct api *api, struct request *request);

/* What went wrong with an answer of the API; 0 when nothing did. */
int api_check(const struct api *api, const struct request *request, struct err *err) MUST_CHECK;

#endif
