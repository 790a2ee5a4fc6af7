// Writes and reads what TVM's runtime keeps in streams, through the support headers: `support.cc PARAMETERS OUT`.
// PARAMETERS is what libtvm itself wrote (parameters.py); OUT gets the same, read and written anew.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <tvm/runtime/tensor.h>

#include "src/runtime/metadata.h"
#include "src/support/bytes_io.h"

using tvm::runtime::FunctionInfo;
using tvm::runtime::Tensor;
using tvm::support::BytesInStream;
using tvm::support::BytesOutStream;
namespace ffi = tvm::ffi;

#define CHECK(condition) \
  if (!(condition)) { \
    std::fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
    std::exit(1); \
  }

template <typename T>
std::string Written(const T& value) {
  std::string bytes;
  BytesOutStream(&bytes).Write(value);
  return bytes;
}

// What was written is read back whole, and anything shorter is refused.
template <typename T>
T RoundTrip(const T& value, size_t size) {
  const std::string bytes = Written(value);
  CHECK(bytes.size() == size);
  T read{};
  BytesInStream whole(bytes);
  CHECK(whole.Read(&read));
  CHECK(Written(read) == bytes);
  const std::string cut = bytes.substr(0, size - 1);
  T lost{};
  BytesInStream part(cut);
  CHECK(!part.Read(&lost));
  return read;
}

void CheckTypes() {
  enum Kind : int32_t { kSecond = 2 };
  CHECK(RoundTrip<uint8_t>(250, 1) == 250);
  CHECK(RoundTrip<int64_t>(-3, 8) == -3);
  CHECK(RoundTrip<double>(-0.1, 8) == -0.1);
  CHECK(RoundTrip(kSecond, 4) == kSecond);
  CHECK(RoundTrip(DLDataType{kDLFloat, 16, 4}, 4).lanes == 4);
  CHECK(RoundTrip(DLDevice{kDLWebGPU, 1}, 8).device_id == 1);
  CHECK(RoundTrip(std::string("a\0b", 3), 11) == std::string("a\0b", 3));
  CHECK(RoundTrip(ffi::String("ethical"), 15) == "ethical");
  CHECK(RoundTrip(std::vector<int32_t>{1, -2, 3}, 20)[1] == -2);
  CHECK(RoundTrip(std::vector<std::string>{"", "x"}, 25)[1] == "x");
  CHECK((RoundTrip(std::unordered_map<std::string, std::string>{{"k", "v"}}, 26)["k"] == "v"));
  CHECK(RoundTrip(ffi::Array<ffi::String>{"a", "bc"}, 27)[1] == "bc");
  const FunctionInfo shader("f", {DLDataType{kDLFloat, 32, 1}}, {"threadIdx.x"}, {});
  CHECK((RoundTrip(ffi::Map<ffi::String, FunctionInfo>{{"k", shader}}, 73)["k"]->launch_param_tags[0] == "threadIdx.x"));
  CHECK(Written<uint32_t>(0x01020304) == std::string("\4\3\2\1"));
  CHECK(Written(std::string("x")) == std::string("\1\0\0\0\0\0\0\0x", 9));
}

// The layout of a file of parameters: a mark, nothing, the names, how many, and the tensors.
std::string Again(const std::string& parameters) {
  BytesInStream in(parameters);
  uint64_t mark, nothing, count;
  std::vector<std::string> names;
  CHECK(in.Read(&mark) && in.Read(&nothing) && in.Read(&names) && in.Read(&count) && count == names.size());
  std::string bytes;
  BytesOutStream out(&bytes);
  out.Write(mark);
  out.Write(nothing);
  out.Write(names);
  out.Write(count);
  for (uint64_t i = 0; i < count; ++i) {
    Tensor tensor;
    CHECK(tensor.Load(&in));
    tensor.Save(&out);
  }
  return bytes;
}

int main(int, char** arguments) {
  CheckTypes();
  std::ifstream file(arguments[1], std::ios::binary);
  const std::string parameters((std::istreambuf_iterator<char>(file)), {});
  const std::string again = Again(parameters);
  std::ofstream(arguments[2], std::ios::binary) << again;
}
