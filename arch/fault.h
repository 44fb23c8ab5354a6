/* CPU exceptions that nothing handles: the architecture reports them, the kernel says where to and
 * what then. */
#ifndef ARCH_FAULT_H
#define ARCH_FAULT_H

#include <stddef.h>

/* All are called with interrupts off, on a stack of a few KiB. */
struct fault_hooks {
    /* Called before a fatal fault is reported, when no other CPU runs any more. */
    void (*begin)(void);
    /* What is printed next has to begin a line. */
    void (*start_line)(void);
    /* Takes text as it is; line ends are "\n". */
    void (*print)(const char *text, size_t len);
    /* Puts the name of the thread that faulted into @buf. May be NULL. */
    void (*describe_thread)(char *buf, size_t size);
    /* Called after the report of a fatal fault; must not return. */
    void (*finish)(void);
};

/*
 * Before this call reports go straight to the UART and the machine is powered off with status 125.
 * @hooks stays in use. A report is
 *   @fault kind=page-fault reason="null access" vector=14 error=0x2 addr=0x0 rip=0x...
 * func=name+0x12 thread=main and then, for people, registers and a backtrace. A non-maskable
 * interrupt reports kind=nmi and continues.
 */
void fault_set_hooks(const struct fault_hooks *hooks);

#endif
