"""The part of scripts/demo that runs once the programs are built. See there."""

import argparse
import signal
import subprocess
import sys
import time

import local_cluster
from local_cluster import Cluster, Writer, read_all

RECORD_END = "\x1e"
NAME_END = "\x1f"


def step(text):
    print(f"== {text}", flush=True)


class Progress:
    """A line that is drawn over itself on a terminal, and nothing elsewhere: the steps say enough there."""

    def __init__(self, label, total):
        self.label, self.total, self.drawn = label, total, 0.0

    def show(self, count):
        now = time.monotonic()
        if not sys.stdout.isatty() or (count < self.total and now - self.drawn < 0.05):
            return
        self.drawn = now
        filled = 40 * count // max(1, self.total)
        end = "\n" if count >= self.total else ""
        print(f"\r   {self.label} [{'#' * filled}{'.' * (40 - filled)}] {count}/{self.total}{end}", end="", flush=True)


def installed_packages():
    """Name and description of every installed package, as bytes: what this machine really has."""
    record = f"${{db:Status-Status}}{NAME_END}${{binary:Package}}{NAME_END}${{Description}}{RECORD_END}"
    listing = subprocess.run(["dpkg-query", "-W", "-f", record], check=True, stdout=subprocess.PIPE).stdout
    records = [part.split(NAME_END.encode(), 2) for part in listing.split(RECORD_END.encode()) if part]
    return {name: text for state, name, text in records if state == b"installed"}


def run_load(cluster, seconds):
    step(f"a load of {seconds} s: 4 connections with 16 SETs in flight on each")
    command = [str(local_cluster.BUILD / "bench" / "load"), "--endpoints", cluster.endpoints(), "--connections", "4",
               "--pipeline", "16", "--duration", f"{seconds}s"]
    return subprocess.run(command, check=False).returncode == 0


class LeaderKiller:
    """Kills the leader when half of the entries are acknowledged, and notes when the others go on."""

    def __init__(self, cluster, total):
        self.cluster, self.total = cluster, total
        self.acknowledged = 0
        self.victim = self.killed_at = self.service_back = None
        self.progress = Progress("acknowledged", total)

    def on_acknowledged(self, _, sent_at):
        self.acknowledged += 1
        if self.victim is None and self.acknowledged >= self.total // 2:
            self._kill()
        elif self.victim and self.service_back is None and sent_at > self.killed_at:
            self.service_back = time.monotonic() - self.killed_at
        self.progress.show(self.acknowledged)

    def _kill(self):
        self.victim = self.cluster.wait_leader()
        self.cluster.nodes[self.victim].kill()
        self.killed_at = time.monotonic()
        clear = "\r\x1b[K" if sys.stdout.isatty() else ""
        print(f"{clear}   node {self.victim}, the leader, killed with SIGKILL after {self.acknowledged} entries",
              flush=True)


def store_and_kill(cluster, packages):
    """Stores the packages through all nodes; the leader dies on the way. Returns the node that was killed."""
    step(f"storing the {len(packages)} packages of this machine through all three nodes")
    killer = LeaderKiller(cluster, len(packages))
    writer = Writer([node.listen for node in cluster.nodes.values()])
    writer.store(packages.items(), killer.on_acknowledged)
    writer.close()
    leader = cluster.wait_leader(other_than=killer.victim)
    print(f"   all {killer.acknowledged} acknowledged; {writer.repeated} requests had to be sent again")
    print(f"   node {leader} leads now: the first SET sent after the kill was acknowledged "
          f"{killer.service_back:.2f} s after it", flush=True)
    return killer.victim


def count_differing(cluster, packages):
    """Reads everything through each node; returns the number of entries that are not what was stored."""
    step("reading everything back through each node")
    differing = 0
    for number in cluster.nodes:
        progress = Progress(f"node {number}", len(packages))
        wrong = 0
        for count, (key, value) in enumerate(read_all(cluster.client(number), packages), 1):
            wrong += value != packages[key]
            progress.show(count)
        differing += wrong
        print(f"   node {number}: {len(packages) - wrong} of {len(packages)} equal byte for byte", flush=True)
    return differing


def keep_running(cluster):
    step("the nodes run on until Ctrl-C")
    print(f"   {local_cluster.BUILD / 'kv-cli'} --endpoints {cluster.endpoints()} status", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def demonstrate(cluster, arguments):
    packages = installed_packages()
    step(f"starting three nodes in {cluster.directory}")
    cluster.start()
    cluster.wait_writable()
    print(f"   node {cluster.wait_leader()} leads; clients: {cluster.endpoints()}", flush=True)
    load_went_well = run_load(cluster, arguments.seconds)
    victim = store_and_kill(cluster, packages)
    step(f"starting node {victim} again")
    cluster.nodes[victim].start()
    cluster.nodes[victim].wait_ready()
    differing = count_differing(cluster, packages)
    if arguments.keep:
        keep_running(cluster)
    statuses = {number: node.stop() for number, node in cluster.nodes.items()}
    step(f"stopped the nodes; exit statuses {', '.join(str(status) for status in statuses.values())}")
    return differing == 0 and load_went_well and not any(statuses.values())


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the nodes are ended on the way out
    try:
        with Cluster() as cluster:
            well = demonstrate(cluster, arguments)
    except KeyboardInterrupt:
        print("\n== interrupted; the nodes are ended")
        return 130
    print("== all entries equal, nothing lost" if well else "== FAILED: see above")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
