// Reads a multipart/form-data body while it arrives (RFC 7578, RFC 2046 section 5.1.1):
//
//   preamble CRLF                                            ignored; without it the first line has no CRLF before it
//   --boundary CRLF  field lines CRLF  [CRLF data]  CRLF     each part; spaces and tabs may follow the boundary
//   --boundary--     [CRLF epilogue]                         required; the epilogue is ignored
//
// However the body is cut, the parts and their data are the same. Of what has arrived, the reader keeps a part's head
// and what may be the beginning of a delimiter: less than 5 KiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/error.hpp"
#include "http/part_head.hpp"

namespace proapi::http {

// Spaces and tabs after a boundary. A line with more of them is data.
inline constexpr std::size_t max_delimiter_padding = 256;

enum class MultipartEvent : std::uint8_t {
    need_data,  // feed() more
    part,       // a part begins: see head()
    data,       // octets of the part: see data()
    part_end,
    end,  // the last delimiter has been read; what follows is ignored
};

class MultipartReader {
public:
    // `boundary` has 1 to 70 octets, none of them CR or LF.
    explicit MultipartReader(std::string_view boundary) : delimiter_("\r\n--" + std::string(boundary)) {}
    MultipartReader(const MultipartReader&) = delete;
    MultipartReader& operator=(const MultipartReader&) = delete;

    // Call first, and after need_data. `octets` must stay valid until the next need_data.
    void feed(std::string_view octets);
    // No more octets will come. Call after the last feed(), before next() is asked for its events.
    void finish() noexcept { is_finished_ = true; }

    // Fails with status 400; call nothing afterwards.
    [[nodiscard]] Result<MultipartEvent> next();

    // Until the next part begins.
    [[nodiscard]] PartHead& head() noexcept { return head_; }
    // Valid until the next call of next(). All of a part that has arrived, if feed() was called once.
    [[nodiscard]] std::string_view data() const noexcept { return data_; }
    // From 1.
    [[nodiscard]] std::size_t part_number() const noexcept { return part_number_; }

private:
    enum class State : std::uint8_t { preamble, part, head, data, epilogue };
    enum class Found : std::uint8_t { nothing, beginning, delimiter };
    struct Search {
        Found found = Found::nothing;
        std::size_t begin = 0;  // of the CRLF before the delimiter, which belongs to it and not to the data
        std::size_t end = 0;    // after the CRLF that ends its line
        bool is_last = false;   // "--boundary--"
    };

    [[nodiscard]] Search search() const;
    [[nodiscard]] Search read_delimiter(std::size_t begin, std::size_t boundary_end) const noexcept;
    [[nodiscard]] Search read_delimiter_of_line(std::size_t begin) const noexcept;
    [[nodiscard]] Result<MultipartEvent> read_preamble();
    [[nodiscard]] Result<MultipartEvent> read_head();
    [[nodiscard]] Result<MultipartEvent> read_data();
    void take_delimiter(const Search& found) noexcept;
    [[nodiscard]] Result<MultipartEvent> await_data(ErrorCode at_end);
    [[nodiscard]] Error in_part(Error error) const;

    const std::string delimiter_;  // with the CRLF before it
    std::string kept_;
    std::string_view rest_, data_;  // of the octets that feed() got, or of kept_
    State state_ = State::preamble;
    bool is_line_start_ = true, is_finished_ = false;
    std::size_t part_number_ = 0, head_octets_ = 0;
    PartHead head_;
};

}  // namespace proapi::http
