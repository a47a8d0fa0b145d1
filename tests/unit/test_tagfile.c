/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "format/tagfile.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

struct seen {
    char text[4000]; /* the callback's calls, a line each */
};

static void on_line(void *ctx, const char *path, const uint8_t *sha256)
{
    struct seen *seen = ctx;
    char hex[SHA256_TEXT] = "-";
    size_t used = strlen(seen->text);

    if (sha256)
        text_hex(hex, sha256, SHA256_SIZE);
    (void)snprintf(seen->text + used, sizeof(seen->text) - used, "%.4s %.60s\n", hex, path);
}

/* The same lines, whatever the size of the pieces. */
static void test_lines(void **state)
{
    static struct tagfile_lines lines;
    static char text[30000];
    struct seen whole = { "" };
    size_t piece;
    size_t len;

    (void)state;
    len = (size_t)snprintf(text, sizeof(text),
                           "%064x  data/a b\n%064x *data/c\n%064x data/d\n\nno\n", 10, 11, 12);
    memset(text + len, 'x', 9000);
    len += 9000;
    len += (size_t)snprintf(text + len, sizeof(text) - len, "\n%064x  data/last", 13);
    for (piece = len; piece; piece /= 3) {
        struct seen seen = { "" };
        size_t at;

        tagfile_lines_init(&lines, on_line, &seen);
        for (at = 0; at < len; at += piece) {
            size_t n = len - at < piece ? len - at : piece;

            assert_int_equal(tagfile_lines_put(&lines, text + at, n, NULL), 0);
        }
        tagfile_lines_end(&lines);
        if (piece == len)
            whole = seen;
        assert_string_equal(seen.text, whole.text);
    }
    assert_non_null(strstr(whole.text, "0000 data/a b\n0000 data/c\n- 0000"));
    assert_non_null(strstr(whole.text, "\n- no\n- xxxx"));
    assert_non_null(strstr(whole.text, "\n0000 data/last\n"));
}

static void test_info(void **state)
{
    const char *info = "A: b\nPayload-Oxum: 12.3\nX-Payload-Oxum: 9.9\nC: d";
    char value[10] = "";
    uint64_t bytes;
    uint64_t files;

    (void)state;
    assert_true(tagfile_oxum(info, &bytes, &files) && bytes == 12 && files == 3);
    assert_false(tagfile_oxum("X-Payload-Oxum: 9.9\n", &bytes, &files));
    assert_false(tagfile_oxum("Payload-Oxum: 9\n", &bytes, &files));
    assert_false(tagfile_oxum("Payload-Oxum: .9\n", &bytes, &files));
    assert_false(tagfile_oxum("", &bytes, &files));
    tagfile_value(info, "C", value, sizeof(value));
    assert_string_equal(value, "d");
    assert_int_equal(tagfile_find("bagit.txt"), TAG_BAGIT);
    assert_int_equal(tagfile_find("bagit.tx"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_info),
    };

    return RUN(tests);
}
