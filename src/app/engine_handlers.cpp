#include "app/engine_handlers.hpp"

#include "app/log.hpp"
#include "app/refusals.hpp"
#include "app/request_state.hpp"
#include "app/response_writer.hpp"
#include "base/descriptor.hpp"
#include "service/log.hpp"
#include "service/static_files.hpp"

namespace proapi::detail {

namespace {

constexpr int first_refusal = 400;

[[nodiscard]] HTTPException make_file_exception(const service::StaticFile& refused) {
    Headers headers;
    for (const auto& [name, value] : refused.headers) headers.add(std::string(name), std::string(value));
    headers.remove("Content-Type");  // that of a refusal is the same
    return {refused.status, refused.text.substr(0, refused.text.find('\n')), std::move(headers)};
}

Task<Response> find_file(const service::Site& site, Request request) {
    const service::RequestInfo& info = RequestAccess::state(request).info();
    service::StaticFile found = service::serve_files(site, info);
    if (found.error != 0)
        logger().error("{} {}: {}", found.status, service::escape_for_log(info.head.raw_path()),
                       base::error_text(found.error));
    if (found.status >= first_refusal) throw make_file_exception(found);
    Response response;
    response.status_code = found.status;
    for (const auto& [name, value] : found.headers) response.headers.add(std::string(name), std::string(value));
    response.body = FoundFile(std::make_shared<OpenFile>(OpenFile{std::move(found)}));
    co_return response;
}

Task<Response> refuse(Request request) {
    throw make_exception(*RequestAccess::state(request).exchange().refusal());
    co_return Response();
}

// `Answer`: Task<Response>(Request).
template <class Answer>
class EngineHandler final : public HttpHandler {
public:
    explicit EngineHandler(Answer answer) : answer_(std::move(answer)) {}
    std::vector<ParameterKind> parameters() const override { return {}; }
    std::optional<Task<Response>> call(Request request, const PathValues&) override {
        return answer_(std::move(request));
    }
    bool is_coroutine() const noexcept override { return true; }
    bool streams_body() const noexcept override { return false; }

private:
    Answer answer_;
};

}  // namespace

std::unique_ptr<HttpHandler> make_files_handler(const service::Site& site) {
    auto answer = [&site](Request request) { return find_file(site, std::move(request)); };
    return std::make_unique<EngineHandler<decltype(answer)>>(std::move(answer));
}

std::unique_ptr<HttpHandler> make_refusal_handler() {
    return std::make_unique<EngineHandler<decltype(&refuse)>>(&refuse);
}

}  // namespace proapi::detail
