"""The table of the house: who may see whose headers. docs/architecture.md says why."""

import json
import os
import pathlib
import shlex
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("STRATA_BUILD", ROOT / "build" / "release"))

# Room -> rooms whose headers it may include (itself is understood). `strata` is include/strata, the public face.
ARROWS = {
    "base": set(),
    "raft": {"base"},
    "kv": {"base"},
    "wal": {"base"},
    "wire": {"base", "raft"},
    "actors": {"base", "raft", "kv", "wal", "wire"},
    "net": {"base", "raft", "kv", "wal", "wire", "actors"},
    "node": {"base", "raft", "kv", "wal", "wire", "actors", "net"},
    "tool": {"base"},
    "client": {"base", "raft", "wire", "strata", "tool"},  # raft: the peer half of wire's headers names its messages
    "wal_tool": {"base", "kv", "wal", "tool"},  # kv: what stands in an entry
}

# Libraries: the start of a header's path under the system's include directories -> rooms that may reach it, directly or
# through another header. Rooms of tests and tools (test, bench) are free.
LIBRARIES = {
    "zmq.h": {"net", "client"},
    "zmq.hpp": {"net", "client"},
    "zmq_addon.hpp": {"net", "client"},
    "boost/asio": {"actors", "net", "node"},
    "boost/beast": {"net", "node"},
    "boost/json": {"actors", "client", "node", "wal_tool"},
    "spdlog": {"node"},
    "CLI": {"node", "tool", "client", "wal_tool"},
    "isa-l": {"base"},
}

# System headers that a source or header may name itself (others include them in turn, which is nobody's fault).
# Every other room may not. The pure rooms may not even name what gives a time, a thread, a random number or a file.
FILES_AND_SOCKETS = ["fcntl.h", "unistd.h", "sys/file.h", "sys/mman.h", "sys/stat.h", "sys/statvfs.h", "sys/uio.h",
                     "sys/socket.h", "sys/epoll.h", "sys/eventfd.h", "sys/timerfd.h", "netinet/in.h", "arpa/inet.h",
                     "netdb.h", "poll.h", "dirent.h", "fstream", "filesystem", "cstdio", "stdio.h"]
MAY_NAME = {header: {"wal", "net", "node", "tool", "client", "wal_tool"} for header in FILES_AND_SOCKETS}
MAY_NAME["cstdio"] = MAY_NAME["stdio.h"] = {"base", "wal", "net", "node", "tool", "client",
                                            "wal_tool"}  # base: the last words of an assertion

PURE = ["raft", "kv", "wire"]
NOT_IN_PURE_HEADERS = {"thread", "mutex", "shared_mutex", "condition_variable", "random", "fstream", "iostream", "future",
                       "semaphore", "latch", "barrier", "stop_token", "filesystem", "coroutine", "ctime", "time.h"}
NOT_IN_PURE_WORDS = [r"\bco_await\b", r"\bco_return\b", r"\bco_yield\b", r"\bsteady_clock::now\b",
                     r"\bsystem_clock::now\b", r"\bhigh_resolution_clock\b", r"\bClock::now\b", r"\bstd::rand\b",
                     r"\brandom_device\b", r"\bgetenv\b"]


def room_of(path):
    """The room a file of the project belongs to (`test`, `bench` and `strata` included); None for all others."""
    try:
        parts = pathlib.Path(os.path.realpath(path)).relative_to(ROOT).parts
    except ValueError:
        return None
    if parts[0] == "src":
        return parts[1]
    if parts[:2] == ("include", "strata"):
        return "strata"
    return parts[0] if parts[0] in ("test", "bench") else None


def compile_commands():
    """Source path -> its compile command, as a list, of this build."""
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    return {entry["file"]: shlex.split(entry["command"]) for entry in entries}


WITH_NEXT = {"-o", "-MF", "-MT", "-MQ", "-c", "-include", "-Xclang"}  # dropped with what follows them
ALONE = {"-MD", "-fpch-preprocess", "-Winvalid-pch"}


def plain_flags(command):
    """The compiler and its flags without launcher, input, output and precompiled header (all of our -Xclang are for
    that one)."""
    while "g++" not in os.path.basename(command[0]) and "clang" not in os.path.basename(command[0]):
        command = command[1:]
    flags, rest = [], iter(command)
    for flag in rest:
        if flag in WITH_NEXT:
            next(rest)
        elif flag not in ALONE:
            flags.append(flag)
    return flags


def project_files(*suffixes):
    """The files of the project with these suffixes, relative to its root: those git knows, with those it would add."""
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
                             check=False, stdout=subprocess.PIPE, text=True)
    if listing.returncode == 0:
        names = [ROOT / line for line in listing.stdout.splitlines()]
    else:
        names = [path for top in ("src", "include", "test", "bench", "scripts", "docs", "cmake")
                 for path in (ROOT / top).rglob("*")]
    return sorted({path for path in names if path.is_file() and (not suffixes or path.suffix in suffixes)})
