#include "strata/client.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <memory>

#include "fake_node.hpp"

// The client against nodes played by the test (fake_node.hpp), over real sockets. Nothing here sleeps: what must happen
// is waited for, with a bound that only a broken client reaches.
namespace strata::client::test {
namespace {

using namespace std::chrono_literals;

constexpr auto bound = 20s;

Options to(const std::vector<std::string>& endpoints) {
  Options options;
  options.endpoints = endpoints;
  return options;
}

// A value per request, counted, that a test can wait for.
template <class T>
class Collected {
 public:
  auto callback() {
    return [this](T value) {
      const std::lock_guard lock(mutex_);
      values_.push_back(std::move(value));
      changed_.notify_all();
    };
  }
  std::vector<T> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, bound, [&] { return values_.size() >= count; }));
    return values_;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> values_;
};

// The value, once it is there.
template <class T>
T await(std::promise<T>& promise) {
  std::future<T> future = promise.get_future();
  REQUIRE(future.wait_for(bound) == std::future_status::ready);
  return future.get();
}

using Sets = Collected<Outcome<Stored>>;

// Answers SET with revisions 1, 2, … and GET from what was set.
FakeNode::Script honest_store() {
  auto values = std::make_shared<std::map<std::string, std::pair<std::string, std::uint64_t>>>();
  auto revision = std::make_shared<std::uint64_t>(0);
  return [values, revision](FakeNode& node, const Incoming& request) {
    const std::string& key = request.body.at(1);
    if (request.body.at(0) == "SET") {
      (*values)[key] = {request.body.at(2), ++*revision};
      node.reply(request, {"OK", std::to_string(*revision), "synced"});
    } else if (values->contains(key)) {
      node.reply(request, {"OK", key, (*values)[key].first, std::to_string((*values)[key].second)});
    } else {
      node.reply(request, {"NONE", key});
    }
  };
}

FakeNode::Script always(Frames answer) {
  return [answer](FakeNode& node, const Incoming& request) { node.reply(request, answer); };
}

FakeNode::Script never() {
  return [](FakeNode&, const Incoming&) {};
}

TEST_CASE("what is set is got, with its revision; a key that was never set is nothing") {
  FakeNode node(1, honest_store());
  Client client(to({node.endpoint()}));
  const auto stored = client.set("colour", "blue");
  REQUIRE(stored.ok());
  CHECK(stored.value().revision == 1);
  CHECK(stored.value().synced);
  const auto found = client.get("colour");
  REQUIRE(found.ok());
  REQUIRE(found.value().has_value());
  CHECK(found.value()->value == "blue");
  CHECK(found.value()->revision == 1);
  const auto nothing = client.get("taste");
  REQUIRE(nothing.ok());
  CHECK_FALSE(nothing.value().has_value());
}

TEST_CASE("options travel as the protocol names them") {
  std::promise<Frames> set_seen;
  std::promise<Frames> get_seen;
  FakeNode node(1, [&](FakeNode& self, const Incoming& request) {
    (request.body[0] == "SET" ? set_seen : get_seen).set_value(request.body);
    self.reply(request, request.body[0] == "SET" ? Frames{"OK", "9", "synced"} : Frames{"NONE", "k"});
  });
  Client client(to({node.endpoint()}));
  CHECK(client.set("k", "v", {.once = Once{"me", 7, 3}, .if_revision = 5, .synced = true}).ok());
  CHECK(client.get("k", {.min_revision = 4, .synced = true}).ok());
  CHECK(await(set_seen) == Frames{"SET", "k", "v", "ONCE", "me", "7", "SINCE", "3", "IF", "5", "SYNCED"});
  CHECK(await(get_seen) == Frames{"GET", "k", "MIN", "4", "SYNCED"});
}

TEST_CASE("a hundred requests are in flight at once and answers may come in any order") {
  auto held = std::make_shared<std::vector<Incoming>>();
  FakeNode node(1, [held](FakeNode& self, const Incoming& request) {
    held->push_back(request);
    if (held->size() < 100) {
      return;
    }
    std::reverse(held->begin(), held->end());
    for (const Incoming& each : *held) {
      self.reply(each, {"OK", each.body[2], "written"});  // the value is the revision it shall get
    }
  });
  Options options = to({node.endpoint()});
  options.connections = 4;
  Client client(options);
  std::mutex mutex;
  std::map<int, std::uint64_t> revisions;
  std::promise<void> all;
  for (int i = 0; i < 100; ++i) {
    REQUIRE(client.set("k", std::to_string(1000 + i), {}, [&, i](Outcome<Stored> outcome) {
      const std::lock_guard lock(mutex);
      revisions[i] = outcome.ok() ? outcome.value().revision : 0;
      if (revisions.size() == 100) {
        all.set_value();
      }
    }));
  }
  await(all);
  for (int i = 0; i < 100; ++i) {
    CHECK(revisions[i] == static_cast<std::uint64_t>(1000 + i));
  }
}

TEST_CASE("every error of the protocol arrives as its own code, with its text") {
  const std::pair<const char*, ErrorCode> final_codes[] = {{"BAD_REQUEST", ErrorCode::bad_request},
                                                           {"TOO_LARGE", ErrorCode::too_large},
                                                           {"STALE_NUMBER", ErrorCode::stale_number},
                                                           {"UNKNOWN", ErrorCode::unknown}};
  for (const auto& [name, code] : final_codes) {
    CAPTURE(name);
    FakeNode node(1, always({"ERR", name, "because"}));
    const auto outcome = Client(to({node.endpoint()})).set("k", "v");
    REQUIRE_FALSE(outcome.ok());
    CHECK(outcome.error().code == code);
    CHECK(outcome.error().text == "because");
    CHECK(name_of(code) == name);
  }
}

TEST_CASE("a conflict carries the key's revision") {
  FakeNode node(1, always({"ERR", "CONFLICT", "it is another one", "42"}));
  const auto outcome = Client(to({node.endpoint()})).set("k", "v", {.if_revision = 1});
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::conflict);
  CHECK(outcome.error().revision == 42);
}

TEST_CASE("a request that is refused for certain is sent again until it is taken") {
  for (const char* code : {"BUSY", "UNAVAILABLE"}) {
    CAPTURE(code);
    auto times = std::make_shared<int>(0);
    FakeNode node(1, [times, code](FakeNode& self, const Incoming& request) {
      self.reply(request, ++*times < 3 ? Frames{"ERR", code, "later"} : Frames{"OK", "1", "synced"});
    });
    CHECK(Client(to({node.endpoint()})).set("k", "v").ok());
  }
}

TEST_CASE("a request that is refused until its timeout ends with that refusal") {
  FakeNode node(1, always({"ERR", "BUSY", "full"}));
  Options options = to({node.endpoint()});
  options.request_timeout = 100ms;
  Client client(options);
  auto outcome = client.set("k", "v");
  // A timeout that falls between a request and its answer finds it unknown, and truly so.
  for (int again = 0; again < 50 && !outcome.ok() && outcome.error().code == ErrorCode::unknown; ++again) {
    outcome = client.set("k", "v");
  }
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::busy);
}

TEST_CASE("without an answer a SET ends as unknown and a GET as timed out") {
  FakeNode node(1, never());
  Options options = to({node.endpoint()});
  options.request_timeout = 100ms;
  Client client(options);
  CHECK(client.set("k", "v").error().code == ErrorCode::unknown);
  CHECK(client.get("k").error().code == ErrorCode::timed_out);
}

TEST_CASE("when no node listens, requests end with cannot connect") {
  std::string endpoint;
  {
    endpoint = FakeNode(1, never()).endpoint();
  }
  Options options = to({endpoint});
  options.connect_timeout = 100ms;
  Client client(options);
  const auto outcome = client.set("k", "v");
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::cannot_connect);
  CHECK(outcome.error().text.find("refused") != std::string::npos);
  CHECK(client.status(endpoint).error().code == ErrorCode::cannot_connect);
  CHECK(client.status("no endpoint").error().code == ErrorCode::cannot_connect);
}

TEST_CASE("when no node knows a leader, requests end as unavailable and say who is missing") {
  FakeNode node(1, never());
  std::string gone;
  {
    gone = FakeNode(2, never()).endpoint();
  }
  node.follow(0, 4);
  node.know_member(2, gone);
  Options options = to({node.endpoint()});
  options.request_timeout = 300ms;
  const auto outcome = Client(options).set("k", "v");
  REQUIRE_FALSE(outcome.ok());
  CHECK(outcome.error().code == ErrorCode::unavailable);
  CHECK(outcome.error().text == "no leader: 1 of 2 nodes reachable, 2 needed (2 refused)");
}

TEST_CASE("the leader is found through a node that follows it, at an endpoint that was not given") {
  FakeNode leader(2, honest_store());
  FakeNode follower(1, always({"ERR", "BAD_REQUEST", "this is for the leader"}));
  leader.follow(2, 3);
  follower.follow(2, 3);
  follower.know_member(2, leader.endpoint());
  Client client(to({follower.endpoint()}));
  CHECK(client.set("k", "v").ok());
}

TEST_CASE("the leader of the highest term is believed") {
  FakeNode old_leader(1, always({"ERR", "BAD_REQUEST", "of an old term"}));
  FakeNode new_leader(2, honest_store());
  FakeNode follower(3, always({"ERR", "BAD_REQUEST", "not the leader"}));
  for (FakeNode* node : {&new_leader, &follower}) {
    node->follow(2, 9);
    node->know_member(1, old_leader.endpoint());
  }
  old_leader.follow(2, 9);
  follower.know_member(2, new_leader.endpoint());
  Client client(to({follower.endpoint(), old_leader.endpoint()}));
  CHECK(client.set("k", "v").ok());
}

TEST_CASE("when the leader's connection is lost, a SET ends as unknown and a GET is asked again elsewhere") {
  std::promise<void> both_arrived;
  auto arrived = std::make_shared<int>(0);
  auto leader = std::make_unique<FakeNode>(1, [&, arrived](FakeNode&, const Incoming&) {
    if (++*arrived == 2) {
      both_arrived.set_value();
    }
  });
  FakeNode successor(2, [](FakeNode& self, const Incoming& request) {
    self.reply(request, request.body[0] == "SET" ? Frames{"OK", "8", "synced"} : Frames{"OK", "k", "v", "7"});
  });
  successor.follow(1, 1);
  leader->know_member(2, successor.endpoint());
  Client client(to({leader->endpoint(), successor.endpoint()}));
  Sets sets;
  Collected<Outcome<std::optional<Found>>> gets;
  REQUIRE(client.set("k", "v", {}, sets.callback()));
  REQUIRE(client.get("k", {}, gets.callback()));
  await(both_arrived);
  leader.reset();
  const auto set = sets.wait_for(1);
  REQUIRE_FALSE(set[0].ok());
  CHECK(set[0].error().code == ErrorCode::unknown);
  successor.follow(2, 2);
  const auto got = gets.wait_for(1);
  REQUIRE(got[0].ok());
  CHECK(got[0].value()->revision == 7);
}

TEST_CASE("a SET that carries ONCE is sent again with the same number when its connection is lost") {
  std::promise<void> arrived;
  auto leader = std::make_unique<FakeNode>(1, [&](FakeNode&, const Incoming&) { arrived.set_value(); });
  std::promise<Frames> repeated;
  FakeNode successor(2, [&](FakeNode& self, const Incoming& request) {
    repeated.set_value(request.body);
    self.reply(request, {"OK", "3", "synced"});
  });
  successor.follow(1, 1);
  Client client(to({leader->endpoint(), successor.endpoint()}));
  Sets sets;
  REQUIRE(client.set("k", "v", {.once = Once{"me", 5, {}}}, sets.callback()));
  await(arrived);
  successor.follow(2, 2);
  leader.reset();
  CHECK(sets.wait_for(1)[0].ok());
  CHECK(await(repeated) == Frames{"SET", "k", "v", "ONCE", "me", "5"});
}

TEST_CASE("a leader that falls silent is left for the one that the others name; its SETs stay open until the timeout") {
  std::promise<void> arrived;
  FakeNode old_leader(1, [&](FakeNode& self, const Incoming& request) {
    self.fall_silent();
    if (request.body[0] == "SET") {
      arrived.set_value();
    }
  });
  FakeNode successor(2, always({"OK", "k", "v", "7"}));
  successor.follow(1, 1);
  Options options = to({old_leader.endpoint(), successor.endpoint()});
  options.request_timeout = 3s;
  Client client(options);
  Sets sets;
  REQUIRE(client.set("k", "v", {}, sets.callback()));
  await(arrived);
  successor.follow(2, 2);
  CHECK(client.get("k").ok());
  CHECK(sets.size() == 0);
  CHECK(sets.wait_for(1)[0].error().code == ErrorCode::unknown);
}

TEST_CASE("a leader that answers UNAVAILABLE is asked whether it still leads, and left when it does not") {
  FakeNode successor(2, honest_store());
  successor.follow(1, 1);
  FakeNode old_leader(1, [&](FakeNode& self, const Incoming& request) {
    self.follow(2, 2);
    successor.follow(2, 2);
    self.reply(request, {"ERR", "UNAVAILABLE", "stepped down"});
  });
  old_leader.know_member(2, successor.endpoint());
  Client client(to({old_leader.endpoint()}));
  CHECK(client.set("k", "v").ok());
}

TEST_CASE("a local read is served by any node, without a leader") {
  FakeNode node(1, always({"NONE", "k"}));
  node.follow(0, 2);
  Client client(to({node.endpoint()}));
  CHECK(client.get("k", {.local = true}).ok());
}

TEST_CASE("a node that comes back at the same endpoint is used again") {
  auto node = std::make_unique<FakeNode>(1, honest_store());
  const std::string endpoint = node->endpoint();
  const std::uint16_t port = node->port();
  Client client(to({endpoint}));
  REQUIRE(client.set("k", "v").ok());
  node.reset();
  FakeNode again(1, honest_store(), port);
  // A read: a SET sent before the loss of the connection is noticed would be UNKNOWN, and truly so.
  CHECK(client.get("k").ok());
}

TEST_CASE("callbacks may begin further requests") {
  FakeNode node(1, honest_store());
  Client client(to({node.endpoint()}));
  std::promise<std::uint64_t> last;
  int left = 1000;
  SetCallback next = [&](Outcome<Stored> outcome) {
    if (!outcome.ok() || --left == 0) {
      last.set_value(outcome.ok() ? outcome.value().revision : 0);
    } else if (!client.set("k", "v", {}, next)) {
      last.set_value(0);
    }
  };
  REQUIRE(client.set("k", "v", {}, next));
  CHECK(await(last) == 1000);
}

TEST_CASE("a client that is destroyed answers each outstanding request exactly once") {
  std::promise<void> all_arrived;
  auto arrived = std::make_shared<int>(0);
  FakeNode node(1, [&, arrived](FakeNode&, const Incoming&) {
    if (++*arrived == 20) {
      all_arrived.set_value();
    }
  });
  Sets sets;
  Collected<Outcome<std::optional<Found>>> gets;
  {
    Client client(to({node.endpoint()}));
    for (int i = 0; i < 10; ++i) {
      REQUIRE(client.set("k", "v", {}, sets.callback()));
      REQUIRE(client.get("k", {}, gets.callback()));
    }
    await(all_arrived);
  }
  REQUIRE(sets.size() == 10);
  REQUIRE(gets.size() == 10);
  for (const auto& set : sets.wait_for(10)) {
    CHECK(set.error().code == ErrorCode::unknown);
  }
  for (const auto& get : gets.wait_for(10)) {
    CHECK(get.error().code == ErrorCode::closed);
  }
}

TEST_CASE("a SET that was never sent ends as closed, and a callback then begins nothing") {
  Sets sets;
  bool taken = true;
  {
    Client client(to({"tcp://127.0.0.1:1"}));
    REQUIRE(client.set("k", "v", {}, [&](Outcome<Stored> outcome) {
      taken = client.set("k", "v", {}, sets.callback());
      sets.callback()(std::move(outcome));
    }));
  }
  REQUIRE(sets.size() == 1);
  CHECK(sets.wait_for(1)[0].error().code == ErrorCode::closed);
  CHECK_FALSE(taken);
}

TEST_CASE("over its limit of outstanding requests the client takes no more") {
  FakeNode node(1, never());
  Options options = to({node.endpoint()});
  options.max_outstanding = 2;
  Sets sets;
  Client client(options);
  CHECK(client.set("k", "v", {}, sets.callback()));
  CHECK(client.set("k", "v", {}, sets.callback()));
  CHECK_FALSE(client.set("k", "v", {}, sets.callback()));
  CHECK(client.set("k", "v").error().code == ErrorCode::busy);
}

TEST_CASE("what no node would take is not sent") {
  FakeNode node(1, honest_store());
  Client client(to({node.endpoint()}));
  CHECK(client.set("k", std::string((16 << 20) + 1, 'v')).error().code == ErrorCode::too_large);
  CHECK(client.set(std::string(70'000, 'k'), "v").error().code == ErrorCode::too_large);
  CHECK(client.set("k", std::string(1 << 20, 'v')).ok());
}

TEST_CASE("an answer that is none ends a SET as unknown and a GET as unavailable") {
  FakeNode node(1, always({"WHAT"}));
  Client client(to({node.endpoint()}));
  CHECK(client.set("k", "v").error().code == ErrorCode::unknown);
  CHECK(client.get("k").error().code == ErrorCode::unavailable);
}

TEST_CASE("a client of many threads answers each of them") {
  FakeNode node(1, honest_store());
  Client client(to({node.endpoint()}));
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string key = std::to_string(t) + "-" + std::to_string(i);
        good += client.set(key, key).ok() && client.get(key).value()->value == key ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(good == 200);
}

TEST_CASE("status is one node's own answer") {
  FakeNode node(7, never());
  Client client(to({node.endpoint()}));
  const auto json = client.status(node.endpoint());
  REQUIRE(json.ok());
  CHECK(json.value().find("\"id\":7") != std::string::npos);
  node.fall_silent();
  CHECK(client.status(node.endpoint(), 50ms).error().code == ErrorCode::timed_out);
}

}  // namespace
}  // namespace strata::client::test
