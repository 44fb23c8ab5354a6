/* The packed ring in random use, as test_virtqueue_model.c does it. */
/* sources: virtio/virtqueue.c virtio/virtqueue_packed.c virtio/virtqueue_packed_alloc.c
 * virtio/virtqueue_packed_in_order.c kernel/format.c tests/host/fake/log.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_packed.c */
#define RING_ALLOC virtqueue_packed_alloc
#define RING_SIZES 1, 2, 3, 7, 256, 32768

#include "test_virtqueue_model.c"
