"""Every test of the MIT labs is there under its name (test/mit/names.txt), so that none gets lost."""

import os
import pathlib
import re
import subprocess
import unittest

import table

NAMES = table.ROOT / "test" / "mit" / "names.txt"
REAL_TIME = table.ROOT / "test" / "cluster" / "mit_test.py"


def listed():
    """Names, and for some the test in real time."""
    lines = [line.split() for line in NAMES.read_text().splitlines() if line and not line.startswith("#")]
    return {words[0]: words[1:] for words in lines}


def test_cases():
    """What the binary runs: it leaves out here what it would skip."""
    program = pathlib.Path(os.environ["STRATA_BUILD"]) / "test" / "mit" / "mit_test"
    output = subprocess.run([program, "--list-test-cases", "--no-version"], check=True, capture_output=True,
                            text=True).stdout
    return {line for line in output.splitlines() if line.startswith("Test")}


class Names(unittest.TestCase):
    def test_every_test_of_the_labs_is_a_test_case(self):
        self.assertEqual(sorted(set(listed()) - test_cases()), [])

    def test_every_test_case_is_of_the_labs_or_a_variant(self):
        self.assertEqual(sorted({case.split(",")[0] for case in test_cases()} - set(listed())), [])

    def test_what_is_to_be_seen_in_real_time_is(self):
        wanted = {words[0]: name for name, words in listed().items() if words}
        found = dict(re.findall(r'def (test_\w+)\(self\):\n\s+"""(\w+):', REAL_TIME.read_text()))
        self.assertEqual(found, wanted)


if __name__ == "__main__":
    unittest.main()
