#!/usr/bin/env python3
"""Counts what ctest wrote (--output-junit FILE...): failures by name, skips with their
reason, and as the last line `N passed, N failed`. Skips count as neither. Exit status 1
if anything failed or nothing passed."""
import re
import sys
import xml.etree.ElementTree as ET


def skip_reason(case):
    """Why a case was skipped, None if it was not: such a test prints `SKIP: reason` and
    exits with 77. Anything else that ctest did not run (no program, say) is a failure."""
    skipped = case.find("skipped")
    if skipped is None or not (skipped.get("message") or "").startswith("SKIP_"):
        return None
    said = re.findall(r"SKIP:? *(.+)", case.findtext("system-out") or "")
    return said[-1].strip() if said else "gave no reason"


def main(files):
    passed, failed, skipped = 0, [], []
    for path in files:
        suite = path.rsplit("/", 1)[-1].removesuffix(".xml")
        for case in ET.parse(path).getroot().iter("testcase"):
            name = f"{case.get('name')} ({suite})"
            reason = skip_reason(case)
            if reason is not None:
                skipped.append(f"{name}: {reason}")
            elif case.get("status") == "run":
                passed += 1
            else:
                failed.append(name)
    for line in skipped:
        print(f"skipped  {line}")
    for name in failed:
        print(f"failed   {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
