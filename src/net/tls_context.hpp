// What the TLS connections of one thread have in common: certificates, which of them a client gets (SNI), who must
// present one, ciphers, session tickets, and how much of a turn handshakes may take. TLS 1.2 and 1.3 of OpenSSL.
//
// Renegotiation and 0-RTT are off. ALPN selects http/1.1 (RFC 7301); a client that offers only other protocols is
// refused. Tickets are encrypted with keys of the process, so that any of its threads, and its forks, resume a session.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/reactor.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace proapi::net {

// All files are PEM.
struct TlsOptions {
    struct Certificate {
        std::string certfile;  // the certificate, followed by the intermediate ones
        std::string keyfile;   // empty: the private key is in certfile
    };
    // At least one. A client gets the first whose names include the host that it asks for, or else the first of all.
    std::vector<Certificate> certificates;
    std::string keyfile_password;  // of encrypted keys
    std::string ca_certs;          // the authorities that sign clients' certificates
    enum class ClientCertificate : std::uint8_t { none, optional, required };
    ClientCertificate client_certificate = ClientCertificate::none;
    std::string ciphers;  // of TLS 1.2, in OpenSSL's notation; empty: those with forward secrecy and authentication
};

class TlsContext {
public:
    struct FreeSession {
        void operator()(ssl_st* session) const noexcept;
    };
    using Session = std::unique_ptr<ssl_st, FreeSession>;

    // Reads the files. The error is one line that names the setting and the file.
    [[nodiscard]] static base::Result<std::shared_ptr<TlsContext>, std::string> load(const TlsOptions& options);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    // A session for one connection, in the server's role. Throws std::bad_alloc.
    [[nodiscard]] Session make_session() const;

    // The share of a turn that handshakes may take together: each costs a signature, and thousands may come at once.
    // Returns false if it is used up, until the next turn.
    [[nodiscard]] bool may_shake_hands(std::uint32_t turn_number) noexcept;
    void count_handshake(std::chrono::steady_clock::duration spent) noexcept { spent_ += spent; }

    // Room for what is decrypted at once. Valid until the next connection of the thread decrypts.
    [[nodiscard]] std::span<std::uint8_t> plain_buffer() const noexcept { return {plain_buffer_.get(), plain_bytes}; }

private:
    struct FreeContext {
        void operator()(ssl_ctx_st* context) const noexcept;
    };
    using Context = std::unique_ptr<ssl_ctx_st, FreeContext>;
    // As much as the reactor reads at once, and one record (RFC 8446 section 5.1) that began before.
    static constexpr std::size_t plain_bytes = Reactor::read_buffer_bytes + 16 * 1024;

    TlsContext();
    [[nodiscard]] base::Result<void, std::string> add_certificate(const TlsOptions& options,
                                                                  const TlsOptions::Certificate& certificate);
    // Makes the session use the certificate for the host that its client asks for.
    void select_certificate(ssl_st* session) const noexcept;

    std::vector<Context> contexts_;  // one per certificate
    std::unique_ptr<std::uint8_t[]> plain_buffer_;
    std::uint32_t turn_ = 0;
    std::chrono::steady_clock::duration spent_{};
};

// The oldest error in the thread's queue of OpenSSL, in words; clears the queue.
[[nodiscard]] std::string take_tls_error();

}  // namespace proapi::net
