/* SPDX-License-Identifier: MIT */
/*
 * Webhooks: only the right signature is accepted, for any body; and the run ID found in the
 * body's text is that of the parsed document.
 */
#include "api/webhook.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"
#include "fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define KEY "fuzz-key"

static void check_signature(const uint8_t *data, size_t size)
{
    char signature[80];
    char right[SHA256_TEXT];
    uint8_t mac[SHA256_SIZE];
    unsigned len = 0;
    size_t n = size < sizeof(signature) - 1 ? size : sizeof(signature) - 1;

    memcpy(signature, data, n);
    signature[n] = '\0';
    FUZZ_CHECK(webhook_verify(KEY, data, size, signature, NULL) == -1);
    FUZZ_CHECK(HMAC(EVP_sha256(), KEY, (int)strlen(KEY), data, size, mac, &len));
    text_hex(right, mac, sizeof(mac));
    FUZZ_CHECK(webhook_signed(right) && webhook_verify(KEY, data, size, right, NULL) == 0);
    right[size % (SHA256_TEXT - 1)] ^= 1;
    FUZZ_CHECK(webhook_verify(KEY, data, size, right, NULL) == -1);
}

/* The run ID according to the JSON parser; "": none. */
static void run_by_parser(const struct json *doc, char out[RUN_ID_MAX + 1])
{
    static const char *const names[] = { "run_id", "task_id", "workflow_run_id" };
    size_t i;

    *out = '\0';
    for (i = 0; !*out && i < sizeof(names) / sizeof(*names); i++) {
        struct json_value value = json_get(json_root(doc), names[i]);
        size_t len;
        const char *raw = json_raw(value, &len);

        if (json_type(value) != JSON_STRING || len > RUN_ID_MAX)
            continue;
        memcpy(out, raw, len);
        out[len] = '\0';
        if (memchr(raw, '\0', len) || !run_id_valid(out))
            *out = '\0';
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct webhook_facts facts;
    struct json *doc = json_parse(text, size, NULL);
    int rc = webhook_read(text, size, &facts, NULL);
    char id[RUN_ID_MAX + 1];

    check_signature(data, size);
    FUZZ_CHECK(rc < 0 || (doc && run_id_valid(facts.run_id)));
    FUZZ_CHECK(rc < 0 || strlen(facts.status) < sizeof(facts.status));
    if (doc && !memchr(data, '\\', size)) { /* keys are not decoded */
        run_by_parser(doc, id);
        FUZZ_CHECK((rc == 0) == (*id != '\0'));
        FUZZ_CHECK(rc < 0 || strcmp(id, facts.run_id) == 0);
    }
    json_free(doc);
    return 0;
}
