/* The control queue (virtio 1.3, 5.1.6.5): one command in flight, polled for its answer, for a
 * bounded time. A device that does not answer loses the queue, not its life. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "arch/barrier.h"
#include "arch/clock.h"
#include "drivers/virtio_net.h"
#include "kernel/page.h"

#define TIME_LIMIT_NS 3000000000ull
#define POLL_NS       20000u
#define DATA_MAX      8u
#define ACK_UNSET     0xffu /* no answer that the specification knows */

/* Pieces that the device reads and writes. */
struct virtio_net_ctrl_memory {
    struct virtio_net_ctrl_hdr hdr;
    uint8_t data[DATA_MAX];
    uint8_t ack;
};

int virtio_net_ctrl_init(struct virtio_net *net, struct virtqueue *vq)
{
    struct virtio_net_ctrl *ctrl = &net->ctrl;

    ctrl->memory = dma_alloc(sizeof(*ctrl->memory), 0, &ctrl->memory_pa);
    if (ctrl->memory == NULL)
        return -ENOMEM;
    mutex_init(&ctrl->lock);
    ctrl->vq = vq;
    virtqueue_disable_cb(vq); /* answers are polled for; on a shared line it would only disturb */
    return 0;
}

void virtio_net_ctrl_free(struct virtio_net *net)
{
    struct virtio_net_ctrl *ctrl = &net->ctrl;

    if (ctrl->memory != NULL)
        dma_free(ctrl->memory, sizeof(*ctrl->memory));
    ctrl->memory = NULL;
    ctrl->vq = NULL;
}

/* What is in flight stays so: the memory is the device's until it is reset. */
static int disable(struct virtio_net *net, const char *reason, int err)
{
    net->ctrl.disabled = reason;
    log_warn("%s: control queue not used any more: %s", net->dev->name, reason);
    return err;
}

static int submit(struct virtio_net_ctrl *ctrl, unsigned data_len)
{
    uint64_t pa = ctrl->memory_pa;
    struct virtqueue_seg segs[3];
    unsigned cnt = 0;
    int err;

    segs[cnt++] = (struct virtqueue_seg){.pa = pa, .len = sizeof(ctrl->memory->hdr)};
    if (data_len > 0)
        segs[cnt++] = (struct virtqueue_seg){
            .pa = pa + offsetof(struct virtio_net_ctrl_memory, data), .len = data_len};
    segs[cnt] = (struct virtqueue_seg){.pa = pa + offsetof(struct virtio_net_ctrl_memory, ack),
                                       .len = sizeof(ctrl->memory->ack)};
    err = virtqueue_add(ctrl->vq, segs, cnt, 1, ctrl->memory);
    if (err == 0)
        virtqueue_kick(ctrl->vq);
    return err;
}

/* Legacy devices are known to say nothing true of the length (2.7.8.1). */
static int judge(const struct virtio_net *net, uint32_t used_len)
{
    uint8_t ack = READ_ONCE(net->ctrl.memory->ack);
    bool modern = virtio_has_feature(net->dev, VIRTIO_F_VERSION_1);

    if (ack == VIRTIO_NET_OK && (!modern || used_len == 1))
        return 0;
    if (ack != VIRTIO_NET_ERR)
        log_warn("%s: control command answered with %#x, %u bytes long", net->dev->name, ack,
                 used_len);
    return -EIO;
}

static int run_command(struct virtio_net *net, unsigned data_len)
{
    struct virtqueue *vq = net->ctrl.vq;
    uint64_t deadline = clock_ns() + TIME_LIMIT_NS;
    uint32_t used_len;

    if (submit(&net->ctrl, data_len) != 0)
        return disable(net, "the ring takes no command", -EIO);
    while (virtqueue_get(vq, &used_len) == NULL) {
        if (vq->broken != NULL)
            return disable(net, vq->broken, -EIO);
        if (clock_ns() >= deadline)
            return disable(net, "a command was not answered in time", -ETIMEDOUT);
        thread_sleep_ns(POLL_NS);
    }
    return judge(net, used_len);
}

int virtio_net_ctrl(struct virtio_net *net, uint8_t class, uint8_t command, const void *data,
                    unsigned len)
{
    struct virtio_net_ctrl *ctrl = &net->ctrl;
    int rc = -ENODEV;

    if (ctrl->vq == NULL)
        return rc;
    mutex_lock(&ctrl->lock);
    if (ctrl->disabled == NULL) {
        ctrl->memory->hdr = (struct virtio_net_ctrl_hdr){class, command};
        if (len > 0)
            memcpy(ctrl->memory->data, data, len);
        ctrl->memory->ack = ACK_UNSET;
        rc = run_command(net, len);
    }
    mutex_unlock(&ctrl->lock);
    return rc;
}
