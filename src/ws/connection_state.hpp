// What a Connection remembers, and the receiving half of the machine: input octets to events (RFC 6455 sections 5,
// 7, 8.1). Internal to ws: everything else includes connection.hpp. Of the input only a partial header (at most 14
// octets) or a partial control payload (at most 125) is held back; a message's octets are unmasked, checked and
// gathered as they come.
//
//   header --whole, lawful--> payload --frame's last octet--> header
//   either --a rule broken, or the peer's Close--> draining: all input is dropped
#pragma once

#include <algorithm>
#include <array>
#include <memory>

#include "base/utf8.hpp"
#include "ws/assembler.hpp"
#include "ws/connection.hpp"
#include "ws/input.hpp"

namespace proapi::ws {

inline constexpr std::size_t max_control_payload_bytes = 125;  // RFC 6455 section 5.5

struct Connection::State {
    State(Role own_role, const ConnectionLimits& own_limits, MaskingKeySource key_source,
          base::OutputQueue& out) noexcept
        : output(out), limits(own_limits), masking_keys(key_source), role(own_role) {}

    [[nodiscard]] Event next_event();
    // Frees what the last event's view stood on.
    void release_told() noexcept;
    [[nodiscard]] bool is_draining() const noexcept { return failed || close_received; }
    [[nodiscard]] bool message_in_progress() const noexcept;

    // connection.cpp: one frame, whole and FIN, into `output`; nothing once a Close has been sent.
    void send_frame(Opcode opcode, base::Bytes payload);
    void send_close(std::uint16_t code, base::Bytes reason);

    // receiver.cpp: each reads what it can of the input and fills `event` where there is something to tell.
    void read_header(Event& event);
    void read_payload(Event& event) { is_control(frame_opcode) ? read_control(event) : read_data(event); }
    void read_control(Event& event);
    void read_data(Event& event);

    // Each tells whether the rules are kept; where they aren't it has failed the connection.
    [[nodiscard]] bool check_first_octet(std::uint8_t octet, Event& event);
    [[nodiscard]] bool check_masked(bool masked, Event& event);
    [[nodiscard]] bool check_header_status(HeaderStatus status, base::Bytes octets, Event& event);
    [[nodiscard]] bool check_size(const FrameHeader& header, Event& event);
    [[nodiscard]] bool check_fragments(const FrameHeader& header, Event& event);
    [[nodiscard]] bool check_close(base::Bytes payload, bool whole, Event& event);

    void begin_frame(const FrameHeader& header) noexcept;
    [[nodiscard]] base::MutableBytes take_payload() noexcept;
    void tell_control(base::Bytes payload, Event& event);
    void tell_close(base::Bytes payload, Event& event);
    void fail_text(base::Bytes piece, std::uint64_t piece_begin, Event& event);
    // Fails the connection (section 7.1.7). The text says what was expected and what came, in at most 123 octets.
    void fail(Event& event, std::uint16_t code, const char* format, ...) __attribute__((format(printf, 4, 5)));

    base::OutputQueue& output;
    ConnectionLimits limits;
    MaskingKeySource masking_keys;
    Input input;
    Assembler assembler;
    base::Utf8Validator utf8;  // of the text message that arrives in pieces

    std::uint64_t payload_left = 0;  // of the frame being read
    std::uint32_t fragments = 0;     // of the message being read, so far
    std::uint32_t empty_fragments = 0;
    std::array<std::uint8_t, 4> masking_key{};
    std::uint8_t mask_offset = 0;  // payload octets read, modulo 4
    Opcode frame_opcode = Opcode::continuation;
    Opcode message_opcode = Opcode::continuation;  // continuation: no message has begun
    Role role;
    bool frame_fin = false;
    bool frame_masked = false;
    bool in_payload = false;
    bool message_told = false;  // the assembler's octets are in the last event
    bool close_sent = false;
    bool close_received = false;
    bool failed = false;
    std::uint8_t held_size = 0;
    // A partial header, or a partial control payload, or (last of all) why the connection failed. None while there is
    // nothing to hold.
    using Held = std::array<std::uint8_t, max_control_payload_bytes + 1>;
    [[nodiscard]] Held& hold() {
        if (!held) held = std::make_unique<Held>();
        return *held;
    }
    std::unique_ptr<Held> held;
};

}  // namespace proapi::ws
