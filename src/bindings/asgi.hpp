// Requests and WebSockets that came through another server (ASGI), as the service sees them. The other server reads and
// writes the octets; Python passes its messages on (python/proapi/asgi).
#pragma once

#include <memory>

#include "bindings/classes.hpp"
#include "server/system_clock.hpp"
#include "service/service.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

class AsgiExchange;

// The names in ASGI scopes and messages, interned once.
struct AsgiNames {
#define PROAPI_ASGI_NAME(name) const nb::object name = nb::steal(PyUnicode_InternFromString(#name))
    PROAPI_ASGI_NAME(type);
    PROAPI_ASGI_NAME(method);
    PROAPI_ASGI_NAME(path);
    PROAPI_ASGI_NAME(raw_path);
    PROAPI_ASGI_NAME(root_path);
    PROAPI_ASGI_NAME(query_string);
    PROAPI_ASGI_NAME(http_version);
    PROAPI_ASGI_NAME(headers);
    PROAPI_ASGI_NAME(subprotocols);
    PROAPI_ASGI_NAME(scheme);
    PROAPI_ASGI_NAME(client);
    PROAPI_ASGI_NAME(extensions);
    PROAPI_ASGI_NAME(tls);
    PROAPI_ASGI_NAME(client_cert_chain);
    PROAPI_ASGI_NAME(server);
    PROAPI_ASGI_NAME(status);
    PROAPI_ASGI_NAME(body);
    PROAPI_ASGI_NAME(more_body);
    PROAPI_ASGI_NAME(text);
    PROAPI_ASGI_NAME(bytes);
    PROAPI_ASGI_NAME(code);
    PROAPI_ASGI_NAME(reason);
    PROAPI_ASGI_NAME(subprotocol);
#undef PROAPI_ASGI_NAME
    const nb::object response_start = nb::steal(PyUnicode_InternFromString("http.response.start"));
    const nb::object response_body = nb::steal(PyUnicode_InternFromString("http.response.body"));
    const nb::object websocket_send = nb::steal(PyUnicode_InternFromString("websocket.send"));
};

// The service of one application on one event loop.
class AsgiService final : private service::Application, private service::Log {
public:
    // `log` is called with a level of `logging` and a line.
    AsgiService(nb::object site, nb::callable log);
    virtual ~AsgiService() = default;

    [[nodiscard]] service::Service& service() noexcept { return service_; }
    [[nodiscard]] const service::Site& site() const noexcept { return service_.site(); }
    [[nodiscard]] const AsgiNames& names() const noexcept { return names_; }
    [[nodiscard]] base::CompressionMemory& compression_memory() noexcept { return compression_memory_; }
    // Set while the service may call its application: the exchange it calls for.
    void set_opening(AsgiExchange* exchange) noexcept { opening_ = exchange; }

    int traverse(visitproc visit, void* arg);
    void clear();

private:
    void on_websocket(base::IntrusivePtr<service::WebSocket>) override {}  // the exchange has the WebSocket already
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override;
    void write(service::LogLevel level, std::string_view line) override;

    nb::object site_object_;
    nb::object log_;
    const AsgiNames names_;
    AsgiExchange* opening_ = nullptr;
    server::SystemClock clock_;
    service::Service service_;
    base::CompressionMemory compression_memory_;
};

// Returns an item of a scope or message, borrowed. The handle is not valid if the item is missing or None.
[[nodiscard]] nb::handle find_item(const nb::dict& dict, const nb::object& name);
// The same, but throws KeyError if the item is missing or None.
[[nodiscard]] nb::handle require_item(const nb::dict& dict, const nb::object& name);

// Converts an ASGI scope to a request of the engine. Throws TypeError or KeyError for anything that is not a scope.
[[nodiscard]] service::RequestInfo read_scope(const nb::dict& scope, const AsgiNames& names);

// Returns a header field for a message: the pair of name, in lower case, and value.
[[nodiscard]] nb::object make_field(std::string_view name, std::string_view value);

// Returns the Python object that carries the WebSocket, and puts the WebSocket into `websocket`. `settings` must live
// as long as the bridge: they belong to the service's site.
[[nodiscard]] nb::object make_websocket_bridge(const nb::object& service, service::RequestInfo request,
                                               const service::WebSocketSettings& settings,
                                               base::IntrusivePtr<service::WebSocket>& websocket);

}  // namespace proapi::bindings
