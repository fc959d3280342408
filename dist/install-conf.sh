#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# install-conf.sh SOURCE HOMEDIR: installs iscsid.conf, or iscsid.conf.new where there is another one.
set -eu
directory=${DESTDIR:-}$2
mkdir -p "$directory"
target=$directory/iscsid.conf
if [ -e "$target" ] && ! cmp -s "$1" "$target"; then
    target=$target.new
    echo "iscsid.conf: kept yours, installed ours as $target"
fi
cp "$1" "$target"
chmod 0600 "$target"
