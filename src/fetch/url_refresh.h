/* SPDX-License-Identifier: MIT */
/*
 * url_refresh: fetch a run's list again, once for all of its artifacts that need a
 * fresh URL.
 *
 * Units    milliseconds since 1970 by the server's clock
 * Errors   ERR_MEMORY; the renewed callback is told of a list that cannot be fetched
 * Owns     the fresh URLs, until url_refresh_free or the run's next renewal
 * Threads  the transfer loop
 */
#ifndef FETCH_URL_REFRESH_H
#define FETCH_URL_REFRESH_H

#include "base/err.h"
#include "base/hashmap.h"
#include "client/call.h"
#include "client/listing.h"

#include <stdbool.h>
#include <stddef.h>

struct url_refresh;

/* A run's fresh URLs, valid while renewed runs. */
struct url_refresh_list {
    size_t run;
    /* false: the list could not be fetched, or is invalid; by_id and rows may be NULL */
    bool came;
    struct hashmap *by_id; /* artifact_id -> its URL */
    struct hashmap *rows;  /* artifact_id -> its row (struct artifact), if the list has it */
};

/* renewed is called in a loop turn, or from callers_pump. */
struct url_refresh *url_refresh_new(struct listing *listing, struct callers *callers,
                                    void (*renewed)(void *ctx,
                                                    const struct url_refresh_list *list),
                                    void *ctx, struct err *err) MUST_CHECK;

/* More runs are listed: make room for all of the listing's runs. */
int url_refresh_reach(struct url_refresh *refresh, struct err *err) MUST_CHECK;

/* Free it; its calls must have ended. May be NULL. */
void url_refresh_free(struct url_refresh *refresh);

/* Whether a run's list is being fetched. */
bool url_refresh_busy(const struct url_refresh *refresh, size_t run);

/* Request a run's list; does nothing if it is being fetched already. */
int url_refresh_ask(struct url_refresh *refresh, size_t run, struct err *err) MUST_CHECK;

#endif
