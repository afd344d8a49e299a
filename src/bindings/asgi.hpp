// Requests and WebSockets that came through another server (ASGI), as the service sees them. The other server has the
// octets; Python passes its messages on (python/proapi/asgi).
#pragma once

#include <memory>

#include "bindings/classes.hpp"
#include "server/system_clock.hpp"
#include "service/service.hpp"
#include "service/websocket.hpp"

namespace proapi::bindings {

class AsgiExchange;

// The names that scopes and messages are made of, made once.
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
    // While the service may call its application back: on behalf of this exchange.
    void set_opening(AsgiExchange* exchange) noexcept { opening_ = exchange; }

    int traverse(visitproc visit, void* arg);
    void clear();

private:
    void on_websocket(base::IntrusivePtr<service::WebSocket>) override {}  // its exchange has made it
    void on_request(base::IntrusivePtr<service::Exchange> exchange) override;
    void write(service::LogLevel level, std::string_view line) override;

    nb::object site_object_;
    nb::object log_;
    const AsgiNames names_;
    AsgiExchange* opening_ = nullptr;
    server::SystemClock clock_;
    service::Service service_;
};

// An item of a scope or message, borrowed; not valid: there is none, or it is None.
[[nodiscard]] nb::handle find_item(const nb::dict& dict, const nb::object& name);
// KeyError: there is none.
[[nodiscard]] nb::handle require_item(const nb::dict& dict, const nb::object& name);

// What an ASGI scope says, as the engine sees requests. TypeError, KeyError: it says something else.
[[nodiscard]] service::RequestInfo read_scope(const nb::dict& scope, const AsgiNames& names);

// A header field in a message: the name in lower case.
[[nodiscard]] nb::object make_field(std::string_view name, std::string_view value);

// The Python object that carries the WebSocket, which is put into `websocket`. `settings` belong to the service's site.
[[nodiscard]] nb::object make_websocket_bridge(const nb::object& service, service::RequestInfo request,
                                               const service::WebSocketSettings& settings,
                                               base::IntrusivePtr<service::WebSocket>& websocket);

}  // namespace proapi::bindings
