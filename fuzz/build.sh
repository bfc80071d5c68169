#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the fuzz targets as OSS-Fuzz and ClusterFuzzLite want it: takes compilers, flags and engine
# from the environment, uses no network, and leaves in $OUT for each target the program fuzz_TARGET,
# fuzz_TARGET_seed_corpus.zip, fuzz_TARGET.dict and fuzz_TARGET.options. Writes nothing but to $OUT
# and $WORK. What the variables hold is documented at OSS-Fuzz, "new project guide", "build.sh";
# ci/test-oss-fuzz runs this script with them.
#
# Exit status: 0 built, 1 something failed or is missing, 2 a variable is missing or unknown.
set -eu

fail() {
	echo "fuzz/build.sh: $2" >&2
	exit "$1"
}

need() {
	eval "value=\${$1-}"
	[ -n "$value" ] || fail 2 "\$$1 is not set ($2); ci/test-oss-fuzz sets all that is needed"
}

case ${1-} in
'') ;;
-h | --help) sed -n '3,10s/^# \{0,1\}//p' "$0" && exit 0 ;;
*) fail 2 "unknown argument '$1': all is taken from the environment; try --help" ;;
esac
need CC "the C compiler"
need CXX "the C++ compiler, which links"
need LIB_FUZZING_ENGINE "what to link for the engine, like -fsanitize=fuzzer"
need OUT "the directory for what is built"
need WORK "a directory to build in"
need SRC "the directory above the sources"
need SANITIZER "address, undefined, memory, thread, coverage or none"
need FUZZING_ENGINE "libfuzzer, afl, honggfuzz or centipede"
need ARCHITECTURE "x86_64, i386 or aarch64"
case $SANITIZER in
address | undefined | memory | thread | coverage | none) ;;
*) fail 2 "SANITIZER=$SANITIZER is none that the targets are built for" ;;
esac
case $FUZZING_ENGINE in
libfuzzer | afl | honggfuzz | centipede) ;;
*) fail 2 "FUZZING_ENGINE=$FUZZING_ENGINE is none that drives the targets" ;;
esac
case $ARCHITECTURE-$SANITIZER in
x86_64-* | aarch64-*) ;;
i386-memory | i386-thread) fail 2 "there is no $SANITIZER sanitizer for i386" ;;
i386-*) ;;
*) fail 2 "ARCHITECTURE=$ARCHITECTURE is none that the targets are built for" ;;
esac
for folder in "$OUT" "$WORK" "$SRC"; do
	[ -d "$folder" ] || fail 2 "there is no directory $folder"
done

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$WORK/slabpool-$FUZZING_ENGINE-$SANITIZER-$ARCHITECTURE
rm -rf "$build"
# meson takes CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS from the environment.
export CC CXX CFLAGS="${CFLAGS-}" CXXFLAGS="${CXXFLAGS-}" LIB_FUZZING_ENGINE
meson setup "$build" "$root" --buildtype=plain -Dfuzzing_engine=oss-fuzz -Db_lundef=false \
	-Ddefault_library=static -Dtools=false -Dbench=false -Dkernel_face=false
ninja -C "$build" fuzzers

for source in "$root"/fuzz/fuzz_*.c; do
	target=$(basename "$source" .c)
	corpus=$root/corpus/${target#fuzz_}
	[ -x "$build/fuzz/$target" ] || fail 1 "$target was not built"
	[ -d "$corpus" ] && [ -n "$(ls -A "$corpus")" ] || fail 1 "$corpus is missing or empty"
	cp "$build/fuzz/$target" "$OUT/"
	for kind in dict options; do
		[ -s "$root/fuzz/$target.$kind" ] || fail 1 "fuzz/$target.$kind is missing"
		cp "$root/fuzz/$target.$kind" "$OUT/"
	done
	rm -f "$OUT/${target}_seed_corpus.zip"
	find "$corpus" -type f | LC_ALL=C sort |
		xargs -d '\n' python3 -m zipfile -c "$OUT/${target}_seed_corpus.zip"
	echo "$target: $(find "$corpus" -type f | wc -l) seeds"
done
