// What may happen to a core: its input. The driver's duties are said in raft/core.hpp.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/durability.hpp"
#include "base/entry.hpp"
#include "base/ids.hpp"
#include "raft/config.hpp"
#include "raft/messages.hpp"

namespace strata::raft {

// Nothing happened but time; also whenever the time of Output::wake_at has come. Elections and heartbeats begin in this
// event only: a driver that was held up hands in the messages that waited first, so that the leader's may be among
// them.
struct TimePassed {};

struct Received {
  NodeId from;
  Message message;
  std::uint64_t nonce = 0;  // Start::nonce of the start that sent it; 0: the driver has no data directories
};

// Commands to append. They get consecutive indexes or are all refused. Those of one event are taken whatever their size
// when nothing is uncommitted, else within max_uncommitted_bytes.
using ProposalId = StrongId<struct ProposalIdTag, std::uint64_t>;
struct Propose {
  ProposalId id;                // the driver's own, comes back in the answer
  std::vector<Bytes> payloads;  // at least one
};

// A linearizable read that began before this event; one id may stand for many reads. Fresh for every event. The answer
// may take as long as there is no majority: the driver has its own limit of time.
struct Read {
  ReadId id;
};

// The leader lets a follower take its place (thesis, 3.10): it takes no more proposals, commits what it has, brings the
// follower up to date and tells it to campaign. Leadership says that it is not ready meanwhile; when an election
// timeout has passed without success, it goes on as before. Of no effect on another role, and when there is no such
// follower.
struct TransferLeadership {
  NodeId target;  // 0: the best of those that are heard
};

// Names one Output::append; rises by one with each.
using WriteId = StrongId<struct WriteIdTag, std::uint64_t>;

// All appends up to `id` have reached `level`. synced implies written. An id names the write itself and not the entry
// (term, index), because an entry can be written, overwritten and written again (catalogue of bugs, 22).
struct Persisted {
  WriteId id;
  Durability level = Durability::written;
};

// A sync of what was reported as written, up to `id`, has begun: from now on the disk owes it. (Of what was not
// reported as written the core knows by itself.)
struct SyncBegun {
  WriteId id;
};

// The disk has no room for the log to go on (what is allocated already can still be written), or has some again. Until
// it is told, it has.
struct DiskSpace {
  bool full = false;
};

// A write or a sync of the log, of term and vote or of a snapshot has failed: nothing more will be persisted, and the
// node is about to end.
struct DiskFailed {};

// This hard state, and with it every earlier one, is on stable storage.
struct HardStateSaved {
  HardState hard_state;
};

// The same of an Output::record. Ids rise by one with each.
using RecordId = StrongId<struct RecordIdTag, std::uint64_t>;
struct Recorded {
  RecordId id;
};

// The answer to Output::fetch: these entries, read back from the log; a prefix of what was asked for is enough, none
// says that they could not be read. They may have been overwritten meanwhile: the core checks the terms.
struct Fetched {
  NodeId peer;
  std::vector<Entry> entries;
};

// The driver holds a snapshot of everything up to `index`, on stable storage and verified; it has applied that much. It
// no longer needs the log's entries up to `released` <= index, which are the less the fewer followers shall need the
// snapshot.
struct SnapshotTaken {
  LogIndex index;
  LogIndex released;
};

// The answer to Output::read_snapshot: these bytes of it, at least one when there are any from that offset on.
struct SnapshotRead {
  NodeId peer;
  EntryId last_included;
  std::uint64_t offset = 0;
  SharedBytes data;
  std::uint64_t size = 0;  // of the whole snapshot; 0: it cannot be read
};

// The answer to Output::store_snapshot.
struct SnapshotStored {
  EntryId last_included;
  std::uint64_t stored = 0;  // bytes, from the beginning; 0 also when it could not be stored or is not sound
  bool durable = false;      // it is whole, on stable storage, verified, and ready to be installed
};

using Event =
    std::variant<TimePassed, Received, Propose, Read, Persisted, HardStateSaved, Fetched, SnapshotTaken, SnapshotRead,
                 SnapshotStored, TransferLeadership, SyncBegun, DiskSpace, DiskFailed, Recorded>;

}  // namespace strata::raft
