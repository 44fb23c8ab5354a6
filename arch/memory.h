/* Address spaces: direct map of RAM, kernel image, guarded stacks, device mappings. */
#ifndef ARCH_MEMORY_H
#define ARCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/boot_info.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul

/* Protection of a mapping; nothing is ever both writable and executable. */
enum mem_prot {
    MEM_RO = 0,
    MEM_RW = 1,
    MEM_DEVICE = 2, /* read-write, uncached, never executable */
};

/*
 * Inline, from the architecture's folder:
 *   void *phys_to_virt(uint64_t pa)        RAM only, through the direct map
 *   uint64_t virt_to_phys(const void *va)  any C object: image, heap, direct map (linear), stacks
 * (table walk) In host tests both are the identity. Every C object is physically contiguous: image,
 * heap and stacks are each backed by contiguous pages.
 */
#include "arch_impl/memory.h"

/*
 * Builds the final page tables: direct map (RW, NX) of all RAM but the image, image with text R-X,
 * rodata R--, data RW-; low half (page 0 included) unmapped. Page-table pages come from @info's
 * usable memory and are taken out of it. Called once by kmain before the page allocator exists;
 * after it, page tables take pages through the function given to memory_set_page_source().
 */
void memory_init(struct boot_info *info);

/* @alloc returns one zeroed page's physical address, 0 when there is none; called with page tables
 * locked. A later source replaces an earlier one. */
void memory_set_page_source(uint64_t (*alloc)(void));

/*
 * Calls @fn for each range of memory, whole pages, that nothing but the kernel may write to: its
 * code and constants (@readable: reading does no harm), and the page tables that there are now.
 */
typedef void (*memory_protected_fn_t)(const void *va, uint64_t pa, size_t len, bool readable,
                                      void *arg);
void memory_for_each_protected(memory_protected_fn_t fn, void *arg);

/* Writes [@va, @va + @len) back from the caches, for hardware that reads memory past them. */
void memory_clean(const void *va, size_t len);

/* Maps @len bytes (rounded to pages) of @pa at @va. 0, -ENOMEM, -EEXIST. Thread context. */
int memory_map(uintptr_t va, uint64_t pa, size_t len, enum mem_prot prot);

/* Removes a mapping made by memory_map(); page-table pages are kept. */
void memory_unmap(uintptr_t va, size_t len);

/*
 * Maps device registers uncached and returns their address, or NULL. @pa need not be aligned.
 * Repeated calls for overlapping pages share one mapping. Thread context.
 */
void *mmio_map(uint64_t pa, size_t len);

/* Drops one reference of mmio_map(). @va, @len as returned and given. */
void mmio_unmap(void *va, size_t len);

/*
 * Reserves @len bytes (page multiple) of address space for a stack with an unmapped guard page
 * below it and returns the lowest usable address, 0 when the stack area is full. stack_area_free()
 * gives it back.
 */
uintptr_t stack_area_alloc(size_t len);
void stack_area_free(uintptr_t va, size_t len);

/* The stack that the kernel starts on: its lowest usable address and its length. */
void memory_boot_stack(uintptr_t *va, size_t *len);

/* Name of the guarded region that @va falls into ("guard page of thread stack" ...), or NULL. For
 * fault reports. */
const char *memory_describe(uintptr_t va);

#endif
