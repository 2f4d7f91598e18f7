#include "client/engine.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/assert.hpp"

// The thread's loop: taking requests in, waiting for the sockets, sending. What replies mean is in engine_replies.cpp,
// what time brings in engine_time.cpp.
namespace strata::client {

namespace {

using std::chrono::milliseconds;

// While requests are outstanding the thread looks at the time at least this often; deadlines are met more exactly.
constexpr milliseconds tick{20};
constexpr milliseconds idle_tick{500};
constexpr std::size_t max_key_frame = 64 << 10;
constexpr std::size_t max_value_frame = 16 << 20;

thread_local const void* engine_of_this_thread = nullptr;

int rounded_up_ms(std::chrono::nanoseconds time) {
  return static_cast<int>(std::chrono::ceil<milliseconds>(std::max(time, std::chrono::nanoseconds(0))).count());
}

Options sane(Options options) {
  options.connections = std::clamp(options.connections, 1U, 1000U);
  options.request_timeout = std::max<std::chrono::nanoseconds>(options.request_timeout, milliseconds(1));
  options.connect_timeout =
      std::clamp<std::chrono::nanoseconds>(options.connect_timeout, milliseconds(1), options.request_timeout);
  return options;
}

}  // namespace

Client::Engine::Engine(Options options)
    : options_(sane(std::move(options))),
      cluster_(options_.endpoints, options_.connections),
      now_(std::chrono::steady_clock::now()),
      unreachable_since_(now_),
      wake_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  STRATA_ASSERT(wake_descriptor_ >= 0);
  start();
}

// Signals are for the program's own threads.
void Client::Engine::start() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread(&Engine::run, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "strata-client");
}

Client::Engine::~Engine() {
  STRATA_ASSERT(!on_own_thread());
  closing_.store(true);
  wake();
  thread_.join();
  close(wake_descriptor_);
}

bool Client::Engine::on_own_thread() const {
  return engine_of_this_thread == this;
}

void Client::Engine::run() {
  engine_of_this_thread = this;
  collect_descriptors();
  while (!closing_.load()) {
    now_ = std::chrono::steady_clock::now();
    take_inbox();
    keep_time();
    send_waiting();
    look_for_input_after_sending();
    if (cluster_.sweep(now_)) {
      collect_descriptors();
    }
    wait();
    now_ = std::chrono::steady_clock::now();
    read_all_events();
    receive_all();
  }
  take_inbox();
  close_all();
}

void Client::Engine::close_all() {
  for (const Number number : requests_.all()) {
    const Request& request = *requests_.find(number);
    const bool maybe_applied = request.is_set() && (request.connection != nullptr || request.maybe_applied);
    finish(number, maybe_applied ? Error{ErrorCode::unknown, "the client was closed before the answer came"}
                                 : Error{ErrorCode::closed, "the client was closed"});
  }
}

// ---- Taking in ----

bool Client::Engine::submit(Submission&& submission) {
  if (closing_.load(std::memory_order_relaxed)) {
    return false;
  }
  if (outstanding_.fetch_add(1, std::memory_order_relaxed) >= options_.max_outstanding) {
    outstanding_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  if (on_own_thread()) {
    admit(std::move(submission));
    return true;
  }
  bool first = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    first = inbox_.empty();
    inbox_.push_back(std::move(submission));
  }
  if (first) {
    wake();
  }
  return true;
}

void Client::Engine::wake() {
  const std::uint64_t one = 1;
  // The counter of an eventfd is never full here: it is read whenever it is not zero.
  STRATA_ASSERT(write(wake_descriptor_, &one, sizeof one) == sizeof one);
}

void Client::Engine::take_inbox() {
  {
    const std::lock_guard lock(inbox_mutex_);
    std::swap(inbox_, taken_);
  }
  for (Submission& submission : taken_) {
    admit(std::move(submission));
  }
  taken_.clear();
}

void Client::Engine::admit(Submission&& submission) {
  const bool of_one_node = !submission.endpoint.empty();
  const std::string endpoint = of_one_node ? std::move(submission.endpoint) : std::string();
  const SteadyTime deadline = now_ + (of_one_node ? submission.timeout : options_.request_timeout);
  const Number number = requests_.add(std::move(submission), deadline, of_one_node);
  if (of_one_node) {
    cluster_.node_at(endpoint).questions.push_back(number);
  } else {
    enqueue(number, *requests_.find(number));
  }
}

void Client::Engine::enqueue(Number number, const Request& request) {
  (request.is_local() ? waiting_local_ : waiting_).push_back(number);
}

// ---- Waiting for the sockets ----

void Client::Engine::collect_descriptors() {
  descriptors_.clear();
  polled_.clear();
  descriptors_.push_back({wake_descriptor_, POLLIN, 0});
  for (const auto& node : cluster_.nodes()) {
    for (const auto& connection : node->connections) {
      polled_.push_back(connection.get());
      descriptors_.push_back({connection->link.event_descriptor(), POLLIN, 0});
      descriptors_.push_back({connection->link.receive_descriptor(), POLLIN, 0});
    }
  }
}

int Client::Engine::wait_limit_ms() const {
  if (more_input_) {
    return 0;
  }
  if (requests_.size() == 0) {
    return is_settled() ? -1 : rounded_up_ms(idle_tick);
  }
  SteadyTime until = now_ + tick;
  if (!paused_.empty()) {
    until = std::min(until, paused_.begin()->first);
  }
  return rounded_up_ms(std::min(until, *requests_.first_deadline()) - now_);
}

void Client::Engine::wait() {
  const int count = poll(descriptors_.data(), descriptors_.size(), wait_limit_ms());
  STRATA_ASSERT(count >= 0 || errno == EINTR);
  more_input_ = false;
  if (count <= 0) {
    for (pollfd& descriptor : descriptors_) {
      descriptor.revents = 0;
    }
    return;
  }
  if (descriptors_.front().revents != 0) {
    std::uint64_t wakes = 0;
    STRATA_ASSERT(read(wake_descriptor_, &wakes, sizeof wakes) == sizeof wakes);
  }
}

// Before anything is received or sent, so that a dead connection is known as such.
void Client::Engine::read_all_events() {
  for (std::size_t i = 0; i < polled_.size(); ++i) {
    if (descriptors_[1 + 2 * i].revents != 0) {
      const Link::State before = polled_[i]->link.state();
      polled_[i]->link.read_events();
      if (polled_[i]->link.state() != before || before == Link::State::refused) {
        on_state_change(*polled_[i]);
      }
    }
  }
}

void Client::Engine::receive_all() {
  for (std::size_t i = 0; i < polled_.size(); ++i) {
    if (descriptors_[2 + 2 * i].revents != 0 || polled_[i]->has_input) {
      drain(*polled_[i]);
    }
  }
}

void Client::Engine::drain(Connection& connection) {
  connection.has_input = false;
  while (connection.link.receive(message_)) {
    on_message(connection);
  }
}

// ---- Sending ----

void Client::Engine::send_waiting() {
  if (!waiting_.empty() && cluster_.target() != nullptr) {
    send_from(waiting_, *cluster_.target());
  }
  Node* any = waiting_local_.empty() ? nullptr : cluster_.any_ready();
  if (any != nullptr) {
    send_from(waiting_local_, *any);
  }
}

void Client::Engine::send_from(std::deque<Number>& queue, Node& node) {
  // What callbacks add meanwhile waits for the next round.
  for (std::size_t left = queue.size(); left > 0; --left) {
    const Number number = queue.front();
    Request* request = requests_.find(number);
    const bool due = request != nullptr && request->connection == nullptr && !is_over_size(number, *request);
    if (due && !send_to(node, number, *request)) {
      return;
    }
    queue.pop_front();
  }
}

bool Client::Engine::send_to(Node& node, Number number, Request& request) {
  Connection* connection = Cluster::pick(node);
  if (connection == nullptr) {
    return false;
  }
  if (!connection->link.send(number, wire::encode_request_body(request.body))) {
    return false;
  }
  request.connection = connection;
  connection->written_to = true;
  if (node.in_flight++ == 0) {
    node.waiting_since = now_;
  }
  return true;
}

// A node would drop the connection, and all that is in flight on it with it.
bool Client::Engine::is_over_size(Number number, const Request& request) {
  const auto* set = std::get_if<wire::SetRequest>(&request.body);
  const auto* get = std::get_if<wire::GetRequest>(&request.body);
  const std::size_t key = set != nullptr ? set->key.size() : get != nullptr ? get->key.size() : 0;
  const std::size_t value = set != nullptr ? set->value.size() : 0;
  if (key <= max_key_frame && value <= max_value_frame) {
    return false;
  }
  finish(number, Error{ErrorCode::too_large,
                       fmt::format("a key of {} bytes with a value of {} bytes: no cluster takes keys over 64 KiB "
                                   "or values over 16 MiB",
                                   key, value)});
  return true;
}

void Client::Engine::look_for_input_after_sending() {
  for (Connection* connection : polled_) {
    if (connection->written_to) {
      connection->written_to = false;
      connection->has_input = connection->link.has_input();
      more_input_ = more_input_ || connection->has_input;
    }
  }
}

}  // namespace strata::client
