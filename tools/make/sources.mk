# What is compiled, and where it goes: the kernel's sources by folder, the appliance's from $(APP).

KERNEL_DIRS := arch/x86_64 boot kernel irq iommu pci msix virtio drivers drivers/igb
POSIX_DIRS := libc net bench

sources = $(foreach d,$(1),$(wildcard $(d)/*.c $(d)/*.S))
KERNEL_SRCS := $(call sources,$(KERNEL_DIRS))
POSIX_SRCS := $(call sources,$(POSIX_DIRS))

# Without lwIP's options file there is no network stack to build.
ifneq ($(wildcard net/lwipopts.h),)
LWIP_SRCS := $(wildcard $(foreach d,core core/ipv4 core/ipv6 api,$(LWIP)/src/$(d)/*.c) $(LWIP)/src/netif/ethernet.c)
endif

OBJ := $(B)/obj
objects = $(addprefix $(OBJ)/,$(addsuffix .o,$(1)))
KERNEL_OBJS := $(call objects,$(KERNEL_SRCS))
POSIX_OBJS := $(call objects,$(POSIX_SRCS))
LWIP_OBJS := $(patsubst $(LWIP)/%,$(OBJ)/lwip/%.o,$(LWIP_SRCS))

# An appliance's folder may hold an app.mk that sets APP_SRCS (paths within the folder) and APP_CFLAGS.
APP_DIR := $(patsubst $(CURDIR)/%,%,$(abspath $(APP)))
-include $(APP_DIR)/app.mk
ifeq ($(origin APP_SRCS),undefined)
APP_SRCS := $(patsubst $(APP_DIR)/%,%,$(wildcard $(APP_DIR)/*.c))
endif

# Products mirror the folder's whole path, so that two appliances of one name keep apart.
OUT := $(B)/$(patsubst /%,ext/%,$(APP_DIR))
ifeq ($(CONSOLE),n)
OUT_LINK := $(OUT)/no-console
CONSOLE_OBJS := $(filter %_cmd.c.o $(OBJ)/kernel/console%,$(KERNEL_OBJS) $(POSIX_OBJS))
else
OUT_LINK := $(OUT)
endif
ELF := $(OUT_LINK)/vring0.elf
EFI := $(OUT_LINK)/vring0.efi
IMG := $(OUT_LINK)/vring0.img
APP_OBJS := $(addprefix $(OUT)/obj/,$(addsuffix .o,$(APP_SRCS)))

ifdef BUILDING
ifeq ($(filter-out test test-all check check-% objs,$(or $(MAKECMDGOALS),all)),)
else ifeq ($(strip $(APP_SRCS)),)
$(error APP=$(APP): no C files in $(APP_DIR))
endif
endif

OBJS := $(filter-out $(CONSOLE_OBJS),$(KERNEL_OBJS) $(POSIX_OBJS) $(LWIP_OBJS)) $(APP_OBJS)
