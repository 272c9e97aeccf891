// SPDX-License-Identifier: GPL-2.0-only
///
/// Framebuffers with deferred I/O that cannot be mapped, or that go away while
/// they are in use: memory in the linear mapping without FBINFO_KMEMFB, memory
/// of the DMA layer, memory that is freed when the driver is unbound although
/// files can be open, fb_deferred_io_init() calls that come before the memory or
/// have an unused result, and fb_deferred_io_cleanup() calls with an fb_info that
/// can have been freed.
///
//# Values are followed through the assignments, calls and return statements of
//# one file. Buffers that another file allocates, or that are freed by a function
//# called through a pointer, are not checked. Drivers with a get_page function
//# choose their pages themselves, but memory of the DMA layer has no pages to
//# choose. A driver that sets FBINFO_KMEMFB and has memory for it is trusted to
//# set it for nothing else. Drivers may free vmalloc() memory when they are
//# unbound, as each mapping holds references to the pages that it maps. The
//# order of two calls is checked if both are in one function.
//#
//# There is no patch mode: only the driver knows whether memory is all that
//# FBINFO_KMEMFB asks for, what fb_destroy has to keep alive, and which error
//# path an unchecked call needs.
//
// Confidence: Moderate
// Options: --no-includes --include-headers
// Keywords: fb_deferred_io_init, FBINFO_KMEMFB, fb_destroy

virtual report
virtual org
virtual context

@initialize:python@
@@

import re

class Driver:
    """What one file says. A place is a variable or a field as it is spelled,
    local variables with their function before them; "f()" is what f returns."""

    def __init__(self):
        self.variables = set()  # global ones
        self.feeds = {}         # place: where its value comes from
        self.params = {}        # (function, number): place
        self.args = []          # (called function, number, places)
        self.calls = {}         # function: functions that it calls
        self.ends = set()       # functions that run when the driver is unbound
        self.inits = []         # places given to fb_deferred_io_init()
        self.buffers = []       # (places of the fb_info, places of its buffer)
        self.allocs = {}        # "f() in line:column": (function, where, kind)
        self.frees = []         # (places, where, function)
        self.found = {}         # where: messages
        self.get_page = False
        self.kmemfb = False
        self.concluded = False

    def places(self, tokens, function):
        """Where the value of an expression comes from."""
        tokens = cut(tokens, ('=',))[-1]
        choices = cut(tokens, ('?', ':'))[1:]
        if choices:
            return set().union(*(self.places(choice, function) for choice in choices))
        tokens = cut(tokens, ('+', '-', '<<', '>>'))[0]
        if not tokens:
            return set()
        if tokens[0] == '(':
            inner = cut(tokens[1:], (')',))[0]
            rest = tokens[len(inner) + 2:]
            return self.places(rest or inner, function)     # a cast has a rest
        if tokens[1:2] == ['(']:
            if tokens[0] in SAME_MEMORY:
                return self.places(cut(tokens[2:-1], (',',))[0], function)
            return {tokens[0] + '()'}
        if len(tokens) > 1 or tokens[0] in self.variables:
            return {' '.join(tokens)}
        if tokens[0].isidentifier() and not tokens[0].isupper():
            return {function + ':' + tokens[0]}
        return set()    # a constant

    def owners(self, place, function):
        """The fb_info, if this is its buffer."""
        tokens = place.split()
        if tokens[-1] not in ('screen_buffer', 'screen_base') or len(tokens) < 3:
            return set()
        return self.places((['&'] if tokens[-2] == '.' else []) + tokens[:-2], function)

    def feed(self, places, sources, function):
        for place in places:
            info = self.owners(place, function)
            if info:
                self.buffers.append((info, sources))
            else:
                self.feeds.setdefault(place, set()).update(sources)

    def origins(self, places):
        """These places and all that can have got there."""
        seen, todo = set(), set(places)
        while todo:
            place = todo.pop()
            seen.add(place)
            todo |= self.feeds.get(place, set()) - seen
        # Two calls of a function elsewhere need not return the same thing.
        return {place for place in seen if place in self.feeds or place[-2:] != '()'}

    def alloc(self, places, name, where, function):
        for kind, names in ALLOCATORS.items():
            if re.fullmatch(names, name):
                source = '%s() in %d:%d' % (name, *where)
                self.allocs[source] = name, where, kind
                self.feed(places, {source}, function)

    def free(self, places, name, where, function):
        if re.fullmatch(FREE, name):
            self.frees.append((places, where, function))

    def infos(self, places):
        return {place for place in self.origins(places) if place[0] == '&' or
                place in self.allocs and self.allocs[place][2] == 'info'}

    def has_defio(self, places):
        """Is this struct fb_info one with deferred I/O, as far as can be seen?"""
        infos = self.infos(places)
        inits = [self.infos(init) for init in self.inits]
        return not infos or any(not init or infos & init for init in inits)

    def tell(self, where, message):
        messages = self.found.setdefault(where, [])
        if message not in messages:
            messages.append(message)

    def conclude(self):
        self.concluded = True
        for function, number, places in self.args:
            if (function, number) in self.params:
                self.feed({self.params[function, number]}, places, function)

        memory = self.origins(set().union(*(places for info, places in self.buffers
                                            if self.has_defio(info))))
        allocs = [self.allocs[source] for source in memory & self.allocs.keys()]
        has_linear = any(kind == 'linear' for name, where, kind in allocs)
        for name, where, kind in allocs:
            if name.startswith(('devm_', 'dmam_')):
                self.tell(where, '%s() memory is freed when the driver is unbound, '
                                 'not in fb_destroy' % name)
            if kind == 'coherent' and not (self.kmemfb and has_linear):
                self.tell(where, '%s() memory with deferred I/O' % name)
            elif kind == 'linear' and not (self.kmemfb or self.get_page):
                self.tell(where, '%s() memory with deferred I/O, '
                                 'without FBINFO_KMEMFB' % name)

        todo = set(self.ends)
        while todo:
            function = todo.pop()
            self.ends.add(function)
            todo |= self.calls.get(function, set()) - self.ends
        for places, where, function in self.frees:
            freed = self.origins(places)
            infos = [self.owners(place, function) for place in freed]
            if function in self.ends and (
                    freed & memory or any(info and self.has_defio(info) for info in infos)):
                self.tell(where, 'framebuffer is freed when the driver is unbound, '
                                 'not in fb_destroy')

ALLOCATORS = {
    'info': 'framebuffer_alloc',
    'coherent': '(dmam?|usb|pci)_alloc_(coherent|consistent|attrs|wc|writecombine)'
                '|dma_pool_z?alloc',
    'linear': '(devm_)?(kv?[mzc]alloc(_array)?(_node)?|kv?[mz]alloc_objs?|get_zeroed_page'
              '|(__)?get_(free|dma)_pages?)|alloc_pages?(_node|_exact|_exact_nid)?|folio_alloc'
              '|alloc_contig_(pages|range)|dma_alloc_(pages|noncoherent|contiguous|from_contiguous)'
              '|cma_alloc',
}

# vfree() is not among them, see above.
FREE = ('kv?free(_sensitive)?|(devm_)?(__)?free_pages?(_exact)?|free_contig_range|cma_release'
        '|dma_(free_(coherent|attrs|wc|writecombine|pages|noncoherent)'
        '|release_from_contiguous|pool_free)|(usb|pci)_free_co(herent|nsistent)')

# Functions that return their first argument, or another view of it.
SAME_MEMORY = ('memset page_address folio_address page_to_virt page_to_phys page_to_pfn pfn_to_page '
               'pfn_to_virt virt_to_page virt_to_phys phys_to_virt __va __pa '
               'PFN_PHYS PHYS_PFN').split()

drivers = {}    # by file; spatch can be given several at once

def cut(tokens, at):
    """Cuts a list of tokens at these tokens, outside of parentheses only."""
    parts, depth = [[]], 0
    for token in tokens:
        if token in at and not depth:
            parts.append([])
            continue
        depth += token in ('(', '[', '{')
        depth -= token in (')', ']', '}')
        parts[-1].append(token)
    return parts

def driver(p):
    return drivers.setdefault(p[0].file, Driver())

def at(p):
    return int(p[0].line), int(p[0].column)

def places(expression, p):
    return driver(p).places(expression.split(), p[0].current_element)

def return_of(p):
    return {p[0].current_element + '()'}

def found(p):
    if not driver(p).concluded:
        driver(p).conclude()
    return at(p) in driver(p).found

// Part one: what the file says.

@defio@
expression I;
position p;
@@

fb_deferred_io_init@p(I)

@script:python@
p << defio.p;
I << defio.I;
@@

driver(p).inits.append(places(I, p))

@variable depends on defio@
global idexpression V;
position p;
@@

V@p

@script:python@
V << variable.V;
p << variable.p;
@@

driver(p).variables.add(V)

@assign depends on defio@
expression L, R;
position p;
@@

L =@p R

@script:python@
L << assign.L;
R << assign.R;
p << assign.p;
@@

driver(p).feed(places(L, p), places(R, p), p[0].current_element)

@result depends on defio@
expression R;
position p;
@@

return@p R;

@script:python@
R << result.R;
p << result.p;
@@

driver(p).feed(return_of(p), places(R, p), p[0].current_element)

@param depends on defio@
identifier F, V;
type T;
parameter list[n] before;
position p;
@@

F@p(before, T V, ...) { ... }

@script:python@
F << param.F;
V << param.V;
n << param.n;
p << param.p;
@@

driver(p).params[F, int(n)] = F + ':' + V

@arg depends on defio@
identifier F;
expression list[n] before;
expression E;
position p;
@@

F@p(before, E, ...)

@script:python@
F << arg.F;
n << arg.n;
E << arg.E;
p << arg.p;
@@

driver(p).calls.setdefault(p[0].current_element, set()).add(F)
driver(p).args.append((F, int(n), places(E, p)))

@alloc depends on defio@
identifier F =~ "alloc|(free|zeroed|dma)_page";
expression L;
position p;
@@

L = <+... F@p(...) ...+>

@script:python@
F << alloc.F;
L << alloc.L;
p << alloc.p;
@@

driver(p).alloc(places(L, p), F, at(p), p[0].current_element)

@allocator depends on defio@
identifier F =~ "alloc|(free|zeroed|dma)_page";
position p;
@@

return <+... F@p(...) ...+>;

@script:python@
F << allocator.F;
p << allocator.p;
@@

driver(p).alloc(return_of(p), F, at(p), p[0].current_element)

@free depends on defio@
identifier F =~ "free|release";
expression list[n] before;
expression E;
position p;
@@

F@p(before, E, ...)

@script:python@
F << free.F;
E << free.E;
p << free.p;
@@

driver(p).free(places(E, p), F, at(p), p[0].current_element)

@ends depends on defio@
identifier S, V, F;
position p;
@@

(
struct S V@p = { .remove = F, };
|
struct S V@p = { .remove_new = F, };
|
struct S V@p = { .disconnect = F, };
|
struct S V@p = { .unbind = F, };
)

@script:python@
F << ends.F;
p << ends.p;
@@

driver(p).ends.add(F)

@action depends on defio@
identifier F;
expression E;
position p;
@@

(
devm_add_action@p(..., F, E)
|
devm_add_action_or_reset@p(..., F, E)
)

@script:python@
F << action.F;
E << action.E;
p << action.p;
@@

driver(p).ends.add(F)
driver(p).args.append((F, 0, places(E, p)))

@get_page depends on defio@
identifier S, F;
expression E, G;
position p;
@@

(
struct fb_deferred_io S@p = { .get_page = F, };
|
E->get_page@p = G
|
E.get_page@p = G
)

@script:python@
p << get_page.p;
@@

driver(p).get_page = True

@tested depends on defio@
symbol FBINFO_KMEMFB;
expression E;
position p;
@@

E & FBINFO_KMEMFB@p

@kmemfb depends on defio@
symbol FBINFO_KMEMFB;
position p != tested.p;
@@

FBINFO_KMEMFB@p

@script:python@
p << kmemfb.p;
@@

driver(p).kmemfb = True

@again depends on defio exists@
identifier F =~ "^(screen_buffer|screen_base|fbdefio|smem_len|flags)$";
expression I, V;
assignment operator A = {=, |=};
position p;
@@

(
I->F@p A V
|
I->fix.F@p A V
)
... when any
fb_deferred_io_init(I)

@late depends on defio exists@
identifier F =~ "^(screen_buffer|screen_base|fbdefio|smem_len)$";
expression I, V;
position p, q != again.p;
@@

fb_deferred_io_init@p(I)
... when != fb_deferred_io_cleanup(I)
(
I->F@q = V
|
I->fix.F@q = V
)

@script:python@
F << late.F;
V << late.V;
p << late.p;
@@

if V != 'NULL':     # on an error path
    driver(p).tell(at(p), 'fb_deferred_io_init() is called before %s is set' % F)

@late_flag depends on defio exists@
symbol flags;
expression I;
assignment operator A = {=, |=};
position p, q != again.p;
@@

fb_deferred_io_init@p(I)
... when != fb_deferred_io_cleanup(I)
I->flags@q A <+... FBINFO_KMEMFB ...+>

@script:python@
p << late_flag.p;
@@

driver(p).tell(at(p), 'fb_deferred_io_init() is called before FBINFO_KMEMFB is set')

@destroy depends on defio@
identifier S, F;
@@

struct fb_ops S = { .fb_destroy = F, };

@unregistered depends on destroy exists@
expression I, J;
position p, q;
@@

unregister_framebuffer@q(I)
... when != I = J
fb_deferred_io_cleanup@p(I)

@script:python@
p << unregistered.p;
q << unregistered.q;
@@

if at(q) < at(p):
    driver(p).tell(at(p), 'fb_deferred_io_cleanup() is called after '
                          'unregister_framebuffer(), which can free the fb_info')

@released depends on defio exists@
expression I, J;
position p, q;
@@

framebuffer_release@q(I)
... when != I = J
fb_deferred_io_cleanup@p(I)

@script:python@
p << released.p;
q << released.q;
@@

if at(q) < at(p):
    driver(p).tell(at(p), 'fb_deferred_io_cleanup() is called after framebuffer_release()')

@ignored depends on defio@
position p;
@@

(
  fb_deferred_io_init@p(...);
|
  (void)fb_deferred_io_init@p(...);
)

@script:python@
p << ignored.p;
@@

driver(p).tell(at(p), 'the result of fb_deferred_io_init() is not used')

@written depends on defio@
local idexpression R;
expression E;
position p;
@@

R@p = E

@used depends on defio exists@
local idexpression R;
expression E;
position p, r != written.p;
@@

R = fb_deferred_io_init@p(...)
... when != R = E
R@r

@forgotten depends on defio@
local idexpression R;
identifier V;
type T;
position p != used.p;
@@

(
R = fb_deferred_io_init@p(...);
|
T V = fb_deferred_io_init@p(...);
)

@script:python@
p << forgotten.p;
@@

driver(p).tell(at(p), 'the result of fb_deferred_io_init() is not used')

// Part two: what follows from it.

@depends on defio && context@
identifier F;
position p : script:python() { found(p) };
@@

* F@p(...)

@finding depends on defio && (report || org)@
identifier F;
position p : script:python() { found(p) };
@@

F@p(...)

@script:python depends on report@
p << finding.p;
@@

for message in driver(p).found[at(p)]:
    coccilib.report.print_report(p[0], 'WARNING: ' + message)

@script:python depends on org@
p << finding.p;
@@

for message in driver(p).found[at(p)]:
    coccilib.org.print_todo(p[0], 'WARNING: ' + message)
