# quietbell: one Makefile, non-recursive. GNU make 4.3 or newer; gcc or clang.
#
# The way of the build:
#
#   rules/*.c ──────────────────────▶ librules.a ─┐
#   router/*.c, embedded.c ─────────▶ librouter.a ┼─▶ quietbelld, quietbell, unit tests
#   plugins/*.c ────────────────────▶ libkit.a  ──┤
#   plugins/NAME/*.c ───────────────────────────  ┴─▶ libexec/quietbell/NAME
#   plugins/agents/hook*.c ─────────────────────────▶ quietbell-hook (static, libc only)
#   rules/presets/*.yaml, plugins/agents/*.yaml ────▶ embedded.c
#
# Sources are found by wildcard: a new file, plugin or test needs no line here. What pkg-config and
# the hook's compiler say is asked lazily, when the first recipe needs it, because `make run` on a
# bare machine installs them in the same run (see FIRST).
#
# The sanitizer and fuzz targets call this same file again with another BUILD, so that objects of
# different flags never mix; $(BUILD)/flags rebuilds everything when the flags of one BUILD change.

VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
HOOK_CFLAGS ?= -O2
FUZZ_SECONDS ?= 30

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

# ---- flags -------------------------------------------------------------------------------------

WARN := -Wall -Wextra
ifeq ($(CI),true)
WARN += -Werror
endif
STD  := -std=c11 -D_GNU_SOURCE $(WARN) -DQUIETBELL_VERSION='"$(VERSION)"' -I.
SAN  ?=
ifneq ($(SAN),)
SAN_FLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
COMPILE = $(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(SAN_FLAGS) -MMD -MP
LINK    = $(CC) $(CFLAGS) $(SAN_FLAGS) $(LDFLAGS)

ROUTER_PKGS := libuv jansson sqlite3 libfyaml
# What a plugin links; the others get PLUGIN_LIBS_default.
PLUGIN_LIBS_default  := jansson
PLUGIN_LIBS_desktop  := libnotify jansson
PLUGIN_LIBS_webhook  := libcurl jansson glib-2.0
PLUGIN_LIBS_terminal := jansson
PLUGIN_LIBS_watch    := libuv jansson
PLUGIN_LIBS_calendar := libical jansson
PLUGIN_LIBS_presence := gio-unix-2.0 gio-2.0 jansson xcb xcb-sync
PLUGIN_LIBS_jump     := jansson xcb
# The kit offers its loop to plugins on GLib too, hence glib-2.0 for its headers.
KIT_PKGS := jansson glib-2.0

# $(call lazily,VARIABLE,command): run the command at first use, remember what it printed.
lazily = $(eval $(1) := $$(shell $(2)))$($(1))
pkg_config = $(if $(strip $(2)),$(call lazily,PC_$(1)_$(subst $() ,_,$(strip $(2))),pkg-config --$(1) $(2)))
cflags_of  = $(call pkg_config,cflags,$(1))
libs_of    = $(call pkg_config,libs,$(1))

V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' $(1) '$(2)';
else
say =
endif

# ---- what there is -----------------------------------------------------------------------------

MAINS        := router/quietbelld.c router/quietbell.c
RULES_SRC    := $(wildcard rules/*.c)
ROUTER_SRC   := $(filter-out $(MAINS),$(wildcard router/*.c))
KIT_SRC      := $(wildcard plugins/*.c)
PLUGIN_DIRS  := $(patsubst plugins/%/,%,$(sort $(dir $(wildcard plugins/*/*.c))))
# A folder is a program once its main is there: plugins/NAME/NAME.c or plugins/NAME/main.c.
PLUGINS      := $(foreach p,$(PLUGIN_DIRS),$(if $(wildcard plugins/$(p)/$(p).c plugins/$(p)/main.c),$(p)))
HOOK_SRC     := $(wildcard plugins/agents/hook*.c)
EMBED        := $(sort $(wildcard rules/presets/*.yaml plugins/agents/*.yaml))
UNIT_SRC     := $(wildcard tests/unit/test_*.c)
UNIT_HELP    := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
FUZZ_SRC     := $(wildcard tests/fuzz/fuzz_*.c)
ATTNBENCH_SRC := $(wildcard tests/attnbench/*.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LIBRULES  := $(BUILD)/librules.a
LIBROUTER := $(BUILD)/librouter.a
LIBKIT    := $(BUILD)/libkit.a
LIBS      := $(LIBROUTER) $(LIBRULES) $(LIBKIT)

PROGRAMS     := $(patsubst router/%.c,$(BUILD)/%,$(wildcard $(MAINS)))
PLUGIN_BINS  := $(PLUGINS:%=$(BUILD)/libexec/quietbell/%)
HOOK         := $(if $(wildcard plugins/agents/hook.c),$(BUILD)/quietbell-hook)
UNIT_BINS    := $(UNIT_SRC:%.c=$(BUILD)/%)
FUZZ_BINS    := $(FUZZ_SRC:%.c=$(BUILD)/%)
ATTNBENCH    := $(BUILD)/tests/attnbench/attnbench

# Targets that may start on a bare machine: their dependencies come before the first compile.
FIRST := $(if $(filter run demo test bench live attnbench properties crash asan ubsan tsan fuzz lint,$(MAKECMDGOALS)),deps)
FIRST += $(if $(filter test asan ubsan tsan crash demo properties,$(MAKECMDGOALS)),deps-test)
FIRST += $(foreach set,lint fuzz bench live,$(if $(filter $(set),$(MAKECMDGOALS)),deps-$(set)))
ifneq ($(QUIETBELL_DEPS_DONE),)
FIRST :=
endif

# ---- build -------------------------------------------------------------------------------------

.PHONY: all unit FORCE
all: $(LIBS) $(PROGRAMS) $(PLUGIN_BINS) $(HOOK)
unit: $(UNIT_BINS) $(ATTNBENCH)

# Changes only when the flags do; everything compiled depends on it.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(COMPILE) | $(LINK) | $(HOOK_CFLAGS))' | cmp -s - $@ || \
	  printf '%s\n' '$(subst ','\'',$(COMPILE) | $(LINK) | $(HOOK_CFLAGS))' > $@

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(FIRST)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) $(SEES) $(call cflags_of,$(PKGS)) -c -o $@ $<

# Which of our folders a part sees, and which packages' headers. rules/ sees only itself and libc:
# that is a house rule, and lint looks closer.
ROUTER_OBJ := $(call obj,$(ROUTER_SRC) $(MAINS))
TEST_OBJ   := $(call obj,$(UNIT_SRC) $(UNIT_HELP) $(FUZZ_SRC))
$(ROUTER_OBJ): PKGS := $(ROUTER_PKGS)
$(ROUTER_OBJ): SEES := -Irules -Iplugins
$(call obj,$(KIT_SRC)): PKGS := $(KIT_PKGS)
$(TEST_OBJ): PKGS := $(ROUTER_PKGS) glib-2.0
$(TEST_OBJ): SEES := -Irouter -Irules -Iplugins $(addprefix -Iplugins/,$(PLUGIN_DIRS))

define archive
	@mkdir -p $(@D)
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^
endef
$(LIBRULES): $(call obj,$(RULES_SRC))
	$(archive)
$(LIBROUTER): $(call obj,$(ROUTER_SRC)) $(BUILD)/obj/embedded.o
	$(archive)
$(LIBKIT): $(call obj,$(KIT_SRC))
	$(archive)

$(PROGRAMS): $(BUILD)/%: $(BUILD)/obj/router/%.o $(LIBS)
	$(call say,LD,$@)$(LINK) -o $@ $^ $(call libs_of,$(ROUTER_PKGS)) $(LDLIBS)

# One plugin folder: an archive of all but its main (for unit tests), and its program.
define plugin_parts
PLUGIN_SRC_$(1)  := $$(wildcard plugins/$(1)/*.c)
PLUGIN_PKGS_$(1) := $$(or $$(PLUGIN_LIBS_$(1)),$$(PLUGIN_LIBS_default))
PLUGIN_PART_$(1) := $$(filter-out $$(patsubst %,plugins/$(1)/%.c,$(1) main hook),$$(PLUGIN_SRC_$(1)))
$$(call obj,$$(PLUGIN_SRC_$(1))): PKGS := $$(PLUGIN_PKGS_$(1))
$$(call obj,$$(PLUGIN_SRC_$(1))): SEES := -Iplugins
$$(BUILD)/plugin-$(1).a: $$(call obj,$$(PLUGIN_PART_$(1)))
	$$(archive)
PLUGIN_ARCHIVES += $$(if $$(PLUGIN_PART_$(1)),$$(BUILD)/plugin-$(1).a)
endef
define plugin_program
$$(BUILD)/libexec/quietbell/$(1): $$(call obj,$$(PLUGIN_SRC_$(1))) $$(LIBKIT)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$$(LINK) -o $$@ $$^ $$(call libs_of,$$(PLUGIN_PKGS_$(1))) $$(LDLIBS)
endef
$(foreach p,$(PLUGIN_DIRS),$(eval $(call plugin_parts,$(p))))
$(foreach p,$(PLUGINS),$(eval $(call plugin_program,$(p))))

# Unit tests and fuzz targets may also look into the plugins' parts; only what they name is pulled in.
TEST_LIBS = -Wl,--as-needed -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
  $(call libs_of,$(ROUTER_PKGS) $(1) $(sort $(foreach p,$(PLUGIN_DIRS),$(PLUGIN_PKGS_$(p))))) $(LDLIBS)
$(UNIT_BINS): $(BUILD)/%: $(BUILD)/obj/%.o $(call obj,$(UNIT_HELP)) $(PLUGIN_ARCHIVES) $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LINK) -o $@ $(filter %.o,$^) $(call TEST_LIBS,cmocka)
$(FUZZ_BINS): $(BUILD)/%: $(BUILD)/obj/%.o $(PLUGIN_ARCHIVES) $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LINK) $(FUZZ_LINK) -o $@ $(filter %.o,$^) $(call TEST_LIBS)

# The simulator: our own rules and the baselines on the same days. The last bit of its figures is compared
# with the reference's, so no compiler may fuse its operations. one_core.c looks at every step of the core.
ATTNBENCH_OBJ := $(call obj,$(ATTNBENCH_SRC))
$(ATTNBENCH_OBJ): PKGS := jansson
$(ATTNBENCH_OBJ): SEES := -Irouter -Irules -Iplugins -ffp-contract=off
$(ATTNBENCH): $(ATTNBENCH_OBJ) $(LIBS)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(LINK) -Wl,--wrap=rules_step -o $@ $^ $(call libs_of,$(ROUTER_PKGS)) -lm $(LDLIBS)

# Texts that the programs carry along. Bytes, because a YAML file may hold anything; each ends
# with a NUL that its length does not count. `embedded.list` changes when a file comes or goes.
$(BUILD)/embedded.list: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(EMBED) | cmp -s - $@ || printf '%s\n' $(EMBED) > $@
$(BUILD)/embedded.c: $(EMBED) $(BUILD)/embedded.list
	$(call say,EMBED,$@){ \
	echo '/* Made by the Makefile from presets and mapping files. */'; \
	echo '#include "router/embedded.h"'; n=0; \
	for f in $(EMBED); do \
	  echo "static const unsigned char text_$$n[] = {"; \
	  od -An -v -tu1 "$$f" | sed 's/[0-9][0-9]*/&,/g'; \
	  echo '0};'; n=$$((n + 1)); \
	done; \
	echo 'const struct embedded embedded_files[] = {'; n=0; \
	for f in $(EMBED); do \
	  name=$${f#rules/}; name=$${name#plugins/}; \
	  echo "    {\"$$name\", (const char *)text_$$n, sizeof text_$$n - 1},"; n=$$((n + 1)); \
	done; \
	echo '    {0, 0, 0}};'; } > $@
$(BUILD)/obj/embedded.o: $(BUILD)/embedded.c $(BUILD)/flags router/embedded.h | $(FIRST)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) -c -o $@ $<

# The hook client starts thousands of times a day; a static musl program starts in a fifth of the
# time of a glibc one. Never with sanitizers. HOOK_CC may be set by hand.
HOOK_PROBE = if command -v musl-gcc >/dev/null 2>&1; then echo musl-gcc -static; \
  elif echo 'int main(void){return 0;}' | $(CC) -static -xc -o /dev/null - 2>/dev/null; then \
  echo $(CC) -static; else echo $(CC); fi
HOOK_CC = $(call lazily,HOOK_CC,$(HOOK_PROBE))
$(BUILD)/hook/%.o: %.c $(BUILD)/flags | $(FIRST)
	@mkdir -p $(@D)
	$(call say,HOOKCC,$<)$(HOOK_CC) $(STD) -Iplugins $(HOOK_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/quietbell-hook: $(HOOK_SRC:%.c=$(BUILD)/hook/%.o)
	$(call say,LD,$@)$(HOOK_CC) $(HOOK_CFLAGS) -o $@ $^

-include $(patsubst %.o,%.d,$(call obj,$(RULES_SRC) $(ROUTER_SRC) $(MAINS) $(KIT_SRC) \
  $(foreach p,$(PLUGIN_DIRS),$(PLUGIN_SRC_$(p))) $(UNIT_SRC) $(UNIT_HELP) $(FUZZ_SRC) $(ATTNBENCH_SRC)) \
  $(HOOK_SRC:%.c=$(BUILD)/hook/%.o))

# ---- run and test ------------------------------------------------------------------------------

.PHONY: deps deps-test deps-lint deps-fuzz deps-bench deps-live run demo test lint format asan ubsan tsan fuzz fuzz-binaries \
  crash bench live attnbench properties matrix san-test install uninstall clean help

# Installs what is missing; says and does nothing when nothing is.
deps:
	@sh .ci/deps build
deps-test: deps
	@sh .ci/deps test
deps-lint: deps
	@sh .ci/deps lint
deps-fuzz: deps
	@sh .ci/deps fuzz
deps-bench: deps
	@sh .ci/deps bench
deps-live: deps
	@sh .ci/deps live

# The daemon takes the shell's place, so a SIGINT to it alone ends it with 0, and make with 0 too.
# On Ctrl-C the whole foreground group gets the signal: make waits for the daemon's clean stop and
# then ends by SIGINT itself, as make always does; the daemon's own status is 0 there as well.
run: deps all
	@echo 'Connect your agents, in another terminal (it shows each change as a diff, and asks):'
	@echo '    $(abspath $(BUILD))/quietbell setup'
	@echo 'Ask for the board:   $(abspath $(BUILD))/quietbell status'
	@echo 'If all is not well:  $(abspath $(BUILD))/quietbell doctor'
	@exec $(BUILD)/quietbelld

demo: deps deps-test all
	@BUILD='$(abspath $(BUILD))' tests/demo

test: deps deps-test all unit
	@BUILD='$(abspath $(BUILD))' tests/run

# Puts every source into the house's layout; lint asks for it.
format: deps-lint
	@clang-format -i $(wildcard $(foreach d,rules router plugins plugins/* tests/*,$(d)/*.[ch]))

lint: deps deps-lint all
	@BUILD='$(abspath $(BUILD))' CC='$(CC)' tests/lint
	@tests/lint_proof

# The suites once more with a sanitizer in everything but the hook client, which stays static.
asan:  SAN_NAME := address
ubsan: SAN_NAME := undefined
tsan:  SAN_NAME := thread
asan ubsan tsan: deps deps-test
	+@$(MAKE) --no-print-directory QUIETBELL_DEPS_DONE=1 BUILD=$(BUILD)/$@ SAN=$(SAN_NAME) \
	  CFLAGS='-O1 -g' san-test
san-test: all unit
	@BUILD='$(abspath $(BUILD))' tests/run --sanitizer $(SAN)

fuzz: deps deps-fuzz
	+@$(MAKE) --no-print-directory QUIETBELL_DEPS_DONE=1 BUILD=$(BUILD)/fuzz CC=clang \
	  SAN=fuzzer-no-link,address CFLAGS='-O1 -g' FUZZ_LINK=-fsanitize=fuzzer fuzz-binaries
	@for f in $(notdir $(FUZZ_SRC:.c=)); do \
	  mkdir -p $(BUILD)/fuzz/corpus/$$f; seeds=; \
	  if [ -d tests/fuzz/corpus/$$f ]; then seeds=tests/fuzz/corpus/$$f; fi; \
	  echo "  FUZZ    $$f ($(FUZZ_SECONDS) s)"; \
	  $(BUILD)/fuzz/tests/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 \
	    -print_final_stats=1 -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus/$$f $$seeds \
	    >$(BUILD)/fuzz/$$f.log 2>&1 || { tail -n 40 $(BUILD)/fuzz/$$f.log; exit 1; }; \
	  grep -E 'number_of_executed_units|new_units_added' $(BUILD)/fuzz/$$f.log || true; \
	done
fuzz-binaries: $(FUZZ_BINS)

# The clock and every zone, whole; `make test` takes a sample of the zones.
matrix: deps deps-test unit
	@for t in zones clock_matrix; do FULL=1 $(BUILD)/tests/unit/test_$$t || exit 1; done

crash: deps deps-test all
	@BUILD='$(abspath $(BUILD))' tests/crash/run

bench: deps deps-bench all
	@BUILD='$(abspath $(BUILD))' tests/bench/run

# Real agents, from npm into $(BUILD)/live, each in namespaces without a network. AGENT=codex: only that one.
live: deps deps-live all
	@BUILD='$(abspath $(BUILD))' tests/live/run $(AGENT)

# The properties of the core on many random histories, where `make test` plays a few thousand.
properties: deps deps-test $(BUILD)/tests/unit/test_properties
	HISTORIES=$(or $(HISTORIES),100000) $(BUILD)/tests/unit/test_properties

# The whole table: thousands of simulated days, some ten seconds; fails where a gate is missed.
attnbench: deps $(ATTNBENCH)
	@$(ATTNBENCH) tests/attnbench

# ---- install -----------------------------------------------------------------------------------

BINDIR     := $(PREFIX)/bin
LIBEXECDIR := $(PREFIX)/libexec/quietbell
MANDIR     := $(PREFIX)/share/man
# systemd reads PREFIX/lib/systemd/user for /usr and /usr/local, but for a person's own ~/.local
# only share/systemd/user. Autostart files live in the XDG configuration folders: /etc/xdg for
# system prefixes, ~/.config for ~/.local, and PREFIX/etc/xdg for anything else (a package root).
ifeq ($(PREFIX),$(HOME)/.local)
UNITDIR      := $(PREFIX)/share/systemd/user
AUTOSTARTDIR := $(HOME)/.config/autostart
else
UNITDIR      := $(PREFIX)/lib/systemd/user
AUTOSTARTDIR := $(if $(filter /usr /usr/%,$(PREFIX)),,$(PREFIX))/etc/xdg/autostart
endif

MAN_PAGES := $(wildcard $(foreach d,router rules plugins plugins/*,$(d)/*.1 $(d)/*.5 $(d)/*.7))
UNITS     := $(wildcard router/*.service router/*.socket)
AUTOSTART := $(wildcard router/*.desktop)
man_path   = $(MANDIR)/man$(patsubst .%,%,$(suffix $(1)))/$(notdir $(1))

INSTALLED := $(addprefix $(BINDIR)/,$(notdir $(PROGRAMS) $(HOOK))) \
  $(addprefix $(LIBEXECDIR)/,$(PLUGINS)) $(foreach m,$(MAN_PAGES),$(call man_path,$(m))) \
  $(addprefix $(UNITDIR)/,$(notdir $(UNITS))) $(addprefix $(AUTOSTARTDIR)/,$(notdir $(AUTOSTART)))

install: all
	install -d $(addprefix $(DESTDIR),$(sort $(patsubst %/,%,$(dir $(INSTALLED)))))
	install -m 755 $(PROGRAMS) $(HOOK) $(DESTDIR)$(BINDIR)
	$(if $(PLUGINS),install -m 755 $(PLUGIN_BINS) $(DESTDIR)$(LIBEXECDIR))
	@$(foreach m,$(MAN_PAGES),install -m 644 $(m) $(DESTDIR)$(call man_path,$(m)) && ) true
	@$(foreach u,$(UNITS),sed 's|@BINDIR@|$(BINDIR)|g' $(u) > $(DESTDIR)$(UNITDIR)/$(notdir $(u)) && ) true
	@$(foreach u,$(AUTOSTART),sed 's|@BINDIR@|$(BINDIR)|g' $(u) > $(DESTDIR)$(AUTOSTARTDIR)/$(notdir $(u)) && ) true

uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	-rmdir $(DESTDIR)$(LIBEXECDIR) 2>/dev/null

clean:
	rm -rf $(BUILD)

help:
	@echo 'make            build into $(BUILD)/ (CC=clang, CFLAGS=, BUILD=, V=1)'
	@echo 'make deps       install what the build needs (nothing when nothing is missing)'
	@echo 'make run        build, say how to connect an agent, run the daemon in the foreground'
	@echo 'make demo       a private daemon plays a recorded morning'
	@echo 'make test       every suite; ends with "N passed, N failed"'
	@echo 'make lint       the house rules'
	@echo 'make asan ubsan tsan   the suites with a sanitizer'
	@echo 'make fuzz       each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make crash      kill -9 loops        make bench   measurements against peers'
	@echo 'make live       real agents from npm against a stub model, without a network (AGENT=codex: only that one)'
	@echo 'make matrix     every zone and change of its offset, the clock set and suspended at every moment'
	@echo 'make attnbench  the policy, simulated: days of one person with several agents, against baselines'
	@echo 'make properties what must always hold, on HISTORIES=100000 random histories'
	@echo 'make install uninstall   PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make clean      remove $(BUILD)/'
