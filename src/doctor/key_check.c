/* SPDX-License-Identifier: MIT */
#include "doctor/key_check.h"

#include "api/secret.h"
#include "base/file.h"
#include "base/log.h"
#include "net/proxy.h"
#include "net/url.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define KEY   "key"
#define WHERE "set SKYVERN_API_KEY, or name a file with --api-key-file; see skyarc config show"

/* Report where the key comes from, and whether others may read its file. */
static void tell_source(const struct session_args *session, struct findings *findings)
{
    const char *file;

    switch (session_key_from(session, &file)) {
    case SESSION_KEY_FILE:
        if (file_shared(file))
            finding_add(findings, KEY, FINDING_WARNING,
                        "run chmod 600 on it, and make a new key if others may have read it",
                        "read from '%s', which other users may read", file);
        else
            finding_add(findings, KEY, FINDING_OK, NULL, "read from '%s'", file);
        break;
    case SESSION_KEY_VARIABLE:
        finding_add(findings, KEY, FINDING_OK, NULL, "taken from SKYVERN_API_KEY");
        break;
    case SESSION_KEY_PROFILE:
        finding_add(findings, KEY, FINDING_OK, NULL,
                    "taken from the profile's api-key in the configuration file");
        break;
    case SESSION_KEY_CONFIG:
        finding_add(findings, KEY, FINDING_OK, NULL,
                    "taken from api-key in the configuration file");
        break;
    case SESSION_KEY_CREDENTIAL:
        finding_add(findings, KEY, FINDING_OK, NULL,
                    "taken from systemd's credential skyvern-api-key");
        break;
    }
}

/* Report a base URL over which everyone between here and the service reads the key. */
static void tell_plain(const struct api *api, struct findings *findings)
{
    char host[URL_ORIGIN_MAX];

    if (!api->secure && url_host(host, api->origin) && !proxy_is_local(host))
        finding_add(findings, KEY, FINDING_WARNING, "use an https URL (--base-url)",
                    "sent by plain http to %s: whoever is on the way reads it", api->origin);
}

/* Report why session_open failed. */
static void tell_failure(const struct api *api, const struct err *err,
                         struct findings *findings)
{
    if (!api->key)
        finding_add(findings, KEY, FINDING_ERROR, err->kind == ERR_NOT_FOUND ? NULL : WHERE,
                    "%s", err->text);
    else if (api->base) /* a proxy would read the key */
        finding_add(findings, "proxy", FINDING_ERROR, NULL, "%s", err->text);
}

bool key_check(struct api_client *client, const struct session_args *session,
               struct findings *findings)
{
    struct session_args quiet = *session;
    struct err err = { 0 };
    bool trusted = !session->ca_file || access(session->ca_file, R_OK) == 0;

    quiet.shared_told = true;
    if (!trusted) {
        quiet.ca_file = NULL;
        finding_add(findings, "tls", FINDING_ERROR, "correct --ca-file",
                    "the CA file '%s' cannot be read: %s", session->ca_file, strerror(errno));
    }
    if (session_open(&quiet, &client->api, &err) == 0) {
        findings->key = secret_peek(client->api.key);
        tell_source(session, findings);
        tell_plain(&client->api, findings);
        return trusted;
    }
    tell_failure(&client->api, &err, findings);
    log_hide(NULL);
    api_clear(&client->api);
    err_clear(&err);
    if (api_init(&client->api, session->base_url, NULL, &err) == 0)
        return trusted;
    finding_add(findings, "server", FINDING_ERROR, "correct --base-url (SKYVERN_BASE_URL)",
                "%s", err.text);
    return false;
}
