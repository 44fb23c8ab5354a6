/* What the files of SR-IOV share: the state of a physical function, and the steps to its VFs. */
#ifndef PCI_PCI_SRIOV_PRIVATE_H
#define PCI_PCI_SRIOV_PRIVATE_H

#include "pci/pci_private.h"
#include "pci/sriov.h"

struct pci_sriov_bus {
    struct pci_device *bridge;
    uint8_t subordinate; /* before it was raised */
};

struct pci_sriov {
    unsigned cap; /* offset in configuration space */
    uint16_t total, vf_device_id;
    uint16_t vf_offset, vf_stride;    /* of routing ids, once NumVFs is set */
    uint16_t ctrl;                    /* Control register without VF Enable */
    uint16_t asked;                   /* VFs being made */
    uint16_t cnt;                     /* VFs that there are */
    bool busy;                        /* between there are none and there are some */
    uint64_t settled_ns;              /* when the capability may be read again */
    struct pci_bar bars[PCI_BAR_CNT]; /* of VF 0; each VF's lies behind the one before */
    uint16_t slots[PCI_BAR_CNT];      /* VFs that the address of a BAR is good for */
    bool placed[PCI_BAR_CNT];         /* we chose that address, not firmware */
    struct pci_device *ari_port;      /* whose ARI forwarding was turned on */
    struct pci_sriov_bus raised[PCI_DEPTH_MAX];
    unsigned raised_cnt;
    struct pci_device **vfs;
};

/* Notes the capability of a function that was found. 0, also without one; -ENOMEM. */
int pci_sriov_note(struct pci_device *pdev);

/* Clears VF Enable that firmware left; needs no heap. */
void pci_sriov_quiesce(const struct pci_device *pdev);

/* Its VF BARs as registers. */
struct pci_bar_row pci_sriov_row(struct pci_device *pf);

/* What VF BAR @bar occupies; both 0: nothing. */
struct pci_window pci_sriov_window(const struct pci_device *pf, unsigned bar);

/* Bytes of memory space that VF BARs without an address would like to find when a bridge is opened,
 * and their alignment; 0 when none or when it is too much to keep. */
uint64_t pci_sriov_wish(const struct pci_device *pf, uint64_t *align);

/* Routing id of VF @index; above 16 bits: there is none. */
uint32_t pci_sriov_rid(const struct pci_device *pf, unsigned index);

/* The steps from none to pf->sriov->asked VFs and back, in the order of pci_sriov.c. */
int pci_sriov_ari_on(struct pci_device *pf);
void pci_sriov_ari_off(struct pci_device *pf);
int pci_sriov_route(struct pci_device *pf);
void pci_sriov_unroute(struct pci_device *pf);
int pci_sriov_place(struct pci_device *pf);
void pci_sriov_unplace(struct pci_device *pf);
int pci_sriov_create(struct pci_device *pf);
void pci_sriov_destroy(struct pci_device *pf);

#endif
