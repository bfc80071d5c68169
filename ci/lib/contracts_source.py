# SPDX-License-Identifier: MIT
"""The sources with their contracts compiled in: a copy of the tree in which each function with a
contract that is proved, or trusted, is a wrapper around its body (proofs/runtime/contracts.h)."""

import json
import os
import re

from common import ROOT, Failure
from contracts_acsl import (DEFINITION, OVERLOADED, Parser, Translator, Untranslated,
                            definitions, logic_in_c)
from prove_source import (COMPILER_H, CONTRACT, KEYWORDS, TOKEN, Outline, Soundness, Token,
                          after_parens, ghost_text, headers_of, read, walk)

# Ghost variables that stand for memory as a whole, or for what other threads do.
ONLY_PROVED = ("array_memory", "array_end", "store_heap", "store_end", "meta_heap", "meta_end",
               "arena_heap", "arena_end", "descriptor_heap", "descriptor_end", "bits_heap",
               "bits_end", "link_heap", "link_end", "order_heap", "order_end", "map_heap",
               "map_end", "slot_owned")
# Whose result is memory that is new to all who wait for it to return: no frame speaks of it.
NEW_MEMORY = {"backend_array_new": "\\result[0 .. count - 1]"}
AT_START = {"sole_resizer": "1"}    # there is one thread
# Coverage's store tracing does not see this one; in one thread it is a load and a store.
EXCHANGE = "((old) = __atomic_exchange_n((p), (value), __ATOMIC_ACQ_REL))"
CLAUSE = re.compile(r"\s*(requires|terminates|decreases|assigns|ensures|exits|behavior|assumes|"
                    r"complete|disjoint)\b")


class Place(Token):
    """A token that knows where it stands."""
    __slots__ = ("start", "end", "prover")


def places(text):
    """Tokens with offsets; prover is true in what only Frama-C sees."""
    found, line, inside = [], 1, []
    for match in TOKEN.finditer(text):
        kind, part = match.lastgroup, match.group()
        if kind not in ("blank", "comment"):
            token = Place(kind, part, line)
            token.start, token.end = match.span()
            if kind == "directive":
                word = re.sub(r"\s+", " ", part.strip())
                if word.startswith("#if"):
                    inside.append("__FRAMAC__" in word and "!" not in word
                                  and "#ifndef" not in word)
                elif word.startswith(("#else", "#elif")) and inside:
                    inside[-1] = False
                elif word.startswith("#endif") and inside:
                    inside.pop()
            token.prover = any(inside)
            found.append(token)
        line += part.count("\n")
    return found


def inner(annotation):
    """An annotation with blanks for its comment signs, so that lines can be counted."""
    text = re.sub(r"^/\*@|^//@", "   ", annotation)
    text = re.sub(r"\*/$", "  ", text)
    text = re.sub(r"@", " ", text)
    return re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), text)


class Clause:
    def __init__(self, kind, name, text, behavior, file, line):
        self.kind, self.name, self.text, self.behavior = kind, name, text, behavior
        self.file, self.line = file, line
        self.number = 0
        self.code = None    # C, or a list of C for assigns
        self.status = ""    # checked, partly, ignored
        self.why = ""

    def key(self):
        return f"{self.behavior + ': ' if self.behavior else ''}{self.kind}" \
            + (f" {self.name}" if self.name else "")


def clauses_of(annotation, file, line):
    """The clauses of a contract, in order."""
    text, at, behavior, found = inner(annotation), 0, "", []
    while True:
        match = CLAUSE.match(text, at)
        if not match:
            return found
        kind, here = match.group(1), line + text[:match.start(1)].count("\n")
        if kind == "behavior":
            head = re.compile(r"\s*(\w+)\s*:").match(text, match.end())
            behavior, at = head.group(1), head.end()
            continue
        end = text.find(";", match.end())
        while end >= 0 and re.search(r"\\(forall|exists)\s+integer\s+[\w\s,]*$",
                                     text[match.end():end]):
            end = text.find(";", end + 1)
        body = " ".join(text[match.end():end].split())
        if kind in ("complete", "disjoint"):
            behavior = ""
        label = re.match(r"(\w+)\s*:\s*(.*)", body)
        name, body = label.groups() if label else ("", body)
        found.append(Clause(kind, name, body, behavior, file, here))
        at = end + 1


class Contract:
    def __init__(self, name, file, annotation, head):
        self.name, self.file = name, file
        self.parameters = parameter_names(head)
        # What only the proof passes to the function.
        self.ghosts = {name for token in head if token.kind == "annot"
                       for name in re.findall(r"(\w+)\s*[,)]", ghost_text(token.text) or "")}
        self.clauses = clauses_of(annotation.text, file, annotation.line)
        self.trusted = self.wrapped = False
        self.opaque = False     # what it stores is not its callers'
        self.acts = False       # what it says of ghost variables is done, and not checked


def parameter_names(head):
    """Names of the parameters of the tokens of a declaration up to its last parenthesis."""
    close = len(head) - 1
    while head[close].text != ")":
        close -= 1
    depth, open_at = 0, close
    while True:
        depth += (head[open_at].text == ")") - (head[open_at].text == "(")
        if not depth:
            break
        open_at -= 1
    names, last = [], None
    for token in head[open_at + 1:close + 1]:
        if token.text in (",", ")"):
            if last and last != "void":
                names.append(last)
            last = None
        elif token.kind == "word":
            last = token.text
    return names


class Tree:
    """Everything that is read of the sources."""

    def __init__(self, twins=None):
        """twins: {(file, name): formula} of definitions."""
        self.twins = twins or {}
        self.known, self.emitted, self.ghosts = {}, {}, set()
        self.variables, self.statements, self.callers = {}, {}, set()
        self.tokens, self.outlines, self.contracts = {}, {}, {}
        self.files = walk("src", "proofs/logic", "fuzz")
        proved = json.loads(read("proofs/files.json"))["proved"]
        own = {name for file in proved for name in [file, *headers_of(file)]}
        left_open = {name for options in proved.values() for name in options.get("open", {})}
        self.soundness = Soundness()
        trusted = self.soundness.leaned_on()
        self.overloads()
        self.texts = {file: read(file) for file in self.files}
        Translator.flexible = {name for text in self.texts.values()
                               for name in re.findall(r"\b(\w+)\[\];", text)}
        Translator.structs = {name for text in self.texts.values()
                              for name in re.findall(r"^\tstruct \w+ (\w+);", text, re.M)}
        for file in self.files:
            if not file.startswith(("src/core/", "src/include/slabpool/", "src/api/", "proofs/")):
                continue
            seq = self.tokens[file] = places(self.texts[file])
            outline = self.outlines[file] = Outline(seq)
            covered = {at for _, start, end in outline.defined.values()
                       for at in range(start, end + 1)}
            for at, token in enumerate(seq):
                if token.kind == "annot" and at not in covered:
                    self.annotation(file, token)
            for name, heads in outline.heads.items():
                for head in heads:
                    if not head or seq[head - 1].kind != "annot":
                        continue
                    if not CONTRACT.match(inner(seq[head - 1].text).strip()):
                        continue
                    if name in trusted or (file in own and name not in left_open):
                        end = head
                        while seq[end].text not in (";", "{"):
                            end += 1
                        contract = Contract(name, file, seq[head - 1], seq[head:end])
                        contract.trusted = name in trusted
                        contract.opaque = name in self.soundness.trusted \
                            and file != COMPILER_H
                        # Two static functions of one name in different files do not occur.
                        self.contracts.setdefault(name, contract)
        for file, outline in self.outlines.items():
            for name, (_, start, end) in outline.defined.items():
                self.body(file, name, self.tokens[file][start:end])
        for contract in self.contracts.values():
            contract.acts = contract.opaque or contract.name in self.callers
            contract.opaque = contract.acts
        for definitions_here in self.emitted.values():
            for _, definition in definitions_here:
                self.logic(definition)
        self.translate()

    def overloads(self):
        """Logic names that stand for several functions get one name each, by their parameters."""
        arities = {}
        for file in self.files:
            for match in DEFINITION.finditer(read(file) if "logic/" in file else ""):
                count = len([p for p in (match.group(4) or "").split(",") if p.strip()])
                arities.setdefault(match.group(2), set()).add(count)
        OVERLOADED.clear()
        OVERLOADED.update({(name, count): f"{name}_{count}" for name, counts in arities.items()
                           if len(counts) > 1 for count in counts})

    def annotation(self, file, token):
        code = ghost_text(token.text)
        if code is not None:
            match = re.fullmatch(r"\s*([\w ]+[ *]+)(\w+)\s*;\s*", code)
            if match and match.group(2) in ONLY_PROVED:
                self.ghosts.add(match.group(2))
            elif match:
                start = f" = {AT_START[match.group(2)]}" if match.group(2) in AT_START else ""
                self.variables[match.group(2)] = (file, token, "__attribute__((__weak__)) "
                                                  f"{match.group(1)}{match.group(2)}{start};")
            return
        for definition in definitions(inner(token.text)):
            definition.code = None
            if (file, definition.name) in self.twins:
                definition.body = Parser(self.twins[file, definition.name]).whole()
            self.known[definition.name] = definition
            self.emitted.setdefault(file, []).append((token, definition))

    def body(self, file, name, seq):
        """Ghost assignments in a body are done; a body with 'calls' calls the user's functions."""
        found, alive = [], False
        for token in seq:
            if token.kind != "annot":
                continue
            if re.match(r"/\*@\s*calls\b|//@\s*calls\b", token.text):
                self.callers.add(name)
            parts = [part.strip() for part in (ghost_text(token.text) or "").split(";")]
            parts = [re.match(r"(?:\w+ )*(\w+) = [^=].*", part) for part in parts if part]
            if parts and all(parts):
                found.append((token, " ".join(part.group() + ";" for part in parts)))
                alive |= any(part.group(1) in self.variables for part in parts)
        if alive:
            self.statements.setdefault(file, []).extend(found)

    def logic(self, definition):
        """Translates a definition after those that it uses."""
        if definition.code is not None:
            return
        definition.code = ""    # a recursive one meets itself
        for name in set(re.findall(r"'(\w+)'", repr(definition.body))) & set(self.known):
            self.logic(self.known[name])
        definition.code = logic_in_c(definition, self.known, self.ghosts | self.undefined())

    def reached(self):
        """The definitions that clauses use, by name."""
        return self.closure(clause for contract in self.contracts.values()
                            for clause in contract.clauses if self.used(contract, clause))

    def closure(self, clauses):
        found, todo = set(), set()
        for clause in clauses:
            todo |= set(re.findall(r"\blogic_(\w+)\(", str(clause.code)))
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo |= set(re.findall(r"\blogic_(\w+)\(", self.known[name].code))
        return found

    def by_twin(self, clause):
        """True if the clause uses a definition that has a twin."""
        return bool(self.closure([clause]) & {name for _, name in self.twins})

    def undefined(self):
        """Functions that stand for others in the proofs, and do not exist."""
        if not hasattr(self, "missing"):
            defined = set()
            for file in self.files:
                if file.startswith("src/") and not file.startswith("src/test/"):
                    outline = self.outlines.get(file) or Outline(places(self.texts[file]))
                    defined |= {name for name, (_, start, _) in outline.defined.items()
                                if file not in self.tokens
                                or not self.tokens[file][start].prover}
            self.missing = set(self.soundness.leaned_on()) - defined
        return self.missing

    def translate(self):
        number = 0
        for name in sorted(self.contracts):
            contract = self.contracts[name]
            for clause in contract.clauses:
                number += 1
                clause.number = number
                self.clause(contract, clause)
            blind = {c.behavior for c in contract.clauses
                     if c.kind == "assumes" and c.code is None}
            for clause in contract.clauses:
                if name in self.undefined():
                    clause.status, clause.code = "no body", None
                elif blind and (clause.behavior in blind or clause.kind in ("complete",
                                                                            "disjoint")):
                    clause.status, clause.code = "ignored", None
                    clause.why = clause.why or "when the behavior applies is not known"

    def clause(self, contract, clause):
        translator = Translator(self.known, self.ghosts | self.undefined() | contract.ghosts)
        if clause.kind in ("requires", "assumes", "assigns"):
            translator.labels = {"Here": "1", "Pre": "1", "Old": "1"}
        clause.status = "checked"
        try:
            if clause.kind in ("requires", "ensures", "assumes"):
                tree = Parser(clause.text).whole()
                strict = clause.kind == "assumes"
                clause.code = translator.term(tree) if strict else translator.formula(tree)
                if translator.partial:
                    clause.status, clause.why = "partly", "; ".join(sorted(translator.partial))
            elif clause.kind == "assigns":
                clause.code = self.assigns(translator, clause.text)
            elif clause.kind not in ("terminates", "exits", "complete", "disjoint"):
                raise Untranslated(clause.kind)
        except Untranslated as error:
            clause.status, clause.why = "ignored", str(error)

    def assigns(self, translator, text):
        if text == "\\nothing":
            return []
        found, depth, part = [], 0, ""
        for letter in text + ",":
            depth += (letter in "([{") - (letter in ")]}")
            if letter == "," and not depth:
                if part.strip() not in self.ghosts:   # a ghost is no memory
                    found.append(translator.lvalue(Parser(part).whole()))
                part = ""
            else:
                part += letter
        return found

    # The copy -------------------------------------------------------------------------------------

    def copy(self, left_out, twins):
        """{file: text} of the tree with wrappers. left_out: {(file, function, clause)}; twins:
        the same of assigns clauses, with locations that a program has."""
        self.left_out = left_out
        self.needed = self.reached()
        for contract in self.contracts.values():
            for clause in contract.clauses:
                twin = twins.get((clause.file, contract.name, clause.key()))
                if twin:
                    translator = Translator(self.known, self.ghosts)
                    clause.text, clause.status = twin, "twin"
                    clause.code = self.assigns(translator, twin) if clause.kind == "assigns" \
                        else translator.term(Parser(twin).whole())
        return {file: self.changed(file) if file in self.tokens else text
                for file, text in self.texts.items()}

    def outside(self, name):
        """True if the body stands in compiler.h, which includes nothing, and the contract where
        the types that it speaks of are: no wrapper can know both."""
        return name in self.outlines[COMPILER_H].defined \
            and self.contracts[name].file != COMPILER_H

    def changed(self, file):
        text, seq, outline = self.texts[file], self.tokens[file], self.outlines[file]
        inserts = []    # (offset, what, end of what goes)
        for token, definition in self.emitted.get(file, ()):
            at = token.end
            if definition.name not in self.needed:
                continue
            if token.prover:
                at = next(t.end for t in seq if t.kind == "directive" and "stdint.h" in t.text)
                inserts.append((at, "\n" + definition.code, at))
            else:
                inserts.append((at, definition.code, at))
        for place, token, code in self.variables.values():
            if place == file:
                inserts.insert(0, (token.end, code, token.end))
        inserts += [(token.end, code, token.end) for token, code in self.statements.get(file, ())]
        include = set()
        for name, (_, start, end) in outline.defined.items():
            contract = self.contracts.get(name)
            if contract is None or seq[start].prover:
                continue
            if contract.file.endswith(".c") and contract.file != file:
                continue    # another static function of the same name
            head = max(h for h in outline.heads[name] if h <= start)
            if seq[head].prover:
                continue
            contract.wrapped = True
            if self.outside(name):
                continue
            if contract.file != file and file.endswith(".h") and contract.file != COMPILER_H:
                include.add(contract.file)
            inserts += self.wrapper(contract, seq, head, start, end)
        if include:
            guard = next(t for t in seq if t.kind == "directive" and t.text.startswith("#define"))
            names = "".join(f'\n#include "{name.replace("src/", "", 1)}"'
                            for name in sorted(include))
            inserts.append((guard.end, names, guard.end))
        inserts = [item for _, item in sorted(enumerate(inserts), reverse=True,
                                              key=lambda pair: (pair[1][0], pair[0]))]
        for at, what, past in inserts:
            text = text[:at] + what + text[past:]
        if file == COMPILER_H:
            if EXCHANGE not in text:
                raise Failure(f"{file}: '{EXCHANGE}' is not there; contracts_source.py has to know "
                              "how values are exchanged, as no tool follows the store in it")
            text = text.replace(EXCHANGE, "((old) = *(p), *(p) = (value))")
        return text

    def wrapper(self, contract, seq, head, start, end):
        """The inserts that make a function the body of a wrapper, which stands on its last line."""
        name_at = next(at for at in range(head, start) if seq[at].text == contract.name)
        spelled = " ".join(t.text for t in seq[head:start] if t.kind != "annot")
        kind = " ".join(t.text for t in self.type_tokens(seq[head:name_at]))
        names = parameter_names(seq[head:start])
        static = "" if seq[head].text == "static" or "static" in spelled.split() else "static "
        code = self.code(contract, kind, dict(zip(contract.parameters, names)), names)
        return [(seq[head].start, static, seq[head].start),
                (seq[name_at].start, contract.name + "__body", seq[name_at].end),
                (seq[end].end, f" __attribute__((__noinline__)) {spelled} {{ {code} }}",
                 seq[end].end)]

    @staticmethod
    def type_tokens(seq):
        found, at = [], 0
        while at < len(seq):
            word = seq[at].text
            if word.startswith("SLABPOOL_"):
                if at + 1 < len(seq) and seq[at + 1].text == "(":
                    at = after_parens(seq, at + 1)
                    continue
            elif word not in ("static", "inline") and seq[at].kind != "annot":
                found.append(seq[at])
            at += 1
        return found

    def used(self, contract, clause):
        return clause.code is not None and \
            (clause.file, contract.name, clause.key()) not in self.left_out

    def code(self, contract, kind, renamed, names):
        """The body of a wrapper."""
        def spell(code):
            return re.sub(r"\b[A-Za-z_]\w*", lambda m: renamed.get(m.group(), m.group()), code)
        parts = ["struct contracts_frame frame_; contracts_enter(&frame_, "
                 f"__builtin_frame_address(0), {int(contract.opaque)});"]
        assumed = {}    # behavior: the variable that says whether it applies
        for clause in contract.clauses:
            if clause.kind == "assumes" and clause.code is not None:
                known = clause.behavior in assumed
                variable = assumed.setdefault(clause.behavior, f"assumed_{clause.behavior}")
                parts.append(f"{'' if known else 'int '}{variable} = ({spell(clause.code)})"
                             f"{' && ' + variable if known else ''};")
        parts += self.checks(contract, "requires", assumed, spell)
        parts += self.frame(contract, assumed, spell)
        call = f"{contract.name}__body({', '.join(names)});"
        parts.append(call if kind == "void" else f"{kind} result_ = {call}")
        if re.fullmatch(r"struct \w+", kind):  # built where the caller wants it
            parts.append("contracts_result(&frame_, &result_, sizeof(result_));")
        if contract.acts:
            parts.append("contracts_own(&frame_);")
            parts += self.acts(contract, spell)
        if contract.name in NEW_MEMORY:
            place = self.assigns(Translator(self.known, self.ghosts), NEW_MEMORY[contract.name])[0]
            parts.append(f"if (result_) contracts_new({spell(place)});")
        parts.append("contracts_return(&frame_);")
        parts += self.checks(contract, "ensures", assumed, spell)
        parts.append("contracts_leave(&frame_);")
        if kind != "void":
            parts.append("return result_;")
        return " ".join(parts)

    def checks(self, contract, kind, assumed, spell):
        """The clauses of a kind; before the call also what behaviors have to be together."""
        found = []
        for clause in contract.clauses:
            if clause.kind in ("complete", "disjoint") and kind == "requires" \
                    and clause.status == "checked":
                test = " + ".join(f"!!{variable}" for variable in assumed.values())
                sign = ">=" if clause.kind == "complete" else "<="
                found.append(f"CONTRACTS_CHECK({clause.number}, ({test}) {sign} 1);")
            elif clause.kind == kind and self.used(contract, clause):
                guard = f"if ({assumed[clause.behavior]}) " if clause.behavior else ""
                found.append(f"{guard}CONTRACTS_CHECK({clause.number}, {spell(clause.code)});")
        return found

    def frame(self, contract, assumed, spell):
        """Where the call may store: what assigns says, or that of the behavior that applies."""
        found, number = [], "0"
        exits = next((c.number for c in contract.clauses if c.kind == "exits"), 0)
        for clause in sorted(contract.clauses, key=lambda c: bool(c.behavior)):
            if clause.kind != "assigns" or not self.used(contract, clause):
                continue
            guard = ""
            if clause.behavior:
                guard = f"if ({assumed[clause.behavior]}) "
                found.append(f"{guard}frame_.places = 0;")
                number = f"{assumed[clause.behavior]} ? {clause.number} : {number}"
            else:
                number = str(clause.number)
            found += [f"{guard}contracts_may_store(&frame_, {spell(c)});" for c in clause.code]
        if contract.opaque:
            number = "0"
        return [*found, f"contracts_call(&frame_, {number}, {exits});"]

    def acts(self, contract, spell):
        """What ensures clauses say of ghost variables, as assignments."""
        translator, found = Translator(self.known, self.ghosts | self.undefined()), []

        def act(tree, guard):
            if tree[0] == "binary" and tree[1] == "==>":
                act(tree[3], f"{guard}if ({spell(translator.term(tree[2]))}) ")
            elif tree[0] == "binary" and tree[1] == "&&":
                act(tree[2], guard)
                act(tree[3], guard)
            elif tree[0] == "relation" and tree[2] == "==" and tree[1][0] == "name" \
                    and tree[1][1] in self.variables and len(tree) == 4:
                found.append(f"{guard}{tree[1][1]} = {spell(translator.term(tree[3]))};")
        for clause in contract.clauses:
            if clause.kind == "ensures" and clause.code is not None:
                act(Parser(clause.text).whole(), "")
        return found

    def table(self):
        """contracts_clauses[] as C."""
        rows = ["{0, 0, 0, 0, 0, 0}"]
        for name in sorted(self.contracts):
            for clause in self.contracts[name].clauses:
                cells = [json.dumps(clause.file), str(clause.line), json.dumps(name),
                         json.dumps((clause.behavior + ": " if clause.behavior else "")
                                    + clause.kind),
                         json.dumps(clause.name), json.dumps(clause.text)]
                rows.append("{" + ", ".join(cells) + "}")
        own = sorted(self.variables)
        kinds = [re.search(r"\)\) (.*?)\w+(?: = .*)?;$", self.variables[name][2]).group(1)
                 for name in own]
        ghosts = "".join(f"extern {kind}{name} __attribute__((__weak__));\n"
                         for kind, name in zip(kinds, own)) \
            + "char *const contracts_ghosts[] = {" \
            + ", ".join(f"(char *)&{name}" for name in own) + ", 0};\n" \
            + "const size_t contracts_ghost_bytes[] = {" \
            + ", ".join(f"sizeof({kind})" for kind in kinds) + ", 0};\n"
        return ('#include "contracts.h"\n' + ghosts +
                "const struct contracts_clause contracts_clauses[] = {\n"
                + ",\n".join(rows) + "\n};\n"
                f"const unsigned int contracts_clause_count = {len(rows)};\n")
