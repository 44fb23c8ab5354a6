# How objects, the kernel, the loader and the disk image are made.

COMPILE = $(Q)mkdir -p $(@D) && $(CC)
DEPFLAGS = -MMD -MP -MF $@.d

objs: $(OBJS)
elf: $(ELF)
efi: $(EFI)
image: $(IMG)

# ---- objects -------------------------------------------------------------------------------------------------------

BENCH_OBJS := $(filter $(OBJ)/bench/%,$(POSIX_OBJS))

$(KERNEL_OBJS): $(OBJ)/%.o: % $(STAMPS)/KERNEL
	$(call say,CC,$<)
	$(COMPILE) $(KERNEL_FLAGS) $(DEPFLAGS) -c -o $@ $<

$(filter-out $(BENCH_OBJS),$(POSIX_OBJS)): $(OBJ)/%.o: % $(STAMPS)/POSIX
	$(call say,CC,$<)
	$(COMPILE) $(POSIX_FLAGS) $(DEPFLAGS) -c -o $@ $<

$(BENCH_OBJS): $(OBJ)/%.o: % $(STAMPS)/BENCH
	$(call say,CC,$<)
	$(COMPILE) $(BENCH_FLAGS) $(DEPFLAGS) -c -o $@ $<

$(LWIP_OBJS): $(OBJ)/lwip/%.o: $(LWIP)/% $(STAMPS)/LWIP
	$(call say,CC,lwip/$*)
	$(COMPILE) $(LWIP_FLAGS) $(DEPFLAGS) -c -o $@ $<

$(APP_OBJS): $(OUT)/obj/%.o: $(APP_DIR)/% $(OUT)/obj/APP
	$(call say,CC,$<)
	$(COMPILE) $(APP_FLAGS) $(DEPFLAGS) -c -o $@ $<

# ---- kernel --------------------------------------------------------------------------------------------------------

# Two passes: the first, with an empty symbol table, tells the addresses; the second links the table in, which stands
# behind all code. mksyms --same makes sure that no function has moved.
LINK = $(LD_CMD) $(LINK_FLAGS) -T linker.ld -o $(1) $(OBJS) $(2) $(LIBS)
KSYMS = $(OUT_LINK)/ksyms
APP_NAME = '$(notdir $(abspath $(APP)))'

$(ELF): $(OBJS) $(OUT_LINK)/LINK linker.ld tools/mksyms
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)tools/mksyms $(APP_NAME) </dev/null >$(KSYMS)0.S && $(CC) -c -o $(KSYMS)0.o $(KSYMS)0.S
	$(Q)$(call LINK,$(KSYMS)1.elf,$(KSYMS)0.o)
	$(Q)nm -n $(KSYMS)1.elf >$(KSYMS)1.nm
	$(Q)tools/mksyms $(APP_NAME) <$(KSYMS)1.nm >$(KSYMS).S && $(CC) -c -o $(KSYMS).o $(KSYMS).S
	$(Q)$(call LINK,$@,$(KSYMS).o)
	$(Q)nm -n $@ >$(KSYMS)2.nm && tools/mksyms --same $(KSYMS)1.nm $(KSYMS)2.nm
	$(Q)rm -f $(KSYMS)1.elf

# ---- loader and disk image -----------------------------------------------------------------------------------------

LOADER_SRCS := $(wildcard boot/efi/*.c)
LOADER_OBJS := $(call objects,$(LOADER_SRCS))

$(LOADER_OBJS): $(OBJ)/%.o: % $(STAMPS)/EFI
	$(call say,CC,$<)
	$(COMPILE) $(EFI_FLAGS) $(DEPFLAGS) -c -o $@ $<

$(OUT_LINK)/kernel.stripped: $(ELF)
	$(Q)objcopy --strip-all $< $@

# kimg.S does .incbin KIMG.
$(OUT_LINK)/kimg.o: boot/efi/kimg.S $(OUT_LINK)/kernel.stripped
	$(Q)$(CC) -DKIMG='"$(OUT_LINK)/kernel.stripped"' -c -o $@ $<

EFI_SECTIONS := .text .sdata .data .dynamic .dynsym .rel .rela .rel.* .rela.* .rodata .reloc

# GNU ld for both compilers: GNU-EFI's linker script is written for it.
$(EFI): $(LOADER_OBJS) $(OUT_LINK)/kimg.o $(EFI_CRT0) $(EFI_LDS)
	$(call say,EFI,$@)
	$(Q)ld -nostdlib -znocombreloc -shared -Bsymbolic --build-id=none --no-undefined -z noexecstack \
	    --no-warn-rwx-segments -T $(EFI_LDS) $(EFI_CRT0) $(LOADER_OBJS) $(OUT_LINK)/kimg.o -L$(EFI_LIBDIR) \
	    -lefi -lgnuefi -o $(OUT_LINK)/loader.so
	$(Q)objcopy $(foreach s,$(EFI_SECTIONS),-j '$(s)') --target efi-app-x86_64 --subsystem=10 \
	    $(OUT_LINK)/loader.so $@

$(IMG): $(EFI) tools/mkimage
	$(call say,IMAGE,$@)
	$(Q)tools/mkimage $< $@

ifdef BUILDING
-include $(wildcard $(addsuffix .d,$(OBJS) $(LOADER_OBJS)))
endif
