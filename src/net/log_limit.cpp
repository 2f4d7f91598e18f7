#include "net/log_limit.hpp"

namespace strata::net {

void LogLimit::warning(TimePoint now, const std::string& event) {
  if (now < next_) {
    ++left_out_;
    return;
  }
  next_ = now + interval_;
  if (left_out_ == 0) {
    logger_.write(LogLevel::warning, event);
  } else {
    logger_.warning("{} (and {} like it before)", event, left_out_);
    left_out_ = 0;
  }
}

}  // namespace strata::net
