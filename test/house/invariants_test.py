"""docs/invariants.md, the numbers and names in the code, and the places where they are looked at say the same."""

import re
import unittest

import table

SIMULATOR = table.ROOT / "test" / "sim"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def enumerators():
    """The C++ names, in the order of their numbers."""
    body = re.search(r"enum class Invariant\b[^{]*\{(.*?)\}", (SIMULATOR / "invariants.hpp").read_text(), re.DOTALL)
    return re.findall(r"^\s*(\w+)(?: = 1)?,", body.group(1), re.MULTILINE)


def names():
    body = re.search(r"names\{(.*?)\};", (SIMULATOR / "invariants.cpp").read_text(), re.DOTALL)
    return re.findall(r'"([^"]+)"', body.group(1))


def rows():
    return [[cell.strip() for cell in row] for row in ROW.findall((table.ROOT / "docs" / "invariants.md").read_text())]


def places(enumerator):
    """The simulator's files that look at it."""
    looks = re.compile(rf"\bInvariant::{enumerator}\b")
    sources = (path for path in SIMULATOR.glob("*.cpp") if not path.name.endswith("_test.cpp"))
    return {path.name for path in sources if looks.search(path.read_text())}


class Invariants(unittest.TestCase):
    def test_every_number_is_described_once_under_its_name(self):
        described = sorted((int(number), name) for number, name, *_ in rows())
        self.assertEqual(described, list(enumerate(names(), 1)))
        self.assertEqual(len(names()), len(enumerators()))

    def test_each_is_looked_at_where_the_table_says(self):
        for number, name, _, _, looked_at in rows():
            told = set(re.findall(r"`(\w+\.cpp)`", looked_at))
            found = places(enumerators()[int(number) - 1])
            self.assertTrue(found, f"nothing looks at {number} ({name})")
            self.assertLessEqual(found, told, f"{number} ({name}) is looked at elsewhere, too")
            self.assertEqual({file for file in told if not (SIMULATOR / file).exists()}, set(), f"{number} ({name})")

    def test_each_says_where_it_comes_from(self):
        source = re.compile(r"Figure [23]|section \d|Strata")
        self.assertEqual([number for number, _, _, origin, _ in rows() if not source.search(origin)], [])


if __name__ == "__main__":
    unittest.main()
