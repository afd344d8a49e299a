// The routes that read a request's body in parts, as in features_uploads.py.
#include <array>
#include <string>

#include "features.hpp"

namespace features {
namespace {

using proapi::BodyStream;
using proapi::Json;
using proapi::Request;
using proapi::Task;

constexpr proapi::RouteOptions large{.cancel_on_disconnect = false, .max_body_size = 4ULL << 30U};
constexpr proapi::RouteOptions small{.cancel_on_disconnect = false, .max_body_size = 1000};

// RFC 1950 section 9.
class Adler32 {
public:
    void add(std::string_view octets) noexcept {
        for (const char octet : octets) {
            low_ += static_cast<unsigned char>(octet);
            high_ += low_;
            if (++pending_ == 4096) reduce();
        }
    }
    [[nodiscard]] std::uint64_t value() noexcept {
        reduce();
        return (high_ << 16U) | low_;
    }

private:
    void reduce() noexcept {
        low_ %= 65521;
        high_ %= 65521;
        pending_ = 0;
    }
    std::uint64_t low_ = 1, high_ = 0;
    unsigned pending_ = 0;
};

struct Counts {
    std::uint64_t begun = 0, left = 0, parts = 0;
};
Counts counts;  // the contract application has one worker
bool may_read = false;

Task<Json> upload(Request request, BodyStream body) {
    ++counts.begun;
    while (request.query_params().contains("wait") && !may_read) co_await proapi::sleep(std::chrono::milliseconds(1));
    std::uint64_t size = 0;
    Adler32 checksum;
    try {
        while (const auto part = co_await body.read()) {
            ++counts.parts;
            size += part->size();
            checksum.add(*part);
        }
    } catch (const proapi::ClientDisconnect&) {
        ++counts.left;
        throw;
    }
    co_return Json{{"size", size}, {"adler32", checksum.value()}};
}

Task<Json> count_octets(BodyStream body) {
    std::uint64_t size = 0;
    while (const auto part = co_await body.read()) size += part->size();
    co_return Json{{"size", size}};
}

Task<Json> count_octets_or_catch(BodyStream body) {
    try {
        std::uint64_t size = 0;
        while (const auto part = co_await body.read()) size += part->size();
        co_return Json{{"size", size}};
    } catch (const proapi::HTTPException& error) {
        co_return Json{{"status", error.status_code()}, {"detail", error.detail()}};
    }
}

Task<proapi::Response> echo(BodyStream body) {
    co_return proapi::Response::stream([body](proapi::BodyWriter writer) -> Task<> {
        while (const auto part = co_await body.read()) co_await writer.write(*part);
    });
}

}  // namespace

void register_uploads(proapi::ProAPI& app) {
    app.post("/features/upload", upload, large);
    app.get("/features/upload/counts", []() -> Task<Json> {
        co_return Json{{"begun", counts.begun}, {"left", counts.left}, {"parts", counts.parts}};
    });
    app.post("/features/upload/go", []() -> Task<> {
        may_read = true;
        co_return;
    });
    app.post("/features/upload/small", count_octets, small);
    app.post("/features/upload/small/caught", count_octets_or_catch, small);
    app.post(
        "/features/upload/small/whole", [](Request request) { return Json{{"size", request.body().size()}}; }, small);
    app.post(
        "/features/upload/denied",
        [](BodyStream) -> Task<> {
            throw proapi::HTTPException(401, "who are you?");
            co_return;
        },
        large);
    app.post("/features/upload/echo", echo, large);
    app.post(
        "/features/upload/form",
        [](BodyStream body) -> Task<Json> {
            const proapi::FormData form = co_await body.form();
            co_await form.files.at(0).save("/dev/null");
            const std::string_view data = form.files[0].data;
            co_return Json{{"name", form.fields["name"]}, {"size", data.size()}, {"end", data.substr(data.size() - 3)}};
        },
        large);
}

}  // namespace features
