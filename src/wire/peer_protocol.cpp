#include "wire/peer_protocol.hpp"

#include <fmt/format.h>

#include <limits>
#include <span>
#include <utility>

#include "base/assert.hpp"
#include "base/checksum.hpp"

namespace strata::wire {
namespace {

enum class Kind : std::uint8_t {
  request_vote = 1,
  request_vote_response,
  append_entries,
  append_entries_response,
  read_index_request,
  read_index_response,
  install_snapshot,
  install_snapshot_response,
  pre_vote,
  pre_vote_response,
  timeout_now,
  introduce,
  introduced,
  forward_sets,
  forward_replies,
  hello,
};

// What a ForwardedReply holds.
enum class Outcome : std::uint8_t { not_appended, set, error };

// ---- Encoding ----

// Writes the fields of a message in the order of its members.
class FieldWriter {
 public:
  explicit FieldWriter(Bytes& out) : out_(out) {}

  Kind operator()(const raft::Message& message) { return std::visit(*this, message); }

  Kind operator()(const raft::RequestVote& vote) {
    add(vote.term, vote.last_log_index, vote.last_log_term, vote.leadership_transfer);
    return Kind::request_vote;
  }
  Kind operator()(const raft::RequestVoteResponse& response) {
    add(response.term, response.vote_granted, response.flagged);
    return Kind::request_vote_response;
  }
  Kind operator()(const raft::AppendEntries& append) {
    add(append.term, append.prev_log_index, append.prev_log_term, append.leader_commit, append.leader_durable,
        append.round, append.recovering, append.leader_last);
    add_count(append.entries.size());
    return Kind::append_entries;
  }
  Kind operator()(const raft::AppendEntriesResponse& response) {
    add(response.term, response.success, response.round, response.matched, response.written, response.synced,
        response.conflict_index, response.conflict_term, response.recovering, response.disk_full,
        response.missing_first, response.missing_last);
    return Kind::append_entries_response;
  }
  Kind operator()(const raft::ReadIndexRequest& request) {
    add(request.term, request.id);
    return Kind::read_index_request;
  }
  Kind operator()(const raft::ReadIndexResponse& response) {
    add(response.term, response.id, response.read_index);
    return Kind::read_index_response;
  }
  Kind operator()(const raft::InstallSnapshot& chunk) {
    add(chunk.term, chunk.round, chunk.chunk, chunk.last_included.index, chunk.last_included.term, chunk.offset,
        chunk.data.view(), chunk.done);
    return Kind::install_snapshot;
  }
  Kind operator()(const raft::InstallSnapshotResponse& response) {
    add(response.term, response.round, response.chunk, response.offset);
    return Kind::install_snapshot_response;
  }
  Kind operator()(const raft::PreVote& vote) {
    add(vote.term, vote.last_log_index, vote.last_log_term);
    return Kind::pre_vote;
  }
  Kind operator()(const raft::PreVoteResponse& response) {
    add(response.term, response.asked, response.vote_granted, response.flagged);
    return Kind::pre_vote_response;
  }
  Kind operator()(const raft::TimeoutNow& order) {
    add(order.term);
    return Kind::timeout_now;
  }
  Kind operator()(const raft::Introduce& introduce) {
    add(introduce.term);
    add_start(introduce.start, introduce.earlier);
    add(introduce.replaces);
    return Kind::introduce;
  }
  Kind operator()(const raft::Introduced& answer) {
    add(answer.term, answer.nonce, static_cast<std::uint8_t>(answer.verdict), answer.directory, answer.silent);
    add_start(answer.start, answer.earlier);
    return Kind::introduced;
  }
  Kind operator()(const ForwardSets& forward) {
    add_count(forward.sets.size());
    for (const ForwardedSet& set : forward.sets) {
      add(set.id, set.request.key, set.request.value, set.request.if_revision, set.request.synced,
          set.request.once.has_value());
      if (set.request.once) {
        add(set.request.once->client, set.request.once->number, set.request.once->since);
      }
    }
    return Kind::forward_sets;
  }
  Kind operator()(const ForwardReplies& forward) {
    add_count(forward.replies.size());
    for (const ForwardedReply& reply : forward.replies) {
      add(reply.id, static_cast<std::uint8_t>(reply.result.index()));
      std::visit([this](const auto& result) { add_outcome(result); }, reply.result);
    }
    return Kind::forward_replies;
  }
  Kind operator()(const Hello& hello) {
    add_count(hello.client_endpoints.size());
    for (const std::string& endpoint : hello.client_endpoints) {
      add(endpoint);
    }
    add(static_cast<std::uint8_t>(hello.ack));
    add(hello.max_sessions);
    return Kind::hello;
  }

 private:
  template <class... Field>
  void add(const Field&... field) {
    (add_one(field), ...);
  }
  template <class Tag, class Number>
  void add_one(StrongId<Tag, Number> id) {
    out_.number(id.value);
  }
  void add_one(bool flag) { out_.number(static_cast<std::uint8_t>(flag)); }
  void add_one(std::uint8_t value) { out_.number(value); }
  void add_one(std::uint64_t value) { out_.number(value); }
  void add_one(BytesView bytes) { out_.sized(bytes); }
  void add_one(const Bytes& bytes) { out_.sized(bytes); }
  void add_one(const std::optional<LogIndex>& index) {
    add_one(index.has_value());
    if (index) {
      add_one(*index);
    }
  }
  void add_start(const Start& start, const std::vector<std::uint64_t>& earlier) {
    add(start.directory, start.incarnation, start.nonce);
    add_count(earlier.size());
    for (const std::uint64_t nonce : earlier) {
      add(nonce);
    }
  }
  void add_count(std::size_t count) { out_.number(static_cast<std::uint32_t>(count)); }

  void add_outcome(const NotAppended&) {}
  void add_outcome(const SetReply& reply) { add(reply.revision, static_cast<std::uint8_t>(reply.durability)); }
  void add_outcome(const ErrorReply& reply) { add(static_cast<std::uint8_t>(reply.code), reply.text, reply.revision); }

  ByteWriter out_;
};

static_assert(std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(Outcome::not_appended),
                                                        decltype(ForwardedReply::result)>,
                             NotAppended>);
static_assert(
    std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(Outcome::set), decltype(ForwardedReply::result)>,
                   SetReply>);
static_assert(std::is_same_v<
              std::variant_alternative_t<static_cast<std::size_t>(Outcome::error), decltype(ForwardedReply::result)>,
              ErrorReply>);

std::span<const Entry> entries_of(const PeerMessage& message) {
  const auto* of_raft = std::get_if<raft::Message>(&message);
  const auto* append = of_raft == nullptr ? nullptr : std::get_if<raft::AppendEntries>(of_raft);
  return append == nullptr ? std::span<const Entry>() : std::span<const Entry>(append->entries);
}

std::size_t total_size(std::span<const Entry> entries) {
  std::size_t total = 0;
  for (const Entry& entry : entries) {
    total += entry.body.size();
  }
  return total;
}

std::uint32_t length_of(std::size_t size) {
  STRATA_ASSERT(size <= std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(size);
}

struct Header {
  std::uint32_t checksum = 0;
  Kind kind{};
  PeerEnvelope envelope;
  std::uint32_t fields = 0;
  std::uint32_t entries = 0;
};

// All of the header with a checksum of zero.
void write_header(Bytes& out, const Header& header) {
  ByteWriter writer(out);
  writer.number(PeerHeader::magic);
  writer.number(header.checksum);
  writer.number(peer_protocol_version);
  writer.number(static_cast<std::uint8_t>(header.kind));
  writer.number(std::uint8_t{0});
  writer.number(header.envelope.from.value);
  writer.number(header.envelope.to.value);
  writer.number(header.envelope.cluster.value);
  writer.number(header.envelope.from_incarnation.value);
  writer.number(header.envelope.to_incarnation.value);
  writer.number(header.envelope.from_nonce);
  writer.number(header.envelope.to_nonce);
  writer.number(header.fields);
  writer.number(header.entries);
}

// ---- Decoding ----

Error invalid(std::string text) {
  return Error{ErrorKind::invalid, "a message between members is " + std::move(text)};
}

// Reads fields as FieldWriter writes them. What cannot be read yields zeros and makes sound() false for good; a caller
// asks once, at the end.
class FieldReader {
 public:
  explicit FieldReader(BytesView fields) : in_(fields) {}

  bool sound() const { return sound_ && in_.ok(); }
  bool finished() const { return sound_ && in_.finished(); }

  template <class Id>
  Id id() {
    return Id(in_.number<typename Id::number_type>());
  }
  std::uint64_t number() { return in_.number<std::uint64_t>(); }
  // A byte of at least `least` and at most `most`.
  std::uint8_t byte(std::uint8_t least, std::uint8_t most) {
    const auto value = in_.number<std::uint8_t>();
    expect(value >= least && value <= most);
    return value;
  }
  bool flag() { return byte(0, 1) == 1; }
  Durability durability() {
    return static_cast<Durability>(
        byte(static_cast<std::uint8_t>(Durability::written), static_cast<std::uint8_t>(Durability::synced)));
  }
  std::optional<LogIndex> optional_index() {
    if (!flag()) {
      return std::nullopt;
    }
    return id<LogIndex>();
  }
  Bytes bytes() { return Bytes(in_.sized()); }
  BytesView view() { return in_.sized(); }
  // A count of things that take at least `least_size` bytes each, so that no more is ever reserved than could be there.
  std::size_t count(std::size_t least_size) {
    const std::size_t told = in_.number<std::uint32_t>();
    expect(told <= in_.remaining() / least_size);
    return sound() ? told : 0;
  }
  std::uint32_t plain_count() { return in_.number<std::uint32_t>(); }
  void expect(bool condition) { sound_ = sound_ && condition; }

 private:
  ByteReader in_;
  bool sound_ = true;
};

raft::RequestVote read_request_vote(FieldReader& in) {
  raft::RequestVote vote;
  vote.term = in.id<Term>();
  vote.last_log_index = in.id<LogIndex>();
  vote.last_log_term = in.id<Term>();
  vote.leadership_transfer = in.flag();
  return vote;
}

raft::PreVote read_pre_vote(FieldReader& in) {
  raft::PreVote vote;
  vote.term = in.id<Term>();
  vote.last_log_index = in.id<LogIndex>();
  vote.last_log_term = in.id<Term>();
  return vote;
}

raft::PreVoteResponse read_pre_vote_response(FieldReader& in) {
  raft::PreVoteResponse response;
  response.term = in.id<Term>();
  response.asked = in.id<Term>();
  response.vote_granted = in.flag();
  response.flagged = in.flag();
  in.expect(response.vote_granted || !response.flagged);
  return response;
}

raft::RequestVoteResponse read_request_vote_response(FieldReader& in) {
  raft::RequestVoteResponse response;
  response.term = in.id<Term>();
  response.vote_granted = in.flag();
  response.flagged = in.flag();
  in.expect(response.vote_granted || !response.flagged);
  return response;
}

raft::AppendEntriesResponse read_append_entries_response(FieldReader& in) {
  raft::AppendEntriesResponse response;
  response.term = in.id<Term>();
  response.success = in.flag();
  response.round = in.id<raft::Round>();
  response.matched = in.id<LogIndex>();
  response.written = in.id<LogIndex>();
  response.synced = in.id<LogIndex>();
  response.conflict_index = in.id<LogIndex>();
  response.conflict_term = in.id<Term>();
  response.recovering = in.id<Incarnation>();
  response.disk_full = in.flag();
  response.missing_first = in.id<LogIndex>();
  response.missing_last = in.id<LogIndex>();
  return response;
}

raft::ReadIndexRequest read_read_index_request(FieldReader& in) {
  raft::ReadIndexRequest request;
  request.term = in.id<Term>();
  request.id = in.id<raft::ReadId>();
  return request;
}

raft::ReadIndexResponse read_read_index_response(FieldReader& in) {
  raft::ReadIndexResponse response;
  response.term = in.id<Term>();
  response.id = in.id<raft::ReadId>();
  response.read_index = in.optional_index();
  return response;
}

// A node that has no data directory has nothing to introduce.
template <class Message>
void read_start(FieldReader& in, Message& message) {
  message.start.directory = in.number();
  message.start.incarnation = in.id<Incarnation>();
  message.start.nonce = in.number();
  const std::size_t count = in.count(sizeof(std::uint64_t));
  in.expect(message.start.directory != 0 && message.start.nonce != 0 && count < max_nonces);
  message.earlier.reserve(count);
  for (std::size_t i = 0; i < count && in.sound(); ++i) {
    message.earlier.push_back(in.number());
  }
}

raft::Introduce read_introduce(FieldReader& in) {
  raft::Introduce introduce;
  introduce.term = in.id<Term>();
  read_start(in, introduce);
  introduce.replaces = in.number();
  return introduce;
}

raft::Introduced read_introduced(FieldReader& in) {
  raft::Introduced answer;
  answer.term = in.id<Term>();
  answer.nonce = in.number();
  answer.verdict = static_cast<raft::Verdict>(in.byte(0, static_cast<std::uint8_t>(raft::Verdict::outdated)));
  answer.directory = in.number();
  answer.silent = in.flag();
  read_start(in, answer);
  return answer;
}

// The data shares the frame's buffer.
raft::InstallSnapshot read_install_snapshot(FieldReader& in, const SharedBytes& frame) {
  raft::InstallSnapshot chunk;
  chunk.term = in.id<Term>();
  chunk.round = in.id<raft::Round>();
  chunk.chunk = in.id<raft::ChunkId>();
  chunk.last_included.index = in.id<LogIndex>();
  chunk.last_included.term = in.id<Term>();
  chunk.offset = in.number();
  chunk.data = SharedBytes(frame.owner(), in.view());
  chunk.done = in.flag();
  in.expect(chunk.last_included.index > LogIndex(0) && chunk.last_included.term <= chunk.term);
  return chunk;
}

raft::InstallSnapshotResponse read_install_snapshot_response(FieldReader& in) {
  raft::InstallSnapshotResponse response;
  response.term = in.id<Term>();
  response.round = in.id<raft::Round>();
  response.chunk = in.id<raft::ChunkId>();
  response.offset = in.number();
  return response;
}

// Whether `entry` may follow an entry (term, index) in a leader's log of term `leader`.
bool may_follow(const Entry& entry, Term term, LogIndex index, Term leader) {
  return index.value < std::numeric_limits<std::uint64_t>::max() && entry.index == index.next() && entry.term >= term &&
         entry.term <= leader;
}

// `count` bodies that fill `part` of `frame` exactly; they share its buffer.
void read_entries(FieldReader& in, const SharedBytes& frame, BytesView part, std::size_t count,
                  raft::AppendEntries& append) {
  in.expect(count <= part.size() / Entry::header_size);
  if (!in.sound()) {
    return;
  }
  append.entries.reserve(count);
  Term term = append.prev_log_term;
  LogIndex index = append.prev_log_index;
  for (std::size_t i = 0; i < count; ++i) {
    const auto size = entry_size(part);
    auto entry = size ? decode_entry(SharedBytes(frame.owner(), part.substr(0, *size))) : std::nullopt;
    if (!entry || !may_follow(*entry, term, index, append.term)) {
      in.expect(false);
      return;
    }
    part.remove_prefix(*size);
    term = entry->term;
    index = entry->index;
    append.entries.push_back(std::move(*entry));
  }
  in.expect(part.empty());
}

raft::AppendEntries read_append_entries(FieldReader& in, const SharedBytes& frame, BytesView part) {
  raft::AppendEntries append;
  append.term = in.id<Term>();
  append.prev_log_index = in.id<LogIndex>();
  append.prev_log_term = in.id<Term>();
  append.leader_commit = in.id<LogIndex>();
  append.leader_durable = in.id<LogIndex>();
  append.round = in.id<raft::Round>();
  append.recovering = in.id<Incarnation>();
  append.leader_last = in.id<LogIndex>();
  const std::uint32_t count = in.plain_count();
  read_entries(in, frame, part, count, append);
  return append;
}

Once read_once(FieldReader& in) {
  Once once;
  once.client = in.bytes();
  once.number = in.number();
  once.since = in.optional_index();
  in.expect(!once.client.empty() && once.client.size() <= ClientLimits::max_client_name && once.number > 0);
  return once;
}

ForwardedSet read_forwarded_set(FieldReader& in) {
  ForwardedSet set;
  set.id = in.number();
  set.request.key = in.bytes();
  set.request.value = in.bytes();
  set.request.if_revision = in.optional_index();
  set.request.synced = in.flag();
  if (in.flag()) {
    set.request.once = read_once(in);
  }
  in.expect(!set.request.key.empty());
  return set;
}

ForwardSets read_forward_sets(FieldReader& in) {
  constexpr std::size_t least_size = 8 + 4 + 4 + 1 + 1 + 1;
  ForwardSets forward;
  const std::size_t count = in.count(least_size);
  forward.sets.reserve(count);
  for (std::size_t i = 0; i < count && in.sound(); ++i) {
    forward.sets.push_back(read_forwarded_set(in));
  }
  return forward;
}

ForwardedReply read_forwarded_reply(FieldReader& in) {
  ForwardedReply reply;
  reply.id = in.number();
  const auto outcome = static_cast<Outcome>(in.byte(0, static_cast<std::uint8_t>(Outcome::error)));
  if (outcome == Outcome::set) {
    SetReply set;
    set.revision = in.id<LogIndex>();
    set.durability = in.durability();
    reply.result = set;
  } else if (outcome == Outcome::error) {
    ErrorReply error;
    error.code = static_cast<ErrorCode>(in.byte(0, static_cast<std::uint8_t>(ErrorCode::unknown)));
    error.text = in.bytes();
    error.revision = in.optional_index();
    reply.result = std::move(error);
  }
  return reply;
}

ForwardReplies read_forward_replies(FieldReader& in) {
  constexpr std::size_t least_size = 8 + 1;
  ForwardReplies forward;
  const std::size_t count = in.count(least_size);
  forward.replies.reserve(count);
  for (std::size_t i = 0; i < count && in.sound(); ++i) {
    forward.replies.push_back(read_forwarded_reply(in));
  }
  return forward;
}

Hello read_hello(FieldReader& in) {
  Hello hello;
  const std::size_t count = in.count(sizeof(std::uint32_t));
  hello.client_endpoints.reserve(count);
  for (std::size_t i = 0; i < count && in.sound(); ++i) {
    hello.client_endpoints.push_back(in.bytes());
  }
  hello.ack = in.durability();
  hello.max_sessions = in.number();
  return hello;
}

PeerMessage read_message(Kind kind, FieldReader& in, const SharedBytes& frame, BytesView entries) {
  switch (kind) {
    case Kind::request_vote:
      return raft::Message(read_request_vote(in));
    case Kind::request_vote_response:
      return raft::Message(read_request_vote_response(in));
    case Kind::append_entries:
      return raft::Message(read_append_entries(in, frame, entries));
    case Kind::append_entries_response:
      return raft::Message(read_append_entries_response(in));
    case Kind::read_index_request:
      return raft::Message(read_read_index_request(in));
    case Kind::read_index_response:
      return raft::Message(read_read_index_response(in));
    case Kind::install_snapshot:
      return raft::Message(read_install_snapshot(in, frame));
    case Kind::install_snapshot_response:
      return raft::Message(read_install_snapshot_response(in));
    case Kind::forward_sets:
      return read_forward_sets(in);
    case Kind::forward_replies:
      return read_forward_replies(in);
    case Kind::hello:
      return read_hello(in);
    case Kind::pre_vote:
      return raft::Message(read_pre_vote(in));
    case Kind::pre_vote_response:
      return raft::Message(read_pre_vote_response(in));
    case Kind::timeout_now:
      return raft::Message(raft::TimeoutNow{in.id<Term>()});
    case Kind::introduce:
      return raft::Message(read_introduce(in));
    case Kind::introduced:
      return raft::Message(read_introduced(in));
  }
  in.expect(false);
  return Hello{};
}

Result<Header> read_header(BytesView frame) {
  ByteReader in(frame);
  if (in.number<std::uint32_t>() != PeerHeader::magic || frame.size() < PeerHeader::size) {
    return invalid("too short, or does not begin with the magic");
  }
  Header header;
  header.checksum = in.number<std::uint32_t>();
  if (const auto version = in.number<std::uint16_t>(); version != peer_protocol_version) {
    return Error{ErrorKind::mismatch, fmt::format("a member speaks version {} of the protocol between members, this "
                                                  "node version {}: run the same release on all",
                                                  version, peer_protocol_version)};
  }
  header.kind = static_cast<Kind>(in.number<std::uint8_t>());
  const auto padding = in.number<std::uint8_t>();
  header.envelope.from = NodeId(in.number<std::uint16_t>());
  header.envelope.to = NodeId(in.number<std::uint16_t>());
  header.envelope.cluster = ClusterId(in.number<std::uint64_t>());
  header.envelope.from_incarnation = Incarnation(in.number<std::uint64_t>());
  header.envelope.to_incarnation = Incarnation(in.number<std::uint64_t>());
  header.envelope.from_nonce = in.number<std::uint64_t>();
  header.envelope.to_nonce = in.number<std::uint64_t>();
  header.fields = in.number<std::uint32_t>();
  header.entries = in.number<std::uint32_t>();
  if (in.remaining() != std::size_t{header.fields} + header.entries || padding != 0) {
    return invalid("not as long as it says");
  }
  const std::size_t covered = PeerHeader::size - PeerHeader::covered_from + header.fields;
  if (crc32c(frame.substr(PeerHeader::covered_from, covered)) != header.checksum) {
    return invalid("damaged: its checksum does not match");
  }
  return header;
}

// ---- Sizes ----

struct MessageSize {
  std::size_t operator()(const raft::Message& message) const {
    if (const auto* chunk = std::get_if<raft::InstallSnapshot>(&message)) {
      return chunk->data.size();
    }
    const auto* append = std::get_if<raft::AppendEntries>(&message);
    return append == nullptr ? 0 : total_size(append->entries) + append->entries.size() * sizeof(Entry);
  }
  std::size_t operator()(const ForwardSets& forward) const {
    std::size_t total = 0;
    for (const ForwardedSet& set : forward.sets) {
      total += sizeof set + set.request.key.size() + set.request.value.size();
    }
    return total;
  }
  std::size_t operator()(const ForwardReplies& forward) const {
    std::size_t total = 0;
    for (const ForwardedReply& reply : forward.replies) {
      const auto* error = std::get_if<ErrorReply>(&reply.result);
      total += sizeof reply + (error == nullptr ? 0 : error->text.size());
    }
    return total;
  }
  std::size_t operator()(const Hello& hello) const {
    std::size_t total = 0;
    for (const std::string& endpoint : hello.client_endpoints) {
      total += sizeof endpoint + endpoint.size();
    }
    return total;
  }
};

}  // namespace

Bytes encode_peer_message(const PeerEnvelope& envelope, const PeerMessage& message) {
  const auto entries = entries_of(message);
  Header header;
  header.envelope = envelope;
  header.entries = length_of(total_size(entries));
  Bytes fields;
  header.kind = std::visit(FieldWriter(fields), message);
  header.fields = length_of(fields.size());
  Bytes out;
  out.reserve(PeerHeader::size + fields.size() + header.entries);
  write_header(out, header);
  out.append(fields);
  const std::uint32_t checksum = crc32c(BytesView(out).substr(PeerHeader::covered_from));
  std::memcpy(out.data() + PeerHeader::checksum_at, &checksum, sizeof checksum);
  for (const Entry& entry : entries) {
    out.append(entry.body.view());
  }
  return out;
}

Result<PeerFrame> decode_peer_message(SharedBytes frame) {
  const auto header = read_header(frame.view());
  if (!header) {
    return header.error();
  }
  FieldReader in(frame.view().substr(PeerHeader::size, header->fields));
  const BytesView entries = frame.view().substr(PeerHeader::size + header->fields);
  PeerFrame decoded;
  decoded.envelope = header->envelope;
  decoded.message = read_message(header->kind, in, frame, entries);
  if (!in.finished() || (header->entries > 0 && entries_of(decoded.message).empty())) {
    return invalid(fmt::format("not a message of its kind ({})", static_cast<unsigned>(header->kind)));
  }
  return decoded;
}

std::size_t size_of(const PeerMessage& message) {
  return sizeof message + std::visit(MessageSize(), message);
}

}  // namespace strata::wire
