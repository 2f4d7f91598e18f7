"""A wrong include of a project header does not build: for each two rooms, with the flags of the first, an include of a
header of the second finds its file when an arrow allows it, and finds none when not."""

import concurrent.futures
import os
import subprocess
import unittest

import table


def room_flags(room):
    """The ways in which sources of the room are compiled, each the compiler and its flags: no precompiled header, no
    output. More than one where a room has a library and a program that sees more."""
    return {tuple(table.plain_flags(command)) for source, command in table.compile_commands().items()
            if table.room_of(source) == room}


def header_of(room):
    folder = table.ROOT / ("include/strata" if room == "strata" else f"src/{room}")
    return next((f"{room}/{path.name}" for path in sorted(folder.glob("*.hpp"))), None)


def finds(flags, header):
    """Whether the preprocessor finds the header; it stops the build at the first include without a file."""
    text = f'#include "{header}"\n'
    run = subprocess.run([*flags, "-E", "-x", "c++", "-", "-o", os.devnull], input=text, text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode == 0:
        return True
    first = next(line for line in run.stdout.splitlines() if "error" in line)
    assert header in first and ("No such file" in first or "not found" in first), run.stdout
    return False


class Arrows(unittest.TestCase):
    def test_an_include_works_along_the_arrows_and_only_there(self):
        rooms = list(table.ARROWS)
        headers = {room: header_of(room) for room in [*rooms, "strata"]}
        flags = {room: room_flags(room) for room in rooms}
        pairs = [(user, used) for user in rooms if flags[user] for used, header in headers.items() if header]
        self.assertGreater(len(pairs), 20, "the rooms have no sources or no headers: nothing would be tested")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(lambda pair: any(finds(way, headers[pair[1]]) for way in sorted(flags[pair[0]])),
                                  pairs))
        wrong = [f"{user} {'can' if can else 'cannot'} include {headers[used]}" for (user, used), can in
                 zip(pairs, found) if can != (used == user or used in table.ARROWS[user])]
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
