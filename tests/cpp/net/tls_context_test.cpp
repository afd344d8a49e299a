// The files of a server with TLS, and what is said about wrong ones.
#include "net/tls_context.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/cpp/tls_files.hpp"

namespace proapi::net {
namespace {

class TlsContextTest : public ::testing::Test {
protected:
    // Returns the error, or nothing.
    static std::string load(const TlsOptions& options) {
        const auto loaded = TlsContext::load(options);
        return loaded ? "" : loaded.error();
    }
    static TlsOptions with(TlsOptions::Certificate certificate) {
        TlsOptions options;
        options.certificates.push_back(std::move(certificate));
        return options;
    }
    const TlsFiles files;
    const TlsOptions::Certificate good = files.make("good", "localhost");
};

TEST_F(TlsContextTest, LoadsACertificateWithItsKey) {
    EXPECT_EQ(load(with(good)), "");
}

TEST_F(TlsContextTest, TheKeyMayBeInTheSameFile) {
    std::string both;
    for (const std::string& file : {good.certfile, good.keyfile}) {
        std::ifstream stream(file);
        both.append(std::istreambuf_iterator<char>(stream), {});
    }
    EXPECT_EQ(load(with({files.write("both.pem", both), ""})), "");
}

TEST_F(TlsContextTest, NoCertificate) {
    EXPECT_EQ(load({}), "ssl_certfile: expected a file, got none");
}

TEST_F(TlsContextTest, FilesThatCannotBeRead) {
    const std::string none = files.path("none.pem");
    EXPECT_EQ(load(with({none, good.keyfile})), "ssl_certfile: can't read '" + none + "': No such file or directory");
    EXPECT_EQ(load(with({good.certfile, none})), "ssl_keyfile: can't read '" + none + "': No such file or directory");
    TlsOptions options = with(good);
    options.ca_certs = none;
    EXPECT_EQ(load(options), "ssl_ca_certs: can't read '" + none + "': No such file or directory");
}

TEST_F(TlsContextTest, OnlyRegularFilesAreOpened) {
    const std::string fifo = files.path("fifo");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);  // to open it would take a writer
    const std::string folder = std::filesystem::path(fifo).parent_path().string();
    for (const std::string& file : {fifo, folder}) {
        const std::string fault = ": expected a regular file, got '" + file + "', which is none";
        EXPECT_EQ(load(with({file, good.keyfile})), "ssl_certfile" + fault);
        EXPECT_EQ(load(with({good.certfile, file})), "ssl_keyfile" + fault);
        TlsOptions options = with(good);
        options.ca_certs = file;
        EXPECT_EQ(load(options), "ssl_ca_certs" + fault);
    }
}

TEST_F(TlsContextTest, FilesThatHoldSomethingElse) {
    const std::string text = files.write("text.pem", "not a certificate\n");
    EXPECT_EQ(load(with({text, good.keyfile})),
              "ssl_certfile: expected a PEM certificate in '" + text + "', got: no start line");
    EXPECT_EQ(load(with({good.certfile, text})).rfind("ssl_keyfile: expected a PEM private key in '" + text, 0), 0U);
    const std::string alone = load(with({good.certfile, ""}));
    EXPECT_EQ(alone.rfind("ssl_certfile: expected a PEM private key in '" + good.certfile, 0), 0U) << alone;
    EXPECT_NE(alone.find("; is it in another file (ssl_keyfile)?"), std::string::npos) << alone;
    TlsOptions options = with(good);
    options.ca_certs = text;
    EXPECT_EQ(load(options).rfind("ssl_ca_certs: expected PEM certificates in '" + text + "', got: ", 0), 0U);
}

TEST_F(TlsContextTest, AKeyOfAnotherCertificate) {
    const auto other = files.make("other", "localhost");
    EXPECT_EQ(load(with({good.certfile, other.keyfile})), "ssl_keyfile: the key in '" + other.keyfile +
                                                              "' does not belong to the certificate in '" +
                                                              good.certfile + "'");
}

TEST_F(TlsContextTest, AnEncryptedKeyNeedsItsPassword) {
    const auto locked = files.make("locked", "localhost", "open sesame");
    TlsOptions options = with(locked);
    EXPECT_EQ(load(options), "ssl_keyfile: the key in '" + locked.keyfile + "' is encrypted: set ssl_keyfile_password");
    options.keyfile_password = "wrong";
    EXPECT_EQ(load(options), "ssl_keyfile_password: the password does not open the key in '" + locked.keyfile + "'");
    options.keyfile_password = "open sesame";
    EXPECT_EQ(load(options), "");
}

TEST_F(TlsContextTest, Ciphers) {
    TlsOptions options = with(good);
    options.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
    EXPECT_EQ(load(options), "");
    options.ciphers = "nonsense";
    EXPECT_EQ(load(options), "ssl_ciphers: expected ciphers of TLS 1.2 in OpenSSL's notation, got 'nonsense'");
}

TEST_F(TlsContextTest, ClientCertificatesNeedAuthorities) {
    TlsOptions options = with(good);
    options.client_certificate = TlsOptions::ClientCertificate::required;
    EXPECT_EQ(load(options), "ssl_cert_reqs: expected ssl_ca_certs, the authorities to check clients by, got none");
    options.ca_certs = good.certfile;
    EXPECT_EQ(load(options), "");
}

TEST_F(TlsContextTest, HandshakesHaveAShareOfEachTurn) {
    const auto context = TlsContext::load(with(good));
    ASSERT_TRUE(context);
    EXPECT_TRUE((*context)->may_shake_hands(1));
    (*context)->count_handshake(std::chrono::seconds(1));
    EXPECT_FALSE((*context)->may_shake_hands(1));
    EXPECT_TRUE((*context)->may_shake_hands(2));
}

}  // namespace
}  // namespace proapi::net
