/* SPDX-License-Identifier: MIT */
#include "cmdutil/api_client.h"

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/exit.h"
#include "cli/signals.h"
#include "client/lister.h"

#include <stdio.h>
#include <unistd.h>

int api_client_open(struct api_client *client, const struct session_args *session,
                    struct err *err)
{
    if (signals_setup(err) < 0 || session_open(session, &client->api, err) < 0)
        return -1;
    return api_client_start(client, session, API_CLIENT_RETRIES, err);
}

int api_client_start(struct api_client *client, const struct session_args *session,
                     unsigned retries, struct err *err)
{
    struct engine_opts engine = { .agent = TOOL_NAME,
                                  .ca_file = session->ca_file,
                                  .jobs = API_CLIENT_JOBS };
    struct loop_hooks hooks = { .tick = loop_no_tick };

    engine.secure = client->api.secure;
    hooks.stop = signals_stopping();
    if (loop_init(&client->loop, &engine, &hooks, err) < 0)
        return -1;
    callers_init(&client->callers, &client->loop, &client->api, API_CLIENT_JOBS, retries);
    return 0;
}

void api_client_close(struct api_client *client)
{
    loop_clear(&client->loop);
    log_hide(NULL);
    api_clear(&client->api);
}

int api_client_listing(struct api_client *client, const struct session_args *session,
                       char *const *ids, size_t count, const struct kind_filter *filter,
                       struct listing *listing, struct err *err)
{
    int rc = api_client_open(client, session, err);

    listing->api = &client->api;
    listing->callers = &client->callers;
    listing->filter = filter;
    if (rc == 0)
        rc = lister_fetch(listing, &client->loop, ids, count, err);
    loop_clear(&client->loop); /* the loop may still run the listing's calls */
    return rc;
}

static void on_done(void *ctx, struct call *call)
{
    (void)call;
    *(bool *)ctx = true;
}

int api_client_call(struct api_client *client, struct call *call, const char *body, size_t len,
                    struct err *err)
{
    bool came = false;

    call->done = on_done;
    call->ctx = &came;
    if (body)
        call_post(call, body, len);
    call_add(call);
    while (!came) {
        uint64_t due = callers_pump(&client->callers);

        if (!came && loop_turn(&client->loop, due, err) < 0) {
            engine_drop(client->loop.engine, &call->request);
            return -1;
        }
    }
    if (!call->err.kind)
        return 0;
    *err = call->err;
    return -1;
}

int api_client_status(const struct err *err)
{
    if (err->kind != ERR_CANCELLED || !signals_stop())
        return -1;
    log_line(LOG_ERROR, "stopped by signal %d", signals_stop());
    return EXIT_SIGNAL + signals_stop();
}

int api_client_put_raw(void *ctx, const void *bytes, size_t len, struct err *err)
{
    (void)ctx;
    return file_write(STDOUT_FILENO, bytes, len, err) < 0
               ? err_wrap(err, "cannot write to standard output")
               : 0;
}

int api_client_put(void *ctx, const void *bytes, size_t len, struct err *err)
{
    (void)ctx;
    return fwrite(bytes, 1, len, stdout) == len ? 0 : err_sys(err, "cannot write the result");
}

int api_client_json(const char *lead, const char *json, size_t len, struct err *err)
{
    if (fputs(lead, stdout) == EOF)
        return err_sys(err, "cannot write the result");
    return jsonw_copy(api_client_put, NULL, json, len, err);
}

int api_client_redacted(const char *lead, const char *json, size_t len,
                        const struct redact *what, struct err *err)
{
    struct buf clean;
    int rc;

    buf_init(&clean, redact_room(len));
    rc = redact_json(&clean, json, len, what, err);
    if (rc == 0)
        rc = api_client_json(lead, buf_text(&clean), clean.len, err);
    buf_clear(&clean);
    return rc;
}

int api_client_list(struct jsonw **w, bool json, struct err *err)
{
    *w = NULL;
    if (!json)
        return 0;
    *w = mem_new(sizeof(**w), err);
    if (!*w)
        return -1;
    jsonw_init(*w, api_client_put, NULL);
    jsonw_array(*w, NULL, JSONW_LINES);
    return 0;
}

int api_client_list_end(struct jsonw *w, int rc, struct err *err)
{
    if (w && rc == 0) {
        jsonw_close(w);
        rc = jsonw_end(w, err);
    }
    mem_free(w);
    return rc;
}
