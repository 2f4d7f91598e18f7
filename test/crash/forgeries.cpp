#include "crash/forgeries.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/checksum.hpp"
#include "crash/damage.hpp"
#include "wal/metadata.hpp"
#include "wal/record.hpp"
#include "wal/segment.hpp"

namespace strata::crash {

namespace {

// What a wrong value in a sound head or header must lead to.
enum class Outcome {
  damaged,       // refused
  mismatch,      // refused as another's, or a newer version's
  not_followed,  // no record of the log stands here, as if its bytes were spoilt
  breaks_next,   // the record is taken, and the next one does not follow it
};

// A field of a head or header (docs/wal_format.md). All have a CRC at 4 over what begins at 8.
struct Field {
  std::size_t offset;
  std::size_t size;
  Outcome outcome;
  std::uint64_t added;
};

constexpr std::array head_fields = {
    Field{8, 4, Outcome::mismatch, 1},                      // format version
    Field{12, 4, Outcome::damaged, 4096},                   // size of the file
    Field{12, 4, Outcome::damaged, std::uint64_t{0} - 8},   //
    Field{12, 4, Outcome::damaged, 0x7FFFC000},             //
    Field{16, 8, Outcome::mismatch, 1},                     // cluster
    Field{24, 8, Outcome::damaged, 1},                      // last index
    Field{32, 8, Outcome::damaged, 1},                      // its term
    Field{40, 4, Outcome::damaged, 1},                      // number
    Field{40, 4, Outcome::damaged, std::uint64_t{0} - 1},   //
    Field{44, 4, Outcome::damaged, 1},                      // previous link
    Field{48, 4, Outcome::damaged, 8},                      // previous end
    Field{48, 4, Outcome::damaged, std::uint64_t{0} - 64},  //
    Field{52, 2, Outcome::mismatch, 1},                     // node
    Field{54, 2, Outcome::damaged, 1},                      // zero
    Field{4088, 8, Outcome::damaged, 1},                    //
};
constexpr std::array record_fields = {
    Field{12, 1, Outcome::mismatch, 2},      // type, to one that is none
    Field{12, 1, Outcome::mismatch, 100},    //
    Field{13, 1, Outcome::mismatch, 1},      // zero
    Field{16, 8, Outcome::not_followed, 1},  // term
    Field{24, 8, Outcome::not_followed, 1},  // index
    Field{24, 8, Outcome::not_followed, std::uint64_t{0} - 1},
    Field{32, 4, Outcome::not_followed, 1},    // link
    Field{36, 4, Outcome::not_followed, 1},    // segment
    Field{40, 4, Outcome::not_followed, 8},    // offset
    Field{44, 4, Outcome::not_followed, 100},  // synced mark
    Field{52, 4, Outcome::not_followed, 1},    // identity
    Field{56, 8, Outcome::breaks_next, 1},     // commit index
};
constexpr std::array slot_fields = {
    Field{8, 4, Outcome::mismatch, 1},   // format
    Field{12, 2, Outcome::mismatch, 1},  // node
    Field{24, 8, Outcome::mismatch, 1},  // cluster
};

void add_to(Bytes& content, std::size_t offset, std::size_t size, std::uint64_t added) {
  std::uint64_t value = 0;
  std::memcpy(&value, content.data() + offset, size);
  value += added;
  std::memcpy(content.data() + offset, &value, size);
}

void seal(Bytes& content, std::size_t start, std::size_t size) {
  const std::uint32_t checksum = crc32c(BytesView(content).substr(start + 8, size - 8));
  std::memcpy(content.data() + start + 4, &checksum, sizeof checksum);
}

Forecast refusal(ErrorKind kind, std::string file) {
  Forecast forecast;
  forecast.opens = false;
  forecast.refusal = kind;
  forecast.file = std::move(file);
  return forecast;
}

class Forger {
 public:
  Forger(Images& images, const AtRest& state, std::size_t from)
      : images_(images), state_(state), from_(from), forecaster_(state) {}

  void forge_heads() {
    for (std::uint32_t segment = first_segment(); segment <= forecaster_.last_segment(); ++segment) {
      for (std::size_t i = 0; i < head_fields.size(); ++i) {
        const Field& field = head_fields[i];
        Bytes content = state_.files.at(path_of(segment));
        add_to(content, field.offset, field.size, field.added);
        seal(content, 0, wal::segment_head_size);
        const bool mismatch = field.outcome == Outcome::mismatch;
        look({Kind::forgery, from_, {0, segment, i}}, {{path_of(segment), std::move(content)}},
             refusal(mismatch ? ErrorKind::mismatch : ErrorKind::damaged, mismatch ? path_of(segment) : ""));
      }
    }
  }

  void forge_records() {
    for (std::size_t record = forecaster_.first_record(); record < records().size(); ++record) {
      for (std::size_t i = 0; i < record_fields.size(); ++i) {
        const Field& field = record_fields[i];
        if (can_be_seen(record, field)) {
          Bytes content = content_of(record);
          add_to(content, records()[record].start.offset + field.offset, field.size, field.added);
          seal(content, records()[record].start.offset, wal::record_header_size);
          look_at_record({Kind::forgery, from_, {1, record, i}}, record, std::move(content), field.outcome);
        }
      }
    }
  }

  void forge_slots() {
    const std::string path = log_options().directory + "/" + wal::MetadataFile::name;
    for (std::size_t i = 0; i < slot_fields.size(); ++i) {
      Bytes content = state_.files.at(path);
      for (const std::size_t start : {std::size_t{0}, wal::metadata_slot_size}) {
        add_to(content, start + slot_fields[i].offset, slot_fields[i].size, slot_fields[i].added);
        seal(content, start, wal::metadata_slot_size);
      }
      look({Kind::forgery, from_, {2, 0, i}}, {{path, std::move(content)}}, refusal(ErrorKind::mismatch, ""));
    }
  }

  // Each segment under the name of each other.
  void exchange_segments() {
    for (std::uint32_t one = first_segment(); one <= forecaster_.last_segment(); ++one) {
      for (std::uint32_t other = first_segment(); other <= forecaster_.last_segment() + 1; ++other) {
        if (one != other) {
          look({Kind::forgery, from_, {3, one, other}}, {{path_of(other), state_.files.at(path_of(one))}},
               refusal(ErrorKind::damaged, path_of(other)));
        }
      }
    }
  }

  void forge_lengths() {
    for (std::size_t record = forecaster_.first_record(); record < records().size(); ++record) {
      const wal::Position start = records()[record].start;
      const auto most = static_cast<std::uint32_t>(segment_size - start.offset - wal::record_header_size);
      const std::array values = {std::uint32_t{0}, std::uint32_t{1}, most,
                                 most + 1,         1U << 31,         std::numeric_limits<std::uint32_t>::max()};
      for (std::size_t i = 0; i < values.size(); ++i) {
        for (const bool sealed : {false, true}) {
          Bytes content = content_of(record);
          std::memcpy(content.data() + start.offset + 8, &values[i], sizeof values[i]);
          if (content == content_of(record)) {
            continue;
          }
          if (sealed) {
            seal(content, start.offset, wal::record_header_size);
          }
          const bool newer = sealed && is_restart(record);
          look_at_record({Kind::record_length, from_, {record, i, sealed ? 1U : 0U}}, record, std::move(content),
                         newer ? Outcome::mismatch : Outcome::not_followed);
        }
      }
    }
  }

 private:
  static std::string path_of(std::uint32_t segment) { return wal::segment_path(log_options().directory, segment); }
  const std::vector<RecordPlace>& records() const { return forecaster_.history().records(); }
  std::uint32_t first_segment() const { return records()[forecaster_.first_record()].start.segment; }
  const Bytes& content_of(std::size_t record) const {
    return state_.files.at(path_of(records()[record].start.segment));
  }
  bool is_restart(std::size_t record) const {
    return records()[record].end.offset - records()[record].start.offset == wal::record_header_size;
  }
  // A restart has no body that says term and index as well, and behind the last record there is none that would have to
  // follow it.
  bool can_be_seen(std::size_t record, const Field& field) const {
    const bool twofold = field.offset == 16 || field.offset == 24;
    return !(is_restart(record) && twofold) &&
           !(field.outcome == Outcome::breaks_next && record + 1 == records().size());
  }

  void look_at_record(const ImageId& id, std::size_t record, Bytes content, Outcome outcome) {
    const std::string path = path_of(records()[record].start.segment);
    if (outcome == Outcome::mismatch) {
      look(id, {{path, std::move(content)}}, refusal(ErrorKind::mismatch, path));
      return;
    }
    const std::size_t broken = outcome == Outcome::breaks_next ? record + 1 : record;
    // As if the first byte of the record that does not follow were spoilt.
    const std::string broken_path = path_of(records()[broken].start.segment);
    Bytes spoilt = state_.files.at(broken_path);
    spoilt[records()[broken].start.offset] = static_cast<char>(spoilt[records()[broken].start.offset] ^ 1);
    Forecast forecast = forecaster_.forecast({{broken_path, std::move(spoilt)}});
    if (broken_path != path) {
      forecast = refusal(ErrorKind::damaged, path);
    }
    look(id, {{path, std::move(content)}}, forecast);
  }

  void look(const ImageId& id, const Changes& changes, const Forecast& forecast) {
    if (images_.wants(id)) {
      images_.look(id, [&] { return judge_changes(state_, forecaster_.history(), changes, forecast); });
    }
  }

  Images& images_;
  const AtRest& state_;
  std::size_t from_;
  Forecaster forecaster_;
};

}  // namespace

void forge_every_field(Images& images, const AtRest& state, std::size_t from) {
  Forger forger(images, state, from);
  forger.forge_heads();
  forger.forge_records();
  forger.forge_slots();
  forger.exchange_segments();
}

void forge_every_length(Images& images, const AtRest& state, std::size_t from) {
  Forger(images, state, from).forge_lengths();
}

}  // namespace strata::crash
