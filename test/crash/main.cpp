// wal_crash_points: opens a small log in every state in which a crash or a disk may leave it.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "crash/crashes.hpp"
#include "crash/damage.hpp"
#include "crash/damage_forecast.hpp"
#include "crash/forgeries.hpp"
#include "crash/images.hpp"
#include "crash/story.hpp"

namespace strata::crash {
namespace {

struct Command {
  double part = 1;
  std::vector<std::string> kinds;  // none: all
  std::string image;
};

const Images* looking = nullptr;

// An assertion or a bad access of the code under test: raised by our own thread in the midst of our own code, so that
// ordinary work may be done.
void on_crash(int signal) {
  std::signal(signal, SIG_DFL);
  fmt::print("WRONG --image {}: it crashed\n", to_string(looking->current()));
  std::fflush(stdout);
  std::raise(signal);
}

struct Part {
  Kind kind;
  std::function<void(Images&, std::size_t from)> look;
  std::size_t size;  // what it may be made from: 0 to size - 1
};

std::vector<Part> parts() {
  const auto of_story = [](void (*look)(Images&, const Story&, std::size_t)) {
    return [look](Images& images, std::size_t from) { look(images, stories()[from], from); };
  };
  const auto of_state = [](void (*look)(Images&, const AtRest&, std::size_t)) {
    return [look](Images& images, std::size_t from) { look(images, states_at_rest()[from], from); };
  };
  const std::size_t all = stories().size();
  const std::size_t states = states_at_rest().size();
  return {
      {Kind::cut, of_state(cut_at_every_byte), states},
      {Kind::flipped_bit, of_state(flip_every_bit), states},
      {Kind::spoilt_sector, of_state(spoil_every_sector), states},
      {Kind::swapped_sectors, of_state(swap_every_two_sectors), states},
      {Kind::death, of_story(die_at_every_call), all},
      {Kind::power_loss, of_story(lose_power_at_every_call), all},
      {Kind::second_crash, of_story(crash_in_every_recovery), all},
      {Kind::short_write, of_story(shorten_every_write), all},
      {Kind::refused_call, of_story(refuse_every_call), all},
      {Kind::forgery, of_state(forge_every_field), states},
      {Kind::record_length, of_state(forge_every_length), states},
  };
}

std::vector<std::string> names_of_kinds() {
  std::vector<std::string> names;
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    names.emplace_back(name_of(static_cast<Kind>(kind)));
  }
  return names;
}

void print_line(std::string_view name, const Images::Count& count, double seconds) {
  fmt::print("{:<16}{:>10} images{:>10} right{:>8.1f} s\n", name, count.images, count.images - count.wrong, seconds);
  std::fflush(stdout);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int run(Images images, const std::vector<std::string>& wanted) {
  looking = &images;
  std::signal(SIGABRT, on_crash);
  std::signal(SIGSEGV, on_crash);
  const auto begin = std::chrono::steady_clock::now();
  for (const Part& part : parts()) {
    if (!wanted.empty() && std::ranges::count(wanted, name_of(part.kind)) == 0) {
      continue;
    }
    const auto part_begin = std::chrono::steady_clock::now();
    for (std::size_t from = 0; from < part.size; ++from) {
      if (images.wants(part.kind, from)) {
        part.look(images, from);
      }
    }
    if (images.count(part.kind).images > 0) {
      print_line(name_of(part.kind), images.count(part.kind), seconds_since(part_begin));
    }
  }
  const Images::Count total = images.total();
  print_line("in all", total, seconds_since(begin));
  if (total.images == 0) {
    fmt::print("there is no such image\n");
  }
  return total.images > 0 && total.wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace strata::crash

constexpr int usage_error = 2;

int main(int argc, char** argv) {
  using strata::crash::Images;
  strata::crash::Command command;
  CLI::App app("Opens a small log in every state in which a crash or a disk may leave it, and checks what it finds.");
  app.option_defaults()->always_capture_default();
  app.add_option("--part", command.part, "Look at this part of all images, the same each time")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--kind", command.kinds, "Look at images of this kind alone; also several times")
      ->check(CLI::IsMember(strata::crash::names_of_kinds()));
  app.add_option("--image", command.image, "Look at this image alone, as a WRONG line names it");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_error;
  }
  if (command.image.empty()) {
    return strata::crash::run(Images(command.part), command.kinds);
  }
  const auto id = strata::crash::parse_image_id(command.image);
  if (!id) {
    fmt::print(stderr, "wal_crash_points: '{}' does not name an image\n", command.image);
    return usage_error;
  }
  return strata::crash::run(Images(*id), {});
}
