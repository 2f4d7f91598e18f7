"""System headers are held to the table: what the compiler says it read for each object (its dependency files, which
Ninja keeps), and what each source names itself."""

import re
import subprocess
import unittest

import table

SYSTEM_DIRECTORIES = ["/usr/include/x86_64-linux-gnu/", "/usr/include/aarch64-linux-gnu/", "/usr/local/include/",
                      "/usr/include/"]


def read_by_objects():
    """Object file -> every file that was read to compile it, from the build's dependency files."""
    listing = subprocess.run(["ninja", "-C", str(table.BUILD), "-t", "deps"], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
    objects, current = {}, None
    for line in listing.splitlines():
        if line.startswith(" "):
            current.append(line.strip())
        elif ": #deps" in line and "(VALID)" in line:
            current = objects.setdefault(line.split(": #deps")[0], [])
        else:
            current = []  # an object of an earlier build
    return objects


def object_room(name):
    if "/strata_json.dir/" in name:
        return None  # Boost.JSON itself, compiled once for the rooms that may use it
    match = re.match(r"src/([a-z_]+)/", name)
    return match.group(1) if match else None


def library_of(path):
    for directory in SYSTEM_DIRECTORIES:
        if path.startswith(directory):
            rest = path.removeprefix(directory)
            return next((start for start in table.LIBRARIES if rest == start or rest.startswith(start + "/")
                         or rest.startswith(start + ".")), None)
    return None


def too_far(room, path):
    """What is wrong with an object of the room having read this file; None if nothing is."""
    library = library_of(path)
    if library and room not in table.LIBRARIES[library]:
        return f"{room} reaches <{library}>"
    other = table.room_of(table.BUILD / path)
    if other in table.ARROWS and other != room and other not in table.ARROWS[room]:
        return f"{room} reaches {other}"
    return None


INCLUDE = re.compile(r'^\s*#\s*include\s*<([^>]+)>', re.MULTILINE)


def wrong_names(room, text):
    """What a source of the room names although it may not."""
    named = set(INCLUDE.findall(text))
    wrong = [f"<{header}>" for header in named if room not in table.MAY_NAME.get(header, {room})]
    if room in table.PURE:
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
        wrong += [f"<{header}>" for header in named & table.NOT_IN_PURE_HEADERS]
        wrong += [match.group(0) for word in table.NOT_IN_PURE_WORDS if (match := re.search(word, code))]
    return sorted(set(wrong))


class Dependencies(unittest.TestCase):
    def test_no_object_was_compiled_with_a_header_that_its_room_may_not_reach(self):
        objects = {name: files for name, files in read_by_objects().items() if object_room(name) in table.ARROWS}
        self.assertGreater(len(objects), 5, "the build has no dependency files: nothing would be tested")
        wrong = {f"{complaint} ({name}: {path})" for name, files in objects.items() for path in files
                 if (complaint := too_far(object_room(name), path))}
        self.assertEqual(sorted(wrong), [])

    def test_no_source_names_a_system_header_that_is_not_for_its_room(self):
        wrong = [f"{path.relative_to(table.ROOT)}: {name}" for path in table.project_files(".hpp", ".cpp")
                 if (room := table.room_of(path)) in table.ARROWS for name in wrong_names(room, path.read_text())]
        self.assertEqual(wrong, [])


class TheCheckItself(unittest.TestCase):
    def test_it_sees_a_library_where_it_should_not_be(self):
        self.assertEqual(too_far("raft", "/usr/include/zmq.hpp"), "raft reaches <zmq.hpp>")
        self.assertEqual(too_far("wal", "/usr/include/boost/asio/io_context.hpp"), "wal reaches <boost/asio>")
        self.assertEqual(too_far("kv", "/usr/include/boost/asio.hpp"), "kv reaches <boost/asio>")

    def test_it_lets_pass_what_the_table_allows(self):
        self.assertIsNone(too_far("net", "/usr/include/zmq.hpp"))
        self.assertIsNone(too_far("base", "/usr/include/boost/system/result.hpp"))
        self.assertIsNone(too_far("raft", str(table.ROOT / "src/base/ids.hpp")))

    def test_it_sees_a_room_reached_against_the_arrows(self):
        self.assertEqual(too_far("base", str(table.ROOT / "src/raft/core.hpp")), "base reaches raft")

    def test_it_sees_what_a_pure_room_names(self):
        self.assertEqual(wrong_names("raft", "#include <thread>\nauto t = std::chrono::steady_clock::now();"),
                         ["<thread>", "steady_clock::now"])
        self.assertEqual(wrong_names("kv", "  co_await next();"), ["co_await"])
        self.assertEqual(wrong_names("actors", "#include <fcntl.h>\n"), ["<fcntl.h>"])

    def test_comments_may_speak_of_anything(self):
        self.assertEqual(wrong_names("raft", "// no co_await here, and no std::rand\n#include <vector>\n"), [])


if __name__ == "__main__":
    unittest.main()
