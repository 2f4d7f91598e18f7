"""Every source is as clang-format 19 would write it. To repair: clang-format-19 -i on what it names."""

import subprocess
import unittest

import table


class Format(unittest.TestCase):
    def test_every_source_is_formatted(self):
        sources = [str(path) for path in table.project_files(".hpp", ".cpp")]
        run = subprocess.run(["clang-format-19", "--dry-run", "--Werror", *sources], check=False, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(run.returncode, 0, run.stdout)


if __name__ == "__main__":
    unittest.main()
