# SPDX-License-Identifier: MIT
"""usage: ci/test-prove [--only WORD]

Tests of the gate ci/prove: on a copy of the sources, breaks one thing at a time, in the code, the
contracts or the lists, and sees ci/prove fail with the message that fits. --only runs the tests
whose name has this word in it.

Exit status: 0 all passed, 1 one failed, 2 bad usage."""

import csv
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from breaking import Copy, Expectations, Suite, leftovers
from common import Failure, cores, environment, main, stop

SLAB, SLAB_H = "src/core/slab.c", "src/core/slab.h"
CHECK = ("--check", "--machdep", "gcc_x86_64")
QUICK = ("--machdep", "gcc_x86_64", "--time-limit", "2", "--jobs", "1")
SUITE = Suite("test-prove")
test = SUITE.test


class Tests(Expectations):
    def __init__(self, where):
        self.copy = Copy(where)
        self.pristine = self.copy.files()
        self.arguments = self.copy, self

    def restore(self):
        self.copy.restore()
        new = set(self.copy.files()) - set(self.pristine)
        if new:
            self.ok(False, "the test left files in the tree: " + " ".join(sorted(new)))
            for path in new:
                os.unlink(path)

    def expect(self, status, pattern, *arguments, env=None, never=None):
        """Runs the copy's ci/prove."""
        return self.command(self.copy.path("ci/prove"), arguments, status, pattern, never,
                            cwd=self.copy.where, timeout=900,
                            env={"SLABPOOL_PARSED": self.copy.where + "-parsed", **(env or {})})


# Code that is wrong -------------------------------------------------------------------------------

@test("unchanged sources pass every check that needs no prover")
def _(copy, tests):
    tests.expect(0, r"^\d+ passed, 0 failed$", "--check")


@test("an unchanged function passes")
def _(copy, tests):
    tests.expect(0, r"^\d+ passed, 0 failed$", "--file", "slab", "--fct", "slab_take", *QUICK[:2])


# One line of the product is wrong: name, file, function that cannot be proved, line, wrong line.
WRONG_LINES = [
    ("geometry: rounding goes down", "geometry", "geometry_round_up",
     r"return \(n \+ align - 1\) / align \* align;", "return n / align * align;"),
    ("geometry: a run holds one object more", "geometry", "run_objects",
     r"uint32_t objects = run / stride;", "uint32_t objects = run / stride + 1;"),
    ("geometry: the alignment is lost", "geometry", "geometry_align",
     r"return geometry_round_up\(align, 8\);", "return GEOMETRY_MIN_ALIGN;"),
    ("geometry: the size of an array overflows", "geometry", "geometry_array_bytes",
     r"size != 0 && n > SIZE_MAX / size", "size != 0 && n == SIZE_MAX"),
    ("lookup: the slab behind the owner", "lookup", "lookup_slab",
     r"return owner - 1;", "return owner;"),
    ("lookup: a byte before the run", "lookup", "lookup_object",
     r"offset < start \|\| ", ""),
    ("slab: a taken object stays free", "slab", "slab_take",
     r"^\tbit_clear\(slab->free_bits, index\);\n", ""),
    ("slab: an index out of range is given back", "slab", "slab_give",
     r"index >= slab->capacity \|\| ", ""),
    ("slab: a neighbour changes, too", "slab", "slab_take",
     r"bit_clear\(slab->free_bits, index\);", "slab->free_bits[index / 64] = 0;"),
    ("slab: the count becomes stale", "slab", "slab_give",
     r"^\tslab->free_count\+\+;\n", ""),
    ("slab: the first word is never searched", "slab", "slab_init",
     r"slab->hint = 0;", "slab->hint = 1;"),
    ("magazine: pop gives the first object", "magazine", "slabpool_magazine_pop",
     r"return object\[left\];", "return object[0];"),
    ("magazine: an object is pushed twice", "magazine", "slabpool_magazine_push",
     r"\(uint32_t\)count \+ 1", "(uint32_t)count + 2"),
    ("hot: a free leaves the object live", "hot", "slabpool_state_clear",
     r"^\tslabpool_store_u8\(byte, 0\);\n", ""),
    ("hot: nobody looks whether an object lives", "hot", "slabpool_state_clear",
     r"slabpool_load_u8\(byte\) != tag", "false"),
    ("hot: the granule behind the last one is looked at", "hot", "slabpool_hot_give",
     r"granule >= granules", "granule > granules"),
    ("bulk: no object is marked as live", "bulk", "bulk_mark",
     r"^\t\tslabpool_store_u8\(byte, tag\);\n", ""),
    ("mempool: a failed attempt leaves the reserve alone", "mempool", "reserve_alloc",
     r"return reserve_alloc_preallocated\(m\);", "return NULL;"),
    ("mempool: a freed element never refills the reserve", "mempool", "reserve_free",
     r"SLABPOOL_LIKELY\(reserve_seems_full\(m\)\)", "true"),
    ("mempool: a failure to set up is not noticed", "mempool", "reserve_init",
     r"if \(reserve_set_up\(m\) != 0\)", "if (reserve_set_up(m) > 0)"),
    ("mempool_resize: the arrays change places before the copy", "mempool_resize", "reserve_move",
     r"void \*\*old = m->elements;", "void **old = m->elements = array;"),
    ("mempool: a freed element is lost", "mempool", "reserve_free_locked",
     r"!reserve_give\(m, element\)", "false"),
    ("shelf: a full slab counts as an empty one", "shelf", "list_of",
     r"return LIST_FULL;", "return LIST_EMPTY;"),
    ("batch: what a slab has is given to it again", "batch", "give_at",
     r"\tgiven = slab_give\(slab, index\);", "\tgiven = slab_give(slab, index) || true;"),
    ("arena: used pages are not counted", "arena", "used_add",
     r"arena->used\[use\] \+= pages;", "arena->used[use] += 0;"),
    ("cache: another cache's live object is taken back", "cache", "tagged_byte",
     r"slabpool_load_u8\(byte\) == cache->hot.tag", "slabpool_load_u8(byte) != STATE_NONE"),
]


def wrong_line(name, stem, function, line, wrong):
    @test(name)
    def _(copy, tests):
        path = f"src/core/{stem}.c"
        if not re.search(line, copy.read(path), re.M):
            path = f"src/core/{stem}.h"
        if not re.search(line, copy.read(path), re.M):
            path = f"src/include/slabpool/{stem}.h"
        copy.change(path, line, wrong)
        tests.expect(1, rf"^  ({function} is not proved|\S+: stopped after \d+ goals without a "
                     r"proof) \(gcc_x86_64\): ", "--file", stem, "--fct", function, *QUICK,
                     "--give-up", "1")


for entry in WRONG_LINES:
    wrong_line(*entry)


@test("a run with many open goals stops early")
def _(copy, tests):
    copy.append(SLAB, planted(GOOD.replace("    return", "".join(
        f"    //@ assert lie{k}: n != {k};\n" for k in range(1, 10)) + "    return")))
    tests.expect(1, r"^  src/core/slab\.c: stopped after [1-8] goals without a proof "
                 r"\(gcc_x86_64\): typed_planted_assert_lie", "--file", "slab",
                 "--fct", "planted", *QUICK, "--give-up", "1")


def planted(code):
    return "\n" + code.replace("    ", "\t")


GOOD = """/*@ requires small: n <= 0x80000000;
    terminates always: \\true;
    exits never: \\false;
    assigns \\nothing;
    ensures four: \\result == n * 4;
*/
size_t planted(uint32_t n)
{
    return (size_t)n * 4;
}
"""


@test("an overflow that only the 32-bit machine has")
def _(copy, tests):
    copy.append(SLAB, planted(GOOD))
    tests.expect(1, r"^  planted is not proved \(gcc_x86_32\): .*unsigned_overflow", "--file",
                 "slab", "--fct", "planted", "--share", "--time-limit", "2",
                 never=r"not proved \(gcc_x86_64\)")


@test("a read outside of an array")
def _(copy, tests):
    copy.append(SLAB, planted("""/*@ requires memory: \\valid_read(p + (0 .. 3));
    terminates always: \\true;
    exits never: \\false;
    assigns \\nothing;
    ensures any: \\result == p[4];
*/
uint32_t planted(const uint32_t *p)
{
    return p[4];
}
"""))
    tests.expect(1, r"^  planted is not proved \(gcc_x86_64\): .* mem_access", "--file", "slab",
                 "--fct", "planted", *QUICK)


# Contracts that are missing or say too little -----------------------------------------------------

def remove(clause):
    return lambda text: re.sub(r"\n[ \t@]*" + clause + r"\b[^;]*;", "", text)


@test("a contract is removed")
def _(copy, tests):
    copy.contract(SLAB_H, r"uint32_t slab_take\(", lambda text: text[text.index("*/") + 2:])
    tests.expect(1, r"^  src/core/slab\.c: slab_take has no contract$", *CHECK, "--file", "slab")


@test("a function without a contract is added")
def _(copy, tests):
    copy.append(SLAB, "\nstatic uint32_t planted(void)\n{\n\treturn 1;\n}\n")
    tests.expect(1, r"^  src/core/slab\.c: planted has no contract$", *CHECK, "--file", "slab")


@test("an assigns clause is removed")
def _(copy, tests):
    copy.append(SLAB, planted(re.sub(r"    assigns.*\n", "", GOOD)))
    tests.expect(1, r"^  src/core/slab\.c: planted has a contract without assigns$", *CHECK,
                 "--file", "slab")


@test("an ensures clause is removed")
def _(copy, tests):
    copy.append(SLAB, planted(re.sub(r"    ensures.*\n", "", GOOD)))
    tests.expect(1, r"^  src/core/slab\.c: planted has a contract without ensures", *CHECK,
                 "--file", "slab")


@test("a function may run for ever")
def _(copy, tests):
    copy.append(SLAB, planted(GOOD.replace("always: \\true", "\\false")))
    tests.expect(1, r"^  src/core/slab\.c: planted has a contract without 'terminates \\true'",
                 *CHECK, "--file", "slab")


@test("a loop variant is removed")
def _(copy, tests):
    copy.change(SLAB, r"\n[ \t@]*loop variant [^;]*;", "")
    tests.expect(1, r"^  src/core/slab\.c: \w+ has a loop without a variant$", *CHECK,
                 "--file", "slab")


@test("a loop in ghost code has no variant")
def _(copy, tests):
    copy.append(SLAB, planted(GOOD.replace("    return", """    /*@ ghost uint32_t k = 0;
      /@ loop invariant range: 0 <= k <= 3;
         loop assigns k; @/
      while (k < 3) k++; */
    return""")))
    tests.expect(1, r"^  src/core/slab\.c: planted has a loop without a variant$", *CHECK,
                 "--file", "slab")


@test("the preprocessor hides a function from the prover")
def _(copy, tests):
    copy.append(SLAB, planted("#ifdef SLABPOOL_PLANTED\n" + GOOD + "#endif\n"))
    tests.expect(1, r"^  src/core/slab\.c: planted is hidden from the prover", *CHECK,
                 "--file", "slab")


@test("the preprocessor hides a line from the prover")
def _(copy, tests):
    copy.append(SLAB, planted(GOOD.replace("    return", "#if defined(NDEBUG)\n    n++;\n#endif\n"
                                           "#ifdef SLABPOOL_PLANTED_BUG_ONE\n    n++;\n#endif\n"
                                           "    return")))
    text = tests.expect(1, r"^  src/core/slab\.c:\d+: '#if defined\(NDEBUG\)': the prover sees "
                        r"only one branch", *CHECK, "--file", "slab")
    if "PLANTED_BUG" in text:
        tests.wrong = tests.wrong or text


@test("behaviors leave a case open")
def _(copy, tests):
    copy.append(SLAB, planted(GOOD.replace("    ensures four:", "    behavior even:\n"
                                           "      assumes even: n % 2 == 0;\n      ensures four:")))
    tests.expect(1, r"^  src/core/slab\.c: planted has behaviors that are not shown to be "
                 r"complete$", *CHECK, "--file", "slab")


@test("code asks for __FRAMAC__ outside of compiler.h")
def _(copy, tests):
    copy.append("src/core/sync.c", "\n#ifdef __FRAMAC__\n#endif\n")
    tests.expect(1, r"^  src/core/sync\.c:\d+: '#ifdef __FRAMAC__': only", *CHECK,
                 "--file", "slab")


@test("a function that the compiler sees and the prover does not")
def _(copy, tests):
    copy.append("src/core/sync.c", "\n#ifndef __FRAMAC__\nint planted(void);\n"
                "int planted(void)\n{\n\treturn 1;\n}\n#endif\n")
    tests.expect(1, r"^  src/core/sync\.c: planted is compiled, but the prover does not see it$",
                 *CHECK, "--file", "sync")


@test("a function that is proved on one machine only")
def _(copy, tests):
    copy.append(SLAB, planted("#if UINTPTR_MAX > 0xffffffffu\n" + GOOD + "#endif\n"))
    tests.expect(1, r"^  src/core/slab\.c: planted is proved on one machine only", "--check",
                 "--file", "slab")


# Functions that are not proved yet ----------------------------------------------------------------

def open_list(copy, path, functions):
    name = re.escape(path)
    copy.change("proofs/files.json", rf'"{name}": \{{[^}}]*\}}\}}?',
                f'"{path}": {{"open": {functions}}}')


@test("a function that was proved is called open")
def _(copy, tests):
    open_list(copy, SLAB, '{"slab_take": "planted"}')
    tests.expect(1, r"^  src/core/slab\.c: slab_take was proved \(proofs/results\.csv\), and is "
                 r"open now", "--file", "slab", "--fct", "slab_take", *QUICK)


@test("a proof relies on an open function that SOUNDNESS.md does not list")
def _(copy, tests):
    open_list(copy, SLAB, '{"slab_object_at": "planted"}')
    tests.expect(1, r"^  src/core/lookup\.c: relies on slab_object_at, which has a contract but no "
                 r"proof", *CHECK, "--file", "lookup")
    copy.change("proofs/SOUNDNESS.md", r"^(?=## Recursive definitions$)",
                "## Relied on before its proof\n\n"
                "| `slab_object_at` | `src/core/slab.h` | the object | `src/test` |\n\n")
    tests.expect(0, r" 0 failed$", *CHECK, "--file", "lookup")


@test("a function is called open that is not there, or without a reason")
def _(copy, tests):
    open_list(copy, SLAB, '{"planted": "planted"}')
    tests.expect(1, r"^  proofs/files\.json: planted is no function that src/core/slab\.c would "
                 r"prove", *CHECK, "--file", "slab")
    open_list(copy, SLAB, '{"slab_take": ""}')
    tests.expect(1, r"proofs/files\.json: src/core/slab\.c may have .* a reason for each", *CHECK,
                 "--file", "slab")


@test("theorems.csv and the contracts do not agree")
def _(copy, tests):
    copy.contract(SLAB_H, r"bool slab_give\(",
                  lambda text: text.replace("ensures unchanged:", "ensures planted:"))
    copy.append("proofs/theorems.csv", "slab_planted,liveness,given,\nslabpool_kfree,size,holds,\n"
                "slab_take,size,,\nslab_take,magic,lowest,\nslab_take,liveness,lowest,\n")
    copy.change("proofs/theorems.csv", r"^slabpool_version,[^\n]*\n", "")
    text = tests.expect(1, r"^  proofs/theorems\.csv: slab_give, rejection: its contract has no "
                        r"clause unchanged$", *CHECK)
    for line in ("proofs/theorems.csv: slab_planted, liveness: there is no such function",
                 "proofs/theorems.csv: slabpool_kfree, size: its contract is not proved",
                 "proofs/theorems.csv: slab_take, size: names neither a clause nor what checks",
                 "proofs/theorems.csv: slab_take, magic: 'magic' is none of",
                 "proofs/theorems.csv: slab_take, liveness: is there twice",
                 "src/core/instance.c: slabpool_version is public and has no row"):
        if line not in text:
            tests.wrong = tests.wrong or f"missing: {line}\n{text}"


# Assumptions --------------------------------------------------------------------------------------

@test("an axiom")
def _(copy, tests):
    copy.append("proofs/logic/Bits.acsl", "\n/*@ axiomatic planted {\n"
                "  axiom planted_axiom: \\forall integer x; x < x + 1; } */\n")
    text = tests.expect(1, r"^  proofs/logic/Bits\.acsl:\d+: 'axiom' in an annotation", *CHECK,
                        "--file", "slab")
    if "Bits.acsl" not in text or "'axiomatic' in an annotation" not in text:
        tests.wrong = tests.wrong or text


@test("an admitted assertion")
def _(copy, tests):
    copy.append(SLAB, planted(GOOD.replace("    return",
                                           "    //@ admit lie: \\false;\n    return")))
    tests.expect(1, r"^  src/core/slab\.c:\d+: 'admit' in an annotation", *CHECK,
                 "--file", "slab")


@test("an assumption that a macro spells")
def _(copy, tests):
    # Frama-C expands macros in annotations: the words of the source are not all there is.
    copy.append(SLAB, planted("#define PLANTED admit\n" + GOOD.replace(
        "    return", "    /*@ PLANTED lie: \\false; */\n    return")))
    tests.expect(1, r"^  src/core/slab\.c: an assumption reaches this file: admit", *CHECK,
                 "--file", "slab")


@test("a definition that contradicts itself")
def _(copy, tests):
    copy.append("proofs/logic/Bits.acsl",
                "\n/*@ predicate planted_liar(integer n) = !planted_liar(n); */\n")
    tests.expect(1, r"^  the definition of planted_liar mentions itself: list it", *CHECK,
                 "--file", "slab")


STRANGER = """/*@ requires any: \\true;
    terminates always: \\true;
    exits never: \\false;
    assigns \\nothing;
    ensures lie: \\result == 1 && \\result == 2;
*/
uint32_t planted_stranger(uint32_t n);
"""


@test("a proof leans on a contract without a body")
def _(copy, tests):
    copy.append(SLAB, planted(STRANGER + GOOD.replace("n * 4;\n}", "planted_stranger(n);\n}")))
    tests.expect(1, r"^  src/core/slab\.c: relies on planted_stranger, which has a contract but no "
                 r"proof", *CHECK, "--file", "slab")


@test("a contract without a body that nothing uses yet")
def _(copy, tests):
    copy.append("src/core/sync.c", planted(STRANGER))
    tests.expect(1, r"^  planted_stranger has a contract and no body", *CHECK, "--file", "sync")


@test("a proof leans on a libc function that is not listed")
def _(copy, tests):
    copy.append(SLAB, planted("#include <stdlib.h>\n" + GOOD.replace(
        "(size_t)n * 4", "(size_t)labs((long)n)")))
    tests.expect(1, r"^  src/core/slab\.c: relies on labs, which Frama-C's libc specifies",
                 *CHECK, "--file", "slab")


@test("a trusted contract is taken out of SOUNDNESS.md")
def _(copy, tests):
    copy.change("proofs/SOUNDNESS.md", r"^\| `slabpool_ctz64` [^\n]*\n", "")
    tests.expect(1, r"^  src/core/slab\.c: relies on slabpool_ctz64, which has a contract but no "
                 r"proof", *CHECK, "--file", "slab")


@test("SOUNDNESS.md lists what nothing relies on")
def _(copy, tests):
    copy.change("proofs/SOUNDNESS.md", r"^\| `slabpool_ctz64` ", "| `slabpool_load_planted` | "
                "`src/core/slab.c` | nothing | `src/test` |\n| `slabpool_ctz64` ")
    tests.expect(1, r"^  proofs/SOUNDNESS\.md, trusted contracts, 'slabpool_load_planted': "
                 r"'src/core/slab\.c' does not declare it$", *CHECK, "--file", "slab")
    copy.change("proofs/SOUNDNESS.md", r"^\| `bits_count` ",
                "| `planted_recursion` | x |\n| `bits_count` ")
    text = tests.expect(1, r"^  proofs/SOUNDNESS\.md, trusted contracts, "
                        r"'slabpool_load_planted': no proof relies on it: take the row out", *CHECK)
    if "there is no recursive definition 'planted_recursion'" not in text:
        tests.wrong = tests.wrong or text


@test("more trusted contracts than may be")
def _(copy, tests):
    copy.change("proofs/SOUNDNESS.md", r"^\| `slabpool_ctz64` ", "| `slab_take` | "
                "`src/core/slab.h` | nothing | `src/test` |\n| `slabpool_ctz64` ")
    tests.expect(1, r"^  proofs/SOUNDNESS\.md: 13 contracts under 'Trusted contracts', at most 12 "
                 r"may be", *CHECK, "--file", "slab")


@test("SOUNDNESS.md names a test that is not there")
def _(copy, tests):
    copy.change("proofs/SOUNDNESS.md", r"^(\| `slabpool_ctz64` .*?)`[^`\n]*` \|$",
                "| `slabpool_ctz64` | `src/include/slabpool/compiler.h` | x | "
                "`src/test/planted.c` |")
    tests.expect(1, r"^  proofs/SOUNDNESS\.md, trusted contracts, 'slabpool_ctz64': there is no "
                 r"test 'src/test/planted\.c'$", *CHECK, "--file", "slab")


@test("a file uses another contract than the proved one")
def _(copy, tests):
    copy.change("src/core/lookup.c", r"^(?=size_t lookup_offset|uint32_t lookup_slab)",
                "/*@ ensures lie: \\result == 7; */\nuint32_t slab_object_at("
                "const struct slab *slab, uint32_t offset);\n\n")
    tests.expect(1, r"^  src/core/lookup\.c: uses slab_object_at with another contract than the "
                 r"one that is proved in src/core/slab\.c$", *CHECK, "--file", "lookup")


@test("a run that was cut short goes on, and never with what was proved of other code")
def _(copy, tests):
    with tempfile.TemporaryDirectory(prefix="slabpool-resume-") as where:
        again = ("--file", "magazine", "--fct", "magazine_swap", *QUICK, "--resume", where)
        tests.expect(0, r" 0 failed$", *again, never=r"kept from an earlier run")
        tests.expect(0, r"^  prove magazine gcc_x86_64 +\d+ goals, kept from an earlier run$",
                     *again)
        copy.change("src/core/magazine.c", r"^\tb->store = store;\n", "")
        tests.expect(1, r"^  magazine_swap is not proved", *again,
                     never=r"kept from an earlier run")
        tests.expect(1, r"^  magazine_swap is not proved", *again,
                     never=r"kept from an earlier run")
    tests.expect(2, r"--resume keeps verdicts, and --cache gives none", "--resume", where,
                 "--cache")


@test("a file may not ask for options that weaken a verdict")
def _(copy, tests):
    copy.change("proofs/files.json", r'"src/core/slab.c": \{[^}]*\}',
                '"src/core/slab.c": {"options": ["-wp-weak-int-model"]}')
    tests.expect(1, r"option '-wp-weak-int-model' of src/core/slab\.c is not one of", *CHECK)


@test("a warning of the prover")
def _(copy, tests):
    copy.append(SLAB, planted("""struct planted {
    uint32_t word;
};

/*@ requires memory: \\valid(p);
    terminates always: \\true;
    exits never: \\false;
    assigns p->word;
    ensures any: \\true;
*/
void planted(struct planted *p)
{
    *(unsigned char *)p = 1;
}
"""))
    tests.expect(1, r"^  src/core/slab\.c:\d+: Frama-C warns: Cast with incompatible pointers",
                 "--file", "slab", "--fct", "planted", *QUICK)


# Contradictions -----------------------------------------------------------------------------------

@test("smoke tests find requirements that contradict each other")
def _(copy, tests):
    contradiction = GOOD.replace("requires small: n <= 0x80000000;",
                                 "requires one: n < 5;\n    requires two: n > 7;")
    copy.append(SLAB, planted(contradiction.replace("== n * 4", "== n * 5")))
    tests.expect(0, r" 0 failed$", "--file", "slab", "--fct", "planted", *QUICK)
    tests.expect(1, r"^  src/core/slab\.c: smoke test planted_wp_smoke_default_requires in planted "
                 r"was proved", "--smoke", "--file", "slab", "--fct", "planted")


@test("smoke tests pass where there is no contradiction")
def _(copy, tests):
    copy.append(SLAB, planted(GOOD))
    tests.expect(0, r" 0 failed$", "--smoke", "--file", "slab", "--fct", "planted")


# Files and lists ----------------------------------------------------------------------------------

@test("a file that is only parsed does not parse")
def _(copy, tests):
    copy.append("src/core/sync.c", "\nint planted = ;\n")
    tests.expect(1, r"^  src/core/sync\.c: Frama-C cannot read it \(gcc_x86_64\):", "--file",
                 "sync")


@test("a contract in a file that is only parsed has a type error")
def _(copy, tests):
    copy.append("src/core/sync.c", "\n/*@ ensures planted: \\result->nothing == 1; */\n"
                "int planted(void)\n{\n\treturn 1;\n}\n")
    tests.expect(1, r"^  src/core/sync\.c: Frama-C cannot read it", "--file", "sync")


@test("a listed file is gone")
def _(copy, tests):
    copy.change("proofs/files.json", r'"src/core/slab.c"',
                '"src/core/planted.c": {},\n  "src/core/slab.c"')
    tests.expect(1, r"^  src/core/planted\.c: listed in proofs/files\.json, but there is no such "
                 r"file$", *CHECK, "--file", "slab")


@test("a part of a proved file moves out of the proof")
def _(copy, tests):
    copy.write("src/core/slab_planted.c", "int planted(void)\n{\n\treturn 1;\n}\n")
    tests.expect(1, r"^  src/core/slab_planted\.c: a part of src/core/slab\.c by its name, and not "
                 r"in proofs/files\.json", *CHECK, "--file", "slab")


@test("a function lost goals since the results were recorded")
def _(copy, tests):
    rows = list(csv.reader(copy.read("proofs/results.csv").splitlines()))
    at = rows[0].index("goals gcc_x86_64")
    for row in rows:
        if row[1] == "magazine_swap":
            row[at] = "1000"
    copy.write("proofs/results.csv", "\n".join(",".join(row) for row in rows) + "\n")
    tests.expect(1, r"^  src/core/magazine\.c: magazine_swap lost goals on gcc_x86_64: \d+ on "
                 r"record, \d+ now", "--file", "magazine", "--fct", "magazine_swap", *QUICK)


@test("a contract of a parsed file vanished since the results were recorded")
def _(copy, tests):
    copy.append("proofs/results.csv", "src/core/fork.c,planted,contract,,,,\n")
    copy.append("src/core/fork.c", "\nint planted(void)\n{\n\treturn 1;\n}\n")
    tests.expect(1, r"^  src/core/fork\.c: planted had a contract and has none now", "--file",
                 "fork")


# Usage --------------------------------------------------------------------------------------------

@test("bad usage gets a message and status 2")
def _(copy, tests):
    tests.expect(2, r"unrecognized arguments: --planted", "--planted")
    tests.expect(2, r"no file 'planted' to prove; there are: ", "--file", "planted")
    tests.expect(2, r"invalid number above 0 value: '0'", "--time-limit", "0")
    tests.expect(2, r"invalid choice: 'gcc_planted'", "--machdep", "gcc_planted")
    tests.expect(2, r"--update records whole files", "--update", "--fct", "slab_take")
    tests.expect(2, r"exclude each other", "--smoke", "--all")
    tests.expect(2, r"--share is about one run", "--share", "--cache")
    tests.expect(2, r"no function 'planted' to prove in src/core/slab\.c; ", "--file", "slab",
                 "--fct", "planted")


@test("a missing tool gets a message and status 2")
def _(copy, tests):
    tools = copy.path("tools")
    os.makedirs(tools)
    for name in ("sh", "env", "basename", "dirname", "tr", "python3", "gcc", "nm", "why3",
                 "z3"):
        if shutil.which(name):
            os.symlink(shutil.which(name), os.path.join(tools, name))
    try:
        tests.expect(2, r"frama-c, cvc4 not found: run 'ci/setup --only prove', or install the "
                     r"packages frama-c-base cvc4", *CHECK, env={"PATH": tools})
    finally:
        shutil.rmtree(tools)


@test("an interrupt ends all provers and leaves nothing behind")
def _(copy, tests):
    scratch = copy.path("interrupted")
    os.makedirs(scratch)
    process = subprocess.Popen([copy.path("ci/prove"), "--file", "slab"], cwd=copy.where,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, start_new_session=True,
                               env=environment({"TMPDIR": scratch}))
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and not any(
                "prove-slab-" in name for where, names, _ in os.walk(scratch) for name in names):
            time.sleep(0.1)
        time.sleep(2)
        if not leftovers(scratch):
            raise Failure("no prover had started")
        begin = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        time.sleep(1)
        left, files = leftovers(scratch), os.listdir(scratch)
        if process.returncode != 130 or b"interrupted" not in said or left or files:
            tests.wrong = (f"status {process.returncode} after {time.monotonic() - begin:.1f} s, "
                           f"processes {left}, files {files}, message {said!r}")
    finally:
        stop(process)
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main(lambda: SUITE.work(__doc__, Tests, cores()))
