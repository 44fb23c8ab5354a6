/* placeholder */
#include "drivers/igb/igb.h"
void igb_vfs_init(struct igb *igb)
{
    (void)igb;
}
void igb_vfs_start(struct igb *igb)
{
    (void)igb;
}
void igb_vfs_serve(struct igb *igb)
{
    (void)igb;
}
int igb_sriov_configure(struct pci_device *pdev, unsigned vf_cnt)
{
    (void)pdev;
    (void)vf_cnt;
    return 0;
}
int igb_vf_ping(struct igb *igb, unsigned vf)
{
    (void)igb;
    (void)vf;
    return 0;
}
