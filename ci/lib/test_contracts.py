# SPDX-License-Identifier: MIT
"""usage: ci/test-contracts [--only WORD]

Tests of ci/replay --contracts: on a copy of the sources, breaks one thing at a time, in the code,
the contracts or the list of what is not checked, and sees it fail with the message that fits.
--only runs the tests whose name has this word in it.

Exit status: 0 all passed, 1 one failed, 2 bad usage."""

import os
import re
import shutil

from breaking import Copy, Expectations, Suite
from common import CORPUS, ROOT, main, setup

LIST = "proofs/contracts.csv"
SLAB, SLAB_H, MEMPOOL_H = "src/core/slab.c", "src/core/slab.h", "src/core/mempool.h"
HEAD = "file,function,clause,kind,reason\n"
INPUTS = 6      # of the target, for a planted bug
SUITE = Suite("test-contracts")
test = SUITE.test


class Tests(Expectations):
    def __init__(self, where):
        setup("base,fuzz")
        self.copy = Copy(where)
        for name in ("meson.build", "meson_options.txt"):
            shutil.copy(os.path.join(ROOT, name), where)
        self.arguments = self.copy, self
        self.restore = self.copy.restore

    def expect(self, status, pattern, *arguments):
        """Runs the copy's ci/replay."""
        self.command(self.copy.path("ci/replay"), arguments, status, pattern, flags=re.M | re.S,
                     cwd=self.copy.where, timeout=900, env={"BUILD_DIR": self.copy.path("build")})

    def table(self, status, pattern):
        self.expect(status, pattern, "--contracts", "--table")

    def replay(self, target, status, pattern):
        folder = os.path.join(CORPUS, target)
        names = sorted(os.listdir(folder))
        names = names[::max(1, len(names) // INPUTS)][:INPUTS]
        self.expect(status, pattern, "--contracts", *(os.path.join(folder, n) for n in names))


def violated(file, function, clause):
    """The report of a violation: with file, line, function and clause."""
    return rf"^contract violated: {re.escape(file)}:\d+: {function}: {clause}"


# The list -----------------------------------------------------------------------------------------

@test("the list fits the contracts, and the table names every function")
def _(copy, tests):
    tests.table(0, r"^src/core/slab\.h +slab_take +\d+ .*^\d+ passed, 0 failed$")


@test("a clause that is ignored and not listed")
def _(copy, tests):
    copy.change(LIST, r"^src/core/geometry\.c,order_find,ensures chosen,[^\n]*\n", "")
    tests.table(1, r"geometry\.c:\d+: order_find: ensures chosen: ignored .*not listed so")


@test("a clause that is checked in part and not listed")
def _(copy, tests):
    copy.change(LIST, r"^src/core/mempool\.h,reserve_take,requires pool,[^\n]*\n", "")
    tests.table(1, r"mempool\.h:\d+: reserve_take: requires pool: partly .*not listed so")


@test("a listed clause that is checked now")
def _(copy, tests):
    copy.append(LIST, "src/core/slab.h,slab_take,ensures others,ignored,because\n")
    tests.table(1, r"slab_take: ensures others: listed .* as ignored, but it is checked now: take")


@test("a listed clause that does not exist")
def _(copy, tests):
    copy.append(LIST, "src/core/slab.h,slab_take,ensures nobody,ignored,because\n")
    tests.table(1, r"slab_take, ensures nobody: there is no such clause")


@test("a new clause that cannot be translated")
def _(copy, tests):
    copy.contract(SLAB_H, r"uint32_t slab_take\(", lambda text: text.replace(
        "ensures invariant:", "ensures far: far_away(slab);\n    ensures invariant:", 1))
    copy.change("proofs/logic/Slab.acsl", r"/\*@",
                "/*@ predicate far_away{L}(struct slab *s) =\n"
                "      \\forall integer i; s->bytes + i != -1;\n   ")
    tests.table(1, r"slab_take: ensures far: ignored \(\\forall i without bounds\)")


@test("a list without a reason, with an unknown kind, with a clause twice, without its head")
def _(copy, tests):
    row = "src/core/slab.c,bit_set,ensures others,left out,"
    copy.write(LIST, HEAD + row + "\n")
    tests.table(1, r"bit_set, ensures others: no reason")
    copy.write(LIST, HEAD + row.replace("left out", "forgotten") + "why\n")
    tests.table(1, r"kind 'forgotten' is none of")
    copy.write(LIST, HEAD + 2 * (row + "why\n"))
    tests.table(1, r"stands there twice")
    copy.write(LIST, row + "why\n")
    tests.table(1, r"the first line has to be")


@test("a twin without its formula")
def _(copy, tests):
    copy.change(LIST, r"^(src/core/mempool\.h,reserve_give,assigns,twin),[^\n]*$",
                "src/core/mempool.h,reserve_give,assigns,twin,the same")
    tests.table(1, r"a twin is written `formula`: reason")


@test("bad usage")
def _(copy, tests):
    tests.expect(2, r"--table goes with --contracts", "--table")
    tests.expect(2, r"--fuzz goes with --contracts", "--fuzz", "5")
    tests.expect(2, r"number above 0", "--contracts", "--fuzz", "0")
    tests.expect(2, r"has its own compiler", "--contracts", "--sanitizer", "asan")
    tests.expect(2, r"take no FILE", "--contracts", "--all", "--target", "geometry", __file__)
    tests.expect(2, r"no fuzz target 'nothing'", "--contracts", "--target", "nothing")


# Planted bugs -------------------------------------------------------------------------------------

@test("unchanged sources pass")
def _(copy, tests):
    tests.replay("kmem_cache", 0, r"^\d+ clauses: .* checks made$.*^\d+ passed, 0 failed$")
    tests.replay("mempool", 0, r"^\d+ passed, 0 failed$")


@test("slab_take hands out the second free object")
def _(copy, tests):
    copy.change(SLAB, r"index = w \* 64 \+ k;",
                "index = w * 64 + k; if (index + 1 < slab->capacity && "
                "bit_test(slab->free_bits, index + 1)) index++;")
    tests.replay("kmem_cache", 1, violated(SLAB_H, "slab_take", "taken: ensures lowest: "))


@test("slab_take loses count")
def _(copy, tests):
    copy.change(SLAB, r"^\tslab->free_count--;", "\t(void)index;")
    tests.replay("kmem_cache", 1, violated(SLAB_H, "slab_take", "ensures invariant: slab_ok"))


@test("slab_take writes a field outside of its frame")
def _(copy, tests):
    copy.change(SLAB, r"^\tslab->free_count--;", "\tslab->free_count--; slab->stamp++;")
    tests.replay("kmem_cache", 1, violated(SLAB_H, "slab_take", "assigns .*another one now"))


@test("slab_take clears another slab's bits by memset, which is followed too")
def _(copy, tests):
    copy.change(SLAB, r"^\tslab->free_count--;",
                "\tslab->free_count--; __builtin_memset(&slab->owner, (int)index + 1, "
                "sizeof(slab->owner) + sizeof(slab->cache));")
    tests.replay("kmem_cache", 1, violated(SLAB_H, "slab_take", "assigns "))


@test("slab_give changes something though it refuses")
def _(copy, tests):
    copy.change(SLAB, r"bit_test\(slab->free_bits, index\)\)\n\t\treturn false;",
                "bit_test(slab->free_bits, index))\n\t\treturn slab->hint++ && false;")
    copy.change(SLAB, r"^\tbit_set\(slab->free_bits, index\);",
                "\tslab_give(slab, slab->capacity); bit_set(slab->free_bits, index);")
    tests.replay("kmem_cache", 1, violated(SLAB_H, "slab_give", "refused: assigns "))


@test("a caller outside of the contract")
def _(copy, tests):
    copy.change("src/core/kmalloc.c", r"geometry_kmalloc_class\(\(uint32_t\)want\)",
                "geometry_kmalloc_class((uint32_t)want + 8192)")
    copy.change("src/core/kmalloc.c", r"geometry_kmalloc_class\(\(uint32_t\)size\)",
                "geometry_kmalloc_class((uint32_t)size + 8192)")
    copy.change("src/core/instance.c", r"geometry_kmalloc_class\(k \* 8\)",
                "geometry_kmalloc_class(k * 8 + 8192)")
    tests.replay("kmalloc", 1, violated("src/core/geometry.h", "geometry_kmalloc_class",
                                        "requires range: "))


@test("fuzzing finds a planted bug")
def _(copy, tests):
    copy.change(SLAB, r"^\tslab->free_count--;", "\tslab->free_count--; slab->stamp++;")
    tests.expect(1, "fuzz geometry, contracts: contract violated: " + re.escape(SLAB_H)
                 + r":\d+: slab_take: assigns .*; replay: ci/replay --contracts --target geometry ",
                 "--contracts", "--fuzz", "20", "--target", "geometry", "--corpus", CORPUS)


@test("a contract whose function has no wrapper")
def _(copy, tests):
    copy.change(SLAB, r"^uint32_t slab_take\(", "#define HIDDEN slab_take\nuint32_t HIDDEN(")
    tests.table(1, r"slab_take has a contract and a body, but no wrapper")


@test("a mempool's element that the ledger misses")
def _(copy, tests):
    copy.change("src/core/mempool_resize.c", r"if \(!reserve_give\(m, element\)\)",
                "if (n % 2 && !reserve_give(m, element))")
    tests.expect(1, violated("src/core/mempool_resize.c", "reserve_refill", "ensures none_lost: "),
                 "--contracts", "--all", "--corpus", CORPUS, "--target", "mempool")


@test("a struct that a clause compares changes")
def _(copy, tests):
    copy.change(MEMPOOL_H, r"(static inline void reserve_wake\(struct mempool \*m\)\n\{\n)",
                "static inline void reserve_wake(struct mempool *m)\n{\n"
                "\tm->wait.opaque.bytes[63]++;\n")
    tests.expect(1, violated(MEMPOOL_H, "reserve_wake", "ensures nobody: "),
                 "--contracts", "--all", "--corpus", CORPUS, "--target", "mempool")


if __name__ == "__main__":
    main(lambda: SUITE.work(__doc__, Tests))
