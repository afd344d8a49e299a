// Uploads with a progress bar, of files of any size in constant memory.
//
// A page opens ws://127.0.0.1:8000/uploads?filename=cat.jpg&size=123456 and sends the file in binary messages, such as
// 64 KiB each. Each is answered with how much has been stored, so that the page knows what has arrived, not what it has
// sent. Others watch all uploads at /progress. Files get our own names: a client's name is only shown, never a path.
//
// Files are stored in the directory that UPLOADS names. One thread runs the handlers, so what they share needs no lock;
// other threads write the files.
#include <openssl/evp.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <proapi/proapi.hpp>
#include <random>
#include <set>
#include <span>
#include <string>
#include <system_error>

using proapi::Json;
using Filename = proapi::Query<std::string, "filename">;
using Size = proapi::Query<std::int64_t, "size">;
namespace fs = std::filesystem;

constexpr std::int64_t MOST = std::int64_t{4} << 30;

std::string hexadecimal(std::span<const unsigned char> octets) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const unsigned char octet : octets) {
        text += digits[octet >> 4];
        text += digits[octet & 15];
    }
    return text;
}

class Digest {
public:
    Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
    void update(std::span<const std::byte> octets) { EVP_DigestUpdate(context_.get(), octets.data(), octets.size()); }
    std::string finish() {
        unsigned char octets[EVP_MAX_MD_SIZE];
        unsigned int size = 0;
        EVP_DigestFinal_ex(context_.get(), octets, &size);
        return hexadecimal({octets, size});
    }

private:
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// A file that is deleted unless it is kept.
class NewFile {
public:
    explicit NewFile(const fs::path& folder) : path_(folder / make_name()), part_(path_.string() + ".part") {
        file_.exceptions(std::ios::failbit | std::ios::badbit);
        file_.open(part_, std::ios::binary);
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile() {
        std::error_code ignored;
        fs::remove(part_, ignored);
    }
    void write(std::span<const std::byte> octets) {
        file_.write(reinterpret_cast<const char*>(octets.data()), static_cast<std::streamsize>(octets.size())).flush();
    }
    void keep() {
        file_.close();
        fs::rename(part_, path_);
    }
    std::string name() const { return path_.filename(); }

private:
    static std::string make_name() {
        std::random_device random;
        unsigned char octets[8];
        for (unsigned char& octet : octets) octet = static_cast<unsigned char>(random());
        return hexadecimal(octets);
    }

    const fs::path path_, part_;
    std::ofstream file_;
};

struct Watching {
    std::set<proapi::WebSocket>& watchers;
    const proapi::WebSocket websocket;
    ~Watching() { watchers.erase(websocket); }
};

proapi::RequestValidationError wrong(const char* parameter, const char* text) {
    const Json fault = {{"type", "value_error"}, {"loc", {"query", parameter}}, {"msg", text}};
    return proapi::RequestValidationError(Json::array({fault}));
}

int main() {
    proapi::ProAPI app;
    std::string made = fs::temp_directory_path() / "uploads-XXXXXX";
    const char* const named = std::getenv("UPLOADS");
    const fs::path folder = named ? named : mkdtemp(made.data());
    std::set<proapi::WebSocket> watchers;

    app.websocket("/uploads", [&](proapi::WebSocket websocket, Filename filename, Size size) -> proapi::Task<> {
        if (filename->empty() || filename->size() > 255) throw wrong("filename", "Expected 1 to 255 octets");
        if (*size < 0 || *size > MOST) throw wrong("size", "Expected 0 to 4 GiB");
        const auto open = [folder] { return std::make_shared<NewFile>(folder); };
        const auto file = co_await proapi::to_thread(open);
        co_await websocket.accept();
        std::int64_t received = 0;
        Digest digest;
        while (received < *size) {
            const auto octets = std::make_shared<const proapi::Bytes>(co_await websocket.receive_bytes());
            received += static_cast<std::int64_t>(octets->size());
            if (received > *size) {
                co_await websocket.close(1008, "expected " + std::to_string(*size) + " octets, got more");
                co_return;
            }
            digest.update(*octets);
            const auto write = [file, octets] { file->write(*octets); };
            co_await proapi::to_thread(write);  // no more is read from the socket meanwhile
            const Json stored = {{"received", received}};
            co_await websocket.send_json(stored);
            const Json progress = {
                {"file", file->name()}, {"filename", *filename}, {"received", received}, {"size", *size}};
            for (const proapi::WebSocket& watcher : watchers) watcher.send_json(progress);
        }
        const auto keep = [file] { file->keep(); };
        co_await proapi::to_thread(keep);
        const Json done = {{"file", file->name()}, {"sha256", digest.finish()}};
        co_await websocket.send_json(done);
    });

    app.websocket("/progress", [&](proapi::WebSocket websocket) -> proapi::Task<> {
        co_await websocket.accept();
        watchers.insert(websocket);
        const Watching watching{watchers, websocket};
        co_await websocket.wait_closed();
    });

    std::cout << "Files are stored in " << folder.string() << std::endl;
    app.run_or_exit();
}
