# SPDX-License-Identifier: MIT
"""usage: ci/corpus add --target T [--name WORDS [--bug NAME]] [--no-minimise] FILE...
       ci/corpus minimise --target T [--time S] [--plant NAME] [--sanitizer KIND]
                          [--output OUT] FILE
       ci/corpus merge [--target T] [--write] [DIR...]
       ci/corpus prune [--target T] [--write]
       ci/corpus upgrade [--target T] [--write]
       ci/corpus verify [--target T] [--record]
       ci/corpus list [--target T] [--words]
       ci/corpus report [--target T]
       ci/corpus count

add       takes inputs into corpus/<target>/. An input that still fails is minimised first. With
          --name the file gets this name (words with hyphens: a regression); without, its SHA-1,
          and it is taken only if it reaches something that the corpus does not. --bug: the
          planted bug that it finds, for the line in corpus/regressions.csv.
minimise  makes an input that fails smaller, operation by operation, while it fails in the same way,
          and prints where the result is. --sanitizer: under what of ci/replay it fails, if not
          under what ci/fuzz uses.
merge     the smallest set of the inputs of corpus/ and of directories (default: what ci/fuzz found,
          in build/fuzz/new) that reaches the same code. A fleet's directories are those of one
          target, or have a directory for each. Says what it would change; --write does it. Files
          named in words or in corpus/regressions.csv are never removed.
prune     what is left out of corpus/ if inputs that are named cover what they cover, and as few
          others as it takes for the rest. What ci/coverage and ci/mutate count is finer: see there
          whether a condition or a mutant was lost before you commit it.
upgrade   files that are not written as their programs are today (an old version of the format,
          bytes missing at the end or without a meaning). --write writes them anew.
verify    files and regressions are in order: sizes, names, no program twice, each file written as
          its program is, each regression still finds its planted bug and passes without it, each
          planted bug has a regression. --record adds the smallest named input for a bug without.
list      what each entry does, and how much of src/core it alone reaches. --words: all operations.
report    build/report/corpus.html: the same to browse, with the planted bugs that each finds.
count     files, bytes and limits of each target; status 1 over a limit.

Exit status: 0 done, 1 not done or a limit is exceeded, 2 bad usage."""

import os
import shutil

import corpus_check
import corpus_report
import finding
from common import (BUILD, CORPUS, ROOT, SANITIZER_ENV, Failure, Usage, compile, main, parser,
                    pick_targets, plant, plant_option, positive, relative, run, sanitized, say,
                    setup, table, targets, words)
from corpus_check import MOST_BYTES, MOST_FILES
from corpus_entries import HASH, NAME, Words, content, inputs_of, sha1
from fuzz_engines import fuzzers
from reduce import Reducer
from replay import KINDS


def arguments():
    cli = parser(__doc__)
    commands = cli.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add = commands.add_parser("add", help="take inputs in")
    add.add_argument("--target", required=True, metavar="T")
    add.add_argument("--name", metavar="WORDS")
    add.add_argument("--bug", metavar="NAME", help="the planted bug that it finds")
    add.add_argument("--no-minimise", action="store_true", help="take it as it is")
    add.add_argument("files", nargs="+", metavar="FILE")
    minimise = commands.add_parser("minimise", help="make a failing input smaller")
    minimise.add_argument("--target", required=True, metavar="T")
    minimise.add_argument("--time", type=positive, default=60, metavar="S")
    plant_option(minimise)
    minimise.add_argument("--sanitizer", choices=sorted(KINDS))
    minimise.add_argument("--output", metavar="OUT")
    minimise.add_argument("file", metavar="FILE")
    for name, text in (("merge", "take in what reaches more, drop what adds nothing"),
                       ("prune", "drop what adds nothing"), ("upgrade", "write inputs anew"),
                       ("verify", "files and regressions are in order"),
                       ("list", "what each entry does"), ("report", "a page to browse")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--target", metavar="T", action="append")
        command.set_defaults(directories=[])
        if name in ("merge", "prune", "upgrade"):
            command.add_argument("--write", action="store_true", help="change corpus/")
        if name == "merge":
            command.add_argument("directories", nargs="*", metavar="DIR")
        if name == "verify":
            command.add_argument("--record", action="store_true",
                                 help="add regressions for bugs that have none")
        if name == "list":
            command.add_argument("--words", action="store_true", help="all operations")
    commands.add_parser("count", help="files and bytes")
    return cli.parse_args()


def readable(path):
    if not os.path.isfile(path):
        raise Usage(f"cannot read '{path}'")
    if not os.path.getsize(path):
        raise Usage(f"'{path}' is empty")
    return os.path.abspath(path)


class Runner:
    """Runs inputs of a target, and tells how they fail."""

    def __init__(self, target, where, sanitizer=None):
        self.words = Words(target)
        self.scratch = os.path.join(BUILD, "corpus", f"{target}.try")
        self.program = [os.path.join(where, "fuzz_" + target)]
        if not sanitizer:
            self.program.append("-timeout=25")

    def put(self, data):
        with open(self.scratch, "wb") as file:
            file.write(data)
        return self.scratch

    def kind(self, data):
        """How these bytes fail; '' if they pass. No symbols: they take longer than the run."""
        env = {name: os.environ.get(name, value) + ":symbolize=0"
               for name, value in SANITIZER_ENV.items()}
        return finding.kind_of(*run([*self.program, self.put(data)], cwd=ROOT, timeout=120,
                                    env=env))

    def read(self, data):
        return self.words.of(self.put(data)).splitlines()


def runner(target, sanitizer=None):
    if not sanitizer:
        return Runner(target, fuzzers())
    where = sanitized(sanitizer)
    compile(where, ["fuzzers"])
    return Runner(target, os.path.join(where, "fuzz"), sanitizer)


def minimised(runs, path, seconds, out):
    """Writes the smallest program that still fails as the file does to out."""
    reducer = Reducer(runs.words.assemble, runs.kind, runs.read, seconds, say)
    data, kind = reducer.reduce(content(path))
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(out + ".part", "wb") as file:
        file.write(data)
    if runs.kind(data) != kind:
        raise Failure(f"{relative(path)} does not fail in the same way each time: was \"{kind}\"")
    os.replace(out + ".part", out)
    say(f"it still fails: {kind}")
    return out


def minimise(options):
    path = readable(options.file)
    plant(options)
    setup("base,fuzz")
    runs = runner(options.target, options.sanitizer)
    if not runs.kind(content(path)):
        raise Failure(f"{options.file} passes: there is nothing to keep while making it smaller")
    out = os.path.abspath(options.output or os.path.join(
        BUILD, "findings", options.target, os.path.basename(path) + ".min"))
    minimised(runs, path, options.time, out)
    say(words(options.target, out))
    say(f"{relative(out)}: {os.path.getsize(out)} of {os.path.getsize(path)} bytes")
    return 0


def merged(where, target, extra):
    """The directory with what a merge of the corpus and other directories keeps."""
    out = os.path.join(BUILD, "merged", target)
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    log = os.path.join(BUILD, "merged", f"{target}.log")
    if os.path.exists(log):
        os.unlink(log)
    work_dir = os.path.join(BUILD, "merged")
    status, text = run([os.path.join(where, "fuzz_" + target), "-merge=1", out,
                        os.path.join(CORPUS, target), *extra], log=log, cwd=work_dir, timeout=1800)
    if status:
        raise Failure(f"the merge failed with status {status} (see {relative(log)}) {text}")
    return out


def fleet(directories, target, alone):
    """The directories with inputs of a target: those that have one of its name, or, if no other
    target is asked for, those that have inputs themselves."""
    found = []
    for folder in directories:
        below = os.path.join(folder, target)
        if os.path.isdir(below):
            found.append(os.path.abspath(below))
        elif alone and any(os.path.isfile(os.path.join(folder, name))
                           for name in os.listdir(folder)):
            found.append(os.path.abspath(folder))
    return found


def merge(options):
    names = pick_targets(options.target)
    for folder in options.directories:
        if not os.path.isdir(folder):
            raise Usage(f"no directory '{folder}'")
    given = options.directories or [os.path.join(BUILD, "fuzz", "new")]
    extra = {target: fleet(given, target, len(names) == 1) for target in names}
    if options.directories and not any(extra.values()):
        raise Usage("these directories have none with a target's name in them: say --target if "
                    "they hold inputs of one target")
    setup("base,fuzz")
    where = fuzzers()
    for target in names:
        top = os.path.join(CORPUS, target)
        out, old, words = merged(where, target, extra[target]), inputs_of(target), Words(target)
        sums = {sha1(content(os.path.join(top, name))): name for name in old}
        kept = {sha1(content(os.path.join(out, name))): name for name in os.listdir(out)}
        for_ever = corpus_check.kept_for_ever(target)
        useless = [name for digest, name in sums.items()
                   if digest not in kept and name not in for_ever]
        fresh = {}
        for digest, name in kept.items():
            data = b"" if digest in sums else words.normal(os.path.join(out, name))
            if data and sha1(data) not in sums:
                fresh[sha1(data)] = data
        say(f"{target}: {len(old)} inputs, {len(fresh)} to add, {len(useless)} to remove")
        if not options.write:
            continue
        for name, data in fresh.items():
            with open(os.path.join(top, name), "wb") as file:
                file.write(data)
        for name in useless:
            os.unlink(os.path.join(top, name))
    if not options.write:
        say("nothing was changed; --write does it")
    return 0


def reaches_more(where, target, path):
    """True if the input reaches something that no input of the corpus reaches."""
    extra = os.path.join(BUILD, "merged", "candidate")
    shutil.rmtree(extra, ignore_errors=True)
    os.makedirs(extra)
    shutil.copyfile(path, os.path.join(extra, "candidate"))
    out = merged(where, target, [extra])
    digest = sha1(content(path))
    known = {sha1(content(os.path.join(CORPUS, target, name))) for name in inputs_of(target)}
    return digest not in known and any(sha1(content(os.path.join(out, name))) == digest
                                       for name in os.listdir(out))


def take(target, name, data, bug):
    """Puts an input into the corpus, and its line into the list of regressions."""
    kept = os.path.join(CORPUS, target, name)
    if os.path.exists(kept) and content(kept) != data:
        raise Failure(f"{relative(kept)} exists with other contents: choose another --name")
    known = not os.path.exists(kept)
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    with open(kept, "wb") as file:
        file.write(data)
    if bug:
        oracle = corpus_check.add_regression(target, name, bug)
        if not oracle:
            if known:
                os.unlink(kept)
            raise Failure(f"it does not find the planted bug {bug}: it was not taken")
        say(f"{relative(corpus_check.REGRESSIONS)}: it finds {bug} by oracle \"{oracle}\"")
    say(f"{relative(kept)}: {len(data)} bytes")
    say(f"  ci/replay --target {target} {relative(kept)}")


def add(options):
    if options.name and not NAME.match(options.name):
        raise Usage("--name: words in small letters with hyphens, like double-free-after-shrink")
    if options.name and len(options.files) != 1:
        raise Usage("--name is for one file")
    if options.bug and not options.name:
        raise Usage("--bug is for a regression: give it a --name")
    files = [readable(path) for path in options.files]
    setup("base,fuzz")
    where = fuzzers()
    runs = Runner(options.target, where)
    status = 0
    for path in files:
        if not options.no_minimise and runs.kind(content(path)):
            out = os.path.join(BUILD, "findings", options.target, os.path.basename(path) + ".min")
            path = minimised(runs, path, 60, out)
            say(f"minimised to {os.path.getsize(path)} bytes; it still fails: mend that, too")
        elif not options.name and not reaches_more(where, options.target, path):
            say(f"{relative(path)}: not taken, the corpus reaches all that it reaches "
                "(--name takes it as a regression)")
            status = 1
            continue
        data = runs.words.normal(path)
        take(options.target, options.name or sha1(data), data, options.bug)
    return status


def count(_):
    rows, status = [], 0
    for target in targets():
        names = inputs_of(target)
        sizes = [os.path.getsize(os.path.join(CORPUS, target, name)) for name in names]
        hashes = sum(1 for name in names if HASH.match(name))
        large = [name for name, size in zip(names, sizes)
                 if size > MOST_BYTES and not name.startswith("record")]
        over = []
        if not names:
            over.append("no input")
        if len(names) > MOST_FILES:
            over.append(f"more than {MOST_FILES} files")
        if large:
            over.append(f"over {MOST_BYTES} bytes: {' '.join(large[:5])}")
        status |= bool(over)
        rows.append((target, len(names), len(names) - hashes, hashes, sum(sizes),
                     max(sizes, default=0), "; ".join(over) or "within limits"))
    say(table(("target", "files", "named", "coverage", "bytes", "largest", "limits"), rows,
              "lrrrrrl"))
    return int(status)


def verify(options):
    return corpus_check.record() if options.record else corpus_check.verify(options)


def work():
    options = arguments()
    if isinstance(getattr(options, "target", None), str):
        pick_targets([options.target])
    elif options.command not in ("merge", "count"):
        options.targets = pick_targets(options.target)
        setup("base,fuzz")
    commands = {"add": add, "minimise": minimise, "merge": merge, "count": count,
                "prune": corpus_check.prune,
                "verify": verify, "upgrade": corpus_check.upgrade,
                "list": corpus_report.listing, "report": corpus_report.report}
    return commands[options.command](options)


if __name__ == "__main__":
    main(work)
