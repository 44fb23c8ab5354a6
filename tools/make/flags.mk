# Compiler and linker flags by kind of source, and a stamp for each kind whose change rebuilds what used the flags.

# -fbuiltin: small copies are single moves; a call would cost a string instruction with an iteration a byte.
FREESTANDING := -std=gnu11 -O2 -g -ffreestanding -fbuiltin -fno-pic -fno-pie -mno-red-zone -mcmodel=kernel \
    -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
    -ffunction-sections -fdata-sections -fno-strict-aliasing -D__DYNAMIC_REENT__
WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wvla
ifeq ($(KIND),clang)
FREESTANDING += --target=x86_64-unknown-none-elf
LD_CMD := ld.lld
else
LD_CMD := ld
endif

# newlib first: behind the compiler's folder, -ffreestanding would pick a stdint.h that newlib does not know.
LIBC_INCLUDES := -nostdinc -isystem $(NEWLIB)/include -isystem $(CC_INCLUDE)
INCLUDES := -I. -Iinclude -Iarch/x86_64/include
POSIX_INCLUDES := -Iinclude/posix -Inet
LWIP_INCLUDES := -isystem $(LWIP)/src/include

# Interrupt handlers do not save floating-point and vector registers, so the kernel must not use them.
KERNEL_FLAGS := $(FREESTANDING) $(WARNINGS) -Werror -mgeneral-regs-only $(INCLUDES) $(LIBC_INCLUDES) $(CFLAGS)
POSIX_FLAGS := $(FREESTANDING) $(WARNINGS) -Werror $(POSIX_INCLUDES) $(INCLUDES) $(LWIP_INCLUDES) $(LIBC_INCLUDES) \
    $(CFLAGS)
BENCH_FLAGS := $(POSIX_FLAGS) -mgeneral-regs-only
APP_FLAGS := $(POSIX_FLAGS) -I$(APP_DIR) $(APP_CFLAGS)
LWIP_FLAGS := $(FREESTANDING) -w $(POSIX_INCLUDES) $(INCLUDES) -I$(LWIP)/src/include $(LIBC_INCLUDES) $(CFLAGS)

# The loader is position-independent code with 16-bit wide characters and the firmware's calling convention.
EFI_FLAGS := -std=gnu11 -O2 -g -ffreestanding -fpic -fshort-wchar -fno-stack-protector -mno-red-zone \
    -fno-strict-aliasing -fcf-protection=none -fno-asynchronous-unwind-tables -Wall -Wextra -Werror \
    -DEFI_FUNCTION_WRAPPER -DGNU_EFI_USE_MS_ABI -I. -Iinclude -isystem /usr/include/efi \
    -isystem /usr/include/efi/x86_64 $(if $(filter gcc,$(KIND)),-maccumulate-outgoing-args)

LINK_FLAGS := -nostdlib -static --gc-sections -z max-page-size=4096 -z noexecstack --build-id=none
LIBS := --start-group $(NEWLIB)/lib/libc.a $(NEWLIB)/lib/libm.a --end-group

# stamp FILE,TEXT: the file is rewritten only if its text changes; make's own functions, so it costs no process.
define stamp
ifneq ($$(strip $$(file <$(1))),$$(strip $(2)))
$$(if $$(wildcard $(dir $(1))),,$$(shell mkdir -p $(dir $(1))))
$$(file >$(1),$$(strip $(2)))
endif
endef

STAMPS := $(B)/flags
ifdef CONFIG_CC
$(foreach k,KERNEL POSIX BENCH LWIP EFI,$(eval $(call stamp,$(STAMPS)/$(k),$$(CC) $$($(k)_FLAGS))))
ifneq ($(APP_SRCS),)
$(eval $(call stamp,$(OUT)/obj/APP,$$(CC) $$(APP_FLAGS)))
$(eval $(call stamp,$(OUT_LINK)/LINK,$$(LD_CMD) $$(LINK_FLAGS) $$(OBJS) $$(LIBS)))
endif
endif
