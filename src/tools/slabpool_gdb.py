# SPDX-License-Identifier: MIT
"""gdb commands that show what slabpool holds, in a live process and in a core file.

    slabpool caches [-a]        all caches, a line each; -a: the allocator's own, too
    slabpool cache NAME         one cache, and a map of its slabs
    slabpool obj POINTER        what a pointer is
    slabpool check              whether the structures agree with each other

Each takes `-i EXPRESSION` first: an instance that slabpool_create() gave, instead of the default
one. Nothing is called in the process and nothing is written: all is read from its memory, by the
library's debug information. A thread that was stopped inside of slabpool may be in the middle of a
change; what `check` says of its cache is to be taken with that in mind.

In a map a character is an object: `#` live, `.` free in its slab, `m` in a thread's magazine, `d`
in the depot, `?` none of these, which `check` explains."""

import struct

import gdb

PAGE_RUN, UNUSED, NO_SLAB = 0x80000000, 0xffffffff, 0xffffffff
TAG_SHARED = 255
RUNS = {252: "kmalloc", 253: "alloc_pages", 254: "vmalloc"}
MAP_WIDTH, MAP_SLABS, ERRORS_SHOWN = 64, 64, 40
LIST_NAMES = ("partial, at most a quarter free", "partial, at most half free",
              "partial, at most three quarters free", "partial, nearly all free", "empty", "full")


def number(value):
    return int(value) & 0xffffffffffffffff


class Memory:
    """What is read of the program in one piece."""

    def __init__(self):
        self.inferior = gdb.selected_inferior()
        self.order = ">" if "big" in gdb.execute("show endian", to_string=True) else "<"

    def bytes(self, address, count):
        return bytes(self.inferior.read_memory(number(address), count)) if count else b""

    def words(self, address, count, code):
        size = struct.calcsize(code)
        return struct.unpack(f"{self.order}{count}{code}", self.bytes(address, count * size))


class Slab:
    """A slab of a cache, with its objects' states as they were read."""

    def __init__(self, instance, arena, which):
        self.which, self.arena = which, arena
        self.at = arena.slab[which]
        self.capacity, self.free_count = int(self.at["capacity"]), int(self.at["free_count"])
        self.first, self.stride = int(self.at["first"]), int(self.at["stride"])
        self.bytes, self.page = int(self.at["bytes"]), int(self.at["page"])
        self.list = int(self.at["list"])
        self.address = arena.address + (self.page << instance.page_shift)
        words = instance.memory.words(self.at["free_bits"], (self.capacity + 63) // 64, "Q")
        self.free = sum(word << 64 * k for k, word in enumerate(words))
        start = (self.page << instance.page_shift) >> arena.shift
        self.states = instance.memory.bytes(arena.state + start, self.bytes >> arena.shift)

    def start(self, index):
        return self.address + self.first + index * self.stride

    def is_free(self, index):
        return bool(self.free >> index & 1)

    def granule(self, index):
        return (self.first + index * self.stride) >> self.arena.shift

    def state(self, index):
        return self.states[self.granule(index)]


class Arena:
    def __init__(self, value):
        self.value = value
        self.address, self.shift = number(value["address"]), int(value["granule_shift"])
        self.opened, self.pages = int(value["opened"]), int(value["pages"])
        self.slab_count, self.slab = int(value["slab_count"]), value["slab"]
        self.state, self.page_map = number(value["state"]), number(value["page_map"])


class Cache:
    def __init__(self, instance, value):
        self.instance, self.value = instance, value
        self.address, self.id = number(value.address), int(value["id"])
        self.name = value["name"].string(errors="replace")
        self.size, self.tag = int(value["size"]), int(value["hot"]["tag"])
        self.capacity = int(value["geometry"]["capacity"])
        self.arena = instance.arena_at(value["arena"])
        self.places = None

    def slabs(self):
        """All slabs that say they are this cache's, by their place in the arena."""
        for which in range(self.arena.slab_count):
            at = self.arena.slab[which]
            if int(at["cache"]) != UNUSED and number(at["owner"]) == self.address:
                yield Slab(self.instance, self.arena, which)

    def stores(self):
        """(what, store, objects) of all magazines and of the depot."""
        for k, record in enumerate(self.instance.threads()):
            slot = record["slot"][self.id]
            if number(slot["cache"]) != self.address:
                continue
            for name in ("loaded", "spare"):
                magazine = slot[name]
                if number(magazine["store"]):
                    yield f"{name} magazine of thread {k + 1}", magazine["store"], \
                        int(magazine["count"])
        heads = [home["full"] for home in self.instance.elements(self.value["home"])]
        for head in heads + [self.value["old"]]:
            while number(head):
                yield "depot", head, int(head["count"])
                head = head["next"]

    def held(self):
        """Where each object is that a thread or the depot holds: {address: [place, ...]}"""
        if self.places is None:
            self.places, code = {}, "Q" if self.instance.pointer == 8 else "I"
            for place, store, count in self.stores():
                for address in self.instance.memory.words(store["object"].address, count, code):
                    self.places.setdefault(address, []).append(place)
        return self.places

    def tag_of(self, state):
        return state == self.tag

    def character(self, slab, index):
        """An object's in a map."""
        place = self.held().get(slab.start(index), [])
        if slab.is_free(index):
            return "." if slab.state(index) == 0 and not place else "?"
        if self.tag_of(slab.state(index)):
            return "#" if not place else "?"
        if slab.state(index) or len(place) != 1:
            return "?"
        return "d" if place[0] == "depot" else "m"

    def in_magazines(self):
        return sum(count for place, _, count in self.stores() if place != "depot")


class Instance:
    def __init__(self, expression):
        self.memory = Memory()
        if expression:
            pool = gdb.parse_and_eval(expression)
        else:
            pool = self.default()
        try:
            self.pool = pool.cast(gdb.lookup_type("struct slabpool").pointer()).dereference()
            self.pool["kmalloc"]
        except gdb.error as error:
            raise gdb.GdbError("slabpool: no debug information of the library in this program "
                               f"({error}); build it with -g, or load its symbols") from error
        self.pointer = gdb.lookup_type("void").pointer().sizeof
        self.arenas = [Arena(self.pool["arena"][k]) for k in range(
            self.length(self.pool["arena"])) if int(self.pool["arena_made"][k])]
        self.page_shift = 12
        self.page_shift = self.find_page_shift()

    @staticmethod
    def default():
        try:
            pool = gdb.parse_and_eval("slabpool_default_instance")
        except gdb.error as error:
            raise gdb.GdbError("slabpool: this program has no libslabpool, or no debug "
                               f"information of it; name an instance with -i ({error})") from error
        if not number(pool):
            raise gdb.GdbError("slabpool: the default instance has not been used yet; name "
                               "another one with -i")
        return pool

    @staticmethod
    def length(array):
        return array.type.range()[1] + 1

    def elements(self, array):
        return [array[k] for k in range(self.length(array))]

    def find_page_shift(self):
        """The library's page, by a slab and its cache's order."""
        for arena in self.arenas:
            for which in range(arena.slab_count):
                at = arena.slab[which]
                if int(at["cache"]) != UNUSED and number(at["owner"]):
                    page = int(at["bytes"]) >> int(at["owner"]["geometry"]["order"])
                    return page.bit_length() - 1
        return 12

    def arena_at(self, pointer):
        for arena in self.arenas:
            if number(arena.value.address) == number(pointer):
                return arena
        raise gdb.GdbError(f"slabpool: {int(pointer):#x} is no arena of this instance")

    def threads(self):
        record = self.pool["threads"]
        while number(record):
            yield record
            record = record["next"]

    def caches(self, own=False):
        cache = self.pool["first"]
        while number(cache):
            yield Cache(self, cache.dereference())
            cache = cache["next"]
        if own:
            yield from self.own_caches()

    def own_caches(self):
        """Those of the allocator's own objects, called after what they hold."""
        names = {field.enumval: field.name for field in
                 gdb.lookup_type("enum instance_meta").fields()}
        for k, value in enumerate(self.elements(self.pool["meta"])):
            cache = Cache(self, value)
            cache.name = "own/" + names[k].replace("META_", "").lower().replace("_", "-")
            yield cache

    def find(self, address):
        """(arena, page, entry of the page map) of an address in an open page."""
        for arena in self.arenas:
            page = (address - arena.address) >> self.page_shift
            if 0 <= page < arena.opened:
                return arena, page, self.memory.words(arena.page_map + 4 * page, 1, "I")[0]
        return None, 0, 0

    def run_around(self, arena, page):
        """(first page, pages) of the page run that a page is in, or None."""
        entries = self.memory.words(arena.page_map, page + 1, "I")
        first = page
        while first > 0 and entries[first] == 0:
            first -= 1
        if entries[first] >= PAGE_RUN and page < first + entries[first] - PAGE_RUN:
            return first, entries[first] - PAGE_RUN
        return None


def options(text, allowed=""):
    """(words, letters, instance) of what was typed behind a command."""
    words, letters, expression = gdb.string_to_argv(text), set(), None
    while words and words[0].startswith("-") and len(words[0]) == 2:
        letter = words.pop(0)[1]
        if letter == "i" and words:
            expression = words.pop(0)
        elif letter in allowed:
            letters.add(letter)
        else:
            raise gdb.GdbError(f"slabpool: unknown option -{letter}; try 'help slabpool'")
    return words, letters, Instance(expression)


def one(words, usage):
    if len(words) != 1:
        raise gdb.GdbError(f"slabpool: usage: {usage}")
    return words[0]


def command(name, completer=gdb.COMPLETE_NONE):
    """Makes a gdb command of a function of the text behind it."""
    def make(function):
        def invoke(_, text, from_tty):
            try:
                function(text)
            except gdb.error as error:
                raise gdb.GdbError(f"slabpool: {error}") from error
        type(name, (gdb.Command,), {"__doc__": function.__doc__, "invoke": invoke})(
            name, gdb.COMMAND_DATA, completer)
        return function
    return make


class Prefix(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("slabpool", gdb.COMMAND_DATA, prefix=True)

    def invoke(self, text, _):
        if text:
            raise gdb.GdbError(f"slabpool: unknown command '{text}'; try 'help slabpool'")
        gdb.execute("help slabpool")


Prefix()


def show_line(cache):
    info, free = cache.value, int(cache.value["free_objects"])
    total, depot = int(info["slabs"]) * cache.capacity, int(info["depot_objects"])
    magazines = cache.in_magazines()
    print(f"{cache.name:<20} {total - free - depot - magazines:>8} {total:>8} {cache.size:>7} "
          f"{int(info['geometry']['stride']):>7} {cache.capacity:>7} {int(info['slabs']):>7} "
          f"{magazines:>9} {depot:>7} {int(info['limit']):>6}")


@command("slabpool caches")
def show_caches(text):
    """slabpool caches [-i INSTANCE] [-a]
All caches, oldest first; -a: the allocator's own, too. live: objects with the user; total: room in
all slabs; in sizes bytes; magazine, depot: free objects that threads and the depot hold."""
    words, letters, instance = options(text, "a")
    if words:
        raise gdb.GdbError("slabpool: usage: slabpool caches [-i INSTANCE] [-a]")
    print(f"{'name':<20} {'live':>8} {'total':>8} {'size':>7} {'stride':>7} {'perslab':>7} "
          f"{'slabs':>7} {'magazines':>9} {'depot':>7} {'limit':>6}")
    for cache in instance.caches("a" in letters):
        show_line(cache)


def show_map(lines):
    """Lines that are as the one before are one `*`, as hexdump does it."""
    before = None
    for k, line in enumerate(lines):
        if line != lines[k - 1] or k in (0, len(lines) - 1):
            print(f"    {line}")
        elif before != "*":
            print("    *")
            line = "*"
        else:
            line = before
        before = line


@command("slabpool cache")
def show_cache(text):
    """slabpool cache [-i INSTANCE] NAME
One cache and its slabs, a character an object: # live, . free in its slab, m in a thread's
magazine, d in the depot, ? none of these."""
    words, _, instance = options(text)
    name = one(words, "slabpool cache [-i INSTANCE] NAME")
    found = [cache for cache in instance.caches(True) if cache.name == name]
    if not found:
        raise gdb.GdbError(f"slabpool: there is no cache '{name}'; 'slabpool caches' shows them")
    for cache in found:
        geometry = cache.value["geometry"]
        print(f"cache {cache.name} at {cache.address:#x}: {cache.size} bytes an object, "
              f"{int(geometry['stride'])} from one to the next, aligned to "
              f"{int(geometry['align'])}")
        slabs = list(cache.slabs())
        print(f"{len(slabs)} slabs of {cache.capacity} objects in "
              f"{1 << int(geometry['order'])} pages, flags {int(cache.value['flags']):#x}")
        for slab in slabs[:MAP_SLABS]:
            line = "".join(cache.character(slab, k) for k in range(slab.capacity))
            print(f"  slab {slab.which} at {slab.address:#x}, {slab.free_count} free")
            show_map([line[k:k + MAP_WIDTH] for k in range(0, len(line), MAP_WIDTH)])
        if len(slabs) > MAP_SLABS:
            print(f"  and {len(slabs) - MAP_SLABS} slabs more")


def describe_object(instance, arena, which, address):
    slab = Slab(instance, arena, which)
    cache = Cache(instance, slab.at["owner"].dereference())
    offset = address - slab.address - slab.first
    index = offset // slab.stride
    print(f"{address:#x} is in slab {which} of cache {cache.name} ({cache.size} bytes an object)")
    if offset < 0 or index >= slab.capacity:
        print(f"  in no object: {'before the first' if offset < 0 else 'behind the last'} one")
        return
    place = cache.held().get(slab.start(index), [])
    print(f"  object {index} of {slab.capacity}: {slab.start(index):#x} .. "
          f"{slab.start(index) + cache.size - 1:#x}")
    inside = offset - index * slab.stride
    if inside >= cache.size:
        print(f"  byte {inside} of {slab.stride}: behind the object's {cache.size} bytes, in what "
              "is left of its place")
    elif inside:
        print(f"  byte {inside} of it")
    state = {"#": "live", ".": "free, in its slab", "m": f"free, in the {' and '.join(place)}",
             "d": "free, in the depot"}.get(cache.character(slab, index))
    if state is None:
        state = f"in no good state: see 'slabpool check' (state byte {slab.state(index)}, " \
                f"{'free' if slab.is_free(index) else 'taken'} in its slab" + \
                (f", in the {' and '.join(place)})" if place else ")")
    print(f"  {state}")
    name = LIST_NAMES[slab.list] if slab.list < len(LIST_NAMES) else "in no list"
    print(f"  slab at {slab.address:#x}: {slab.free_count} of {slab.capacity} free ({name})")


def describe_pages(instance, arena, page, address):
    run = instance.run_around(arena, page)
    if run is None:
        print(f"{address:#x} is in a page that nobody has")
        return
    first, pages = run
    start = arena.address + (first << instance.page_shift)
    granule = (first << instance.page_shift) >> arena.shift
    kind = RUNS.get(instance.memory.bytes(arena.state + granule, 1)[0])
    print(f"{address:#x} is byte {address - start} of {pages << instance.page_shift} bytes "
          f"from {f'{kind}()' if kind else 'no call that is known'} at {start:#x}, "
          f"{'live' if kind else 'in no good state'}")


@command("slabpool obj", gdb.COMPLETE_EXPRESSION)
def show_object(text):
    """slabpool obj [-i INSTANCE] POINTER
What a pointer is: the cache, the object and its state, or the pages, that it points into."""
    words, _, instance = options(text)
    if not words:
        raise gdb.GdbError("slabpool: usage: slabpool obj [-i INSTANCE] POINTER")
    address = number(gdb.parse_and_eval(" ".join(words)).cast(
        gdb.lookup_type("unsigned long long")))
    arena, page, entry = instance.find(address)
    if arena is None:
        print(f"{address:#x} is no memory of this instance")
    elif 0 < entry < PAGE_RUN:
        describe_object(instance, arena, entry - 1, address)
    else:
        describe_pages(instance, arena, page, address)


class Check:
    def __init__(self, instance):
        self.instance, self.errors, self.slabs, self.objects = instance, 0, 0, 0

    def wrong(self, text):
        self.errors += 1
        if self.errors <= ERRORS_SHOWN:
            print(f"slabpool check: {text}")

    def same(self, what, counted, said):
        if counted != said:
            self.wrong(f"{what}: {counted} counted, {said} said")

    def slab(self, cache, slab):
        """Its own counts, its list and its pages; how many of its objects are in which state."""
        name = f"cache {cache.name}, slab {slab.which}"
        quarter = slab.capacity // 4
        free = bin(slab.free & (1 << slab.capacity) - 1).count("1")
        self.same(f"{name}: free objects", free, slab.free_count)
        right = 5 if free == 0 else 4 if free == slab.capacity else \
            min((free - 1) // quarter, 3) if quarter else 3
        self.same(f"{name}: its list", right, slab.list)
        pages = slab.bytes >> self.instance.page_shift
        for k, entry in enumerate(self.instance.memory.words(
                slab.arena.page_map + 4 * slab.page, pages, "I")):
            self.same(f"{name}: owner of its page {k}", entry, slab.which + 1)
        starts = {slab.granule(k) for k in range(slab.capacity)}
        for k, state in enumerate(slab.states):
            if state and k not in starts:
                self.wrong(f"{name}: a state byte {state} where no object starts, at "
                           f"{slab.address + (k << slab.arena.shift):#x}")
        return free

    def object(self, cache, slab, index):
        """Which of the four it is in; what is in none, or in two."""
        address, state = slab.start(index), slab.state(index)
        places = cache.held().get(address, [])
        if slab.is_free(index):
            if state or places:
                self.wrong(f"cache {cache.name}: object {address:#x} is free in slab "
                           f"{slab.which}, and {'live' if state else 'in the ' + places[0]}")
        elif state:
            if not cache.tag_of(state):
                self.wrong(f"cache {cache.name}: object {address:#x} has state byte {state}, "
                           f"not {cache.tag}")
            elif places:
                self.wrong(f"cache {cache.name}: object {address:#x} is live, and in the "
                           f"{places[0]}")
            return 1
        elif cache.tag and not places:
            self.wrong(f"cache {cache.name}: object {address:#x} is neither live nor free nor in "
                       "a magazine")
        if len(places) > 1:
            self.wrong(f"cache {cache.name}: object {address:#x} is in the "
                       f"{' and in the '.join(places)}")
        return 0

    def lists(self, cache, known):
        """Each slab is in the list that it names, once."""
        seen = set()
        for k, head in enumerate(self.instance.elements(cache.value["list"])):
            which = int(head)
            while which != NO_SLAB:
                if which in seen or which not in known:
                    how = "a second time" if which in seen else "and is of another cache"
                    self.wrong(f"cache {cache.name}: slab {which} is in list {k}, {how}")
                    break
                seen.add(which)
                which = int(cache.arena.slab[which]["next"])
        for which in sorted(known - seen):
            self.wrong(f"cache {cache.name}: slab {which} is in no list")

    def cache(self, cache, own):
        slabs, free, empty, full, live, starts = list(cache.slabs()), 0, 0, 0, 0, set()
        for slab in slabs:
            count = self.slab(cache, slab)
            free, empty = free + count, empty + (count == slab.capacity)
            full += count == 0
            for index in range(slab.capacity) if not own else ():
                live += self.object(cache, slab, index)
            starts.update(slab.start(index) for index in range(slab.capacity))
        self.lists(cache, {slab.which for slab in slabs})
        for address, places in cache.held().items() if not own else ():
            if address not in starts:
                self.wrong(f"cache {cache.name}: {address:#x} in the {places[0]} is no object "
                           "of it")
        name, value = f"cache {cache.name}", cache.value
        self.same(f"{name}: slabs", len(slabs), int(value["slabs"]))
        self.same(f"{name}: empty slabs", empty, int(value["empty_slabs"]))
        self.same(f"{name}: full slabs", full, int(value["full_slabs"]))
        self.same(f"{name}: free objects", free, int(value["free_objects"]))
        depot = sum(count for place, _, count in cache.stores() if place == "depot") \
            if not own else 0
        self.same(f"{name}: objects in the depot", depot, int(value["depot_objects"]))
        self.slabs, self.objects = self.slabs + len(slabs), self.objects + live


@command("slabpool check")
def check(text):
    """slabpool check [-i INSTANCE]
Compares slabs, state bytes, magazines, depots, lists and counts, and says where they disagree. Ends
as a command that failed if they do, so that `gdb -batch` has the status 1."""
    words, _, instance = options(text)
    if words:
        raise gdb.GdbError("slabpool: usage: slabpool check [-i INSTANCE]")
    found, caches = Check(instance), 0
    for cache in instance.caches():
        found.cache(cache, False)
        caches += 1
    for cache in instance.own_caches():
        found.cache(cache, True)
    if found.errors > ERRORS_SHOWN:
        print(f"slabpool check: {found.errors - ERRORS_SHOWN} errors more")
    print(f"{caches} caches, {found.slabs} slabs, {found.objects} live objects")
    if found.errors:
        raise gdb.GdbError(f"slabpool check: {found.errors} errors")
    print("slabpool check: no error")

