/*
 * Interrupts by number. Three separate objects: the descriptor (name, counts, state) exists from
 * allocation on and is found by number directly; its irq data binds it to a chip (MSI-X, MSI, I/O
 * APIC) and to a CPU vector; actions are the handlers, told apart by their cookie. Allocation
 * order: irq_alloc() -> irq_request() -> ... -> irq_release() -> irq_free(). A vector is dispatched
 * straight to its descriptor, without a lock.
 *
 * The source is masked while there is a reason for it (enum irq_mask_reason), so that whoever
 * masks it need not know of the others. Top halves run in interrupt context on the CPU that takes
 * the vector; a threaded action's thread_fn runs in a thread of its own, which was created on that
 * CPU and stays there. Set-up calls (thread context, any CPU) are serialised among themselves.
 */
#ifndef IRQ_IRQ_H
#define IRQ_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "arch/intr.h"
#include "arch/spinlock.h"
#include "kernel/thread.h"
#include "kernel/timer.h"

#define IRQ_MAX       2048
#define IRQ_NAME_MAX  32
#define IRQ_BLOCK_MAX 32 /* messages of one function's MSI capability */

/*
 * A level line that nobody claims so many times in a row is masked for as long as it has actions,
 * and they are polled. A line that nobody serves comes back at once, so this is a matter of
 * milliseconds; lines whose devices claim now and then never get there.
 */
#define IRQ_UNCLAIMED_MAX 1000
#define IRQ_POLL_NS       1000000ull

enum irq_return {
    IRQ_NONE = 0, /* not ours, or found nothing */
    IRQ_HANDLED = 1,
    IRQ_WAKE_THREAD = 2 /* ours; thread_fn does the rest */
};

/* Interrupt context, interrupts off. */
typedef enum irq_return (*irq_handler_t)(void *cookie);

/* Thread context; may sleep. */
typedef void (*irq_thread_fn_t)(void *cookie);

/* The line stays masked from the top half until every woken thread_fn of it has returned. (Not that
 * of an IRQ_CHIP_REPLAY: what comes meanwhile has thread_fn run again.) */
#define IRQF_ONESHOT 1u

struct irq_data;

/* Level: the source stays asserted until its device is served. */
#define IRQ_CHIP_LEVEL  1u
/* Sources that cannot be masked, or forget what comes meanwhile: a move may lose an interrupt, so
 * the handlers run once after it, and one-shot actions do not mask them. */
#define IRQ_CHIP_REPLAY 2u

/* How a kind of interrupt source is controlled. Absent slots are NULL. Called with interrupts off;
 * calls for one interrupt do not overlap, those for several interrupts of a function may. */
struct irq_chip {
    const char *name; /* as the table shows it: "msix", "msi", "ioapic" */
    void (*mask)(struct irq_data *data);
    void (*unmask)(struct irq_data *data);
    /* Points the source at data->cpu/data->vector. 0 or negative errno; the source is masked
     * meanwhile, if it can be. Absent: the source cannot be moved. */
    int (*route)(struct irq_data *data);
    unsigned flags; /* IRQ_CHIP_* */
};

/* The hardware side of one interrupt. */
struct irq_data {
    unsigned irq;
    cpu_mask_t affinity; /* CPUs that may take it */
    unsigned cpu;        /* the one that does */
    unsigned vector;
    unsigned entry; /* MSI-X table entry, MSI message or GSI */
    bool fixed;     /* vector of a block: cannot be moved alone */
    const struct irq_chip *chip;
    void *chip_data;
};

struct irq_desc;

struct irq_action {
    irq_handler_t handler;
    irq_thread_fn_t thread_fn;  /* NULL: not threaded */
    void (*poll)(void *cookie); /* see irq_request_line() */
    void *cookie;
    unsigned flags;
    struct irq_action *next;
    struct irq_desc *desc;
    struct thread *thread;
    struct wait_queue wake;
    bool woken;      /* thread_fn is to run (again); atomic, written under the descriptor's lock */
    bool in_service; /* one-shot: keeps the line masked; under the descriptor's lock */
    bool stopping;   /* the thread is to end; atomic */
    char name[IRQ_NAME_MAX];
};

/* Why a source is masked; bits. */
enum irq_mask_reason {
    IRQ_MASK_NO_ACTION = 1,
    IRQ_MASK_ASKED = 2,     /* irq_mask() */
    IRQ_MASK_ONESHOT = 4,   /* threads of one-shot actions are busy */
    IRQ_MASK_UNCLAIMED = 8, /* a level line that nobody serves */
    IRQ_MASK_MOVING = 16    /* irq_set_affinity() */
};

struct irq_desc {
    struct irq_data data;
    struct irq_action *actions; /* walked by handlers without a lock */
    char name[IRQ_NAME_MAX];    /* of its actions, joined by commas */
    struct spinlock lock;       /* of masked, oneshot_cnt, data and the chip's calls */
    unsigned masked;            /* enum irq_mask_reason; 0: unmasked */
    unsigned oneshot_cnt;       /* actions in service */
    unsigned unclaimed_cnt;     /* in a row, of a level line */
    struct timer poll_timer;    /* armed while masked for IRQ_MASK_UNCLAIMED */
    uint64_t poll_cnt;          /* rounds of polling */
    uint64_t spurious_cnt;      /* no action said that it was its own */
    uint64_t early_cnt; /* arrived before the device was ready (DRIVER_OK), see irq_count_early() */
    uint64_t lost_cnt;  /* should have come and did not, see irq_count_lost() */
    uint64_t cpu_cnt[CPU_MAX];
};

/* Registers the "interrupts" report. */
void irq_init(void);

/*
 * A descriptor on @chip with a vector on the CPU of @affinity (0: all CPUs) that has most vectors
 * left, masked and routed (chip->route). irq number (> 0), -ENOSPC no vector or no number left,
 * -ENOMEM, -EINVAL no such CPU in use, or what route() says. Thread context.
 */
int irq_alloc(const struct irq_chip *chip, void *chip_data, unsigned entry, cpu_mask_t affinity);

/*
 * @cnt (a power of two up to IRQ_BLOCK_MAX) descriptors of consecutive numbers for entries 0 to
 * @cnt - 1, whose vectors are consecutive, aligned to @cnt and on one CPU, as the messages of an
 * MSI capability must be. route() is called for each in order, when all have their vectors. Each
 * is freed by irq_free(). The first number, or an error as irq_alloc(). Thread context.
 */
int irq_alloc_block(const struct irq_chip *chip, void *chip_data, unsigned cnt,
                    cpu_mask_t affinity);

/* Masks, waits until no handler runs, gives vector and descriptor back. No action may be left.
 * Thread context. */
void irq_free(unsigned irq);

/* Interrupts that irq_alloc() can still give out on the CPUs of @mask. Thread context. */
unsigned irq_vectors_free(cpu_mask_t mask);

/*
 * Adds an action named @name and unmasks at the first. 0, -EINVAL, -ENOMEM, -EBUSY (cookie present,
 * or the line has one-shot actions). Thread context.
 */
int irq_request(unsigned irq, irq_handler_t handler, void *cookie, const char *name);

/*
 * The same with a bottom half: when @handler says IRQ_WAKE_THREAD, @thread_fn(@cookie) runs in a
 * thread of its own, again if woken meanwhile. @handler NULL stands for one that always wakes; that
 * takes IRQF_ONESHOT in @flags, else the line would come back before its device is served. All
 * actions of a line are one-shot, or none: else -EBUSY.
 */
int irq_request_threaded(unsigned irq, irq_handler_t handler, irq_thread_fn_t thread_fn,
                         unsigned flags, void *cookie, const char *name);

/*
 * As irq_request(), with what to call (interrupt context, every IRQ_POLL_NS) while the line is
 * masked because nobody claimed it. Of actions without @poll the handler is called.
 */
int irq_request_line(unsigned irq, irq_handler_t handler, void (*poll)(void *cookie), void *cookie,
                     const char *name);

/*
 * Removes @cookie's action; masks with the last. After return neither handler nor thread_fn is
 * running, on any CPU. Thread context, interrupts on, but not @cookie's own thread_fn.
 */
void irq_release(unsigned irq, void *cookie);

/*
 * Lets the CPUs of @mask take @irq: it moves to the one with most vectors left, unless it is on one
 * of them already. Interrupts that come meanwhile are served, on the old CPU or the new one, once;
 * a handler may begin on the new one while it still runs on the old one.
 * 0; -EINVAL no such irq or no such CPU in use; -ENOSPC no vector; -EOPNOTSUPP the source cannot be
 * moved; or what route() says. A failure leaves everything as it was. Thread context.
 */
int irq_set_affinity(unsigned irq, cpu_mask_t mask);

/* Masks until irq_unmask(); does not wait for running handlers, does not nest. Any context. */
void irq_mask(unsigned irq);
void irq_unmask(unsigned irq);

/*
 * The descriptor of I/O APIC input @gsi, shared by all who ask: each further call only counts.
 * irq number; -ENODEV no controller has that input; -EBUSY in use with another @trigger; or an
 * error as irq_alloc(). Thread context.
 */
int irq_gsi_get(unsigned gsi, enum intr_trigger trigger);

/* Takes one irq_gsi_get() back; the last frees @irq. Thread context. */
void irq_gsi_put(unsigned irq);

/* Counts an interrupt that came before its device was ready. Any context. */
void irq_count_early(unsigned irq);

/* Counts one that should have come: work was found that no interrupt had announced. Any context. */
void irq_count_lost(unsigned irq);

/* NULL when @irq is not allocated. */
const struct irq_desc *irq_get(unsigned irq);

/* Calls @fn for each allocated descriptor in number order; none is freed meanwhile. Thread context.
 */
void irq_for_each(void (*fn)(const struct irq_desc *, void *), void *arg);

#endif
