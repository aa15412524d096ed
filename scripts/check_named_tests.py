#!/usr/bin/env python3
"""Checks that the tests which a document names exist, as filters of GoogleTest: `Suite.Name`, `Suite.*`, `Suite*`.

    scripts/check_named_tests.py DOCUMENT TEST_PROGRAM...

Prints each name that selects no test of any program, and exits with 1 if there is one.
"""
import fnmatch
import pathlib
import re
import subprocess
import sys

NAME = re.compile(r"`(\*?[A-Z]\w*(?:\*|\*?\.[\w*]+))`")


def tests_of(program: str) -> list[str]:
    listing = subprocess.run([program, "--gtest_list_tests"], check=True, capture_output=True, text=True).stdout
    tests, suite = [], ""
    for line in listing.splitlines():
        name = line.split("#")[0].rstrip()
        if name.startswith("  "):
            tests.append(suite + name.strip())
        else:
            suite = name
    return tests


def main() -> int:
    document, *programs = sys.argv[1:]
    tests = [test for program in programs for test in tests_of(program)]
    names = NAME.findall(pathlib.Path(document).read_text())
    unknown = [name for name in names if not fnmatch.filter(tests, name)]
    for name in unknown:
        print(f"{document}: {name}: no such test")
    if not names:
        print(f"{document}: names no tests")
    return 1 if unknown or not names else 0


if __name__ == "__main__":
    sys.exit(main())
