/* SPDX-License-Identifier: MIT */
#include "evidence/verdict.h"

#include "api/run.h"
#include "base/text.h"
#include "catalog/run_state.h"

#include <string.h>

static const struct {
    const char *word;
    const char *meaning;
} words[VERDICTS] = {
    [VERDICT_COMPLETE] = { "complete", "archived, and nothing more is expected" },
    [VERDICT_ARCHIVED] = { "archived", "all that was listed; the service may have more" },
    [VERDICT_INCOMPLETE] = { "incomplete",
                             "something is missing, or an archive is not as it was" },
    [VERDICT_WAITING] = { "waiting", "not archived, since it has not ended" },
    [VERDICT_ABSENT] = { "absent", "in no archive, although it ended" },
    [VERDICT_PRUNED] = { "pruned", "removed on purpose" },
};

const char *verdict_word(enum verdict verdict)
{
    return words[verdict].word;
}

const char *verdict_meaning(enum verdict verdict)
{
    return words[verdict].meaning;
}

bool verdict_is_gap(enum verdict verdict)
{
    return verdict == VERDICT_INCOMPLETE || verdict == VERDICT_ABSENT;
}

/* What is missing of a run, as a text in the region. */
static const char *missing_text(const struct period_run *run, struct region *region,
                                struct err *err)
{
    unsigned long long count = run->missing ? run->missing : run->lost;
    char *text;
    const char *copy;

    if (run->missing)
        text = mem_format(err, "%llu artifact%s missing: %s", count, text_plural(count),
                          run->why ? run->why : "the reason is not known");
    else
        text = mem_format(err, "%llu part%s lost with a volume", count, text_plural(count));
    copy = text ? region_text(region, text, err) : NULL;
    mem_free(text);
    return copy;
}

/* Judge a run that is in no archive. */
static enum verdict judge_absent(const struct verdict_asked *asked, const char **why)
{
    const char *state = asked->run->state ? asked->run->state : "";

    *why = asked->run->reason ? asked->run->reason : "not archived yet";
    if (strcmp(state, RUN_STATE_PRUNED) == 0) {
        *why = asked->prune ? asked->prune : "removed by skyarc prune";
        return VERDICT_PRUNED;
    }
    if (strcmp(state, RUN_STATE_RUNNING) == 0) {
        *why = "it had not ended when the service was asked last";
        return VERDICT_WAITING;
    }
    if (strcmp(state, RUN_STATE_UNDECIDED) == 0) {
        *why = "it is not known yet whether it is of this directory's shard";
        return run_is_terminal(asked->run->status) ? VERDICT_ABSENT : VERDICT_WAITING;
    }
    if (strcmp(state, RUN_STATE_GONE) == 0)
        *why = "the service no longer had it when it was to be archived";
    else if (strcmp(state, RUN_STATE_LOST) == 0)
        *why = "its volume is lost, and the service no longer has it";
    return VERDICT_ABSENT;
}

/* Judge a run that is archived with all that was listed: may there be more? */
static enum verdict judge_state(const struct verdict_asked *asked, const char **why)
{
    const char *state = asked->run->state ? asked->run->state : "";
    const char *reason = asked->run->reason ? asked->run->reason : "";

    *why = NULL;
    if (asked->run->supplements)
        *why = "a supplement: another archive has the rest of it";
    else if (!asked->directory && strcmp(state, RUN_STATE_SEALED) != 0)
        *why = "it had not ended when it was archived";
    else if (strcmp(reason, RUN_STATE_LEFT) == 0)
        *why = "the service no longer had it when it was to be listed again";
    else if (strcmp(reason, RUN_STATE_EMPTY) == 0)
        *why = "the service listed no artifacts";
    else if (!*state)
        *why = "the service was not asked for it since the catalog was made";
    else if (strcmp(state, RUN_STATE_SEALED) != 0)
        *why = "it will be listed again";
    else if (asked->filtered)
        *why = "only the artifacts that a filter accepted were asked for";
    return *why ? VERDICT_ARCHIVED : VERDICT_COMPLETE;
}

int verdict_judge(const struct verdict_asked *asked, enum verdict *verdict, const char **why,
                  struct region *region, struct err *err)
{
    const struct period_run *run = asked->run;

    if (asked->directory && !run->volumes) {
        *verdict = judge_absent(asked, why);
        return 0;
    }
    *verdict = VERDICT_INCOMPLETE;
    *why = NULL;
    if (run->missing || run->lost)
        *why = missing_text(run, region, err);
    else if (asked->faulty)
        *why = "an archive that has it is not as it was";
    else if (asked->flaw)
        *why = asked->flaw;
    else
        *verdict = judge_state(asked, why);
    return *verdict != VERDICT_INCOMPLETE || *why ? 0 : -1;
}
