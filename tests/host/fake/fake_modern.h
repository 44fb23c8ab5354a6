/*
 * A modern virtio function of host tests: configuration space with capabilities that the test
 * writes, structures at fixed places of two BARs, registers that behave as virtio 1.3, 4.1.4.3
 * says. What a driver must not do is noted. Link tests/host/fake/fake_modern.c, fake_modern_regs.c
 * and pci/pci_cap.c, with "cflags: -include tests/host/fake/fake_reg.h". Also fakes
 * virtio_pci_refuse() and the ladder.
 */
#ifndef FAKE_MODERN_H
#define FAKE_MODERN_H

#include <stdbool.h>
#include <stdint.h>

#include "pci/pci.h"
#include "virtio/virtio_pci.h"

#define FAKE_MODERN_QUEUES 4
#define FAKE_MODERN_CONFIG 64

/* Where the structures really are, in the memory BAR; notifications also begin at the port BAR's
 * start. */
#define FAKE_MODERN_BAR      4
#define FAKE_MODERN_PORT_BAR 2
#define FAKE_MODERN_BAR_LEN  0x8000u
#define FAKE_MODERN_PORT_LEN 0x100u
#define FAKE_MODERN_COMMON   0x0000u
#define FAKE_MODERN_ISR      0x1000u
#define FAKE_MODERN_CONFIG_  0x2000u
#define FAKE_MODERN_NOTIFY   0x3000u
#define FAKE_MODERN_PORT     0xc100u
#define FAKE_MODERN_MEMORY   0x700000000000ull /* of the mapped BAR, never dereferenced */

struct fake_modern_queue {
    uint16_t size, vector, enable, notify_off, notify_data, reset;
    uint64_t addr[3]; /* descriptors, driver area, device area */
};

/* An access to a common register, with the queue that was selected. */
struct fake_modern_access {
    bool write;
    uint8_t off;
    uint16_t sel;
    uint32_t value;
};

#define FAKE_MODERN_LOG 512

struct fake_modern {
    uint8_t space[PCI_CFG_SPACE_LEN];
    uint64_t offered, accepted;
    uint32_t offered_sel, accepted_sel;
    uint16_t config_vector, queue_cnt, sel;
    uint8_t status, generation, isr;
    struct fake_modern_queue queues[FAKE_MODERN_QUEUES];
    uint8_t config[FAKE_MODERN_CONFIG];
    /* How it misbehaves. */
    bool refuse_features, never_resets, drops_enable, drops_size, drops_vector, resets_no_queue;
    bool no_memory;       /* mapping fails */
    unsigned generations; /* that many reads of configuration change it */
    /* What was seen. */
    unsigned memory_cnt, port_cnt, window_cnt; /* accesses, by way */
    unsigned map_cnt;                          /* mappings not undone */
    unsigned notify_cnt, notify_width;
    uint32_t notify_off, notify_value; /* the last one */
    unsigned queue_reset_cnt, master_lost_cnt;
    unsigned max_width; /* of accesses to device configuration */
    unsigned config_write_cnt;
    struct fake_modern_access log[FAKE_MODERN_LOG]; /* of the common configuration, in order */
    unsigned log_cnt;
    const char *sin; /* the first thing that a driver must not do */
};

extern struct fake_modern fake_modern;
extern struct virtio_pci fake_modern_vp;
extern struct pci_device fake_modern_pdev;
extern int fake_modern_irq_error;

/* A sound modern device with two queues of 16 entries, and its virtio_pci before anything was
 * opened. */
void fake_modern_reset(void);

/* No capabilities any more; then one more behind those that are there. Offset of the new one. */
void fake_modern_caps_clear(void);
unsigned fake_modern_cap(uint8_t type, uint8_t bar, uint32_t off, uint32_t len);
unsigned fake_modern_notify_cap(uint8_t bar, uint32_t off, uint32_t len, uint32_t multiplier);
unsigned fake_modern_window_cap(void);

/* Between the fake's two files: notes the first thing that must not be done; registers by BAR. */
void fake_modern_sin(const char *what);
uint32_t fake_modern_bar_read(unsigned bar, uint32_t off, unsigned width);
void fake_modern_bar_write(unsigned bar, uint32_t off, unsigned width, uint32_t value);

#endif
