/*
 * QEMU's educational device, which raises interrupts when told to: the way to see MSI and INTx of a
 * real function at work, since QEMU's virtio devices have no MSI.
 */
#ifndef MSIX_EDU_H
#define MSIX_EDU_H

#include <stdbool.h>
#include <stdint.h>

struct edu;

/* The device named @name ("edu0", counted in address order), or NULL. */
struct edu *edu_find(const char *name);

/* Calls @fn for each device in address order. */
void edu_for_each(void (*fn)(const struct edu *edu, void *arg), void *arg);

const char *edu_name(const struct edu *edu);
const char *edu_bus_name(const struct edu *edu);

/* "intx", "msi", or "poll": how it learns that something happened. */
const char *edu_irq_mode(const struct edu *edu);

/* Interrupts that were its own, or in mode "poll" events found. Any context. */
unsigned edu_event_cnt(const struct edu *edu);

/* Makes the device interrupt once and waits for it. 0, -ETIMEDOUT. Thread context, one caller at a
 * time. */
int edu_raise(struct edu *edu);

/* Has the device compute @n! modulo 2^32, which it announces by an interrupt. 0, -ETIMEDOUT. Thread
 * context, one caller at a time. */
int edu_factorial(struct edu *edu, uint32_t n, uint32_t *result);

/*
 * Has the device copy @len bytes between memory at @pa and the beginning of its own buffer, and
 * waits for the end, which it announces whether or not memory could be reached. 0, -ETIMEDOUT,
 * -ERANGE beyond its buffer or the memory that it can name. Thread context, one caller at a time.
 */
int edu_copy(struct edu *edu, uint64_t pa, unsigned len, bool to_memory);

#endif
