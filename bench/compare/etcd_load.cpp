// A nearly free load of PUTs for etcd: a fixed number of requests in flight, asynchronous gRPC, one completion queue.
// Same keys and values as bench/load: 16-byte keys, uniform over the key space; 100-byte values.
//
//   etcd_load ENDPOINTS CHANNELS IN_FLIGHT WARMUP_S SECONDS KEY_SPACE
//
// ENDPOINTS are host:port, separated by commas; each of the CHANNELS has a connection of its own and they take the
// endpoints in turn. Prints one line of JSON. Exit status: 0, 1 when any request failed, 2 usage.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "etcd_kv.grpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::vector<std::string> endpoints;
  int channels = 0;
  int in_flight = 0;
  double warmup = 0;
  double seconds = 0;
  std::uint64_t key_space = 0;
};

// One request in flight; it is used again as soon as its answer is there.
struct Slot {
  etcdserverpb::KV::Stub* service = nullptr;
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<etcdserverpb::PutResponse>> call;
  etcdserverpb::PutRequest request;
  etcdserverpb::PutResponse response;
  grpc::Status status;
  Clock::time_point sent;
};

std::string make_key(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llu", static_cast<unsigned long long>(number));
  return text;
}

class Load {
 public:
  explicit Load(const Options& options) : options_(options), keys_(0, options.key_space - 1) {
    for (int i = 0; i < options.channels; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt("strata.channel", i);  // different arguments: a connection of its own
      auto channel = grpc::CreateCustomChannel(options.endpoints[i % options.endpoints.size()],
                                               grpc::InsecureChannelCredentials(), arguments);
      services_.push_back(etcdserverpb::KV::NewStub(channel));
    }
    slots_.resize(options.in_flight);
    for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].service = services_[i % services_.size()].get();
  }

  bool run() {
    const auto begin = Clock::now();
    counted_from_ = begin + to_duration(options_.warmup);
    const auto end = counted_from_ + to_duration(options_.seconds);
    for (auto& slot : slots_) send(slot);
    std::size_t outstanding = slots_.size();
    void* tag = nullptr;
    bool ok = false;
    while (outstanding > 0 && queue_.Next(&tag, &ok)) {
      auto& slot = *static_cast<Slot*>(tag);
      const auto now = Clock::now();
      count(slot, now, end);
      if (now < end) {
        send(slot);
      } else {
        --outstanding;
      }
    }
    print();
    return errors_ == 0;
  }

 private:
  static Clock::duration to_duration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  void send(Slot& slot) {
    slot.request.set_key(make_key(keys_(random_)));
    slot.request.set_value(value_);
    slot.context = std::make_unique<grpc::ClientContext>();
    slot.context->set_wait_for_ready(true);
    slot.sent = Clock::now();
    slot.call = slot.service->AsyncPut(slot.context.get(), slot.request, &queue_);
    slot.call->Finish(&slot.response, &slot.status, &slot);
  }

  void count(const Slot& slot, Clock::time_point now, Clock::time_point end) {
    if (now < counted_from_ || now >= end) return;
    if (!slot.status.ok()) {
      ++errors_;
      return;
    }
    latencies_us_.push_back(std::chrono::duration<float, std::micro>(now - slot.sent).count());
  }

  float percentile(double part) const {
    if (latencies_us_.empty()) return 0;
    return latencies_us_[static_cast<std::size_t>(part * static_cast<double>(latencies_us_.size() - 1))];
  }

  void print() {
    std::sort(latencies_us_.begin(), latencies_us_.end());
    std::printf(
        "{\"operations\":%zu,\"errors\":%llu,\"seconds\":%g,\"ops_per_s\":%.0f,"
        "\"latency_us\":{\"p50\":%.0f,\"p99\":%.0f}}\n",
        latencies_us_.size(), static_cast<unsigned long long>(errors_), options_.seconds,
        static_cast<double>(latencies_us_.size()) / options_.seconds, percentile(0.5), percentile(0.99));
  }

  Options options_;
  std::mt19937_64 random_{1};
  std::uniform_int_distribution<std::uint64_t> keys_;
  std::string value_ = std::string(100, 'v');
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<etcdserverpb::KV::Stub>> services_;
  std::vector<Slot> slots_;
  Clock::time_point counted_from_;
  std::vector<float> latencies_us_;
  std::uint64_t errors_ = 0;
};

Options parse(char** arguments) {
  Options options;
  std::istringstream list(arguments[1]);
  for (std::string endpoint; std::getline(list, endpoint, ',');) options.endpoints.push_back(endpoint);
  options.channels = std::atoi(arguments[2]);
  options.in_flight = std::atoi(arguments[3]);
  options.warmup = std::atof(arguments[4]);
  options.seconds = std::atof(arguments[5]);
  options.key_space = std::strtoull(arguments[6], nullptr, 10);
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 7) {
    std::fputs("usage: etcd_load ENDPOINTS CHANNELS IN_FLIGHT WARMUP_S SECONDS KEY_SPACE\n", stderr);
    return 2;
  }
  const auto options = parse(arguments);
  if (options.endpoints.empty() || options.channels < 1 || options.in_flight < 1 || options.key_space < 1) {
    std::fputs("etcd_load: an endpoint, a channel, a request in flight and a key are the least\n", stderr);
    return 2;
  }
  return Load(options).run() ? 0 : 1;
}
