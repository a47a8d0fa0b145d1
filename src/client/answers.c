/* SPDX-License-Identifier: MIT */
#include "client/answers.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "client/identity.h"

#include <errno.h>
#include <string.h>

const enum endpoint answers_endpoints[QUESTIONS] = {
    [ASK_WORKFLOW] = ENDPOINT_WORKFLOW_RUN,
    [ASK_TIMELINE] = ENDPOINT_TIMELINE,
    [ASK_TASK_V2] = ENDPOINT_TASK_V2,
    [ASK_WORKFLOW_TIMELINE] = ENDPOINT_WORKFLOW_TIMELINE,
    [ASK_SESSION] = ENDPOINT_SESSION,
};

/* The reason for an error of the run's record or list. */
static enum reason reason_of(const struct err *err)
{
    if (err->os == ETIMEDOUT)
        return REASON_TIMEOUT;
    switch (err->kind) {
    case ERR_NOT_FOUND:
        return REASON_RUN_NOT_FOUND;
    case ERR_DENIED:
        return REASON_DENIED;
    case ERR_FORMAT:
        return REASON_BAD_ANSWER;
    case ERR_LIMIT:
        return REASON_TOO_LARGE;
    case ERR_HTTP:
        return err->http >= 500 ? REASON_SERVER_ERROR : REASON_HTTP_ERROR;
    case ERR_NONE:
    case ERR_USAGE:
    case ERR_SYSTEM:
    case ERR_MEMORY:
    case ERR_NET:
    case ERR_MISMATCH:
    case ERR_EXISTS:
    case ERR_BUSY:
    case ERR_CANCELLED:
        break;
    }
    return REASON_NETWORK_ERROR;
}

void answers_fail(const struct answers *a, struct listed_run *run, const struct err *why,
                  const char *what)
{
    if (run->failed)
        return;
    run->failed = true;
    run->err = *why;
    run->reason = reason_of(why);
    if (why->kind == ERR_NOT_FOUND)
        (void)err_set(&run->err, ERR_NOT_FOUND, "run '%s' is unknown to %s", run->id,
                      a->calls[ASK_RUN].request.host);
    else
        (void)err_wrap(&run->err, "cannot %s of run '%s'", what, run->id);
    run->err.http = why->http;
}

/* Store a list, redacted now or, if the listing is lazy, later by listing_clean. */
static int keep_list(struct listed_run *run, struct listed_text *text, struct err *err)
{
    listed_text_clear(&run->list_json);
    run->list_json = *text;
    *text = (struct listed_text){ 0 };
    run->list_raw = true;
    return run->listing->lazy ? 0 : listing_clean(run, err);
}

int answers_list(struct answers *a, unsigned nth, const struct listing *listing,
                 struct call *call, struct err *err)
{
    int rc = artifact_list_parse_on(listing->pagefile, &a->lists[nth], buf_text(&call->body),
                                    call->body.len, err);

    if (rc == 0)
        rc = listed_text_set(&a->texts[nth], listing, &call->body, err);
    buf_clear(&call->body);
    return rc;
}

/* A stored text as a buffer, which is only read. */
static struct buf peek(const struct listed_text *text)
{
    return (struct buf){ .data = (char *)(uintptr_t)text->text, .len = text->len };
}

/* Whether an ID (may be NULL) is one of the run's names. */
static bool is_name(const struct listed_run *run, const char *id)
{
    return id && (strcmp(id, run->id) == 0 || strcmp(id, run->other) == 0);
}

/* Whether a row has one of the run's names. */
static bool is_named(const struct listed_run *run, const struct artifact *row)
{
    return is_name(run, row->run_id) || is_name(run, row->workflow_run_id) ||
           is_name(run, row->task_id);
}

/* The name of the workflow run that a row has; NULL: none. */
static const char *workflow_of(const struct artifact *row)
{
    if (row->run_id && identity_is_workflow(row->run_id))
        return row->run_id;
    return row->workflow_run_id && identity_is_workflow(row->workflow_run_id)
               ? row->workflow_run_id
               : NULL;
}

/*
 * The name that a list itself gives to the workflow run of a task v2 whose other name is not
 * known: by the first row that has the task's name, too, or else by the first row; NULL: none.
 */
static const char *listed_name(const struct artifact_list *list, const struct listed_run *run)
{
    const char *first = NULL;
    size_t i;

    for (i = 0; i < list->count; i++) {
        const char *name = workflow_of(&list->rows[i]);

        if (name && is_named(run, &list->rows[i]))
            return name;
        first = first ? first : name;
    }
    return first;
}

/*
 * Whether a row belongs to another run.
 *
 * name  as from listed_name: used if the other name of a task v2 is not known
 */
static bool is_of_other_run(const struct listed_run *run, const struct artifact *row,
                            const char *name)
{
    const char *workflow = workflow_of(row);

    if (is_named(run, row))
        return false;
    if (identity_is_plain_task(run->id) && row->task_id)
        return true;
    if (!row->run_id && !row->workflow_run_id)
        return false;
    if (!identity_is_task(run->id) || *run->other)
        return true;
    if (row->run_id && strncmp(row->run_id, "tsk_", 4) == 0)
        return true;
    return workflow && strcmp(workflow, name) != 0;
}

int answers_judge_list(const struct artifact_list *list, const struct listed_run *run,
                       struct err *err)
{
    const char *name = listed_name(list, run);
    char id[128];
    size_t i;

    if (list->broken)
        return err_set(err, ERR_FORMAT, "%zu row%s no artifact_id, or one that is too long",
                       list->broken, list->broken == 1 ? " has" : "s have");
    if (list->unread)
        return err_set(err, ERR_FORMAT,
                       "%zu row%s an artifact_type, file_size, checksum or modified_at that "
                       "cannot be read",
                       list->unread, list->unread == 1 ? " has" : "s have");
    if (list->misnamed)
        return err_set(err, ERR_FORMAT, "%zu row%s a run_id that is not an ID", list->misnamed,
                       list->misnamed == 1 ? " has" : "s have");
    for (i = 0; i < list->count; i++) {
        const struct artifact *row = &list->rows[i];

        if (is_of_other_run(run, row, name))
            return err_set(err, ERR_FORMAT, "artifact '%s' in the list belongs to another run",
                           text_shown(id, sizeof(id), row->artifact_id));
    }
    return 0;
}

/* Reject records that name files, by their URLs or IDs, in a way that cannot be read. */
static int judge_files(const struct listed_run *run, struct err *err)
{
    size_t unread = run->run.unread + run->workflow.unread + run->session.unread;

    return unread ? err_set(err, ERR_FORMAT, "%zu file%s that it names cannot be read", unread,
                            text_plural(unread))
                  : 0;
}

/* Reject a record that belongs to another run. */
static int judge_record(const struct listed_run *run, struct err *err)
{
    const struct run *record = &run->run;
    const char *name = record->run_id ? record->run_id : record->task_id;
    char id[128];

    if (record->misnamed)
        return err_set(err, ERR_FORMAT, "the record has a run_id that is not an ID");
    if (name && !is_name(run, name) && !identity_pair(run->id, name))
        return err_set(err, ERR_FORMAT, "the record belongs to run '%s'",
                       text_shown(id, sizeof(id), name));
    return 0;
}

/* Store the run's record: its own, or that of its workflow run if it has none. */
static int settle_record(struct answers *a, struct listed_run *run, struct err *err)
{
    enum question from = ASK_RUN;

    if (!a->good[ASK_RUN]) {
        if (a->calls[ASK_RUN].err.kind != ERR_NOT_FOUND || !a->good[ASK_WORKFLOW]) {
            answers_fail(a, run, &a->calls[ASK_RUN].err, "read the record");
            return 0;
        }
        from = ASK_WORKFLOW;
        if (run_parse(&run->run, buf_text(&a->calls[from].body), a->calls[from].body.len, err) <
            0)
            return -1;
    }
    if (from == ASK_RUN && !run->run.run_id && !run->run.status && !run->run.misnamed)
        return err_set(err, ERR_FORMAT, "the record has neither run_id nor status");
    if (judge_record(run, err) < 0)
        return -1;
    if (listing_redact(run->listing, &run->run_json, &a->calls[from].body, err) < 0)
        return -1;
    request_refs_add(&run->run_from, a->calls[from].logged);
    request_log_clean(run->listing->callers->log, a->calls[from].logged,
                      buf_text(&run->run_json), run->run_json.len);
    return 0;
}

/* Note the requests whose lists are joined, and log the digest of each. */
static void note_joined(const struct answers *a, struct listed_run *run)
{
    size_t i;

    run->list_from.joined = true;
    for (i = 0; i < 2; i++) {
        if (a->texts[i].len)
            request_refs_add(&run->list_from, a->calls[i ? ASK_OTHER_LIST : ASK_LIST].logged);
    }
    for (i = 0; i < a->unlisted.from.count; i++)
        request_refs_add(&run->list_from, request_refs_at(&a->unlisted.from, i));
    answers_log(a, run->listing);
}

/* Merge the lists into one. */
static int settle_lists(struct answers *a, struct listed_run *run, struct err *err)
{
    unsigned one = a->lists[0].count || !a->lists[1].count ? 0 : 1;
    const struct buf texts[2] = { peek(&a->texts[0]), peek(&a->texts[1]) };
    const struct buf *const bodies[2] = { &texts[0], &texts[1] };
    struct listing *listing = run->listing;
    struct buf joined;
    int rc;

    if (answers_judge_list(&a->lists[0], run, err) < 0 ||
        answers_judge_list(&a->lists[1], run, err) < 0)
        return -1;
    run->under[0] = a->lists[0].count > 0;
    run->under[1] = a->lists[1].count > 0;
    run->wide = a->wide[0] && (!a->asked[ASK_OTHER_LIST] || a->wide[1]);
    if ((!run->under[0] || !run->under[1]) && !a->unlisted.body_count) {
        run->list = a->lists[one];
        a->lists[one] = (struct artifact_list){ 0 };
        request_refs_add(&run->list_from, a->calls[one ? ASK_OTHER_LIST : ASK_LIST].logged);
        return keep_list(run, &a->texts[one], err);
    }
    note_joined(a, run);
    buf_init(&joined, JSON_TEXT_MAX);
    rc = unlisted_join(&a->unlisted, &joined, bodies, 2, err);
    if (rc == 0)
        rc = artifact_list_parse_on(listing->pagefile, &run->list, buf_text(&joined),
                                    joined.len, err);
    if (rc == 0)
        rc = listed_text_set(&a->texts[0], listing, &joined, err);
    if (rc == 0)
        rc = keep_list(run, &a->texts[0], err);
    buf_clear(&joined);
    return rc;
}

/* Store the records other than the run's own, and why they are missing. */
static int settle_records(struct answers *a, struct listed_run *run, struct err *err)
{
    struct records *r = run->listing->records;
    struct record_set *set = &run->records;
    int what;

    for (what = ASK_WORKFLOW; what < QUESTIONS; what++) {
        const struct call *call = &a->calls[what];
        enum endpoint as =
            what == ASK_WORKFLOW_TIMELINE ? ENDPOINT_TIMELINE : answers_endpoints[what];
        struct request_refs from = { 0 };
        const struct record_answer answer = { buf_text(&call->body), call->body.len, &from };
        int rc = 0;

        if (!a->asked[what] || !records_want(r, as) ||
            (what == ASK_TIMELINE && a->good[ASK_WORKFLOW_TIMELINE]))
            continue;
        request_refs_add(&from, call->logged);
        if (a->verdicts[what] == ENDPOINT_GOOD)
            rc = records_keep(r, set, as, NULL, &answer, err);
        else
            rc = records_lack(set, as, NULL, a->verdicts[what], &call->err, err);
        if (rc < 0)
            return -1;
    }
    return 0;
}

int answers_timeline(struct answers *a, struct listed_run *run, struct err *err)
{
    enum question what = a->good[ASK_TIMELINE] ? ASK_TIMELINE : ASK_WORKFLOW_TIMELINE;
    const struct buf *text = &a->calls[what].body;
    struct err why;

    if (!a->good[what] || run->timeline.region ||
        timeline_parse(&run->timeline, buf_text(text), text->len, run->id,
                       *run->other ? run->other : NULL, &why) == 0)
        return 0;
    if (why.kind == ERR_MEMORY) {
        *err = why;
        return -1;
    }
    a->good[what] = false;
    a->calls[what].err = why;
    a->verdicts[what] = ENDPOINT_FAILED;
    log_line(LOG_WARNING, "cannot read the timeline of run '%s': %s", run->id, why.text);
    return 0;
}

/* Copy the attempts from the workflow run's record, since a task v2's record has none. */
static void settle_attempts(struct listed_run *run)
{
    struct run *to = &run->run;
    const struct run *from = &run->workflow;

    if (to->retry_told || !from->retry_told)
        return;
    to->retry_pending = from->retry_pending;
    to->next_attempt_at = from->next_attempt_at;
    to->attempts = from->attempts;
    to->attempt_count = from->attempt_count;
}

/*
 * Note that a run has no artifacts if the request for its other name, under which they may be
 * listed, failed.
 */
static void note_other_lost(const struct answers *a, struct listed_run *run)
{
    enum question what = identity_is_task(run->id) ? ASK_TASK_V2 : ASK_WORKFLOW;

    if (*run->other || run->list.count || !run_is_completed(run->run.status) ||
        run->timeline.child_count || !a->asked[what] ||
        (a->verdicts[what] != ENDPOINT_FAILED && a->verdicts[what] != ENDPOINT_DENIED))
        return;
    log_line(
        LOG_WARNING,
        "run '%s' is completed but has no artifacts under this ID, and its other ID cannot "
        "be looked up: %s",
        run->id, a->calls[what].err.text);
    run->other_lost = true;
    listing_note(run, RUN_NOTE_EMPTY, NULL);
}

/* Fail if the other name of a run is not known because a request for it failed. */
static void settle_names(const struct answers *a, struct listed_run *run)
{
    static const enum question asked[] = { ASK_TASK_V2, ASK_WORKFLOW, ASK_TIMELINE };
    size_t i;

    for (i = 0; !*run->other && i < sizeof(asked) / sizeof(*asked); i++) {
        enum endpoint_verdict verdict = a->verdicts[asked[i]];

        if (a->asked[asked[i]] && (verdict == ENDPOINT_FAILED || verdict == ENDPOINT_DENIED))
            answers_fail(a, run, &a->calls[asked[i]].err, "look up the other ID");
    }
}

int answers_settle(struct answers *a, struct listed_run *run, struct err *err)
{
    struct err why;

    err_clear(&why);
    if (run->listing->names) {
        if (settle_record(a, run, &why) < 0)
            answers_fail(a, run, &why, "read the record");
        else if (!run->failed)
            settle_names(a, run);
        settle_attempts(run);
        return 0;
    }
    if (settle_record(a, run, &why) < 0 || (!run->failed && judge_files(run, &why) < 0))
        answers_fail(a, run, &why, "read the record");
    else if (!run->failed && settle_lists(a, run, &why) < 0)
        answers_fail(a, run, &why, "list the artifacts");
    if (run->failed)
        return 0;
    settle_attempts(run);
    if (answers_timeline(a, run, err) < 0)
        return -1;
    note_other_lost(a, run);
    return settle_records(a, run, err);
}

void answers_log(const struct answers *a, const struct listing *listing)
{
    struct request_log *log = listing->callers->log;
    size_t i;

    for (i = 0; log && i < QUESTIONS; i++) {
        const struct call *call = &a->calls[i];
        const struct listed_text *list = i == ASK_LIST         ? &a->texts[0]
                                         : i == ASK_OTHER_LIST ? &a->texts[1]
                                                               : NULL;

        if (list && list->text)
            request_log_answer(log, call->logged, list->text, list->len);
        else if (!list && a->asked[i] && call->body.len && !call->request.err.kind &&
                 call->request.status < 300)
            request_log_answer(log, call->logged, buf_text(&call->body), call->body.len);
    }
}

void answers_clear(struct answers *a)
{
    size_t i;

    for (i = 0; i < QUESTIONS; i++)
        call_clear(&a->calls[i]);
    unlisted_clear(&a->unlisted);
    artifact_list_clear(&a->lists[0]);
    artifact_list_clear(&a->lists[1]);
    listed_text_clear(&a->texts[0]);
    listed_text_clear(&a->texts[1]);
}
