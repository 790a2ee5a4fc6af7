// A stream of bytes: what TVM's runtime reads a library's metadata and modules from. Little-endian, as the wheel's compiler writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <tvm/ffi/endian.h>

#ifndef TVM_FFI_IO_NO_ENDIAN_SWAP
#define TVM_FFI_IO_NO_ENDIAN_SWAP 1
#endif

namespace tvm {
namespace support {

template <typename T, typename = void>
struct Serializer;

class Stream {
 public:
  virtual ~Stream() = default;

  // Returns how many bytes there were to read, at most `size`.
  virtual size_t Read(void* bytes, size_t size) = 0;
  virtual size_t Write(const void* bytes, size_t size) = 0;

  template <typename T>
  void Write(const T& value);

  // False when the stream ends before the value does.
  template <typename T>
  bool Read(T* value);

  template <typename T>
  void WriteArray(const T* values, size_t count);

  template <typename T>
  bool ReadArray(T* values, size_t count);
};

}  // namespace support
}  // namespace tvm

#include <tvm/support/serializer.h>
