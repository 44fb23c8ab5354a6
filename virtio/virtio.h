/*
 * The virtio device model, as drivers see it.
 *
 * Life of a device. A transport (virtio_pci) finds a device and calls virtio_device_add(). That
 * resets it, sets ACKNOWLEDGE and DRIVER, negotiates features between what the device offers, what
 * the driver's table wants and what the ring code can do, then calls the driver's probe(). probe()
 * reads device configuration and creates the queues with virtio_queues_create(), which also sets up
 * interrupts by the ladder (virtio_pci_irq.c). Then DRIVER_OK is set and start() is called: from
 * here on the driver may notify. On failure everything is undone in reverse and the device is left
 * reset with FAILED. (virtio 1.3, 3.1.)
 *
 * Life of a queue and of a chain: see virtqueue.h.
 *
 * Who calls what. Drivers call only this header and virtqueue.h. A config-change interrupt has
 * config_changed() of the driver called in thread context, whichever rung of the ladder it came by.
 * Queue interrupts call the queue's callback in interrupt context, on the CPU that takes them now,
 * perhaps while a thread adds to the queue on another CPU, or while the callback still runs on the
 * CPU that took them before. So does the watchdog (virtio_watchdog.c) for work that no interrupt
 * announced. Drivers therefore lock each queue.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/list.h"
#include "kernel/timer.h"
#include "kernel/work.h"
#include "virtio/virtio_spec.h"
#include "virtio/virtqueue.h"

#define VIRTIO_QUEUE_MAX (2 * CPU_MAX + 1) /* a pair for each CPU, and one for control */
#define VIRTIO_NAME_MAX  16

struct virtio_device;

/* One kind of transport. Register-level only: no policy, no allocation. Thread context unless
 * noted. */
struct virtio_transport_ops {
    const char *name; /* "legacy", "modern" */
    uint8_t (*get_status)(struct virtio_device *dev);
    void (*set_status)(struct virtio_device *dev, uint8_t status); /* whole byte; virtio.c ORs */
    int (*reset)(struct virtio_device *dev); /* 0, -ETIMEDOUT; bounded wait for status 0 */
    uint64_t (*get_features)(struct virtio_device *dev);
    void (*set_features)(struct virtio_device *dev, uint64_t features);
    /* Features of the transport that it can serve (NULL: none), and those it cannot do without. */
    uint64_t (*own_features)(struct virtio_device *dev);
    uint64_t features_required;
    /* Why a device with these @offered features cannot be given memory to access, or NULL: with
     * and without VIRTIO_F_ACCESS_PLATFORM (6.1). The slot may be NULL. */
    const char *(*access_objection)(struct virtio_device *dev, uint64_t offered);
    uint8_t (*config_generation)(
        struct virtio_device *dev); /* NULL: the transport has none (legacy) */
    /* Bytes of device configuration (NULL: unknown); what lies behind them reads as zero. */
    uint32_t (*config_len)(struct virtio_device *dev);
    void (*config_read)(struct virtio_device *dev, unsigned off, void *buf, unsigned len);
    void (*config_write)(struct virtio_device *dev, unsigned off, const void *buf, unsigned len);
    /* Size of queue @index as offered; 0: absent. -ENOENT when it is in use already (PFN set). */
    int (*queue_size)(struct virtio_device *dev, unsigned index);
    /* Tells the device of the ring, and activates it where there is no queue_enable(). 0, -ERANGE
     * when the transport cannot express its address, -EIO when it did not take. */
    int (*queue_set)(struct virtio_device *dev, struct virtqueue *vq);
    /* Activates the ring when its interrupt is bound. 0, -EIO. NULL: queue_set() has done it. */
    int (*queue_enable)(struct virtio_device *dev, struct virtqueue *vq);
    void (*queue_clear)(struct virtio_device *dev, struct virtqueue *vq);
    void (*notify)(struct virtqueue *vq); /* any context */
    uint64_t ring_limit_pa;               /* exclusive; 0: none */
    bool queue_size_fixed;                /* a ring has exactly the size that the device offers */
    /* Interrupt binding. Values are MSI-X entries or VIRTIO_MSI_NO_VECTOR; return what was read
     * back. */
    uint16_t (*set_config_entry)(struct virtio_device *dev, uint16_t entry);
    uint16_t (*set_queue_entry)(struct virtio_device *dev, unsigned index, uint16_t entry);
    uint8_t (*read_isr)(struct virtio_device *dev); /* reading clears it; interrupt context */
    /* The bus' part of a rung, implemented by the interrupt ladder's bus file. */
    const struct virtio_irq_ops *irq;
};

/* Interrupt set-up by the bus: all queues in dev->queues must exist. See virtio_pci_irq.c. */
struct virtio_irq_ops {
    int (*setup)(struct virtio_device *dev);
    void (*teardown)(struct virtio_device *dev); /* harmless when there is nothing */
    /* For the watchdog: whether an interrupt can be lost (NULL: none); what to look at each time;
     * counts one that was lost. Interrupt context but for the first. */
    bool (*watched)(struct virtio_device *dev);
    void (*tick)(struct virtio_device *dev);
    void (*lost)(struct virtqueue *vq);
    unsigned (*cpu)(const struct virtqueue *vq); /* that takes its interrupts now; any context */
    int (*set_affinity)(struct virtqueue *vq, cpu_mask_t mask); /* of a queue with a callback */
};

struct virtio_feature {
    unsigned bit;
    const char *name;
    bool required;
    uint64_t needs; /* mask of features without which this one is not taken (2.2.1) */
};

struct virtio_driver {
    const char *name;       /* "virtio-blk" */
    const char *dev_prefix; /* "blk": devices are named blk0, blk1, ... in address order */
    /* Where numbers come from and go back to, when other devices have names with this prefix too;
     * NULL: counted for this driver. Thread context. */
    unsigned (*number_take)(void);
    void (*number_put)(unsigned number);
    uint32_t device_id;  /* VIRTIO_ID_* */
    uint16_t config_min; /* bytes of device configuration without which probe() is not called */
    bool ringless;       /* has no queue, so no boot option about rings counts */
    const struct virtio_feature
        *features; /* ended by name NULL; ring features are added by virtio.c */
    int (*probe)(struct virtio_device *dev);
    void (*start)(struct virtio_device *dev);
    void (*remove)(
        struct virtio_device *dev); /* undoes probe(); queues still exist, device is reset */
    /* Device configuration changed, perhaps; also once after start(), for changes since probe().
     * Thread context; may be NULL. */
    void (*config_changed)(struct virtio_device *dev);
    /* virtio_device_kill() has reset the device: complete what is in flight with an error. Any
     * context; may be NULL. */
    void (*killed)(struct virtio_device *dev);
    /* Appends " mac=..." or " capacity=..." to the @device line. */
    void (*describe)(struct virtio_device *dev, char *buf, size_t size);
};

#define VIRTIO_DRIVER(id, ...)                           \
    static const struct virtio_driver virtio_driver_##id \
        __attribute__((used, section(".set.virtio_drivers." #id), aligned(8))) = {__VA_ARGS__}

struct virtio_device {
    struct list link;
    char name[VIRTIO_NAME_MAX];                   /* "net0" */
    unsigned number;                              /* in the name */
    const char *bus_name;                         /* "00:03.0"; set by transport */
    uint32_t device_id;                           /* set by transport */
    const struct virtio_transport_ops *transport; /* set by transport */
    void *transport_data;                         /* private to the transport */
    const struct virtio_driver *driver;
    void *driver_data;                          /* private to the driver */
    uint64_t offered;                           /* device features */
    uint64_t features;                          /* accepted */
    struct virtqueue *queues[VIRTIO_QUEUE_MAX]; /* NULL: slot not used */
    unsigned queue_cnt;
    const char *irq_mode; /* "per-queue", ... as @device prints it; set by the ladder */
    unsigned vectors_used, vectors_available; /* set by the ladder */
    bool irqs_set_up;                         /* by the ladder */
    const char *ring_failed;                  /* why a ring could not be made; NULL: none failed */
    bool no_packed;                           /* packed rings could not be made */
    bool driver_ok;                           /* interrupts before it are counted and ignored */
    const char *dead;                         /* why the device was given up; NULL while alive */
    struct work config_work;                  /* a config-change interrupt's bottom half */
    bool started;                             /* start() is over */
    bool gone;                                /* answers no more; to be given up */
    struct timer watchdog;
    struct work watchdog_work;
    bool watchdog_busy; /* watchdog_work runs */
};

/* Called by a transport for each device it found, with the fields that say "set by transport"
 * filled in and the rest zero; the device object is the transport's. 0, -ENODEV no driver, or why
 * bring-up failed. Thread context. */
int virtio_device_add(struct virtio_device *dev);
void virtio_device_remove(struct virtio_device *dev);

static inline bool virtio_has_feature(const struct virtio_device *dev, unsigned bit)
{
    return (dev->features >> bit) & 1;
}

struct virtqueue_config {
    const char *name;              /* "rx0"; NULL: skip this index */
    virtqueue_callback_t callback; /* NULL: no interrupt for this queue */
    unsigned size_max;             /* 0: what the device offers */
    unsigned indirect_max;         /* longest chain for an indirect table, 0: never */
    /* Queues of one set are spread over all CPUs among themselves; VIRTQUEUE_NO_SET: any CPU will
     * do. */
    unsigned affinity_set;
    /* The device uses each chain as soon as it can, without waiting for anything from outside: the
     * watchdog notifies it again when it does not. */
    bool prompt;
};
#define VIRTQUEUE_SET_MAX 4
#define VIRTQUEUE_NO_SET  VIRTQUEUE_SET_MAX

/* Creates queue i for each named configs[i], then the interrupts. All or nothing. Only from
 * probe(). -ENOENT a queue is absent or in use, -ENOMEM, -EINVAL bad size, or the ladder's error.
 */
int virtio_queues_create(struct virtio_device *dev, const struct virtqueue_config *configs,
                         unsigned cnt);

/*
 * Lets the CPUs of @mask take the interrupts of @vq, and of queues that share its vector; which CPU
 * submits where was settled at start and stays. 0, also without effect where a queue's interrupts
 * are not to be moved (a line, polling); -EINVAL no callback, or no such CPU in use; -ENOSPC no
 * vector there. Thread context.
 */
int virtio_queue_set_affinity(struct virtqueue *vq, cpu_mask_t mask);

/* Deletes what virtio_queues_create() made; the device must have been reset. Done by virtio.c after
 * a failed probe() and after remove(); harmless when there is nothing. */
void virtio_queues_delete(struct virtio_device *dev);

/* Device configuration, field by width, host byte order. Legacy 64-bit fields are re-read until two
 * reads agree (bounded); modern ones run in a generation loop. -EIO when the device never settles.
 */
uint8_t virtio_config_read8(struct virtio_device *dev, unsigned off);
uint16_t virtio_config_read16(struct virtio_device *dev, unsigned off);
uint32_t virtio_config_read32(struct virtio_device *dev, unsigned off);
int virtio_config_read64(struct virtio_device *dev, unsigned off, uint64_t *value);
int virtio_config_read_bytes(struct virtio_device *dev, unsigned off, void *buf, unsigned len);
void virtio_config_write8(struct virtio_device *dev, unsigned off, uint8_t value);
void virtio_config_write32(struct virtio_device *dev, unsigned off, uint32_t value);

/* Resets the device, gives up on it with a named reason ("@event kind=dead"; @reason must stay
 * valid), breaks its queues and calls the driver's killed(). Requests in flight stay in the queues
 * for virtqueue_drain(). Any context. */
void virtio_device_kill(struct virtio_device *dev, const char *reason);

/* Entry point for transports' interrupt handlers: has config_changed() called soon. False: not
 * ready yet, counted and ignored (before DRIVER_OK). Interrupt context. */
bool virtio_config_interrupt(struct virtio_device *dev);

/* For transports whose registers answer no more: has the device given up soon, as "removed". Any
 * context. */
void virtio_device_gone(struct virtio_device *dev);

/* Devices in address order. */
void virtio_for_each(void (*fn)(struct virtio_device *dev, void *arg), void *arg);
struct virtio_device *virtio_find(const char *name); /* "net0"; NULL when there is none */

/* Once, when the devices that are there at boot have been added: prints their "@device" lines in
 * address order, and makes the "devices" report available. */
void virtio_report(void);

/* The "@device" line of @dev if it was added after that. Thread context. */
void virtio_report_late(struct virtio_device *dev);

/* Name of feature @bit of @dev for people; NULL when it is not known here. */
const char *virtio_feature_name(const struct virtio_device *dev, unsigned bit);

#endif
