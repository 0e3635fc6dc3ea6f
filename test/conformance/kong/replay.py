#!/usr/bin/env python3
"""Replay the recorded scenarios against a server under test and compare with the golden files.

    replay.py [--topic T] [--case C] [--untrusted] [--verbose | --json] [--golden DIR]

Environment as for record.py.  Exit status 0 iff every interaction is equal; with --json, iff all could be compared.

What varies (ids, tokens) was numbered in order of first appearance.  The numbers need not be the same here and there,
but have to go together, one to one, through a whole case: so a step that differs does not make those after it differ.
"""
import json, re, sys
from pathlib import Path
import record

SYMBOL = re.compile(r"<([a-z_]+:[a-z_]*)(\d+)>")


class Numbering:
    """Which recorded symbol goes with which one here. What a differing interaction seemed to say is forgotten again."""

    def __init__(self):
        self.there, self.here = {}, {}

    def same(self, want, got):
        if SYMBOL.sub("<>", want) != SYMBOL.sub("<>", got):
            return False
        for a, b in zip(SYMBOL.findall(want), SYMBOL.findall(got)):
            if a[0] != b[0] or self.there.setdefault(a, b) != b or self.here.setdefault(b, a) != a:
                return False
        return True

    def copy(self):
        other = Numbering()
        other.there, other.here = dict(self.there), dict(self.here)
        return other


def differences(want, got, numbering, path=""):
    """Yields (path, wanted, got) for every place where the two JSON values differ."""
    if isinstance(want, dict) and isinstance(got, dict):
        for k in sorted(set(want) | set(got)):
            p = "%s.%s" % (path, k) if path else k
            if k not in got:
                yield p, want[k], "(absent)"
            elif k not in want:
                yield p, "(absent)", got[k]
            else:
                yield from differences(want[k], got[k], numbering, p)
    elif isinstance(want, list) and isinstance(got, list):
        for i in range(max(len(want), len(got))):
            p = "%s[%d]" % (path, i)
            if i >= len(got):
                yield p, want[i], "(absent)"
            elif i >= len(want):
                yield p, "(absent)", got[i]
            else:
                yield from differences(want[i], got[i], numbering, p)
    elif isinstance(want, str) and isinstance(got, str):
        if not numbering.same(want, got):
            yield path, want, got
    elif want != got or isinstance(want, bool) != isinstance(got, bool):
        yield path, want, got


def compare(want, got):
    """Yields (step, request, differences) of a case, and (step, request, None) where one side has none."""
    numbering = Numbering()
    for i in range(max(len(want), len(got))):
        if i >= len(want) or i >= len(got):
            yield i + 1, (want if i < len(want) else got)[i]["request"], None
            continue
        tried = numbering.copy()
        found = list(differences(want[i]["response"], got[i]["response"], tried))
        if not found:
            numbering = tried
        yield i + 1, want[i]["request"], found


def short(v, limit):
    s = v if v == "(absent)" else json.dumps(v, ensure_ascii=False)
    return s if len(s) <= limit else s[:limit] + "..."


def main():
    p = record.options(__doc__)
    p.add_argument("--verbose", action="store_true", help="print values whole, and the equal interactions")
    p.add_argument("--json", action="store_true", help="an object a line for each interaction")
    p.add_argument("--golden", default=str(record.HERE / "golden"))
    args = p.parse_args()
    limit = 100000 if args.verbose else 240
    passed = failed = 0
    cut_short = False
    for topic, name, fn, _ in record.selected(args):
        path = Path(args.golden) / (topic + ".jsonl")
        lines = map(json.loads, path.read_text().splitlines() if path.exists() else [])
        got, err = record.run(topic, name, fn)
        if err:
            cut_short = True
            note = "%s/%s: cut short after step %d: %s" % (topic, name, len(got), err)
            print(json.dumps({"cut": note}) if args.json else note)
        for step, req, found in compare([l for l in lines if l["case"] == name], got):
            equal = found == []
            passed, failed = passed + equal, failed + (not equal)
            head = "%s/%s:%d %s %s %s" % (topic, name, step, req["target"], req["method"], req["path"])
            shown = [(at, short(a, limit), short(b, limit)) for at, a, b in found[:40]] if found else []
            if args.json:
                print(json.dumps({"topic": topic, "case": name, "step": step, "equal": equal, "call": head,
                                  "differences": shown if found is not None else [["", "an answer", "(absent)"]]}))
            elif not equal or args.verbose:
                print(head + (" equal" if equal else " has no counterpart" if found is None else ""))
                for at, a, b in shown:
                    print("    %s: want %s\n    %s   got %s" % (at, a, " " * len(at), b))
            sys.stdout.flush()
    if not args.json:
        print("%d passed, %d failed" % (passed, failed))
    return (1 if cut_short else 0) if args.json else (0 if failed == 0 and passed else 1)


if __name__ == "__main__":
    sys.exit(main())
