/* Queue pairs: how many, their queues, buffers and CPUs, and what is left of a plan that the device
 * or memory does not allow. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio_net.h"
#include "kernel/format.h"

#define POOL_SPARE 64u /* buffers beyond full rings and what the IP stack may hold */

/* What virtio_queues_create() is told. */
struct plan {
    struct virtqueue_config configs[VIRTIO_QUEUE_MAX];
    char names[VIRTIO_QUEUE_MAX][8];
};

static void fallback(const struct virtio_net *net, unsigned from, unsigned to, const char *reason)
{
    char quoted[96];

    at_line("fallback", "name=%s what=queue from=%u to=%u reason=%s", net->dev->name, from, to,
            at_quote(quoted, sizeof(quoted), reason));
}

/* Index of the control queue, 0: none within reach. The device's word on pairs decides where it is
 * (5.1.2), so without a credible one there is no finding it. */
static unsigned ctrl_index(const struct virtio_net *net)
{
    unsigned max = net->netdev.info.pair_max, index = VIRTIO_NET_CTRLQ(max);

    if (!virtio_has_feature(net->dev, VIRTIO_NET_F_CTRL_VQ) || max == 0)
        return 0;
    return index < VIRTIO_QUEUE_MAX ? index : 0;
}

static unsigned pairs_wanted(const struct virtio_net *net)
{
    unsigned max = net->netdev.info.pair_max, wanted = max < cpu_count() ? max : cpu_count();

    if (ctrl_index(net) == 0 && virtio_has_feature(net->dev, VIRTIO_NET_F_MQ)) {
        fallback(net, max, 1,
                 max == 0 ? "impossible number of queue pairs" : "control queue is out of reach");
        return 1;
    }
    return wanted;
}

static void plan_queue(struct plan *plan, unsigned index, const char *kind, unsigned pair,
                       virtqueue_callback_t callback, unsigned set)
{
    format(plan->names[index], sizeof(plan->names[index]), "%s%u", kind, pair);
    plan->configs[index] = (struct virtqueue_config){
        .name = plan->names[index], .callback = callback, .affinity_set = set, .prompt = set == 1};
}

/* Queues of pairs that are not used have no name, and are left alone. */
static int create_queues(struct virtio_net *net, unsigned pair_cnt)
{
    unsigned ctrl = ctrl_index(net);
    struct plan *plan = calloc(1, sizeof(*plan));
    int err;

    if (plan == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < pair_cnt; i++) {
        plan_queue(plan, VIRTIO_NET_RXQ(i), "rx", i, virtio_net_rx_interrupt, 0);
        plan_queue(plan, VIRTIO_NET_TXQ(i), "tx", i, virtio_net_tx_interrupt, 1);
    }
    if (ctrl != 0)
        plan->configs[ctrl] = (struct virtqueue_config){
            .name = "ctrl", .affinity_set = VIRTQUEUE_NO_SET, .prompt = true};
    err = virtio_queues_create(net->dev, plan->configs,
                               ctrl != 0 ? ctrl + 1 : VIRTIO_NET_RXQ(pair_cnt));
    free(plan);
    return err;
}

static void setup_pair(struct virtio_net *net, unsigned index)
{
    struct virtio_net_pair *pair = &net->pairs[index];
    unsigned rx = VIRTIO_NET_RXQ(index), tx = VIRTIO_NET_TXQ(index);

    pair->net = net;
    pair->index = index;
    pair->pair.dev = &net->netdev;
    pair->rxq = net->dev->queues[rx];
    pair->txq = net->dev->queues[tx];
    timer_setup(&pair->rx_timer, virtio_net_rx_timer, pair);
    net->rx_ready |= 1ull << index; /* until someone has looked */
    pair->rxq->driver_data = pair;
    pair->txq->driver_data = pair;
    net->netdev.pairs[index] = &pair->pair;
}

/* Buffers for as many pairs as there is memory for. */
static int create_pools(struct virtio_net *net)
{
    struct netdev_info *info = &net->netdev.info;
    unsigned cnt = 0;

    info->rx_ring = net->pairs[0].rxq->size;
    info->tx_ring = net->pairs[0].txq->size;
    while (cnt < net->queue_pairs) {
        const struct virtio_net_pair *pair = &net->pairs[cnt];
        unsigned bufs = pair->rxq->size + pair->rxq->size / 2u + pair->txq->size + POOL_SPARE;

        if (netbuf_pool_init(&net->pairs[cnt].pair, bufs) != 0)
            break;
        cnt++;
    }
    if (cnt == 0)
        return -ENOMEM;
    if (cnt < net->queue_pairs)
        fallback(net, net->queue_pairs, cnt, "no memory for buffers");
    info->pair_cnt = cnt;
    return 0;
}

int virtio_net_queues_create(struct virtio_net *net)
{
    unsigned ctrl = ctrl_index(net), wanted = pairs_wanted(net);
    int err = create_queues(net, wanted);

    if (err != 0 && wanted > 1) {
        fallback(net, wanted, 1, strerror(-err));
        wanted = 1;
        err = create_queues(net, wanted);
    }
    if (err != 0)
        return err;
    net->pairs = aligned_alloc(_Alignof(struct virtio_net_pair), wanted * sizeof(*net->pairs));
    if (net->pairs == NULL)
        return -ENOMEM;
    memset(net->pairs, 0, wanted * sizeof(*net->pairs));
    net->queue_pairs = wanted;
    for (unsigned i = 0; i < wanted; i++)
        setup_pair(net, i);
    err = create_pools(net);
    if (err == 0 && ctrl != 0)
        err = virtio_net_ctrl_init(net, net->dev->queues[ctrl]);
    if (err != 0)
        virtio_net_queues_free(net);
    return err;
}

/* Where interrupts for what @cpu sent arrive on @cpu, if there is such a pair; else they take
 * turns.
 */
static unsigned pair_for_cpu(const struct virtio_net *net, unsigned cpu, unsigned cnt)
{
    unsigned first = cnt > 1 ? cpu % cnt : 0;

    for (unsigned i = 0; i < cnt; i++) {
        unsigned pair = first + i < cnt ? first + i : first + i - cnt;

        if ((net->pairs[pair].txq->affinity & CPU_MASK(cpu)) != 0)
            return pair;
    }
    return first;
}

static void map_cpus(struct virtio_net *net)
{
    for (unsigned cpu = 0; cpu < CPU_MAX; cpu++) {
        unsigned index = pair_for_cpu(net, cpu, net->netdev.info.pair_cnt);

        net->netdev.cpu_pairs[cpu] = &net->pairs[index].pair;
    }
}

void virtio_net_queues_start(struct virtio_net *net)
{
    unsigned cnt = net->netdev.info.pair_cnt;
    uint16_t value = (uint16_t)cnt;
    int err;

    for (unsigned i = 0; i < cnt; i++) {
        uint64_t irq = spin_lock(&net->pairs[i].pair.lock);

        virtio_net_refill(&net->pairs[i].pair);
        spin_unlock(&net->pairs[i].pair.lock, irq);
    }
    if (cnt > 1) {
        err = virtio_net_ctrl(net, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &value,
                              sizeof(value));
        if (err != 0) {
            fallback(net, cnt, 1, net->ctrl.disabled != NULL ? net->ctrl.disabled : "refused");
            net->netdev.info.pair_cnt = 1;
        }
    }
    map_cpus(net);
}

static void stop_pair(struct virtio_net_pair *pair)
{
    struct netbuf *buf, *aside = NULL;
    uint64_t irq = spin_lock(&pair->pair.lock);

    pair->pair.gone = true;
    pair->pair.starved = false;
    while ((buf = virtqueue_drain(pair->rxq)) != NULL)
        netbuf_give(&pair->pair.pool, buf);
    while ((buf = virtqueue_drain(pair->txq)) != NULL) {
        buf->next = NULL;
        netbuf_put_aside(&aside, buf);
    }
    spin_unlock(&pair->pair.lock, irq);
    timer_cancel(&pair->rx_timer);
    netdev_buf_free(aside);
}

void virtio_net_queues_stop(struct virtio_net *net)
{
    for (unsigned i = 0; i < net->queue_pairs; i++)
        stop_pair(&net->pairs[i]);
}

bool virtio_net_queues_free(struct virtio_net *net)
{
    unsigned lent, total = 0;

    for (unsigned i = 0; i < net->queue_pairs; i++) {
        netbuf_pool_free(&net->pairs[i].pair, &lent);
        total += lent;
    }
    virtio_net_ctrl_free(net);
    if (total > 0) {
        log_warn("%s: %u buffers are still lent out, their memory is kept", net->netdev.info.name,
                 total);
        return false;
    }
    return true;
}
