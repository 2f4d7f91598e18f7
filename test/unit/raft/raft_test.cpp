// The parts of the consensus core that stand on their own.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "raft/log.hpp"
#include "raft/progress.hpp"
#include "raft/quorum.hpp"

using namespace strata;
using namespace strata::raft;

static Entry entry(std::uint64_t term, std::uint64_t index, std::size_t payload = 0) {
  return make_entry(EntryType::command, Term(term), LogIndex(index), Bytes(payload, 'x'));
}

// Terms 1 1 3 3 3 6, all cached.
static Log small_log() {
  Log log;
  std::uint64_t index = 0;
  for (const std::uint64_t term : {1u, 1u, 3u, 3u, 3u, 6u}) {
    log.append(entry(term, ++index));
  }
  return log;
}

TEST_CASE("Two majorities always share a member, and a smaller set need not") {
  for (std::size_t members = 1; members < 20; ++members) {
    CHECK(2 * majority(members) > members);
    CHECK(2 * (majority(members) - 1) <= members);
  }
}

TEST_CASE("The majority index is what a count of every index finds") {
  std::uint64_t random = 1;
  for (int round = 0; round < 2000; ++round) {
    std::vector<LogIndex> marks;
    for (std::size_t members = 1 + static_cast<std::size_t>(round) % 7; members > 0; --members) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      marks.push_back(LogIndex((random >> 33) % 10));
    }
    LogIndex greatest;
    for (LogIndex index; index < LogIndex(11); index = index.next()) {
      const auto reached = std::ranges::count_if(marks, [&](LogIndex mark) { return mark >= index; });
      if (static_cast<std::size_t>(reached) >= majority(marks.size())) {
        greatest = index;
      }
    }
    CHECK(majority_index(marks) == greatest);
  }
}

TEST_CASE("The log names the term of every entry") {
  const Log log = small_log();
  const std::vector<std::uint64_t> terms{0, 1, 1, 3, 3, 3, 6};
  for (std::uint64_t index = 0; index < terms.size(); ++index) {
    CHECK(log.term_at(LogIndex(index)) == Term(terms[index]));
    CHECK(log.matches(LogIndex(index), Term(terms[index])));
    CHECK_FALSE(log.matches(LogIndex(index), Term(terms[index] + 1)));
  }
  CHECK_FALSE(log.matches(LogIndex(7), Term(6)));
  CHECK(log.first_index_of_run(LogIndex(5)) == LogIndex(3));
  CHECK(log.first_index_of_run(LogIndex(6)) == LogIndex(6));
  CHECK(log.first_index_of_run(LogIndex(0)) == LogIndex(0));
}

TEST_CASE("The last index of at most a term, within a limit") {
  const Log log = small_log();
  CHECK(log.last_index_at_most(Term(0), LogIndex(6)) == LogIndex(0));
  CHECK(log.last_index_at_most(Term(1), LogIndex(6)) == LogIndex(2));
  CHECK(log.last_index_at_most(Term(2), LogIndex(6)) == LogIndex(2));
  CHECK(log.last_index_at_most(Term(3), LogIndex(6)) == LogIndex(5));
  CHECK(log.last_index_at_most(Term(3), LogIndex(4)) == LogIndex(4));
  CHECK(log.last_index_at_most(Term(9), LogIndex(6)) == LogIndex(6));
  CHECK(Log().last_index_at_most(Term(9), LogIndex(6)) == LogIndex(0));
}

TEST_CASE("A truncated log goes on from its new end") {
  Log log = small_log();
  log.truncate_after(LogIndex(3));
  CHECK(log.last_index() == LogIndex(3));
  CHECK(log.last_term() == Term(3));
  log.append(entry(7, 4));
  CHECK(log.term_at(LogIndex(4)) == Term(7));
  log.truncate_after(LogIndex(0));
  CHECK(log.last_term() == Term(0));
  CHECK(log.first_cached() == LogIndex(1));
  log.append(entry(8, 1));
  CHECK(log.entry(LogIndex(1)).term == Term(8));
}

TEST_CASE("Eviction takes the oldest entries, as far as it may and must, and no terms") {
  Log log;
  for (std::uint64_t index = 1; index <= 10; ++index) {
    log.append(entry(1, index, 100 - Entry::header_size));
  }
  log.evict(LogIndex(10), 2000);
  CHECK(log.first_cached() == LogIndex(1));
  log.evict(LogIndex(3), 500);
  CHECK(log.first_cached() == LogIndex(4));
  log.evict(LogIndex(10), 500);
  CHECK(log.first_cached() == LogIndex(6));
  log.evict(LogIndex(10), 0);
  CHECK(log.first_cached() == LogIndex(11));
  CHECK(log.term_at(LogIndex(2)) == Term(1));
  log.truncate_after(LogIndex(8));  // behind the cache
  CHECK(log.first_cached() == LogIndex(9));
}

TEST_CASE("A slice holds what its bytes allow, and at least one entry") {
  Log log;
  for (std::uint64_t index = 1; index <= 5; ++index) {
    log.append(entry(1, index, 100 - Entry::header_size));
  }
  CHECK(log.slice(LogIndex(2), LogIndex(5), 250).size() == 2);
  CHECK(log.slice(LogIndex(2), LogIndex(5), 200).size() == 2);
  CHECK(log.slice(LogIndex(2), LogIndex(5), 1).size() == 1);
  CHECK(log.slice(LogIndex(2), LogIndex(3), 9999).size() == 2);
  CHECK(log.slice(LogIndex(5), LogIndex(4), 9999).empty());
}

TEST_CASE("A log is restored from its runs and its tail") {
  const Log whole = small_log();
  const Log log({}, {{Term(1), LogIndex(1)}, {Term(3), LogIndex(3)}, {Term(6), LogIndex(6)}}, LogIndex(6),
                {whole.entry(LogIndex(5)), whole.entry(LogIndex(6))});
  CHECK(log.first_cached() == LogIndex(5));
  for (std::uint64_t index = 0; index <= 6; ++index) {
    CHECK(log.term_at(LogIndex(index)) == whole.term_at(LogIndex(index)));
  }
}

TEST_CASE("A log that was compacted knows its base and what lies behind it") {
  for (std::uint64_t base = 0; base <= 6; ++base) {
    Log log = small_log();
    log.compact(LogIndex(base));
    const Log whole = small_log();
    CHECK((log.base() == EntryId{LogIndex(base), whole.term_at(LogIndex(base))}));
    CHECK(log.last_index() == LogIndex(6));
    CHECK(log.first_cached() == LogIndex(base + 1));
    for (std::uint64_t index = 0; index <= 6; ++index) {
      CHECK(log.matches(LogIndex(index), whole.term_at(LogIndex(index))) == (index >= base));
    }
    CHECK(log.last_index_at_most(Term(0), LogIndex(6)) == LogIndex(base));
    CHECK(log.last_index_at_most(Term(3), LogIndex(6)) == LogIndex(std::max<std::uint64_t>(base, 5)));
    log.append(entry(6, 7));
    log.append(entry(7, 8));
    CHECK(log.term_at(LogIndex(7)) == Term(6));
    CHECK(log.first_index_of_run(LogIndex(7)) == LogIndex(std::max<std::uint64_t>(base + 1, 6)));
    log.truncate_after(LogIndex(base));
    CHECK((log.last_index() == LogIndex(base) && log.last_term() == log.base().term));
  }
}

TEST_CASE("A log is restored from its base, its runs and its tail") {
  const Log whole = small_log();
  const Log log({LogIndex(4), Term(3)}, {{Term(3), LogIndex(5)}, {Term(6), LogIndex(6)}}, LogIndex(6),
                {whole.entry(LogIndex(6))});
  CHECK(log.first_cached() == LogIndex(6));
  CHECK(log.matches(LogIndex(4), Term(3)));
  CHECK(log.matches(LogIndex(5), Term(3)));
  CHECK(log.matches(LogIndex(6), Term(6)));
}

TEST_CASE("A log that begins anew holds nothing but its base") {
  Log log = small_log();
  log.restart({LogIndex(4), Term(9)});
  CHECK(log.last_index() == LogIndex(4));
  CHECK(log.last_term() == Term(9));
  CHECK(log.first_cached() == LogIndex(5));
  log.append(entry(9, 5));
  CHECK((log.term_at(LogIndex(5)) == Term(9) && log.slice(LogIndex(5), LogIndex(5), 1).size() == 1));
}

TEST_CASE("Rounds for reads lie between the beats of the timer") {
  const Round first = first_round_of_next_beat(Round(0));
  CHECK(beat_of(first) == 1);
  CHECK(beat_of(first.next()) == 1);
  CHECK(beat_of(first_round_of_next_beat(first.next())) == 2);
}

TEST_CASE("A probe is one message at a time, a stream as many as the window holds") {
  Progress progress(LogIndex(5));
  CHECK(progress.may_send(3, 1000));
  progress.sent(LogIndex(5), 10, Round(1));
  CHECK_FALSE(progress.may_send(3, 1000));
  CHECK(progress.next_index == LogIndex(5));
  CHECK(progress.acknowledge(LogIndex(5), LogIndex(5), LogIndex(5), Round(1)));
  CHECK(progress.state == Progress::State::replicating);
  for (std::uint64_t last = 6; last <= 8; ++last) {
    CHECK(progress.may_send(3, 1000));
    progress.sent(LogIndex(last), 10, Round(1));
    CHECK(progress.next_index == LogIndex(last + 1));
  }
  CHECK_FALSE(progress.may_send(3, 1000));
  CHECK_FALSE(progress.may_send(9, 30));
  CHECK(progress.may_send(9, 31));
  progress.probe_from(LogIndex(6));
  CHECK(progress.in_flight_bytes == 0);
  CHECK(progress.may_send(3, 1000));
}
