#include "wal_tool/finding_lines.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/membership.hpp"
#include "wal/data_directory.hpp"

namespace strata::wal_tool {

namespace json = boost::json;

namespace {

const char* name_of(wal::Verdict verdict) {
  switch (verdict) {
    case wal::Verdict::torn:
      return "torn";
    case wal::Verdict::damaged:
      return "damaged";
    case wal::Verdict::repaired:
      return "repaired";
    case wal::Verdict::refused:
      return "refused";
  }
  return "";
}

std::string indexes_of(const wal::Finding& finding) {
  if (finding.first == LogIndex(0)) {
    return finding.position.segment == 0 ? "" : ", no entry that holds";
  }
  if (finding.first == finding.last) {
    return fmt::format(", index {}", finding.first);
  }
  return finding.last == LogIndex(0) ? fmt::format(", from index {}", finding.first)
                                     : fmt::format(", indexes {} to {}", finding.first, finding.last);
}

std::string entries_of(const wal::Inspection& found) {
  if (found.superseded) {
    return "none that holds: the log begins anew behind the newest snapshot";
  }
  if (found.last_index < found.first_index) {
    return fmt::format("no entries behind index {}", found.last_index);
  }
  return fmt::format("entries {} to {}, the last of term {}", found.first_index, found.last_index, found.last_term);
}

std::string verdict_of(const wal::Inspection& found) {
  if (found.findings > 0) {
    return fmt::format("damaged: {} finding{}", found.findings, found.findings == 1 ? "" : "s");
  }
  return found.torn_bytes > 0
             ? fmt::format("sound; {} torn bytes at the end, which the next start cuts off", found.torn_bytes)
             : "sound";
}

}  // namespace

std::string finding_text(const wal::Finding& finding) {
  return fmt::format("{}: {}: offset {}, {} bytes{}: {}", name_of(finding.verdict), finding.file, finding.offset,
                     finding.length, indexes_of(finding), finding.reason);
}

std::string finding_json(const wal::Finding& finding) {
  json::object object;
  object["verdict"] = name_of(finding.verdict);
  object["file"] = finding.file;
  object["offset"] = finding.offset;
  object["length"] = finding.length;
  if (finding.first > LogIndex(0)) {
    object["first_index"] = finding.first.value;
  }
  if (finding.last > LogIndex(0)) {
    object["last_index"] = finding.last.value;
  }
  object["reason"] = finding.reason;
  return json::serialize(object);
}

namespace {

const char* name_of(Admission admission) {
  constexpr std::array names{"member", "asking", "rejoining", "outdated"};
  return names[static_cast<std::size_t>(admission)];
}

// As the other members know it, and as it knows them.
std::string directory_text(const wal::Metadata& metadata) {
  constexpr std::array meanings{"takes part", "is new: not all other members know it yet",
                                "is new and rejoins: not all other members have answered yet",
                                "was put back to an older state: no node opens it any more"};
  if (metadata.directory == 0) {
    return "";
  }
  std::string text = fmt::format("data directory {:016x}, which {}\n", metadata.directory,
                                 meanings[static_cast<std::size_t>(metadata.admission)]);
  for (const KnownMember& member : metadata.members) {
    text += fmt::format("knows node {}: data directory {:016x}, incarnation {}, heard in term {}\n", member.node,
                        member.start.directory, member.start.incarnation, member.term);
  }
  return text;
}

json::array members_json(const std::vector<KnownMember>& members) {
  json::array array;
  for (const KnownMember& member : members) {
    json::object object;
    object["id"] = member.node.value;
    object["directory"] = fmt::format("{:016x}", member.start.directory);
    object["incarnation"] = member.start.incarnation.value;
    object["term"] = member.term.value;
    array.push_back(std::move(object));
  }
  return array;
}

}  // namespace

std::string summary_text(const wal::Inspection& found) {
  std::string text;
  const auto line = [&text](const std::string& content) { text += content + "\n"; };
  if (found.owner) {
    line(fmt::format("node {} of cluster {:016x} (says {})", found.owner->node, found.owner->cluster.value,
                     found.owner_from));
  }
  if (found.metadata) {
    const wal::Metadata& metadata = *found.metadata;
    line(fmt::format("term {}, {}, incarnation {}", metadata.term,
                     metadata.vote == NodeId() ? "no vote" : fmt::format("vote for node {}", metadata.vote),
                     metadata.incarnation));
    text += directory_text(metadata);
  }
  line(fmt::format("log: {} segments, {} records, {} bytes; {}; committed at least up to {}", found.segments,
                   found.records, found.bytes, entries_of(found), found.commit_index));
  for (const wal::SnapshotFile& snapshot : found.snapshots) {
    line(fmt::format("snapshot: up to index {}, term {}, {} bytes", snapshot.last_included.index,
                     snapshot.last_included.term, snapshot.size));
  }
  line(verdict_of(found));
  return text;
}

std::string summary_json(const wal::Inspection& found) {
  json::object object;
  object["sound"] = found.findings == 0;
  object["findings"] = found.findings;
  if (found.owner) {
    object["node"] = found.owner->node.value;
    object["cluster"] = fmt::format("{:016x}", found.owner->cluster.value);
  }
  if (found.metadata) {
    object["term"] = found.metadata->term.value;
    object["vote"] = found.metadata->vote.value;
    object["incarnation"] = found.metadata->incarnation.value;
    object["directory"] = fmt::format("{:016x}", found.metadata->directory);
    object["admission"] = name_of(found.metadata->admission);
    object["members"] = members_json(found.metadata->members);
  }
  object["segments"] = found.segments;
  object["records"] = found.records;
  object["bytes"] = found.bytes;
  object["torn_bytes"] = found.torn_bytes;
  object["first_index"] = found.first_index.value;
  object["last_index"] = found.last_index.value;
  object["last_term"] = found.last_term.value;
  object["commit_index"] = found.commit_index.value;
  json::array snapshots;
  for (const wal::SnapshotFile& snapshot : found.snapshots) {
    snapshots.push_back(snapshot.last_included.index.value);
  }
  object["snapshots"] = snapshots;
  return json::serialize(object);
}

void complain(const std::string& text) {
  const std::string line = fmt::format("kv-wal: {}\n", text);
  static_cast<void>(std::fwrite(line.data(), 1, line.size(), stderr));
}

bool is_stopped(wal::ReadOnlyFiles& files, const std::string& directory) {
  if (const auto looked = files.look_at_lock(wal::lock_path(directory)); !looked) {
    complain(looked.error().text +
             (looked.error().kind == ErrorKind::in_use ? ": stop the node first, its files change while it runs" : ""));
    return false;
  }
  return true;
}

}  // namespace strata::wal_tool
