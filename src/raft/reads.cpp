// Linearizable reads without a write: ReadIndex (section 8; thesis, section 6.4), on the leader and on followers.
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/sometimes.hpp"
#include "raft/core.hpp"

namespace strata::raft {

// A request or answer that took so many heartbeat intervals counts as lost.
static constexpr int read_patience = 3;

void Core::on(Read event) {
  auto* follower = std::get_if<Follower>(&role_);
  if (std::holds_alternative<Leader>(role_)) {
    wait_for_round({config_.self, event.id, commit_index_});
  } else if (follower && follower->leader != NodeId(0)) {
    if (follower->reads.empty()) {
      follower->reads_due = now_ + read_patience * config_.heartbeat_interval;
    }
    request_read_index(*follower);
    follower->reads.push_back({event.id, last_read_request_});
  } else {
    out_.reads_failed.push_back(event.id);
  }
}

// ---- Follower ----

void Core::request_read_index(Follower& follower) {
  last_read_request_ = last_read_request_.next();
  send(follower.leader, ReadIndexRequest{hard_state_.term, last_read_request_});
}

void Core::resend_reads(Follower& follower) {
  if (!follower.reads.empty() && now_ >= follower.reads_due) {
    sometimes(Mark::read_request_repeated);
    follower.reads_due = now_ + read_patience * config_.heartbeat_interval;
    request_read_index(follower);
  }
}

void Core::receive(NodeId from, const ReadIndexResponse& response) {
  auto* follower = std::get_if<Follower>(&role_);
  if (!follower || follower->leader != from || response.id > last_read_request_) {
    return;
  }
  // Else it answers what was asked in another term, before the sender led, or what was answered already.
  const bool is_awaited = !follower->reads.empty() && follower->reads.front().request <= response.id;
  if (!response.read_index) {
    if (is_awaited) {
      // It has stepped down, and nobody else can lead in this term. To ask again at once would bring the same answer.
      sometimes(Mark::leader_leads_no_more);
      fail_reads();
      follower->leader = NodeId(0);
    }
    return;
  }
  while (!follower->reads.empty() && follower->reads.front().request <= response.id) {
    out_.reads_ready.push_back({follower->reads.front().id, *response.read_index});
    follower->reads.pop_front();
    follower->reads_due = now_ + read_patience * config_.heartbeat_interval;
  }
  commit_to(std::min(*response.read_index, follower->verified));
}

// ---- Leader ----

void Core::receive(NodeId from, const ReadIndexRequest& request) {
  if (!std::holds_alternative<Leader>(role_)) {
    refuse(from, request);
    return;
  }
  wait_for_round({from, request.id, commit_index_});
}

void Core::refuse(NodeId from, const ReadIndexRequest& request) {
  send(from, ReadIndexResponse{hard_state_.term, request.id, std::nullopt});
}

void Core::wait_for_round(PendingRead read) {
  auto& waiting = std::get<Leader>(role_).reads_waiting;
  const auto before =
      read.from == config_.self ? waiting.end() : std::ranges::find(waiting, read.from, &PendingRead::from);
  if (before == waiting.end()) {
    waiting.push_back(read);
  } else if (read.id > before->id) {
    sometimes(Mark::read_request_replaced);
    *before = read;  // its answer serves the earlier request as well; so what waits is bounded
  }
  begin_read_round();
}

// The leader must have committed in its term: before, it does not know what is committed. Then a majority has to answer
// a round begun after the reads came: before, another may have been elected and have committed more.
void Core::begin_read_round() {
  auto& leader = std::get<Leader>(role_);
  if (leader.reads_waiting.empty() || leader.read_round || commit_index_ < leader.term_start) {
    if (!leader.reads_waiting.empty() && commit_index_ < leader.term_start) {
      sometimes(Mark::read_waits_for_term);
    }
    return;
  }
  leader.reads_in_round = std::exchange(leader.reads_waiting, {});
  begin_round(leader.round.next());
  leader.read_round = leader.round;
  confirm_reads();
}

void Core::confirm_reads() {
  auto& leader = std::get<Leader>(role_);
  if (!leader.read_round || !answered_by_majority(*leader.read_round)) {
    return;
  }
  leader.read_round.reset();
  for (const PendingRead& read : std::exchange(leader.reads_in_round, {})) {
    serve(read);
  }
  begin_read_round();
}

void Core::serve(const PendingRead& read) {
  const LogIndex index = std::max(read.index, std::get<Leader>(role_).term_start);
  if (read.from == config_.self) {
    out_.reads_ready.push_back({read.id, index});
  } else {
    send(read.from, ReadIndexResponse{hard_state_.term, read.id, index});
  }
}

// ---- Both ----

// The term is over, and with it every read that waits in this role.
void Core::fail_reads() {
  if (auto* follower = std::get_if<Follower>(&role_)) {
    for (const ForwardedRead& read : std::exchange(follower->reads, {})) {
      sometimes(Mark::reads_lost_with_leader);
      out_.reads_failed.push_back(read.id);
    }
  } else if (auto* leader = std::get_if<Leader>(&role_)) {
    for (auto* reads : {&leader->reads_waiting, &leader->reads_in_round}) {
      for (const PendingRead& read : std::exchange(*reads, {})) {
        sometimes(Mark::reads_lost_with_leadership);
        if (read.from == config_.self) {
          out_.reads_failed.push_back(read.id);
        } else {
          send(read.from, ReadIndexResponse{hard_state_.term, read.id, std::nullopt});
        }
      }
    }
  }
}

}  // namespace strata::raft
