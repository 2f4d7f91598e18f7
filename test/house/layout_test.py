"""Small rules of the house that a reader relies on and no compiler checks."""

import re
import unittest

import table

OUTSIDE_THE_BUILD = {"bench/compare/etcd_load.cpp"}  # built by bench/compare/etcd, with packages that nothing else needs

# Written so that this file does not contain them.
MACHINE_PATHS = ["/" + "work/", "/" + "root/", "/" + "home/", "farm" + "-bench", "farm" + "-studio", "." + "library"]
UNFINISHED = [r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b", r"\bst" + r"ub(?!_)\b", r"\bplace" + r"holder\b",
              r"\bfor" + r" now\b", r"\bhard" + r"-coded\b", r"\bnot" + r" implemented\b"]


def relative(path):
    return str(path.relative_to(table.ROOT))


def text_files():
    for path in table.project_files():
        try:
            yield path, path.read_text()
        except UnicodeDecodeError:
            continue


class Layout(unittest.TestCase):
    def test_every_source_is_named_in_a_cmake_file(self):
        lists = {path.parent: path.read_text() for path in table.project_files(".txt") if path.name == "CMakeLists.txt"}
        missing = []
        for source in table.project_files(".cpp"):
            above = [text for folder, text in lists.items() if folder in source.parents]
            if relative(source) not in OUTSIDE_THE_BUILD and not any(source.name in text for text in above):
                missing.append(relative(source))
        self.assertEqual(missing, [])

    def test_every_header_says_what_it_is_and_is_read_once(self):
        bad = []
        for header in table.project_files(".hpp"):
            text = header.read_text()
            if not text.startswith("//"):
                bad.append(f"{relative(header)}: begins with no comment")
            if text.count("#pragma once") != 1:
                bad.append(f"{relative(header)}: #pragma once is not there once")
        self.assertEqual(bad, [])

    def test_no_file_names_a_path_of_somebodys_machine(self):
        found = [f"{relative(path)}: {name}" for path, text in text_files() for name in MACHINE_PATHS if name in text]
        self.assertEqual(found, [])

    def test_no_source_says_that_it_is_unfinished(self):
        found = [f"{relative(path)}: {match.group(0)}" for path, text in text_files()
                 for word in UNFINISHED if (match := re.search(word, text))]
        self.assertEqual(found, [])

    def test_links_in_the_documents_lead_somewhere(self):
        broken = []
        for page in table.project_files(".md"):
            for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
                if "://" not in target and not (page.parent / target).exists():
                    broken.append(f"{relative(page)}: {target}")
        self.assertEqual(broken, [])


if __name__ == "__main__":
    unittest.main()
