/* Registers and tables of VT-d remapping units (Intel VT-d 4.1, chapters 9 and 11). */
#ifndef IOMMU_VTD_REGS_H
#define IOMMU_VTD_REGS_H

#include <stdint.h>

#define VTD_REGS_LEN 0x1000u /* with what stands at fixed offsets */

#define VTD_VER     0x00
#define VTD_CAP     0x08 /* 64 bits */
#define VTD_ECAP    0x10 /* 64 bits */
#define VTD_GCMD    0x18
#define VTD_GSTS    0x1c
#define VTD_RTADDR  0x20 /* 64 bits */
#define VTD_CCMD    0x28 /* 64 bits */
#define VTD_FSTS    0x34
#define VTD_FECTL   0x38
#define VTD_FEDATA  0x3c
#define VTD_FEADDR  0x40
#define VTD_FEUADDR 0x44

#define VTD_CAP_RWBF       (1ull << 4)
#define VTD_CAP_SAGAW(cap) ((unsigned)((cap) >> 8) & 0x1fu) /* bit N: tables of N + 2 levels */
#define VTD_CAP_MGAW(cap)  (((unsigned)((cap) >> 16) & 0x3fu) + 1)
#define VTD_CAP_FRO(cap)   (((cap) >> 24 & 0x3ffu) * 16)
#define VTD_CAP_SLLPS_2M   (1ull << 34)
#define VTD_CAP_NFR(cap)   (((cap) >> 40 & 0xffu) + 1)
#define VTD_ECAP_IRO(ecap) (((ecap) >> 8 & 0x3ffu) * 16)
#define VTD_ECAP_C         (1ull << 0) /* the unit looks into caches */

/* GCMD and GSTS have these bits in common. */
#define VTD_G_TE    (1u << 31)
#define VTD_G_SRTP  (1u << 30)
#define VTD_G_SFL   (1u << 29)
#define VTD_G_WBF   (1u << 27)
#define VTD_G_QIE   (1u << 26)
#define VTD_G_IRE   (1u << 25)
#define VTD_G_SIRTP (1u << 24)

#define VTD_CCMD_ICC    (1ull << 63)
#define VTD_CCMD_GLOBAL (1ull << 61)

#define VTD_IOTLB        0x08 /* behind the invalidate address, at ECAP.IRO */
#define VTD_IOTLB_END    16u  /* behind it, from ECAP.IRO on */
#define VTD_IOTLB_IVT    (1ull << 63)
#define VTD_IOTLB_GLOBAL (1ull << 60)
#define VTD_IOTLB_DR     (1ull << 49)
#define VTD_IOTLB_DW     (1ull << 48)

#define VTD_FSTS_PFO      (1u << 0)
#define VTD_FSTS_PPF      (1u << 1)
#define VTD_FSTS_FRI(sts) ((sts) >> 8 & 0xffu)
#define VTD_FECTL_IM      (1u << 31)

/* A fault record: the page's address, then a word of what happened. */
#define VTD_FRCD_LEN      16u
#define VTD_FRCD_HI       8u
#define VTD_FRCD_F        (1ull << 63)
#define VTD_FRCD_READ     (1ull << 62)
#define VTD_FRCD_FR(hi)   ((unsigned)((hi) >> 32) & 0xffu)
#define VTD_FRCD_SID(hi)  ((uint16_t)(hi))
#define VTD_FRCD_PAGE(lo) ((lo) & ~0xfffull)

/* Root and context tables have entries of two words. */
#define VTD_ENTRY_PRESENT    (1ull << 0)
#define VTD_CONTEXT_AW(lvls) ((uint64_t)((lvls)-2))
#define VTD_CONTEXT_DID(did) ((uint64_t)(did) << 8)

#define VTD_WIDTH(lvls) (12u + 9u * (lvls)) /* address bits of tables with so many levels */

/* Second-level entries, nine address bits a level. */
#define VTD_SL_READ    (1ull << 0)
#define VTD_SL_WRITE   (1ull << 1)
#define VTD_SL_LARGE   (1ull << 7)
#define VTD_SL_PA_MASK 0x000ffffffffff000ull

struct vtd_entry {
    uint64_t lo, hi;
};
_Static_assert(sizeof(struct vtd_entry) == 16, "256 entries a page");

#endif
