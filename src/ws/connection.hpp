// An RFC 6455 connection after the handshake, as a state machine without I/O: takes octets, returns events and octets.
// It joins a Receiver and a Sender and adds the required answers: a pong for a ping, the echo of a Close, a Close after
// a failure (sections 5.5, 7). It knows no socket, clock, thread or random source.
//
//   open --send_close()--> close_sent ----Close in----> closed
//     |                                                    ^
//     +-----Close in (echoed at once)----------------------+
//     |                                                    |
//     +-----a rule broken (Close 1002/1007/1008/1009 out)> failed: drains, reports no more events
#pragma once

#include "ws/receiver.hpp"
#include "ws/sender.hpp"

namespace proapi::ws {

class Connection {
public:
    // A client must pass a source of masking keys; a server never uses it.
    Connection(Role role, const ConnectionLimits& limits, MaskingKeySource masking_keys = nullptr)
        : sender_(role, masking_keys), receiver_(role, limits) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Installs what the handshake has agreed on. Call it before anything is read or sent.
    void use_extension(Extension::Agreement agreement) {
        receiver_.use(std::move(agreement.decoder));
        sender_.use(std::move(agreement.encoder));
    }

    // As in Receiver.
    void feed(base::MutableBytes bytes) noexcept { receiver_.feed(bytes); }
    void retain_input() { receiver_.retain_input(); }
    [[nodiscard]] bool has_input() const noexcept { return receiver_.has_input(); }
    void limit_decoding(std::size_t octets) noexcept { receiver_.limit_decoding(octets); }
    // Returns the next event in what was fed. output() already contains the answer that it requires.
    [[nodiscard]] Event next_event();

    // As in Sender: each appends one frame to output(), or nothing once a Close has been sent.
    void send_message(Opcode opcode, base::Bytes payload, Encoding encoding = Encoding::negotiated) {
        sender_.send_message(opcode, payload, encoding);
    }
    [[nodiscard]] bool encodes(std::size_t message_bytes) const noexcept { return sender_.encodes(message_bytes); }
    void send_shared(SharedFrame& frame) { sender_.send_shared(frame); }
    [[nodiscard]] std::size_t write_message_head(Opcode opcode, std::size_t payload_bytes,
                                                 std::span<std::uint8_t, max_frame_header_bytes> head) const noexcept {
        return sender_.write_message_head(opcode, payload_bytes, head);
    }
    void send_ping(base::Bytes payload) { sender_.send_control(Opcode::ping, payload); }  // at most 125 octets
    void send_pong(base::Bytes payload) { sender_.send_control(Opcode::pong, payload); }  // at most 125 octets
    void send_close(std::uint16_t code, std::string_view reason) { sender_.send_close(code, base::as_bytes(reason)); }

    // The octets to write to the peer, in order.
    [[nodiscard]] base::OutputQueue& output() noexcept { return sender_.output(); }
    [[nodiscard]] const base::OutputQueue& output() const noexcept { return sender_.output(); }

    [[nodiscard]] bool close_sent() const noexcept { return sender_.close_sent(); }
    [[nodiscard]] bool close_received() const noexcept { return receiver_.close_received(); }
    [[nodiscard]] bool has_failed() const noexcept { return receiver_.has_failed(); }
    [[nodiscard]] bool message_in_progress() const noexcept { return receiver_.message_in_progress(); }
    [[nodiscard]] std::uint64_t expected_payload_bytes() const noexcept { return receiver_.expected_payload_bytes(); }
    [[nodiscard]] std::size_t buffered_input_bytes() const noexcept { return receiver_.buffered_input_bytes(); }

private:
    Sender sender_;
    Receiver receiver_;
};

}  // namespace proapi::ws
