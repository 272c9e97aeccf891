#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Judges one run of a kernel, from what it left in its directory.

    judge.py guest DIR [PROGRAM...]     selftests (TAP), booted by boot.sh; the programs
                                        must be there, and with kmemleak as one of
                                        them, its count of leaks
    judge.py plain DIR                  programs without TAP: exit code 0 is a pass
    judge.py kunit DIR [SUITE...]       KUnit, run by kunit.sh; the suites must be there
    judge.py kunit-cut DIR [SUITE...]   the same on a machine (s390x) whose console does
                                        not get as far as the kernel's last words
    judge.py quote DIR REGEX            no verdict: the kernel's words about a splat
                                        that has a line matching REGEX, in short
    judge.py case DIR NAME              no verdict: "green", "red" or "absent", how one
                                        test went; NAME is SUITE.CASE of KUnit, or
                                        a selftest's name, with or without its fixture

DIR holds console.log (all that the kernel said) and status (QEMU's or kunit.py's
exit code), and verdict (guest, plain) or results.json (kunit). Good is only what is
proved good: each program reported an exit code, each planned test a result, none
was skipped (the harness chooses kernel and machine, so that none has to be), the
verdict came whole and last, the kernel said that it shut down, and nowhere, not
after the verdict either, is there a splat.

Stdout gets one line: "passed=N failed=N skipped=N splats=N verdict=good|bad".
Stderr gets the reasons, and the first splat with what stands around it. The exit
code is 0 for good, 1 for bad, 2 for a wrong call.
"""

import json
import os
import re
import sys

# "Call Trace:" catches the splats that nobody thought of; arm and arm64 say "Call trace:".
SPLAT = re.compile(r"""
    \bBUG:\  | kernel\ BUG\ at | \bWARNING:\  | -+\[\ cut\ here\ \]-+
    | \bOops\b | general\ protection\ fault | [Uu]nable\ to\ handle
    | \bKASAN\b.*:\  | \bKFENCE:\  | \bUBSAN:\  | \bKCSAN:\  | \bODEBUG:\ 
    | Bad\ page\ (state|map|cache) | Bad\ rss-counter | Bad\ swap
    | list_(add|del)\ (corruption|double)
    | \brefcount_t:\  | DEBUG_LOCKS_WARN_ON | lockdep\ is\ turned\ off
    | turning\ off\ the\ locking\ correctness\ validator
    | INFO:\ (task\ |possible|trying\ to\ register|rcu|suspicious|inconsistent|lockdep)
    | detected\ stalls?\ on | self-detected\ stall | soft\ lockup | hard\ LOCKUP
    | page\ allocation\ failure | invoked\ oom-killer | Out\ of\ memory
    | suspected\ memory\ leak | leak\ detector\ disabled | Object\ .*\ remaining\ in
    | stack\ overflow | stack-protector | Kernel\ panic | Call\ [Tt]race:
    | Trying\ to\ free\ nonexistent\ resource
    """, re.VERBOSE)
# Where a new one begins, however close to the one before.
HEAD = re.compile(r"\bBUG: |\bWARNING: |\[ cut here \]")
# The guest's own words in the kernel log.
OWN_WORDS = re.compile(r"^(\[[^]]*\] )?guest: ")
# Of a long splat, the lines that say what happened and where.
TELLING = re.compile(r"RIP: 0010:|page: refcount|page dumped because|(Read|Write) of size"
                     r"|Kernel panic|unable to handle|kernel BUG at")
# A kernel that did not get this far did not end well, whatever it said before.
SHUTDOWN = re.compile(r"reboot: (Power down|Restarting system|machine restart)")
RESULT = re.compile(r"^(not ok|ok) (\d+)\b(.*)$")
COMMENT = re.compile(r"# \S+\.c:\d+:|# .*(Test terminated|timed? ?out)")
FAILED_CHECK = re.compile(r"# (\S+): (?:EXPECTATION|ASSERTION) FAILED at (\S+)")
PLAN = re.compile(r"^1\.\.(\d+)\b")
TIMED_OUT = (124, 137)


class Run:
    """Counts and complaints of one run."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.reasons = []

    def wrong(self, reason):
        self.reasons.append(reason)

    def count(self, result):
        setattr(self, result, getattr(self, result) + 1)


def read(directory, name):
    path = os.path.join(directory, name)
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()
    except FileNotFoundError:
        return None


def find_splats(lines):
    """The splats, each as the numbers of its lines that match."""
    splats = []
    for number, line in enumerate(lines):
        if not SPLAT.search(line) or OWN_WORDS.search(line):
            continue
        # "cut here" and what follows it are the head of one and the same.
        if (not splats or number - splats[-1][-1] > 40
                or (HEAD.search(line) and number - splats[-1][0] > 3)):
            splats.append([])
        splats[-1].append(number)
    return splats


def judge_console(run, lines, last_words):
    if not any(line.strip() for line in lines):
        run.wrong("the kernel said nothing: console.log is missing or empty")
        return []
    splats = find_splats(lines)
    if splats:
        run.wrong(f"{len(splats)} kernel splat(s) in console.log")
    if last_words and not any(SHUTDOWN.search(line) for line in lines):
        run.wrong("the kernel did not shut down: it hung, crashed or was cut off")
    return splats


def judge_status(run, text):
    if text is None or not re.fullmatch(r"\d+\n", text):
        run.wrong("no exit code was recorded: the run did not end")
        return
    status = int(text)
    if status in TIMED_OUT:
        run.wrong("time-out: the run was ended from outside")
    elif status:
        run.wrong(f"the run ended with exit code {status}")


class PlainProgram:
    """A program that says by its exit code alone how it went."""

    def __init__(self, name):
        self.name = name

    def line(self, run, text):
        pass

    def end(self, run, status):
        run.count("failed" if status else "passed")
        if status:
            run.wrong(f"{self.name}: exit code {status}")


class TapProgram:
    """One test program's TAP output."""

    def __init__(self, name):
        self.name = name
        self.plan = None
        self.seen = []
        self.failed = 0
        self.comment = ""

    def line(self, run, text):
        plan = PLAN.match(text)
        if plan:
            if self.plan is not None:
                run.wrong(f"{self.name}: a second TAP plan")
            self.plan = int(plan.group(1))
            return
        # Of what a failing check says, the first line: later ones follow from it.
        if text.startswith("# ") and not self.comment:
            self.comment = text[1:] if COMMENT.match(text) else ""
        result = RESULT.match(text)
        if not result:
            if re.match(r"(not )?ok\b", text):
                run.wrong(f"{self.name}: a result without a number: '{text}'")
            return
        comment, self.comment = self.comment, ""
        verdict, number, rest = result.groups()
        self.seen.append(int(number))
        if re.search(r"# *SKIP\b", rest):
            run.count("skipped")
        elif verdict == "ok":
            run.count("passed")
        else:
            run.count("failed")
            self.failed += 1
            run.wrong(f"{self.name}: not ok {number}{rest}{comment and ':'}{comment}")

    def end(self, run, status):
        if self.plan is None:
            run.wrong(f"{self.name}: no TAP plan")
        elif self.plan == 0:
            run.wrong(f"{self.name}: zero tests")
        elif self.seen != list(range(1, self.plan + 1)):
            run.wrong(f"{self.name}: {len(self.seen)} results for {self.plan} planned tests")
        # kselftest: 4 is "all skipped"; the counts say that already.
        if status not in (0, 4) and not self.failed:
            run.wrong(f"{self.name}: exit code {status} although no test failed")


def judge_verdict(run, text, new_program, wanted):
    if not text:
        run.wrong("no verdict: the guest sent nothing")
        return
    *lines, last = text.split("\n")
    end = re.fullmatch(r"verdict done (\d+)", lines[-1] if lines else "")
    if end:
        lines.pop()
    if last or not end:
        run.wrong("no verdict: what the guest sent is cut off")
    if not re.fullmatch(r"begin \S+", lines.pop(0) if lines else ""):
        run.wrong("the guest's report does not start with 'begin JOB'")

    program = None
    programs = 0
    reported = set()
    for line in lines:
        if program:
            exit_code = re.fullmatch(rf"exit {re.escape(program.name)} (\d+)", line)
            if exit_code:
                program.end(run, int(exit_code.group(1)))
                program = None
            else:
                program.line(run, line)
            continue
        start = re.fullmatch(r"program (\S+)", line)
        leaks = re.fullmatch(r"leaks (\d+)", line)
        if start:
            program = new_program(start.group(1))
            programs += 1
            reported.add(program.name)
        elif leaks:
            reported.add("kmemleak")
            if int(leaks.group(1)):
                run.wrong(f"kmemleak found {leaks.group(1)} leaked object(s)")
        elif not line.startswith("# leak: "):
            run.wrong(f"outside of a program: '{line}'")
    if program:
        run.wrong(f"{program.name}: did not end")
    if not programs:
        run.wrong("the guest ran no program")
    elif end and int(end.group(1)) != programs:
        run.wrong(f"the guest reported {programs} programs and a '{end.group()}'")
    for name in wanted:
        if name not in reported:
            run.wrong(f"{name} did not run")


def failed_checks(lines):
    """What the first failed check of each KUnit case says, by the case's name."""
    checks = {}
    for number, line in enumerate(lines):
        failed = FAILED_CHECK.search(line)
        if not failed:
            continue
        words = [failed.group(2) + ":"]
        for following in lines[number + 1:number + 5]:
            following = re.sub(r"^\[ *\d+\.\d+\](\[.*?\])?", "", following).strip()
            if re.match(r"#|ok |not ok ", following):
                break
            words.append(following)
        checks.setdefault(failed.group(1), " ".join(words))
    return checks


def count_group(run, group, path, suites, checks):
    """Adds up a group of kunit.py's JSON; returns how many cases it had."""
    name = f"{path}{group['name']}"
    cases = len(group["test_cases"])
    for case in group["test_cases"]:
        status = case["status"]
        if status == "PASS":
            run.count("passed")
        elif status == "SKIP":
            run.count("skipped")
        else:
            run.count("failed")
            # With parameters, the group is the case, and its cases are parameters.
            words = checks.get(case["name"]) or checks.get(group["name"])
            run.wrong(f"{name}.{case['name']}: {status}{words and ', ' or ''}{words or ''}")
    for sub in group["sub_groups"]:
        cases += count_group(run, sub, f"{name}.", suites, checks)
    if not cases:
        run.wrong(f"{name}: zero tests")
    suites[group["name"]] = cases
    return cases


def judge_results(run, text, wanted, lines):
    try:
        results = json.loads(text or "")
        suites = {}
        for group in results["sub_groups"]:
            count_group(run, group, "", suites, failed_checks(lines))
        # A case outside of a suite is what kunit.py makes of a crash.
        for case in results["test_cases"]:
            run.count("failed")
            run.wrong(f"{case['name'] or 'unknown suite'}: {case['status']}")
    except (ValueError, KeyError, TypeError):
        run.wrong("no KUnit results: results.json is missing or broken")
        return
    for suite in wanted:
        if suite not in suites:
            run.wrong(f"the suite {suite} did not run")


def show(directory, run, lines, splats):
    print(f"judge: {directory} is bad:", file=sys.stderr)
    for reason in run.reasons[:20]:
        print(f"   - {reason}", file=sys.stderr)
    if len(run.reasons) > 20:
        print(f"   - and {len(run.reasons) - 20} more", file=sys.stderr)
    if splats:
        first = splats[0][0]
        start = max(first - 6, 0)
        print(f"   first splat, console.log from line {start + 1}:", file=sys.stderr)
        for line in lines[start:first + 30]:
            print(f"   | {line.rstrip()[:160]}", file=sys.stderr)
    elif lines:
        print("   the end of console.log:", file=sys.stderr)
        for line in lines[-8:]:
            print(f"   | {line.rstrip()[:160]}", file=sys.stderr)
    command = os.path.join(directory, "qemu.sh")
    if os.path.exists(command):
        print(f"   to repeat it: {command}", file=sys.stderr)


def quote(lines, regex):
    """The first line that matches, and what of the splat's rest says most."""
    splats = find_splats(lines)
    for splat, following in zip(splats, splats[1:] + [[len(lines)]]):
        # The trace follows the last line that makes it a splat.
        for number in range(splat[0], min(splat[-1] + 30, following[0])):
            if OWN_WORDS.search(lines[number]) or not re.search(regex, lines[number]):
                continue
            words = [lines[number]]
            said = set()
            for line in lines[number + 1:splat[-1] + 20]:
                telling = TELLING.search(line)
                if telling and telling.group() not in said:
                    said.add(telling.group())
                    words.append(line)
            return [word.rstrip() for word in words]
    return []


def flatten(group, path=""):
    """All cases of kunit.py's JSON, as (dotted name, status)."""
    for case in group["test_cases"]:
        yield f"{path}.{case['name']}", case["status"]
    for sub in group["sub_groups"]:
        yield from flatten(sub, f"{path}.{sub['name']}")


def one_case(directory, name, lines):
    """How the test went. Red is also what took the kernel down."""
    results = read(directory, "results.json")
    verdict = read(directory, "verdict")
    if verdict is not None:
        tests = re.findall(r"^(not ok|ok) \d+ (?:- )?(\S+)(.*)$", verdict, re.MULTILINE)
        ran = [state for state, test, rest in tests
               if f".{test}".endswith(f".{name}") and "SKIP" not in rest]
        bad = "not ok" in ran
        started = re.search(rf"^#  RUN .*\b{re.escape(name)} \.\.\.$", verdict, re.MULTILINE)
    else:
        try:
            cases = list(flatten(json.loads(results or "{}")))
        except (ValueError, KeyError, TypeError):
            cases = []
        ran = [status for test, status in cases
               if f"{test}.".startswith(f".{name}.") and status != "SKIP"]
        bad = any(status != "PASS" for status in ran)
        started = any("KTAP version" in line for line in lines)
    if bad or (started and find_splats(lines)):
        return "red"
    if verdict is not None and started and not ran:
        return "red"
    return "green" if ran else "absent"


def main(argv):
    if (len(argv) < 3 or argv[1] not in ("guest", "plain", "kunit", "kunit-cut", "quote", "case")
            or not os.path.isdir(argv[2]) or (argv[1] in ("quote", "case") and len(argv) != 4)):
        print("usage: judge.py guest|plain|kunit|kunit-cut DIR [PROGRAM or SUITE...], judge.py "
              "quote DIR REGEX or judge.py case DIR NAME, DIR being a run's directory",
              file=sys.stderr)
        return 2
    kind, directory, wanted = argv[1], argv[2], argv[3:]

    run = Run()
    lines = (read(directory, "console.log") or "").split("\n")
    if lines[-1] == "":
        lines.pop()
    if kind == "quote":
        words = quote(lines, wanted[0])
        print("\n".join(words))
        return 0 if words else 1
    if kind == "case":
        print(one_case(directory, wanted[0], lines))
        return 0
    judge_status(run, read(directory, "status"))
    splats = judge_console(run, lines, kind != "kunit-cut")
    if kind in ("kunit", "kunit-cut"):
        judge_results(run, read(directory, "results.json"), wanted, lines)
    else:
        judge_verdict(run, read(directory, "verdict"),
                      TapProgram if kind == "guest" else PlainProgram, wanted)
    if not run.passed + run.failed:
        run.wrong("not one test ran")
    if run.skipped:
        run.wrong(f"{run.skipped} test(s) skipped")

    if run.reasons:
        show(directory, run, lines, splats)
    print(f"passed={run.passed} failed={run.failed} skipped={run.skipped} "
          f"splats={len(splats)} verdict={'bad' if run.reasons else 'good'}")
    return 1 if run.reasons else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
