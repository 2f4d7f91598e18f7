#include "scenario/diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace strata::scenario {

namespace {

struct Edit {
  char sign;  // ' ', '-' or '+'
  std::string_view line;
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The shortest way from one to the other, by their longest common subsequence.
std::vector<Edit> edits(const std::vector<std::string_view>& from, const std::vector<std::string_view>& to) {
  std::vector<std::vector<std::size_t>> common(from.size() + 1, std::vector<std::size_t>(to.size() + 1, 0));
  for (std::size_t i = from.size(); i-- > 0;) {
    for (std::size_t j = to.size(); j-- > 0;) {
      common[i][j] = from[i] == to[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::vector<Edit> way;
  way.reserve(from.size() + to.size());
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < from.size() || j < to.size()) {
    if (i < from.size() && j < to.size() && from[i] == to[j]) {
      way.push_back({' ', from[i++]});
      ++j;
    } else if (j == to.size() || (i < from.size() && common[i + 1][j] >= common[i][j + 1])) {
      way.push_back({'-', from[i++]});
    } else {
      way.push_back({'+', to[j++]});
    }
  }
  return way;
}

// Changes nearer to each other than twice the context stand in one hunk: its end, from the change at `first` on.
std::size_t end_of_hunk(const std::vector<Edit>& way, std::size_t first, std::size_t context) {
  std::size_t last = first;
  for (std::size_t at = first; at < way.size() && at <= last + 2 * context; ++at) {
    if (way[at].sign != ' ') {
      last = at;
    }
  }
  return std::min(last + context + 1, way.size());
}

}  // namespace

std::string unified_diff(std::string_view name, std::string_view expected, std::string_view actual) {
  constexpr std::size_t context = 3;
  const auto way = edits(lines_of(expected), lines_of(actual));
  std::string text;
  std::size_t old_line = 1;  // of the next edit
  std::size_t new_line = 1;
  std::size_t done = 0;
  for (;;) {
    const auto change = std::find_if(way.begin() + static_cast<std::ptrdiff_t>(done), way.end(),
                                     [](const Edit& edit) { return edit.sign != ' '; });
    if (change == way.end()) {
      return text.empty() ? text : fmt::format("--- {0} (as it stands)\n+++ {0} (as it runs)\n{1}", name, text);
    }
    const auto place = static_cast<std::size_t>(change - way.begin());
    const std::size_t begin = std::max(done, place - std::min(place, context));
    old_line += begin - done;
    new_line += begin - done;
    const std::size_t end = end_of_hunk(way, place, context);
    std::string hunk;
    std::size_t old_count = 0;
    std::size_t new_count = 0;
    for (std::size_t at = begin; at < end; ++at) {
      hunk += fmt::format("{}{}\n", way[at].sign, way[at].line);
      old_count += way[at].sign != '+' ? 1U : 0U;
      new_count += way[at].sign != '-' ? 1U : 0U;
    }
    text += fmt::format("@@ -{},{} +{},{} @@\n{}", old_line, old_count, new_line, new_count, hunk);
    old_line += old_count;
    new_line += new_count;
    done = end;
  }
}

}  // namespace strata::scenario
