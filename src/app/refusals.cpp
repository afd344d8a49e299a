#include "app/refusals.hpp"

namespace proapi::detail {

HTTPException make_exception(service::Refusal refusal) {
    const service::RefusalText meaning = service::describe(refusal);
    return {meaning.status, std::string(meaning.text)};
}

HTTPException make_exception(const service::PendingRefusal& refusal) {
    Headers headers;
    for (const auto& [name, value] : refusal.headers) headers.add(std::string(name), std::string(value));
    return {refusal.status, refusal.text, std::move(headers)};
}

Response make_response(const HTTPException& error) {
    std::string text = error.what();
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    return Response(std::move(text), error.status_code(), error.headers(), "text/plain");
}

void add_missing_fields(Response& response, const HTTPException& refusal) {
    if (response.status_code != refusal.status_code()) return;
    for (const auto& [name, value] : refusal.headers())
        if (!response.headers.contains(name)) response.headers.add(name, value);
}

}  // namespace proapi::detail
