#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The library from Python: test_dlopen.py LIBRARY loads it with ctypes, uses a cache from two
threads, and prints TAP."""

import ctypes
import sys
import threading

GFP_KERNEL = 0xCC0  # of gfp.h


class Checks:
    def __init__(self):
        self.run = 0
        self.failed = 0

    def ok(self, held, what):
        self.run += 1
        self.failed += not held
        print("%sok %d - %s" % ("" if held else "not ", self.run, what), flush=True)


def use(lib, cache, result):
    objects = [lib.kmem_cache_alloc(cache, GFP_KERNEL) for _ in range(200)]
    for number, address in enumerate(objects):
        ctypes.memset(address, number % 256, 48)
    kept = all(ctypes.string_at(address, 48) == bytes([number % 256]) * 48
               for number, address in enumerate(objects))
    for address in objects:
        lib.kmem_cache_free(cache, address)
    result.append((len(set(objects)), kept))


def main():
    if len(sys.argv) != 2 or sys.argv[1] == "--help":
        print(__doc__)
        return 0 if "--help" in sys.argv else 2
    lib = ctypes.CDLL(sys.argv[1])
    lib.kmem_cache_create.restype = ctypes.c_void_p
    lib.kmem_cache_create.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint,
                                      ctypes.c_uint, ctypes.c_void_p]
    lib.kmem_cache_alloc.restype = ctypes.c_void_p
    lib.kmem_cache_alloc.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    lib.kmem_cache_free.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    lib.kmem_cache_destroy.argtypes = [ctypes.c_void_p]
    lib.kmem_cache_size.argtypes = [ctypes.c_void_p]
    lib.slabpool_default.restype = ctypes.c_void_p
    lib.slabpool_is_valid.restype = ctypes.c_bool
    lib.slabpool_is_valid.argtypes = [ctypes.c_void_p]
    checks = Checks()
    cache = lib.kmem_cache_create(b"python", 48, 0, 0, None)
    checks.ok(cache is not None, "a cache")
    checks.ok(lib.kmem_cache_size(cache) == 48, "its size")
    result = []
    use(lib, cache, result)
    thread = threading.Thread(target=use, args=(lib, cache, result))
    thread.start()
    thread.join()
    checks.ok(result == [(200, True), (200, True)],
              "200 different objects keep what was written, in each of two threads")
    checks.ok(lib.slabpool_is_valid(lib.slabpool_default()), "valid")
    lib.kmem_cache_destroy(cache)
    print("1..%d" % checks.run)
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
