// A request and its response without a socket: the order of their parts in both directions.
#include "service/exchange.hpp"

#include <gtest/gtest.h>

#include "tests/cpp/http/coded_text.hpp"
#include "tests/cpp/service/fake_carrier.hpp"

namespace proapi::service {
namespace {

using test::FakeCarrier;
using test::request_of;
using test::Waiting;

constexpr auto has_body = Exchange::Body::waiting;

class ExchangeTest : public testing::Test {
protected:
    FakeCarrier carrier;
};

TEST_F(ExchangeTest, AWholeResponseHasItsLength) {
    const auto exchange = carrier.open(request_of("GET", "/"));
    EXPECT_TRUE(exchange->respond(201, {{"X-One", "1"}}, "four"));
    EXPECT_EQ(carrier.status, 201);
    EXPECT_EQ(carrier.content_length, 4U);
    EXPECT_EQ(carrier.body, "four");
    EXPECT_TRUE(carrier.finished);
    EXPECT_TRUE(exchange->is_finished());
}

TEST_F(ExchangeTest, ToHeadTheBodyIsLeftOut) {
    const auto exchange = carrier.open(request_of("HEAD", "/"));
    EXPECT_TRUE(exchange->respond(200, {}, "four"));
    EXPECT_EQ(carrier.content_length, 4U);
    EXPECT_FALSE(carrier.has_body);
    EXPECT_EQ(carrier.body, "");
}

TEST_F(ExchangeTest, StatusesWithoutABodyGetNone) {
    const auto exchange = carrier.open(request_of("GET", "/"));
    EXPECT_TRUE(exchange->start(204, {}, std::nullopt));
    EXPECT_TRUE(exchange->write(base::as_bytes("lost")));
    EXPECT_TRUE(exchange->finish());
    EXPECT_FALSE(exchange->has_body());
    EXPECT_EQ(carrier.body, "");
}

TEST_F(ExchangeTest, PartsGoBetweenTheStartAndTheEnd) {
    const auto exchange = carrier.open(request_of("GET", "/"));
    EXPECT_EQ(exchange->write(base::as_bytes("x")).error().kind(), ErrorKind::state);
    EXPECT_EQ(exchange->finish().error().kind(), ErrorKind::state);
    EXPECT_TRUE(exchange->start(200, {}, std::nullopt));
    EXPECT_EQ(exchange->start(200, {}, std::nullopt).error().kind(), ErrorKind::state);
    EXPECT_TRUE(exchange->is_endless());
    EXPECT_TRUE(exchange->write(base::as_bytes("x")));
    EXPECT_TRUE(exchange->finish());
    EXPECT_EQ(exchange->write(base::as_bytes("x")).error().kind(), ErrorKind::state);
    EXPECT_EQ(carrier.body, "x");
}

TEST_F(ExchangeTest, AnAnnouncedLengthIsKept) {
    const auto exchange = carrier.open(request_of("GET", "/"));
    EXPECT_TRUE(exchange->start(200, {}, 3));
    EXPECT_NE(exchange->write(base::as_bytes("four")).error().text.find("3 octets were left, got 4"),
              std::string::npos);
    EXPECT_TRUE(exchange->write(base::as_bytes("on")));
    EXPECT_NE(exchange->finish().error().text.find("shorter than the Content-Length by 1"), std::string::npos);
    EXPECT_TRUE(exchange->write(base::as_bytes("e")));
    EXPECT_TRUE(exchange->finish());
    EXPECT_EQ(carrier.body, "one");
}

TEST_F(ExchangeTest, AboveHighWaterAWriterWaitsUntilItIsDrained) {
    const auto exchange = carrier.open(request_of("GET", "/"));
    EXPECT_TRUE(exchange->start(200, {}, std::nullopt));
    EXPECT_EQ(*exchange->write(base::as_bytes(std::string(65, 'x'))), SendOutcome::full);
    Waiting waiter;
    exchange->wait_drained(waiter);
    carrier.buffered = 17;
    exchange->on_drained();
    EXPECT_EQ(waiter.calls, 0);
    carrier.buffered = 16;
    exchange->on_drained();
    EXPECT_EQ(waiter.calls, 1);
}

TEST_F(ExchangeTest, AfterTheClientsEndNothingIsSentAndWaitersAreWoken) {
    const auto exchange = carrier.open(request_of("GET", "/"));
    EXPECT_TRUE(exchange->start(200, {}, std::nullopt));
    Waiting drained, ended;
    exchange->wait_drained(drained);
    exchange->wait_end(ended);
    exchange->on_end();
    EXPECT_EQ(drained.calls, 1);
    EXPECT_EQ(ended.calls, 1);
    EXPECT_EQ(*exchange->write(base::as_bytes("x")), SendOutcome::ended);
    EXPECT_TRUE(exchange->finish());
    EXPECT_FALSE(carrier.finished);
}

TEST_F(ExchangeTest, AFailureIsA500OrACut) {
    const auto whole = carrier.open(request_of("GET", "/"));
    whole->fail();
    EXPECT_EQ(carrier.status, 500);
    EXPECT_EQ(carrier.body, "Internal Server Error\n");
    whole->fail();
    EXPECT_FALSE(carrier.aborted);
    FakeCarrier other;
    const auto begun = other.open(request_of("GET", "/"));
    EXPECT_TRUE(begun->start(200, {}, std::nullopt));
    begun->fail();
    EXPECT_TRUE(other.aborted);
    EXPECT_FALSE(other.finished);
}

TEST_F(ExchangeTest, ARefusalIsALineOfText) {
    const auto exchange = carrier.open(request_of("GET", "/"));
    exchange->refuse(Refusal::stopping, {{"Retry-After", "1"}});
    EXPECT_EQ(carrier.status, 503);
    EXPECT_EQ(carrier.body, "The server is stopping.\n");
    EXPECT_EQ(carrier.headers.get("Retry-After"), "1");
    EXPECT_EQ(carrier.headers.get("Content-Type"), "text/plain; charset=utf-8");
    exchange->refuse(Refusal::not_found);
    EXPECT_EQ(carrier.status, 503) << "the first response stays";
}

TEST_F(ExchangeTest, AFileEndsTheResponse) {
    const auto exchange = carrier.open(request_of("GET", "/"));
    EXPECT_TRUE(exchange->respond_with_file(200, {}, {base::Descriptor(), 2, 5}));
    ASSERT_TRUE(carrier.file);
    EXPECT_EQ(carrier.file->offset, 2U);
    EXPECT_EQ(carrier.content_length, 5U);
    EXPECT_TRUE(exchange->is_finished());
}

TEST_F(ExchangeTest, NothingOfAFileIsReadForHead) {
    const auto exchange = carrier.open(request_of("HEAD", "/"));
    EXPECT_TRUE(exchange->respond_with_file(200, {}, {base::Descriptor(), 0, 5}));
    EXPECT_FALSE(carrier.file);
    EXPECT_EQ(carrier.content_length, 5U);
    EXPECT_TRUE(carrier.finished);
}

TEST_F(ExchangeTest, WithoutADescriptorAFileIsUnavailable) {
    carrier.has_file = false;
    const auto exchange = carrier.open(request_of("GET", "/"));
    EXPECT_TRUE(exchange->respond_with_file(200, {}, {base::Descriptor(), 0, 5}));
    EXPECT_EQ(carrier.status, 503);
    EXPECT_EQ(carrier.headers.get("Retry-After"), "1");
}

// ---- the request's body -----------------------------------------------------------------------------------------

struct Collector final : BodyListener {
    void on_body_collected(Exchange& exchange) override { body = exchange.body(); }
    std::optional<std::string> body;
};

TEST_F(ExchangeTest, ABodyIsAskedForOnce) {
    const auto exchange = carrier.open(request_of("POST", "/"), has_body);
    EXPECT_FALSE(exchange->is_body_whole());
    EXPECT_FALSE(exchange->wants_body());
    EXPECT_FALSE(carrier.body_limit);
    Collector collector;
    exchange->collect_body(collector, 100);
    EXPECT_EQ(carrier.body_limit, 100U);
    EXPECT_TRUE(exchange->wants_body());
    EXPECT_FALSE(collector.body);
    exchange->on_body_end("all of it");
    EXPECT_EQ(collector.body, "all of it");
    EXPECT_TRUE(exchange->is_body_whole());
    EXPECT_FALSE(exchange->wants_body());
}

TEST_F(ExchangeTest, ABodyThatFailsIsAnsweredForItsCollector) {
    const auto exchange = carrier.open(request_of("POST", "/"), has_body);
    Collector collector;
    exchange->collect_body(collector, 100);
    exchange->on_body_failed({408, "too slow"});
    EXPECT_FALSE(collector.body);
    EXPECT_EQ(carrier.status, 408);
    EXPECT_EQ(carrier.body, "too slow\n");
    EXPECT_TRUE(carrier.ends_connection);
}

TEST_F(ExchangeTest, ABodyThatIsAnnouncedTooLongFailsAtOnce) {
    carrier.announced_refusal = RefusalText{413, "too long"};
    const auto exchange = carrier.open(request_of("POST", "/"), has_body);
    Collector collector;
    exchange->collect_body(collector, 100);
    EXPECT_EQ(carrier.status, 413);
}

TEST_F(ExchangeTest, ABodyComesInParts) {
    const auto exchange = carrier.open(request_of("POST", "/"), has_body);
    EXPECT_EQ(*exchange->read_body(), std::nullopt);
    Waiting waiter;
    exchange->wait_body(waiter);
    exchange->on_body("one ");
    exchange->on_body("two");
    EXPECT_EQ(waiter.calls, 1);
    EXPECT_EQ(*exchange->read_body(), "one two");
    exchange->wait_body(waiter);
    exchange->on_body_end("");
    EXPECT_EQ(waiter.calls, 2);
    EXPECT_EQ(*exchange->read_body(), std::nullopt);
    EXPECT_TRUE(exchange->is_body_whole());
}

TEST_F(ExchangeTest, AReaderKnowsWhetherItMustWait) {
    const auto exchange = carrier.open(request_of("POST", "/"), has_body);
    exchange->limit_body(100);
    EXPECT_EQ(carrier.body_limit, std::nullopt);
    EXPECT_TRUE(exchange->must_wait_for_body());
    EXPECT_EQ(carrier.body_limit, 100U) << "it has asked for the body";
    exchange->on_body("one");
    EXPECT_FALSE(exchange->must_wait_for_body());
    EXPECT_EQ(*exchange->read_body(), "one");
    EXPECT_TRUE(exchange->must_wait_for_body());
    exchange->on_end();
    EXPECT_FALSE(exchange->must_wait_for_body()) << "nothing more comes";
}

TEST_F(ExchangeTest, ABodyIsDecidedOnceItHasArrivedOrIsTooLong) {
    RequestInfo request = request_of("POST", "/");
    request.head.framing = http::BodyFraming::content_length;
    request.head.content_length = 10;
    const auto exchange = carrier.open(request, has_body);
    EXPECT_FALSE(exchange->is_body_decided(10));
    EXPECT_TRUE(exchange->is_body_decided(9));
    carrier.has_arrived = true;
    EXPECT_TRUE(exchange->is_body_decided(10));
    request.head.framing = http::BodyFraming::chunked;
    EXPECT_FALSE(carrier.open(request, has_body)->is_body_decided(10)) << "nobody knows where its end is";
}

TEST_F(ExchangeTest, WhatIsNotReadPausesTheCarrier) {
    const auto exchange = carrier.open(request_of("POST", "/"), has_body);
    EXPECT_TRUE(exchange->read_body());
    exchange->on_body(std::string(65, 'x'));
    EXPECT_FALSE(exchange->wants_body());
    EXPECT_EQ(carrier.resumed, 0);
    EXPECT_EQ((*exchange->read_body())->size(), 65U);
    EXPECT_TRUE(exchange->wants_body());
    EXPECT_EQ(carrier.resumed, 1);
}

TEST_F(ExchangeTest, ABodyThatFailsIsToldToItsReaderAfterWhatCameBefore) {
    const auto exchange = carrier.open(request_of("POST", "/"), has_body);
    EXPECT_TRUE(exchange->read_body());
    exchange->on_body("begun");
    exchange->on_body_failed({400, "no chunk"});
    EXPECT_EQ(carrier.status, 0) << "the handler will answer";
    EXPECT_EQ(*exchange->read_body(), "begun");
    EXPECT_EQ(exchange->read_body().error().text, "no chunk");
    EXPECT_EQ(exchange->body_refusal()->status, 400);
}

TEST_F(ExchangeTest, AReaderIsToldThatTheClientHasGone) {
    const auto exchange = carrier.open(request_of("POST", "/"), has_body);
    EXPECT_TRUE(exchange->read_body());
    Waiting waiter;
    exchange->wait_body(waiter);
    exchange->on_end();
    EXPECT_EQ(waiter.calls, 1);
    EXPECT_EQ(exchange->read_body().error().kind(), ErrorKind::disconnect);
}

// ---- the handshake ----------------------------------------------------------------------------------------------

TEST_F(ExchangeTest, AnUpgradeIsItsEnd) {
    const auto exchange = carrier.open(request_of("GET", "/ws"));
    const WebSocketSettings settings;
    const auto websocket = exchange->upgrade(settings);
    ASSERT_TRUE(websocket);
    EXPECT_EQ(websocket->request().head.target, "/ws");
    EXPECT_TRUE(exchange->has_ended());
    EXPECT_TRUE(exchange->respond(200, {}, "lost"));
    EXPECT_EQ(carrier.status, 0);
    websocket->detach();
}

// ---- compressed responses ---------------------------------------------------------------------------------------

class CompressedResponseTest : public ExchangeTest {
protected:
    base::IntrusivePtr<Exchange> open(std::string_view method = "GET") {
        auto exchange = carrier.open(request_of(method, "/", {{"Host", "localhost"}, {"Accept-Encoding", "gzip"}}));
        exchange->compress_from(100);
        return exchange;
    }
    [[nodiscard]] std::string decoded_body() const {
        return http::test::decoded(*http::make_decoder(http::ContentCoding::gzip), carrier.body).text;
    }
    const http::Headers text_type{{"Content-Type", "text/plain"}};
    const std::string text = http::test::some_text(2000);
};

TEST_F(CompressedResponseTest, AWholeOneHasTheLengthOfWhatIsSent) {
    const auto exchange = open();
    EXPECT_TRUE(exchange->respond(200, text_type, text));
    EXPECT_EQ(carrier.headers.get("content-encoding"), "gzip");
    EXPECT_EQ(carrier.content_length, carrier.body.size());
    EXPECT_LT(carrier.body.size(), text.size());
    EXPECT_EQ(decoded_body(), text);
    EXPECT_TRUE(carrier.finished);
    EXPECT_TRUE(exchange->is_finished());
    EXPECT_FALSE(exchange->respond(200, text_type, text));
}

TEST_F(CompressedResponseTest, ToHeadItsFieldsAreTheSame) {
    EXPECT_TRUE(open()->respond(200, text_type, text));
    const auto length = carrier.content_length;
    carrier.body.clear();
    EXPECT_TRUE(open("HEAD")->respond(200, text_type, text));
    EXPECT_EQ(carrier.headers.get("content-encoding"), "gzip");
    EXPECT_EQ(carrier.content_length, length);
    EXPECT_EQ(carrier.body, "");
}

TEST_F(CompressedResponseTest, WhatWouldBecomeLargerIsSentAsItIs) {
    std::string noise;
    for (std::uint32_t number = 1; noise.size() < 500; number = number * 1664525 + 1013904223)
        noise += static_cast<char>(number >> 24);
    EXPECT_TRUE(open()->respond(200, text_type, noise));
    EXPECT_FALSE(carrier.headers.contains("content-encoding"));
    EXPECT_EQ(carrier.headers.get("vary"), "Accept-Encoding");
    EXPECT_EQ(carrier.body, noise);
}

TEST_F(CompressedResponseTest, EachPartOfAStreamCanBeReadAtOnce) {
    const auto exchange = open();
    exchange->compress_from(0);
    EXPECT_TRUE(exchange->start(200, text_type, 7));
    EXPECT_EQ(carrier.content_length, std::nullopt);
    EXPECT_TRUE(exchange->write(base::as_bytes("one")));
    EXPECT_EQ(decoded_body(), "one");
    EXPECT_EQ(exchange->write(base::as_bytes("too long")).error().code, ErrorCode::body_too_long);
    EXPECT_EQ(exchange->finish().error().code, ErrorCode::body_too_short);
    EXPECT_TRUE(exchange->write(base::as_bytes("four")));
    EXPECT_TRUE(exchange->write({}));
    EXPECT_TRUE(exchange->finish());
    EXPECT_EQ(decoded_body(), "onefour");
    EXPECT_EQ(carrier.memory->used_bytes(), 0U);
}

TEST_F(CompressedResponseTest, AStreamWithoutMemoryIsSentAsItIs) {
    const auto first = open();
    const auto taken = carrier.memory->reserve(64 * 1024 * 1024);
    EXPECT_TRUE(first->start(200, text_type, std::nullopt));
    EXPECT_TRUE(first->write(base::as_bytes("plain")));
    EXPECT_FALSE(carrier.headers.contains("content-encoding"));
    EXPECT_EQ(carrier.body, "plain");
}

// A handler may keep its request for as long as it likes, longer than the server lives.
TEST_F(CompressedResponseTest, AStreamThatIsCutGivesItsMemoryBack) {
    for (const bool client_leaves : {true, false}) {
        const auto exchange = open();
        EXPECT_TRUE(exchange->start(200, text_type, std::nullopt));
        EXPECT_GT(carrier.memory->used_bytes(), 0U);
        client_leaves ? exchange->on_end() : exchange->fail();
        EXPECT_EQ(carrier.memory->used_bytes(), 0U) << client_leaves;
    }
}

TEST_F(CompressedResponseTest, ACarrierGetsAFileCompressed) {
    const auto exchange = open();
    EXPECT_TRUE(exchange->respond_with_file(200, text_type, {base::Descriptor(), 0, text.size()}));
    EXPECT_EQ(carrier.headers.get("content-encoding"), "gzip");
    EXPECT_EQ(carrier.content_length, std::nullopt);
    ASSERT_TRUE(carrier.file);
    ASSERT_EQ(carrier.file->encoded_by, exchange.get());
    EXPECT_GT(carrier.memory->used_bytes(), 0U);
    carrier.body = exchange->encode_file(base::as_bytes(std::string_view(text).substr(0, 900)), false);
    carrier.body += exchange->encode_file(base::as_bytes(std::string_view(text).substr(900)), true);
    EXPECT_EQ(decoded_body(), text);
    EXPECT_EQ(carrier.memory->used_bytes(), 0U);
}

TEST_F(CompressedResponseTest, AFileWhoseClientHasLeftIsEncodedNoFurther) {
    const auto exchange = open();
    EXPECT_TRUE(exchange->respond_with_file(200, text_type, {base::Descriptor(), 0, text.size()}));
    exchange->on_end();
    EXPECT_EQ(exchange->encode_file(base::as_bytes(text), true), "");
}

// The encoder has taken the part already, so the next one would not decode to what it says.
TEST_F(CompressedResponseTest, AStreamThatCanNotSendAPartIsCut) {
    const auto exchange = open();
    EXPECT_TRUE(exchange->start(200, text_type, std::nullopt));
    carrier.is_out_of_memory = true;
    EXPECT_THROW(static_cast<void>(exchange->write(base::as_bytes(text))), std::bad_alloc);
    carrier.is_out_of_memory = false;
    EXPECT_TRUE(carrier.aborted);
    EXPECT_EQ(exchange->write(base::as_bytes(text)).error().code, ErrorCode::body_out_of_place);
    EXPECT_EQ(carrier.body, "");
    EXPECT_EQ(carrier.memory->used_bytes(), 0U);
}

// ---- bodies in a coding -----------------------------------------------------------------------------------------

class CodedRequestTest : public ExchangeTest {
protected:
    struct Collected final : BodyListener {
        void on_body_collected(Exchange& exchange) override {
            ++calls;
            body = exchange.body();
        }
        int calls = 0;
        std::string body;
    };
    base::IntrusivePtr<Exchange> open() {
        http::Headers fields{{"Host", "localhost"}, {"Content-Encoding", "gzip"}, {"Content-Length", "100"}};
        auto exchange = carrier.open(request_of("POST", "/", std::move(fields)), has_body);
        exchange->set_body_coding(http::ContentCoding::gzip);
        return exchange;
    }
    [[nodiscard]] static std::string encoded(std::string_view text) {
        return http::test::encoded(http::ContentCoding::gzip, text);
    }
    Collected listener;
};

TEST_F(CodedRequestTest, TheApplicationSeesTheDecodedBody) {
    const auto exchange = open();
    EXPECT_FALSE(exchange->request().head.headers.contains("content-encoding"));
    EXPECT_FALSE(exchange->request().head.headers.contains("content-length"));
    exchange->collect_body(listener, 1000);
    EXPECT_TRUE(exchange->wants_parts());
    const std::string octets = encoded("the text");
    exchange->on_body(octets.substr(0, 12));
    EXPECT_TRUE(exchange->wants_body());
    exchange->on_body_end(octets.substr(12));
    EXPECT_EQ(listener.calls, 1);
    EXPECT_EQ(listener.body, "the text");
    EXPECT_TRUE(exchange->is_body_whole());
}

// For example because the server stops.
TEST_F(CodedRequestTest, OneThatFailsIsDecodedNoFurther) {
    const auto exchange = open();
    exchange->collect_body(listener, 10'000'000);
    std::string members;  // nothing that a reader could leave unread
    while (members.size() < 100'000) members += encoded("");
    exchange->on_body(members);
    EXPECT_TRUE(exchange->wants_to_decode());
    exchange->on_body_failed(describe(Refusal::stopping));
    EXPECT_EQ(carrier.status, 503);
    EXPECT_FALSE(exchange->wants_to_decode());
}

TEST_F(CodedRequestTest, OneTooLongIsRefusedAsSoonAsThatIsKnown) {
    const auto exchange = open();
    exchange->collect_body(listener, 1000);
    exchange->on_body(encoded(std::string(100'000, ' ')));
    EXPECT_EQ(carrier.status, 413);
    EXPECT_TRUE(carrier.ends_connection);
    EXPECT_EQ(listener.calls, 0);
    EXPECT_FALSE(exchange->wants_to_decode());
}

TEST_F(CodedRequestTest, OneThatIsNotWhatItSaysIsRefused) {
    open()->collect_body(listener, 1000);
    carrier.exchange->on_body_end("plain");
    EXPECT_EQ(carrier.status, 400);
    open()->collect_body(listener, 1000);
    carrier.exchange->on_body_end(encoded("cut").substr(0, 10));
    EXPECT_EQ(carrier.status, 400);
    EXPECT_EQ(listener.calls, 0);
}

// While the decoder has something to do, no more is read from the client.
TEST_F(CodedRequestTest, ALargeOneIsDecodedInSeveralTurns) {
    constexpr std::size_t size = 1'000'000;
    const auto exchange = open();
    exchange->collect_body(listener, size);
    exchange->on_body_end(encoded(std::string(size, 'x')));
    int turns = 0;
    for (; exchange->wants_to_decode(); ++turns) {
        EXPECT_FALSE(exchange->wants_body());
        EXPECT_EQ(listener.calls, 0);
        exchange->decode_body();
    }
    EXPECT_GE(turns, 3);
    EXPECT_EQ(listener.calls, 1);
    EXPECT_EQ(listener.body.size(), size);
}

TEST_F(CodedRequestTest, AReaderDecidesHowFarItIsDecoded) {
    constexpr std::size_t size = 1'000'000;
    const auto exchange = open();
    exchange->limit_body(size);
    ASSERT_TRUE(exchange->read_body());
    exchange->on_body_end(encoded(std::string(size, 'x')));
    EXPECT_FALSE(exchange->wants_to_decode()) << "what is decoded has not been read yet";
    std::size_t read = 0;
    while (read < size) {
        const auto part = exchange->read_body();
        ASSERT_TRUE(part && *part);
        EXPECT_LT((*part)->size(), 300'000U);
        read += (*part)->size();
        while (exchange->wants_to_decode()) exchange->decode_body();
    }
    EXPECT_EQ(read, size);
    EXPECT_TRUE(exchange->is_body_whole());
}

}  // namespace
}  // namespace proapi::service
