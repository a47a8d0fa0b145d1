/* SPDX-License-Identifier: MIT */
/*
 * session: base URL and API key, for all commands that use the API.
 *
 * The key is taken from the first of: --api-key-file; the profile (api-key-file, else api-key);
 * SKYARC_API_KEY_FILE; SKYVERN_API_KEY; the configuration file outside of profiles
 * (api-key-file, else api-key); systemd's credential "skyvern-api-key". The key itself cannot
 * be given on the command line, which other users can read.
 *
 * Errors   ERR_SYSTEM, ERR_NOT_FOUND: no key found; ERR_FORMAT; ERR_USAGE: a proxy could read
 *          the key
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
    struct opt_list api_key;      /* from the configuration file; the last key is used */
    struct opt_list api_key_file; /* the last file is used */
    bool insecure_key;
    bool shared_told; /* the command itself reports a key file that others may read */
};

extern const struct opt session_opts[];

#define SESSION_DEFAULTS                                                                       \
    {                                                                                          \
        .base_url = API_BASE                                                                   \
    }

/* Where the key is taken from. */
enum session_key {
    SESSION_KEY_PROFILE,    /* api-key in the profile of the configuration file */
    SESSION_KEY_FILE,       /* --api-key-file, or api-key-file in the configuration file */
    SESSION_KEY_VARIABLE,   /* SKYVERN_API_KEY */
    SESSION_KEY_CONFIG,     /* api-key in the configuration file */
    SESSION_KEY_CREDENTIAL, /* systemd's credential, or none if that does not exist */
};

/*
 * Tell where session_open takes the key from.
 *
 * value    gets the file's name, or else the key itself; not set for SESSION_KEY_CREDENTIAL
 */
enum session_key session_key_from(const struct session_args *args, const char **value);

/* Find the key and set up the API; api must be {0}; clear it also on failure. */
int session_open(const struct session_args *args, struct api *api, struct err *err) MUST_CHECK;

#endif
