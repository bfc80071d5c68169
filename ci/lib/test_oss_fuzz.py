# SPDX-License-Identifier: MIT
"""usage: ci/test-oss-fuzz [options]

Runs fuzz/build.sh as OSS-Fuzz and ClusterFuzzLite do, with the variables that their base-builder
sets and without a network, for each sanitizer; then checks what is in $OUT as their
bad_build_check does, and more: every target with its seeds, dictionary and options, instrumented by
this sanitizer and no other, running from nothing, over its seeds, and for --time seconds.
Ends with the same checks of builds that are broken on purpose.

Needs no Docker; the compilers are the distribution's.

Exit status: 0 all passed, 1 one failed, 2 bad usage."""

import glob
import os
import re
import shutil
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

from common import (BUILD, CLANG, CORPUS, Failure, LLVM, ROOT, Results, cores, have, main, parser,
                    positive, relative, run, say, setup, tail, targets)

TOP = os.path.join(BUILD, "oss-fuzz")
# As in the Dockerfile of base-builder.
FLAGS = ("-O1 -fno-omit-frame-pointer -gline-tables-only "
         "-Wno-error=incompatible-function-pointer-types -Wno-error=int-conversion "
         "-Wno-error=deprecated-declarations -Wno-error=implicit-function-declaration "
         "-Wno-error=implicit-int -Wno-error=unknown-warning-option "
         "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION")
UBSAN = ("array-bounds,bool,builtin,enum,integer-divide-by-zero,null,object-size,return,"
         "returns-nonnull-attribute,shift,signed-integer-overflow,unsigned-integer-overflow,"
         "unreachable,vla-bound,vptr")
SANITIZERS = {
    "address": "-fsanitize=address -fsanitize-address-use-after-scope",
    "undefined": f"-fsanitize={UBSAN} "
                 f"-fno-sanitize-recover={UBSAN.replace('unsigned-integer-overflow,', '')}",
    "memory": "-fsanitize=memory -fsanitize-memory-track-origins",
    "thread": "-fsanitize=thread",
    "coverage": "-fprofile-instr-generate -fcoverage-mapping -pthread -Wl,--no-as-needed -Wl,-ldl "
                "-Wl,-lm -Wno-unused-command-line-argument",
}
# Calls into a runtime that a build must have at least; another's may be 200 at most.
CALLS = {"address": ("__asan_", 1000), "undefined": ("__ubsan_", 168), "memory": ("__msan_", 1000),
         "thread": ("__tsan_", 1000)}
STRAY = 200
EDGES = 100  # of which libFuzzer has to know
VARIABLES = ("CC", "CXX", "OUT", "SRC", "WORK", "LIB_FUZZING_ENGINE", "SANITIZER",
             "FUZZING_ENGINE", "ARCHITECTURE")


def arguments():
    cli = parser(__doc__)
    cli.add_argument("--sanitizer", action="append", choices=sorted(SANITIZERS),
                     help="only this one (repeatable)")
    cli.add_argument("--engine", action="append", choices=["libfuzzer", "afl"],
                     help="only this one (repeatable)")
    cli.add_argument("--time", type=positive, default=1, metavar="S",
                     help="seconds that each product fuzzes (default 1)")
    cli.add_argument("--json", metavar="FILE", help="write the counts to FILE")
    return cli.parse_args()


class Product:
    """One $OUT, and the environment that it is built with."""

    def __init__(self, engine, sanitizer):
        self.engine, self.sanitizer = engine, sanitizer
        self.name = f"{engine}, {sanitizer}"
        self.top = os.path.join(TOP, f"{engine}-{sanitizer}")
        self.out, self.work, self.src = (os.path.join(self.top, name)
                                         for name in ("out", "work", "src"))
        flags = [FLAGS, SANITIZERS[sanitizer]]
        compilers = CLANG, CLANG.replace("clang", "clang++")
        library = "-fsanitize=fuzzer"
        if engine == "afl":
            compilers = "afl-clang-fast", "afl-clang-fast++"
            library = os.path.join(TOP, "libFuzzingEngine.a")
        elif sanitizer != "coverage":
            flags.append("-fsanitize=fuzzer-no-link")
        # Their CXXFLAGS add -stdlib=libc++; the distribution's libFuzzer is linked with another.
        flags = " ".join(flags)
        self.env = dict(CC=compilers[0], CXX=compilers[1], CFLAGS=flags, CXXFLAGS=flags,
                        OUT=self.out, WORK=self.work, SRC=self.src, LIB_FUZZING_ENGINE=library,
                        SANITIZER=sanitizer, FUZZING_ENGINE=engine, ARCHITECTURE="x86_64",
                        FUZZING_LANGUAGE="c", UBSAN_OPTIONS="silence_unsigned_overflow=1",
                        AFL_QUIET="1" if engine == "afl" else None)

    def build(self):
        """(status, output) of the build script, called as the image calls it."""
        shutil.rmtree(self.top, ignore_errors=True)
        for folder in (self.out, self.work, self.src):
            os.makedirs(folder)
        os.symlink(ROOT, os.path.join(self.src, "slabpool"))
        script = shutil.copy(os.path.join(ROOT, ".clusterfuzzlite", "build.sh"), self.src)
        if self.engine == "afl":
            shutil.copy("/usr/lib/afl/libAFLDriver.a", self.env["LIB_FUZZING_ENGINE"])
        log = os.path.join(self.top, "build.log")
        status, _ = run([*without_network(), "bash", "-eu", script], log=log, env=self.env,
                        cwd=ROOT, timeout=1200)
        return status, tail(log)


def without_network():
    alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    return alone if run([*alone, "true"])[0] == 0 else []


def files_fault(out, target):
    """What of a target's files is missing in $OUT or not what it should be."""
    program = os.path.join(out, "fuzz_" + target)
    if not os.access(program, os.X_OK):
        return "no program"
    for kind in ("dict", "options"):
        if not os.path.isfile(f"{program}.{kind}"):
            return f"no {kind} file"
    with open(program + ".options") as file:
        if not file.read().startswith("[libfuzzer]"):
            return "options without [libfuzzer]"
    try:
        with zipfile.ZipFile(program + "_seed_corpus.zip") as archive:
            packed = sorted(archive.read(name) for name in archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        return f"no seed corpus: {error}"
    corpus = []
    for folder, _, names in os.walk(os.path.join(CORPUS, target)):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                corpus.append(file.read())
    return "" if packed and packed == sorted(corpus) else "the seed corpus is not corpus/" + target


def instrumentation_fault(program, sanitizer):
    status, text = run(["objdump", "-d", "--no-show-raw-insn", program])
    if status:
        return f"objdump: {text[-200:]}"
    calls = {name: len(re.findall(rf"\bcall.*<{prefix}", text))
             for name, (prefix, _) in CALLS.items()}
    if sanitizer in CALLS and calls[sanitizer] < CALLS[sanitizer][1]:
        return f"not built with {sanitizer}: {calls[sanitizer]} calls of its runtime"
    others = [name for name, count in calls.items() if name != sanitizer and count > STRAY]
    return f"built with {' '.join(others)}, too" if others else ""


class Runner:
    """Runs one target of a product; each method gives '' or what is wrong."""

    def __init__(self, product, target, scratch, seconds, env=None):
        self.product, self.target, self.seconds = product, target, seconds
        self.program = os.path.join(product.out, "fuzz_" + target)
        self.scratch = os.path.join(scratch, target)
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.seeds = os.path.join(self.scratch, "seeds")
        os.makedirs(self.seeds)
        os.makedirs(os.path.join(self.scratch, "new"))
        self.env = dict(env or {}, UBSAN_OPTIONS="silence_unsigned_overflow=1:halt_on_error=1",
                        LLVM_PROFILE_FILE=os.path.join(self.scratch, "%p.profraw"))

    def go(self, *words, **more):
        env = dict(self.env, **more.pop("env", {}))
        return run([self.program, *words], env=env, cwd=self.scratch, timeout=600 + self.seconds,
                   **more)

    def unpack(self):
        with zipfile.ZipFile(self.program + "_seed_corpus.zip") as archive:
            archive.extractall(self.seeds)
        return sorted(glob.glob(os.path.join(self.seeds, "*")))

    def starts(self):
        if self.product.engine == "afl":
            with open(self.program, "rb") as file:
                return "" if b"##SIG_AFL_PERSISTENT##" in file.read() else "not for AFL++"
        status, text = self.go("-seed=1337", "-runs=4")
        edges = re.search(r"Loaded \d+ modules? +\((\d+) (?:inline 8-bit counters|guards)", text)
        if status or "Done 4 runs" not in text:
            return f"status {status} from nothing: {text[-300:]}"
        if self.product.sanitizer != "coverage" and (not edges or int(edges.group(1)) < EDGES):
            return f"{edges.group(1) if edges else 'no'} edges for libFuzzer to see"
        return ""

    def seeds_pass(self):
        files = self.unpack()
        if self.product.engine == "afl":
            status, text = self.go(*files)
            return "" if status == 0 else f"status {status} over its seeds: {text[-300:]}"
        status, text = self.go("-runs=0", "-timeout=25", "-rss_limit_mb=2560", self.seeds)
        read = re.search(r"seed corpus: files: (\d+)", text)
        if status or not read or int(read.group(1)) != len(files):
            return f"status {status} over its seeds: {text[-300:]}"
        return ""

    def counted(self):
        """A coverage build leaves counts that llvm-profdata reads."""
        if self.product.sanitizer != "coverage":
            return ""
        raw = glob.glob(os.path.join(self.scratch, "*.profraw"))
        status, text = run(["llvm-profdata" + LLVM, "merge", "-o",
                            os.path.join(self.scratch, "all.profdata"), *raw])
        if not raw or status:
            return f"no counts of what was covered: {text}"
        status, text = run(["llvm-cov" + LLVM, "report", self.program, "-instr-profile=" +
                            os.path.join(self.scratch, "all.profdata")])
        total = re.search(r"^TOTAL +\d+ +\d+ +([\d.]+)%", text, re.M)
        return "" if total and float(total.group(1)) > 20 else f"nothing covered: {text[-300:]}"

    def fuzzes(self):
        if self.product.engine == "afl":
            return self.fuzzes_afl()
        status, text = self.go("new", self.seeds, f"-max_total_time={self.seconds}",
                               f"-dict={self.program}.dict", "-print_final_stats=1", "-timeout=25",
                               "-rss_limit_mb=2560", "-max_len=4096")
        done = re.search(r"number_of_executed_units: ([1-9]\d*)", text)
        return "" if status == 0 and done else f"status {status} while fuzzing: {text[-400:]}"

    def fuzzes_afl(self):
        env = dict(self.env, AFL_SKIP_CPUFREQ="1", AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1",
                   AFL_NO_UI="1", AFL_NO_AFFINITY="1", MSAN_OPTIONS=None,
                   AFL_FORKSRV_INIT_TMOUT="30000",
                   ASAN_OPTIONS="abort_on_error=1:symbolize=0:detect_leaks=0")
        status, text = run(["afl-fuzz", "-i", self.seeds, "-o", "out", "-V", self.seconds, "-m",
                            "none", "-t", "25000", "-x", self.program + ".dict", "--",
                            self.program], env=env, cwd=self.scratch, timeout=600 + self.seconds)
        try:
            with open(os.path.join(self.scratch, "out", "default", "fuzzer_stats")) as file:
                stats = dict(re.findall(r"^(\w+) +: (\S+)", file.read(), re.M))
        except OSError:
            stats = {}
        good = status == 0 and int(stats.get("execs_done", 0)) > 0 and stats["saved_crashes"] == "0"
        return "" if good and "All set and ready to roll" in text else \
            f"status {status} while fuzzing: {text[-400:]}"

    def fault(self):
        for part in (self.starts, self.seeds_pass, self.counted, self.fuzzes):
            fault = part()
            if fault:
                return fault
        return ""


def fault_of(product, target, seconds, env=None):
    return files_fault(product.out, target) or \
        instrumentation_fault(os.path.join(product.out, "fuzz_" + target), product.sanitizer) or \
        Runner(product, target, os.path.join(product.top, "run"), seconds, env).fault()


def check(results, product, seconds):
    begin = time.monotonic()
    say(f"{product.name}: building ...")
    status, text = product.build()
    if not results.check(f"{product.name}: build.sh", status == 0, "" if status == 0 else
                         f"status {status}", time.monotonic() - begin):
        say(text)
        return
    begin = time.monotonic()
    with ThreadPoolExecutor(cores()) as pool:
        faults = list(pool.map(lambda target: fault_of(product, target, seconds), targets()))
    for target, fault in zip(targets(), faults):
        say(f"  fuzz_{target}: {fault or 'ok'}")
    results.add(f"{product.name}: targets", passed=faults.count(""),
                failed=len(faults) - faults.count(""), seconds=time.monotonic() - begin,
                failures=[f"fuzz_{t}: {f.splitlines()[0]}" for t, f in zip(targets(), faults) if f])


TINY = """
int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size);
int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size)
{
	return size > 3 && data[0] == 'x' ? 0 : 0;
}
"""


def broken(results, good):
    """The same checks of a build that is broken in one way; each has to be seen."""
    target = targets()[0]
    name = "fuzz_" + target

    def expect(what, pattern, fault):
        seen = re.search(pattern, fault or "passed") is not None
        results.check(f"broken: {what}", seen, "" if seen else fault or "passed")
        say(f"  {what}: {(fault or 'NOT SEEN').splitlines()[0]}")

    for variable in VARIABLES:
        status, text = run([os.path.join(ROOT, "fuzz", "build.sh")], env={**good.env, variable: ""})
        expect(f"build.sh without {variable}", rf"^2: fuzz/build.sh: \${variable} is not set",
               f"{status}: {text}")
    for variable, value in (("SANITIZER", "dataflow"), ("FUZZING_ENGINE", "none"),
                            ("ARCHITECTURE", "vax"), ("OUT", "/no/such/directory")):
        status, text = run([os.path.join(ROOT, "fuzz", "build.sh")], env={**good.env,
                                                                         variable: value})
        expect(f"build.sh with {variable}={value}", rf"^2: fuzz/build.sh: .*{value}",
               f"{status}: {text}")
    bad = Product(good.engine, good.sanitizer)
    bad.top, bad.out = os.path.join(TOP, "broken"), os.path.join(TOP, "broken", "out")
    for what, pattern in ((name, "no program"), (name + ".dict", "no dict"),
                          (name + ".options", "no options"),
                          (name + "_seed_corpus.zip", "no seed corpus")):
        shutil.rmtree(bad.top, ignore_errors=True)
        shutil.copytree(good.out, bad.out)
        os.unlink(os.path.join(bad.out, what))
        expect(f"no {what}", pattern, fault_of(bad, target, 1))
    shutil.copy(os.path.join(good.out, name), bad.out)
    with zipfile.ZipFile(os.path.join(bad.out, name + "_seed_corpus.zip"), "w") as archive:
        archive.writestr("one", b"\0")
    expect("other seeds", "is not corpus/", fault_of(bad, target, 1))
    shutil.copy(os.path.join(good.out, name + "_seed_corpus.zip"), bad.out)
    bad.sanitizer = next(kind for kind in CALLS if kind != good.sanitizer)
    expect("another sanitizer", "not built with", fault_of(bad, target, 1))
    bad.sanitizer = good.sanitizer
    expect("a bug that the seeds find", "over its seeds",
           fault_of(bad, "kmem_cache", 1, {"FUZZ_PLANT": "object-given-twice"}))
    source = os.path.join(bad.top, "tiny.c")
    with open(source, "w") as file:
        file.write(TINY)
    status, text = run([CLANG, "-fsanitize=fuzzer", "-o", os.path.join(bad.out, name), source])
    expect("a target that hardly is instrumented", r"\d edges|no edges",
           Runner(bad, target, os.path.join(bad.top, "run"), 1).starts() if status == 0 else text)


def work():
    options = arguments()
    setup("base,fuzz,engines")
    results = Results("test-oss-fuzz")
    os.makedirs(TOP, exist_ok=True)
    files = [os.path.join(ROOT, folder, "build.sh") for folder in (".clusterfuzzlite",
                                                                   "fuzz/oss-fuzz")]
    results.check("both services call the same script", len({open(f).read() for f in files}) == 1)
    good = None
    for engine in options.engine or ("libfuzzer", "afl"):
        if engine == "afl" and not have("afl-fuzz"):
            results.skip("afl", "afl++ is not installed")
            continue
        # AFL++ is used with the one sanitizer that OSS-Fuzz uses it with.
        kinds = options.sanitizer or (SANITIZERS if engine == "libfuzzer" else ("address",))
        for sanitizer in kinds:
            product = Product(engine, sanitizer)
            check(results, product, options.time)
            if engine == "libfuzzer" and sanitizer != "coverage" and not results.total("failed"):
                good = good or product
    if good:
        say(f"broken on purpose ({good.name}):")
        broken(results, good)
    return results.close(options.json)


if __name__ == "__main__":
    main(work)
