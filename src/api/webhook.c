/* SPDX-License-Identifier: MIT */
#include "api/webhook.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"
#include "redact/redact.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

bool webhook_signed(const char *signature)
{
    return signature && strlen(signature) == SHA256_TEXT - 1 &&
           strspn(signature, "0123456789abcdef") == SHA256_TEXT - 1;
}

int webhook_verify(const char *key, const void *body, size_t len, const char *signature,
                   struct err *err)
{
    uint8_t mac[SHA256_SIZE];
    char want[SHA256_TEXT];
    unsigned mac_len = 0;

    if (!signature || !*signature)
        return err_set(err, ERR_DENIED, "the webhook is not signed");
    if (!key || !HMAC(EVP_sha256(), key, (int)strlen(key), body, len, mac, &mac_len) ||
        mac_len != sizeof(mac))
        return err_set(err, ERR_DENIED,
                       "cannot verify the webhook's signature without the API key");
    text_hex(want, mac, sizeof(mac));
    if (!webhook_signed(signature) || CRYPTO_memcmp(signature, want, SHA256_TEXT - 1) != 0)
        return err_set(err, ERR_DENIED,
                       "wrong signature of the webhook: it was signed with another API key, or "
                       "changed on the way");
    return 0;
}

int webhook_keep(const char *key, const char *body, size_t len, struct buf *out,
                 struct err *err)
{
    struct redact what = { key, false, NULL };

    buf_init(out, redact_room(len));
    return redact_json(out, body, len, &what, err);
}

/* A string in a validated JSON text. */
struct slice {
    const char *at; /* NULL: absent */
    size_t len;
};

/* Skip a string that starts at at; returns the position after it. */
static const char *skip_string(const char *at)
{
    for (at++; *at != '"'; at++)
        at += *at == '\\';
    return at + 1;
}

/* Skip a value; returns the position of the comma or the closing brace after it. */
static const char *skip_value(const char *at, const char *end)
{
    unsigned depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        depth += *at == '{' || *at == '[';
        if (depth == 0 && (*at == ',' || *at == '}'))
            return at;
        depth -= *at == '}' || *at == ']';
        at++;
    }
    return at;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* Find a string member of the top-level object; of duplicate names, the last one is used. */
static struct slice find_text(const char *text, size_t len, const char *name)
{
    const char *end = text + len;
    const char *at = skip_blanks(text, end);
    struct slice found = { NULL, 0 };

    if (at == end || *at != '{')
        return found;
    at = skip_blanks(at + 1, end);
    while (at < end && *at == '"') {
        const char *key = at + 1;
        size_t n;

        at = skip_string(at);
        n = (size_t)(at - 1 - key);
        at = skip_blanks(skip_blanks(at, end) + 1, end); /* the colon */
        if (n == strlen(name) && memcmp(key, name, n) == 0)
            found = (struct slice){ *at == '"' ? at + 1 : NULL,
                                    *at == '"' ? (size_t)(skip_string(at) - at - 2) : 0 };
        at = skip_value(at, end);
        at = skip_blanks(at + (at < end && *at == ','), end);
    }
    return found;
}

/* Copy a short string without escapes; false, and "", for any other value. */
static bool take_text(const char *body, size_t len, const char *name, char *out, size_t size)
{
    struct slice found = find_text(body, len, name);
    size_t i;

    *out = '\0';
    if (!found.at || found.len >= size)
        return false;
    for (i = 0; i < found.len; i++) {
        if (found.at[i] == '\\')
            return false;
    }
    memcpy(out, found.at, found.len);
    out[found.len] = '\0';
    return true;
}

int webhook_read(const char *body, size_t len, struct webhook_facts *out, struct err *err)
{
    static const char *const names[] = { "run_id", "task_id", "workflow_run_id" };
    char when[CLOCK_TEXT_MAX * 2];
    size_t i;

    *out = (struct webhook_facts){ .finished = CLOCK_NONE };
    if (json_check(body, len, NULL, err) < 0)
        return err_wrap(err, "malformed body of the webhook");
    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (take_text(body, len, names[i], out->run_id, sizeof(out->run_id)) &&
            run_id_valid(out->run_id))
            break;
    }
    if (i == sizeof(names) / sizeof(*names))
        return err_set(err, ERR_FORMAT, "the webhook's body names no run");
    if (strncmp(out->run_id, "tsk_v2_", 7) != 0 ||
        !take_text(body, len, "workflow_run_id", out->other, sizeof(out->other)) ||
        strncmp(out->other, "wr_", 3) != 0 || !run_id_valid(out->other))
        *out->other = '\0';
    (void)take_text(body, len, "status", out->status, sizeof(out->status));
    if (take_text(body, len, "finished_at", when, sizeof(when)))
        out->finished = clock_us(when);
    return 0;
}

bool webhook_differs(const struct webhook_facts *facts, const char *status,
                     const char *finished_at)
{
    int64_t finished = clock_us(finished_at);

    if (*facts->status && status && strcmp(facts->status, status) != 0)
        return true;
    return facts->finished != CLOCK_NONE && finished != CLOCK_NONE &&
           facts->finished != finished;
}
