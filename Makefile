# SPDX-License-Identifier: LGPL-2.1-or-later
# For those who type `make`: a thin layer over meson. SBINDIR, DBROOT, HOMEDIR and DESTDIR as in open-iscsi's Makefile.
SBINDIR ?= /usr/sbin
DBROOT  ?= /etc/iscsi
HOMEDIR ?= /etc/iscsi

all: build/build.ninja
	ninja -C build

build/build.ninja:
	meson setup build --sbindir=$(SBINDIR) -Ddbroot=$(DBROOT) -Dhomedir=$(HOMEDIR)

install: all
	DESTDIR=$(DESTDIR) meson install -C build --no-rebuild

check:
	./do check

clean:
	rm -rf build build-sanitize

.PHONY: all install check clean
