// HTTP handlers of every kind, as in features.py.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "features.hpp"
#include "features_values.hpp"

namespace features {
namespace {

using proapi::Json;
using proapi::Task;

constexpr const char* one_file = PROAPI_CONTRACT_FILES "/package.json";

// Decodes Latin-1: each octet is the character of that number.
std::string latin_1(std::string_view octets) {
    std::string text;
    for (const char character : octets) {
        const auto octet = static_cast<unsigned char>(character);
        if (octet < 0x80) {
            text += character;
        } else {
            text += static_cast<char>(0xC0 | (octet >> 6));
            text += static_cast<char>(0x80 | (octet & 0x3F));
        }
    }
    return text;
}

Json describe(proapi::Request request) {
    return {{"method", request.method()},
            {"path", request.path()},
            {"query", grouped(request.query_params(), false)},
            {"headers", grouped(request.headers(), true)},
            {"cookies", last_values(request.cookies())},
            {"client", client_of(request.client())},
            {"client_certificate", certificate_of(request.client_certificate())},
            {"url", request.url()},
            {"body", latin_1(request.body())}};
}

struct OpenStream {
    static inline std::atomic<int> count = 0, begun = 0;
    OpenStream() {
        ++count;
        ++begun;
    }
    ~OpenStream() { --count; }
    OpenStream(const OpenStream&) = delete;
    OpenStream& operator=(const OpenStream&) = delete;
};

Task<proapi::Response> stream(proapi::Request request) {
    const auto after_ms = request.query_params().get("after_ms");
    if (after_ms) co_await proapi::sleep(std::chrono::milliseconds(std::stoi(std::string(*after_ms))));
    const int count = std::stoi(request.query_params()["count"]);
    const auto size = static_cast<std::size_t>(std::stoul(request.query_params()["size"]));
    const bool fails = request.query_params().contains("fail");
    const bool is_quiet = request.query_params().contains("quiet");
    auto response = proapi::Response::stream([count, size, fails, is_quiet](proapi::BodyWriter body) -> Task<> {
        const OpenStream open;
        for (int index = 0; index < count; ++index) co_await body.write(padded(index, size));
        if (fails) throw std::runtime_error("raised as asked");
        while (is_quiet) co_await proapi::sleep(std::chrono::hours(1));
    });
    response.media_type = "text/plain";
    co_return response;
}

void register_requests(proapi::ProAPI& app) {
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
        app.route(method, "/features/request", describe);
    app.post("/features/form", [](proapi::Request request) {
        Json items = Json::array();
        for (const auto& [name, value] : request.form()) items.push_back(Json::array({name, value}));
        return items;
    });
    app.post("/features/files", [](proapi::Request request) {
        Json items = Json::array();
        for (const proapi::UploadFile& file : request.files())
            items.push_back(Json::array({file.name, file.filename, file.content_type, latin_1(file.data)}));
        return items;
    });
    app.post("/features/json", [](proapi::Request request) { return Json{{"got", request.json()}}; });
}

void register_responses(proapi::ProAPI& app) {
    app.get("/features/list", []() -> Task<Json> { co_return Json::parse(R"([1, "zwei", null, {"drei": 3.5}])"); });
    app.get("/features/html", [] { return "<p>\u20ac</p>"; });
    app.get("/features/bytes", []() -> Task<proapi::Bytes> {
        proapi::Bytes octets = {std::byte{0}, std::byte{0xFF}};
        co_return octets;
    });
    app.get("/features/nothing", [] {});
    app.get("/features/answer/{status:int}", [](int status) {
        proapi::Headers headers;
        headers.add("X-Status", std::to_string(status));
        return proapi::Response("<" + std::to_string(status) + ">", status, headers, "text/x-status");
    });
    app.get("/features/answer/{status:int}/stream", [](int status) {
        auto response = proapi::Response::stream([](proapi::BodyWriter body) -> Task<> { co_await body.write("x"); });
        response.status = status;
        return response;
    });
    app.get("/features/answer/{status:int}/file", [](int status) {
        auto response = proapi::Response::file(one_file);
        response.status = status;
        return response;
    });
    app.get("/features/cookies", [] {
        proapi::Response response("ok");
        response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly; SameSite=Lax");
        response.headers.add("Set-Cookie", "b=2; Max-Age=60; Path=/features; SameSite=Lax");
        return response;
    });
    app.get("/features/stream", stream);
    app.get("/features/streams", [] { return Json{{"open", OpenStream::count.load()}}; });
    app.get("/features/streams/begun", [] { return Json(OpenStream::begun.load()); });
    app.get("/features/fail", []() -> Task<> {
        throw std::runtime_error("raised as asked");
        co_return;
    });
    app.get("/features/wrong", [] {
        proapi::Response response("x");
        response.headers.add("X-Bad", "a\r\nSet-Cookie: b=c");
        return response;
    });
}

void register_files(proapi::ProAPI& app) {
    app.get("/features/file", []() -> Task<proapi::Response> { co_return proapi::Response::file(one_file); });
    app.get("/features/no-file/directory", [] { return proapi::Response::file(PROAPI_CONTRACT_FILES); });
    app.get("/features/no-file/nothing", [] { return proapi::Response::file(PROAPI_CONTRACT_FILES "/nothing"); });
}

// Blocks handlers, and with them threads of the pool, until it is opened.
class Gate {
public:
    void wait() {
        std::unique_lock lock(mutex_);
        ++waiting_;
        opened_.wait(lock, [this] { return is_open_; });
    }
    void open() {
        const std::lock_guard lock(mutex_);
        is_open_ = true;
        opened_.notify_all();
    }
    [[nodiscard]] int waiting() {
        const std::lock_guard lock(mutex_);
        return waiting_;
    }

private:
    std::mutex mutex_;
    std::condition_variable opened_;
    bool is_open_ = false;
    int waiting_ = 0;
};
Gate gate;

void register_blocking(proapi::ProAPI& app) {
    app.get("/features/block", [] {
        gate.wait();
        return "let go";
    });
    app.get("/features/blocked", []() -> Task<Json> {
        Json blocked = {{"blocked", gate.waiting()},
                        {"threads", std::min(32U, std::max(1U, std::thread::hardware_concurrency()) + 4)}};
        co_return blocked;
    });
    app.get("/features/unblock", []() -> Task<> {
        gate.open();
        co_return;
    });
}

}  // namespace

void register_http(proapi::ProAPI& app) {
    register_requests(app);
    register_responses(app);
    register_files(app);
    register_blocking(app);
}

}  // namespace features
