#include "net/tls_context.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "base/descriptor.hpp"

namespace proapi::net {

namespace {

// Of a turn. The other connections wait for at most this and one handshake.
constexpr std::chrono::milliseconds handshake_share{4};

// Mozilla's "intermediate" rule in short: key exchange with forward secrecy, encryption with authentication.
constexpr const char* default_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char protocol_list[] = "\x08http/1.1";  // RFC 7301 section 3.1

[[nodiscard]] std::string quoted(std::string_view file) {
    return "'" + std::string(file) + "'";
}

// Why the file cannot be used, or nothing. Only regular files can be loaded again, and no other one may be opened the
// usual way: a FIFO would make the server wait for a writer.
[[nodiscard]] std::optional<std::string> find_open_error(const std::string& setting, const std::string& file) {
    const base::Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat found{};
    if (!descriptor || ::fstat(descriptor.get(), &found) != 0)
        return setting + ": can't read " + quoted(file) + ": " + base::error_text(errno);
    if (S_ISREG(found.st_mode)) return std::nullopt;
    return setting + ": expected a regular file, got " + quoted(file) + ", which is none";
}

struct Password {
    const std::string& text;
    bool was_asked_for = false;
};

// OpenSSL would otherwise ask on the terminal. Returns the length, or -1 without a password.
int give_password(char* buffer, int size, int, void* context) {
    auto& password = *static_cast<Password*>(context);
    password.was_asked_for = true;
    if (password.text.empty() || password.text.size() > static_cast<std::size_t>(size)) return -1;
    std::memcpy(buffer, password.text.data(), password.text.size());
    return static_cast<int>(password.text.size());
}

int select_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
    unsigned char* found = nullptr;
    const int result =
        SSL_select_next_proto(&found, chosen_size, protocol_list, sizeof protocol_list - 1, offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Name, authentication key and cipher key (OpenSSL's order), made once in a process.
[[nodiscard]] std::array<unsigned char, 80>& ticket_keys() {
    static std::array<unsigned char, 80> keys = [] {
        std::array<unsigned char, 80> fresh{};
        if (RAND_bytes(fresh.data(), static_cast<int>(fresh.size())) != 1) throw std::bad_alloc();
        return fresh;
    }();
    return keys;
}

// Of options whose files can be read. A session is resumed only where the same certificates and authorities are asked
// for: it keeps who its client is.
[[nodiscard]] std::array<unsigned char, SHA256_DIGEST_LENGTH> identify(const TlsOptions& options) {
    std::string all;
    const auto add = [&all](std::string_view text) { all.append(text).push_back('\0'); };
    for (const auto& [certfile, keyfile] : options.certificates) add(certfile);
    add(options.ca_certs);
    add(std::to_string(static_cast<int>(options.client_certificate)));
    if (!options.ca_certs.empty()) {
        const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(options.ca_certs.c_str(), "rb"), &BIO_free);
        char part[4096];
        for (int size = 0; file && (size = BIO_read(file.get(), part, sizeof part)) > 0;)
            all.append(part, static_cast<std::size_t>(size));
    }
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    EVP_Digest(all.data(), all.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    return digest;
}

void use_tickets(SSL_CTX* context, const TlsOptions& options) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets instead
    auto keys = ticket_keys();
    const auto identity = identify(options);
    if (SSL_CTX_set_tlsext_ticket_keys(context, keys.data(), static_cast<long>(keys.size())) != 1 ||
        SSL_CTX_set_session_id_context(context, identity.data(), static_cast<unsigned>(identity.size())) != 1)
        throw std::bad_alloc();
}

[[nodiscard]] base::Result<void, std::string> use_certificate(SSL_CTX* context, const std::string& file) {
    if (auto error = find_open_error("ssl_certfile", file)) return *std::move(error);
    if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) == 1) return {};
    return "ssl_certfile: expected a PEM certificate in " + quoted(file) + ", got: " + take_tls_error();
}

[[nodiscard]] base::Result<void, std::string> use_key(SSL_CTX* context, const TlsOptions& options,
                                                      const TlsOptions::Certificate& certificate) {
    const bool is_separate = !certificate.keyfile.empty();
    const std::string setting = is_separate ? "ssl_keyfile" : "ssl_certfile";
    const std::string& file = is_separate ? certificate.keyfile : certificate.certfile;
    if (auto error = find_open_error(setting, file)) return *std::move(error);
    Password password{options.keyfile_password};
    SSL_CTX_set_default_passwd_cb(context, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, &password);
    const bool is_used = SSL_CTX_use_PrivateKey_file(context, file.c_str(), SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
    if (is_used) return {};
    const auto code = ERR_peek_error();
    const std::string error = take_tls_error();
    if (ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH)
        return setting + ": the key in " + quoted(file) + " does not belong to the certificate in " +
               quoted(certificate.certfile);
    if (password.was_asked_for && password.text.empty())
        return setting + ": the key in " + quoted(file) + " is encrypted: set ssl_keyfile_password";
    if (password.was_asked_for) return "ssl_keyfile_password: the password does not open the key in " + quoted(file);
    return setting + ": expected a PEM private key in " + quoted(file) + ", got: " + error +
           (is_separate ? "" : "; is it in another file (ssl_keyfile)?");
}

[[nodiscard]] base::Result<void, std::string> use_authorities(SSL_CTX* context, const TlsOptions& options) {
    const std::string& file = options.ca_certs;
    if (!file.empty()) {
        if (auto error = find_open_error("ssl_ca_certs", file)) return *std::move(error);
        STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(file.c_str());
        if (!names || SSL_CTX_load_verify_file(context, file.c_str()) != 1) {
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            return "ssl_ca_certs: expected PEM certificates in " + quoted(file) + ", got: " + take_tls_error();
        }
        SSL_CTX_set_client_CA_list(context, names);
    }
    switch (options.client_certificate) {
        case TlsOptions::ClientCertificate::none:
            return {};
        case TlsOptions::ClientCertificate::optional:
        case TlsOptions::ClientCertificate::required:
            break;
    }
    if (file.empty())
        return std::string("ssl_cert_reqs: expected ssl_ca_certs, the authorities to check clients by, got none");
    const bool is_required = options.client_certificate == TlsOptions::ClientCertificate::required;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    return {};
}

[[nodiscard]] bool names_host(SSL_CTX* context, const char* host) noexcept {
    return X509_check_host(SSL_CTX_get0_certificate(context), host, 0, 0, nullptr) == 1;
}

}  // namespace

std::string take_tls_error() {
    const auto code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "unknown error";
    if (ERR_SYSTEM_ERROR(code)) return base::error_text(ERR_GET_REASON(code));
    const char* const reason = ERR_reason_error_string(code);
    return reason ? reason : "error " + std::to_string(code);
}

void TlsContext::FreeSession::operator()(ssl_st* session) const noexcept {
    SSL_free(session);
}

void TlsContext::FreeContext::operator()(ssl_ctx_st* context) const noexcept {
    SSL_CTX_free(context);
}

TlsContext::TlsContext() : plain_buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(plain_bytes)) {}

TlsContext::~TlsContext() = default;

base::Result<std::shared_ptr<TlsContext>, std::string> TlsContext::load(const TlsOptions& options) {
    if (options.certificates.empty()) return std::string("ssl_certfile: expected a file, got none");
    std::shared_ptr<TlsContext> loaded(new TlsContext);
    for (const TlsOptions::Certificate& certificate : options.certificates) {
        const auto added = loaded->add_certificate(options, certificate);
        if (!added) return added.error();
    }
    return loaded;
}

base::Result<void, std::string> TlsContext::add_certificate(const TlsOptions& options,
                                                            const TlsOptions::Certificate& certificate) {
    ERR_clear_error();
    Context context(SSL_CTX_new(TLS_server_method()));
    if (!context) throw std::bad_alloc();
    SSL_CTX* const raw = context.get();
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(raw, select_protocol, nullptr);
    if (SSL_CTX_set_cipher_list(raw, options.ciphers.empty() ? default_ciphers : options.ciphers.c_str()) != 1) {
        ERR_clear_error();
        return "ssl_ciphers: expected ciphers of TLS 1.2 in OpenSSL's notation, got " + quoted(options.ciphers);
    }
    auto used = use_certificate(raw, certificate.certfile);
    if (used) used = use_key(raw, options, certificate);
    if (used) used = use_authorities(raw, options);
    if (!used) return used;
    use_tickets(raw, options);
    if (contexts_.empty()) {
        SSL_CTX_set_tlsext_servername_callback(
            raw, +[](SSL* session, int*, void* self) {
                static_cast<const TlsContext*>(self)->select_certificate(session);
                return SSL_TLSEXT_ERR_OK;
            });
        SSL_CTX_set_tlsext_servername_arg(raw, this);
    }
    contexts_.push_back(std::move(context));
    return {};
}

void TlsContext::select_certificate(ssl_st* session) const noexcept {
    const char* const host = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
    if (!host) return;
    for (const Context& context : contexts_)
        if (names_host(context.get(), host)) {
            SSL_set_SSL_CTX(session, context.get());
            return;
        }
}

TlsContext::Session TlsContext::make_session() const {
    Session session(SSL_new(contexts_.front().get()));
    if (!session) {
        ERR_clear_error();
        throw std::bad_alloc();
    }
    SSL_set_accept_state(session.get());
    return session;
}

bool TlsContext::may_shake_hands(std::uint32_t turn_number) noexcept {
    if (turn_ != turn_number) {
        turn_ = turn_number;
        spent_ = {};
    }
    return spent_ < handshake_share;
}

}  // namespace proapi::net
