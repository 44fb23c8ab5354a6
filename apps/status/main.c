/* An HTTP server that shows what the machine looks like now: BSD sockets, one thread, many clients.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "vring0/system.h"

#define HTTP_PORT       80
#define BACKLOG         100
#define CROWDED_WAIT_MS 100 /* until a place may be free: a client counts as idle after a while */
#define RETRY_MS        10

static struct client clients[CLIENT_MAX];

/* One socket for both: IPv4 clients appear to it as IPv6 ones. */
static int open_listener(void)
{
    const struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_port = htons(HTTP_PORT)};
    int on = 1;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, BACKLOG) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A free place, if need be that of the client that has been idle longest; NULL when all are busy.
 */
static struct client *find_place(void)
{
    struct client *idle = NULL;

    for (size_t i = 0; i < CLIENT_MAX; i++) {
        if (!client_is_open(&clients[i]))
            return &clients[i];
        if (client_is_idle(&clients[i]) &&
            (idle == NULL || clients[i].deadline_ms < idle->deadline_ms))
            idle = &clients[i];
    }
    if (idle != NULL)
        client_close(idle);
    return idle;
}

static void accept_clients(int listener)
{
    struct client *place;
    int on = 1;

    while ((place = find_place()) != NULL) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            return;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        client_open(place, fd);
    }
}

/* True when a new client would find a place. */
static bool has_place(void)
{
    for (size_t i = 0; i < CLIENT_MAX; i++) {
        if (!client_is_open(&clients[i]) || client_is_idle(&clients[i]))
            return true;
    }
    return false;
}

/* Waits until there is something to do, at most until the next deadline. Without a place, nobody
 * new is asked in. */
static void wait_events(int listener, struct pollfd *fds, bool crowded)
{
    int timeout = crowded ? CROWDED_WAIT_MS : -1;

    fds[CLIENT_MAX] = (struct pollfd){.fd = crowded ? -1 : listener, .events = POLLIN};
    for (size_t i = 0; i < CLIENT_MAX; i++) {
        fds[i] = (struct pollfd){.fd = -1};
        if (client_is_open(&clients[i])) {
            int left = client_time_left(&clients[i]);

            fds[i] = (struct pollfd){.fd = clients[i].fd, .events = client_events(&clients[i])};
            timeout = timeout < 0 || left < timeout ? left : timeout;
        }
    }
    if (poll(fds, CLIENT_MAX + 1, timeout) < 0)
        system_sleep_ms(RETRY_MS);
}

int main(void)
{
    static struct pollfd fds[CLIENT_MAX + 1];
    int listener = open_listener();

    if (listener < 0) {
        fprintf(stderr, "status: cannot listen on port %d: %s\n", HTTP_PORT, strerror(errno));
        return 1;
    }
    for (;;) {
        bool crowded = !has_place();

        wait_events(listener, fds, crowded);
        for (size_t i = 0; i < CLIENT_MAX; i++) {
            if (fds[i].fd >= 0)
                client_serve(&clients[i], fds[i].revents, crowded);
        }
        if (fds[CLIENT_MAX].revents != 0)
            accept_clients(listener);
    }
}
