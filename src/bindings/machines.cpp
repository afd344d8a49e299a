// The sans-I/O machines for Python's tests: the vectors of contract/ are replayed through the extension too.
#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "http/body_decoder.hpp"
#include "http/request_parser.hpp"
#include "ws/connection.hpp"
#include "ws/handshake.hpp"

namespace proapi::bindings {

namespace {

[[nodiscard]] const char* kind_name(ws::EventKind kind) noexcept {
    switch (kind) {
        case ws::EventKind::message:
            return "message";
        case ws::EventKind::ping:
            return "ping";
        case ws::EventKind::pong:
            return "pong";
        case ws::EventKind::close:
            return "close";
        case ws::EventKind::failed:
            return "failed";
        case ws::EventKind::need_data:
            break;
    }
    return "need_data";
}

[[nodiscard]] const char* opcode_name(const ws::Event& event) noexcept {
    if (event.kind != ws::EventKind::message) return "";
    return event.opcode == ws::Opcode::text ? "text" : "binary";
}

// The masking key of clients in the vectors of contract/ws.
constexpr std::uint32_t masking_key = 0x37fa213d;

class WebSocketMachine {
public:
    WebSocketMachine(const std::string& role, std::optional<std::uint64_t> max_message_size,
                     std::optional<std::uint32_t> max_fragments, std::optional<std::uint32_t> max_empty_fragments)
        : machine_(role == "client" ? ws::Role::client : ws::Role::server,
                   limits(max_message_size, max_fragments, max_empty_fragments), [] { return masking_key; }) {
        if (role != "client" && role != "server") throw nb::value_error("role: expected 'server' or 'client'");
    }

    nb::list feed(const nb::bytes& data) {
        std::string octets(data.c_str(), data.size());
        machine_.feed({reinterpret_cast<std::uint8_t*>(octets.data()), octets.size()});
        nb::list events;
        for (ws::Event event = machine_.next_event(); event.kind != ws::EventKind::need_data;
             event = machine_.next_event())
            events.append(nb::make_tuple(kind_name(event.kind), opcode_name(event), event.code,
                                         nb::bytes(event.payload.data(), event.payload.size())));
        machine_.retain_input();
        return events;
    }

    void send_close(std::uint16_t code, const std::string& reason) { machine_.send_close(code, reason); }

    nb::bytes take_output() {
        std::string out;
        base::Bytes piece;
        while (machine_.output().gather({&piece, 1}) == 1) {
            out.append(base::as_text(piece));
            machine_.output().consume(piece.size());
        }
        return nb::bytes(out.data(), out.size());
    }

private:
    static ws::ConnectionLimits limits(std::optional<std::uint64_t> size, std::optional<std::uint32_t> fragments,
                                       std::optional<std::uint32_t> empty) {
        ws::ConnectionLimits limits;
        limits.max_message_size_bytes = size.value_or(limits.max_message_size_bytes);
        limits.max_fragments = fragments.value_or(limits.max_fragments);
        limits.max_empty_fragments = empty.value_or(limits.max_empty_fragments);
        return limits;
    }

    ws::Connection machine_;
};

using Limits = std::map<std::string, std::uint64_t>;

template <class Limit>
void set(const Limits& limits, const char* name, Limit& limit) {
    if (const auto given = limits.find(name); given != limits.end()) limit = static_cast<Limit>(given->second);
}

base::Bytes as_octets(const nb::bytes& bytes) {
    return base::as_bytes({bytes.c_str(), bytes.size()});
}

// Feeds the input in pieces, cut at `splits`. Returns how many octets the parser took.
template <class Parser>
std::size_t feed(Parser& parser, base::Bytes all, std::vector<std::size_t> splits) {
    splits.push_back(all.size());
    std::size_t taken = 0;
    for (const std::size_t split : splits) {
        const std::size_t end = std::min(split, all.size());
        if (end > taken && parser.state() == http::ParseState::need_data)
            taken += parser.feed(all.subspan(taken, end - taken));
    }
    return taken;
}

const char* state_name(http::ParseState state) noexcept {
    switch (state) {
        case http::ParseState::failed:
            return "failed";
        case http::ParseState::complete:
            return "complete";
        case http::ParseState::need_data:
            break;
    }
    return "need_data";
}

const char* framing_name(http::BodyFraming framing) noexcept {
    switch (framing) {
        case http::BodyFraming::content_length:
            return "content_length";
        case http::BodyFraming::chunked:
            return "chunked";
        case http::BodyFraming::none:
            break;
    }
    return "none";
}

nb::tuple parse_request(const nb::bytes& data, const std::vector<std::size_t>& splits, const Limits& given) {
    http::HeadLimits limits;
    set(given, "max_request_line_bytes", limits.max_request_line_bytes);
    set(given, "max_head_bytes", limits.max_head_bytes);
    set(given, "max_fields", limits.max_fields);
    http::RequestParser parser(limits);
    const std::size_t taken = feed(parser, as_octets(data), splits);
    nb::dict fields;
    if (parser.state() == http::ParseState::complete) {
        const http::RequestHead head = parser.take_head();
        fields["method"] = head.method;
        fields["target"] = head.target;
        fields["raw_path"] = head.raw_path();
        fields["query"] = head.query();
        fields["host"] = head.host();
        fields["minor_version"] = head.minor_version;
        fields["framing"] = framing_name(head.framing);
        fields["content_length"] = head.content_length;
        fields["keep_alive"] = head.keep_alive;
        fields["expects_continue"] = head.expects_continue;
        fields["headers"] = take(to_pairs(head.headers));
        fields["taken"] = taken;
        return nb::make_tuple("complete", 0, fields);
    }
    return nb::make_tuple(state_name(parser.state()), http::describe(parser.error()).status, fields);
}

nb::tuple decode_body(const nb::bytes& data, const std::vector<std::size_t>& splits,
                      std::optional<std::uint64_t> content_length, const Limits& given) {
    http::BodyLimits limits;
    set(given, "max_body_bytes", limits.max_body_bytes);
    set(given, "max_chunk_line_bytes", limits.max_chunk_line_bytes);
    set(given, "max_trailer_bytes", limits.max_trailer_bytes);
    set(given, "max_trailer_fields", limits.max_trailer_fields);
    http::RequestHead head;
    head.framing = content_length ? http::BodyFraming::content_length : http::BodyFraming::chunked;
    head.content_length = content_length.value_or(0);
    http::BodyDecoder decoder(head, limits);
    const std::size_t taken = feed(decoder, as_octets(data), splits);
    const std::string body = decoder.state() == http::ParseState::complete ? decoder.take_body() : std::string();
    return nb::make_tuple(state_name(decoder.state()), http::describe(decoder.error()).status,
                          nb::bytes(body.data(), body.size()), taken);
}

// Returns (0, ...) for an ordinary request, (101, head of the response, offered subprotocols), or (status, fields of
// the refusal, []).
nb::tuple answer_handshake(const nb::bytes& data, const std::vector<std::size_t>& splits) {
    http::RequestParser parser{http::HeadLimits{}};
    feed(parser, as_octets(data), splits);
    const nb::list none;
    if (parser.state() != http::ParseState::complete)
        return nb::make_tuple(http::describe(parser.error()).status, none, none);
    const http::RequestHead head = parser.take_head();
    if (!ws::is_upgrade_request(head)) return nb::make_tuple(0, none, none);
    const auto handshake = ws::read_handshake(head);
    if (!handshake) return nb::make_tuple(handshake.error().status(), take(to_pairs(handshake.error().headers)), none);
    nb::list subprotocols;
    for (const std::string_view subprotocol : handshake->subprotocols) subprotocols.append(subprotocol);
    return nb::make_tuple(101, ws::write_accept_response(handshake->key, "", {}), subprotocols);
}

}  // namespace

void add_machines(nb::module_& module) {
    nb::class_<WebSocketMachine>(module, "WebSocketMachine")
        .def(nb::init<const std::string&, std::optional<std::uint64_t>, std::optional<std::uint32_t>,
                      std::optional<std::uint32_t>>(),
             nb::arg("role"), nb::kw_only(), nb::arg("max_message_size") = nb::none(),
             nb::arg("max_fragments") = nb::none(), nb::arg("max_empty_fragments") = nb::none())
        .def("feed", &WebSocketMachine::feed)
        .def("send_close", &WebSocketMachine::send_close)
        .def("take_output", &WebSocketMachine::take_output);
    module.def("parse_request", parse_request, nb::arg("data"), nb::arg("splits"), nb::arg("limits") = Limits());
    module.def("decode_body", decode_body, nb::arg("data"), nb::arg("splits"), nb::arg("content_length").none(),
               nb::arg("limits") = Limits());
    module.def("answer_handshake", answer_handshake, nb::arg("data"), nb::arg("splits"));
    module.def("check_accept_response",
               [](const std::string& head, const std::string& key) -> std::optional<std::string> {
                   const auto checked = ws::check_accept_response(head, key);
                   return checked ? std::nullopt : std::optional(checked.error().text);
               });
}

}  // namespace proapi::bindings
