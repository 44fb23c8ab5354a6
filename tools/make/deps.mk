# Dependencies. config.mk is the one stamp of a build: tools/deps/configure installs what is missing, builds newlib,
# unpacks lwIP and writes their places to it; make then reads itself again.

ifdef BUILDING
CONFIG := $(B)/config.mk
include $(CONFIG)

# What is about to be run or tested is installed in the same go as the compiler.
DEPS_LISTS := build $(if $(filter run run-pvh debug bench test test-all,$(MAKECMDGOALS)),run) \
    $(if $(filter test test-all check check-%,$(MAKECMDGOALS)),test) $(if $(filter clang,$(KIND)),test)

$(CONFIG): $(wildcard tools/deps/*)
	@NEWLIB_TARBALL='$(NEWLIB_TARBALL)' LWIP_TARBALL='$(LWIP_TARBALL)' tools/deps/configure '$(CC)' $@ $(DEPS_LISTS)

# Another compiler, a compiler or a cache that is gone, or tarballs named now: configure anew.
ifdef CONFIG_CC
ifneq ($(CONFIG_CC),$(CC))
$(CONFIG): FORCE
endif
ifeq ($(and $(wildcard $(CC_INCLUDE)/stddef.h),$(wildcard $(NEWLIB)/lib/libc.a),$(wildcard $(LWIP)/src/core/tcp.c)),)
$(CONFIG): FORCE
endif
ifneq ($(NEWLIB_TARBALL)$(LWIP_TARBALL),)
ifneq ($(CONFIG_TARBALLS),$(NEWLIB_TARBALL):$(LWIP_TARBALL))
$(CONFIG): FORCE
endif
endif
endif
endif

.cache/have-%:
	@tools/deps/install $*
