/* SPDX-License-Identifier: MIT */
/* Safe names: any input gives a safe component, which a second pass does not change. */
#include "base/path.h"
#include "base/text.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *name = malloc(size + 1);
    char safe[PATH_NAME_MAX + 1];
    char again[PATH_NAME_MAX + 1];
    char shown[300];
    size_t left;
    const char *c;

    memcpy(name, data, size);
    name[size] = '\0';
    (void)path_safe(safe, name);
    FUZZ_CHECK(*safe && strlen(safe) <= PATH_NAME_MAX);
    FUZZ_CHECK(strcmp(path_safe(again, safe), safe) == 0 &&
               path_is_portable(safe, strlen(safe)));
    FUZZ_CHECK(!strpbrk(safe, "/\\:*?\"<>|%\r\n\x7f") && *safe != ' ' && *safe != '.');
    FUZZ_CHECK(safe[strlen(safe) - 1] != ' ' && safe[strlen(safe) - 1] != '.');
    for (c = safe, left = strlen(safe); left;) {
        size_t step = text_utf8_next(c, left);

        FUZZ_CHECK(step);
        c += step;
        left -= step;
    }
    FUZZ_CHECK(path_ext(name) <= name + strlen(name) && path_base(name) >= name);
    (void)text_shown(shown, sizeof(shown), name);
    FUZZ_CHECK(!strpbrk(shown, "\x1b\r\n\t"));
    free(name);
    return 0;
}
