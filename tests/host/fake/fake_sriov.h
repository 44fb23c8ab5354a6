/*
 * Functions with SR-IOV for host tests, on top of fake_pci.h: a root port that may forward ARI, a
 * physical function, and virtual ones that answer where their capability puts them while VF Enable
 * is on. Link tests/host/fake/fake_sriov.c; it also has thread_sleep_ns().
 */
#ifndef FAKE_SRIOV_H
#define FAKE_SRIOV_H

#include "fake_pci.h"

#define FAKE_EXP_CAP   0x40 /* PCI Express capability of ports and physical functions */
#define FAKE_ARI_CAP   0x100
#define FAKE_SRIOV_CAP 0x160

/* A root port that can forward ARI and does not yet, its buses and windows as said. */
struct fake_pci_function *fake_sriov_port(struct fake_pci_function *parent, uint8_t device);

/* The windows of a port, by the bridge's own registers; @end is behind the last byte. */
void fake_sriov_memory(struct fake_pci_function *port, uint64_t base, uint64_t end);
void fake_sriov_prefetch(struct fake_pci_function *port, uint64_t base, uint64_t end);

/* Function 0 of device 0 behind @parent with @total virtual ones: 8086:10c9 and 8086:10ca, offset
 * 0x80, stride 2, 4 KiB pages; no VF BARs. */
struct fake_pci_function *fake_sriov_pf(struct fake_pci_function *parent, uint8_t device,
                                        unsigned total);

/* VF BAR @bar, as fake_pci_set_bar(). */
void fake_sriov_bar(struct fake_pci_function *pf, unsigned bar, uint32_t flags, uint64_t len,
                    uint64_t base);
uint64_t fake_sriov_bar_base(const struct fake_pci_function *pf, unsigned bar);

/*
 * The machine that most tests begin with: port 00:03.0 to bus 1 with a memory window of 2 MiB at
 * 0xfe600000 and a prefetchable one at 0xfea00000; behind it a physical function with 128 KiB at
 * 0xfe600000, eight virtual ones, and VF BARs 0 and 3 of 16 KiB each (64 bits, prefetchable)
 * without addresses. Firmware that knows nothing of SR-IOV leaves it like that.
 */
extern struct fake_pci_function *fake_sriov_the_port, *fake_sriov_the_pf;
void fake_sriov_machine(void);

/* pci_config_init() and pci_scan(); returns the physical function 01:00.0, which must be there. */
struct pci_device *fake_sriov_scan(void);

/* Remembers the configuration space of every function and says whether it is still the same. */
void fake_sriov_remember(void);
bool fake_sriov_unchanged(void);

/* cmocka's, for tests of this machine: what is still on at the end goes off. */
int fake_sriov_setup(void **state);
int fake_sriov_teardown(void **state);

/* The function that the two below found, or a test: disabled by the teardown. */
extern struct pci_device *fake_sriov_found;

/* Scans, and has @cnt VFs refused with @err and @text on the console, without a trace of the
 * attempt. */
void fake_sriov_refused(unsigned cnt, int err, const char *text);

/* Scans, and has @cnt VFs granted; without them all is as before, and with them again. */
void fake_sriov_granted(unsigned cnt);

#endif
