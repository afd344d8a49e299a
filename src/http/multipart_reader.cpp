#include "http/multipart_reader.hpp"

#include <algorithm>
#include <utility>

#include "http/form.hpp"
#include "http/line.hpp"

namespace proapi::http {

void MultipartReader::feed(std::string_view octets) {
    if (rest_.empty()) {
        rest_ = octets;
        return;
    }
    kept_.append(octets);
    rest_ = kept_;
}

Result<MultipartEvent> MultipartReader::next() {
    data_ = {};
    switch (state_) {
        case State::preamble:
            return read_preamble();
        case State::part:
            ++part_number_;
            head_octets_ = 0;
            head_ = {};
            state_ = State::head;
            return read_head();
        case State::head:
            return read_head();
        case State::data:
            return read_data();
        case State::epilogue:
            break;
    }
    rest_ = {};
    return is_finished_ ? MultipartEvent::end : MultipartEvent::need_data;
}

// ---- delimiters -----------------------------------------------------------------------------------------------------

// Finds the first delimiter, or what may become one at the end of what has arrived. Linear: the delimiter begins with
// CR and contains no other, so octets of a failed comparison need not be examined again.
MultipartReader::Search MultipartReader::search() const {
    if (is_line_start_) {
        const Search first = read_delimiter_of_line(0);
        if (first.found != Found::nothing) return first;
    }
    std::size_t from = 0;
    for (std::size_t at = rest_.find(delimiter_); at != std::string_view::npos; at = rest_.find(delimiter_, from)) {
        from = at + delimiter_.size();
        const Search found = read_delimiter(at, from);
        if (found.found != Found::nothing) return found;
    }
    if (is_finished_) return {};
    const std::size_t tail = std::max(from, rest_.size() - std::min(rest_.size(), delimiter_.size() - 1));
    for (std::size_t at = rest_.find('\r', tail); at != std::string_view::npos; at = rest_.find('\r', at + 1))
        if (std::string_view(delimiter_).starts_with(rest_.substr(at))) return {.found = Found::beginning, .begin = at};
    return {};
}

// The line at `begin` may be a delimiter whose CRLF has been taken already.
MultipartReader::Search MultipartReader::read_delimiter_of_line(std::size_t begin) const noexcept {
    const std::string_view dashes = std::string_view(delimiter_).substr(2);
    const std::string_view line = rest_.substr(begin);
    if (line.starts_with(dashes)) return read_delimiter(begin, begin + dashes.size());
    if (!is_finished_ && dashes.starts_with(line)) return {.found = Found::beginning, .begin = begin};
    return {};
}

// Reads the rest of the delimiter's line. Nothing: the line goes on, so that it is another boundary, or data.
MultipartReader::Search MultipartReader::read_delimiter(std::size_t begin, std::size_t boundary_end) const noexcept {
    std::string_view line = rest_.substr(boundary_end);
    const bool may_go_on = !is_finished_;
    const Search beginning{.found = Found::beginning, .begin = begin};
    if (may_go_on && line.size() < 2 && std::string_view("--").starts_with(line)) return beginning;
    const bool is_last = line.starts_with("--");
    if (is_last) line.remove_prefix(2);
    const std::size_t padding = std::min(line.find_first_not_of(" \t"), line.size());
    if (padding > max_delimiter_padding) return {};
    line.remove_prefix(padding);
    const std::size_t line_end = rest_.size() - line.size();
    if (line.starts_with("\r\n")) return {Found::delimiter, begin, line_end + 2, is_last};
    if (is_last && line.empty() && is_finished_) return {Found::delimiter, begin, line_end, is_last};
    return may_go_on && std::string_view("\r\n").starts_with(line) ? beginning : Search{};
}

// ---- the parts ------------------------------------------------------------------------------------------------------

Result<MultipartEvent> MultipartReader::read_preamble() {
    const Search found = search();
    if (found.found == Found::delimiter) {
        take_delimiter(found);
        return next();
    }
    const std::size_t ignored = found.found == Found::nothing ? rest_.size() : found.begin;
    if (ignored > 0) is_line_start_ = false;
    rest_.remove_prefix(ignored);
    return await_data(ErrorCode::no_first_boundary);
}

// Its CRLF may be the first octets of the next one.
void MultipartReader::take_delimiter(const Search& found) noexcept {
    rest_.remove_prefix(found.end);
    is_line_start_ = true;
    state_ = found.is_last ? State::epilogue : State::part;
}

// RFC 2046 section 5.1.1: if there is no data, the empty line after the fields may be missing; its CRLF then belongs to
// the delimiter.
Result<MultipartEvent> MultipartReader::read_head() {
    if (head_octets_ == 0) {
        const Search first = read_delimiter_of_line(0);
        if (first.found == Found::beginning) return await_data(ErrorCode::no_last_boundary);
        if (first.found == Found::delimiter) return in_part(make_error(ErrorCode::no_disposition));
    }
    const std::size_t room = max_part_head_bytes - head_octets_;
    const std::size_t line_feed = rest_.substr(0, room).find('\n');
    if (line_feed == std::string_view::npos) {
        if (rest_.size() >= room)
            return in_part(make_error(ErrorCode::part_head_too_long, {std::to_string(max_part_head_bytes)}));
        return await_data(ErrorCode::no_last_boundary);
    }
    std::string_view line = rest_.substr(0, line_feed);
    if (const ErrorCode error = strip_line_end(line); error != ErrorCode::none) return in_part(make_error(error));
    if (!line.empty()) {
        const Search after = read_delimiter_of_line(line_feed + 1);
        if (after.found == Found::beginning) return await_data(ErrorCode::no_last_boundary);
        if (after.found == Found::delimiter) return in_part(make_error(ErrorCode::part_ends_in_head));
        if (auto read = head_.read(line); !read) return in_part(std::move(read).error());
    }
    head_octets_ += line_feed + 1;
    const bool is_complete = line.empty();
    rest_.remove_prefix(line_feed + 1);
    if (!is_complete) return next();
    if (auto checked = head_.finish(); !checked) return in_part(std::move(checked).error());
    is_line_start_ = true;
    state_ = State::data;
    return MultipartEvent::part;
}

Result<MultipartEvent> MultipartReader::read_data() {
    const Search found = search();
    const std::size_t count = found.found == Found::nothing ? rest_.size() : found.begin;
    if (count > 0) {
        data_ = rest_.substr(0, count);
        rest_.remove_prefix(count);
        is_line_start_ = false;
        return MultipartEvent::data;
    }
    if (found.found != Found::delimiter) return await_data(ErrorCode::no_last_boundary);
    take_delimiter(found);
    return MultipartEvent::part_end;
}

// Keeps what has not been taken, since the caller's octets may go now.
Result<MultipartEvent> MultipartReader::await_data(ErrorCode at_end) {
    if (is_finished_) return make_error(at_end);
    kept_ = std::string(rest_);
    rest_ = kept_;
    return MultipartEvent::need_data;
}

Error MultipartReader::in_part(Error error) const {
    return with_context("part " + std::to_string(part_number_), std::move(error));
}

}  // namespace proapi::http
