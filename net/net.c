/* The stack as a whole: start, interfaces, and the thread that moves frames. */
#include "net/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "drivers/netdev.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcpip.h"
#include "net/interface.h"
#include "net/private.h"
#include "netif/ethernet.h"

#define NET_STACK_LEN (16 * 1024ul)
#define RETRY_NS      1000000u /* until frames are offered to a full ring again */
#define DRAIN_NS      500000000ull
#define DRAIN_STEP_NS 2000000ull

struct interface *interfaces[INTERFACE_MAX];
unsigned interface_cnt;

static unsigned hold_cnt; /* atomic */
static struct wait_queue release_wait = WAIT_QUEUE_INIT(release_wait);
static struct wait_queue work_wait = WAIT_QUEUE_INIT(work_wait);
static bool work_pending; /* atomic */
static bool in_batch;     /* with the core lock */

struct interface *interface_find(const char *name)
{
    for (unsigned i = 0; i < interface_cnt; i++) {
        if (strcmp(interfaces[i]->name, name) == 0)
            return interfaces[i];
    }
    return NULL;
}

void interfaces_hold(void)
{
    __atomic_fetch_add(&hold_cnt, 1, __ATOMIC_SEQ_CST);
}

void interfaces_release(void)
{
    if (__atomic_sub_fetch(&hold_cnt, 1, __ATOMIC_SEQ_CST) == 0)
        wait_queue_wake_all(&release_wait);
}

void net_wake(void)
{
    if (!__atomic_exchange_n(&work_pending, true, __ATOMIC_SEQ_CST))
        wait_queue_wake_one(&work_wait);
}

bool net_in_batch(void)
{
    return in_batch;
}

static int interface_add(struct netdev *dev, unsigned index)
{
    struct interface *iface = calloc(1, sizeof(*iface));
    int rc;

    if (iface == NULL)
        return -ENOMEM;
    iface->dev = dev;
    LOCK_TCPIP_CORE();
    netif_add_noaddr(&iface->netif, iface, vring_netif_init, ethernet_input);
    UNLOCK_TCPIP_CORE();
    rc = vring_open(iface);
    LOCK_TCPIP_CORE();
    if (rc != 0) {
        netif_remove(&iface->netif);
        UNLOCK_TCPIP_CORE();
        free(iface);
        return rc;
    }
    interfaces[interface_cnt++] = iface;
    if (netif_default == NULL)
        netif_set_default(&iface->netif);
    netif_set_up(&iface->netif);
    address_start(iface, index);
    UNLOCK_TCPIP_CORE();
    return 0;
}

static void add_device(struct netdev *dev)
{
    int rc = interface_cnt < INTERFACE_MAX ? interface_add(dev, interface_cnt) : -ENOSPC;

    if (rc != 0)
        log_error("%s: not available to the IP stack: %s", netdev_info(dev)->name, strerror(-rc));
}

/* Packets in sockets' queues live in its buffers; what is not read in time stays in memory. */
static bool interface_drained(const struct interface *iface)
{
    const uint64_t deadline = clock_ns() + DRAIN_NS;

    while (__atomic_load_n(&iface->held_cnt, __ATOMIC_RELAXED) > 0) {
        if (clock_ns() >= deadline)
            return false;
        thread_sleep_ns(DRAIN_STEP_NS);
    }
    return true;
}

static void interface_remove(struct interface *iface)
{
    unsigned at = 0;

    LOCK_TCPIP_CORE();
    address_stop(iface);
    UNLOCK_TCPIP_CORE();
    if (iface->attached)
        vring_close(iface);
    LOCK_TCPIP_CORE();
    while (interfaces[at] != iface)
        at++;
    for (interface_cnt--; at < interface_cnt; at++)
        interfaces[at] = interfaces[at + 1];
    netif_remove(&iface->netif);
    if (netif_default == NULL && interface_cnt > 0)
        netif_set_default(&interfaces[0]->netif);
    UNLOCK_TCPIP_CORE();
    WAIT_UNTIL(&release_wait, WAIT_FOREVER, __atomic_load_n(&hold_cnt, __ATOMIC_SEQ_CST) == 0);
    timer_cancel(&iface->tx_timer);
    if (interface_drained(iface))
        free(iface);
}

/* A device came or is about to go, while the machine runs. */
static void device_changed(struct netdev *dev, bool added)
{
    struct interface *iface = interface_find(netdev_info(dev)->name);

    if (added)
        add_device(dev);
    else if (iface != NULL && iface->dev == dev)
        interface_remove(iface);
}

/* In the net thread, so that the rest of the start need not wait; later threads find all interfaces
 * there. */
static void add_interfaces(void)
{
    struct netdev *dev;

    for (unsigned i = 0; (dev = netdev_get(i)) != NULL; i++)
        add_device(dev);
    netdev_observe(device_changed);
}

static void net_thread(void *arg)
{
    bool unsent = false;

    (void)arg;
    add_interfaces();
    for (;;) {
        bool more = false;

        WAIT_UNTIL(&work_wait, unsent ? clock_ns() + RETRY_NS : WAIT_FOREVER,
                   __atomic_load_n(&work_pending, __ATOMIC_SEQ_CST));
        __atomic_store_n(&work_pending, false, __ATOMIC_SEQ_CST);
        unsent = false;
        LOCK_TCPIP_CORE();
        in_batch = true;
        for (unsigned i = 0; i < interface_cnt; i++) {
            more |= vring_receive(interfaces[i]);
            unsent |= vring_flush(interfaces[i]);
        }
        in_batch = false;
        UNLOCK_TCPIP_CORE();
        if (more) {
            __atomic_store_n(&work_pending, true, __ATOMIC_SEQ_CST);
            thread_yield();
        }
    }
}

/* Has some connection data that the other end has not confirmed? */
static bool tcp_is_busy(void)
{
    const struct tcp_pcb *pcb;

    LOCK_TCPIP_CORE();
    for (pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->unsent != NULL || pcb->unacked != NULL)
            break;
    }
    UNLOCK_TCPIP_CORE();
    return pcb != NULL;
}

/* What was sent right before the end shall arrive, if that takes no longer than a moment. */
static void drain(void)
{
    uint64_t deadline = clock_ns() + DRAIN_NS;
    bool sent = false;

    for (unsigned i = 0; i < interface_cnt; i++) {
        sent |= interfaces[i]->tx_cnt > 0;
        vring_flush(interfaces[i]);
    }
    if (sent)
        thread_sleep_ns(DRAIN_STEP_NS);
    while (tcp_is_busy() && clock_ns() < deadline)
        thread_sleep_ns(DRAIN_STEP_NS);
}

int net_init(void)
{
    struct thread *thread;

    net_sys_init();
    tcpip_init(NULL, NULL);
    net_sockets_init();
    net_report_init();
    address_init();
    thread = thread_create("net", net_thread, NULL, NET_STACK_LEN);
    if (thread == NULL)
        return -ENOMEM;
    thread_detach(thread);
    return system_on_exit(drain);
}

int net_detach(const char *name)
{
    struct interface *iface = interface_find(name);

    if (iface == NULL)
        return -ENOENT;
    if (!iface->attached)
        return -EALREADY;
    vring_close(iface);
    return 0;
}

int net_attach(const char *name)
{
    struct interface *iface = interface_find(name);

    if (iface == NULL)
        return -ENOENT;
    if (iface->attached)
        return -EALREADY;
    return vring_open(iface);
}
