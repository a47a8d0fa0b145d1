/* SPDX-License-Identifier: MIT */
#include "view/recording.h"

#include "base/clock.h"

#include <stdbool.h>
#include <string.h>

#define EBML_HEADER  0x1A45DFA3U
#define EBML_SEGMENT 0x18538067U
#define EBML_INFO    0x1549A966U
#define EBML_CLUSTER 0x1F43B675U
#define EBML_DATE    0x4461U
#define EBML_EPOCH   978307200000 /* 2001-01-01, in ms since 1970 */
#define MP4_EPOCH    2082844800   /* seconds from 1904 to 1970 */
#define YEAR_9999    253402300799000

/* What is left to read. */
struct input {
    const unsigned char *at;
    size_t len;
};

static void skip(struct input *in, uint64_t len)
{
    size_t n = len < in->len ? (size_t)len : in->len;

    in->at += n;
    in->len -= n;
}

/* Read a big-endian number of 1 to 8 bytes; 0 at the end of the input. */
static uint64_t number(struct input *in, size_t bytes)
{
    uint64_t value = 0;
    size_t i;

    if (in->len < bytes)
        return 0;
    for (i = 0; i < bytes; i++)
        value = value << 8 | in->at[i];
    skip(in, bytes);
    return value;
}

/*
 * Read a number of variable length (RFC 8794, 4): the zero bits before the first set one count
 * the bytes that follow. keep_mark: with that bit, as IDs are written. Returns false at the
 * end, or if the number has more than 8 bytes.
 */
static bool variable(struct input *in, bool keep_mark, uint64_t *value)
{
    size_t bytes = 1;
    unsigned mark = 0x80;

    if (!in->len || !*in->at)
        return false;
    for (; !(*in->at & mark); mark >>= 1)
        bytes++;
    if (in->len < bytes)
        return false;
    *value = number(in, bytes);
    if (!keep_mark)
        *value &= ~((uint64_t)1 << 7 * bytes);
    return true;
}

static int64_t checked(int64_t ms)
{
    return ms > 0 && ms <= YEAR_9999 ? ms : CLOCK_NONE;
}

static int64_t webm_start(struct input in)
{
    uint64_t id;
    uint64_t size;

    while (variable(&in, true, &id) && variable(&in, false, &size) && id != EBML_CLUSTER) {
        if (id == EBML_DATE && size == 8 && in.len >= 8)
            return checked((int64_t)number(&in, 8) / 1000000 + EBML_EPOCH);
        if (id != EBML_SEGMENT && id != EBML_INFO) /* the others are passed over, not entered */
            skip(&in, size);
    }
    return CLOCK_NONE;
}

static int64_t mp4_start(struct input in)
{
    while (in.len >= 8) {
        uint64_t size = number(&in, 4);
        bool movie = memcmp(in.at, "moov", 4) == 0;
        bool header = memcmp(in.at, "mvhd", 4) == 0;
        uint64_t head = 8;

        skip(&in, 4);
        if (size == 1) {
            size = number(&in, 8);
            head = 16;
        }
        if (header && in.len >= 12) {
            bool wide = number(&in, 4) >> 24 == 1; /* the version; the rest are flags */
            uint64_t seconds = number(&in, wide ? 8 : 4);

            return seconds > MP4_EPOCH && seconds < MP4_EPOCH + YEAR_9999 / 1000
                       ? (int64_t)(seconds - MP4_EPOCH) * 1000
                       : CLOCK_NONE;
        }
        if (size < head)
            return CLOCK_NONE;
        if (!movie)
            skip(&in, size - head);
    }
    return CLOCK_NONE;
}

int64_t recording_start(const char *bytes, size_t len)
{
    struct input in = { (const unsigned char *)bytes, len };

    if (len >= 8 && memcmp(bytes + 4, "ftyp", 4) == 0)
        return mp4_start(in);
    return len >= 4 && number(&(struct input){ in.at, 4 }, 4) == EBML_HEADER ? webm_start(in)
                                                                             : CLOCK_NONE;
}
