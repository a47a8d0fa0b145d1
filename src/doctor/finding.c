/* SPDX-License-Identifier: MIT */
#include "doctor/finding.h"

#include "base/buf.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmdutil/api_client.h"
#include "redact/redact.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const level_names[] = {
    [FINDING_OK] = "ok",
    [FINDING_WARNING] = "warning",
    [FINDING_ERROR] = "error",
};

/* Copy a text, redacted and escaped. Without memory, nothing of it is shown. */
static void copy_safe(const struct findings *findings, char *out, size_t size, const char *text)
{
    const struct redact what = { findings->key, false, NULL };
    struct buf clean;

    buf_init(&clean, redact_room(strlen(text)));
    if (redact_text(&clean, text, strlen(text), &what, NULL) == 0)
        (void)text_shown(out, size, buf_text(&clean));
    else
        (void)snprintf(out, size, "(unreadable)");
    buf_clear(&clean);
}

void finding_add(struct findings *findings, const char *check, enum finding_level level,
                 const char *advice, const char *fmt, ...)
{
    struct finding *finding = &findings->at[findings->count];
    char text[1024];
    va_list args;

    if (findings->count == FINDINGS_MAX)
        return;
    findings->count++;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    *finding = (struct finding){ .check = check, .level = level, .advice = advice };
    copy_safe(findings, finding->text, sizeof(finding->text), text);
}

size_t findings_count(const struct findings *findings, enum finding_level level)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < findings->count; i++)
        count += findings->at[i].level == level;
    return count;
}

int findings_print(const struct findings *findings, bool quiet, struct err *err)
{
    size_t i;

    for (i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->at[i];

        if (quiet && f->level == FINDING_OK)
            continue;
        if (printf("%-8s %-10s %s\n", level_names[f->level], f->check, f->text) < 0 ||
            (f->advice && printf("%-8s %-10s %s\n", "", "", f->advice) < 0))
            return err_sys(err, "cannot write the result");
    }
    return 0;
}

int findings_json(const struct findings *findings, struct err *err)
{
    struct jsonw *w = jsonw_new(api_client_put, NULL, err);
    size_t i;

    if (!w)
        return -1;
    jsonw_object(w, NULL, JSONW_LINES);
    jsonw_u64(w, "errors", findings_count(findings, FINDING_ERROR));
    jsonw_u64(w, "warnings", findings_count(findings, FINDING_WARNING));
    jsonw_array(w, "checks", JSONW_LINES);
    for (i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->at[i];

        jsonw_object(w, NULL, JSONW_INLINE);
        jsonw_text(w, "check", f->check);
        jsonw_text(w, "status", level_names[f->level]);
        jsonw_text(w, "text", f->text);
        jsonw_text(w, "advice", f->advice);
        jsonw_close(w);
    }
    jsonw_close(w);
    jsonw_close(w);
    return jsonw_finish(w, err);
}
