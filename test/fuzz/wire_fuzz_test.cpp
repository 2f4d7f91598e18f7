// What comes from the network, mutated: a decoder refuses it or makes sense of it, and never reads past its end (the
// address sanitizer sees that), never allocates more than was sent, never asserts.
#include <doctest/doctest.h>

#include <algorithm>

#include "base/checksum.hpp"
#include "mutator.hpp"
#include "peer_samples.hpp"
#include "wire/client_protocol.hpp"
#include "wire/peer_protocol.hpp"

namespace strata::fuzz {
namespace {

constexpr int rounds = 100'000;

// ---- Messages between members ----

void put_checksum(Bytes& bytes, std::size_t at, BytesView covered) {
  const std::uint32_t checksum = crc32c(covered);
  std::memcpy(bytes.data() + at, &checksum, sizeof checksum);
}

// Makes lengths and checksums right again where that can be done, so that what lies behind them is reached.
void reseal(Bytes& frame, std::size_t entries_size) {
  using wire::PeerHeader;
  if (frame.size() < PeerHeader::size + entries_size) {
    return;
  }
  const auto fields = static_cast<std::uint32_t>(frame.size() - PeerHeader::size - entries_size);
  const auto entries = static_cast<std::uint32_t>(entries_size);
  std::memcpy(frame.data() + PeerHeader::fields_length_at, &fields, sizeof fields);
  std::memcpy(frame.data() + PeerHeader::fields_length_at + sizeof fields, &entries, sizeof entries);
  const std::size_t covered = PeerHeader::size - PeerHeader::covered_from + fields;
  put_checksum(frame, PeerHeader::checksum_at, BytesView(frame).substr(PeerHeader::covered_from, covered));
  for (std::size_t at = PeerHeader::size + fields; at < frame.size();) {
    const auto size = entry_size(BytesView(frame).substr(at));
    if (!size) {
      return;
    }
    put_checksum(frame, at, BytesView(frame).substr(at + 4, *size - 4));
    at += *size;
  }
}

std::size_t size_of_entries(const wire::PeerMessage& message) {
  std::size_t total = 0;
  if (const auto* of_raft = std::get_if<raft::Message>(&message)) {
    if (const auto* append = std::get_if<raft::AppendEntries>(of_raft)) {
      for (const Entry& entry : append->entries) {
        total += entry.body.size();
      }
    }
  }
  return total;
}

TEST_CASE("a mutated message between members is refused, or encodes to the same bytes again") {
  const auto samples = wire::sample_messages();
  Mutator mutator(20'240'601);
  int taken = 0;
  for (int round = 0; round < rounds; ++round) {
    const wire::PeerMessage& sample = samples[mutator.below(samples.size())];
    Bytes frame = encode_peer_message(wire::sample_envelope(), sample);
    mutator.mutate(frame);
    if (mutator.below(4) != 0) {
      reseal(frame, size_of_entries(sample));
    }
    const auto decoded = wire::decode_peer_message(SharedBytes(frame));
    if (decoded) {
      ++taken;
      CAPTURE(round);
      REQUIRE(encode_peer_message(decoded->envelope, decoded->message) == frame);
    }
  }
  // Else the mutations end at the checksum and test nothing behind it.
  CHECK(taken > rounds / 10);
}

// ---- Requests and replies ----

using Frames = std::vector<Bytes>;

const std::vector<Frames>& sample_requests() {
  static const std::vector<Frames> samples = {
      {"id", "", "SET", "key", "value"},
      {"id", "e", "", "SET", "key", "value", "ONCE", "client", "12", "SINCE", "3", "IF", "4", "SYNCED"},
      {"id", "e", "f", "", "GET", "key", "LOCAL", "MIN", "18446744073709551615"},
      {"id", "", "GET", "key", "SYNCED"},
      {"id", "", "STATUS"},
      {"id", "", "PING"},
      {"id", ""},
  };
  return samples;
}

const std::vector<Frames>& sample_replies() {
  static const std::vector<Frames> samples = {{"OK", "12", "synced"},  {"OK", "key", "value", "3"},
                                              {"NONE", "key"},         {"OK", "{}"},
                                              {"ERR", "BUSY", "text"}, {"ERR", "CONFLICT", "text", "9"}};
  return samples;
}

// Changes the bytes of frames, or drops, doubles, swaps, empties or adds whole frames from `first` on.
void mutate(Mutator& mutator, Frames& frames, std::size_t first) {
  for (std::size_t left = 1 + mutator.below(3); left > 0 && frames.size() > first; --left) {
    const std::size_t at = first + mutator.below(frames.size() - first);
    const auto position = frames.begin() + static_cast<std::ptrdiff_t>(at);
    switch (mutator.below(6)) {
      case 0:
        frames.erase(position);
        break;
      case 1:
        frames.insert(position, Bytes(frames[at]));
        break;
      case 2:
        std::swap(frames[at], frames[first + mutator.below(frames.size() - first)]);
        break;
      case 3:
        frames[at].clear();
        break;
      case 4:
        frames.insert(position, Bytes(mutator.below(100), 'x'));
        break;
      default:
        mutator.mutate(frames[at]);
        break;
    }
  }
}

// A request that is taken has one meaning: encoded and decoded again it says the same.
void check_meaning(const wire::ClientRequest& request, const wire::ClientLimits& limits) {
  const Frames body = encode_request_body(request.body);
  std::vector<BytesView> again = {"id", ""};
  again.insert(again.end(), body.begin(), body.end());
  const auto decoded = decode_client_request(again, limits);
  REQUIRE(std::holds_alternative<wire::ClientRequest>(decoded));
  REQUIRE(encode_request_body(std::get<wire::ClientRequest>(decoded).body) == body);
}

// A reply goes to the identity, and its envelope holds no empty frame.
void check_refusal(const wire::ClientReply& reply) {
  wire::ReplyFrames frames;
  encode_client_reply(reply, frames);
  REQUIRE(frames.frames.size() >= 5);
  REQUIRE(frames.frames[0] == "id");
  const auto delimiter = std::find(frames.frames.begin() + 1, frames.frames.end(), BytesView());
  REQUIRE(frames.frames.end() - delimiter == 4);
  REQUIRE(delimiter[1] == "ERR");
}

TEST_CASE("a mutated request is refused, or has one meaning") {
  wire::ClientLimits limits;
  limits.max_value = 20;
  Mutator mutator(20'240'602);
  int taken = 0;
  for (int round = 0; round < rounds; ++round) {
    Frames frames = sample_requests()[mutator.below(sample_requests().size())];
    mutate(mutator, frames, 1);
    const std::vector<BytesView> views(frames.begin(), frames.end());
    const auto decoded = decode_client_request(views, limits);
    CAPTURE(round);
    if (const auto* request = std::get_if<wire::ClientRequest>(&decoded)) {
      ++taken;
      check_meaning(*request, limits);
    } else if (const auto* reply = std::get_if<wire::ClientReply>(&decoded)) {
      check_refusal(*reply);
    }
  }
  CHECK(taken > rounds / 20);
}

TEST_CASE("a mutated reply is refused or decoded") {
  const std::vector<wire::RequestBody> requests = {wire::SetRequest{"key", "value", std::nullopt, std::nullopt, false},
                                                   wire::GetRequest{"key", false, std::nullopt, false},
                                                   wire::StatusRequest{}, wire::PingRequest{}};
  Mutator mutator(20'240'603);
  int taken = 0;
  for (int round = 0; round < rounds; ++round) {
    Frames frames = sample_replies()[mutator.below(sample_replies().size())];
    mutate(mutator, frames, 0);
    const std::vector<BytesView> views(frames.begin(), frames.end());
    if (decode_reply_body(views, requests[mutator.below(requests.size())])) {
      ++taken;
    }
  }
  CHECK(taken > rounds / 20);
}

}  // namespace
}  // namespace strata::fuzz
