/* A client's connection from request to response, without ever blocking. */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "http.h"
#include "vring0/system.h"

#define PATIENCE_MS 10000 /* for a request, for its response to be taken, between requests */
#define ENDING_MS   1000
#define IDLE_MS     1000

static uint64_t now_ms(void)
{
    return system_uptime_ns() / 1000000;
}

static void set_state(struct client *client, enum client_state state, unsigned patience_ms)
{
    client->state = state;
    client->deadline_ms = now_ms() + patience_ms;
}

void client_open(struct client *client, int fd)
{
    client->fd = fd;
    client->request_len = 0;
    client->page = (struct page){0};
    set_state(client, CLIENT_READING, PATIENCE_MS);
}

void client_close(struct client *client)
{
    close(client->fd);
    free(client->page.owned);
    client->page = (struct page){0};
    client->state = CLIENT_FREE;
}

short client_events(const struct client *client)
{
    return client->state == CLIENT_WRITING ? POLLOUT : POLLIN;
}

int client_time_left(const struct client *client)
{
    uint64_t now = now_ms();

    return client->deadline_ms > now ? (int)(client->deadline_ms - now) : 0;
}

bool client_is_idle(const struct client *client)
{
    return client->state == CLIENT_READING && client_time_left(client) <= PATIENCE_MS - IDLE_MS;
}

static void start_response(struct client *client, int status, bool keep_alive)
{
    if (status != 200)
        page_error(status, &client->page);
    client->keep_alive = keep_alive;
    client->head_len = http_head(client->head, sizeof(client->head), status, client->page.type,
                                 client->page.len, keep_alive);
    client->sent = 0;
    set_state(client, CLIENT_WRITING, PATIENCE_MS);
}

/* Answers the request if it is complete; what follows it stays for later. */
static void handle_request(struct client *client, bool crowded)
{
    struct http_request request;
    int taken = http_parse(client->request, client->request_len, &request);

    client->no_body = request.head;
    if (taken == 0 && client->request_len == REQUEST_MAX)
        taken = -431;
    if (taken < 0)
        start_response(client, -taken, false);
    if (taken <= 0)
        return;
    client->request_len -= (size_t)taken;
    memmove(client->request, client->request + taken, client->request_len);
    start_response(client, page_make(request.path, &client->page),
                   request.keep_alive && !request.has_body && !crowded);
}

/* False when the connection is to be closed. */
static bool read_request(struct client *client, bool crowded)
{
    ssize_t len = recv(client->fd, client->request + client->request_len,
                       REQUEST_MAX - client->request_len, 0);

    if (len < 0)
        return errno == EAGAIN;
    if (len == 0)
        return false;
    if (client->request_len == 0)
        set_state(client, CLIENT_READING, PATIENCE_MS);
    client->request_len += (size_t)len;
    handle_request(client, crowded);
    return true;
}

static bool finish_response(struct client *client, bool crowded)
{
    free(client->page.owned);
    client->page = (struct page){0};
    if (!client->keep_alive) {
        set_state(client, CLIENT_ENDING, ENDING_MS);
        return shutdown(client->fd, SHUT_WR) == 0;
    }
    set_state(client, CLIENT_READING, PATIENCE_MS);
    if (client->request_len > 0)
        handle_request(client, crowded);
    return true;
}

static bool write_response(struct client *client, bool crowded)
{
    size_t body_len = client->no_body ? 0 : client->page.len;
    size_t body_sent = client->sent > client->head_len ? client->sent - client->head_len : 0;
    size_t head_left = client->sent < client->head_len ? client->head_len - client->sent : 0;
    const struct iovec pieces[] = {
        {client->head + client->head_len - head_left, head_left},
        {(char *)client->page.body + body_sent, body_len - body_sent},
    };
    ssize_t len =
        writev(client->fd, pieces + (head_left == 0), 1 + (head_left != 0 && body_len != 0));

    if (len < 0)
        return errno == EAGAIN;
    client->sent += (size_t)len;
    if (client->sent < client->head_len + body_len)
        return true;
    return finish_response(client, crowded);
}

static bool drop_input(struct client *client, bool crowded)
{
    ssize_t len = recv(client->fd, client->request, REQUEST_MAX, 0);

    (void)crowded;
    return len > 0 || (len < 0 && errno == EAGAIN);
}

void client_serve(struct client *client, short events, bool crowded)
{
    static bool (*const steps[])(struct client *, bool) = {
        [CLIENT_READING] = read_request,
        [CLIENT_WRITING] = write_response,
        [CLIENT_ENDING] = drop_input,
    };
    bool goes_on = true;

    if (events != 0)
        goes_on = steps[client->state](client, crowded);
    /* A response mostly fits the socket at once. */
    if (goes_on && client->state == CLIENT_WRITING)
        goes_on = write_response(client, crowded);
    if (!goes_on || client_time_left(client) == 0)
        client_close(client);
}
