// Members make their data directories known to each other, and a node whose directory is new is silent until all others
// know it (design, section 6, rule 6; docs/decisions/rejoin.md).
#include <algorithm>
#include <utility>

#include "base/sometimes.hpp"
#include "raft/core.hpp"

namespace strata::raft {

void Core::meet(const std::vector<KnownMember>& known) {
  if (start_.directory == 0) {
    return;
  }
  for (const NodeId member : config_.members) {
    if (member != config_.self) {
      neighbours_[member].known.node = member;
    }
  }
  for (const KnownMember& member : known) {
    if (const auto neighbour = neighbours_.find(member.node); neighbour != neighbours_.end()) {
      neighbour->second.known = member;
    }
  }
}

std::vector<KnownMember> Core::known_members() const {
  std::vector<KnownMember> known;
  known.reserve(neighbours_.size());
  for (const auto& [node, neighbour] : neighbours_) {
    if (neighbour.known.start.directory != 0) {
      known.push_back(neighbour.known);
    }
  }
  return known;
}

// What the member, or this node, does not know yet of the other.
bool Core::holds_up(const Neighbour& neighbour) const {
  const bool told = neighbour.told || admission_ != Admission::rejoining;
  return !neighbour.knows_us || !neighbour.is_recorded(saved_record_) || !told;
}

std::vector<NodeId> Core::waits_for() const {
  std::vector<NodeId> waiting;
  if (admission_ == Admission::asking || admission_ == Admission::rejoining) {
    for (const auto& [node, neighbour] : neighbours_) {
      if (holds_up(neighbour)) {
        waiting.push_back(node);
      }
    }
  }
  return waiting;
}

// Saved with what else this step saves.
void Core::record() {
  terms_to_record_ = false;
  if (!out_.record) {
    last_record_ = last_record_.next();
    out_.record = Record{last_record_, {}, admission_};
  }
}

// ---- This node's own start ----

void Core::introduce_to(NodeId to, const Neighbour& neighbour) {
  send(to, Introduce{hard_state_.term, start_, neighbour.knows_us_by, earlier_nonces_});
}

// Until then nobody takes any other message of this start. Who rejoins asks those again who know it, and have not told
// their term.
void Core::introduce_again() {
  if (now_ < introductions_due()) {
    return;
  }
  introductions_due_ = now_ + config_.heartbeat_interval;
  for (const auto& [node, neighbour] : neighbours_) {
    if (!neighbour.knows_us || (admission_ != Admission::member && holds_up(neighbour))) {
      introduce_to(node, neighbour);
    }
  }
  join_when_known();
}

TimePoint Core::introductions_due() const {
  const bool all_know = std::ranges::all_of(neighbours_, [](const auto& other) { return other.second.knows_us; });
  const bool done = all_know && admission_ == Admission::member;
  return done || turned_away_ ? TimePoint::max() : introductions_due_;
}

// Of one directory: the start is the known one, or comes after it. `earlier`: the nonces of those before it. When they
// do not reach back as far, it is taken for one.
static bool goes_on(const Start& known, const Start& start, const std::vector<std::uint64_t>& earlier) {
  if (start.incarnation <= known.incarnation) {
    return start == known;
  }
  const std::uint64_t back = start.incarnation.value - known.incarnation.value;
  return back > earlier.size() || earlier[back - 1] == known.nonce;
}

// One whose directory was put back remembers the others as they were then: it is not they who are outdated.
static bool is_superseded(const Start& known, const Introduced& answer) {
  const bool same = answer.start.directory == known.directory;
  return known.directory != 0 && !(same && goes_on(known, answer.start, answer.earlier));
}

void Core::receive(NodeId from, const Introduced& answer) {
  const auto neighbour = neighbours_.find(from);
  if (neighbour == neighbours_.end() || answer.nonce != start_.nonce || turned_away_) {
    return;
  }
  if (is_superseded(neighbour->second.known.start, answer)) {
    return;
  }
  if (answer.verdict == Verdict::recorded) {
    recorded_by(neighbour->second, answer);
  } else if (neighbour->second.has_known_us) {
    return;  // said before that, and late
  } else if (answer.verdict == Verdict::other_directory) {
    known_by_other_directory(from, neighbour->second, answer);
  } else {
    turn_away({from, answer.verdict, answer.directory});
  }
}

void Core::recorded_by(Neighbour& neighbour, const Introduced& answer) {
  neighbour.knows_us = neighbour.has_known_us = true;
  if (!answer.silent) {
    neighbour.told = std::max(neighbour.told.value_or(Term()), answer.term);
  }
  join_when_known();
}

void Core::known_by_other_directory(NodeId by, Neighbour& neighbour, const Introduced& answer) {
  if (admission_ != Admission::rejoining) {
    turn_away({by, answer.verdict, answer.directory});
  } else if (neighbour.knows_us_by != answer.directory) {
    neighbour.knows_us_by = answer.directory;
    introduce_to(by, neighbour);
  }
}

// The highest term that all others have told: whatever an earlier directory of this node voted or acknowledged, it was
// in no higher one. In that term the vote counts as given.
void Core::join_when_known() {
  const bool waits = std::ranges::any_of(neighbours_, [this](const auto& other) { return holds_up(other.second); });
  if (admission_ == Admission::member || turned_away_ || waits) {
    return;
  }
  sometimes(admission_ == Admission::rejoining ? Mark::rejoined : Mark::joined);
  if (admission_ == Admission::rejoining) {
    Term highest = hard_state_.term;
    for (const auto& [node, neighbour] : neighbours_) {
      highest = std::max(highest, *neighbour.told);
    }
    set_hard_state({highest, config_.self});
  }
  admission_ = Admission::member;
  record();
  out_.joined = true;
  election_due() = draw_election_due();
}

void Core::turn_away(const TurnedAway& by) {
  step_down();
  turned_away_ = true;
  out_.turned_away = by;
  if (by.verdict == Verdict::outdated) {
    admission_ = Admission::outdated;
    record();
  }
}

// ---- The others' ----

// The start that is known is none of those before this one. And a term is on stable storage before it is told; so a
// later start of the same directory cannot have a lower one.
static bool is_behind(const KnownMember& known, const Introduce& introduce) {
  const bool later = introduce.start != known.start;
  return !goes_on(known.start, introduce.start, introduce.earlier) || (later && introduce.term < known.term);
}

void Core::receive(NodeId from, const Introduce& introduce) {
  const auto found = neighbours_.find(from);
  if (found == neighbours_.end() || introduce.start.directory == 0 || turned_away_) {
    return;
  }
  Neighbour& neighbour = found->second;
  const Start& known = neighbour.known.start;
  const bool same = known.directory == introduce.start.directory;
  if (!same && known.directory != 0 && known.directory != introduce.replaces) {
    sometimes(Mark::directory_refused);
    answer_introduction(from, introduce.start, Verdict::other_directory);
  } else if (same && is_behind(neighbour.known, introduce)) {
    sometimes(Mark::start_outdated);
    answer_introduction(from, introduce.start, Verdict::outdated);
  } else if (known != introduce.start) {
    remember(from, neighbour, introduce);
  } else if (neighbour.is_recorded(saved_record_)) {
    answer_introduction(from, introduce.start, Verdict::recorded);
  }
}

void Core::remember(NodeId node, Neighbour& neighbour, const Introduce& introduce) {
  KnownMember& known = neighbour.known;
  const bool is_other = known.start.directory != introduce.start.directory;
  sometimes(is_other && known.start.directory != 0 ? Mark::directory_replaced : Mark::directory_recorded);
  known.term = is_other ? introduce.term : std::max(known.term, introduce.term);
  known.start = introduce.start;
  record();
  neighbour.in_record = last_record_;
  if (is_other) {
    lost_directory(node, neighbour);
  }
}

// What an earlier directory has recorded, or acknowledged, is lost with it.
void Core::lost_directory(NodeId node, Neighbour& neighbour) {
  if (auto* leader = std::get_if<Leader>(&role_)) {
    // So that there is something to send, whose answer tells what it has.
    leader->followers.at(node) = Progress(log_.last_index());
  }
  if (neighbour.knows_us) {
    neighbour.knows_us = false;
    introduce_to(node, neighbour);
  }
}

void Core::answer_introduction(NodeId to, const Start& start, Verdict verdict) {
  const std::uint64_t directory = neighbours_.at(to).known.start.directory;
  const bool silent = admission_ != Admission::member;
  send(to, Introduced{hard_state_.term, start.nonce, verdict, directory, silent, start_, earlier_nonces_});
}

void Core::on(Recorded event) {
  const RecordId before = std::exchange(saved_record_, std::max(saved_record_, event.id));
  for (const auto& [node, neighbour] : neighbours_) {
    if (neighbour.in_record > before && neighbour.is_recorded(saved_record_)) {
      answer_introduction(node, neighbour.known.start, Verdict::recorded);
    }
  }
  join_when_known();
}

// The gate knows of a new start once that is said to be recorded; until then, and inside this node, messages of the one
// before are still on their way. What an earlier directory told binds the next one to nothing.
bool Core::is_of_other_start(const Received& event) const {
  const auto neighbour = neighbours_.find(event.from);
  return neighbour != neighbours_.end() && neighbour->second.known.start.nonce != event.nonce;
}

// Not an introduction's: it may be of a directory, or of a start, that comes to nothing here.
void Core::note_term(NodeId from, Term term) {
  const auto neighbour = neighbours_.find(from);
  if (neighbour != neighbours_.end() && term > neighbour->second.known.term) {
    neighbour->second.known.term = term;
    terms_to_record_ = true;
  }
}

}  // namespace strata::raft
