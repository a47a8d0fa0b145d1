/* SPDX-License-Identifier: MIT */
/* Parsing of response headers, and invalid ones. */
#include "net/request.h"

#include "unit.h"

#include <string.h>

/* Process the header lines of a response; each ends with '|'. */
static struct request answered(const char *lines, bool as_sent)
{
    struct request request = { .as_sent = as_sent, .status = 200 };

    while (*lines) {
        size_t len = strcspn(lines, "|");
        char line[200];

        memcpy(line, lines, len);
        memcpy(line + len, "\r\n", 3);
        request_header(&request, line, len + 2, 0);
        lines += len + (lines[len] == '|');
    }
    return request;
}

static void test_lengths(void **state)
{
    static const struct {
        const char *lines;
        uint64_t total; /* 0: invalid */
    } cases[] = {
        { "HTTP/1.1 200 OK|Content-Length: 32||", 32 },
        { "HTTP/1.1 200 OK||", REQUEST_UNSAID },
        { "HTTP/1.1 200 OK|Content-Length: 32|Content-Length: 32||", 32 },
        { "HTTP/1.1 200 OK|Content-Length: 32|Content-Length: 33||", 0 },
        { "HTTP/1.1 200 OK|Content-Length: 0,32||", 0 },
        { "HTTP/1.1 200 OK|Content-Length: -1||", 0 },
        { "HTTP/1.1 200 OK|Content-Length: 99999999999999999999||", 0 },
        /* a length that does not describe the delivered bytes is ignored */
        { "HTTP/1.1 200 OK|Content-Length: 32|Transfer-Encoding: chunked||", REQUEST_UNSAID },
        { "HTTP/1.1 200 OK|Content-Length: 32|Content-Encoding: gzip||", REQUEST_UNSAID },
        { "HTTP/1.1 200 OK|Transfer-Encoding: gzip, chunked||", 0 },
        { "HTTP/1.1 200 OK|Transfer-Encoding: gzip|Transfer-Encoding: chunked||", 0 },
        /* trailers and earlier responses are ignored */
        { "HTTP/1.1 200 OK|Content-Length: 32||Content-Length: 5||", 32 },
        { "HTTP/1.1 100 Continue|Content-Length: 5||HTTP/1.1 200 OK|Content-Length: 32||", 32 },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct request request = answered(cases[i].lines, true);

        if (request_good(&request) != (cases[i].total != 0) ||
            (cases[i].total && request_total(&request) != cases[i].total))
            fail_msg("%s", cases[i].lines);
        if (!cases[i].total && !request_retryable(&request))
            fail_msg("%s: not tried again", cases[i].lines);
    }
}

static void test_codings(void **state)
{
    static const struct {
        const char *lines;
        enum coding coding;
        bool good;
    } cases[] = {
        { "HTTP/1.1 200 OK||", CODING_NONE, true },
        { "HTTP/1.1 200 OK|Content-Encoding: identity||", CODING_NONE, true },
        { "HTTP/1.1 200 OK|content-encoding: GZIP||", CODING_GZIP, true },
        { "HTTP/1.1 200 OK|Content-Encoding: x-gzip||", CODING_GZIP, true },
        { "HTTP/1.1 200 OK|Content-Encoding: zstd||", CODING_ZSTD, true },
        { "HTTP/1.1 200 OK|Content-Encoding: br||", CODING_OTHER, false },
        { "HTTP/1.1 200 OK|Content-Encoding: gzip, gzip||", CODING_OTHER, false },
        { "HTTP/1.1 200 OK|Content-Encoding: gzip|Content-Encoding: gzip||", CODING_OTHER,
          false },
        { "HTTP/1.1 200 OK|Content-Encoding: identity|Content-Encoding: zstd||", CODING_ZSTD,
          true },
        { "HTTP/1.1 200 OK||Content-Encoding: gzip||", CODING_NONE, true },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct request request = answered(cases[i].lines, true);

        if (request.coding != cases[i].coding || request_good(&request) != cases[i].good)
            fail_msg("%s", cases[i].lines);
    }
}

/*
 * The memory of a request grows with its body up to a bound, and small bodies fit the buffer.
 */
static void test_memory(void **state)
{
    static const enum request_wire wires[] = { WIRE_PLAIN, WIRE_TLS, WIRE_STREAM };
    uint64_t size;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wires) / sizeof(*wires); i++) {
        size_t most = request_memory(UINT64_MAX, wires[i]);

        for (size = 1; size < (uint64_t)1 << 40; size += 1 + size / 3) {
            assert_true(request_memory(size, wires[i]) <= most);
            assert_true(request_memory(size, wires[i]) <= request_memory(size + 1, wires[i]));
            if (size <= 30000)
                assert_true(request_buffer(size, wires[i]) > size);
        }
        assert_true(request_memory(0, wires[i]) > request_memory(1000, wires[i]));
        assert_true(request_memory(0, wires[i]) < most);
        assert_true(most <= 128 << 10);
        assert_true(request_memory(2000, wires[i]) <= most / 2 + (16 << 10));
    }
}

/* Lines that programs read in different ways; the framing of such a response is not known. */
static void test_malformed(void **state)
{
    static const struct {
        const char *lines;
        bool good;
    } cases[] = {
        { "HTTP/1.1 200 OK|Content-Encoding:| gzip||", false },
        { "HTTP/1.1 200 OK|Transfer-Encoding:|\tchunked||", false },
        { "HTTP/1.1 200 OK| Content-Encoding: gzip||", false },
        { "HTTP/1.1 200 OK|X: a| b|Content-Length: 3||", false },
        { "HTTP/1.1 200 OK|Content-Encoding : gzip||", false },
        { "HTTP/1.1 200 OK|Transfer-Encoding\t: chunked||", false },
        { "HTTP/1.1 200 OK|Content-Encoding: gzip|HTTP/1.1 200 OK||", false },
        { "HTTP/1.1 200 OK|Content-Range: bytes 0-9/100|Content-Length: 10||", false },
        { "HTTP/1.1 200 OK|Content-Range:||", true },
        { "HTTP/1.1 200 OK|Date: Thu, 26 Nov 2026 10:00:00 GMT|X:a : b||", true },
        { "HTTP/1.1 200 OK||Content-Range: bytes 0-9/100| folded|X : y||", true },
        { "HTTP/1.1 103 Early Hints|X : y||HTTP/1.1 200 OK||", true },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct request request = answered(cases[i].lines, true);
        struct err err;

        if (request_good(&request) != cases[i].good ||
            request_retryable(&request) == cases[i].good ||
            (request_check(&request, &err) == 0) != cases[i].good)
            fail_msg("%s", cases[i].lines);
    }
}

/* A 206 continues a partial download only if its range and validators have one meaning. */
static void test_the_rest(void **state)
{
#define REST "HTTP/1.1 206 Partial Content|"
#define LONG "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" /* 63 bytes */
    static const struct {
        const char *first; /* the headers of the first response */
        const char *then;
        bool right;
        bool bad;
    } cases[] = {
        { "", REST "Content-Range: bytes 50-99/100||", true, false },
        { "", REST "Content-Range: bytes 50-99/100|Content-Range: bytes 50-99/100||", true,
          false },
        { "", REST "Content-Range: bytes 49-98/100|Content-Range: bytes 50-99/100||", false,
          true },
        { "", REST "Content-Range: bytes 50-99/100|Content-Range: bytes 49-98/100||", false,
          true },
        { "", REST "Content-Range: bytes 50-99/0000000000000" LONG "100||", false, true },
        { "Last-Modified: a|", REST "Content-Range: bytes 50-99/100|Last-Modified: a||", true,
          false },
        { "Last-Modified: a|",
          REST "Content-Range: bytes 50-99/100|Last-Modified: a|Last-Modified: a||", true,
          false },
        { "Last-Modified: a|",
          REST "Content-Range: bytes 50-99/100|Last-Modified: b|Last-Modified: a||", false,
          false },
        { "Last-Modified: a|",
          REST "Content-Range: bytes 50-99/100|Last-Modified: a|Last-Modified: b||", false,
          false },
        { "Last-Modified: a|",
          REST "Content-Range: bytes 50-99/100|Last-Modified:|Last-Modified: a||", false,
          false },
        { "Last-Modified: b|Last-Modified: a|",
          REST "Content-Range: bytes 50-99/100|Last-Modified: b|Last-Modified: a||", false,
          false },
        { "Last-Modified: " LONG "|",
          REST "Content-Range: bytes 50-99/100|Last-Modified: " LONG "||", true, false },
        { "Last-Modified: " LONG "1|",
          REST "Content-Range: bytes 50-99/100|Last-Modified: " LONG "2||", false, false },
        { "Last-Modified: " LONG "1|",
          REST "Content-Range: bytes 50-99/100|Last-Modified: " LONG "1||", false, false },
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct request first = answered(cases[i].first, true);
        struct request request = answered(cases[i].then, true);

        request.status = 206;
        request.resume = (struct resume){ 50, 100, false, true, first.seen };
        if (request_good(&request) != cases[i].right ||
            request_unfit(&request) == cases[i].right || (request.bad != NULL) != cases[i].bad)
            fail_msg("%s then %s", cases[i].first, cases[i].then);
    }
#undef LONG
#undef REST
}

static void test_ends(void **state)
{
    struct request request = answered("HTTP/1.1 200 OK|Content-Le", true);

    (void)state;
    assert_false(request.headed);
    request = answered("HTTP/1.1 200 OK||", true);
    assert_true(request.headed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),  cmocka_unit_test(test_codings),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_the_rest), cmocka_unit_test(test_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
