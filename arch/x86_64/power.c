/* Power-off and reset: a virtual machine's debug-exit port, then ACPI, then what always works. */
#include "arch/power.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/memory.h"
#include "arch/x86_64/acpi_spec.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/firmware_private.h"
#include "arch/x86_64/power_private.h"
#include "arch/x86_64/uart_private.h"

#define DEBUG_EXIT_PORT 0xf4 /* QEMU's isa-debug-exit: the process ends with status 2N+1 */

#define KBC_COMMAND    0x64
#define KBC_PULSE_LOW  0xfe
#define POWER_WAIT_US  100000
#define ENABLE_POLL_US 10
#define ENABLE_POLLS   10000

enum power_register {
    REG_PM1A,
    REG_PM1B,
    REG_SLEEP,
    REG_RESET,
    REG_CNT
};

/* Mapped early: the end of a run must not wait for page tables that a stopped CPU was changing. */
static void *register_vas[REG_CNT];

static const struct acpi_register *register_of(enum power_register which)
{
    const struct acpi_info *acpi = firmware_acpi();
    const struct acpi_register *registers[] = {
        [REG_PM1A] = &acpi->pm1a_control,
        [REG_PM1B] = &acpi->pm1b_control,
        [REG_SLEEP] = &acpi->sleep_control,
        [REG_RESET] = &acpi->reset,
    };

    return registers[which];
}

void power_map_registers(void)
{
    for (enum power_register i = 0; i < REG_CNT; i++) {
        const struct acpi_register *reg = register_of(i);

        if (reg->in_memory && reg->address != 0)
            register_vas[i] = mmio_map(reg->address, sizeof(uint16_t));
    }
}

static void register_write(enum power_register which, uint32_t value, unsigned width)
{
    const struct acpi_register *reg = register_of(which);
    void *va = register_vas[which];

    if (reg->address == 0)
        return;
    if (!reg->in_memory) {
        if (width == 1)
            io_out8((uint16_t)reg->address, (uint8_t)value);
        else
            io_out16((uint16_t)reg->address, (uint16_t)value);
        return;
    }
    if (va == NULL)
        return;
    if (width == 1)
        mmio_write8(va, (uint8_t)value);
    else
        mmio_write16(va, (uint16_t)value);
}

/* Hardware leaves SLP_EN to the firmware's own code until ACPI mode is on. */
static void acpi_mode_enable(const struct acpi_info *acpi)
{
    uint16_t port = (uint16_t)acpi->pm1a_control.address;

    if (acpi->smi_command_port == 0 || acpi->pm1a_control.in_memory ||
        (io_in16(port) & ACPI_PM1_SCI_EN))
        return;
    io_out8(acpi->smi_command_port, acpi->acpi_enable_value);
    for (unsigned i = 0; i < ENABLE_POLLS && !(io_in16(port) & ACPI_PM1_SCI_EN); i++)
        clock_delay_us(ENABLE_POLL_US);
}

static void acpi_power_off(void)
{
    const struct acpi_info *acpi = firmware_acpi();

    if (!acpi->has_s5)
        return;
    if (acpi->hw_reduced) {
        register_write(REG_SLEEP,
                       ACPI_SLEEP_SLP_EN | (uint32_t)acpi->s5_type_a << ACPI_SLEEP_SLP_TYP_SHIFT,
                       1);
    } else if (acpi->pm1a_control.address != 0) {
        acpi_mode_enable(acpi);
        register_write(REG_PM1A,
                       ACPI_PM1_SLP_EN | (uint32_t)acpi->s5_type_a << ACPI_PM1_SLP_TYP_SHIFT, 2);
        register_write(REG_PM1B,
                       ACPI_PM1_SLP_EN | (uint32_t)acpi->s5_type_b << ACPI_PM1_SLP_TYP_SHIFT, 2);
    }
    clock_delay_us(POWER_WAIT_US);
}

_Noreturn void power_off(int status)
{
    cpu_irq_disable();
    uart_flush();
    if (cpu_has_hypervisor())
        io_out8(DEBUG_EXIT_PORT, (uint8_t)status);
    acpi_power_off();
    cpu_halt();
}

_Noreturn void power_reset(void)
{
    static const struct descriptor_pointer no_idt;
    const struct acpi_info *acpi = firmware_acpi();

    cpu_irq_disable();
    uart_flush();
    register_write(REG_RESET, acpi->reset_value, 1);
    clock_delay_us(POWER_WAIT_US);
    io_out8(KBC_COMMAND, KBC_PULSE_LOW);
    clock_delay_us(POWER_WAIT_US);
    /* An exception without a table to handle it shuts the CPU down, which resets the machine. */
    __asm__ volatile("lidt %0; int3" ::"m"(no_idt));
    cpu_halt();
}
