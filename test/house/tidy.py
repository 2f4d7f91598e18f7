"""Runs clang-tidy 19 over the programs' sources of a build made with clang 19, on all cores; prints what it finds, and
fails if that is anything. With arguments: over the sources, tests included, whose path contains one of them."""

import concurrent.futures
import os
import re
import subprocess
import sys

import table


def check(source, command):
    # Without the precompiled header: clang-tidy 19 dies of what it finds in one.
    run = subprocess.run(["clang-tidy-19", "--quiet", source, "--", *table.plain_flags(command)[1:]], check=False,
                         text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return run.returncode, run.stdout if run.stdout.strip() or run.returncode == 0 else run.stderr


def main():
    wanted = sys.argv[1:]
    sources = {source: command for source, command in table.compile_commands().items()
               if (room := table.room_of(source)) and
               (any(part in source for part in wanted) if wanted else room != "test")}
    found = set()
    failed = False
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for status, output in pool.map(check, sources, sources.values()):
            failed = failed or status != 0
            # A complaint about a header comes with every source that includes it: once is enough.
            complaints = re.split(r"\n(?=[^\s:][^:\n]*:\d+:\d+: (?:error|warning))", output.strip())
            fresh = [text for text in complaints if text and text.split("\n")[0] not in found]
            found |= {text.split("\n")[0] for text in fresh}
            if fresh:
                print("\n".join(fresh), flush=True)
    print(f"{len(sources)} sources, {len(found)} complaints")
    return 1 if failed or found else 0


if __name__ == "__main__":
    sys.exit(main())
