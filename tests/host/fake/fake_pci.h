/*
 * A PCI hierarchy for host tests: configuration space with writable bits per register, bridges that
 * forward by their bus numbers, memory behind BARs. Link tests/host/fake/fake_pci.c in place of
 * pci/pci_ecam.c and pci/pci_port.c; it also fakes firmware_get(), mmio_map() and
 * pci_driver_match(). Sources that shall meet fake_pci_mmio_write need "cflags: -include
 * tests/host/fake/fake_mmio.h".
 */
#ifndef FAKE_PCI_H
#define FAKE_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/firmware.h"
#include "pci/pci.h"

struct fake_pci_function {
    struct fake_pci_function *parent; /* the bridge above, NULL on root bus 0 */
    uint8_t device, function;
    uint8_t config[PCI_CFG_SPACE_EXP_LEN];
    uint8_t writable[PCI_CFG_SPACE_EXP_LEN]; /* bits that writes change */
    uint8_t *memory[PCI_BAR_CNT];            /* behind memory BARs */
    size_t memory_len[PCI_BAR_CNT];
    bool decodes;                 /* whatever the Command register says, as virtual functions do */
    struct fake_pci_function *pf; /* of a virtual function: tests/host/fake/fake_sriov.h */
    unsigned vf_index;
    unsigned bar_writes_decoding; /* writes to a BAR while the Command register let it decode */
};

/* Starts anew: no functions, ECAM for segment 0 with all buses, no ports, no window. */
void fake_pci_reset(void);

/* All functions there are, in the order of their making. */
#define FAKE_PCI_FUNCTION_MAX 300
unsigned fake_pci_function_cnt(void);
struct fake_pci_function *fake_pci_function(unsigned index);

/* What firmware_get() returns; tests change it before pci_config_init(). */
extern struct firmware_info fake_firmware;

struct fake_pci_function *fake_pci_add(struct fake_pci_function *parent, uint8_t device,
                                       uint8_t function, uint16_t vendor_id, uint16_t device_id);

/* Makes @fn a PCI-to-PCI bridge with I/O, memory and 64-bit prefetchable windows, all zero. */
void fake_pci_make_bridge(struct fake_pci_function *fn);
void fake_pci_bridge_numbers(struct fake_pci_function *fn, uint8_t primary, uint8_t secondary,
                             uint8_t subordinate);

/* A BAR with the low @flags bits of its register, assigned to @base. Memory up to 1 MiB gets bytes
 * behind it. */
void fake_pci_set_bar(struct fake_pci_function *fn, unsigned bar, uint32_t flags, uint64_t len,
                      uint64_t base);
uint64_t fake_pci_bar_base(const struct fake_pci_function *fn, unsigned bar);

/* Writes a capability header at @off; the caller links it: @next 0 ends the list. The first one
 * also sets 0x34. */
void fake_pci_cap(struct fake_pci_function *fn, uint8_t off, uint8_t id, uint8_t next);

/* Lets writes change these bits. */
void fake_pci_allow(struct fake_pci_function *fn, unsigned reg, unsigned width, uint32_t bits);

uint32_t fake_pci_get(const struct fake_pci_function *fn, unsigned reg, unsigned width);
void fake_pci_put(struct fake_pci_function *fn, unsigned reg, unsigned width, uint32_t value);

/* A device as pci_scan() would make it, without the scan. */
void fake_pci_device(struct fake_pci_function *fn, struct pci_device *pdev);

/* Where a virtual function is now; false: nowhere. Set by fake_sriov.c when that is linked. */
extern bool (*fake_pci_vf_address)(const struct fake_pci_function *vf, struct pci_address *addr);

/* The driver that pci_driver_match() finds for functions with this device id. */
extern const struct pci_driver *fake_pci_driver;
extern uint16_t fake_pci_driver_id;

/* Mappings made by mmio_map() and not yet undone; the next @fake_pci_map_fail one fails when it is
 * not 0. */
extern unsigned fake_pci_map_cnt;
extern unsigned fake_pci_map_fail;

/* Called at each configuration read, before it: another party at work. May be NULL. */
extern void (*fake_pci_read_hook)(void);

/* Accesses counted since fake_pci_reset(). */
extern unsigned fake_pci_read_cnt;

/* Sees each write of a register through arch/io.h first and may change the value or, with false,
 * drop the write. */
extern bool (*fake_pci_mmio_write)(volatile void *reg, uint32_t *value);

#endif
