/* A device "net0" for tests of the interrupt ladder: queues 0 and 2 ("rx0", "tx0") have callbacks,
 * 1 ("ctrl") has none, 3 is no queue at all. On fake_virtio.h and fake_pci_vectors.h. Link
 * tests/host/fake/fake_virtio_pci.c. */
#ifndef FAKE_VIRTIO_PCI_H
#define FAKE_VIRTIO_PCI_H

#include "virtio/virtio_pci.h"

extern struct virtio_pci fake_vp;

/* Calls since the set-up: of config_changed(), of queues' callbacks, of virtio_device_gone(). */
extern unsigned fake_config_cnt, fake_callback_cnt[3], fake_gone_cnt;

/* cmocka's set-up and tear-down of a test; with three MSI-X entries and a line on offer. */
int fake_virtio_pci_setup(void **state);
int fake_virtio_pci_teardown(void **state);

/* The ladder, with @options of the boot command line. */
int fake_climb(const char *options);

/* Undoes it. */
void fake_descend(void);

/* The device uses a chain of queue @index. */
void fake_use(unsigned index);

#endif
