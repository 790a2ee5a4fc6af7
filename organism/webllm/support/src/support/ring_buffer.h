// rpc_endpoint.h names this class; the endpoint itself is left out of the runtime, so nothing is ever put into one.
#pragma once

namespace tvm {
namespace support {

class RingBuffer {};

}  // namespace support
}  // namespace tvm
