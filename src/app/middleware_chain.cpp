#include "app/middleware_chain.hpp"

#include <stdexcept>

namespace proapi {

namespace detail {

template <class Connection>
Task<Answer<Connection>> MiddlewareChain<Connection>::call(std::shared_ptr<MiddlewareChain> chain, std::size_t position,
                                                           Connection connection) {
    if (position != chain->calls_) throw std::logic_error("call_next(): expected one call, got another");
    ++chain->calls_;
    if (position == chain->middleware_.size()) return chain->handler_(std::move(connection));
    return run(std::move(chain), position, std::move(connection));
}

template <class Connection>
Task<Answer<Connection>> MiddlewareChain<Connection>::run(std::shared_ptr<MiddlewareChain> chain, std::size_t position,
                                                          Connection connection) {
    CallNext<Connection> call_next(chain, position + 1);
    co_return co_await chain->middleware_[position](connection, call_next);
}

template class MiddlewareChain<Request>;
template class MiddlewareChain<WebSocketConnection>;

}  // namespace detail

template <class Connection>
Task<detail::Answer<Connection>> CallNext<Connection>::operator()(Connection connection) const {
    return detail::MiddlewareChain<Connection>::call(chain_, position_, std::move(connection));
}

template class CallNext<Request>;
template class CallNext<WebSocketConnection>;

}  // namespace proapi
