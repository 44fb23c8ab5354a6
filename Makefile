# vring0: "make help" lists the targets. The rules live in tools/make/*.mk.
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

ifeq ($(origin CC),default)
CC := gcc
endif
APP ?= apps/status
CONSOLE ?= y
KIND := $(if $(findstring clang,$(notdir $(firstword $(CC)))),clang,gcc)
B := build/$(KIND)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.PHONY: all objs image efi elf run run-pvh debug bench newer-qemu test test-all test-fresh check check-layers check-behaviours \
    check-conformance check-format check-tidy check-cppcheck clean distclean help print-elf print-efi print-img FORCE
all: image efi elf

# Goals that compile nothing do without the toolchain's configuration (and so without anything being installed).
NO_BUILD_GOALS := clean distclean help print-% check-layers check-behaviours check-conformance check-format \
    test-fresh newer-qemu
ifneq ($(filter-out $(NO_BUILD_GOALS),$(or $(MAKECMDGOALS),all)),)
BUILDING := y
endif

include tools/make/deps.mk
include tools/make/sources.mk
include tools/make/flags.mk
include tools/make/rules.mk
include tools/make/check.mk

# ---- running -------------------------------------------------------------------------------------------------------

# RUN_ARGS is passed on to tools/qemu-run (see its --help), e.g. make run RUN_ARGS='--smp 4 --append "loglevel=debug"'.
run: $(EFI) | .cache/have-run
	$(Q)tools/qemu-run --uefi --efi $(EFI) $(RUN_ARGS)

run-pvh: $(ELF) | .cache/have-run
	$(Q)tools/qemu-run --pvh --elf $(ELF) $(RUN_ARGS)

debug: $(ELF) | .cache/have-run
	$(Q)tools/qemu-run --pvh --elf $(ELF) --gdb $(RUN_ARGS)

bench: $(ELF) | .cache/have-run
	$(Q)bench/run --elf $(ELF) $(BENCH_ARGS)

# ---- tests ---------------------------------------------------------------------------------------------------------

# TEST_ARGS is passed on to tests/run.
test test-all: | .cache/have-run .cache/have-test
	$(Q)$(MAKE) --no-print-directory CC=gcc APP=apps/status CONSOLE=y all
	$(Q)$(MAKE) --no-print-directory CC=clang APP=apps/status CONSOLE=y all
	$(Q)exec tests/run $(if $(filter test-all,$@),--all) $(TEST_ARGS)

# Tests that the installed QEMU is too old for use it, and are skipped without it.
newer-qemu: | .cache/have-run
	$(Q)tools/newer-qemu

# The first run and the tests as a newcomer sees them: a fresh Debian, a clone of the current commit, two commands.
DIST ?= bookworm
test-fresh: | .cache/have-fresh
	$(Q)tools/test-fresh $(DIST)

# ---- the rest ------------------------------------------------------------------------------------------------------

print-elf:
	@echo $(ELF)
print-efi:
	@echo $(EFI)
print-img:
	@echo $(IMG)

clean:
	$(Q)rm -rf build

# Also forgets newlib, lwIP and what is known to be installed.
distclean: clean
	$(Q)rm -rf .cache

help:
	@sed -n 's/^#: \?//p' $(firstword $(MAKEFILE_LIST))

#: make                 build the appliance: build/gcc/apps/status/vring0.{elf,efi,img}
#: make run             boot it under UEFI in QEMU, console on this terminal (Ctrl-A X quits)
#: make run-pvh         boot it directly with QEMU's -kernel: no firmware, starts in 0.1 s
#: make debug           the same, stopped before the first instruction, waiting for gdb
#: make bench           what a request, a frame and a start cost (BENCH_ARGS='blk net boot')
#: make image           GPT disk image with an EFI partition, for a USB stick or a virtual disk
#: make test            all tests, with both compilers
#: make test-all        the same with the whole boot matrix and what else takes long
#: make newer-qemu      unpack the QEMU of the distribution's backports into .cache, for tests that need it
#: make test-fresh      first run and tests in a fresh Debian (DIST=bookworm|trixie; needs root)
#: make check           layers, docs/behaviours.md and conformance.md, format, clang-tidy, cppcheck
#: make objs            compile only
#: make clean           remove what was built; distclean: also newlib, lwIP and the dependency stamps
#: make print-elf       path of the product; also print-efi, print-img
#:
#: CC=clang             build with clang and ld.lld into build/clang
#: APP=DIR              the appliance to link in, here or elsewhere (default apps/status)
#: CONSOLE=n            leave the console and its commands out
#: RUN_ARGS='...'       options for tools/qemu-run, which "tools/qemu-run --help" explains
#: V=1                  show the commands
#: NEWLIB_TARBALL=F LWIP_TARBALL=F   use these sources instead of fetching them
