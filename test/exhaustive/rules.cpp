// The rules that one node alone can be seen to break. What needs two nodes to be seen stands in invariants.cpp.
#include <algorithm>
#include <string>
#include <vector>

#include "exhaustive/machine.hpp"

namespace strata::exhaustive {

void Machine::must(bool holds, const char* what) {
  if (!holds && outcome_.violation.empty()) {
    outcome_.violation = what;
  }
}

void Machine::check_marks() {
  must(core_.synced() <= core_.written() && core_.written() <= core_.last_index(), "the marks of the log");
  must(core_.commit_index() <= core_.last_index(), "commit_index is beyond the log");
  must(core_.commit_index() == handed_out_, "what is committed is not handed out");
  if (const raft::Leader* leader = core_.leading()) {
    for (const auto& [peer, progress] : leader->followers) {
      must(progress.match_synced <= progress.match_written && progress.match_written <= progress.match_index &&
               progress.match_index < progress.next_index,
           "the marks of a follower's progress");
    }
  }
}

// What the core takes for written and synced, the disk holds: these entries, and not others in their places.
void Machine::check_disk() {
  const auto holds = [this](const std::vector<Entry>& disk, LogIndex mark) {
    for (std::size_t place = 0; place < mark.value; ++place) {
      if (place >= disk.size() || slot_of(disk[place]) != log_[place]) {
        return false;
      }
    }
    return true;
  };
  must(holds(disk_.written(), core_.written()), "the core takes for written what the disk does not hold");
  must(holds(disk_.synced(), core_.synced()), "the core takes for synced what would not survive a loss of power");
}

// The core's log is what it handed out to be written, and what the disk had.
void Machine::check_log() {
  const raft::Log& log = core_.log();
  must(log.last_index().value == log_.size(), "the log is not what was written");
  for (LogIndex index(1); index.value <= std::min<std::uint64_t>(log_.size(), log.last_index().value);
       index = index.next()) {
    const Slot& slot = log_[index.value - 1];
    must(log.term_at(index) == slot.term, "the log's terms are not what was written");
    if (index >= log.first_cached()) {
      must(ByteReader(log.entry(index).body.view()).number<std::uint32_t>() == slot.checksum,
           "the log's entries are not what was written");
    }
  }
}

// What a message says is true, and can never be taken back: the term, the one vote in it, what the disk holds.
void Machine::check_promises(const raft::Outgoing& outgoing) {
  Term term;
  std::visit([&term](const auto& message) { term = message.term; }, outgoing.message);
  NodeId vote;
  if (std::holds_alternative<raft::RequestVote>(outgoing.message)) {
    vote = self_;
  } else if (const auto* answer = std::get_if<raft::RequestVoteResponse>(&outgoing.message);
             answer && answer->vote_granted) {
    vote = outgoing.to;
  } else if (const auto* success = std::get_if<raft::AppendEntriesResponse>(&outgoing.message);
             success && success->success) {
    must(success->written.value <= disk_.written().size() && success->synced.value <= disk_.synced().size(),
         "an acknowledgement claims more than the disk holds");
  }
  // An introduction may have waited for the same sync as what was said later.
  must(term >= told_.term || is_introduction(outgoing.message), "the term in a message went back");
  must(term <= disk_.saved().term, "a message tells of a term that is not on stable storage");
  if (vote != NodeId(0)) {
    check_vote({term, vote});
  }
  if (term > told_.term) {
    told_ = {term, NodeId(0)};
  }
  told_.vote = vote != NodeId(0) ? vote : told_.vote;
}

// Over all lives, that with a disk which was lost included.
void Machine::check_vote(raft::HardState told) {
  for (const raft::HardState& before : {told_, told_lost_}) {
    must(told.term != before.term || before.vote == NodeId(0) || before.vote == told.vote, "two votes in one term");
  }
  must(disk_.saved() == told, "a vote is told that is not on stable storage");
}

// Who is not admitted says who it is, and nothing else; and what is said to be recorded is not forgotten.
void Machine::check_admission(const raft::Outgoing& outgoing) {
  must(is_introduction(outgoing.message) || disk_.admission() == Admission::member,
       "a node takes part that is not admitted");
  const auto* answer = std::get_if<raft::Introduced>(&outgoing.message);
  if (answer != nullptr && answer->verdict == raft::Verdict::recorded) {
    must(disk_.knows(outgoing.to, answer->nonce), "a start is said to be recorded that is not on stable storage");
  }
}

void Machine::check_restart() {
  const raft::HardState& now = core_.hard_state();
  must(now.term >= told_.term, "a restarted node has forgotten its term");
  must(now.term != told_.term || told_.vote == NodeId(0) || now.vote == told_.vote,
       "a restarted node has forgotten its vote");
}

// Section 5.4.2: only an entry of the leader's own term is committed by counting.
void Machine::check_counted() {
  must(core_.log().term_at(core_.commit_index()) == core_.hard_state().term,
       "section 5.4.2: a leader counted an entry of an earlier term");
}

}  // namespace strata::exhaustive
