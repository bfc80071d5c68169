#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs a build into a scratch directory and builds the examples against it as a user would.
set -u

usage()
{
	cat <<EOF
usage: installed.sh BUILD_DIR

Installs the meson build in BUILD_DIR into a scratch directory and compiles the examples with
nothing but what pkg-config says about slabpool and slabpool-kernel, then runs them and compares
what they print. CC chooses the compiler (default cc).
EOF
}

fail()
{
	echo "installed.sh: $*" >&2
	exit 1
}

case ${1:-} in
--help) usage; exit 0 ;;
''|-*) usage >&2; exit 2 ;;
esac
build=$1
[ -f "$build/build.ninja" ] || { echo "installed.sh: $build is no meson build" >&2; exit 2; }
command -v pkg-config >/dev/null || { echo "1..0 # SKIP pkg-config is missing"; exit 77; }

here=$(cd "$(dirname "$0")" && pwd)
check=$here/../test/support/check_output.py
root=$(mktemp -d) || exit 2
trap 'rm -rf "$root"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$root" >"$root/log" 2>&1 ||
	{ cat "$root/log"; fail "the installation failed"; }

pc=$(find "$root" -name slabpool.pc)
[ -n "$pc" ] || fail "slabpool.pc is not installed"
PKG_CONFIG_PATH=$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
PKG_CONFIG_SYSROOT_DIR=$root
LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH

# package, checker's options, sources with the documented one first
try()
{
	package=$1 options=$2
	shift 2
	# shellcheck disable=SC2046
	${CC:-cc} -Wall -Werror "$@" $(pkg-config --cflags --libs "$package") \
		-o "$root/program" || fail "$1 does not compile against the installation"
	# shellcheck disable=SC2086
	"$check" $options "$1" "$root/program" || fail "$1 does not run against the installation"
}

try slabpool '' "$here/connection_table.c"
try slabpool '' "$here/bare/sensor.c" "$here/bare/host.c"
case $(pkg-config --cflags slabpool) in
*slabpool/kernel*) fail "slabpool.pc puts the kernel face on everybody's include path" ;;
esac
if pkg-config --exists slabpool-kernel; then
	try slabpool-kernel --stderr "$here/my_cache.c"
	try slabpool-kernel --stderr "$here/mempool_kmalloc.c"
fi
