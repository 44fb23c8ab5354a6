# Static checks. Each also stands alone: make check-layers, check-behaviours, check-conformance, check-format,
# check-tidy, check-cppcheck.

check: check-layers check-behaviours check-conformance check-format check-tidy check-cppcheck

C_DIRS := arch boot kernel irq iommu pci msix virtio drivers libc net bench apps include tests
C_FILES = $(shell find $(wildcard $(C_DIRS)) -name '*.[ch]' | sort)
TIDY_FILES := $(filter %.c,$(KERNEL_SRCS) $(POSIX_SRCS))
# clang-tidy reads the sources as clang, whichever compiler builds them.
TIDY_FLAGS = $(filter-out -Werror -f% -mno-% -mcmodel%,$(1)) --target=x86_64-unknown-none-elf -ffreestanding

check-layers:
	$(Q)tools/check-layers

check-behaviours:
	$(Q)tools/check-behaviours

check-conformance:
	$(Q)tools/check-conformance

check-format: | .cache/have-test
	$(Q)tools/check-format $(C_FILES)

check-tidy: $(addprefix $(B)/tidy/,$(TIDY_FILES))

$(B)/tidy/%: % .clang-tidy $(OBJ)/%.o | .cache/have-test
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(call TIDY_FLAGS,$(if $(filter $(<),$(KERNEL_SRCS)),$(KERNEL_FLAGS),$(POSIX_FLAGS))) \
	    2>$@.log || { cat $@.log; exit 1; }
	$(Q)touch $@

# Pointers between linker symbols are subtracted; what follows panic() is not reached, which ctu does not see.
CPPCHECK_QUIET := missingIncludeSystem comparePointers subtractPointers ctunullpointer normalCheckLevelMaxBranches \
    '*:$(NEWLIB)/*' '*:$(LWIP)/*'

check-cppcheck: | .cache/have-test
	$(call say,CPPCHK,all)
	$(Q)mkdir -p $(B)/cppcheck
	$(Q)cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 -j2 \
	    --cppcheck-build-dir=$(B)/cppcheck $(addprefix --suppress=,$(CPPCHECK_QUIET)) \
	    $(filter -I% -D%,$(POSIX_FLAGS)) $(TIDY_FILES) $(wildcard apps/*/*.c)
