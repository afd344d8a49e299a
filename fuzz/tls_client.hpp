// The client of the TLS target: OpenSSL over two memory BIOs, whose records wait until a script delivers them. Also
// what makes runs repeatable: random numbers that are the same in each run, and octets that follow from their place, so
// that what arrives can be checked without being kept.
#pragma once

#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "net/memory_transport.hpp"
#include "target.hpp"
#include "tests/cpp/tls_files.hpp"

namespace proapi::fuzz::tls {

using net::Transport;
using net::WriteResult;

inline constexpr std::uint64_t max_octets = 400'000;  // in each direction, so that no input is slow

// OpenSSL's random numbers are the same in each run of an input.
class Randomness {
public:
    static void begin() { state_ = 1; }
    static void install() {
        static const RAND_METHOD method{nullptr, fill, nullptr, nullptr, fill, [] { return 1; }};
        RAND_set_rand_method(&method);
        begin();
    }

private:
    static int fill(unsigned char* out, int size) {
        for (int i = 0; i < size; ++i) {
            state_ ^= state_ << 13;
            state_ ^= state_ >> 7;
            state_ ^= state_ << 17;
            out[i] = static_cast<unsigned char>(state_ >> 24);
        }
        return 1;
    }
    static inline std::uint64_t state_ = 1;
};

inline std::uint8_t octet_at(std::uint64_t place, std::uint8_t salt) {
    return static_cast<std::uint8_t>((place * 167 + (place >> 8) * 13 + salt) & 0xFF);
}

inline std::string octets_from(std::uint64_t place, std::size_t count, std::uint8_t salt) {
    std::string octets(count, '\0');
    for (std::size_t i = 0; i < count; ++i) octets[i] = static_cast<char>(octet_at(place + i, salt));
    return octets;
}

inline bool continues(std::string_view octets, std::uint64_t place, std::uint8_t salt) {
    for (std::size_t i = 0; i < octets.size(); ++i)
        if (static_cast<std::uint8_t>(octets[i]) != octet_at(place + i, salt)) return false;
    return true;
}

inline constexpr std::uint8_t of_client = 3, of_server = 101;

struct Shared {
    Shared() {
        Randomness::install();
        const net::TlsFiles files;
        net::TlsOptions options;
        options.certificates.push_back(files.make("server", "localhost"));
        context = *net::TlsContext::load(options);
    }
    net::Reactor reactor;
    std::shared_ptr<net::TlsContext> context;
    net::ClientContext client_context = net::make_client_context();
};

inline Shared& shared() {
    static Shared all;
    return all;
}

// OpenSSL over two memory BIOs. Its records wait in `records` until the script delivers them.
class Client final : net::TransportHandler {
public:
    // `resumed` may be null.
    Client(net::MemoryTransport& transport, int version, SSL_SESSION* resumed) : transport_(transport) {
        SSL_set_min_proto_version(ssl(), version);
        SSL_set_max_proto_version(ssl(), version);
        SSL_set_bio(ssl(), in_, out_);
        if (resumed) SSL_set_session(ssl(), resumed);
        transport_.start(*this);
        transport_.start_reading();
        pump();
    }

    [[nodiscard]] SSL* ssl() const { return session_.get(); }
    [[nodiscard]] bool is_established() const { return SSL_is_init_finished(ssl()) == 1 && !has_failed_; }

    void write(std::size_t count) {
        if (written + to_write_ + count > max_octets) return;
        to_write_ += count;
        pump();
    }
    void close_notify() {
        if (!is_established() || to_write_ > 0 || has_closed) return;
        has_closed = SSL_shutdown(ssl()) >= 0;
        collect();
    }
    void update_keys() {
        if (!is_established() || has_closed || SSL_version(ssl()) != TLS1_3_VERSION) return;
        ++key_updates;
        SSL_key_update(ssl(), SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(ssl());
        collect();
    }
    void renegotiate() {
        if (!is_established() || SSL_version(ssl()) == TLS1_3_VERSION) return;
        is_rude = true;
        SSL_renegotiate(ssl());
        SSL_do_handshake(ssl());
        collect();
    }
    void read(bool goes_on) {
        is_reading_ = goes_on;
        goes_on ? transport_.start_reading() : transport_.stop_reading();
    }
    [[nodiscard]] bool is_reading() const noexcept { return is_reading_; }
    // Goes on with the handshake, with what is to be written, and with reading.
    void pump() {
        if (has_failed_) return;
        ERR_clear_error();
        if (!SSL_is_init_finished(ssl())) note(SSL_do_handshake(ssl()));
        if (is_established() && !has_closed && to_write_ > 0) write_now();
        if (is_established()) read_now();
        collect();
    }

    std::deque<std::string> records;
    std::uint64_t written = 0, received = 0;  // plain octets
    std::uint32_t key_updates = 0;
    bool has_closed = false, is_rude = false;

private:
    void write_now() {
        const std::string octets = octets_from(written, std::exchange(to_write_, 0), of_client);
        std::size_t count = 0;
        if (SSL_write_ex(ssl(), octets.data(), octets.size(), &count) == 1) written += count;
        // The memory takes everything: only a failed connection does not.
        check(count == octets.size() || SSL_get_shutdown(ssl()) != 0 || ERR_peek_error() != 0, "the client can write");
    }
    void read_now() {
        std::array<char, 20'000> room;
        std::size_t count = 0;
        int result = 0;
        while ((result = SSL_read_ex(ssl(), room.data(), room.size(), &count)) == 1) {
            check(continues({room.data(), count}, received, of_server), "the client decrypts what the server wrote");
            received += count;
        }
        note(result);
    }
    void note(int result) {
        if (result == 1) return;
        const int error = SSL_get_error(ssl(), result);
        has_failed_ = error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL;
    }
    // Takes the records that OpenSSL has made (RFC 8446 section 5.1: a type, a version, a length in two octets).
    void collect() {
        char* data = nullptr;
        const long size = BIO_get_mem_data(out_, &data);
        std::string_view octets(data, static_cast<std::size_t>(size));
        while (octets.size() >= 5) {
            const std::size_t length = 5 + (std::size_t{static_cast<std::uint8_t>(octets[3])} << 8 |
                                            std::size_t{static_cast<std::uint8_t>(octets[4])});
            records.emplace_back(octets.substr(0, length));
            octets.remove_prefix(std::min(length, octets.size()));
        }
        static_cast<void>(BIO_reset(out_));
    }

    void on_read(base::MutableBytes bytes) override {
        BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
        pump();
    }
    void on_peer_finished() override {}
    void on_read_end(int) override {}
    void on_write_done(const WriteResult&) override {}
    void on_written(std::size_t) override {}
    void on_lost(int) override {}

    net::MemoryTransport& transport_;
    net::TlsContext::Session session_ = net::make_client(shared().client_context.get());
    BIO *in_ = BIO_new(BIO_s_mem()), *out_ = BIO_new(BIO_s_mem());  // the session's
    std::size_t to_write_ = 0;
    bool has_failed_ = false, is_reading_ = true;
};

}  // namespace proapi::fuzz::tls
