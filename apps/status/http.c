/* Requests are taken apart and heads of responses written. */
#include "http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *at;
    size_t len;
};

static bool span_is(struct span span, const char *text)
{
    return span.len == strlen(text) && strncasecmp(span.at, text, span.len) == 0;
}

static struct span trim(struct span span)
{
    while (span.len > 0 && (*span.at == ' ' || *span.at == '\t')) {
        span.at++;
        span.len--;
    }
    while (span.len > 0 && (span.at[span.len - 1] == ' ' || span.at[span.len - 1] == '\t'))
        span.len--;
    return span;
}

/* Cuts what stands before @mark off @rest, and the mark; everything when there is no mark. */
static struct span cut(struct span *rest, char mark)
{
    const char *end = memchr(rest->at, mark, rest->len);
    struct span part = {rest->at, end != NULL ? (size_t)(end - rest->at) : rest->len};
    size_t taken = end != NULL ? part.len + 1 : part.len;

    rest->at += taken;
    rest->len -= taken;
    return part;
}

static struct span cut_line(struct span *rest)
{
    struct span line = cut(rest, '\n');

    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* Length of the head with its empty line, 0 while that has not come. */
static size_t head_len(const char *text, size_t len)
{
    struct span rest = {text, len};

    while (memchr(rest.at, '\n', rest.len) != NULL) {
        if (cut_line(&rest).len == 0)
            return len - rest.len;
    }
    return 0;
}

static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' && strchr("\r\n\t", text[i]) == NULL)
            return true;
        if (text[i] == '\0' || text[i] == 0x7f)
            return true;
    }
    return false;
}

static bool is_token(struct span span)
{
    for (size_t i = 0; i < span.len; i++) {
        if (span.at[i] < 'A' || span.at[i] > 'Z')
            return false;
    }
    return span.len > 0;
}

/* The path, from "/path?query" or "http://host/path". */
static bool parse_target(struct span target, struct http_request *request)
{
    static const char scheme[] = "http://";
    struct span path;

    if (target.len > strlen(scheme) && strncasecmp(target.at, scheme, strlen(scheme)) == 0) {
        const char *slash = memchr(target.at + strlen(scheme), '/', target.len - strlen(scheme));

        if (slash == NULL)
            return false;
        target.len -= (size_t)(slash - target.at);
        target.at = slash;
    }
    if (target.len == 0 || target.at[0] != '/')
        return false;
    path = cut(&target, '?');
    if (path.len < HTTP_PATH_MAX) {
        memcpy(request->path, path.at, path.len);
        request->path[path.len] = '\0';
    }
    return true;
}

/* 0 or the negative status. */
static int parse_request_line(struct span line, struct http_request *request, bool *is_11)
{
    struct span method = cut(&line, ' ');
    struct span target = cut(&line, ' ');

    if (!is_token(method) || line.len < 8 || strncmp(line.at, "HTTP/", 5) != 0)
        return -400;
    *is_11 = span_is(line, "HTTP/1.1");
    if (!*is_11 && !span_is(line, "HTTP/1.0"))
        return -505;
    request->keep_alive = *is_11;
    request->head = span_is(method, "HEAD");
    if (!request->head && !span_is(method, "GET"))
        return -405;
    return parse_target(target, request) ? 0 : -400;
}

static void parse_connection(struct span value, struct http_request *request)
{
    while (value.len > 0) {
        struct span word = trim(cut(&value, ','));

        if (span_is(word, "close"))
            request->keep_alive = false;
        else if (span_is(word, "keep-alive"))
            request->keep_alive = true;
    }
}

int http_parse(const char *text, size_t len, struct http_request *request)
{
    size_t head;
    struct span rest, line;
    bool is_11 = false, has_host = false;
    int rc;

    *request = (struct http_request){0};
    head = head_len(text, len);
    if (has_control(text, head != 0 ? head : len))
        return -400;
    if (head == 0)
        return 0;
    rest = (struct span){text, head};
    rc = parse_request_line(cut_line(&rest), request, &is_11);
    if (rc != 0)
        return rc;
    while ((line = cut_line(&rest)).len > 0) {
        struct span value = line;
        struct span name = cut(&value, ':');

        if (name.len == line.len || name.len == 0 || memchr(name.at, ' ', name.len) != NULL)
            return -400;
        if (span_is(name, "Host"))
            has_host = true;
        else if (span_is(name, "Connection"))
            parse_connection(value, request);
        else if (span_is(name, "Transfer-Encoding") ||
                 (span_is(name, "Content-Length") && !span_is(trim(value), "0")))
            request->has_body = true;
    }
    return is_11 && !has_host ? -400 : (int)head;
}

const char *http_reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Error";
    }
}

size_t http_head(char *buf, size_t size, int status, const char *type, size_t body_len,
                 bool keep_alive)
{
    int len = snprintf(
        buf, size,
        "HTTP/1.1 %d %s\r\nServer: vring0\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%sConnection: %s\r\n\r\n",
        status, http_reason(status), type, body_len, status == 405 ? "Allow: GET, HEAD\r\n" : "",
        keep_alive ? "keep-alive" : "close");

    return (size_t)len < size ? (size_t)len : size - 1;
}
