/* The packed ring: what test_virtqueue.c says of every virtqueue. */
/* sources: virtio/virtqueue.c virtio/virtqueue_packed.c virtio/virtqueue_packed_alloc.c
 * virtio/virtqueue_packed_in_order.c kernel/format.c tests/host/fake/log.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_packed.c */
#define RING_ALLOC     virtqueue_packed_alloc
#define RING_BAD_SIZES 0, 32769, 65535, 65536

#include "test_virtqueue.c"
