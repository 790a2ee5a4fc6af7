// Streams over bytes in memory.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include <tvm/ffi/string.h>
#include <tvm/support/io.h>

namespace tvm {
namespace support {

// Reads from bytes that must outlive it.
class BytesInStream : public Stream {
 public:
  using Stream::Read;
  using Stream::Write;

  explicit BytesInStream(const std::string& bytes) : bytes_(bytes.data()), size_(bytes.size()) {}
  explicit BytesInStream(const ffi::Bytes& bytes) : bytes_(bytes.data()), size_(bytes.size()) {}

  size_t Read(void* bytes, size_t size) final {
    const size_t taken = std::min(size, size_ - at_);
    if (taken > 0) std::memcpy(bytes, bytes_ + at_, taken);
    at_ += taken;
    return taken;
  }

  size_t Write(const void*, size_t) final { return 0; }

 private:
  const char* bytes_;
  size_t size_;
  size_t at_ = 0;
};

class BytesOutStream : public Stream {
 public:
  using Stream::Read;
  using Stream::Write;

  explicit BytesOutStream(std::string* out) : out_(out) {}

  size_t Read(void*, size_t) final { return 0; }

  size_t Write(const void* bytes, size_t size) final {
    out_->append(static_cast<const char*>(bytes), size);
    return size;
  }

 private:
  std::string* out_;
};

}  // namespace support
}  // namespace tvm
