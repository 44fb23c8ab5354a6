/* One HTTP client: its connection, the request coming in and the response going out. */
#ifndef STATUS_CLIENT_H
#define STATUS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pages.h"

#define CLIENT_MAX        64
#define REQUEST_MAX       2048 /* bytes of a request's head */
#define RESPONSE_HEAD_MAX 320

enum client_state {
    CLIENT_FREE,
    CLIENT_READING, /* a request */
    CLIENT_WRITING, /* the response */
    CLIENT_ENDING,  /* all is said: what still comes is dropped, so that the response is not lost
                       with it */
};

struct client {
    enum client_state state;
    int fd;
    uint64_t deadline_ms; /* of the uptime; the connection ends then */
    char request[REQUEST_MAX];
    size_t request_len;
    char head[RESPONSE_HEAD_MAX];
    size_t head_len, sent; /* sent counts head and body */
    struct page page;
    bool no_body, keep_alive;
};

void client_open(struct client *client, int fd);
void client_close(struct client *client);

static inline bool client_is_open(const struct client *client)
{
    return client->state != CLIENT_FREE;
}

/* Has let us wait for its request long enough to make room for someone else. */
bool client_is_idle(const struct client *client);

/* What to poll() for. */
short client_events(const struct client *client);

/* Milliseconds until its deadline. */
int client_time_left(const struct client *client);

/*
 * Goes on as far as it can without blocking; ends the connection when its time is up. @crowded:
 * others wait for a place, so this one's answer ends its connection.
 */
void client_serve(struct client *client, short events, bool crowded);

#endif
