// What a peer is owed for what it has sent. Receiving is receiver.cpp, sending sender.cpp.
#include "ws/connection.hpp"

namespace proapi::ws {

Event Connection::next_event() {
    const Event event = receiver_.next_event();
    switch (event.kind) {
        case EventKind::ping:
            // Section 5.5.2: a ping is answered by a pong with the same payload, unless a Close was sent.
            sender_.send_control(Opcode::pong, event.payload);
            break;
        case EventKind::close:
            // Section 5.5.1: a Close is answered by one with its code, unless ours is out already.
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
