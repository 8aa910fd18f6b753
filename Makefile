# cowrun: the whole build. `make help` names the targets; nothing is generated into the source tree.

VERSION   := 0.1.0
OUT       ?= build
PREFIX    ?= /usr/local
DESTDIR   ?=
CC        ?= gcc
COMMIT    := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

comma     := ,

# --- flags -----------------------------------------------------------------------------------------
WARNINGS  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
	-Wpointer-arith -Wwrite-strings -Wimplicit-fallthrough -Wswitch-enum -Werror
COMMON    := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -O2 -g -MMD -MP $(WARNINGS)
HARDENING := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE \
	$(if $(filter x86_64,$(shell uname -m)),-fcf-protection)
LINKING   := -Wl,-z,relro,-z,now,-z,noexecstack
# A static program relocates itself at each start: packed, that reads 70 KiB less. glibc can since 2.36.
RELR      := $(if $(shell printf '%s\n' 2.36 "$$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)" | sort -VC && echo yes),-Wl$(comma)-z$(comma)pack-relative-relocs)
STATIC    := -static-pie -Wl,-e,program_start $(RELR)
START     := cmd/start.c

ifdef SAN   # `make asan`: the same programs and tests, dynamic, with every error fatal
HARDENING := -fPIE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
STATIC    := -pie
START     :=
LINKING   += -fsanitize=address,undefined
endif

CFLAGS_ALL := $(COMMON) $(HARDENING) -DCOWRUN_VERSION='"$(VERSION)"' $(CFLAGS)
# What tells its commit, or keeps filters of its own making.
$(OUT)/cmd/%.o $(OUT)/runtime/filter.o: CFLAGS_ALL += -DCOWRUN_COMMIT='"$(COMMIT)"'
# The child's program has no library under it: nothing that needs thread-local storage or a start-up.
CFLAGS_INIT := $(COMMON) -Os -ffreestanding -fno-stack-protector -fno-pie -fno-asynchronous-unwind-tables \
	-mgeneral-regs-only -fno-tree-loop-distribute-patterns
LINKING_INIT := -static -nostdlib -no-pie -s \
	-Wl,--gc-sections,-z,noexecstack,-z,norelro,-z,noseparate-code,--build-id=none

# The stub of templates lives in any program: position-independent, and nothing of it to be seen but its
# two functions. ready.c alone has a libc.
CFLAGS_STUB := $(filter-out -fno-pie,$(CFLAGS_INIT)) -fPIC -fvisibility=hidden
# A file of itself where it is put into a process (runtime/graft.h).
LINKING_GRAFT := -static-pie -nostdlib -s -Wl,--gc-sections,-z,noexecstack,-z,norelro,-z,noseparate-code,-z,text,--build-id=none

# --- what is built of what -------------------------------------------------------------------------
# The rooms below cmd/ are one archive: a program gets the objects that it refers to and no others, so
# that libraries which only some files use (libarchive, libmount, ...) stay out of the static programs.
ROOM_SRC  := $(wildcard spec/base/*.c spec/*.c overlay/*.c cgroup/*.c runtime/*.c)
INIT_SRC  := $(wildcard runtime/init/*.c)
STUB_SRC  := $(wildcard runtime/template/*.c) $(filter-out runtime/init/init.c,$(INIT_SRC))
GRAFT     := $(OUT)/cow-injected
GRAFT_SRC := $(wildcard runtime/injected/*.c) $(filter-out runtime/template/ready.c,$(STUB_SRC))
TEMPLATE  := $(addprefix $(OUT)/template/,libcow_template.so libcow_template.a cow_template.h cow_template.py)
CMD_SRC   := $(filter-out $(wildcard cmd/cow*.c) cmd/start.c,$(wildcard cmd/*.c)) $(wildcard cmd/top/*.c cmd/metrics/*.c)
LIB       := $(OUT)/libcowrun.a
CMDLIB    := $(OUT)/libcmd.a

# program                objects of its own                  how it is linked
PROGRAMS  := cowrun cow cow-monitor cow-keeper cow-standin cow-floor cow-reaper cow-import cow-export cow-registry cow-doctor cow-mem cow-density cow-top cow-metrics cowrun-systemd
KEEPERS   := cow-monitor cow-keeper cow-standin cow-floor
cowrun_SRC      := cmd/cowrun.c $(START) $(wildcard cmd/oci/*.c)
cow_SRC         := cmd/cow.c $(START) $(wildcard cmd/cow/*.c)
cow-reaper_SRC  := cmd/cow-reaper.c $(wildcard cmd/reaper/*.c)
cow-import_SRC  := cmd/cow-import.c
cow-export_SRC  := cmd/cow-export.c $(wildcard cmd/export/*.c)
cow-registry_SRC  := cmd/cow-registry.c $(wildcard cmd/registry/*.c)
cow-doctor_SRC  := cmd/cow-doctor.c
WISHES_SRC      := $(addprefix cmd/cow/,wishes.c limits.c network.c)
cow-density_SRC := cmd/cow-density.c $(wildcard cmd/density/*.c) $(WISHES_SRC)
cow-mem_SRC     := cmd/cow-mem.c
cow-top_SRC     := cmd/cow-top.c
cow-metrics_SRC := cmd/cow-metrics.c
cowrun-systemd_SRC  := cmd/cowrun-systemd.c $(wildcard cmd/systemd/*.c)
cowrun_LIBS      := $(STATIC) -ljansson -lcap -lseccomp -lm
cow_LIBS         := $(STATIC) -ljansson -lcap -lseccomp -lm
# It stays, so it is not to have all pages at once.
cow-reaper_LIBS  := $(if $(SAN),-pie,-static-pie $(RELR)) -ljansson -lcap -lseccomp -lm
cow-import_LIBS  := -pie -ljansson -larchive -lisal -lzstd -lxxhash -lcrypto
cow-export_LIBS  := -pie -ljansson -lm -larchive -lisal -lzstd -lxxhash -lcrypto
cow-registry_LIBS  := -pie -ljansson -lcurl -larchive -lisal -lzstd -lxxhash -lcrypto
cow-doctor_LIBS  := -pie -ljansson -lcap -lseccomp -lm -lmount -lcgroup
cow-density_LIBS := -pie -ljansson -lcap -lseccomp -lm -lcgroup
cow-mem_LIBS     := -pie -ljansson -lcap -lseccomp -lm -lcgroup
cow-top_LIBS     := -pie -ljansson -lcap -lseccomp -lm -lcgroup -lncursesw -ltinfo
cow-metrics_LIBS := -pie -ljansson -lcap -lseccomp -lm -lcgroup -lmicrohttpd
cowrun-systemd_LIBS  := -pie -lsystemd
PROGRAMS  := $(foreach p,$(PROGRAMS),$(if $(wildcard cmd/$(p).c),$(p)))
BIN       := $(filter cowrun cow,$(PROGRAMS))
LIBEXEC   := $(filter-out cowrun cow,$(PROGRAMS))

UNIT_SRC  := $(wildcard tests/unit/*.c)
UNITS     := $(UNIT_SRC:tests/unit/%.c=$(OUT)/tests/unit/%)
# Small static programs that tests run inside containers and guests.
HELPERS   := $(patsubst tests/programs/%.c,$(OUT)/tests/%,$(wildcard tests/programs/*.c))
# The same for people to run: lessons on copy-on-write.
LESSONS   := $(patsubst %.c,$(OUT)/%,$(wildcard examples/copy-on-write/*.c examples/density/*.c examples/templates/*.c))
# libFuzzer's targets, by clang, and the parsers of foreign bytes: what else they need is the usual archive's.
FUZZERS   := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(filter-out tests/fuzz/spec.c,$(wildcard tests/fuzz/*.c)))
FUZZ_SRC  := $(wildcard spec/base/*.c spec/image*.c spec/reference.c spec/registry.c) $(addprefix overlay/,attributes.c \
	body.c finish.c headers.c inflate.c input.c member.c pending.c recipe.c recorder.c tar.c tree.c unpack.c xattrs.c)
BENCHES   := $(patsubst %.c,$(OUT)/%,$(wildcard tests/bench/*.c))

objects = $(patsubst %.c,$(OUT)/%.o,$(1))

# As many at once as there are CPUs, where nobody has said how many.
JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)  $(2)')

.PHONY: all programs units helpers fuzzers benches deps engines test test-all fuzz weak demo lessons bench asan lint layers format install clean help
all: programs            ## all programs, into build/
programs: $(addprefix $(OUT)/,$(PROGRAMS)) $(TEMPLATE) $(GRAFT)
units: $(UNITS)
helpers: $(HELPERS) $(LESSONS)
fuzzers: $(FUZZERS)
benches: $(BENCHES)

$(OUT)/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(OUT)/runtime/init/%.o: runtime/init/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_INIT) -c -o $@ $<

# The child's program, and the object that carries it inside the parent's.
$(OUT)/cowrun-init: $(call objects,$(INIT_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKING_INIT) -o $@ $^

# What a program becomes a template with: the library in both forms, and its header.
$(OUT)/stub/%.o: %.c Makefile
	$(call say,STUB,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_STUB) -c -o $@ $<

$(OUT)/stub/runtime/template/ready.o: CFLAGS_STUB = $(COMMON) -fPIC -fvisibility=hidden -fno-stack-protector

# Of the names within none is left: a program has a memcpy() of its own.
$(OUT)/template/cow_template.o: $(STUB_SRC:%.c=$(OUT)/stub/%.o)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)ld -r -o $@ $^ && objcopy --localize-hidden $@

$(OUT)/template/libcow_template.a: $(OUT)/template/cow_template.o
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $<

$(OUT)/template/libcow_template.so: $(OUT)/template/cow_template.o
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,libcow_template.so,-z,relro,-z,now,-z,noexecstack -o $@ $<

# The same as a file that is put into programs which know nothing of it.
$(GRAFT): $(GRAFT_SRC:%.c=$(OUT)/stub/%.o)
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKING_GRAFT) -o $@ $^

$(OUT)/template/%: runtime/template/%
	@mkdir -p $(@D)
	$(Q)install -m 644 $< $@

$(OUT)/runtime/init_image.o: runtime/init_image.c $(OUT)/cowrun-init Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DINIT_IMAGE='"$(OUT)/cowrun-init"' -c -o $@ $<

# Pages for a browser allow their scripts and style by these.
PAGE_SRC := $(wildcard cmd/page/*)
$(OUT)/cmd/page/%.hash: cmd/page/% Makefile
	@mkdir -p $(@D)
	$(Q)sha256sum <$< | cut -c 1-64 | tr a-f A-F | basenc --base16 -d | basenc --base64 -w 0 >$@

$(OUT)/cmd/page_image.o: cmd/page_image.c $(PAGE_SRC) $(PAGE_SRC:%=$(OUT)/%.hash) Makefile
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_ALL) -Wa,-I$(OUT)/cmd/page -c -o $@ $<

$(LIB): $(call objects,$(ROOM_SRC))
	$(call say,AR,$@)
	@mkdir -p $(@D) && rm -f $@
	$(Q)ar rcs $@ $^

$(CMDLIB): $(call objects,$(CMD_SRC))
	$(call say,AR,$@)
	@mkdir -p $(@D) && rm -f $@
	$(Q)ar rcs $@ $^

define program_rule
$(OUT)/$(1): $(call objects,$($(1)_SRC)) $(CMDLIB) $(LIB)
	$$(call say,LD,$$@)
	$(Q)$(CC) $$(LINKING) -o $$@ $(call objects,$($(1)_SRC)) $(CMDLIB) $(LIB) $($(1)_LIBS)
endef
$(foreach p,$(filter-out $(KEEPERS),$(PROGRAMS)),$(eval $(call program_rule,$(p))))

# These live as long as their container, or are the measure: no sanitizer, no library, as few pages as can be.
$(KEEPERS:%=$(OUT)/cmd/%.o): CFLAGS_ALL = $(CFLAGS_INIT)
$(KEEPERS:%=$(OUT)/%): $(OUT)/%: $(OUT)/cmd/%.o $(OUT)/runtime/init/text.o
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKING_INIT) -o $@ $^

# Freezing is tried in the test's own memory, by the code of the stub, and so are the other parts of that.
FREEZE_SRC := $(addprefix runtime/template/,allow.c freeze.c hot.c lines.c mappings.c move.c) runtime/init/text.c
$(filter %/template_freeze %/template_freeze_left,$(UNITS)) $(OUT)/tests/bench/freeze: $(FREEZE_SRC:%.c=$(OUT)/stub/%.o)
$(filter %/template_fitness,$(UNITS)): $(addprefix $(OUT)/stub/runtime/,template/fitness.o template/lines.o init/text.o)
$(filter %/template_settle,$(UNITS)): $(addprefix $(OUT)/stub/,runtime/template/settle.o \
	$(patsubst %.c,%.o,$(filter-out %/init.c,$(INIT_SRC))))

$(filter %/cmd_density,$(UNITS)): $(call objects,$(WISHES_SRC))

# cmd_NOUN is linked with cmd/NOUN/ too.
.SECONDEXPANSION:
$(OUT)/tests/unit/%: tests/unit/%.c $$(call objects,$$(wildcard $$(subst cmd_,cmd/,$$*)/*.c)) $(CMDLIB) $(LIB) Makefile
	$(call say,UNIT,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -pie $(LINKING) -o $@ $< $(filter %.o,$^) $(filter %.a,$^) -lcheck -lsubunit -lrt -lm -lpthread \
		-ljansson -lcap -lseccomp -lcurl -larchive -lisal -lzstd -lxxhash -lcrypto -lmount -lcgroup

$(OUT)/tests/%: tests/programs/%.c Makefile
	$(call say,HELPER,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) -static -o $@ $<

# What tests inject, and what nothing can be injected into.
$(OUT)/tests/injected: $(patsubst %.c,$(OUT)/stub/%.o,tests/programs/injected.c runtime/injected/entry.c runtime/init/text.c)
	$(call say,HELPER,tests/programs/injected.c)
	$(Q)$(CC) $(LINKING_GRAFT) -o $@ $^

$(OUT)/tests/foreign: tests/programs/foreign.c Makefile
	$(call say,HELPER,$<)
	$(Q)$(CC) $(if $(filter x86_64,$(shell uname -m)),-m32 -nostdlib -static -no-pie) -o $@ $<

# Templates have the stub.
TEMPLATED := warm heir bears
$(addprefix $(OUT)/tests/,$(TEMPLATED)): $(OUT)/tests/%: tests/programs/%.c $(OUT)/template/libcow_template.a Makefile
	$(call say,HELPER,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) -static -o $@ $< $(OUT)/template/libcow_template.a

$(OUT)/examples/%: examples/%.c Makefile
	$(call say,LESSON,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) -static -o $@ $<

$(OUT)/examples/templates/%: examples/templates/%.c $(OUT)/template/libcow_template.a Makefile
	$(call say,LESSON,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) -static -o $@ $< $(OUT)/template/libcow_template.a

$(OUT)/tests/bench/%: tests/bench/%.c $(LIB) Makefile
	$(call say,BENCH,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMMON) -static -o $@ $< $(filter %.o,$^) $(LIB) -lm

# What a start is measured with and against has no libc: its own start is not what is measured.
$(addprefix $(OUT)/tests/bench/,true floor peak): $(OUT)/tests/bench/%: tests/bench/%.c runtime/init/text.c Makefile
	$(call say,BENCH,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_INIT) -static -nostdlib -no-pie -o $@ $< $(filter %/text.c,$^)

FUZZ_FLAGS := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -O1 -gline-tables-only -MMD -MP $(WARNINGS) \
	-Wno-unknown-warning-option -Wno-format-nonliteral -fno-sanitize-recover=all
$(OUT)/fuzz/objects/%.o: %.c Makefile
	$(call say,FUZZ,$<)
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<

$(OUT)/fuzz/objects/rooms.a: $(FUZZ_SRC:%.c=$(OUT)/fuzz/objects/%.o)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(FUZZERS): $(OUT)/fuzz/%: $(OUT)/fuzz/objects/tests/fuzz/%.o $(OUT)/fuzz/objects/rooms.a $(LIB)
	$(call say,LD,$@)
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson -larchive -lisal -lzstd -lxxhash -lcrypto -lpthread

# --- tests, demo, bench ----------------------------------------------------------------------------
DEPS := gcc clang libclang-rt-dev make pkg-config libc6-dev libseccomp-dev libcap-dev libmount-dev libjansson-dev libcgroup-dev \
	libsystemd-dev systemd dbus-daemon dbus-bin libarchive-dev libisal-dev libssl-dev libzstd-dev libxxhash-dev libcurl4-openssl-dev check libsubunit-dev bats jq busybox-static strace e2fsprogs attr \
	util-linux uidmap procps iproute2 patch xz-utils zstd mmdebstrap smem crun runc clang-tidy clang-format cppcheck shellcheck mandoc \
	podman conmon passt slirp4netns criu skopeo umoci btrfs-progs xfsprogs lvm2 thin-provisioning-tools \
	openssl apache2-utils python3 chromium gnuplot-nox fonts-dejavu-core
# The live screen and the metrics, and what reads them in the tests.
DEPS += libncurses-dev libmicrohttpd-dev python3-pyte python3-prometheus-client curl

deps:                    ## install what the build and the tests need (apt)
	@tests/deps $(DEPS)

# Engines are only unpacked: nothing is installed, no service started. What they need beside it:
DEPS += iptables libdevmapper1.02.1
engines: deps build/engines ## Debian 12's containerd, Docker and registry, for the tests
build/engines: | deps
	@rm -rf $@.new && mkdir -p $@.new
	@tests/packages bookworm $@.new containerd docker.io docker-registry tini
	@mv $@.new $@

test: deps               ## every test, on this host and in a guest kernel
	@$(MAKE) --no-print-directory $(JOBS) engines all units helpers fuzzers layers
	@tests/run $(OUT)

test-all: deps           ## the same at full length: all kernels, all sweeps
	@$(MAKE) --no-print-directory $(JOBS) engines all units helpers fuzzers layers
	@tests/run --all $(OUT)

fuzz: deps               ## a minute of libFuzzer for each parser of foreign bytes
	@$(MAKE) --no-print-directory $(JOBS) fuzzers
	@tests/fuzz/run $(OUT) 60

weak: deps               ## each protection taken away, and its test must fail
	@$(MAKE) --no-print-directory $(JOBS) all helpers
	@tests/weak/run $(OUT)

asan: deps               ## the same tests under ASan and UBSan
	@$(MAKE) --no-print-directory $(JOBS) OUT=$(OUT)/asan SAN=1 engines all units helpers
	@SAN=1 tests/run $(OUT)/asan

demo: deps               ## eight containers of one Debian image, and what they cost
	@$(MAKE) --no-print-directory $(JOBS) all helpers
	@examples/demo $(OUT)

lessons: deps            ## copy-on-write, shown by small programs in containers
	@$(MAKE) --no-print-directory $(JOBS) all helpers
	@examples/copy-on-write/run $(OUT)

bench: deps              ## side by side with crun, runc, tar and smem: ratios
	@$(MAKE) --no-print-directory $(JOBS) all helpers benches
	@tests/bench/run $(OUT)

# --- checks ----------------------------------------------------------------------------------------
layers:                  ## fail where an include goes against the house's one way
	@tests/layers

lint: layers             ## clang-format, clang-tidy, cppcheck, shellcheck, mandoc
	@tests/lint $(OUT)

format:                  ## put all C files into the house style
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: all             ## PREFIX= DESTDIR=
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/cowrun $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 $(addprefix $(OUT)/,$(BIN)) $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(addprefix $(OUT)/,$(LIBEXEC)) $(GRAFT) $(DESTDIR)$(PREFIX)/libexec/cowrun
	install -d $(DESTDIR)$(PREFIX)/libexec/cowrun/template
	install -m 644 $(TEMPLATE) $(DESTDIR)$(PREFIX)/libexec/cowrun/template
	install -m 644 $(wildcard cmd/*.1) $(DESTDIR)$(PREFIX)/share/man/man1

clean:                   ## remove build/
	rm -rf build

help:                    ## this
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 14

-include $(shell find $(OUT) -type f -name '*.d' 2>/dev/null)
