#include "node/event_log.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/ansicolor_sink.h>

#include <atomic>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace strata::node {

namespace {

constexpr std::size_t most_waiting = 4096;  // lines

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  assertion_failed("a log level without a counterpart");
}

// Tells when a flush has come to it, and with it all that was logged before.
class StandardError final : public spdlog::sinks::ansicolor_stderr_sink<spdlog::details::console_mutex> {
 public:
  void flush() override {
    ansicolor_stderr_sink::flush();
    const std::lock_guard lock(mutex_);
    flushed_ = true;
    changed_.notify_all();
  }
  bool wait_for_flush(Duration at_most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most, [this] { return flushed_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool flushed_ = false;
};

class SpdlogEventLog final : public EventLog {
 public:
  SpdlogEventLog(NodeId node, LogLevel level, LogFormat format)
      : json_(format == LogFormat::json),
        logger_(std::make_shared<spdlog::async_logger>("kv-node", sink_, writer_,
                                                       spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_pattern(
        json_ ? fmt::format(R"({{"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","node":{},"event":%v}})", node)
              : fmt::format("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ node {}: %v", node));
    set_level(level);
  }

  void write(LogLevel level, std::string_view event) override {
    tell_lost();
    write_line(level, event);
  }

  void set_level(LogLevel level) override { logger_->set_level(spdlog_level(level)); }

  bool drain(Duration at_most) override {
    tell_lost();
    logger_->flush();
    return sink_->wait_for_flush(at_most);
  }

 private:
  void write_line(LogLevel level, std::string_view event) {
    if (!json_) {
      logger_->log(spdlog_level(level), event);
    } else if (logger_->should_log(spdlog_level(level))) {
      logger_->log(spdlog_level(level), boost::json::serialize(boost::json::string(event)));
    }
  }

  void tell_lost() {
    const std::size_t lost = writer_->overrun_counter();
    if (lost == told_lost_ || writer_->queue_size() > most_waiting / 2) {
      return;
    }
    if (const std::size_t before = told_lost_.exchange(lost); before < lost) {
      write_line(LogLevel::warning,
                 fmt::format("{} lines of this log are lost: nobody took them in time", lost - before));
    }
  }

  bool json_;
  std::shared_ptr<StandardError> sink_ = std::make_shared<StandardError>();
  std::shared_ptr<spdlog::details::thread_pool> writer_ =
      std::make_shared<spdlog::details::thread_pool>(most_waiting, std::size_t{1});
  std::shared_ptr<spdlog::async_logger> logger_;
  std::atomic<std::size_t> told_lost_ = 0;
};

}  // namespace

std::unique_ptr<EventLog> make_event_log(NodeId node, LogLevel level, LogFormat format) {
  return std::make_unique<SpdlogEventLog>(node, level, format);
}

}  // namespace strata::node
