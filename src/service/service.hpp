// Every request passes through the service, whatever carries it and whatever language its handler is written in: the
// Host rule, routing, handshakes and the Origin rule, files, and the refusals. It knows no socket, clock or thread.
#pragma once

#include <string>
#include <string_view>

#include "base/intrusive_ptr.hpp"
#include "http/request_parser.hpp"
#include "service/exchange.hpp"
#include "service/lifetime.hpp"
#include "service/log.hpp"
#include "service/observer.hpp"
#include "service/site.hpp"

namespace proapi::service {

class Service final : private BodyListener, private RefusalListener {
public:
    // All four outlive the service. `log` must limit the lines that peers can cause.
    Service(const Site& site, Application& application, Log& log, const Clock& clock) noexcept
        : site_(site), application_(application), log_(log), clock_(clock) {}
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // Called when the head of a request has arrived. When this returns, the exchange has been answered, has become a
    // WebSocket, belongs to the application or a middleware, or waits for its whole body before the application gets
    // it.
    void open(base::IntrusivePtr<Exchange> exchange);
    // Called when the head could not be parsed: the exchange's request is empty.
    void open_malformed(base::IntrusivePtr<Exchange> exchange, RefusalText refusal);
    // Reports every request and WebSocket that arrives from now on to `observer`.
    void add_observer(std::shared_ptr<Observer> observer) { observers_.push_back(std::move(observer)); }
    // Refuses handshakes from now on: nobody would close a connection that opens during the stop.
    void stop() noexcept { stopping_ = true; }

    // How long a WebSocket that is accepted now may stay open.
    [[nodiscard]] Duration next_lifetime(Duration max_lifetime) noexcept { return lifetimes_.next(max_lifetime); }

    [[nodiscard]] const Site& site() const noexcept { return site_; }

private:
    friend class Next;
    // Runs the rest of the middleware, from index `position` on, then routes the request.
    void pass_in(base::IntrusivePtr<Exchange> exchange, std::size_t position);
    void begin(Exchange& exchange);
    void set_match(Exchange& exchange, std::string_view method);
    void route(Exchange& exchange);
    [[nodiscard]] bool refuse_foreign_host(Exchange& exchange);
    [[nodiscard]] bool open_websocket(Exchange& exchange);
    [[nodiscard]] bool refuse_handshake(Exchange& exchange);
    [[nodiscard]] bool refuse_origin(Exchange& exchange, const WebSocketSettings& route);
    void refuse_unmatched(Exchange& exchange);
    [[nodiscard]] bool refuse_coding(Exchange& exchange);
    void refuse_and_end(Exchange& exchange, Refusal refusal);
    void respond_with_static_file(Exchange& exchange);
    void on_body_collected(Exchange& exchange) override;
    [[nodiscard]] bool wants_refusal(int status) const noexcept override;
    void on_refusal(Exchange& exchange) override;
    void pass_to_application(Exchange& exchange);
    void log_refusal(LogLevel level, int status, const Exchange& exchange, std::string_view text);

    const Site& site_;
    Application& application_;
    Log& log_;
    const Clock& clock_;
    std::vector<std::shared_ptr<Observer>> observers_;
    LifetimeSpread lifetimes_;
    bool stopping_ = false;
    bool development_logged_ = false;
};

}  // namespace proapi::service
