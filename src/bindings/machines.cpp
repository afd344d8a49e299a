// The sans-I/O machines for Python's tests: the vectors of contract/ are replayed through the extension too.
#include "bindings/arguments.hpp"
#include "bindings/classes.hpp"
#include "http/request_parser.hpp"
#include "ws/connection.hpp"

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

// What a client masks with in the vectors of contract/ws.
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
        iovec entry{};
        while (machine_.output().gather(&entry, 1) == 1) {
            out.append(static_cast<const char*>(entry.iov_base), entry.iov_len);
            machine_.output().consume(entry.iov_len);
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

nb::tuple parse_request(const nb::bytes& data, const std::vector<std::size_t>& splits) {
    http::RequestParser parser(http::HeadLimits{});
    const base::Bytes all = base::as_bytes({data.c_str(), data.size()});
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= splits.size() && parser.state() == http::ParseState::need_data; ++i) {
        const std::size_t end = std::min(i < splits.size() ? splits[i] : all.size(), all.size());
        if (end > begin) parser.feed(all.subspan(begin, end - begin));
        begin = std::max(begin, end);
    }
    nb::dict fields;
    switch (parser.state()) {
        case http::ParseState::need_data:
            return nb::make_tuple("need_data", 0, fields);
        case http::ParseState::failed:
            return nb::make_tuple("failed", parser.failure().status, fields);
        case http::ParseState::complete:
            break;
    }
    const http::RequestHead head = parser.take_head();
    fields["method"] = head.method;
    fields["raw_path"] = head.raw_path();
    fields["query"] = head.query();
    fields["host"] = head.host();
    fields["minor_version"] = head.minor_version;
    fields["keep_alive"] = head.keep_alive;
    fields["headers"] = take(to_pairs(head.headers));
    return nb::make_tuple("complete", 0, fields);
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
    module.def("parse_request", parse_request);
}

}  // namespace proapi::bindings
