/* SPDX-License-Identifier: MIT */
#include "copy/copy_plan.h"

#include "api/artifact_filter.h"
#include "base/path.h"
#include "base/text.h"
#include "format/manifest_rewrite.h"
#include "format/payload_path.h"
#include "format/tagfile.h"
#include "reader/fetchone.h"

#include <string.h>

#define FILES_MAX ((size_t)1 << 26)

/* The rules' conditions, made once. */
struct selection {
    struct artifact_filter removes[RULES_MAX];
    struct kind_filter paths[RULES_MAX];
    struct kind_filter keep;
    struct kind_filter opaque; /* types that cannot be masked */
};

static int add_types(struct kind_filter *filter, const struct rules_list *list, struct err *err)
{
    size_t i;

    for (i = 0; i < list->count; i++) {
        const char *unknown;

        if (kind_filter_add(filter, list->at[i], false, &unknown, err) < 0)
            return -1;
        if (unknown)
            return err_set(err, ERR_USAGE, "'%.60s' is no artifact type or group", unknown);
    }
    return 0;
}

static int add_remove(struct artifact_filter *filter, const struct rules_remove *remove,
                      struct err *err)
{
    size_t i;

    if (add_types(&filter->kinds, &remove->types, err) < 0)
        return -1;
    for (i = 0; i < remove->names.count; i++) {
        if (artifact_filter_name(filter, remove->names.at[i], err) < 0)
            return -1;
    }
    for (i = 0; i < remove->steps.count; i++) {
        if (artifact_filter_steps(filter, remove->steps.at[i], err) < 0)
            return -1;
    }
    return 0;
}

static int select_init(struct selection *s, const struct rules *rules, struct err *err)
{
    static const struct rules_list opaque = { { "recordings", "trace", "bundles" }, 3 };
    size_t i;

    for (i = 0; i < rules->remove_count; i++) {
        if (add_remove(&s->removes[i], rules->removes[i], err) < 0)
            return -1;
    }
    for (i = 0; i < rules->path_count; i++) {
        if (add_types(&s->paths[i], &rules->paths[i]->types, err) < 0)
            return -1;
    }
    return add_types(&s->keep, &rules->keep, err) < 0 ? -1
                                                      : add_types(&s->opaque, &opaque, err);
}

static void select_clear(struct selection *s)
{
    size_t i;

    for (i = 0; i < RULES_MAX; i++) {
        artifact_filter_clear(&s->removes[i]);
        kind_filter_clear(&s->paths[i]);
    }
    kind_filter_clear(&s->keep);
    kind_filter_clear(&s->opaque);
}

/* The group of a content. */
static struct copy_group *find_group(struct copy_plan *plan, const uint8_t *sha256, bool kept,
                                     struct err *err)
{
    struct copy_group *group = hashmap_get(plan->by_digest, sha256, SHA256_SIZE);

    if (group) {
        group->kept = group->kept && kept;
        return group;
    }
    group = region_take(plan->region, sizeof(*group), err);
    if (!group)
        return NULL;
    memset(group, 0, sizeof(*group));
    group->removed = COPY_PLAN_STAYS;
    group->kept = kept;
    return hashmap_add(plan->by_digest, sha256, SHA256_SIZE, group, err) < 0 ? NULL : group;
}

/* Add a file of the manifest. */
static struct copy_file *add(struct copy_plan *plan, struct json_value row, const char *path,
                             struct err *err)
{
    struct copy_file *file = region_take(plan->region, sizeof(*file), err);
    const char *sha256 = json_text(row, "sha256", plan->region);

    if (!file || mem_room(&plan->files, &plan->cap, plan->count, sizeof(struct copy_file *),
                          FILES_MAX, err) < 0)
        return NULL;
    *file = (struct copy_file){
        .row = row, .path = path, .new_path = path, .spot = { SPOT_NONE, SPOT_NONE, 0 }
    };
    if (!sha256 || text_unhex(file->sha256, SHA256_SIZE, sha256) < 0 ||
        !json_u64(json_get(row, "size"), &file->size) ||
        hashmap_get(plan->by_path, path, strlen(path))) {
        (void)err_set(err, ERR_FORMAT, "the manifest has an invalid row for '%.200s'", path);
        return NULL;
    }
    if (hashmap_add(plan->by_path, path, strlen(path), file, err) < 0)
        return NULL;
    plan->files[plan->count++] = file;
    return file;
}

/* Apply the rules that leave files out, and those for paths. */
static void select_artifact(const struct copy_plan *plan, const struct selection *s,
                            struct copy_file *file)
{
    const struct rules *rules = plan->rules;
    const struct artifact_facts facts = {
        .type = file->type,
        .name = file->path,
        .other_name = json_text(file->row, "uri", plan->region),
        .step_id = json_text(file->row, "step_id", plan->region),
        .uri = json_text(file->row, "uri", plan->region),
        .created_at = json_text(file->row, "created_at", plan->region),
        .size = file->size,
        .sized = true,
    };
    size_t i;

    for (i = 0; i < rules->remove_count && file->group->removed == COPY_PLAN_STAYS; i++) {
        if (artifact_filter_match(&s->removes[i], &facts))
            file->group->removed = rules->removes[i]->rule;
    }
    for (i = 0; i < rules->path_count; i++) {
        if (kind_filter_match(&s->paths[i], file->type))
            file->group->paths |= UINT64_C(1) << i;
    }
}

static int read_artifacts(struct copy_plan *plan, const struct selection *s, struct err *err)
{
    struct json_value list = json_get(json_root(plan->doc), "artifacts");
    struct json_value v = { 0 };
    uint64_t number = 0;

    while ((v = json_next(list, v)).doc) {
        const char *path = json_text(v, "path", plan->region);
        struct copy_file *file;
        bool kept;

        if (!path)
            return err_set(err, ERR_FORMAT, "the manifest has an artifact without a path");
        file = add(plan, v, path, err);
        if (!file)
            return -1;
        file->number = number++;
        file->run_id = json_text(v, "run_id", plan->region);
        file->type = json_text(v, "artifact_type", plan->region);
        file->media_type = json_text(v, "media_type", plan->region);
        (void)json_bool(json_get(v, "link"), &file->link);
        kept = kind_filter_narrows(&s->keep) && kind_filter_match(&s->keep, file->type);
        file->group = find_group(plan, file->sha256, kept, err);
        if (!file->group)
            return -1;
        select_artifact(plan, s, file);
        if (file->group->removed == COPY_PLAN_STAYS && !kept && file->type &&
            kind_filter_match(&s->opaque, file->type))
            file->group->removed = RULE_UNMASKABLE;
    }
    return 0;
}

static int read_documents(struct copy_plan *plan, struct err *err)
{
    struct json_value list = json_get(json_root(plan->doc), "documents");
    struct json_value v = { 0 };
    uint64_t number = 0;
    size_t i;

    for (; (v = json_next(list, v)).doc; number++) {
        const char *path = json_text(v, "path", plan->region);
        struct copy_file *file;

        if (!path || tagfile_is_view(path)) /* the copy has a view of its own */
            continue;
        file = add(plan, v, path, err);
        if (!file)
            return -1;
        file->number = number;
        file->document = true;
        file->lists = path_ends(path, "/" TAGFILE_LIST);
        file->group = find_group(plan, file->sha256, false, err);
        if (!file->group)
            return -1;
        if (!payload_path_is(path)) /* about the making of the original */
            file->group->removed = RULE_UNMASKABLE;
        for (i = 0; i < plan->rules->path_count; i++) {
            if (!plan->rules->paths[i]->types.count)
                file->group->paths |= UINT64_C(1) << i;
        }
    }
    return 0;
}

int copy_plan_check(const struct rules *rules, struct err *err)
{
    struct selection *s = mem_new(sizeof(*s), err);
    int rc = s ? select_init(s, rules, err) : -1;

    if (s)
        select_clear(s);
    mem_free(s);
    return rc;
}

int copy_plan_load(struct copy_plan *plan, const char *archive, const struct rules *rules,
                   struct err *err)
{
    struct selection *s = mem_new(sizeof(*s), err);
    int rc = -1;

    *plan = (struct copy_plan){ .rules = rules };
    buf_init(&plan->text, MANIFEST_REWRITE_MAX);
    plan->region = region_new(err);
    plan->by_path = hashmap_new(err);
    plan->by_digest = hashmap_new(err);
    if (s && plan->region && plan->by_path && plan->by_digest &&
        select_init(s, rules, err) == 0 &&
        fetchone_manifest(archive, &plan->text, &plan->doc, err) == 0 &&
        read_documents(plan, err) == 0)
        rc = read_artifacts(plan, s, err);
    if (s)
        select_clear(s);
    mem_free(s);
    return rc;
}

struct copy_file *copy_plan_find(const struct copy_plan *plan, const char *path)
{
    return hashmap_get(plan->by_path, path, strlen(path));
}

bool copy_plan_stays(const struct copy_file *file)
{
    return file->group->removed == COPY_PLAN_STAYS;
}

void copy_plan_clear(struct copy_plan *plan)
{
    mem_free(plan->files);
    hashmap_free(plan->by_digest);
    hashmap_free(plan->by_path);
    json_free(plan->doc);
    region_free(plan->region);
    buf_clear(&plan->text);
    *plan = (struct copy_plan){ .rules = NULL };
}
