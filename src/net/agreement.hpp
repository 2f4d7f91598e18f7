// Do the members belong to the same cluster, and run with the same --ack and --max-sessions? A node that disagrees with
// so many that no majority can agree with it has to stop; the others say it and go on.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::net {

class Agreement {
 public:
  // How long somebody of another cluster must have spoken under a member's id before this counts as its disagreement.
  // Longer than it takes to be heard by a member that runs.
  static constexpr Duration strangers_patience = std::chrono::seconds(3);

  // `members`: of the whole cluster, this node included. `stop` is called once at most, from heard() or
  // heard_stranger(), and lets the node end only after that.
  Agreement(wire::Hello own, std::size_t members, Logger& logger, std::function<void(const Error&)> stop)
      : own_(std::move(own)), members_(members), logger_(logger), stop_(std::move(stop)) {}

  // True when `from` differs and that is news. It is then to be told this node's own settings at once, not with the
  // next hello: of the two, one may be about to stop, and the other is to know why.
  bool heard(NodeId from, const wire::Hello& hello);

  // A message for this node under the id of another member, but of another cluster; `difference` says so. It counts as
  // long as nothing is known of any member: a node that has found its cluster is not stopped by a strange one that is
  // wrongly pointed at it.
  void heard_stranger(NodeId member, const std::string& difference, TimePoint now);
  // A message of a member itself, or one is known from an earlier life.
  void knows_member();

 private:
  bool learn(NodeId member, std::string difference);
  std::string difference(const wire::Hello& hello) const;
  bool is_outvoted() const;

  wire::Hello own_;
  std::size_t members_;
  Logger& logger_;
  std::function<void(const Error&)> stop_;
  std::map<NodeId, std::string> differences_;  // of those who differ
  bool knows_member_ = false;
  std::map<NodeId, TimePoint> strangers_;  // who spoke under the id of a member, since when
  bool stopped_ = false;
};

}  // namespace strata::net
