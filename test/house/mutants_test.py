"""Mutants that no longer fit the code, or that nobody has written down, would be missed only when scripts/mutants is run."""

import os
import re
import subprocess
import unittest

import table

PATCHES = table.ROOT / "test" / "mutants"
PAGE = table.ROOT / "docs" / "testing.md"


def patches():
    found = [path for path in table.project_files(".patch") if path.parent == PATCHES]
    return sorted(found, key=lambda path: (len(path.name.split("-")[0]), path.name))


class Mutants(unittest.TestCase):
    def test_every_mutant_applies_to_the_code_as_it_is(self):
        # As in scripts/mutants: to the files as they stand, whether or not a repository is around them.
        environment = dict(os.environ, GIT_CEILING_DIRECTORIES=str(table.ROOT.parent))
        failed = []
        for patch in patches():
            check = subprocess.run(["git", "apply", "--check", "-C1", str(patch)], check=False, cwd=table.ROOT,
                                   env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if check.returncode != 0:
                failed.append(f"{patch.name}: {check.stdout.strip()}")
        self.assertEqual(failed, [])

    def test_every_mutant_is_numbered_and_says_what_it_is(self):
        bad = []
        for patch in patches():
            head = patch.read_text().split("\n--- ", 1)[0]
            lines = [line.split(": ", 1)[0] for line in head.splitlines() if line]
            if not re.fullmatch(r"\d{2,3}-[a-z0-9_]+\.patch", patch.name) or lines != ["Bug", "Catalogue", "Tests"]:
                bad.append(patch.name)
        self.assertEqual(bad, [])
        numbers = [int(patch.name.split("-")[0]) for patch in patches()]
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_the_table_in_the_documents_names_the_same_mutants(self):
        written = re.findall(r"^\| (\d{2,3}) \| ([a-z0-9_]+) \|", PAGE.read_text(), re.MULTILINE)
        self.assertEqual([f"{number}-{name}.patch" for number, name in written], [patch.name for patch in patches()])


if __name__ == "__main__":
    unittest.main()
