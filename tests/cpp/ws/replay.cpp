// Plays a session from blocks of exact size, which are overwritten when they are released; the header describes the
// ways of handing over. It judges nothing: the caller compares the result.
#include "tests/cpp/ws/replay.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <ostream>

#include "tests/cpp/base/seed.hpp"
#include "ws/inflater.hpp"

namespace proapi::tests {
namespace {

// A block of exactly its octets, which are overwritten when it is destroyed.
class Block {
public:
    explicit Block(base::Bytes bytes) : octets_(new std::uint8_t[bytes.size()]), size_(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), octets_.get());
    }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { std::fill_n(octets_.get(), size_, std::uint8_t{0xAA}); }
    [[nodiscard]] base::MutableBytes bytes() noexcept { return {octets_.get(), size_}; }

private:
    std::unique_ptr<std::uint8_t[]> octets_;
    std::size_t size_;
};

void take_events(ws::Connection& connection, std::unique_ptr<Block>& block, Handing handing, std::size_t fed,
                 Outcome& outcome) {
    while (true) {
        const ws::Event event = connection.next_event();
        if (event.kind == ws::EventKind::need_data) break;
        outcome.events.push_back({event.kind, event.opcode, event.code, {event.payload.begin(), event.payload.end()}});
        if (event.kind == ws::EventKind::failed) outcome.failed_at = fed;
        if (handing != Handing::retain_between) continue;
        connection.retain_input();
        block.reset();
    }
}

}  // namespace

std::uint32_t sample_masking_key() {
    return 0x37fa213d;
}

std::ostream& operator<<(std::ostream& out, const ToldEvent& event) {
    constexpr std::array<const char*, 6> kinds{"need_data", "message", "ping", "pong", "close", "failed"};
    out << kinds[static_cast<std::size_t>(event.kind)] << " opcode " << static_cast<int>(event.opcode) << " code "
        << event.code << " payload of " << event.payload.size() << ' ';
    if (event.kind == ws::EventKind::failed) return out << base::as_text(event.payload);
    return out << to_hex(
               {event.payload.begin(),
                event.payload.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(event.payload.size(), 64))});
}

Outcome replay(const Session& session, const std::vector<std::size_t>& cuts, Handing handing) {
    ws::Connection connection{session.role, session.limits, sample_masking_key};
    if (session.deflate) connection.use_extension({{}, nullptr, ws::make_inflater(*session.deflate)});
    if (session.close_first) connection.send_close(session.close_first->first, session.close_first->second);
    Outcome outcome;
    std::vector<std::size_t> ends = cuts;
    ends.push_back(session.input.size());
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        auto block = std::make_unique<Block>(base::Bytes{session.input}.subspan(begin, ends[i] - begin));
        begin = ends[i];
        connection.feed(block->bytes());
        if (handing == Handing::retain_at_once) {
            connection.retain_input();
            block.reset();
            if (i % 3 != 0 && i + 1 != ends.size()) continue;
        }
        take_events(connection, block, handing, begin, outcome);
    }
    outcome.output = take_all(connection.output());
    return outcome;
}

}  // namespace proapi::tests
