// What the tests of the bridge share: an executor on a thread of its own, a logger that remembers, plain ZeroMQ
// clients.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/log.hpp"

namespace strata::net {

// Far above what anything here takes; what waits longer hangs.
inline constexpr auto patience = std::chrono::seconds(60);

// One thread that runs one io_context.
class Loop {
 public:
  Loop() : work_(boost::asio::make_work_guard(context_)), thread_([this] { context_.run(); }) {}
  ~Loop() {
    work_.reset();
    thread_.join();
  }

  boost::asio::any_io_executor executor() { return context_.get_executor(); }

  // Runs `work` on the loop and waits for its end.
  void run(boost::asio::awaitable<void> work) {
    auto done = boost::asio::co_spawn(context_, std::move(work), boost::asio::use_future);
    STRATA_ASSERT(done.wait_for(patience) == std::future_status::ready);
    done.get();
  }

  // Calls `function` on the loop; its result. At once when the caller is on the loop already.
  template <class Function>
  auto call(Function function) {
    if (std::this_thread::get_id() == thread_.get_id()) {
      return function();
    }
    std::packaged_task<decltype(function())()> task(std::move(function));
    auto result = task.get_future();
    boost::asio::post(context_, [&task] { task(); });
    STRATA_ASSERT(result.wait_for(patience) == std::future_status::ready);
    return result.get();
  }

  // Until `condition`, asked on the loop now and then, holds. False: it never did.
  bool wait_for(std::function<bool()> condition) {
    bool held = false;
    run(ask(std::move(condition), &held));
    return held;
  }

 private:
  static boost::asio::awaitable<void> ask(std::function<bool()> condition, bool* held) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
    const auto until = std::chrono::steady_clock::now() + patience / 2;
    while (!(*held = condition()) && std::chrono::steady_clock::now() < until) {
      timer.expires_after(std::chrono::milliseconds(2));
      co_await timer.async_wait(boost::asio::use_awaitable);
    }
  }

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

class MemoryLogger : public Logger {
 public:
  void write(LogLevel, std::string_view event) override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(event);
  }
  bool has(std::string_view part) {
    const std::lock_guard lock(mutex_);
    for (const std::string& line : lines_) {
      if (line.find(part) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

// A client as users write one: a DEALER and blocking calls.
class PlainClient {
 public:
  explicit PlainClient(zmq::context_t& context, const std::string& endpoint, int high_water_mark = 1000)
      : socket_(context, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::sndhwm, high_water_mark);
    socket_.set(zmq::sockopt::rcvhwm, high_water_mark);
    socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(std::chrono::milliseconds(patience).count()));
    socket_.set(zmq::sockopt::sndtimeo, static_cast<int>(std::chrono::milliseconds(patience).count()));
    socket_.connect(endpoint);
  }

  bool send(const std::vector<Bytes>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto flags = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      if (!socket_.send(zmq::buffer(frames[i]), flags)) {
        return false;
      }
    }
    return true;
  }

  // Nothing (an empty list): no message came in time.
  std::vector<Bytes> receive() {
    std::vector<Bytes> frames;
    zmq::message_t message;
    do {
      if (!socket_.recv(message)) {
        return {};
      }
      frames.push_back(message.to_string());
    } while (message.more());
    return frames;
  }

  std::vector<Bytes> ask(const std::vector<Bytes>& frames) { return send(frames) ? receive() : std::vector<Bytes>(); }

 private:
  zmq::socket_t socket_;
};

}  // namespace strata::net
