#include "net/transport.hpp"

#include <utility>

namespace proapi::net {

Transport::~Transport() = default;

void Transport::report_peer_finished() {
    if (has_peer_finished()) return;
    incoming_ = Incoming::finished;
    handler_->on_peer_finished();
}

void Transport::report_read_end(int error) {
    const Incoming before = std::exchange(incoming_, Incoming::ended);
    if (before == Incoming::ended) return;
    stop_reading();
    if (before == Incoming::open) handler_->on_peer_finished();  // a read may find the end before the event is handled
    if (is_open()) handler_->on_read_end(error);
}

}  // namespace proapi::net
