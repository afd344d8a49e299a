// The way of one request or WebSocket through an application's middleware.
#pragma once

#include <vector>

#include "proapi/middleware.hpp"

namespace proapi::detail {

// On the thread of its request or WebSocket.
template <class Connection>
class MiddlewareChain {
public:
    using Handler = std::function<Task<Answer<Connection>>(Connection)>;

    // `middleware` outlives the tasks; `handler` is called after the last one.
    MiddlewareChain(const std::vector<Middleware<Connection>>& middleware, Handler handler)
        : middleware_(middleware), handler_(std::move(handler)) {}

    // Calls the middleware at `position`, or the handler. Throws std::logic_error if it was called before.
    [[nodiscard]] static Task<Answer<Connection>> call(std::shared_ptr<MiddlewareChain> chain, std::size_t position,
                                                       Connection connection);
    // Calls all of them.
    [[nodiscard]] static Task<Answer<Connection>> begin(const std::vector<Middleware<Connection>>& middleware,
                                                        Handler handler, Connection connection) {
        return call(std::make_shared<MiddlewareChain>(middleware, std::move(handler)), 0, std::move(connection));
    }

private:
    static Task<Answer<Connection>> run(std::shared_ptr<MiddlewareChain> chain, std::size_t position,
                                        Connection connection);

    const std::vector<Middleware<Connection>>& middleware_;
    const Handler handler_;
    std::size_t calls_ = 0;
};

}  // namespace proapi::detail
