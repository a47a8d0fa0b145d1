/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/text.h"
#include "cli/progress.h"
#include "unit.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static const char *text(const char *name, uint64_t done, uint64_t bps, size_t columns)
{
    static char out[PROGRESS_TEXT_MAX];
    const struct progress_read read = { "verifying", name, done, 12 * MIB };

    (void)progress_text(out, &read, bps, columns);
    assert_true(text_width(out) <= columns);
    return out;
}

static void test_text(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    assert_string_equal(text("a.tar", 2 * MIB, MIB, 79),
                        "verifying a.tar, 2.0 MiB of 12.0 MiB, 1.0 MiB/s, 10.0s left");
    assert_string_equal(text("2026/11/skyarc-20261126T082608Z.tar.zst", 2 * MIB, MIB, 79),
                        "verifying 2026/11/skya\xe2\x80\xa6"
                        "608Z.tar.zst, 2.0 MiB of 12.0 MiB, "
                        "1.0 MiB/s, 10.0s left");
    assert_string_equal(text("a.tar", 2 * MIB, MIB, 43),
                        "2.0 MiB of 12.0 MiB, 1.0 MiB/s, 10.0s left");
    assert_string_equal(text("a.tar", 2 * MIB, MIB, 58),
                        "verifying, 2.0 MiB of 12.0 MiB, 1.0 MiB/s, 10.0s left");
    assert_string_equal(text("\033[2J", 12 * MIB, 0, 79),
                        "verifying \\x1b[2J, 12.0 MiB of 12.0 MiB, 0 B/s");
    assert_string_equal(text("a.tar", MIB, PACE_UNKNOWN, 43),
                        "verifying a.tar, 1.0 MiB of 12.0 MiB");
    assert_string_equal(text("a.tar", 2 * MIB, MIB, 40), "2.0 MiB, 1.0 MiB/s, 10.0s left");
}

/* Redirect standard error to a file. */
static int catch_stderr(FILE *out)
{
    int before = dup(STDERR_FILENO);

    assert_true(before >= 0);
    assert_true(dup2(fileno(out), STDERR_FILENO) >= 0);
    return before;
}

/* Without a terminal, with --progress: a line every 30 s. */
static void test_lines(void **state)
{
    const struct command_args asked = { .progress = true };
    const struct command_args quiet = { .progress = true, .quiet = true };
    const struct command_args plain = { .verbose = 1 };
    char lines[400] = "";
    FILE *out = tmpfile();
    uint64_t now = UINT64_MAX / 2; /* long after the clock's time */
    uint64_t begun = clock_mono();
    size_t len;
    int before;

    (void)state;
    assert_non_null(out);
    before = catch_stderr(out);
    progress_begin(&plain);
    assert_false(progress_due(now));
    progress_show(now, "nobody asked");
    progress_end();
    progress_begin(&quiet);
    assert_false(progress_due(now));
    progress_end();
    progress_begin(&asked);
    assert_true(progress_room() == SIZE_MAX);
    assert_false(progress_due(begun + PROGRESS_LINES - 1));
    assert_true(progress_due(now));
    progress_show(now, "first\033");
    assert_false(progress_due(now + PROGRESS_LINES - 1));
    progress_show(now + PROGRESS_LINES - 1, "too early");
    assert_true(progress_due(now + PROGRESS_LINES));
    progress_show(now + PROGRESS_LINES, "second");
    progress_end();
    progress_show(now + 2 * PROGRESS_LINES, "too late");
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(before);
    rewind(out);
    len = fread(lines, 1, sizeof(lines) - 1, out);
    lines[len] = '\0';
    (void)fclose(out);
    assert_string_equal(lines, "skyarc: status: first\\x1b\nskyarc: status: second\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_lines),
    };

    return RUN(tests);
}
