/* SPDX-License-Identifier: MIT */
/*
 * Masking of copies for others: JSON stays JSON, a second pass changes nothing, and a password
 * of a field is nowhere in the result, in whatever encoding it was put among the bytes.
 */
#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "fuzz.h"
#include "mask/content.h"
#include "mask/layer.h"

#include <string.h>

#define SECRET "S3cr\"et&/Xy=+z"
#define ROOM   ((size_t)4 << 20)

/* The secret in encodings. */
static const char *const forms[] = {
    SECRET,
    "S3cr\\\"et&/Xy=+z",
    "S3cr\\u0022et\\u0026\\/Xy=+z",
    "S3cr%22et%26%2FXy%3D%2Bz",
    "S3cr%2522et%2526%252FXy%253D%252Bz",
    "S3cr&quot;et&amp;/Xy=+z",
    "S3cr&#34;et&#x26;&#x2F;Xy&equals;&#43;z",
    "S3cr\\\\\\\"et&/Xy=+z",
};

static void add(struct buf *buf, const void *bytes, size_t len)
{
    FUZZ_CHECK(buf_add(buf, bytes, len, NULL) == 0);
}

static int mask(struct masker *m, const struct buf *in, struct buf *out)
{
    int is = content_mask(m, buf_text(in), in->len, out, NULL);

    FUZZ_CHECK(is >= 0);
    if (is == CONTENT_SAME) {
        buf_reset(out);
        add(out, buf_text(in), in->len);
    }
    return is;
}

/* Mask a content twice. */
static int twice(struct masker *m, const struct buf *in, struct buf *out)
{
    int is = mask(m, in, out);
    struct buf again;

    if (is != CONTENT_MASKED || content_kind(buf_text(in), in->len) != CONTENT_TEXT)
        return is;
    buf_init(&again, ROOM);
    FUZZ_CHECK(mask(m, out, &again) == CONTENT_SAME);
    FUZZ_CHECK(text_mask_leaks(m, buf_text(out), out->len, NULL) == 0);
    if (json_check(buf_text(in), in->len, NULL, NULL) == 0)
        FUZZ_CHECK(json_check(buf_text(out), out->len, NULL, NULL) == 0);
    buf_clear(&again);
    return is;
}

/* The data, with the secret in the midst; quoted: as a string of a document. */
static void plant(struct buf *out, const uint8_t *data, size_t size, unsigned form, bool quoted)
{
    size_t count = sizeof(forms) / sizeof(*forms);
    struct buf text;

    buf_init(&text, ROOM);
    add(&text, data, size / 2);
    if (form % (count + 3) >= count) {
        size_t shift = form % (count + 3) - count;
        struct buf plain;

        buf_init(&plain, ROOM);
        add(&plain, "ab", shift);
        add(&plain, SECRET "!", sizeof(SECRET));
        add(&text, " ", 1);
        FUZZ_CHECK(layer_put_base64(&text, buf_text(&plain), plain.len, NULL) == 0);
        add(&text, " ", 1);
        buf_clear(&plain);
    } else {
        const char *secret = forms[form % (count + 3)];

        add(&text, secret, strlen(secret));
    }
    add(&text, data + size / 2, size - size / 2);
    if (quoted) {
        add(out, "{\"password\": ", 13);
        FUZZ_CHECK(jsonw_quote(out, SECRET, sizeof(SECRET) - 1, NULL) == 0);
        add(out, ", \"text\": ", 10);
        FUZZ_CHECK(jsonw_quote(out, buf_text(&text), text.len, NULL) == 0);
        add(out, "}", 1);
    } else {
        add(out, buf_text(&text), text.len);
    }
    buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rules *rules = rules_default(NULL);
    struct masker m;
    struct buf in[2];
    struct buf out;
    int i;

    FUZZ_CHECK(rules);
    if (size && size < 60000) {
        buf_init(&out, ROOM);
        buf_init(&in[0], ROOM);
        buf_init(&in[1], ROOM);
        add(&in[0], data, size);
        plant(&in[1], data + 1, size - 1, data[0], data[0] & 128);
        FUZZ_CHECK(masker_init(&m, rules, NULL) == 0);
        FUZZ_CHECK(masker_learn(&m, RULE_FIELDS, SECRET, sizeof(SECRET) - 1, NULL) == 0);
        for (i = 0; i < 2; i++)
            FUZZ_CHECK(content_mask(&m, buf_text(&in[i]), in[i].len, &out, NULL) >= 0);
        FUZZ_CHECK(masker_settle(&m, NULL) == 0);
        for (i = 0; i < 2; i++) {
            int is = twice(&m, &in[i], &out);

            if (is == CONTENT_SAME || is == CONTENT_MASKED)
                FUZZ_CHECK(!memmem(buf_text(&out), out.len, SECRET, sizeof(SECRET) - 1));
        }
        masker_clear(&m);
        buf_clear(&in[1]);
        buf_clear(&in[0]);
        buf_clear(&out);
    }
    rules_free(rules);
    return 0;
}
