/* SPDX-License-Identifier: MIT */
/* An object store's answers: elements are visited within their limits, and none after an error;
 * what was escaped is read back. */
#include "fuzz.h"
#include "net/xml.h"
#include "s3/s3_error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct visits {
    size_t left; /* the visitor fails when there are none */
    bool failed;
    char text[ELEMENT_TEXT_MAX + 1]; /* of the last element */
};

static int visit(void *ctx, const char *path, const char *text, struct err *err)
{
    struct visits *visits = ctx;

    FUZZ_CHECK(!visits->failed && !err->kind);
    FUZZ_CHECK(*path && strlen(path) < ELEMENT_PATH_MAX);
    FUZZ_CHECK(strlen(text) <= ELEMENT_TEXT_MAX);
    memcpy(visits->text, text, strlen(text) + 1);
    if (visits->left--)
        return 0;
    visits->failed = true;
    return err_set(err, ERR_FORMAT, "enough");
}

static void check_errors(const char *bytes, size_t size)
{
    struct s3_error error;

    s3_error_parse(&error, bytes, size);
    FUZZ_CHECK(memchr(error.code, 0, sizeof(error.code)));
    FUZZ_CHECK(memchr(error.message, 0, sizeof(error.message)));
    FUZZ_CHECK(memchr(error.region, 0, sizeof(error.region)));
    FUZZ_CHECK(*error.code || !s3_error_is_transient(&error));
}

/* Escape the input, without what a parser changes, and read it back. */
static void check_escape(const char *bytes, size_t size)
{
    struct visits visits = { .left = 1 };
    char *text = malloc(size + 1);
    struct err err = { 0 };
    struct buf doc;
    size_t len = 0;
    size_t i;

    for (i = 0; i < size && len < ELEMENT_TEXT_MAX; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c < 0x7f && (isgraph(c) || (c == ' ' && len)))
            text[len++] = (char)c;
    }
    while (len && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
    buf_init(&doc, 7 * ELEMENT_TEXT_MAX);
    FUZZ_CHECK(buf_adds(&doc, "<a>", &err) == 0 && xml_escape(&doc, text, &err) == 0 &&
               buf_adds(&doc, "</a>", &err) == 0);
    FUZZ_CHECK(xml_parse(buf_text(&doc), doc.len, visit, &visits, &err) == 0);
    FUZZ_CHECK(strcmp(visits.text, text) == 0);
    buf_clear(&doc);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t limits[] = { 0, 1, 3, SIZE_MAX };
    size_t i;

    for (i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        struct visits visits = { .left = limits[i] };
        struct err err = { 0 };
        int rc = xml_parse((const char *)data, size, visit, &visits, &err);

        FUZZ_CHECK((rc < 0) == (err.kind != ERR_NONE));
        FUZZ_CHECK(rc < 0 || !visits.failed);
    }
    check_errors((const char *)data, size);
    check_escape((const char *)data, size);
    return 0;
}
