/* SPDX-License-Identifier: MIT */
#include "client/listing.h"

#include "api/kind_tally.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/text.h"
#include "client/identity.h"
#include "redact/redact.h"

#include <stdio.h>
#include <string.h>

const char *listing_name(const struct listed_run *run, unsigned nth)
{
    const char *names[3];
    unsigned count = 0;

    if (run->under[0] || !run->under[1])
        names[count++] = run->id;
    if (run->under[1])
        names[count++] = run->other;
    return nth < count ? names[nth] : NULL;
}

const char *listing_workflow(const struct listed_run *run)
{
    return identity_is_workflow(run->id)      ? run->id
           : identity_is_workflow(run->other) ? run->other
                                              : NULL;
}

void listing_note(struct listed_run *run, const char *word, const char *warning)
{
    unsigned i;

    for (i = 0; i < run->note_count; i++) {
        if (strcmp(run->notes[i], word) == 0)
            return;
    }
    if (run->note_count < LISTED_NOTES)
        run->notes[run->note_count++] = word;
    if (warning)
        log_line(run->listing->calm ? LOG_INFO : LOG_WARNING, "run '%s' %s", run->id, warning);
}

int listing_canonical(struct listing *listing, struct listed_run *run, struct err *err)
{
    const char *before = run->id;
    bool under = run->under[0];
    char *name;
    size_t i;

    if (!identity_is_task(run->id) || !identity_is_workflow(run->other))
        return 0;
    name = region_text(listing->region, run->other, err);
    if (!name)
        return -1;
    (void)snprintf(run->other, sizeof(run->other), "%s", before);
    run->id = name;
    run->under[0] = run->under[1];
    run->under[1] = under;
    for (i = 0; i < listing->count; i++) {
        struct listed_run *child = &listing->runs[i];

        if (child->parent && strcmp(child->parent, before) == 0)
            child->parent = name;
    }
    return 0;
}

int listing_redact(const struct listing *listing, struct buf *out, const struct buf *text,
                   struct err *err)
{
    struct redact what = { secret_peek(listing->api->key), listing->raw, NULL };

    buf_init(out, redact_room(text->len));
    return redact_json(out, buf_text(text), text->len, &what, err);
}

void listed_text_clear(struct listed_text *text)
{
    region_free(text->region);
    *text = (struct listed_text){ 0 };
}

int listed_text_set(struct listed_text *text, const struct listing *listing,
                    const struct buf *from, struct err *err)
{
    struct listed_text made = { region_on(listing->pagefile, err), NULL, from->len };

    if (made.region)
        made.text = region_copy(made.region, buf_text(from), from->len, err);
    if (!made.text) {
        listed_text_clear(&made);
        return -1;
    }
    listed_text_clear(text);
    *text = made;
    return 0;
}

void listing_log(const struct listed_run *run)
{
    if (!run->list_raw && run->list_json.text && run->list_from.count == 1 &&
        !run->list_from.joined)
        request_log_digest(run->listing->callers->log, run->list_from.first, run->list_sha256);
}

int listing_clean(struct listed_run *run, struct err *err)
{
    struct redact what = { secret_peek(run->listing->api->key), run->listing->raw, NULL };
    struct listed_text *text = &run->list_json;
    struct buf clean;
    int rc;

    if (!run->list_raw)
        return 0;
    pagefile_touch(run->listing->pagefile, text->len);
    buf_init(&clean, redact_room(text->len));
    rc = redact_json(&clean, text->text, text->len, &what, err);
    if (rc == 0 && run->list_from.count)
        rc = sha256_of(buf_text(&clean), clean.len, run->list_sha256, err);
    if (rc == 0)
        rc = listed_text_set(text, run->listing, &clean, err);
    buf_clear(&clean);
    run->list_raw = rc < 0;
    return rc;
}

void listing_release(struct listed_run *run)
{
    run_clear(&run->run);
    run_clear(&run->workflow);
    run_clear(&run->session);
    timeline_clear(&run->timeline);
    artifact_list_clear(&run->list);
    record_set_clear(&run->records);
    buf_clear(&run->run_json);
    listed_text_clear(&run->list_json);
    request_refs_clear(&run->run_from);
    request_refs_clear(&run->list_from);
}

size_t listing_cut(struct listing *listing, size_t count, size_t *asked)
{
    size_t cut = 0;

    while (listing->count > count) {
        struct listed_run *run = &listing->runs[--listing->count];

        if (!run->depth) {
            *asked = run->asked;
            cut++;
        }
        listing_release(run);
    }
    return cut;
}

/* Count the types of a requested run and its children; log them, too. */
static void tally_run(const struct listing *listing, size_t root, struct kind_tally *all)
{
    struct kind_tally own = { .count = 0 };
    char types[KIND_TALLY_TEXT];
    size_t i;
    size_t k;

    for (i = root; i < listing->count && listing->runs[i].root == root; i++) {
        const struct artifact_list *list = &listing->runs[i].list;

        for (k = 0; k < list->count; k++) {
            kind_tally_add(&own, list->rows[k].artifact_type);
            kind_tally_add(all, list->rows[k].artifact_type);
        }
    }
    log_line(LOG_INFO, "run '%s' has: %s", listing->runs[root].id,
             kind_tally_text(&own, types));
}

/* If names were asked for, add an example of one to the error. Returns -1. */
static int hint_name(const struct listing *listing, const struct artifact_filter *filter,
                     struct err *err)
{
    const struct redact what = { secret_peek(listing->api->key), false, NULL };
    char shown[128];
    size_t i;
    size_t k;

    for (i = 0; filter->name_count && i < listing->count; i++) {
        const struct artifact_list *list = &listing->runs[i].list;

        for (k = 0; k < list->count; k++) {
            const char *name = artifact_filter_name_of(&list->rows[k]);

            name = path_base(redact_copy(name, &what, list->region));
            return err_hint(err, "a name is, for example, '%s'",
                            text_shown(shown, sizeof(shown), name));
        }
    }
    return -1;
}

int listing_unmatched(const struct listing *listing, const struct artifact_filter *filter,
                      const bool *hit, size_t *unmatched, struct err *err)
{
    const char *example = NULL;
    struct kind_tally tally = { .count = 0 };
    char types[KIND_TALLY_TEXT];
    const char *lacks =
        artifact_filter_has_more(filter) ? "that the filters accept" : "of the types asked for";
    size_t asked = 0;
    size_t i;

    *unmatched = 0;
    for (i = 0; i < listing->count; i++) {
        if (listing->runs[i].failed || listing->runs[i].depth)
            continue;
        asked++;
        if (hit[i])
            continue;
        if (!(*unmatched)++)
            example = listing->runs[i].id;
        tally_run(listing, i, &tally);
    }
    if (!*unmatched || (*unmatched < asked && !artifact_filter_asks(filter))) {
        *unmatched = 0;
        return 0;
    }
    (void)kind_tally_text(&tally, types);
    if (*unmatched == asked && asked == 1)
        (void)err_set(err, ERR_NOT_FOUND, "run '%s' has no artifact %s; the run has: %s",
                      example, lacks, types);
    else if (*unmatched == asked)
        (void)err_set(err, ERR_NOT_FOUND,
                      "none of the %zu runs has an artifact %s; the runs have: %s", asked,
                      lacks, types);
    if (*unmatched == asked)
        return hint_name(listing, filter, err);
    if (*unmatched == 1)
        log_line(LOG_WARNING, "run '%s' has no artifact %s; the run has: %s", example, lacks,
                 types);
    else
        log_line(LOG_WARNING, "%zu of %zu runs have no artifact %s; these runs have: %s",
                 *unmatched, asked, lacks, types);
    return 0;
}
