#include "service/observer.hpp"

namespace proapi::service {

void Observation::report_request(const RequestInfo& request) const noexcept {
    const RequestRecord record{.request = request,
                               .route = route_,
                               .status = status_,
                               .sent_bytes = sent_bytes_,
                               .duration = clock_.now() - began_,
                               .time = clock_.time()};
    for (const auto& observer : observers_) observer->on_request(record);
}

WebSocketRecord Observation::make_record(const RequestInfo& request,
                                         std::optional<std::uint16_t> close_code) const noexcept {
    return {.request = request,
            .route = route_,
            .close_code = close_code,
            .received_messages = received_messages_,
            .received_bytes = received_bytes_,
            .sent_messages = sent_messages_,
            .sent_bytes = sent_bytes_,
            .duration = clock_.now() - began_,
            .time = clock_.time()};
}

void Observation::report_accept(const RequestInfo& request) const noexcept {
    const WebSocketRecord record = make_record(request, std::nullopt);
    for (const auto& observer : observers_) observer->on_accept(record);
}

void Observation::report_end(const RequestInfo& request, std::uint16_t close_code) const noexcept {
    const WebSocketRecord record = make_record(request, close_code);
    for (const auto& observer : observers_) observer->on_end(record);
}

}  // namespace proapi::service
