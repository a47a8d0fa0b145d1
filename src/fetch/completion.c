/* SPDX-License-Identifier: MIT */
#include "fetch/completion.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "fetch/early.h"
#include "fetch/journal_writer.h"
#include "fetch/tally.h"
#include "writer/unbundle.h"

#include <string.h>

/* How the members of a bundle are currently fetched. */
struct bundle_state {
    bool whole;               /* out of the ZIP */
    const struct item *scout; /* one member is fetched before the others */
};

struct completion {
    struct completion_opts opts;
    struct tasks *tasks;
    struct bundle_state *bundles; /* by index */
    size_t loose;                 /* open tasks that wait for all others: see is_last */
    size_t looked;                /* number of tasks that completion_ahead has seen */
    struct journal_writer journal;
    struct tally tally;
};

/* Plan how the members of all bundles are fetched. */
static int begin_bundles(struct completion *c, struct err *err)
{
    const struct bundle *bundle;

    mem_free(c->bundles);
    c->bundles = mem_array(plan_bundle_count(c->opts.plan), sizeof(*c->bundles), err);
    if (!c->bundles)
        return -1;
    for (bundle = plan_bundles(c->opts.plan); bundle; bundle = bundle->next)
        c->bundles[bundle->index].whole = bundle->whole;
    return 0;
}

struct completion *completion_new(const struct completion_opts *opts, struct err *err)
{
    struct completion *c = mem_new(sizeof(*c), err);

    if (!c)
        return NULL;
    c->opts = *opts;
    c->tasks = c->tally.tasks = opts->tasks;
    c->journal.journal = opts->journal;
    if (begin_bundles(c, err) == 0)
        return c;
    completion_free(c);
    return NULL;
}

void completion_free(struct completion *c)
{
    if (c)
        mem_free(c->bundles);
    mem_free(c);
}

void completion_count(const struct completion *c, size_t *done, size_t *missing)
{
    *done = c->tally.done;
    *missing = c->tally.missing;
}

static void lose(struct completion *c, struct task *task, enum reason reason);

/* Fetch a task whose content no other task brings; after the timeout it is missing instead. */
static void release_task(struct completion *c, struct task *task)
{
    if (tasks_over(c->tasks))
        lose(c, task, REASON_TIMEOUT);
    else
        task_apply(c->tasks, task, TASK_RELEASED);
}

/* Fetch each waiting member of a bundle by its own request. */
static void release_members(struct completion *c, const struct bundle *bundle)
{
    const struct item *item;

    c->bundles[bundle->index].scout = NULL;
    for (item = bundle->members; item; item = item->sibling) {
        struct task *task = tasks_of(c->tasks, item);

        if (task->state == TASK_WAITING)
            release_task(c, task);
    }
}

/* If the ZIP of a bundle is not available, one of its members is fetched first. */
static void send_scout(struct completion *c, const struct bundle *bundle)
{
    struct bundle_state *now = &c->bundles[bundle->index];
    const struct item *item;

    now->whole = false;
    for (item = bundle->members; item && !tasks_over(c->tasks); item = item->sibling) {
        struct task *task = tasks_of(c->tasks, item);

        if (task->state != TASK_WAITING)
            continue;
        now->scout = item;
        release_task(c, task);
        return;
    }
    release_members(c, bundle);
}

static bool is_stored(const struct completion *c, const struct item *item)
{
    return tasks_of(c->tasks, item)->packed.here;
}

/*
 * Whether a bundle's ZIP is fetched by its own row: as planned, if a member is not stored; also
 * if one was kept by a row of the journal that does not prove that no ZIP was stored beside it.
 */
static bool needs_zip(const struct completion *c, const struct bundle *bundle)
{
    const struct item *item;

    for (item = bundle->members; item; item = item->sibling) {
        if (is_stored(c, item) ? tasks_of(c->tasks, item)->packed.unproven : bundle->whole)
            return true;
    }
    return false;
}

/* Whether an item is stored, or another one is fetched for it. */
static bool is_done(const struct completion *c, const struct item *item)
{
    const struct bundle *bundle = item->bundle;

    if ((item->leader && !tasks_of(c->tasks, item)->alone) || is_stored(c, item))
        return true;
    return item->unlisted && !(bundle && needs_zip(c, bundle));
}

/*
 * Mark the items kept from an interrupted attempt as stored; a follower may be kept without its
 * leader, and a leader without a follower, which is then fetched itself.
 */
static void take_before(struct completion *c, const struct task_before *before)
{
    size_t i;

    for (i = 0; before->packed && i < plan_count(c->opts.plan); i++) {
        const struct item *item = plan_at(c->opts.plan, i);
        struct task *task = tasks_of(c->tasks, item);

        task->alone =
            item->leader && before->packed[i].here != before->packed[item->leader->index].here;
        if (!before->packed[i].here)
            continue;
        task->packed = before->packed[i];
        task->outcome = before->outcomes[i];
        tally_stored(&c->tally, task);
    }
}

/*
 * Whether an item waits until no other task is open: the answer may be a ZIP, in which it is
 * known only when all entries that rows name are.
 */
static bool is_last(const struct completion *c, const struct item *item)
{
    return unbundle_is_loose(item) && plan_bundle_count(c->opts.plan) > 0;
}

/*
 * Fetch the items that waited for all other tasks, once these have ended: none of them waits
 * for one of these.
 */
static void release_last(struct completion *c)
{
    size_t i;

    if (c->loose == 0 || tasks_open(c->tasks) > c->loose)
        return;
    c->loose = 0;
    for (i = 0; i < tasks_count(c->tasks); i++) {
        struct task *task = tasks_of(c->tasks, plan_at(c->opts.plan, i));

        if (task->state == TASK_WAITING && !task->item->bundle)
            release_task(c, task);
    }
}

/* Open the task of an item that is not fetched yet. */
static void open_task(struct completion *c, const struct item *item)
{
    if (tasks_of(c->tasks, item)->state != TASK_IDLE || is_done(c, item))
        return;
    (void)task_open(c->tasks, item);
    if (is_last(c, item))
        c->loose++;
    else if (!item->bundle || item->bundle->parent == item)
        release_task(c, tasks_of(c->tasks, item));
}

/* Open the tasks of a complete plan that are not open yet. */
static void open_all(struct completion *c)
{
    const struct bundle *bundle;
    size_t i;

    for (i = 0; i < tasks_count(c->tasks); i++)
        open_task(c, plan_at(c->opts.plan, i));
    for (bundle = plan_bundles(c->opts.plan); bundle; bundle = bundle->next) {
        if (!bundle->whole || is_stored(c, bundle->parent))
            send_scout(c, bundle);
    }
    release_last(c);
}

void completion_begin(struct completion *c, const struct task_before *before)
{
    take_before(c, before);
    open_all(c);
}

void completion_ahead(struct completion *c)
{
    for (; c->looked < tasks_count(c->tasks); c->looked++) {
        const struct item *item = plan_at(c->opts.plan, c->looked);

        if (early_may(item))
            open_task(c, item);
    }
}

int completion_finish(struct completion *c, struct err *err)
{
    if (begin_bundles(c, err) < 0)
        return -1;
    open_all(c);
    return 0;
}

/* The next item that an item stands for, and that has not ended; NULL: there is none. */
static const struct item *next_follower(const struct completion *c, const struct item *item)
{
    do
        item = plan_next_same(item);
    while (item &&
           (tasks_of(c->tasks, item)->alone || tasks_of(c->tasks, item)->state == TASK_ENDED));
    return item;
}

static const struct item *first_follower(const struct completion *c, const struct item *item)
{
    return tasks_of(c->tasks, item)->alone ? NULL : next_follower(c, item);
}

enum reason completion_reason(const struct completion *c, const struct item *item)
{
    const struct task *task = tasks_of(c->tasks, item);

    if (!task->outcome.reason && item->leader && !task->alone) {
        task = tasks_of(c->tasks, item->leader);
        if (task->stand_in)
            task = tasks_of(c->tasks, task->stand_in);
    }
    return task->outcome.reason;
}

/*
 * Release the members that waited for an item; one alone, if the ZIP came and lacks the item.
 */
static void release_bundle(struct completion *c, const struct item *item, enum reason reason)
{
    const struct bundle *bundle = item->bundle;
    const struct bundle_state *now = bundle ? &c->bundles[bundle->index] : NULL;

    if (bundle &&
        (bundle->parent == item ? now->whole
                                : now->scout == item && reason == REASON_NOT_IN_BUNDLE))
        send_scout(c, bundle);
    else if (bundle && now->scout == item)
        release_members(c, bundle);
}

/* Enter an item in the journal. */
static void note(struct completion *c, const struct task *task)
{
    const struct item *item = task->item;
    const struct item *zip = item->bundle ? item->bundle->parent : NULL;

    journal_writer_add(&c->journal, task,
                       zip && zip != item && zip->unlisted && is_stored(c, zip));
}

/* A follower's content is in the archive with that of another task. */
static void join(struct completion *c, struct task *task, const struct task *with)
{
    task->outcome = with->outcome;
    task->outcome.via = VIA_JOINED;
    task->outcome.attempts = 0;
    tally_stored(&c->tally, task);
    note(c, task);
}

/* The task's content is in the archive, and that of its followers if it is identical. */
static void store(struct completion *c, struct task *task)
{
    const struct item *item = first_follower(c, task->item);

    tally_stored(&c->tally, task);
    note(c, task);
    for (; item; item = next_follower(c, item)) {
        struct task *other = tasks_of(c->tasks, item);

        if (item->unlisted || other->packed.here) {
            join(c, other, task);
            continue;
        }
        other->alone = true; /* its content is not identical */
        release_task(c, task_open(c->tasks, item));
    }
}

/* An item was extracted from a ZIP, or is one, that was received for another item. */
static void set_extracted(struct outcome *outcome)
{
    outcome->via = VIA_BUNDLE;
    outcome->reason = REASON_NONE;
    outcome->http_status = 0; /* of its own request */
    outcome->fetched_at = clock_wall();
}

/* Its own request failed, but its content has come. */
static void store_extracted(struct completion *c, struct task *task)
{
    set_extracted(&task->outcome);
    store(c, task);
    release_bundle(c, task->item, REASON_NONE);
}

/*
 * The first follower that may still be fetched; NULL: there is none. Those that are the same
 * entry of a ZIP are lost with the item.
 */
static const struct item *lose_same_entry(struct completion *c, const struct item *item,
                                          enum reason reason)
{
    const struct item *heir = first_follower(c, item);

    if (reason != REASON_NOT_IN_BUNDLE && reason != REASON_BAD_ANSWER)
        return heir;
    for (; heir && item_same_entry(heir, item); heir = next_follower(c, heir)) {
        struct task *task = task_open(c->tasks, heir);

        if (task->packed.here) { /* it brings those behind it */
            store_extracted(c, task);
            return NULL;
        }
        tally_lost(&c->tally, task, reason);
    }
    return heir;
}

/* An item is lost: release the tasks that waited for it. */
static void release_dependents(struct completion *c, const struct item *item,
                               enum reason reason)
{
    const struct item *heir;

    release_bundle(c, item, reason);
    if (tasks_over(c->tasks) || item->unlisted)
        return;
    heir = lose_same_entry(c, item, reason);
    if (!heir)
        return;
    tasks_of(c->tasks, heir->leader)->stand_in = heir;
    release_task(c, task_open(c->tasks, heir));
}

static void lose(struct completion *c, struct task *task, enum reason reason)
{
    const struct plan_artifact *what = &task->item->what;
    struct err err;
    char id[128];

    if (task->packed.here) {
        store_extracted(c, task);
        return;
    }
    tally_lost(&c->tally, task, reason);
    if (!c->opts.strict || task->item->unlisted) {
        release_dependents(c, task->item, reason);
        return;
    }
    (void)err_set(&err, ERR_MISMATCH, "artifact '%s' of run '%s' is missing (%s)",
                  text_shown(id, sizeof(id), what->artifact_id), what->run_id,
                  reason_word(reason));
    (void)err_hint(&err, "without --strict the rest is archived");
    tasks_fail(c->tasks, &err);
}

struct task_step completion_lose(struct completion *c, struct task *task, enum reason reason)
{
    if (task->suspects && !task->any_content && !task->item->unlisted &&
        !tasks_over(c->tasks)) {
        /* its content was suspect; it is kept because there is no better content */
        task->any_content = true;
        task->backoff.failures = 0;
        return task_expire(c->tasks, task);
    }
    lose(c, task, reason);
    release_last(c);
    return TASK_NO_STEP;
}

void completion_flush(struct completion *c, bool all)
{
    journal_writer_flush(&c->journal, all);
}

/*
 * Store the members extracted from a ZIP. The packer answers a member that is RUNNING or
 * PACKING separately; so it will one of whose body a part is kept: it may have begun to pass
 * through.
 */
static void store_members(struct completion *c, const struct bundle *bundle,
                          const struct task *by)
{
    const struct item *item;

    for (item = bundle->members; item; item = item->sibling) {
        struct task *task = tasks_of(c->tasks, item);

        if (!task->packed.here || task->part || task->state == TASK_ENDED ||
            task->state == TASK_RUNNING || (task->state == TASK_PACKING && task != by))
            continue;
        task->outcome.via = VIA_BUNDLE;
        task->outcome.http_status = by->outcome.http_status;
        task->outcome.fetched_at = by->outcome.fetched_at;
        store(c, task);
    }
}

/* A ZIP received as the answer to a member is also kept as a file. */
static void note_zip(struct completion *c, const struct task *by)
{
    const struct item *parent = by->item->bundle->parent;
    struct task *task = parent ? tasks_of(c->tasks, parent) : NULL;

    if (!parent || parent == by->item || !parent->unlisted || !task->packed.here ||
        task->outcome.via)
        return;
    task->outcome = by->outcome;
    note(c, task);
}

/*
 * A member's entry in a ZIP is damaged, or its size, checksum or type is wrong: ask once more.
 */
static void retry_member(struct completion *c, struct task *task)
{
    if (tasks_over(c->tasks)) {
        lose(c, task, REASON_TIMEOUT);
    } else if (task->rechecked && task->any_content) { /* as it was before */
        lose(c, task, REASON_BAD_ANSWER);
    } else {
        task->rechecked = true;
        task->any_content = true;
        task_apply(c->tasks, task, TASK_REQUEUED);
    }
}

/* The ZIP of a bundle was received, by its own row or as the answer to a member. */
static void split(struct completion *c, struct task *task)
{
    const struct bundle *bundle = task->item->bundle;
    bool is_zip = task->state == TASK_PACKING && bundle->parent == task->item;

    if (is_zip)
        store(c, task);
    else
        note_zip(c, task);
    store_members(c, bundle, task);
    if (!is_zip && task->state == TASK_PACKING)
        retry_member(c, task);
    release_members(c, bundle);
}

/* The packer has checked the body of a task that waits for the result. */
static struct task_step answered(struct completion *c, struct task *task, enum pack_event event)
{
    const struct bundle *bundle = task->item->bundle;

    switch (event) {
    case PACK_DONE:
        store(c, task);
        if (bundle && c->bundles[bundle->index].scout == task->item)
            release_members(c, bundle);
        break;
    case PACK_SPLIT:
        split(c, task);
        break;
    case PACK_LACKS:
        note_zip(c, task);
        lose(c, task, REASON_NOT_IN_BUNDLE);
        break;
    case PACK_BROKEN:
        store(c, task);
        if (!task->packed.here) /* the ZIP may still come as the answer to a member */
            task->outcome.via = NULL;
        send_scout(c, bundle);
        break;
    case PACK_MISMATCH:
    case PACK_LENGTH:
    case PACK_SUSPECT:
        return task_refused(c->tasks, task, event);
    case PACK_STORED:
    case PACK_NOTED:
        break;
    }
    return TASK_NO_STEP;
}

/*
 * An item is in the archive, possibly one that was lost: a ZIP received for another member can
 * contain it. Its followers come behind it; after the timeout nobody else opens their tasks.
 */
static void take_stored(struct completion *c, struct task *task, const struct packed *packed)
{
    const struct item *leader = task->item->leader;
    const struct task *first = leader ? tasks_of(c->tasks, leader) : NULL;

    task->packed = *packed;
    if (task->state == TASK_IDLE && first && !task->alone && first->state == TASK_ENDED &&
        first->outcome.via)
        join(c, task, first);
    if (task->state != TASK_ENDED || task->outcome.via || task->item->unlisted)
        return;
    set_extracted(&task->outcome);
    tally_found(&c->tally);
    note(c, task);
}

/* An item that was stored before is noted; the later row of the journal replaces the first. */
static void take_note(struct completion *c, struct task *task, const char *word)
{
    packed_note(&task->packed, word);
    if (task->outcome.via)
        note(c, task);
}

struct task_step completion_result(struct completion *c, const struct pack_result *result)
{
    struct task *task = tasks_of(c->tasks, result->item);
    struct task_step step = TASK_NO_STEP;

    if (result->event == PACK_STORED)
        take_stored(c, task, &result->packed);
    else if (result->event == PACK_NOTED)
        take_note(c, task, result->note);
    else if (task->state == TASK_PACKING)
        step = answered(c, task, result->event);
    release_last(c);
    return step;
}

void completion_expire(struct completion *c)
{
    size_t i;

    tasks_stop(c->tasks);
    c->loose = 0;
    for (i = 0; i < tasks_count(c->tasks); i++) {
        struct task *task = tasks_of(c->tasks, plan_at(c->opts.plan, i));
        const struct bundle *bundle = task->item->bundle;

        if (task->state == TASK_IDLE || task->state == TASK_ENDED ||
            task->state == TASK_PACKING ||
            (task->state == TASK_WAITING && bundle && c->bundles[bundle->index].whole &&
             tasks_of(c->tasks, bundle->parent)->state == TASK_PACKING))
            continue;
        lose(c, task, REASON_TIMEOUT);
    }
    log_line(LOG_WARNING, "timeout reached; %zu artifact%s missing", c->tally.missing,
             c->tally.missing == 1 ? " is" : "s are");
}
