// Converts an ASGI scope to a request of the engine. The HTTP and WebSocket parts of the ASGI specification define the
// names and types.
#include <charconv>

#include "bindings/asgi.hpp"
#include "http/text.hpp"
#include "service/host_rule.hpp"

namespace proapi::bindings {

namespace {

// The view lives as long as the object; the same for read_octets().
[[nodiscard]] std::string_view read_text(const nb::handle& object, const char* name) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_Check(object.ptr()) ? PyUnicode_AsUTF8AndSize(object.ptr(), &size) : nullptr;
    if (!data) throw nb::type_error((std::string("scope: expected str as ") + name).c_str());
    return {data, static_cast<std::size_t>(size)};
}

[[nodiscard]] std::string_view read_octets(const nb::handle& object, const char* name) {
    if (!PyBytes_Check(object.ptr())) throw nb::type_error((std::string("scope: expected bytes in ") + name).c_str());
    return {PyBytes_AS_STRING(object.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(object.ptr()))};
}

// Returns the path as a client may have written it, with octets that a path can't have percent-encoded (RFC 3986
// section 3.3).
[[nodiscard]] std::string encode_path(std::string_view path) {
    constexpr std::string_view plain = "-._~!$&'()*+,;=:@/", digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : path) {
        const auto octet = static_cast<unsigned char>(c);
        if (http::is_letter(c) || http::is_digit(c) || plain.find(c) != std::string_view::npos) {
            out += c;
        } else {
            out += {'%', digits[octet >> 4], digits[octet & 15]};
        }
    }
    return out;
}

void add_headers(http::Headers& headers, const nb::handle& fields) {
    const nb::object list = take(PySequence_Fast(fields.ptr(), "scope: expected a sequence of pairs as headers"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.ptr()); ++i) {
        const nb::object pair =
            take(PySequence_Fast(PySequence_Fast_GET_ITEM(list.ptr(), i), "scope: expected pairs in headers"));
        if (PySequence_Fast_GET_SIZE(pair.ptr()) != 2) throw nb::type_error("scope: expected pairs in headers");
        headers.add(read_octets(PySequence_Fast_GET_ITEM(pair.ptr(), 0), "headers"),
                    read_octets(PySequence_Fast_GET_ITEM(pair.ptr(), 1), "headers"));
    }
}

void add_subprotocols(http::Headers& headers, const nb::handle& subprotocols) {
    if (!subprotocols.is_valid() || headers.contains("sec-websocket-protocol")) return;
    std::string offered;
    for (const nb::handle one : nb::borrow(subprotocols))
        offered.append(offered.empty() ? "" : ", ").append(read_text(one, "subprotocols"));
    if (!offered.empty()) headers.add("sec-websocket-protocol", offered);
}

[[nodiscard]] std::pair<nb::object, nb::object> host_and_port(const nb::handle& place) {
    const nb::object pair = take(PySequence_Fast(place.ptr(), "scope: expected a pair as client and server"));
    if (PySequence_Fast_GET_SIZE(pair.ptr()) != 2) throw nb::type_error("scope: expected a pair as client and server");
    return {nb::borrow(PySequence_Fast_GET_ITEM(pair.ptr(), 0)), nb::borrow(PySequence_Fast_GET_ITEM(pair.ptr(), 1))};
}

// Reads the path as it came, and how much of it is the prefix at which the application is mounted.
void read_path(service::RequestInfo& request, const nb::dict& scope, const AsgiNames& names) {
    const nb::handle raw = find_item(scope, names.raw_path);
    std::string path(raw.is_valid() ? read_octets(raw, "raw_path") : std::string_view());
    path.resize(std::min(path.find('?'), path.size()));  // some servers leave the query in raw_path
    if (path.empty()) path = encode_path(read_text(require_item(scope, names.path), "path"));
    const nb::handle root_path = find_item(scope, names.root_path);
    const std::string root = root_path.is_valid() ? encode_path(read_text(root_path, "root_path")) : std::string();
    if (!root.empty() && path.starts_with(root + "/")) request.mount_bytes = static_cast<std::uint32_t>(root.size());
    request.head.target = std::move(path);
}

// The announced length. 0 if the server let one pass that is none: then what comes is counted.
[[nodiscard]] std::uint64_t read_length(std::string_view text) noexcept {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    return error == std::errc() && end == text.data() + text.size() ? length : 0;
}

// How a body may be framed, if one may come. In HTTP/2 the head need not say whether one does.
[[nodiscard]] http::BodyFraming find_framing(const service::RequestInfo& request, const nb::dict& scope,
                                             const AsgiNames& names) {
    const http::Headers& headers = request.head.headers;
    if (headers.contains("transfer-encoding")) return http::BodyFraming::chunked;
    if (const auto length = headers.get("content-length"))
        return *length == "0" ? http::BodyFraming::none : http::BodyFraming::content_length;
    const nb::handle version = find_item(scope, names.http_version);
    const bool says_so = version.is_valid() && read_text(version, "http_version").starts_with('1');
    return says_so ? http::BodyFraming::none : http::BodyFraming::chunked;
}

}  // namespace

nb::handle find_item(const nb::dict& dict, const nb::object& name) {
    PyObject* found = PyDict_GetItemWithError(dict.ptr(), name.ptr());
    if (!found && PyErr_Occurred()) throw nb::python_error();
    return found == Py_None ? nullptr : found;
}

nb::handle require_item(const nb::dict& dict, const nb::object& name) {
    const nb::handle found = find_item(dict, name);
    if (found.is_valid()) return found;
    PyErr_SetObject(PyExc_KeyError, name.ptr());
    throw nb::python_error();
}

// The client's certificate, as the server's TLS extension (ASGI, version 2.0 of the extension) reports it.
static std::shared_ptr<const std::string> read_client_certificate(const nb::dict& scope, const AsgiNames& names) {
    nb::handle found = scope;
    for (const nb::object& name : {names.extensions, names.tls, names.client_cert_chain}) {
        if (!PyDict_Check(found.ptr())) return nullptr;
        found = find_item(nb::borrow<nb::dict>(found), name);
        if (!found.is_valid()) return nullptr;
    }
    const nb::object first = nb::steal(PySequence_GetItem(found.ptr(), 0));
    if (!first.is_valid()) {
        PyErr_Clear();  // an empty chain
        return nullptr;
    }
    return std::make_shared<const std::string>(read_text(first, "client_cert_chain"));
}

service::RequestInfo read_scope(const nb::dict& scope, const AsgiNames& names) {
    service::RequestInfo request{.head = {}, .match = {}, .client = {}};
    const bool is_websocket = read_text(require_item(scope, names.type), "type") == "websocket";
    request.kind = is_websocket ? service::RequestKind::checked_handshake : service::RequestKind::http;
    request.head.method = is_websocket ? "GET" : read_text(require_item(scope, names.method), "method");
    if (!http::is_token(request.head.method)) request.head.method.clear();  // matches no route
    read_path(request, scope, names);
    if (const nb::handle query = find_item(scope, names.query_string); query.is_valid())
        if (const std::string_view text = read_octets(query, "query_string"); !text.empty())
            request.head.target.append("?").append(text);
    add_headers(request.head.headers, require_item(scope, names.headers));
    if (is_websocket) {
        add_subprotocols(request.head.headers, find_item(scope, names.subprotocols));
    } else {
        request.head.framing = find_framing(request, scope, names);
        if (request.head.framing == http::BodyFraming::content_length)
            request.head.content_length = read_length(request.head.headers.get("content-length").value_or(""));
    }
    if (const nb::handle client = find_item(scope, names.client); client.is_valid()) {
        const auto [host, port] = host_and_port(client);
        request.client.host = read_text(host, "client");
        if (!port.is_none()) request.client.port = nb::cast<std::uint16_t>(port);
    }
    if (const nb::handle scheme = find_item(scope, names.scheme); scheme.is_valid()) {
        const std::string_view name = read_text(scheme, "scheme");
        request.secure = name == "https" || name == "wss";
        if (request.secure) request.client_certificate = read_client_certificate(scope, names);
    }
    // Without `server` nothing is known, and a Unix socket has a proxy in front of it: neither counts as loopback.
    if (const nb::handle server = find_item(scope, names.server); server.is_valid())
        if (const auto [host, port] = host_and_port(server); PyUnicode_Check(host.ptr()))
            request.reach = service::find_reach(read_text(host, "server"));
    return request;
}

}  // namespace proapi::bindings
