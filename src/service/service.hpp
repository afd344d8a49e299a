// The room that every request passes, whatever carries it and whatever language its handler is in: the Host rule,
// routes, handshakes and the Origin rule, files, and who is refused with what. It knows no socket, clock or thread.
#pragma once

#include <string>
#include <string_view>

#include "base/intrusive_ptr.hpp"
#include "http/request_parser.hpp"
#include "service/exchange.hpp"
#include "service/log.hpp"
#include "service/observer.hpp"
#include "service/site.hpp"

namespace proapi::service {

class Service final : private BodyListener {
public:
    // All four outlive it. `log` bounds what peers can cause.
    Service(const Site& site, Application& application, Log& log, const Clock& clock) noexcept
        : site_(site), application_(application), log_(log), clock_(clock) {}
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // A request's head has come. When this returns, the exchange is answered, is a WebSocket, has been given to the
    // application, or will be when its body is whole.
    void open(base::IntrusivePtr<Exchange> exchange);
    // What has come is no request: the exchange has none of its parts.
    void open_malformed(base::IntrusivePtr<Exchange> exchange, RefusalText refusal);
    // Told of every request and WebSocket that comes from now on.
    void add_observer(std::shared_ptr<Observer> observer) { observers_.push_back(std::move(observer)); }
    // Handshakes are refused from now on: such a connection would be open for nobody to close.
    void stop() noexcept { stopping_ = true; }

    [[nodiscard]] const Site& site() const noexcept { return site_; }

private:
    friend class Next;
    // What is left of the way, behind that many middlewares.
    void pass_in(base::IntrusivePtr<Exchange> exchange, std::size_t position);
    void begin(Exchange& exchange);
    void set_match(Exchange& exchange, std::string_view method);
    void route(Exchange& exchange);
    [[nodiscard]] bool refuse_foreign_host(Exchange& exchange);
    [[nodiscard]] bool open_websocket(Exchange& exchange);
    [[nodiscard]] bool refuse_handshake(Exchange& exchange);
    [[nodiscard]] bool refuse_origin(Exchange& exchange, const WebSocketSettings& route);
    void refuse_unmatched(Exchange& exchange);
    void refuse_and_end(Exchange& exchange, Refusal refusal);
    void respond_with_static_file(Exchange& exchange);
    void on_body_collected(Exchange& exchange) override;
    void log_refusal(LogLevel level, int status, const Exchange& exchange, std::string_view text);

    const Site& site_;
    Application& application_;
    Log& log_;
    const Clock& clock_;
    std::vector<std::shared_ptr<Observer>> observers_;
    bool stopping_ = false;
    bool development_logged_ = false;
};

}  // namespace proapi::service
