/* "bench net": chooses device, path and address, runs the server, prints what it counted. */
#include "bench/bench_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "bench/bench.h"
#include "drivers/netdev.h"
#include "kernel/bootopt.h"
#include "kernel/console.h"
#include "net/net.h"
#include "virtio/virtio.h"

struct queue_counts {
    uint64_t notifications, interrupts;
};

static struct queue_counts count_queues(const char *name)
{
    struct virtio_device *dev = virtio_find(name);
    struct queue_counts counts = {0};

    for (unsigned i = 0; dev != NULL && i < dev->queue_cnt; i++) {
        if (dev->queues[i] == NULL)
            continue;
        counts.notifications += dev->queues[i]->notify_cnt;
        counts.interrupts += dev->queues[i]->interrupt_cnt;
    }
    return counts;
}

/* The static address of boot option ip=ADDR/PREFIX, else the one that peers expect. */
static uint32_t server_address(void)
{
    const char *option = bootopt_get("ip");
    char text[INET_ADDRSTRLEN] = "";
    struct in_addr address;

    if (option != NULL && strcspn(option, "/") < sizeof(text))
        memcpy(text, option, strcspn(option, "/"));
    if (inet_pton(AF_INET, text, &address) != 1)
        inet_pton(AF_INET, BENCH_NET_ADDRESS, &address);
    return address.s_addr;
}

/* The driver path needs the device to itself, so the IP stack gives it up meanwhile. */
static int run_driver(struct netdev *dev, struct bench_net_counts *counts)
{
    const char *name = netdev_info(dev)->name;
    int err = net_detach(name);
    bool detached = err == 0;

    if (err != 0 && err != -EALREADY)
        return console_fail(err, "%s: the IP stack does not give the device up", name);
    err = bench_net_driver(dev, server_address(), counts);
    if (detached && net_attach(name) != 0)
        return console_fail(-EBUSY, "%s: the IP stack cannot take the device back", name);
    return err;
}

static void print_results(const char *via, const struct bench_net_counts *counts,
                          const struct queue_counts *before, const struct queue_counts *after)
{
    char prefix[16] = "net.";
    uint64_t frames = counts->received + counts->sent;

    strncat(prefix, via, sizeof(prefix) - strlen(prefix) - 1);
    bench_result(prefix, "received", counts->received, 1, "frames");
    bench_result(prefix, "sent", counts->sent, 1, "frames");
    bench_result(prefix, "notifications", after->notifications - before->notifications, frames,
                 "1/frame");
    bench_result(prefix, "interrupts", after->interrupts - before->interrupts, frames, "1/frame");
}

int bench_net(int argc, char **argv)
{
    const char *via = console_option(argc, argv, "via");
    struct bench_net_counts counts = {0};
    struct queue_counts before, after;
    struct netdev *dev;
    int err;

    if (argc < 3)
        return console_fail(-EINVAL, "usage: bench net DEV [via=driver|lwip]");
    dev = netdev_find(argv[2]);
    if (dev == NULL)
        return console_fail(-ENOENT, "no network device %s", argv[2]);
    if (via == NULL)
        via = "driver";
    before = count_queues(argv[2]);
    if (strcmp(via, "driver") == 0)
        err = run_driver(dev, &counts);
    else if (strcmp(via, "lwip") == 0)
        err = bench_net_sockets(&counts);
    else
        return console_fail(-EINVAL, "via=%s: want driver or lwip", via);
    if (err != 0)
        return err;
    after = count_queues(argv[2]);
    print_results(via, &counts, &before, &after);
    return 0;
}
