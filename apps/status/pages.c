/* The pages by path; /json is put together from the system's reports. */
#include "pages.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "vring0/system.h"

#define JSON_MAX (512 * 1024ul)

/* Text that grows; once memory is short or it is too long, it stays @failed. */
struct text {
    char *data;
    size_t len, room;
    bool failed;
};

static void text_append(void *arg, const char *data, size_t len)
{
    struct text *text = arg;

    if (text->failed)
        return;
    if (text->len + len > text->room) {
        size_t room = text->room * 2 + len + 4096;
        char *grown = room <= JSON_MAX ? realloc(text->data, room) : NULL;

        if (grown == NULL) {
            text->failed = true;
            return;
        }
        text->data = grown;
        text->room = room;
    }
    memcpy(text->data + text->len, data, len);
    text->len += len;
}

static void append_string(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

static int make_json(struct page *page)
{
    static const char *const reports[] = {"devices", "interrupts", "memory", "threads", "network"};
    struct text text = {0};
    char head[96];

    snprintf(head, sizeof(head), "{\"version\":\"%s\",\"uptime_ms\":%llu", system_version(),
             (unsigned long long)(system_uptime_ns() / 1000000));
    append_string(&text, head);
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
        append_string(&text, ",\"");
        append_string(&text, reports[i]);
        append_string(&text, "\":");
        if (system_report(reports[i], 1, text_append, &text) != 0)
            append_string(&text, "null");
    }
    append_string(&text, "}\n");
    if (text.failed) {
        free(text.data);
        return 503;
    }
    *page = (struct page){"application/json", text.data, text.len, text.data};
    return 200;
}

int page_make(const char *path, struct page *page)
{
    if (strcmp(path, "/json") == 0)
        return make_json(page);
    if (strcmp(path, "/") != 0)
        return 404;
    *page = (struct page){"text/html; charset=utf-8", page_html, page_html_len, NULL};
    return 200;
}

void page_error(int status, struct page *page)
{
    const char *reason = http_reason(status);

    *page = (struct page){"text/plain; charset=utf-8", reason, strlen(reason), NULL};
}
