#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the sensor node for a Cortex-M3, without libc, and runs it under qemu.
set -u

usage()
{
	cat <<EOF
usage: run.sh [--build DIR] [--page-shift N] [--memory BYTES] [--timeout SECONDS] [--help]

Compiles slabpool's core, the bare platform and the example with -ffreestanding -nostdlib, shows
the size of the program, runs it under qemu-system-arm (machine mps2-an385) and compares what it
prints with the comment in ../bare/sensor.c. Exit status 0 if all is as it should be, 1 if the
program printed something else or took too long, 2 if it could not be built.

  --build DIR     where to build; default: a new directory under TMPDIR, removed at the end
  --page-shift N  log2 of slabpool's page, default 9 (512 bytes)
  --memory BYTES  the pool's memory, default 65536; too little must fail
  --timeout SEC   how long the run may take, default 60
  --self-test     check that a program which fails is found: one with 2 KiB of memory
EOF
}

# The run must fail for the reason that is planted, and no other.
self_test()
{
	output=$("$0" --memory 2048 2>&1)
	status=$?
	echo "$output"
	if [ $status -ne 1 ] || ! echo "$output" | grep -q '^sensor: too little memory'; then
		echo "run.sh: a program without memory was not found (status $status)" >&2
		exit 1
	fi
	exit 0
}

die()
{
	echo "run.sh: $*" >&2
	exit 2
}

build= shift_by=9 keep= memory=65536 limit=60
while [ $# -gt 0 ]; do
	case $1 in
	--build) [ $# -ge 2 ] || die "--build needs a directory"; build=$2; keep=1; shift ;;
	--page-shift) [ $# -ge 2 ] || die "--page-shift needs a number"; shift_by=$2; shift ;;
	--memory) [ $# -ge 2 ] || die "--memory needs a number"; memory=$2; shift ;;
	--timeout) [ $# -ge 2 ] || die "--timeout needs a number"; limit=$2; shift ;;
	--self-test) self_test ;;
	--help) usage; exit 0 ;;
	*) die "unknown argument '$1': see --help" ;;
	esac
	shift
done
case $shift_by in
9|1[0-6]) ;;
*) die "--page-shift must be 9 to 16" ;;
esac
case $memory$limit in
*[!0-9]*) die "--memory and --timeout must be whole numbers" ;;
esac

here=$(cd "$(dirname "$0")" && pwd) || die "cannot find my own directory"
src=$(cd "$here/../.." && pwd)
cross=${CROSS_COMPILE:-arm-none-eabi-}
qemu=${QEMU:-qemu-system-arm}
command -v "${cross}gcc" >/dev/null || die "${cross}gcc is missing: install gcc-arm-none-eabi"
command -v "$qemu" >/dev/null || die "$qemu is missing: install qemu-system-arm"
if [ -z "$build" ]; then
	build=$(mktemp -d) || die "cannot make a directory"
fi
mkdir -p "$build" || die "cannot make $build"
[ -n "$keep" ] || trap 'rm -rf "$build"' EXIT

flags="-std=gnu11 -Os -g -mcpu=cortex-m3 -mthumb -ffreestanding -fno-builtin
	-ffunction-sections -fdata-sections -Wall -Wextra -Wno-unused-parameter -Werror
	-DSLABPOOL_BARE -DSLABPOOL_PAGE_SHIFT=$shift_by
	-DMEMORY=$memory"
objects=
for file in "$src"/core/*.c "$src"/api/*.c "$src"/platform/bare.c "$src"/platform/buffer.c \
	"$src"/examples/bare/sensor.c "$here"/main.c "$here"/string.c; do
	object=$build/$(basename "$(dirname "$file")")-$(basename "$file" .c).o
	# shellcheck disable=SC2086
	"${cross}gcc" $flags -I"$src/include" -I"$src" -c "$file" -o "$object" || exit 2
	objects="$objects $object"
done
# libgcc is the compiler's own arithmetic (64-bit division), no libc.
# shellcheck disable=SC2086
"${cross}gcc" -mcpu=cortex-m3 -mthumb -nostdlib -nostartfiles -T "$here/link.ld" \
	-Wl,--gc-sections $objects -lgcc -o "$build/sensor.elf" || exit 2
"${cross}size" "$build/sensor.elf"

unset MESON_EXE_WRAPPER
# Semihosting text comes out on stderr.
"$src/test/support/check_output.py" --stderr "$src/examples/bare/sensor.c" \
	timeout "$limit" "$qemu" -machine mps2-an385 -cpu cortex-m3 -nographic -monitor none \
	-serial null -semihosting-config enable=on,target=native -kernel "$build/sensor.elf"
