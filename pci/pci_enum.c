/* Which functions stand on a bus, and where the roots are. Reads configuration space only. */
#include "arch/firmware.h"
#include "kernel/format.h"
#include "pci/pci_private.h"

void pci_for_each_root(void (*fn)(uint16_t segment, uint8_t bus, uint8_t bus_end, void *arg),
                       void *arg)
{
    const struct firmware_info *firmware = firmware_get();
    bool has_segment_0 = false;

    for (unsigned i = 0; i < firmware->ecam_cnt; i++) {
        const struct firmware_ecam *ecam = &firmware->ecam[i];

        has_segment_0 = has_segment_0 || (ecam->segment == 0 && ecam->start_bus == 0);
        fn(ecam->segment, ecam->start_bus, ecam->end_bus, arg);
    }
    if (!has_segment_0 && firmware->has_port_config)
        fn(0, 0, PCI_BUS_CNT - 1, arg);
}

void pci_device_name(struct pci_device *pdev)
{
    const struct pci_address addr = pdev->addr;

    if (addr.segment)
        format(pdev->name, sizeof(pdev->name), "%04x:%02x:%02x.%u", addr.segment, addr.bus,
               addr.device, addr.function);
    else
        format(pdev->name, sizeof(pdev->name), "%02x:%02x.%u", addr.bus, addr.device,
               addr.function);
}

static void identify(struct pci_device *pdev, uint32_t ids, uint8_t header_type)
{
    pdev->vendor_id = (uint16_t)ids;
    pdev->device_id = (uint16_t)(ids >> 16);
    pdev->header_type = header_type & PCI_HEADER_TYPE_MASK;
    pci_device_name(pdev);
}

void pci_for_each_on_bus(uint16_t segment, uint8_t bus,
                         void (*fn)(const struct pci_device *pdev, void *arg), void *arg)
{
    for (uint8_t device = 0; device < PCI_DEVICE_CNT; device++) {
        uint8_t function_cnt = 1;

        for (uint8_t function = 0; function < function_cnt; function++) {
            struct pci_device pdev = {.addr = {segment, bus, device, function}};
            const uint32_t ids = pci_read32(&pdev, PCI_VENDOR_ID);
            uint8_t header_type;

            /* Vendor 0xffff: nothing there. 0: a bus that floats low. */
            if ((uint16_t)ids == 0xffff || (uint16_t)ids == 0)
                continue;
            header_type = pci_read8(&pdev, PCI_HEADER_TYPE);
            if (function == 0 && (header_type & PCI_HEADER_TYPE_MULTIFUNC))
                function_cnt = PCI_FUNCTION_CNT;
            identify(&pdev, ids, header_type);
            fn(&pdev, arg);
        }
    }
}
