/* HTTP/1.1 as far as this server needs it: what a request asks for, and the head of a response. */
#ifndef STATUS_HTTP_H
#define STATUS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_PATH_MAX 64 /* longer paths name nothing here */

struct http_request {
    char path[HTTP_PATH_MAX]; /* without the query; empty when too long */
    bool head;                /* HEAD: no body wanted */
    bool keep_alive;
    bool has_body; /* which this server does not read: the connection ends after the answer */
};

/*
 * Reads a request's head from @text. Number of bytes it takes; 0 when its end has not come yet; the
 * negative status of the answer (-400, -405, -505) when it is wrong.
 */
int http_parse(const char *text, size_t len, struct http_request *request);

/* Writes a response's head; its length. @size 320 is always enough. */
size_t http_head(char *buf, size_t size, int status, const char *type, size_t body_len,
                 bool keep_alive);

/* "Not Found" for 404. */
const char *http_reason(int status);

#endif
