// Do the members run with the same --ack and --max-sessions? A node that disagrees with so many that no majority can
// agree with it has to stop; the others say it and go on.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::net {

class Agreement {
 public:
  // `members`: of the whole cluster, this node included. `stop` is called once at most, from heard(), and lets the
  // node end only after that.
  Agreement(wire::Hello own, std::size_t members, Logger& logger, std::function<void(const Error&)> stop)
      : own_(std::move(own)), members_(members), logger_(logger), stop_(std::move(stop)) {}

  // True when `from` differs and that is news. It is then to be told this node's own settings at once, not with the
  // next hello: of the two, one may be about to stop, and the other is to know why.
  bool heard(NodeId from, const wire::Hello& hello);

 private:
  std::string difference(const wire::Hello& hello) const;
  bool is_outvoted() const;

  wire::Hello own_;
  std::size_t members_;
  Logger& logger_;
  std::function<void(const Error&)> stop_;
  std::map<NodeId, std::string> differences_;  // of those who differ
  bool stopped_ = false;
};

}  // namespace strata::net
