# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what belongs to systemd and udev, and builds the packages.

# bookworm's debhelper sees units in /lib/systemd/system only: the directories come from systemd itself
export UNITDIR ?= $(shell pkg-config --variable=systemdsystemunitdir systemd)
export UDEVDIR ?= $(patsubst %/systemd/system,%/udev,$(UNITDIR))
SYSUSERSDIR ?= $(shell pkg-config --variable=sysusersdir systemd)
TMPFILESDIR ?= $(shell pkg-config --variable=tmpfilesdir systemd)
GENERATORDIR ?= $(shell pkg-config --variable=systemdsystemgeneratordir systemd)
CATALOGDIR ?= $(shell pkg-config --variable=catalogdir systemd)
INCLUDEDIR ?= $(PREFIX)/include
LIBDIR ?= $(PREFIX)/lib
LIBEXECDIR ?= $(PREFIX)/libexec
DBUSPOLICYDIR ?= $(PREFIX)/share/dbus-1/system.d

install: install-system install-dev

.PHONY: install-system install-dev deb check-version
install-system: userspace
	@test -n "$(UNITDIR)" || { echo "pkg-config knows no systemd: install systemd-dev or systemd, or set UNITDIR=" >&2; exit 1; }
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(notdir $(wildcard systemd/*.service systemd/*.path)); do \
		sed 's,/usr/sbin/,$(PREFIX)/sbin/,; s,/usr/bin/kftp,$(PREFIX)/bin/kftp,; s,/usr/libexec/,$(LIBEXECDIR)/,' \
			systemd/$$unit > $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
		chmod 0644 $(DESTDIR)$(UNITDIR)/$$unit; \
	done
	install -D -m 0755 $(GENERATOR) $(DESTDIR)$(GENERATORDIR)/kftp-generator
	install -D -m 0755 $(SCHEDULE) $(DESTDIR)$(LIBEXECDIR)/kftp/kftp-schedule
	install -D -m 0644 systemd/kftp-device.conf $(DESTDIR)$(UNITDIR)/dev-kftp.device.d/kftp.conf
	install -D -m 0644 systemd/kftp.rules $(DESTDIR)$(UDEVDIR)/rules.d/60-kftp.rules
	install -D -m 0644 systemd/kftp.sysusers $(DESTDIR)$(SYSUSERSDIR)/kftp.conf
	install -D -m 0644 systemd/kftp.tmpfiles $(DESTDIR)$(TMPFILESDIR)/kftp.conf
	install -d $(DESTDIR)$(DBUSPOLICYDIR)
	$(if $(wildcard userspace/kftpd/org.kftp1.conf),install -m 0644 userspace/kftpd/org.kftp1.conf $(DESTDIR)$(DBUSPOLICYDIR)/)
	install -D -m 0644 userspace/kftpd/kftp.catalog $(DESTDIR)$(CATALOGDIR)/kftp.catalog
	install -d $(DESTDIR)/etc/kftp $(DESTDIR)/etc/kftp.d $(DESTDIR)$(PREFIX)/lib/kftp.d
	install -d -m 0700 $(DESTDIR)/etc/kftp/credentials $(DESTDIR)/etc/kftp/credentials.encrypted

install-dev: userspace
	install -d $(DESTDIR)$(INCLUDEDIR)/kftp $(DESTDIR)$(LIBDIR)
	install -m 0644 src/uapi/kftp.h userspace/libkftp/libkftp.h $(DESTDIR)$(INCLUDEDIR)/kftp/
	install -m 0644 $(LIBKFTP) $(DESTDIR)$(LIBDIR)/libkftp.a

# The packages, in build/deb. From a copy of the tree: a checkout and an unpacked archive are alike to it.
deb: check-version
	packaging/mkdeb $(B)

check-version:
	packaging/check-version

include tests/system/system.mk
