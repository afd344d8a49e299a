// Negotiates permessage-deflate and sends messages both ways. The input: an offer, then one message a line; at its end
// what the server wants.
// Oracle: the client accepts the answer to its own offer; an answer that is written is read as the same parameters;
// each side receives what the other one sent.
#include <array>
#include <string>

#include "wire.hpp"
#include "ws/connection.hpp"
#include "ws/deflater.hpp"
#include "ws/inflater.hpp"
#include "ws/permessage_deflate.hpp"

namespace proapi::fuzz {
namespace {

std::optional<ws::DeflateParameters> read(std::string_view field, ws::DeflateSide side) {
    const std::array<std::string_view, 1> values{field};
    const auto listed = ws::parse_extensions(values);
    if (!listed) return std::nullopt;
    return ws::read_deflate_parameters(listed->front().parameters, side);
}

void pass(ws::Connection& from, ws::Connection& to, std::string_view message) {
    from.send_message(ws::Opcode::binary, base::as_bytes(message));
    Block block(take_wire(from.output()));
    to.feed(block.bytes());
    const ws::Event event = to.next_event();
    check(event.kind == ws::EventKind::message, "a message arrives", base::as_text(event.payload));
    check_equal(base::as_text(event.payload), message, "a message arrives as it was sent");
    check(to.next_event().kind == ws::EventKind::need_data, "nothing follows a message");
}

}  // namespace
}  // namespace proapi::fuzz

PROAPI_FUZZ_TARGET(ws_deflate) {
    using namespace proapi;
    using namespace proapi::fuzz;
    const std::uint8_t choice = input.take_octet();
    const ws::DeflateContext wanted{.takeover = (choice & 1) != 0,
                                    .window_bits = static_cast<std::uint8_t>(9 + (choice >> 1) % 7)};
    const auto offer = read(input.take_line(), ws::DeflateSide::offer);
    if (!offer) return;
    check(read(ws::write_deflate_parameters(*offer), ws::DeflateSide::offer) == offer, "an offer is read as written");
    const auto agreed = ws::accept_deflate_offer(*offer, wanted);
    const std::string answer = ws::write_deflate_parameters(agreed.answer);
    check(read(answer, ws::DeflateSide::answer) == agreed.answer, "an answer is read as written", answer);
    const auto confirmed = ws::confirm_deflate_answer(agreed.answer, *offer);
    check(confirmed.has_value(), "a client accepts the answer to its offer", answer);
    check(confirmed->server.takeover == agreed.server.takeover, "both sides know of the server's takeover", answer);
    check(confirmed->server.window_bits >= agreed.server.window_bits, "the client's window is large enough", answer);
    check(confirmed->client.takeover == agreed.client.takeover, "both sides know of the client's takeover", answer);
    check(confirmed->client.window_bits <= agreed.client.window_bits, "the server's window is large enough", answer);

    ws::Connection server(ws::Role::server, {}), client(ws::Role::client, {}, next_masking_key);
    server.use_extension({{}, ws::make_deflater(agreed.server, 0), ws::make_inflater(agreed.client)});
    client.use_extension({{}, ws::make_deflater(confirmed->client, 0), ws::make_inflater(confirmed->server)});
    while (!input.empty()) {
        const std::string message(input.take_line());
        pass(client, server, message);
        pass(server, client, message + message);
    }
}
