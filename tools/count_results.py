#!/usr/bin/env python3
"""Counts what ctest wrote (--output-junit FILE...): skips by their reason, failures by
name, and as the last line `N passed, N failed`. Skips count as neither. Exit status 1
if anything failed or nothing passed."""
import re
import sys
import xml.etree.ElementTree as ET


def skip_reason(case):
    """Why a case was skipped, None if it was not: such a test exits with 77, and its last
    line says why. Anything else that ctest did not run (no program, say) is a failure."""
    skipped = case.find("skipped")
    if skipped is None or not (skipped.get("message") or "").startswith("SKIP_"):
        return None
    said = (case.findtext("system-out") or "").strip().splitlines() or ["gave no reason"]
    return re.sub(r"^.*?\bskip(ped)?\b:? *", "", said[-1], flags=re.IGNORECASE)


def main(files):
    passed, failed, skipped = 0, [], {}
    for path in files:
        suite = path.rsplit("/", 1)[-1].removesuffix(".xml")
        for case in ET.parse(path).getroot().iter("testcase"):
            name = f"{case.get('name')} ({suite})"
            reason = skip_reason(case)
            if reason is not None:
                skipped.setdefault(reason, []).append(name)
            elif case.get("status") == "run":
                passed += 1
            else:
                failed.append(name)
    for reason, names in skipped.items():
        print(f"skipped  {', '.join(names)}:\n         {reason}")
    for name in failed:
        print(f"failed   {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
