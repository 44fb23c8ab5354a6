/* Private to virtio/: what its files take from each other. */
#ifndef VIRTIO_VIRTIO_IMPL_H
#define VIRTIO_VIRTIO_IMPL_H

#include "virtio/virtio.h"

/* Accepts what the device offers, the driver's table wants and the rings can do, and writes it to
 * the device. -ENOTSUP when a required feature is missing. */
int virtio_features_negotiate(struct virtio_device *dev);

/* Whether VIRTIO_F_RING_PACKED is to be accepted. */
bool virtio_ring_packed_wanted(const struct virtio_device *dev);

/* -ENOTSUP, with the reason on the console, when the boot option wants a ring that was not agreed
 * on. */
int virtio_ring_check(const struct virtio_device *dev);

/* A ring of the format agreed on; NULL as the format's own function says. */
struct virtqueue *virtio_ring_alloc(const struct virtio_device *dev,
                                    const struct virtqueue_params *params);

/* After a failed probe(): true when its cause was a packed ring and split ones may be used instead,
 * for which the device starts again. Says so on the console. */
bool virtio_ring_step_down(struct virtio_device *dev);

/* Ends interrupts before virtio_queues_delete() does; harmless when there are none. Thread context.
 */
void virtio_queues_silence(struct virtio_device *dev);

/* Watches, from DRIVER_OK on, for used work that no interrupt announces. Thread context. */
void virtio_watchdog_start(struct virtio_device *dev);
void virtio_watchdog_stop(struct virtio_device *dev);

/* A driver's own words about a device, as appended to the "@device" line: " mac=...". Empty when it
 * has none. */
void virtio_describe(struct virtio_device *dev, char *buf, size_t size);

/* "split", "packed"; "none" while the device has no queue. */
const char *virtio_ring_name(const struct virtio_device *dev);

#endif
