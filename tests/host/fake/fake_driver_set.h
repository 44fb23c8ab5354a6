/* The linker set of virtio drivers with one entry, for host tests of virtio.c. */
#ifndef FAKE_DRIVER_SET_H
#define FAKE_DRIVER_SET_H

#include "virtio/virtio.h"

#define FAKE_DRIVER_LEN 96
_Static_assert(sizeof(struct virtio_driver) == FAKE_DRIVER_LEN, "FAKE_DRIVER_LEN says it too");

#define FAKE_DRIVER_SET_OF(symbol, len)                              \
    __asm__(".globl __start_virtio_drivers, __stop_virtio_drivers\n" \
            ".set __start_virtio_drivers, " #symbol "\n"             \
            ".set __stop_virtio_drivers, " #symbol " + " #len)
#define FAKE_DRIVER_SET_LEN(symbol, len) FAKE_DRIVER_SET_OF(symbol, len)

/* @id as in VIRTIO_DRIVER(id, ...), which stands in the same file. */
#define FAKE_DRIVER_SET(id) FAKE_DRIVER_SET_LEN(virtio_driver_##id, FAKE_DRIVER_LEN)

#endif
