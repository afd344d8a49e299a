// The contract application in C++, which the black-box tests talk to.
//
//   contract_app --port P [--host H]... [--uds PATH] [--workers N] [--limit name=value]...
//
// app.py behaves the same. If the environment variable CAPP_FINALLY_LOG names a file, every WebSocket handler appends
// the line "PATH ID COMPLETED" to it, however it ends: the query's `id` or "-", and how many sends have completed.
// CAPP_CORS has the options of CORS as JSON.
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <proapi/proapi.hpp>
#include <set>
#include <string>
#include <vector>

#include "features.hpp"

namespace {

using proapi::Json;
using proapi::Message;
using proapi::Task;
using proapi::WebSocketConnection;
using std::chrono::milliseconds;

std::atomic<std::uint64_t> pushed = 0, dropped = 0, members = 0, sequence = 0;

// ---- what all handlers share ----------------------------------------------------------------------------------------

// A WebSocket and the number of its completed sends. Members of a room count for each other, on any thread.
struct Session {
    WebSocketConnection websocket;
    std::shared_ptr<std::atomic<std::uint64_t>> completed = std::make_shared<std::atomic<std::uint64_t>>(0);

    friend auto operator<=>(const Session& a, const Session& b) { return a.websocket <=> b.websocket; }
};

// Appends the line to the finally log when the handler ends.
class Counted {
public:
    explicit Counted(Session session) : session_(std::move(session)) {}
    ~Counted() {
        const char* file = std::getenv("CAPP_FINALLY_LOG");
        if (!file) return;
        const std::string line = session_.websocket.path() + " " + session_.websocket.query_params().get("id", "-") +
                                 " " + std::to_string(session_.completed->load()) + "\n";
        std::ofstream(file, std::ios::app) << line;
    }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    Session session_;
};

void add_websocket(proapi::ProAPI& app, const char* path, std::function<Task<>(Session)> handler) {
    app.websocket(path, [handler = std::move(handler)](WebSocketConnection websocket) -> Task<> {
        Session session{websocket};
        const Counted counted(session);
        co_await handler(session);
    });
}

template <class Connection>
std::int64_t number(const Connection& connection, std::string_view name, std::int64_t fallback = 0) {
    const auto text = connection.query_params().get(name);
    return text ? std::stoll(std::string(*text)) : fallback;
}

Task<> send(Session session, Message message) {
    bool is_delivered = false;
    if (const auto* text = std::get_if<std::string>(&message)) {
        is_delivered = co_await session.websocket.send_text(*text);
    } else {
        is_delivered = co_await session.websocket.send_bytes(std::get<proapi::Bytes>(message));
    }
    if (is_delivered) ++*session.completed;
}

std::string_view octets_of(const Message& message) {
    if (const auto* text = std::get_if<std::string>(&message)) return *text;
    const auto& bytes = std::get<proapi::Bytes>(message);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_question(const Message& message) {
    const auto* text = std::get_if<std::string>(&message);
    return text && *text == "?";
}

std::string padded(std::int64_t index, std::size_t size) {
    std::string text = std::to_string(index) + " ";
    if (text.size() < size) text.resize(size, '.');
    return text;
}

class Sha256 {
public:
    Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
    void update(std::string_view octets) { EVP_DigestUpdate(context_.get(), octets.data(), octets.size()); }
    // Returns the digest of the octets so far; more may follow.
    [[nodiscard]] std::string hex() const {
        std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> copy(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        EVP_MD_CTX_copy_ex(copy.get(), context_.get());
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        EVP_DigestFinal_ex(copy.get(), digest, &size);
        static constexpr char digits[] = "0123456789abcdef";
        std::string text;
        for (unsigned i = 0; i < size; ++i) {
            text += digits[digest[i] >> 4];
            text += digits[digest[i] & 15];
        }
        return text;
    }

private:
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

// ---- WebSocket ------------------------------------------------------------------------------------------------------

Task<> echo(Session session) {
    co_await session.websocket.accept();
    while (auto message = co_await session.websocket.next()) co_await send(session, std::move(*message));
}

// Still has work to do after the connection has ended.
Task<> afterwards(Session session) {
    co_await session.websocket.accept();
    co_await session.websocket.send_text("ready");
    ++*session.completed;
    while (auto ignored = co_await session.websocket.next()) continue;
    co_await proapi::sleep(milliseconds(number(session.websocket, "ms")));
    ++*session.completed;
}

// Answers "?" with the count, size and SHA-256 of the messages received so far.
Task<> swallow(Session session) {
    co_await session.websocket.accept();
    const milliseconds pause(number(session.websocket, "ms"));
    std::uint64_t count = 0, bytes = 0;
    Sha256 digest;
    while (true) {
        if (pause.count() > 0) co_await proapi::sleep(pause);
        const Message message = co_await session.websocket.receive();
        if (is_question(message)) {
            const Json found = {{"count", count}, {"bytes", bytes}, {"sha256", digest.hex()}};
            co_await session.websocket.send_json(found);
            ++*session.completed;
            continue;
        }
        ++count;
        bytes += octets_of(message).size();
        digest.update(octets_of(message));
    }
}

Task<> push(Session session) {
    co_await session.websocket.accept();
    const auto size = static_cast<std::size_t>(number(session.websocket, "size"));
    const std::int64_t count = number(session.websocket, "n", 1);
    for (std::int64_t index = 0; index < count; ++index) {
        co_await send(session, padded(index, size));
        ++pushed;
    }
}

Task<> answer_late(Session session, std::string message, milliseconds pause) {
    co_await proapi::sleep(pause);
    co_await send(session, "late:" + message);
}

Task<> late(Session session) {
    co_await session.websocket.accept();
    const milliseconds pause(number(session.websocket, "ms"));
    while (auto message = co_await session.websocket.next_text())
        proapi::spawn(answer_late(session, std::move(*message), pause));
}

// Rooms are shared by the whole process: with several workers, the members of a room are on several threads.
class Rooms {
public:
    void join(const std::string& room, const Session& session) {
        const std::lock_guard lock(mutex_);
        rooms_[room].insert(session);
    }
    void leave(const std::string& room, const Session& session) {
        const std::lock_guard lock(mutex_);
        rooms_[room].erase(session);
        if (rooms_[room].empty()) rooms_.erase(room);
    }
    [[nodiscard]] std::vector<Session> members_of(const std::string& room) {
        const std::lock_guard lock(mutex_);
        return {rooms_[room].begin(), rooms_[room].end()};
    }
    [[nodiscard]] std::size_t size() {
        const std::lock_guard lock(mutex_);
        return rooms_.size();
    }

private:
    std::mutex mutex_;
    std::map<std::string, std::set<Session>> rooms_;
};
Rooms rooms;

class Membership {
public:
    Membership(std::string room, Session session) : room_(std::move(room)), session_(std::move(session)) {
        rooms.join(room_, session_);
    }
    ~Membership() { rooms.leave(room_, session_); }
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

private:
    std::string room_;
    Session session_;
};

Task<> room(Session session) {
    WebSocketConnection websocket = session.websocket;
    co_await websocket.accept();
    std::string own = websocket.query_params().get("id", "");
    if (own.empty()) own = std::to_string(++members);
    const std::string name = websocket.path_params()["r"];
    const Membership membership(name, session);
    while (auto message = co_await websocket.next_text()) {
        const Json event = {{"seq", ++sequence}, {"from", own}, {"data", *message}};
        const std::string text = proapi::write_json(event);
        for (const Session& member : rooms.members_of(name)) {
            const bool delivered = co_await member.websocket.send_text(text);
            ++(delivered ? *member.completed : dropped);
        }
    }
}

Task<> poll(Session session) {
    co_await session.websocket.accept();
    const milliseconds pause(number(session.websocket, "ms"));
    std::uint64_t timeouts = 0;
    while (true) {
        Message message;
        try {
            message = co_await proapi::wait_for(session.websocket.receive(), pause);
        } catch (const proapi::TimeoutError&) {
            ++timeouts;
            continue;
        }
        if (is_question(message)) {
            const Json found = {{"timeouts", timeouts}};
            co_await session.websocket.send_json(found);
            ++*session.completed;
        } else {
            co_await send(session, std::move(message));
        }
    }
}

void reach(const WebSocketConnection& websocket, const std::string& place) {
    if (websocket.query_params().get("at", "") == place) throw std::runtime_error("raised at " + place + ", as asked");
}

Task<> raise_somewhere(Session session) {
    reach(session.websocket, "open");
    co_await session.websocket.accept();
    Message message = co_await session.websocket.receive();
    reach(session.websocket, "recv");
    co_await send(session, std::move(message));
    reach(session.websocket, "send");
    co_await session.websocket.close();
    reach(session.websocket, "close");
}

Task<> close_as_told(Session session) {
    co_await session.websocket.accept();
    const std::string reason = session.websocket.query_params().get("reason", "");
    co_await session.websocket.close(static_cast<std::uint16_t>(number(session.websocket, "code", 1000)), reason);
}

Task<> send_numbered(Session session, std::string own, std::int64_t task, std::int64_t count) {
    for (std::int64_t index = 0; index < count; ++index)
        co_await send(session, own + std::to_string(task) + ":" + std::to_string(index));
}

Task<> many(Session session) {
    co_await session.websocket.accept();
    const std::string own = session.websocket.query_params().get("id", "");
    const std::int64_t count = number(session.websocket, "n", 1);
    std::vector<Task<>> tasks;
    for (std::int64_t task = 0; task < number(session.websocket, "tasks", 1); ++task)
        tasks.push_back(send_numbered(session, own, task, count));
    co_await proapi::when_all(std::move(tasks));
}

// ---- HTTP -----------------------------------------------------------------------------------------------------------

Json stats() {
    const proapi::Statistics worker = proapi::statistics();
    std::uint64_t pages = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    const auto descriptors = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    Json closed = Json::object(), limits = Json::object();
    for (const auto& [code, count] : worker.closed) closed[std::to_string(code)] = count;
    for (const auto& [name, value] : worker.limits) limits[name] = value;
    return {{"pid", ::getpid()},
            {"rss", resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE))},
            {"fds", descriptors},
            {"conns", {{"tcp", worker.connections}, {"http", worker.http}, {"ws", worker.websockets}}},
            {"accepted", worker.accepted},
            {"refused", worker.refused},
            {"closed", closed},
            {"dropped", dropped.load()},
            {"pushed", pushed.load()},
            {"rooms", rooms.size()},
            {"send_queued", worker.send_queued_bytes},
            {"partial_bytes", worker.partial_bytes},
            {"tasks", worker.tasks},
            {"limits", limits}};
}

void register_http(proapi::ProAPI& app) {
    app.post("/body", [](proapi::Request request) -> Task<proapi::Response> {
        const milliseconds pause(number(request, "ms"));
        if (pause.count() > 0) co_await proapi::sleep(pause);
        co_return proapi::Response(std::string(request.body()), 200, {}, "application/octet-stream");
    });
    app.get("/hdr", [](proapi::Request request) {
        proapi::Response response("ok", 200, {}, "text/plain; charset=utf-8");
        response.headers.add(request.query_params()["n"], request.query_params()["v"]);
        return response;
    });
    app.get("/livez", [] { return "ok"; });
    app.get("/who", [](proapi::Request request) {
        const std::string& url = request.url();
        const std::size_t mark = url.find("://"), host = mark + 3;
        return Json{{"client", request.client().host},
                    {"scheme", url.substr(0, mark)},
                    {"host", url.substr(host, url.find('/', host) - host)}};
    });
    app.get("/readyz", [] { return "ok"; });
    app.get("/stats", []() -> proapi::Task<Json> { co_return stats(); });
}

// The files to serve. They exist as long as the program runs.
class Files {
public:
    Files() {
        std::string name = (std::filesystem::temp_directory_path() / "capp-XXXXXX").string();
        if (!::mkdtemp(name.data())) throw std::runtime_error("can't make a directory for temporary files");
        folder_ = name;
        std::ofstream big(folder_ / "big.bin", std::ios::binary);
        std::string part(256, '\0');
        for (std::size_t i = 0; i < part.size(); ++i) part[i] = static_cast<char>(i);
        for (int i = 0; i < 4 * 1024 * 1024 / 256; ++i) big << part;
        std::ofstream(folder_ / "index.html") << "<!doctype html><title>ProAPI</title>\n";
    }
    ~Files() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

private:
    std::filesystem::path folder_;
};

// ---- the command line -----------------------------------------------------------------------------------------------

int whole_number(const std::string& option, const std::string& text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        throw std::invalid_argument(option + ": expected a number, got " + text);
    return value;
}

void take_tls_option(proapi::RunOptions& options, const std::string& option, const std::string& value) {
    if (option == "--ssl-certfile") {
        options.ssl_certfile.push_back(value);
    } else if (option == "--ssl-keyfile") {
        options.ssl_keyfile.push_back(value);
    } else if (option == "--ssl-keyfile-password") {
        options.ssl_keyfile_password = value;
    } else if (option == "--ssl-ca-certs") {
        options.ssl_ca_certs = value;
    } else if (option == "--ssl-ciphers") {
        options.ssl_ciphers = value;
    } else if (option == "--ssl-cert-reqs") {
        using enum proapi::CertReqs;
        options.ssl_cert_reqs = value == "none" ? none : value == "optional" ? optional : required;
    } else {
        throw std::invalid_argument("unknown option " + option);
    }
}

void take_option(proapi::ProAPI& app, proapi::RunOptions& options, const std::string& option,
                 const std::string& value) {
    if (option == "--host") {
        std::vector<std::string> hosts = options.host.names();
        hosts.push_back(value);
        options.host = hosts;
    } else if (option == "--uds") {
        options.uds = value;
    } else if (option == "--uds-mode") {
        options.uds_mode = static_cast<unsigned>(std::stoul(value, nullptr, 8));
    } else if (option == "--fd") {
        options.fd = whole_number(option, value);
    } else if (option == "--port") {
        options.port = whole_number(option, value);
    } else if (option == "--workers") {
        options.workers = whole_number(option, value);
    } else if (option.starts_with("--ssl-")) {
        take_tls_option(options, option, value);
    } else if (option == "--access-log") {
        if (value != "common" && value != "json") throw std::invalid_argument("--access-log: common or json");
        options.access_log = value == "json" ? proapi::AccessLog::json : proapi::AccessLog::common;
    } else if (option == "--trusted-proxies") {
        app.setting("trusted_proxies", value);
    } else if (option == "--limit") {
        const std::size_t mark = value.find('=');
        if (mark == std::string::npos) throw std::invalid_argument("--limit: expected NAME=VALUE, got " + value);
        app.setting(value.substr(0, mark), value.substr(mark + 1));
    } else {
        throw std::invalid_argument("unknown option " + option);
    }
}

proapi::RunOptions read_options(proapi::ProAPI& app, const std::vector<std::string>& arguments) {
    proapi::RunOptions options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& option = arguments[i];
        if (option == "--broker") throw std::invalid_argument(option + " is not there yet");
        if (option == "--pmd" || option == "--pmd-dedicated") {
            app.setting("compression", option == "--pmd" ? "shared" : "dedicated");
            app.setting("compression_threshold", "0");
            continue;
        }
        if (option == "--proxy-protocol") {
            app.setting("proxy_protocol", "true");
            continue;
        }
        if (option == "--fast" || option == "--reuse-port") {
            (option == "--fast" ? options.fast : options.reuse_port) = true;
            continue;
        }
        if (i + 1 == arguments.size()) throw std::invalid_argument(option + ": expected a value or known option");
        take_option(app, options, option, arguments[++i]);
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    proapi::ProAPI app;
    use_cors(app);
    add_websocket(app, "/echo", echo);
    add_websocket(app, "/sink", swallow);
    add_websocket(app, "/slow", swallow);
    add_websocket(app, "/afterwards", afterwards);
    add_websocket(app, "/push", push);
    add_websocket(app, "/late", late);
    app.websocket("/room/{r}", [](WebSocketConnection websocket, std::string) -> Task<> {
        Session session{websocket};
        const Counted counted(session);
        co_await room(session);
    });
    add_websocket(app, "/poll", poll);
    add_websocket(app, "/raise", raise_somewhere);
    add_websocket(app, "/close", close_as_told);
    add_websocket(app, "/many", many);
    register_http(app);
    register_features(app);
    try {
        const Files files;
        app.static_files("/static", files.folder());
        app.static_files("/all-static", files.folder(), {.dot_files = true});
        app.run_or_exit(read_options(app, {argv + 1, argv + argc}));
    } catch (const std::exception& wrong) {
        std::cerr << "contract_app: " << wrong.what() << std::endl;
        return 1;
    }
}
