#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes mutants of C functions: each has one small bug. For harness/mutants.sh.

    mutants.py list TREE REF FILE...    one line per mutant of these files:
                                        number, name, line, hash, change
    mutants.py write TREE REF TO LEFT-OUT FILE...
                                        writes the files to the tree TO, each with all of its
                                        mutants, but for those whose names LEFT-OUT has
    mutants.py same LIST OBJECT...      the names of those that have the code of the original,
                                        or of an earlier mutant, and that one's name
    mutants.py errors LIST <MESSAGES    the names of those that the compiler refuses, or
                                        warns of
    mutants.py watch DIR PID FILE       waits until the run in DIR shows a reason to be red,
                                        or until the process PID ends. Prints the verdict and
                                        what noticed. FILE gets the tests that passed
    mutants.py equivalent RESULTS FILE BASE
                                        the names that FILE lists with proofs; each must exist
    mutants.py todo RESULTS TESTS CONFIG FIRST-LAST[/STEP] EQUIVALENT
                                        those lines of RESULTS/list that are to be run
    mutants.py score RESULTS FILE BASE  the score and the survivors, for docs/mutants.md

One kernel has all mutants. Each mutated function has a copy per mutant, and calls the
one that the kernel's command line asks for (mutant=NUMBER). So a mutant takes one
boot and no build, and several run at the same time.

Of a file, only lines that the commits since REF add are mutated ("-": all lines).
A name, FILE:FUNCTION+LINE:RULE, stays the same while the function does; LINE counts
from the function's first line. The hash is that of the function's text.
"""

import hashlib
import os
import re
import subprocess
import sys
import time
from collections import namedtuple

from judge import OWN_WORDS, SPLAT

Function = namedtuple("Function", "name start body end line")
Statement = namedtuple("Statement", "kind start end condition children")
Mutant = namedtuple("Mutant", "name rule line hash change function text path")

NOTICED = ("test", "splat")

NOT_C = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#(?:\\\n|[^\n])*',
                   re.DOTALL | re.MULTILINE)
DECLARATION = re.compile(r"(?:static |const |volatile |register )*"
                         r"(?:struct|union|enum|unsigned|signed|void|bool|char|short|int|long|float|double"
                         r"|[us](?:8|16|32|64)|\w+_t|LIST_HEAD|DEFINE_\w+)\b(?!\s*=[^=])(?!\s*->)")
JUMP = re.compile(r"(return|goto|break|continue)\b")
CALL = re.compile(r"[A-Za-z_]\w*\s*\(")
LOCK = re.compile(r"\w*_lock(_irqsave|_irq|_read|_write)?\s*\(")
UNLOCK = re.compile(r"\w*_unlock(_irqrestore|_irq|_read|_write)?\s*\(")
VOID = re.compile(r"(static\s+|inline\s+|noinline\s+)*void\s+\w")
# What is left where a statement is left out, as no compiler warns of it.
NOTHING = "(void)0"
# What a binary operator may stand behind, and an operand behind it.
OPERAND = re.compile(r"\s*(?:[A-Za-z_]\w*(?:->\w+|\.\w+)*|\d\w*)")
# A page has this many bits of an offset, a list two ends.
LISTS = {"list_add_tail": "list_add", "list_add": "list_add_tail",
         "list_splice_tail_init": "list_splice_init", "list_for_each_entry": "list_for_each_entry_reverse"}


def mask(text):
    """The text without what is no C, at the same places."""
    return NOT_C.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def closing(code, position):
    """The place of the bracket that closes the one at that place."""
    depth = 0
    for place in range(position, len(code)):
        if code[place] in "([{":
            depth += 1
        elif code[place] in ")]}":
            depth -= 1
            if not depth:
                return place
    raise ValueError("a bracket is not closed")


def find_functions(code):
    """Functions in the kernel's style: the brackets of the body have lines of their own."""
    done = 0
    for match in re.finditer(r"^\{$", code, re.MULTILINE):
        # The head is what stands between the blank line, or the end of something, and the body.
        head = re.split(r"\n\s*\n|[;{}]", code[done:match.start()].rstrip())[-1].lstrip()
        done = closing(code, match.start()) + 1
        name = re.search(r"(\w+)\s*\(", head)
        if name and head.endswith(")"):
            start = match.start() - len(head) - 1
            yield Function(name.group(1), start, match.start(), done, code.count("\n", 0, start) + 1)


def parse(code, place, end):
    """The statements between two places."""
    statements = []
    while True:
        place += len(code[place:end]) - len(code[place:end].lstrip())
        if place >= end:
            return statements
        statement = parse_one(code, place, end)
        if statement:
            statements.append(statement)
            place = statement.end
        else:
            place += 1


def parse_one(code, place, end):
    rest = code[place:end]
    label = re.match(r"(?:case\b[^:;]*|default\s*|[A-Za-z_]\w*\s*):(?!:)", rest)
    if label:
        return Statement("label", place, place + label.end(), None, [])
    if rest[0] == "{":
        last = closing(code, place)
        return Statement("block", place, last + 1, None, [parse(code, place + 1, last)])
    control = re.match(r"(if|while|for|switch|\w*for_each\w*|scoped_guard)\s*\(", rest)
    if control:
        opening = place + control.end() - 1
        condition = (opening + 1, closing(code, opening))
        inner = parse_next(code, condition[1] + 1, end)
        children, last = [[inner]], inner.end
        otherwise = re.match(r"\s*else\b", code[last:end])
        if control.group(1) == "if" and otherwise:
            other = parse_next(code, last + otherwise.end(), end)
            children.append([other])
            last = other.end
        kind = control.group(1) if control.group(1) in ("if", "while", "switch") else "loop"
        return Statement(kind, place, last, condition, children)
    if re.match(r"do\b", rest):
        inner = parse_next(code, place + 2, end)
        return Statement("do", place, code.index(";", inner.end) + 1, None, [[inner]])
    if rest[0] == ";":
        return None
    last = place
    while code[last] != ";":
        last = closing(code, last) + 1 if code[last] in "([{" else last + 1
    kind = "simple"
    if DECLARATION.match(rest):
        kind = "declaration"
    elif JUMP.match(rest):
        kind = "jump"
    return Statement(kind, place, last + 1, None, [])


def parse_next(code, place, end):
    place += len(code[place:end]) - len(code[place:end].lstrip())
    return parse_one(code, place, end) or Statement("empty", place, place + 1, None, [])


def blocks(statements):
    """All lists of neighbours."""
    yield statements
    for statement in statements:
        for child in statement.children:
            yield from blocks(child)


def operands(code, start, end):
    """The operands of the outermost || or &&, as (start, end, where the rest goes)."""
    for operator in ("||", "&&"):
        parts, depth, first = [], 0, start
        for place in range(start, end - 1):
            depth += (code[place] in "([{") - (code[place] in ")]}")
            if depth < 0:
                break
            if not depth and code[place:place + 2] == operator:
                parts.append((first, place))
                first = place + 2
        if parts:
            return parts + [(first, end)]
    return []


def operand_end(code, place):
    """Where the operand that starts there ends; None if that is not one."""
    if code[place:].lstrip().startswith("("):
        return closing(code, code.index("(", place)) + 1
    match = OPERAND.match(code, place)
    if not match:
        return None
    last = match.end()
    while last < len(code) and code[last] in "([":
        last = closing(code, last) + 1
    return last


class Rules:
    """All changes of one function, as (rule, start, end, new text)."""

    def __init__(self, text, code, body):
        self.text, self.code, self.body = text, code, body
        self.changes = []

    def add(self, rule, start, end, new):
        self.changes.append((rule, start, end, new))

    def move(self, rule, first, second):
        """first goes behind second; both keep their lines' indentation."""
        text = self.text
        between = text[first.end:second.start]
        self.add(rule, first.start, second.end,
                 text[second.start:second.end] + between + text[first.start:first.end])

    def apply(self):
        code = self.code
        statements = parse(code, self.body + 1, len(code) - 1)
        if VOID.match(code) and statements:
            self.add("empty", self.body, self.body + 1, "{ return;")
        for block in blocks(statements):
            for number, statement in enumerate(block):
                self.statement(statement)
                if number + 1 < len(block):
                    self.neighbours(statement, block[number + 1])
        self.expressions(self.body, len(code))

    def statement(self, statement):
        code = self.code[statement.start:statement.end]
        if statement.kind == "simple":
            rule = "drop-call" if CALL.match(code) else "drop-statement"
            self.add(rule, statement.start, statement.end - 1, NOTHING)
        if statement.kind in ("if", "while"):
            start, end = statement.condition
            self.add("always", start, end, "true")
            self.add("never", start, end, "false")
            self.add("negate", start, end, f"!({self.text[start:end]})")
        if statement.kind == "jump":
            if re.match(r"(break|continue|goto)\b", code):
                self.add("drop-jump", statement.start, statement.end - 1, NOTHING)
            if re.match(r"return (-E\w+|err|ret|VM_FAULT_\w+|-?\w*errno)\s*;", code):
                self.add("success", statement.start, statement.end - 1, "return 0")
            if re.match(r"return (true|false)\s*;", code):
                self.flag(statement.start + 7, statement.end - 1)
        elif re.match(r"\w+ = (-E\w+|VM_FAULT_\w+)\s*;", code):
            equal = statement.start + code.index("=")
            self.add("success", equal, statement.end - 1, "= 0")

    def neighbours(self, first, second):
        code, kinds = self.code, (first.kind, second.kind)
        if any(kind in ("declaration", "jump", "label", "empty") for kind in kinds):
            return
        words = [code[statement.start:statement.end] for statement in (first, second)]
        if first.kind == "simple" and LOCK.match(words[0]) and not UNLOCK.match(words[0]):
            self.move("lock-late", first, second)
        elif second.kind == "simple" and UNLOCK.match(words[1]):
            self.move("unlock-early", first, second)
        # Two assignments can be told apart only if somebody looks between them.
        elif kinds == ("simple", "simple") and any(CALL.match(word) for word in words):
            self.move("swap", first, second)

    def flag(self, start, end):
        word = self.code[start:end].strip()
        self.add("flag", start, end, {"true": "false", "false": "true"}[word])

    def expressions(self, start, end):
        code = self.code
        for match in re.finditer(r"(?<![<>=!-])(<=|>=|<|>)(?![<>=])", code[start:end]):
            place = start + match.start()
            new = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[match.group()]
            self.add("bound", place, place + len(match.group()), new)
        for match in re.finditer(r"(?<![=!<>])(==|!=)(?!=)", code[start:end]):
            place = start + match.start()
            self.add("equal", place, place + 2, "!=" if match.group() == "==" else "==")
        # "a +" of "a + b" stays as "a": only behind an operand is it a binary operator.
        for match in re.finditer(r"(?<=[\w)\]]) (\+|-|<<|>>|\*|/|\|) (?!=)", code[start:end]):
            last = operand_end(code, start + match.end())
            if last:
                self.add("offset", start + match.start(), last, "")
        for match in re.finditer(r"\b(return|=|\(|,|&&|\|\|)(\s*)!(?=[\w(])", code[start:end]):
            place = start + match.end() - 1
            self.add("negate", place, place + 1, "")
        for match in re.finditer(r"[=(,&|]\s*!(?=[\w(])", code[start:end]):
            place = start + match.end() - 1
            self.add("negate", place, place + 1, "")
        for match in re.finditer(r"(?:= |, |\()(true|false)\b", code[start:end]):
            self.flag(start + match.start(1), start + match.end(1))
        for match in re.finditer(r"\b(min|max)(3?)\s*\(", code[start:end]):
            opening = start + match.end() - 1
            self.arguments(opening)
        for match in re.finditer(r"\b(\w+)\s*\(", code[start:end]):
            if match.group(1) in LISTS:
                place = start + match.start(1)
                self.add("order", place, place + len(match.group(1)), LISTS[match.group(1)])
        self.parts(start, end)

    def arguments(self, opening):
        """min(a, b) without a limit: each of the arguments left alone"""
        last, depth, first, parts = closing(self.code, opening), 0, opening + 1, []
        for place in range(opening + 1, last + 1):
            char = self.code[place]
            if not depth and (char == "," or place == last):
                parts.append((first, place))
                first = place + 1
            depth += (char in "([") - (char in ")]")
        name = re.search(r"\w+\s*\Z", self.code[:opening]).start()
        for part in parts:
            self.add("limit", name, last + 1, f"({self.text[part[0]:part[1]].strip()})")

    def parts(self, start, end):
        """Each operand of && and || left out, at all depths."""
        code = self.code
        seen = set()
        spans = [(match.start() + 1, closing(code, match.start()))
                 for match in re.finditer(r"\(", code[:end]) if match.start() >= start]
        for match in re.finditer(r"(?:(?<![=!<>])= |return )", code[start:end]):
            first = start + match.end()
            if ";" in code[first:end]:
                spans.append((first, code.index(";", first)))
        for first, last in spans:
            # The three parts of a for loop's head are separate expressions.
            middle = [place for place in range(first, last) if code[place] == ";"]
            if len(middle) == 2:
                first, last = middle[0] + 1, middle[1]
            elif middle:
                continue
            found = operands(code, first, last)
            for number, part in enumerate(found):
                if part in seen:
                    continue
                seen.add(part)
                if number:
                    self.add("part", part[0] - 2, part[1], "")
                else:
                    self.add("part", part[0], found[1][0], "")


def keep_lines(old, new):
    """The new text on as many lines as the old: a line number in the code stays."""
    return new + "\n" * (old.count("\n") - new.count("\n"))


def mutants_of(tree, ref, path):
    with open(os.path.join(tree, path), encoding="utf-8") as file:
        text = file.read()
    code, owned = mask(text), owned_lines(tree, ref, path)
    found = []
    for function in find_functions(code):
        whole = text[function.start:function.end]
        rules = Rules(whole, code[function.start:function.end], function.body - function.start)
        rules.apply()
        digest = hashlib.sha256(" ".join(mask_comments(whole).split()).encode()).hexdigest()[:12]
        seen, names = {whole}, {}
        for rule, start, end, new in sorted(rules.changes, key=lambda change: change[1:3]):
            line = function.line + whole.count("\n", 0, start)
            last = function.line + whole.count("\n", 0, max(start, end - 1))
            mutated = whole[:start] + keep_lines(whole[start:end], new) + whole[end:]
            if mutated in seen or (owned is not None and not owned & set(range(line, last + 1))):
                continue
            seen.add(mutated)
            name = f"{os.path.basename(path)}:{function.name}+{line - function.line}:{rule}"
            names[name] = names.get(name, 0) + 1
            if names[name] > 1:
                name += f".{names[name]}"
            change = " ".join(whole[start:end].split()) + " -> " + " ".join(new.split())
            found.append(Mutant(name, rule, line, digest, change, function, mutated, path))
    return text, found


def mask_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def owned_lines(tree, ref, path):
    """The lines that the commits since REF add; None: all lines."""
    if ref == "-":
        return None
    diff = subprocess.run(["git", "-C", tree, "diff", "--no-ext-diff", "-U0", ref, "HEAD", "--", path],
                          check=True, capture_output=True, text=True).stdout
    lines = set()
    for first, count in re.findall(r"^@@ \S+ \+(\d+)(?:,(\d+))? @@", diff, re.MULTILINE):
        lines.update(range(int(first), int(first) + int(count or 1)))
    # More of it is new than old: all of it is the series' own.
    with open(os.path.join(tree, path), encoding="utf-8") as file:
        return None if len(lines) * 2 > len(file.readlines()) else lines


def all_mutants(tree, ref, paths):
    number, result = 1, []
    for path in paths:
        text, found = mutants_of(tree, ref, path)
        result.append((path, text, list(enumerate(found, number))))
        number += len(found)
    return result


def parameters(head):
    """The names of a function's parameters, from its head."""
    inside = head[head.index("(") + 1:head.rindex(")")]
    names = []
    for parameter in inside.split(","):
        if parameter.strip() != "void":
            names.append(re.search(r"(\w+)\s*(?:\[\s*\])?\s*\Z", parameter).group(1))
    return names


def with_copies(path, text, mutants, left_out, defines):
    """The file's text with a copy of the function for each mutant."""
    code, parts, done = mask(text), [], 0
    file = os.path.basename(path)
    functions = {}
    for number, mutant in mutants:
        if mutant.name not in left_out:
            functions.setdefault(mutant.function, []).append((number, mutant))
    for function in sorted(functions, key=lambda function: function.start):
        head = text[function.start:function.body]
        mutable = re.sub(r"\b(static|inline|__always_inline|noinline)\b ?", "", head)

        def copy(number, body, function=function, mutable=mutable, file=file):
            name = re.sub(rf"\b{function.name}\b", f"{function.name}__m{number}", mutable, count=1)
            return (f'#line {function.line} "{file}#{number}"\n'
                    f"static noinline __noclone __attribute__((no_icf)) {name}{body}\n")

        parts.append(text[done:function.start] + "\n")
        body = len(text[function.start:function.body])
        parts.append(copy(0, text[function.body:function.end]))
        for number, mutant in functions[function]:
            parts.append(copy(number, mutant.text[body:]))
        call = f"({', '.join(parameters(code[function.start:function.body]))})"
        answer = "" if VOID.match(mutable) else "return "
        parts.append(f'#line {function.line} "{file}"\n{head}{{\n\tswitch (harness_mutant) {{\n')
        for number, mutant in functions[function]:
            parts.append(f"\tcase {number}: {answer}{function.name}__m{number}{call}; break;\n")
        parts.append(f"\tdefault: {answer}{function.name}__m0{call}; break;\n\t}}\n}}\n")
        parts.append(f'#line {text.count(chr(10), 0, function.end) + 1} "{file}"\n')
        done = function.end
    parts.append(text[done:])
    which = ("int harness_mutant;\ncore_param(mutant, harness_mutant, int, 0);\n" if defines
             else "extern int harness_mutant;\n")
    # Behind the last #include of the file's beginning.
    place = [match.end() for match in re.finditer(r"^#include .*\n", text, re.MULTILINE)][-1]
    whole = "".join(parts)
    if parts and len(parts) > 1 and place > len(parts[0]):
        raise ValueError(f"{path} has an #include behind a function")
    return (whole[:place] + "#include <linux/moduleparam.h>\n" + which
            + f'#line {text.count(chr(10), 0, place) + 1} "{file}"\n' + whole[place:])


def write(tree, ref, to, left_out, paths):
    with open(left_out, encoding="utf-8") as file:
        names = {line.split("\t")[0] for line in file.read().splitlines()}
    for number, (path, text, mutants) in enumerate(all_mutants(tree, ref, paths)):
        new = with_copies(path, text, mutants, names, number == 0)
        target = os.path.join(to, path)
        # Equal files keep their times, and the objects made of them.
        with open(target, encoding="utf-8") as file:
            if file.read() == new:
                continue
        with open(target + ".new", "w", encoding="utf-8") as file:
            file.write(new)
        os.replace(target + ".new", target)


def by_number(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.split("\t") for line in file.read().splitlines()]
    return {line[0]: line[1] for line in lines}


def same(listing, objects):
    """A copy is the original if it has the same instructions, and refers to the same."""
    names = by_number(listing)
    for path in objects:
        said = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", path],
                              check=True, capture_output=True, text=True).stdout
        codes = {}
        for symbol, body in re.findall(r"^[0-9a-f]+ <([^>]+)>:\n(.*?)(?=^[0-9a-f]+ <|\Z)", said,
                                       re.DOTALL | re.MULTILINE):
            # Places in the object say nothing; what is there does.
            body = re.sub(r"^\s*[0-9a-f]+:", "", body, flags=re.MULTILINE)
            body = re.sub(r"\b[0-9a-f]+ (?=<)", "", body)
            body = re.sub(rf"<{re.escape(symbol)}(?=[+>])", "<self", body)
            # Filling behind the last instruction.
            codes[symbol] = re.sub(r"(\s*(nop\w*|xchg|cs nop|data16|int3|\.\.\.)[^\n]*)*\s*\Z", "", body)
        first = {}
        for function, number in sorted((match.group(1), int(match.group(2))) for match in
                                       (re.fullmatch(r"(.+)__m(\d+)", symbol) for symbol in codes) if match):
            earlier = first.setdefault((function, codes[f"{function}__m{number}"]), number)
            if earlier != number:
                print(names[str(number)], names.get(str(earlier), "the original"), sep="\t")


def errors(listing, messages):
    names, seen, function = by_number(listing), {}, None
    for line in messages.splitlines():
        # What an inline function of a header warns of, the function around it is to blame for.
        inside = re.search(r"__m(\d+)[^\w]", line)
        function = inside.group(1) if inside else function
        message = re.match(r"(?:\S*/)?([^/\s:]+?)(?:#(\d+))?:\d+:\d+: (error|warning): (.*)$", line)
        # A function that nobody calls is no surprise, and no bug by itself.
        if not message or "[-Wunused" in line:
            continue
        number = message.group(2) or function
        if number in (None, "0"):
            sys.exit(f"mutants.py: {message.group(1)} does not compile without a mutant: {message.group(4)}")
        seen.setdefault(number, f"{message.group(3)}: {message.group(4)}")
    for number, text in seen.items():
        print(f"{names[number]}\t{text}")


class Watch:
    """Reads a console until it says why the run is red."""
    FAILED = re.compile(r"# (\w+): (EXPECTATION|ASSERTION) FAILED at (\S+)")
    NOT_OK = re.compile(r"^(guest: )?\s*not ok \d+ (?:- )?(.*)")
    TIME = re.compile(r"timed? ?out")
    OK = re.compile(r"^(guest: )?\s*ok \d+ (?:- )?(.*)")

    def __init__(self):
        self.late = ""
        self.passed = []
        self.ended = False
        self.comment = ""

    def line(self, line):
        """The verdict, or None."""
        line = re.sub(r"^\[ *[0-9.]+\](?:\[[^]]*\])? ?", "", line.rstrip())
        if SPLAT.search(line) and not OWN_WORDS.search(line):
            # "cut here" is followed by what there is to say.
            return None if "[ cut here ]" in line else f"splat\t{line.strip()}"
        failed = self.FAILED.search(line)
        if failed:
            return f"test\t{failed.group(1)} ({os.path.basename(failed.group(3))})"
        if self.TIME.search(line) and re.match(r"\s*(guest: )?\s*#", line):
            self.late = line.strip()
            return None
        comment = re.match(r"guest: # (\S+\.c:\d+|.*Test terminated)", line)
        if comment and not self.comment:
            self.comment = line.split("# ", 1)[1]
        if OWN_WORDS.search(line) or re.match(r"\s*(not ok|ok) ", line):
            bad, good = self.NOT_OK.match(line), self.OK.match(line)
            if bad and not self.late:
                return f"test\t{bad.group(2)}" + (f" ({self.comment.split(':')[0]})" if self.comment else "")
            if good:
                self.passed.append(good.group(2))
            if bad or good:
                self.comment = ""
        if re.match(r"guest: verdict done", line):
            self.ended = True
        return None


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def watch(directory, pid, passed):
    """Follows the console; the process PID may go on after the verdict."""
    path, seen, rest, state = os.path.join(directory, "console.log"), 0, "", Watch()
    while True:
        running = is_running(pid)
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="backslashreplace") as file:
                file.seek(seen)
                new = file.read()
                seen = file.tell()
            *lines, rest = (rest + new).split("\n")
            for line in lines:
                verdict = state.line(line)
                if verdict:
                    print(verdict)
                    return
        if not running:
            break
        time.sleep(0.2)
    with open(passed, "w", encoding="utf-8") as file:
        file.write("".join(f"{name}\n" for name in sorted(state.passed)))
    if state.late:
        print(f"hang\t{state.late}")
    elif not state.ended:
        status = os.path.join(directory, "status")
        late = os.path.exists(status) and open(status, encoding="utf-8").read().strip() in ("124", "137")
        print("hang\tno verdict in time" if late else "dead\tno verdict, no reason")
    else:
        print("survived\t-")


def read_lines(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return [line.split("\t") for line in file.read().splitlines()]


def proofs(results, path, base):
    """The mutants that are no bugs: "NAME HASH PROOF", or NAME@BASE for one base only."""
    files, hashes, found = set(), {}, {}
    for _, name, _, digest, _ in read_lines(results, "list"):
        files.add(name.split(":")[0])
        hashes[name] = digest
    for (line,) in read_lines(path):
        if not line or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3:
            sys.exit(f"mutants.py: {path}: '{line}' has no proof; write NAME HASH PROOF")
        name, _, only = words[0].partition("@")
        if name.split(":")[0] not in files or only not in ("", base):
            continue
        if hashes.get(name) != words[1]:
            sys.exit(f"mutants.py: {path}: {name} is no mutant any more, or its function has changed "
                     f"({hashes.get(name, 'no hash')} now); prove it anew or remove it")
        found[name] = words[2]
    return found


def known_results(results):
    """The last result of each mutant whose function is what it was."""
    hashes = {line[1]: line[3] for line in read_lines(results, "list")}
    known = {}
    for line in read_lines(results, "table"):
        if hashes.get(line[0]) == line[1] and known.get(line[0], [""] * 4)[3] not in NOTICED:
            known[line[0]] = line
    return known


def todo(results, tests, config, numbers, equivalent):
    first, last, step = re.fullmatch(r"(\d+)-(\d*)(?:/(\d+))?", numbers).groups()
    out = {line[0] for name in ("refused", "same") for line in read_lines(results, name)}
    out |= {line[0] for line in read_lines(equivalent)}
    known = known_results(results)
    for line in read_lines(results, "list"):
        number, name = int(line[0]), line[1]
        if (number < int(first) or (last and number > int(last))
                or (number - int(first)) % int(step or 1) or name in out):
            continue
        had = known.get(name)
        if had and (had[3] in NOTICED or had[6] == tests and had[2] == config):
            continue
        # The debug kernel is for what the plain one leaves.
        if had or config == "plain":
            print(*line, sep="\t")


def score(results, path, base):
    listed = read_lines(results, "list")
    refused = {line[0] for line in read_lines(results, "refused")}
    twins = dict(line[:2] for line in read_lines(results, "same"))
    proved, known = proofs(results, path, base), known_results(results)
    print("| file | mutants | compiler | same code | proved | run | test | splat | hang | dead | survived | noticed |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for file in sorted({line[1].split(":")[0] for line in listed}):
        names = [line[1] for line in listed if line[1].startswith(file + ":")]
        ran = [known[name][3] for name in names if name in known and name not in proved]
        counts = [ran.count(kind) for kind in ("test", "splat", "hang", "dead", "survived")]
        rate = f"{100 * (counts[0] + counts[1]) / len(ran):.1f} %" if ran else "-"
        print(f"| `{file}` | {len(names)} | {len(refused & set(names))} | {len(set(twins) & set(names))} "
              f"| {len(set(proved) & set(names))} | {len(ran)} | " + " | ".join(map(str, counts)) + f" | {rate} |")
    times = [int(line[5]) for line in known.values()]
    print(f"\nOne run takes {sum(times) / max(len(times), 1):.0f} seconds on average.")
    left = [line for line in known.values() if line[3] not in NOTICED and line[0] not in proved]
    print("\nNot noticed:\n" if left else "\nAll that ran were noticed.")
    for line in left:
        print(f"- `{line[0]}` ({line[3]}): `{line[7]}`")
    if proved:
        print("\nNo bugs:\n")
    for name, proof in proved.items():
        print(f"- `{name}`: {proof}")


def main(argv):
    if len(argv) >= 5 and argv[1] == "list":
        for _, _, mutants in all_mutants(argv[2], argv[3], argv[4:]):
            for number, mutant in mutants:
                print(number, mutant.name, mutant.line, mutant.hash, mutant.change, sep="\t")
    elif len(argv) >= 7 and argv[1] == "write":
        write(argv[2], argv[3], argv[4], argv[5], argv[6:])
    elif len(argv) >= 4 and argv[1] == "same":
        same(argv[2], argv[3:])
    elif len(argv) == 3 and argv[1] == "errors":
        errors(argv[2], sys.stdin.read())
    elif len(argv) == 5 and argv[1] == "watch":
        watch(*argv[2:])
    elif len(argv) == 5 and argv[1] == "equivalent":
        for name in proofs(*argv[2:]):
            print(name)
    elif len(argv) == 7 and argv[1] == "todo":
        todo(*argv[2:])
    elif len(argv) == 5 and argv[1] == "score":
        score(*argv[2:])
    else:
        print("usage: mutants.py list|write|same|errors|watch|equivalent|todo|score ..., see its first lines", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
