// TLS over another transport: that one carries ciphertext, and this one's handler and callers see plain octets.
//
//   on_read() <- [plain_buffer] <- SSL_read  <- input_, held_  <- lower_
//   write()   -> SSL_write -> ciphertext_ -> lower_
//
// OpenSSL works on memory only. An octet counts as written when lower_ has taken its ciphertext, so that a caller's
// time limits and its backpressure mean the same as without TLS. What is not to be read yet stays ciphertext, except
// the rest of a record for which the plain buffer had no room. So an idle connection holds neither plain octets nor
// buffers.
//
// An end of lower_ without a close_notify before it (RFC 8446 section 6.1) is an end with an error, so that a cut
// message is not taken for a complete one.
#pragma once

#include <memory>
#include <string>

#include "base/output_queue.hpp"
#include "net/tls_context.hpp"
#include "net/transport.hpp"

struct bio_st;

namespace proapi::net {

class TlsTransport final : private TransportHandler, private Reactor::Reader, public Transport {
public:
    // `session` is new and of `context`, which must belong to the reactor's thread. A peer that speaks plain HTTP gets
    // `plain_reply`, which must outlive the transport. Throws std::bad_alloc.
    TlsTransport(Reactor& reactor, std::unique_ptr<Transport> lower, std::shared_ptr<TlsContext> context,
                 TlsContext::Session session, std::string_view plain_reply = {});
    ~TlsTransport() override;

    void start(TransportHandler& handler) override;
    void start_reading() override;
    void stop_reading() noexcept override;
    // Counts octets of the lower transport that may turn out to be no octets of the stream.
    [[nodiscard]] bool has_unread_octets() const noexcept override;
    [[nodiscard]] WriteResult write(std::span<const base::Bytes> pieces) override;
    [[nodiscard]] std::size_t write_at_once(std::span<const base::Bytes> pieces) noexcept override;
    void shutdown_write() noexcept override;
    // Both count octets of ciphertext.
    [[nodiscard]] std::size_t undelivered_octets() const noexcept override;
    [[nodiscard]] std::uint32_t delivered_octets() const noexcept override { return lower_->delivered_octets(); }
    void set_delivery_timeout(Duration timeout) noexcept override { lower_->set_delivery_timeout(timeout); }
    void close(CloseMode mode) noexcept override;
    [[nodiscard]] bool is_open() const noexcept override { return lower_->is_open(); }

    [[nodiscard]] bool is_secure() const noexcept override { return true; }
    [[nodiscard]] bool is_established() const noexcept override {
        return phase_ == Phase::established || phase_ == Phase::shut_down;
    }
    [[nodiscard]] std::string_view failure() const noexcept override { return failure_; }
    [[nodiscard]] std::shared_ptr<const std::string> client_certificate() const override { return client_certificate_; }

private:
    enum class Phase : std::uint8_t {
        handshake,
        established,
        shut_down,  // close_notify is queued or sent
        failed,
    };
    struct Io;  // OpenSSL's calls

    void on_read(base::MutableBytes bytes) override;
    void on_peer_finished() override;
    void on_read_end(int error) override;
    void on_write_done(const WriteResult& result) override;
    void on_written(std::size_t count) override;
    void on_lost(int error) override;
    void read_again() override;

    [[nodiscard]] bool holds_octets() const noexcept;
    // Decrypts input_, and holds what is not to be read yet.
    void take_input();
    void shake_hands();
    void on_established();
    void keep_client_certificate();
    void decrypt();
    // Why no more was decrypted: no room, no more input, or the end of the stream.
    enum class Decrypted : std::uint8_t { full, all, finished, failed };
    [[nodiscard]] Decrypted fill(std::span<std::uint8_t> room, std::size_t& size) noexcept;
    [[nodiscard]] bool has_too_many_key_updates() const noexcept;
    // Tells the peer and the handler that the connection has failed.
    void fail(std::string why);
    [[nodiscard]] std::string describe_failure();

    // Encrypts at most `limit` octets of `pieces`. Returns how many, or 0 if it is impossible.
    [[nodiscard]] std::size_t encrypt(std::span<const base::Bytes> pieces, std::size_t limit) noexcept;
    [[nodiscard]] bool encrypt_record(base::Bytes octets) noexcept;
    // Passes ciphertext on until lower_ has taken all of it, fails, or needs time.
    [[nodiscard]] WriteResult push();
    // Passes on what OpenSSL has to say by itself; errors are found by the next write or read.
    void push_quietly();
    void push_at_once() noexcept;
    // `lower`: what became of the ciphertext. Reports the write in progress if that decides it.
    void continue_writing(const WriteResult& lower);

    Reactor& reactor_;
    std::unique_ptr<Transport> lower_;
    std::shared_ptr<TlsContext> context_;
    TlsContext::Session session_;
    std::string_view plain_reply_;
    base::Bytes input_;              // ciphertext of the current read, not yet taken by OpenSSL
    std::string held_;               // ciphertext that waits for start_reading(), or for the handshakes of this turn
    base::OutputQueue ciphertext_;   // not taken by lower_
    base::Bytes pending_;            // the beginning of a write that waits for the handshake
    std::size_t encrypted_ = 0;      // plain octets in ciphertext_, which are the next to be written
    std::uint64_t received_ = 0;     // plain octets
    std::uint32_t key_updates_ = 0;  // received
    std::shared_ptr<const std::string> client_certificate_;
    std::string failure_;
    Phase phase_ = Phase::handshake;
};

}  // namespace proapi::net
