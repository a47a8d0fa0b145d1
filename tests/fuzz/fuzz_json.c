/* SPDX-License-Identifier: MIT */
/* The JSON layer: an accepted document can be iterated completely, and written again. */
#include "base/json.h"
#include "base/jsonw.h"
#include "fuzz.h"

static size_t walk(struct json_value v, struct region *region)
{
    struct json_value member = { 0 };
    size_t count = 1;
    uint64_t number;
    bool flag;
    char *text;

    (void)json_u64(v, &number);
    (void)json_bool(v, &flag);
    FUZZ_CHECK(json_string(v, region, &text, NULL) == 0);
    while ((member = json_next(v, member)).doc) {
        if (json_type(v) == JSON_OBJECT) {
            size_t len;

            FUZZ_CHECK(json_type(json_key(member)) == JSON_STRING);
            (void)json_raw(json_key(member), &len);
            count++;
        }
        count += walk(member, region);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct region *region = region_new(NULL);
    size_t tokens = 0;
    int ok = json_check((const char *)data, size, &tokens, NULL);
    struct json *doc = json_parse((const char *)data, size, NULL);
    struct buf out;

    FUZZ_CHECK((ok == 0) == (doc != NULL));
    if (doc)
        FUZZ_CHECK(walk(json_root(doc), region) == tokens);
    json_free(doc);
    region_free(region);
    buf_init(&out, 6 * size + 16); /* any bytes can be quoted, and the result is JSON */
    FUZZ_CHECK(jsonw_quote(&out, (const char *)data, size, NULL) == 0);
    FUZZ_CHECK(json_check(buf_text(&out), out.len, NULL, NULL) == 0);
    buf_clear(&out);
    return 0;
}
