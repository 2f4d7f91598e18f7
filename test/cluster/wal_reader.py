"""Prints the current entries of a stopped node's log, one JSON object a line. Written from docs/wal_format.md alone:
what it needs and does not find there is missing there. The numbers are the steps of the section `Reading`."""

import json
import pathlib
import sys
from functools import reduce
from struct import pack, unpack_from

TABLE = [reduce(lambda value, _: value >> 1 ^ (0x82F63B78 if value & 1 else 0), range(8), byte) for byte in range(256)]


def crc(data):
    return 0xFFFFFFFF ^ reduce(lambda value, byte: TABLE[(value ^ byte) & 255] ^ value >> 8, data, 0xFFFFFFFF)


def snapshot(path):  # index and term of a good one, else None
    data = path.read_bytes()
    good = data[:12] == pack("<III", 0x504E5353, crc(data[8:64]), 1)
    index, term, length = unpack_from("<QQQ", data.ljust(64, b"\0"), 24)
    for number in range((length + 65535) // 65536 if good else 0):
        block = data[72 + number * 65544:][:min(65536, length - number * 65536)]
        good &= data[64 + number * 65544:][:8] == pack("<II", crc(pack("<QI", number, len(block)) + block), len(block))
    return (index, term) if good and index == int(path.name[9:29]) else None


class Segment:
    def __init__(self, path):
        self.name, data = path.name, path.read_bytes()
        (magic, self.crc, version, self.size, cluster, index, term, self.number, self.link, self.end,
         node) = unpack_from("<IIIIQQQIIIH", data.ljust(4096, b"\0"))
        self.last, self.identity = (index, term), crc(pack("<QH", cluster, node))
        assert (magic, self.crc, version) == (0x47455353, crc(data[8:4096]), 1), f"{self.name}: the head is damaged"
        assert self.number == int(self.name[4:14]) and len(data) <= self.size, f"{self.name}: the head says otherwise"
        self.data = data.ljust(self.size + 64, b"\0")  # 3: as if zeros followed

    def header(self, at):  # a good one, as a dictionary, else None
        (check, length, kind, term, index, link, number, place, mark_segment, mark_offset,
         identity) = unpack_from("<4xIIB3xQQIIIIII", self.data, at)
        good = self.data[at:at + 4] == b"SWAL" and check == crc(self.data[at + 8:at + 64])
        good = good and (number, place, identity) == (self.number, at, self.identity)
        end, mark = at + (64 + length + 7) // 8 * 8, (mark_segment, mark_offset)
        known = (kind in (1, 17) or (kind == 16 and length == 0)) and not any(self.data[at + 13:at + 16])
        return {"crc": check, "length": length, "type": kind, "known": known, "term": term, "index": index,
                "link": link, "at": at, "end": end, "mark": mark} if good and end <= self.size and mark <= (number, at) else None

    def body(self, record):  # of a good record, else None
        assert record["known"], f"{self.name}: a type of record that is not known"
        raw, length = self.data[record["at"] + 64:record["end"]], record["length"]
        good = raw[:24] == pack("<IIQQ", crc(raw[4:length]), max(0, length - 28), record["term"], record["index"])
        good = good and raw[24] in (1, 2, 3) and not any(raw[25:28] + raw[length:])
        return raw if record["type"] == 16 or good else None

    def entry(self, record, body):  # as it is printed
        shown = {"index": record["index"], "term": record["term"]}
        shown["type"] = {1: "no_op", 2: "set", 3: "new_generation"}[body[24]]
        at, fields = 29, body[28] if body[24] == 2 else 0
        if fields & 2:
            number = at + 4 + unpack_from("<I", body, at)[0]
            shown["number"], shown["max_sessions"] = unpack_from("<QI", body, number)
            shown["client"], at = body[at + 4:number].decode(), number + 12
        for name in [name for bit, name in ((4, "since"), (8, "if_revision")) if fields & bit]:
            shown[name], at = unpack_from("<Q", body, at)[0], at + 8
        if fields:
            value = at + 4 + unpack_from("<I", body, at)[0]
            shown.update(key=body[at + 4:value].decode(), value_size=record["length"] - value)
        return {**shown, "file": self.name, "offset": record["at"], "size": record["end"] - record["at"]}

    def highest_mark(self, at):  # 3: of all good headers behind `at`, but for what stands inside a good record
        mark, at = (self.number, 4096), self.data.find(b"SWAL", at)
        while at >= 0:
            record = self.header(at) if at % 8 == 0 else None
            mark = max(mark, record["mark"]) if record else mark
            at = self.data.find(b"SWAL", record["end"] if record and self.body(record) is not None else at + 1)
        return mark


def read(directory):
    segments = [Segment(path) for path in sorted(pathlib.Path(directory).glob("wal-" + 10 * "[0-9]" + ".log"))]  # 1
    kept = max(filter(None, map(snapshot, pathlib.Path(directory).glob("snapshot-*.snap"))), default=(0, 0))
    first = segments[0].number if kept != (0, 0) else 1
    assert [segment.number for segment in segments] == [*range(first, first + len(segments))], "a segment is missing"
    entries, base, last, mark, least = {}, segments[0].last, segments[0].last, (0, 0), 1  # the least index to be met
    for segment, behind in zip(segments, [*segments[1:], None]):  # 2
        at, link, end, damage = 4096, segment.crc, behind.end if behind else segment.size, False
        while at < end:
            record = segment.header(at)
            body = segment.body(record) if record and link in (None, record["link"]) else None
            if body is None or (record["type"] == 1 and link and not least <= record["index"] <= last[0] + 1):
                if not behind and (segment.number, at) >= max(mark, segment.highest_mark(at)):  # 3
                    break
                damage, link, at = True, None, next(filter(segment.header, range(at + 8, end, 8)), end)
                continue
            for index in range({1: record["index"], 16: 1, 17: last[0] + 1}[record["type"]], last[0] + 1):
                entries.pop(index, None)
            if record["type"] == 1 or (record["type"] == 17 and base[0] < record["index"] <= last[0]):
                entries[record["index"]] = segment.entry(record, body)
            if record["type"] == 16 or (record["type"] == 1 and record["index"] <= base[0]):
                base = (record["index"], record["term"]) if record["type"] == 16 else (record["index"] - 1, None)
            least = record["index"] + 1 if record["type"] == 16 else least
            last = last if record["type"] == 17 else (record["index"], record["term"])
            link, at, mark = record["crc"], record["end"], max(mark, record["mark"])
        joins = not behind or (at, link, last) == (behind.end, behind.link, behind.last)
        assert joins or damage, f"{segment.name}: damaged at {at}"
        entries = {index: entry for index, entry in entries.items() if not behind or index <= behind.last[0]}
        last = behind.last if behind else last
    missing = set(range(max(base[0], kept[0]) + 1, last[0] + 1)) - set(entries)  # 6
    assert not missing, f"damaged: the entry {min(missing)} is missing"
    assert base[0] <= kept[0], "the log begins behind the snapshot"  # 4
    term = base[1] if base[0] == kept[0] else entries.get(kept[0], {"term": None})["term"]
    return entries if last[0] >= kept[0] and term in (None, kept[1]) else {}


if __name__ == "__main__":
    for line in read(sys.argv[1]).values():
        print(json.dumps(line))
