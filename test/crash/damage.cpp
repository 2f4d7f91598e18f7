#include "crash/damage.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "crash/judge.hpp"
#include "crash/life.hpp"
#include "support/memory_files.hpp"

namespace strata::crash {

namespace {

constexpr std::size_t sector = test::sector_size;
constexpr std::size_t page = 4096;
constexpr std::size_t bits = 8;

void look(Images& images, const AtRest& state, const Forecaster& forecaster, const ImageId& id,
          const Changes& changes) {
  images.look(id, [&] { return judge_changes(state, forecaster.history(), changes, forecaster.forecast(changes)); });
}

// What a stretch of a file may hold that it should not: zeros, garbage, or what stood there earlier.
using Earlier = std::map<std::string, std::vector<Bytes>>;  // the contents that each file has had, oldest first

Earlier earlier_contents(const AtRest& state) {
  Earlier earlier;
  const std::uint64_t calls = calls_of(state.story);
  for (std::uint64_t call = 0; call <= calls; ++call) {
    const auto files = new_machine();
    files->stop_at(call);
    Life(*files, state.story).live();
    for (const auto& [path, content] : state.files) {
      if (files->exists(path)) {
        Bytes bytes = files->content(path);
        std::vector<Bytes>& contents = earlier[path];
        if (contents.empty() || contents.back() != bytes) {
          contents.push_back(std::move(bytes));
        }
      }
    }
  }
  return earlier;
}

Bytes garbage(std::size_t size, std::uint64_t seed) {
  const test::Chooser choose = test::choose_by_seed(seed);
  Bytes bytes(size, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(choose(256));
  }
  return bytes;
}

std::vector<Bytes> fillers(const std::vector<Bytes>& earlier, std::size_t start, std::size_t size) {
  std::vector<Bytes> all = {Bytes(size, '\0'), Bytes(size, '\x5A'), garbage(size, start), garbage(size, start + 1)};
  for (const Bytes& content : earlier) {
    Bytes bytes = content.size() > start ? content.substr(start, size) : Bytes();
    bytes.resize(size, '\0');
    if (std::ranges::count(all, bytes) == 0) {
      all.push_back(std::move(bytes));
    }
  }
  return all;
}

struct Sector {
  std::string path;
  std::size_t start;
  Bytes content;
};

std::vector<Sector> sectors_of(const AtRest& state) {
  std::vector<Sector> sectors;
  for (const auto& [path, content] : state.files) {
    for (std::size_t start = 0; start + sector <= content.size(); start += sector) {
      sectors.push_back({path, start, content.substr(start, sector)});
    }
  }
  return sectors;
}

enum class Swap { both, first_twice, second_twice };

Changes swapped(const AtRest& state, const Sector& one, const Sector& other, Swap swap) {
  Changes changes;
  const auto put = [&](const Sector& where, const Bytes& content) {
    changes.emplace(where.path, state.files.at(where.path)).first->second.replace(where.start, sector, content);
  };
  if (swap != Swap::first_twice) {
    put(one, other.content);
  }
  if (swap != Swap::second_twice) {
    put(other, one.content);
  }
  return changes;
}

}  // namespace

std::string judge_changes(const AtRest& state, const History& history, const Changes& changes,
                          const Forecast& forecast) {
  const auto image = state.machine->copy();
  for (const auto& [path, content] : changes) {
    image->set_content(path, content);
  }
  const Judge judge(history, state.story.ack, state.boot_id);
  return forecast.opens ? judge.survives(*image, forecast.promise)
                        : judge.refused(*image, forecast.refusal, forecast.file, forecast.file);
}

void cut_at_every_byte(Images& images, const AtRest& state, std::size_t from) {
  const Forecaster forecaster(state);
  std::uint64_t number = 0;
  for (const auto& [path, content] : state.files) {
    for (std::size_t size = 0; size < content.size(); ++size) {
      const ImageId id{Kind::cut, from, {number, size}};
      if (images.wants(id)) {
        look(images, state, forecaster, id, {{path, content.substr(0, size)}});
      }
    }
    ++number;
  }
}

void flip_every_bit(Images& images, const AtRest& state, std::size_t from) {
  const Forecaster forecaster(state);
  std::uint64_t number = 0;
  for (const auto& [path, content] : state.files) {
    for (std::size_t bit = 0; bit < content.size() * bits; ++bit) {
      const ImageId id{Kind::flipped_bit, from, {number, bit / bits, bit % bits}};
      if (images.wants(id)) {
        Bytes changed = content;
        changed[bit / bits] = static_cast<char>(changed[bit / bits] ^ (1 << (bit % bits)));
        look(images, state, forecaster, id, {{path, std::move(changed)}});
      }
    }
    ++number;
  }
}

void spoil_every_sector(Images& images, const AtRest& state, std::size_t from) {
  const Forecaster forecaster(state);
  const Earlier earlier = earlier_contents(state);
  std::uint64_t number = 0;
  for (const auto& [path, content] : state.files) {
    for (const std::size_t unit : {sector, page}) {
      for (std::size_t start = 0; start < content.size(); start += unit) {
        const std::size_t size = std::min(unit, content.size() - start);
        const std::vector<Bytes> all = fillers(earlier.at(path), start, size);
        for (std::size_t i = 0; i < all.size(); ++i) {
          const ImageId id{Kind::spoilt_sector, from, {number, start * 2 + (unit == page ? 1 : 0), i}};
          Bytes changed = content;
          changed.replace(start, size, all[i]);
          if (changed != content && images.wants(id)) {
            look(images, state, forecaster, id, {{path, std::move(changed)}});
          }
        }
      }
    }
    ++number;
  }
}

void swap_every_two_sectors(Images& images, const AtRest& state, std::size_t from) {
  const Forecaster forecaster(state);
  const std::vector<Sector> sectors = sectors_of(state);
  for (std::size_t one = 0; one < sectors.size(); ++one) {
    for (std::size_t other = one + 1; other < sectors.size(); ++other) {
      if (sectors[one].content == sectors[other].content) {
        continue;
      }
      for (const Swap swap : {Swap::both, Swap::first_twice, Swap::second_twice}) {
        const ImageId id{Kind::swapped_sectors, from, {one, other, static_cast<std::uint64_t>(swap)}};
        if (images.wants(id)) {
          look(images, state, forecaster, id, swapped(state, sectors[one], sectors[other], swap));
        }
      }
    }
  }
}

}  // namespace strata::crash
