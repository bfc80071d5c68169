# SPDX-License-Identifier: MIT
"""usage: ci/corpus add --target T [--name WORDS] [--no-minimise] FILE...
       ci/corpus minimise --target T [--time S] [--plant NAME] [--output OUT] FILE
       ci/corpus merge [--target T] [--write] [DIR]
       ci/corpus count

add       takes inputs into corpus/<target>/. An input that still fails is minimised first. With
          --name the file gets this name (words with hyphens: a regression); without, its SHA-1,
          and it is taken only if it reaches something that the corpus does not.
minimise  makes an input that fails smaller while it fails, and prints where the result is.
merge     the smallest set of the inputs of corpus/ and of DIR (default: what ci/fuzz found, in
          build/fuzz/new) that reaches the same code. Says what it would change; --write does it.
          Files named in words are never removed.
count     files, bytes and limits of each target; status 1 over a limit.

Exit status: 0 done, 1 not done or a limit is exceeded, 2 bad usage."""

import hashlib
import os
import re
import shutil

from common import (BUILD, CORPUS, ROOT, Failure, Usage, main, parser, pick_targets, plant,
                    plant_option, positive, relative, run, say, setup, table, targets)
from fuzz import fuzzers

HASH = re.compile(r"^[0-9a-f]{40}$")
NAME = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)?$")
MOST_FILES, MOST_BYTES = 300, 4096  # a target; of a file that is no recording


def arguments():
    cli = parser(__doc__)
    commands = cli.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add = commands.add_parser("add", help="take inputs in")
    add.add_argument("--target", required=True, metavar="T")
    add.add_argument("--name", metavar="WORDS")
    add.add_argument("--no-minimise", action="store_true", help="take it as it is")
    add.add_argument("files", nargs="+", metavar="FILE")
    minimise = commands.add_parser("minimise", help="make a failing input smaller")
    minimise.add_argument("--target", required=True, metavar="T")
    minimise.add_argument("--time", type=positive, default=60, metavar="S")
    plant_option(minimise)
    minimise.add_argument("--output", metavar="OUT")
    minimise.add_argument("file", metavar="FILE")
    merge = commands.add_parser("merge", help="drop what adds nothing")
    merge.add_argument("--target", metavar="T", action="append")
    merge.add_argument("--write", action="store_true", help="change corpus/")
    merge.add_argument("directory", nargs="?", metavar="DIR")
    commands.add_parser("count", help="files and bytes")
    return cli.parse_args()


def readable(path):
    if not os.path.isfile(path):
        raise Usage(f"cannot read '{path}'")
    if not os.path.getsize(path):
        raise Usage(f"'{path}' is empty")
    return os.path.abspath(path)


def inputs_of(target):
    """The corpus files of a target, as paths below its directory."""
    top = os.path.join(CORPUS, target)
    return sorted(os.path.relpath(os.path.join(folder, name), top)
                  for folder, _, names in os.walk(top) for name in names)


def fails(where, target, path):
    log = os.path.join(BUILD, "fuzz", f"try-{target}.log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    status, _ = run([os.path.join(where, "fuzz_" + target), "-timeout=25", path], log=log, cwd=ROOT)
    return status != 0


def minimised(where, target, path, seconds, out):
    """Writes the smallest failing input that libFuzzer finds in this time to out."""
    os.makedirs(os.path.dirname(out), exist_ok=True)
    shutil.copyfile(path, out)
    log = os.path.join(BUILD, "fuzz", f"minimise-{target}.log")
    work_dir = os.path.join(BUILD, "fuzz", "minimise")
    os.makedirs(work_dir, exist_ok=True)
    run([os.path.join(where, "fuzz_" + target), "-minimize_crash=1", f"-max_total_time={seconds}",
         f"-exact_artifact_path={out}", path], log=log, cwd=work_dir, timeout=seconds + 120)
    if not fails(where, target, out):
        raise Failure(f"the minimised input passes; see {relative(log)}")
    return out


def minimise(options):
    path = readable(options.file)
    plant(options)
    setup("base,fuzz")
    where = fuzzers()
    if not fails(where, options.target, path):
        raise Failure(f"{options.file} passes: there is nothing to keep while making it smaller")
    out = os.path.abspath(options.output or os.path.join(
        BUILD, "findings", options.target, os.path.basename(path) + ".min"))
    minimised(where, options.target, path, options.time, out)
    say(f"{relative(out)}: {os.path.getsize(out)} of {os.path.getsize(path)} bytes")
    return 0


def merged(where, target, extra):
    """Names of what a merge of the corpus and the directory extra keeps, in a scratch directory."""
    out = os.path.join(BUILD, "merged", target)
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    log = os.path.join(BUILD, "merged", f"{target}.log")
    if os.path.exists(log):
        os.unlink(log)
    work_dir = os.path.join(BUILD, "merged")
    inputs = [os.path.join(CORPUS, target)] + ([extra] if os.path.isdir(extra) else [])
    status, text = run([os.path.join(where, "fuzz_" + target), "-merge=1", out, *inputs], log=log,
                       cwd=work_dir, timeout=1800)
    if status:
        raise Failure(f"the merge failed with status {status} (see {relative(log)}) {text}")
    return out


def merge(options):
    setup("base,fuzz")
    names = pick_targets(options.target)
    if options.directory and not os.path.isdir(options.directory):
        raise Usage(f"no directory '{options.directory}'")
    if options.directory and len(names) != 1:
        raise Usage("a directory needs --target")
    where = fuzzers()
    for target in names:
        extra = os.path.abspath(options.directory or os.path.join(BUILD, "fuzz", "new", target))
        out = merged(where, target, extra)
        old = inputs_of(target)
        sums = {sha1(os.path.join(CORPUS, target, name)) for name in old}
        kept = {sha1(os.path.join(out, name)): name for name in os.listdir(out)}
        fresh = [name for digest, name in kept.items() if digest not in sums]
        useless = [name for name in old if HASH.match(name)
                   and sha1(os.path.join(CORPUS, target, name)) not in kept]
        say(f"{target}: {len(old)} inputs, {len(fresh)} to add, {len(useless)} to remove")
        if not options.write:
            continue
        for name in useless:
            os.unlink(os.path.join(CORPUS, target, name))
        for name in fresh:
            source = os.path.join(out, name)
            shutil.copyfile(source, os.path.join(CORPUS, target, sha1(source)))
    if not options.write:
        say("nothing was changed; --write does it")
    return 0


def sha1(path):
    with open(path, "rb") as file:
        return hashlib.sha1(file.read()).hexdigest()


def reaches_more(where, target, path):
    """True if the input reaches something that no input of the corpus reaches."""
    extra = os.path.join(BUILD, "merged", "candidate")
    shutil.rmtree(extra, ignore_errors=True)
    os.makedirs(extra)
    shutil.copyfile(path, os.path.join(extra, "candidate"))
    out = merged(where, target, extra)
    digest = sha1(path)
    known = {sha1(os.path.join(CORPUS, target, name)) for name in inputs_of(target)}
    return digest not in known and any(sha1(os.path.join(out, name)) == digest
                                       for name in os.listdir(out))


def add(options):
    if options.name and not NAME.match(options.name):
        raise Usage("--name: words in small letters with hyphens, like double-free-after-shrink")
    if options.name and len(options.files) != 1:
        raise Usage("--name is for one file")
    files = [readable(path) for path in options.files]
    setup("base,fuzz")
    where = fuzzers()
    status = 0
    for path in files:
        if not options.no_minimise and fails(where, options.target, path):
            out = os.path.join(BUILD, "findings", options.target, os.path.basename(path) + ".min")
            path = minimised(where, options.target, path, 60, out)
            say(f"minimised to {os.path.getsize(path)} bytes; it still fails: mend that, too")
        elif not options.name and not reaches_more(where, options.target, path):
            say(f"{relative(path)}: not taken, the corpus reaches all that it reaches "
                "(--name takes it as a regression)")
            status = 1
            continue
        name = options.name or sha1(path)
        kept = os.path.join(CORPUS, options.target, name)
        if os.path.exists(kept) and sha1(kept) != sha1(path):
            raise Failure(f"{relative(kept)} exists with other contents: choose another --name")
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        shutil.copyfile(path, kept)
        say(f"{relative(kept)}: {os.path.getsize(kept)} bytes")
        say(f"  ci/replay --target {options.target} {relative(kept)}")
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


def work():
    options = arguments()
    if isinstance(getattr(options, "target", None), str):
        pick_targets([options.target])
    commands = {"add": add, "minimise": minimise, "merge": merge, "count": count}
    return commands[options.command](options)


if __name__ == "__main__":
    main(work)
