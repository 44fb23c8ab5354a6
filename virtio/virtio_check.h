/*
 * Checks of the driver's duties by virtio 1.3 on the running machine, which "selftest virtio"
 * prints as "@check" lines. A check looks at one device and says how it is there; what it says of
 * all devices is put together: one that fails decides, else one that passes. Numbers are those of
 * docs/conformance.md. Files with tables of checks register them by VIRTIO_CHECKS().
 *
 * Checks read what reading does not change, write no register but selectors, and leave the contents
 * of disks alone.
 */
#ifndef VIRTIO_VIRTIO_CHECK_H
#define VIRTIO_VIRTIO_CHECK_H

#include <stddef.h>

#include "virtio/virtio.h"

#define VIRTIO_CHECK_ID_MAX 113u

enum virtio_verdict {
    VIRTIO_CHECK_SKIP, /* the device has nothing to show */
    VIRTIO_CHECK_PASS,
    VIRTIO_CHECK_FAIL,
};

struct virtio_check {
    unsigned id;         /* 1..VIRTIO_CHECK_ID_MAX; 0 ends a table */
    const char *section; /* "2.2.1" */
    /* *@why: the reason, unless it passes; must stay valid. Thread context. */
    enum virtio_verdict (*fn)(struct virtio_device *dev, const char **why);
};

struct virtio_check_set {
    uint32_t device_id; /* VIRTIO_ID_*; 0: of every device */
    const struct virtio_check *checks;
};

#define VIRTIO_CHECKS(id, ...)                              \
    static const struct virtio_check_set virtio_checks_##id \
        __attribute__((used, section(".set.virtio_checks." #id), aligned(8))) = {__VA_ARGS__}

/* The ends of a check. */
#define VIRTIO_CHECK_SKIP_IF(cond, reason) \
    do {                                   \
        if (cond) {                        \
            *why = (reason);               \
            return VIRTIO_CHECK_SKIP;      \
        }                                  \
    } while (0)
#define VIRTIO_CHECK_EXPECT(cond, reason) \
    do {                                  \
        if (!(cond)) {                    \
            *why = (reason);              \
            return VIRTIO_CHECK_FAIL;     \
        }                                 \
    } while (0)

/* Prints the line of each check in @sets, in order of numbers; how many failed. Thread context. */
unsigned virtio_checks_run(const struct virtio_check_set *sets, size_t cnt);

/* The tables, for host tests. */
extern const struct virtio_check virtio_device_checks[], virtio_ring_checks[], virtio_pci_checks[],
    virtio_net_checks[], virtio_blk_checks[];

#endif
