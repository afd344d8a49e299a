// Certificates and keys for tests, as PEM files in a folder that is removed at the end, and the client's side of TLS.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "net/tls_context.hpp"

namespace proapi::net {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using ClientContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

class TlsFiles {
public:
    TlsFiles() {
        std::string pattern = (std::filesystem::temp_directory_path() / "tls-XXXXXX").string();
        if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
        folder_ = pattern;
    }
    ~TlsFiles() { std::filesystem::remove_all(folder_); }
    TlsFiles(const TlsFiles&) = delete;
    TlsFiles& operator=(const TlsFiles&) = delete;

    [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name)) << text;
        return path(name);
    }

    // Writes NAME.pem and NAME.key: a certificate for `host`, signed by its own key.
    [[nodiscard]] TlsOptions::Certificate make(const std::string& name, const std::string& host,
                                               const std::string& password = {}) const {
        const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
        const Certificate certificate(X509_new(), &X509_free);
        X509_set_version(certificate.get(), X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
        X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
        X509_NAME* const subject = X509_get_subject_name(certificate.get());
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()),
                                   -1, -1, 0);
        X509_set_issuer_name(certificate.get(), subject);
        X509_set_pubkey(certificate.get(), key.get());
        X509_EXTENSION* const names =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + host).c_str());
        X509_add_ext(certificate.get(), names, -1);
        X509_EXTENSION_free(names);
        X509_sign(certificate.get(), key.get(), EVP_sha256());
        const TlsOptions::Certificate files{path(name + ".pem"), path(name + ".key")};
        File pem(files.certfile), key_pem(files.keyfile);
        PEM_write_X509(pem.file, certificate.get());
        PEM_write_PrivateKey(key_pem.file, key.get(), password.empty() ? nullptr : EVP_aes_256_cbc(),
                             reinterpret_cast<const unsigned char*>(password.data()), static_cast<int>(password.size()),
                             nullptr, nullptr);
        return files;
    }

private:
    struct File {
        explicit File(const std::string& path) : file(std::fopen(path.c_str(), "w")) {
            if (!file) throw std::runtime_error(path);
        }
        ~File() { std::fclose(file); }
        File(const File&) = delete;
        File& operator=(const File&) = delete;
        std::FILE* file;
    };
    std::filesystem::path folder_;
};

// A client that accepts every certificate.
[[nodiscard]] inline ClientContext make_client_context() {
    return {SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
}
[[nodiscard]] inline TlsContext::Session make_client(SSL_CTX* context) {
    TlsContext::Session session(SSL_new(context));
    SSL_set_connect_state(session.get());
    return session;
}

}  // namespace proapi::net
