// Certificates are loaded again on request and when their files change; bad ones leave the old ones in use.
#include "server/certificates.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

#include "memory_server.hpp"
#include "tests/cpp/tls_files.hpp"

namespace proapi::server::test {
namespace {

class CertificatesTest : public ::testing::Test {
protected:
    CertificatesTest() { options.certificates.push_back(files.make("server", "localhost")); }

    // Puts a certificate and its key in the place of those in use, one after the other.
    void replace_by(const std::string& name) {
        const auto fresh = files.make(name, "localhost");
        std::filesystem::rename(fresh.certfile, options.certificates[0].certfile);
        std::filesystem::rename(fresh.keyfile, options.certificates[0].keyfile);
    }
    void turn_until_logged(std::size_t lines) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (log.lines.size() < lines && std::chrono::steady_clock::now() < end) reactor.turn(net::Duration(5000));
        ASSERT_EQ(log.lines.size(), lines);
    }

    const net::TlsFiles files;
    net::TlsOptions options;
    net::Reactor reactor;
    CollectedLog log;
};

TEST_F(CertificatesTest, WrongFilesAreAnErrorAtFirst) {
    options.certificates[0].keyfile = "/nowhere/key.pem";
    try {
        const Certificates certificates(reactor, log, options, net::Duration(20));
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "ssl_keyfile: can't read '/nowhere/key.pem': No such file or directory");
    }
}

TEST_F(CertificatesTest, AreReloadedOnRequest) {
    Certificates certificates(reactor, log, options, net::Duration(20));
    const auto before = certificates.context();
    certificates.reload();
    EXPECT_NE(certificates.context(), before);
    ASSERT_EQ(log.lines.size(), 1U);
    EXPECT_EQ(log.lines[0], "the certificates were reloaded");
}

TEST_F(CertificatesTest, AreReloadedOnceTheirFilesHaveChanged) {
    Certificates certificates(reactor, log, options, net::Duration(20));
    const auto before = certificates.context();
    replace_by("renewed");
    turn_until_logged(1);
    EXPECT_EQ(log.lines[0], "the certificates were reloaded");
    EXPECT_NE(certificates.context(), before);
}

TEST_F(CertificatesTest, BadOnesLeaveTheOldOnesInUse) {
    Certificates certificates(reactor, log, options, net::Duration(20));
    const auto before = certificates.context();
    files.write("server.pem", "rubbish");
    turn_until_logged(1);
    EXPECT_EQ(log.lines[0].rfind("the certificates were not reloaded, the old ones stay in use: ssl_certfile: ", 0), 0U)
        << log.lines[0];
    EXPECT_EQ(certificates.context(), before);
    replace_by("mended");
    turn_until_logged(2);
    EXPECT_EQ(log.lines[1], "the certificates were reloaded");
}

TEST_F(CertificatesTest, AFileThatIsGoneLeavesTheOldOnesInUse) {
    Certificates certificates(reactor, log, options, net::Duration(20));
    std::filesystem::remove(options.certificates[0].certfile);
    turn_until_logged(1);
    EXPECT_NE(log.lines[0].find("No such file or directory"), std::string::npos) << log.lines[0];
}

}  // namespace
}  // namespace proapi::server::test
