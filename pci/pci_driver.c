/* Which driver takes which function, and its probe. */
#include "kernel/error.h"
#include "kernel/log.h"
#include "pci/pci_private.h"

extern const struct pci_driver __start_pci_drivers[], __stop_pci_drivers[];

const struct pci_driver *pci_driver_match(const struct pci_device *pdev)
{
    for (const struct pci_driver *driver = __start_pci_drivers; driver < __stop_pci_drivers;
         driver++)
        for (const struct pci_id *id = driver->ids; id->vendor_id != 0; id++)
            if (id->vendor_id == pdev->vendor_id && pdev->device_id >= id->device_id_first &&
                pdev->device_id <= id->device_id_last)
                return driver;
    return NULL;
}

void pci_driver_probe(struct pci_device *pdev)
{
    int rc;

    pdev->probed = true;
    if (!pdev->driver)
        return;
    rc = pci_access_grant(pdev);
    if (rc == 0)
        rc = pdev->driver->probe(pdev);
    if (rc == 0)
        return;
    pci_access_revoke(pdev);
    log_warn("pci %s: %s did not start: %s", pdev->name, pdev->driver->name, error_name(rc));
    pdev->driver = NULL;
}

void pci_driver_remove(struct pci_device *pdev)
{
    if (pdev->driver) {
        pdev->driver->remove(pdev);
        pci_access_revoke(pdev);
    }
    pdev->driver = NULL;
}

/* Those that are probed already are virtual functions that a driver made just now. */
static void probe_those(bool first)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev)) {
        if ((pdev->driver != NULL && pdev->driver->first) == first && !pdev->probed)
            pci_driver_probe(pdev);
    }
}

void pci_probe_all(void)
{
    probe_those(true);
    probe_those(false);
}
