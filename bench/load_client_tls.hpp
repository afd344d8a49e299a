// TLS 1.3 for load_client. OpenSSL works on memory only, so that the load itself sends and receives, in batches. Any
// certificate is accepted: the servers make theirs at the start of a run.
#pragma once

#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

class TlsClient {
public:
    TlsClient() : session_(SSL_new(context())) {
        BIO* const bio = BIO_new(method());
        if (!session_ || !bio) throw std::bad_alloc();
        BIO_set_data(bio, this);
        BIO_set_init(bio, 1);
        SSL_set_bio(session_.get(), bio, bio);  // owns it now
        SSL_set_connect_state(session_.get());
    }
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    // Passes on `ciphertext` from the server. Returns whether the handshake is complete.
    bool shake_hands(std::string_view ciphertext) {
        incoming_ = ciphertext;
        const int result = SSL_do_handshake(session_.get());
        if (result != 1 && SSL_get_error(session_.get(), result) != SSL_ERROR_WANT_READ)
            throw std::runtime_error("the TLS handshake failed");
        if (!incoming_.empty()) throw std::runtime_error("the server sent more than its TLS handshake");
        return result == 1;
    }

    // Appends the records of `plain` to what is to be sent.
    void encrypt(std::string_view plain) {
        if (SSL_write(session_.get(), plain.data(), static_cast<int>(plain.size())) != static_cast<int>(plain.size()))
            throw std::runtime_error("TLS: nothing could be encrypted");
    }
    [[nodiscard]] std::string& to_send() noexcept { return outgoing_; }

    // Calls `take` with each part of what `ciphertext` contains. A part is valid during the call.
    template <class Take>
    void decrypt(std::string_view ciphertext, Take&& take) {
        incoming_ = ciphertext;
        while (true) {
            static char plain[SSL3_RT_MAX_PLAIN_LENGTH];
            const int count = SSL_read(session_.get(), plain, sizeof plain);
            if (count > 0) {
                take(std::string_view(plain, static_cast<std::size_t>(count)));
            } else if (SSL_get_error(session_.get(), count) == SSL_ERROR_WANT_READ) {
                return;
            } else {
                throw std::runtime_error("the server ended TLS, or sent a record that is not valid");
            }
        }
    }

private:
    struct Free {
        void operator()(SSL* session) const noexcept { SSL_free(session); }
    };

    static SSL_CTX* context() {
        static SSL_CTX* const made = [] {
            SSL_CTX* const fresh = SSL_CTX_new(TLS_client_method());
            if (!fresh || SSL_CTX_set_min_proto_version(fresh, TLS1_3_VERSION) != 1) throw std::bad_alloc();
            SSL_CTX_set_mode(fresh, SSL_MODE_RELEASE_BUFFERS);  // for thousands of idle connections
            return fresh;
        }();
        return made;
    }

    static TlsClient& of(BIO* bio) { return *static_cast<TlsClient*>(BIO_get_data(bio)); }

    static int read(BIO* bio, char* out, int size) {
        BIO_clear_retry_flags(bio);
        std::string_view& incoming = of(bio).incoming_;
        const std::size_t count = incoming.copy(out, static_cast<std::size_t>(size));
        incoming.remove_prefix(count);
        if (count > 0) return static_cast<int>(count);
        BIO_set_retry_read(bio);
        return -1;
    }

    static int write(BIO* bio, const char* octets, int size) {
        of(bio).outgoing_.append(octets, static_cast<std::size_t>(size));
        return size;
    }

    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

    static const BIO_METHOD* method() {
        static const BIO_METHOD* const made = [] {
            BIO_METHOD* const fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "memory of a client");
            if (!fresh) throw std::bad_alloc();
            BIO_meth_set_read(fresh, &read);
            BIO_meth_set_write(fresh, &write);
            BIO_meth_set_ctrl(fresh, &control);
            return fresh;
        }();
        return made;
    }

    std::unique_ptr<SSL, Free> session_;
    std::string_view incoming_;  // not yet taken by OpenSSL
    std::string outgoing_;       // not yet sent
};
