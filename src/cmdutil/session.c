/* SPDX-License-Identifier: MIT */
#include "cmdutil/session.h"

#include "api/secret.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/signals.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CREDENTIAL "skyvern-api-key"

/* clang-format off */
const struct opt session_opts[] = {
    { 0, "base-url",     "URL",  OPT_TEXT, OPT_AT(session_args, base_url),     "base URL of the API (default https://api.skyvern.com; also SKYVERN_BASE_URL)", 0, 0, NULL, false, "SKYVERN_BASE_URL" },
    { 0, "api-key-file", "FILE", OPT_LIST, OPT_AT(session_args, api_key_file), "read the API key from this file (else SKYVERN_API_KEY)", 0, 0, NULL, false, NULL },
    { 0, "api-key",      "KEY",  OPT_LIST, OPT_AT(session_args, api_key),      "the API key", 0, 0, NULL, true, NULL },
    { 0, "ca-file",      "FILE", OPT_TEXT, OPT_AT(session_args, ca_file),      "trust the certificate authorities in this PEM file", 0, 0, NULL, false, NULL },
    { 0, "insecure-key", NULL,   OPT_FLAG, OPT_AT(session_args, insecure_key), "allow sending the API key through a proxy if the base URL is plain http", 0, 0, NULL, false, NULL },
    OPT_END,
};
/* clang-format on */

static struct secret *from_file(const char *path, bool quiet, struct err *err)
{
    struct secret *key = secret_load(path, signals_stopping(), err);

    if (key && !quiet && file_shared(path))
        log_line(LOG_WARNING,
                 "'%s' contains the API key and other users may read it; run chmod 600 on it",
                 path);
    return key;
}

static struct secret *from_text(const char *text, const char *where, struct err *err)
{
    struct secret *key = secret_new(text, strlen(text), err);

    if (!key)
        (void)err_wrap(err, "%s has no usable key", where);
    return key;
}

/* The path of systemd's credential, to be freed by mem_free; NULL: there is none, or err. */
static char *credential_path(struct err *err)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    char *path = dir && *dir ? mem_format(err, "%s/%s", dir, CREDENTIAL) : NULL;

    if (path && access(path, F_OK) == 0)
        return path;
    mem_free(path);
    return NULL;
}

enum session_key session_key_from(const struct session_args *args, const char **value)
{
    const struct opt_list *files = &args->api_key_file;
    const char *file = files->count ? files->at[files->count - 1] : NULL;
    const struct opt_list *keys = &args->api_key;
    const char *own = keys->count ? keys->at[keys->count - 1] : "";
    const char *text = getenv("SKYVERN_API_KEY");

    *value = own;
    if (*own && keys->source == OPT_PROFILE && files->source < OPT_PROFILE)
        return SESSION_KEY_PROFILE;
    *value = file;
    if (file && files->source != OPT_CONFIG)
        return SESSION_KEY_FILE;
    *value = text;
    if (text && *text)
        return SESSION_KEY_VARIABLE;
    *value = file;
    if (file)
        return SESSION_KEY_FILE;
    *value = own;
    return *own ? SESSION_KEY_CONFIG : SESSION_KEY_CREDENTIAL;
}

static struct secret *find_key(const struct session_args *args, struct err *err)
{
    const char *value;
    struct secret *key = NULL;
    char *path;

    switch (session_key_from(args, &value)) {
    case SESSION_KEY_PROFILE:
        return from_text(value, "the profile's api-key", err);
    case SESSION_KEY_FILE:
        return from_file(value, args->shared_told, err);
    case SESSION_KEY_VARIABLE:
        return from_text(value, "SKYVERN_API_KEY", err);
    case SESSION_KEY_CONFIG:
        return from_text(value, "the configuration file's api-key", err);
    case SESSION_KEY_CREDENTIAL:
        break;
    }
    path = credential_path(err);
    if (path)
        key = secret_load(path, signals_stopping(), err);
    mem_free(path);
    if (!key && !err->kind)
        (void)err_set(err, ERR_NOT_FOUND,
                      "no API key: set SKYVERN_API_KEY, or name a file with --api-key-file");
    return key;
}

int session_open(const struct session_args *args, struct api *api, struct err *err)
{
    struct secret *key = find_key(args, err);

    if (!key)
        return -1;
    log_hide(secret_peek(key));
    if (args->ca_file && access(args->ca_file, R_OK) < 0) {
        secret_free(key);
        log_hide(NULL);
        return err_sys(err, "cannot read the CA file '%s'", args->ca_file);
    }
    api->insecure_key = args->insecure_key;
    return api_init(api, args->base_url, key, err);
}
