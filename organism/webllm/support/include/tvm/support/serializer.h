// How values lie in a stream: numbers as they are in memory, everything of variable length after its count in 64 bits.
#pragma once

#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/map.h>
#include <tvm/ffi/string.h>
#include <tvm/support/io.h>

namespace tvm {
namespace support {

template <typename T>
struct Serializer<T, std::enable_if_t<std::is_arithmetic<T>::value || std::is_enum<T>::value>> {
  static constexpr bool enabled = true;

  static void Write(Stream* stream, const T& value) { stream->Write(static_cast<const void*>(&value), sizeof(T)); }

  static bool Read(Stream* stream, T* value) { return stream->Read(static_cast<void*>(value), sizeof(T)) == sizeof(T); }
};

template <>
struct Serializer<DLDataType, void> {
  static constexpr bool enabled = true;

  static void Write(Stream* stream, const DLDataType& type) {
    stream->Write<uint8_t>(type.code);
    stream->Write<uint8_t>(type.bits);
    stream->Write<uint16_t>(type.lanes);
  }

  static bool Read(Stream* stream, DLDataType* type) {
    return stream->Read<uint8_t>(&type->code) && stream->Read<uint8_t>(&type->bits) && stream->Read<uint16_t>(&type->lanes);
  }
};

template <>
struct Serializer<DLDevice, void> {
  static constexpr bool enabled = true;

  static void Write(Stream* stream, const DLDevice& device) {
    stream->Write<int32_t>(static_cast<int32_t>(device.device_type));
    stream->Write<int32_t>(device.device_id);
  }

  static bool Read(Stream* stream, DLDevice* device) {
    int32_t type = 0;
    if (!stream->Read(&type)) return false;
    device->device_type = static_cast<DLDeviceType>(type);
    return stream->Read<int32_t>(&device->device_id);
  }
};

template <>
struct Serializer<std::string, void> {
  static constexpr bool enabled = true;

  static void Write(Stream* stream, const std::string& text) {
    stream->Write<uint64_t>(text.size());
    stream->Write(static_cast<const void*>(text.data()), text.size());
  }

  static bool Read(Stream* stream, std::string* text) {
    uint64_t size = 0;
    if (!stream->Read(&size)) return false;
    text->resize(size);
    return size == 0 || stream->Read(static_cast<void*>(&(*text)[0]), size) == size;
  }
};

template <>
struct Serializer<ffi::String, void> {
  static constexpr bool enabled = true;

  static void Write(Stream* stream, const ffi::String& text) { stream->Write(std::string(text)); }

  static bool Read(Stream* stream, ffi::String* text) {
    std::string read;
    if (!stream->Read(&read)) return false;
    *text = ffi::String(read);
    return true;
  }
};

template <typename T>
struct Serializer<std::vector<T>, void> {
  static constexpr bool enabled = true;

  static void Write(Stream* stream, const std::vector<T>& values) {
    stream->Write<uint64_t>(values.size());
    for (const T& value : values) stream->Write(value);
  }

  static bool Read(Stream* stream, std::vector<T>* values) {
    uint64_t size = 0;
    if (!stream->Read(&size)) return false;
    values->clear();
    for (uint64_t i = 0; i < size; ++i) {
      T value{};
      if (!stream->Read(&value)) return false;
      values->push_back(std::move(value));
    }
    return true;
  }
};

template <typename Key, typename Value>
struct Serializer<std::unordered_map<Key, Value>, void> {
  static constexpr bool enabled = true;

  static void Write(Stream* stream, const std::unordered_map<Key, Value>& map) {
    stream->Write<uint64_t>(map.size());
    for (const auto& entry : map) {
      stream->Write(entry.first);
      stream->Write(entry.second);
    }
  }

  static bool Read(Stream* stream, std::unordered_map<Key, Value>* map) {
    uint64_t size = 0;
    if (!stream->Read(&size)) return false;
    map->clear();
    for (uint64_t i = 0; i < size; ++i) {
      Key key{};
      Value value{};
      if (!stream->Read(&key) || !stream->Read(&value)) return false;
      map->emplace(std::move(key), std::move(value));
    }
    return true;
  }
};

template <typename T>
struct Serializer<ffi::Array<T>, void> {
  static constexpr bool enabled = true;

  static void Write(Stream* stream, const ffi::Array<T>& values) {
    stream->Write<uint64_t>(values.size());
    for (size_t i = 0; i < values.size(); ++i) stream->Write<T>(values[i]);
  }

  static bool Read(Stream* stream, ffi::Array<T>* values) {
    uint64_t size = 0;
    if (!stream->Read(&size)) return false;
    ffi::Array<T> read;
    for (uint64_t i = 0; i < size; ++i) {
      T value{};
      if (!stream->Read(&value)) return false;
      read.push_back(value);
    }
    *values = read;
    return true;
  }
};

template <typename Key, typename Value>
struct Serializer<ffi::Map<Key, Value>, void> {
  static constexpr bool enabled = true;

  static void Write(Stream* stream, const ffi::Map<Key, Value>& map) {
    stream->Write<uint64_t>(map.size());
    for (const auto& entry : map) {
      stream->Write<Key>(entry.first);
      stream->Write<Value>(entry.second);
    }
  }

  static bool Read(Stream* stream, ffi::Map<Key, Value>* map) {
    uint64_t size = 0;
    if (!stream->Read(&size)) return false;
    ffi::Map<Key, Value> read;
    for (uint64_t i = 0; i < size; ++i) {
      Key key;
      Value value{ffi::UnsafeInit()};
      if (!stream->Read(&key) || !stream->Read(&value)) return false;
      read.Set(key, value);
    }
    *map = read;
    return true;
  }
};

template <typename T>
inline void Stream::Write(const T& value) {
  Serializer<T>::Write(this, value);
}

template <typename T>
inline bool Stream::Read(T* value) {
  return Serializer<T>::Read(this, value);
}

template <typename T>
inline void Stream::WriteArray(const T* values, size_t count) {
  for (size_t i = 0; i < count; ++i) Write(values[i]);
}

template <typename T>
inline bool Stream::ReadArray(T* values, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!Read(values + i)) return false;
  }
  return true;
}

}  // namespace support
}  // namespace tvm
