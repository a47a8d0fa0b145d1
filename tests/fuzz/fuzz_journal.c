/* SPDX-License-Identifier: MIT */
/* Reading a journal: incomplete and invalid lines are skipped, and rows are complete. */
#include "fuzz.h"
#include "writer/journal.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST "{\"skyarc_journal\": 1}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const paths[] = { "data/tsk_1/a", "data/tsk_1/b", "" };
    size_t len = sizeof(REQUEST) + size;
    char *text = malloc(len);
    struct journal *journal;
    size_t i;

    FUZZ_CHECK(text);
    (void)memcpy(text, REQUEST "\n", sizeof(REQUEST));
    if (size)
        (void)memcpy(text + sizeof(REQUEST), data, size);
    journal = journal_parse(text, len, REQUEST, "key", NULL);
    free(text); /* rows must not point into it */
    FUZZ_CHECK(journal);
    for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        const struct journal_row *row = journal_find(journal, paths[i]);

        if (row)
            FUZZ_CHECK(strcmp(row->path, paths[i]) == 0 && row->run_id && row->artifact_id &&
                       row->via);
    }
    journal_free(journal, false);
    return 0;
}
