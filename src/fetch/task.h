/* SPDX-License-Identifier: MIT */
/*
 * task: one artifact to be fetched: its state, and the next step after each event.
 *
 * A task's state changes by events alone, as one table allows (task_transition); everything
 * else that a state implies (a place in the queue, the count of open tasks) changes with it. A
 * task is READY until it is started, RUNNING while its body is received, PACKING until the
 * packer has answered, and ENDED when its content is archived or missing. In between it may be
 * DELAYED, HELD or STALE and become READY again. A task whose content another task brings is
 * IDLE, or WAITING for its bundle. This module starts no transfer: it returns what to do next.
 *
 * Units    milliseconds: monotonic; of the server's clock since 1970 where it says so
 * Errors   the first fatal one is kept: see tasks_failure
 * Owns     its tasks and their queue
 * Threads  the transfer loop
 */
#ifndef FETCH_TASK_H
#define FETCH_TASK_H

#include "api/fetch_route.h"
#include "api/fetch_url.h"
#include "api/reason.h"
#include "base/err.h"
#include "client/listing.h"
#include "fetch/task_queue.h"
#include "fetch/url_refresh.h"
#include "limit/backoff.h"
#include "net/engine.h"
#include "writer/packer.h"
#include "writer/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum task_state {
    TASK_IDLE,    /* not opened: another task is fetched in its place, or none need be */
    TASK_WAITING, /* waiting for the ZIP, or the scout, of its bundle */
    TASK_READY,   /* to be started when it is first in the queue */
    TASK_DELAYED, /* waiting until its retry is due */
    TASK_HELD,    /* waiting until its host allows one more transfer */
    TASK_STALE,   /* waiting until its run is listed again for a fresh URL */
    TASK_RUNNING, /* its body is being received */
    TASK_PACKING, /* its body is with the packer, which has not answered yet */
    TASK_ENDED,   /* its content is archived, or it is missing */
    TASK_STATES
};

enum task_event {
    TASK_OPENED,    /* it is to be fetched */
    TASK_RELEASED,  /* no other task will bring its content */
    TASK_DUE,       /* its delay is over */
    TASK_ADMITTED,  /* its host allows one more transfer */
    TASK_LIMITED,   /* its host allows no more transfers */
    TASK_STARTED,   /* its request was started */
    TASK_BACKOFF,   /* its attempt failed: retry after a delay */
    TASK_REQUEUED,  /* retry at once: by another route or URL, or from the beginning */
    TASK_EXPIRED,   /* its URL is no longer usable */
    TASK_REFRESHED, /* its run was listed again */
    TASK_RECEIVED,  /* its whole body was given to the packer */
    TASK_STORED,    /* its content is in the archive */
    TASK_LOST,      /* it is lost */
    TASK_ABORTED,   /* the pull has failed */
    TASK_EVENTS
};

/* The state that follows an event; TASK_STATES: the event cannot happen in this state. */
enum task_state task_transition(enum task_state state, enum task_event event);

/* Sources in the manifest of content without its own request; else a fetch_route_name. */
#define VIA_JOINED "joined" /* copy of the body of an identical artifact */
#define VIA_BUNDLE "bundle" /* a bundle's ZIP */

/* The outcome of an item; same index as in the plan. */
struct outcome {
    const char *via;    /* how it was fetched; NULL: it was not */
    enum reason reason; /* if via is NULL: the reason */
    long http_status;
    unsigned attempts;
    int64_t fetched_at;
};

/* Items kept from an interrupted attempt, by the plan's index; NULL: none. */
struct task_before {
    const struct outcome *outcomes;
    const struct packed *packed; /* here: the item is kept */
};

struct part;

struct task {
    const struct item *item;
    struct outcome outcome;
    struct packed packed;        /* the packer's result */
    bool alone;                  /* its content is not its leader's: stored on its own */
    const struct item *stand_in; /* for a lost leader: the follower that is fetched */
    enum task_state state;       /* set by task_apply only */
    struct task_entry *entry;
    struct fetch_url url;
    enum fetch_route route;
    struct backoff backoff;
    unsigned refreshes;         /* number of times its list was fetched again */
    bool url_replaced;          /* while RUNNING: url is newer than the one in use */
    unsigned suspects;          /* number of times its content did not match its type */
    bool any_content;           /* no other route is left: content is kept as received */
    bool has_other_route;       /* while RUNNING: used if the content is suspect */
    bool changed;               /* newly listed otherwise: what it has received is discarded */
    bool rechecked;             /* fetched twice already because of its checksum */
    unsigned wrong_lengths;     /* how often its announced length was wrong */
    unsigned excused;           /* attempts that failed after a long pause in reading */
    unsigned given_back;        /* attempts given up for want of memory */
    struct outcome url_outcome; /* of its URL, when its retries were used up: maybe temporary */
    bool url_refuted;    /* the last answer at its URL was something else than "not found" */
    struct part *part;   /* for transfer.c: the kept part of a body that was interrupted */
    enum task_rank rank; /* rank by that part */
    uint64_t spent;      /* for transfer.c: duration of its former attempts */
};

/* What the caller has to do next for a task. */
enum task_action {
    TASK_DO_NOTHING,
    TASK_DO_REFRESH, /* list its run again, and pass the list to tasks_refreshed */
    TASK_DO_LOCAL,   /* read its file under --local-root: task_local, or task_local_failed */
    TASK_DO_LOSE,    /* discard the part of its body, then completion_lose */
};

struct task_step {
    enum task_action action;
    enum reason reason; /* why it is missing, if the action fails */
};

#define TASK_NO_STEP ((struct task_step){ TASK_DO_NOTHING, REASON_NONE })

/* The result of an attempt to receive a task's body. */
struct task_attempt {
    const struct request *request;
    struct fetch_route_verdict verdict;
    uint64_t kept;  /* bytes that it has received, and that are kept */
    uint64_t have;  /* all kept bytes, with those of former attempts */
    uint64_t pause; /* the longest pause in reading */
    uint32_t dice;
};

struct tasks_opts {
    const struct api *api;
    struct engine *engine;
    const struct listing *listing;
    struct plan *plan; /* its items are closed when their tasks start */
    unsigned retries;
    uint64_t deadline;         /* no retry after this time; UINT64_MAX: none */
    bool local;                /* --local-root is set */
    struct pagefile *pagefile; /* for the tasks; must outlive them. NULL: all in memory */
};

struct tasks; /* all tasks of a plan */

/* Make a task for each item of the plan; opts must stay valid until tasks_free. */
struct tasks *tasks_new(const struct tasks_opts *opts, struct err *err) MUST_CHECK;
/* The plan has grown by whole runs: make tasks for its new items, too. */
int tasks_grow(struct tasks *tasks, struct err *err) MUST_CHECK;
/* The number of tasks. */
size_t tasks_count(const struct tasks *tasks);

/* Free the tasks; their parts must have been discarded. May be NULL. */
void tasks_free(struct tasks *tasks);

/* Apply an event that can happen in the task's state, and set the next state. */
void task_apply(struct tasks *tasks, struct task *task, enum task_event event);

/* Open an item's task: it is WAITING, until completion finds that no other task brings it. */
struct task *task_open(struct tasks *tasks, const struct item *item);

/* The task of an item, valid until tasks_free. */
struct task *tasks_of(const struct tasks *tasks, const struct item *item);

/* The list's row of a task's item, owned by the listing. */
const struct artifact *task_artifact(const struct tasks *tasks, const struct task *task);
/* Number of open tasks: neither IDLE nor ENDED. */
size_t tasks_open(const struct tasks *tasks);
/* Whether the deadline has passed: nothing more is started then. */
bool tasks_over(const struct tasks *tasks);

/* The first fatal error; NULL: none. */
const struct err *tasks_failure(const struct tasks *tasks);
/* Keep a fatal error, unless one is kept already. */
void tasks_fail(struct tasks *tasks, const struct err *err);

/* Make the due tasks ready; returns when the next one is due (UINT64_MAX: none is delayed). */
uint64_t tasks_release_due(struct tasks *tasks, uint64_t now);

/* Make ready at most `most` held tasks of hosts with room; returns when to call this again. */
uint64_t tasks_release_held(struct tasks *tasks, uint64_t now, unsigned most);

/* The first ready task of the queue; NULL: there is none, or none may be started. */
struct task *tasks_first(const struct tasks *tasks);

/* The origin of the task's next request; NULL: it has none. */
struct origin *task_origin(const struct tasks *tasks, const struct task *task);

/* Whether that request goes to a content endpoint, by whichever URL: see ORIGIN_COSTLY. */
bool task_costly(const struct task *task);

/*
 * Whether a ready task's URL has to be refreshed before it is used, at the server's time `now`;
 * listing: its run is being listed.
 */
bool task_needs_refresh(const struct tasks *tasks, const struct task *task, bool listing,
                        int64_t now);

/* Mark a task's URL as unusable; the returned step is to refresh it. */
struct task_step task_expire(struct tasks *tasks, struct task *task);

/* The step without a request of a ready task that has neither URL nor an ID of its own. */
struct task_step task_bypass(struct tasks *tasks, struct task *task);

/* Have a ready task wait for its host. */
int task_hold(struct tasks *tasks, struct task *task, struct err *err) MUST_CHECK;

/* Count an attempt of a ready task, and fix the route that it takes. */
void task_start(struct tasks *tasks, struct task *task);

/* The reasons for which the packer may refuse this content: flags of enum packer_again. */
unsigned task_again(const struct task *task);

/* Fill in the facts to judge an attempt by, except sized and have (set by the transfer). */
struct fetch_route_facts task_facts(const struct tasks *tasks, const struct task *task);

/* The task's attempt has ended: returns the next step. */
struct task_step task_settle(struct tasks *tasks, struct task *task,
                             const struct task_attempt *attempt);

/* The task's request could not be started: take the next route. */
struct task_step task_unstarted(struct tasks *tasks, struct task *task);

/* TASK_DO_LOCAL succeeded: the file's bytes go to the packer. */
void task_local(struct tasks *tasks, struct task *task);

/* TASK_DO_LOCAL failed. */
struct task_step task_local_failed(struct tasks *tasks, struct task *task, enum reason reason);

/* The packer refused its body (PACK_MISMATCH, PACK_LENGTH, PACK_SUSPECT): the next step. */
struct task_step task_refused(struct tasks *tasks, struct task *task, enum pack_event answer);

/* The deadline has passed: nothing is started or retried. */
void tasks_stop(struct tasks *tasks);

/* A run was listed again: its tasks take their fresh URLs. */
void tasks_refreshed(struct tasks *tasks, const struct url_refresh_list *list);

#endif
