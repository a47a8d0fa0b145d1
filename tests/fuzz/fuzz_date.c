/* SPDX-License-Identifier: MIT */
/* Dates: HTTP's, Retry-After, ISO, the life of URLs, header lines, durations and sizes. */
#include "api/expiry.h"
#include "base/clock.h"
#include "base/text.h"
#include "fuzz.h"
#include "limit/backoff.h"
#include "net/request.h"
#include "net/url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char out[512];
    uint64_t number;
    int64_t us;
    struct request request = { 0 };

    memcpy(text, data, size);
    text[size] = '\0';
    (void)backoff_asked(text, 1000, 0);
    (void)backoff_asked(text, 1, INT64_C(1800000000000));
    us = clock_us(text);
    if (us != CLOCK_NONE)
        (void)clock_format(out, us, CLOCK_MICROS);
    (void)expiry_of(text);
    (void)expiry_signed(text);
    (void)url_shown(out, text);
    FUZZ_CHECK(!strpbrk(out, "?\x1b\r\n"));
    (void)url_path(text, out, sizeof(out));
    (void)(url_origin(out, text, NULL) == 0);
    request_header(&request, text, strlen(text), 0);
    FUZZ_CHECK(strlen(request.type) < sizeof(request.type));
    (void)(text_parse_duration(text, &number, NULL) == 0);
    (void)(text_parse_size(text, &number, NULL) == 0);
    free(text);
    return 0;
}
