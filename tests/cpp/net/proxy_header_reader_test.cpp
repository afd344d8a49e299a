// The reader of PROXY headers over real sockets: it takes the header and nothing after it, however the octets arrive,
// and reports each way in which a header can fail to come.
#include "net/proxy_header_reader.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <string>

namespace proapi::net {
namespace {

struct ProxyHeaderRecorder final : ProxyHeaderHandler {
    void on_proxy_header(ProxyHeaderReader& reader, const ProxyHeader& its_header) override {
        ++reports;
        header = its_header;
        socket = reader.take_socket();
    }
    void on_no_proxy_header(ProxyHeaderReader&, std::string_view words) override {
        ++reports;
        what_came = words;
    }
    int reports = 0;
    std::optional<ProxyHeader> header;
    std::optional<std::string> what_came;
    base::Descriptor socket;
};

class ProxyHeaderReaderTest : public ::testing::Test {
protected:
    void open(Duration timeout = std::chrono::hours(1)) {
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        client = base::Descriptor(ends[0]);
        reader.emplace(reactor, base::Descriptor(ends[1]), base::Address{"192.0.2.7", 4242}, timeout, handler);
    }
    void send(std::string_view octets) {
        EXPECT_EQ(::send(client.get(), octets.data(), octets.size(), 0), static_cast<ssize_t>(octets.size()));
        reactor.turn(Duration(0));
    }
    // What can be read of the socket that the handler has taken.
    [[nodiscard]] std::string rest() const {
        std::string octets(10'000, '\0');
        const ssize_t count = ::recv(handler.socket.get(), octets.data(), octets.size(), 0);
        octets.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return octets;
    }
    [[nodiscard]] bool is_closed() const {
        char octet = 0;
        return ::recv(client.get(), &octet, 1, 0) == 0 || errno == ECONNRESET;
    }

    Reactor reactor;
    ProxyHeaderRecorder handler;
    base::Descriptor client;
    std::optional<ProxyHeaderReader> reader;
    const std::string line = "PROXY TCP4 192.0.2.1 203.0.113.1 56324 443\r\n";
};

TEST_F(ProxyHeaderReaderTest, TakesTheHeaderAndNoMore) {
    open();
    send(line + "GET / HTTP/1.1\r\n");
    ASSERT_TRUE(handler.header);
    EXPECT_EQ(base::to_string(*handler.header->source), "192.0.2.1:56324");
    EXPECT_EQ(reader->peer().host, "192.0.2.7");
    EXPECT_EQ(rest(), "GET / HTTP/1.1\r\n");
}

TEST_F(ProxyHeaderReaderTest, TakesItOctetByOctet) {
    open();
    for (const char octet : line) {
        EXPECT_EQ(handler.reports, 0);
        send(std::string(1, octet));
    }
    ASSERT_TRUE(handler.header);
    send("after");
    EXPECT_EQ(rest(), "after");
    EXPECT_EQ(handler.reports, 1);
}

TEST_F(ProxyHeaderReaderTest, TakesWhatCameBeforeItBeganToWait) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    client = base::Descriptor(ends[0]);
    ASSERT_EQ(::send(client.get(), line.data(), line.size(), 0), static_cast<ssize_t>(line.size()));
    client.reset();
    reader.emplace(reactor, base::Descriptor(ends[1]), base::Address{}, Duration(1000), handler);
    reactor.turn(Duration(0));
    EXPECT_TRUE(handler.header) << "complete, although the peer has ended its side";
}

TEST_F(ProxyHeaderReaderTest, ReportsWhatIsNotAHeader) {
    open();
    send("GET / HTTP/1.1\r\n");
    EXPECT_EQ(handler.what_came, "something else");
    EXPECT_TRUE(is_closed());
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.reports, 1);
}

TEST_F(ProxyHeaderReaderTest, ReportsAPeerThatLeavesInTheMiddle) {
    open();
    send("PROXY TCP4");
    EXPECT_EQ(handler.reports, 0);
    ::shutdown(client.get(), SHUT_WR);
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.what_came, "a part of one");
}

TEST_F(ProxyHeaderReaderTest, APeerThatSendsNothingIsNoFault) {
    open();
    ::shutdown(client.get(), SHUT_WR);
    reactor.turn(Duration(0));
    EXPECT_EQ(handler.what_came, "");
    EXPECT_TRUE(is_closed());
}

TEST_F(ProxyHeaderReaderTest, WaitsForALimitedTime) {
    open(Duration(20));
    while (handler.reports == 0) reactor.turn(std::nullopt);
    EXPECT_EQ(handler.what_came, "");
    EXPECT_TRUE(is_closed());
}

TEST_F(ProxyHeaderReaderTest, APartInTimeIsNotEnough) {
    open(Duration(20));
    send("PROXY");
    while (handler.reports == 0) reactor.turn(std::nullopt);
    EXPECT_EQ(handler.what_came, "only a part of one in time");
}

TEST_F(ProxyHeaderReaderTest, ReportsNothingOnceItIsGone) {
    open(Duration(1));
    EXPECT_EQ(::send(client.get(), line.data(), line.size(), 0), static_cast<ssize_t>(line.size()));
    reader.reset();
    EXPECT_TRUE(is_closed());
    for (int turns = 0; turns < 3; ++turns) reactor.turn(Duration(1));
    EXPECT_EQ(handler.reports, 0);
}

}  // namespace
}  // namespace proapi::net
