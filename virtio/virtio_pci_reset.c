/* Resetting a virtio function, whichever transport drives it (virtio 1.3, 2.4). */
#include <errno.h>

#include "arch/clock.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

#define RESET_TIMEOUT_US 100000u
#define RESET_POLL_US    10u

/* A device that does not answer loses its access to memory, so that its rings can be given back all
 * the same. */
int virtio_pci_reset(struct virtio_device *dev)
{
    dev->transport->set_status(dev, 0);
    for (unsigned us = 0; us < RESET_TIMEOUT_US; us += RESET_POLL_US) {
        if (dev->transport->get_status(dev) == 0)
            return 0;
        clock_delay_us(RESET_POLL_US);
    }
    pci_command_clear(to_virtio_pci(dev)->pdev, PCI_COMMAND_MASTER);
    return -ETIMEDOUT;
}
