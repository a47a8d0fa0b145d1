/* SPDX-License-Identifier: MIT */
/*
 * task: one artifact to be fetched: its state, and what follows each event.
 *
 * A task's state changes by events alone, as one table allows (task_transition); whatever else
 * a state implies (a place in the queue, the count of open tasks) changes with it. A task is
 * READY until it is started, RUNNING while its body is received, PACKING until the packer has
 * answered, and ENDED when its content is archived or when it is missing (see completion). In
 * between it may be DELAYED, HELD or STALE and become READY again. A task that another one
 * brings the content of is IDLE, or WAITING for its bundle. Nothing here starts a transfer:
 * what the caller has to do next is returned as a struct task_step.
 *
 * Units    milliseconds: monotonic; of the server's clock since 1970 where it says so
 * Errors   the first fatal one is kept: see tasks_failure
 * Owns     its tasks and their queue
 * Threads  the transfer loop
 */
#ifndef PULL_TASK_H
#define PULL_TASK_H

#include "api/fetch_route.h"
#include "api/reason.h"
#include "base/err.h"
#include "client/listing.h"
#include "net/backoff.h"
#include "net/engine.h"
#include "pull/fetch_url.h"
#include "pull/task_queue.h"
#include "pull/url_refresh.h"
#include "writer/packer.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum task_state {
    TASK_IDLE,    /* not opened: another task is fetched in its place, or none need be */
    TASK_WAITING, /* for the ZIP, or the scout, of its bundle */
    TASK_READY,   /* to be started, when it is first in the queue */
    TASK_DELAYED, /* until its retry is due */
    TASK_HELD,    /* until its host may have one more transfer */
    TASK_STALE,   /* until its run is listed again, which gives it a fresh URL */
    TASK_RUNNING, /* its body is being received */
    TASK_PACKING, /* its body is with the packer, which will answer */
    TASK_ENDED,   /* its content is archived, or it is missing */
    TASK_STATES
};

enum task_event {
    TASK_OPENED,    /* it is to be fetched */
    TASK_RELEASED,  /* nothing else will bring it */
    TASK_DUE,       /* its delay is over */
    TASK_ADMITTED,  /* its host may have one more transfer */
    TASK_LIMITED,   /* its host may have no more transfers */
    TASK_STARTED,   /* a request for it is under way */
    TASK_BACKOFF,   /* its attempt failed: again after a delay */
    TASK_REQUEUED,  /* again, at once: by another route or URL, or with a fresh body */
    TASK_EXPIRED,   /* its URL cannot be used any more */
    TASK_REFRESHED, /* its run was listed again */
    TASK_RECEIVED,  /* its whole body went to the packer */
    TASK_STORED,    /* its content is in the archive */
    TASK_LOST,      /* it will not come */
    TASK_ABORTED,   /* the pull has failed */
    TASK_EVENTS
};

/* The state that follows; TASK_STATES: the event cannot happen in this state. */
enum task_state task_transition(enum task_state state, enum task_event event);

/* What the manifest names for content that no request of its own fetched; else a
 * fetch_route_name. */
#define VIA_JOINED "joined" /* the body of an identical artifact */
#define VIA_BUNDLE "bundle" /* a bundle's ZIP */

/* What became of an item; the same index as in the plan. */
struct outcome {
    const char *via;    /* NULL: it did not come */
    enum reason reason; /* then: why */
    long http_status;
    unsigned attempts;
    int64_t fetched_at;
};

/* What an interrupted attempt has left, by the plan's index; NULL: nothing. */
struct task_before {
    const struct outcome *outcomes;
    const struct packed *packed; /* here: of what is kept */
};

struct part;

struct task {
    const struct item *item;
    struct outcome outcome;
    struct packed packed;        /* as the packer told */
    bool alone;                  /* it is not what its leader is, and stands for itself */
    const struct item *stand_in; /* of a leader that is lost: who of its followers is fetched */
    enum task_state state;       /* set by task_apply alone */
    struct task_entry entry;
    struct fetch_url url;
    enum fetch_route route;
    struct backoff backoff;
    unsigned refreshes;     /* lists fetched again for it */
    bool url_replaced;      /* while RUNNING: url is newer than the one in use */
    unsigned suspects;      /* times that its content could not be what its type says */
    bool any_content;       /* no other route is left: content is kept as it comes */
    bool has_other_route;   /* while RUNNING: for the case that its content is suspect */
    bool rechecked;         /* fetched twice already for its checksum */
    unsigned wrong_lengths; /* times that its announced length was wrong */
    unsigned excused;       /* attempts that ended because we had not read for long */
    enum reason gave_out;   /* why the last retry of its URL failed, which may pass; ... */
    long gave_out_status;   /* ... and with which HTTP status */

    /* transfer.c's */
    struct part *part;   /* what is here of a body that broke off */
    enum task_rank rank; /* by that part */
    uint64_t spent;      /* milliseconds that its former attempts have taken */
};

/* What the caller has to do next for a task. */
enum task_action {
    TASK_DO_NOTHING,
    TASK_DO_REFRESH, /* list its run again, and give the list to tasks_refreshed */
    TASK_DO_LOCAL,   /* read its file under --local-root: task_local, or task_local_failed */
    TASK_DO_LOSE,    /* discard what is here of its body, then completion_lose */
};

struct task_step {
    enum task_action action;
    enum reason reason; /* why it is missing, unless the action helps */
};

#define TASK_NO_STEP ((struct task_step){ TASK_DO_NOTHING, REASON_NONE })

/* How an attempt to receive a task's body went. */
struct task_attempt {
    const struct request *request;
    struct fetch_route_verdict verdict;
    uint64_t kept;  /* bytes that it has added to what is here */
    uint64_t pause; /* the longest time that we have not read */
    uint32_t dice;
};

struct tasks_opts {
    const struct api *api;
    struct engine *engine;
    const struct listing *listing;
    const struct plan *plan;
    unsigned retries;
    uint64_t deadline; /* no retry after this; UINT64_MAX: none */
    bool local;        /* there is a --local-root */
};

/* All tasks of a plan. */
struct tasks;

/* A task for each item of the plan; what opts points to is lent until tasks_free. */
struct tasks *tasks_new(const struct tasks_opts *opts, struct err *err) MUST_CHECK;

/* Free the tasks; their parts must have been discarded. NULL is fine. */
void tasks_free(struct tasks *tasks);

/* Tell of an event that can happen in the task's state, which is then the next one. */
void task_apply(struct tasks *tasks, struct task *task, enum task_event event);

/*
 * Open the task of an item: it is WAITING, to be released when nothing else brings its content.
 */
struct task *task_open(struct tasks *tasks, const struct item *item);

/* The task of an item, lent until tasks_free. */
struct task *tasks_of(const struct tasks *tasks, const struct item *item);

/* The list's row of a task's item, lent by the listing. */
const struct artifact *task_artifact(const struct tasks *tasks, const struct task *task);

/* How many tasks are open: neither IDLE nor ENDED. */
size_t tasks_open(const struct tasks *tasks);

/* Whether the time is up: then nothing is started any more. */
bool tasks_over(const struct tasks *tasks);

/* The first fatal failure; NULL: there is none. */
const struct err *tasks_failure(const struct tasks *tasks);

/* Keep a fatal failure, unless there is one. */
void tasks_fail(struct tasks *tasks, const struct err *err);

/* Ready what is due; gives when the next task is (UINT64_MAX: none is delayed). */
uint64_t tasks_release_due(struct tasks *tasks, uint64_t now);

/*
 * Ready held tasks whose hosts have room, at most `most`; gives when to come again, likewise.
 */
uint64_t tasks_release_held(struct tasks *tasks, uint64_t now, unsigned most);

/* The ready task that is first in the queue; NULL: none, or there is no use in starting one. */
struct task *tasks_first(const struct tasks *tasks);

/* The origin that the task's next request goes to; NULL when it has none. */
struct origin *task_origin(const struct tasks *tasks, const struct task *task);

/*
 * Whether a ready task's URL has to be refreshed before it is used.
 *
 * listing  its run is being listed
 * now      by the server's clock
 */
bool task_needs_refresh(const struct tasks *tasks, const struct task *task, bool listing,
                        int64_t now);

/* Mark a task's URL as unusable; the step is to refresh it. */
struct task_step task_expire(struct tasks *tasks, struct task *task);

/* Have a ready task wait for its host. */
int task_hold(struct tasks *tasks, struct task *task, struct err *err) MUST_CHECK;

/* Count an attempt of a ready task, and fix the route that it takes. */
void task_start(struct tasks *tasks, struct task *task);

/* Why the packer may refuse content that comes now: enum packer_again's, together. */
unsigned task_again(const struct task *task);

/* What to judge an attempt of a task by, but for what the transfer knows: sized and have. */
struct fetch_route_facts task_facts(const struct tasks *tasks, const struct task *task);

/* The task's attempt has ended: what follows. */
struct task_step task_settle(struct tasks *tasks, struct task *task,
                             const struct task_attempt *attempt);

/* The task's request could not be started: the next route. */
struct task_step task_unstarted(struct tasks *tasks, struct task *task);

/* TASK_DO_LOCAL worked: the file's bytes go to the packer. */
void task_local(struct tasks *tasks, struct task *task);

/* TASK_DO_LOCAL failed. */
struct task_step task_local_failed(struct tasks *tasks, struct task *task, enum reason reason);

/* The packer has refused its body (PACK_MISMATCH, PACK_LENGTH, PACK_SUSPECT): what follows. */
struct task_step task_refused(struct tasks *tasks, struct task *task, enum pack_event answer);

/* A run was listed again: its tasks take their fresh URLs. */
void tasks_refreshed(struct tasks *tasks, const struct url_refresh_list *list);

/* The time is up: nothing is started, or tried again. */
void tasks_stop(struct tasks *tasks);

#endif
