#include "soak.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "harness.hpp"
#include "raft/quorum.hpp"

namespace strata::raft::testing {
namespace {

struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Args>
void must(bool holds, fmt::format_string<Args...> what, Args&&... args) {
  if (!holds) {
    throw Broken(fmt::format(what, std::forward<Args>(args)...));
  }
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t value = state_ += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  bool chance(std::uint64_t percent) { return below(100) < percent; }

 private:
  std::uint64_t state_;
};

// What ever happened, and what must therefore hold.
class History {
 public:
  History(std::size_t members, Durability ack) : members_(members), ack_(ack) {}

  void after_step(NodeId number, const Node& node, const std::map<NodeId, Node>& all) {
    const Core& core = node.core;
    check_monotone(number, core);
    check_entries(node.last);
    check_answers(number, node);
    if (core.role() == Role::leader) {
      const auto [known, fresh] = leaders_.emplace(core.hard_state().term, number);
      must(known->second == number, "Election Safety: {} and {} lead term {}", known->second, number, known->first);
      if (fresh) {
        check_completeness(core);
      }
    }
    for (const Entry& entry : node.last.committed) {
      check_committed(number, entry);
    }
    if (core.role() == Role::leader && core.commit_index() > committed_up_to_) {
      const Term term = core.log().term_at(core.commit_index());
      must(term == core.hard_state().term, "section 5.4.2: {} counted an entry of term {} in term {}", number, term,
           core.hard_state().term);
      check_holders(core.commit_index(), term, all);
      committed_up_to_ = core.commit_index();
    }
  }

  void read_begins(ReadId read) { reads_[read] = committed_up_to_; }
  void read_ends(const ReadReady& ready) {
    must(ready.index >= reads_.at(ready.id),
         "Linearizable reads: read {} at {}, though {} was committed before it began", ready.id, ready.index,
         reads_.at(ready.id));
  }

  // What left a node cannot be taken back by a crash: its term, and its one vote in it.
  void sent(NodeId number, const Outgoing& outgoing) {
    Term& told = told_terms_[number];
    std::visit([&](const auto& message) { told = std::max(told, message.term); }, outgoing.message);
    if (const auto* request = std::get_if<RequestVote>(&outgoing.message)) {
      check_vote(number, request->term, number);
    } else if (const auto* vote = std::get_if<RequestVoteResponse>(&outgoing.message); vote && vote->vote_granted) {
      check_vote(number, vote->term, outgoing.to);
    }
  }

  // A restarted node begins to hand out entries behind its mark.
  void restarted(NodeId number, const Core& core) {
    must(core.hard_state().term >= told_terms_[number], "{} forgot term {}", number, told_terms_[number]);
    terms_[number] = core.hard_state().term;
    handed_out_[number] = core.commit_index();
    commits_[number] = core.commit_index();
  }

  static void check_log_matching(const std::map<NodeId, Node>& nodes) {
    for (auto one = nodes.begin(); one != nodes.end(); ++one) {
      for (auto other = std::next(one); other != nodes.end(); ++other) {
        const Log& a = one->second.core.log();
        const Log& b = other->second.core.log();
        bool same = false;
        for (LogIndex at = std::min(a.last_index(), b.last_index()); at != LogIndex(0); at = at - 1) {
          const bool equal = a.term_at(at) == b.term_at(at);
          must(equal || !same, "Log Matching: {} and {} differ at {} before a common entry", one->first, other->first,
               at);
          same = equal;
        }
      }
    }
  }

  LogIndex committed_up_to() const { return committed_up_to_; }
  std::uint64_t elections() const { return leaders_.size(); }

 private:
  void check_monotone(NodeId number, const Core& core) {
    Term& term = terms_[number];
    must(core.hard_state().term >= term, "the term of {} went back from {} to {}", number, term,
         core.hard_state().term);
    term = core.hard_state().term;
    LogIndex& commit = commits_[number];
    must(core.commit_index() >= commit, "commit_index of {} went back from {}", number, commit);
    commit = core.commit_index();
    must(core.commit_index() <= core.last_index(), "commit_index of {} is beyond its log", number);
    must(core.synced() <= core.written() && core.written() <= core.last_index(), "the marks of {}", number);
    if (const Leader* leader = core.leading()) {
      for (const auto& [peer, progress] : leader->followers) {
        must(progress.match_synced <= progress.match_written && progress.match_written <= progress.match_index &&
                 progress.match_index < progress.next_index,
             "the progress of {} at {}", peer, number);
      }
    }
  }

  void check_vote(NodeId number, Term term, NodeId candidate) {
    const NodeId given = votes_.emplace(std::pair(term, number), candidate).first->second;
    must(given == candidate, "{} voted for {} and {} in term {}", number, given, candidate, term);
  }

  void check_entries(const Output& out) {
    if (out.append) {
      for (const Entry& entry : out.append->entries) {
        const auto [known, fresh] = entries_.emplace(std::pair(entry.index, entry.term), Bytes(entry.body.view()));
        must(known->second == entry.body.view(), "two entries of term {} at {}", entry.term, entry.index);
      }
    }
  }

  // What a node says it has, it has, and it says so to a leader.
  void check_answers(NodeId number, const Node& node) {
    for (const auto* messages : {&node.last.send, &node.last.send_after_hard_state}) {
      for (const Outgoing& outgoing : *messages) {
        const auto* answer = std::get_if<AppendEntriesResponse>(&outgoing.message);
        if (answer && answer->success) {
          must(answer->synced.value <= node.disk.synced.size() && answer->written.value <= node.disk.written.size(),
               "{} claims more than its disk holds", number);
          const auto leads = leaders_.find(answer->term);
          must(leads != leaders_.end() && leads->second == outgoing.to, "{} answers one who never led", number);
        }
      }
    }
  }

  void check_completeness(const Core& core) {
    for (const auto& [index, entry] : committed_) {
      must(core.log().matches(index, entry.first),
           "Leader Completeness: the leader of term {} lacks entry {} of term {}", core.hard_state().term, index,
           entry.first);
    }
  }

  void check_committed(NodeId number, const Entry& entry) {
    LogIndex& last = handed_out_[number];
    must(entry.index == last.next(), "{} was handed entry {} after {}", number, entry.index, last);
    last = entry.index;
    const auto known = committed_.emplace(entry.index, std::pair(entry.term, Bytes(entry.body.view()))).first;
    must(known->second.first == entry.term && known->second.second == entry.body.view(),
         "State Machine Safety: entry {} of term {} at {}, of term {} elsewhere", entry.index, entry.term, number,
         known->second.first);
  }

  void check_holders(LogIndex index, Term term, const std::map<NodeId, Node>& all) {
    std::size_t holders = 0;
    for (const auto& [number, node] : all) {
      const auto& log = ack_ == Durability::synced ? node.disk.synced : node.disk.written;
      if (log.size() >= index.value && log[index.value - 1].term == term) {
        ++holders;
      }
    }
    must(holders >= majority(members_), "entry {} was committed with {} holders", index, holders);
  }

  std::size_t members_;
  Durability ack_;
  std::map<NodeId, Term> terms_;
  std::map<NodeId, Term> told_terms_;
  std::map<NodeId, LogIndex> commits_;
  std::map<NodeId, LogIndex> handed_out_;
  std::map<Term, NodeId> leaders_;
  std::map<std::pair<Term, NodeId>, NodeId> votes_;
  std::map<std::pair<LogIndex, Term>, Bytes> entries_;
  std::map<LogIndex, std::pair<Term, Bytes>> committed_;
  LogIndex committed_up_to_;
  std::map<ReadId, LogIndex> reads_;
};

class Run {
 public:
  explicit Run(std::uint64_t seed)
      : random_(seed),
        members_(random_.chance(60) ? 3 : 5),
        ack_(random_.chance(70) ? Durability::synced : Durability::written),
        loss_(random_.below(20)),
        repeat_(random_.below(20)),
        crash_(random_.below(3)),
        hurry_(random_.chance(50) ? 80 : 16),
        unrest_(random_.below(50)),
        history_(static_cast<std::size_t>(members_), ack_) {
    const std::size_t small = 100 + random_.below(2000);
    const bool tight = random_.chance(50);
    const bool pre_vote = random_.chance(70);
    const bool check_quorum = random_.chance(70);
    for (int number = 1; number <= members_; ++number) {
      Config config = config_of(number, members_);
      config.ack = ack_;
      config.pre_vote = pre_vote != (random_.chance(5));  // one that differs, as while it is turned on
      config.check_quorum = check_quorum;
      if (tight) {
        config.cache_bytes = small;
        config.max_append_bytes = small / 8;
        config.window_bytes = 2 * small;
        config.window_messages = 3;
        config.max_uncommitted_bytes = 4 * small;
      }
      nodes_.emplace(id(number), Node(config, Disk(), TimePoint(), random_.next()));
    }
  }

  void act() {
    const std::uint64_t what = random_.below(100);
    if (what < 55) {
      deliver();
    } else if (what < 75) {
      use_disk(any());
    } else if (what < 84) {
      pass();
    } else if (what < 91) {
      propose(any());
    } else if (what < 94) {
      read(any());
    } else if (what < 97) {
      fetch(any());
    } else if (random_.chance(crash_ * 10)) {
      crash(any());
    } else if (random_.chance(15)) {
      cut();
    } else if (random_.chance(unrest_)) {
      time_out(any());
    }
    if (random_.chance(2)) {
      History::check_log_matching(nodes_);
    }
  }

  // The faults end: a leader is found, and all copies become equal.
  void heal() {
    cut_.clear();
    late_ = NodeId(0);
    loss_ = repeat_ = 0;
    bool asked = false;
    for (int round = 0; round < 400; ++round) {
      advance(Duration(std::chrono::milliseconds(25)));
      quiesce();
      Node* leader = nullptr;
      for (auto& [number, node] : nodes_) {
        if (node.core.role() == Role::leader &&
            (!leader || node.core.hard_state().term > leader->core.hard_state().term)) {
          leader = &node;
        }
      }
      if (leader && !asked) {
        step(leader->core.config().self, Propose{ProposalId(++ids_), {"last"}});
        asked = leader->last.proposals_appended.has_value();
      } else if (leader && equal(*leader)) {
        History::check_log_matching(nodes_);
        return;
      }
    }
    throw Broken("Progress: no equal logs after the faults ended");
  }

  SoakResult result() const {
    SoakResult result;
    result.committed = history_.committed_up_to().value;
    result.reads = reads_;
    result.elections = history_.elections();
    result.fetches = fetches_;
    result.truncations = truncations_;
    return result;
  }

 private:
  NodeId any() { return id(1 + static_cast<int>(random_.below(nodes_.size()))); }

  void step(NodeId number, Event event) {
    Node& node = nodes_.at(number);
    node.random = random_.next();
    const LogIndex before = node.core.last_index();
    node.step(std::move(event));
    after_step(number, before);
  }

  void after_step(NodeId number, LogIndex before) {
    Node& node = nodes_.at(number);
    if (node.last.append && node.last.append->entries.front().index <= before) {
      ++truncations_;
    }
    history_.after_step(number, node, nodes_);
    for (const ReadReady& ready : std::exchange(node.reads_ready, {})) {
      history_.read_ends(ready);
      ++reads_;
    }
    node.reads_failed.clear();
    node.committed.clear();
    gather(number);
  }

  void gather(NodeId number) {
    Node& node = nodes_.at(number);
    for (Outgoing& outgoing : std::exchange(node.outbox, {})) {
      history_.sent(number, outgoing);
      const bool lost = random_.chance(loss_) || cut_.contains({number, outgoing.to});
      if (!lost && pool_.size() < 500) {
        pool_.push_back({number, std::move(outgoing)});
      }
    }
  }

  void deliver() {
    if (pool_.empty()) {
      return;
    }
    // Mostly in about the order of sending, sometimes any.
    const std::size_t reach = random_.chance(90) ? std::min<std::size_t>(pool_.size(), 6) : pool_.size();
    const auto place = pool_.begin() + static_cast<std::ptrdiff_t>(random_.below(reach));
    Packet packet = *place;
    if (!random_.chance(repeat_)) {
      pool_.erase(place);
    }
    step(packet.outgoing.to, Received{packet.from, std::move(packet.outgoing.message)});
  }

  void use_disk(NodeId number) {
    Node& node = nodes_.at(number);
    if (random_.chance(60)) {
      node.work();
      gather(number);
    }
    if (random_.chance(40)) {
      node.sync();
    }
    while (random_.chance(60) && report(number)) {
    }
  }

  bool report(NodeId number) {
    Node& node = nodes_.at(number);
    if (node.reports.empty()) {
      return false;
    }
    const LogIndex before = node.core.last_index();
    node.random = random_.next();
    node.report();
    after_step(number, before);
    return true;
  }

  void pass() { advance(std::chrono::milliseconds(1 + random_.below(hurry_))); }

  void advance(Duration duration) {
    for (auto& [number, node] : nodes_) {
      if (number == late_) {
        continue;
      }
      node.now += duration;
      if (node.last.wake_at <= node.now) {
        step(number, TimePassed{});
      }
    }
  }

  // Its clock runs ahead of the others'.
  void time_out(NodeId number) {
    Node& node = nodes_.at(number);
    node.now = std::max(node.now, node.last.wake_at);
    step(number, TimePassed{});
  }

  void propose(NodeId number) {
    std::vector<Bytes> payloads;
    for (std::uint64_t count = 1 + random_.below(3); count > 0; --count) {
      payloads.push_back(fmt::format("{}-{}", number, ++ids_) + Bytes(random_.below(100), '.'));
    }
    step(number, Propose{ProposalId(ids_), std::move(payloads)});
  }

  void read(NodeId number) {
    const ReadId read(++ids_);
    history_.read_begins(read);
    step(number, Read{read});
  }

  bool fetch(NodeId number) {
    Node& node = nodes_.at(number);
    if (node.fetches.empty()) {
      return false;
    }
    const Fetch asked = node.fetches.front();
    node.fetches.erase(node.fetches.begin());
    const auto& log = node.disk.written;
    must(asked.first <= asked.last && asked.last.value <= log.size(), "{} fetches what its log does not hold", number);
    const auto at = [&](LogIndex index) { return log.begin() + static_cast<std::ptrdiff_t>(index.value); };
    std::vector<Entry> entries(at(asked.first - 1), at(asked.last));
    entries.resize(std::min<std::size_t>(entries.size(), random_.below(6)));
    ++fetches_;
    step(number, Fetched{asked.peer, std::move(entries)});
    return true;
  }

  void crash(NodeId number) {
    Node& old = nodes_.at(number);
    for (std::uint64_t jobs = random_.below(4); jobs > 0; --jobs) {
      old.work();  // the disk gets something done before the end, and nobody hears of it
    }
    if (ack_ == Durability::synced) {
      old.disk.lose_power(random_.below(3));
    }
    Node fresh(old.core.config(), std::move(old.disk), old.now, random_.next());
    history_.restarted(number, fresh.core);
    nodes_.erase(number);
    nodes_.emplace(number, std::move(fresh));
    step(number, TimePassed{});
  }

  void cut() {
    cut_.clear();
    late_ = NodeId(0);
    if (random_.chance(30)) {  // one is alone, and perhaps its clock stands still
      const NodeId alone = any();
      late_ = random_.chance(50) ? alone : late_;
      for (const auto& [number, node] : nodes_) {
        cut_.insert({alone, number});
        cut_.insert({number, alone});
      }
    }
    for (std::uint64_t links = random_.chance(30) ? random_.below(2 * nodes_.size()) : 0; links > 0; --links) {
      cut_.insert({any(), any()});
    }
  }

  void quiesce() {
    for (int round = 0; round < 1000; ++round) {
      bool worked = false;
      for (int number = 1; number <= members_; ++number) {
        Node& node = nodes_.at(id(number));
        while (node.work()) {
          worked = true;
        }
        node.sync();
        while (report(id(number)) || fetch(id(number))) {
          worked = true;
        }
        gather(id(number));
      }
      if (!worked && pool_.empty()) {
        return;
      }
      for (auto packets = std::exchange(pool_, {}); Packet & packet : packets) {
        step(packet.outgoing.to, Received{packet.from, std::move(packet.outgoing.message)});
      }
    }
    throw Broken("Progress: messages without an end");
  }

  bool equal(const Node& leader) const {
    return std::ranges::all_of(nodes_, [&](const auto& other) {
      const Core& core = other.second.core;
      return core.last_index() == leader.core.last_index() && core.commit_index() == core.last_index() &&
             core.synced() == core.last_index() && core.hard_state().term == leader.core.hard_state().term;
    });
  }

  Random random_;
  int members_;
  Durability ack_;
  std::uint64_t loss_;    // percent
  std::uint64_t repeat_;  // percent
  std::uint64_t crash_;
  std::uint64_t hurry_;   // milliseconds that pass at once, at most
  std::uint64_t unrest_;  // percent of the idle steps in which a node is ahead of its time
  History history_;
  std::map<NodeId, Node> nodes_;
  std::vector<Packet> pool_;
  std::set<std::pair<NodeId, NodeId>> cut_;  // from, to
  NodeId late_;                              // its clock stands still; 0: none
  std::uint64_t ids_ = 0;
  std::uint64_t reads_ = 0;
  std::uint64_t fetches_ = 0;
  std::uint64_t truncations_ = 0;
};

}  // namespace

SoakResult soak(std::uint64_t seed, int steps) {
  Run run(seed);
  int step = 0;
  std::string failure;
  try {
    for (; step < steps; ++step) {
      run.act();
    }
    run.heal();
  } catch (const Broken& broken) {
    failure = broken.what();
  }
  SoakResult result = run.result();
  result.failure = failure;
  result.steps = step;
  return result;
}

}  // namespace strata::raft::testing
