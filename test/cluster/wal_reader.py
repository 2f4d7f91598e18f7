"""Prints the current entries of a stopped node's log, one JSON object a line. Written from docs/wal_format.md alone:
what it needs and does not find there is missing there. The numbers are the steps of the section `Reading`."""

import json
import pathlib
import sys
from collections import namedtuple
from functools import reduce
from io import BytesIO
from struct import pack, unpack_from

TABLE = [reduce(lambda value, _: value >> 1 ^ (0x82F63B78 if value & 1 else 0), range(8), byte) for byte in range(256)]
TYPES = {b"\1\0\0\0": "no_op", b"\2\0\0\0": "set", b"\3\0\0\0": "new_generation"}
HEAD, ENTRY, RESTART, REPAIR = 0, 1, 16, 17  # a segment's head is read as a record of how the one before ends
Record = namedtuple("Record", "at type end crc link term index mark body")  # `body` is None when it is damaged


def crc(data):
    return 0xFFFFFFFF ^ reduce(lambda value, byte: TABLE[(value ^ byte) & 255] ^ value >> 8, data, 0xFFFFFFFF)


def snapshot(path):  # index and term of one whose head is good, else (0, 0)
    head = path.read_bytes()[:64]
    return unpack_from("<2Q", head, 24) if head[:12] == pack("<3I", 0x504E5353, crc(head[8:]), 1) else (0, 0)


def record_at(at, data, number, identity):  # in a list, which is empty when the header is damaged
    check, length, kind, term, index, link, *where = unpack_from("<4x3I2Q6I", data, at)
    end, mark = at + (64 + length + 7) // 8 * 8, tuple(where[2:4])
    good = check == crc(data[at + 8:at + 64]) and where == [number, at, *mark, identity] and mark <= (number, at)
    if not good or at % 8 or end > len(data) - 64:
        return []
    assert kind in (ENTRY, REPAIR) or (kind, length) == (RESTART, 0), f"offset {at}: a type of record that is not known"
    body = data[at + 64:at + 64 + length]
    good = body[:24] == pack("<2I2Q", crc(body[4:]), max(0, length - 28), term, index) and body[24:28] in TYPES
    good = kind == RESTART or (good and not any(data[at + 64 + length:end]))
    return [Record((number, at), kind, (number, end), check, link, term, index, mark, body if good else None)]


def segment(path):  # its head, and each record with a good header, but for what stands inside a good record
    data = path.read_bytes()
    check, size, cluster, index, term, number, link, end, node = unpack_from("<4xI4xI3Q3IH", data.ljust(4096, b"\0"))
    assert data[:12] == pack("<3I", 0x47455353, crc(data[8:4096]), 1), f"{path}: the head is damaged"
    assert number == int(path.name[4:14]) and len(data) <= size, f"{path}: the head says otherwise"
    records = [Record((number - 1, end), HEAD, (number, 4096), check, link, term, index, (number, 4096), b"")]
    at, data, identity = 4096, data.ljust(size + 64, b"\0"), crc(pack("<QH", cluster, node))  # 3: as if zeros followed
    while (at := data.find(b"SWAL", at)) >= 0:
        records += record_at(at, data, number, identity)
        at = max(at + 1, 0 if records[-1].body is None else records[-1].end[1])
    return records


def good(records):  # 2: those that follow each other, without what is damaged
    proven = max(record.mark for record in records)  # 3: everything before was on the disk
    at, link, last, least = records[0].at, records[0].link, (records[0].index, records[0].term), 1
    for record in records:
        gap, name = record.at > at, (record.index, record.term)
        fits = {HEAD: name == last, ENTRY: least <= record.index <= last[0] + 1}.get(record.type, True)
        sound = record.body is not None and (gap or (record.at == at and record.link == link and fits))
        if proven <= at <= record.at and (gap or not sound):
            break
        assert record.type != HEAD or (sound and record.at[0] == at[0]), f"segment {at[0]} ends elsewhere"
        if sound:
            at, link, last = record.end, record.crc, last if record.type == REPAIR else name
            least = record.index + 1 if record.type == RESTART else least
            yield record


def shown(record):  # an entry as it is printed
    payload, entry = BytesIO(record.body[28:]), {"index": record.index, "term": record.term}
    number = lambda size: int.from_bytes(payload.read(size), "little")  # noqa: E731
    entry["type"], fields = TYPES[record.body[24:28]], number(1)
    if fields & 2:
        entry.update(client=payload.read(number(4)).decode(), number=number(8), max_sessions=number(4))
    entry.update({name: number(8) for bit, name in ((4, "since"), (8, "if_revision")) if fields & bit})
    if fields:
        entry.update(key=payload.read(number(4)).decode(), value_size=len(payload.read()))
    return dict(entry, file=f"wal-{record.at[0]:010}.log", offset=record.at[1], size=record.end[1] - record.at[1])


def read(directory):
    found = sorted(record for path in directory.glob("wal-" + 10 * "[0-9]" + ".log") for record in segment(path))  # 1
    kept = max(map(snapshot, directory.glob("snapshot-*.snap")), default=(0, 0))
    log = list(good(found))
    log = log[max(place for place, record in enumerate(log) if place == 0 or record.type == RESTART):]
    last = next(record for record in reversed(log) if record.type != REPAIR)
    entries, end = {}, last.index + 1
    for record in reversed(log):  # the entries from `end` on were overridden later
        if record.type in (ENTRY, REPAIR) and record.index < end:
            entries.setdefault(record.index, record)
        end = end if record.type == REPAIR else min(end, record.index + (record.type != ENTRY))
    missing = set(range(kept[0] + 1, last.index + 1)) - set(entries)  # 6
    assert not missing, f"damaged: the entry {min(missing)} is missing"
    named = entries.get(kept[0], log[0])  # 4: the entry that the snapshot ends with, if it can be read
    lost = last.index < kept[0] or (named.index == kept[0] and named.term != kept[1])
    return {index: shown(entries[index]) for index in sorted(entries) if index >= end and not lost}


if __name__ == "__main__":
    print(*map(json.dumps, read(pathlib.Path(sys.argv[1])).values()), sep="\n")
