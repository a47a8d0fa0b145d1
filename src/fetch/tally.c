/* SPDX-License-Identifier: MIT */
#include "fetch/tally.h"

#include "base/log.h"
#include "base/text.h"

void tally_stored(struct tally *tally, struct task *task)
{
    task_apply(tally->tasks, task, TASK_STORED);
    tally->done += !task->item->unlisted;
}

void tally_lost(struct tally *tally, struct task *task, enum reason reason)
{
    const struct plan_artifact *what = &task->item->what;
    char id[128];

    task->outcome.via = NULL;
    task->outcome.reason = reason;
    task_apply(tally->tasks, task, TASK_LOST);
    tally->done += !task->item->unlisted;
    tally->missing += !task->item->unlisted;
    log_line(LOG_INFO, "artifact '%s' (%s) of run '%s' is missing: %s",
             text_shown(id, sizeof(id), what->artifact_id), what->type ? what->type : "no type",
             what->run_id, reason_word(reason));
}

void tally_found(struct tally *tally)
{
    tally->missing--;
}
