// The receiving half of an RFC 6455 connection: turns input octets into events (sections 5, 7, 8.1). It sends no
// answers: Connection sends pongs, the echo of a Close and the Close after a failure. Of the input it holds back only a
// partial header (at most 14 octets) or a partial control payload (at most 125); a message's octets are unmasked,
// checked and gathered as they arrive. Must not know what was sent, sockets, time, or who reads the events.
//
//   header --whole, lawful--> payload --frame's last octet--> header
//   either --the peer's Close, or a rule broken--> closed or failed: all input is dropped
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>

#include "base/utf8.hpp"
#include "ws/assembler.hpp"
#include "ws/close_code.hpp"
#include "ws/error.hpp"
#include "ws/extension.hpp"
#include "ws/frame.hpp"
#include "ws/input.hpp"

namespace proapi::ws {

struct ConnectionLimits {
    std::uint64_t max_message_size_bytes = 1024 * 1024;  // of the message that the application gets, after decoding
    std::uint32_t max_fragments = 131072;
    std::uint32_t max_empty_fragments = 1024;
};

enum class EventKind : std::uint8_t {
    need_data,  // nothing more to report until the next feed(); or until more may be decoded, if there is input
    message,    // opcode text or binary, with the whole payload; text is valid UTF-8
    ping,
    pong,
    close,   // the peer's Close: its code (1005 if it had none), and the reason as payload
    failed,  // the peer broke a rule: the close code, and what was expected and what arrived as payload
};

struct Event {
    EventKind kind = EventKind::need_data;
    Opcode opcode = Opcode::continuation;
    std::uint16_t code = 0;
    // A view, valid until the next call of a non-const member, of a decoded message until that of any Receiver of the
    // thread.
    base::Bytes payload;
};

class Receiver {
public:
    Receiver(Role role, const ConnectionLimits& limits) noexcept : limits_(limits), role_(role) {}

    // Decodes messages that are marked with the decoder's RSV bits from now on. Call it before the first octet is read.
    void use(std::unique_ptr<MessageDecoder> decoder) {
        if (decoder) decoding_ = std::make_unique<Decoding>(Decoding{.decoder = std::move(decoder)});
    }

    // Lends `bytes`, which are unmasked in place. The caller keeps them until next_event() has returned need_data and
    // has_input() is false, or until retain_input(). Everything fed earlier must have been consumed or retained.
    void feed(base::MutableBytes bytes) noexcept;
    // Returns the next event in what was fed. Throws std::bad_alloc.
    [[nodiscard]] Event next_event();
    // Bounds what the next calls of next_event() decode together: `octets` that decoders write, of which each octet
    // that they read uses up 16. Beyond it next_event() returns need_data while has_input() is true. A few octets may
    // stand for very many, or cost much time and write nothing, and other connections wait. No bound at first.
    void limit_decoding(std::size_t octets) noexcept {
        if (decoding_) decoding_->octets_left = octets;
    }
    // Copies the lent octets that no event has reported yet, so that the caller may reuse its buffer. They are the next
    // to be read.
    void retain_input();

    // Whether there are octets that next_event() has not read, or not decoded.
    [[nodiscard]] bool has_input() const noexcept { return !is_draining() && (!input_.empty() || decoder_waits()); }
    [[nodiscard]] bool close_received() const noexcept { return phase_ == Phase::closed; }
    [[nodiscard]] bool has_failed() const noexcept { return phase_ == Phase::failed; }
    // Whether a message has begun and not ended: between its first and its last octet.
    [[nodiscard]] bool message_in_progress() const noexcept;
    // The number of octets still to come in the current data frame.
    [[nodiscard]] std::uint64_t expected_payload_bytes() const noexcept;
    // The number of octets held for an unfinished message and for retained input.
    [[nodiscard]] std::size_t buffered_input_bytes() const noexcept;

private:
    // Frees the memory behind the last event's view.
    void release_reported() noexcept;
    [[nodiscard]] bool is_draining() const noexcept { return phase_ >= Phase::closed; }
    [[nodiscard]] bool decoder_waits() const noexcept { return decoding_ && decoding_->waits; }

    // Returns whether a payload can be read now. If not, the header needs more octets, or the connection has failed.
    [[nodiscard]] bool read_header();
    // Each returns need_data if there is nothing to report, or if the connection has failed.
    [[nodiscard]] Event read_payload() { return is_control(frame_opcode_) ? read_control() : read_data(); }
    [[nodiscard]] Event read_control();
    [[nodiscard]] Event read_data();
    [[nodiscard]] Event read_encoded();

    // Each returns whether the peer has kept the rules. If not, the connection has failed.
    [[nodiscard]] bool check_first_octet(std::uint8_t octet);
    [[nodiscard]] bool check_rsv(std::uint8_t rsv, Opcode opcode);
    [[nodiscard]] bool check_masked(bool masked);
    [[nodiscard]] bool check_header_status(HeaderStatus status, base::Bytes octets);
    [[nodiscard]] bool check_size(const FrameHeader& header);
    [[nodiscard]] bool check_fragments(const FrameHeader& header);
    [[nodiscard]] bool check_close(base::Bytes payload, bool whole);

    void begin_frame(const FrameHeader& header) noexcept;
    [[nodiscard]] base::MutableBytes take_payload() noexcept;
    [[nodiscard]] base::Bytes unmask_payload() noexcept;
    [[nodiscard]] base::MutableBytes limit_room(base::MutableBytes room, std::size_t filled) const noexcept;
    void advance_payload(std::size_t count) noexcept;
    [[nodiscard]] Decoded decode(base::MutableBytes room);
    [[nodiscard]] bool check_decoded(DecodeStatus status, base::Bytes piece, std::uint64_t piece_begin);
    [[nodiscard]] Event report_decoded(base::Bytes end_of_message);
    [[nodiscard]] Event report_message(base::Bytes payload) noexcept;
    [[nodiscard]] Event report_control(base::Bytes payload);
    [[nodiscard]] Event report_close(base::Bytes payload);
    [[nodiscard]] Event report_failure() const noexcept;
    bool fail_text(base::Bytes piece, std::uint64_t piece_begin);
    // Fails the connection (section 7.1.7). `values` fill in the error's text, of which at most 123 octets are kept.
    // Returns false, as the checks do.
    bool fail(ErrorCode error, std::initializer_list<std::string_view> values = {});

    // Holds a partial header, a partial control payload, or finally the reason why the connection failed. Null while
    // there is nothing to hold.
    using Held = std::array<std::uint8_t, max_control_payload_bytes>;
    [[nodiscard]] Held& hold() {
        if (!held_) held_ = std::make_unique<Held>();
        return *held_;
    }

    // The payload of an encoded message on its way through the decoder.
    struct Decoding {
        std::unique_ptr<MessageDecoder> decoder;
        std::size_t octets_left = std::numeric_limits<std::size_t>::max();  // that may be decoded now
        std::size_t unmasked = 0;  // octets of the payload that are unmasked, and that the decoder has not taken
        bool has_all = false;      // the decoder has taken the whole payload
        bool waits = false;        // until more may be decoded
    };

    enum class Phase : std::uint8_t { header, payload, closed, failed };

    ConnectionLimits limits_;
    std::unique_ptr<Decoding> decoding_;  // null: no extension was agreed on
    Input input_;
    Assembler assembler_;
    base::Utf8Validator utf8_;  // of a text message that arrives in pieces
    std::unique_ptr<Held> held_;

    std::uint64_t payload_left_ = 0;  // of the frame being read
    std::uint32_t fragments_ = 0;     // of the message being read, so far
    std::uint32_t empty_fragments_ = 0;
    std::array<std::uint8_t, 4> masking_key_{};
    std::uint16_t failure_code_ = 0;
    std::uint8_t failure_size_ = 0;  // of the error's text
    std::uint8_t held_size_ = 0;
    std::uint8_t mask_offset_ = 0;  // payload octets read, modulo 4
    Opcode frame_opcode_ = Opcode::continuation;
    Opcode message_opcode_ = Opcode::continuation;  // continuation: no message has begun
    Role role_;
    Phase phase_ = Phase::header;
    bool frame_fin_ = false;
    bool message_encoded_ = false;   // the message being read
    bool message_reported_ = false;  // the last event's view refers to the assembler's octets
};

}  // namespace proapi::ws
