#include "node/cluster_id.hpp"

#include "base/bytes.hpp"

namespace strata::node {

ClusterId cluster_id_of(std::string_view name, const std::vector<NodeId>& members) {
  Bytes text;
  ByteWriter writer(text);
  writer.sized(name);
  for (const NodeId id : members) {
    writer.number(id.value);
  }
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char byte : text) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  }
  return ClusterId(hash);
}

}  // namespace strata::node
