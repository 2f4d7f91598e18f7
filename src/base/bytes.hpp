// Bytes, and little-endian encoding of numbers into and out of them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace strata {

static_assert(std::endian::native == std::endian::little, "Strata's formats are little-endian and copied as they are");

using Bytes = std::string;
using BytesView = std::string_view;

// A part of an immutable buffer that is kept alive by everyone who holds a part of it. Copying copies no bytes.
class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(Bytes bytes) : owner_(std::make_shared<const Bytes>(std::move(bytes))), view_(*owner_) {}
  // `view` must lie inside `*owner`.
  SharedBytes(std::shared_ptr<const Bytes> owner, BytesView view) : owner_(std::move(owner)), view_(view) {}

  BytesView view() const { return view_; }
  std::size_t size() const { return view_.size(); }
  const std::shared_ptr<const Bytes>& owner() const { return owner_; }

 private:
  std::shared_ptr<const Bytes> owner_;
  BytesView view_;
};

// Appends to a buffer that the caller owns and keeps alive.
class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}

  template <class Number>
  void number(Number value) {
    static_assert(std::is_integral_v<Number>);
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    out_.append(raw, sizeof value);
  }
  void raw(BytesView bytes) { out_.append(bytes); }
  // The length as 32 bits, then the bytes.
  void sized(BytesView bytes) {
    number(static_cast<std::uint32_t>(bytes.size()));
    raw(bytes);
  }

 private:
  Bytes& out_;
};

// Reads from a view. A read past the end yields zeros (or nothing) and makes ok() false for good, so a decoder reads
// all its fields and asks once.
class ByteReader {
 public:
  explicit ByteReader(BytesView in) : in_(in) {}

  template <class Number>
  Number number() {
    static_assert(std::is_integral_v<Number>);
    Number value = 0;
    BytesView bytes = raw(sizeof value);
    if (ok_) {
      std::memcpy(&value, bytes.data(), sizeof value);
    }
    return value;
  }
  BytesView raw(std::size_t size) {
    if (size > in_.size()) {
      ok_ = false;
      in_ = {};
      return {};
    }
    BytesView bytes = in_.substr(0, size);
    in_.remove_prefix(size);
    return bytes;
  }
  BytesView sized() { return raw(number<std::uint32_t>()); }

  bool ok() const { return ok_; }
  std::size_t remaining() const { return in_.size(); }
  // All was read, nothing is left and nothing was missing.
  bool finished() const { return ok_ && in_.empty(); }

 private:
  BytesView in_;
  bool ok_ = true;
};

}  // namespace strata
