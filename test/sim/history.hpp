// What the clients did and saw, and whether that is right: checked at every reply by revisions, and once more at the
// end by nothing but times and values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace strata::sim {

// Names one SET of one client; its value carries it, so every value is unique. 0 names none.
using WriteName = StrongId<struct WriteNameTag, std::uint64_t>;

WriteName write_name(std::uint32_t client, std::uint64_t number);
// At least `size` bytes, which the name decides.
Bytes value_of(WriteName name, std::size_t size);
// Nothing when it is no value that value_of makes.
std::optional<WriteName> name_in(BytesView value);
// An empty value names nothing: so it is written to a key that is written once, and that names the SET.
Bytes key_of_empty(WriteName name);
// Of what was written to `key`.
std::optional<WriteName> name_of(BytesView key, BytesView value);

// What the log says about an index, as far as a reply is concerned.
struct CommittedSet {
  Bytes key;
  WriteName name;
  bool once = false;  // it may come again, and then does nothing
};

class History {
 public:
  using Operation = std::size_t;

  // Time is never earlier than in the call before.
  // `only_if`: the revision that its IF names.
  Operation invoke_set(const Bytes& key, WriteName name, TimePoint now, std::optional<LogIndex> only_if = {});
  Operation invoke_get(const Bytes& key, TimePoint now);

  // Each answers with what is wrong, if something is. `committed` is what the log has at the revision.
  std::optional<std::string> stored(Operation operation, LogIndex revision, const CommittedSet* committed,
                                    TimePoint now);
  std::optional<std::string> found(Operation operation, BytesView value, LogIndex revision,
                                   const CommittedSet* committed, TimePoint now);
  std::optional<std::string> found_nothing(Operation operation, TimePoint now);
  // What was committed from `first` on is gone. Of a key whose known revisions are among that nothing is demanded any
  // more.
  void lost_from(LogIndex first);
  // The operation was answered with a revision that was gone by then, which is as good.
  void answered_with_what_is_gone(Operation operation);
  // SETs that were answered OK, and are gone.
  std::size_t lost() const { return lost_; }

  // A SET that certainly was not applied, or a GET that was not served.
  void refused(Operation operation);

  // The whole history, key by key; what is open counts as unknown.
  std::optional<std::string> check() const;

  std::size_t size() const { return records_.size(); }
  std::size_t completed() const { return completed_; }
  // Every key that was ever asked for, with nothing.
  const std::map<Bytes, LogIndex>& keys() const { return known_; }

 private:
  struct Record {
    std::map<Bytes, LogIndex>::iterator key;
    bool write = false;
    bool is_refused = false;
    bool is_gone = false;
    WriteName name;     // written or read; 0: read nothing
    LogIndex known;     // the newest revision of the key that anybody knew when it was invoked
    LogIndex revision;  // stored or found
    std::optional<LogIndex> only_if;
    TimePoint invoked;
    std::optional<TimePoint> completed;
  };

  Operation invoke(const Bytes& key, bool write, WriteName name, TimePoint now);
  bool is_spoiled(const Record& record) const { return spoiled_.contains(record.key->first); }
  void complete(Record& record, LogIndex revision, TimePoint now);
  std::optional<std::string> check_conditions() const;

  std::vector<Record> records_;
  std::map<Bytes, LogIndex> known_;  // by key: the newest revision in a completed operation
  std::set<Bytes> spoiled_;          // keys that have lost a revision that somebody knew
  std::size_t completed_ = 0;
  std::size_t lost_ = 0;
};

}  // namespace strata::sim
