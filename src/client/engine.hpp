// The client's thread: takes requests in, sends them where they belong, hands the answers to their callbacks.
#pragma once

#include <poll.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "client/cluster.hpp"
#include "client/requests.hpp"
#include "strata/client.hpp"

namespace strata::client {

class Client::Engine {
 public:
  explicit Engine(Options options);
  // Answers everything, then returns. Not from the client's thread.
  ~Engine();

  // Any thread. False: not taken, for too much is outstanding or the client is closing.
  bool submit(Submission&& submission);
  // The caller runs inside a callback.
  bool on_own_thread() const;

 private:
  using Number = RequestTable::Number;

  void start();
  void run();
  void close_all();

  // Taking in.
  void wake();
  void take_inbox();
  void admit(Submission&& submission);

  // Waiting for the sockets.
  void collect_descriptors();
  void wait();
  int wait_limit_ms() const;
  void read_all_events();
  void receive_all();

  // What the connections say.
  void on_state_change(Connection& connection);
  void drain(Connection& connection);
  void on_message(Connection& connection);
  void on_reply(Number number, Request& request);
  void on_error(Number number, Request& request, wire::ErrorReply&& error);
  void on_probe_answer(Node& node);
  void settle_lost(Connection& connection);
  void fail_questions(Node& node, const std::string& why);

  // Sending.
  void send_waiting();
  void send_from(std::deque<Number>& queue, Node& node);
  bool send_to(Node& node, Number number, Request& request);
  bool is_over_size(Number number, const Request& request);
  void look_for_input_after_sending();

  // What time brings.
  void keep_time();
  void ask_questions();
  void expire();
  bool is_given_up(const Request& request) const;
  void resume_paused();
  void watch_for_silence();
  void probe();
  // There is a target and nothing speaks against it.
  bool is_settled() const;
  void ask(Node& node);
  void choose_target();
  void take_back_from(const Node* node);

  void enqueue(Number number, const Request& request);
  void pause(Number number, Request& request);
  void leave_connection(Request& request);
  void settle_timeout(Number number, Request& request);
  Error nothing_reached() const;
  // Takes the request out and calls its callback.
  void finish(Number number, Error error);
  template <class T>
  void finish_with(Number number, T value);

  const Options options_;
  Cluster cluster_;
  RequestTable requests_;
  std::deque<Number> waiting_;        // for the target
  std::deque<Number> waiting_local_;  // for any node
  std::multimap<SteadyTime, Number> paused_;
  ReceivedMessage message_;
  SteadyTime now_;
  SteadyTime probed_{};
  bool suspicious_ = false;  // the target may not be the leader any more
  std::optional<SteadyTime> unreachable_since_;

  std::vector<pollfd> descriptors_;  // the wake-up's, then two for each connection: events, input
  std::vector<Connection*> polled_;
  bool more_input_ = false;

  std::atomic<std::size_t> outstanding_{0};
  std::atomic<bool> closing_{false};
  int wake_descriptor_ = -1;
  std::mutex inbox_mutex_;
  std::vector<Submission> inbox_;
  std::vector<Submission> taken_;
  std::thread thread_;
};

}  // namespace strata::client
