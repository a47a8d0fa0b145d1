/* SPDX-License-Identifier: MIT */
#include "api/webhook.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/confine.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "cmdutil/pull_job.h"
#include "cmdutil/session.h"
#include "fetch/budget.h"
#include "listen/receive.h"
#include "listen/server.h"
#include "storage/range_file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define PEM_MAX     ((size_t)1 << 20)
#define BODIES_MAX  ((size_t)64 << 20) /* memory limit for the bodies of all requests */
#define CONNECTIONS 512                /* limit, if descriptors suffice */
#define FDS_WANTED  4096
#define JOBS_LEAST  16 /* transfers for which each run has descriptors */
#define FDS_PULL    48 /* descriptors of a pull, in addition to two per transfer */
#define HEALTH      "/healthz"
#define QUEUE       "/healthz/queue"

struct listen_args {
    struct command_args common;
    struct session_args session;
    struct pull_job_args archive;
    struct confine_args confine;
    const char *dest;
    const char *addr;
    const char *cert_file;
    const char *key_file;
    uint64_t delay;
    uint64_t address_limit;
    uint64_t request_time;
    uint64_t runs;
    uint64_t patience;
    uint64_t again;
    uint64_t stuck_after;
};

static const struct listen_args listen_defaults = {
    .session = SESSION_DEFAULTS,
    .archive = PULL_JOB_DEFAULTS,
    .addr = "127.0.0.1:8474",
    .delay = 60000,
    .address_limit = 64,
    .request_time = 30000,
    .runs = 4,
    .patience = 300000,
    .again = 60000,
    .stuck_after = 900000,
};

/* clang-format off */
static const struct opt listen_opts[] = {
    { 'd', "dest",     "DIR",  OPT_TEXT,     OPT_AT(listen_args, dest),      "write archives, one per run (RUN_ID.tar.zst), and the queue into this directory", 0, 0, NULL, false, NULL },
    { 0,   "format",   "FORMAT", OPT_TEXT,   OPT_AT(listen_args, archive.format), "tar.zst (default), tar.gz, tar or zip (which has no links)", 0, 0, NULL, false, NULL },
    { 0,   "addr",     "ADDR", OPT_TEXT,     OPT_AT(listen_args, addr),      "HOST:PORT to listen on (default 127.0.0.1:8474; port 0: any free port)", 0, 0, NULL, false, NULL },
    { 0,   "tls-cert", "FILE", OPT_TEXT,     OPT_AT(listen_args, cert_file), "serve TLS with this certificate chain (PEM)", 0, 0, NULL, false, NULL },
    { 0,   "tls-key",  "FILE", OPT_TEXT,     OPT_AT(listen_args, key_file),  "private key for --tls-cert (PEM)", 0, 0, NULL, false, NULL },
    { 0,   "request-time",  "TIME", OPT_DURATION, OPT_AT(listen_args, request_time),  "close a connection whose request takes longer than this, from its first byte to its last (default 30s; 0: no limit)", 0, 0, NULL, false, NULL },
    { 0,   "address-limit", "N",    OPT_NUMBER,   OPT_AT(listen_args, address_limit), "concurrent connections of one address (IPv6: of one /64 network); beyond the limit, the oldest idle connections are closed. Behind a reverse proxy all connections come from the proxy's address: raise the limit if the proxy does not buffer requests (default 64; 0: no limit)", 0, 100000, NULL, false, NULL },
    OPT_END,
};

static const struct opt queue_opts[] = {
    { 0,   "delay",       "TIME", OPT_DURATION, OPT_AT(listen_args, delay),       "wait this long after a webhook before archiving the run, since uploads end later than the run (default 60s)", 0, 0, NULL, false, NULL },
    { 0,   "runs",        "N",    OPT_NUMBER,   OPT_AT(listen_args, runs),        "archive up to N runs concurrently; each has --jobs transfers, the whole --memory, and an equal share of --limit-rate (default 4)", 1, 64, NULL, false, NULL },
    { 0,   "patience",    "TIME", OPT_DURATION, OPT_AT(listen_args, patience),    "suspend a run that takes longer than this while others wait; its downloads are kept, and its time limit is doubled when it resumes (default 5m; 0: no limit)", 0, 0, NULL, false, NULL },
    { 0,   "again",       "TIME", OPT_DURATION, OPT_AT(listen_args, again),       "retry runs that failed, or that lack artifacts which may still appear, after this time, doubled after each failure, up to an hour (default 60s)", 0, 0, NULL, false, NULL },
    { 0,   "stuck-after", "TIME", OPT_DURATION, OPT_AT(listen_args, stuck_after), "/healthz reports the queue as stuck if a run is due and nothing was downloaded or written for this time (default 15m)", 0, 0, NULL, false, NULL },
    OPT_END,
};

static const struct opt_group listen_groups[] = {
    { "Server",   listen_opts,           0 },
    { "Queue",    queue_opts,            0 },
    { "What",     filter_type_opts,      OPT_AT(listen_args, archive.filter) },
    { "Format",   archive_format_opts,   OPT_AT(listen_args, archive) },
    { "Transfer", archive_transfer_opts, OPT_AT(listen_args, archive) },
    { "API",      session_opts,          OPT_AT(listen_args, session) },
    { "Safety",   confine_opts,          OPT_AT(listen_args, confine) },
    { NULL, NULL, 0 },
};
/* clang-format on */

struct service {
    const struct listen_args *args;
    struct pull_job job;
    struct api api;
    struct pull_opts pull;
    struct receive *receive;
    struct server *server;
    struct buf cert;
    struct buf key;
};

/* Answer with the state of the queue; QUEUE also shows the state as the HTTP status. */
static unsigned health(struct receive *receive, bool queue, char answer[SERVER_ANSWER_MAX])
{
    static const char *const states[] = { "ok", "incomplete", "stuck" };
    struct receive_health h = receive_health(receive);

    (void)snprintf(answer, SERVER_ANSWER_MAX,
                   "{\"status\":\"%s\",\"queued\":%zu,\"active\":%zu,\"waiting\":%zu,"
                   "\"incomplete\":%zu,\"given_up\":%zu,\"archived\":%zu,\"failed\":%zu,"
                   "\"late_s\":%llu,\"still_s\":%llu}\n",
                   states[h.state], h.queued, h.active, h.waiting, h.incomplete, h.given_up,
                   h.archived, h.failed, (unsigned long long)h.late / 1000,
                   (unsigned long long)h.still / 1000);
    return queue && h.state != RECEIVE_OK ? 503 : 200;
}

static unsigned webhook(struct receive *receive, const struct server_request *request,
                        char answer[SERVER_ANSWER_MAX])
{
    static const unsigned statuses[] = { 200, 200, 401, 400, 503 };
    static const char *const states[] = { "queued", "known", "refused", "bad", "error" };
    char id[RUN_ID_MAX + 1];
    struct err err = { 0 };
    enum receive_verdict verdict =
        receive_webhook(receive, request->body, request->len, request->header, id, &err);

    if (verdict <= RECEIVE_KNOWN) {
        log_line(LOG_INFO, "webhook of run '%s': %s", id, states[verdict]);
        (void)snprintf(answer, SERVER_ANSWER_MAX, "{\"run_id\":\"%s\",\"state\":\"%s\"}\n", id,
                       states[verdict]);
    } else {
        log_line(LOG_WARNING, "webhook rejected: %s", err.text);
        (void)snprintf(answer, SERVER_ANSWER_MAX, "{\"state\":\"%s\"}\n", states[verdict]);
    }
    return statuses[verdict];
}

/* Check a request's head: path, method, and for webhooks that a signature is present. */
static unsigned on_head(void *ctx, const struct server_request *request,
                        char answer[SERVER_ANSWER_MAX])
{
    bool hook = strcmp(request->path, "/") == 0 || strcmp(request->path, "/webhook") == 0;
    bool health = strcmp(request->path, HEALTH) == 0 || strcmp(request->path, QUEUE) == 0;
    bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;

    (void)ctx;
    (void)snprintf(answer, SERVER_ANSWER_MAX, "{}\n");
    if (!hook && !health)
        return 404;
    if (health ? !get : strcmp(request->method, "POST") != 0)
        return 405;
    if (health || webhook_signed(request->header))
        return 0;
    (void)snprintf(answer, SERVER_ANSWER_MAX, "{\"state\":\"refused\"}\n");
    log_line(LOG_WARNING, "webhook rejected: no signature");
    return 401;
}

static unsigned on_request(void *ctx, const struct server_request *request,
                           char answer[SERVER_ANSWER_MAX])
{
    struct service *service = ctx;

    return strcmp(request->method, "POST") == 0
               ? webhook(service->receive, request, answer)
               : health(service->receive, strcmp(request->path, QUEUE) == 0, answer);
}

/* Raise the limit of descriptors as far as useful; returns the limit. */
static size_t descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 256;
    if (limit.rlim_cur < FDS_WANTED && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < FDS_WANTED ? limit.rlim_max : FDS_WANTED;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
            return 256;
    }
    return limit.rlim_cur < FDS_WANTED ? (size_t)limit.rlim_cur : FDS_WANTED;
}

static int load_tls(struct service *s, struct err *err)
{
    const struct listen_args *args = s->args;

    buf_init(&s->cert, PEM_MAX);
    buf_init(&s->key, PEM_MAX);
    if (!args->cert_file != !args->key_file)
        return err_set(err, ERR_USAGE, "--tls-cert and --tls-key must be given together");
    if (!args->cert_file)
        return 0;
    return file_load(args->cert_file, signals_stopping(), &s->cert, err) < 0
               ? -1
               : file_load(args->key_file, signals_stopping(), &s->key, err);
}

/* Allow only what archiving runs needs: the directory, the spool and the network. No program
 * can be started. */
static int confine_to(const struct listen_args *args, const char *spool_dir, struct err *err)
{
    const char *const others[] = { args->session.ca_file, args->archive.local_root, args->dest,
                                   spool_dir };
    struct confine confine;
    size_t i;

    if (mkdir(args->dest, 0700) < 0 && errno != EEXIST)
        return err_sys(err, "cannot create '%s'", args->dest);
    confine_begin(&confine, &args->confine, CONFINE_NET);
    for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
        if (others[i] && *others[i])
            confine_read(&confine, others[i]);
    }
    confine_write(&confine, args->dest);
    confine_write(&confine, spool_dir);
    confine_enter(&confine);
    return 0;
}

static int start(struct service *s, struct err *err)
{
    const struct listen_args *args = s->args;
    size_t fds = descriptors();
    struct receive_opts receive = { .dest = args->dest,
                                    .pull = &s->pull,
                                    .delay = args->delay,
                                    .runs = args->runs,
                                    .patience = args->patience,
                                    .again = args->again,
                                    .stuck = args->stuck_after,
                                    .stop = signals_stopping() };
    uint64_t jobs;
    struct server_opts server = { .addr = args->addr,
                                  .cert = args->cert_file ? buf_text(&s->cert) : NULL,
                                  .key = args->cert_file ? buf_text(&s->key) : NULL,
                                  .header = WEBHOOK_SIGNATURE,
                                  .body_max = WEBHOOK_MAX,
                                  .budget = BODIES_MAX,
                                  .of_address = args->address_limit,
                                  .deadline = args->request_time,
                                  .admit = on_head,
                                  .handle = on_request,
                                  .ctx = s };

    if (budget_suffices(err) < 0)
        return -1;
    mem_steady();
    s->job.ca_file = args->session.ca_file;
    pull_job_fill(&s->job, &s->api, &s->pull);
    s->pull.strict = false; /* an archive that lists missing artifacts is better than none */
    s->pull.force = false;
    s->pull.stop = signals_stopping();
    server.connections = fds / 4; /* one more quarter may be in the course of being closed */
    if (server.connections > CONNECTIONS)
        server.connections = CONNECTIONS;
    jobs = args->archive.jobs < JOBS_LEAST ? args->archive.jobs : JOBS_LEAST;
    while (receive.runs > 1 &&
           receive.runs * (FDS_PULL + 2 * jobs) + 2 * server.connections > fds)
        receive.runs--;
    if (receive.runs < args->runs)
        log_line(
            LOG_WARNING,
            "only %zu file descriptors: concurrency limited to %zu run%s; raise 'ulimit -n'",
            fds, receive.runs, text_plural(receive.runs));
    if (confine_to(args, s->pull.spool_dir, err) < 0)
        return -1;
    s->receive = receive_new(&receive, err);
    if (!s->receive)
        return -1;
    s->server = server_new(&server, err);
    if (!s->server)
        return -1;
    (void)printf("listening on %s://%.*s:%u\n", server.cert ? "https" : "http",
                 (int)(strrchr(args->addr, ':') - args->addr), args->addr,
                 server_port(s->server));
    return fflush(stdout) == EOF ? err_sys(err, "cannot write to standard output") : 0;
}

static int check_dest(const char *dest, struct err *err)
{
    if (!dest)
        return err_set(err, ERR_USAGE, "no directory given; name it with --dest");
    return range_file_remote(dest)
               ? err_set(err, ERR_USAGE,
                         "'%.200s': listen cannot write into an object store yet; give it a "
                         "directory",
                         dest)
               : 0;
}

static int listen_main(void *args_in, int count, char *const *operands, struct err *err)
{
    struct service s = { .args = args_in };
    int rc =
        count ? err_set(err, ERR_USAGE, "listen takes no operands: '%.100s'", operands[0]) : 0;

    if (rc == 0)
        rc = check_dest(s.args->dest, err);
    if (rc == 0)
        rc = pull_job_init(&s.job, &s.args->archive, &s.args->common, err);
    if (rc == 0 && s.job.format == CONTAINER_DIR)
        rc = err_set(err, ERR_USAGE, "--format: listen writes tar.zst, tar.gz, tar or zip");
    if (rc == 0)
        rc = load_tls(&s, err);
    if (rc == 0)
        rc = signals_setup(err);
    (void)signal(SIGXFSZ, SIG_IGN); /* a too large archive fails only its own run */
    if (rc == 0)
        rc = session_open(&s.args->session, &s.api, err);
    if (rc == 0)
        rc = start(&s, err);
    if (rc == 0)
        rc = receive_run(s.receive, err);
    server_free(s.server);
    receive_free(s.receive);
    log_hide(NULL);
    api_clear(&s.api);
    pull_job_clear(&s.job);
    buf_clear(&s.cert);
    if (s.key.data)
        explicit_bzero(s.key.data, s.key.cap);
    buf_clear(&s.key);
    return rc < 0 ? -1 : EXIT_DONE;
}

const struct command cmd_listen = {
    .name = "listen",
    .args = "--dest DIR",
    .section = COMMAND_NIGHT,
    .brief = "receive webhooks and archive each run that ended",
    .about =
        "Receives Skyvern's webhooks at / and /webhook, checks their signature, answers at "
        "once, and archives each run in the background. The queue is kept on disk. Artifacts "
        "that appear after a run was archived, because of a second attempt or because they "
        "were missing, are written to RUN_ID.2.tar.zst and so on. GET /healthz reports the "
        "state of the queue. Stops on SIGTERM.",
    .examples = "skyarc listen --dest /srv/skyvern\n"
                "skyarc listen --dest /srv/skyvern --addr 0.0.0.0:8474 \\\n"
                "    --tls-cert chain.pem --tls-key key.pem\n",
    .exits = "0    stopped by SIGTERM, SIGINT or SIGHUP\n"
             "1    the server could not be started\n"
             "75   another skyarc holds the directory's lock\n",
    .groups = listen_groups,
    .size = sizeof(struct listen_args),
    .defaults = &listen_defaults,
    .run = listen_main,
};
