// A file as the body of a response, sent in parts over a connection in memory: no more than the output has room for,
// whatever the transport takes. If the file has become shorter, the end shows it. Slow disks: slow_file_test.cpp.
#include "server/file_sender.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "every_failure.hpp"
#include "fake_protocol.hpp"
#include "tests/cpp/http/coded_text.hpp"
#include "tests/cpp/service/fake_carrier.hpp"

namespace proapi::server::test {
namespace {

// Returns an open file without a name.
[[nodiscard]] base::Descriptor file_with(std::string_view content) {
    std::string name = ::testing::TempDir() + "file_sender_test.XXXXXX";
    base::Descriptor file(::mkstemp(name.data()));
    EXPECT_TRUE(file);
    ::unlink(name.c_str());
    EXPECT_EQ(::write(file.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
    return file;
}

[[nodiscard]] std::string content_of(std::size_t size) {
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>('a' + i % 23);
    return content;
}

// The content of chunks without the last one, which the sender leaves to its session.
[[nodiscard]] std::string without_chunks(std::string_view octets) {
    std::string content;
    while (!octets.empty()) {
        const std::size_t size = std::stoul(std::string(octets.substr(0, octets.find('\r'))), nullptr, 16);
        octets.remove_prefix(octets.find('\n') + 1);
        content += octets.substr(0, size);
        octets.remove_prefix(size + 2);
    }
    return content;
}

class FileSenderTest : public ::testing::Test {
protected:
    void start(service::FileBody file) {
        sender = FileSender::make(*fake.connection);
        ASSERT_TRUE(sender);
        const http::ResponseHead head{.status = 200,
                                      .headers = {},
                                      .content_length = file.encoded_by ? std::nullopt : std::optional(file.length)};
        sender->start(std::move(file), http::BodyEncoder(head));
        progress = FileSender::Progress::sending;
        fake.fake->at_turn_end = [this] { progress = sender->pump(); };
        fake.connection->flush_soon();
    }
    // Like HttpSession: each write that makes room asks for more.
    [[nodiscard]] bool becomes(FileSender::Progress expected) {
        return served.turn_until([&] {
            if (!fake.is_gone()) fake.connection->flush_soon();
            return progress == expected;
        });
    }

    MemoryServer served;
    FakeConnection fake{served};
    std::unique_ptr<FileSender> sender;
    FileSender::Progress progress = FileSender::Progress::sending;
};

TEST_F(FileSenderTest, SendsAFileWhole) {
    const std::string content = content_of(300'000);
    start({.file = file_with(content), .offset = 0, .length = content.size()});
    EXPECT_TRUE(becomes(FileSender::Progress::sent));
    served.turns();
    EXPECT_TRUE(fake.client->received() == content);
}

TEST_F(FileSenderTest, SendsAPart) {
    const std::string content = content_of(200'000);
    start({.file = file_with(content), .offset = 1'000, .length = 150'000});
    EXPECT_TRUE(becomes(FileSender::Progress::sent));
    served.turns();
    EXPECT_TRUE(fake.client->received() == content.substr(1'000, 150'000));
}

TEST_F(FileSenderTest, CompressesPartAfterPartInChunks) {
    const std::string content = content_of(700'000);
    service::test::FakeCarrier carrier;
    const auto exchange = carrier.open(service::test::request_of("GET", "/", {{"Accept-Encoding", "gzip"}}));
    exchange->compress_from(0);
    EXPECT_TRUE(exchange->respond_with_file(200, {{"Content-Type", "text/plain"}},
                                            {.file = file_with(content), .offset = 0, .length = content.size()}));
    ASSERT_TRUE(carrier.file && carrier.file->encoded_by);
    start(*std::move(carrier.file));
    EXPECT_EQ(sender->pump(), FileSender::Progress::sending) << "a few parts a turn, however small they become";
    EXPECT_TRUE(becomes(FileSender::Progress::sent));
    served.turns();
    const std::string octets = without_chunks(fake.client->received());
    EXPECT_LT(octets.size(), content.size() / 10);
    EXPECT_TRUE(http::test::decoded(*http::make_decoder(http::ContentCoding::gzip), octets).text == content);
}

TEST_F(FileSenderTest, ReadsNoMoreThanTheOutputHasRoomFor) {
    fake.client->transport().set_behaviour({.receive_buffer_bytes = 0});
    const std::string content = content_of(2'000'000);
    start({.file = file_with(content), .offset = 0, .length = content.size()});
    for (int i = 0; i < 20; ++i) {
        fake.connection->flush_soon();
        served.turns();
    }
    EXPECT_FALSE(sender->is_reading());
    EXPECT_LT(fake.fake->output().size_bytes(), served.site.settings.high_water + 64 * 1024);
    fake.client->transport().set_behaviour({});
    EXPECT_TRUE(becomes(FileSender::Progress::sent));
    served.turns();
    EXPECT_TRUE(fake.client->received() == content);
}

TEST_F(FileSenderTest, AFileThatHasBecomeShorterFails) {
    const std::string content = content_of(1'000);
    start({.file = file_with(content), .offset = 0, .length = 2'000});
    EXPECT_TRUE(becomes(FileSender::Progress::failed));
    served.turns();
    EXPECT_TRUE(content.starts_with(fake.client->received()));
}

TEST_F(FileSenderTest, WhatCanNotBeReadFailsAndIsLogged) {
    start({.file = base::Descriptor(::dup(served.reactor.descriptor())), .offset = 0, .length = 10});
    EXPECT_TRUE(becomes(FileSender::Progress::failed));
    EXPECT_TRUE(served.log.has("a file was cut"));
}

TEST_F(FileSenderTest, BeforeItIsStartedItWaits) {
    sender = FileSender::make(*fake.connection);
    ASSERT_TRUE(sender);
    EXPECT_EQ(sender->pump(), FileSender::Progress::sending);
    EXPECT_FALSE(sender->is_reading());
}

TEST_F(FileSenderTest, ItsFileCountsAsADescriptor) {
    const std::string before = served.server->limit()->describe();
    EXPECT_NE(before.find(" and 0 files"), std::string::npos) << before;
    start({.file = file_with("content"), .offset = 0, .length = 7});
    EXPECT_NE(served.server->limit()->describe().find(" and 1 files"), std::string::npos);
    EXPECT_TRUE(becomes(FileSender::Progress::sent));
    fake.fake->at_turn_end = nullptr;
    sender.reset();
    EXPECT_TRUE(served.turn_until([&] { return served.server->limit()->describe() == before; }));
}

TEST_F(FileSenderTest, MayGoWhileItsConnectionIsGone) {
    start({.file = file_with(content_of(300'000)), .offset = 0, .length = 300'000});
    fake.client->transport().close(net::Transport::CloseMode::reset);
    served.turns();
    EXPECT_TRUE(fake.is_gone());
    sender.reset();
    EXPECT_TRUE(served.turn_until(
        [&] { return served.server->limit()->describe().find(" and 0 files") != std::string::npos; }));
}

// ---- as a response ------------------------------------------------------------------------------------------------

// Each failure releases the file, and the client sees no more than its beginning.
TEST(FileSenderFailures, EachEndsTheResponse) {
    const std::string content = content_of(200'000);
    for (const net::MemoryBehaviour& behaviour :
         {net::MemoryBehaviour{}, net::MemoryBehaviour{.max_write_bytes = 30'000},
          net::MemoryBehaviour{.send_buffer_bytes = 50'000}}) {
        const std::size_t operations = for_each_failure([&](net::MemoryFailure& failure) {
            MemoryServer served;
            served.application.answer = [&](service::Exchange& exchange) {
                EXPECT_TRUE(exchange.respond_with_file(
                    200, {}, {.file = file_with(content), .offset = 0, .length = content.size()}));
            };
            const auto client = served.connect(behaviour, &failure);
            client->transport().set_behaviour({.receive_buffer_bytes = 20'000});
            client->send(request("GET /echo/file", "Connection: close\r\n"));
            EXPECT_TRUE(served.turn_until([&] { return client->has_ended(); }));
            const std::string all = client->received();
            const std::size_t body = std::min(all.find("\r\n\r\n") + 4, all.size());
            if (failure.has_come) {
                EXPECT_TRUE(all.empty() || content.starts_with(all.substr(body)));
                EXPECT_EQ(client->end_error(), ECONNRESET);
                EXPECT_EQ(served.open(), 0U);
            } else {
                EXPECT_TRUE(all.ends_with("\r\n\r\n" + content));
                EXPECT_EQ(client->end_error(), 0);
            }
            EXPECT_TRUE(served.turn_until(
                [&] { return served.server->limit()->describe().find(" and 0 files") != std::string::npos; }));
        });
        EXPECT_GT(operations, 3U);
    }
}

}  // namespace
}  // namespace proapi::server::test
