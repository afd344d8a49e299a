// Frames a shared message exactly as ws::Sender would.
#include "service/message.hpp"

#include "ws/sender.hpp"

namespace proapi::service {

SharedMessage::SharedMessage(MessageKind kind, base::Bytes payload)
    : frame_(ws::frame_message(kind == MessageKind::text ? ws::Opcode::text : ws::Opcode::binary, payload)),
      payload_bytes_(payload.size()),
      kind_(kind) {}

}  // namespace proapi::service
