// The answers that a peer's frames require. See receiver.cpp for receiving and sender.cpp for sending.
#include "ws/connection.hpp"

namespace proapi::ws {

Event Connection::next_event() {
    const Event event = receiver_.next_event();
    switch (event.kind) {
        case EventKind::ping:
            // Section 5.5.2: answer a ping with a pong that has the same payload, unless a Close was sent.
            sender_.send_control(Opcode::pong, event.payload);
            break;
        case EventKind::close:
            // Section 5.5.1: answer a Close with a Close that has its code, unless this side has sent one already.
            sender_.send_close(event.code, {});
            break;
        case EventKind::failed:
            // Section 7.1.7: the endpoint that fails the connection sends a Close with the status code.
            sender_.send_close(event.code, event.payload);
            break;
        case EventKind::need_data:
        case EventKind::message:
        case EventKind::pong:
            break;
    }
    return event;
}

}  // namespace proapi::ws
