#include "wire/peer_protocol.hpp"

#include <doctest/doctest.h>

#include "base/checksum.hpp"
#include "peer_samples.hpp"

namespace strata::wire {
namespace {

// Makes the frame's checksum right again after a test has changed what it covers.
void reseal(Bytes& frame) {
  std::uint32_t fields = 0;
  std::memcpy(&fields, frame.data() + PeerHeader::fields_length_at, sizeof fields);
  const std::size_t covered = PeerHeader::size - PeerHeader::covered_from + fields;
  const std::uint32_t checksum = crc32c(BytesView(frame).substr(PeerHeader::covered_from, covered));
  std::memcpy(frame.data() + PeerHeader::checksum_at, &checksum, sizeof checksum);
}

template <class Number>
void overwrite(Bytes& frame, std::size_t at, Number value) {
  REQUIRE(at + sizeof value <= frame.size());
  std::memcpy(frame.data() + at, &value, sizeof value);
  reseal(frame);
}

bool refused_as(const Bytes& frame, ErrorKind kind) {
  const auto decoded = decode_peer_message(SharedBytes(frame));
  return !decoded && decoded.error().kind == kind;
}

template <class Message>
Message decoded_raft(const Bytes& frame) {
  const auto decoded = decode_peer_message(SharedBytes(frame));
  REQUIRE(decoded.has_value());
  const auto* message = std::get_if<raft::Message>(&decoded->message);
  REQUIRE(message != nullptr);
  REQUIRE(std::holds_alternative<Message>(*message));
  return std::get<Message>(*message);
}

TEST_CASE("every message comes back as it was sent, envelope included") {
  for (const PeerMessage& message : sample_messages()) {
    const Bytes frame = encode_peer_message(sample_envelope(), message);
    const auto decoded = decode_peer_message(SharedBytes(frame));
    CAPTURE(message.index());
    REQUIRE(decoded.has_value());
    CHECK(decoded->envelope.cluster == sample_envelope().cluster);
    CHECK(decoded->envelope.from == sample_envelope().from);
    CHECK(decoded->envelope.to == sample_envelope().to);
    CHECK(decoded->envelope.from_incarnation == sample_envelope().from_incarnation);
    CHECK(decoded->envelope.to_incarnation == sample_envelope().to_incarnation);
    CHECK(decoded->message.index() == message.index());
    CHECK(encode_peer_message(decoded->envelope, decoded->message) == frame);
  }
}

TEST_CASE("each field of a message is decoded into its own place") {
  const auto frame_of = [](raft::Message message) {
    return encode_peer_message(sample_envelope(), PeerMessage(std::move(message)));
  };
  const auto vote = decoded_raft<raft::RequestVote>(frame_of(raft::RequestVote{Term(1), LogIndex(2), Term(3)}));
  CHECK(vote.term == Term(1));
  CHECK(vote.last_log_index == LogIndex(2));
  CHECK(vote.last_log_term == Term(3));

  const auto append = decoded_raft<raft::AppendEntries>(frame_of(sample_append()));
  CHECK(append.term == Term(7));
  CHECK(append.prev_log_index == LogIndex(10));
  CHECK(append.prev_log_term == Term(5));
  CHECK(append.leader_commit == LogIndex(9));
  CHECK(append.round == raft::Round(77));
  REQUIRE(append.entries.size() == 3);
  CHECK(append.entries[1].index == LogIndex(12));
  CHECK(append.entries[1].term == Term(6));
  CHECK(append.entries[1].type == EntryType::command);
  CHECK(append.entries[1].payload() == "payload");

  const auto response = decoded_raft<raft::AppendEntriesResponse>(
      frame_of(raft::AppendEntriesResponse{Term(1), true, raft::Round(2), LogIndex(3), LogIndex(4), LogIndex(5),
                                           LogIndex(6), Term(7), Incarnation(8), true, LogIndex(9), LogIndex(10)}));
  CHECK(response.term == Term(1));
  CHECK(response.success);
  CHECK(response.round == raft::Round(2));
  CHECK(response.matched == LogIndex(3));
  CHECK(response.written == LogIndex(4));
  CHECK(response.synced == LogIndex(5));
  CHECK(response.conflict_index == LogIndex(6));
  CHECK(response.conflict_term == Term(7));
  CHECK(response.recovering == Incarnation(8));
  CHECK(response.missing_first == LogIndex(9));
  CHECK(response.missing_last == LogIndex(10));

  const auto read =
      decoded_raft<raft::ReadIndexResponse>(frame_of(raft::ReadIndexResponse{Term(1), raft::ReadId(2), LogIndex(3)}));
  CHECK(read.id == raft::ReadId(2));
  CHECK(read.read_index == LogIndex(3));
}

TEST_CASE("the fields of forwarded SETs and of their replies are decoded into their own places") {
  const auto sets = decode_peer_message(SharedBytes(encode_peer_message(sample_envelope(), sample_forward())));
  REQUIRE(sets.has_value());
  const auto& set = std::get<ForwardSets>(sets->message).sets.at(1);
  CHECK(set.id == 2);
  CHECK(set.request.key == "key");
  CHECK(set.request.value == "value");
  CHECK(set.request.if_revision == LogIndex(4));
  CHECK(set.request.synced);
  REQUIRE(set.request.once.has_value());
  CHECK(set.request.once->client == "client");
  CHECK(set.request.once->number == 9);
  CHECK(set.request.once->since == LogIndex(3));

  const auto replies = decode_peer_message(SharedBytes(encode_peer_message(sample_envelope(), sample_replies())));
  REQUIRE(replies.has_value());
  const auto& list = std::get<ForwardReplies>(replies->message).replies;
  REQUIRE(list.size() == 3);
  CHECK(std::holds_alternative<NotAppended>(list[0].result));
  CHECK(std::get<SetReply>(list[1].result).revision == LogIndex(50));
  CHECK(std::get<SetReply>(list[1].result).durability == Durability::written);
  CHECK(std::get<ErrorReply>(list[2].result).code == ErrorCode::conflict);
  CHECK(std::get<ErrorReply>(list[2].result).text == "text");
  CHECK(std::get<ErrorReply>(list[2].result).revision == LogIndex(8));

  const auto hello = decode_peer_message(SharedBytes(encode_peer_message(sample_envelope(), sample_hello())));
  REQUIRE(hello.has_value());
  CHECK(std::get<Hello>(hello->message).client_endpoints == sample_hello().client_endpoints);
  CHECK(std::get<Hello>(hello->message).ack == Durability::written);
  CHECK(std::get<Hello>(hello->message).max_sessions == sample_hello().max_sessions);
}

TEST_CASE("entries share the buffer of their frame") {
  const SharedBytes frame(encode_peer_message(sample_envelope(), raft::Message(sample_append())));
  const auto decoded = decode_peer_message(frame);
  REQUIRE(decoded.has_value());
  for (const Entry& entry : std::get<raft::AppendEntries>(std::get<raft::Message>(decoded->message)).entries) {
    CHECK(entry.body.owner() == frame.owner());
  }
}

TEST_CASE("the frame carries the bodies of the entries as they stand in the log") {
  const Bytes frame = encode_peer_message(sample_envelope(), raft::Message(sample_append()));
  Bytes bodies;
  for (const Entry& entry : sample_append().entries) {
    bodies += entry.body.view();
  }
  CHECK(frame.ends_with(bodies));
}

TEST_CASE("a frame cut short anywhere is refused") {
  for (const PeerMessage& message : sample_messages()) {
    const Bytes frame = encode_peer_message(sample_envelope(), message);
    for (std::size_t size = 0; size < frame.size(); ++size) {
      CAPTURE(message.index());
      CAPTURE(size);
      CHECK(refused_as(frame.substr(0, size), ErrorKind::invalid));
    }
  }
}

TEST_CASE("a frame with bytes after its end is refused") {
  for (const PeerMessage& message : sample_messages()) {
    CHECK(refused_as(encode_peer_message(sample_envelope(), message) + '\0', ErrorKind::invalid));
  }
}

TEST_CASE("a frame with any one bit flipped is refused") {
  for (const PeerMessage& message : sample_messages()) {
    const Bytes frame = encode_peer_message(sample_envelope(), message);
    for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
      Bytes flipped = frame;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      CAPTURE(message.index());
      CAPTURE(bit);
      CHECK(!decode_peer_message(SharedBytes(flipped)));
    }
  }
}

TEST_CASE("another protocol version is a mismatch and says which") {
  Bytes frame = encode_peer_message(sample_envelope(), sample_hello());
  overwrite(frame, 8, std::uint16_t{peer_protocol_version + 1});
  CHECK(refused_as(frame, ErrorKind::mismatch));
  CHECK(decode_peer_message(SharedBytes(frame))
            .error()
            .text.find("version " + std::to_string(peer_protocol_version + 1)) != std::string::npos);
}

TEST_CASE("an unknown kind is refused") {
  for (int kind : {0, 12, 255}) {
    Bytes frame = encode_peer_message(sample_envelope(), raft::Message(raft::RequestVote{}));
    overwrite(frame, 10, static_cast<std::uint8_t>(kind));
    CHECK(refused_as(frame, ErrorKind::invalid));
  }
}

TEST_CASE("a message under another kind is refused") {
  Bytes frame = encode_peer_message(sample_envelope(), raft::Message(raft::RequestVote{}));
  overwrite(frame, 10, std::uint8_t{2});
  CHECK(refused_as(frame, ErrorKind::invalid));
}

TEST_CASE("a count that the frame cannot hold is refused before anything is allocated") {
  constexpr std::size_t append_count_at = PeerHeader::size + 8 * 8;
  for (std::uint32_t count : {2U, 4U, 1000U, 0x7fffffffU, 0xffffffffU}) {
    Bytes append = encode_peer_message(sample_envelope(), raft::Message(sample_append()));
    overwrite(append, append_count_at, count);
    CHECK(refused_as(append, ErrorKind::invalid));
    for (const PeerMessage& message : {PeerMessage(sample_forward()), PeerMessage(sample_replies())}) {
      Bytes frame = encode_peer_message(sample_envelope(), message);
      overwrite(frame, PeerHeader::size, count + 2);
      CHECK(refused_as(frame, ErrorKind::invalid));
    }
  }
}

TEST_CASE("entries that could not stand in a leader's log are refused") {
  const auto frame_of = [](std::vector<Entry> entries) {
    raft::AppendEntries append = sample_append();
    append.entries = std::move(entries);
    return encode_peer_message(sample_envelope(), raft::Message(std::move(append)));
  };
  const auto entry = [](std::uint64_t term, std::uint64_t index) {
    return make_entry(EntryType::command, Term(term), LogIndex(index), "p");
  };
  CHECK(decode_peer_message(SharedBytes(frame_of({entry(5, 11), entry(7, 12)}))).has_value());
  CHECK(refused_as(frame_of({entry(5, 12)}), ErrorKind::invalid));                // a gap before the first
  CHECK(refused_as(frame_of({entry(5, 11), entry(5, 13)}), ErrorKind::invalid));  // a gap between two
  CHECK(refused_as(frame_of({entry(4, 11)}), ErrorKind::invalid));                // a term that falls
  CHECK(refused_as(frame_of({entry(6, 11), entry(5, 12)}), ErrorKind::invalid));
  CHECK(refused_as(frame_of({entry(8, 11)}), ErrorKind::invalid));  // a term above the leader's
}

TEST_CASE("entries after the greatest index there is are refused") {
  raft::AppendEntries append = sample_append();
  append.prev_log_index = LogIndex(~0ULL);
  append.entries = {make_entry(EntryType::command, Term(7), LogIndex(0), "p")};
  CHECK(refused_as(encode_peer_message(sample_envelope(), raft::Message(std::move(append))), ErrorKind::invalid));
}

TEST_CASE("entries after a message that has none are refused") {
  Bytes frame = encode_peer_message(sample_envelope(), raft::Message(raft::RequestVote{}));
  const Bytes body(make_entry(EntryType::command, Term(1), LogIndex(1), "p").body.view());
  frame += body;
  overwrite(frame, PeerHeader::fields_length_at + 4, static_cast<std::uint32_t>(body.size()));
  CHECK(refused_as(frame, ErrorKind::invalid));
}

TEST_CASE("a forwarded SET that no member would have taken is refused") {
  const auto frame_of = [](SetRequest request) {
    return encode_peer_message(sample_envelope(), ForwardSets{{ForwardedSet{1, std::move(request)}}});
  };
  CHECK(decode_peer_message(SharedBytes(frame_of({"k", "", std::nullopt, std::nullopt, false}))).has_value());
  CHECK(refused_as(frame_of({"", "v", std::nullopt, std::nullopt, false}), ErrorKind::invalid));
  CHECK(refused_as(frame_of({"k", "v", Once{"", 1, std::nullopt}, std::nullopt, false}), ErrorKind::invalid));
  CHECK(refused_as(frame_of({"k", "v", Once{"c", 0, std::nullopt}, std::nullopt, false}), ErrorKind::invalid));
  CHECK(
      refused_as(frame_of({"k", "v", Once{Bytes(65, 'c'), 1, std::nullopt}, std::nullopt, false}), ErrorKind::invalid));
}

TEST_CASE("the size of a message counts the bytes it holds") {
  raft::AppendEntries append = sample_append();
  const std::size_t before = size_of(PeerMessage(raft::Message(append)));
  append.entries.push_back(make_entry(EntryType::command, Term(7), LogIndex(14), Bytes(1000, 'p')));
  CHECK(size_of(PeerMessage(raft::Message(append))) >= before + 1000);
  CHECK(size_of(PeerMessage(
            ForwardSets{{ForwardedSet{1, {"k", Bytes(1000, 'v'), std::nullopt, std::nullopt, false}}}})) >= 1000);
}

}  // namespace
}  // namespace strata::wire
