#include "net/tls_transport.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace proapi::net {

namespace {

constexpr std::size_t record_bytes = 16 * 1024;  // plain octets of a record, at most (RFC 8446 section 5.1)
constexpr std::size_t staged_bytes = 4 * 1024;   // copied together, so that a frame's head is not a record of its own
constexpr std::size_t write_bytes = 64 * 1024;   // encrypted at once: what a peer that does not read may cost
constexpr std::size_t pushed_pieces = 8;         // at once: all that write_bytes need, if no other waits
constexpr std::size_t max_backlog = 4 * write_bytes;  // of ciphertext, with what OpenSSL answers by itself
// A peer may change its keys this often, and once more for each so many octets (RFC 8446 section 4.6.3 has no limit; a
// change costs a few microseconds and takes 27 octets).
constexpr std::uint32_t free_key_updates = 32;
constexpr std::uint64_t octets_a_key_update = 64 * 1024;

constexpr int key_update_message = 24;  // RFC 8446 section 4

// SSL_get_error() takes what others have left in the thread's queue for its own. Clearing an empty queue costs more
// than looking at it.
void clear_errors() noexcept {
    if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

// ---- OpenSSL's calls --------------------------------------------------------------------------------------------

struct TlsTransport::Io {
    static int read(BIO* bio, char* out, int size) noexcept {
        BIO_clear_retry_flags(bio);
        TlsTransport& self = of(bio);
        if (self.has_too_many_key_updates()) return -1;
        const std::size_t count = std::min(static_cast<std::size_t>(size), self.input_.size());
        if (count == 0) {
            BIO_set_retry_read(bio);
            return -1;
        }
        std::memcpy(out, self.input_.data(), count);
        self.input_ = self.input_.subspan(count);
        return static_cast<int>(count);
    }

    static int write(BIO* bio, const char* octets, int size) noexcept {
        BIO_clear_retry_flags(bio);
        TlsTransport& self = of(bio);
        if (self.ciphertext_.size_bytes() > max_backlog) return -1;
        try {
            self.ciphertext_.append(std::string_view(octets, static_cast<std::size_t>(size)));
        } catch (const std::bad_alloc&) {
            return -1;
        }
        return size;
    }

    static long control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static void on_message(int is_sent, int, int type, const void* message, std::size_t size, SSL*,
                           void* self) noexcept {
        if (!is_sent && type == SSL3_RT_HANDSHAKE && size > 0 &&
            *static_cast<const unsigned char*>(message) == key_update_message)
            ++static_cast<TlsTransport*>(self)->key_updates_;
    }

    static TlsTransport& of(BIO* bio) noexcept { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }

    static const BIO_METHOD* method() {
        static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> made = [] {
            std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> fresh(
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport"), &BIO_meth_free);
            if (!fresh) throw std::bad_alloc();
            BIO_meth_set_read(fresh.get(), &read);
            BIO_meth_set_write(fresh.get(), &write);
            BIO_meth_set_ctrl(fresh.get(), &control);
            return fresh;
        }();
        return made.get();
    }
};

bool TlsTransport::has_too_many_key_updates() const noexcept {
    return key_updates_ > free_key_updates + received_ / octets_a_key_update;
}

TlsTransport::TlsTransport(Reactor& reactor, std::unique_ptr<Transport> lower, std::shared_ptr<TlsContext> context,
                           TlsContext::Session session, std::string_view plain_reply)
    : reactor_(reactor),
      lower_(std::move(lower)),
      context_(std::move(context)),
      session_(std::move(session)),
      plain_reply_(plain_reply) {
    BIO* const bio = BIO_new(Io::method());
    if (!bio) throw std::bad_alloc();
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(session_.get(), bio, bio);  // owns it now
    SSL_set_msg_callback(session_.get(), &Io::on_message);
    SSL_set_msg_callback_arg(session_.get(), this);
}

TlsTransport::~TlsTransport() {
    cancel_read();
}

void TlsTransport::start(TransportHandler& handler) {
    set_handler(handler);
    lower_->start(*this);
    lower_->start_reading();
    if (!SSL_is_server(session_.get())) reactor_.read_later(*this);  // a client speaks first
}

// ---- reading ----------------------------------------------------------------------------------------------------

void TlsTransport::start_reading() {
    if (reading_ || has_read_ended() || !is_open()) return;
    reading_ = true;
    if (!is_established()) return;
    lower_->start_reading();
    if (holds_octets()) reactor_.read_later(*this);
}

void TlsTransport::stop_reading() noexcept {
    reading_ = false;
    if (is_established()) lower_->stop_reading();
}

bool TlsTransport::has_unread_octets() const noexcept {
    return is_established() && (holds_octets() || lower_->has_unread_octets());
}

// Without room for it, a part of a record that OpenSSL has decrypted stays with it.
bool TlsTransport::holds_octets() const noexcept {
    return !held_.empty() || SSL_pending(session_.get()) > 0;
}

void TlsTransport::on_read(base::MutableBytes bytes) {
    if (!held_.empty()) {  // comes first, in read_again()
        held_.append(base::as_text(bytes));
        return;
    }
    input_ = bytes;
    take_input();
}

void TlsTransport::read_again() {
    const std::string octets = std::exchange(held_, {});
    input_ = base::as_bytes(octets);
    take_input();
}

void TlsTransport::take_input() {
    try {
        if (phase_ == Phase::handshake) shake_hands();
        if (is_open() && is_established() && reading_) decrypt();
        if (is_open() && phase_ != Phase::failed) held_.insert(0, base::as_text(input_));
    } catch (const std::bad_alloc&) {
        fail("out of memory");
    }
    input_ = {};
}

void TlsTransport::shake_hands() {
    if (!context_->may_shake_hands(reactor_.turn_number())) {
        lower_->stop_reading();
        reactor_.read_later(*this);
        return;
    }
    const auto begin = std::chrono::steady_clock::now();
    ERR_clear_error();
    const int result = SSL_do_handshake(session_.get());
    context_->count_handshake(std::chrono::steady_clock::now() - begin);
    if (result == 1) return on_established();
    if (SSL_get_error(session_.get(), result) != SSL_ERROR_WANT_READ) return fail(describe_failure());
    push_quietly();
    if (lower_->has_read_ended()) return report_read_end(ECONNRESET);  // while the handshake waited for its turn
    lower_->start_reading();
}

void TlsTransport::on_established() {
    keep_client_certificate();
    phase_ = Phase::established;
    if (!reading_) lower_->stop_reading();
    if (reading_) lower_->start_reading();
    if (write_ == WriteResult::State::pending) encrypted_ = encrypt({&pending_, 1}, write_bytes);
    if (!lower_->is_writing()) continue_writing(push());
}

void TlsTransport::keep_client_certificate() {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(session_.get()),
                                                                  &X509_free);
    if (!certificate) return;
    const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), &BIO_free);
    if (!text || PEM_write_bio_X509(text.get(), certificate.get()) != 1) throw std::bad_alloc();
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    client_certificate_ = std::make_shared<const std::string>(data, static_cast<std::size_t>(size));
}

void TlsTransport::decrypt() {
    const std::span room = context_->plain_buffer();
    std::size_t size = 0;
    const Decrypted end = fill(room, size);
    received_ += size;
    push_quietly();  // what OpenSSL answers by itself
    if (size > 0) handler().on_read(room.first(size));
    if (!is_open()) return;
    lower_->expect_much(expects_much_);
    switch (end) {
        case Decrypted::full:
            if (reading_) reactor_.read_later(*this);
            break;
        case Decrypted::all:
            if (lower_->has_read_ended()) report_read_end(ECONNRESET);
            break;
        case Decrypted::finished:
            input_ = {};
            report_read_end(0);
            break;
        case Decrypted::failed:
            fail(describe_failure());
            break;
    }
}

TlsTransport::Decrypted TlsTransport::fill(std::span<std::uint8_t> room, std::size_t& size) noexcept {
    SSL* const session = session_.get();
    clear_errors();
    while (!input_.empty() || SSL_pending(session) > 0) {
        if (size == room.size()) return Decrypted::full;
        std::size_t count = 0;
        const int result = SSL_read_ex(session, room.data() + size, room.size() - size, &count);
        size += count;
        if (result == 1) continue;
        const int error = SSL_get_error(session, result);
        if (error == SSL_ERROR_WANT_READ) return Decrypted::all;
        return error == SSL_ERROR_ZERO_RETURN ? Decrypted::finished : Decrypted::failed;
    }
    return Decrypted::all;
}

void TlsTransport::on_peer_finished() {
    report_peer_finished();
}

void TlsTransport::on_read_end(int error) {
    if (phase_ == Phase::failed) return;
    if (has_read_ended()) {  // by close_notify
        if (error != 0) handler().on_lost(error);
        return;
    }
    if (error == 0 && holds_octets()) return;  // decrypt() reports the end after the octets before it
    report_read_end(error == 0 ? ECONNRESET : error);
}

// ---- writing ----------------------------------------------------------------------------------------------------

WriteResult TlsTransport::write(std::span<const base::Bytes> pieces) {
    if (!is_open()) return {.error = ENOTCONN};
    if (phase_ > Phase::established) return {.error = EPIPE};
    if (phase_ == Phase::handshake) {
        pending_ = pieces[0];
        write_ = WriteResult::State::pending;
        return {.state = write_};
    }
    if (encrypted_ == 0) encrypted_ = encrypt(pieces, write_bytes);
    if (encrypted_ == 0) return {.error = EIO};
    WriteResult result{.state = WriteResult::State::pending};  // behind what OpenSSL has to say by itself
    if (!lower_->is_writing()) result = push();
    write_ = result.error == 0 ? result.state : WriteResult::State::done;
    if (result.error == 0 && result.state == WriteResult::State::done) result.written = std::exchange(encrypted_, 0);
    return result;
}

std::size_t TlsTransport::write_at_once(std::span<const base::Bytes> pieces) noexcept {
    if (!is_open() || phase_ != Phase::established || is_writing() || encrypted_ > 0) return 0;
    std::array<base::Bytes, max_pieces> left;
    std::span<base::Bytes> rest(left.data(), std::min(pieces.size(), max_pieces));
    std::copy_n(pieces.begin(), rest.size(), rest.begin());
    std::size_t written = 0;
    while (!rest.empty()) {
        encrypted_ = encrypt(rest, write_bytes);
        push_at_once();
        if (encrypted_ == 0 || !ciphertext_.empty()) return written;
        written += encrypted_;
        for (; !rest.empty() && encrypted_ >= rest[0].size(); rest = rest.subspan(1)) encrypted_ -= rest[0].size();
        if (!rest.empty()) rest[0] = rest[0].subspan(std::exchange(encrypted_, 0));
    }
    return written;
}

std::size_t TlsTransport::encrypt(std::span<const base::Bytes> pieces, std::size_t limit) noexcept {
    std::array<std::uint8_t, staged_bytes> staged;
    const std::size_t stage = pieces.size() > 1 ? staged_bytes : 0;
    std::size_t taken = 0, waiting = 0;  // octets of `pieces`, the last ones of them in `staged`
    for (base::Bytes piece : pieces) {
        piece = piece.first(std::min(piece.size(), limit - taken));
        while (!piece.empty()) {
            const bool is_large = waiting == 0 && piece.size() >= stage;
            const std::size_t count = std::min(piece.size(), is_large ? record_bytes : stage - waiting);
            if (is_large) {
                if (!encrypt_record(piece.first(count))) return 0;
            } else {
                std::memcpy(staged.data() + waiting, piece.data(), count);
                waiting += count;
                if (waiting == stage && !encrypt_record(std::span(staged).first(std::exchange(waiting, 0)))) return 0;
            }
            piece = piece.subspan(count);
            taken += count;
        }
    }
    if (waiting > 0 && !encrypt_record(std::span(staged).first(waiting))) return 0;
    return taken;
}

bool TlsTransport::encrypt_record(base::Bytes octets) noexcept {
    std::size_t written = 0;
    return SSL_write_ex(session_.get(), octets.data(), octets.size(), &written) == 1;
}

WriteResult TlsTransport::push() {
    while (!ciphertext_.empty()) {
        std::array<base::Bytes, pushed_pieces> pieces;
        const std::size_t count = ciphertext_.gather(pieces);
        const WriteResult result = lower_->write(std::span(pieces).first(count));
        if (result.error != 0 || result.state != WriteResult::State::done) return result;
        ciphertext_.consume(result.written);
    }
    if (phase_ == Phase::shut_down) lower_->shutdown_write();
    return {};
}

void TlsTransport::push_quietly() {
    if (!lower_->is_writing()) static_cast<void>(push());
}

void TlsTransport::push_at_once() noexcept {
    while (!ciphertext_.empty()) {
        std::array<base::Bytes, pushed_pieces> pieces;
        const std::size_t count = ciphertext_.gather(pieces);
        const std::size_t taken = lower_->write_at_once(std::span(pieces).first(count));
        if (taken == 0) return;
        ciphertext_.consume(taken);
    }
}

void TlsTransport::on_write_done(const WriteResult& result) {
    ciphertext_.consume(result.written);
    const bool is_done = result.error == 0 && result.state == WriteResult::State::done;
    continue_writing(is_done ? push() : result);
}

void TlsTransport::on_written(std::size_t count) {
    ciphertext_.consume(count);
    continue_writing(push());
}

void TlsTransport::continue_writing(const WriteResult& lower) {
    using State = WriteResult::State;
    const State before = write_;
    if (before == State::done || encrypted_ == 0) return;            // nobody waits for it
    if (lower.error == 0 && lower.state == State::together) return;  // on_write_done() comes
    WriteResult result{.state = lower.state, .error = lower.error};
    if (lower.error != 0) result.state = State::done;
    if (lower.error == 0 && lower.state == State::done) result.written = std::exchange(encrypted_, 0);
    write_ = result.state;
    if (before == State::together) return handler().on_write_done(result);
    if (result.error != 0) return handler().on_lost(result.error);
    if (result.state == State::done) handler().on_written(result.written);
}

void TlsTransport::on_lost(int error) {
    const bool is_awaited = std::exchange(write_, WriteResult::State::done) == WriteResult::State::pending;
    if (is_awaited || has_read_ended()) return handler().on_lost(error);
    report_read_end(error);  // lower_ has ended, but not the octets that are held
}

std::size_t TlsTransport::undelivered_octets() const noexcept {
    return ciphertext_.size_bytes() + lower_->undelivered_octets();
}

// ---- the end ----------------------------------------------------------------------------------------------------

void TlsTransport::shutdown_write() noexcept {
    if (!is_open() || phase_ > Phase::established) return;
    if (phase_ == Phase::handshake) return lower_->shutdown_write();
    ERR_clear_error();
    SSL_shutdown(session_.get());
    phase_ = Phase::shut_down;
    push_quietly();
}

void TlsTransport::close(CloseMode mode) noexcept {
    if (!is_open()) return;
    cancel_read();
    const bool is_lost = mode == CloseMode::reset || has_unread_octets();
    if (!is_lost && phase_ == Phase::established && !lower_->is_writing()) {
        ERR_clear_error();
        SSL_shutdown(session_.get());
        push_at_once();
    }
    lower_->close(phase_ == Phase::failed ? CloseMode::orderly : mode);  // so that the peer can read why
    reading_ = false;
    write_ = WriteResult::State::done;
    held_ = {};
    ciphertext_.clear();
}

std::string TlsTransport::describe_failure() {
    if (has_too_many_key_updates()) return "TLS: the peer changes its keys too often";
    const long verified = SSL_get_verify_result(session_.get());
    if (verified != X509_V_OK) {
        ERR_clear_error();
        return std::string("TLS: the client's certificate is not accepted: ") + X509_verify_cert_error_string(verified);
    }
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
        ERR_clear_error();
        const base::Bytes reply = base::as_bytes(plain_reply_);
        static_cast<void>(lower_->write_at_once({&reply, 1}));
        return "a plain HTTP request came to a port of TLS: its clients must say https:// and wss://";
    }
    return "TLS: " + take_tls_error();
}

void TlsTransport::fail(std::string why) {
    if (phase_ == Phase::failed || !is_open()) return;
    failure_ = std::move(why);
    if (!lower_->is_writing()) push_at_once();  // the alert
    phase_ = Phase::failed;
    write_ = WriteResult::State::done;
    lower_->stop_reading();
    lower_->shutdown_write();
    report_read_end(EPROTO);
}

}  // namespace proapi::net
