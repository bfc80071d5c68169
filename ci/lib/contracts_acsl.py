# SPDX-License-Identifier: MIT
"""ACSL as C for ci/replay --contracts: predicates, logic functions and clauses become expressions
that are evaluated while the program runs. Integers are 128 bits wide; a quantifier becomes a loop
over bounds that its formula implies; the state before a call is read by undoing its stores."""

import re

LEX = re.compile(r"""\s+|//[^\n]*|/\*.*?\*/|(?P<word>\\?[A-Za-z_]\w*)
    |(?P<number>0[xX][0-9a-fA-F]+[uUlL]*|\d+[uUlL]*)
    |(?P<sign><==>|==>|\.\.|->|<<|>>|<=|>=|==|!=|&&|\|\||\^\^|[-+*/%<>=!~&|^?:;,.()\[\]{}])
    |(?P<else>.)""", re.S | re.X)
TYPES = frozenset("void char short int long unsigned signed bool _Bool struct const size_t "
                  "uintptr_t uint8_t uint16_t uint32_t uint64_t int64_t int32_t".split())
RELATIONS = ("==", "!=", "<", "<=", ">", ">=")
# Weakest first; each level is left associative but ==>.
LEVELS = (("<==>",), ("==>",), ("||",), ("^^",), ("&&",), ("|",), ("^",), ("&",), RELATIONS,
          ("<<", ">>"), ("+", "-"), ("*", "/", "%"))
OVERLOADED = {}     # (name, how many parameters): the name that C gets
NOW = {"Here": "1", "Post": "1", "Pre": "0", "Old": "0"}


class Untranslated(Exception):
    """What of a formula has no executable form."""


def lex(text):
    found = []
    for match in LEX.finditer(text):
        if match.lastgroup == "else":
            raise Untranslated(f"'{match.group()}'")
        if match.lastgroup:
            found.append(match.group())
    return found


class Parser:
    """Formulas and terms as tuples: (kind, parts ...)."""

    def __init__(self, text):
        self.words, self.at = lex(text), 0

    def peek(self, ahead=0):
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    def take(self, wanted=None):
        word = self.peek()
        if wanted is not None and word != wanted:
            raise Untranslated(f"'{wanted}' expected before '{word}'")
        self.at += 1
        return word

    def whole(self):
        tree = self.formula()
        if self.peek():
            raise Untranslated(f"'{self.peek()}' was not expected")
        return tree

    def formula(self):
        if self.peek() in ("\\forall", "\\exists"):
            kind = self.take()[1:]
            names = self.binders()
            self.take(";")
            return ("quantifier", kind, names, self.formula())
        if self.peek() == "\\let":
            raise Untranslated("\\let")
        left = self.level(0)
        if self.peek() != "?":
            return left
        self.take()
        then = self.formula()
        self.take(":")
        return ("if", left, then, self.formula())

    def binders(self):
        words = []
        while self.peek() != ";":
            words.append(self.take())
        if words[0] != "integer":
            raise Untranslated(f"a quantifier over {words[0]}")
        return [word for word in words[1:] if word != ","]

    def level(self, depth):
        if depth == len(LEVELS):
            return self.unary()
        if self.peek() in ("\\forall", "\\exists"):
            return self.formula()
        left = self.level(depth + 1)
        signs = LEVELS[depth]
        if signs is RELATIONS and self.peek() in signs:
            chain = [left]
            while self.peek() in signs:
                chain += [self.take(), self.level(depth + 1)]
            return ("relation", *chain)
        while self.peek() in signs:
            sign = self.take()
            right = self.level(depth if sign == "==>" else depth + 1)
            left = ("binary", sign, left, right)
        return left

    def type_ahead(self):
        return self.peek() == "(" and (self.peek(1) in TYPES)

    def unary(self):
        word = self.peek()
        if word in ("!", "-", "~", "*", "&", "+"):
            self.take()
            return ("unary", word, self.unary())
        if self.type_ahead():
            return ("cast", self.parenthesised(), self.unary())
        if word == "sizeof":
            self.take()
            return ("sizeof", self.parenthesised())
        return self.postfix(self.primary())

    def parenthesised(self):
        """The words of a type in parentheses."""
        self.take("(")
        words = []
        while self.peek() != ")":
            words.append(self.take())
        self.take(")")
        return " ".join(words)

    def primary(self):
        word = self.take()
        if word == "(":
            if self.range_ahead():
                low = self.formula()
                self.take("..")
                tree = ("range", low, self.formula())
            else:
                tree = self.formula()
            self.take(")")
            return tree
        if re.match(r"\d", word):
            return ("number", word)
        if not re.match(r"\\?[A-Za-z_]", word):
            raise Untranslated(f"'{word}'")
        labels = []
        if self.peek() == "{":
            self.take()
            while self.peek() != "}":
                if self.peek() != ",":
                    labels.append(self.peek())
                self.take()
            self.take("}")
        if self.peek() == "(":
            found = self.arguments()
            return ("call", OVERLOADED.get((word, len(found)), word), labels, found)
        if word.startswith("\\"):
            return ("word", word)
        return ("name", word, labels)

    def range_ahead(self):
        """True if a .. stands before the parenthesis closes."""
        depth = 0
        for word in self.words[self.at:]:
            depth += (word in "([") - (word in ")]")
            if depth < 0:
                return False
            if word == ".." and not depth:
                return True
        return False

    def arguments(self):
        self.take("(")
        found = []
        while self.peek() != ")":
            found.append(self.formula())
            if self.peek() == ",":
                self.take()
        self.take(")")
        return found

    def postfix(self, tree):
        while True:
            word = self.peek()
            if word == "[":
                self.take()
                if self.range_ahead():
                    low = self.formula()
                    self.take("..")
                    tree = ("index", tree, ("range", low, self.formula()))
                else:
                    tree = ("index", tree, self.formula())
                self.take("]")
            elif word in ("->", "."):
                self.take()
                tree = ("member", word, tree, self.take())
            else:
                return tree


class Definition:
    """A predicate or a logic function."""

    def __init__(self, name, labels, parameters, body, result):
        self.name, self.labels, self.predicate = name, labels, result == "int"
        self.result = result            # as C has it
        self.parameters = parameters    # [(type, name)]
        self.body = body                # tree, or None if it cannot be parsed
        self.missing = None             # why it has no executable form
        self.partial = set()            # what was left out of it where it may only be weaker


DEFINITION = re.compile(r"\b(predicate|logic\s+(?:integer|[\w\s]+?\*+))\s*\b(\w+)\s*"
                        r"(?:\{([^}]*)\})?\s*(?:\(([^=]*?)\))?\s*=", re.S)


def definitions(text):
    """Those of one annotation. Text is without its comment signs."""
    found = []
    text = re.sub(r"//[^\n]*", lambda m: " " * len(m.group()), text)
    for match in DEFINITION.finditer(text):
        for end in range(match.end(), len(text)):
            # A quantifier ends its variables by ';', a definition itself.
            if text[end] == ";" and not re.search(r"\\(forall|exists)\s+integer\s+[\w\s,]*$",
                                                  text[match.end():end]):
                break
        (kind, name, labels, parameters), split = match.group(1, 2, 3, 4), []
        for part in (parameters or "").split(","):
            if part.strip():
                spelled = re.match(r"(.*?)(\w+)\s*$", " ".join(part.split()), re.S)
                split.append((spelled.group(1).strip(), spelled.group(2)))
        name = OVERLOADED.get((name, len(split)), name)
        labels = [label.strip() for label in (labels or "").split(",") if label.strip()]
        try:
            body = Parser(text[match.end():end]).whole()
        except Untranslated:
            body = None
        found.append(Definition(name, labels, split, body, " ".join(
            kind.split()[1:]).replace("integer", "__int128") or "int"))
    return found


def replace(tree, names):
    """The tree with other trees for some names."""
    if isinstance(tree, tuple):
        if tree[0] == "name" and tree[1] in names:
            return names[tree[1]]
        return tuple(replace(part, names) for part in tree)
    if isinstance(tree, list):
        return [replace(part, names) for part in tree]
    return tree


def mentions(tree, names):
    if isinstance(tree, tuple):
        return (tree[0] == "name" and tree[1] in names) \
            or any(mentions(part, names) for part in tree)
    return isinstance(tree, list) and any(mentions(part, names) for part in tree)


class Translator:
    """Trees as C. known: {name: Definition}; ghosts: names that no program has."""
    flexible = frozenset()  # names of members that are arrays without a length
    structs = frozenset()   # names of members that are structs

    def __init__(self, known, ghosts):
        self.known, self.ghosts = known, ghosts
        self.partial = set()
        self.count = 0
        self.labels = dict(NOW)
        self.locals = {}

    # Bounds of a variable ------------------------------------------------------------------------

    def outside(self, tree, name, later, truth, depth=0):
        """Ranges [(low, past)] such that for a value of name in none of them the formula is true
        (or false). None if there is none. later: names that bounds cannot speak of."""
        kind = tree[0]
        if kind == "relation" and not truth:
            return self.chain_range(tree[1:], name, later)
        if kind == "binary" and tree[1] in ("&&", "||", "==>", "<==>"):
            sign, left, right = tree[1:]
            if sign == "==>":
                sides = ((left, not truth), (right, truth))
                either = truth
            elif sign == "<==>":
                if not truth:
                    return None
                sides, either = ((left, False), (right, False)), False
            else:
                sides = ((left, truth), (right, truth))
                either = (sign == "||") == truth
            found = [self.outside(side, name, later, value, depth) for side, value in sides]
            if either:
                return min((ranges for ranges in found if ranges is not None), key=len,
                           default=None)
            return None if None in found else found[0] + found[1]
        if kind == "unary" and tree[1] == "!":
            return self.outside(tree[2], name, later, not truth, depth)
        if kind == "quantifier":
            return self.outside(tree[3], name, later | set(tree[2]), truth, depth)
        if kind == "call" and tree[1] in self.known and depth < 8:
            definition = self.known[tree[1]]
            if definition.body and definition.predicate and len(definition.labels) < 2 \
                    and not tree[2]:
                body = replace(definition.body, dict(zip(
                    (name for _, name in definition.parameters), tree[3])))
                return self.outside(body, name, later, truth, depth + 1)
        return None

    @staticmethod
    def chain_range(chain, name, later):
        """The range that a chain of relations gives a name: one, or None."""
        def plain(tree):
            return not mentions(tree, later | {name})
        places = [at for at in range(0, len(chain), 2) if chain[at] == ("name", name, [])]
        one = ("number", "1")
        for place in places:
            low = past = None
            for at in range(place, 0, -2):     # to the left
                sign = chain[at - 1]
                if sign not in ("<", "<=", "=="):
                    break
                if plain(chain[at - 2]):
                    low = chain[at - 2] if sign != "<" else ("binary", "+", chain[at - 2], one)
                    break
            for at in range(place, len(chain) - 1, 2):
                sign = chain[at + 1]
                if sign not in ("<", "<=", "=="):
                    break
                if plain(chain[at + 2]):
                    past = chain[at + 2] if sign == "<" else ("binary", "+", chain[at + 2], one)
                    break
            for at, signs in ((place + 1, ("==",)), (place - 1, ("==",))):
                if 0 < at < len(chain) - 1 and chain[at] in signs:
                    other = chain[at + 1 if at > place else at - 1]
                    if plain(other):
                        return [(other, ("binary", "+", other, one))]
            if low is not None and past is not None:
                return [(low, past)]
        return None

    def bounds(self, tree, name, later, universal):
        """One range of each part of a conjunction may give one bound: 0 <= i && i < n."""
        ranges = self.outside(tree, name, later, universal)
        if ranges is not None:
            return ranges
        # Loose conjuncts: the first that bounds from below and the first that does from above.
        body = tree[2] if universal and tree[0] == "binary" and tree[1] == "==>" else tree
        low = past = None
        for part in self.conjuncts(body):
            if part[0] != "relation":
                continue
            low = low or self.half(part[1:], name, later, -1)
            past = past or self.half(part[1:], name, later, 1)
        return [(low, past)] if low is not None and past is not None else None

    def conjuncts(self, tree):
        if tree[0] == "binary" and tree[1] == "&&":
            return self.conjuncts(tree[2]) + self.conjuncts(tree[3])
        return [tree]

    @staticmethod
    def half(chain, name, later, way):
        one = ("number", "1")
        for at in range(0, len(chain), 2):
            if chain[at] == ("name", name, []) and 0 <= at + 2 * way < len(chain):
                sign, other = chain[at + way], chain[at + 2 * way]
                if sign in ("<", "<=") and not mentions(other, later | {name}):
                    if (way > 0) == (sign == "<="):
                        return ("binary", "+", other, one)
                    return other
        return None

    def fresh(self):
        self.count += 1
        return f"c{self.count}_"

    def formula(self, tree):
        """A formula in a place where it may only become weaker: parts of a conjunction that
        cannot be translated are left out, and self.partial says so."""
        if tree[0] == "binary" and tree[1] == "&&":
            found = []
            for part in tree[2:]:
                try:
                    found.append(self.formula(part))
                except Untranslated as error:
                    self.partial.add(str(error))
            if not found:
                raise Untranslated("; ".join(sorted(self.partial)))
            return "(" + " && ".join(found) + ")"
        if tree[0] == "binary" and tree[1] == "||":
            return f"({self.formula(tree[2])} || {self.formula(tree[3])})"
        if tree[0] == "binary" and tree[1] == "==>":
            return f"(!{self.term(tree[2])} || {self.formula(tree[3])})"
        if tree[0] == "call" and tree[1] in self.known:
            definition = self.known[tree[1]]
            if definition.partial:
                self.partial |= definition.partial
                return self.call(tree, weak=True)
        return self.term(tree)

    def term(self, tree):
        return getattr(self, "c_" + tree[0])(*tree[1:])

    def c_number(self, text):
        return f"((__int128){text})"

    def c_word(self, word):
        simple = {"\\true": "1", "\\false": "0", "\\null": "((void *)0)", "\\result": "result_"}
        if word not in simple:
            raise Untranslated(word)
        return f"CONTRACTS_V({simple[word]})" if word == "\\result" else simple[word]

    def c_name(self, name, labels):
        if name in self.locals:
            return self.locals[name]
        if name in self.ghosts:
            raise Untranslated(f"ghost {name}")
        if name in self.known and not self.known[name].parameters:
            return self.call(("call", name, labels, []))
        return f"CONTRACTS_V({name})"

    def raw(self, tree):
        """An lvalue, as C has it."""
        kind = tree[0]
        if kind == "name":
            if tree[1] in self.ghosts:
                raise Untranslated(f"ghost {tree[1]}")
            return self.locals.get(tree[1], tree[1])
        if kind == "member":
            return f"{self.raw(tree[2])}{tree[1]}{tree[3]}"
        if kind == "index":
            return f"{self.raw(tree[1])}[{self.term(tree[2])}]"
        if kind == "unary" and tree[1] == "*":
            return f"(*{self.raw(tree[2])})"
        if kind == "word" and tree[1] == "\\result":
            return "result_"
        return f"({self.term(tree)})"

    def c_member(self, *parts):
        if parts[2] in self.flexible:  # the address of what follows the struct: nothing is read
            return f"({self.raw(('member', *parts))})"
        return f"CONTRACTS_V(CONTRACTS_READ({self.raw(('member', *parts))}))"

    def c_index(self, *parts):
        if parts[1][0] == "range":
            raise Untranslated("a range in a term")
        return f"CONTRACTS_V(CONTRACTS_READ({self.raw(('index', *parts))}))"

    def c_unary(self, sign, inner):
        if sign == "*":
            return f"CONTRACTS_V(CONTRACTS_READ({self.raw(('unary', sign, inner))}))"
        if sign == "&":
            return f"(&{self.raw(inner)})"
        return f"({sign}{self.term(inner)})"

    def c_cast(self, kind, inner):
        return f"CONTRACTS_V(({kind})({self.term(inner)}))"

    def c_sizeof(self, kind):
        return f"((__int128)sizeof({kind}))"

    def c_binary(self, sign, left, right):
        a, b = self.term(left), self.term(right)
        special = {"/": "contracts_quotient", "%": "contracts_remainder", "<<": "contracts_up",
                   ">>": "contracts_down"}
        if sign in special:
            return f"{special[sign]}({a}, {b})"
        if sign == "==>":
            return f"(!{a} || {b})"
        if sign in ("<==>", "^^"):
            return f"(!{a} {'==' if sign == '<==>' else '!='} !{b})"
        return f"({a} {sign} {b})"

    def c_relation(self, *chain):
        return "(" + " && ".join(self.relation(*chain[at:at + 3])
                                 for at in range(0, len(chain) - 2, 2)) + ")"

    def relation(self, left, sign, right):
        whole = self.struct(left), self.struct(right)
        if sign in ("==", "!=") and None not in whole:  # C compares no structs
            return f"{'!' * (sign == '!=')}CONTRACTS_SAME({whole[0]}, {whole[1]})"
        return f"({self.term(left)} {sign} {self.term(right)})"

    def struct(self, tree):
        """The value of a member that is a struct; None if the tree is something else."""
        if tree[0] == "member" and tree[3] in self.structs:
            return f"CONTRACTS_READ({self.raw(tree)})"
        if tree[0] == "call" and tree[1] in ("\\old", "\\at"):
            inner = self.struct(tree[3][0])
            label = "Old" if tree[1] == "\\old" else tree[3][1][1]
            return inner and self.at(label, inner)
        return None

    def c_if(self, condition, then, other):
        return f"({self.term(condition)} ? {self.term(then)} : {self.term(other)})"

    def c_range(self, *_):
        raise Untranslated("a range in a term")

    def c_quantifier(self, kind, names, body):
        universal = kind == "forall"
        before, ranges = dict(self.locals), []
        for at, name in enumerate(names):
            found = self.bounds(body, name, set(names[at + 1:]), universal)
            if found is None:
                self.locals = before
                raise Untranslated(f"\\{kind} {name} without bounds")
            ranges.append((name, found))
        text, ends, answer = "", "", self.fresh()
        for name, found in ranges:
            low, past = self.fresh(), self.fresh()
            lows = [self.term(part[0]) for part in found]
            pasts = [self.term(part[1]) for part in found]
            first, last = lows[0], pasts[0]
            for more in lows[1:]:
                first = f"contracts_least({first}, {more})"
            for more in pasts[1:]:
                last = f"contracts_most({last}, {more})"
            variable = f"{name}_{self.fresh()}"
            self.locals[name] = variable
            text += (f"__int128 {low} = {first}, {past} = {last}; for (__int128 {variable} = {low};"
                     f" {variable} < {past} && {answer} == {int(universal)} &&"
                     f" contracts_steps < contracts_steps_end; {variable}++)"
                     " { contracts_steps++; ")
            ends += "}"
        inner = self.term(body)
        self.locals = before
        return (f"({{ int {answer} = {int(universal)}; {text}{answer} = !!({inner}); {ends}"
                f" {answer}; }})")

    def at(self, label, text):
        if label not in self.labels:
            raise Untranslated(f"label {label}")
        return f"CONTRACTS_AT({self.labels[label]}, {text})"

    def c_call(self, name, labels, arguments):
        if name == "\\old":
            return self.at("Old", self.term(arguments[0]))
        if name == "\\at":
            return self.at(arguments[1][1], self.term(arguments[0]))
        if name in ("\\valid", "\\valid_read"):
            return " && ".join(f"contracts_valid({self.place(part)})" for part in arguments)
        if name == "\\separated":
            places = ", ".join(self.place(part) for part in arguments)
            return (f"contracts_separated({len(arguments)}, "
                    f"(struct contracts_place[]){{ {places} }})")
        return self.call(("call", name, labels, arguments))

    def call(self, tree, weak=False):
        _, name, labels, arguments = tree
        if name not in self.known:
            raise Untranslated(name)
        definition = self.known[name]
        if definition.missing:
            raise Untranslated(definition.missing)
        if definition.partial and not weak:
            raise Untranslated("; ".join(sorted(definition.partial)))
        values = [self.raw(a) if not kind.startswith("integer") else self.term(a)
                  for (kind, _), a in zip(definition.parameters, arguments)]
        if len(definition.labels) > 1:
            if len(labels) != len(definition.labels):
                raise Untranslated(f"{name} without labels")
            times = []
            for label in labels:
                if label not in self.labels:
                    raise Untranslated(f"label {label}")
                times.append(self.labels[label])
            return f"logic_{name}({', '.join(times + values)})"
        if labels:
            names = [self.fresh() for _ in values]
            let = "".join(f"__auto_type {n} = {v}; " for n, v in zip(names, values))
            inside = self.at(labels[0], f"logic_{name}({', '.join(names)})")
            return f"({{ {let}{inside}; }})"
        return f"logic_{name}({', '.join(values)})"

    def place(self, tree):
        """A set of addresses, as \\valid and \\separated take it."""
        if tree[0] == "binary" and tree[1] == "+" and tree[3][0] == "range":
            base = tree[2]
            return (f"CONTRACTS_PLACE({self.raw(base)}, {self.term(tree[3][1])}, "
                    f"{self.term(tree[3][2])})")
        if tree[0] == "unary" and tree[1] == "&":
            return self.lvalue(tree[2])
        return f"CONTRACTS_PLACE({self.term(tree)}, 0, 0)"

    def lvalue(self, tree):
        """A location of assigns."""
        if tree[0] == "index" and tree[2][0] == "range":
            return (f"CONTRACTS_PLACE(&{self.raw(tree[1])}[0], {self.term(tree[2][1])}, "
                    f"{self.term(tree[2][2])})")
        if tree[0] not in ("name", "member", "index", "unary"):
            raise Untranslated("a location of this form")
        return f"CONTRACTS_PLACE(&{self.raw(tree)}, 0, 0)"


def logic_in_c(definition, known, ghosts):
    """The C function of a definition, on one line, or "" if it has none."""
    if definition.body is None:
        definition.missing = f"{definition.name} is not understood"
        return ""
    translator = Translator(known, ghosts)
    parameters = []
    if len(definition.labels) > 1:
        translator.labels = {label: f"at_{label}" for label in definition.labels}
        parameters += [f"int at_{label}" for label in definition.labels]
    else:
        translator.labels = {label: "contracts_time" for label in definition.labels + ["Here"]}
    for kind, name in definition.parameters:
        if kind == "integer":
            translator.locals[name] = f"{name}_"
            parameters.append(f"__int128 {name}_")
        else:
            parameters.append(f"{kind} {name}")
    try:
        if definition.predicate:
            body = translator.formula(definition.body)
            definition.partial = translator.partial
        else:
            body = translator.term(definition.body)
    except Untranslated as error:
        definition.missing = str(error)
        return ""
    return (f"CONTRACTS_LOGIC static {definition.result} logic_{definition.name}"
            f"({', '.join(parameters) or 'void'}) {{ return {body}; }} ")
