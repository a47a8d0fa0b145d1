/* SPDX-License-Identifier: MIT */
/*
 * From an artifact list to a plan: bundles, joined items, and names that are safe and unique.
 */
#include "api/artifact.h"
#include "api/expiry.h"
#include "api/kind.h"
#include "api/run.h"
#include "api/timeline.h"
#include "base/clock.h"
#include "base/hashmap.h"
#include "base/path.h"
#include "fuzz.h"
#include "writer/entry_names.h"
#include "writer/plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void check_path(const char *path, struct hashmap *seen)
{
    char *lower = strdup(path);
    char *word;
    char *rest = lower;
    char *c;

    for (c = lower; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    FUZZ_CHECK(!hashmap_get(seen, lower, strlen(lower)));
    FUZZ_CHECK(hashmap_add(seen, lower, strlen(lower), seen, NULL) == 0);
    FUZZ_CHECK(strncmp(path, "data/tsk_1/", 11) == 0);
    while ((word = strsep(&rest, "/"))) {
        FUZZ_CHECK(*word && strcmp(word, ".") != 0 && strcmp(word, "..") != 0);
        FUZZ_CHECK(strlen(word) <= 255 && !strpbrk(word, "\\:*?\"<>|%\r\n"));
        FUZZ_CHECK(*word != ' ' && *word != '.' && word[strlen(word) - 1] != ' ' &&
                   word[strlen(word) - 1] != '.');
    }
    free(lower);
}

static void add(struct plan *plan, const struct artifact *a, size_t row)
{
    const struct kind *kind = kind_find(a->artifact_type);
    struct plan_artifact what = { .run_id = "tsk_1",
                                  .artifact_id = a->artifact_id,
                                  .type = a->artifact_type,
                                  .ext = kind ? kind->ext : NULL,
                                  .uri = a->uri,
                                  .bundle_key = a->bundle_key,
                                  .checksum = a->checksum,
                                  .file_size = a->file_size,
                                  .sized = a->sized,
                                  .created_us =
                                      a->created_at ? clock_us(a->created_at) : CLOCK_NONE };
    bool parent = kind && !a->bundle_key && strcmp(kind->group, "bundles") == 0;

    if (a->signed_url)
        (void)expiry_of(a->signed_url);
    if (parent)
        FUZZ_CHECK(plan_parent(plan, &what, 0, row, row % 2, row % 3, NULL) == 0);
    else
        FUZZ_CHECK(plan_add(plan, &what, 0, row, NULL, NULL) == 0);
}

/* The same bytes as a timeline: it yields valid IDs, within the limit. */
static void check_timeline(const char *text, size_t len)
{
    struct region *region = region_new(NULL);
    struct timeline t = { 0 };
    const char *other;
    size_t i;

    if (timeline_parse(&t, text, len, "tsk_v2_1", "wr_1", NULL) == 0) {
        FUZZ_CHECK(t.child_count <= TIMELINE_MAX && t.task_count <= TIMELINE_MAX);
        for (i = 0; i < t.child_count; i++)
            FUZZ_CHECK(run_id_valid(t.children[i]) && strcmp(t.children[i], "wr_1") != 0);
        for (i = 0; i < t.task_count; i++)
            FUZZ_CHECK(run_id_valid(t.tasks[i]));
        FUZZ_CHECK(timeline_other(&other, text, len, "tsk_v2_1", region, NULL) == 0);
        FUZZ_CHECK(!other || run_id_valid(other));
    }
    timeline_clear(&t);
    region_free(region);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct artifact_list list = { 0 };
    struct plan *plan = plan_new(size % 2, NULL);
    struct entry_names *names = entry_names_new(NULL);
    struct hashmap *seen = hashmap_new(NULL);
    size_t i;

    if (artifact_list_parse(&list, (const char *)data, size, NULL) == 0) {
        for (i = 0; i < list.count; i++) {
            if (list.rows[i].bundle_key && list.rows[i].uri)
                FUZZ_CHECK(plan_bundle_row(plan, 0, list.rows[i].uri, list.rows[i].bundle_key,
                                           NULL) == 0);
        }
        for (i = 0; i < list.count; i++)
            add(plan, &list.rows[i], i);
        plan_choose(plan, BUNDLE_AUTO);
        for (i = 0; i < plan_count(plan); i++) {
            const struct item *item = plan_at(plan, i);
            const char *path;

            FUZZ_CHECK(!item->leader || !item->leader->leader);
            path = entry_names_give(names, item, i % 2 ? data : NULL, i % 2 ? size : 0, NULL);
            FUZZ_CHECK(path);
            check_path(path, seen);
        }
    }
    check_timeline((const char *)data, size);
    artifact_list_clear(&list);
    hashmap_free(seen);
    plan_free(plan);
    entry_names_free(names);
    return 0;
}
