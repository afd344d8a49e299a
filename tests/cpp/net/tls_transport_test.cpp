// What TLS adds to a transport: the handshake, certificates, the end that cannot be forged, and peers that misuse it.
#include "net/tls_transport.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <array>
#include <functional>

#include "net/memory_transport.hpp"
#include "tests/cpp/tls_files.hpp"
#include "transport_recorder.hpp"

namespace proapi::net {
namespace {

class TlsTransportTest : public ::testing::Test {
protected:
    TlsTransportTest() { options.certificates.push_back(files.make("server", "localhost")); }

    // Our server over memory; `theirs` is the lower transport of its client, if the test does not use TLS itself.
    void start_server() {
        auto [first, second] = MemoryTransport::make_pair(reactor);
        lower = first.get();
        their_lower = second.get();
        theirs = std::move(second);
        const auto loaded = TlsContext::load(options);
        ASSERT_TRUE(loaded) << loaded.error();
        context = *loaded;
        ours = std::make_unique<TlsTransport>(reactor, std::move(first), context, context->make_session(), "HTTP/1.1");
        ours->start(our_handler);
        ours->start_reading();
    }
    void start_client() {
        TlsContext::Session session = make_client(client_context.get());
        client = session.get();
        if (client_setup) client_setup(client);
        theirs = std::make_unique<TlsTransport>(reactor, std::move(theirs), context, std::move(session));
        theirs->start(their_handler);
        theirs->start_reading();
    }
    void connect() {
        start_server();
        start_client();
        turn_until([&] { return ours->is_established() && theirs->is_established(); });
        turn_twice();
    }
    void turn_until(const std::function<bool()>& done) {
        for (int turns = 0; !done(); ++turns) {
            ASSERT_LT(turns, 10'000);
            reactor.turn(Duration(5000));
        }
    }
    void turn_twice() {
        reactor.turn(Duration(0));
        reactor.turn(Duration(0));
    }
    static WriteResult write(Transport& transport, std::string_view text) {
        const base::Bytes octets = base::as_bytes(text);
        return transport.write({&octets, 1});
    }
    // Writes all of it, as the lower transport makes room.
    void write_all(std::string_view text) {
        while (!text.empty()) {
            const WriteResult result = write(*ours, text);
            ASSERT_EQ(result.error, 0);
            text.remove_prefix(result.written);
            if (result.state != WriteResult::State::pending) continue;
            turn_until([&] { return our_handler.written > 0; });
            text.remove_prefix(std::exchange(our_handler.written, 0));
        }
    }
    // The common name of the certificate that the client got.
    [[nodiscard]] std::string server_name() const {
        const Certificate certificate(SSL_get1_peer_certificate(client), &X509_free);
        char name[64] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
        return name;
    }

    const TlsFiles files;
    TlsOptions options;
    const ClientContext client_context = make_client_context();
    std::function<void(SSL*)> client_setup;
    Reactor reactor;
    TransportRecorder our_handler, their_handler;
    std::shared_ptr<TlsContext> context;
    std::unique_ptr<Transport> ours, theirs;
    MemoryTransport *lower = nullptr, *their_lower = nullptr;
    SSL* client = nullptr;
};

TEST_F(TlsTransportTest, WhatIsWrittenBeforeTheHandshakeFollowsIt) {
    start_server();
    EXPECT_EQ(write(*ours, "early").state, WriteResult::State::pending);
    const base::Bytes octets = base::as_bytes("early");
    EXPECT_EQ(ours->write_at_once({&octets, 1}), 0U);
    EXPECT_FALSE(ours->is_established());
    start_client();
    turn_until([&] { return their_handler.received == "early"; });
    turn_until([&] { return our_handler.written == 5; });
    EXPECT_FALSE(ours->is_writing());
}

TEST_F(TlsTransportTest, SpeaksBothVersions) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        client_setup = [&](SSL* session) {
            SSL_set_min_proto_version(session, version);
            SSL_set_max_proto_version(session, version);
        };
        connect();
        EXPECT_EQ(SSL_version(client), version);
        ASSERT_EQ(write(*ours, "hello").written, 5U);
        turn_until([&] { return their_handler.received == "hello"; });
        their_handler.received.clear();
    }
}

TEST_F(TlsTransportTest, RefusesOldVersions) {
    client_setup = [](SSL* session) {
        SSL_set_security_level(session, 0);
        SSL_set_min_proto_version(session, TLS1_VERSION);
        SSL_set_max_proto_version(session, TLS1_1_VERSION);
    };
    start_server();
    start_client();
    turn_until([&] { return our_handler.ends > 0 && their_handler.ends > 0; });
    EXPECT_EQ(our_handler.end_error, EPROTO);
    EXPECT_EQ(ours->failure(), "TLS: unsupported protocol");
    EXPECT_EQ(theirs->failure(), "TLS: tlsv1 alert protocol version") << "the alert arrives";
}

TEST_F(TlsTransportTest, EveryCutOfTheOctetsIsTheSame) {
    start_server();
    lower->set_behaviour({.max_read_bytes = 1});
    start_client();
    turn_until([&] { return ours->is_established() && theirs->is_established(); });
    ASSERT_EQ(write(*theirs, "octet by octet").written, 14U);
    turn_until([&] { return our_handler.received == "octet by octet"; });
}

TEST_F(TlsTransportTest, TheLowerTransportExpectsAsMuch) {
    connect();
    for (const bool is_expected : {true, false}) {
        our_handler.received.clear();
        our_handler.after_read = [&] { ours->expect_much(is_expected); };
        ASSERT_EQ(write(*theirs, "hello").written, 5U);
        turn_until([&] { return our_handler.received == "hello"; });
        EXPECT_EQ(lower->expects_much(), is_expected);
    }
}

TEST_F(TlsTransportTest, ErrorsThatOthersLeaveInTheThreadAreNotOurs) {
    connect();
    lower->set_behaviour({.max_read_bytes = 1});  // so that OpenSSL asks for more, which is told apart from an error
    ERR_raise(ERR_LIB_USER, 1);
    ASSERT_EQ(write(*theirs, "hello").written, 5U);
    turn_until([&] { return our_handler.received == "hello" || our_handler.ends > 0; });
    EXPECT_EQ(ours->failure(), "");
}

// The lower transport has ended cleanly, so it reports the reset as a loss; for the handler, reading has not ended yet.
TEST_F(TlsTransportTest, AResetAfterTheEndOfTheLowerTransportIsAnEndOfReading) {
    start_server();
    ours->stop_reading();
    start_client();
    static_cast<void>(write(*theirs, "with the last octets of the handshake"));
    turn_until([&] { return ours->is_established() && ours->has_unread_octets(); });
    their_lower->shutdown_write();
    turn_twice();
    EXPECT_EQ(our_handler.finishes, 1);
    EXPECT_EQ(our_handler.ends, 0) << "octets come first";
    their_lower->close(Transport::CloseMode::reset);
    turn_twice();
    EXPECT_EQ(our_handler.ends, 1);
    EXPECT_EQ(our_handler.end_error, ECONNRESET);
    EXPECT_EQ(our_handler.lost_error, 0) << "a loss is found by a write, or after the end of reading";
    ours->start_reading();
    turn_twice();
    EXPECT_EQ(our_handler.received, "");
}

// A lower transport whose reads complete when the test says so.
class ScriptedTransport final : public Transport {
public:
    void deliver(std::string ciphertext) {
        handler().on_read({reinterpret_cast<std::uint8_t*>(ciphertext.data()), ciphertext.size()});
    }
    std::string sent;

    void start(TransportHandler& handler) override { set_handler(handler); }
    void start_reading() override { reading_ = true; }
    void stop_reading() noexcept override { reading_ = false; }
    [[nodiscard]] bool has_unread_octets() const noexcept override { return false; }
    [[nodiscard]] WriteResult write(std::span<const base::Bytes> pieces) override {
        return {.written = write_at_once(pieces)};
    }
    [[nodiscard]] std::size_t write_at_once(std::span<const base::Bytes> pieces) noexcept override {
        sent.append(base::as_text(pieces[0]));
        return pieces[0].size();
    }
    void shutdown_write() noexcept override {}
    [[nodiscard]] std::size_t undelivered_octets() const noexcept override { return 0; }
    [[nodiscard]] std::uint32_t delivered_octets() const noexcept override { return 0; }
    void set_delivery_timeout(Duration) noexcept override {}
    void close(CloseMode) noexcept override { is_open_ = false; }
    [[nodiscard]] bool is_open() const noexcept override { return is_open_; }

private:
    bool is_open_ = true;
};

TEST_F(TlsTransportTest, TheRestOfARecordForWhichThereWasNoRoomIsNotForgotten) {
    context = *TlsContext::load(options);
    auto owned = std::make_unique<ScriptedTransport>();
    ScriptedTransport& script = *owned;
    ours = std::make_unique<TlsTransport>(reactor, std::move(owned), context, context->make_session());
    ours->start(our_handler);
    ours->start_reading();
    const TlsContext::Session session = make_client(client_context.get());
    BIO *const in = BIO_new(BIO_s_mem()), *const out = BIO_new(BIO_s_mem());
    SSL_set_bio(session.get(), in, out);
    const auto take_output = [out] {
        char* data = nullptr;
        const auto size = static_cast<std::size_t>(BIO_get_mem_data(out, &data));
        std::string octets(data, size);
        static_cast<void>(BIO_reset(out));
        return octets;
    };
    while (SSL_do_handshake(session.get()) != 1 || !ours->is_established()) {
        script.deliver(take_output());
        const std::string answer = std::exchange(script.sent, {});
        ASSERT_EQ(BIO_write(in, answer.data(), static_cast<int>(answer.size())), static_cast<int>(answer.size()));
    }
    // One record that is not full, so that the last one of those below ends beyond the room.
    const std::size_t room = context->plain_buffer().size(), record = 16 * 1024;
    const std::string plain(room + record / 2, 'x');
    ASSERT_EQ(SSL_write(session.get(), plain.data(), static_cast<int>(record / 2)), static_cast<int>(record / 2));
    ASSERT_EQ(SSL_write(session.get(), plain.data(), static_cast<int>(room)), static_cast<int>(room));
    const std::string ciphertext = take_output();
    ours->stop_reading();
    script.deliver(ciphertext.substr(0, room / 2));  // was in progress
    ours->start_reading();
    script.deliver(ciphertext.substr(room / 2));
    our_handler.after_read = [&] { ours->stop_reading(); };
    turn_until([&] { return our_handler.reads == 1; });
    EXPECT_EQ(our_handler.received.size(), room);
    EXPECT_TRUE(ours->has_unread_octets());
    ours->start_reading();
    turn_twice();
    EXPECT_EQ(our_handler.received.size(), plain.size());
    EXPECT_FALSE(ours->has_unread_octets());
}

TEST_F(TlsTransportTest, WritesThatTheLowerTransportTakesInPieces) {
    connect();
    const std::string much(300'000, 'x');
    lower->set_behaviour({.send_buffer_bytes = 10'000, .max_write_bytes = 700});
    write_all(much);
    turn_until([&] { return their_handler.received.size() == much.size(); });
    EXPECT_EQ(their_handler.received, much);
    EXPECT_EQ(ours->undelivered_octets(), 0U);
}

// What write_at_once() has encrypted and not counted must be the beginning of the next write.
TEST_F(TlsTransportTest, AWriteAtOnceThatIsTakenInPartContinuesWithTheNext) {
    connect();
    std::string much;
    for (int i = 0; much.size() < 200'000; ++i) much += std::to_string(i) + ' ';
    lower->set_behaviour({.send_buffer_bytes = 50'000});
    their_lower->set_behaviour({.receive_buffer_bytes = 50'000});
    const std::array<base::Bytes, 3> pieces{base::as_bytes(much).first(3), base::as_bytes(much).subspan(3, 90'000),
                                            base::as_bytes(much).subspan(90'003)};
    const std::size_t sent = ours->write_at_once(pieces);
    EXPECT_GT(sent, 0U);
    EXPECT_LT(sent, much.size());
    write_all(std::string_view(much).substr(sent));
    turn_until([&] { return their_handler.received.size() == much.size(); });
    EXPECT_TRUE(their_handler.received == much);
}

TEST_F(TlsTransportTest, WritesTogetherAreReportedWhenTheirOctetsAreTaken) {
    connect();
    lower->set_behaviour({.writes = MemoryBehaviour::Writes::together});
    EXPECT_EQ(write(*ours, "together").state, WriteResult::State::together);
    EXPECT_TRUE(ours->is_writing());
    turn_until([&] { return !our_handler.done.empty(); });
    EXPECT_EQ(our_handler.done.front().written, 8U);
    EXPECT_EQ(our_handler.done.front().state, WriteResult::State::done);
    EXPECT_FALSE(ours->is_writing());
    turn_until([&] { return their_handler.received == "together"; });
}

TEST_F(TlsTransportTest, AnEndWithoutGoodbyeIsAnError) {
    connect();
    ASSERT_EQ(write(*theirs, "a message").written, 9U);
    their_lower->shutdown_write();
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.received, "a message");
    EXPECT_EQ(our_handler.end_error, ECONNRESET);
    EXPECT_EQ(ours->failure(), "");
}

TEST_F(TlsTransportTest, AnOrderlyCloseSaysGoodbye) {
    connect();
    ours->close(Transport::CloseMode::orderly);
    turn_until([&] { return their_handler.ends > 0; });
    EXPECT_EQ(their_handler.end_error, 0);
}

TEST_F(TlsTransportTest, APeerThatLeavesInTheHandshakeIsAnErrorWithoutALine) {
    start_server();
    theirs->close(Transport::CloseMode::orderly);
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.end_error, ECONNRESET);
    EXPECT_EQ(ours->failure(), "");
}

TEST_F(TlsTransportTest, APlainRequestGetsThePlainReply) {
    start_server();
    theirs->start(their_handler);
    theirs->start_reading();
    ASSERT_GT(write(*theirs, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").written, 0U);
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_NE(ours->failure().find("https://"), std::string_view::npos) << ours->failure();
    turn_until([&] { return their_handler.received.starts_with("HTTP/1.1"); });
}

TEST_F(TlsTransportTest, RubbishFailsWithAnAlert) {
    start_server();
    theirs->start(their_handler);
    theirs->start_reading();
    ASSERT_GT(write(*theirs, "\x16\x03\x01\xff\xff rubbish").written, 0U);
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.end_error, EPROTO);
    EXPECT_EQ(ours->failure().substr(0, 5), "TLS: ");
    turn_until([&] { return their_handler.ends > 0; });
    ASSERT_FALSE(their_handler.received.empty());
    EXPECT_EQ(their_handler.received[0], 21) << "an alert (RFC 8446 section 5.1)";
    EXPECT_EQ(write(*ours, "x").error, EPIPE);
}

TEST_F(TlsTransportTest, ARecordThatWasChangedFails) {
    connect();
    const std::string forged = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
    // Through the lower transport of the client: what somebody between the two ends could send.
    ASSERT_EQ(write(*their_lower, forged).written, forged.size());
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(our_handler.end_error, EPROTO);
    EXPECT_EQ(our_handler.received, "");
}

TEST_F(TlsTransportTest, AFewKeyUpdatesAreAnsweredAndAFloodIsNot) {
    connect();
    for (int i = 0; i < 16; ++i) {
        ASSERT_EQ(SSL_key_update(client, SSL_KEY_UPDATE_REQUESTED), 1);
        ASSERT_EQ(write(*theirs, "x").written, 1U);
        turn_until([&] { return our_handler.received.size() == static_cast<std::size_t>(i) + 1; });
    }
    ASSERT_EQ(write(*ours, "with new keys").written, 13U);
    turn_until([&] { return their_handler.received == "with new keys"; });
    for (int i = 0; i < 64 && our_handler.ends == 0; ++i) {
        SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED);
        static_cast<void>(write(*theirs, "x"));
        turn_twice();
    }
    EXPECT_EQ(our_handler.end_error, EPROTO);
    EXPECT_EQ(ours->failure(), "TLS: the peer changes its keys too often");
}

TEST_F(TlsTransportTest, HandshakesWaitForTheirShareOfATurn) {
    start_server();
    start_client();
    int turns = 0;
    while (!ours->is_established()) {
        ASSERT_LT(++turns, 100);
        // As if other handshakes had used up this turn and every second one.
        if (turns % 2 == 1 && context->may_shake_hands(reactor.turn_number() + 1))
            context->count_handshake(std::chrono::seconds(1));
        reactor.turn(Duration(0));
        EXPECT_FALSE(turns % 2 == 1 && ours->is_established());
    }
    EXPECT_FALSE(ours->has_unread_octets());
}

TEST_F(TlsTransportTest, TheHostThatIsAskedForSelectsTheCertificate) {
    options.certificates.push_back(files.make("example", "*.example.org"));
    for (const auto& [host, name] : {std::pair<const char*, const char*>{"chat.example.org", "example"},
                                     {"localhost", "server"},
                                     {"unknown.test", "server"},
                                     {nullptr, "server"}}) {
        client_setup = [host = host](SSL* session) {
            if (host) SSL_set_tlsext_host_name(session, host);
        };
        connect();
        EXPECT_EQ(server_name(), name) << (host ? host : "no host");
    }
}

TEST_F(TlsTransportTest, SelectsHttp1OfTheProtocols) {
    client_setup = [](SSL* session) {
        const unsigned char offered[] = "\x02h2\x08http/1.1";
        SSL_set_alpn_protos(session, offered, sizeof offered - 1);
    };
    connect();
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client, &chosen, &size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
    client_setup = [](SSL* session) {
        const unsigned char offered[] = "\x02h2";
        SSL_set_alpn_protos(session, offered, sizeof offered - 1);
    };
    start_server();
    start_client();
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(ours->failure(), "TLS: no application protocol");
}

TEST_F(TlsTransportTest, ResumesASessionWithATicket) {
    connect();
    ASSERT_EQ(write(*ours, "ticket").written, 6U);
    turn_until([&] { return their_handler.received == "ticket"; });
    const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> kept(SSL_SESSION_dup(SSL_get0_session(client)),
                                                                         &SSL_SESSION_free);
    client_setup = [&](SSL* session) { SSL_set_session(session, kept.get()); };
    connect();
    EXPECT_EQ(SSL_session_reused(client), 1) << "another context of the process has the same keys";
    options.certificates.front() = files.make("another", "localhost");
    connect();
    EXPECT_EQ(SSL_session_reused(client), 0) << "another server";
}

TEST_F(TlsTransportTest, CertificatesOfClients) {
    const auto known = files.make("client", "client"), stranger = files.make("stranger", "stranger");
    options.ca_certs = known.certfile;
    options.client_certificate = TlsOptions::ClientCertificate::optional;
    connect();
    EXPECT_EQ(ours->client_certificate(), nullptr);
    client_setup = [&](SSL* session) {
        SSL_use_certificate_file(session, known.certfile.c_str(), SSL_FILETYPE_PEM);
        SSL_use_PrivateKey_file(session, known.keyfile.c_str(), SSL_FILETYPE_PEM);
    };
    connect();
    std::ifstream file(known.certfile);
    ASSERT_NE(ours->client_certificate(), nullptr);
    EXPECT_EQ(*ours->client_certificate(), std::string(std::istreambuf_iterator<char>(file), {}));
    client_setup = [&](SSL* session) {
        SSL_use_certificate_file(session, stranger.certfile.c_str(), SSL_FILETYPE_PEM);
        SSL_use_PrivateKey_file(session, stranger.keyfile.c_str(), SSL_FILETYPE_PEM);
    };
    start_server();
    start_client();
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(ours->failure(), "TLS: the client's certificate is not accepted: self-signed certificate");
    client_setup = nullptr;
    options.client_certificate = TlsOptions::ClientCertificate::required;
    our_handler = {};
    start_server();
    start_client();
    turn_until([&] { return our_handler.ends > 0; });
    EXPECT_EQ(ours->failure(), "TLS: peer did not return a certificate");
}

// Wherever the connection is lost, the handler hears of it, and nothing is used afterwards.
TEST_F(TlsTransportTest, EveryOperationMayFail) {
    for (std::size_t operations = 0;; ++operations) {
        MemoryFailure failure{.after_operations = operations, .error = ECONNRESET};
        our_handler = their_handler = {};
        start_server();
        lower->set_failure(&failure);
        start_client();
        for (int turns = 0; turns < 20 && !ours->is_established(); ++turns) reactor.turn(Duration(0));
        if (ours->is_established()) {
            static_cast<void>(write(*ours, "one"));
            static_cast<void>(write(*theirs, "two"));
            turn_twice();
            ours->shutdown_write();
            turn_twice();
        }
        if (!failure.has_come) break;
        EXPECT_TRUE(our_handler.ends > 0 || our_handler.lost_error != 0 || our_handler.received == "two") << operations;
    }
}

}  // namespace
}  // namespace proapi::net
