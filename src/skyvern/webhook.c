/* SPDX-License-Identifier: MIT */
#include "skyvern/webhook.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"
#include "skyvern/redact.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

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
        return err_set(err, ERR_DENIED, "the signature cannot be checked without the API key");
    text_hex(want, mac, sizeof(mac));
    if (strlen(signature) != SHA256_TEXT - 1 ||
        CRYPTO_memcmp(signature, want, SHA256_TEXT - 1) != 0)
        return err_set(err, ERR_DENIED, "the webhook's signature is wrong");
    return 0;
}

int webhook_keep(const char *key, const char *body, size_t len, struct buf *out,
                 struct err *err)
{
    struct redact what = { key, false, NULL };

    buf_init(out, redact_room(len));
    return redact_json(out, body, len, &what, err);
}

int webhook_run(const char *body, size_t len, char out[RUN_ID_MAX + 1], struct err *err)
{
    static const char *const names[] = { "run_id", "task_id", "workflow_run_id" };
    struct json *doc = json_parse(body, len, err);
    struct buf id;
    size_t i;
    int rc = -1;

    if (!doc)
        return err_wrap(err, "the webhook's body");
    buf_init(&id, 4096);
    for (i = 0; rc < 0 && i < sizeof(names) / sizeof(*names); i++) {
        buf_reset(&id);
        if (json_append(json_get(json_root(doc), names[i]), &id, NULL) == 0 &&
            strlen(buf_text(&id)) == id.len && run_id_valid(buf_text(&id))) {
            memcpy(out, buf_text(&id), id.len + 1);
            rc = 0;
        }
    }
    if (rc < 0)
        (void)err_set(err, ERR_FORMAT, "the webhook's body names no run");
    buf_clear(&id);
    json_free(doc);
    return rc;
}
