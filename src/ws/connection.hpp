// The RFC 6455 connection after the handshake as a machine without I/O: octets in, events and octets out.
// It knows no socket, clock, thread or random source. Frames section 5, closing section 7, UTF-8 section 8.1.
//
//   open --send_close()--> close_sent ----Close in----> closed
//     |                                                    ^
//     +-----Close in (echoed at once)----------------------+
//     |                                                    |
//     +-----a rule broken (Close 1002/1007/1008/1009 out)> failed: drains, gives no more events
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/output_queue.hpp"
#include "ws/close_code.hpp"
#include "ws/frame.hpp"

namespace proapi::ws {

enum class Role : std::uint8_t { server, client };

struct ConnectionLimits {
    std::uint64_t max_message_size_bytes = 1024 * 1024;
    std::uint32_t max_fragments = 131072;
    std::uint32_t max_empty_fragments = 1024;
};

enum class EventKind : std::uint8_t {
    need_data,  // nothing more to say until the next feed()
    message,    // opcode text or binary, payload whole; text is valid UTF-8
    ping,       // its pong is already in output()
    pong,
    close,   // the peer's Close: code (1005 where it had none) and, as payload, the reason; the echo is in output()
    failed,  // the peer broke a rule: code and, as payload, what it was; our Close frame is in output()
};

struct Event {
    EventKind kind = EventKind::need_data;
    Opcode opcode = Opcode::continuation;
    std::uint16_t code = 0;
    base::Bytes payload;  // a view, good until the next call of a non-const member
};

class Connection {
public:
    // Where a client's masking keys come from, the first octet in the highest bits (RFC 6455 section 5.3:
    // unpredictable). A client must have one; a server never calls it.
    using MaskingKeySource = std::uint32_t (*)();

    Connection(Role role, const ConnectionLimits& limits, MaskingKeySource masking_keys = nullptr);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Lends `bytes` to the machine, which unmasks in place. The caller keeps them until next_event() has given
    // need_data, or until retain_input(). Everything fed earlier must have been consumed or retained.
    void feed(base::MutableBytes bytes) noexcept;
    // The next event in what was fed.
    [[nodiscard]] Event next_event();
    // Copies what of the lent octets no event has told of yet, so that the caller may have its buffer back; they are
    // the next to be read. For a receiver that stops in the middle (flow control).
    void retain_input();
    // Whether octets wait that next_event() has not looked at.
    [[nodiscard]] bool has_input() const noexcept;

    // Each puts one frame into output(). A server's is unmasked; lengths are minimal.
    void send_message(Opcode opcode, base::Bytes payload);
    // The head of such a frame, for a server that sends head and payload by itself. Gives its octets; 0: nothing may be
    // sent any more.
    [[nodiscard]] std::size_t write_message_head(Opcode opcode, std::size_t payload_bytes,
                                                 std::span<std::uint8_t, max_frame_header_bytes> head) const noexcept;
    void send_ping(base::Bytes payload);  // at most 125 octets
    void send_pong(base::Bytes payload);  // at most 125 octets
    // The caller has checked code and reason (is_sendable_close_code, max_close_reason_bytes); code 1005 sends an
    // empty Close. A second call does nothing. Nothing else is put into output() afterwards.
    void send_close(std::uint16_t code, std::string_view reason);

    // What is to be written to the peer, in order.
    [[nodiscard]] base::OutputQueue& output() noexcept { return output_; }
    [[nodiscard]] const base::OutputQueue& output() const noexcept { return output_; }

    [[nodiscard]] bool close_sent() const noexcept;
    [[nodiscard]] bool close_received() const noexcept;
    [[nodiscard]] bool has_failed() const noexcept;
    // A message has begun and not ended: between its first and its last octet.
    [[nodiscard]] bool message_in_progress() const noexcept;
    // Octets that are still to come of the frame of a message that is being read.
    [[nodiscard]] std::uint64_t expected_payload_bytes() const noexcept;
    // Octets held for an unfinished message and for retained input.
    [[nodiscard]] std::size_t buffered_input_bytes() const noexcept;

private:
    struct State;
    base::OutputQueue output_;
    std::unique_ptr<State> state_;
};

// Frames one message for every member of a broadcast: the octets a server would send (RFC 6455 section 5.6).
[[nodiscard]] base::Slice frame_message(Opcode opcode, base::Bytes payload);

}  // namespace proapi::ws
