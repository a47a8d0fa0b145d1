/* SPDX-License-Identifier: MIT */
/*
 * session: what all commands need that talk to the API: where it is, and the key.
 *
 * The key comes from the first of: --api-key-file, SKYVERN_API_KEY, the
 * configuration file (api-key-file, api-key), systemd's credential
 * "skyvern-api-key". Never from the command line, where others could read it.
 *
 * Errors   ERR_SYSTEM, ERR_NOT_FOUND: no key anywhere; ERR_FORMAT
 * Threads  one
 */
#ifndef CMDUTIL_SESSION_H
#define CMDUTIL_SESSION_H

#include "api/api.h"
#include "base/err.h"
#include "cli/opt.h"

#include <stdbool.h>

struct session_args {
    const char *base_url;
    const char *ca_file;
    const char *api_key;          /* from the configuration file */
    struct opt_list api_key_file; /* the last one counts */
    bool insecure_key;
};

extern const struct opt session_opts[];

#define SESSION_DEFAULTS                                                                       \
    {                                                                                          \
        .base_url = API_BASE                                                                   \
    }

/* Find the key and set up the API; api must be {0}, and is to be cleared in any case. */
int session_open(const struct session_args *args, struct api *api, struct err *err) MUST_CHECK;

#endif
