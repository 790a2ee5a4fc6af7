// Tensors as base64 text: WebLLM never reads or writes them, so these only let the runtime compile, and abort when they are used.
#pragma once

#include <cstdlib>

#include <tvm/support/io.h>

namespace tvm {
namespace support {

class Base64InStream : public Stream {
 public:
  using Stream::Read;
  using Stream::Write;

  explicit Base64InStream(Stream*) {}
  void InitPosition() { std::abort(); }
  size_t Read(void*, size_t) final { std::abort(); }
  size_t Write(const void*, size_t) final { std::abort(); }
};

class Base64OutStream : public Stream {
 public:
  using Stream::Read;
  using Stream::Write;

  explicit Base64OutStream(Stream*) {}
  void Finish() { std::abort(); }
  size_t Read(void*, size_t) final { std::abort(); }
  size_t Write(const void*, size_t) final { std::abort(); }
};

}  // namespace support
}  // namespace tvm
